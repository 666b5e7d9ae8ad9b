"""The front matter of a file as something to write: some keys set, every other character as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date

from kb.content.articles import DATES, KEYS, LISTS, Article, parse
from kb.errors import ArticleError, RequestError

Value = str | Sequence[str] | date | None

_KEY = re.compile(r"^([a-z_]+|\"[a-z_]+\"|'[a-z_]+')[ \t]*:", re.MULTILINE)
_PLAIN = re.compile(r"[^\W_](?:[\w.\- ]*[\w.])?")  # a scalar that can only be read as the text it is


def with_keys(article: Article, values: Mapping[str, Value]) -> str:
    """The article's file with these keys of its front matter set; None, '' and () take a key out.

    Keys that say so already, comments, order and line ends stay as they are. Raises RequestError for a key that is
    none, ArticleError where a value is not one that the key may have.
    """
    for key in values:
        if key not in KEYS:
            raise RequestError("key_unknown_here", key=key[:40])
    source = article.source
    for key, value in values.items():
        if _normal(getattr(article, key)) != _normal(value):
            source = _set(source, article.path, key, value)
    made = parse(source, article.path)
    for key, value in values.items():
        if _normal(getattr(made, key)) != _normal(value):
            raise ArticleError("front_matter_not_keys", file=article.path, line=1)
    return source


def template(values: Mapping[str, Value], body: str) -> str:
    """A new file with these keys, in the order of `KEYS`, and this body."""
    lines = [_entry(key, values[key], "\n") for key in KEYS if _normal(values.get(key))]
    return f"---\n{''.join(lines)}---\n\n{body.strip()}\n"


def _normal(value: Value) -> str | tuple[str, ...]:
    if value is None or isinstance(value, str):
        return value or ""
    return value.isoformat() if isinstance(value, date) else tuple(value)


def _set(source: str, path: str, key: str, value: Value) -> str:
    """One key set. A front matter that is no plain list of keys (`{id: …}`) is refused, not guessed at."""
    now = parse(source, path)
    end = source.rindex("---", 0, now.body_start)
    line_end = "\r\n" if "\r\n" in source[: now.body_start] else "\n"
    starts = [found for found in _KEY.finditer(source, 0, end) if found[1].strip("\"'") in KEYS]
    if not starts:
        raise ArticleError("front_matter_not_keys", file=path, line=1)
    entry = _entry(key, value, line_end) if _normal(value) else ""
    for found, following in zip(starts, [*(one.start() for one in starts[1:]), end], strict=True):
        if found[1].strip("\"'") == key:
            kept = _comments_before(source, found.end(), following)
            return source[: found.start()] + entry + source[kept:]
    return source[:end] + entry + source[end:]


def _comments_before(source: str, start: int, end: int) -> int:
    """Where the comments and blank lines before the next key begin: they are about what follows."""
    lines = source[start:end].splitlines(keepends=True)
    at = end
    for line in reversed(lines[1:]):
        if line.strip() and not line.startswith("#"):
            break
        at -= len(line)
    return at


def _entry(key: str, value: Value, line_end: str) -> str:
    if key in LISTS:
        items = [str(item) for item in (value if not isinstance(value, str | date | None) else ())]
        if key == "questions":  # one a line: they are what a diff is read for
            return f"{key}:{line_end}" + "".join(f"  - {_quoted(item)}{line_end}" for item in items)
        return f"{key}: [{', '.join(map(_scalar, items))}]{line_end}"
    text = value.isoformat() if isinstance(value, date) else str(value)
    return f"{key}: {text if key in DATES else _scalar(text)}{line_end}"


def _scalar(text: str) -> str:
    """A value as it is written by hand: plain where that can only be read as this text, else quoted."""
    return text if _PLAIN.fullmatch(text) and text not in ("null", "~") else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
