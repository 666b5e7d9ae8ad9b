"""An index without a question and its near-copies: what is found then is found by what the articles say.

A question that somebody pasted into an article finds that article, whatever it says. So a proof that a base
answers a question leaves the question out, as a cross-validation leaves out what it tests with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kb import text
from kb.content.articles import Article
from kb.finding.chunks import ASKS, Chunk, asks_by_title
from kb.finding.learning.evidence import Evidence, nearness
from kb.finding.passage import Near
from kb.finding.search import Index, Ranked, Tokens, Vector
from kb.finding.spelling import Lexicon
from kb.finding.verdict import Calibration
from kb.people.scope import Scope
from kb.text import QueryTerms

COPY = 0.85  # cosine about the base's own middle from which a question is another one's copy (docs/decisions.md)
LOOKED_AT = 40  # of the base's questions, the nearest
SATURATION = 1.2  # BM25's k1

_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff])[\W_]+(?=[\u3400-\u9fff]|\Z)")

Rows = Callable[[Sequence[str]], Vector]  # texts as the encoder sees them asked, (n, dim), rows of length 1


def normal(question: str) -> str:
    """A question by its words that mean something, in no order: two spellings of one question share it."""
    folded = _BETWEEN_HAN.sub("", text.fold(question))
    words = sorted(set(text.query_terms(folded).words) - text.FUNCTION_WORDS)
    return " ".join(words) or folded.strip()


def are_copies(question: str, others: Sequence[str], rows: Rows, middle: Vector) -> list[bool]:
    """Which of these say the same as the question: in the same words, or with vectors as good as the same."""
    if not others:
        return []
    centred = rows([question, *others]) - middle
    centred = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    own, cosines = normal(question), centred[1:] @ centred[0]
    return [normal(one) == own or bool(cosine >= COPY) for one, cosine in zip(others, cosines, strict=True)]


def copies(
    question: str, vector: Vector, index: Index, scope: Scope, rows: Rows, middle: Vector, of: Iterable[str] = ()
) -> frozenset[str]:
    """The chunks of articles' questions that are copies of this one: among the nearest, and all of the articles `of`.

    vector: the question's;  middle: (dim,), the mean of the base's own questions
    """
    near = [one.chunk for one in index.dense(vector, scope, LOOKED_AT, ASKS)]
    articles = dict.fromkeys([*of, *(id.rpartition("#")[0] for id in near)])
    wanted, whole = set(near), set(of)
    asked = [
        (chunk, shown)
        for id in articles
        for chunk, shown in index.chunks(id)
        if chunk.kind == "question" and (chunk.id in wanted or id in whole)
    ]
    same = are_copies(question, [shown for _, shown in asked], rows, middle)
    return frozenset(chunk.id for (chunk, _), copy in zip(asked, same, strict=True) if copy)


@dataclass(frozen=True)
class HeldOut:
    """`index` as if the chunks `out`, questions of articles, were not there; an Index itself.

    What calls taught counts for nothing beside a question that it was learnt from.
    """

    index: Index
    out: frozenset[str]

    @property
    def generation(self) -> str:
        """As of the whole index; so are the others that follow."""
        return self.index.generation

    @property
    def calibration(self) -> Calibration | None:
        return self.index.calibration

    @property
    def lexicon(self) -> Lexicon:
        return self.index.lexicon

    def article(self, id: str) -> Article:
        return self.index.article(id)

    def chunks(self, article: str) -> Sequence[tuple[Chunk, str]]:
        return self.index.chunks(article)

    def chunk(self, id: str) -> Chunk:
        return self.index.chunk(id)

    def mixed(self, scope: Scope, lang: str) -> bool:
        return self.index.mixed(scope, lang)

    # without what is left out

    def dense(
        self, vector: Vector, scope: Scope, k: int, kinds: tuple[str, ...], articles: int | None = None
    ) -> list[Ranked]:
        if not self.out:
            return self.index.dense(vector, scope, k, kinds, articles)
        found = [one for one in self.index.dense(vector, scope, k + len(self.out), kinds) if one.chunk not in self.out]
        found = found[:k]
        if articles is None:
            return found
        first: dict[str, Ranked] = {}
        for one in found:
            first.setdefault(one.article, one)
        return list(first.values())[:articles]

    def lexical(self, terms: QueryTerms, scope: Scope, k: int) -> list[Ranked]:
        found = self.index.lexical(terms, scope, k)
        touched = {one.article for one in found} & self._touched()
        if not touched:
            return found
        by_word = {word: self._scores(word, scope, k) for word in terms.every}
        kept = [
            Ranked(one.article, one.chunk, one.score * self._share(one.article, by_word))
            if one.article in touched
            else one
            for one in found
        ]
        return sorted((one for one in kept if one.score > 0), key=lambda one: (-one.score, one.article))

    def named(self, code: str, scope: Scope) -> list[Ranked]:
        touched = self._touched()
        found = self.index.named(code, scope)
        return [
            one
            for one in found
            if one.article not in touched or one.article == code or self._asks(one.article, without=True)[code]
        ]

    def maxsim(self, articles: Sequence[str], tokens: Tokens) -> list[list[Near]]:
        return [
            [near for near in some if near.chunk.id not in self.out] for some in self.index.maxsim(articles, tokens)
        ]

    def cosines(self, vector: Vector, article: str) -> Mapping[str, float]:
        return {id: cosine for id, cosine in self.index.cosines(vector, article).items() if id not in self.out}

    def learnt(self, asked: str, vector: Vector | None, scope: Scope, articles: Iterable[str]) -> Evidence | None:
        taught = self.index.learnt(asked, vector, scope, articles)
        if taught is None or taught.spelled:
            return None
        copy = float(nearness(np.array([COPY], np.float32))[0])
        return None if any(score >= copy for score, _ in taught.near.values()) else taught

    def asks(self, article: str) -> bool:
        return any(chunk.kind in ASKS and chunk.id not in self.out for chunk, _ in self.index.chunks(article))

    # what is left of an article's words

    def _touched(self) -> set[str]:
        return {id.rpartition("#")[0] for id in self.out}

    def _scores(self, word: str, scope: Scope, k: int) -> dict[str, float]:
        return {one.article: one.score for one in self.index.lexical(QueryTerms((word,), ""), scope, k)}

    def _share(self, article: str, by_word: Mapping[str, Mapping[str, float]]) -> float:
        """What is left of an article's BM25, in [0, 1]: of each word's part as much as its frequency still earns.

        That the article grew shorter is left out of account; it would be a little more.
        """
        whole = sum(scores.get(article, 0.0) for scores in by_word.values())
        asks, left = self._asks(article), self._asks(article, without=True)
        body = Counter(text.terms(self.index.article(article).body))
        kept = 0.0
        for word, scores in by_word.items():
            before = _saturated(asks[word]) + _saturated(asks[word] + body[word])
            after = _saturated(left[word]) + _saturated(left[word] + body[word])
            kept += scores.get(article, 0.0) * (after / before if before else 0.0)
        return kept / whole if whole else 0.0

    def _asks(self, article: str, *, without: bool = False) -> Counter[str]:
        """The terms of an article's title and questions, as the lexical index has them."""
        whole = self.index.article(article)
        asked = [
            shown
            for chunk, shown in self.index.chunks(article)
            if chunk.kind == "question" and not (without and chunk.id in self.out)
        ]
        title = [whole.title] if asks_by_title(whole) else []
        return Counter(text.terms("\n".join([*title, *asked])))


def _saturated(frequency: int) -> float:
    return frequency / (frequency + SATURATION)
