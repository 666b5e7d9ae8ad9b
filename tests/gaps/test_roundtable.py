"""The round table: what is put on the agenda, what was decided, what came of it, and what leaves the house."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from kb import tables
from kb.content.articles import Article
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.gaps import gap, moves, replay, roundtable
from kb.gaps.diagnosis import Diagnosis
from kb.gaps.gap import Report
from kb.gaps.replay import Line, Proof
from kb.gaps.roundtable import Agenda, Item, Outcome, export
from kb.people.users import OPERATOR
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, PHONE, SUE

ZONE = ZoneInfo("Asia/Shanghai")
LOCK = Article("lock-water-zh", "锁进水了怎么办", "zh-CN", "troubleshooting/lock-water-zh.md", "")
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
    why = {"g-1": Diagnosis("retired", LOCK, (), 0)}
    return roundtable.call_together(connection, SUE, "周会", ["g-2", "g-1"], why, NOON + MINUTE)


def agenda(connection: Connection) -> Agenda:
    return roundtable.agenda(connection, SUE, together(connection).id)


def test_the_agenda_has_what_each_gap_cost_the_dearest_first(connection: Connection) -> None:
    made = together(connection)
    first, second = "门锁<b>泡水</b>保修吗", "lock fell into water | # x"
    assert made.items == (
        Item("g-1", first, "new", 2, 2, 180.0, made.items[0].questions, "retired", LOCK.id),
        Item("g-2", FORMULA, "new", 1, 1, 30.0, (FORMULA,)),
    )
    assert set(made.items[0].questions) == {first, second}
    assert roundtable.of(connection, SUE, made.id) == made
    assert [one.id for one in roundtable.every(connection, SUE)] == [made.id]


def test_those_about_the_sample_stand_apart(connection: Connection) -> None:
    made = together(connection)
    connection.execute(sa.update(tables.gap).where(tables.gap.c.id == "g-2").values(tag="demo"))
    sample = roundtable.call_together(connection, SUE, "示例", ["g-2"], {}, NOON + 2 * MINUTE)
    assert sample.items[0].seconds == 30.0
    assert [one.id for one in roundtable.every(connection, SUE, "demo")] == [sample.id, made.id]
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
    rows = list(csv.reader(io.StringIO(export.csv(agenda(connection), {}).decode("utf-8-sig"))))
    assert tuple(rows[0]) == export.COLUMNS
    assert rows[1][:1] + rows[1][3:8] == ["g-1", "retired", "new", "2", "2", "180"]
    assert rows[2][1] == rows[2][2] == f"'{FORMULA}"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(
    ("language", "cost"),
    [("zh", "28 天内 2 通来电、2 位坐席，损失 3 分钟"), ("en", "2 calls, 2 agents, 3 minutes lost in 28 days")],
)
def test_the_page_and_the_markdown_say_what_callers_said_and_do_nothing_with_it(
    connection: Connection, language: str, cost: str
) -> None:
    found = agenda(connection)
    page = export.page(found, {}, ZONE, language)
    assert "门锁&lt;b&gt;泡水&lt;/b&gt;保修吗" in page
    assert "<b>" not in page
    assert cost in page
    told = export.markdown(found, {}, ZONE, language)
    assert "## 1. 门锁\\<b\\>泡水\\</b\\>保修吗" in told
    assert "lock fell into water \\| \\# x" in told
    assert told.count("\n## ") == 2


@pytest.mark.parametrize(
    ("language", "why", "answer"),
    [
        ("zh", "已归档，或者已过有效期", "能回答它的文章：锁进水了怎么办"),
        ("en", "is archived, or its validity", "What may answer: 锁进水了怎么办"),
    ],
)
def test_why_it_missed_is_told_and_what_would_answer_to_those_who_may_read_it(
    connection: Connection, language: str, why: str, answer: str
) -> None:
    found = agenda(connection)
    titles = {LOCK.id: LOCK.title}
    for told in (export.markdown(found, titles, ZONE, language), export.page(found, titles, ZONE, language)):
        assert why in told
        assert answer in told
    assert LOCK.title in export.csv(found, titles).decode("utf-8-sig")
    for kept in (export.markdown(found, {}, ZONE, language), export.page(found, {}, ZONE, language)):
        assert why in kept
        assert LOCK.title not in kept
    assert LOCK.title not in export.csv(found, {}).decode("utf-8-sig")


@pytest.mark.parametrize(
    ("language", "came", "now"),
    [
        ("zh", "上次（2026-11-21“周会”）的决定", "已发布 · lock-zh"),
        ("en", "of 2026-11-21, “周会”", "Published · lock-zh"),
    ],
)
def test_the_next_agenda_begins_with_what_came_of_the_last_decisions(
    connection: Connection, language: str, came: str, now: str
) -> None:
    made = together(connection)
    assert roundtable.agenda(connection, SUE, made.id).came == ()
    roundtable.decide(connection, SUE, made.id, "g-1", "写一篇", NOON + MINUTE)
    for after in ("triaged", "in_work", "published"):
        moves.move(connection, SUE, "g-1", after, NOON + 2 * MINUTE, article="lock-zh")
    later = NOON + 9 * MINUTE
    following = roundtable.call_together(connection, SUE, "下一场", ["g-2"], {}, later)
    found = roundtable.agenda(connection, SUE, following.id)
    assert found.last is not None
    assert found.last.id == made.id
    assert [(one.item.gap, one.item.decision, one.state) for one in found.came] == [("g-1", "写一篇", "published")]
    page = export.page(found, {}, ZONE, language)
    assert page.index(came) < page.index("写一篇") < page.index(now) < page.index("<h2>1.")
    told = export.markdown(found, {}, ZONE, language)
    assert told.count("\n## ") == 2
    assert "写一篇" in told
    rows = list(csv.reader(io.StringIO(export.csv(found, {}).decode("utf-8-sig"))))
    assert [(row[0], row[8], row[-1]) for row in rows[1:]] == [("g-2", "", "下一场"), ("g-1", "写一篇", "周会")]
