"""A sample month for a base that has none yet, so that a newcomer sees what the pages will show; and out with it.

Every row of it is tagged or named `demo`: it is shown under a banner and teaches nothing (settled.md, 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from kb import tables
from kb.care.demo.story import TAG, Month, month, topics
from kb.errors import RequestError
from kb.gaps import misses
from kb.gaps.analytics import asked
from kb.people.users import OPERATOR, Action, User, require

ROWS_AT_ONCE = 500


def is_there(connection: sa.Connection) -> bool:
    """Whether the base holds the sample month."""
    return connection.scalar(sa.select(sa.literal(1)).where(tables.call.c.tag == TAG).limit(1)) is not None


def is_offered(connection: sa.Connection) -> bool:
    """Whether nothing has happened in this base yet, so that a sample can be of use."""
    return connection.scalar(sa.select(tables.call.c.id).limit(1)) is None


def fill(connection: sa.Connection, by: User, versions: Mapping[str, str], at: datetime, zone: ZoneInfo) -> int:
    """Write the sample month that ends at `at`; how many calls it has.

    versions: article id → sha256 of its file, of all that is served
    Raises RequestError where it is there already, or none of the sample articles is in the base.
    """
    require(by, Action.SHOW_DEMO)
    if is_there(connection):
        raise RequestError("demo_there")
    told = month(versions, at, zone)
    if not told.calls:
        raise RequestError("demo_without_articles")
    write(connection, told)
    while misses.notice(connection, OPERATOR, at) == misses.CALLS_AT_ONCE:
        pass
    miss, known = tables.miss.c, {gap["id"] for gap in told.gaps}
    for gap, words in topics():
        if gap in known:
            alike = miss.question.in_(words) & (miss.tag == TAG) & (miss.gap == "")
            connection.execute(sa.update(tables.miss).where(alike).values(gap=gap))
    while asked.catch_up(connection, by, at, zone) == asked.CALLS_AT_ONCE:
        pass
    return len(told.calls)


def write(connection: sa.Connection, told: Month) -> None:
    """Write a month's rows as they are."""
    for table, rows in (
        (tables.call, told.calls),
        (tables.event, told.events),
        (tables.promise, told.promises),
        (tables.flag, told.flags),
        (tables.gap, told.gaps),
        (tables.gap_report, told.reports),
        (tables.gap_move, told.moves),
        (tables.bulletin, told.bulletins),
        (tables.bulletin_seen, told.seen),
    ):
        for start in range(0, len(rows), ROWS_AT_ONCE):
            connection.execute(sa.insert(table), rows[start : start + ROWS_AT_ONCE])


def clear(connection: sa.Connection, by: User) -> int:
    """Take the sample out, and nothing else; how many calls it had.

    A sample gap that somebody has joined on a call of their own is theirs from then on, and stays.
    """
    require(by, Action.SHOW_DEMO)
    calls = sa.select(tables.call.c.id).where(tables.call.c.tag == TAG)
    posted = tables.bulletin.c.id.startswith(f"{TAG}-")
    flagged = sa.select(tables.flag.c.id).where(tables.flag.c.call.in_(calls))
    connection.execute(sa.delete(tables.flag_answer).where(tables.flag_answer.c.flag.in_(flagged)))
    for table in (tables.event, tables.promise, tables.flag, tables.gap_report):
        connection.execute(sa.delete(table).where(table.c.call.in_(calls)))
    for table in (tables.miss, tables.asked):
        connection.execute(sa.delete(table).where(table.c.tag == TAG))
    kept = sa.select(tables.gap_report.c.gap).union(sa.select(tables.miss.c.gap))
    joined = (tables.gap.c.tag == TAG) & tables.gap.c.id.in_(kept)
    connection.execute(sa.update(tables.gap).where(joined).values(tag=""))
    gaps = sa.select(tables.gap.c.id).where(tables.gap.c.tag == TAG)
    for table in (tables.gap_move, tables.replay, tables.round_item):
        connection.execute(sa.delete(table).where(table.c.gap.in_(gaps)))
    about = sa.select(tables.round_item.c.round)
    connection.execute(sa.delete(tables.round_table).where(tables.round_table.c.id.not_in(about)))
    apart = tables.gap_apart.c
    connection.execute(sa.delete(tables.gap_apart).where(apart.one.in_(gaps) | apart.other.in_(gaps)))
    connection.execute(sa.delete(tables.gap).where(tables.gap.c.tag == TAG))
    seen = tables.bulletin_seen.c.bulletin.in_(sa.select(tables.bulletin.c.id).where(posted))
    connection.execute(sa.delete(tables.bulletin_seen).where(seen))
    connection.execute(sa.delete(tables.bulletin).where(posted))
    return connection.execute(sa.delete(tables.call).where(tables.call.c.tag == TAG)).rowcount
