"""What a search looks at of few articles: their texts, and the vectors and tokens of their chunks, kept while in use.

A version of an article never changes, so what is known of it serves every generation that has it.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import sqlalchemy as sa

from indexer.encoder.tokens import token_type
from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.directory import Directory
from indexer.engine.postgres.nearest import Resident, resident
from indexer.engine.postgres.tables import Shelf, among, received, sent
from indexer.engine.postgres.writing import vocabularies
from indexer.engine.segments import entry_of
from kb.content.articles import Article, Span
from kb.errors import GenerationError
from kb.finding.chunks import KINDS, Chunk, shown
from kb.finding.search import Tokens, Vector
from kb.finding.spelling import Vocabulary, joined

MAX_ARTICLES = 20_000  # whose text is kept: some hundred megabytes where articles are long
MAX_PARTS = 1_000  # whose vectors and tokens are kept: about 40 KB each
MAX_TEXTS = 2_000
MAX_SOON = 200  # articles fetched with one that is wanted: those of the lists of a search
MAX_SEGMENTS = 256  # whose vocabulary is kept: the base's and those since
MEANS_AT_ONCE = 10_000  # articles: all of a large base in one statement would take as long as one may
AHEAD = 256  # articles read at once for whoever reads one after another

T = TypeVar("T")
Fetch = Callable[[Asker, Sequence[int]], Mapping[int, T]]
_Piece = tuple[int, str, Span, Vector]  # of a chunk: its number, kind and place in the article, and its row


@dataclass(frozen=True)
class Parts:
    """The chunks of an article in order, their rows, (n, dim), and packed tokens, [] where none were kept."""

    chunks: tuple[Chunk, ...]
    rows: Vector
    tokens: tuple[Tokens, ...]


class Kept(Generic[T]):
    """The values last used, by number of an article's version; what is not there is fetched together."""

    def __init__(self, most: int, fetch: Fetch[T]) -> None:
        self._most, self._fetch = most, fetch
        self._values: OrderedDict[int, T] = OrderedDict()
        self._lock = threading.Lock()

    def had(self, number: int) -> T | None:
        """The value of one where it is kept."""
        return self._values.get(number)

    def of(self, numbers: Iterable[int], asker: Asker) -> dict[int, T]:
        """The values of these. Those of an article that is gone from the base are left out."""
        wanted = list(dict.fromkeys(numbers))
        with self._lock:
            found = {number: self._values[number] for number in wanted if number in self._values}
            for number in found:
                self._values.move_to_end(number)
        missing = [number for number in wanted if number not in found]
        if missing:
            fetched = self._fetch(asker, missing)
            found |= fetched
            with self._lock:
                self._values |= fetched
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
        return found


class Library:
    """What is known of the articles of one base. Shared by all its generations in a process."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.articles: Kept[Article] = Kept(MAX_ARTICLES, self._articles)
        self.parts: Kept[Parts] = Kept(MAX_PARTS, self._parts)
        self.texts: Kept[tuple[tuple[Chunk, str], ...]] = Kept(MAX_TEXTS, self._texts)
        self.titles: Kept[Vector] = Kept(2**31, self._titles)
        self._resident: dict[str, Resident] = {}  # the fields of the generation they were last asked for of
        self._soon = threading.local()  # what this thread's search will want the articles of
        self._said: Kept[Vocabulary] = Kept(MAX_SEGMENTS, lambda asker, some: vocabularies(shelf, some, asker))

    def vocabularies(self, segments: Sequence[int], asker: Asker) -> list[Vocabulary]:
        """What the articles of these segments say: the first apart, as it is the base, and all later ones as one. What
        was read of one, and worked out of the base's, serves every generation that has it."""
        known = self._said.of(sorted(segments), asker)
        read = [known[number] for number in sorted(known)]
        return read if len(read) < 2 else [read[0], joined(read[1:])]

    def resident(self, directory: Directory, asker: Asker) -> Mapping[str, Resident]:
        """The fields of a generation in memory, by name. What the one before had of them is not read again."""
        found = {name: resident(directory, name, asker, self._resident.get(name)) for name in self.shelf.fields}
        self._resident = found
        return found

    def will_read(self, numbers: Iterable[int]) -> None:
        """Fetch these articles, too, when this thread next wants one that is not there: its lists in one statement."""
        self._soon.numbers = [*self._coming(), *numbers][-MAX_SOON:]

    def _coming(self) -> list[int]:
        return getattr(self._soon, "numbers", [])

    def _articles(self, asker: Asker, numbers: Sequence[int]) -> dict[int, Article]:
        a = self.shelf.article.c
        coming = {number for number in self._coming() if self.articles.had(number) is None}
        self._soon.numbers = []
        found = asker.rows(sa.select(a.number, a.record).where(among(a.number, sorted(coming.union(numbers)))))
        return {row.number: entry_of(json.loads(row.record)).article for row in found}

    def _parts(self, asker: Asker, numbers: Sequence[int]) -> dict[int, Parts]:
        articles = self.articles.of(numbers, asker)
        chunks = self._chunks(asker, [number for number in numbers if number in articles])
        t = self.shelf.tokens.c
        packed = {
            row.article: _unpacked(row.counts, row.size, bytes(row.packed))
            for row in asker.rows(sa.select(t.article, t.counts, t.size, t.packed).where(among(t.article, numbers)))
        }
        return {
            number: self._joined(articles[number].id, sorted(some, key=lambda one: one[0]), packed.get(number, ()))
            for number, some in chunks.items()
            if number in articles
        }

    def _chunks(self, asker: Asker, numbers: Sequence[int]) -> dict[int, list[_Piece]]:
        """The chunks of each of these with their rows: from memory where they are there, else in one statement."""
        found: dict[int, list[_Piece]] = {number: [] for number in numbers}
        for field in (here := self._resident).values():
            for number in numbers:
                places, rows = field.of(number)
                each = zip(places[["number", "kind", "begins", "ends"]].tolist(), rows, strict=True)
                found[number] += [(n, KINDS[kind], Span(begins, ends), row) for (n, kind, begins, ends), row in each]
        missing = [number for number in numbers if not (here and found[number])]
        if missing:
            columns = "article", "number", "kind", "begins", "ends"
            wanted = [
                sa.select(*(c[name] for name in columns), sent(c.row).label("row")).where(among(c.article, missing))
                for c in (table.c for table in self.shelf.fields.values())
            ]
            for row in asker.rows(sa.union_all(*wanted)):
                one = row.number, KINDS[row.kind], Span(row.begins, row.ends), received(bytes(row.row))
                found[row.article].append(one)
        return found

    def _joined(self, id: str, chunks: Sequence[_Piece], tokens: tuple[Tokens, ...]) -> Parts:
        rows = np.stack([row for *_, row in chunks]) if chunks else np.zeros((0, self.shelf.dim), np.float32)
        if tokens and len(tokens) != len(chunks):
            raise GenerationError("generation_damaged", generation="", file=self.shelf.tokens.name)
        return Parts(tuple(Chunk(f"{id}#{n}", id, kind, span) for n, kind, span, _ in chunks), rows, tokens)

    def _texts(self, asker: Asker, numbers: Sequence[int]) -> dict[int, tuple[tuple[Chunk, str], ...]]:
        articles, parts = self.articles.of(numbers, asker), self.parts.of(numbers, asker)
        return {
            number: tuple((chunk, shown(articles[number], chunk)) for chunk in one.chunks)
            for number, one in parts.items()
        }

    def _titles(self, asker: Asker, numbers: Sequence[int]) -> dict[int, Vector]:
        """The mean of what each asks or, where it asks nothing, of what it answers."""
        means: dict[int, Vector] = {}
        for table in self.shelf.fields.values():  # what is asked first
            missing = [number for number in numbers if number not in means]
            for start in range(0, len(missing), MEANS_AT_ONCE):
                these = among(table.c.article, missing[start : start + MEANS_AT_ONCE])
                mean = sent(sa.func.avg(table.c.row)).label("mean")
                some = sa.select(table.c.article, mean).where(these).group_by(table.c.article)
                means |= {row.article: received(bytes(row.mean)) for row in asker.rows(some)}
        return means


def _unpacked(counts: Sequence[int], size: int, packed: bytes) -> tuple[Tokens, ...]:
    rows = np.frombuffer(packed, token_type(4 * (size - token_type(0).itemsize)))
    cuts = [0, *itertools.accumulate(counts)]
    if cuts[-1] != len(rows):
        raise GenerationError("generation_damaged", generation="", file="tokens")
    return tuple(rows[low:high] for low, high in itertools.pairwise(cuts))
