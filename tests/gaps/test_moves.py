"""What becomes of a gap: which moves there are, who may make them, what each must say, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.gaps import gap, moves
from kb.gaps.gap import OPEN, STATES, Report
from kb.gaps.moves import MOVES, Move, move
from kb.people.users import OPERATOR, Role, User
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, SUE

EVA = User("eva", "Eva", Role.EDITOR)
ED = User("ed", "Ed", Role.EDITOR)
DAY = timedelta(days=1)

# Written by hand: what each state leads to.
TABLE = {
    "new": "triaged referred not_needed already_there duplicate",
    "triaged": "assigned in_work referred not_needed already_there duplicate",
    "assigned": "assigned in_work referred not_needed already_there duplicate",
    "in_work": "assigned published referred not_needed already_there duplicate",
    "published": "verified reopened",
    "verified": "reopened",
    "not_needed": "reopened",
    "already_there": "reopened",
    "duplicate": "reopened",
    "referred": "triaged not_needed already_there duplicate",
    "reopened": "triaged assigned in_work referred not_needed already_there duplicate",
}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


@pytest.fixture
def recorded(connection: Connection) -> str:
    """One gap, recorded by May and joined by Bo."""
    gap.record(connection, MAY, Report("r-1", "g-1", "call-1", "may", NOON, "门锁泡水了还能保修吗"))
    gap.join(connection, BO, Report("r-2", "g-1", "call-2", "bo", NOON + MINUTE, "lock fell into water"))
    return "g-1"


def state(connection: Connection, id: str) -> str:
    return str(connection.scalar(sa.select(tables.gap.c.state).where(tables.gap.c.id == id)))


def put(connection: Connection, id: str, state: str) -> None:
    connection.execute(sa.update(tables.gap).where(tables.gap.c.id == id).values(state=state))


# --- the table -----------------------------------------------------------------------------------


def test_the_moves_are_those_written_by_hand() -> None:
    written = {(before, after) for before, afters in TABLE.items() for after in afters.split()}
    assert set(TABLE) == set(STATES)
    assert set(MOVES) == written


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", [*STATES, "open", ""])
def test_a_move_that_is_not_in_the_table_is_refused(
    connection: Connection, recorded: str, before: str, after: str
) -> None:
    put(connection, recorded, before)
    if (before, after) in MOVES:
        assert after in moves.allowed(before)
        return
    with pytest.raises(RequestError) as refused:
        move(connection, OPERATOR, recorded, after, NOON, why="why", article="a", owner="eva", department="hardware")
    assert (refused.value.code, refused.value.facts) == ("gap_move_unknown", {"before": before, "after": after})
    assert state(connection, recorded) == before
    assert moves.history(connection, SUE, recorded) == ()


@pytest.mark.parametrize(
    ("before", "after", "need"),
    [
        ("triaged", "assigned", "owner"),
        ("in_work", "published", "article"),
        ("published", "verified", "article"),
        ("new", "not_needed", "why"),
        ("new", "already_there", "article"),
        ("triaged", "referred", "department"),
        ("referred", "triaged", "why"),
        ("verified", "reopened", "why"),
        ("new", "duplicate", "into"),
    ],
)
def test_a_move_that_leaves_out_what_it_must_say_is_refused(
    connection: Connection, recorded: str, before: str, after: str, need: str
) -> None:
    put(connection, recorded, before)
    with pytest.raises(RequestError) as refused:
        move(connection, OPERATOR, recorded, after, NOON)
    assert (refused.value.code, refused.value.facts) == ("gap_move_needs", {"need": need})
    assert state(connection, recorded) == before


def test_a_gap_goes_its_whole_way_and_every_step_is_kept(connection: Connection, recorded: str) -> None:
    at = [NOON + n * MINUTE for n in range(8)]
    due = NOON + 3 * DAY
    made = [
        move(connection, SUE, recorded, "triaged", at[0]),
        move(connection, SUE, recorded, "assigned", at[1], owner="eva", due_at=due, why="她懂门锁"),
        move(connection, EVA, recorded, "in_work", at[2]),
        move(connection, EVA, recorded, "published", at[3], article="lock-water-zh"),
        move(connection, OPERATOR, recorded, "verified", at[4]),
    ]
    found = gap.find(connection, recorded)
    assert found is not None
    assert (found.state, found.article, found.owner, found.due_at, found.closed_at) == (
        "verified",
        "lock-water-zh",
        "eva",
        due,
        at[3],
    )
    assert moves.history(connection, SUE, recorded) == tuple(made)
    assert made[1] == Move("g-1", at[1], "sue", "triaged", "assigned", "她懂门锁", owner="eva", due_at=due)
    assert [(one.before, one.after, one.by, one.at) for one in made] == [
        ("new", "triaged", "sue", at[0]),
        ("triaged", "assigned", "sue", at[1]),
        ("assigned", "in_work", "eva", at[2]),
        ("in_work", "published", "eva", at[3]),
        ("published", "verified", "operator", at[4]),
    ]
    move(connection, OPERATOR, recorded, "reopened", at[5], why="a later publish broke it")
    again = gap.find(connection, recorded)
    assert again is not None
    assert (again.state, again.closed_at, again.article) == ("reopened", None, "lock-water-zh")


def test_whoever_takes_it_into_work_becomes_its_owner(connection: Connection, recorded: str) -> None:
    move(connection, EVA, recorded, "triaged", NOON)
    move(connection, EVA, recorded, "in_work", NOON)
    found = gap.find(connection, recorded)
    assert found is not None
    assert found.owner == "eva"


# --- who may -------------------------------------------------------------------------------------


def test_an_editor_takes_a_gap_but_gives_none_away(connection: Connection, recorded: str) -> None:
    move(connection, SUE, recorded, "triaged", NOON)
    with pytest.raises(NotAllowedError):
        move(connection, EVA, recorded, "assigned", NOON, owner="ed")
    assert move(connection, EVA, recorded, "assigned", NOON, owner="eva").owner == "eva"
    with pytest.raises(NotAllowedError):
        move(connection, ED, recorded, "in_work", NOON)
    assert move(connection, SUE, recorded, "assigned", NOON, owner="ed").owner == "ed"
    assert move(connection, ED, recorded, "in_work", NOON).after == "in_work"


@pytest.mark.parametrize("by", [EVA, SUE, MAY])
def test_nobody_says_by_hand_that_a_gap_is_verified(connection: Connection, recorded: str, by: User) -> None:
    put(connection, recorded, "published")
    with pytest.raises(NotAllowedError):
        move(connection, by, recorded, "verified", NOON, article="a")


def test_an_agent_sorts_no_gaps(connection: Connection, recorded: str) -> None:
    with pytest.raises(NotAllowedError):
        move(connection, MAY, recorded, "triaged", NOON)
    with pytest.raises(NotAllowedError):
        moves.split(connection, MAY, recorded, ["r-1"], NOON)
    with pytest.raises(NotAllowedError):
        moves.history(connection, MAY, recorded)


# --- merged and split ----------------------------------------------------------------------------


def another(connection: Connection, id: str = "g-2", report: str = "r-3", call: str = "call-3") -> None:
    gap.record(connection, BO, Report(report, id, call, "bo", NOON + 2 * MINUTE, "is water damage covered"))


def test_a_duplicate_counts_with_the_gap_it_is_the_same_as(connection: Connection, recorded: str) -> None:
    another(connection)
    move(connection, SUE, "g-2", "duplicate", NOON, into=recorded)
    found = gap.find(connection, "g-2")
    assert found is not None
    assert (found.id, found.calls, found.agents, found.last_at) == ("g-1", 3, 2, NOON + 2 * MINUTE)
    assert [one.id for one in gap.open_gaps(connection)] == ["g-1"]
    assert gap.parts(connection, "g-2") == gap.parts(connection, "g-1") == ("g-1", "g-2")
    assert [one.id for one in gap.reports(connection, SUE, "g-1")] == ["r-1", "r-2", "r-3"]


def test_who_reported_a_duplicate_hears_of_the_answer_to_the_other(connection: Connection, recorded: str) -> None:
    another(connection)
    move(connection, SUE, "g-2", "duplicate", NOON, into=recorded)
    put(connection, recorded, "in_work")
    move(connection, SUE, recorded, "published", NOON + MINUTE, article="lock-water-zh")
    assert [(one.id, report.id) for one, report in gap.answered(connection, BO)] == [("g-1", "r-2"), ("g-1", "r-3")]


def test_what_a_duplicate_had_taken_in_comes_along(connection: Connection, recorded: str) -> None:
    another(connection)
    another(connection, "g-3", "r-4", "call-4")
    move(connection, SUE, "g-3", "duplicate", NOON, into="g-2")
    move(connection, SUE, "g-2", "duplicate", NOON, into=recorded)
    assert gap.root(connection, "g-3") == recorded
    assert gap.parts(connection, recorded) == ("g-1", "g-2", "g-3")


@pytest.mark.parametrize("into", ["g-1", "g-9", "g-2"])
def test_a_gap_is_no_duplicate_of_itself_or_of_none(connection: Connection, recorded: str, into: str) -> None:
    another(connection)
    move(connection, SUE, "g-2", "duplicate", NOON, into=recorded)
    with pytest.raises((RequestError, NotFoundError)):
        move(connection, SUE, recorded, "duplicate", NOON, into=into)
    assert state(connection, recorded) == "new"


def test_a_duplicate_that_is_none_comes_out_again_and_stays_apart(connection: Connection, recorded: str) -> None:
    another(connection)
    move(connection, SUE, "g-2", "duplicate", NOON, into=recorded)
    move(connection, SUE, "g-2", "reopened", NOON, why="water is not the same as rain")
    assert {one.id: one.calls for one in gap.open_gaps(connection)} == {"g-1": 2, "g-2": 1}
    assert moves.apart(connection) == {("g-1", "g-2"), ("g-2", "g-1")}
    move(connection, SUE, "g-2", "duplicate", NOON, into=recorded)
    assert moves.apart(connection) == frozenset()


def test_a_wrong_join_is_split_by_hand(connection: Connection, recorded: str) -> None:
    new = moves.split(connection, SUE, recorded, ["r-2"], NOON)
    found = {one.id: (one.question, one.lang, one.calls, one.at) for one in gap.open_gaps(connection)}
    assert found == {
        "g-1": ("门锁泡水了还能保修吗", "zh", 1, NOON),
        new: ("lock fell into water", "en", 1, NOON + MINUTE),
    }
    assert moves.apart(connection) == {("g-1", new), (new, "g-1")}


def test_only_some_of_a_gap_s_own_can_be_split_off(connection: Connection, recorded: str) -> None:
    another(connection)
    for members in ([], ["r-1", "r-2"]):
        with pytest.raises(RequestError, match="gap_split_all"):
            moves.split(connection, SUE, recorded, members, NOON)
    with pytest.raises(NotFoundError, match="gap_member_not_found"):
        moves.split(connection, SUE, recorded, ["r-3"], NOON)


def test_apart_follows_a_gap_into_the_one_it_is_merged_into(connection: Connection, recorded: str) -> None:
    new = moves.split(connection, SUE, recorded, ["r-2"], NOON)
    another(connection)
    move(connection, SUE, new, "duplicate", NOON, into="g-2")
    assert moves.apart(connection) == {("g-1", "g-2"), ("g-2", "g-1")}


# --- dates and departments -----------------------------------------------------------------------


def test_what_is_past_its_date_is_listed_the_longest_first(connection: Connection, recorded: str) -> None:
    another(connection)
    another(connection, "g-3", "r-4", "call-4")
    for id, days in ((recorded, 2), ("g-2", 1), ("g-3", 5)):
        move(connection, SUE, id, "triaged", NOON)
        move(connection, SUE, id, "assigned", NOON, owner="eva", due_at=NOON + days * DAY)
    assert [one.id for one in moves.overdue(connection, SUE, NOON + 3 * DAY)] == ["g-2", "g-1"]
    move(connection, SUE, "g-2", "not_needed", NOON, why="the model is discontinued")
    assert [one.id for one in moves.overdue(connection, SUE, NOON + 3 * DAY)] == ["g-1"]
    assert moves.overdue(connection, SUE, NOON + 2 * DAY) == ()


def test_a_gap_is_as_old_as_its_first_meeting_until_it_is_closed(connection: Connection, recorded: str) -> None:
    one = gap.find(connection, recorded)
    assert one is not None
    assert moves.age(one, NOON + DAY) == DAY
    assert moves.age(replace(one, closed_at=NOON + MINUTE), NOON + DAY) == MINUTE


def test_a_fault_goes_to_a_department_and_comes_back_with_its_decision(connection: Connection, recorded: str) -> None:
    move(connection, SUE, recorded, "referred", NOON, department="hardware", why="seal leaks")
    assert [one.id for one in moves.referred(connection, SUE, "hardware")] == [recorded]
    assert [one.id for one in moves.referred(connection, SUE, "")] == [recorded]
    assert moves.referred(connection, SUE, "logistics") == ()
    back = move(connection, SUE, recorded, "triaged", NOON + DAY, why="exchange free of charge until March")
    assert moves.referred(connection, SUE, "hardware") == ()
    assert (back.before, back.why) == ("referred", "exchange free of charge until March")


def test_what_is_written_about_a_gap_is_masked(connection: Connection, recorded: str) -> None:
    made = move(connection, SUE, recorded, "not_needed", NOON, why="  客户 13812345678 已处理\x00 ")
    assert made.why == "客户 ‹phone› 已处理"
    assert moves.history(connection, SUE, recorded)[0].why == "客户 ‹phone› 已处理"


def test_a_gap_answered_again_after_it_came_back_is_told_again(connection: Connection, recorded: str) -> None:
    put(connection, recorded, "in_work")
    move(connection, SUE, recorded, "published", NOON + MINUTE, article="a")
    gap.told(connection, MAY, "r-1", NOON + 2 * MINUTE)
    assert gap.answered(connection, MAY) == ()
    move(connection, SUE, recorded, "reopened", NOON + 3 * MINUTE, why="wrong")
    assert gap.answered(connection, MAY) == ()
    move(connection, SUE, recorded, "in_work", NOON + 4 * MINUTE)
    move(connection, SUE, recorded, "published", NOON + 5 * MINUTE, article="b")
    assert [(one.article, report.id) for one, report in gap.answered(connection, MAY)] == [("b", "r-1")]
    assert state(connection, recorded) not in OPEN


def test_who_reported_a_gap_that_is_not_needed_hears_why_once(connection: Connection, recorded: str) -> None:
    assert gap.turned_down(connection, MAY) == ()
    move(connection, SUE, recorded, "not_needed", NOON + MINUTE, why="这款门锁已停产")
    ((one, report, why),) = gap.turned_down(connection, MAY)
    assert (one.id, one.state, report.id, why) == ("g-1", "not_needed", "r-1", "这款门锁已停产")
    assert gap.answered(connection, MAY) == ()
    gap.told(connection, MAY, "r-1", NOON + 2 * MINUTE)
    assert gap.turned_down(connection, MAY) == ()
    assert [report.id for _, report, _ in gap.turned_down(connection, BO)] == ["r-2"]
