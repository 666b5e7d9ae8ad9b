"""What stands in an article's body: its sections, tables and lists, each cell and item with its place in the file."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from kb.content.articles import Article, Block, Section, Span, blocks_of


@dataclass(frozen=True)
class Cell:
    """A piece of Markdown as the article writes it: `text` is `source[span]`."""

    text: str
    span: Span


@dataclass(frozen=True)
class Table:
    """A table: the cells of its header, and of each row as many."""

    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    span: Span


@dataclass(frozen=True)
class Listing:
    """A list that lies in no other: the first paragraph of each item. `lead` is the paragraph right before it."""

    items: tuple[Cell, ...]
    lead: str
    span: Span


def section_at(article: Article, span: Span) -> Section | None:
    """The innermost section that a place of the source begins in: where a long article opens; None before any."""
    # it is the one of the latest heading: no other has begun since, so none that ends it
    headings_before = bisect_right(article.sections, span.start, key=lambda section: section.span.start)
    return article.sections[headings_before - 1] if headings_before else None


def heading_at(article: Article, span: Span) -> str:
    """The heading of that section, '' for none."""
    section = section_at(article, span)
    return section.heading if section else ""


def parts(article: Article) -> list[tuple[str, str]]:
    """The body without its blocks, cut at its headings of level 1 and 2: (heading, Markdown under it)."""
    starts = [section.span.start for section in article.sections if section.level in (1, 2)]
    bounds = [article.body_start, *starts, len(article.source)]
    found = []
    for start, end in itertools.pairwise(bounds):
        kept, at = [], start
        for block in article.blocks:
            if start <= block.span.start < end and block.span.start >= at:
                kept.append(article.source[at : block.span.start])
                at = block.span.end
        text = "\n".join([*kept, article.source[at:end]]).strip()
        heading = heading_at(article, Span(start, start)) if start in starts else ""
        under = text.split("\n", 1)[1].strip() if heading and "\n" in text else "" if heading else text
        if under:
            found.append((heading, under))
    return found


@dataclass(frozen=True)
class Chapter:
    """What stands under one heading of level 1 or 2, heading and all; '' before the first."""

    heading: str
    span: Span


def chapters(article: Article) -> tuple[Chapter, ...]:
    """The body cut at its headings of level 1 and 2; what stands before them only where it says something."""
    tops = [section for section in article.sections if section.level in (1, 2)]
    starts = [article.body_start, *(section.span.start for section in tops), len(article.source)]
    names = ["", *(section.heading for section in tops)]
    cut = [Chapter(name, Span(a, b)) for name, (a, b) in zip(names, itertools.pairwise(starts), strict=True)]
    return tuple(one for one in cut if one.heading or article.source[one.span.start : one.span.end].strip())


def abreast(article: Article, twin: Article) -> tuple[tuple[Chapter | None, Chapter | None], ...]:
    """The chapters of an article and its twin side by side, told by the blocks and tables in them: headings are in two
    languages. None where one has no chapter for the other's."""
    ours, theirs = _built(article), _built(twin)
    found = SequenceMatcher(None, [build for _, build in ours], [build for _, build in theirs]).get_opcodes()
    pairs = [pair for _, a, b, c, d in found for pair in itertools.zip_longest(ours[a:b], theirs[c:d])]
    return tuple((mine[0] if mine else None, its[0] if its else None) for mine, its in pairs)


def _built(article: Article) -> list[tuple[Chapter, tuple[str, ...]]]:
    """Each chapter with what it is built of, which is the same in any language."""
    pieces = [(table.span.start, "table") for table in tables(article)]
    pieces += [(block.span.start, block.kind) for block in article.blocks]
    return [
        (one, tuple(kind for at, kind in sorted(pieces) if one.span.start <= at < one.span.end))
        for one in chapters(article)
    ]


def tables(article: Article) -> tuple[Table, ...]:
    """Every table of the body, in order."""
    tokens, span = blocks_of(article.source, article.body_start)
    found: list[tuple[Span, list[tuple[Cell, ...]]]] = []
    for token in tokens:
        if token.type == "table_open" and token.map:
            found.append((span(*token.map), []))
        elif token.type == "tr_open" and token.map:
            rows = found[-1][1]
            rows.append(_row(article.source, span(*token.map), len(rows[0]) if rows else None))
    return tuple(Table(rows[0], tuple(rows[1:]), place) for place, rows in found)


# What may stand before a line's own text: quote marks and the mark of a list item, with its box to tick.
_MARKS = re.compile(r"(?:[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t])(?:[ \t]+\[[ xX]\](?=[ \t]))?))*[ \t]*")
_PIPE = re.compile(r"(?<!\\)\|")


def _row(source: str, line: Span, width: int | None) -> tuple[Cell, ...]:
    """The cells of a line: `width` of them, empty ones at the end where it has fewer; None = all that it has."""
    start, end = _trimmed(source, _past_marks(source, line.start), line.end)
    if source.startswith("|", start):
        start += 1
    cuts = [match.start() for match in _PIPE.finditer(source, start, end)]
    starts, ends = [start, *(cut + 1 for cut in cuts)], [*cuts, end]
    cells = [_cell(source, a, b) for a, b in zip(starts, ends, strict=True)]
    if width is None:
        return tuple(cells[:-1] if len(cells) > 1 and not cells[-1].text else cells)
    return tuple((cells + [Cell("", Span(end, end))] * width)[:width])


def _past_marks(source: str, start: int) -> int:
    found = _MARKS.match(source, start)
    return found.end() if found else start


def _trimmed(source: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` without the blanks at its ends."""
    while start < end and source[end - 1].isspace():
        end -= 1
    while start < end and source[start].isspace():
        start += 1
    return start, end


def _cell(source: str, start: int, end: int) -> Cell:
    start, end = _trimmed(source, start, end)
    return Cell(source[start:end], Span(start, end))


def lists(article: Article) -> tuple[Listing, ...]:
    """Every list of the body that lies in no other list, quote or container, in order."""
    tokens, span = blocks_of(article.source, article.body_start)
    found = []
    for i, token in enumerate(tokens):
        if token.level or not token.map or not token.type.endswith("_list_open"):
            continue
        items = []
        for j in range(i + 1, len(tokens)):
            if not tokens[j].level:
                break
            item, first = tokens[j], tokens[j + 1]
            if item.type == "list_item_open" and item.level == 1 and first.type == "paragraph_open" and first.map:
                lines = span(*first.map)
                items.append(_cell(article.source, _past_marks(article.source, lines.start), lines.end))
        lead = tokens[i - 2].content if i and tokens[i - 1].type == "paragraph_close" else ""
        found.append(Listing(tuple(items), lead, span(*token.map)))
    return tuple(found)


def paragraphs(article: Article) -> Iterator[tuple[Span, str]]:
    """Every paragraph, item and table of the body with the kind of the innermost block around it, '' for none."""
    coming, around = list(reversed(article.blocks)), list[Block]()
    for span in article.paragraphs:
        while coming and coming[-1].span.start <= span.start:
            around.append(coming.pop())
        while around and around[-1].span.end <= span.start:
            around.pop()
        yield span, around[-1].kind if around else ""


_SENTENCE_END = re.compile(r"[。！？!?；;]|\.(?=\s|\Z)|\Z")


def sentences(source: str, span: Span) -> Iterator[Span]:
    """The sentences of a place of the source, in order; together they are all of it."""
    start = span.start
    for end in _SENTENCE_END.finditer(source, span.start, span.end):
        if start < end.end():
            yield Span(start, end.end())
        start = end.end()
