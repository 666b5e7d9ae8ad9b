"""Misses: searches that did not find what was asked for, read from the journal with no extra click.

An answer given while the encoder had no part in it says nothing about the base and is never a miss.
A search is judged with those around it on its call: searches that say the same in other words are one
chain, and only where a chain ends unanswered was nothing worth opening.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kb import tables, text
from kb.calls import journal
from kb.calls.call import IDLE
from kb.calls.journal import Event
from kb.people.users import Action, User, require

# nothing:      no hit at all
# missing:      the verdict "not in the base"
# unopened:     hits, and none of them opened, copied from or used
# reformulated: one of three or more searches in a row for the same thing
# searched_on:  a hit was opened, not used, and the same thing searched for again
# unsolved:     the agent said that it did not solve
# flagged:      the agent said that what was found is not right
# recorded:     the agent recorded a gap with it;  joined: … or one more +1
SIGNALS = ("nothing", "missing", "unopened", "reformulated", "searched_on", "unsolved", "flagged", "recorded", "joined")
COUNTED = ("", "demo")  # tags of calls whose misses are kept, each tag for itself (settled.md, 2)
SETTLED = timedelta(minutes=2)  # of silence, after which nothing more comes of a search
SOON = timedelta(seconds=45)  # two searches so near each other are for the same thing, whatever their words
LONGEST = 180.0  # seconds; longer, and the agent talked instead of searching
SEVERAL = 3  # searches in a row for one thing: reformulated twice
CALLS_AT_ONCE = 500

_ORDER = (tables.miss.c.at, tables.miss.c.id)
_USED = ("copy", "solved", "helped")
_ENDS = (*_USED, "search", "gap", "join", "unsolved", "promise", "taken")  # of the time spent on a search
_SAID = {"unsolved": "unsolved", "flag": "flagged", "gap": "recorded", "join": "joined"}  # event → signal


@dataclass(frozen=True)
class Miss:
    """One search that missed. `id` is its event's; `signals` are some of `SIGNALS`, in their order, at least one.

    teams:   of whoever held the call
    seconds: from this search until the next one, the answer or the end, in [0, `LONGEST`]
    gap:     the gap it is joined to, '' while it is to none; one that was merged stands under its own id
    """

    id: str
    call: str
    agent: str
    teams: tuple[str, ...]
    at: datetime
    question: str
    lang: str
    product: str
    seconds: float
    signals: tuple[str, ...]
    tag: str = ""
    gap: str = ""


@dataclass(frozen=True)
class _Step:
    """One search with what happened until the next one."""

    search: Event
    after: tuple[Event, ...]

    @property
    def complete(self) -> bool:
        """Whether the whole search answered; what says nothing of it (a screen-pop's words) was not answered yet."""
        return self.search.detail.get("complete") is True and {"verdict", "hits"} <= set(self.search.detail)

    @property
    def hits(self) -> int:
        return int(self.search.detail["hits"])

    def had(self, *kinds: str) -> bool:
        return any(event.kind in kinds for event in self.after)

    def seconds(self, until: datetime) -> float:
        """Spent on it; `until` is when its chain or call ended, for want of anything else."""
        end = next((event.at for event in self.after if event.kind in _ENDS), until)
        return min(max((end - self.search.at).total_seconds(), 0.0), LONGEST)


def signals_of(trail: Sequence[Event], *, over: bool) -> dict[str, tuple[str, ...]]:
    """Search event id → its signals, for the searches of one call that missed.

    trail: the call's events in order; those taken back count for nothing
    over:  whether nothing more comes of its last search
    """
    found = {}
    chains = list(_chains(_steps(trail)))
    for n, chain in enumerate(chains):
        for i, step in enumerate(chain):
            last = i == len(chain) - 1
            known = over or not (last and n == len(chains) - 1)
            signals = _signals(step, length=len(chain), last=last, known=known) if step.complete else ()
            if signals:
                found[step.search.id] = signals
    return found


def _signals(step: _Step, *, length: int, last: bool, known: bool) -> tuple[str, ...]:
    used, opened = step.had(*_USED), step.had("open")
    holds = {
        "nothing": step.hits == 0,
        "missing": step.search.detail["verdict"] == "missing",
        "unopened": last and known and step.hits > 0 and not used and not opened,
        "reformulated": length >= SEVERAL and not (last and used),
        "searched_on": not last and opened,
    } | {signal: step.had(kind) for kind, signal in _SAID.items()}
    return tuple(signal for signal in SIGNALS if holds[signal])


def _steps(trail: Sequence[Event]) -> Iterator[_Step]:
    events = [event for event in trail if event.undone_at is None]
    starts = [i for i, event in enumerate(events) if event.kind == "search" and event.query]
    for start, end in itertools.pairwise([*starts, len(events)]):
        yield _Step(events[start], tuple(events[start + 1 : end]))


def _chains(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    chain: list[_Step] = []
    for step in steps:
        if chain and not _goes_on(chain[-1], step):
            yield chain
            chain = []
        chain.append(step)
    if chain:
        yield chain


def _goes_on(before: _Step, after: _Step) -> bool:
    """Whether a search is for the same thing as the one before it, in other words."""
    if before.had(*_USED, "gap", "join"):
        return False
    near = after.search.at - before.search.at <= SOON
    return near or bool(_words(before.search.query) & _words(after.search.query))


def _words(question: str) -> frozenset[str]:
    return frozenset(text.query_terms(question).words) - text.FUNCTION_WORDS


# --- reads and writes ----------------------------------------------------------------------------


def notice(connection: sa.Connection, by: User, at: datetime, most: int = CALLS_AT_ONCE) -> int:
    """Look at the calls on which something happened since the last look; keep what missed on them.

    A call that goes on is looked at again the next time. Returns how many calls were looked at: fewer
    than `most` = all of them.
    """
    require(by, Action.NOTICE_GAPS)
    one = tables.call.c
    come = (one.last_at <= at) | (one.last_at >= at + IDLE)  # far ahead: the machine's clock went back
    new = sa.select(tables.call).where(one.noticed_at.is_(None), one.tag.in_(COUNTED), come)
    rows = connection.execute(new.order_by(one.last_at, one.id).limit(most)).all()
    trails = _trails(connection, [row.id for row in rows])
    kept = {miss.id: miss for miss in _read(connection, tables.miss.c.call.in_([row.id for row in rows]))}
    reports = _reports(connection, [row.id for row in rows])
    for row in rows:
        over = row.ended_at is not None or abs(at - row.last_at) >= SETTLED
        found = _misses(row, trails.get(row.id, []), reports, over=over)
        _keep(connection, found, {id: miss for id, miss in kept.items() if miss.call == row.id})
        if row.ended_at is not None or abs(at - row.last_at) >= IDLE:
            connection.execute(sa.update(tables.call).where(one.id == row.id).values(noticed_at=at))
    return len(rows)


def unjoined(connection: sa.Connection, at: datetime, most: int, tag: str = "") -> tuple[Miss, ...]:
    """The first `most` misses that are joined to no gap yet and old enough that nobody records one with them now."""
    one = tables.miss.c
    wanted = (one.gap == "") & (one.at <= at - SETTLED) & (one.tag == tag)
    rows = connection.execute(sa.select(tables.miss).where(wanted).order_by(*_ORDER).limit(most))
    return tuple(miss_of(row) for row in rows)


def of_gap(connection: sa.Connection, by: User, gaps: Iterable[str]) -> tuple[Miss, ...]:
    """The misses joined to any of these gaps (see `kb.gaps.gap.parts`), the latest first."""
    require(by, Action.READ_GAPS)
    return _read(connection, tables.miss.c.gap.in_(sorted(set(gaps))))[::-1]


def _misses(row: sa.Row[Any], trail: Sequence[Event], reports: dict[str, str], *, over: bool) -> list[Miss]:
    signals = signals_of(trail, over=over)
    until = row.ended_at or row.last_at
    return [
        Miss(
            id=step.search.id,
            call=row.id,
            agent=step.search.agent,
            teams=tuple(row.teams),
            at=step.search.at,
            question=step.search.query,
            lang=text.language(step.search.query),
            product=row.product,
            seconds=step.seconds(_until(steps, i, until)),
            signals=signals[step.search.id],
            tag=row.tag,
            gap=next((reports[event.id] for event in step.after if event.id in reports), ""),
        )
        for steps in [list(_steps(trail))]
        for i, step in enumerate(steps)
        if step.search.id in signals
    ]


def _until(steps: Sequence[_Step], i: int, end: datetime) -> datetime:
    return steps[i + 1].search.at if i + 1 < len(steps) else end


def _keep(connection: sa.Connection, found: Sequence[Miss], kept: dict[str, Miss]) -> None:
    """Make the kept misses of one call those found. Which gap a miss is joined to stays, once it is."""
    here = tables.miss
    gone = sorted(set(kept) - {miss.id for miss in found})
    if gone:
        connection.execute(sa.delete(here).where(here.c.id.in_(gone)))
    for miss in found:
        before = kept.get(miss.id)
        if before is None:
            connection.execute(sa.insert(here).values(**asdict(miss)))
            continue
        facts = asdict(miss) | {"gap": before.gap or miss.gap}
        if facts != asdict(before):
            connection.execute(sa.update(here).where(here.c.id == miss.id).values(**facts))


def _trails(connection: sa.Connection, calls: Sequence[str]) -> dict[str, list[Event]]:
    event = tables.event
    rows = connection.execute(sa.select(event).where(event.c.call.in_(calls)).order_by(event.c.at, event.c.id))
    found: dict[str, list[Event]] = {}
    for row in rows:
        found.setdefault(row.call, []).append(journal.event_of(row))
    return found


def _reports(connection: sa.Connection, calls: Sequence[str]) -> dict[str, str]:
    """Report id, which is also its event's, → gap."""
    one = tables.gap_report.c
    rows = connection.execute(sa.select(one.id, one.gap).where(one.call.in_(calls), one.undone_at.is_(None)))
    return {row.id: row.gap for row in rows}


def _read(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> tuple[Miss, ...]:
    rows = connection.execute(sa.select(tables.miss).where(wanted).order_by(*_ORDER))
    return tuple(miss_of(row) for row in rows)


def miss_of(row: sa.Row[Any]) -> Miss:
    """A row of the table `miss` as a Miss."""
    facts = dict(row._mapping)
    return Miss(**facts | {"teams": tuple(facts["teams"]), "signals": tuple(facts["signals"])})
