"""A month of one gap, through the public functions: missed on calls, recorded, priced, given to somebody, answered,
told to those who met it, verified, broken and reopened; and what the insights say of it at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from kb.calls import call
from kb.calls.journal import Event
from kb.content.site import Site
from kb.db import Connection, Database
from kb.errors import NotAllowedError
from kb.gaps import cost, gap, misses, moves
from kb.gaps.analytics import asked, feedback, searches
from kb.gaps.analytics.searches import Links, Shares
from kb.gaps.analytics.view import View
from kb.gaps.gap import Report
from kb.people.users import OPERATOR, Role, User
from tests.people_on_the_floor import BO, LI, MAY, NOON, SECOND, SUE

EVA = User("eva", "Eva", Role.EDITOR)
DAY = timedelta(days=1)
ZONE = Site().zone
BEGAN, ENDED = NOON, NOON + 30 * DAY
ARTICLE = "trade-in-zh"
MISSING = {"verdict": "missing", "hits": 0, "complete": True, "keys": 12, "since": 2_000}
FOUND = {"verdict": "found", "hits": 4, "complete": True, "keys": 10, "since": 1_500}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def event(connection: Connection, by: User, id: str, kind: str, at: datetime, query: str = "", **facts: Any) -> None:
    one = Event(f"{id}-{kind}-{at:%H%M%S}", id, at, by.id, kind, query, **facts)
    call.record(connection, by, id, [one], at)


def missed(connection: Connection, by: User, id: str, words: str, day: int, seconds: int) -> datetime:
    """A call on which somebody searches, finds nothing and gives up after so many seconds; when that is."""
    at = BEGAN + day * DAY
    call.begin(connection, by, id, at)
    event(connection, by, id, "search", at, words, detail=MISSING)
    return at + seconds * SECOND


def end(connection: Connection, by: User, id: str, at: datetime) -> None:
    call.end(connection, by, id, at)
    misses.notice(connection, OPERATOR, at + DAY)
    asked.catch_up(connection, SUE, at + DAY, ZONE)


def state(connection: Connection) -> str:
    found = gap.find(connection, "g1")
    assert found
    return found.state


def test_a_month_of_a_gap(connection: Connection) -> None:
    # day 0: May meets it in Chinese and records it with one key; day 1: Bo meets it in English and joins
    at = missed(connection, MAY, "call-1", "以旧换新怎么弄", 0, 40)
    event(connection, MAY, "call-1", "gap", at, "以旧换新怎么弄")
    gap.record(connection, MAY, Report("call-1-gap-" + f"{at:%H%M%S}", "g1", "call-1", "may", at, "以旧换新怎么弄"))
    end(connection, MAY, "call-1", at + 5 * SECOND)
    at = missed(connection, BO, "call-2", "trade in my old robot", 1, 80)
    event(connection, BO, "call-2", "join", at, "trade in my old robot")
    gap.join(connection, BO, Report("call-2-join-" + f"{at:%H%M%S}", "g1", "call-2", "bo", at, "trade in my old robot"))
    end(connection, BO, "call-2", at + 5 * SECOND)

    # nobody was asked for anything: what they typed and what it cost is there
    found = misses.of_gap(connection, SUE, gap.parts(connection, "g1"))
    assert [(one.question, one.lang, one.seconds) for one in found] == [
        ("trade in my old robot", "en", 80.0),
        ("以旧换新怎么弄", "zh", 40.0),
    ]
    assert found[0].signals == ("nothing", "missing", "joined")
    [price] = cost.prices(connection, SUE, BEGAN, BEGAN + 2 * DAY)
    assert (price.gap.id, price.calls, price.agents, price.seconds) == ("g1", 2, 2, 120.0)

    # day 3: sorted and given to Eva until day 5; she is late; day 7: answered
    with pytest.raises(NotAllowedError):
        moves.move(connection, MAY, "g1", "triaged", BEGAN + 3 * DAY)
    moves.move(connection, SUE, "g1", "triaged", BEGAN + 3 * DAY)
    moves.move(connection, SUE, "g1", "assigned", BEGAN + 3 * DAY, owner="eva", due_at=BEGAN + 5 * DAY)
    moves.move(connection, EVA, "g1", "in_work", BEGAN + 4 * DAY)
    assert [one.id for one in moves.overdue(connection, SUE, BEGAN + 6 * DAY)] == ["g1"]
    moves.move(connection, EVA, "g1", "published", BEGAN + 7 * DAY, article=ARTICLE)
    assert moves.overdue(connection, SUE, BEGAN + 8 * DAY) == ()

    # both who met it are told, each for themselves, until they have seen it; Li never met it
    assert [one.article for one, _ in gap.answered(connection, MAY)] == [ARTICLE]
    [(_, report)] = gap.answered(connection, BO)
    gap.told(connection, BO, report.id, BEGAN + 8 * DAY)
    assert [len(gap.answered(connection, by)) for by in (MAY, BO, LI)] == [1, 0, 0]

    # day 9: it is found; the machine verifies; day 20: a publish breaks it, and it is open again
    at = BEGAN + 9 * DAY
    call.begin(connection, LI, "call-3", at)
    event(connection, LI, "call-3", "search", at, "以旧换新怎么弄", detail=FOUND)
    event(connection, LI, "call-3", "open", at + 2 * SECOND, "以旧换新怎么弄", article=ARTICLE, detail={"rank": 1})
    event(connection, LI, "call-3", "solved", at + 28 * SECOND, "以旧换新怎么弄", article=ARTICLE)
    end(connection, LI, "call-3", at + 30 * SECOND)
    assert len(misses.of_gap(connection, SUE, ["g1"])) == 2  # what was found is no miss
    with pytest.raises(NotAllowedError):
        moves.move(connection, EVA, "g1", "verified", BEGAN + 9 * DAY)
    moves.move(connection, OPERATOR, "g1", "verified", BEGAN + 9 * DAY)
    assert state(connection) == "verified"
    moves.move(connection, OPERATOR, "g1", "reopened", BEGAN + 20 * DAY, why="its questions no longer find it")
    assert state(connection) == "reopened"
    assert gap.answered(connection, MAY) == ()
    assert [one.after for one in moves.history(connection, SUE, "g1")] == (
        "triaged assigned in_work published verified reopened".split()
    )

    # day 22: answered again: Bo, who was told of the first answer, is told of the second
    moves.move(connection, EVA, "g1", "in_work", BEGAN + 21 * DAY)
    moves.move(connection, EVA, "g1", "published", BEGAN + 22 * DAY, article=ARTICLE)
    assert [len(gap.answered(connection, by)) for by in (MAY, BO)] == [1, 1]

    # what the month looks like from above
    view = View(BEGAN, ENDED)
    total = searches.add(searches.shares(connection, SUE, view, "lang").values())
    assert total == Shares(searches=3, found=1, maybe=0, missing=2, empty=2, abandoned=0)
    assert searches.links(connection, SUE, view) == Links(calls=3, linked=1, lost=0)
    assert searches.speeds(connection, SUE, view)[0].seconds == 29.5  # from 1.5 s before the search, 28 s after it
    assert feedback.counts(feedback.gaps(connection, SUE, view)) == {
        "opened": 1,
        "closed": 1,
        "verified": 1,
        "reopened": 1,
    }
