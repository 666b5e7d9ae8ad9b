"""The glossary as it is edited: a line a word, `jargon = plain word`, and the file written from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tomlkit

from kb import text
from kb.content.glossary import Glossary
from kb.errors import RequestError

NEW = "# Words a customer does not use, and what to say instead. `lint` marks each in an article's body.\n"
LENGTH_MOST = 60  # characters of a word
_IS = re.compile(r"\s*(?:=|→|->|＝)\s*")


def of_lines(lines: str) -> dict[str, str]:
    """The words of one language as a person writes them. Raises RequestError for a line that is none."""
    found = {}
    for line in filter(None, map(text.clean, lines.splitlines())):
        word, _, plain = _IS.sub("=", line, count=1).partition("=")
        if not word or not plain or word.lower() == plain.lower() or max(len(word), len(plain)) > LENGTH_MOST:
            raise RequestError("glossary_line", line=line[:80])
        found[word] = plain
    return found


def as_lines(words: Mapping[str, str]) -> str:
    """Words as `of_lines` reads them."""
    return "\n".join(f"{word} = {plain}" for word, plain in words.items())


def written(source: bytes, glossary: Glossary) -> bytes:
    """The file that says this glossary: words that stay keep their line and its comment, new ones come last."""
    document = tomlkit.parse(source.decode("utf-8-sig") or NEW)
    for lang, words in glossary.items():
        if lang not in document:
            document[lang] = tomlkit.table()
        kept: Any = document[lang]
        for word in [word for word in kept if word not in words]:
            del kept[word]
        for word, plain in words.items():
            if kept.get(word) != plain:
                kept[word] = plain
    return tomlkit.dumps(document).encode()
