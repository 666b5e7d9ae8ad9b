"""The body of an article: CommonMark with tables, HTML off, and four containers: say, decide, never, escalate."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin

from kb.errors import ArticleError

BLOCKS = ("say", "decide", "never", "escalate")
LINK = re.compile(r"(?<!!)\[[^\[\]\n]*\]\(([^()\s]+)\)")


@dataclass(frozen=True)
class Span:
    """`[start, end)` in characters of the article's file."""

    start: int
    end: int


@dataclass(frozen=True)
class Block:
    """One container: its kind (one of `BLOCKS`), what follows the kind on its first line, its inner
    Markdown. The span is the whole container, with its ::: lines."""

    kind: str
    argument: str
    text: str
    span: Span


@dataclass(frozen=True)
class Section:
    """A heading and everything under it up to the next heading of its level or above. Level 1–6; 0 = before any."""

    heading: str
    level: int
    span: Span


@functools.cache
def parser() -> MarkdownIt:
    """CommonMark + tables, HTML off (`js-default`), with our four containers. Only blocks are looked for:
    what stands inside a line is not needed here, and hostile brackets there take quadratic time."""
    markdown = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("inline")
    for kind in BLOCKS:
        markdown.use(container_plugin, kind)
    return markdown


def blocks_of(source: str, start: int) -> tuple[list[Token], Callable[[int, int], Span]]:
    """The block tokens of the body that begins at `start`, and what turns their lines into a place of `source`."""
    starts = [start, *(start + match.end() for match in re.finditer("\n", source[start:]))]
    starts.append(len(source))

    def span(first: int, last: int) -> Span:
        return Span(starts[min(first, len(starts) - 1)], starts[min(last, len(starts) - 1)])

    # a carriage return of its own would be a line to the parser and none to whoever reads the file; and where the
    # last line is a bare quote mark with no end, the container rule looks past the end of the text
    body = source[start:].replace("\r\n", "\n").replace("\r", " ")
    return parser().parse(body if body.endswith("\n") else f"{body}\n"), span


_LEAVES = ("paragraph_open", "heading_open", "fence", "code_block", "table_open", "hr", "html_block")


def body_of(source: str, start: int) -> tuple[tuple[Block, ...], tuple[Section, ...], tuple[Span, ...]]:
    """Containers, sections and the smallest blocks (paragraph, list item line, table) of a body."""
    tokens, span = blocks_of(source, start)
    blocks = [_block(token, span, source) for token in tokens if token.type in _OPENINGS]
    leaves = [span(*token.map) for token in tokens if token.map and token.type in _LEAVES and token.level < 64]
    return tuple(blocks), tuple(_sections(tokens, span, len(source))), tuple(_disjoint(leaves))


_OPENINGS = {f"container_{kind}_open": kind for kind in BLOCKS}


_CLOSING = re.compile(r"[ \t]*:{3,}[ \t]*\r?(?:\n|\Z)")


def _block(token: Token, span: Callable[[int, int], Span], source: str) -> Block:
    kind = _OPENINGS[token.type]
    opened = span(*(token.map or (0, 0)))
    closing = _CLOSING.match(source, opened.end)  # the parser's range stops before it
    whole = Span(opened.start, closing.end() if closing else opened.end)
    text = re.sub(r"^[ \t]*:{3,}.*$", "", source[whole.start : whole.end], flags=re.MULTILINE).strip()
    argument = token.info.strip().removeprefix(kind).strip()
    return Block(kind, argument, text, whole)


def check_closed(blocks: Sequence[Block], source: str, path: str) -> None:
    """Raises ArticleError for a block that was not closed before the next one began: it would say both."""
    for block, after in itertools.pairwise(blocks):
        if after.span.start < block.span.end <= after.span.end:  # one ::: ends both
            line = source.count("\n", 0, block.span.start) + 1
            raise ArticleError("block_open", file=path, line=line, kind=block.kind, next=after.kind)


def _disjoint(spans: list[Span]) -> Iterator[Span]:
    end = 0
    for span in spans:
        if span.start >= end:
            yield span
            end = span.end


def _sections(tokens: list[Token], span: Callable[[int, int], Span], end: int) -> Iterator[Section]:
    headings = [
        (int(token.tag[1]), tokens[i + 1].content, span(*token.map).start)
        for i, token in enumerate(tokens)
        if token.type == "heading_open" and token.map
    ]
    for i, (level, heading, start) in enumerate(headings):
        close = next((headings[j][2] for j in range(i + 1, len(headings)) if headings[j][0] <= level), end)
        yield Section(heading, level, Span(start, close))


# --- plain text ----------------------------------------------------------------------------------

_RULES = (
    (re.compile(r"^[ \t]{0,3}:{3,}.*$", re.MULTILINE), ""),
    (re.compile(r"^[ \t]{0,3}(?:```|~~~).*$", re.MULTILINE), ""),
    (re.compile(r"^[ \t|:\-]+$", re.MULTILINE), ""),
    (re.compile(r"^[ \t]*(?:#{1,6}|[-*+]|\d{1,9}[.)]|>)[ \t]+", re.MULTILINE), ""),
    (re.compile(r"!?\[([^\[\]\n]*)\]\([^()\n]*\)"), r"\1"),
    (re.compile(r"(?<!\\)(?:\*{1,3}|~~|`+|(?<![A-Za-z0-9])_{1,3}|_{1,3}(?![A-Za-z0-9]))"), ""),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
    (re.compile(r"[ \t]{2,}"), " "),  # or the next three would try each run of spaces from each of its places
    (re.compile(r"[ \t]*\|[ \t]*$", re.MULTILINE), ";"),
    (re.compile(r"^[ \t]*\|[ \t]*", re.MULTILINE), ""),
    (re.compile(r"[ \t]*\|[ \t]*"), " · "),
)


def plain(markdown: str) -> str:
    """Markdown without its marks, on one line: what is embedded, shown as a passage and read aloud."""
    for pattern, to in _RULES:
        markdown = pattern.sub(to, markdown)
    return " ".join(markdown.split())
