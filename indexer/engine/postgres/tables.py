"""The index's own tables in PostgreSQL: a schema apart, made here and by no migration, for all in it is derived.

    generation        what was published, one row each, in the order of `number`
    pointer           the one row that says which of them serves
    article_3 …       the tables of base 3: everything that was made by one model under one set of rules

A row of a base is written once. `since` and `until` are the numbers of the generations it is first and no longer in,
so that saving an article writes its own rows and shares all others. Another model or other rules make another base,
whose tables stand beside the old ones until no kept generation is in those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from kb.finding.search import Vector

SCHEMA = "firstcall_index"
EMPTY = sa.text("''::bytea")
OPEN = 2**62  # the `until` of what no generation has left out yet


class VectorType(sa.types.UserDefinedType[Any]):
    """pgvector's `vector(dim)`, or `halfvec(dim)`: rows of numpy in, passed as text; see `sent` for the way out."""

    cache_ok = True

    def __init__(self, dim: int, name: str = "vector") -> None:
        self.dim, self.name = dim, name

    def get_col_spec(self, **_: Any) -> str:
        """The type as SQL names it."""
        return f"{self.name}({self.dim})"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], str | None]:  # noqa: ARG002
        """A row as pgvector reads it: nine digits give the same float32 back."""
        return lambda row: None if row is None else f"[{','.join([f'{one:.9g}' for one in row.tolist()])}]"


def sent(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bytes]:
    """A vector as pgvector's binary: exact, and no digits to parse."""
    return sa.func.vector_send(column, type_=sa.LargeBinary)


def received(binary: bytes) -> Vector:
    """The row that `sent` gave, (dim,)."""
    return np.frombuffer(binary, ">f4", offset=4).astype(np.float32)


def piece(c: Any) -> sa.ColumnElement[bytes]:
    """All that a row of a field's columns says of its chunk, packed."""
    numbers = (sa.func.int4send(sa.cast(one, sa.Integer)) for one in (c.number, c.kind, c.begins, c.ends))
    found: sa.ColumnElement[bytes] = sent(c.row)
    for one in reversed([*numbers]):
        found = one.op("||", return_type=sa.LargeBinary())(found)
    return found


def among(column: sa.ColumnElement[int], numbers: Sequence[int]) -> sa.ColumnElement[bool]:
    """Whether a number is one of these."""
    return column == sa.any_(sa.cast(list(numbers), sa.ARRAY(sa.BigInteger)))


def binary(row: Vector) -> bytes:
    """What `sent` gives for a row."""
    return len(row).to_bytes(2) + b"\0\0" + row.astype(">f4").tobytes()


@dataclass(frozen=True)
class Shelf:
    """The tables of one base."""

    base: int
    dim: int
    schema: str
    article: sa.Table
    fields: dict[str, sa.Table]  # by name in `FIELDS`
    tokens: sa.Table
    segment: sa.Table
    posting: sa.Table
    lesson: sa.Table
    regression: sa.Table

    @property
    def tables(self) -> list[sa.Table]:
        """All of them."""
        return [
            self.article,
            *self.fields.values(),
            self.tokens,
            self.segment,
            self.posting,
            self.lesson,
            self.regression,
        ]

    def near_index(self, field: str) -> sa.Index:
        """The HNSW index of a field: over half-precision values, by inner product, which of unit rows is the cosine.

        The rows are kept in full, and what it finds is compared by those.
        """
        table = self.fields[field]
        half = sa.cast(table.c.row, VectorType(self.dim, "halfvec"))
        name = f"{table.name}_near"
        return sa.Index(name, half.label("half"), postgresql_using="hnsw", postgresql_ops={"half": "halfvec_ip_ops"})


def index_bytes(dim: int) -> int:
    """About how much memory a row takes while an HNSW index is built of it: itself, and 32 neighbours with theirs."""
    return 2 * dim + 1_500


def head(schema: str) -> tuple[sa.Table, sa.Table, sa.Sequence]:
    """The tables that all bases share, and the sequence that every number is from: generations, versions, bases."""
    data = sa.MetaData(schema=schema)
    numbers = sa.Sequence("number", metadata=data, schema=schema)
    generation = sa.Table(
        "generation",
        data,
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("base", sa.BigInteger, nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("manifest", sa.Text, nullable=False),  # without its articles: those are rows
        sa.Column("weights", sa.Text, nullable=False),  # how much what was learnt counts
    )
    pointer = sa.Table(
        "pointer",
        data,
        sa.Column("one", sa.Boolean, primary_key=True),
        sa.Column("generation", sa.BigInteger, sa.ForeignKey(generation.c.number), nullable=False),
        sa.CheckConstraint("one"),
    )
    return generation, pointer, numbers


def shelf(base: int, dim: int, schema: str = SCHEMA) -> Shelf:
    """The tables of a base whose vectors have `dim` numbers."""
    data = sa.MetaData(schema=schema)
    return Shelf(
        base,
        dim,
        schema,
        article=_articles(base, data),
        fields={name: _field(name, base, dim, data) for name in ("asks", "answers")},
        tokens=_tokens(base, data),
        segment=_segments(base, data),
        posting=_postings(base, data),
        lesson=_lessons(base, dim, data),
        regression=_regressions(base, data),
    )


def _spanned() -> list[sa.Column[Any]]:
    """From which generation on a row is there, and until before which."""
    return [
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False, server_default=str(OPEN)),
    ]


def _articles(base: int, data: sa.MetaData) -> sa.Table:
    """The articles, with all that a scope asks of them."""
    article = sa.Table(
        f"article_{base}",
        data,
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        *_spanned(),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("lang", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("governance", sa.Text, nullable=False),
        sa.Column("teams", pg.ARRAY(sa.Text), nullable=False),  # `EVERYONE` where it names none
        sa.Column("products", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_until", sa.Date),
        sa.Column("twin", sa.Text, nullable=False),
        sa.Column("asks_chunks", sa.Integer, nullable=False),
        sa.Column("answers_chunks", sa.Integer, nullable=False),
        sa.Column("asks_length", sa.Integer, nullable=False),  # in terms, as BM25 counts them
        sa.Column("text_length", sa.Integer, nullable=False),
        sa.Column("record", sa.Text, nullable=False),  # the article, as a segment's file has it
        sa.Column("seal", sa.Text, nullable=False),  # of the record, the chunks and the tokens
    )
    sa.Index(f"article_{base}_since", article.c.since)
    sa.Index(f"article_{base}_until", article.c.until)
    return article


def _field(name: str, base: int, dim: int, data: sa.MetaData) -> sa.Table:
    """The chunks of one field, each with its vector."""
    return sa.Table(
        f"{name}_{base}",
        data,
        sa.Column("article", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("begins", sa.Integer, nullable=False),
        sa.Column("ends", sa.Integer, nullable=False),
        sa.Column("row", VectorType(dim), nullable=False),
    )


def _tokens(base: int, data: sa.MetaData) -> sa.Table:
    """The packed tokens of each article's chunks."""
    return sa.Table(
        f"tokens_{base}",
        data,
        sa.Column("article", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("counts", pg.ARRAY(sa.Integer), nullable=False),  # of each chunk
        sa.Column("size", sa.Integer, nullable=False),  # bytes of one token
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )


def _segments(base: int, data: sa.MetaData) -> sa.Table:
    """The segments of words, and what the words of each are."""
    return sa.Table(
        f"segment_{base}",
        data,
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        *_spanned(),
        sa.Column("articles", sa.Integer, nullable=False),
        sa.Column("vocabulary", sa.Text, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),  # of its postings
    )


def _postings(base: int, data: sa.MetaData) -> sa.Table:
    """A row a term and segment."""
    return sa.Table(
        f"posting_{base}",
        data,
        sa.Column("term", sa.Text(collation="C"), primary_key=True),
        sa.Column("segment", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("articles", sa.LargeBinary, nullable=False),  # numbers, <i8
        sa.Column("asks", sa.LargeBinary, nullable=False),  # how often in title and questions, <u2
        sa.Column("texts", sa.LargeBinary, nullable=False),  # how often in all of it, <u2
    )


def _lessons(base: int, dim: int, data: sa.MetaData) -> sa.Table:
    """What was learnt."""
    return sa.Table(
        f"lesson_{base}",
        data,
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False, server_default=str(OPEN)),
        sa.Column("place", sa.Integer, nullable=False),  # among those that came with it
        sa.Column("article", sa.Text, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("row", VectorType(dim), nullable=False),
        sa.Column("passage", VectorType(dim), nullable=False),
    )


def _regressions(base: int, data: sa.MetaData) -> sa.Table:
    """The regression that was fitted on it."""
    return sa.Table(
        f"regression_{base}",
        data,
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        *_spanned(),
        sa.Column("packed", sa.LargeBinary, nullable=False),  # of what was learnt, as a file has it
    )
