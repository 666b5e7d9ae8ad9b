"""One segment of a generation: articles, their chunks and the vectors of these, written once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.engine.fields import VectorField, vector_index
from kb.content.articles import Article, Block, Section, Span
from kb.errors import GenerationError
from kb.finding.chunks import ANSWERS, ASKS, KINDS, Chunk, cut
from kb.finding.search import Vector

FIELDS: Mapping[str, tuple[str, ...]] = {"asks": ASKS, "answers": ANSWERS}

CHUNK_ROW = np.dtype([("article", "<i4"), ("kind", "u1"), ("number", "<i4"), ("start", "<i4"), ("end", "<i4")])


@dataclass(frozen=True)
class Entry:
    """One version of one article in an index: `number` is its own among all versions ever indexed."""

    number: int
    sha256: str
    article: Article


class Segment:
    """Articles with their chunks and vectors, written once."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        with (folder / "articles.jsonl").open(encoding="utf-8") as lines:
            self.entries = [_entry(json.loads(line)) for line in lines]
        table = np.load(folder / "chunks.npy", allow_pickle=False)
        if table.dtype != CHUNK_ROW:
            raise GenerationError("generation_damaged", generation=folder.parent.name, file="chunks.npy")
        self.table = table
        self.first = np.searchsorted(table["article"], np.arange(len(self.entries) + 1))
        asked = table["article"][np.isin(table["kind"], [KINDS.index(kind) for kind in ASKS])]
        self.asking = np.bincount(asked, minlength=len(self.entries)) > 0  # by article: has it a title or question
        self.fields: dict[str, VectorField] = {}
        self.chunk_rows: dict[str, NDArray[np.int64]] = {}
        for name, kinds in FIELDS.items():
            data = np.frombuffer((folder / f"{name}.faiss").read_bytes(), np.uint8)
            exact_rows = folder / f"{name}.f32"
            self.fields[name] = VectorField(faiss.deserialize_index(data), exact_rows if exact_rows.exists() else None)
            self.chunk_rows[name] = np.flatnonzero(np.isin(table["kind"], [KINDS.index(kind) for kind in kinds]))

    def chunk(self, row: int) -> Chunk:
        """The chunk in one row of the table."""
        at, kind, number, start, end = self.table[row].tolist()
        article = self.entries[at].article.id
        return Chunk(f"{article}#{number}", article, KINDS[kind], Span(start, end))

    def chunks(self, at: int) -> list[Chunk]:
        """All chunks of the article at a place in `entries`."""
        return [self.chunk(row) for row in range(self.first[at], self.first[at + 1])]


def write_segment(folder: Path, entries: Sequence[Entry], vectors: Vector) -> None:
    """Write a segment. `vectors` are the rows of every chunk of every entry, in order, (n, dim)."""
    folder.mkdir(parents=True)
    rows = [
        (at, KINDS.index(chunk.kind), number, chunk.span.start, chunk.span.end)
        for at, entry in enumerate(entries)
        for number, chunk in enumerate(cut(entry.article))
    ]
    table = np.array(rows, CHUNK_ROW)
    with (folder / "articles.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(_record(entry), ensure_ascii=False) + "\n" for entry in entries)
    np.save(folder / "chunks.npy", table, allow_pickle=False)
    for name, kinds in FIELDS.items():
        chosen = np.isin(table["kind"], [KINDS.index(kind) for kind in kinds])
        index = vector_index(np.ascontiguousarray(vectors[chosen]))
        (folder / f"{name}.faiss").write_bytes(faiss.serialize_index(index).tobytes())
        if not isinstance(index, faiss.IndexFlat):
            (folder / f"{name}.f32").write_bytes(vectors[chosen].astype("<f4").tobytes())


def _record(entry: Entry) -> dict[str, Any]:
    facts = {f.name: getattr(entry.article, f.name) for f in fields(Article)}
    for name in ("review_by", "valid_from", "valid_until"):
        facts[name] = facts[name].isoformat() if facts[name] else None
    facts["title_span"] = [facts["title_span"].start, facts["title_span"].end]
    facts["question_spans"] = [[s.start, s.end] for s in facts["question_spans"]]
    facts["paragraphs"] = [[s.start, s.end] for s in facts["paragraphs"]]
    facts["blocks"] = [asdict(block) for block in facts["blocks"]]
    facts["sections"] = [asdict(section) for section in facts["sections"]]
    return {"number": entry.number, "sha256": entry.sha256, "article": facts}


def _entry(record: dict[str, Any]) -> Entry:
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
