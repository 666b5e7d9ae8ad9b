"""A text as the rules read it: folded character by character, what is already masked one sign each.

Every place in the folded text knows the place it came from, so a rule speaks of folded text only.
A span that was found, and a placeholder that was there before, look the same to every rule: that is
what makes masking twice the same as masking once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from kb.text import folded_places

Kind = Literal["phone", "id_card", "bank_card", "cvv", "email", "address", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PLACEHOLDERS: dict[Kind, str] = {
    "phone": "‹phone›",
    "id_card": "‹id›",
    "bank_card": "‹card›",
    "cvv": "‹cvv›",
    "email": "‹email›",
    "address": "‹address›",
    "name": "‹name›",
}
HIDDEN: dict[Kind, str] = {kind: chr(0xE000 + place) for place, kind in enumerate(KINDS)}  # one private sign a kind
HAN = r"\u3400-\u9fff\uf900-\ufaff"

_PLACEHOLDER = re.compile("|".join(map(re.escape, PLACEHOLDERS.values())))
_KIND_OF = {text: kind for kind, text in PLACEHOLDERS.items()}


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of personal data, `[start, end)` in the folded text of the reading it was found in."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """`text` is what the rules read. Its character i stands for `raw[starts[i]:ends[i]]`, the text as written."""

    raw: str
    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def capital(self, place: int) -> bool:
        """Whether the character at this place of the folded text, if there is one, was written as a capital."""
        return place < len(self.starts) and self.raw[self.starts[place]].isupper()


def read(raw: str) -> Reading:
    """The reading of a text as written; its placeholders are hidden."""
    folded, places = folded_places(raw)
    reading = Reading(raw, folded, places, [place + 1 for place in places])
    masked = [Span(_KIND_OF[m.group()], m.start(), m.end()) for m in _PLACEHOLDER.finditer(folded)]
    return hide(reading, masked)[0]


def hide(reading: Reading, spans: Iterable[Span]) -> tuple[Reading, list[tuple[Kind, int, int]]]:
    """The reading with these disjoint spans, in order, as one sign each; and where they stand in `raw`.

    A sign such as ㊀ or ½ that folds to several characters is hidden whole.
    """
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    places: list[tuple[Kind, int, int]] = []
    done = 0
    for span in spans:
        start, end = span.start, span.end
        while start > done and reading.starts[start] == reading.starts[start - 1]:
            start -= 1
        while end < len(reading.text) and reading.starts[end] == reading.starts[end - 1]:
            end += 1
        if start < done:
            continue
        text += [reading.text[done:start], HIDDEN[span.kind]]
        starts += [*reading.starts[done:start], reading.starts[start]]
        ends += [*reading.ends[done:start], reading.ends[end - 1]]
        places.append((span.kind, reading.starts[start], reading.ends[end - 1]))
        done = end
    if not places:
        return reading, []
    text.append(reading.text[done:])
    starts += reading.starts[done:]
    ends += reading.ends[done:]
    return Reading(reading.raw, "".join(text), starts, ends), places
