"""What a question was meant to say: slips, sounds and hesitations put right by the base's own words.

The search asks for `heard`; people go on seeing what was typed. A word that the base or anybody
knows is never touched, so a question without a slip is heard exactly as it is written.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kb import text
from kb.finding.spelling import han, latin, speech
from kb.finding.spelling.lexicon import NOTHING, Lexicon, Vocabulary, joined, vocabulary

__all__ = ["NOTHING", "Lexicon", "Near", "Vocabulary", "heard", "joined", "vocabulary"]

# The rest of a question, and the word it ends with that is still being typed ('' for none) → folded texts of the
# articles that these find, each with how well.
Near = Callable[[str, str], Sequence[tuple[str, float]]]

LONGEST = 24  # letters of a word that is looked at
MOST_MENDED = 12  # words of one question: what comes after stays as typed

_HAN_RUN = re.compile(f"[{text.HAN}]+")
_BETWEEN = re.compile(f"(?<=[{text.HAN}]) (?=[{text.HAN}])")
_PART = r"[A-Za-z0-9_'’\-@/]"
_WORD = rf"(?<!{_PART})(?<![A-Za-z0-9]\.)[A-Za-z]+(?!{_PART}|\.[A-Za-z0-9])"
_WORDS = re.compile(rf"{_WORD}(?: {_WORD})*")
_WIDE = {wide: wide - 0xFEE0 for wide in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}


def heard(asked: str, lexicon: Lexicon, near: Near | None = None) -> str:
    """A cleaned question as it was meant. Nothing changes where the base is empty.

    near: what the rest of the question finds says first what a word typed by sound, or still being typed, was to be;
          without it, or where it says nothing, the whole base does
    """
    if not lexicon:
        return asked
    plain = speech.written(asked.translate(_WIDE))
    plain = _HAN_RUN.sub(lambda run: _chinese(run.group(), lexicon), plain)

    def ending(start: str) -> str:
        found = near(plain[: len(plain) - len(start)], start) if near else ()
        return latin.grown(start, found) or lexicon.grown(start)

    @functools.cache
    def beside() -> Sequence[tuple[str, float]]:
        """What is found by the words that are certain."""
        rest = _WORDS.sub(lambda run: " ".join(filter(lexicon.uses, run.group().lower().split(" "))), plain)
        return near(rest, "") if near else ()

    meant = _WORDS.sub(lambda run: _latin(run.group(), lexicon, _Around.of(run), ending, beside), plain)
    return _BETWEEN.sub("", meant) if len(_BETWEEN.findall(meant)) > len(_BETWEEN.findall(plain)) else meant


@dataclass(frozen=True)
class _Around:
    """What stands about a run of Latin words: Chinese characters beside it, '' for none; whether the question is
    Chinese; whether it ends with the run."""

    before: str
    after: str
    chinese: bool
    last: bool

    @classmethod
    def of(cls, run: re.Match[str]) -> _Around:
        before, after = run.string[: run.start()].rstrip(" ")[-1:], run.string[run.end() :].lstrip(" ")[:1]
        before, after = (one if text.language(one) == "zh" else "" for one in (before, after))
        return cls(before, after, text.language(run.string) == "zh", run.end() == len(run.string))


def _chinese(run: str, lexicon: Lexicon) -> str:
    """A run of Chinese characters, in the script of the base."""
    simple = text.simplified(run)
    meant = han.heard(simple, lexicon)
    return run if lexicon.traditional and meant == simple else meant


def _latin(run: str, lexicon: Lexicon, around: _Around, grow: latin.Grow, beside: han.Beside) -> str:
    """Latin words with single spaces between them, each put right."""
    words = run.split(" ")
    known = [len(word) > LONGEST or lexicon.knows(word.lower()) for word in words]
    if around.chinese:
        known = [one and not _may_be_chinese(words, i, around, lexicon) for i, one in enumerate(known)]
    if all(known):
        return run
    by_sound = _by_sound(words, known, lexicon, around, beside) if lexicon.chinese else {}
    out: list[str] = []
    at, mended = 0, 0
    while at < len(words):
        if at in by_sound:
            end, said = by_sound[at]
            out.append(said)
            at = end
            continue
        if (
            at + 1 < len(words)
            and not (known[at] and known[at + 1])
            and lexicon.knows((words[at] + words[at + 1]).lower())
        ):
            out.append(words[at] + words[at + 1])  # a space inside a word
            at += 2
            continue
        word = words[at]
        name = word.isupper() or (word[0].isupper() and at > 0)
        if not known[at] and not name and mended < MOST_MENDED:
            mended += 1
            growing = around.last and not around.before and at == len(words) - 1
            word = latin.mended(word.lower(), lexicon, grow if growing else None)
            word = words[at] if word == words[at].lower() else word
        out.append(word)
        at += 1
    return " ".join(out)


def _may_be_chinese(words: list[str], at: int, around: _Around, lexicon: Lexicon) -> bool:
    """Whether a word of a Chinese question that is also an English one was more likely typed by its sound: first
    letters that are a rare abbreviation, a last syllable. Not where the base uses it."""
    word = words[at].lower()
    begun = around.last and at == len(words) - 1 and len(han.syllables(word)) == 1
    return (begun or (han.is_initials(word) and lexicon.rare(word))) and not lexicon.uses(word)


def _by_sound(
    words: list[str], known: list[bool], lexicon: Lexicon, around: _Around, found_beside: han.Beside
) -> dict[int, tuple[int, str]]:
    """Runs of words typed by sound: where each starts → where it ends, and what it says."""
    found: dict[int, tuple[int, str]] = {}
    for start, end in _runs(words, known, lexicon):
        some = [word.lower() for word in words[start:end]]
        first, last = start == 0, end == len(words)
        if not (around.chinese or (first and last) or any(map(han.syllables, some))):
            continue  # first letters alone in an English sentence are an abbreviation
        beside = (around.before if first else "", around.after if last else "")
        said = han.written(some, lexicon, growing=around.last and last, around=beside, near=found_beside())
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
