"""A question becomes hits: dense and lexical lists, folded to articles, fused by weight."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kb import text
from kb.content.articles import Article
from kb.content.products import Catalogue, resolve
from kb.errors import QuestionError
from kb.finding.chunks import ANSWERS, ASKS
from kb.finding.learning.evidence import Evidence
from kb.finding.passage import Near, Passage, choose
from kb.finding.search import languages
from kb.finding.search.index import Encoder, Index, Ranked, Reranker, Tokens, Vector
from kb.finding.search.languages import scored
from kb.finding.search.lists import (
    CHUNK_DEPTH,
    DEPTH,
    LATE_DEPTH,
    WEIGHTS,
    Place,
    Scored,
    best_cosines,
    by_article,
    fuse,
    late,
    lists_of,
    pinned_to,
    reranked,
    signals_of,
    stand_in,
)
from kb.finding.spelling import heard
from kb.finding.verdict import Verdict, judge
from kb.people.scope import Scope, may_see
from kb.tuning.pins import Pin
from kb.tuning.synonyms import NONE, Synonyms

__all__ = [
    "CHUNK_DEPTH",
    "DEPTH",
    "LATE_DEPTH",
    "RERANKED",
    "WEIGHTS",
    "Encoder",
    "Hit",
    "Hits",
    "Index",
    "Place",
    "Ranked",
    "Reranker",
    "Scored",
    "Tokens",
    "Vector",
    "best_cosines",
    "by_article",
    "fuse",
    "in_work",
    "languages",
    "late",
    "lists_of",
    "passage_of",
    "reranked",
    "scored",
    "search",
    "signals_of",
    "stand_in",
]

NEARBY, NEARBY_LEAST = 20, 5  # articles whose words may be the one that is being typed, or was typed by its sound
NEARBY_LENGTH = 6_000  # characters of them together, beyond the least of them
RERANKED = 10  # articles a reranker reads, where one is set up


@dataclass(frozen=True)
class Hit:
    """One article that may answer.

    score: fused, in [0, 1]; comparable inside one search only
    twin:  id of the same article in the other language where this asker may see it, else ''
    named: it was asked for by id or code, and stands first for that
    pinned: an editor pinned it to such questions, and it stands before all others for that
    why:   its place in each list it was found in (`answers`, `asks`, `lexical`, `late`, and `learnt` by its
           nearest learnt question)
    """

    article: Article
    score: float
    passage: Passage
    twin: str
    named: bool
    why: Mapping[str, Place]
    pinned: bool = False


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
    pins: Sequence[Pin] = (),
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
    asked = heard(typed, index.lexicon, lambda rest, start: _nearby(rest, start, scope, index))
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
    held = pinned_to(pins, (typed, asked), scope, index)
    order = list(dict.fromkeys([*held, *sorted(named, key=lambda id: (-fused.get(id, 0.0), id)), *fused]))
    shown = _folded(order, prefer_lang or text.language(asked), asked.lower(), scope, index) if fold_twins else None
    places = {name: {**found.abroad.get(name, {}), **ranks} for name, ranks in lists.items()}
    hits = []
    for id, place in itertools.islice(shown or ((id, _Place(index.article(id), "")) for id in order), limit):
        why = {name: ranks[place.article.id] for name, ranks in places.items() if place.article.id in ranks}
        passage = passage_of(place.article, asked, index, vector, tokens, found.near.get(place.article.id))
        hits.append(Hit(place.article, fused.get(id, 0.0), passage, place.twin, id in named, why, id in held))
    curve = index.calibration.get(text.language(asked)) if index.calibration else None
    certain = bool(hits) and (hits[0].pinned or hits[0].named or _spelled(hits[0], taught))
    from_abroad = any(id in ranks for id in order[:1] for ranks in found.abroad.values())
    measured = None if from_abroad else signals_of(lists, index, taught)  # no curve was measured across languages
    verdict = judge(bool(hits), measured, curve, named=certain)
    return Hits(typed, asked, verdict, tuple(hits), index.generation, vector is not None, vector, tokens)


def _nearby(rest: str, start: str, scope: Scope, index: Index) -> list[tuple[str, float]]:
    """What the articles say that the rest of a question finds best, folded, each with its BM25; a word that begins
    like `start`, '' for none, counts too.

    What a base says most would often lead a whole question astray.
    """
    terms = replace(text.query_terms(rest), prefix=start)
    if not terms.words:
        return []
    found: list[tuple[str, float]] = []
    length = 0
    for item in index.lexical(terms, scope, NEARBY):
        article = index.article(item.article)
        said = text.fold("\n".join((article.title, *article.questions, article.body)))
        if len(found) >= NEARBY_LEAST and length + len(said) > NEARBY_LENGTH:
            break
        found.append((said, item.score))
        length += len(said)
    return found


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


def _spelled(hit: Hit, taught: Evidence | None) -> bool:
    """Whether calls solved this very question with the article of a hit."""
    return taught is not None and not taught.spelled.isdisjoint((hit.article.id, hit.twin))


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
