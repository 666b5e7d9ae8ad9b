"""The sample month: plausible, labelled, teaching nothing, and gone without a trace when it is taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import call, flags, journal, practice
from kb.calls.flags import Flag
from kb.calls.journal import Event
from kb.care import demo
from kb.care.demo.story import SURGE_CALLS, month, told
from kb.config import ROOT
from kb.content import articles
from kb.content.site import Site
from kb.db import Connection, Database
from kb.errors import NotAllowedError, RequestError
from kb.gaps import cost, gap, moves, roundtable
from kb.gaps.analytics import feedback, searches
from kb.gaps.analytics.view import View
from kb.gaps.gap import Report
from kb.gaps.moves import MOVES
from kb.masking import mask
from kb.people.users import OPERATOR
from tests.new_database import rows
from tests.people_on_the_floor import MAY, SUE

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ZONE = Site().zone
DAY = timedelta(days=1)
VIEW = View(AT - 31 * DAY, AT, tag="demo")


@pytest.fixture(scope="session")
def versions() -> dict[str, str]:
    """The sample base's articles with their versions."""
    served, _ = articles.read_all(ROOT / "articles")
    return {one.id: one.version for one in served}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def fill(connection: Connection, versions: dict[str, str]) -> int:
    return demo.fill(connection, SUE, versions, AT, ZONE)


def count(connection: Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


# --- what it tells -------------------------------------------------------------------------------


def test_the_same_moment_has_the_same_month(versions: dict[str, str]) -> None:
    assert month(versions, AT, ZONE) == month(versions, AT, ZONE)


def test_its_calls_follow_the_days_and_the_hours(versions: dict[str, str]) -> None:
    calls = [one["begun_at"].astimezone(ZONE) for one in month(versions, AT, ZONE).calls]
    assert 1_500 < len(calls) < 3_000
    days = Counter(one.date() for one in calls)
    assert len(days) == 31
    weekday = {n: [c for day, c in days.items() if day.weekday() == n and day < AT.date()] for n in range(7)}
    mean = {n: sum(found) / len(found) for n, found in weekday.items()}
    assert mean[0] > 1.15 * mean[2] > 1.15 * mean[6]  # Mondays before Wednesdays before Sundays
    hours = Counter(one.hour for one in calls)
    assert not set(hours) & set(range(8))  # the site is closed
    assert hours[10] > 2 * hours[8]


def test_nothing_of_it_lies_in_the_future_or_before_its_call(versions: dict[str, str]) -> None:
    told_month = month(versions, AT, ZONE)
    begun = {one["id"]: one["begun_at"] for one in told_month.calls}
    assert all(begun[one["call"]] < one["at"] <= AT for one in told_month.events)
    assert all(one["begun_at"] <= one["last_at"] <= AT for one in told_month.calls)
    assert all(one["at"] < AT for one in told_month.moves)
    assert all(one["expires_at"] < AT for one in told_month.bulletins)  # no agent meets one


def test_every_topic_names_an_article_of_the_sample_base_or_none(versions: dict[str, str]) -> None:
    named = [one["article"] for kind in ("asked", "flagged", "missing") for one in told()[kind] if "article" in one]
    assert [f"{name}-{lang}" for name in named for lang in ("zh", "en") if f"{name}-{lang}" not in versions] == []
    assert {one["lang"] for one in month(versions, AT, ZONE).gaps} == {"zh", "en"}


def test_its_words_hold_nobodys_data(versions: dict[str, str]) -> None:
    told_month = month(versions, AT, ZONE)
    words = {
        one[name]
        for rows in (told_month.events, told_month.reports)
        for one in rows
        for name in ("query", "question")
        if name in one
    }
    words |= {one[name] for one in told_month.flags for name in ("note",)}
    words |= {one[name] for one in told_month.bulletins for name in ("title", "say")}
    assert len(words) > 100
    assert {word: mask(word) for word in words if mask(word) != word} == {}


def test_its_gaps_went_only_where_a_gap_may_go(versions: dict[str, str]) -> None:
    told_month = month(versions, AT, ZONE)
    at = dict.fromkeys((one["id"] for one in told_month.gaps), "new")
    for one in told_month.moves:
        assert one["before"] == at[one["gap"]]
        rule = MOVES[one["before"], one["after"]]
        assert [need for need in rule.needs if not one[need]] == []
        at[one["gap"]] = one["after"]
    assert at == {one["id"]: one["state"] for one in told_month.gaps}
    assert {"new", "triaged", "assigned", "in_work", "referred", "not_needed", "published", "verified"} == set(
        at.values()
    )


# --- as the pages see it -------------------------------------------------------------------------


def test_the_insights_and_the_gaps_have_something_to_tell(connection: Connection, versions: dict[str, str]) -> None:
    assert fill(connection, versions) == count(connection, tables.call)
    total = searches.add(searches.shares(connection, SUE, VIEW, "lang").values())
    links = searches.links(connection, SUE, VIEW)
    assert total.searches > 2_000
    assert 0.5 < (total.share(total.found) or 0) < 0.75
    assert 0.6 < (links.rate or 0) < 0.8
    assert 30 < (searches.speeds(connection, SUE, VIEW)[0].seconds or 0) < 120
    assert set(feedback.counts(feedback.gaps(connection, SUE, VIEW))) == {"opened", "closed", "verified"}
    assert len(feedback.flags(connection, SUE, VIEW)) == len(told()["flagged"])
    prices = cost.prices(connection, SUE, VIEW.since, AT, tag="demo")
    assert prices[0].gap.id == "demo-g-trade-in"
    assert all(one.calls >= 2 and one.seconds > 60 for one in prices)
    assert len(moves.overdue(connection, SUE, AT, "demo")) == 1
    assert [one.department for one in moves.referred(connection, SUE, "", "demo")] == ["payments"]
    [surge] = cost.surges(connection, SUE, AT, "demo")
    assert (surge.gap.id, surge.calls > 6, surge.calls <= SURGE_CALLS) == ("demo-g-login-code", True, True)


def test_it_counts_nowhere_else_and_teaches_nothing(connection: Connection, versions: dict[str, str]) -> None:
    fill(connection, versions)
    real = View(VIEW.since, AT)
    assert searches.shares(connection, SUE, real, "lang") == {}
    assert feedback.flags(connection, SUE, real) == ()
    assert feedback.gaps(connection, SUE, real) == ()
    assert cost.prices(connection, SUE, VIEW.since, AT) == ()
    assert cost.surges(connection, SUE, AT) == ()
    assert gap.open_gaps(connection) == ()
    assert journal.solved_counts(connection) == {}
    assert practice.solved_questions(connection, MAY) == ()


# --- in and out ----------------------------------------------------------------------------------


def work(connection: Connection) -> None:
    """A real call with a search, an answer, a flag and a gap."""
    call.begin(connection, MAY, "call-1", AT - DAY)
    search = Event(
        "e1", "call-1", AT - DAY, "may", "search", "以旧换新怎么弄", detail={"verdict": "missing", "hits": 0}
    )
    call.record(connection, MAY, "call-1", [search], AT - DAY)
    gap.record(connection, MAY, Report("r1", "g1", "call-1", "may", AT - DAY, "以旧换新怎么弄"))
    flags.put(connection, MAY, Flag("f1", "may", AT - DAY, "refund-times-zh", "v", "wrong", call="call-1"))
    moves.move(connection, SUE, "g1", "triaged", AT - DAY)


def test_taking_it_out_leaves_every_other_row_as_it_was(database: Database, versions: dict[str, str]) -> None:
    with database.write() as connection:
        work(connection)
        while demo.asked.catch_up(connection, SUE, AT, ZONE):
            pass
        demo.misses.notice(connection, OPERATOR, AT)
    before = rows(database)
    with database.write() as connection:
        calls = fill(connection, versions)
    assert len(rows(database)) > len(before) + 10_000
    with database.write() as connection:
        assert demo.clear(connection, SUE) == calls
    assert rows(database) == before


def test_what_was_done_to_the_sample_goes_with_it(database: Database, versions: dict[str, str]) -> None:
    before = rows(database)
    with database.write() as connection:
        fill(connection, versions)
        moves.move(connection, SUE, "demo-g-public-ip", "triaged", AT)
        moves.move(connection, SUE, "demo-g-gift-note", "duplicate", AT, into="demo-g-student")
        roundtable.call_together(connection, SUE, "Monday", ["demo-g-public-ip"], {}, AT)
        members = [one.id for one in gap.reports(connection, SUE, "demo-g-homekit")][:1]
        moves.split(connection, SUE, "demo-g-homekit", members, AT)
        flagged = connection.scalar(sa.select(tables.flag.c.id)) or ""
        flags.answer(connection, OPERATOR, flags.Answer(flagged, "operator", AT, True, "Mended."))
    with database.write() as connection:
        demo.clear(connection, SUE)
    assert rows(database) == before


def test_a_sample_gap_that_somebody_joined_is_theirs_and_stays(
    connection: Connection, versions: dict[str, str]
) -> None:
    fill(connection, versions)
    call.begin(connection, MAY, "call-1", AT)
    gap.join(connection, MAY, Report("r1", "demo-g-trade-in", "call-1", "may", AT, "old robot"))
    demo.clear(connection, SUE)
    [left] = gap.every(connection, SUE)
    assert (left.id, left.calls, left.tag) == ("demo-g-trade-in", 1, "")
    assert (count(connection, tables.call), count(connection, tables.gap_report)) == (1, 1)


def test_it_comes_once_and_is_offered_to_an_empty_base_only(connection: Connection, versions: dict[str, str]) -> None:
    assert (demo.is_offered(connection), demo.is_there(connection)) == (True, False)
    fill(connection, versions)
    assert (demo.is_offered(connection), demo.is_there(connection)) == (False, True)
    with pytest.raises(RequestError) as there:
        fill(connection, versions)
    assert there.value.code == "demo_there"


def test_a_base_without_the_sample_articles_has_no_sample(connection: Connection) -> None:
    with pytest.raises(RequestError) as refused:
        fill(connection, {"own-zh": "v"})
    assert refused.value.code == "demo_without_articles"
    assert count(connection, tables.call) == 0


def test_a_base_with_some_of_the_sample_articles_is_told_over_those(connection: Connection) -> None:
    fill(connection, {"refund-times-zh": "v", "refund-times-en": "v"})
    used = connection.scalars(sa.select(tables.event.c.article).where(tables.event.c.article != "").distinct())
    assert set(used) == {"refund-times-zh", "refund-times-en"}


def test_an_agent_may_neither_fill_nor_clear(connection: Connection, versions: dict[str, str]) -> None:
    with pytest.raises(NotAllowedError):
        demo.fill(connection, MAY, versions, AT, ZONE)
    with pytest.raises(NotAllowedError):
        demo.clear(connection, MAY)
