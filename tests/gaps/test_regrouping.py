"""All questions looked at together: needs are told apart or joined under ids that stay; what people did stays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import sqlalchemy as sa
from sklearn.metrics import adjusted_rand_score

from kb import tables
from kb.db import Connection, Database
from kb.errors import NotAllowedError
from kb.gaps import gap, moves, roundtable
from kb.gaps.clusters import regrouping
from kb.gaps.clusters.regrouping import Regrouped, is_due, renumbered
from kb.gaps.gap import Report
from kb.people.users import OPERATOR
from tests.gaps.floor import BASE, LATER, Floor
from tests.people_on_the_floor import MAY, NOON, SUE

WORDINGS = [(f"{topic} {n}", topic) for n in range(6) for topic in ("lock", "bill", "lamp")]


@pytest.fixture
def floor(database: Database) -> Iterator[Floor]:
    with database.write() as connection:
        yield Floor(connection)


def joined_wrongly(floor: Floor, gaps: dict[str, str]) -> None:
    """Six wordings of each of three topics, in the gap that `gaps` names for each of them."""
    for question, topic in WORDINGS:
        id = gaps.get(question, gaps.get(topic, topic))
        if floor.connection.scalar(sa.select(tables.gap.c.id).where(tables.gap.c.id == id)) is None:
            facts = {"question": question, "lang": "en", "state": "new"}
            floor.connection.execute(sa.insert(tables.gap).values(id=id, at=floor.at, **facts))
        one = floor.miss(question, topic)
        floor.connection.execute(sa.update(tables.miss).where(tables.miss.c.id == one).values(gap=id))


def look_at_all(floor: Floor) -> Regrouped:
    asked = regrouping.questions(floor.connection)
    found = regrouping.regroup(asked, floor.vectors, BASE.space)
    regrouping.keep(floor.connection, OPERATOR, found, LATER)
    return found


def gap_of_question(connection: Connection) -> dict[str, str]:
    rows = connection.execute(sa.select(tables.miss.c.question, tables.miss.c.gap))
    return {row.question: gap.root(connection, row.gap) for row in rows}


def gap_of_topic(connection: Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for question, id in gap_of_question(connection).items():
        found.setdefault(question.split()[0], set()).add(id)
    return found


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "found", "fixed", "after"),
    [
        ([0, 0, 1, 1], [5, 5, 9, 9], [], [0, 0, 1, 1]),
        ([0, 0, 1, 1], [7, 7, 7, 7], [], [0, 0, 0, 0]),  # a tie: the older
        ([0, 1, 1, 1], [7, 7, 7, 7], [], [1, 1, 1, 1]),  # most of it is the newer
        ([0, 0, 0, 0], [3, 3, 8, 8], [], [0, 0, 1, 1]),  # one need names one group; the other is new
        ([0, 0, 1, 1], [3, 3, 3, 3], [0], [0, 0, 0, 0]),
        ([0, 1, 1, 1], [3, 3, 3, 3], [0], [0, 0, 0, 0]),  # where something stays, there the others go
        ([0, 1, 1, 1], [3, 3, 3, 3], [0, 1], [0, 1, 1, 1]),  # both stay
        ([0, 0, 0, 1], [3, 3, 4, 4], [2], [2, 2, 0, 0]),
        ([], [], [], []),
    ],
)
def test_a_group_goes_by_the_need_it_shares_most_with(
    now: list[int], found: list[int], fixed: list[int], after: list[int]
) -> None:
    stay = np.zeros(len(now), bool)
    stay[fixed] = True
    assert renumbered(np.array(now, np.int64), np.array(found, np.int64), stay).tolist() == after


@pytest.mark.parametrize("seed", range(5))
def test_whatever_was_joined_before_the_groups_are_those_found_and_what_is_fixed_stays(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    now, found = drawn.integers(0, 12, 200), drawn.integers(0, 15, 200)
    free = np.zeros(200, bool)
    assert adjusted_rand_score(found, renumbered(now, found, free)) == 1.0
    same = renumbered(now, now, free)
    assert same.tolist() == now.tolist()
    fixed = drawn.random(200) < 0.3
    after = renumbered(now, found, fixed)
    assert after[fixed].tolist() == now[fixed].tolist()


@pytest.mark.parametrize(
    ("new", "known", "due"), [(19, 0, False), (20, 0, True), (99, 1_000, False), (100, 1_000, True)]
)
def test_it_is_time_when_a_tenth_is_new(new: int, known: int, due: bool) -> None:
    assert is_due(new, known) is due


# --- gaps ----------------------------------------------------------------------------------------


def test_a_gap_of_two_needs_becomes_two_and_keeps_its_id_for_the_larger(floor: Floor) -> None:
    joined_wrongly(floor, {"lock": "mixed", "bill": "mixed", "bill 5": "bill-only"})
    look_at_all(floor)
    topics = gap_of_topic(floor.connection)
    assert [len(ids) for ids in topics.values()] == [1, 1, 1]
    assert topics["lock"] == {"mixed"}
    assert topics["bill"] == {"bill-only"}
    assert topics["lamp"] == {"lamp"}


def test_what_was_two_gaps_is_one_under_the_id_of_most_and_the_other_leads_there(floor: Floor) -> None:
    joined_wrongly(floor, {"lock 0": "small", "lock 1": "small"})
    look_at_all(floor)
    assert gap_of_topic(floor.connection)["lock"] == {"lock"}
    assert gap.root(floor.connection, "small") == "lock"
    found = gap.find(floor.connection, "small")
    assert found is not None
    assert (found.id, found.calls) == ("lock", 6)


def test_a_new_need_opens_a_gap_with_its_first_question(floor: Floor) -> None:
    joined_wrongly(floor, {"lock": "all", "bill": "all", "lamp": "all"})
    found = look_at_all(floor)
    topics = gap_of_topic(floor.connection)
    assert len(set().union(*topics.values())) == 3
    assert len(found.opened) == 2
    assert found.gaps == {id for ids in topics.values() for id in ids} == {"all", *found.opened}
    by_id = {one.id: one for one in gap.every(floor.connection, SUE)}
    for topic, (id,) in ((topic, tuple(ids)) for topic, ids in topics.items()):
        assert (by_id[id].question.split()[0], by_id[id].calls, by_id[id].state) == (topic, 6, "new")


def test_a_gap_goes_by_a_question_that_it_still_has(floor: Floor) -> None:
    joined_wrongly(floor, {"lock 0": "lamp", "lamp": "lamp"})  # opened with a lock's question
    look_at_all(floor)
    found = gap.find(floor.connection, "lamp")
    assert found is not None
    assert found.question == "lamp 0"


def test_looking_again_changes_nothing(floor: Floor) -> None:
    joined_wrongly(floor, {"lock": "all", "bill": "all", "lamp": "all"})
    look_at_all(floor)
    before = gap_of_question(floor.connection)
    assert look_at_all(floor).moved == {}
    assert gap_of_question(floor.connection) == before


# --- by hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_hand", ["sorted", "split", "merged", "on a round table"])
def test_what_a_person_did_stays_as_it_is(floor: Floor, by_hand: str) -> None:
    joined_wrongly(floor, {"lock": "mixed", "bill": "mixed"})
    one, id = floor.connection, "mixed"
    if by_hand == "sorted":
        moves.move(one, SUE, id, "triaged", LATER)
    elif by_hand == "split":
        out = one.scalars(sa.select(tables.miss.c.id).where(tables.miss.c.question.in_(["lock 1", "bill 1"])))
        moves.split(one, SUE, id, list(out), LATER)
    elif by_hand == "merged":
        moves.move(one, SUE, "lamp", "duplicate", LATER, into=id)
    else:
        roundtable.call_together(one, SUE, "Monday", [id], {}, LATER)
    before = gap_of_question(one)
    look_at_all(floor)
    after = gap_of_question(one)
    touched = {question for question, gap_ in before.items() if gap_ != "lamp" or by_hand == "merged"}
    assert len(touched) >= 12
    assert {question: after[question] for question in touched} == {question: before[question] for question in touched}


def test_a_report_stays_in_the_gap_it_was_made_of_and_its_like_go_there(floor: Floor) -> None:
    floor.vectors["my lock"] = BASE.row("my lock", "lock")
    gap.record(floor.connection, MAY, Report("r-1", "said", "call-x", "may", NOON, "my lock"))
    joined_wrongly(floor, {})
    look_at_all(floor)
    assert gap_of_topic(floor.connection)["lock"] == {"said"}
    assert gap.root(floor.connection, "lock") == "said"


def test_what_a_person_takes_up_meanwhile_is_left_alone(floor: Floor) -> None:
    joined_wrongly(floor, {"lock": "mixed", "bill": "mixed"})
    asked = regrouping.questions(floor.connection)
    found = regrouping.regroup(asked, floor.vectors, BASE.space)
    assert found.moved
    moves.move(floor.connection, SUE, "mixed", "triaged", LATER)
    before = gap_of_question(floor.connection)
    regrouping.keep(floor.connection, OPERATOR, found, LATER)
    assert gap_of_question(floor.connection) == before


def test_the_sample_is_looked_at_by_itself(floor: Floor) -> None:
    joined_wrongly(floor, {"lock": "mixed", "bill": "mixed"})
    assert regrouping.questions(floor.connection, "demo") == ()
    assert regrouping.regroup((), {}, BASE.space).moved == {}


def test_it_is_the_machine_s_part(floor: Floor) -> None:
    with pytest.raises(NotAllowedError):
        regrouping.keep(floor.connection, SUE, Regrouped({}), LATER)
