"""What gaps cost, which few return most of it, and which one surges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls.bulletins import post
from kb.db import Connection, Database
from kb.errors import NotAllowedError
from kb.gaps import cost, gap, moves
from kb.gaps.cost import HOLDS, WINDOW, is_surge, pareto, prices, surges, vital
from kb.gaps.gap import Report
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, SUE

DAY = timedelta(days=1)
WEEK = 7 * DAY


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def opened(connection: Connection, id: str, question: str = "门锁泡水了", product: str = "", tag: str = "") -> None:
    facts = {"question": question, "lang": "zh", "product": product, "state": "new", "tag": tag}
    connection.execute(sa.insert(tables.gap).values(id=id, at=NOON - 30 * DAY, **facts))


_COUNT = iter(range(1_000_000))


def missed(
    connection: Connection,
    id: str,
    at: datetime,
    seconds: float = 10.0,
    agent: str = "may",
    call: str = "",
    **more: object,
) -> None:
    n = next(_COUNT)
    facts = {"question": "门锁 泡水", "lang": "zh", "signals": ["missing"], "teams": ["payments"]} | more
    one = {"id": f"m-{n}", "call": call or f"call-{n}", "agent": agent, "seconds": seconds, "gap": id}
    connection.execute(sa.insert(tables.miss).values(at=at, **one, **facts))


# --- what it cost --------------------------------------------------------------------------------


def test_a_gap_costs_its_calls_agents_and_lost_seconds_in_the_period(connection: Connection) -> None:
    opened(connection, "g-1")
    missed(connection, "g-1", NOON - 9 * DAY, 100)  # the week before
    missed(connection, "g-1", NOON - 20 * DAY, 100)  # long before
    missed(connection, "g-1", NOON - 2 * DAY, 30, call="a")
    missed(connection, "g-1", NOON - 2 * DAY + MINUTE, 12.5, call="a")
    missed(connection, "g-1", NOON - DAY, 7, agent="bo", call="b")
    missed(connection, "g-1", NOON, 999, call="c")  # the period ends before
    (one,) = prices(connection, SUE, NOON - WEEK, NOON)
    assert (one.gap.id, one.calls, one.agents, one.seconds) == ("g-1", 2, 2, 49.5)
    assert (one.first_at, one.last_at) == (NOON - 2 * DAY, NOON - DAY)
    assert (one.before, one.trend) == (1, 1)


def test_a_report_counts_its_call_once_and_costs_what_its_miss_cost(connection: Connection) -> None:
    gap.record(connection, MAY, Report("r-1", "g-1", "a", "may", NOON - DAY, "门锁泡水了"))
    gap.join(connection, BO, Report("r-2", "g-1", "b", "bo", NOON - DAY + MINUTE, "门锁进水"))
    missed(connection, "g-1", NOON - DAY, 30, call="a")
    (one,) = prices(connection, SUE, NOON - WEEK, NOON)
    assert (one.calls, one.agents, one.seconds) == (2, 2, 30)
    gap.undo(connection, BO, "r-2", NOON)
    (one,) = prices(connection, SUE, NOON - WEEK, NOON)
    assert (one.calls, one.agents) == (1, 1)


def test_the_dearest_come_first_and_only_what_is_asked_for(connection: Connection) -> None:
    for id, seconds, product in (("g-1", 10, "LH-S1"), ("g-2", 90, ""), ("g-3", 40, "LH-S1"), ("g-4", 70, "")):
        opened(connection, id, product=product)
        missed(connection, id, NOON - DAY, seconds, teams=["night"] if id == "g-3" else ["payments"])
    opened(connection, "g-5", tag="demo")
    missed(connection, "g-5", NOON - DAY, 500, tag="demo")
    moves.move(connection, SUE, "g-4", "not_needed", NOON, why="no")
    period = NOON - WEEK, NOON
    assert [one.gap.id for one in prices(connection, SUE, *period)] == ["g-2", "g-3", "g-1"]
    assert [one.gap.id for one in prices(connection, SUE, *period, product="LH-S1")] == ["g-3", "g-1"]
    assert [one.gap.id for one in prices(connection, SUE, *period, team="night")] == ["g-3"]
    assert [one.gap.id for one in prices(connection, SUE, *period, states=("not_needed",))] == ["g-4"]
    assert [one.gap.id for one in prices(connection, SUE, *period, tag="demo")] == ["g-5"]
    with pytest.raises(NotAllowedError):
        prices(connection, MAY, *period)


def test_a_merged_gap_costs_with_the_one_it_was_merged_into(connection: Connection) -> None:
    for id in ("g-1", "g-2"):
        opened(connection, id)
        missed(connection, id, NOON - DAY, 20)
    moves.move(connection, SUE, "g-2", "duplicate", NOON, into="g-1")
    assert [(one.gap.id, one.calls, one.seconds) for one in prices(connection, SUE, NOON - WEEK, NOON)] == [
        ("g-1", 2, 40)
    ]


# --- which few return most -----------------------------------------------------------------------


def test_the_shares_add_up_in_the_order_given() -> None:
    assert pareto([50, 30, 15, 5]) == pytest.approx((0.5, 0.8, 0.95, 1.0))
    assert pareto([]) == ()
    assert pareto([0, 0]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "few"), [([50, 30, 15, 5], 2), ([5, 15, 30, 50], 2), ([10] * 10, 8), ([1], 1), ([0, 0], 0), ([], 0)]
)
def test_the_few_that_return_four_fifths_of_the_lost_time(seconds: list[float], few: int) -> None:
    assert vital(seconds) == few


# --- a surge -------------------------------------------------------------------------------------

MONTH = cost.LOOKS_BACK / WINDOW - 1  # windows


@pytest.mark.parametrize(
    ("now", "before", "surge"),
    [(3, 0, False), (4, 0, True), (4, 30, True), (4, 1_000, False), (12, 1_000, True), (12, 10_000, False)],
)
def test_a_gap_surges_when_it_grows_faster_than_its_own_history(now: int, before: int, surge: bool) -> None:
    assert is_surge(now, before, MONTH) is surge


def test_false_alarms_are_rare_at_any_steady_rate() -> None:
    drawn = np.random.default_rng(3)
    for rate in (0.05, 0.5, 3.0):
        calls = drawn.poisson(rate, 4_000)
        before = int(rate * MONTH)
        assert sum(is_surge(int(n), before, MONTH) for n in calls) <= 4


def test_a_surge_is_told_within_minutes_with_a_sentence_to_hold_callers_with(connection: Connection) -> None:
    opened(connection, "g-1", "路由器红灯断网", product="LH-R3000")
    opened(connection, "g-2")
    for n in range(5):
        missed(connection, "g-1", NOON - n * MINUTE, question="路由器 红灯 断网了" if n % 2 else "路由器 红灯 上不了网")
        missed(connection, "g-2", NOON - n * DAY)
    (found,) = surges(connection, SUE, NOON)
    assert (found.gap.id, found.calls, found.usual, found.since) == ("g-1", 5, 0.0, NOON - 4 * MINUTE)
    assert set(found.questions) == {"路由器 红灯 断网了", "路由器 红灯 上不了网"}
    for language, told in (("zh", "来电激增：路由器红灯断网"), ("en", "Many callers now: 路由器红灯断网")):
        notice = cost.holding(found, language, NOON)
        assert (notice.kind, notice.title, notice.products) == ("holding", told, ("LH-R3000",))
        assert notice.say
        assert notice.expires_at == NOON + HOLDS
    assert "红灯" in cost.holding(found, "zh", NOON).words[0]


def test_the_sentence_offered_can_be_posted_as_it_stands(connection: Connection) -> None:
    opened(connection, "g-1", "red light on the router, no internet since this morning")
    for n in range(5):
        missed(connection, "g-1", NOON - n * MINUTE, question="router red light no internet")
    (found,) = surges(connection, SUE, NOON)
    assert post(connection, SUE, cost.holding(found, "en", NOON), NOON, {}).kind == "holding"


def test_one_call_that_searches_often_is_no_surge(connection: Connection) -> None:
    opened(connection, "g-1")
    for n in range(9):
        missed(connection, "g-1", NOON - n * MINUTE, call="the same")
    assert surges(connection, SUE, NOON) == ()


def test_a_gap_that_is_always_asked_for_is_no_surge(connection: Connection) -> None:
    opened(connection, "g-1")
    for n in range(28 * 24 * 4):
        missed(connection, "g-1", NOON - n * WINDOW / 4)
    assert surges(connection, SUE, NOON) == ()
