"""BM25 over postings that live in PostgreSQL, scored here as tantivy scores the files' (indexer.engine.words).

A row of postings has all articles of one segment that have a term, packed: a base of a hundred thousand articles is
some hundred thousand rows, not ten million. They are fetched by term and scored with numpy, for a word that half the
articles have is scored in a thousandth of a second here and in dozens there (docs/scale.md). Statistics are those of
the generation's own articles: superseded versions never count.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.directory import Directory, Mask
from indexer.engine.words import ALIKE_BOOST, ASKS_BOOST, PREFIX_BOOST, PREFIX_TERMS
from kb import text

K1, B = 1.2, 0.75
MAX_TERMS = 4_000  # whose scores are kept: what a floor types in an hour
MAX_PLACES = 4_000_000  # of all these terms together, 14 bytes each: of a large base's common words fewer are kept

Scores = NDArray[np.float32]


def kept_lengths() -> NDArray[np.int64]:
    """The 256 lengths of a field that tantivy tells apart, as Lucene's SmallFloat has them: exact to 40, then four
    significant bits. (256,), ascending."""
    found = list(range(24))
    for code in range(256 - 24):
        bits, shift = code & 7, (code >> 3) - 1
        found.append(24 + (bits if shift < 0 else (bits | 8) << shift))
    return np.array(found, np.int64)


_KEPT = kept_lengths()


def kept(lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Lengths as BM25 sees them."""
    return _KEPT[np.searchsorted(_KEPT, lengths, side="right") - 1].astype(np.float64)


@dataclass(frozen=True)
class Posting:
    """Where a term is: places of articles in the directory's `numbers`, ascending; how often in title and questions,
    and in all of the text; what BM25 makes of it. All (n,)."""

    places: NDArray[np.int64]
    asks: NDArray[np.uint16]
    scores: Scores


class Words:
    """BM25 over the articles of a generation. Scores are summed over the two fields. Any number of threads may ask."""

    def __init__(self, directory: Directory, asker: Asker) -> None:
        self._directory, self._asker = directory, asker
        self._known: OrderedDict[str, Posting] = OrderedDict()
        self._places = 0  # of all of them
        self._lock = threading.Lock()
        lengths = directory.lengths
        means = [float(one.mean()) if len(one) else 1.0 for one in lengths]
        self._norms = [
            K1 * (1 - B + B * kept(one) / mean) if mean else np.full(len(one), K1)
            for one, mean in zip(lengths, means, strict=True)
        ]

    def best(self, terms: text.QueryTerms, k: int, allowed: Mask) -> list[tuple[str, float]]:
        """(id, score > 0) of the k best articles that are allowed, best first, ties by id. allowed: (n,)."""
        scores = self._scores(terms)
        if scores is None:
            return []
        scores[~allowed] = 0
        found = np.flatnonzero(scores > 0)
        if len(found) > k > 0:
            least = np.partition(scores[found], -k)[-k]
            found = found[scores[found] >= least]
        named = ((self._id(at), float(scores[at])) for at in found.tolist())
        return sorted(named, key=lambda one: (-one[1], one[0]))[:k]

    def having(self, term: str, allowed: Mask) -> list[str]:
        """Ids of allowed articles whose title or questions have the term, in order."""
        posting = self._of([term])[term]
        return sorted(self._id(at) for at in posting.places[(posting.asks > 0) & allowed[posting.places]].tolist())

    def _id(self, at: int) -> str:
        return self._directory.by_number[int(self._directory.numbers[at])].id

    def _scores(self, terms: text.QueryTerms) -> Scores | None:
        """What each article scores, (n,); None where no term is known. As `indexer.engine.words.Words._query` says."""
        grown = self._grown(terms.prefix, terms.words) if terms.prefix else []
        known = self._of([*terms.every, *grown])
        if not any(len(one.places) for one in known.values()):
            return None
        said_otherwise = {term for ways in terms.alike for term in ways[0]}
        total = self._none()
        for word in terms.words:
            if word not in said_otherwise:
                self._add(total, known[word])
        for own, *others in terms.alike:
            total += self._alike(own, others, known)
        if grown:
            best = self._none()
            for word in grown:
                posting = known[word]
                best[posting.places] = np.maximum(best[posting.places], posting.scores)
            total += PREFIX_BOOST * best
        return total

    def _none(self) -> Scores:
        return np.zeros(len(self._directory.numbers), np.float32)

    def _add(self, total: Scores, posting: Posting) -> None:
        total[posting.places] += posting.scores

    def _alike(self, own: Sequence[str], others: Sequence[Sequence[str]], known: Mapping[str, Posting]) -> Scores:
        """A phrase by its own words, or by the whole of another way to say it, whichever counts more."""
        best = self._none()
        for word in own:
            self._add(best, known[word])
        for other in others:
            whole, has = self._none(), np.zeros(len(best), np.int64)
            for word in other:
                self._add(whole, known[word])
                has[known[word].places] += 1
            whole[has < len(other)] = 0
            best = np.maximum(best, ALIKE_BOOST * whole)
        return best

    def _grown(self, start: str, whole: Sequence[str]) -> list[str]:
        """The first terms that begin so, in order of their bytes, but for whole words of the question."""
        posting = self._directory.shelf.posting.c
        wanted = sa.select(posting.term).distinct().where(posting.term >= start, posting.term < start + "\U0010ffff")
        wanted = wanted.where(posting.segment == sa.any_(_numbers(self._directory.segments)))
        found = self._asker.rows(wanted.order_by(posting.term).limit(PREFIX_TERMS))
        return [row.term for row in found if row.term not in whole]

    def _of(self, terms: Iterable[str]) -> dict[str, Posting]:
        """The postings of some terms, fetched where they are not known."""
        wanted = list(dict.fromkeys(terms))
        with self._lock:
            found = {term: self._known[term] for term in wanted if term in self._known}
            for term in found:
                self._known.move_to_end(term)
        missing = [term for term in wanted if term not in found]
        if missing:
            fetched = self._fetch(missing)
            found |= fetched
            with self._lock:
                new = {term: one for term, one in fetched.items() if term not in self._known}  # others ask, too
                self._known |= new
                self._places += sum(len(one.places) for one in new.values())
                while len(self._known) > MAX_TERMS or self._places > MAX_PLACES:
                    self._places -= len(self._known.popitem(last=False)[1].places)
        return found

    def _fetch(self, terms: Sequence[str]) -> dict[str, Posting]:
        posting = self._directory.shelf.posting.c
        wanted = sa.select(posting.term, posting.articles, posting.asks, posting.texts).where(
            posting.term == sa.any_(sa.cast(list(terms), sa.ARRAY(sa.Text(collation="C")))),
            posting.segment == sa.any_(_numbers(self._directory.segments)),
        )
        parts: dict[str, list[tuple[bytes, bytes, bytes]]] = {term: [] for term in terms}
        for row in self._asker.rows(wanted):
            parts[row.term].append((bytes(row.articles), bytes(row.asks), bytes(row.texts)))
        return {term: self._posting(some) for term, some in parts.items()}

    def _posting(self, parts: Sequence[tuple[bytes, bytes, bytes]]) -> Posting:
        numbers, asks, texts = (
            np.frombuffer(b"".join(column), kind)
            for column, kind in zip(
                zip(*parts, strict=True) if parts else ((), (), ()), ("<i8", "<u2", "<u2"), strict=True
            )
        )
        inside, places = self._directory.places(numbers)
        asks, texts = asks[inside], texts[inside]
        scores = ASKS_BOOST * self._bm25(asks, places, 0) + self._bm25(texts, places, 1)
        return Posting(places, asks, scores.astype(np.float32))

    def _bm25(self, often: NDArray[np.uint16], places: NDArray[np.int64], field: int) -> NDArray[np.float64]:
        holders = int(np.count_nonzero(often))
        count = len(self._directory.numbers)
        idf = math.log(1 + (count - holders + 0.5) / (holders + 0.5))
        times = often.astype(np.float64)
        return np.asarray(idf * (K1 + 1) * times / (times + self._norms[field][places]))


def _numbers(values: Iterable[int]) -> sa.ColumnElement[Sequence[int]]:
    return sa.cast(list(values), sa.ARRAY(sa.BigInteger))
