"""Every search with what came of it, a row each: the journal as the insights read it.

A call is read again after anything happened on it; nothing here is true that the journal does not say, and
the table can be emptied and made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from kb import tables, text
from kb.calls import journal
from kb.calls.journal import Event
from kb.people.users import Action, User, require

# solved, helped: said of an article;  gap: recorded or joined;  unsolved: said so;  opened: only that
# again: nothing opened, other words instead;  left: nothing opened, nothing after it
OUTCOMES = ("solved", "helped", "gap", "unsolved", "opened", "again", "left")
ABANDONED = ("again", "left")
TAGS = ("", "demo")  # of calls that are shown, each for itself (settled.md, 2)
CALLS_AT_ONCE = 500
LONGEST = 30 * 60.0  # seconds to an answer; more was another matter

_OF_EVENT = {"solved": "solved", "helped": "helped", "gap": "gap", "join": "gap", "unsolved": "unsolved"}


@dataclass(frozen=True)
class Asked:
    """One search. `id` is its event's; `day` is the site's, as 2026-11-22.

    teams:   of whoever held the call
    lang:    the customer's, else the question's: `zh` or `en`
    verdict: '' where none was given (a screen-pop's words, an encoder that had no part in it)
    hits:    how many, None where that is not known
    opened:  the article opened from it, '' for none; rank: where in the list it stood, from 1
    outcome: the first of `OUTCOMES` that holds
    article: what solved or helped, '' for none
    seconds: from the first key pressed for what was then solved, to that moment; pressed: keys, for it in all.
             None where it did not solve or is not known
    """

    id: str
    call: str
    agent: str
    teams: Sequence[str]
    at: datetime
    day: str
    question: str
    lang: str
    product: str
    tag: str
    verdict: str
    hits: int | None
    opened: str
    rank: int | None
    outcome: str
    article: str
    seconds: float | None
    pressed: int | None


def searches_of(row: Any, trail: Sequence[Event], zone: ZoneInfo) -> list[Asked]:
    """The searches of one call with what came of each; what was taken back counts for nothing.

    row:   the call, with `id`, `teams`, `lang`, `product` and `tag`
    trail: its events in order
    """
    steps = _steps(trail)
    found: list[Asked] = []
    turn: list[Event] = []  # the searches since the last answer
    for i, (search, after) in enumerate(steps):
        turn.append(search)
        found.append(_asked(row, search, after, turn, last=i == len(steps) - 1, zone=zone))
        if found[-1].outcome == "solved":
            turn = []
    return found


def _steps(trail: Sequence[Event]) -> list[tuple[Event, list[Event]]]:
    """Each search with what happened until the next one."""
    steps: list[tuple[Event, list[Event]]] = []
    for event in trail:
        if event.undone_at is not None:
            continue
        if event.kind == "search" and event.query:
            steps.append((event, []))
        elif steps:
            steps[-1][1].append(event)
    return steps


def _asked(
    row: Any, search: Event, after: Sequence[Event], turn: Sequence[Event], *, last: bool, zone: ZoneInfo
) -> Asked:
    kinds = {_OF_EVENT[event.kind]: event for event in reversed(after) if event.kind in _OF_EVENT}
    opened = next((event for event in after if event.kind == "open"), None)
    nothing = "opened" if opened or any(event.kind in journal.SAID for event in after) else "left" if last else "again"
    outcome = next((one for one in OUTCOMES if one in kinds), nothing)
    used = kinds.get(outcome) if outcome in ("solved", "helped") else None
    judged = search.detail.get("complete", True) is True
    lang = row.lang[:2] or text.language(search.query)
    return Asked(
        id=search.id,
        call=row.id,
        agent=search.agent,
        teams=row.teams,
        at=search.at,
        day=search.at.astimezone(zone).date().isoformat(),
        question=search.query,
        lang=lang if lang in ("zh", "en") else text.language(search.query),
        product=row.product,
        tag=row.tag,
        verdict=str(search.detail.get("verdict", "")) if judged else "",
        hits=search.detail.get("hits"),
        opened=opened.article if opened else "",
        rank=opened.detail.get("rank") if opened else None,
        outcome=outcome,
        article=used.article if used else "",
        seconds=_seconds(turn, used) if used and outcome == "solved" else None,
        pressed=_keys(turn) if outcome == "solved" else None,
    )


def _seconds(turn: Sequence[Event], solved: Event) -> float | None:
    """From the first key to the answer; a search whose typing was not timed begins where it was written."""
    first = turn[0]
    spent = (solved.at - first.at).total_seconds() + first.detail.get("since", 0) / 1000
    return spent if 0 <= spent <= LONGEST else None


def _keys(turn: Sequence[Event]) -> int | None:
    known = [int(search.detail["keys"]) for search in turn if "keys" in search.detail]
    return sum(known) if len(known) == len(turn) else None


# --- reads and writes ----------------------------------------------------------------------------


def catch_up(connection: sa.Connection, by: User, at: datetime, zone: ZoneInfo, most: int = CALLS_AT_ONCE) -> int:
    """Read the calls on which something happened since they were last read; how many: fewer than `most` = all."""
    require(by, Action.SEE_INSIGHTS)
    call, event = tables.call, tables.event
    new = call.c.read_at.is_(None) & call.c.tag.in_(TAGS)
    rows = connection.execute(sa.select(call).where(new).limit(most)).all()
    if not rows:
        return 0
    ids = [row.id for row in rows]
    trails = connection.execute(
        sa.select(event).where(event.c.call.in_(ids)).order_by(event.c.call, event.c.at, event.c.id)
    )
    by_call = {id: [journal.event_of(one) for one in group] for id, group in groupby(trails, lambda one: one.call)}
    found = [asdict(one) for row in rows for one in searches_of(row, by_call.get(row.id, []), zone)]
    connection.execute(sa.delete(tables.asked).where(tables.asked.c.call.in_(ids)))
    if found:
        connection.execute(sa.insert(tables.asked), found)
    connection.execute(sa.update(call).where(call.c.id.in_(ids)).values(read_at=at))
    return len(rows)


def is_behind(connection: sa.Connection) -> bool:
    """Whether a call waits to be read."""
    call = tables.call.c
    waiting = sa.select(sa.literal(1)).where(call.read_at.is_(None), call.tag.in_(TAGS)).limit(1)
    return connection.scalar(waiting) is not None
