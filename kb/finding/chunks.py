"""What of an article is embedded: its title and questions as they are asked, its say-line and body as they answer."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from kb.content.articles import Article, Span, plain

VERSION = 2  # a change of what is cut where makes every stored chunk stale: count up

KINDS = ("title", "question", "say", "body", "block")
ASKS = ("title", "question")  # compared with a question as one question with another
ANSWERS = ("say", "body", "block")  # compared with a question as a question with its answer

# Characters a body chunk may have, by how much a character carries (facts: 900 English, 300 Chinese).
WIDE = 300
NARROW = 900


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of an article.

    id:   `article#number`, stable while the article's text is
    kind: one of `KINDS`
    span: where it stands in the article's source
    """

    id: str
    article: str
    kind: str
    span: Span


def cut(article: Article) -> list[Chunk]:
    """The chunks of an article in order: title, questions, say-lines, body with the other blocks in it."""
    pieces: list[tuple[str, Span]] = [("title", article.title_span)] if asks_by_title(article) else []
    pieces += [("question", span) for span in article.question_spans]
    says = [block.span for block in article.blocks if block.kind == "say"]
    pieces += [("say", span) for span in says]
    others = [block.span for block in article.blocks if block.kind != "say"]
    for span in _body(article, says):
        inside = any(block.start <= span.start < block.end for block in others)
        pieces.append(("block" if inside else "body", span))
    pieces = pieces or [("title", article.title_span)]  # whatever can be found has something to show
    return [Chunk(f"{article.id}#{n}", article.id, kind, span) for n, (kind, span) in enumerate(pieces)]


def asks_by_title(article: Article) -> bool:
    """Whether the title says something of its own. A text that came without one bears its own first words;
    those would count twice, and as a question they are none."""
    beginning = article.body[: 2 * len(article.title) + 100]
    return bool(article.title) and not _letters(beginning).startswith(_letters(article.title))


def _letters(text: str) -> str:
    """The letters and digits of a text, which is what two copies of it share."""
    return "".join(char for char in plain(text).casefold() if char.isalnum())


def shown(article: Article, chunk: Chunk) -> str:
    """A chunk's own text, without Markdown: what a person reads."""
    if chunk.kind == "title":
        return article.title
    if chunk.kind == "question":
        return article.questions[article.question_spans.index(chunk.span)]
    return plain(article.source[chunk.span.start : chunk.span.end])


def embedded(article: Article, chunk: Chunk) -> str:
    """The text a chunk's vector is made from: a body chunk alone would not say what it is about."""
    text = shown(article, chunk)
    return f"{article.title}\n{text}" if chunk.kind in ("body", "block") and asks_by_title(article) else text


def _limit(text: str) -> int:
    """How long a chunk of this text may be: between `WIDE` and `NARROW` by its share of Chinese."""
    wide = sum(1 for char in text[:400] if char >= "\u2e80")
    share = wide / max(1, len(text[:400]))
    return round(NARROW - (NARROW - WIDE) * min(1.0, 2 * share))


def _body(article: Article, says: list[Span]) -> Iterator[Span]:
    """Paragraphs joined up to the limit, never over the start of a section or block, never with a say-line."""
    limit = _limit(article.body)
    around = {place for block in article.blocks for place in (block.span.start, block.span.end)}
    breaks = sorted(around | {section.span.start for section in article.sections})
    start = end = -1
    for span in article.paragraphs:
        if any(say.start <= span.start < say.end for say in says):
            continue
        for piece in _pieces(article.source, span, limit):
            next_break = bisect_left(breaks, end)  # an article of headings alone has tens of thousands
            is_over = next_break < len(breaks) and breaks[next_break] <= piece.start
            if start >= 0 and (piece.end - start > limit or is_over):
                yield from _worth(article, start, end)
                start = -1
            start = piece.start if start < 0 else start
            end = piece.end
    if start >= 0:
        yield from _worth(article, start, end)


_LINK_OR_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t].*$|\[[^\[\]\n]*\]\([^()\n]*\)", re.MULTILINE)


def _worth(article: Article, start: int, end: int) -> Iterator[Span]:
    """The chunk, unless it says nothing but a heading and where to read on."""
    text = _LINK_OR_HEADING.sub("", article.source[start:end])
    if any(char.isalnum() for char in text):
        yield Span(start, end)


_STOPS = "\n。！？!?；;."


def _pieces(source: str, span: Span, limit: int) -> Iterator[Span]:
    """A paragraph in pieces of at most `limit` characters, cut after a sentence where there is one."""
    start = span.start
    while span.end - start > limit:
        cut_at = max(source.rfind(stop, start + limit // 2, start + limit) for stop in _STOPS)
        end = cut_at + 1 if cut_at >= 0 else start + limit
        yield Span(start, end)
        start = end
    if source[start : span.end].strip():
        yield Span(start, span.end)
