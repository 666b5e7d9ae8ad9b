"""One call: begun by a first search or a screen-pop, held by one agent at a time, ended by a key or by silence.

A call is handed over by being opened by the next agent under the same id: the trail and the promises
come along. An agent may hold two; a third puts an end to the one that has been still the longest, and
a screen-pop to the latest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from kb import tables
from kb.calls import journal, promises
from kb.calls.journal import SAID, UNREAD, Event, checked_id
from kb.calls.promises import Promise
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.masking import phone_in
from kb.people.users import Action, User, may, require

IDLE = timedelta(minutes=15)
MOST_HELD = 2
REAL = ""
TAGS = (REAL, "practice", "demo", "preview", "key")
_LANG = re.compile(r"[a-z]{2}(-[A-Za-z]{2,4})?\Z")
_IN_LETTERS = str.maketrans("0123456789", "ghijklmnop")


@dataclass(frozen=True)
class Call:
    """One call as it stands. `teams` are those of whoever holds it; `tag` '' is a real call (settled.md, 2)."""

    id: str
    agent: str
    teams: frozenset[str]
    begun_at: datetime
    last_at: datetime
    ended_at: datetime | None
    product: str
    lang: str
    tag: str

    def is_open(self, at: datetime) -> bool:
        """Whether it is going on: not ended, and something happened in the last 15 minutes."""
        return self.ended_at is None and abs(at - self.last_at) < IDLE  # what is to come tells of another clock


@dataclass(frozen=True)
class Told:
    """What was said on a call: the article, the version it was read from, by whom, when; `said` as copied."""

    article: str
    version: str
    agent: str
    at: datetime
    said: str
    solved: bool


@dataclass(frozen=True)
class Summary:
    """A call for the CRM: what was asked, what was told, whether it solved, what was promised, what was missing."""

    call: Call
    questions: tuple[str, ...]
    told: tuple[Told, ...]
    missing: tuple[str, ...]
    promised: tuple[Promise, ...]


def checked_pop(id: str, query: str = "") -> str:
    """The call id of a screen-pop. Raises RequestError for one that is none, and for a phone number in either."""
    if phone_in(id) or phone_in(query):
        raise RequestError("phone_in_address")
    return checked_id(id)


def own_id(digits: str) -> str:
    """The id of a call that no other system has named, from hex digits: in letters, where no phone number can be read.

    One in 700 random ids has one.
    """
    return digits.translate(_IN_LETTERS)


def told(trail: Sequence[Event]) -> tuple[Told, ...]:
    """What was said, an entry an article, version and agent, in order: copied, or marked as having solved or helped."""
    found: dict[tuple[str, str, str], Told] = {}
    for event in trail:
        if event.undone_at or event.kind not in SAID or event.kind == "open":
            continue
        key = event.article, event.version, event.agent
        before = found.get(key)
        said = str(event.detail.get("said", "")) or (before.said if before else "")
        solved = event.kind == "solved" or bool(before and before.solved)
        found[key] = Told(*key, before.at if before else event.at, said, solved)
    return tuple(found.values())


def questions(trail: Sequence[Event]) -> tuple[str, ...]:
    """What was typed on a call, in order, once each."""
    return _queries(trail, "search")


def _queries(trail: Sequence[Event], *kinds: str) -> tuple[str, ...]:
    asked = (event.query for event in trail if event.kind in kinds and not event.undone_at)
    return tuple(dict.fromkeys(query for query in asked if query))


def checked_lang(lang: str) -> str:
    """The customer's language as a code, '' for none. Raises RequestError for anything else."""
    if lang and not _LANG.match(lang):
        raise RequestError("lang_unknown", lang=lang[:40])
    return lang


# --- reads and writes ----------------------------------------------------------------------------


def begin(
    connection: sa.Connection, by: User, id: str, at: datetime, *, product: str = "", lang: str = "", tag: str = REAL
) -> Call:
    """The call of this id, `by`'s from now on: begun, gone on with, or taken over from whoever held it.

    Raises RequestError for an id that is none, NotAllowedError for another team's call.
    """
    require(by, Action.TAKE_CALL, owner=by.id)
    tag = tag or by.tag
    if tag not in TAGS:
        raise RequestError("tag_unknown", tag=tag[:40])
    before = find(connection, checked_pop(id))
    if before is None:
        _make_room(connection, by, at)
        facts = {"id": id, "agent": by.id, "teams": sorted(by.teams), "begun_at": at, "last_at": at}
        connection.execute(sa.insert(tables.call).values(**facts, product=product, lang=checked_lang(lang), tag=tag))
    else:
        _may_read(by, before)
        changed: dict[str, Any] = {"last_at": max(at, before.last_at), "ended_at": None, **UNREAD}
        changed |= {name: value for name, value in (("product", product), ("lang", checked_lang(lang))) if value}
        if before.agent != by.id or not before.is_open(at):
            _make_room(connection, by, at)
        if before.agent != by.id:
            changed |= {"agent": by.id, "teams": sorted(by.teams)}
            taken = Event(uuid4().hex, id, at, by.id, "taken", detail={"from": before.agent})
            journal.append(connection, by, [taken])
        connection.execute(sa.update(tables.call).where(tables.call.c.id == id).values(**changed))
    return _sure(connection, id)


def pop(connection: sa.Connection, by: User, id: str, at: datetime, *, product: str = "", lang: str = "") -> Call:
    """The call of a screen-pop: the next customer is on the line, so the call `by` was on last is over (settled.md, 3).

    A pop of a call that `by` holds already ends nothing: it is sent twice, or turns to the other of two.
    Raises as `begin` does.
    """
    require(by, Action.TAKE_CALL, owner=by.id)
    before = held(connection, by, at)
    if before and id not in {one.id for one in before}:
        _end(connection, before[0], at)
    return begin(connection, by, id, at, product=product, lang=lang)


def record(
    connection: sa.Connection,
    by: User,
    id: str,
    events: Sequence[Event],
    at: datetime,
    now: datetime | None = None,
) -> Call:
    """Write what happened on a call, begun by it where it is new.

    now: when it is told, where it happened before; with it the trail stays in order when the machine's clock goes back
    Raises NotAllowedError where another held it at that time: what comes late from the one before is taken.
    """
    one = find(connection, checked_id(id))
    if one is None or (one.agent == by.id and not one.is_open(at) and one.ended_at is None):
        one = begin(connection, by, id, at)
    if not _held_then(connection, by, one, at):
        _must_hold(by, one)
    behind = journal.behind(connection, id, now) if now else timedelta()
    journal.append(connection, by, [replace(event, call=id, at=event.at + behind) for event in events])
    new = {"last_at": _last_at(one, at, now), **UNREAD}
    connection.execute(sa.update(tables.call).where(tables.call.c.id == id).values(**new))
    return _sure(connection, id)


def about(
    connection: sa.Connection,
    by: User,
    id: str,
    at: datetime,
    *,
    product: str | None = None,
    lang: str | None = None,
) -> None:
    """What the call is about: its product, the customer's language; '' takes one away, None leaves it.

    The call is begun by it where it is new. Raises NotAllowedError for another's, RequestError for no language.
    """
    one = find(connection, checked_id(id)) or begin(connection, by, id, at)
    _must_hold(by, one)
    given = ("product", product), ("lang", lang if lang is None else checked_lang(lang))
    changed: dict[str, Any] = {name: value for name, value in given if value is not None}
    changed |= {"last_at": max(at, one.last_at), **UNREAD}
    connection.execute(sa.update(tables.call).where(tables.call.c.id == id).values(**changed))


def end(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """The call is over. Raises NotFoundError for no call, NotAllowedError for another's."""
    one = _sure(connection, id)
    _must_hold(by, one)
    if one.ended_at is None:
        _end(connection, one, at)


def resume(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """The call was not over after all. Raises as `end` does."""
    one = _sure(connection, id)
    _must_hold(by, one)
    if not one.is_open(at):
        _make_room(connection, by, at)
    again = {"ended_at": None, "last_at": max(at, one.last_at), **UNREAD}
    connection.execute(sa.update(tables.call).where(tables.call.c.id == id).values(**again))


def held(connection: sa.Connection, by: User, at: datetime) -> tuple[Call, ...]:
    """The calls that `by` is on, the latest first."""
    one = tables.call.c
    mine = (one.agent == by.id) & one.ended_at.is_(None) & (one.last_at > at - IDLE) & (one.last_at < at + IDLE)
    rows = connection.execute(sa.select(tables.call).where(mine).order_by(one.last_at.desc(), one.id))
    return tuple(_call(row) for row in rows)


def look_up(connection: sa.Connection, by: User, id: str) -> tuple[Call, tuple[Event, ...], tuple[Promise, ...]]:
    """A call with its trail and its promises: what was this caller told, from which version, by whom.

    Raises NotFoundError for no such call, NotAllowedError for another team's.
    """
    one = _sure(connection, id)
    _may_read(by, one)
    return one, journal.trail(connection, id), promises.of_call(connection, id)


def summary(connection: sa.Connection, by: User, id: str) -> Summary:
    """A call for the CRM. Raises as `look_up` does."""
    one, trail, promised = look_up(connection, by, id)
    return Summary(one, questions(trail), told(trail), _queries(trail, "gap", "join"), promised)


def recall(
    connection: sa.Connection,
    by: User,
    article: str,
    version: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[tuple[Call, Told], ...]:
    """The real calls that `by` may read that were told something of an article, and what, the latest first.

    version: only this one, '' = any; since, until: only in [since, until), None = open
    """
    require(by, Action.READ_CALL, owner=by.id)
    event, asked = tables.event.c, sa.select(tables.event.c.call).distinct()
    asked = asked.where(event.article == article, event.kind.in_(journal.SAID), event.undone_at.is_(None))
    rows = connection.execute(sa.select(tables.call).where(tables.call.c.tag == REAL, tables.call.c.id.in_(asked)))
    found = [
        (one, said)
        for one in map(_call, rows)
        if may(by, Action.READ_CALL, owner=one.agent if one.teams else "", teams=one.teams)
        for said in told(journal.trail(connection, one.id))
        if said.article == article
        and version in ("", said.version)
        and (since is None or since <= said.at)
        and (until is None or said.at < until)
    ]
    return tuple(sorted(found, key=lambda pair: (pair[1].at, pair[0].id), reverse=True))


def find(connection: sa.Connection, id: str) -> Call | None:
    """The call of this id, whoever's."""
    row = connection.execute(sa.select(tables.call).where(tables.call.c.id == id)).first()
    return _call(row) if row else None


def _sure(connection: sa.Connection, id: str) -> Call:
    found = find(connection, id)
    if found is None:
        raise NotFoundError("call_not_found", call=id[: journal.MAX_ID])
    return found


def _must_hold(by: User, one: Call) -> None:
    """Who holds it is told to those who may read it."""
    require(by, Action.TAKE_CALL, owner=by.id)
    if one.agent != by.id:
        _may_read(by, one)
        raise NotAllowedError("call_is_anothers", agent=one.agent)


def _may_read(by: User, one: Call) -> None:
    """A call of an agent without teams is the whole floor's."""
    require(by, Action.READ_CALL, owner=one.agent if one.teams else "", teams=one.teams)


def _last_at(one: Call, at: datetime, now: datetime | None) -> datetime:
    """When something last happened, if it happens at `at`, too. What is far ahead of `now` is another clock's."""
    return at if now and one.last_at - now >= IDLE else max(at, one.last_at)


def _make_room(connection: sa.Connection, by: User, at: datetime) -> None:
    """End the calls that would be more than `MOST_HELD`, the stillest first."""
    for one in held(connection, by, at)[MOST_HELD - 1 :]:
        _end(connection, one, at)


def _end(connection: sa.Connection, one: Call, at: datetime) -> None:
    over = max(at, one.last_at)
    connection.execute(sa.update(tables.call).where(tables.call.c.id == one.id).values(ended_at=over, **UNREAD))


def _held_then(connection: sa.Connection, by: User, one: Call, at: datetime) -> bool:
    """Whether `by` held a call at a moment that is past, before somebody took it over."""
    if one.agent == by.id:
        return True
    trail = journal.trail(connection, one.id)
    return any(event.kind == "taken" and event.detail.get("from") == by.id and at <= event.at for event in trail)


def _call(row: sa.Row[Any]) -> Call:
    facts = {name: getattr(row, name) for name in Call.__dataclass_fields__}
    return Call(**facts | {"teams": frozenset(facts["teams"])})
