"""The chunks nearest to a question: of a small base compared in the process's memory, of a large one by the server.

A version of an article never changes, so a generation in memory that follows another reads only what came since. There
they are compared as the files' are (`indexer.engine.fields`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faiss
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexer.engine.fields import SLICE, VectorField
from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.directory import Directory, Mask
from indexer.engine.postgres.tables import EMPTY, Shelf, VectorType, among, piece
from kb.errors import GenerationError
from kb.finding.search import Vector

MOST_BYTES = 100 * 2**20  # of a field's vectors: 68,000 chunks of 384 numbers, those of ten thousand articles
AT_ONCE = 1_000  # articles read in one statement

PLACE = [("article", "i8"), ("number", "i4"), ("kind", "i4"), ("begins", "i4"), ("ends", "i4")]


def may_stay(chunks: int, dim: int) -> bool:
    """Whether a field of so many chunks is kept in memory."""
    return 4 * dim * chunks <= MOST_BYTES


@dataclass(frozen=True)
class Resident:
    """One field of a generation, a chunk a row, by the article's id and then by number.

    table:  (n,) of `PLACE`; `article` is the number of its version
    places: where each row's article is in the directory's `numbers`, (n,)
    """

    table: NDArray[Any]
    places: NDArray[np.int64]
    vectors: VectorField

    def bits(self, allowed: Mask) -> NDArray[np.uint8] | None:
        """A bit a row of the articles that are allowed, (n,) in the order of the directory; None for all."""
        rows = allowed[self.places]
        return None if rows.all() else np.packbits(rows, bitorder="little")

    def nearest(
        self, vector: Vector, k: int, bits: NDArray[np.uint8] | None, articles: int | None = None
    ) -> Iterable[tuple[int, int, float]]:
        """(version of the article, number of the chunk, cosine) of the k nearest, best first, ties by id and number.
        articles: of each article only the first, and of so many at most."""
        rows, scores = self.vectors.nearest(vector, k, bits)
        if articles is not None:
            _, first = np.unique(self.places[rows], return_index=True)
            first = np.sort(first)[:articles]
            rows, scores = rows[first], scores[first]
        found = self.table[rows]
        return zip(found["article"].tolist(), found["number"].tolist(), scores.tolist(), strict=True)

    def of(self, article: int) -> tuple[NDArray[Any], Vector]:
        """The places and vectors of a version's chunks, in order; none where it has none here."""
        rows = self._rows.get(article, slice(0, 0))
        return self.table[rows], self.vectors.rows(np.arange(rows.start, rows.stop))

    @cached_property
    def _rows(self) -> Mapping[int, slice]:
        """Of each version: they lie together."""
        articles = self.table["article"]
        starts = np.flatnonzero(np.diff(articles, prepend=-1))
        ends = [*starts[1:].tolist(), len(articles)]
        return dict(zip(articles[starts].tolist(), map(slice, starts.tolist(), ends), strict=True))


def resident(directory: Directory, name: str, asker: Asker, known: Resident | None = None) -> Resident:
    """A field of a generation; what a `known` one of the same base has is not read again.

    Raises GenerationError where its articles do not have the chunks that they are said to have.
    """
    shelf = directory.shelf
    wanted = np.array([one.number for one in directory.lines.values() if getattr(one, name)], np.int64)
    before = known.table if known else np.zeros(0, PLACE)
    kept = np.isin(before["article"], wanted)
    fresh, rows = _read(shelf, name, np.setdiff1d(wanted, before["article"]).tolist(), asker)
    table = np.concatenate([before[kept], fresh])
    if len(table) != sum(getattr(one, name) for one in directory.lines.values()):
        raise GenerationError("generation_damaged", generation="", file=shelf.fields[name].name)
    _, places = directory.places(table["article"])
    order = np.lexsort((table["number"], directory.ranks[places]))
    if known and kept.all() and not len(fresh):
        return Resident(table[order], places[order], known.vectors)
    source = np.concatenate([np.flatnonzero(kept), len(before) + np.arange(len(fresh))])[order]
    return Resident(table[order], places[order], VectorField(_joined(source, known, rows, shelf.dim), None))


def _joined(source: NDArray[np.int64], known: Resident | None, fresh: Vector, dim: int) -> faiss.Index:
    """Rows of what was known, and after those of what is fresh, in this order; a slice at once, for they are large."""
    index, first = faiss.IndexFlatIP(dim), len(known.table) if known else 0
    for start in range(0, len(source), SLICE):
        some = source[start : start + SLICE]
        rows = np.empty((len(some), dim), np.float32)
        rows[some >= first] = fresh[some[some >= first] - first]
        if known:
            rows[some < first] = known.vectors.rows(some[some < first])
        index.add(rows)
    return index


def _read(shelf: Shelf, name: str, articles: Sequence[int], asker: Asker) -> tuple[NDArray[Any], Vector]:
    """The chunks of these versions in a field, in no order: a packed column a statement, which takes a tenth of the
    time of a row a chunk."""
    sent = [(one, f">{kind}") for one, kind in PLACE] + [("head", ">i4"), ("row", ">f4", (shelf.dim,))]
    c = shelf.fields[name].c
    whole = sa.func.int8send(c.article).op("||", return_type=sa.LargeBinary())(piece(c))
    tables, rows = [np.zeros(0, PLACE)], [np.zeros((0, shelf.dim), np.float32)]
    for start in range(0, len(articles), AT_ONCE):
        these = among(c.article, articles[start : start + AT_ONCE])
        (row,) = asker.rows(sa.select(sa.func.string_agg(whole, EMPTY, type_=sa.LargeBinary).label("all")).where(these))
        found = np.frombuffer(bytes(row.all or b""), sent)
        tables.append(found[[name for name, _ in PLACE]].astype(PLACE))
        rows.append(found["row"].astype(np.float32))
    return np.concatenate(tables), np.concatenate(rows)


def nearest(
    shelf: Shelf,
    field: str,
    vector: Vector,
    where: Sequence[sa.ColumnElement[bool]],
    k: int,
    asker: Asker,
    by_index: bool = False,
) -> list[tuple[str, int, float]]:
    """(id of the article, number of the chunk, cosine) of the k nearest of those articles, as the server finds them:
    best first, ties by id and number. by_index: not compared with each, through the HNSW index."""
    c, a = shelf.fields[field].c, shelf.article.c
    asked = sa.bindparam("asked", vector, VectorType(shelf.dim))
    apart = c.row.op("<#>", return_type=sa.Float())(asked)  # the inner product, negated: of unit rows the cosine
    wanted = sa.select(a.id, c.number, (-apart).label("score")).join_from(
        c.row.table, shelf.article, a.number == c.article
    )
    wanted = wanted.where(*where).limit(k)
    if by_index:
        half = VectorType(shelf.dim, "halfvec")
        wanted = wanted.order_by(sa.cast(c.row, half).op("<#>", return_type=sa.Float())(sa.cast(asked, half)))
    else:
        wanted = wanted.order_by(apart, a.id, c.number)
    found = [(row.id, row.number, row.score) for row in asker.rows(wanted, by_index)]
    return sorted(found, key=lambda one: (-one[2], one[0], one[1])) if by_index else found
