"""How long a name in Latin letters is that begins at a given place: Emma Jones, J. R. R. Tolkien, Zhang Wei, o'brien.

Capitals say most of it, but agents type in small letters and shout in capitals; so each function is told
how sure the words before are that a name follows. Each gives the end of the name, or the place itself.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kb.masking.name_words import ALSO_WORDS, FIRST_NAMES, NEVER_A_NAME, PINYIN_SURNAMES
from kb.masking.reading import Reading

_WORD = re.compile(r"(?:[a-z]['’])?[a-z]{1,30}(?:[-'’][a-z]{1,30}){0,3}\.?")
_PARTICLES = frozenset("van von de der den di da del la le bin al ter ten dos".split())
_AFTER_NAME = re.compile(r",?\s(?:from|calling|here|speaking|again)(?![a-z])")
_PINYIN = re.compile(
    r"(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|ang|eng|ing|ong|ian|iao|uai|uan|ai|ei|ui|ao|ou|iu|ie|ue|"
    r"ve|an|en|in|un|ia|ua|uo|er|a|e|i|o|u|v)-?){1,3}"
)
_LONGEST = 5


class _Word(NamedTuple):
    text: str
    start: int
    end: int


def name(reading: Reading, start: int, *, sure: bool, small: bool) -> int:
    """A name, known or not. `sure`: believe capitals; `small`: believe small letters too."""
    words = _words(reading, start)
    capitals = _capitals(reading, words)
    if capitals:
        known = any(map(_is_known, capitals[:2]))
        return capitals[-1].end if sure or known else start
    if not words or not _may_be_small(words[0]):
        return start
    two = len(words) > 1 and _may_be_small(words[1])
    known = _is_known(words[0]) and (words[0].text not in ALSO_WORDS or (sure and two))
    return words[two].end if known or small else start


def introduced(reading: Reading, start: int, *, me: bool) -> int:
    """`I'm John`, `this is Emma Jones speaking`; not `I'm Chinese`, `this is Lark Home`.

    `me`: the words before are `I am`, after which a name need not be a known one.
    """
    words = _words(reading, start)
    capitals = _capitals(reading, words)
    if not capitals:
        known = bool(words) and words[0].text in FIRST_NAMES and words[0].text not in ALSO_WORDS
        two = len(words) > 1 and words[1].text not in NEVER_A_NAME
        return words[two].end if known else start
    end = capitals[-1].end
    if _is_known(capitals[0]) or _is_pinyin(capitals) or _AFTER_NAME.match(reading.text, end):
        return end
    alone = len(capitals) > 1 or reading.text[end : end + 1] in ("", ",", ".", "!")
    shouted = reading.capital(start + 1)
    return end if me and alone and not shouted else start


def titled(reading: Reading, start: int, *, small: bool) -> int:
    """`Mr Smith`, and with `small` also `mr smith`."""
    words = _words(reading, start)
    capitals = _capitals(reading, words)
    if capitals:
        return capitals[-1].end
    return words[0].end if small and words and _may_be_small(words[0]) else start


def capitals(reading: Reading, start: int) -> int:
    """How many words of a name written with capitals stand here."""
    return len(_capitals(reading, _words(reading, start)))


def _words(reading: Reading, start: int) -> list[_Word]:
    """The words from here on, one space apart, without full stop and 's."""
    text = reading.text
    found: list[_Word] = []
    while len(found) < _LONGEST:
        match = _WORD.match(text, start)
        if not match or text[match.end() : match.end() + 1].isdigit():
            break
        word = match.group()
        if len(word) > 2:
            word = word.removesuffix(".").removesuffix("'s").removesuffix("’s")
        end = start + len(word)
        found.append(_Word(word, start, end))
        if end != match.end() or text[end : end + 1] != " ":
            break
        start = end + 1
    return found


def _capitals(reading: Reading, words: list[_Word]) -> list[_Word]:
    """The words up to the first that is no part of a name written with capitals."""
    kept: list[_Word] = []
    for word in words[:4]:
        bare = word.text.rstrip(".")
        initial = bool(kept) and len(bare) == 1 and (word.text != bare or _goes_on(reading, word.end))
        capital = bare in _PARTICLES or reading.capital(word.start)
        if not initial and (bare in NEVER_A_NAME or not capital):
            break
        kept.append(word)
    while kept and kept[-1].text in _PARTICLES:
        kept.pop()
    return kept


def _goes_on(reading: Reading, end: int) -> bool:
    """Whether one more word of a name stands after an initial: `Laura A Wang`, not `Laura I ordered`."""
    word = _WORD.match(reading.text, end + 1)
    return word is not None and reading.capital(end + 1) and word.group() not in NEVER_A_NAME


def _may_be_small(word: _Word) -> bool:
    return len(word.text) > 1 and word.text not in NEVER_A_NAME


def _is_known(word: _Word) -> bool:
    return word.text in FIRST_NAMES or word.text in PINYIN_SURNAMES


def _is_pinyin(words: list[_Word]) -> bool:
    """`Xiaoming Li`"""
    two = len(words) == 2 and words[1].text in PINYIN_SURNAMES
    return two and all(_PINYIN.fullmatch(word.text) for word in words)
