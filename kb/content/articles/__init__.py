"""Markdown ⇄ Article: front matter read strictly, body parsed by markdown-it-py."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kb.content.articles.article import CATEGORIES, SLOT, Article, fingerprint, linked
from kb.content.articles.front import AUDIENCES, DATES, KEYS, LISTS, FrontMatter
from kb.content.articles.html import html_of
from kb.content.articles.markdown import (
    BLOCKS,
    LINK,
    Block,
    Section,
    Span,
    blocks_of,
    body_of,
    check_closed,
    parser,
    plain,
)
from kb.errors import ArticleError

__all__ = [
    "AUDIENCES",
    "BLOCKS",
    "CATEGORIES",
    "DATES",
    "KEYS",
    "LINK",
    "LISTS",
    "MAX_ARTICLE",
    "MAX_FRONT_MATTER",
    "SLOT",
    "Article",
    "Block",
    "Section",
    "Span",
    "blocks_of",
    "files",
    "fingerprint",
    "html_of",
    "linked",
    "names",
    "parse",
    "parser",
    "plain",
    "read",
    "read_all",
    "twice",
]

MAX_FRONT_MATTER = 64 * 1024
MAX_ARTICLE = 256 * 1024

_FENCE = re.compile(r"---[ \t]*\r?\n")


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
    front = FrontMatter(yaml_text, opening.end(), path)
    values = front.typed()
    name = path.rsplit("/", 1)[-1].removesuffix(".md")
    if values["id"] != name:
        raise ArticleError("id_not_file_name", file=path, line=front.line("id"), id=values["id"], name=name)
    try:
        blocks, sections, paragraphs = body_of(source, closing.end())
        check_closed(blocks, source, path)
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


# --- the folder ----------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    """Article files, relative to their folder and with `/`, in a fixed order. Names that begin with `_` or `.` are not
    articles."""
    return sorted(_names(str(folder), ""), key=lambda name: name.split("/"))


def _names(folder: str, place: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:  # pathlib takes seconds for a large base
        for entry in entries:
            if entry.name[0] in "_.":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _names(entry.path, f"{place}{entry.name}/")
            elif entry.name.endswith(".md") and entry.is_file():
                yield f"{place}{entry.name}"


def files(folder: Path) -> list[Path]:
    """The same files by their paths."""
    return [folder / name for name in names(folder)]


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
