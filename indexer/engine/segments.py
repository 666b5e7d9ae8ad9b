"""One segment of a generation: articles, their chunks, the vectors and tokens of these, written once."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.encoder.tokens import token_type
from indexer.engine.apart import opened
from indexer.engine.fields import RowFile, VectorField, vector_index
from kb.content.articles import Article, Block, Section, Span
from kb.errors import GenerationError
from kb.failpoints import reached
from kb.finding.chunks import ANSWERS, ASKS, KINDS, Chunk, cut
from kb.finding.search import Tokens, Vector
from kb.finding.spelling import NOTHING, Vocabulary, vocabulary
from kb.people.scope import facets

FIELDS: Mapping[str, tuple[str, ...]] = {"asks": ASKS, "answers": ANSWERS}

MOST_CHUNKED = 2_000  # articles whose chunks are kept

CHUNK_ROW = np.dtype([("article", "<i4"), ("kind", "u1"), ("number", "<i4"), ("start", "<i4"), ("end", "<i4")])

AT_ONCE = 256  # articles embedded and written together


@dataclass(frozen=True)
class Entry:
    """One version of one article in an index: `number` is its own among all versions ever indexed."""

    number: int
    sha256: str
    article: Article


# The rows of every chunk of some articles in order, (n, dim), and the packed tokens of each, none for a model without.
Embed = Callable[[Sequence[Entry]], tuple[Vector, Sequence[Tokens]]]


class Segment:
    """Articles with their chunks and vectors, written once."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        with (folder / "articles.jsonl").open(encoding="utf-8") as lines:
            self.entries = [entry_of(json.loads(line)) for line in lines]
        table = np.load(folder / "chunks.npy", allow_pickle=False)
        if table.dtype != CHUNK_ROW:
            raise GenerationError("generation_damaged", generation=folder.parent.name, file="chunks.npy")
        self.table = table
        self.first = np.searchsorted(table["article"], np.arange(len(self.entries) + 1))
        asked = table["article"][np.isin(table["kind"], [KINDS.index(kind) for kind in ASKS])]
        self.asking = np.bincount(asked, minlength=len(self.entries)) > 0  # by article: has it a title or question
        self.vocabulary = _vocabulary(folder / "vocabulary.json")
        self.fields: dict[str, VectorField] = {}
        self.chunk_rows: dict[str, NDArray[np.int64]] = {}
        for name in FIELDS:
            data = np.frombuffer((folder / f"{name}.faiss").read_bytes(), np.uint8)
            exact_rows = folder / f"{name}.f32"
            self.fields[name] = VectorField(faiss.deserialize_index(data), exact_rows if exact_rows.exists() else None)
            self.chunk_rows[name] = np.flatnonzero(_of_field(table, name))
        self._chunks: dict[int, Sequence[Chunk]] = {}  # of the articles that were looked at last
        self._tokens = TokenStore(folder) if (folder / "tokens.npy").exists() else None

    @functools.cached_property
    def kinds(self) -> tuple[Sequence[Article], NDArray[np.int32]]:
        """An article of each kind that scopes tell apart, and of each article which kind it is, (n,): a large base has
        dozens, and a scope looks at those."""
        number: dict[Hashable, int] = {}
        articles = [entry.article for entry in self.entries]
        of = np.fromiter((number.setdefault(facets(one), len(number)) for one in articles), np.int32, len(articles))
        _, first = np.unique(of, return_index=True)
        return [articles[at] for at in first.tolist()], of

    @functools.cached_property
    def titles(self) -> Vector:
        """A row an article, (n, dim): the mean of what it asks or, where it asks nothing, of what it answers."""
        found = self._means("asks", self.asking)
        return found if self.asking.all() else found + self._means("answers", ~self.asking)

    def _means(self, name: str, wanted: NDArray[np.bool_]) -> Vector:
        """The mean row of a field for each article that is wanted, 0 for the others."""
        of = self.table["article"][self.chunk_rows[name]]
        chosen = np.flatnonzero(wanted[of])
        means = np.zeros((len(self.entries), self.fields[name].dim), np.float32)
        if len(chosen):
            first = np.flatnonzero(np.diff(of[chosen], prepend=-1))  # rows stand in the order of their articles
            sums = np.add.reduceat(self.fields[name].rows(chosen), first)
            means[of[chosen][first]] = sums / np.diff(first, append=len(chosen))[:, None]
        return means

    def chunk(self, row: int) -> Chunk:
        """The chunk in one row of the table."""
        at, kind, number, start, end = self.table[row].tolist()
        article = self.entries[at].article.id
        return Chunk(f"{article}#{number}", article, KINDS[kind], Span(start, end))

    def chunks(self, at: int) -> Sequence[Chunk]:
        """All chunks of the article at a place in `entries`."""
        known = self._chunks.get(at)
        if known is None:
            if len(self._chunks) >= MOST_CHUNKED:
                self._chunks.clear()
            article = self.entries[at].article.id
            rows = self.table[self.first[at] : self.first[at + 1]].tolist()
            known = tuple(Chunk(f"{article}#{n}", article, KINDS[k], Span(low, high)) for _, k, n, low, high in rows)
            self._chunks[at] = known
        return known

    def tokens(self, at: int) -> list[Tokens]:
        """The packed tokens of each chunk of the article at a place in `entries`; none where none were kept."""
        return self._tokens.of(int(self.first[at]), int(self.first[at + 1])) if self._tokens else []


class TokenStore:
    """The packed tokens of a segment's chunks, one after another in a file that is read where it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._first = np.load(folder / "tokens.npy", allow_pickle=False)  # of each chunk, then their number
        self._file = opened(folder / "tokens.bin")
        size = os.fstat(self._file).st_size
        self._type = token_type((size // max(1, int(self._first[-1])) - token_type(0).itemsize) * 4)
        if size != self._first[-1] * self._type.itemsize:
            raise GenerationError("generation_damaged", generation="", file="tokens.bin")

    def __del__(self) -> None:
        if hasattr(self, "_file") and os is not None:  # at the end of the program modules go first
            os.close(self._file)

    def of(self, start: int, end: int) -> list[Tokens]:
        """The tokens of each chunk in `[start, end)`."""
        low, *cuts = (self._first[start : end + 1] - self._first[start]).tolist()
        size = self._type.itemsize
        read = os.pread(self._file, cuts[-1] * size, int(self._first[start]) * size) if cuts else b""
        rows = np.frombuffer(read, self._type)
        return [rows[a:b] for a, b in itertools.pairwise([low, *cuts])]


def write_segment(folder: Path, entries: Sequence[Entry], embed: Embed) -> None:
    """Write a segment. What `embed` gives of a few articles is written before the next are asked for, so that the
    vectors and tokens of a large base are never in memory together."""
    folder.mkdir(parents=True)
    with (folder / "articles.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record_of(entry), ensure_ascii=False) + "\n" for entry in entries)
    said = vocabulary("\n".join((one.article.title, *one.article.questions, one.article.body)) for one in entries)
    tree = {**asdict(said), "stems": sorted(said.stems)}
    reached("build.segment")
    (folder / "vocabulary.json").write_text(json.dumps(tree, ensure_ascii=False), "utf-8")
    dim = _write_chunks(folder, entries, embed)
    for name in FIELDS:
        rows = folder / f"{name}.f32"
        index = vector_index(RowFile(os.open(rows, os.O_RDONLY), dim))
        (folder / f"{name}.faiss").write_bytes(faiss.serialize_index(index).tobytes())
        if isinstance(index, faiss.IndexFlat):  # has the rows itself
            rows.unlink()


def _write_chunks(folder: Path, entries: Sequence[Entry], embed: Embed) -> int:
    """The chunks of some articles with their vectors and tokens; how many numbers a vector has."""
    table, counts, dim = [np.zeros(0, CHUNK_ROW)], [0], 1
    with contextlib.ExitStack() as files:
        apart = {name: files.enter_context((folder / f"{name}.f32").open("wb")) for name in FIELDS}
        packed = files.enter_context((folder / "tokens.bin").open("wb"))
        for start in range(0, max(len(entries), 1), AT_ONCE):  # no articles have a length of vectors, too
            some = entries[start : start + AT_ONCE]
            rows = _chunk_rows(some, start)
            vectors, tokens = embed(some)
            dim = vectors.shape[1]
            for name, file in apart.items():
                file.write(np.ascontiguousarray(vectors[_of_field(rows, name)], "<f4").data)
            packed.writelines(one.tobytes() for one in tokens)
            table.append(rows)
            counts += map(len, tokens)
    np.save(folder / "chunks.npy", np.concatenate(table), allow_pickle=False)
    if any(counts):
        np.save(folder / "tokens.npy", np.cumsum(counts), allow_pickle=False)
    else:
        (folder / "tokens.bin").unlink()
    return dim


def _chunk_rows(entries: Sequence[Entry], first: int) -> NDArray[Any]:
    """The rows of the table of some articles, the first of which is number `first` of its segment."""
    rows = [
        (at, KINDS.index(chunk.kind), number, chunk.span.start, chunk.span.end)
        for at, entry in enumerate(entries, first)
        for number, chunk in enumerate(cut(entry.article))
    ]
    return np.array(rows, CHUNK_ROW)


def _of_field(table: NDArray[Any], name: str) -> NDArray[np.bool_]:
    """Which rows of a table are of a field."""
    return np.isin(table["kind"], [KINDS.index(kind) for kind in FIELDS[name]])


def _vocabulary(file: Path) -> Vocabulary:
    if not file.exists():  # a generation of an older program serves until the next build
        return NOTHING
    tree = json.loads(file.read_text("utf-8"))
    return Vocabulary(**{**tree, "stems": frozenset(tree["stems"])})


def record_of(entry: Entry) -> dict[str, Any]:
    """An entry as JSON has it."""
    facts = {f.name: getattr(entry.article, f.name) for f in fields(Article)}
    for name in ("review_by", "valid_from", "valid_until"):
        facts[name] = facts[name].isoformat() if facts[name] else None
    facts["title_span"] = [facts["title_span"].start, facts["title_span"].end]
    facts["question_spans"] = [[s.start, s.end] for s in facts["question_spans"]]
    facts["paragraphs"] = [[s.start, s.end] for s in facts["paragraphs"]]
    facts["blocks"] = [asdict(block) for block in facts["blocks"]]
    facts["sections"] = [asdict(section) for section in facts["sections"]]
    return {"number": entry.number, "sha256": entry.sha256, "article": facts}


def entry_of(record: dict[str, Any]) -> Entry:
    """The entry that `record_of` wrote."""
    facts = record["article"]
    for name in ("review_by", "valid_from", "valid_until"):
        facts[name] = date.fromisoformat(facts[name]) if facts[name] else None
    facts["title_span"] = Span(*facts["title_span"])
    facts["question_spans"] = tuple(Span(*pair) for pair in facts["question_spans"])
    facts["paragraphs"] = tuple(Span(*pair) for pair in facts["paragraphs"])
    facts["blocks"] = tuple(Block(**{**block, "span": Span(**block["span"])}) for block in facts["blocks"])
    facts["sections"] = tuple(Section(**{**one, "span": Span(**one["span"])}) for one in facts["sections"])
    for name in ("products", "questions", "teams"):
        facts[name] = tuple(facts[name])
    return Entry(record["number"], record["sha256"], Article(**facts))
