"""An article laid beside its twin, unit by unit; what one has and the other has not stands beside nothing."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from kb.comparing.facts.clauses import Clause
from kb.content.articles import Span

# What it costs to leave a unit beside nothing, and to pair two whose values differ, or are of other kinds: a changed
# value is likelier than a unit taken out and another put in, and that likelier than another kind of value.
LEFT, LEFT_EMPTY = 1.0, 0.6
CHANGED, OTHER = 0.9, 1.6
MOST_UNITS = 400  # of each article: every pair of them is looked at


def aligned(mine: Sequence[Clause], theirs: Sequence[Clause]) -> list[tuple[Clause, Clause]]:
    """The units that stand side by side where two articles are laid so at the least cost (Needleman–Wunsch)."""
    ours, others = _units(mine)[:MOST_UNITS], _units(theirs)[:MOST_UNITS]
    worths, their_worths = [list(map(_worth, some)) for some in (ours, others)]
    cost = [[0.0] * (len(others) + 1) for _ in range(len(ours) + 1)]
    way = [[""] * (len(others) + 1) for _ in range(len(ours) + 1)]
    for i, j in itertools.product(range(len(ours) + 1), range(len(others) + 1)):
        ways = []
        if i and j:
            unlike = _unlike(ours[i - 1], others[j - 1], worths[i - 1] == their_worths[j - 1])
            ways.append((cost[i - 1][j - 1] + unlike, "both"))
        if i:
            ways.append((cost[i - 1][j] + _left(ours[i - 1]), "mine"))
        if j:
            ways.append((cost[i][j - 1] + _left(others[j - 1]), "theirs"))
        cost[i][j], way[i][j] = min(ways, key=lambda one: one[0], default=(0.0, ""))
    pairs, i, j = [], len(ours), len(others)
    while way[i][j]:
        step = way[i][j]
        i, j = i - (step != "theirs"), j - (step != "mine")
        if step == "both":
            pairs.append((ours[i], others[j]))
    return pairs[::-1]


def _units(clauses: Sequence[Clause]) -> list[Clause]:
    """Each paragraph, item and cell as one clause of all that its sentences say."""
    return [_joined(list(some)) for _, some in itertools.groupby(clauses, key=lambda one: one.unit)]


def _joined(some: list[Clause]) -> Clause:
    span = Span(some[0].span.start, some[-1].span.end)
    words = frozenset[str]().union(*(one.words for one in some))
    models = frozenset[str]().union(*(one.models for one in some))
    held = tuple(value for one in some for value in one.values)
    return replace(some[0], span=span, words=words, values=held, models=models)


def _worth(one: Clause) -> Counter[tuple[str, str, float, float]]:
    return Counter((value.kind, value.unit, value.low, value.high) for value in one.values)


def _left(one: Clause) -> float:
    return LEFT if one.values else LEFT_EMPTY


def _unlike(one: Clause, other: Clause, same: bool) -> float:
    if one.shape != other.shape:
        return math.inf
    if same:
        return 0.0
    return CHANGED if {value.kind for value in one.values} == {value.kind for value in other.values} else OTHER
