"""FAISS and tantivy over one generation: an Index.

A generation has one or two segments (a base and what changed since). A segment holds its
articles, its chunks and two FAISS indexes: one over what articles ask (titles, questions), one
over what they answer (say-lines, body). BM25 is one tantivy index over the whole generation, a
document an article, so that a rare word is rare in the whole base.

An article's live version is the one whose number the manifest names; rows of older versions stay
in their segment and are masked, like everything the scope does not let through.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.engine.fields import VectorField, vector_index
from indexer.engine.segments import FIELDS, Entry, Segment, write_segment
from indexer.engine.words import Words, write_lexical
from kb import text
from kb.content.articles import Article
from kb.finding.chunks import Chunk, shown
from kb.finding.search import Ranked, Vector
from kb.finding.verdict import Calibration
from kb.people.scope import Scope, may_see

__all__ = ["Engine", "Entry", "Segment", "VectorField", "Words", "vector_index", "write_lexical", "write_segment"]

Mask = NDArray[np.bool_]

MAX_TEXTS = 2_000  # articles whose chunks are kept as plain text: what a floor opens in a day
MAX_VIEWS = 64  # scopes worked out and kept; a floor has a handful


@dataclass(frozen=True)
class _View:
    """What one scope lets through: allowed articles by number, and a bit a row for each segment's fields."""

    numbers: Mapping[int, str]
    bits: Mapping[tuple[int, str], NDArray[np.uint8] | None]


class Engine:
    """One generation, open. Everything it holds is read-only; any number of threads may ask."""

    def __init__(
        self,
        generation: str,
        segments: Sequence[Segment],
        words: Words,
        live: Mapping[str, int],
        calibration: Calibration | None,
    ) -> None:
        """`live` gives the number of each article's version that counts."""
        self.generation = generation
        self.calibration = calibration
        self.segments = tuple(segments)
        self._words = words
        self._places = {
            entry.article.id: (s, at)
            for s, segment in enumerate(self.segments)
            for at, entry in enumerate(segment.entries)
            if live.get(entry.article.id) == entry.number
        }
        self._texts: dict[str, Sequence[tuple[Chunk, str]]] = {}
        self._views: dict[Scope, _View] = {}
        self._view_lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all articles of this generation, in order."""
        return tuple(sorted(self._places))

    def finds_itself(self) -> bool:
        """Whether a vector of the first article is its own nearest in each field, and its title's words find it."""
        if not self._places:
            return True
        id = self.ids[0]
        s, at = self._places[id]
        segment = self.segments[s]
        for name, field in segment.fields.items():
            row = int(np.searchsorted(segment.chunk_rows[name], segment.first[at]))
            if row < len(field):
                vector = field.rows(np.array([row]))[0]
                if not any(score > 0.999 for _, score in field.nearest(vector, 1, None)):
                    return False
        terms = text.query_terms(self.article(id).title)
        return not terms or bool(self._words.best(terms, 1, {self._entry(id).number: id}))

    # what the search room asks

    def dense(self, vector: Vector, scope: Scope, k: int, kinds: tuple[str, ...]) -> list[Ranked]:
        view = self._seen(scope)
        field = next(name for name, members in FIELDS.items() if members == kinds)
        found: list[Ranked] = []
        for s, segment in enumerate(self.segments):
            if (s, field) not in view.bits:
                continue
            rows = segment.chunk_rows[field]
            for row, score in segment.fields[field].nearest(vector, k, view.bits[s, field]):
                at, _, number, _, _ = segment.table[rows[row]].tolist()
                article = segment.entries[at].article.id
                found.append(Ranked(article, f"{article}#{number}", score))
        found.sort(key=lambda item: (-item.score, item.chunk))
        return found[:k]

    def lexical(self, terms: text.QueryTerms, scope: Scope, k: int) -> list[Ranked]:
        best = self._words.best(terms, k, self._seen(scope).numbers)
        return sorted((Ranked(id, "", score) for id, score in best), key=lambda r: (-r.score, r.article))

    def named(self, code: str, scope: Scope) -> list[Ranked]:
        numbers = self._seen(scope).numbers
        if code in self._places:
            return [Ranked(code, "", 1.0)] if self._entry(code).number in numbers else []
        return [Ranked(id, "", 1.0) for id in self._words.having(code, numbers)]

    def cosines(self, vector: Vector, article: str) -> dict[str, float]:
        s, at = self._places[article]
        segment = self.segments[s]
        first, last = segment.first[at], segment.first[at + 1]
        found: dict[str, float] = {}
        for name, field in segment.fields.items():
            rows = segment.chunk_rows[name]
            low, high = np.searchsorted(rows, (first, last))
            cosines = field.rows(np.arange(low, high)) @ vector
            found.update((segment.chunk(int(rows[low + i])).id, float(c)) for i, c in enumerate(cosines))
        return found

    def article(self, id: str) -> Article:
        return self._entry(id).article

    def chunks(self, article: str) -> Sequence[tuple[Chunk, str]]:
        known = self._texts.get(article)
        if known is None:  # another thread may empty the store at any moment
            if len(self._texts) >= MAX_TEXTS:
                self._texts.clear()
            s, at = self._places[article]
            segment = self.segments[s]
            whole = segment.entries[at].article
            known = self._texts[article] = tuple((chunk, shown(whole, chunk)) for chunk in segment.chunks(at))
        return known

    def asks(self, article: str) -> bool:
        s, at = self._places[article]
        return bool(self.segments[s].asking[at])

    def chunk(self, id: str) -> Chunk:
        return {chunk.id: chunk for chunk, _ in self.chunks(id.rpartition("#")[0])}[id]

    # inside

    def _entry(self, id: str) -> Entry:
        s, at = self._places[id]
        return self.segments[s].entries[at]

    def _seen(self, scope: Scope) -> _View:
        with self._view_lock:  # two askers with one new scope: worked out once
            if scope not in self._views:
                if len(self._views) >= MAX_VIEWS:
                    self._views.clear()
                self._views[scope] = self._view(scope)
            return self._views[scope]

    def _view(self, scope: Scope) -> _View:
        masks = [np.zeros(len(segment.entries), np.bool_) for segment in self.segments]
        numbers: dict[int, str] = {}
        for id, (s, at) in self._places.items():
            entry = self.segments[s].entries[at]
            if may_see(scope, entry.article):
                masks[s][at] = True
                numbers[entry.number] = id
        bits: dict[tuple[int, str], NDArray[np.uint8] | None] = {}
        for s, (segment, mask) in enumerate(zip(self.segments, masks, strict=True)):
            for field, rows in segment.chunk_rows.items():
                allowed = mask[segment.table["article"][rows]]
                if allowed.any():
                    bits[s, field] = None if allowed.all() else np.packbits(allowed, bitorder="little")
        return _View(numbers, bits)
