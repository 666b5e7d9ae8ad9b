"""What a real call says of the articles opened on it: a vote for what solved, a weaker one against what did not.

Only the words an article was opened from and the words tried before them for the same need (settled.md, 7);
only real calls (settled.md, 2); nothing of what was taken back. The words were masked before they were kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from kb import tables
from kb.calls.call import IDLE, REAL
from kb.calls.journal import Event, event_of
from kb.finding.learning import Vote

USED = ("copy", "solved", "helped")
UNUSED = 0.25  # what it says that an article was opened and nothing came of it: agents forget the key
_MATTERS = ("solved", "helped", "unsolved", "gap", "join")  # after one of these, words are about something else
CALLS_AT_ONCE = 500


class State(NamedTuple):
    """What the votes of a call depend on, as they were masked and kept: nothing else of a call ever changes."""

    events: int
    undone: int
    over: bool


def votes(trail: Sequence[Event], *, over: bool) -> tuple[Vote, ...]:
    """The votes of one call, from its events in order. Nothing counts against an article while the call goes on."""
    live = [event for event in trail if event.undone_at is None]
    found: list[Vote] = []
    for place, event in enumerate(live):
        if event.kind == "solved" and (question := _opened_from(live[: place + 1])):
            found.append(Vote(event.article, question, event.agent, event.at, True))
            tried = (one for one in _tried(live[:place], event.article) if one != question)
            found += [Vote(event.article, one, event.agent, event.at, True, reworded=question) for one in tried]
    return (*found, *(_against(live) if over else ()))


def _opened_from(until: Sequence[Event]) -> str:
    """The words from which the article of the last event was opened, '' for none: an article may come from a link."""
    last = until[-1]
    opened = (one.query for one in reversed(until) if one.kind == "open" and one.article == last.article)
    return next(opened, "") or last.query


def _tried(before: Sequence[Event], article: str) -> tuple[str, ...]:
    """Words searched for before the article was opened, back to where something else was settled."""
    place = max((i for i, one in enumerate(before) if one.kind == "open" and one.article == article), default=-1)
    words: list[str] = []
    for event in reversed(before[: place + 1]):
        if event.kind in _MATTERS:
            break
        if event.kind == "search" and event.query:
            words.append(event.query)
    return tuple(dict.fromkeys(reversed(words)))


def _against(live: Sequence[Event]) -> list[Vote]:
    """Articles that were opened for some words and neither used nor, by another that was, forgiven."""
    used = {event.article for event in live if event.kind in USED}
    found: dict[tuple[str, str], Vote] = {}
    for place, event in enumerate(live):
        if event.kind == "open" and event.query and event.article not in used:
            after = [one.kind for one in live[place + 1 :]]
            said = "unsolved" in after or "solved" in after
            found[event.article, event.query] = Vote(
                event.article, event.query, event.agent, event.at, False, 1.0 if said else UNUSED
            )
    return list(found.values())


def is_over(row: Any, at: datetime) -> bool:
    """Whether nothing more comes of a call, of which `ended_at` and `last_at` were read."""
    return row.ended_at is not None or at - row.last_at >= IDLE


# --- reads ---------------------------------------------------------------------------------------


def lately(connection: sa.Connection, since: datetime, at: datetime) -> dict[str, State]:
    """Real calls on which something happened, or was taken back, at or after a moment, and those of a quarter of an
    hour before, each with what its votes depend on: the same state as before means the same votes."""
    call, event = tables.call, tables.event
    undone = sa.select(event.c.call).where(event.c.undone_at >= since)
    wanted = (call.c.tag == REAL) & ((call.c.last_at >= since - IDLE) | call.c.id.in_(undone))
    counts = sa.func.count(event.c.id).label("events"), sa.func.count(event.c.undone_at).label("undone")
    both = call.outerjoin(event, event.c.call == call.c.id)
    rows = sa.select(call.c.id, call.c.ended_at, call.c.last_at, *counts).select_from(both)
    grouped = rows.where(wanted).group_by(call.c.id, call.c.ended_at, call.c.last_at).order_by(call.c.id)
    return {row.id: State(row.events, row.undone, is_over(row, at)) for row in connection.execute(grouped)}


def of_calls(connection: sa.Connection, calls: Sequence[str], at: datetime) -> dict[str, tuple[Vote, ...]]:
    """The votes of some calls, as they stand at a moment."""
    call, event = tables.call, tables.event
    found: dict[str, tuple[Vote, ...]] = {}
    for start in range(0, len(calls), CALLS_AT_ONCE):
        some = calls[start : start + CALLS_AT_ONCE]
        ends = sa.select(call.c.id, call.c.ended_at, call.c.last_at).where(call.c.id.in_(some))
        over = {row.id: is_over(row, at) for row in connection.execute(ends)}
        trails: dict[str, list[Event]] = {id: [] for id in some}
        happened = sa.select(event).where(event.c.call.in_(some)).order_by(event.c.at, event.c.id)
        for row in connection.execute(happened):
            trails[row.call].append(event_of(row))
        found |= {id: votes(trail, over=over.get(id, True)) for id, trail in trails.items()}
    return found
