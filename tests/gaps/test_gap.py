"""A gap: recorded by one key, joined by everyone who meets it, told to each of them when it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Connection, Database
from kb.errors import NotFoundError, RequestError
from kb.gaps import gap
from kb.gaps.gap import MAX_TEXT, SIMILAR, STATES, Gap, Report, similar
from kb.people.users import User
from tests.new_database import everything
from tests.people_on_the_floor import BO, LI, MAY, MINUTE, NOON, PHONE

FIRST = Report("r-1", "g-1", "call-1", "may", NOON, "门锁泡水了还能保修吗")
PLUS_ONE = Report("r-2", "g-1", "call-2", "bo", NOON + MINUTE, "lock fell into water")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def reports(connection: Connection) -> list[Report]:
    rows = connection.execute(sa.select(tables.gap_report).order_by(tables.gap_report.c.id))
    return [Report(**row._mapping) for row in rows]


def move(connection: Connection, id: str, state: str, article: str = "") -> None:
    """As the editors' side will."""
    connection.execute(sa.update(tables.gap).where(tables.gap.c.id == id).values(state=state, article=article))


# --- recorded and joined -------------------------------------------------------------------------


def test_a_gap_is_recorded_with_what_is_known_without_asking(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST, product="LH-S1")
    one = Gap("g-1", NOON, FIRST.question, "zh", "LH-S1", "new", "", None, calls=1, agents=1, last_at=NOON)
    assert gap.open_gaps(connection) == (one,)
    assert gap.find(connection, "g-1") == one
    assert reports(connection) == [FIRST]
    assert gap.find(connection, "g-2") is None


@pytest.mark.parametrize(
    ("question", "lang"), [("refund to a closed card", "en"), ("R3000 红灯", "zh"), ("", "en"), ("E-04", "en")]
)
def test_a_gap_is_in_the_language_of_its_words(connection: Connection, question: str, lang: str) -> None:
    gap.record(connection, MAY, replace(FIRST, question=question))
    assert [(one.question, one.lang) for one in gap.open_gaps(connection)] == [(question, lang)]


def test_a_gap_sent_twice_is_recorded_once(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    gap.record(connection, MAY, replace(FIRST, question="something else"))
    assert [(one.question, one.calls) for one in gap.open_gaps(connection)] == [(FIRST.question, 1)]
    assert reports(connection) == [FIRST]


def test_a_second_report_sent_as_a_gap_that_is_there_joins_it(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    gap.record(connection, BO, PLUS_ONE)
    assert reports(connection) == [FIRST, PLUS_ONE]
    assert [one.question for one in gap.open_gaps(connection)] == [FIRST.question]


def test_everyone_who_meets_it_counts_once_a_call_and_once_an_agent(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    gap.join(connection, BO, PLUS_ONE)
    gap.join(connection, BO, PLUS_ONE)  # sent twice
    gap.join(connection, MAY, replace(PLUS_ONE, id="r-3", call="call-1", agent="may", at=NOON + 2 * MINUTE))
    gap.join(connection, MAY, replace(PLUS_ONE, id="r-4", call="call-3", agent="may", at=NOON + 3 * MINUTE))
    found = gap.find(connection, "g-1")
    assert found is not None
    assert (found.calls, found.agents, found.last_at) == (3, 2, NOON + 3 * MINUTE)


def test_there_is_no_joining_a_gap_that_is_not_there(connection: Connection) -> None:
    with pytest.raises(NotFoundError, match="gap_not_found"):
        gap.join(connection, BO, replace(PLUS_ONE, gap="g-9"))
    assert reports(connection) == []


def test_ids_that_cannot_be_ids_are_refused(connection: Connection) -> None:
    for report in (replace(FIRST, gap="g 1"), replace(FIRST, id="")):
        with pytest.raises(RequestError, match="id_malformed_here"):
            gap.record(connection, MAY, report)


def test_a_report_is_in_the_name_of_whoever_makes_it(connection: Connection) -> None:
    gap.record(connection, BO, FIRST)
    assert [one.agent for one in reports(connection)] == ["bo"]


def test_open_gaps_are_those_nothing_answers_yet_in_the_order_they_came(connection: Connection) -> None:
    for n, state in enumerate(STATES):
        at = NOON - n * MINUTE
        gap.record(connection, MAY, Report(f"r-{n}", f"g-{n}", f"call-{n}", "may", at, f"question {n}"))
        move(connection, f"g-{n}", state)
    found = [(one.id, one.state) for one in gap.open_gaps(connection)]
    assert found == [
        *(("g-10", "reopened"), ("g-9", "referred")),
        *(("g-3", "in_work"), ("g-2", "assigned"), ("g-1", "triaged"), ("g-0", "new")),
    ]


# --- what may follow -----------------------------------------------------------------------------


def test_what_the_agent_knows_besides_is_added_later(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    said = replace(FIRST, kind="fault", words="门锁掉水里了", answered="先别充电", suggestion="写进保修条款")
    gap.describe(connection, MAY, said)
    assert reports(connection) == [said]


def test_what_is_left_empty_the_second_time_stays_as_it_was(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    gap.describe(connection, MAY, replace(FIRST, words="it fell into water", kind="missing"))
    gap.describe(connection, MAY, replace(FIRST, suggestion="say it in the warranty"))
    gap.describe(connection, MAY, FIRST)
    assert reports(connection) == [
        replace(FIRST, words="it fell into water", kind="missing", suggestion="say it in the warranty")
    ]


@pytest.mark.parametrize("kind", ["Missing", "error", "缺少" * 30])
def test_a_kind_that_is_none_is_refused(connection: Connection, kind: str) -> None:
    gap.record(connection, MAY, FIRST)
    with pytest.raises(RequestError) as refused:
        gap.describe(connection, MAY, replace(FIRST, kind=kind))
    assert (refused.value.code, refused.value.facts) == ("gap_kind_unknown", {"kind": kind[:40]})


@pytest.mark.parametrize(
    ("by", "report"), [(BO, FIRST), (MAY, replace(FIRST, id="r-9")), (MAY, replace(FIRST, gap="g-2"))]
)
def test_anothers_report_and_none_sound_the_same(connection: Connection, by: User, report: Report) -> None:
    gap.record(connection, MAY, FIRST)
    gap.record(connection, LI, Report("r-2", "g-2", "call-2", "li", NOON, "another"))
    with pytest.raises(NotFoundError, match="gap_not_found"):
        gap.describe(connection, by, replace(report, words="mine"))
    assert reports(connection)[0] == FIRST


# --- masked --------------------------------------------------------------------------------------


def test_every_text_is_masked_cleaned_and_cut(database: Database) -> None:
    planted = f" 客户\x00{PHONE}\ud800 退款 "
    with database.write() as connection:
        gap.record(connection, MAY, replace(FIRST, question=planted))
        gap.join(connection, BO, replace(PLUS_ONE, question=planted + "长" * 3_000))
        gap.describe(connection, MAY, replace(FIRST, words=planted, answered=planted, suggestion=planted))
        kept = "客户 ‹phone› 退款"
        first, second = reports(connection)
        assert [first.question, first.words, first.answered, first.suggestion] == [kept] * 4
        assert [one.question for one in gap.open_gaps(connection)] == [kept]
        assert second.question.startswith(f"{kept} 长")
        assert len(second.question) <= MAX_TEXT
    assert PHONE.encode() not in everything(database)


# --- taken back ----------------------------------------------------------------------------------


def test_a_gap_that_nobody_reports_any_more_is_shown_no_more(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    gap.join(connection, BO, PLUS_ONE)
    gap.undo(connection, MAY, "r-1", NOON + MINUTE)
    found = gap.find(connection, "g-1")
    assert found is not None
    assert (found.calls, found.agents, found.last_at) == (1, 1, NOON + MINUTE)
    gap.undo(connection, BO, "r-2", NOON + MINUTE)
    assert gap.find(connection, "g-1") is None
    assert gap.open_gaps(connection) == ()


def test_a_gap_taken_back_can_be_joined_again(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    gap.undo(connection, MAY, "r-1", NOON + MINUTE)
    gap.join(connection, BO, PLUS_ONE)
    assert [(one.id, one.calls) for one in gap.open_gaps(connection)] == [("g-1", 1)]


@pytest.mark.parametrize(("by", "id"), [(BO, "r-1"), (MAY, "r-9"), (MAY, "g-1")])
def test_only_ones_own_report_can_be_taken_back(connection: Connection, by: User, id: str) -> None:
    gap.record(connection, MAY, FIRST)
    with pytest.raises(NotFoundError, match="gap_not_found"):
        gap.undo(connection, by, id, NOON)
    assert reports(connection) == [FIRST]


# --- answered ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["published", "verified"])
def test_everyone_who_met_it_hears_that_it_is_answered_until_they_have_seen_it(
    connection: Connection, state: str
) -> None:
    gap.record(connection, MAY, FIRST)
    gap.join(connection, BO, PLUS_ONE)
    assert gap.answered(connection, MAY) == gap.answered(connection, BO) == ()
    move(connection, "g-1", state, "lock-warranty-zh")
    ((found, mine),) = gap.answered(connection, MAY)
    assert (found.id, found.article, found.state, mine) == ("g-1", "lock-warranty-zh", state, FIRST)
    gap.told(connection, MAY, "r-1", NOON + MINUTE)
    assert gap.answered(connection, MAY) == ()
    assert [report for _, report in gap.answered(connection, BO)] == [PLUS_ONE]
    assert gap.answered(connection, LI) == ()
    assert reports(connection)[0] == replace(FIRST, told_at=NOON + MINUTE)


def test_what_one_has_not_seen_after_all_waits_again(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    move(connection, "g-1", "published", "a")
    gap.told(connection, MAY, "r-1", NOON + MINUTE)
    gap.untold(connection, BO, "r-1")  # not theirs
    assert gap.answered(connection, MAY) == ()
    gap.untold(connection, MAY, "r-1")
    assert [report for _, report in gap.answered(connection, MAY)] == [FIRST]


def test_who_met_it_on_two_calls_calls_both_back_the_earlier_first(connection: Connection) -> None:
    again = replace(FIRST, id="r-0", call="call-7", at=NOON + MINUTE)
    gap.record(connection, MAY, FIRST)
    gap.join(connection, MAY, again)
    move(connection, "g-1", "published", "a")
    assert [report for _, report in gap.answered(connection, MAY)] == [FIRST, again]


def test_who_took_it_back_hears_nothing(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    gap.join(connection, BO, PLUS_ONE)
    gap.undo(connection, MAY, "r-1", NOON)
    move(connection, "g-1", "published", "a")
    assert gap.answered(connection, MAY) == ()
    assert [report for _, report in gap.answered(connection, BO)] == [PLUS_ONE]


@pytest.mark.parametrize("state", ["not_needed", "duplicate", "already_there", "in_work"])
def test_a_gap_closed_without_an_answer_calls_nobody_back(connection: Connection, state: str) -> None:
    gap.record(connection, MAY, FIRST)
    move(connection, "g-1", state)
    assert gap.answered(connection, MAY) == ()


def test_one_agent_does_not_see_it_for_another(connection: Connection) -> None:
    gap.record(connection, MAY, FIRST)
    move(connection, "g-1", "published", "a")
    gap.told(connection, BO, "r-1", NOON)
    assert [report.id for _, report in gap.answered(connection, MAY)] == ["r-1"]


# --- the same need -------------------------------------------------------------------------------

MIDDLE = np.array([0.0, 0.0, 0.0], np.float32)


def rows(*vectors: tuple[float, float, float]) -> gap.Vector:
    return np.array(vectors, np.float32).reshape(len(vectors), 3)


def test_the_nearest_gaps_come_first_with_their_cosine() -> None:
    gaps = rows((0, 1, 0), (0.8, 0.6, 0), (1, 0, 0), (0.6, 0, 0.8), (-1, 0, 0))
    found = similar(rows((1, 0, 0))[0], gaps, MIDDLE)
    assert [row for row, _ in found] == [2, 1, 3]
    assert [cosine for _, cosine in found] == pytest.approx([1.0, 0.8, 0.6], abs=1e-6)


def test_a_gap_is_similar_from_the_bar_on() -> None:
    at, below = (SIMILAR + 1e-4, sqrt(1 - (SIMILAR + 1e-4) ** 2), 0.0), (0.49, sqrt(1 - 0.49**2), 0.0)
    assert [row for row, _ in similar(rows((1, 0, 0))[0], rows(below, at), MIDDLE)] == [1]


def test_at_most_so_many_are_told_and_ties_keep_their_order() -> None:
    gaps = rows(*[(1, 0, 0)] * 5)
    assert [row for row, _ in similar(gaps[0], gaps, MIDDLE)] == [0, 1, 2]
    assert [row for row, _ in similar(gaps[0], gaps, MIDDLE, most=1)] == [0]
    assert similar(gaps[0], gaps, MIDDLE, most=0) == []


def test_cosines_are_about_the_middle_of_the_base() -> None:
    middle = rows((0.9, 0, 0))[0]
    asked = rows((0.9, 0.4, 0))[0]
    near, far = (0.9, 0.3, 0.0), (0.9, -0.4, 0.0)  # alike by the plain cosine: all lie where the base lies
    assert similar(asked, rows(near, far), middle) == [(0, pytest.approx(1.0, abs=1e-6))]
    assert [row for row, _ in similar(asked, rows(near, far), MIDDLE)] == [0, 1]


def test_a_question_at_the_very_middle_is_like_nothing() -> None:
    middle = rows((0, 1, 0))[0]
    assert similar(middle, rows((0, 1, 0), (1, 0, 0)), middle) == []


def test_without_gaps_nothing_is_similar() -> None:
    assert similar(rows((1, 0, 0))[0], np.zeros((0, 3), np.float32), MIDDLE) == []
