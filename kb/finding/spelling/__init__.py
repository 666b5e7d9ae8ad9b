"""What a question was meant to say: slips, sounds and hesitations put right by the base's own words.

The search asks for `heard`; people go on seeing what was typed. A word that the base or anybody
knows is never touched, so a question without a slip is heard exactly as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb import text
from kb.finding.spelling import han, latin, speech
from kb.finding.spelling.lexicon import NOTHING, Lexicon, Vocabulary, vocabulary

__all__ = ["NOTHING", "Lexicon", "Vocabulary", "heard", "vocabulary"]

LONGEST = 24  # letters of a word that is looked at
MOST_MENDED = 12  # words of one question: what comes after stays as typed

_HAN_RUN = re.compile(f"[{text.HAN}]+")
_PART = r"[A-Za-z0-9_'’\-@/]"
_WORD = rf"(?<!{_PART})(?<![A-Za-z0-9]\.)[A-Za-z]+(?!{_PART}|\.[A-Za-z0-9])"
_WORDS = re.compile(rf"{_WORD}(?: {_WORD})*")
_WIDE = {wide: wide - 0xFEE0 for wide in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}


def heard(asked: str, lexicon: Lexicon) -> str:
    """A cleaned question as it was meant. Nothing changes where the base is empty."""
    if not lexicon:
        return asked
    plain = speech.written(asked.translate(_WIDE))
    plain = _HAN_RUN.sub(lambda run: _chinese(run.group(), lexicon), plain)
    chinese = text.language(plain) == "zh"
    return _WORDS.sub(lambda run: _latin(run.group(), lexicon, run.end() == len(plain), chinese), plain)


def _chinese(run: str, lexicon: Lexicon) -> str:
    """A run of Chinese characters, in the script of the base."""
    simple = text.simplified(run)
    meant = han.heard(simple, lexicon)
    return run if lexicon.traditional and meant == simple else meant


def _latin(run: str, lexicon: Lexicon, last: bool, chinese: bool) -> str:
    """Latin words with single spaces between them, each put right; `last` says that the question ends here."""
    words = run.split(" ")
    known = [len(word) > LONGEST or lexicon.knows(word.lower()) for word in words]
    if all(known):
        return run
    by_sound = _by_sound(words, known, lexicon, last, chinese) if lexicon.chinese else {}
    out: list[str] = []
    at, mended = 0, 0
    while at < len(words):
        if at in by_sound:
            end, said = by_sound[at]
            out.append(said)
            at = end
            continue
        word = words[at]
        name = word.isupper() or (word[0].isupper() and at > 0)
        if not known[at] and not name and mended < MOST_MENDED:
            mended += 1
            word = latin.mended(word.lower(), lexicon, growing=last and at == len(words) - 1)
            word = words[at] if word == words[at].lower() else word
        out.append(word)
        at += 1
    return " ".join(out)


def _by_sound(
    words: list[str], known: list[bool], lexicon: Lexicon, last: bool, chinese: bool
) -> dict[int, tuple[int, str]]:
    """Runs of words typed by sound: where each starts → where it ends, and what it says."""
    found: dict[int, tuple[int, str]] = {}
    for start, end in _runs(words, known, lexicon):
        some = [word.lower() for word in words[start:end]]
        alone = end - start == len(words)
        if not (chinese or alone or any(map(han.syllables, some))):
            continue  # first letters alone in an English sentence are an abbreviation
        said = han.written(some, lexicon, growing=last and end == len(words))
        if said:
            found[start] = (end, said)
    return found


def _runs(words: list[str], known: list[bool], lexicon: Lexicon) -> Iterator[tuple[int, int]]:
    """`[start, end)` of neighbours that may all be pinyin, one of them at least no known word."""
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and _may_be_sound(words[end].lower(), known[end], lexicon, end == len(words) - 1):
            end += 1
        if not all(known[at:end]):
            yield at, min(end, at + MOST_MENDED)
        at = max(end, at + 1)


def _may_be_sound(word: str, known: bool, lexicon: Lexicon, last: bool) -> bool:
    if len(word) > LONGEST or word in text.FUNCTION_WORDS or lexicon.uses(word):
        return False
    if han.syllables(word) or han.is_initials(word):
        return True
    return last and not known and len(word) > 2
