"""Articles pinned to questions until a day, `articles/_pins.toml`: what an editor wants found first for now.

A pin shows an article to nobody who may not see it, and is over after its day.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import tomlkit

from kb import text, toml
from kb.errors import ArticleError, RequestError
from kb.tuning.phrases import phrase, spoken

FILE = "_pins.toml"
NEW = """# Articles that come first for a question until a day, that day included. `question`: words that a question
# must all have, in any order and form. Whoever may not see the article does not.

"""
PINS_MOST = 200
LENGTH_MOST = 80  # characters of a question


@dataclass(frozen=True)
class Pin:
    """One article for the questions that have all these words. `until` is its last day; `by` a user's id."""

    question: str
    article: str
    until: date
    by: str = ""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What a question must have, as `phrase` gives it."""
        return _wanted(self.question)


@functools.lru_cache(maxsize=4 * PINS_MOST)
def _wanted(question: str) -> tuple[str, ...]:
    return tuple(said for part in question.split() if (said := phrase(part)))


def pinned(pins: Iterable[Pin], question: str, on: date) -> tuple[str, ...]:
    """The articles pinned to a question on a day, each once, in the order of the file."""
    live = [one for one in pins if on <= one.until]
    said = spoken(question) if live else ""
    return tuple(dict.fromkeys(one.article for one in live if all(part in said for part in one.wanted)))


def checked(pins: Sequence[Pin]) -> tuple[Pin, ...]:
    """Pins as they are kept, each question and article once. Raises RequestError for what can be none."""
    if len(pins) > PINS_MOST:
        raise RequestError("pins_many", most=PINS_MOST)
    for one in pins:
        if not one.wanted or not one.article or len(one.question) > LENGTH_MOST:
            raise RequestError("pin_line", line=f"{one.question} → {one.article}"[:LENGTH_MOST])
    return tuple({(one.wanted, one.article): one for one in pins}.values())


_ARROW = re.compile(r"\s*(?:→|->|=>)\s*")


def of_lines(lines: str, whose: str, known: Sequence[Pin] = ()) -> tuple[Pin, ...]:
    """Pins as a person writes them, `question → article → day` a line; known ones stay whose they were.

    whose: the id of the user that new ones are of
    Raises RequestError for a line that is none.
    """
    there = {(one.question, one.article, one.until): one.by for one in known}
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        parts = _ARROW.split(line)
        try:
            question, article, day = text.clean(parts[0]), parts[1], date.fromisoformat(parts[2])
        except (IndexError, ValueError) as error:
            raise RequestError("pin_line", line=line[:LENGTH_MOST]) from error
        found.append(Pin(question, article, day, there.get((question, article, day), whose)))
    return checked(found)


def as_lines(pins: Sequence[Pin]) -> str:
    """Pins as `of_lines` reads them."""
    return "\n".join(f"{one.question} → {one.article} → {one.until}" for one in pins)


# --- the file ------------------------------------------------------------------------------------


def load(folder: Path) -> tuple[Pin, ...]:
    """The pins of an articles folder, none where there is no file. Raises ArticleError when it is broken."""
    path = folder / FILE
    return read(path.read_bytes()) if path.exists() else ()


def read(source: bytes) -> tuple[Pin, ...]:
    """The pins a file says. Raises ArticleError (file, line) where it is not what it should be."""
    try:
        tree = toml.tree(source)
        pins = [_pin(**facts) for facts in tree.pop("pin", [])]
        if tree:
            raise ValueError("[[pin]]")
        return checked(pins)
    except (ValueError, TypeError, AttributeError, RequestError) as error:
        raise ArticleError("pins_broken", file=FILE, line=1, problem=str(error)) from error


def _pin(question: str, article: str, until: date, by: str = "") -> Pin:
    if type(until) is not date or not all(isinstance(one, str) for one in (question, article, by)):
        raise TypeError("pin: question, article, until")
    return Pin(question, article, until, by)


def written(source: bytes, pins: Sequence[Pin]) -> bytes:
    """The file that says these pins: those that stay keep their lines and comments, new ones come last."""
    document = tomlkit.parse(source.decode("utf-8-sig") or NEW)
    if not pins:
        document.pop("pin", None)
        return tomlkit.dumps(document).encode()
    if not isinstance(document.get("pin"), tomlkit.items.AoT):
        document["pin"] = tomlkit.aot()
    kept: Any = document["pin"]
    there = [_pin(**one.unwrap()) for one in kept]
    for at in reversed(range(len(there))):
        if there[at] not in pins:
            del kept[at]
    for one in pins:
        if one not in there:
            kept.append(tomlkit.item(dict(vars(one))))
    return tomlkit.dumps(document).encode()
