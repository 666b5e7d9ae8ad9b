"""Searches: what the base knew of what was asked, how long answers took, what was clicked, what was lost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from kb import tables
from kb.gaps.analytics.asked import ABANDONED, Asked
from kb.gaps.analytics.view import View
from kb.people.users import Action, User, require

VERDICTS = ("found", "maybe", "missing")
LONG_RANK = 10  # places further down are told as one
Kind = Literal["searches", "found", "maybe", "missing", "empty", "abandoned", "solved", "linked", "lost"]


@dataclass(frozen=True)
class Shares:
    """How many searches, and what came of them. Without a verdict = neither of the three.

    empty: no hit at all; abandoned: hits, and none of them opened
    """

    searches: int = 0
    found: int = 0
    maybe: int = 0
    missing: int = 0
    empty: int = 0
    abandoned: int = 0

    @property
    def judged(self) -> int:
        return self.found + self.maybe + self.missing

    def share(self, count: int) -> float | None:
        """Of the searches with a verdict, in [0, 1]; None where there are none."""
        return count / self.judged if self.judged else None


@dataclass(frozen=True)
class Links:
    """Of the calls on which something was searched: with an article said to have solved or helped, with neither
    that nor a gap (what the call taught is lost)."""

    calls: int
    linked: int
    lost: int

    @property
    def rate(self) -> float | None:
        return self.linked / self.calls if self.calls else None

    @property
    def loss(self) -> float | None:
        return self.lost / self.calls if self.calls else None


@dataclass(frozen=True)
class Speed:
    """How long answers took: medians and 90th percentiles, None where nothing was solved.

    seconds: first key to solved; keys: pressed for it
    """

    solved: int
    seconds: float | None
    seconds_90: float | None
    keys: float | None
    keys_90: float | None


def add(parts: Iterable[Shares]) -> Shares:
    """Several shares as one."""
    total: Counter[str] = Counter()
    for one in parts:
        total.update(vars(one))
    return Shares(**total)


def speed(answers: Sequence[tuple[float | None, int | None]]) -> Speed:
    """answers: (seconds, keys) of each; None where that is not known."""
    seconds = [one for one, _ in answers if one is not None]
    keys = [float(one) for _, one in answers if one is not None]
    return Speed(len(answers), _at(seconds, 50), _at(seconds, 90), _at(keys, 50), _at(keys, 90))


def _at(values: Sequence[float], percent: int) -> float | None:
    """The value below which so many of a hundred lie, between neighbours by their distance."""
    if not values:
        return None
    return statistics.quantiles([*values, *values[: len(values) == 1]], n=100, method="inclusive")[percent - 1]


# --- reads ---------------------------------------------------------------------------------------


def shares(
    connection: sa.Connection, by: User, view: View, part: Literal["product", "lang", "day"]
) -> Mapping[str, Shares]:
    """What came of the searches, by product code ('' = none named), language or site day."""
    require(by, Action.SEE_INSIGHTS)
    one = tables.asked.c
    column, unopened = one[part], one.outcome.in_(ABANDONED)
    counts = sa.select(
        column.label("part"),
        sa.func.count().label("searches"),
        *(sa.func.count().filter(one.verdict == name).label(name) for name in VERDICTS),
        sa.func.count().filter(one.hits == 0).label("empty"),
        sa.func.count().filter(unopened & (one.hits > 0)).label("abandoned"),
    )
    rows = connection.execute(counts.where(view.where).group_by(column).order_by(column))
    return {row.part: Shares(**{name: getattr(row, name) for name in Shares.__dataclass_fields__}) for row in rows}


def links(connection: sa.Connection, by: User, view: View) -> Links:
    """How many calls used the base, and how many left a trace in it."""
    require(by, Action.SEE_INSIGHTS)
    count = sa.func.count
    counts = by_call(view.where).with_only_columns(count(), count().filter(LINKED), count().filter(LOST))
    return Links(*connection.execute(counts).one())


def speeds(connection: sa.Connection, by: User, view: View) -> tuple[Speed, Mapping[str, Speed]]:
    """How long answers took: in all, and by site day."""
    require(by, Action.SEE_INSIGHTS)
    one = tables.asked.c
    solved = view.where & (one.outcome == "solved")
    rows = connection.execute(sa.select(one.day, one.seconds, one.pressed).where(solved).order_by(one.day)).all()
    days: dict[str, list[tuple[float | None, int | None]]] = {}
    for day, seconds, keys in rows:
        days.setdefault(day, []).append((seconds, keys))
    return speed([(seconds, keys) for _, seconds, keys in rows]), {day: speed(found) for day, found in days.items()}


def places(connection: sa.Connection, by: User, view: View) -> Mapping[int, int]:
    """Place in the list → how often it was opened, from 1; the last is `LONG_RANK` and more."""
    require(by, Action.SEE_INSIGHTS)
    one = tables.asked.c
    asked = sa.select(one.rank, sa.func.count()).where(view.where, one.rank.is_not(None)).group_by(one.rank)
    found: Counter[int] = Counter()
    for rank, count in connection.execute(asked):
        found[min(rank, LONG_RANK)] += count
    return dict(sorted(found.items()))


def rows(connection: sa.Connection, by: User, view: View, kind: Kind, most: int) -> tuple[Asked, ...]:
    """The searches behind a number, the latest first, at most `most`. For `linked` and `lost`, those of such calls."""
    require(by, Action.SEE_INSIGHTS)
    one = tables.asked.c
    wanted = {
        "searches": sa.true(),
        "empty": one.hits == 0,
        "abandoned": one.outcome.in_(ABANDONED) & (one.hits > 0),
        "solved": one.outcome == "solved",
        "linked": one.outcome.in_(("solved", "helped")),
        "lost": one.call.in_(by_call(view.where).with_only_columns(sa.column("call")).where(LOST)),
    }.get(kind, one.verdict == kind)
    asked = sa.select(tables.asked).where(view.where, wanted).order_by(one.at.desc(), one.id).limit(most)
    return tuple(Asked(**row._mapping) for row in connection.execute(asked))


LINKED, LOST = sa.column("linked") > 0, (sa.column("linked") == 0) & (sa.column("told") == 0)


def by_call(wanted: sa.ColumnElement[bool], *each: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """`agent` from a row a call (and a row `each` of it): how many of its searches led to an article that helped, to
    a gap."""
    one = tables.asked.c
    linked = sa.func.count().filter(one.outcome.in_(("solved", "helped"))).label("linked")
    told = sa.func.count().filter(one.outcome == "gap").label("told")
    calls = (
        sa.select(one.call, sa.func.max(one.agent).label("agent"), linked, told).where(wanted).group_by(one.call, *each)
    )
    return sa.select(sa.column("agent")).select_from(calls.subquery())
