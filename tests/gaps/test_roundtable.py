"""The round table: what is put on the agenda, what was decided, what came of it, and what leaves the house."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.gaps import gap, moves, replay, roundtable
from kb.gaps.gap import Report
from kb.gaps.replay import Line, Proof
from kb.gaps.roundtable import Item, Outcome
from kb.people.users import OPERATOR
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, PHONE, SUE

FORMULA = '=HYPERLINK("http://x","y")'


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """Two gaps: g-1 cost 180 seconds on two calls, g-2, which would be a formula, 30 on one."""
    with database.write() as one:
        gap.record(one, MAY, Report("r-1", "g-1", "c-1", "may", NOON, "门锁<b>泡水</b>保修吗"))
        gap.record(one, MAY, Report("r-2", "g-2", "c-3", "may", NOON, FORMULA))
        missed(one, "g-1", "c-1", "may", "门锁<b>泡水</b>保修吗", 100.0)
        missed(one, "g-1", "c-2", "bo", "lock fell into water | # x", 80.0)
        missed(one, "g-2", "c-3", "may", FORMULA, 30.0)
        yield one


def missed(
    connection: Connection, of: str, call: str, agent: str, question: str, seconds: float, at: Any = NOON
) -> None:
    row = {"id": f"m-{call}", "call": call, "agent": agent, "teams": [], "at": at, "question": question, "lang": "zh"}
    row |= {"product": "", "seconds": seconds, "signals": ["missing"], "tag": "", "gap": of}
    connection.execute(sa.insert(tables.miss).values(**row))


def together(connection: Connection) -> roundtable.RoundTable:
    return roundtable.call_together(connection, SUE, "周会", ["g-2", "g-1"], {"g-1": "missing"}, NOON + MINUTE)


def test_the_agenda_has_what_each_gap_cost_the_dearest_first(connection: Connection) -> None:
    made = together(connection)
    first, second = "门锁<b>泡水</b>保修吗", "lock fell into water | # x"
    assert made.items == (
        Item("g-1", first, "new", 2, 2, 180.0, made.items[0].questions, "missing"),
        Item("g-2", FORMULA, "new", 1, 1, 30.0, (FORMULA,)),
    )
    assert set(made.items[0].questions) == {first, second}
    assert roundtable.of(connection, SUE, made.id) == made
    assert [one.id for one in roundtable.every(connection, SUE)] == [made.id]


def test_what_was_decided_is_kept_masked_and_may_be_said_again(connection: Connection) -> None:
    made = together(connection)
    roundtable.decide(connection, SUE, made.id, "g-1", "写一篇", NOON + MINUTE)
    roundtable.decide(connection, SUE, made.id, "g-1", f"EVA 写\n问 {PHONE}", NOON + 2 * MINUTE)
    item = roundtable.of(connection, SUE, made.id).items[0]
    assert (item.decided_by, item.decided_at) == ("sue", NOON + 2 * MINUTE)
    assert item.decision.startswith("EVA 写\n问 ")
    assert PHONE not in item.decision
    assert roundtable.of(connection, SUE, made.id).items[1].decision == ""


def test_at_the_next_one_it_is_seen_what_came_of_it(connection: Connection) -> None:
    made = together(connection)
    for after in ("triaged", "in_work", "published"):
        moves.move(connection, SUE, "g-1", after, NOON + 2 * MINUTE, article="lock-zh")
    missed(connection, "g-2", "c-9", "bo", FORMULA, 10.0, NOON + 5 * MINUTE)
    found = roundtable.outcomes(connection, SUE, made)
    assert found == (
        Outcome(made.items[0], "published", "lock-zh", 0, None),
        Outcome(made.items[1], "new", "", 1, None),
    )
    replay.settle(connection, OPERATOR, Proof("g-1", "lock-zh", "gen", NOON, (Line("q", (), 1),)), NOON + 6 * MINUTE)
    now = roundtable.outcomes(connection, SUE, made)[0]
    assert (now.state, now.green) == ("verified", True)


@pytest.mark.parametrize(("title", "gaps"), [("", ["g-1"]), ("  ", ["g-1"]), ("周会", [])])
def test_an_agenda_needs_a_title_and_a_gap(connection: Connection, title: str, gaps: list[str]) -> None:
    with pytest.raises(RequestError, match="round_table_empty"):
        roundtable.call_together(connection, SUE, title, gaps, {}, NOON)


def test_what_is_not_there_is_refused(connection: Connection) -> None:
    with pytest.raises(NotFoundError, match="gap_not_found"):
        roundtable.call_together(connection, SUE, "周会", ["g-7"], {}, NOON)
    with pytest.raises(NotFoundError, match="round_table_not_found"):
        roundtable.of(connection, SUE, "none")
    made = together(connection)
    with pytest.raises(NotFoundError, match="gap_not_found"):
        roundtable.decide(connection, SUE, made.id, "g-7", "x", NOON)
    with pytest.raises(RequestError, match="round_table_decision_empty"):
        roundtable.decide(connection, SUE, made.id, "g-1", " \n ", NOON)


def test_an_agent_neither_calls_one_together_nor_reads_it(connection: Connection) -> None:
    made = together(connection)
    for act in (
        lambda: roundtable.call_together(connection, BO, "x", ["g-1"], {}, NOON),
        lambda: roundtable.decide(connection, BO, made.id, "g-1", "x", NOON),
        lambda: roundtable.of(connection, BO, made.id),
        lambda: roundtable.outcomes(connection, BO, made),
    ):
        with pytest.raises(NotAllowedError):
            act()


# --- what leaves the house -----------------------------------------------------------------------


def test_no_cell_of_the_csv_is_a_formula(connection: Connection) -> None:
    made = together(connection)
    rows = list(csv.reader(io.StringIO(roundtable.csv(roundtable.outcomes(connection, SUE, made)).decode("utf-8-sig"))))
    assert tuple(rows[0]) == roundtable.COLUMNS
    assert rows[1][:1] + rows[1][3:8] == ["g-1", "missing", "new", "2", "2", "180"]
    assert rows[2][1] == rows[2][2] == f"'{FORMULA}"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("language", "cost"),
    [("zh", "28 天内 2 通来电、2 位坐席，损失 3 分钟"), ("en", "2 calls, 2 agents, 3 minutes lost in 28 days")],
)
def test_the_page_and_the_markdown_say_what_callers_said_and_do_nothing_with_it(
    connection: Connection, language: str, cost: str
) -> None:
    made = together(connection)
    found = roundtable.outcomes(connection, SUE, made)
    page = roundtable.page(made, found, "2026-11-21", language)
    assert "门锁&lt;b&gt;泡水&lt;/b&gt;保修吗" in page
    assert "<b>" not in page
    assert cost in page
    told = roundtable.markdown(made, found, "2026-11-21", language)
    assert "## 1. 门锁\\<b\\>泡水\\</b\\>保修吗" in told
    assert "lock fell into water \\| \\# x" in told
    assert told.count("\n## ") == 2
