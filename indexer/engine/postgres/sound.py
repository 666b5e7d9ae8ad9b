"""Whether the rows of a generation are still those that were written: their seals worked out anew, by the server."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.directory import in_generation
from indexer.engine.postgres.tables import EMPTY, Shelf, among, piece


def broken_article(shelf: Shelf, number: int, asker: Asker, only: Collection[int] | None = None) -> str:
    """The id of an article of a generation whose text, chunks or tokens are not what was written; '' where all are.

    only: look at no others than these versions
    """
    a, t = shelf.article.c, shelf.tokens.c

    def chosen(column: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        return sa.true() if only is None else among(column, sorted(only))

    pieces = sa.union_all(
        *(
            sa.select(c.article, c.number, piece(c).label("piece")).where(chosen(c.article))
            for c in (table.c for table in shelf.fields.values())
        )
    ).subquery()
    ordered = sa.func.string_agg(pieces.c.piece, sa.dialects.postgresql.aggregate_order_by(EMPTY, pieces.c.number))
    chunks = sa.select(pieces.c.article, sa.func.md5(ordered).label("seal")).group_by(pieces.c.article).subquery()
    record = sa.func.md5(sa.func.convert_to(a.record, "UTF8"))
    said = sa.func.coalesce(chunks.c.seal, sa.func.md5(""))
    tokens = sa.func.md5(sa.func.coalesce(t.packed, EMPTY))
    wanted = (
        sa.select(a.id)
        .outerjoin(chunks, chunks.c.article == a.number)
        .outerjoin(shelf.tokens, t.article == a.number)
        .where(in_generation(shelf.article, number), chosen(a.number))
        .where(a.seal != sa.func.concat_ws(" ", record, said, tokens))
        .limit(1)
    )
    return next((row.id for row in asker.rows(wanted)), "")


def broken_segment(shelf: Shelf, number: int, asker: Asker, only: Collection[int] | None = None) -> int:
    """The number of a segment of a generation whose words are not what was written; 0 where all are."""
    s, p = shelf.segment.c, shelf.posting.c
    chosen = sa.true() if only is None else among(p.segment, sorted(only))
    term = sa.func.convert_to(p.term, "UTF8").op("||", return_type=sa.LargeBinary())(p.articles)
    whole = term.op("||", return_type=sa.LargeBinary())(p.asks).op("||", return_type=sa.LargeBinary())(p.texts)
    hashed = sa.func.decode(sa.func.md5(whole), "hex")
    ordered = sa.func.string_agg(hashed, sa.dialects.postgresql.aggregate_order_by(EMPTY, p.term))
    words = sa.select(p.segment, ordered.label("all")).where(chosen).group_by(p.segment).subquery()
    said = sa.func.decode(sa.func.md5(sa.func.convert_to(s.vocabulary, "UTF8")), "hex")
    every = sa.func.coalesce(words.c["all"], EMPTY).op("||", return_type=sa.LargeBinary())(said)
    wanted = sa.select(s.number).outerjoin(words, words.c.segment == s.number)
    wanted = wanted.where(in_generation(shelf.segment, number), s.seal != sa.func.md5(every))
    if only is not None:
        wanted = wanted.where(among(s.number, sorted(only)))
    return next((row.number for row in asker.rows(wanted.limit(1))), 0)
