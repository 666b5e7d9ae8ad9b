"""Articles into the tables of a base: their lines, chunks and tokens, and a segment of words for all of them."""

from __future__ import annotations

import hashlib
import itertools
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from indexer.encoder.tokens import token_type
from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.tables import OPEN, Shelf, VectorType, binary
from indexer.engine.segments import FIELDS, Entry, record_of
from kb import text
from kb.content.articles import Article
from kb.failpoints import reached
from kb.finding.chunks import KINDS, asks_by_title, cut
from kb.finding.search import Tokens, Vector
from kb.finding.spelling import Vocabulary, vocabulary
from kb.people.scope import EVERYONE

COPIED: Mapping[type, str] = {
    sa.BigInteger: "int8",
    sa.Integer: "int4",
    sa.SmallInteger: "int2",
    sa.Text: "text",
    sa.Date: "date",
    sa.LargeBinary: "bytea",
}
MOST = 65_535  # times that a term is counted in an article


def write_articles(
    connection: sa.Connection,
    shelf: Shelf,
    since: int,
    entries: Sequence[Entry],
    vectors: Vector,
    tokens: Sequence[Tokens],
) -> None:
    """Articles that generation `since` is the first to have. `vectors` are the rows of every chunk of every entry, in
    order, (n, dim); `tokens` the packed tokens of each."""
    lines: list[dict[str, Any]] = []
    packed: list[dict[str, Any]] = []
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in FIELDS}
    at = 0
    for entry in entries:
        chunks = cut(entry.article)
        mine, its = vectors[at : at + len(chunks)], tokens[at : at + len(chunks)]
        at += len(chunks)
        record = json.dumps(record_of(replace(entry, number=0)), ensure_ascii=False)  # its number is the row's
        bits = _packed(entry.number, its)
        pieces = []
        counts = Counter[str]()
        for number, (chunk, row) in enumerate(zip(chunks, mine, strict=True)):
            name = next(name for name, kinds in FIELDS.items() if chunk.kind in kinds)
            place = number, KINDS.index(chunk.kind), chunk.span.start, chunk.span.end
            keys = zip(("number", "kind", "begins", "ends"), place, strict=True)
            rows[name].append({"article": entry.number, **dict(keys), "row": row})
            pieces.append((place, row))
            counts[name] += 1
        seal = sealed(record, pieces, bits["packed"] if bits else b"")
        lines.append(
            {**_line(entry, since), "record": record, "seal": seal} | {f"{n}_chunks": counts[n] for n in FIELDS}
        )
        packed += [bits] if bits else []
    _insert(connection, shelf.article, lines)
    reached("rows.articles")
    for name, some in rows.items():
        _insert(connection, shelf.fields[name], some)
    _insert(connection, shelf.tokens, packed)


def sealed(record: str, pieces: Iterable[tuple[tuple[int, int, int, int], Vector]], tokens: bytes) -> str:
    """What `opening.broken` works out in SQL of the same rows: md5, for it looks for rot and not for malice."""
    chunks = b"".join(b"".join(n.to_bytes(4) for n in place) + binary(row) for place, row in pieces)
    return " ".join(hashlib.md5(one).hexdigest() for one in (record.encode("utf-8"), chunks, tokens))


def _packed(number: int, tokens: Sequence[Tokens]) -> dict[str, Any] | None:
    kept = [one for one in tokens if len(one)]
    if not kept:
        return None
    size = kept[0].dtype.itemsize
    assert size > token_type(0).itemsize
    packed = b"".join(one.tobytes() for one in tokens if len(one))
    return {"article": number, "counts": [len(one) for one in tokens], "size": size, "packed": packed}


def _line(entry: Entry, since: int) -> dict[str, Any]:
    article = entry.article
    asks, texts = terms_of(article)
    return {
        "number": entry.number,
        "since": since,
        "until": OPEN,
        "id": article.id,
        "sha256": entry.sha256,
        "path": article.path,
        "lang": article.lang,
        "state": article.state,
        "governance": article.governance,
        "teams": list(article.teams or (EVERYONE,)),
        "products": list(article.products),
        "valid_from": article.valid_from,
        "valid_until": article.valid_until,
        "twin": article.twin,
        "asks_length": len(asks),
        "text_length": len(texts),
    }


def terms_of(article: Article) -> tuple[list[str], list[str]]:
    """The terms of what an article asks, and of all it says, as the files' words have them."""
    title = (article.title,) if asks_by_title(article) else ()
    asks = text.terms("\n".join((*title, *article.questions)))
    return asks, asks + text.terms(article.body)


def write_segment(connection: sa.Connection, shelf: Shelf, since: int, entries: Iterable[Entry]) -> None:
    """The words of some articles, in the order of their numbers: a row a term, and the vocabulary that spelling goes
    by."""
    found: dict[str, tuple[array[int], array[int], array[int]]] = {}  # articles' numbers, how often they ask it, say it
    numbers = array("q")

    def texts() -> Iterator[str]:
        for entry in entries:
            numbers.append(entry.number)
            asks, every = (Counter(terms) for terms in terms_of(entry.article))
            for term, often in every.items():
                known = found.get(term) or found.setdefault(term, (array("q"), array("H"), array("H")))
                for column, value in zip(known, (entry.number, min(asks[term], MOST), min(often, MOST)), strict=True):
                    column.append(value)
            yield "\n".join((entry.article.title, *entry.article.questions, entry.article.body))

    tree = json.dumps(_spoken(vocabulary(texts())), ensure_ascii=False)
    seal = hashlib.md5()

    def postings() -> Iterator[dict[str, Any]]:
        for term in sorted(found, key=lambda term: term.encode()):
            columns = zip(("articles", "asks", "texts"), found[term], ("<i8", "<u2", "<u2"), strict=True)
            packed = {name: np.asarray(column).astype(kind).tobytes() for name, column, kind in columns}
            seal.update(hashlib.md5(term.encode() + b"".join(packed.values())).digest())
            yield {"term": term, "segment": since, **packed}

    _insert(connection, shelf.posting, postings())
    seal.update(hashlib.md5(tree.encode()).digest())
    segment = {"number": since, "since": since, "until": OPEN, "articles": len(numbers), "vocabulary": tree}
    _insert(connection, shelf.segment, [{**segment, "seal": seal.hexdigest()}])
    reached("rows.words")


def _spoken(said: Vocabulary) -> dict[str, Any]:
    return {**asdict(said), "stems": sorted(said.stems)}


def vocabularies(shelf: Shelf, segments: Sequence[int], asker: Asker) -> dict[int, Vocabulary]:
    """What the articles of each of these segments say."""
    s = shelf.segment.c
    wanted = sa.select(s.number, s.vocabulary).where(
        s.number == sa.any_(sa.cast(list(segments), sa.ARRAY(sa.BigInteger)))
    )
    return {row.number: Vocabulary(**_tree(row.vocabulary)) for row in asker.rows(wanted)}


def _tree(written: str) -> dict[str, Any]:
    tree = json.loads(written)
    return {**tree, "stems": frozenset(tree["stems"])}


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows by COPY, in PostgreSQL's own binary form: a fifth of the time of as many INSERTs, and of what is not
    made yet no more than a row is in memory. Each row has the columns of the first."""
    each = iter(rows)
    first = next(each, None)
    if first is None:
        return
    columns = [table.c[name] for name in first]
    named = ", ".join(f'"{column.name}"' for column in columns)
    command = f'COPY "{table.schema}"."{table.name}" ({named}) FROM STDIN (FORMAT BINARY)'
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(command) as copy:
            copy.set_types([_copied(column.type) for column in columns])
            for row in itertools.chain([first], each):
                copy.write_row([binary(one) if isinstance(one, np.ndarray) else one for one in row.values()])
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(command, None, error) from error


def _copied(kind: sa.types.TypeEngine[Any]) -> str:
    """The type that a column's values are sent as. A vector's bytes are its binary form already."""
    if isinstance(kind, sa.ARRAY):
        return f"{_copied(kind.item_type)}[]"
    return "bytea" if isinstance(kind, VectorType) else COPIED[type(kind)]
