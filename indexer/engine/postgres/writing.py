"""Articles into the tables of a base: their lines, chunks and tokens, and a segment of words for all of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from indexer.encoder.tokens import token_type
from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.tables import OPEN, Shelf, binary
from indexer.engine.segments import FIELDS, Entry, record_of
from kb import text
from kb.content.articles import Article
from kb.failpoints import reached
from kb.finding.chunks import KINDS, asks_by_title, cut
from kb.finding.search import Tokens, Vector
from kb.finding.spelling import Vocabulary, vocabulary
from kb.people.scope import EVERYONE

ROWS = 500  # in one statement


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
    """The words of some articles: a row a term, and the vocabulary that spelling goes by."""
    found: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    articles: list[Article] = []
    for entry in entries:
        asks, texts = (Counter(terms) for terms in terms_of(entry.article))
        for term, often in texts.items():
            found[term].append((entry.number, min(asks[term], 65_535), min(often, 65_535)))
        articles.append(entry.article)
    said = vocabulary("\n".join((one.title, *one.questions, one.body)) for one in articles)
    seal = hashlib.md5()
    postings = []
    for term in sorted(found, key=lambda term: term.encode()):
        numbers, asked, times = (np.array(column) for column in zip(*sorted(found[term]), strict=True))
        packed = [numbers.astype("<i8").tobytes(), asked.astype("<u2").tobytes(), times.astype("<u2").tobytes()]
        seal.update(hashlib.md5(term.encode() + b"".join(packed)).digest())
        columns = dict(zip(("articles", "asks", "texts"), packed, strict=True))
        postings.append({"term": term, "segment": since, **columns})
    tree = json.dumps({**asdict(said), "stems": sorted(said.stems)}, ensure_ascii=False)
    seal.update(hashlib.md5(tree.encode()).digest())
    segment = {"number": since, "since": since, "until": OPEN, "articles": len(articles), "vocabulary": tree}
    _insert(connection, shelf.segment, [{**segment, "seal": seal.hexdigest()}])
    _insert(connection, shelf.posting, postings)
    reached("rows.words")


def vocabularies(shelf: Shelf, segments: Sequence[int], asker: Asker) -> list[Vocabulary]:
    """What the articles of these segments say: the first apart, as it is the base, and all later ones as one."""
    s = shelf.segment.c
    wanted = sa.select(s.number, s.vocabulary).where(
        s.number == sa.any_(sa.cast(list(segments), sa.ARRAY(sa.BigInteger)))
    )
    read = [Vocabulary(**_tree(row.vocabulary)) for row in asker.rows(wanted.order_by(s.number))]
    if len(read) < 2:
        return read
    words, pairs = Counter[str](), Counter[str]()
    for one in read[1:]:
        words.update(one.words)
        pairs.update(one.pairs)
    stems = frozenset[str]().union(*(one.stems for one in read[1:]))
    return [read[0], Vocabulary(dict(words), stems, dict(pairs), sum(one.traditional for one in read[1:]))]


def _tree(written: str) -> dict[str, Any]:
    tree = json.loads(written)
    return {**tree, "stems": frozenset(tree["stems"])}


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS):
        connection.execute(sa.insert(table), rows[start : start + ROWS])
