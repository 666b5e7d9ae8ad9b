"""FAISS and tantivy over one generation: an Index.

A generation has one or two segments (a base and what changed since). A segment holds its
articles, its chunks and two FAISS indexes: one over what articles ask (titles, questions), one
over what they answer (say-lines, body). BM25 is one tantivy index over the whole generation, a
document an article, so that a rare word is rare in the whole base.

An article's live version is the one whose number the manifest names; rows of older versions stay
in their segment and are masked, like everything the scope does not let through.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.engine.contract import Engine
from indexer.engine.fields import VectorField, vector_index
from indexer.engine.late import maxsim
from indexer.engine.learnt import Learnt, Lesson, Taught, read_learnt, write_learnt
from indexer.engine.segments import FIELDS, Embed, Entry, Segment, write_segment
from indexer.engine.words import Words, write_lexical
from kb import text
from kb.content.articles import Article
from kb.finding.chunks import Chunk, shown
from kb.finding.learning.evidence import NOTHING, Evidence, Weights
from kb.finding.passage import Near
from kb.finding.search import Ranked, Tokens, Vector
from kb.finding.spelling import Lexicon
from kb.finding.verdict import Calibration
from kb.people.scope import Scope, may_see

__all__ = [
    "Embed",
    "Engine",
    "Entry",
    "FileEngine",
    "Learnt",
    "Lesson",
    "Segment",
    "Taught",
    "VectorField",
    "Words",
    "read_learnt",
    "vector_index",
    "write_learnt",
    "write_lexical",
    "write_segment",
]

Mask = NDArray[np.bool_]

MAX_TEXTS = 2_000  # articles whose chunks are kept as plain text: what a floor opens in a day
MAX_VIEWS = 64  # scopes worked out and kept; a floor has a handful


@dataclass(frozen=True)
class _View:
    """What one scope lets through: allowed articles by number, and a bit a row for each segment's fields."""

    numbers: Mapping[int, str]
    bits: Mapping[tuple[int, str], NDArray[np.uint8] | None]
    learnt: NDArray[np.uint8] | None  # a bit a learnt question
    mixed: frozenset[str]  # languages with articles, beside others that stand in another one alone


class FileEngine:
    """One generation, open. Everything it holds is read-only; any number of threads may ask."""

    def __init__(
        self,
        generation: str,
        segments: Sequence[Segment],
        words: Words,
        live: Mapping[str, int],
        calibration: Calibration | None,
        taught: Taught | None = None,
    ) -> None:
        """`live` gives the number of each article's version that counts."""
        self.generation = generation
        self.calibration = calibration
        self.segments = tuple(segments)
        self.lexicon = Lexicon([segment.vocabulary for segment in self.segments])
        self._words = words
        self._places = {
            entry.article.id: (s, at)
            for s, segment in enumerate(self.segments)
            for at, entry in enumerate(segment.entries)
            if live.get(entry.article.id) == entry.number
        }
        self.ids = tuple(sorted(self._places))  # of all articles of this generation
        self._order = self._ordered()
        self._texts: dict[str, Sequence[tuple[Chunk, str]]] = {}
        self._views: dict[Scope, _View] = {}
        self._view_lock = threading.Lock()
        self._learnt = Learnt(taught, self.ids, self.titles()) if taught and taught.lessons else None
        self._unlearnt = ""  # the key of a lesson that does not count here

    @property
    def langs(self) -> frozenset[str]:
        """Of all its articles."""
        return frozenset(self.article(id).lang for id in self.ids)

    @property
    def teams(self) -> frozenset[str]:
        """That some article is for alone."""
        return frozenset(team for id in self.ids for team in self.article(id).teams)

    def __len__(self) -> int:
        return len(self._places)

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
                if not (field.nearest(vector, 1, None)[1] > 0.999).any():
                    return False
        terms = text.query_terms(self.article(id).title)
        return not terms or bool(self._words.best(terms, 1, {self._entry(id).number: id}))

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """The learnt questions of its articles."""
        return self._learnt.lessons if self._learnt else ()

    @property
    def learnt_weights(self) -> Weights:
        """How much what was learnt counts."""
        return self._learnt.weights if self._learnt else NOTHING

    @property
    def unfitted(self) -> bool:
        """Whether its regression was dropped with a lesson that it knew."""
        return bool(self._learnt and self._learnt.weights.share and not self._learnt.logistic)

    def unlearnt(self, key: str = "") -> FileEngine:
        """This index as if one lesson, or without a key all of them, had never been learnt."""
        other = copy.copy(self)
        other._learnt, other._unlearnt = (self._learnt, key) if key else (None, "")
        other._views = self._views if key else {}
        return other

    def having(self, taught: Taught) -> FileEngine:
        """This index as if it had learnt these lessons instead of its own."""
        other = self.unlearnt()
        other._learnt = Learnt(taught, self.ids, self.titles()) if taught.lessons else None
        return other

    # what the search room asks

    def mixed(self, scope: Scope, lang: str) -> bool:
        return lang in self._seen(scope).mixed

    def dense(
        self, vector: Vector, scope: Scope, k: int, kinds: tuple[str, ...], articles: int | None = None
    ) -> list[Ranked]:
        view = self._seen(scope)
        field = next(name for name, members in FIELDS.items() if members == kinds)
        parts = []
        for s, segment in enumerate(self.segments):
            if (s, field) in view.bits:
                rows, scores = segment.fields[field].nearest(vector, k, view.bits[s, field])
                chunks = segment.table[segment.chunk_rows[field][rows]]
                parts.append((scores, self._order[s][chunks["article"]], chunks["number"]))
        if not parts:
            return []
        scores, order, numbers = (np.concatenate(column) for column in zip(*parts, strict=True))
        best = np.lexsort((numbers, order, -scores))[:k]
        if articles is not None:
            _, first = np.unique(order[best], return_index=True)
            best = best[np.sort(first)[:articles]]
        found = zip(order[best].tolist(), numbers[best].tolist(), scores[best].tolist(), strict=True)
        return [Ranked(self.ids[at], f"{self.ids[at]}#{number}", score) for at, number, score in found]

    def lexical(self, terms: text.QueryTerms, scope: Scope, k: int) -> list[Ranked]:
        best = self._words.best(terms, k, self._seen(scope).numbers)
        return sorted((Ranked(id, "", score) for id, score in best), key=lambda r: (-r.score, r.article))

    def named(self, code: str, scope: Scope) -> list[Ranked]:
        numbers = self._seen(scope).numbers
        if code in self._places:
            return [Ranked(code, "", 1.0)] if self._entry(code).number in numbers else []
        return [Ranked(id, "", 1.0) for id in self._words.having(code, numbers)]

    def learnt(self, asked: str, vector: Vector | None, scope: Scope, articles: Iterable[str]) -> Evidence | None:
        if not self._learnt or not len(self._learnt):
            return None
        view = self._seen(scope)
        learnt_it = self._learnt.spelled(asked, self._unlearnt)
        spelled = frozenset(id for id in learnt_it if self._entry(id).number in view.numbers)
        if vector is None:
            return Evidence({}, {}, spelled, self._learnt.weights)
        near = self._learnt.near(vector, view.learnt, self._unlearnt)
        asked_about = sorted({*articles, *near})
        classes = self._learnt.classes_at(vector, asked_about, self._unlearnt)
        weights = self._learnt.weights
        cosines = self._learnt.cosines(vector, near)
        return Evidence(near, dict(zip(asked_about, classes.tolist(), strict=True)), spelled, weights, cosines)

    def cosines(self, vector: Vector, article: str) -> dict[str, float]:
        s, at = self._places[article]
        segment = self.segments[s]
        first, last = segment.first[at], segment.first[at + 1]
        found: dict[str, float] = {}
        for name, field in segment.fields.items():
            rows = segment.chunk_rows[name]
            low, high = np.searchsorted(rows, (first, last))
            numbers = segment.table["number"][rows[low:high]].tolist()
            cosines = field.cosines(vector, slice(low, high)).tolist()
            found.update((f"{article}#{number}", cosine) for number, cosine in zip(numbers, cosines, strict=True))
        return found

    def maxsim(self, articles: Sequence[str], tokens: Tokens) -> list[list[Near]]:
        places = [self._places[id] for id in articles]
        return maxsim([(self.segments[s].chunks(at), self.segments[s].tokens(at)) for s, at in places], tokens)

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

    def _ordered(self) -> list[NDArray[np.int32]]:
        """By segment and place in it: where the article stands in `ids`, -1 for a version that is superseded."""
        order = [np.full(len(segment.entries), -1, np.int32) for segment in self.segments]
        for number, id in enumerate(self.ids):
            s, at = self._places[id]
            order[s][at] = number
        return order

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
        masks: list[Mask] = []
        numbers: dict[int, str] = {}
        seen = np.zeros(len(self.ids), np.bool_)
        for segment, order in zip(self.segments, self._order, strict=True):
            kinds, of = segment.kinds
            masks.append(np.array([may_see(scope, one) for one in kinds], np.bool_)[of] & (order >= 0))
            seen[order[masks[-1]]] = True
            entries = (segment.entries[at] for at in np.flatnonzero(masks[-1]).tolist())
            numbers.update((entry.number, entry.article.id) for entry in entries)
        bits: dict[tuple[int, str], NDArray[np.uint8] | None] = {}
        for s, (segment, mask) in enumerate(zip(self.segments, masks, strict=True)):
            for field, rows in segment.chunk_rows.items():
                allowed = mask[segment.table["article"][rows]]
                if allowed.any():
                    bits[s, field] = None if allowed.all() else np.packbits(allowed, bitorder="little")
        learnt = self._learnt.allowed(numbers) if self._learnt else None
        return _View(numbers, bits, learnt, self._mixed(seen))

    def _mixed(self, seen: Mask) -> frozenset[str]:
        """The languages that some of the articles seen, (n,) in the order of `ids`, are in and some are not, nor have a
        twin in among them."""
        langs, of, twins = self._spoken
        twin = np.where((twins >= 0) & seen[twins], of[twins], of)[seen]
        own = of[seen]
        return frozenset(langs[at] for at in np.unique(own).tolist() if ((own != at) & (twin != at)).any())

    @functools.cached_property
    def _spoken(self) -> tuple[Sequence[str], NDArray[np.int32], NDArray[np.int32]]:
        """The languages; of each article in the order of `ids` which it is in, and where its twin stands, -1 for none.
        Both (n,)."""
        places = {id: at for at, id in enumerate(self.ids)}
        langs: dict[str, int] = {}
        articles = [self.article(id) for id in self.ids]
        spoken = (langs.setdefault(one.lang.partition("-")[0], len(langs)) for one in articles)
        of = np.fromiter(spoken, np.int32, len(articles))
        return tuple(langs), of, np.fromiter((places.get(one.twin, -1) for one in articles), np.int32, len(articles))

    def titles(self) -> Vector:
        """What each article asks, the mean of its own questions and title, (n, dim), in the order of `ids`."""
        places = [self._places[id] for id in self.ids]
        return np.stack([self.segments[s].titles[at] for s, at in places]).astype(np.float32)
