"""What the search room needs of the engine: an encoder, an index, perhaps a reranker. `indexer` implements them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kb import text
from kb.content.articles import Article
from kb.finding.chunks import Chunk
from kb.finding.learning.evidence import Evidence
from kb.finding.passage import Near
from kb.finding.spelling import Lexicon
from kb.finding.verdict import Calibration
from kb.people.scope import Scope

Vector = NDArray[np.float32]
Tokens = NDArray[Any]  # of a text: rows of a question's, packed ones of a passage (indexer.encoder.tokens)


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
    def mixed(self, scope: Scope, lang: str) -> bool:
        """Whether, of what the scope lets through, some articles are in this language (`zh`, `en`) and others are
        in another one alone, without a twin in it."""
        ...

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
