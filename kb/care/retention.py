"""Old calls become counts: after a time that the site chooses, nobody's words and nobody's name are left of them.

What stays is how often an article was opened, copied, solved or not in a month, and how many calls and searches
there were. Promises that wait still, gaps, and the calls they are about, are kept until they are done.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.errors import StoreError
from kb.gaps.gap import OPEN
from kb.people import audit
from kb.people.users import Action, User, require

AT_ONCE = 200  # calls a transaction: others want to write too
OF_PERSON = (tables.practice, tables.bulletin_seen)  # rows of no call
VOUCHED = 7  # days with calls since a moment, before what was earlier is believed to be old
OF_CALL = (tables.flag, tables.promise, tables.event)  # rows that go with a call, in this order


@dataclass(frozen=True)
class Reduced:
    """How many calls and events became counts, and how many reports and attempts lost their words or went."""

    calls: int = 0
    events: int = 0
    others: int = 0


def due(connection: sa.Connection, before: datetime, most: int = AT_ONCE) -> list[str]:
    """Calls of which nothing happened since a moment and for which nobody waits, the oldest first."""
    call, promise, report, gap = tables.call, tables.promise, tables.gap_report, tables.gap
    waits = sa.select(promise.c.call).where(promise.c.kept_at.is_(None), promise.c.undone_at.is_(None))
    needs = sa.select(report.c.call).join(gap, gap.c.id == report.c.gap).where(gap.c.state.in_(OPEN))
    old = (call.c.last_at < before) & call.c.id.not_in(waits) & call.c.id.not_in(needs)
    return list(connection.scalars(sa.select(call.c.id).where(old).order_by(call.c.last_at, call.c.id).limit(most)))


def is_due(connection: sa.Connection, before: datetime) -> bool:
    """Whether there is anything to let go."""
    old = (sa.select(table.c.at).where(table.c.at < before).limit(1) for table in OF_PERSON)
    return bool(due(connection, before, 1)) or any(connection.execute(one).first() for one in old)


def check_clock(connection: sa.Connection, before: datetime, at: datetime) -> None:
    """Refuse to let anything go because of the clock alone. Raises StoreError `clock_doubted`.

    A machine that comes back ten years ahead would find every call old. The journal has to vouch for the clock: since
    `before`, calls were begun on `VOUCHED` days, or on each where the time is shorter. A base that rested for long
    vouches again after a week of work; a wrong clock is noticed by then.
    """
    begun, wanted, latest = tables.call.c.begun_at, max(1, min(VOUCHED, (at - before).days)), at
    for days in range(wanted):
        found = connection.scalar(sa.select(sa.func.max(begun)).where(begun >= before, begun <= latest))
        if found is None:
            raise StoreError("clock_doubted", days=days, wanted=wanted, since=f"{before:%Y-%m-%d}")
        latest = found.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)


def reduce(connection: sa.Connection, by: User, before: datetime, at: datetime) -> Reduced:
    """One step of at most `AT_ONCE` calls: they become counts of their months. `calls` 0 = nothing is left to do."""
    require(by, Action.REDUCE_JOURNAL)
    ids = due(connection, before)
    event = tables.event
    counts: Counter[tuple[str, str, str, str]] = Counter()
    calls = connection.execute(sa.select(tables.call).where(tables.call.c.id.in_(ids))).all()
    tags = {row.id: row.tag for row in calls}
    seen: set[tuple[str, str, str]] = set()
    events = 0
    for row in connection.execute(sa.select(event).where(event.c.call.in_(ids), event.c.undone_at.is_(None))):
        events += 1
        once = (row.call, row.kind, row.article)
        if row.kind == "solved" and once in seen:
            continue  # an article solves a call once, however often it is said
        seen.add(once)
        counts[_month(row.at), row.kind, row.article, tags[row.call]] += 1
    for row in calls:
        counts[_month(row.begun_at), "call", "", row.tag] += 1
    for (month, kind, article, tag), count in counts.items():
        _add(connection, {"month": month, "kind": kind, "article": article, "tag": tag}, count)
    flags = sa.select(tables.flag.c.id).where(tables.flag.c.call.in_(ids))
    connection.execute(sa.delete(tables.flag_answer).where(tables.flag_answer.c.flag.in_(flags)))
    for table in (*OF_CALL, tables.asked, tables.miss):
        connection.execute(sa.delete(table).where(table.c.call.in_(ids)))
    others = _words_away(connection, ids, before)
    connection.execute(sa.delete(tables.call).where(tables.call.c.id.in_(ids)))
    if ids or others:
        audit.append(connection, by.id, "erase", at, "journal", calls=len(ids), events=events, others=others)
    return Reduced(len(ids), events, others)


def _month(at: datetime) -> str:
    return at.strftime("%Y-%m")


def _add(connection: sa.Connection, key: dict[str, Any], count: int) -> None:
    past = tables.past
    mine = sa.and_(*(past.c[name] == value for name, value in key.items()))
    more = sa.update(past).where(mine).values(count=past.c.count + count)
    if not connection.execute(more).rowcount:
        connection.execute(sa.insert(past).values(**key, count=count))


def _words_away(connection: sa.Connection, calls: list[str], before: datetime) -> int:
    """Reports of these calls stay as a number without words or a name; old practice and ticks go."""
    report = tables.gap_report
    nobody = {"agent": "", "call": "", "question": "", "words": "", "answered": "", "suggestion": ""}
    gone = connection.execute(sa.update(report).where(report.c.call.in_(calls)).values(**nobody)).rowcount
    for table in OF_PERSON:
        gone += connection.execute(sa.delete(table).where(table.c.at < before)).rowcount
    return gone
