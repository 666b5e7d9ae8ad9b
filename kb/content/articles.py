"""Markdown ⇄ Article: front matter read strictly, body parsed by markdown-it-py.

Front matter is YAML read as events: every scalar is text until a rule here gives it a type, so
`NO` stays text, `013` stays text, and aliases, nested maps and repeated keys are refused with
their line. The body is CommonMark with tables, HTML off, and four containers: say, decide,
never, escalate.
"""

from __future__ import annotations

import codecs
import functools
import hashlib
import itertools
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin

from kb.errors import ArticleError
from kb.people.scope import GOVERNANCE, STATES

CATEGORIES = ("products", "troubleshooting", "refund-policy")
AUDIENCES = ("internal", "external")
BLOCKS = ("say", "decide", "never", "escalate")
SLOT = re.compile(r"\{([a-z_]+)\}")
MAX_FRONT_MATTER = 64 * 1024
MAX_ARTICLE = 256 * 1024

TEXTS = ("id", "title", "lang", "state", "audience", "governance", "owner", "twin")
LISTS = ("products", "questions", "teams")
DATES = ("review_by", "valid_from", "valid_until")
KEYS = (*TEXTS, *LISTS, *DATES)
REQUIRED = ("id", "title", "lang")
CHOICES = {"state": STATES, "audience": AUDIENCES, "governance": GOVERNANCE}

_ID = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*\Z")
_LANG = re.compile(r"[a-z]{2,3}(?:-[A-Z][A-Za-z]{1,3})?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_FENCE = re.compile(r"---[ \t]*\r?\n")


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


@dataclass(frozen=True)
class Article:
    """One article as its file says it. `source` is the whole file; all spans are in it."""

    id: str
    title: str
    lang: str
    path: str
    source: str
    products: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    state: str = "wip"
    audience: str = "internal"
    governance: str = "experience"
    teams: tuple[str, ...] = ()
    owner: str = ""
    review_by: date | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    twin: str = ""
    body_start: int = 0
    title_span: Span = Span(0, 0)
    question_spans: tuple[Span, ...] = ()
    blocks: tuple[Block, ...] = field(default=())
    sections: tuple[Section, ...] = field(default=())
    paragraphs: tuple[Span, ...] = field(default=())

    @property
    def body(self) -> str:
        return self.source[self.body_start :]

    @property
    def version(self) -> str:
        """Which text this is: sha256 of `source`, in hex."""
        return fingerprint(self.source.encode())

    @property
    def category(self) -> str:
        """The folder the article lies in: one of `CATEGORIES`, or whatever the team made."""
        return self.path.split("/", 1)[0] if "/" in self.path else ""

    @property
    def say(self) -> str:
        """The sentence to say, as plain text, '' where the article has none."""
        spoken = [plain(block.text) for block in self.blocks if block.kind == "say"]
        return " ".join(text for text in spoken if text)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of what must be filled into the sentence to say, in order."""
        return tuple(dict.fromkeys(SLOT.findall(self.say)))

    @property
    def prose(self) -> str:
        """The body's Markdown without its containers: cause, steps, tables."""
        kept, at = [], self.body_start
        for block in self.blocks:
            kept.append(self.source[at : block.span.start])  # '' for a block inside another
            at = max(at, block.span.end)
        return "\n".join([*kept, self.source[at:]])

    def line_of(self, place: int) -> int:
        """The line (from 1) of a character of `source`."""
        return self.source.count("\n", 0, place) + 1

    def place_of(self, key: str) -> int:
        """Where a key of the front matter stands in `source`, 0 where it has none."""
        found = re.search(rf"^[\"']?{key}[\"']?[ \t]*:", self.source[: self.body_start], re.MULTILINE)
        return found.start() if found else 0


# --- reading -------------------------------------------------------------------------------------


def read(path: Path, folder: Path) -> Article:
    """The article in one file of `folder`. Raises ArticleError with the file and the line."""
    name = path.relative_to(folder).as_posix()
    try:
        if path.stat().st_size > 4 * MAX_ARTICLE:  # a character has at most four bytes
            raise ArticleError("article_too_long", file=name, line=1, limit=MAX_ARTICLE // 1024)
        raw = path.read_bytes()
    except OSError as error:
        raise ArticleError("article_unreadable", file=name, line=1, reason=error.strerror or "") from error
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ArticleError("article_not_utf8", file=name, line=line) from error
    return parse(source, name)


def parse(source: str, path: str) -> Article:
    """The article a file's text says. `path` is relative to the articles folder, with `/`.

    Raises ArticleError (`file`, `line`) for any text that is not an article; nothing else.
    """
    if len(source) > MAX_ARTICLE:
        raise ArticleError("article_too_long", file=path, line=1, limit=MAX_ARTICLE // 1024)
    opening = _FENCE.match(source)
    if not opening:
        raise ArticleError("front_matter_missing", file=path, line=1)
    closing = re.compile(r"^---[ \t]*\r?$\n?", re.MULTILINE).search(source, opening.end())
    if not closing:
        raise ArticleError("front_matter_open", file=path, line=1)
    yaml_text = source[opening.end() : closing.start()]
    if len(yaml_text) > MAX_FRONT_MATTER:
        raise ArticleError("front_matter_too_long", file=path, line=1, limit=MAX_FRONT_MATTER // 1024)
    front = _FrontMatter(yaml_text, opening.end(), path)
    values = front.typed()
    name = path.rsplit("/", 1)[-1].removesuffix(".md")
    if values["id"] != name:
        raise ArticleError("id_not_file_name", file=path, line=front.line("id"), id=values["id"], name=name)
    try:
        blocks, sections, paragraphs = _body(source, closing.end())
        _closed(blocks, source, path)
    except RecursionError as error:
        raise ArticleError("body_too_deep", file=path, line=source.count("\n", 0, closing.end()) + 1) from error
    return Article(
        path=path,
        source=source,
        body_start=closing.end(),
        title_span=front.spans["title"][0],
        question_spans=tuple(front.spans["questions"]) if values.get("questions") else (),
        blocks=blocks,
        sections=sections,
        paragraphs=paragraphs,
        **values,  # type: ignore[arg-type]
    )


class _FrontMatter:
    """The front matter as text values with their places, before any type is given."""

    def __init__(self, text: str, offset: int, path: str) -> None:
        self.path, self.offset = path, offset
        self.values: dict[str, str | list[str]] = {}
        self.spans: dict[str, list[Span]] = {}
        self.lines: dict[str, int] = {}
        try:
            self._read(self._events(text))
        except yaml.MarkedYAMLError as error:
            line = (error.problem_mark.line if error.problem_mark else 0) + 2
            raise self._error("yaml_broken", line, problem=error.problem or "") from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise self._error("yaml_broken", 1, problem=type(error).__name__) from error

    def _error(self, code: str, line: int, **facts: object) -> ArticleError:
        return ArticleError(code, file=self.path, line=line, **facts)

    @staticmethod
    def _line(event: yaml.Event) -> int:
        """The file's line of an event: from 1, after the opening ---."""
        return event.start_mark.line + 2 if event.start_mark else 1

    def line(self, key: str) -> int:
        """The line of a key in the file, from 1."""
        return self.lines.get(key, 1)

    def _events(self, text: str) -> Iterator[yaml.Event]:
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            if isinstance(event, yaml.NodeEvent) and event.anchor:
                raise self._error("yaml_alias", self._line(event))
            yield event

    def _read(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            if isinstance(event, yaml.MappingStartEvent):
                self._read_keys(events)
            elif isinstance(event, yaml.NodeEvent):
                raise self._error("front_matter_not_keys", self._line(event))

    def _read_keys(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                return
            line = self._line(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error("front_matter_not_keys", line)
            key = str(event.value)
            if key not in KEYS:
                raise self._error("key_unknown", line, key=key, known=", ".join(KEYS))
            if key in self.values:
                raise self._error("key_repeated", line, key=key)
            self.lines[key] = line
            self.values[key], self.spans[key] = self._read_value(key, next(events), events)

    def _read_value(
        self, key: str, event: yaml.Event, events: Iterator[yaml.Event]
    ) -> tuple[str | list[str], list[Span]]:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value), [self._span(event)]
        if not isinstance(event, yaml.SequenceStartEvent):
            raise self._error("value_not_plain", self._line(event), key=key)
        items: list[str] = []
        spans: list[Span] = []
        for item in events:
            if isinstance(item, yaml.SequenceEndEvent):
                return items, spans
            if not isinstance(item, yaml.ScalarEvent):
                raise self._error("value_not_plain", self._line(item), key=key)
            if item.value.strip():
                items.append(item.value.strip())
                spans.append(self._span(item))
        raise self._error("yaml_broken", self.lines[key], problem="list")

    def _span(self, event: yaml.ScalarEvent) -> Span:
        quote = 1 if event.style in ("'", '"') else 0
        if event.start_mark is None or event.end_mark is None:
            return Span(self.offset, self.offset)
        start, end = event.start_mark.index + quote, event.end_mark.index - quote
        return Span(self.offset + start, self.offset + max(start, end))

    def typed(self) -> dict[str, object]:
        """Each key with its type; empty values count as absent. Raises ArticleError for a wrong one."""
        found: dict[str, object] = {}
        for key, value in self.values.items():
            if isinstance(value, str) and value.strip() in ("", "null", "~"):
                continue
            found[key] = self._typed(key, value)
        for key in REQUIRED:
            if key not in found:
                raise self._error("key_missing", self.line(key), key=key)
        return found

    def _typed(self, key: str, value: str | list[str]) -> object:
        if key in LISTS:
            if not isinstance(value, list):
                raise self._error("value_not_list", self.line(key), key=key)
            return tuple(value)
        if isinstance(value, list):
            raise self._error("value_not_text", self.line(key), key=key)
        if key in DATES:
            return self._date(key, value)
        text = " ".join(value.split())
        if key in CHOICES and text not in CHOICES[key]:
            raise self._error(
                "value_not_a_choice", self.line(key), key=key, value=text, choices=", ".join(CHOICES[key])
            )
        if key in ("id", "twin") and not _ID.match(text):
            raise self._error("id_malformed", self.line(key), key=key, value=text)
        if key == "lang" and not _LANG.match(text):
            raise self._error("lang_malformed", self.line(key), value=text)
        return text

    def _date(self, key: str, value: str) -> date:
        try:
            if not _DATE.match(value):  # ISO 8601 has other forms, such as 2026-W47-6
                raise ValueError(value)
            return date.fromisoformat(value)
        except ValueError as error:
            raise self._error("date_malformed", self.line(key), key=key, value=value) from error


# --- the body ------------------------------------------------------------------------------------


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


def _body(source: str, start: int) -> tuple[tuple[Block, ...], tuple[Section, ...], tuple[Span, ...]]:
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


def _closed(blocks: Sequence[Block], source: str, path: str) -> None:
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


# --- links ----------------------------------------------------------------------------------------

LINK = re.compile(r"(?<!!)\[[^\[\]\n]*\]\(([^()\s]+)\)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")


def linked(article: Article, target: str) -> str:
    """The file of the articles folder that a link in this article leads to, '' where it leads elsewhere."""
    path = target.split("#")[0]
    if not path or _SCHEME.match(path):
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(article.path), path))


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


# --- the folder ----------------------------------------------------------------------------------


def files(folder: Path) -> list[Path]:
    """Article files of a folder, in a fixed order. Names that begin with `_` or `.` are not articles."""
    return sorted(
        path
        for path in folder.rglob("*.md")
        if not any(part[0] in "_." for part in path.relative_to(folder).parts) and path.is_file()
    )


def fingerprint(raw: bytes) -> str:
    """The sha256 of a file as hex, which names one version of an article: `article.source.encode()` has the same,
    so a byte order mark is no part of it."""
    return hashlib.sha256(raw.removeprefix(codecs.BOM_UTF8)).hexdigest()


def read_all(folder: Path) -> tuple[list[Article], list[ArticleError]]:
    """Every article of a folder that can be used, and a sentence for each that cannot.

    Of two files with one id the first in path order is used.
    """
    articles: dict[str, Article] = {}
    errors: list[ArticleError] = []
    for path in files(folder):
        try:
            article = read(path, folder)
            first = articles.setdefault(article.id, article)
            if first is not article:
                raise twice(article, first.path)
        except ArticleError as error:
            errors.append(error)
    return list(articles.values()), errors


def twice(article: Article, first: str) -> ArticleError:
    """The error of an article whose id another file already has."""
    line = article.line_of(article.place_of("id"))
    return ArticleError("id_twice", file=article.path, line=line, id=article.id, first=first)
