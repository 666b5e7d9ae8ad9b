"""Found, maybe, or not in the base: said in words, from numbers that mean something on this base.

A cosine of E5 means nothing by itself: it lives between .7 and .95 whatever is asked, and higher
in Chinese than in English. So seven signals of the lists a search has anyway are weighed. How much
each counts is a prior, fitted on labelled sets (benchmarks/fit_verdict.py). Where "found" begins is
measured by every build on the base itself, a language at a time: questions and titles of articles
are asked with that question taken out (the answer is still there) and with the whole article and
its twin taken out (the answer is gone). So it works for a base without labels, and again when
articles or the model change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

VERSION = 2  # a change of the signals or of the prior makes every stored curve stale: count up

Name = Literal["found", "maybe", "missing"]

# By cost. A "maybe" costs a look at the first hits: 1. A wrong "found" is read to the customer unchecked: 10.
# A wrong "not in the base" ends the search, and the caller waits for what was there: 3. So:
FOUND_FROM = 1 - 1 / 10
MISSING_BELOW = 1 / 3

LEARNT = "learnt"  # the kind of a trial that was a caller's question
MIN_SAMPLES = 20  # questions of a language, learnt ones or the articles' own, from which on they move the curve
MIN_ARTICLES = 10  # below, a list has no middle to stand out from: always "maybe"
TRUST = 50.0  # own texts that count as much as the prior: they are not callers' questions
FOLDS = 5
BINS = 10  # of the calibration error
USUAL = -0.27  # late interaction with the best chunk in another language, less that with the best in the question's own
ABROAD = USUAL + 0.15  # from which on the other language comes first, where a base does not say otherwise
DEEP = 20  # how far down the list the margin is taken


@dataclass(frozen=True)
class Verdict:
    """What to believe of a result. `probability` that the base has the answer is in [0, 1]; None = not known."""

    name: Name
    probability: float | None


@dataclass(frozen=True)
class Signals:
    """What one question's lists say. All grow with the belief that the answer is there; cosines in [-1, 1].

    top:    best cosine of any article
    lift:   how far it stands above the mean of the list, ≥ 0
    margin: how far it stands above the article `DEEP` places down, or the last, ≥ 0
    first:  cosine of the article that comes first once all lists are fused: dense and lexical agree or not
    worded: cosine of the article whose words fit best; with no word in common, that of the last of the list
    lead:   fused score of the first less that of the next that is not its twin, in [0, 1]
    words:  BM25 of the best, ≥ 0: rare words of the question that one article has
    """

    top: float
    lift: float
    margin: float
    first: float
    worded: float
    lead: float
    words: float

    def vector(self) -> NDArray[np.float64]:
        """The signals in the order of `SIGNALS`, (7,)."""
        return np.array([getattr(self, name) for name in SIGNALS], np.float64)


SIGNALS = tuple(field.name for field in fields(Signals))


def signals(
    cosines: Mapping[str, float], words: Mapping[str, float], fused: Mapping[str, float], twin: str
) -> Signals | None:
    """The signals of one question, by article; None where no article has a cosine.

    cosines, words: best cosine and BM25 of each article found, in any order
    fused: fused score in [0, 1], best first
    twin:  of the first of `fused`, '' for none
    """
    if not cosines:
        return None
    ordered = sorted(cosines.values(), reverse=True)
    top, last = ordered[0], ordered[-1]
    first = next(iter(fused))
    next_best = next((score for id, score in fused.items() if id not in (first, twin)), 0.0)
    spoken = max(words, key=lambda id: (words[id], id), default="")
    return Signals(
        top=top,
        lift=top - math.fsum(ordered) / len(ordered),
        margin=top - ordered[min(DEEP, len(ordered)) - 1],
        first=cosines.get(first, last),
        worded=cosines.get(spoken, last),
        lead=fused[first] - next_best,
        words=words.get(spoken, 0.0),
    )


# --- the curve -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prior:
    """What labelled sets say, before a base has said anything.

    model:      whose cosines they were, without what follows its colon
    centre, spread: mean and standard deviation of each signal on those sets
    weights:    of each signal in units of its spread, ≥ 0
    middle:     score halfway between answered and unanswerable questions
    easier:     how much higher that lies, by kind, for texts that are asked without themselves and again without their
                article, than for what callers ask and is answered or not: their gaps are further off than an article
                left out (`LEARNT`), and their words than the articles' own
    answerable: share of the questions that the base answers, in (0, 1)
    """

    model: str
    centre: Mapping[str, float]
    spread: Mapping[str, float]
    weights: Mapping[str, float]
    middle: float
    easier: Mapping[str, float]
    answerable: float

    def of(self, measured: Signals) -> float:
        """The score of some signals, any real number."""
        weighed = (self.weights[n] * (getattr(measured, n) - self.centre[n]) / self.spread[n] for n in SIGNALS)
        return float(sum(weighed))


# Fitted by benchmarks/fit_verdict.py (benchmarks/results/verdict-fit.json; docs/search.md).
PRIOR = Prior(
    model="multilingual-e5-small",
    centre={
        "top": 0.900356,
        "lift": 0.066492,
        "margin": 0.070912,
        "first": 0.898282,
        "worded": 0.891409,
        "lead": 0.239894,
        "words": 25.266102,
    },
    spread={
        "top": 0.038721,
        "lift": 0.02894,
        "margin": 0.031981,
        "first": 0.041037,
        "worded": 0.047566,
        "lead": 0.178624,
        "words": 19.949566,
    },
    weights={
        "top": 0.306212,
        "lift": 0.408169,
        "margin": 0.828388,
        "first": 0.401833,
        "worded": 0.440705,
        "lead": 0.406676,
        "words": 0.190647,
    },
    middle=-0.8392,
    easier={"learnt": 0.3019, "title": 0.5093, "question": 0.4534},
    answerable=0.7882,
)


@dataclass(frozen=True)
class Errors:
    """How often a curve was wrong on questions of the base that it was not measured on; shares in [0, 1].

    missing: said to be not in the base, though the answer was there
    found:   said to be found, though the article had been taken out
    ece:     expected calibration error: how far the probabilities are from what came true
    """

    missing: float
    found: float
    ece: float


@dataclass(frozen=True)
class Curve:
    """P(answer in base) = 1 / (1 + exp(-(Σ weight · signal + offset))).

    samples: own questions it was measured on
    abroad:  how far late interaction in another language may stand behind, from where that language comes first
    """

    weights: Mapping[str, float]
    offset: float
    samples: int
    errors: Errors | None = None
    abroad: float = ABROAD

    def probability(self, measured: Signals) -> float:
        """In (0, 1)."""
        x = self.offset + sum(self.weights[name] * getattr(measured, name) for name in SIGNALS)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Curve:
        """A curve as JSON has it. Raises TypeError or KeyError for anything else."""
        errors = Errors(**tree["errors"]) if tree["errors"] else None
        return cls(
            {name: tree["weights"][name] for name in SIGNALS},
            tree["offset"],
            tree["samples"],
            errors,
            tree.get("abroad", ABROAD),
        )


Calibration = Mapping[str, Curve]  # by language of the question: `zh`, `en`


def judge(found: bool, measured: Signals | None, curve: Curve | None, *, named: bool) -> Verdict:
    """The verdict over a result.

    found: whether there is any hit
    named: whether the first article was asked for by its id or code, or has solved this very question: then it is
           found
    """
    if named:
        return Verdict("found", 1.0)
    if not found:
        return Verdict("missing", None)
    if measured is None or curve is None:
        return Verdict("maybe", None)
    probability = curve.probability(measured)
    return Verdict(name_of(probability), probability)


def name_of(probability: float) -> Name:
    """The word for a probability in [0, 1]."""
    if probability >= FOUND_FROM:
        return "found"
    return "missing" if probability < MISSING_BELOW else "maybe"


# --- measured on the base itself -----------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """One text of an article asked of its own base: with the article there (None where it has nothing else to
    be found by), and with it and its twin gone (None where nothing else is left). `kind` is a chunk's, or `LEARNT`."""

    article: str
    kind: str
    there: Signals | None
    gone: Signals | None


def fit(trials: Sequence[Trial], prior: Prior, model: str) -> Curve | None:
    """The curve of one language from what the base says of itself. None for an unknown model and too few trials.

    Only where "found" begins is measured: halfway between the mean score of answers that are there and
    of answers that are gone, less how much easier those texts are, and held to the prior as if that were
    `TRUST` questions. Titles say nothing of how callers put it, and move nothing; where there is nothing else the
    errors are told by them. Another model's signals are first brought to the scale of the prior.
    """
    prior_here = prior if model.partition(":")[0] == prior.model else _rescaled(prior, trials)
    if prior_here is None:
        return None
    used = _used(trials)
    folds = sorted({one.article for one in used})
    fold = {article: place % FOLDS for place, article in enumerate(folds)}
    told: list[tuple[float, bool]] = []
    for k in range(FOLDS):
        rest = [one for one in used if fold[one.article] != k]
        held = _curve(prior_here, _middle(prior_here, rest), len(rest))
        for one in used:
            if fold[one.article] == k:
                shift = prior_here.easier.get(one.kind, 0.0)  # as hard as a caller would have asked it
                told += [(_shifted(held, s, shift), y) for s, y in ((one.there, True), (one.gone, False)) if s]
    errors = _errors(told, prior.answerable) if len(used) >= MIN_SAMPLES else None
    return _curve(prior_here, _middle(prior_here, used), len(used), errors)


def _used(trials: Sequence[Trial]) -> list[Trial]:
    """What was learnt where there is enough of it: callers asked it. Else the articles' questions; else all."""
    whole = [one for one in trials if one.there and one.gone]
    for kind in (LEARNT, "question"):
        some = [one for one in whole if one.kind == kind]
        if len(some) >= MIN_SAMPLES:
            return some
    return whole


def _middle(prior: Prior, trials: Sequence[Trial]) -> float:
    """Halfway between there and gone, for a caller's question."""
    halfway = [
        (prior.of(one.there) + prior.of(one.gone)) / 2 - prior.easier.get(one.kind, 0.0)
        for one in trials
        if one.there and one.gone and one.kind != "title"
    ]
    return (prior.middle * TRUST + math.fsum(halfway)) / (TRUST + len(halfway))


def _curve(prior: Prior, middle: float, samples: int, errors: Errors | None = None) -> Curve:
    weights = {name: prior.weights[name] / prior.spread[name] for name in SIGNALS}
    zero = sum(weights[name] * prior.centre[name] for name in SIGNALS)
    odds = math.log(prior.answerable / (1 - prior.answerable))
    return Curve(weights, odds - middle - zero, samples, errors)


def _shifted(curve: Curve, measured: Signals, shift: float) -> float:
    return Curve(curve.weights, curve.offset - shift, curve.samples).probability(measured)


def _rescaled(prior: Prior, trials: Sequence[Trial]) -> Prior | None:
    """The prior for a model whose cosines live elsewhere: centre and spread as this base has them."""
    rows = [one.vector() for trial in trials for one in (trial.there, trial.gone) if one]
    if len(rows) < 2 * MIN_SAMPLES:
        return None
    centre, spread = np.mean(rows, axis=0), np.maximum(np.std(rows, axis=0), 1e-6)
    easier = dict.fromkeys(prior.easier, 0.0)
    return Prior(
        prior.model,
        dict(zip(SIGNALS, centre.tolist(), strict=True)),
        dict(zip(SIGNALS, spread.tolist(), strict=True)),
        prior.weights,
        0.0,
        easier,
        prior.answerable,
    )


def _errors(told: Sequence[tuple[float, bool]], answerable: float) -> Errors:
    probabilities = np.array([p for p, _ in told])
    labels = np.array([y for _, y in told], bool)
    weights = np.where(labels, answerable / max(1, labels.sum()), (1 - answerable) / max(1, (~labels).sum()))
    return Errors(
        missing=float(np.mean(probabilities[labels] < MISSING_BELOW)),
        found=float(np.mean(probabilities[~labels] >= FOUND_FROM)),
        ece=calibration_error(probabilities, labels, weights),
    )


def calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> float:
    """Expected calibration error in [0, 1], over `BINS` bins of equal width: the mean distance of what was said
    from what came true (Naeini and others, Obtaining Well Calibrated Probabilities, 2015). All three (n,)."""
    if not len(probabilities):
        return 0.0
    weights = np.ones(len(labels)) if weights is None else weights
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights * (probabilities - labels), BINS)
    return float(np.abs(gaps).sum() / weights.sum())
