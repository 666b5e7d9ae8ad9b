"""Jargon and the plain word to use instead, `articles/_glossary.toml`: would grandma understand it?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from kb import toml
from kb.errors import ArticleError

FILE = "_glossary.toml"

Glossary = Mapping[str, Mapping[str, str]]  # language (`zh`, `en`) → jargon → plain word


def load(folder: Path) -> Glossary:
    """The glossary of an articles folder, empty where there is no file. Raises ArticleError when it is broken."""
    path = folder / FILE
    return read(path.read_bytes()) if path.exists() else {}


def read(source: bytes) -> Glossary:
    """The glossary a file says. Raises ArticleError (file, line) where it is not what it should be."""
    try:
        tree = toml.tree(source)
        return {lang: {str(word): str(plain) for word, plain in words.items()} for lang, words in tree.items()}
    except (ValueError, AttributeError) as error:
        raise ArticleError("glossary_broken", file=FILE, line=1, problem=str(error)) from error


def jargon(text: str, lang: str, glossary: Glossary) -> Iterator[tuple[int, str, str]]:
    """Every jargon word in a text: its place, the word, the plain one. `lang` is an article's (`zh-CN`)."""
    for word, plain in glossary.get(lang.split("-")[0], {}).items():
        for match in _written(word).finditer(text):
            yield match.start(), word, plain


def plainly(text: str, word: str, plain: str) -> str:
    """A text with the plain word wherever it says the jargon word, with a capital where that had one."""

    def instead(match: re.Match[str]) -> str:
        capital = match[0][0].isupper() and not match[0].isupper()
        return plain[:1].upper() + plain[1:] if capital else plain

    return _written(word).sub(instead, text)


def _written(word: str) -> re.Pattern[str]:
    pattern = re.escape(word)
    if word.isascii():
        pattern = rf"(?<![A-Za-z0-9-]){pattern}(?![A-Za-z0-9-])"
    return re.compile(pattern, re.IGNORECASE)
