"""Questions that arrive one by one: each joins a need for good, and needs only ever grow together.

As in `kb.gaps.clusters`, a row is drawn towards its neighbours, and draws those that were there before; a
need is its rows' sum, so that what an arrival costs grows with the rows there are and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kb.gaps.clusters import DRAWN, NEAR, NEAREST, Labels, Rows, unit

BAR = 0.5  # mean likeness from which a question is of a need, and two needs are one (benchmarks/clusters.py fits it)


class Stream:
    """Questions that come one by one. Each joins the need it is most like, or opens one, and stays in it;
    two needs whose mean likeness reaches the bar are one from then on, under the older one's number.
    """

    def __init__(
        self, dim: int, *, bar: float = BAR, apart: Iterable[tuple[int, int]] = (), settled: Iterable[int] = ()
    ) -> None:
        """dim: of the rows to come;  apart: pairs of needs, by number, that are never one.

        settled: needs that were told apart when all were looked at together, so that no two of them become one
        """
        self._bar, self._settled = bar, list(settled)
        self._placed, self._pulled, self._drawn = (_Growing(dim) for _ in range(3))
        self._sums, self._sizes = _Growing(dim), _Growing(1)
        self._need: list[int] = []  # of each row, as it joined
        self._into: list[int] = []  # of each need: itself, or the older one it became
        self._apart: dict[int, set[int]] = {}
        for one, other in apart:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)

    @property
    def labels(self) -> Labels:
        """(n,) the need of each row so far, in the order they came."""
        return np.array([self.top(need) for need in self._need], np.int64)

    def top(self, need: int) -> int:
        """The number a need goes by now."""
        while self._into[need] != need:
            need = self._into[need]
        return need

    def put(self, row: Rows, need: int) -> None:
        """A row (`Space.place`) whose need is known already: an earlier number, or the next one."""
        self._open(need)
        self._enter(row, self._draw(row), self.top(need))

    def add(self, row: Rows) -> int:
        """The need that a row (`Space.place`) joins, perhaps a new one: its number from 0, in order of opening."""
        pulled = self._draw(row)
        alike = self._alike(unit(pulled))
        need = int(np.argmax(alike)) if len(alike) else 0
        if not len(alike) or alike[need] < self._bar:
            need = len(self._into)
            self._open(need)
        self._enter(row, pulled, need)
        return self._grow_together(need)

    def _draw(self, row: Rows) -> Rows:
        """The row with the pull of its neighbours, which it pulls in turn."""
        cosines = self._placed.rows @ row
        near = np.flatnonzero(cosines > NEAR)
        if len(near) > NEAREST:
            near = near[np.argpartition(-cosines[near], NEAREST - 1)[:NEAREST]]
        pulled = row.copy()
        for i in near:
            pull = DRAWN * (cosines[i] - NEAR)
            pulled += pull * self._placed.rows[i]
            self._pulled.rows[i] += pull * row
            need, before = self.top(self._need[i]), self._drawn.rows[i].copy()
            self._drawn.rows[i] = unit(self._pulled.rows[i])
            self._sums.rows[need] += self._drawn.rows[i] - before
        return pulled

    def _enter(self, row: Rows, pulled: Rows, need: int) -> None:
        for kept, value in ((self._placed, row), (self._pulled, pulled), (self._drawn, unit(pulled))):
            kept.append(value)
        self._need.append(need)
        self._sums.rows[need] += self._drawn.rows[-1]
        self._sizes.rows[need] += 1

    def _open(self, need: int) -> None:
        while len(self._into) <= need:
            self._into.append(len(self._into))
            self._sums.append(np.zeros(self._sums.rows.shape[1], np.float32))
            self._sizes.append(np.zeros(1, np.float32))

    def _alike(self, drawn: Rows) -> Rows:
        """(needs,) mean likeness of a row, or of a need's mean row, to each need; -1 to one that became another."""
        sizes = self._sizes.rows[:, 0]
        return np.where(sizes > 0, self._sums.rows @ drawn / np.maximum(sizes, 1), -1.0)

    def _grow_together(self, need: int) -> int:
        while True:
            alike = self._alike(self._sums.rows[need] / self._sizes.rows[need])
            alike[[need, *(self.top(one) for one in self._apart.get(need, ()))]] = -1.0
            if need in self._settled:
                alike[self._settled] = -1.0
            other = int(np.argmax(alike))
            if alike[other] < self._bar:
                return need
            older, newer = min(need, other), max(need, other)
            for kept in (self._sums, self._sizes):
                kept.rows[older] += kept.rows[newer]
                kept.rows[newer] = 0
            self._into[newer] = older
            for one in self._apart.pop(newer, set()):
                self._apart.setdefault(older, set()).add(one)
                self._apart[one].add(older)
            need = older


class _Growing:
    """Rows of one width, with room for more."""

    def __init__(self, width: int) -> None:
        self._room, self._used = np.zeros((64, width), np.float32), 0

    @property
    def rows(self) -> Rows:
        """(n, width), the rows themselves and no copy."""
        return self._room[: self._used]

    def append(self, row: Rows) -> None:
        """One more row at the end."""
        if self._used == len(self._room):
            self._room = np.concatenate([self._room, np.zeros_like(self._room)])
        self._room[self._used] = row
        self._used += 1
