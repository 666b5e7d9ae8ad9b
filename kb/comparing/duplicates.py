"""Does the base ask this already? Two questions compared, across languages, and an article with the base's.

A cosine of E5 says little by itself: it is high between any two questions of one language, and lower between two
of two. So it is taken above that of the middles of their languages in this base, and joined by the cosine about these
middles and by what makes the opposite of a question: a negation, another number. How much each counts was fitted on
labelled pairs (benchmarks/duplicates.py); two error codes or models that differ are two needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb import text
from kb.numerals import numbers

Vector = NDArray[np.float32]

WARN_FROM = 0.5  # probability from which an editor is told
MOST = 3  # articles an editor is told of


@dataclass(frozen=True, eq=False)
class Asked:
    """A question as it is compared: `vector` is its unit row, (dim,), as the encoder sees questions."""

    text: str
    vector: Vector


@dataclass(frozen=True)
class Weights:
    """P(two questions are one) = 1 / (1 + exp(-(Σ weight · signal + offset))), signals as in `SIGNALS`."""

    weights: Mapping[str, float]
    offset: float

    def probability(self, signals: Mapping[str, float]) -> float:
        """In (0, 1)."""
        x = self.offset + sum(self.weights[name] * signals[name] for name in SIGNALS)
        return float(1 / (1 + np.exp(-np.clip(x, -30, 30))))


@dataclass(frozen=True)
class Covered:
    """An article that asks what a draft asks: `asked` of the draft is `known` there; `likely` in [0, 1]."""

    article: str
    asked: str
    known: str
    likely: float


SIGNALS = ("above", "centred", "negated", "numbers")

# Fitted by benchmarks/duplicates.py --fit (benchmarks/results/duplicates-fit.json).
WEIGHTS = Weights({"above": 0.0, "centred": 3.4096, "negated": 0.2685, "numbers": 0.2168}, -1.8064)

_NOT = re.compile(r"[不没未别无]|\b(?:not?|never|without|cannot)\b|n['’]t\b")
_FIGURE = re.compile(r"\d+(?:\.\d+)?")


def covered(
    draft: Sequence[Asked],
    base: Mapping[str, Sequence[Asked]],
    middles: Mapping[str, Vector],
    but: Sequence[str] = (),
    weights: Weights = WEIGHTS,
) -> tuple[Covered, ...]:
    """The articles of a base that ask what a draft asks, likeliest first, at most `MOST`.

    middles: language of a question (`text.language`) → mean row of the base's questions in it
    but:     articles that are no duplicates: the draft's own and its twin
    """
    found = []
    for id, theirs in base.items():
        if id in but:
            continue
        pairs = ((likely(mine, other, middles, weights), mine.text, other.text) for mine in draft for other in theirs)
        best = max(pairs, default=(0.0, "", ""))
        if best[0] >= WARN_FROM:
            found.append(Covered(id, best[1], best[2], best[0]))
    return tuple(sorted(found, key=lambda one: (-one.likely, one.article))[:MOST])


def likely(one: Asked, other: Asked, middles: Mapping[str, Vector], weights: Weights = WEIGHTS) -> float:
    """The probability that two questions are one, in [0, 1]; 0 where they name other codes or models."""
    if text.fold(one.text) == text.fold(other.text):
        return 1.0
    codes, others = text.codes(one.text, spoken=True), text.codes(other.text, spoken=True)
    if codes and others and codes.isdisjoint(others):
        return 0.0
    return weights.probability(signals(one, other, middles))


def signals(one: Asked, other: Asked, middles: Mapping[str, Vector]) -> dict[str, float]:
    """The `SIGNALS` of two questions; all grow with the belief that they are one.

    above:   cosine of their rows above that of their languages' middles: what two questions of these have anyway
    centred: cosine of their rows less the middle of their language, in [-1, 1]
    negated: -1 where only one of them has a negation, else 0; numbers: -1 where they name other numbers
    """
    none = np.zeros_like(one.vector)
    here, there = (middles.get(text.language(asked.text), none) for asked in (one, other))
    return {
        "above": float(one.vector @ other.vector - here @ there),
        "centred": float(_unit(one.vector - here) @ _unit(other.vector - there)),
        "negated": -float(_is_negated(one.text) != _is_negated(other.text)),
        "numbers": -float(_numbers(one.text) != _numbers(other.text)),
    }


def middles_of(asked: Sequence[tuple[str, Vector]]) -> dict[str, Vector]:
    """Language → mean row of the questions in it; given as texts with their rows."""
    rows: dict[str, list[Vector]] = {}
    for written, row in asked:
        rows.setdefault(text.language(written), []).append(row)
    return {language: np.mean(some, axis=0) for language, some in rows.items()}


def _unit(row: Vector) -> Vector:
    return np.asarray(row / max(float(np.linalg.norm(row)), 1e-9), np.float32)


def _is_negated(question: str) -> bool:
    return bool(_NOT.search(text.fold(question)))


def _numbers(question: str) -> frozenset[str]:
    folded = text.fold(question)
    return frozenset(_FIGURE.findall(folded)) | {number for number, _, _ in numbers(folded)}
