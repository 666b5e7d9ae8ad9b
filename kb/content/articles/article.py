"""One article as its file says it, and what can be told from it alone."""

from __future__ import annotations

import codecs
import hashlib
import posixpath
import re
from dataclasses import dataclass, field
from datetime import date

from kb.content.articles.markdown import Block, Section, Span, plain

CATEGORIES = ("products", "troubleshooting", "refund-policy")
SLOT = re.compile(r"\{([a-z_]+)\}")
_NOWHERE = Span(0, 0)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")


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
    title_span: Span = _NOWHERE
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


def linked(article: Article, target: str) -> str:
    """The file of the articles folder that a link in this article leads to, '' where it leads elsewhere."""
    path = target.split("#")[0]
    if not path or _SCHEME.match(path):
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(article.path), path))


def fingerprint(raw: bytes) -> str:
    """The sha256 of a file as hex, which names one version of an article: `article.source.encode()` has the same,
    so a byte order mark is no part of it."""
    return hashlib.sha256(raw.removeprefix(codecs.BOM_UTF8)).hexdigest()
