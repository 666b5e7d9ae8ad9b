"""BM25 over the terms of articles: one tantivy index over a whole generation, a document an article."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tantivy

from indexer.engine.apart import sealed
from indexer.engine.segments import Entry
from kb import text
from kb.failpoints import reached
from kb.finding.chunks import asks_by_title

ASKS_BOOST = 1.0  # words of title and questions count once more than words of the body
PREFIX_BOOST = 0.5
ALIKE_BOOST = 0.8  # of what a phrase may also be called, beside the phrase itself
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
    """Add articles to the BM25 index in `folder` (made where there is none) and take versions out by number.

    Raises OSError where the disk refuses.
    """
    try:
        _write(folder, added, removed)
    except ValueError as error:
        if "IO error" in str(error):  # tantivy's own way to say so
            raise OSError(str(error)) from error
        raise


def _write(folder: Path, added: Iterable[Entry], removed: Iterable[int]) -> None:
    folder.mkdir(exist_ok=True)
    if not (folder / "meta.json").exists():
        _add(folder, added, removed)
        return
    with sealed(folder) as files:  # the writer maps what it adds to, of which a published generation is the owner, too
        _add(files, added, removed)
        if files != folder:
            _take_over(files, folder)


def _take_over(files: Path, folder: Path) -> None:
    """What is new and what is gone in a sealed folder, in the folder that it was made of."""
    for path in folder.iterdir():
        if not (files / path.name).is_symlink():
            path.unlink()
    for path in files.iterdir():
        if not path.is_symlink():
            (folder / path.name).write_bytes(path.read_bytes())


def _add(folder: Path, added: Iterable[Entry], removed: Iterable[int]) -> None:
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
    reached("build.words")
    writer.commit()
    writer.wait_merging_threads()
    for lock in folder.glob(".tantivy-*.lock"):
        lock.unlink()


class Words:
    """BM25 over articles. Scores are summed over the two fields."""

    def __init__(self, folder: Path) -> None:
        self._schema = _schema()
        with sealed(folder) as files:  # it maps them all at once
            self._searcher = tantivy.Index.open(str(files)).searcher()

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
        said_otherwise = {term for ways in terms.alike for term in ways[0]}
        parts = [(should, self._either(word)) for word in terms.words if word not in said_otherwise]
        parts += [(should, self._alike(own, others)) for own, *others in terms.alike]
        if terms.prefix:
            grown = [t for t, _ in self._searcher.terms_with_prefix("text", terms.prefix, limit=PREFIX_TERMS)]
            growing = [self._either(term) for term in grown if term not in terms.words]
            if growing:
                best = tantivy.Query.disjunction_max_query(growing)
                parts.append((should, tantivy.Query.boost_query(best, PREFIX_BOOST)))
        return tantivy.Query.boolean_query(parts)

    def _alike(self, own: Sequence[str], others: Sequence[Sequence[str]]) -> tantivy.Query:
        """A phrase by its own words, or by the whole of another way to say it, whichever counts more."""
        ways = [tantivy.Query.boost_query(self._all(other, tantivy.Occur.Must), ALIKE_BOOST) for other in others]
        return tantivy.Query.disjunction_max_query([self._all(own, tantivy.Occur.Should), *ways])

    def _all(self, terms: Sequence[str], occur: tantivy.Occur) -> tantivy.Query:
        return tantivy.Query.boolean_query([(occur, self._either(term)) for term in terms])

    def _either(self, term: str) -> tantivy.Query:
        asks = tantivy.Query.term_query(self._schema, "asks", term, "freq")
        body = tantivy.Query.term_query(self._schema, "text", term, "freq")
        should = tantivy.Occur.Should
        return tantivy.Query.boolean_query([(should, tantivy.Query.boost_query(asks, ASKS_BOOST)), (should, body)])
