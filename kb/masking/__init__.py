"""Personal data out of every text before it is stored: phones, identity and bank cards, e-mails, addresses, names.

Search sees a caller's words as they were typed; what is written down, logged or learnt from is `mask(text)`.
Rules, no model: each kind has its module, each pattern runs in linear time, and no kind is decided by its
check digit alone. What a word calls an order, parcel or serial number stays, whatever it looks like.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kb.masking import cards, emails, han_address, latin_address, names, phones
from kb.masking.cues import Cues
from kb.masking.digits import Chain, chains
from kb.masking.reading import KINDS, PLACEHOLDERS, Kind, Reading, Span, hide, read
from kb.text import fold, language

__all__ = ["KINDS", "PLACEHOLDERS", "Found", "Kind", "find", "mask", "phone_in"]

_ROUNDS = 6  # what is hidden can bring a word and a number together that were apart; a second round is rare

_MOBILE_ANYWHERE = re.compile(rf"(?<![0-9])(?:(?:00)?86)?{phones.MOBILE}(?![0-9])")


@dataclass(frozen=True)
class Found:
    """One piece of personal data in a text as written: characters `[start, end)`."""

    kind: Kind
    start: int
    end: int


def mask(text: str) -> str:
    """The text with every piece of personal data as its placeholder, `‹phone›`. Masking twice changes nothing."""
    parts: list[str] = []
    done = 0
    for found in find(text):
        parts += [text[done : found.start], PLACEHOLDERS[found.kind]]
        done = found.end
    return "".join([*parts, text[done:]])


def find(text: str) -> list[Found]:
    """Every piece of personal data in a text as written: disjoint, in order."""
    page = _Page(read(text))
    found: list[Found] = []
    for _ in range(_ROUNDS):
        before = len(found)
        for rule in _RULES:
            reading, places = hide(page.reading, _disjoint(rule(page)))
            if places:
                page = _Page(reading)
                found += [Found(*place) for place in places]
        if len(found) == before:
            break
    return _outermost(found)


def phone_in(text: str) -> bool:
    """Whether a call id or a parameter of an address is a phone number, or has one in it.

    Stricter than `find`: 11 digits of a Chinese mobile are one whatever touches them. A call id that is
    only digits (`20261121004217`, `88213455`) is none.
    """
    return bool(_MOBILE_ANYWHERE.search(fold(text))) or any(one.kind == "phone" for one in find(text))


# --- the rules, in order: each sees what those before it have hidden -------------------------------


class _Page:
    """One reading, with what several rules look for in it."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.text = reading.text
        self.cues = Cues(reading.text)

    @functools.cached_property
    def chains(self) -> list[Chain]:
        return list(chains(self.text))

    @functools.cached_property
    def chinese(self) -> bool:
        return language(self.text) == "zh"


def _emails(page: _Page) -> Iterable[Span]:
    return emails.emails(page.text)


def _papers(page: _Page) -> Iterable[Span]:
    yield from cards.papers(page.text, page.cues)
    yield from cards.bank_accounts(page.text)


def _numbers(page: _Page) -> Iterable[Span]:
    for chain in page.chains:
        left = [chain]
        for match in (cards.id_card, cards.bank_card, phones.phone):
            left, spans = _taken(page, left, match)
            yield from spans


def _security_codes(page: _Page) -> Iterable[Span]:
    return cards.security_codes(page.text, page.cues, page.chains)


def _addresses(page: _Page) -> Iterable[Span]:
    if page.chinese:
        yield from han_address.houses(page.text)
        yield from han_address.areas(page.text)
    yield from latin_address.streets(page.reading)


def _names(page: _Page) -> Iterable[Span]:
    if page.chinese:
        yield from names.chinese(page.reading)
    yield from names.english(page.reading)


_RULES = (_emails, _papers, _numbers, _security_codes, _addresses, _names)

_Match = Callable[[str, Cues, Chain, int], tuple[int, Span] | None]


def _taken(page: _Page, left: list[Chain], match: _Match) -> tuple[list[Chain], list[Span]]:
    """What `match` finds in these chains, and the chains without it."""
    spans: list[Span] = []
    rest: list[Chain] = []
    for chain in left:
        begin = place = 0
        while place < len(chain.atoms):
            found = None if chain.atoms[place].code else match(page.text, page.cues, chain, place)
            if not found:
                place += 1
                continue
            last, span = found
            spans.append(span)
            if place > begin:
                rest.append(chain.part(begin, place))
            begin = place = last
        if begin == 0:
            rest.append(chain)
        elif begin < len(chain.atoms):
            rest.append(chain.part(begin, len(chain.atoms)))
    return rest, spans


def _disjoint(spans: Iterable[Span]) -> list[Span]:
    """The spans in order; of two that overlap the one that begins first, of two that begin together the longer."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _outermost(found: list[Found]) -> list[Found]:
    """All that was found, in order, without what a later find took in: the number inside an address."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept
