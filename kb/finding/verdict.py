"""Found, maybe, or not in the base: said in words, from numbers that mean something on this base.

A cosine of E5 means nothing by itself: it lives between .7 and .95 whatever is asked, and higher
in Chinese than in English. So each build measures its own base: sampled questions of articles are
asked with that question taken out (the answer is still there), and with the whole article and its
twin taken out (the answer is gone). A logistic curve a language, over two signals, separates them.
This is the honest first threshold; a later fit will use more signals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Name = Literal["found", "maybe", "missing"]

FOUND_FROM = 0.70  # probability that the answer is in the base
MISSING_BELOW = 0.30
MIN_SAMPLES = 20  # questions of each sort below which no curve is believed
RIDGE = 1e-2


@dataclass(frozen=True)
class Verdict:
    """What to believe of a result. `probability` that the base has the answer is in [0, 1]; None = not known."""

    name: Name
    probability: float | None


@dataclass(frozen=True)
class Signals:
    """What one question's dense lists say.

    top:  best cosine of any chunk, in [-1, 1]
    lift: how far it stands above the mean of the articles in the list, ≥ 0
    """

    top: float
    lift: float


@dataclass(frozen=True)
class Curve:
    """P(answer in base) = 1 / (1 + exp(-(top · t + lift · l + offset))); `samples` questions of each sort."""

    top: float
    lift: float
    offset: float
    samples: int

    def probability(self, signals: Signals) -> float:
        """In (0, 1)."""
        x = self.top * signals.top + self.lift * signals.lift + self.offset
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


Calibration = Mapping[str, Curve]  # by language of the question: `zh`, `en`


def signals(cosines: Sequence[float]) -> Signals | None:
    """The signals of one question from the best cosine of each article found; None where there is none."""
    if not cosines:
        return None
    top = max(cosines)
    return Signals(top, top - sum(cosines) / len(cosines))


def judge(found: bool, measured: Signals | None, curve: Curve | None, *, named: bool) -> Verdict:
    """The verdict over a result.

    found: whether there is any hit
    named: whether an article was asked for by its id or code: then it is found
    """
    if named:
        return Verdict("found", 1.0)
    if not found:
        return Verdict("missing", None)
    if measured is None or curve is None:
        return Verdict("maybe", None)
    probability = curve.probability(measured)
    if probability >= FOUND_FROM:
        return Verdict("found", probability)
    return Verdict("missing" if probability < MISSING_BELOW else "maybe", probability)


def fit(present: Sequence[Signals], absent: Sequence[Signals]) -> Curve | None:
    """The logistic curve between the signals of answered and of unanswerable questions.

    Newton's method on standardised signals with a small ridge, both sorts weighted alike. None
    where there are too few of either.
    """
    if min(len(present), len(absent)) < MIN_SAMPLES:
        return None
    raw = np.array([(one.top, one.lift) for one in (*present, *absent)], np.float64)
    labels = np.concatenate([np.ones(len(present)), np.zeros(len(absent))])
    weight = np.where(labels == 1, 0.5 / len(present), 0.5 / len(absent)) * len(labels)
    centre, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-9)
    design = np.column_stack([(raw - centre) / spread, np.ones(len(raw))])
    beta = np.zeros(3)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weight * (labels - p)) - RIDGE * beta
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + RIDGE * np.eye(3)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    slopes = beta[:2] / spread
    offset = float(beta[2] - slopes @ centre)
    return Curve(float(slopes[0]), float(slopes[1]), offset, min(len(present), len(absent)))
