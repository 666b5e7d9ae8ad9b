"""The lists of a question, folded to articles and fused by weight; the first of them put in order token by token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kb import text
from kb.finding.chunks import ANSWERS, ASKS
from kb.finding.learning.evidence import Evidence
from kb.finding.passage import Near
from kb.finding.search.index import Index, Ranked, Tokens, Vector
from kb.finding.verdict import Signals, signals
from kb.people.scope import Scope, may_see
from kb.tuning.pins import Pin, pinned

# How much each list counts once scaled to 0–1, and late interaction beside the three together; fitted by
# benchmarks/fit.py, see docs/search.md.
WEIGHTS: Mapping[str, float] = {"answers": 1 / 3, "asks": 1 / 3, "lexical": 1 / 3, "late": 0.4}

LATE_DEPTH = 20  # of the first articles, as many as late interaction is worked out for

DEPTH = 100  # articles a list is scaled over and fused from
CHUNK_DEPTH = 500  # chunks asked of the dense lists, enough to fill `DEPTH` articles as a rule


@dataclass(frozen=True)
class Place:
    """Where an article stands in one list: rank from 1, raw score, chunk ('' = the whole article)."""

    rank: int
    score: float
    chunk: str


@dataclass(frozen=True)
class Scored:
    """What a question finds before what was learnt counts.

    scores: article → score in [0, 1], best first
    lists:  where each article stands in each list
    near:   the first articles token by token
    abroad: the lists of other languages, where they are asked apart
    """

    scores: dict[str, float]
    lists: dict[str, dict[str, Place]]
    near: Mapping[str, Sequence[Near]]
    abroad: Mapping[str, Mapping[str, Place]] = field(default_factory=dict)


def found_in(
    asked: str,
    vector: Vector | None,
    tokens: Tokens | None,
    scope: Scope,
    index: Index,
    weights: Mapping[str, float] = WEIGHTS,
    terms: text.QueryTerms | None = None,
    late_depth: int = LATE_DEPTH,
) -> Scored:
    """The lists that have a weight fused, and the first put in order by late interaction. `terms` as for `lists_of`."""
    lists = lists_of(asked, vector, scope, index, terms, lexical="lexical" in weights)
    fused = fuse({name: list(ranks.items()) for name, ranks in lists.items()}, weights)
    late_weight = weights.get("late", 0.0)
    if tokens is None or not late_weight:
        return Scored(fused, lists, {})
    first = list(fused)[:late_depth]
    near = dict(zip(first, index.maxsim(first, tokens), strict=True))
    lists["late"] = late(near)
    return Scored(reranked(fused, lists["late"], late_weight), lists, near)


def lists_of(
    asked: str,
    vector: Vector | None,
    scope: Scope,
    index: Index,
    terms: text.QueryTerms | None = None,
    *,
    lexical: bool = True,
) -> dict[str, dict[str, Place]]:
    """The lists a search fuses, by article: `lexical` and, with a vector, `answers` and `asks`.

    terms: the question's, with synonyms; None = its own alone
    """
    lists = {"lexical": by_article(index.lexical(terms or text.query_terms(asked), scope, DEPTH))} if lexical else {}
    if vector is not None:
        for name, kinds in (("answers", ANSWERS), ("asks", ASKS)):
            lists[name] = by_article(index.dense(vector, scope, CHUNK_DEPTH, kinds, DEPTH))
        lists["asks"] = stand_in(lists["asks"], lists["answers"], index)
    return lists


def stand_in(asks: Mapping[str, Place], answers: Mapping[str, Place], index: Index) -> dict[str, Place]:
    """The list of what articles ask, where the text of an article that asks nothing stands for its question.

    Beside articles with titles and questions it would otherwise count 0 there, whatever it says.
    """
    mute = {id: place for id, place in answers.items() if id not in asks and not index.asks(id)}
    merged = sorted((dict(asks) | mute).items(), key=lambda item: (-item[1].score, item[0]))[:DEPTH]
    return {id: Place(rank, place.score, place.chunk) for rank, (id, place) in enumerate(merged, 1)}


def by_article(ranked: Iterable[Ranked]) -> dict[str, Place]:
    """A list of chunks folded to its first `DEPTH` articles, each by its best chunk, ranks from 1."""
    best: dict[str, Place] = {}
    for item in ranked:
        if item.article not in best:
            if len(best) == DEPTH:
                break
            best[item.article] = Place(len(best) + 1, item.score, item.chunk)
    return best


def best_cosines(*lists: Mapping[str, Place]) -> dict[str, float]:
    """The best cosine of each article in some dense lists."""
    best: dict[str, float] = {}
    for ranks in lists:
        for article, place in ranks.items():
            best[article] = max(best.get(article, -1.0), place.score)
    return best


def signals_of(
    lists: Mapping[str, Mapping[str, Place]], index: Index, taught: Evidence | None = None
) -> Signals | None:
    """What the lists of a question tell the verdict; None without the encoder. They are fused by equal weights here,
    and without late interaction, as they were when the curve was measured. A learnt question stands among those the
    article asks itself, and what was learnt has its say in what comes first."""
    fused = fuse({name: list(lists[name].items()) for name in WEIGHTS if name in lists and name != "late"}, WEIGHTS)
    if taught:
        fused = taught.join(fused)
        if "asks" in lists:
            lists = dict(lists) | {"asks": _asked_too(lists["asks"], taught.cosines)}
    cosines = best_cosines(*(lists[name] for name in ("asks", "answers") if name in lists))
    words = {id: place.score for id, place in lists["lexical"].items()}
    return signals(cosines, words, fused, index.article(next(iter(fused))).twin if fused else "")


def _asked_too(asks: Mapping[str, Place], learnt: Mapping[str, float]) -> dict[str, Place]:
    """The list of what articles ask, with the cosines of what they learnt."""
    merged = dict(asks)
    for id, score in learnt.items():
        if id not in merged or merged[id].score < score:
            merged[id] = Place(0, score, "")
    return dict(sorted(merged.items(), key=lambda item: (-item[1].score, item[0]))[:DEPTH])


def fuse(lists: Mapping[str, Sequence[tuple[str, Place]]], weights: Mapping[str, float]) -> dict[str, float]:
    """Article → fused score in [0, 1], best first; ties by id so that order never depends on chance.

    Each list is scaled to 0–1 over itself (a list of one, or of equals, counts 1), an article that
    is absent counts 0. Weights of lists that are not there go to those that are.
    """
    total = sum(weights[name] for name in lists) or 1.0
    fused: dict[str, float] = {}
    for name, ranks in lists.items():
        if not ranks:
            continue
        scores = [place.score for _, place in ranks]
        low, width = min(scores), max(scores) - min(scores)
        for article, place in ranks:
            scaled = (place.score - low) / width if width > 0 else 1.0
            fused[article] = fused.get(article, 0.0) + weights[name] / total * scaled
    return dict(sorted(fused.items(), key=lambda item: (-item[1], item[0])))


def late(near: Mapping[str, Sequence[Near]]) -> dict[str, Place]:
    """Late interaction with articles: the mean of its best title or question and its best answer.

    The mean, not the best of all: titles are short, and a short text rarely has a word for each of the question's.
    """
    found: dict[str, tuple[float, str]] = {}
    for id, chunks in near.items():
        if chunks:
            sides = ([(n.score, n.chunk.id) for n in chunks if n.chunk.kind in kinds] for kinds in (ANSWERS, ASKS))
            best = [max(side) for side in sides if side]
            found[id] = sum(score for score, _ in best) / len(best), best[0][1]
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return {id: Place(rank, score, chunk) for rank, (id, (score, chunk)) in enumerate(ordered, 1)}


def reranked(fused: Mapping[str, float], late: Mapping[str, Place], weight: float) -> dict[str, float]:
    """Fused scores with late interaction, scaled to 0–1 over the articles it was worked out for, added by weight."""
    if not late:
        return dict(fused)
    extra = fuse({"late": list(late.items())}, {"late": 1.0})
    both = {id: (score + weight * extra.get(id, 0.0)) / (1 + weight) for id, score in fused.items()}
    return dict(sorted(both.items(), key=lambda item: (-item[1], item[0])))


def pinned_to(pins: Sequence[Pin], said: Iterable[str], scope: Scope, index: Index) -> tuple[str, ...]:
    """Articles pinned to a question, in any of the ways it is `said`: those this asker may see, of others their twins
    where they may see those."""
    found = dict.fromkeys(id for one in dict.fromkeys(said) for id in pinned(pins, one, scope.on))
    seen = (_visible(id, scope, index) or _visible(_twin_of(id, index), scope, index) for id in found)
    return tuple(dict.fromkeys(id for id in seen if id))


def _visible(id: str, scope: Scope, index: Index) -> str:
    """An id where there is such an article and this asker may see it, else ''."""
    try:
        return id if may_see(scope, index.article(id)) else ""
    except KeyError:
        return ""


def _twin_of(id: str, index: Index) -> str:
    try:
        return index.article(id).twin
    except KeyError:
        return ""
