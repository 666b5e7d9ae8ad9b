"""Which miss is of which gap: decided in the background, one miss after the other, and kept.

A miss stays in the gap it joined, until all are looked at together (`kb.gaps.clusters.regrouping`). Gaps
that grew together are merged, the newer into the older, unless somebody told them apart or somebody has
taken up the newer one; what people split stays split. A gap that was closed with an article and is missed
again on `COMES_BACK` calls is reopened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
import sqlalchemy as sa

from kb import tables, text
from kb.gaps import misses, moves
from kb.gaps.clusters import Rows, Space
from kb.gaps.clusters.stream import Stream
from kb.gaps.gap import ANSWERED, goes_by
from kb.gaps.misses import Miss
from kb.people.users import Action, User, require

AT_ONCE = 500  # misses
EACH = 8  # questions of a gap that stand for it, the latest
KNOWN = 6_000  # questions of all gaps, the latest
COMES_BACK = 2


@dataclass(frozen=True)
class Todo:
    """What there is to decide.

    new:   misses without a gap, in the order they came
    known: (gap as it was first made, question) in the order they came
    goes_by: gap → the one it was merged into, or itself;  apart: pairs of these that people told apart
    """

    new: tuple[Miss, ...]
    known: tuple[tuple[str, str], ...]
    goes_by: Mapping[str, str]
    apart: frozenset[tuple[str, str]]

    @property
    def questions(self) -> tuple[str, ...]:
        """Every question whose vector is needed, once."""
        return tuple(dict.fromkeys([question for _, question in self.known] + [one.question for one in self.new]))


@dataclass(frozen=True)
class Decided:
    """Which gap each miss joins, the misses that open one, and which gap is merged into which older one."""

    gap: Mapping[str, str]  # miss → gap
    opened: Mapping[str, Miss]  # gap → its first miss
    merged: tuple[tuple[str, str], ...]  # (newer, older)


def decide(todo: Todo, vectors: Mapping[str, Rows], space: Space, settled: Collection[str] = ()) -> Decided:
    """vectors: question → (dim,) row of the encoder's questions;  space: of the base's own questions
    settled: gaps that were told apart when all were looked at together, which are not merged with each other now
    """
    if not todo.new:
        return Decided({}, {}, ())
    ids: list[str] = []
    numbers: dict[str, int] = {}
    for gap, _ in todo.known:
        if gap not in numbers:
            numbers[gap] = len(ids)
            ids.append(gap)
    langs = [text.language(question) for question in todo.questions]
    placed = dict(zip(todo.questions, space.place(_rows(todo.questions, vectors), langs), strict=True))
    known_apart = [n for gap, n in numbers.items() if todo.goes_by.get(gap, gap) in settled]
    joined = Stream(space.axes.shape[1], apart=_apart(todo, numbers), settled=known_apart)
    for gap, question in todo.known:
        joined.put(placed[question], numbers[gap])
    needs = [joined.add(placed[one.question]) for one in todo.new]
    ids += [uuid4().hex for _ in range(max([*needs, *numbers.values()], default=-1) + 1 - len(ids))]
    known = len(numbers)
    of = {one.id: _gap(joined, need, ids, known) for one, need in zip(todo.new, needs, strict=True)}
    opened: dict[str, Miss] = {}
    for one in todo.new:
        if of[one.id] not in numbers:
            opened.setdefault(of[one.id], one)
    merged = [(ids[n], ids[joined.top(n)]) for n in range(known) if joined.top(n) != n]
    return Decided(of, opened, tuple(merged))


def _gap(joined: Stream, need: int, ids: Sequence[str], known: int) -> str:
    """A miss joins the gap that was there; only what is new itself is counted with the one it became."""
    return ids[need if need < known else joined.top(need)]


def _rows(questions: Sequence[str], vectors: Mapping[str, Rows]) -> Rows:
    return np.stack([vectors[one] for one in questions]).astype(np.float32)


def _apart(todo: Todo, numbers: Mapping[str, int]) -> list[tuple[int, int]]:
    parts: dict[str, list[int]] = {}
    for gap, number in numbers.items():
        parts.setdefault(todo.goes_by.get(gap, gap), []).append(number)
    return [(a, b) for one, other in todo.apart for a in parts.get(one, ()) for b in parts.get(other, ())]


# --- reads and writes ----------------------------------------------------------------------------


def todo(connection: sa.Connection, at: datetime, tag: str = "") -> Todo:
    """What there is to decide now. Without new misses nothing else is read."""
    new = misses.unjoined(connection, at, AT_ONCE, tag)
    if not new:
        return Todo((), (), {}, frozenset())
    gap, miss, report = tables.gap, tables.miss.c, tables.gap_report.c
    of_misses = sa.select(miss.gap, miss.question, miss.at).where(miss.gap != "")
    of_reports = sa.select(report.gap, report.question, report.at).where(report.undone_at.is_(None))
    both = sa.union_all(of_misses, of_reports).subquery()
    latest = sa.select(both.c.gap, both.c.question, sa.func.max(both.c.at).label("at"))
    once = latest.where(both.c.question != "").group_by(both.c.gap, both.c.question).subquery()
    place = (
        sa.func.row_number().over(partition_by=once.c.gap, order_by=(once.c.at.desc(), once.c.question)).label("place")
    )
    ranked = sa.select(*once.c, place).subquery()
    wanted = sa.select(*ranked.c).join(gap, gap.c.id == ranked.c.gap).where(ranked.c.place <= EACH, gap.c.tag == tag)
    rows = connection.execute(wanted.order_by(ranked.c.at.desc(), ranked.c.gap, ranked.c.question).limit(KNOWN)).all()
    first = {row.id: row.at for row in connection.execute(sa.select(gap.c.id, gap.c.at))}
    in_order = sorted(rows, key=lambda row: (first[row.gap], row.gap, row.at))
    by_now = dict(tuple(row) for row in connection.execute(sa.select(gap.c.id, goes_by)))
    return Todo(new, tuple((row.gap, row.question) for row in in_order), by_now, moves.apart(connection))


def keep(connection: sa.Connection, by: User, decided: Decided, at: datetime) -> None:
    """Write down what was decided: gaps opened, misses joined, gaps merged and reopened."""
    require(by, Action.NOTICE_GAPS)
    for id, one in decided.opened.items():
        facts = {"question": one.question, "lang": one.lang, "product": one.product, "tag": one.tag}
        connection.execute(sa.insert(tables.gap).values(id=id, at=one.at, state="new", **facts))
    for miss, gap in decided.gap.items():
        free = (tables.miss.c.id == miss) & (tables.miss.c.gap == "")
        connection.execute(sa.update(tables.miss).where(free).values(gap=gap))
    for newer, older in decided.merged:
        _merge(connection, by, newer, older, at)
    for gap in sorted(set(decided.gap.values())):
        _reopen(connection, by, gap, at)


def _merge(connection: sa.Connection, by: User, newer: str, older: str, at: datetime) -> None:
    """Merge two gaps that grew together, unless they are one, were told apart or the newer is taken up by somebody."""
    one, other = _now(connection, newer), _now(connection, older)
    if one.id == other.id or (one.id, other.id) in moves.apart(connection):
        return
    if one.state == "new" and other.state != "duplicate":
        moves.move(connection, by, one.id, "duplicate", at, into=other.id)


def _reopen(connection: sa.Connection, by: User, gap: str, at: datetime) -> None:
    row, miss = _now(connection, gap), tables.miss.c
    if row.state not in ANSWERED or row.closed_at is None:
        return
    parts = sa.select(tables.gap.c.id).where(goes_by == row.id)
    again = sa.select(sa.func.count(sa.distinct(miss.call))).where(miss.gap.in_(parts), miss.at > row.closed_at)
    if (connection.scalar(again) or 0) >= COMES_BACK:
        moves.move(connection, by, row.id, "reopened", at, why=moves.RECURRED)


def _now(connection: sa.Connection, id: str) -> sa.Row[Any]:
    """The row of the gap that this one goes by."""
    now = sa.select(goes_by).where(tables.gap.c.id == id).scalar_subquery()
    return connection.execute(sa.select(tables.gap).where(tables.gap.c.id == now)).one()
