"""Jargon and the plain word to use instead, `articles/_glossary.toml`: would grandma understand it?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from kb.errors import ArticleError

FILE = "_glossary.toml"

Glossary = Mapping[str, Mapping[str, str]]  # language (`zh`, `en`) → jargon → plain word


def load(folder: Path) -> Glossary:
    """The glossary of an articles folder, empty where there is no file. Raises ArticleError when it is broken."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
        return {lang: {str(word): str(plain) for word, plain in words.items()} for lang, words in tree.items()}
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError, AttributeError) as error:
        raise ArticleError("glossary_broken", file=FILE, line=1, problem=str(error)) from error


def jargon(text: str, lang: str, glossary: Glossary) -> Iterator[tuple[int, str, str]]:
    """Every jargon word in a text: its place, the word, the plain one. `lang` is an article's (`zh-CN`)."""
    for word, plain in glossary.get(lang.split("-")[0], {}).items():
        pattern = re.escape(word)
        if word.isascii():
            pattern = rf"(?<![A-Za-z0-9-]){pattern}(?![A-Za-z0-9-])"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield match.start(), word, plain
