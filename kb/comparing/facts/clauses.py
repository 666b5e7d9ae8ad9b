"""What an article says, one clause after another: its title, sentences, items and cells, each with the values in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kb import text
from kb.comparing.facts.values import Value, values
from kb.content import products
from kb.content.articles import Article, Span, plain
from kb.content.body import paragraphs, sentences, tables
from kb.content.products import Catalogue


@dataclass(frozen=True)
class Clause:
    """One sentence, heading or cell.

    shape:  where it stands: `title`, `heading`, `line` or `cell`, with its block's kind and its column's number
    unit:   which paragraph, item or cell of the article it is a sentence of, from 0
    words:  what it is about: its terms but for values and models, of a cell also those of its row's and column's names
    models: product codes, error codes and model numbers named in it
    """

    shape: tuple[str, str, int]
    unit: int
    span: Span
    words: frozenset[str]
    values: tuple[Value, ...]
    models: frozenset[str]


_TITLE = ("title", "", 0)
_TARGET = re.compile(r"\]\([^()\n]*\)")
_MARK = re.compile(r"\s*(?:(?:>|[-+*]|\d{1,9}[.)]|#{1,6})[ \t]+)*")
MOST_CLAUSES = 5_000  # of one article: the longest have hundreds
MOST_VALUES = 50  # of one clause: more is no sentence
_STOPS = frozenset(map(text.stem, text.FUNCTION_WORDS))


@dataclass(frozen=True)
class Reading:
    """An article and its clauses in order."""

    article: Article
    clauses: tuple[Clause, ...]


def read(article: Article, catalogue: Catalogue) -> Reading:
    """What an article's title, headings, paragraphs, items and cells say, the first `MOST_CLAUSES` of it."""
    found = (
        _clause(article, catalogue, shape, unit, one, about)
        for unit, (shape, span, about) in enumerate(_places(article))
        for one in ([span] if shape[0] == "cell" else sentences(article.source, _past_marks(article.source, span)))
    )
    return Reading(article, tuple(itertools.islice(found, MOST_CLAUSES)))


def _places(article: Article) -> Iterator[tuple[tuple[str, str, int], Span, str]]:
    """The shape and span of every unit, and what the table around it says it is about."""
    yield _TITLE, article.title_span, ""
    by_span = {table.span: table for table in tables(article)}
    for span, block in paragraphs(article):
        if span not in by_span:
            heading = article.source.startswith("#", span.start)
            yield ("heading" if heading else "line", block, 0), span, ""
            continue
        for row in by_span[span].rows:
            for column, (head, cell) in enumerate(zip(by_span[span].header, row, strict=True)):
                about = f"{row[0].text if column else ''}\n{head.text}"
                yield ("cell", block, column), cell.span, about


def _past_marks(source: str, span: Span) -> Span:
    found = _MARK.match(source, span.start, span.end)
    return Span(found.end() if found else span.start, span.end)


def _clause(
    article: Article, catalogue: Catalogue, shape: tuple[str, str, int], unit: int, span: Span, about: str
) -> Clause:
    """The clause of a place; its values stand at their places in the article."""
    written = _TARGET.sub(lambda link: "]".ljust(len(link[0])), article.source[span.start : span.end])
    said = values(written)
    held = [replace(one, span=Span(span.start + one.span.start, span.start + one.span.end)) for one in said]
    ends = [0, *(one.span.end for one in said)]
    starts = [*(one.span.start for one in said), len(written)]
    masked = " ".join(written[a:b] for a, b in zip(ends, starts, strict=True))
    named = plain(f"{about}\n{written}")
    codes = text.codes(named)
    models = {*products.named_in(catalogue, named), *(products.resolve(catalogue, code) or code for code in codes)}
    words = {term.text for term in text.folded_terms(text.fold(plain(f"{about}\n{masked}")))} - _STOPS
    words = {word for word in words if not any(code in word or word in code for code in codes)}
    return Clause(shape, unit, span, frozenset(words), tuple(held[:MOST_VALUES]), frozenset(models))
