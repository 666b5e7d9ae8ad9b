"""Every search with what came of it, as it is read from a call's trail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import call, journal
from kb.calls.journal import Event
from kb.content.site import Site
from kb.db import Connection, Database
from kb.errors import NotAllowedError
from kb.gaps.analytics import asked
from kb.gaps.analytics.asked import Asked
from tests.people_on_the_floor import MAY, MINUTE, NOON, SECOND, SUE

ZONE = Site().zone
NUMBERS = count()
FOUND = {"verdict": "found", "hits": 4, "complete": True}
MISSING = {"verdict": "missing", "hits": 0, "complete": True}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def event(kind: str, after: float = 0, query: str = "", article: str = "", **detail: Any) -> Event:
    at = NOON + timedelta(seconds=after)
    return Event(f"e{next(NUMBERS):04}", "call-1", at, "may", kind, query, article, "v" * bool(article), detail)


def read(connection: Connection, *events: Event, lang: str = "", product: str = "", tag: str = "") -> list[Asked]:
    """The call's searches after it has been written and read."""
    call.begin(connection, MAY, "call-1", NOON, lang=lang, product=product, tag=tag)
    for one in events:
        call.record(connection, MAY, "call-1", [one], one.at)
    return again(connection)


def again(connection: Connection, at: datetime = NOON) -> list[Asked]:
    asked.catch_up(connection, SUE, at, ZONE)
    rows = connection.execute(sa.select(tables.asked).order_by(tables.asked.c.at))
    return [Asked(**row._mapping) for row in rows]


def outcomes(found: list[Asked]) -> list[tuple[str, str]]:
    return [(one.question, one.outcome) for one in found]


def test_a_search_that_solved_has_every_fact(connection: Connection) -> None:
    search = event("search", 0, "old card refund", **FOUND, keys=15, since=3_000)
    found = read(
        connection,
        search,
        event("open", 4, "old card refund", "refund-en", rank=2),
        event("solved", 27, "old card refund", "refund-en", rank=2),
        lang="en",
        product="LH-V7",
    )
    assert found == [
        Asked(
            id=search.id,
            call="call-1",
            agent="may",
            teams=["payments"],
            at=NOON,
            day="2026-11-21",
            question="old card refund",
            lang="en",
            product="LH-V7",
            tag="",
            verdict="found",
            hits=4,
            opened="refund-en",
            rank=2,
            outcome="solved",
            article="refund-en",
            seconds=30.0,
            pressed=15,
        )
    ]


def test_what_came_of_each_search(connection: Connection) -> None:
    found = read(
        connection,
        event("search", 0, "nothing opened", **FOUND),
        event("search", 60, "opened only", **FOUND),
        event("open", 61, "opened only", "a-en", rank=1),
        event("search", 120, "copied from the last one", **FOUND),
        event("copy", 121, "", "a-en"),
        event("search", 180, "helped", **FOUND),
        event("helped", 181, "helped", "b-en"),
        event("search", 240, "recorded", **MISSING),
        event("gap", 241, "recorded"),
        event("unsolved", 242),
        event("search", 300, "joined", **MISSING),
        event("join", 301, "joined"),
        event("search", 360, "not solved", **FOUND),
        event("unsolved", 361),
        event("search", 420, "left", **FOUND),
    )
    assert outcomes(found) == [
        ("nothing opened", "again"),
        ("opened only", "opened"),
        ("copied from the last one", "opened"),
        ("helped", "helped"),
        ("recorded", "gap"),
        ("joined", "gap"),
        ("not solved", "unsolved"),
        ("left", "left"),
    ]
    assert [one.article for one in found if one.article] == ["b-en"]


def test_an_answer_counts_from_the_first_key_of_its_own_question(connection: Connection) -> None:
    found = read(
        connection,
        event("search", 10, "wifi slow", **FOUND, keys=9, since=2_000),
        event("search", 25, "no speed upstairs", **FOUND, keys=17, since=4_000),
        event("solved", 50, "no speed upstairs", "wifi-en"),
        event("search", 90, "refund days", **FOUND, keys=11, since=1_000),
        event("solved", 100, "refund days", "refund-en"),
    )
    assert [(one.question, one.seconds, one.pressed) for one in found] == [
        ("wifi slow", None, None),
        ("no speed upstairs", 42.0, 26),  # 50 − (10 − 2); 9 + 17
        ("refund days", 11.0, 11),
    ]


def test_typing_that_was_not_counted_counts_for_nothing(connection: Connection) -> None:
    found = read(
        connection,
        event("search", 10, "wifi slow", **FOUND, keys=9, since=2_000),
        event("search", 25, "no speed upstairs", **FOUND),
        event("solved", 50, "", "wifi-en"),
    )
    assert [(one.seconds, one.pressed) for one in found] == [(None, None), (42.0, None)]


def test_an_answer_half_an_hour_later_was_another_matter(connection: Connection) -> None:
    [one] = read(connection, event("search", 0, "wifi", **FOUND), event("solved", 1_801, "wifi", "wifi-en"))
    assert (one.outcome, one.seconds) == ("solved", None)


def test_a_verdict_without_the_encoder_is_none(connection: Connection) -> None:
    words_only = {"verdict": "missing", "hits": 2, "complete": False}
    [popped, failed] = read(connection, event("search", 0, "from the CRM"), event("search", 9, "wifi", **words_only))
    assert [(one.verdict, one.hits) for one in (popped, failed)] == [("", None), ("", 2)]


def test_the_language_is_the_customers_else_the_questions(connection: Connection) -> None:
    found = read(connection, event("search", 0, "退款 card", **FOUND), event("search", 9, "refund", **FOUND))
    assert [one.lang for one in found] == ["zh", "en"]
    call.about(connection, MAY, "call-1", NOON + MINUTE, lang="zh-CN")
    assert [one.lang for one in again(connection)] == ["zh", "zh"]


def test_a_call_is_read_again_after_something_happened_and_only_then(connection: Connection) -> None:
    first = event("search", 0, "wifi slow", **FOUND)
    assert outcomes(read(connection, first)) == [("wifi slow", "left")]
    assert asked.catch_up(connection, SUE, NOON, ZONE) == 0
    solved = event("solved", 20, "wifi slow", "wifi-en")
    call.record(connection, MAY, "call-1", [solved], solved.at)
    assert asked.is_behind(connection)
    assert outcomes(again(connection)) == [("wifi slow", "solved")]
    assert not asked.is_behind(connection)
    journal.undo(connection, MAY, solved.id, NOON + MINUTE)
    assert outcomes(again(connection)) == [("wifi slow", "left")]


def test_practice_previews_and_keys_are_never_read(connection: Connection) -> None:
    for tag in ("practice", "preview", "key"):
        call.begin(connection, MAY, f"call-{tag}", NOON, tag=tag)
        search = replace(event("search", 0, "wifi", **FOUND), call=f"call-{tag}")
        call.record(connection, MAY, f"call-{tag}", [search], NOON)
    assert (again(connection), asked.is_behind(connection)) == ([], False)


def test_agents_may_not_read_the_floors_searches(connection: Connection) -> None:
    with pytest.raises(NotAllowedError):
        asked.catch_up(connection, MAY, NOON, ZONE)


def test_many_calls_are_read_in_steps(connection: Connection) -> None:
    for n in range(5):
        call.begin(connection, MAY, f"c-{n}", NOON + n * SECOND)
        one = replace(event("search", n, "wifi", **FOUND), call=f"c-{n}")
        call.record(connection, MAY, f"c-{n}", [one], one.at)
    assert [asked.catch_up(connection, SUE, NOON, ZONE, most=2) for _ in range(4)] == [2, 2, 1, 0]
    assert len(again(connection)) == 5
