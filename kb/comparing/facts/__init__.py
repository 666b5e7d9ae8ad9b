"""Do two articles contradict each other: another amount, time, date or model where they speak of the same?

An article and its twin are laid side by side, unit by unit: they say the same in the same order. Articles of one
language are compared where a clause of one is about what a clause of another is about, told by the words they share,
the rarer the more; what is said of other models is about something else, and so is what the other article says too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kb.comparing.facts.clauses import Clause, Reading, read
from kb.comparing.facts.twins import aligned
from kb.comparing.facts.values import KINDS, Value, agree, values
from kb.content.articles import Article, plain

__all__ = ["KINDS", "Clause", "Contradiction", "Reading", "Value", "agree", "apart", "beside", "read", "values"]

SAME = 0.5  # likeness from which two clauses are about the same
ALIKE = 0.25  # and from which what one of them says too is no contradiction
WORDS_LEAST = 2  # fewer say of nothing what it is about: "Wait 30 seconds"
MOST_STATED = 400  # clauses of an article that are compared
MOST = 5  # contradictions an editor is told of at a time
COMPARED = tuple(kind for kind in KINDS if kind != "number")  # but in a twin a bare number does not say what it counts


@dataclass(frozen=True)
class Contradiction:
    """Where two articles say different things of the same.

    kind:   one of `KINDS`, or `model`
    mine:   as this one has it, at `line` (from 1)
    theirs: as `article` has it, at `their_line`, in the sentence `there` (plain text)
    """

    kind: str
    mine: str
    line: int
    article: str
    theirs: str
    their_line: int
    there: str


def apart(mine: Reading, twin: Reading) -> tuple[Contradiction, ...]:
    """Where an article and its twin in another language say different things, in order."""
    return tuple(
        _told(mine.article, twin.article, other, *pair)
        for one, other in aligned(mine.clauses, twin.clauses)
        for pair in _differing(one, other, KINDS)
    )


def beside(mine: Reading, others: Sequence[Reading]) -> tuple[Contradiction, ...]:
    """Where an article says something different from others of its language, the likeliest first, at most `MOST`."""
    rarity = _rarity([mine, *others])
    stated = _stated(mine, rarity)
    found = [
        pair
        for other in others
        for pair in _against(mine.article, stated, other.article, _stated(other, rarity), rarity)
    ]
    first: dict[tuple[int, str], Contradiction] = {}
    for _, one in sorted(found, key=lambda pair: (-pair[0], pair[1].line)):
        first.setdefault((one.line, one.mine), one)  # ten articles that say it otherwise are one thing to mend
    return tuple(first.values())[:MOST]


# --- two articles of one language ----------------------------------------------------------------

_Pair = tuple[Value, Value]


@dataclass(frozen=True)
class _Stated:
    """A clause that says something of something: how rare its words are together, the numbers among them, and the
    models it is of."""

    clause: Clause
    weight: float
    numbers: frozenset[str]
    models: frozenset[str]


def _rarity(readings: Sequence[Reading]) -> dict[str, float]:
    """How rare each word is among these articles' clauses: log(1 + clauses / clauses with it)."""
    every = [one for reading in readings for one in reading.clauses]
    having = Counter(word for one in every for word in one.words)
    return {word: math.log1p(len(every) / count) for word, count in having.items()}


def _stated(reading: Reading, rarity: Mapping[str, float]) -> list[_Stated]:
    """The clauses with values or models, but for the names of rows and what must not be said."""
    found = []
    for one in reading.clauses:
        kind, block, column = one.shape
        says = one.values or one.models
        if says and len(one.words) >= WORDS_LEAST and block != "never" and (kind != "cell" or column):
            numbers = frozenset(word for word in one.words if any(map(str.isdigit, word)))
            weight = sum(rarity[word] for word in one.words)
            found.append(_Stated(one, weight, numbers, one.models or frozenset(reading.article.products)))
    return found[:MOST_STATED]


def _against(
    mine: Article, ours: Sequence[_Stated], other: Article, theirs: Sequence[_Stated], rarity: Mapping[str, float]
) -> Iterator[tuple[float, Contradiction]]:
    """What another article says otherwise, each with how like the clauses are; not what either says elsewhere too."""
    near = [[_like(one, its, rarity) for its in theirs] for one in ours]
    for i, one in enumerate(ours):
        like, j = max(((like, j) for j, like in enumerate(near[i])), default=(0.0, 0))
        if like < SAME:
            continue
        their_words = [value for k, its in enumerate(theirs) if near[i][k] >= ALIKE for value in its.clause.values]
        our_words = [value for k, its in enumerate(ours) if near[k][j] >= ALIKE for value in its.clause.values]
        for value, its in _differing(one.clause, theirs[j].clause, COMPARED):
            if not _is_said(value, their_words) and not _is_said(its, our_words):
                yield like, _told(mine, other, theirs[j].clause, value, its)


def _like(one: _Stated, other: _Stated, rarity: Mapping[str, float]) -> float:
    """How much of what two clauses are about is the same, in [0, 1]: the shared part of their words by rarity.

    0 where they are of other models, or of other numbers that are no values: the rows of 3 kg and of 5 kg.
    """
    if one.numbers != other.numbers or (one.models and other.models and one.models.isdisjoint(other.models)):
        return 0.0
    words = one.clause.words & other.clause.words
    if not words:
        return 0.0
    shared = sum(rarity[word] for word in words)
    return shared / (one.weight + other.weight - shared)


def _is_said(value: Value, among: Sequence[Value]) -> bool:
    """Whether a value is one of these, or its number stands there alone: "12 months, motor 24"."""
    alone = {one.text for one in among if one.kind == "number"}
    return any(one.kind == value.kind and agree(value, one) for one in among) or not alone.isdisjoint(
        re.findall(r"\d+", value.text)
    )


# --- values that differ --------------------------------------------------------------------------


def _differing(one: Clause, other: Clause, kinds: Sequence[str]) -> Iterator[_Pair]:
    """Values of one kind, and models, that each has and the other has not, in pairs."""
    for kind in kinds:
        yield from zip(_left(one, other, kind), _left(other, one, kind), strict=False)
    mine, theirs = sorted(one.models - other.models), sorted(other.models - one.models)
    if mine and theirs:
        yield _models(mine, one), _models(theirs, other)


def _left(one: Clause, other: Clause, kind: str) -> list[Value]:
    """The values of a kind that the other clause has not, each as often as it is missing there."""
    others = [value for value in other.values if value.kind == kind]
    left = []
    for value in one.values:
        if value.kind == kind:
            same = next((its for its in others if agree(value, its)), None)
            if same is None:
                left.append(value)
            else:
                others.remove(same)
    return left


def _models(codes: Sequence[str], clause: Clause) -> Value:
    return Value("model", "", 0, 0, ", ".join(codes), clause.span)


def _told(mine: Article, other: Article, there: Clause, value: Value, its: Value) -> Contradiction:
    start, end = there.span.start, there.span.end
    if there.shape[0] == "cell":  # a cell alone says of nothing what it is
        start, end = other.source.rfind("\n", 0, start) + 1, other.source.find("\n", end)
    sentence = plain(other.source[start : end if end >= 0 else None]).strip(" ;")
    line, its_line = mine.line_of(value.span.start), other.line_of(its.span.start)
    return Contradiction(value.kind, value.text, line, other.id, its.text, its_line, sentence)
