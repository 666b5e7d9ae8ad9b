"""What learnt questions say of a new one: the nearest of them, and a class for each article over the same vectors.

The classes are a linear discriminant (Fisher 1936; Hastie, Tibshirani and Friedman, The Elements of
Statistical Learning, 4.3): one mean an article, one covariance for all, shrunk to a multiple of the
identity (Friedman 1989). An article's own title counts as one of its questions, so that those nobody
has solved yet stand in the same space. How much either counts beside the lists of the search is no
constant: `weigh` measures it on the base's own solved questions, each left out of what it is asked of.
The constants are from benchmarks/learning_fit.py; docs/search.md has the table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Numbers = NDArray[np.float64]

SHRINKAGE = 0.4
NEAR_FROM = 0.3  # cosine about the middle below which a learnt question says nothing
DEPTH = 100  # articles the class scores are scaled over
STEPS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # weights tried, where all lists of the search together count 1
OFF = 0.125  # what stands for 0 where weights are compared by their ratio
FOLDS = 5
MOST_ASKED = 400  # questions that `weigh` is given, at most


@dataclass(frozen=True)
class Weights:
    """How much learnt evidence counts, where all lists of the search together count 1.

    asked: how many solved questions they were measured on
    share: how much of the classes is the regression's (kb.finding.learning.logistic), in [0, 1]
    """

    near: float = 0.5
    classes: float = 0.0
    asked: int = 0
    share: float = 0.0


NOTHING = Weights(0.0, 0.0)
UNMEASURED = Weights()  # before a base has solved questions enough to measure on
ALONE = Weights(0.5, 1.0)  # for articles with one lesson each: benchmarks/learning_fit.py, `one_each`
COVERED = 0.5  # share of the articles that have a lesson, from which on a question is likelier about one of those


@dataclass(frozen=True)
class Evidence:
    """What was learnt says of one question.

    near:    article → how near its nearest learnt question is, in (0, 1], and that question's chunk
    classes: article → score scaled to [0, 1], of all that were asked about
    spelled: articles that learnt this very question, word for word
    cosines: article → cosine of its nearest learnt question, as of a question of its own: for the verdict
    """

    near: Mapping[str, tuple[float, str]]
    classes: Mapping[str, float]
    spelled: frozenset[str]
    weights: Weights
    cosines: Mapping[str, float] = field(default_factory=dict)

    def without(self, articles: Collection[str]) -> Evidence:
        """What was learnt as if these articles had learnt nothing and were not there."""
        near = {id: one for id, one in self.near.items() if id not in articles}
        classes = {id: one for id, one in self.classes.items() if id not in articles}
        cosines = {id: one for id, one in self.cosines.items() if id not in articles}
        return replace(self, near=near, classes=classes, spelled=self.spelled.difference(articles), cosines=cosines)

    def join(self, search: Mapping[str, float]) -> dict[str, float]:
        """The search's scores with what was learnt, in [0, 1], best first; an article that learnt this very
        question has 1."""
        ids = sorted({*search, *self.near, *self.spelled})
        nearest = {id: near for id, (near, _) in self.near.items()}
        own, near, classes = (np.array([one.get(id, 0.0) for id in ids]) for one in (search, nearest, self.classes))
        scores = dict(zip(ids, mixed(own, near, classes, self.weights).tolist(), strict=True))
        scores |= dict.fromkeys(self.spelled, 1.0)
        return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Classes:
    """A linear discriminant over n articles: score of article a = weights[a] · question + offsets[a].

    middle:  (dim,) what is subtracted from every vector before its length is made 1
    weights: (n, dim), offsets: (n,); means: (n, dim); counts: (n,) learnt questions
    precision: (dim, dim), the inverse of the shared covariance
    """

    middle: Matrix
    weights: Matrix
    offsets: Matrix
    means: Matrix
    counts: NDArray[np.int64]
    precision: Matrix

    def about(self, rows: Matrix) -> Matrix:
        """Rows about the middle, length 1."""
        return unit(rows - self.middle)

    def without(self, article: int, row: Matrix) -> tuple[Matrix, float]:
        """Weights (dim,) and offset of one article without one of its questions, `row` about the middle."""
        seen = self.counts[article] + 1
        mean = (self.means[article] * seen - row) / max(seen - 1, 1)
        weights = self.precision @ mean
        return weights, float(-weights @ mean / 2)


def classes_of(titles: Matrix, rows: Matrix, of: NDArray[np.int64]) -> Classes:
    """The classes of n articles from their titles, (n, dim), and the m questions of articles `of`: (m, dim), (m,)."""
    dim = titles.shape[1]
    middle = np.concatenate([titles, rows]).mean(axis=0).astype(np.float32)
    own, learnt = unit(titles - middle), unit(rows - middle)
    counts = np.bincount(of, minlength=len(titles))
    means = own.copy()
    np.add.at(means, of, learnt)
    means /= (counts + 1)[:, None]
    spread = np.zeros((dim, dim), np.float32)
    for off in (learnt - means[of], own - means):
        spread += off.T @ off
    spread /= len(titles) + len(rows)
    # rows of length 1 about their mean: their variances sum to about 1
    covariance = (1 - SHRINKAGE) * spread + SHRINKAGE / dim * np.eye(dim, dtype=np.float32)
    precision = np.linalg.inv(covariance).astype(np.float32)
    weights = means @ precision
    offsets = -np.einsum("nd,nd->n", weights, means) / 2
    return Classes(middle, weights, offsets.astype(np.float32), means, counts, precision)


def nearness(cosines: Matrix) -> Matrix:
    """How much a learnt question's cosine about the middle says, in [0, 1]; an identical one says 1."""
    near: Matrix = np.clip((cosines - NEAR_FROM) / (1 - NEAR_FROM), 0, 1)
    return near


def scaled(scores: Numbers) -> Numbers:
    """Class scores of some articles scaled to [0, 1] over the `DEPTH` best of them; equals count 0."""
    if not len(scores):
        return scores
    low, high = np.partition(scores, -DEPTH)[-DEPTH] if len(scores) > DEPTH else scores.min(), scores.max()
    return np.clip((scores - low) / (high - low), 0, 1) if high > low else np.zeros_like(scores)


def mixed(search: Numbers, near: Numbers, classes: Numbers, weights: Weights) -> Numbers:
    """Scores in [0, 1] of some articles from the search's own, the nearest learnt question's and the scaled class's."""
    whole = 1 + weights.near + weights.classes
    return (search + weights.near * near + weights.classes * classes) / whole


# --- measuring the weights -----------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A solved question asked of a base that has not learnt it: its candidates' evidence, and which of them solved it.

    search, near, classes: (n,) in [0, 1]; gold: the place of the article that solved it
    alone: whether that article has no other lesson left
    """

    search: Numbers
    near: Numbers
    classes: Numbers
    gold: int
    alone: bool = False


def folds(of: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    """Which learnt questions each fold leaves out, (m,): those of an article are spread over the folds."""
    place = np.zeros(len(of), np.int64)
    for article in np.unique(of):
        mine = np.flatnonzero(of == article)
        place[mine] = (np.arange(len(mine)) + int(article)) % FOLDS
    for fold in range(FOLDS):
        out = place == fold
        if out.any() and not out.all():
            yield out


def weighed(cases: Sequence[Held], covered: float, asking: float) -> Weights:
    """The weights of a base.

    A lesson that is its article's only one is asked as if nothing were learnt of it: that is what a question about an
    article nobody has solved yet meets, and says nothing of one that somebody has. So it counts while most articles
    have no lesson. Where nothing else is left to be measured on, `ALONE` is taken; nothing, where most articles ask
    nothing themselves: texts, whose lessons are about one fact of many.

    covered: share of the base's articles that have a lesson; asking: share of these that have a title or question
    """
    if covered < COVERED:
        return weigh(cases)
    others = [case for case in cases if not case.alone]
    if 2 * len(others) >= len(cases):
        return weigh(others)
    return replace(ALONE if asking >= 0.5 else NOTHING, asked=len(cases))


def weigh(cases: Sequence[Held]) -> Weights:
    """The weights for the best mean reciprocal rank of the article that solved; nothing where the best are not better
    than nothing by a standard error.

    Of the weights within one standard error of the best, the ones nearest to the middle of all those: what is best by
    chance alone lies at their rim. An article whose only question is left out is asked as if nothing were learnt of
    it while the others are, so that the measure is never too kind.
    """
    if not cases:
        return UNMEASURED
    grid = [Weights(near, classes, len(cases)) for near, classes in product(STEPS, STEPS)]
    ranks = np.array([_reciprocal_ranks(case, grid) for case in cases])
    best = int(np.argmax(ranks.mean(axis=0)))
    behind = ranks[:, [best]] - ranks
    error = behind.std(axis=0) / np.sqrt(len(cases))
    if behind[:, 0].mean() <= error[0]:
        start = grid.index(replace(UNMEASURED, asked=len(cases)))
        return grid[start] if ranks[:, start].mean() >= ranks[:, 0].mean() else grid[0]
    places = np.log2([(one.near + OFF, one.classes + OFF) for one in grid])
    within = np.flatnonzero(behind.mean(axis=0) <= error)
    distance = np.linalg.norm(places[within] - places[within].mean(axis=0), axis=1)
    return grid[int(within[np.argmin(distance.round(6))])]


def _reciprocal_ranks(case: Held, grid: Sequence[Weights]) -> Numbers:
    scores = np.stack([mixed(case.search, case.near, case.classes, weights) for weights in grid])
    return np.asarray(1.0 / (1 + (scores > scores[:, [case.gold]] + 1e-9).sum(axis=1)))


def unit(rows: Matrix) -> Matrix:
    """Rows at length 1."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)
