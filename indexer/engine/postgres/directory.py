"""What an engine keeps in memory of a generation: a line an article, never its text, its vectors or its words.

A hundred thousand lines are some tens of megabytes and half a second to read; the next generation reads only what
came and went since the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.tables import Shelf
from kb.people.scope import EVERY_PRODUCT, Scope

Mask = NDArray[np.bool_]

MODULUS = 2**128


@dataclass(frozen=True, slots=True)
class Line:
    """One article of a generation. Lengths are in terms; `asks` and `answers` count its chunks of either side."""

    number: int
    since: int
    id: str
    sha256: str
    path: str
    lang: str
    twin: str
    asks: int
    answers: int
    asks_length: int
    text_length: int
    seal: str

    @property
    def print(self) -> int:
        """What it adds to the digest of all lines."""
        said = f"{self.number}\0{self.id}\0{self.sha256}\0{self.path}\0{self.seal}"
        return int.from_bytes(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:16])


@dataclass(frozen=True)
class Directory:
    """The lines of generation `number`, by id; `digest` is the sum of their prints (AdHash: Bellare and Micciancio
    1997), which a few lines that come and go change by as little work."""

    shelf: Shelf
    number: int
    lines: Mapping[str, Line]
    segments: tuple[int, ...]
    digest: int

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Of all its articles, in order."""
        return tuple(sorted(self.lines))

    @cached_property
    def by_number(self) -> Mapping[int, Line]:
        """The lines by number."""
        return {one.number: one for one in self.lines.values()}

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Of all its articles, ascending, (n,)."""
        return np.sort(np.fromiter((one.number for one in self.lines.values()), np.int64, len(self.lines)))

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Where each of `numbers` stands among `ids`, (n,)."""
        at = {id: rank for rank, id in enumerate(self.ids)}
        return np.array([at[self.by_number[number].id] for number in self.numbers.tolist()], np.int64)

    @cached_property
    def lengths(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The terms of what each asks and of all its text, (n,), in the order of `numbers`."""
        lines = [self.by_number[number] for number in self.numbers.tolist()]
        asks = np.fromiter((one.asks_length for one in lines), np.int64, len(lines))
        return asks, np.fromiter((one.text_length for one in lines), np.int64, len(lines))

    def places(self, numbers: NDArray[np.int64]) -> tuple[Mask, NDArray[np.int64]]:
        """Which of these numbers are in it, and the place of each of those in `numbers`."""
        at = np.searchsorted(self.numbers, numbers)
        inside = at < len(self.numbers)
        inside[inside] = self.numbers[at[inside]] == numbers[inside]
        return inside, at[inside]


def in_generation(table: sa.Table, number: int) -> sa.ColumnElement[bool]:
    """The rows that a generation has."""
    return sa.and_(table.c.since <= number, table.c.until > number)


def lines_of(shelf: Shelf, asker: Asker, *where: sa.ColumnElement[bool]) -> list[Line]:
    """The lines of some articles."""
    a = shelf.article.c
    columns = a.number, a.since, a.id, a.sha256, a.path, a.lang, a.twin, a.asks_chunks, a.answers_chunks
    found = asker.rows(sa.select(*columns, a.asks_length, a.text_length, a.seal).where(*where))
    return [Line(*list(row)) for row in found]


def directory(shelf: Shelf, number: int, asker: Asker, known: Directory | None = None) -> Directory:
    """The directory of a generation; of one that follows a `known` one of its base only what changed is read."""
    found = asker.rows(sa.select(shelf.segment.c.number).where(in_generation(shelf.segment, number)))
    segments = tuple(sorted(row.number for row in found))
    here = in_generation(shelf.article, number)
    if known is None or known.shelf.base != shelf.base or known.number > number:
        return _of(shelf, number, lines_of(shelf, asker, here), segments)
    a = shelf.article.c
    ended = a.until > known.number, a.until <= number, a.since <= known.number
    gone = {row.id for row in asker.rows(sa.select(a.id).where(*ended))}
    return advanced(known, number, gone, lines_of(shelf, asker, here, a.since > known.number), segments)


def advanced(
    known: Directory, number: int, gone: Collection[str], came: Iterable[Line], segments: Sequence[int]
) -> Directory:
    """A directory as it is some generations later."""
    lines, digest = dict(known.lines), known.digest
    for id in gone:
        digest -= lines.pop(id).print
    for line in came:
        digest += line.print
        lines[line.id] = line
    return Directory(known.shelf, number, lines, tuple(segments), digest % MODULUS)


def _of(shelf: Shelf, number: int, lines: Sequence[Line], segments: tuple[int, ...]) -> Directory:
    digest = sum(line.print for line in lines) % MODULUS
    return Directory(shelf, number, {line.id: line for line in lines}, segments, digest)


def let_through(article: sa.Table, scope: Scope) -> Sequence[sa.ColumnElement[bool]]:
    """`may_see` as SQL. What it lets nothing through for is left to `nothing`: no array is ever empty here."""
    a = article.c

    def one_of(column: sa.ColumnElement[Any], values: Collection[str]) -> sa.ColumnElement[bool]:
        return column == sa.any_(sa.cast(sorted(values), sa.ARRAY(sa.Text)))

    def overlap(column: sa.ColumnElement[Any], values: Collection[str]) -> sa.ColumnElement[bool]:
        return column.op("&&", return_type=sa.Boolean())(sa.cast(sorted(values), sa.ARRAY(sa.Text)))

    found = [
        one_of(a.state, scope.states),
        one_of(a.lang, scope.langs),
        one_of(a.governance, scope.governance),
        overlap(a.teams, scope.teams),
    ]
    if EVERY_PRODUCT not in scope.products:
        found.append(sa.or_(sa.func.cardinality(a.products) == 0, overlap(a.products, scope.products)))
    if not scope.expired:
        found.append(sa.or_(a.valid_from.is_(None), a.valid_from <= scope.on))
        found.append(sa.or_(a.valid_until.is_(None), a.valid_until >= scope.on))
    return found


def nothing(scope: Scope) -> bool:
    """Whether a scope lets nothing through at all: one of its sets is empty."""
    return not (scope.teams and scope.langs and scope.states and scope.governance and scope.products)
