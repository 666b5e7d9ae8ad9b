"""What happened on a call, event by event: searches, articles opened, sentences copied, what solved it.

An event's id is made where it happened, so that sending it twice is once and a lost connection loses
nothing. A keystroke is no search: one is written on Enter, on opening a hit, on recording a gap or
after a rest, and what the typing passed through collapses into what it became (settled.md, 1).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kb import tables, text
from kb.errors import NotFoundError, RequestError
from kb.masking import mask
from kb.people.users import Action, User, require

KINDS = ("search", "open", "copy", "solved", "helped", "unsolved", "gap", "join", "flag", "promise", "taken")
SAID = ("open", "copy", "solved", "helped")  # events that tell what a caller was or may have been told
OF_ARTICLE = (*SAID, "unsolved")  # events that name the article and the version that was on the page
UNREAD: Mapping[str, None] = {"noticed_at": None, "read_at": None}  # of a call on which something happened
MAX_ID = 64
BACK, AFTER = timedelta(milliseconds=100), timedelta(milliseconds=1)  # a clock that went back, and what comes next
MAX_QUERY = 2_000
MAX_SECONDS = 30 * 60  # between two events: more is a break, not work
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")


@dataclass(frozen=True)
class Event:
    """One thing that happened on a call. `version` is the sha256 of the article as it was shown.

    detail: `search` has `verdict`, `hits` (how many), `complete` (False: the encoder had no part in it), `keys`
            (how many were pressed for it) and `since` (milliseconds from the first of them);
            `open`, `solved`, `helped` and `unsolved` (the article did not help) have `rank` from 1;
            `copy` has `said`, the sentence as copied
    """

    id: str
    call: str
    at: datetime
    agent: str
    kind: str
    query: str = ""
    article: str = ""
    version: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    undone_at: datetime | None = None


def checked_id(id: str) -> str:
    """An id made elsewhere, if it can be one: letters, digits and . _ : - , at most `MAX_ID`. Raises RequestError."""
    if not _ID.match(id):
        raise RequestError("id_malformed_here", id=id[:40])
    return id


def continues(before: Event, after: Event) -> bool:
    """Whether a search is only a step in typing the one right after it, which begins with the same words."""
    if before.kind != "search" or after.kind != "search" or before.agent != after.agent:
        return False
    return text.fold(after.query).strip().startswith(text.fold(before.query).strip())


def _typed_on(before: Event, after: Event) -> Event:
    """A search with the keys and the time of the one whose typing it goes on with."""
    if not {"keys", "since"} & {*before.detail, *after.detail}:
        return after
    between = (after.at - before.at) // timedelta(milliseconds=1)
    keys = int(before.detail.get("keys", 0)) + int(after.detail.get("keys", 0))
    since = max(between + int(before.detail.get("since", 0)), int(after.detail.get("since", 0)))
    return replace(after, detail={**after.detail, "keys": keys, "since": since})


def seconds_spent(trail: Sequence[Event]) -> list[float]:
    """Seconds from each event to the next one on its call, 0 for the last; a pause counts `MAX_SECONDS` at most."""
    gaps = [(after.at - before.at).total_seconds() for before, after in itertools.pairwise(trail)]
    return [min(max(seconds, 0.0), MAX_SECONDS) for seconds in gaps] + [0.0] * bool(trail)


# --- reads and writes ----------------------------------------------------------------------------


def append(connection: sa.Connection, by: User, events: Sequence[Event]) -> None:
    """Write what happened, once each. The call must be there and be `by`'s: `kb.calls.call` sees to that.

    An event may come late: a search collapses with what stands next to it in time, not with what was written last.
    """
    require(by, Action.TAKE_CALL, owner=by.id)
    for event in events:
        require(by, Action.TAKE_CALL, owner=event.agent)
        if event.kind not in KINDS:
            raise RequestError("event_unknown", kind=event.kind[:40])
        if _there(connection, checked_id(event.id)):
            continue
        kept = _masked(event)
        after = _next(connection, kept)
        if kept.kind == "search" and (not kept.query or (after and continues(kept, after))):
            continue
        # half a phone number is masked no more than any number; as typed, it is the beginning of the whole one
        while (before := _last(connection, kept)) and (continues(before, kept) or continues(before, event)):
            connection.execute(sa.delete(tables.event).where(tables.event.c.id == before.id))
            kept = _typed_on(before, kept)
        connection.execute(sa.insert(tables.event).values(**_row(kept)))


def undo(connection: sa.Connection, by: User, id: str, at: datetime) -> Event:
    """Take one's own event back. Raises NotFoundError for another's or none."""
    require(by, Action.TAKE_CALL, owner=by.id)
    mine = (tables.event.c.id == id) & (tables.event.c.agent == by.id)
    found = connection.execute(sa.select(tables.event).where(mine)).first()
    if found is None:
        raise NotFoundError("event_not_found")
    if found.undone_at is None:
        connection.execute(sa.update(tables.event).where(mine).values(undone_at=at))
        connection.execute(sa.update(tables.call).where(tables.call.c.id == found.call).values(**UNREAD))
    return event_of(found)


def trail(connection: sa.Connection, call: str) -> tuple[Event, ...]:
    """What happened on a call, in order, with what was taken back."""
    found = sa.select(tables.event).where(tables.event.c.call == call).order_by(tables.event.c.at, tables.event.c.id)
    return tuple(event_of(row) for row in connection.execute(found))


def behind(connection: sa.Connection, call: str, now: datetime) -> timedelta:
    """How far the machine's clock went back since something happened on a call, and a moment; zero where it did not."""
    latest = connection.scalar(sa.select(sa.func.max(tables.event.c.at)).where(tables.event.c.call == call))
    return latest - now + AFTER if latest is not None and latest - now > BACK else timedelta()


def solved_counts(connection: sa.Connection) -> dict[str, int]:
    """Article id → how many real calls it solved."""
    event, call = tables.event, tables.call
    counted = (
        sa.select(event.c.article, sa.func.count(sa.distinct(event.c.call)).label("calls"))
        .join(call, call.c.id == event.c.call)
        .where(event.c.kind == "solved", event.c.article != "", event.c.undone_at.is_(None), call.c.tag == "")
        .group_by(event.c.article)
    )
    past = tables.past
    before = sa.select(past.c.article, sa.func.sum(past.c.count).label("calls")).where(
        past.c.kind == "solved", past.c.tag == ""
    )
    found: Counter[str] = Counter()
    for asked in (counted, before.group_by(past.c.article)):
        found.update({row.article: int(row.calls) for row in connection.execute(asked)})
    return dict(found)


def uses(connection: sa.Connection, since: datetime) -> dict[str, tuple[int, int, datetime]]:
    """Article id → on how many real calls it was opened and it solved since then, and when it was last opened."""
    event, call = tables.event, tables.call
    calls = sa.func.count(sa.distinct(sa.case((event.c.at >= since, event.c.call))))
    counted = (
        sa.select(event.c.article, event.c.kind, calls.label("calls"), sa.func.max(event.c.at).label("last"))
        .join(call, call.c.id == event.c.call)
        .where(event.c.kind.in_(("open", "solved")), event.c.article != "")
        .where(event.c.undone_at.is_(None), call.c.tag == "")
        .group_by(event.c.article, event.c.kind)
    )
    found: dict[str, tuple[int, int, datetime]] = {}
    for row in connection.execute(counted):
        views, solved, last = found.get(row.article, (0, 0, row.last))
        more = (row.calls, solved) if row.kind == "open" else (views, row.calls)
        found[row.article] = (*more, max(last, row.last))
    return found


def begun(connection: sa.Connection) -> datetime | None:
    """When the first real call was journalled, None before that."""
    call = tables.call
    found: datetime | None = connection.scalar(sa.select(sa.func.min(call.c.begun_at)).where(call.c.tag == ""))
    return found


def last_version_used(connection: sa.Connection, by: User, article: str) -> str:
    """The version of an article this person was last shown, '' for none."""
    event = tables.event
    found = (
        sa.select(event.c.version)
        .where(event.c.agent == by.id, event.c.article == article, event.c.version != "")
        .order_by(event.c.at.desc(), event.c.id.desc())
        .limit(1)
    )
    return connection.scalar(found) or ""


def article_of(connection: sa.Connection, version: str) -> str:
    """The article that a version is of, '' for one that this base never had."""
    one = tables.version.c
    return connection.scalar(sa.select(one.article).where(one.sha256 == version)) or ""


def event_of(row: sa.Row[Any]) -> Event:
    """A row of the table `event` as an Event."""
    return Event(**row._mapping)


def _there(connection: sa.Connection, id: str) -> bool:
    return connection.scalar(sa.select(sa.literal(1)).where(tables.event.c.id == id)) is not None


def _last(connection: sa.Connection, event: Event) -> Event | None:
    """What happened on the call right before an event, or with it."""
    one = tables.event.c
    asked = sa.select(tables.event).where(one.call == event.call, one.at <= event.at)
    row = connection.execute(asked.order_by(one.at.desc(), one.id.desc()).limit(1)).first()
    return event_of(row) if row else None


def _next(connection: sa.Connection, event: Event) -> Event | None:
    """What happened on the call right after an event."""
    one = tables.event.c
    asked = sa.select(tables.event).where(one.call == event.call, one.at > event.at)
    row = connection.execute(asked.order_by(one.at, one.id).limit(1)).first()
    return event_of(row) if row else None


def _masked(event: Event) -> Event:
    texts = {name: mask(value)[:MAX_QUERY] for name, value in event.detail.items() if isinstance(value, str)}
    query = mask(text.clean(event.query))[:MAX_QUERY]
    return Event(**{**_row(event), "query": query, "detail": {**event.detail, **texts}})


def _row(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__dataclass_fields__}
