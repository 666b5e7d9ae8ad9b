"""FAISS and tantivy over one generation: an Index.

A generation has one or two segments (a base and what changed since). A segment holds its
articles, its chunks and two FAISS indexes: one over what articles ask (titles, questions), one
over what they answer (say-lines, body). BM25 is one tantivy index over the whole generation, a
document an article, so that a rare word is rare in the whole base.

An article's live version is the one whose number the manifest names; rows of older versions stay
in their segment and are masked, like everything the scope does not let through.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import tantivy
from numpy.typing import NDArray

from kb import text
from kb.content.articles import Article, Block, Section, Span
from kb.errors import GenerationError
from kb.finding.chunks import ANSWERS, ASKS, KINDS, Chunk, asks_by_title, cut, shown
from kb.finding.search import Ranked, Vector
from kb.finding.verdict import Calibration
from kb.people.scope import Scope, may_see

Mask = NDArray[np.bool_]

FIELDS: Mapping[str, tuple[str, ...]] = {"asks": ASKS, "answers": ANSWERS}

# Index by number of vectors, from benchmarks/index.py (docs/search.md): exact as long as it is quick.
EXACT_UP_TO = 100_000
PROBES = 128
RESCORE = 4  # candidates of an approximate index rescored exactly, per result wanted

faiss.omp_set_num_threads(1)  # one question is one thread's work; many questions run side by side


# --- one vector field ----------------------------------------------------------------------------


class VectorField:
    """Unit rows under inner product: FAISS, exact while small, approximate and rescored exactly when not."""

    def __init__(self, index: faiss.Index, rows: Path | None) -> None:
        self._index = index
        self._rows = os.open(rows, os.O_RDONLY) if rows else None  # read with pread: never mapped

    def __del__(self) -> None:
        if getattr(self, "_rows", None) is not None:
            os.close(self._rows)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def nearest(self, vector: Vector, k: int, allowed: NDArray[np.uint8] | None) -> Iterator[tuple[int, float]]:
        """Up to k (row, cosine), best first. `allowed` is a bit a row, None for all."""
        k = min(k, len(self))
        if k == 0:
            return
        exact = self._rows is None
        selector = faiss.IDSelectorBitmap(allowed.size, faiss.swig_ptr(allowed)) if allowed is not None else None
        wanted = k if exact else min(k * RESCORE, len(self))
        scores, found = self._index.search(vector[None], wanted, params=self._parameters(selector))
        rows = found[0][found[0] >= 0]
        if exact:
            yield from zip(rows.tolist(), scores[0][: len(rows)].tolist(), strict=True)
            return
        cosines = self.rows(rows) @ vector
        best = np.argsort(-cosines, kind="stable")[:k]
        yield from zip(rows[best].tolist(), cosines[best].tolist(), strict=True)

    def _parameters(self, selector: Any) -> Any:
        if isinstance(self._index, faiss.IndexIVF):
            return faiss.SearchParametersIVF(sel=selector, nprobe=PROBES)  # type: ignore[call-arg]
        return faiss.SearchParameters(sel=selector) if selector is not None else None  # type: ignore[call-arg]

    def rows(self, numbers: NDArray[np.int64]) -> Vector:
        """The exact vectors of some rows, (n, dim)."""
        if self._rows is None:
            return np.asarray(self._index.reconstruct_batch(numbers), np.float32)
        size = 4 * self._index.d
        read = [os.pread(self._rows, size, int(row) * size) for row in numbers]
        if any(len(one) != size for one in read):
            raise GenerationError("generation_damaged", generation="", file="rows.f32")
        return np.frombuffer(b"".join(read), "<f4").reshape(len(read), self._index.d)


def vector_index(rows: Vector) -> faiss.Index:
    """The FAISS index that suits this many rows. Inner product; rows have length 1, so it is the cosine."""
    count, dim = rows.shape
    if count <= EXACT_UP_TO:
        index: faiss.Index = faiss.IndexFlatIP(dim)
    else:
        index = faiss.index_factory(dim, f"IVF{int(4 * count**0.5)},SQ8", faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        chosen = np.random.default_rng(0).choice(count, min(count, 64 * int(4 * count**0.5)), replace=False)
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        index.train(rows[np.sort(chosen)])
    index.add(rows)
    faiss.omp_set_num_threads(1)
    return index


# --- one segment ---------------------------------------------------------------------------------

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


# --- words ---------------------------------------------------------------------------------------

ASKS_BOOST = 1.0  # words of title and questions count once more than words of the body
PREFIX_BOOST = 0.5
PREFIX_TERMS = 24
WRITER_HEAP = 32_000_000


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("number", fast=True, indexed=True)
    builder.add_text_field("asks", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("text", tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def write_lexical(folder: Path, added: Iterable[Entry], removed: Iterable[int]) -> None:
    """Add articles to the BM25 index in `folder` (made where there is none) and take versions out by number."""
    folder.mkdir(exist_ok=True)
    schema = _schema()
    index = tantivy.Index(schema, path=str(folder), reuse=True)
    writer = index.writer(WRITER_HEAP, 1)
    for number in removed:
        writer.delete_documents_by_query(tantivy.Query.term_query(schema, "number", number))  # by_term knows no u64
    for entry in added:
        document = tantivy.Document()
        document.add_text("id", entry.article.id)
        document.add_unsigned("number", entry.number)
        title = (entry.article.title,) if asks_by_title(entry.article) else ()
        asks = text.terms("\n".join((*title, *entry.article.questions)))
        document.add_text("asks", " ".join(asks))
        document.add_text("text", " ".join(asks + text.terms(entry.article.body)))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    for lock in folder.glob(".tantivy-*.lock"):
        lock.unlink()


class Words:
    """BM25 over articles. Scores are summed over the two fields."""

    def __init__(self, folder: Path) -> None:
        self._schema = _schema()
        index = tantivy.Index.open(str(folder))
        self._searcher = index.searcher()

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def best(self, terms: text.QueryTerms, k: int, allowed: Mapping[int, str]) -> list[tuple[str, float]]:
        """Up to k (article, BM25), best first, of the allowed numbers. Asks deeper until it has them or all."""
        if not terms or not allowed:
            return []
        query = self._query(terms)
        limit = k
        while True:
            limit = min(max(limit, 1), max(len(self), 1))
            hits = self._searcher.search(query, limit, count=False).hits
            numbers = self._numbers(hits)
            found = [(allowed[n], score) for (score, _), n in zip(hits, numbers, strict=True) if n in allowed]
            if len(found) >= k or len(hits) < limit or limit >= len(self):
                return found[:k]
            limit *= 4

    def having(self, term: str, allowed: Mapping[int, str]) -> list[str]:
        """Ids of allowed articles whose title or questions have the term, in id order."""
        query = tantivy.Query.term_query(self._schema, "asks", term)
        hits = self._searcher.search(query, max(len(self), 1), count=False).hits
        return sorted(allowed[number] for number in self._numbers(hits) if number in allowed)

    def _numbers(self, hits: Sequence[tuple[Any, tantivy.DocAddress]]) -> list[int]:
        values = self._searcher.fast_field_values("number", [place for _, place in hits])
        return [int(value) for value in values if value is not None]

    def _query(self, terms: text.QueryTerms) -> tantivy.Query:
        should = tantivy.Occur.Should
        parts = [(should, self._either(word)) for word in terms.words]
        if terms.prefix:
            grown = [t for t, _ in self._searcher.terms_with_prefix("text", terms.prefix, limit=PREFIX_TERMS)]
            growing = [self._either(term) for term in grown if term not in terms.words]
            if growing:
                best = tantivy.Query.disjunction_max_query(growing)
                parts.append((should, tantivy.Query.boost_query(best, PREFIX_BOOST)))
        return tantivy.Query.boolean_query(parts)

    def _either(self, term: str) -> tantivy.Query:
        asks = tantivy.Query.term_query(self._schema, "asks", term, "freq")
        body = tantivy.Query.term_query(self._schema, "text", term, "freq")
        should = tantivy.Occur.Should
        return tantivy.Query.boolean_query([(should, tantivy.Query.boost_query(asks, ASKS_BOOST)), (should, body)])


# --- the whole -----------------------------------------------------------------------------------


MAX_TEXTS = 2_000  # articles whose chunks are kept as plain text: what a floor opens in a day
MAX_VIEWS = 64  # scopes worked out and kept; a floor has a handful


@dataclass(frozen=True)
class _View:
    """What one scope lets through: allowed articles by number, and a bit a row for each segment's fields."""

    numbers: Mapping[int, str]
    bits: Mapping[tuple[int, str], NDArray[np.uint8] | None]


class Engine:
    """One generation, open. Everything it holds is read-only; any number of threads may ask."""

    def __init__(
        self,
        generation: str,
        segments: Sequence[Segment],
        words: Words,
        live: Mapping[str, int],
        calibration: Calibration | None,
    ) -> None:
        """`live` gives the number of each article's version that counts."""
        self.generation = generation
        self.calibration = calibration
        self.segments = tuple(segments)
        self._words = words
        self._places = {
            entry.article.id: (s, at)
            for s, segment in enumerate(self.segments)
            for at, entry in enumerate(segment.entries)
            if live.get(entry.article.id) == entry.number
        }
        self._texts: dict[str, Sequence[tuple[Chunk, str]]] = {}
        self._views: dict[Scope, _View] = {}
        self._view_lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all articles of this generation, in order."""
        return tuple(sorted(self._places))

    def finds_itself(self) -> bool:
        """Whether a vector of the first article is its own nearest in each field, and its title's words find it."""
        if not self._places:
            return True
        id = self.ids[0]
        s, at = self._places[id]
        segment = self.segments[s]
        for name, field in segment.fields.items():
            row = int(np.searchsorted(segment.chunk_rows[name], segment.first[at]))
            if row < len(field):
                vector = field.rows(np.array([row]))[0]
                if not any(score > 0.999 for _, score in field.nearest(vector, 1, None)):
                    return False
        terms = text.query_terms(self.article(id).title)
        return not terms or bool(self._words.best(terms, 1, {self._entry(id).number: id}))

    # what the search room asks

    def dense(self, vector: Vector, scope: Scope, k: int, kinds: tuple[str, ...]) -> list[Ranked]:
        view = self._seen(scope)
        field = next(name for name, members in FIELDS.items() if members == kinds)
        found: list[Ranked] = []
        for s, segment in enumerate(self.segments):
            if (s, field) not in view.bits:
                continue
            rows = segment.chunk_rows[field]
            for row, score in segment.fields[field].nearest(vector, k, view.bits[s, field]):
                at, _, number, _, _ = segment.table[rows[row]].tolist()
                article = segment.entries[at].article.id
                found.append(Ranked(article, f"{article}#{number}", score))
        found.sort(key=lambda item: (-item.score, item.chunk))
        return found[:k]

    def lexical(self, terms: text.QueryTerms, scope: Scope, k: int) -> list[Ranked]:
        best = self._words.best(terms, k, self._seen(scope).numbers)
        return sorted((Ranked(id, "", score) for id, score in best), key=lambda r: (-r.score, r.article))

    def named(self, code: str, scope: Scope) -> list[Ranked]:
        numbers = self._seen(scope).numbers
        if code in self._places:
            return [Ranked(code, "", 1.0)] if self._entry(code).number in numbers else []
        return [Ranked(id, "", 1.0) for id in self._words.having(code, numbers)]

    def cosines(self, vector: Vector, article: str) -> dict[str, float]:
        s, at = self._places[article]
        segment = self.segments[s]
        first, last = segment.first[at], segment.first[at + 1]
        found: dict[str, float] = {}
        for name, field in segment.fields.items():
            rows = segment.chunk_rows[name]
            low, high = np.searchsorted(rows, (first, last))
            cosines = field.rows(np.arange(low, high)) @ vector
            found.update((segment.chunk(int(rows[low + i])).id, float(c)) for i, c in enumerate(cosines))
        return found

    def article(self, id: str) -> Article:
        return self._entry(id).article

    def chunks(self, article: str) -> Sequence[tuple[Chunk, str]]:
        known = self._texts.get(article)
        if known is None:  # another thread may empty the store at any moment
            if len(self._texts) >= MAX_TEXTS:
                self._texts.clear()
            s, at = self._places[article]
            segment = self.segments[s]
            whole = segment.entries[at].article
            known = self._texts[article] = tuple((chunk, shown(whole, chunk)) for chunk in segment.chunks(at))
        return known

    def asks(self, article: str) -> bool:
        s, at = self._places[article]
        return bool(self.segments[s].asking[at])

    def chunk(self, id: str) -> Chunk:
        return {chunk.id: chunk for chunk, _ in self.chunks(id.rpartition("#")[0])}[id]

    # inside

    def _entry(self, id: str) -> Entry:
        s, at = self._places[id]
        return self.segments[s].entries[at]

    def _seen(self, scope: Scope) -> _View:
        with self._view_lock:  # two askers with one new scope: worked out once
            if scope not in self._views:
                if len(self._views) >= MAX_VIEWS:
                    self._views.clear()
                self._views[scope] = self._view(scope)
            return self._views[scope]

    def _view(self, scope: Scope) -> _View:
        masks = [np.zeros(len(segment.entries), np.bool_) for segment in self.segments]
        numbers: dict[int, str] = {}
        for id, (s, at) in self._places.items():
            entry = self.segments[s].entries[at]
            if may_see(scope, entry.article):
                masks[s][at] = True
                numbers[entry.number] = id
        bits: dict[tuple[int, str], NDArray[np.uint8] | None] = {}
        for s, (segment, mask) in enumerate(zip(self.segments, masks, strict=True)):
            for field, rows in segment.chunk_rows.items():
                allowed = mask[segment.table["article"][rows]]
                if allowed.any():
                    bits[s, field] = None if allowed.all() else np.packbits(allowed, bitorder="little")
        return _View(numbers, bits)
