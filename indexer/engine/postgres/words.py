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
    and in all of the text; what BM25 makes of it. All (n,). there: whether any segment has it, if only of articles
    that are superseded."""

    places: NDArray[np.int64]
    asks: NDArray[np.uint16]
    scores: Scores
    there: bool


class Words:
    """BM25 over the articles of a generation. Scores are summed over the two fields. Any number of threads may ask."""

    def __init__(self, directory: Directory, asker: Asker) -> None:
        self._directory, self._asker = directory, asker
        self._known: OrderedDict[str, Posting] = OrderedDict()
        self._places = 0  # of all of them
        self._starts: OrderedDict[str, Sequence[str]] = OrderedDict()  # the first terms that begin so
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
        said = text.terms(term)
        if len(said) > 1 and term not in said:
            return []  # a whole question, which is no term: nobody has to be asked
        posting = self._of([term])[0][term]
        return sorted(self._id(at) for at in posting.places[(posting.asks > 0) & allowed[posting.places]].tolist())

    def _id(self, at: int) -> str:
        return self._directory.by_number[int(self._directory.numbers[at])].id

    def _scores(self, terms: text.QueryTerms) -> Scores | None:
        """What each article scores, (n,); None where no term is known. As `indexer.engine.words.Words._query` says."""
        known, begun = self._of(terms.every, terms.prefix)
        grown = [term for term in begun if term not in terms.words]
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

    def _of(self, terms: Iterable[str], start: str = "") -> tuple[dict[str, Posting], Sequence[str]]:
        """The postings of some terms, and those of the first terms that begin so, in order of their bytes, which are
        named; '' for none. What is not known of it is fetched in one statement."""
        with self._lock:
            grown = self._starts.get(start) if start else ()
            wanted = list(dict.fromkeys([*terms, *(grown or ())]))
            found = {term: self._known[term] for term in wanted if term in self._known}
            for term in found:
                self._known.move_to_end(term)
        missing = [term for term in wanted if term not in found]
        if missing or grown is None:
            fetched = self._fetch(missing, start if grown is None else "")
            found |= fetched
            if grown is None:
                begun = (term for term in fetched if term.startswith(start) and fetched[term].there)
                grown = tuple(sorted(begun, key=str.encode)[:PREFIX_TERMS])
            self._keep(fetched, start, grown)
        return found, grown

    def _keep(self, fetched: Mapping[str, Posting], start: str, grown: Sequence[str]) -> None:
        with self._lock:
            new = {term: one for term, one in fetched.items() if term not in self._known}  # others ask, too
            self._known |= new
            self._places += sum(len(one.places) for one in new.values())
            while len(self._known) > MAX_TERMS or self._places > MAX_PLACES:
                self._places -= len(self._known.popitem(last=False)[1].places)
            if start:
                self._starts[start] = grown
                if len(self._starts) > MAX_TERMS:
                    self._starts.popitem(last=False)

    def _fetch(self, terms: Sequence[str], start: str) -> dict[str, Posting]:
        """The postings of these terms and, beside them, of the first that begin so."""
        posting = self._directory.shelf.posting
        p, segments = posting.c, _numbers(self._directory.segments)
        given = sa.cast(list(terms), sa.ARRAY(sa.Text(collation="C")))
        columns = sa.select(p.term, p.articles, p.asks, p.texts)
        if start:
            other = posting.alias().c
            begun = sa.select(other.term).distinct().where(other.term >= start, other.term < start + "\U0010ffff")
            begun = begun.where(other.segment == sa.any_(segments)).order_by(other.term).limit(PREFIX_TERMS)
            named = sa.select(sa.func.unnest(given).label("term")).union(sa.select(begun.subquery().c.term)).subquery()
            wanted = columns.join(named, p.term == named.c.term)  # each by the key: an OR would read the whole table
        else:
            wanted = columns.where(p.term == sa.any_(given))
        parts: dict[str, list[tuple[bytes, bytes, bytes]]] = {term: [] for term in terms}
        for row in self._asker.rows(wanted.where(p.segment == sa.any_(segments))):
            parts.setdefault(row.term, []).append((bytes(row.articles), bytes(row.asks), bytes(row.texts)))
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
        return Posting(places, asks, scores.astype(np.float32), bool(parts))

    def _bm25(self, often: NDArray[np.uint16], places: NDArray[np.int64], field: int) -> NDArray[np.float64]:
        holders = int(np.count_nonzero(often))
        count = len(self._directory.numbers)
        idf = math.log(1 + (count - holders + 0.5) / (holders + 0.5))
        times = often.astype(np.float64)
        return np.asarray(idf * (K1 + 1) * times / (times + self._norms[field][places]))


def _numbers(values: Iterable[int]) -> sa.ColumnElement[Sequence[int]]:
    return sa.cast(list(values), sa.ARRAY(sa.BigInteger))
