"""The start of a shift: changed articles I use, and when the day ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import shift
from kb.calls.shift import Changed, end_of_day
from kb.content.site import Site
from kb.db import Database
from kb.people.users import Role, User

SITE = Site(zone=ZoneInfo("Asia/Shanghai"))
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)  # at the site
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

MAY = User("may", "May", Role.AGENT)

BEFORE, NOW = "b" * 64, "n" * 64


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    with database.write() as one:
        one.execute(sa.insert(tables.call).values(id="call-1", agent="may", begun_at=NOON, last_at=NOON))
        one.execute(sa.insert(tables.version).values(sha256=BEFORE, article="a", first_at=NOON, source="as it was"))
        yield one


def used(connection: sa.Connection, id: str, version: str, ago: timedelta, agent: str = "may", **more: object) -> None:
    count = connection.scalar(sa.select(sa.func.count()).select_from(tables.event)) or 0
    facts = {"id": f"e{count}", "call": "call-1", "at": NOON - ago, "agent": agent, "kind": "opened"}
    connection.execute(sa.insert(tables.event).values(**facts | {"article": id, "version": version, **more}))


# --- changed articles ----------------------------------------------------------------------------


def test_an_article_that_changed_since_i_used_it_is_new_to_me(connection: sa.Connection) -> None:
    used(connection, "a", BEFORE, DAY)
    used(connection, "same", NOW, DAY)
    assert shift.changed(connection, MAY, {"a": NOW, "same": NOW, "never-used": NOW}, NOON) == (
        Changed("a", NOW, "as it was", NOON - DAY, 1),
    )


def test_the_version_i_used_last_decides(connection: sa.Connection) -> None:
    used(connection, "a", BEFORE, 2 * DAY)
    used(connection, "a", NOW, DAY)
    assert shift.changed(connection, MAY, {"a": NOW}, NOON) == ()
    assert [one.article for one in shift.changed(connection, MAY, {"a": BEFORE}, NOON)] == ["a"]


def test_two_uses_in_one_moment_one_of_them_with_todays_version_are_no_change(connection: sa.Connection) -> None:
    for version in (BEFORE, NOW, BEFORE):
        used(connection, "a", version, DAY)
    assert shift.changed(connection, MAY, {"a": NOW}, NOON) == ()


def test_what_i_use_most_stands_first(connection: sa.Connection) -> None:
    for id, uses in (("once", 1), ("often", 3), ("also-once", 1)):
        for use in range(uses):
            used(connection, id, BEFORE, DAY + use * HOUR)
    found = shift.changed(connection, MAY, dict.fromkeys(("once", "often", "also-once"), NOW), NOON)
    assert [(one.article, one.uses, one.last_used) for one in found] == [
        ("often", 3, NOON - DAY),
        ("also-once", 1, NOON - DAY),
        ("once", 1, NOON - DAY),
    ]


def test_what_others_used_or_i_undid_or_used_long_ago_is_no_news(connection: sa.Connection) -> None:
    used(connection, "a", BEFORE, DAY, agent="paul")
    used(connection, "b", BEFORE, DAY, undone_at=NOON)
    used(connection, "c", BEFORE, 60 * DAY)
    used(connection, "d", "", DAY)
    used(connection, "", BEFORE, DAY)
    current = dict.fromkeys("abcd", NOW)
    assert shift.changed(connection, MAY, current, NOON) == ()
    used(connection, "c", BEFORE, 60 * DAY - HOUR)
    assert [one.article for one in shift.changed(connection, MAY, current, NOON)] == ["c"]


def test_an_article_that_is_gone_is_told_too_and_a_version_that_was_not_kept(connection: sa.Connection) -> None:
    used(connection, "gone", "not kept", DAY)
    assert shift.changed(connection, MAY, {}, NOON) == (Changed("gone", "", "", NOON - DAY, 1),)


# --- the day --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "end"),
    [
        (datetime(2026, 11, 21, 4, tzinfo=UTC), datetime(2026, 11, 21, 16, tzinfo=UTC)),
        (datetime(2026, 11, 21, 15, 59, tzinfo=UTC), datetime(2026, 11, 21, 16, tzinfo=UTC)),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), datetime(2026, 11, 22, 16, tzinfo=UTC)),
    ],
)
def test_the_day_ends_at_the_sites_midnight(at: datetime, end: datetime) -> None:
    assert end_of_day(SITE, at) == end


def test_the_day_of_a_clock_change_ends_at_midnight_too() -> None:
    site = Site(zone=ZoneInfo("Europe/Berlin"))
    assert end_of_day(site, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == datetime(2026, 10, 25, 23, tzinfo=UTC)
