"""All questions looked at together once in a while: what cannot be told apart, or joined, one by one, then can.

Only what no person has touched is put together anew. A gap that somebody sorted, split, merged, put on a round table
or began to answer keeps what it has, and so does every report. Ids are kept by greatest overlap; a gap of which
nothing is left is merged into the one that most of it went to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kb import tables, text
from kb.gaps import moves
from kb.gaps.clusters import Labels, Rows, Space, grouped
from kb.gaps.gap import goes_by
from kb.people.users import OPERATOR, Action, User, require

GROWN, LEAST = 0.1, 20  # share of the questions, and how many of them, that are new when it is time again
MOST = 4_000  # questions looked at together, the latest


@dataclass(frozen=True)
class Question:
    """One wording inside one gap, by the id that gap goes by. `fixed`: it stays there, whatever is found."""

    gap: str
    question: str
    fixed: bool


@dataclass(frozen=True)
class Regrouped:
    """What changes gaps: (gap, question) → the gap it is in from now on. gaps: all there are then, some of them new."""

    moved: Mapping[tuple[str, str], str]
    gaps: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()


def is_due(new: int, known: int) -> bool:
    """Whether so many new questions, of the `known` ones then, are worth another look at all."""
    return new >= max(LEAST, GROWN * known)


def renumbered(now: Labels, found: Labels, fixed: NDArray[np.bool_]) -> Labels:
    """(n,) which need each row is in, after all were looked at together.

    now:   (n,) the number of the need each row is in so far, from 0, older ones lower
    found: (n,) the group each row is in by itself;  fixed: (n,) rows that stay in their need

    A group goes by the need with which it shares most rows, before all others by one with fixed rows in it; each
    need names one group at the most, and a group that no need is left for is a new one.
    """
    shared: Counter[tuple[int, int]] = Counter(zip(now.tolist(), found.tolist(), strict=True))
    held = Counter(zip(now[fixed].tolist(), found[fixed].tolist(), strict=True))
    names: dict[int, int] = {}
    taken: set[int] = set()
    for need, group in sorted(shared, key=lambda pair: (-held[pair], -shared[pair], pair)):
        if group not in names and need not in taken:
            names[group] = need
            taken.add(need)
    new = int(now.max(initial=-1)) + 1
    for group in found.tolist():
        if group not in names:
            names[group], new = new, new + 1
    return np.where(fixed, now, np.array([names[group] for group in found.tolist()], np.int64))


def regroup(questions: Sequence[Question], vectors: Mapping[str, Rows], space: Space) -> Regrouped:
    """Look at these questions together, older gaps first. vectors: question → (dim,) row of the encoder's questions."""
    if len(questions) < 2:
        return Regrouped({}, frozenset(one.gap for one in questions))
    said = [one.question for one in questions]
    placed = space.place(np.stack([vectors[one] for one in said]), [text.language(one) for one in said])
    ids = list(dict.fromkeys(one.gap for one in questions))
    numbers = {id: n for n, id in enumerate(ids)}
    now = np.array([numbers[one.gap] for one in questions], np.int64)
    after = renumbered(now, grouped(placed), np.array([one.fixed for one in questions]))
    ids += [uuid4().hex for _ in range(int(after.max()) + 1 - len(ids))]
    moved = {
        (one.gap, one.question): ids[n] for one, n in zip(questions, after.tolist(), strict=True) if ids[n] != one.gap
    }
    return Regrouped(moved, frozenset(ids[n] for n in after.tolist()), frozenset(moved.values()) - numbers.keys())


# --- reads and writes ----------------------------------------------------------------------------


def questions(connection: sa.Connection, tag: str = "") -> tuple[Question, ...]:
    """What there is to look at together: the latest `MOST` wordings, those of older gaps first."""
    gap, miss, report = tables.gap, tables.miss, tables.gap_report
    missed = sa.select(miss.c.gap, miss.c.question, miss.c.at, sa.literal(0).label("said")).where(miss.c.gap != "")
    said = sa.select(report.c.gap, report.c.question, report.c.at, sa.literal(1)).where(report.c.undone_at.is_(None))
    both = sa.union_all(missed, said).subquery()
    ours = sa.select(goes_by.label("root"), both.c.question, both.c.at, both.c.said).join(gap, gap.c.id == both.c.gap)
    one = ours.where(both.c.question != "", gap.c.tag == tag).subquery().c
    asked = sa.select(one.root, one.question, sa.func.max(one.said).label("said")).group_by(one.root, one.question)
    rows = connection.execute(asked.order_by(sa.func.max(one.at).desc(), one.root, one.question).limit(MOST)).all()
    touched = _touched(connection)
    first = {row.id: row.at for row in connection.execute(sa.select(gap.c.id, gap.c.at))}
    in_order = sorted(rows, key=lambda row: (first[row.root], row.root, row.question))
    return tuple(Question(row.root, row.question, bool(row.said) or row.root in touched) for row in in_order)


def keep(connection: sa.Connection, by: User, found: Regrouped, at: datetime) -> None:
    """Write it down: gaps opened, misses moved, what was left empty merged. What a person touched meanwhile stays."""
    require(by, Action.NOTICE_GAPS)
    touched, went = _touched(connection), defaultdict[str, Counter[str]](Counter)
    for (source, question), target in found.moved.items():
        if source in touched:
            continue
        here = tables.miss.c.gap.in_(_parts(connection, source)) & (tables.miss.c.question == question)
        if target in found.opened:
            _open(connection, target, here)
        done = connection.execute(sa.update(tables.miss).where(here).values(gap=target))
        went[source][target] += done.rowcount
    for source, targets in went.items():
        ((most, moved),) = targets.most_common(1)
        left = _said(connection, source)
        if not left and moved:
            moves.move(connection, by, source, "duplicate", at, into=most)
        elif left:
            _name(connection, source, left)


def _open(connection: sa.Connection, id: str, met: sa.ColumnElement[bool]) -> None:
    """A new gap, from the first of these misses, unless it is there already or there are none."""
    one, gap = tables.miss, tables.gap
    first = connection.execute(sa.select(one).where(met).order_by(one.c.at, one.c.id).limit(1)).one_or_none()
    there = connection.execute(sa.select(gap.c.at).where(gap.c.id == id)).one_or_none()
    if first is None or (there is not None and there.at <= first.at):
        return
    facts = {name: getattr(first, name) for name in ("at", "question", "lang", "product", "tag")}
    if there is None:
        connection.execute(sa.insert(gap).values(id=id, state="new", **facts))
    else:
        connection.execute(sa.update(gap).where(gap.c.id == id).values(**facts))


def _said(connection: sa.Connection, id: str) -> list[str]:
    """What is still asked of a gap, the first question first."""
    parts, miss, report = _parts(connection, id), tables.miss.c, tables.gap_report.c
    missed = sa.select(miss.question, miss.at).where(miss.gap.in_(parts))
    both = sa.union_all(missed, sa.select(report.question, report.at).where(report.gap.in_(parts))).subquery()
    return list(connection.scalars(sa.select(both.c.question).order_by(both.c.at, both.c.question)))


def _name(connection: sa.Connection, id: str, said: Sequence[str]) -> None:
    """A gap goes by a question that is still asked of it."""
    gap = tables.gap
    if connection.scalar(sa.select(gap.c.question).where(gap.c.id == id)) not in said:
        facts = {"question": said[0], "lang": text.language(said[0])}
        connection.execute(sa.update(gap).where(gap.c.id == id).values(**facts))


def _parts(connection: sa.Connection, id: str) -> list[str]:
    return list(connection.scalars(sa.select(tables.gap.c.id).where(goes_by == id)))


def _touched(connection: sa.Connection) -> frozenset[str]:
    """The gaps, by the id they go by, that a person did something with."""
    gap, move, item = tables.gap, tables.gap_move.c, tables.round_item.c
    by_hand = sa.select(move.gap).where(move.by != OPERATOR.id).union(sa.select(item.gap))
    dealt_with = sa.select(goes_by).where((gap.c.id.in_(by_hand)) | ((gap.c.state != "new") & (gap.c.into == "")))
    return frozenset(connection.scalars(dealt_with)) | {one for one, _ in moves.apart(connection)}
