"""A question becomes hits: dense and lexical lists, folded to articles, fused by weight.

`search` owns the two protocols it needs, `Encoder` and `Index`; `indexer` implements them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kb import text
from kb.content.articles import Article
from kb.content.products import Catalogue, resolve
from kb.errors import QuestionError
from kb.finding.chunks import ANSWERS, ASKS, Chunk
from kb.finding.learning.evidence import Evidence
from kb.finding.passage import Near, Passage, choose
from kb.finding.spelling import Lexicon, heard
from kb.finding.verdict import Calibration, Signals, Verdict, judge, signals
from kb.people.scope import Scope, may_see
from kb.tuning.synonyms import NONE, Synonyms

Vector = NDArray[np.float32]
Tokens = NDArray[Any]  # of a text: rows of a question's, packed ones of a passage (indexer.encoder.tokens)

# How much each list counts once scaled to 0–1, and late interaction beside the three together; fitted by
# benchmarks/fit.py, see docs/search.md.
WEIGHTS: Mapping[str, float] = {"answers": 1 / 3, "asks": 1 / 3, "lexical": 1 / 3, "late": 0.4}

RERANKED = 10  # articles a reranker reads, where one is set up
LATE_DEPTH = 20  # of the first articles, as many as late interaction is worked out for

DEPTH = 100  # articles a list is scaled over and fused from
CHUNK_DEPTH = 500  # chunks asked of the dense lists, enough to fill `DEPTH` articles as a rule


@dataclass(frozen=True, slots=True)
class Ranked:
    """One place in a list: the article, the chunk that earned it ('' = the whole article), its score."""

    article: str
    chunk: str
    score: float


class Encoder(Protocol):
    """Texts to unit vectors. `name` changes whenever the same text would get another vector, `token_name`
    whenever it would get other tokens ('' = it gives none)."""

    @property
    def name(self) -> str: ...
    @property
    def token_name(self) -> str: ...
    @property
    def dim(self) -> int: ...
    def queries(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1."""
        ...

    def passages(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1."""
        ...

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        """The same rows and, per text, its tokens for late interaction; both from one pass."""
        ...


class Reranker(Protocol):
    """Reads a question and a text together. `weight`: how much it counts beside all else together, ≥ 0."""

    @property
    def weight(self) -> float: ...
    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers, on the model's own scale, higher is better."""
        ...


class Index(Protocol):
    """One generation. Every list is best first and holds only what the scope lets through."""

    @property
    def generation(self) -> str: ...
    @property
    def calibration(self) -> Calibration | None: ...
    @property
    def lexicon(self) -> Lexicon: ...
    def dense(
        self, vector: Vector, scope: Scope, k: int, kinds: tuple[str, ...], articles: int | None = None
    ) -> list[Ranked]:
        """The k nearest chunks of these kinds; score = cosine in [-1, 1].

        With `articles`, of these k the best chunk of each article, at most so many.
        """
        ...

    def lexical(self, terms: text.QueryTerms, scope: Scope, k: int) -> list[Ranked]:
        """The k best articles; score = BM25 ≥ 0."""
        ...

    def named(self, code: str, scope: Scope) -> list[Ranked]:
        """Articles that have an error code or model number in title or questions; score 1."""
        ...

    def maxsim(self, articles: Sequence[str], tokens: Tokens) -> list[list[Near]]:
        """Late interaction of a question's tokens with each chunk of these articles. Empty where no tokens were
        kept. KeyError where an article is unknown."""
        ...

    def cosines(self, vector: Vector, article: str) -> Mapping[str, float]:
        """Cosine of every chunk of one article, by chunk id."""
        ...

    def learnt(self, asked: str, vector: Vector | None, scope: Scope, articles: Iterable[str]) -> Evidence | None:
        """What solved calls taught about a question and these articles; None where nothing was learnt."""
        ...

    def article(self, id: str) -> Article:
        """The article as this generation has it. KeyError where it has none."""
        ...

    def chunks(self, article: str) -> Sequence[tuple[Chunk, str]]:
        """The chunks of an article in order, each with its text as a person reads it. KeyError where unknown."""
        ...

    def asks(self, article: str) -> bool:
        """Whether the article has a chunk of a kind in `ASKS`. KeyError where there is no such article."""
        ...

    def chunk(self, id: str) -> Chunk:
        """One chunk by its id. KeyError where there is none."""
        ...


@dataclass(frozen=True)
class Place:
    """Where an article stands in one list: rank from 1, raw score, chunk ('' = the whole article)."""

    rank: int
    score: float
    chunk: str


@dataclass(frozen=True)
class Hit:
    """One article that may answer.

    score: fused, in [0, 1]; comparable inside one search only
    twin:  id of the same article in the other language where this asker may see it, else ''
    named: it was asked for by id or code, and stands first for that
    why:   its place in each list it was found in (`answers`, `asks`, `lexical`, `late`, and `learnt` by its
           nearest learnt question)
    """

    article: Article
    score: float
    passage: Passage
    twin: str
    named: bool
    why: Mapping[str, Place]


@dataclass(frozen=True)
class Hits:
    """The answer to a question.

    query:    as typed
    heard:    as it was meant: what was searched with
    complete: False when the encoder had no part in it
    vector:   the question's, for what else is compared with it; None without the encoder
    tokens:   the question's, likewise
    """

    query: str
    heard: str
    verdict: Verdict
    hits: tuple[Hit, ...]
    generation: str
    complete: bool
    vector: Vector | None = field(default=None, compare=False, repr=False)
    tokens: Tokens | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class _Place:
    """An article in the result: the one shown, and its twin's id, '' for none."""

    article: Article
    twin: str


def search(
    question: str,
    scope: Scope,
    *,
    index: Index,
    encoder: Encoder | None,
    catalogue: Catalogue,
    synonyms: Synonyms = NONE,
    prefer_lang: str = "",
    limit: int = 10,
    vector: Vector | None = None,
    tokens: Tokens | None = None,
    weights: Mapping[str, float] = WEIGHTS,
    fold_twins: bool = True,
    reranker: Reranker | None = None,
) -> Hits:
    """The articles that answer, best first, at most `limit`, each with its best passage.

    encoder:     None while it is not ready; the lexical list then answers alone
    prefer_lang: the customer's language, '' = the language of the question; orders twins, hides nothing
    vector, tokens: the question's, where they are known already
    reranker:    reads the first `RERANKED` articles once more; slow, so for a question that stands
    Raises QuestionError when nothing is left of the question once it is cleaned.
    """
    typed = text.clean(question)
    if not typed:
        raise QuestionError("question_empty")
    asked = heard(typed, index.lexicon)
    if encoder and vector is None:
        rows, (tokens,) = encoder.with_tokens([asked], query=True)
        vector = rows[0]
    found = scored(asked, vector, tokens, scope, index, weights, synonyms.terms(asked, typed))
    fused, lists = found.scores, found.lists
    taught = index.learnt(asked, vector, scope, fused)
    if taught:
        fused = taught.join(fused)
        lists["learnt"] = by_article(Ranked(id, chunk, score) for id, (score, chunk) in taught.near.items())
    if reranker and fused:
        first = list(fused)[:RERANKED]
        passages = {id: passage_of(index.article(id), asked, index, vector, tokens, found.near.get(id)) for id in first}
        lists["reranker"] = read_again(asked, passages, reranker, index)
        fused = reranked(fused, lists["reranker"], reranker.weight)
    named = _named(asked, scope, index, catalogue) | _titled(asked, fused, index)
    order = list(dict.fromkeys([*sorted(named, key=lambda id: (-fused.get(id, 0.0), id)), *fused]))
    shown = _folded(order, prefer_lang or text.language(asked), asked.lower(), scope, index) if fold_twins else None
    hits = []
    for id, place in itertools.islice(shown or ((id, _Place(index.article(id), "")) for id in order), limit):
        why = {name: ranks[place.article.id] for name, ranks in lists.items() if place.article.id in ranks}
        passage = passage_of(place.article, asked, index, vector, tokens, found.near.get(place.article.id))
        hits.append(Hit(place.article, fused.get(id, 0.0), passage, place.twin, id in named, why))
    curve = index.calibration.get(text.language(asked)) if index.calibration else None
    certain = bool(hits) and (hits[0].named or _spelled(hits[0], taught))
    verdict = judge(bool(hits), signals_of(lists, index, taught), curve, named=certain)
    return Hits(typed, asked, verdict, tuple(hits), index.generation, vector is not None, vector, tokens)


def in_work(hits: Hits, scope: Scope, index: Index, most: int = 2) -> tuple[Article, ...]:
    """Articles of another scope (the ones in work) that would stand among the first three hits, best first."""
    if hits.vector is not None:
        dense = (by_article(index.dense(hits.vector, scope, 20, kinds)) for kinds in (ANSWERS, ASKS))
        found = best_cosines(*dense)
        bars = [
            max((hit.why[name].score for name in ("answers", "asks") if name in hit.why), default=0.0)
            for hit in hits.hits
        ]
    else:
        found = {item.article: item.score for item in index.lexical(text.query_terms(hits.heard), scope, most)}
        bars = [hit.why["lexical"].score if "lexical" in hit.why else 0.0 for hit in hits.hits]
    bar = sorted(bars, reverse=True)[2] if len(bars) > 2 else 0.0
    ids = sorted((id for id, score in found.items() if score >= bar), key=lambda id: (-found[id], id))
    return tuple(index.article(id) for id in ids[:most])


# --- the lists -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """What a question finds before what was learnt counts.

    scores: article → score in [0, 1], best first
    lists:  where each article stands in each list
    near:   the first `LATE_DEPTH` articles token by token
    """

    scores: dict[str, float]
    lists: dict[str, dict[str, Place]]
    near: Mapping[str, Sequence[Near]]


def scored(
    asked: str,
    vector: Vector | None,
    tokens: Tokens | None,
    scope: Scope,
    index: Index,
    weights: Mapping[str, float] = WEIGHTS,
    terms: text.QueryTerms | None = None,
) -> Scored:
    """The lists fused, and the first of them put in order by late interaction. `terms` as for `lists_of`."""
    lists = lists_of(asked, vector, scope, index, terms)
    fused = fuse({name: list(ranks.items()) for name, ranks in lists.items()}, weights)
    late_weight = weights.get("late", 0.0)
    if tokens is None or not late_weight:
        return Scored(fused, lists, {})
    first = list(fused)[:LATE_DEPTH]
    near = dict(zip(first, index.maxsim(first, tokens), strict=True))
    lists["late"] = late(near)
    return Scored(reranked(fused, lists["late"], late_weight), lists, near)


def lists_of(
    asked: str, vector: Vector | None, scope: Scope, index: Index, terms: text.QueryTerms | None = None
) -> dict[str, dict[str, Place]]:
    """The lists a search fuses, by article: `lexical` and, with a vector, `answers` and `asks`.

    terms: the question's, with synonyms; None = its own alone
    """
    lists = {"lexical": by_article(index.lexical(terms or text.query_terms(asked), scope, DEPTH))}
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
    and without late interaction, as they were when the curve was measured; a learnt question stands among those the
    article asks itself."""
    if taught and "asks" in lists:
        lists = dict(lists) | {"asks": _asked_too(lists["asks"], taught.cosines)}
    cosines = best_cosines(*(lists[name] for name in ("asks", "answers") if name in lists))
    fused = fuse({name: list(lists[name].items()) for name in WEIGHTS if name in lists}, WEIGHTS)
    words = {id: place.score for id, place in lists["lexical"].items()}
    return signals(cosines, words, fused, index.article(next(iter(fused))).twin if fused else "")


def _asked_too(asks: Mapping[str, Place], learnt: Mapping[str, float]) -> dict[str, Place]:
    """The list of what articles ask, with the cosines of what they learnt."""
    merged = dict(asks)
    for id, score in learnt.items():
        if id not in merged or merged[id].score < score:
            merged[id] = Place(0, score, "")
    return dict(sorted(merged.items(), key=lambda item: (-item[1].score, item[0]))[:DEPTH])


def _spelled(hit: Hit, taught: Evidence | None) -> bool:
    """Whether calls solved this very question with the article of a hit."""
    return taught is not None and not taught.spelled.isdisjoint((hit.article.id, hit.twin))


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


def read_again(asked: str, passages: Mapping[str, Passage], reranker: Reranker, index: Index) -> dict[str, Place]:
    """What a reranker makes of articles, by title and passage."""
    texts = [f"{index.article(id).title}\n{one.text}" for id, one in passages.items()]
    scores = zip(passages, reranker.scores(asked, texts), strict=True)
    ordered = sorted(scores, key=lambda item: (-item[1], item[0]))
    return {id: Place(rank, score, passages[id].chunk) for rank, (id, score) in enumerate(ordered, 1)}


def _named(asked: str, scope: Scope, index: Index, catalogue: Catalogue) -> dict[str, None]:
    """Articles asked for by id or by error code, in order. A product's model number names no article."""
    id = asked.lower()
    if any(item.article == id for item in index.named(id, scope)):
        return {id: None}
    found: dict[str, None] = {}
    for code in sorted(text.codes(asked, spoken=True)):
        if resolve(catalogue, code) is None:
            found |= dict.fromkeys(item.article for item in index.named(code, scope))
    return found


def _titled(asked: str, fused: Iterable[str], index: Index) -> dict[str, None]:
    """Articles whose title was typed in full."""
    wanted = text.fold(asked)
    first = itertools.islice(fused, DEPTH // 2)  # a title typed in full is never far down
    return {id: None for id in first if _fold(index.article(id).title) == wanted}


@functools.lru_cache(maxsize=50_000)
def _fold(title: str) -> str:
    """Titles are few and asked about with every key."""
    return text.fold(title)


def _folded(
    order: Iterable[str], prefer_lang: str, asked_id: str, scope: Scope, index: Index
) -> Iterator[tuple[str, _Place]]:
    """Twins as one: the better place, in the customer's language, whether or not a list had that twin.

    Gives the id that earned the place, and what stands there. An article asked for by its id is shown as asked.
    """
    seen: set[str] = set()
    for id in order:
        if id in seen:
            continue
        article = index.article(id)
        other = _twin(article, scope, index)
        seen |= {id, article.twin}
        if other is None:
            yield id, _Place(article, "")
        elif id != asked_id and _speaks(other, prefer_lang) and not _speaks(article, prefer_lang):
            yield id, _Place(other, id)
        else:
            yield id, _Place(article, other.id)


def _twin(article: Article, scope: Scope, index: Index) -> Article | None:
    """The same article in the other language, where this asker may see it."""
    try:
        other = index.article(article.twin)
    except KeyError:
        return None
    return other if may_see(scope, other) else None


def _speaks(article: Article, lang: str) -> bool:
    return article.lang.split("-")[0] == lang.split("-")[0]


def passage_of(
    article: Article,
    asked: str,
    index: Index,
    vector: Vector | None,
    tokens: Tokens | None,
    near: Sequence[Near] | None = None,
) -> Passage:
    """The part of an article that answers a question, whether or not a search found it.

    near: its chunks token by token, where they are known already
    """
    cosines = index.cosines(vector, article.id) if vector is not None else {}
    if near is None:
        near = index.maxsim([article.id], tokens)[0] if tokens is not None else []
    return choose(article, index.chunks(article.id), asked, cosines, near)
