"""A second opinion on the classes: a multinomial logistic regression over the same vectors.

The discriminant of `kb.finding.learning.evidence` believes that the questions of all articles scatter alike. From
about ten questions an article a regression, which only looks at where they part, does better on some bases and
worse on others, so a base's own lessons, each left out, say whether it is heard (`share_of`). It is fitted by steps
under a fixed bound of its curvature (Böhning, Multinomial Logistic Regression Algorithm, 1992), sped up by momentum
(Nesterov 1983): one inverse and plain products, stopped early, which is a penalty of its own. The constants are from
benchmarks/learning_fit.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb.finding.learning.evidence import Matrix, Numbers, classes_of, folds, scaled, unit

RIDGE = 0.1
STEPS = 20
MOST = 2_000_000  # (lessons + articles) · articles: beyond, a fit takes more than seconds
SHARES = (0.0, 0.25, 0.5)  # how much the regression may count in the classes
ERRORS = 1.0  # standard errors by which it must be better


@dataclass(frozen=True)
class Logistic:
    """Score of article `ids[a]` = weights[a] · question, the question about `middle` and at length 1.

    middle: (dim,), weights: (n, dim)
    """

    ids: tuple[str, ...]
    middle: Matrix
    weights: Matrix

    def scores(self, rows: Matrix, articles: NDArray[np.int64] | slice = slice(None)) -> Matrix:
        """(m, dim) questions → (m, n), or of some of the articles alone."""
        return np.asarray(unit(rows - self.middle) @ self.weights[articles].T)


def affordable(articles: int, lessons: int) -> bool:
    """Whether a base is small enough for the regression."""
    return (lessons + articles) * articles <= MOST


def logistic_of(ids: Sequence[str], titles: Matrix, rows: Matrix, of: NDArray[np.int64]) -> Logistic:
    """The regression for n articles from their titles, (n, dim), and the m questions of articles `of`: (m, dim), (m,).

    A title is one question more, and each article counts the same, however many it has.
    """
    count, dim = titles.shape
    middle = np.concatenate([titles, rows]).mean(axis=0).astype(np.float32)
    every = unit(np.concatenate([titles, rows]) - middle)
    gold = np.concatenate([np.arange(count), of])
    each = 1 / np.bincount(gold)[gold]
    worth = (each / each.mean()).astype(np.float32)[:, None]
    ridge = np.float32(RIDGE)
    bound = (every * worth).T @ every / 2 + ridge * np.eye(dim, dtype=np.float32)
    inverse = np.linalg.inv(bound).astype(np.float32)
    weights = ahead = np.zeros((count, dim), np.float32)
    pace = 1.0
    for _ in range(STEPS):
        off = _softmax(every @ ahead.T)
        off[np.arange(len(gold)), gold] -= 1
        new = ahead - ((off * worth).T @ every + ridge * ahead) @ inverse
        pace, before = (1 + (1 + 4 * pace * pace) ** 0.5) / 2, pace
        weights, ahead = new, new + np.float32((before - 1) / pace) * (new - weights)
    return Logistic(tuple(ids), middle, weights)


def blended(linear: Numbers, regressed: Numbers, share: float) -> Numbers:
    """Class scores in [0, 1] of some articles, from both opinions scaled to [0, 1]."""
    return (1 - share) * linear + share * regressed


def held_ranks(
    titles: Matrix,
    rows: Matrix,
    of: NDArray[np.int64],
    fitted: Sequence[Logistic],
    shares: Sequence[float] = SHARES,
) -> NDArray[np.float64]:
    """Reciprocal rank of the article that solved each lesson, by the classes alone with each share: (k, shares).

    A lesson is asked of the fold that has not learnt it, `fitted` are these folds' regressions; an article's only
    lesson says nothing.
    """
    found = []
    for out, other in zip(folds(of), fitted, strict=True):
        asked = np.flatnonzero(out & np.isin(of, of[~out]))
        own = classes_of(titles, rows[~out], of[~out])
        linear = own.about(rows[asked]) @ own.weights.T + own.offsets
        for gold, one, two in zip(of[asked], linear, other.scores(rows[asked]), strict=True):
            both = scaled(one.astype(np.float64)), scaled(two.astype(np.float64))
            scores = np.stack([blended(*both, share) for share in shares])
            found.append(1.0 / (1 + (scores > scores[:, [gold]] + 1e-9).sum(axis=1)))
    return np.array(found).reshape(-1, len(shares))


def share_of(ranks: NDArray[np.float64], shares: Sequence[float] = SHARES, errors: float = ERRORS) -> float:
    """The share with the best mean of `held_ranks`; 0 where none is better by so many standard errors.

    shares: those of the columns, 0 first
    """
    if not len(ranks):
        return 0.0
    gain = ranks - ranks[:, :1]
    mean, error = gain.mean(axis=0), gain.std(axis=0) / np.sqrt(len(gain))
    sure = np.where((mean > 0) & (mean >= errors * error), mean, -1.0)
    best = int(np.argmax(sure))
    return shares[best] if sure[best] > 0 else 0.0


def _softmax(scores: Matrix) -> Matrix:
    """Rows of shares that sum to 1."""
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)
