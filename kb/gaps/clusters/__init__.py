"""Which questions mean the same need: found from their vectors alone, with no number of needs given.

Two views of a question are compared, and averaged: what it says, and whom it stands among.

- *What it says*: its vector in the base's own space (`Space`), where common directions count less, then
  drawn towards its nearest neighbours, so that one odd wording stands where its need lies.
- *Whom it stands among*: its neighbours that have it for a neighbour too (k-reciprocal: Zhong et al., 2017),
  which measures with the local density, so that one bar fits needs asked in few ways and in many.

All at once (`batch`), needs are joined by average linkage while they are alike enough. One by one, see
`kb.gaps.clusters.stream`; which miss is of which gap, `kb.gaps.clusters.joining`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]

SOFTEN = 0.12  # exponent by which a direction's variance is evened out: 0 = not at all, 0.5 = wholly
SPOKEN = 16  # rows of a language from which its middle is known
SHRINK = 0.1  # of the mean variance, added to each direction's: few rows know few directions
NEAR = 0.32  # cosine in the base's space from which a question is a neighbour at all
NEAREST, DRAWN, STEPS = 10, 1.5, 2  # neighbours a row is drawn to, how strongly, how often
AMONG, MOST, FEW = 25, 100, 6  # neighbours that count, at least and at most; those whose neighbours count too
CLOSE = 0.5  # cosine from which more than `AMONG` count
SAYS = 0.5  # weight of the first view in [0, 1]
BAR = 0.4  # likeness from which two needs are one, all at once (benchmarks/clusters.py fits it)
LARGEST = 5_000  # rows compared with each other all at once


@dataclass(frozen=True)
class Space:
    """Where the questions of a base lie: their middle in each language, and how far they spread in which direction.

    The same need lies elsewhere in zh than in en; about each language's own middle it lies in one place.

    middles: language → (dim,), '' = of all;  axes: (dim, dim), one direction a column, wide ones scaled down
    """

    middles: Mapping[str, Rows]
    axes: Rows

    @classmethod
    def of(cls, vectors: Rows, langs: Sequence[str] | None = None) -> Space:
        """Measured from (n, dim) rows, n ≥ 1: the base's own questions, or those to be joined, in these languages."""
        found = cls({"": vectors.mean(axis=0)}, np.eye(vectors.shape[1], dtype=np.float32))
        spoken = np.array(langs if langs is not None else [""] * len(vectors))
        enough = [lang for lang in sorted(set(spoken.tolist())) if (spoken == lang).sum() >= SPOKEN]
        middles = {**found.middles, **{lang: vectors[spoken == lang].mean(axis=0) for lang in enough}}
        about = cls(middles, found.axes)._about(vectors, langs)
        spread, directions = np.linalg.eigh((about.T @ about / len(about)).astype(np.float64))
        spread = np.maximum(spread, 0.0)
        floor = SHRINK * spread.mean()
        scale = (spread + floor) ** -SOFTEN if floor > 0 else np.ones_like(spread)
        return cls(middles, np.asarray(directions * scale, np.float32))

    def place(self, vectors: Rows, langs: Sequence[str] | None = None) -> Rows:
        """(n, dim) rows of an encoder as unit rows of this space: cosines about the middle of each one's language."""
        return unit(self._about(vectors, langs) @ self.axes)

    def _about(self, vectors: Rows, langs: Sequence[str] | None) -> Rows:
        if langs is None:
            return np.asarray(vectors - self.middles[""], np.float32)
        return np.asarray(
            vectors - np.array([self.middles.get(lang, self.middles[""]) for lang in langs]), np.float32
        ).reshape(vectors.shape)


def batch(vectors: Rows, langs: Sequence[str] | None = None, *, bar: float = BAR) -> Labels:
    """(n, dim) rows of questions, in these languages → (n,) labels from 0, equal where two questions are one need.

    Of more than `LARGEST` rows, as many drawn at random are compared with each other; each of the others joins
    the need it is nearest to, or stands alone.
    """
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    placed = Space.of(vectors, langs).place(vectors, langs)
    drawn = np.sort(np.random.default_rng(0).permutation(len(placed))[:LARGEST])
    labels = np.full(len(placed), -1, np.int64)
    labels[drawn] = grouped(placed[drawn], bar)
    others = np.flatnonzero(labels < 0)
    if len(others):
        middles = np.stack([placed[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
        cosines = placed[others] @ middles.T
        alone = labels.max() + 1 + np.arange(len(others))
        labels[others] = np.where(cosines.max(axis=1) >= NEAR, cosines.argmax(axis=1), alone)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def grouped(placed: Rows, bar: float = BAR) -> Labels:
    """(n, dim) rows of a `Space`, at most `LARGEST` → (n,) labels from 0: those that are one need, seen together."""
    return average_linkage(likeness(placed), bar) if len(placed) > 1 else np.zeros(len(placed), np.int64)


def likeness(placed: Rows) -> Rows:
    """(n, n) float32, symmetric, in about [-1, 1]: how alike the questions of these unit rows are, by both views."""
    alike = placed @ placed.T
    says, among = _drawn(placed, alike), _among(alike)
    return SAYS * (says @ says.T) + (1 - SAYS) * (among @ among.T)


def _drawn(placed: Rows, alike: Rows) -> Rows:
    """Unit rows, each drawn towards those nearest to it, the more the nearer they are; far ones draw nothing."""
    k = min(NEAREST, len(placed) - 1)
    for step in range(STEPS):
        cosines = alike.copy() if step == 0 else placed @ placed.T
        np.fill_diagonal(cosines, -1.0)
        near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        pull = DRAWN * np.maximum(np.take_along_axis(cosines, near, axis=1) - NEAR, 0.0)
        placed = unit(placed + np.einsum("nk,nkd->nd", pull, placed[near]))
    return placed


def _among(alike: Rows) -> Rows:
    """(n, n) unit rows: each question's neighbours that have it for a neighbour too, and those of its nearest few."""
    alike = alike.copy()
    np.fill_diagonal(alike, 2.0)  # each is first of its own neighbours
    most, few = min(MOST, len(alike) - 1), min(FEW, len(alike))
    near = np.argpartition(-alike, most, axis=1)[:, : most + 1]
    near = np.take_along_axis(near, np.argsort(-np.take_along_axis(alike, near, axis=1), axis=1), axis=1)
    cosines = np.take_along_axis(alike, near, axis=1)
    close = np.maximum((cosines >= CLOSE).sum(axis=1), AMONG + 1)
    counts = (np.arange(near.shape[1]) < close[:, None]) & (cosines > NEAR)
    mine = np.zeros(alike.shape, bool)
    np.put_along_axis(mine, near, counts, axis=1)
    weights = np.where(mine & mine.T, np.exp(3 * (np.minimum(alike, 1.0) - 1)), 0.0).astype(np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    among = np.zeros_like(weights)
    for i in range(few):
        among += weights[near[:, i]] * counts[:, i : i + 1]
    return unit(among)


def average_linkage(alike: Rows, bar: float) -> Labels:
    """(n, n) likenesses → (n,) labels from 0: the two most alike groups are joined as long as their mean
    likeness is at least `bar`. Nearest-neighbour chains (Murtagh, 1983): n² time, and room for one copy.
    """
    n = len(alike)
    sums = alike.astype(np.float64)
    np.fill_diagonal(sums, -np.inf)
    sizes, alive, owner = np.ones(n), np.ones(n, bool), np.arange(n)
    chain: list[int] = []
    merges: list[tuple[float, int, int]] = []
    for _ in range(n - 1):
        if not chain:
            chain.append(int(np.argmax(alive)))
        while True:
            a = chain[-1]
            means = np.where(alive, sums[a] / (sizes[a] * sizes), -np.inf)
            means[a] = -np.inf
            b = int(np.argmax(means))
            if len(chain) > 1 and means[chain[-2]] >= means[b]:
                b = chain[-2]
                break
            chain.append(b)
        chain = chain[:-2]
        merges.append((float(means[b]), a, b))
        sums[b] += sums[a]
        sums[:, b] += sums[:, a]
        sums[b, b] = -np.inf
        sizes[b] += sizes[a]
        alive[a] = False
    for mean, a, b in merges:
        if mean >= bar:
            owner[_top(owner, a)] = _top(owner, b)
    return np.unique([_top(owner, i) for i in range(n)], return_inverse=True)[1].astype(np.int64)


def _top(owner: NDArray[np.int64], i: int) -> int:
    while owner[i] != i:
        i = int(owner[i])
    return i


def unit(rows: NDArray[Any]) -> Rows:
    """Each row at length 1; one of length 0 stays."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), np.float32)
