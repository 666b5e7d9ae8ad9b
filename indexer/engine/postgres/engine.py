"""One generation whose rows are in PostgreSQL: an Index, as `indexer.engine.FileEngine` is one over files.

The vectors of a small base are in memory and compared there. Those of a large one are compared by pgvector under the
scope as a condition: exactly while few come into question, else through an HNSW index over half-precision values that
goes on until the scope is filled, and whatever is found is compared in full. All give the cosines of the full rows.
What a search looks at of few articles is fetched for all of them at once and kept while it is in use; the lines of all
articles are in memory, their texts and the vectors of a large base are not.
"""

from __future__ import annotations

import bisect
import copy
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.engine.late import maxsim
from indexer.engine.learnt import Learnt, Lesson, Taught
from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.directory import Directory, Line, Mask, in_generation, let_through, nothing
from indexer.engine.postgres.nearest import Resident, nearest
from indexer.engine.postgres.parts import AHEAD, Library, Parts
from indexer.engine.postgres.words import Words
from indexer.engine.segments import FIELDS
from kb import text
from kb.content.articles import Article
from kb.finding.chunks import Chunk
from kb.finding.learning.evidence import NOTHING, Evidence, Weights
from kb.finding.passage import Near
from kb.finding.search import Ranked, Tokens, Vector
from kb.finding.spelling import Lexicon
from kb.finding.verdict import Calibration
from kb.people.scope import EVERYONE, Scope

EXACT_UP_TO = 20_000  # chunks of a large base a question may be compared with one by one: about 10 ms
LOOKED_AT = 40  # of the first articles of a list: what a search will want the text of
MAX_VIEWS = 64  # scopes worked out and kept


@dataclass(frozen=True)
class _View:
    """What one scope lets through. allowed: (n,) in the order of the directory's `numbers`; chunks: how many of each
    field; bits: a bit a chunk of each field that is in memory, None for all."""

    allowed: Mask
    chunks: Mapping[str, int]
    bits: Mapping[str, NDArray[np.uint8] | None]
    mixed: frozenset[str]


class PostgresEngine:
    """One generation, open. Any number of threads may ask."""

    def __init__(
        self,
        generation: str,
        directory: Directory,
        library: Library,
        asker: Asker,
        calibration: Calibration | None,
        taught: Taught | None = None,
        approximate: bool = False,
    ) -> None:
        """`approximate`: the fields have an index, and what is more than `EXACT_UP_TO` is searched by it; without one
        they are kept in memory."""
        self.generation, self.calibration = generation, calibration
        self.directory, self._library, self._asker = directory, library, asker
        self._approximate = approximate
        self._words = Words(directory, asker)
        self._views: dict[Scope, _View] = {}
        self._view_lock = threading.Lock()
        self._fields: Mapping[str, Resident] | None = {} if approximate else None  # None = not read yet
        self._field_lock = threading.Lock()
        self._read_last = ""  # the last article that was fetched for being asked for
        has = taught is not None and bool(taught.lessons)
        self._learnt = Learnt(taught, self.ids, self.titles()) if taught and has else None
        self._unlearnt = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all articles of this generation, in order."""
        return self.directory.ids

    @property
    def langs(self) -> frozenset[str]:
        """Of all its articles."""
        return frozenset(line.lang for line in self.directory.lines.values())

    @property
    def teams(self) -> frozenset[str]:
        """That some article is for alone."""
        article = self.directory.shelf.article
        each = sa.select(sa.func.unnest(article.c.teams).label("team")).distinct()
        found = self._asker.rows(each.where(in_generation(article, self.directory.number)))
        return frozenset(row.team for row in found) - {EVERYONE}

    def __len__(self) -> int:
        return len(self.directory.lines)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of the base."""
        return Lexicon(self._library.vocabularies(self.directory.segments, self._asker))

    def settle(self) -> None:
        """Read what a search would else wait for."""
        self._resident()

    def finds_itself(self) -> bool:
        """Whether a vector of the first article is its own nearest in each field, and its title's words find it."""
        if not self.ids:
            return True
        line = self.directory.lines[self.ids[0]]
        parts = self._library.parts.of([line.number], self._asker).get(line.number)
        if parts is None or len(parts.chunks) != line.asks + line.answers:
            return False
        shelf = self.directory.shelf
        everybody = in_generation(shelf.article, self.directory.number)
        for name, kinds in FIELDS.items():
            mine = [row for chunk, row in zip(parts.chunks, parts.rows, strict=True) if chunk.kind in kinds]
            if mine:
                here = (self._fields or {}).get(name)
                near = nearest(shelf, name, mine[0], (everybody,), 1, self._asker)
                also = here.nearest(mine[0], 1, None) if here else near
                if not all(any(score > 0.999 for *_, score in found) for found in (near, also)):
                    return False
        terms = text.query_terms(self.article(self.ids[0]).title)
        mine_alone = self.directory.numbers == line.number
        return not terms or bool(self._words.best(terms, 1, mine_alone))

    # what was learnt

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """The learnt questions of its articles."""
        return self._learnt.lessons if self._learnt else ()

    @property
    def learnt_weights(self) -> Weights:
        """How much what was learnt counts."""
        return self._learnt.weights if self._learnt else NOTHING

    def unlearnt(self, key: str = "") -> PostgresEngine:
        """This index as if one lesson, or without a key all of them, had never been learnt."""
        other = copy.copy(self)
        other._learnt, other._unlearnt = (self._learnt, key) if key else (None, "")
        return other

    @property
    def unfitted(self) -> bool:
        """Whether its regression was dropped with a lesson that it knew."""
        return bool(self._learnt and self._learnt.weights.share and not self._learnt.logistic)

    def having(self, taught: Taught) -> PostgresEngine:
        """This index as if it had learnt these lessons instead of its own."""
        other = self.unlearnt()
        other._learnt = Learnt(taught, self.ids, self.titles()) if taught.lessons else None
        return other

    def titles(self) -> Vector:
        """What each article asks, the mean of its own questions and title, (n, dim), in the order of `ids`."""
        numbers = [self.directory.lines[id].number for id in self.ids]
        found = self._library.titles.of(numbers, self._asker)
        return np.stack([found[number] for number in numbers])

    def learnt(self, asked: str, vector: Vector | None, scope: Scope, articles: Iterable[str]) -> Evidence | None:
        """As the protocol says."""
        if not self._learnt or not len(self._learnt):
            return None
        seen = self._seen(scope)
        spelled = frozenset(id for id in self._learnt.spelled(asked, self._unlearnt) if self._lets(seen, id))
        if vector is None:
            return Evidence({}, {}, spelled, self._learnt.weights)
        here = {number: one.article for number, one in enumerate(self._learnt.lessons) if self._lets(seen, one.article)}
        near = self._learnt.near(vector, self._learnt.allowed(here), self._unlearnt)
        asked_about = sorted({*articles, *near})
        classes = self._learnt.classes_at(vector, asked_about, self._unlearnt)
        at = dict(zip(asked_about, classes.tolist(), strict=True))
        return Evidence(near, at, spelled, self._learnt.weights, self._learnt.cosines(vector, near))

    # what the search room asks

    def mixed(self, scope: Scope, lang: str) -> bool:
        """As the protocol says."""
        return lang in self._seen(scope).mixed

    def dense(
        self, vector: Vector, scope: Scope, k: int, kinds: tuple[str, ...], articles: int | None = None
    ) -> list[Ranked]:
        """As the protocol says."""
        field = next(name for name, members in FIELDS.items() if members == kinds)
        seen = None if nothing(scope) else self._seen(scope)
        if seen is None or not seen.chunks[field]:
            return []
        if here := self._resident().get(field):
            found = self._called(here.nearest(vector, k, seen.bits[field], articles))
        else:
            article = self.directory.shelf.article
            where = (in_generation(article, self.directory.number), *let_through(article, scope))
            by_index = self._approximate and seen.chunks[field] > EXACT_UP_TO
            found = nearest(self.directory.shelf, field, vector, where, k, self._asker, by_index)
        if articles is not None:
            first: dict[str, tuple[str, int, float]] = {}
            for one in found:
                first.setdefault(one[0], one)
            found = list(first.values())[:articles]
        ranked = [Ranked(id, f"{id}#{number}", score) for id, number, score in found]
        self._will_read(ranked)
        return ranked

    def _called(self, found: Iterable[tuple[int, int, float]]) -> list[tuple[str, int, float]]:
        """The same with the article's id."""
        by_number = self.directory.by_number
        return [(by_number[article].id, number, score) for article, number, score in found]

    def lexical(self, terms: text.QueryTerms, scope: Scope, k: int) -> list[Ranked]:
        """As the protocol says."""
        if not terms or nothing(scope):
            return []
        found = [Ranked(id, "", score) for id, score in self._words.best(terms, k, self._seen(scope).allowed)]
        self._will_read(found)
        return found

    def named(self, code: str, scope: Scope) -> list[Ranked]:
        """As the protocol says."""
        seen = self._seen(scope)
        if code in self.directory.lines:
            return [Ranked(code, "", 1.0)] if self._lets(seen, code) else []
        return [Ranked(id, "", 1.0) for id in self._words.having(code, seen.allowed)] if seen.allowed.any() else []

    def cosines(self, vector: Vector, article: str) -> dict[str, float]:
        """As the protocol says."""
        parts = self._parts([article])[0]
        return dict(zip((chunk.id for chunk in parts.chunks), (parts.rows @ vector).tolist(), strict=True))

    def maxsim(self, articles: Sequence[str], tokens: Tokens) -> list[list[Near]]:
        """As the protocol says."""
        return maxsim([(parts.chunks, parts.tokens) for parts in self._parts(articles)], tokens)

    def article(self, id: str) -> Article:
        """As the protocol says. Whoever reads one after another gets the next ones with it."""
        lines, known = self.directory.lines, self._library.articles
        number = lines[id].number
        found = known.had(number)
        if found is None:
            at = bisect.bisect_left(self.ids, id)
            in_order = at > 0 and self.ids[at - 1] == self._read_last
            ahead = self.ids[at : at + AHEAD] if in_order else (id,)
            found = known.of([lines[one].number for one in ahead], self._asker)[number]
            self._read_last = ahead[-1]
        return found

    def chunks(self, article: str) -> Sequence[tuple[Chunk, str]]:
        """As the protocol says."""
        number = self.directory.lines[article].number
        return self._library.texts.of([number], self._asker)[number]

    def asks(self, article: str) -> bool:
        """As the protocol says."""
        return self.directory.lines[article].asks > 0

    def chunk(self, id: str) -> Chunk:
        """As the protocol says."""
        return {chunk.id: chunk for chunk, _ in self.chunks(id.rpartition("#")[0])}[id]

    # inside

    def _resident(self) -> Mapping[str, Resident]:
        """The fields that are in memory, by name: all of them, or none."""
        with self._field_lock:
            if self._fields is None:
                self._fields = self._library.resident(self.directory, self._asker)
            return self._fields

    def _parts(self, articles: Sequence[str]) -> list[Parts]:
        numbers = [self.directory.lines[id].number for id in articles]
        found = self._library.parts.of(numbers, self._asker)
        return [found[number] for number in numbers]

    def _will_read(self, ranked: Sequence[Ranked]) -> None:
        """A search will ask for the first articles of a list next."""
        first = list(dict.fromkeys(one.article for one in ranked))[:LOOKED_AT]
        self._library.will_read(self.directory.lines[id].number for id in first)

    def _lets(self, seen: _View, id: str) -> bool:
        line = self.directory.lines[id]
        return bool(seen.allowed[np.searchsorted(self.directory.numbers, line.number)])

    def _seen(self, scope: Scope) -> _View:
        with self._view_lock:
            known = self._views.get(scope)
        if known is None:
            known = self._view(scope)
            with self._view_lock:
                if len(self._views) >= MAX_VIEWS:
                    self._views.clear()
                self._views[scope] = known
        return known

    def _view(self, scope: Scope) -> _View:
        directory = self.directory
        allowed = np.zeros(len(directory.numbers), np.bool_)
        if not nothing(scope):
            article = directory.shelf.article
            numbers = sa.func.string_agg(sa.func.int8send(article.c.number), sa.text("''::bytea"), type_=sa.LargeBinary)
            where = (in_generation(article, directory.number), *let_through(article, scope))
            (row,) = self._asker.rows(sa.select(numbers.label("numbers")).where(*where))
            _, places = directory.places(np.frombuffer(bytes(row.numbers or b""), ">i8").astype(np.int64))
            allowed[places] = True
        lines = [directory.by_number[number] for number in directory.numbers[allowed].tolist()]
        chunks = {"asks": sum(line.asks for line in lines), "answers": sum(line.answers for line in lines)}
        bits = {name: one.bits(allowed) for name, one in self._resident().items()}
        return _View(allowed, chunks, bits, _mixed(lines))


def _mixed(lines: Sequence[Line]) -> frozenset[str]:
    """The languages that some of these articles are in and some are not, nor have a twin in among them."""
    spoken = {line.id: line.lang.partition("-")[0] for line in lines}
    sides = [{lang, spoken.get(line.twin, lang)} for line, lang in zip(lines, spoken.values(), strict=True)]
    return frozenset(lang for lang in set(spoken.values()) if any(lang not in side for side in sides))
