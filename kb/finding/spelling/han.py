"""Chinese as it is typed by sound: slips of the pinyin keyboard, plain pinyin, initials.

One lattice serves all three: for every syllable the characters it may stand for, and the best way
through it by what the base says side by side (Viterbi; a noisy channel over pairs of characters).
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from kb import text
from kb.finding.spelling.lexicon import Lexicon, by_initials, chinese

# What another character than the one typed must gain: the more, the oftener the typed one is a word by itself (的, 我).
CHANGE, CHANGE_OF_A_WORD = 1.0, 1.0
ACROSS = 0.3  # what two characters count that stand side by side in two words
SURE = 0.75  # of the pairs of characters inside words typed by sound that must be known, to believe in the rest
BESIDE = 3.0  # times that a word counts more where the same character stands beside it
NO_WORD = 0.3  # what characters side by side count that are no word anybody knows
MOST_DOUBTED = 48  # characters of one question that are doubted: what comes after stays as typed

_INITIALS = ("zh", "ch", "sh")
Beside = Callable[[], Sequence[tuple[str, float]]]  # what the rest of a question finds: folded texts with weights
Lattice = Sequence[Sequence[tuple[str, float]]]  # per place: (character, what choosing it costs)


def way(lattice: Lattice, lexicon: Lexicon, starts: frozenset[int] = frozenset()) -> str:
    """The characters that go together best, one a place. Over the start of a new word they need to go together less."""
    paths = [(-cost, char) for char, cost in lattice[0]]
    for place, options in enumerate(lattice[1:], 1):
        share = ACROSS if place in starts else 1.0
        paths = [
            max((score + share * lexicon.evidence(path[-1] + char) - cost, path + char) for score, path in paths)
            for char, cost in options
        ]
    return max(paths)[1]


# --- slips of the pinyin keyboard ----------------------------------------------------------------


def heard(run: str, lexicon: Lexicon) -> str:
    """A run of Chinese characters, where those that go with no neighbour give way to others of their sound."""
    doubted = _doubted(run, lexicon)
    if not doubted:
        return run
    lattice = [_others(char, lexicon) if i in doubted else [(char, 0.0)] for i, char in enumerate(run)]
    return way(lattice, lexicon)


def _doubted(run: str, lexicon: Lexicon) -> frozenset[int]:
    """Places of characters that the base has beside neither of their neighbours."""
    known = [lexicon.has(pair) for pair in map("".join, itertools.pairwise(run))]
    alone = [i for i in range(len(run)) if not any(known[max(0, i - 1) : i + 1])]
    return frozenset(alone[:MOST_DOUBTED]) if len(run) > 1 else frozenset()


def _others(char: str, lexicon: Lexicon) -> list[tuple[str, float]]:
    found = (other for sound in text.sounds(char) for other in lexicon.characters(sound))
    cost = CHANGE + CHANGE_OF_A_WORD * math.log1p(chinese()[1].get(char, 0.0))
    return [(char, 0.0), *((other, cost) for other in dict.fromkeys(found) if other != char)]


# --- plain pinyin and initials -------------------------------------------------------------------


@functools.cache
def _syllables() -> frozenset[str]:
    found = (sound for char in chinese()[1] for sound in text.sounds(char))
    return frozenset(sound for sound in found if set(sound) & set("aeiouv"))  # not the hummed hm, ng


@functools.lru_cache(maxsize=4_096)
def syllables(word: str) -> tuple[str, ...]:
    """Letters taken apart into the fewest pinyin syllables; () where they are none."""
    best: list[tuple[str, ...] | None] = [(), *[None] * len(word)]
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 6), end):
            before, piece = best[start], word[start:end]
            if before is not None and piece in _syllables():
                longer = best[end]
                if longer is None or len(before) + 1 < len(longer):
                    best[end] = (*before, piece)
    return best[len(word)] or ()


def written(
    words: Sequence[str],
    lexicon: Lexicon,
    *,
    growing: bool = False,
    around: tuple[str, str] = ("", ""),
    near: Sequence[tuple[str, float]] = (),
) -> str:
    """What words typed by sound (pinyin, or the first letters of syllables) say in Chinese; '' where they say
    nothing the base knows.

    growing: the last syllable may be a beginning of one
    around:  the Chinese characters before and after them, '' for none
    near:    folded texts, each with its weight, that say first what a word may be
    """
    places = [_places(word, growing and i == len(words) - 1) for i, word in enumerate(words)]
    before, after = around
    inner = list(_options([place for some in places for place in some], _letter(before), _letter(after), lexicon))
    told = [
        _told(some, growing and last, before if i == 0 else "", after if last else "", near)
        for i, some in enumerate(places)
        for last in (i == len(places) - 1,)
    ]
    at = 0
    for some, chars in zip(places, told, strict=True):
        inner[at : at + len(some)] = [[(char, 0.0)] for char in chars] or inner[at : at + len(some)]
        at += len(some)
    if not inner or not all(inner):
        return ""
    lattice = [*([(before, 0.0)] for _ in before), *inner, *([(after, 0.0)] for _ in after)]
    joints = itertools.accumulate((len(some) for some in places), initial=len(before))
    starts = frozenset(joints)
    said = way(lattice, lexicon, starts)
    pairs = [said[i : i + 2] for i in range(len(said) - 1)]
    inside = [lexicon.evidence(pair) > 0 for i, pair in enumerate(pairs, 1) if i not in starts]
    sure = sum(inside) >= SURE * len(inside) and any(map(lexicon.has, pairs))
    return said[len(before) : len(said) - len(after)] if sure else ""


def _told(places: Sequence[str], growing: bool, before: str, after: str, near: Sequence[tuple[str, float]]) -> str:
    """The characters of one word, as likely as some texts say it or anybody does, half and half; '' where neither
    does. One character alone, which much would fit, needs a neighbour that it has in the texts."""
    listed = by_initials().get("".join(place[0] for place in places), ()) if near else ()
    fits = _characters(frozenset("".join([*(said for said, _ in near), *(word for word, _ in listed)])))
    options = [fits(place, growing and i == len(places) - 1) for i, place in enumerate(places)]
    if not options or not all(options):
        return ""
    known = {word: uses for word, uses in listed if all(c in some for c, some in zip(word, options, strict=True))}
    word = re.compile(f"(?=({''.join(f'[{some}]' for some in options)}))")
    said_so: Counter[str] = Counter()
    for said, counts in near:
        for match in word.finditer(said):
            start, end = match.span(1)
            alike = (said[start - 1 : start] == before != "") + (said[end : end + 1] == after != "")
            if alike or len(places) > 1:
                said_so[match.group(1)] += counts * BESIDE**alike * (1.0 if match.group(1) in known else NO_WORD)  # type: ignore[assignment]
    whole = sum(counts * len(said) for said, counts in near)
    likely = {one: said_so[one] / whole + known.get(one, 0.0) / 1e6 for one in {*said_so, *known}}
    return max(likely, key=lambda one: (likely[one], one), default="")


def _characters(chars: frozenset[str]) -> Callable[[str, bool], str]:
    """Of some characters, those that a place may be: a whole syllable, a beginning of one or a first letter."""
    sounds = {char: text.sounds(char) for char in chars}

    def fits(place: str, growing: bool) -> str:
        whole = place in _syllables() and not growing
        return "".join(
            char
            for char, some in sounds.items()
            if any(one == place if whole else one.startswith(place) for one in some)
        )

    return fits


def _places(word: str, growing: bool) -> tuple[str, ...]:
    whole = syllables(word)
    if growing and word in _INITIALS:
        return (word,)  # one syllable begun
    if whole or is_initials(word):
        return whole or tuple(word)
    if not growing:
        return ()
    cuts = ((syllables(word[:cut]), word[cut:]) for cut in range(len(word) - 1, 0, -1))
    begun = ((*before, rest) for before, rest in cuts if before and _begins(rest))
    return next(begun, (word,) if _begins(word) else ())


def _begins(letters: str) -> bool:
    return any(syllable.startswith(letters) for syllable in _syllables())


def _letter(char: str) -> str:
    return text.sounds(char)[0][0] if char and text.sounds(char) else ""


def is_initials(word: str) -> bool:
    """Whether a word may be the first letters of two to four syllables."""
    return 2 <= len(word) <= 4 and not set(word) & set("aeiouv")


def _options(places: Sequence[str], before: str, after: str, lexicon: Lexicon) -> Iterator[list[tuple[str, float]]]:
    """What each place may be: for a whole syllable all of its characters, for a beginning or a first letter those
    that the base has beside a character with the first letter of the place before or after."""
    letters = [before, *(place[0] for place in places), after]
    for i, place in enumerate(places):
        if place in _syllables():
            yield [(char, 0.01 * rank) for rank, char in enumerate(lexicon.characters(place))]
        else:
            chars = [pair[1] for pair in lexicon.pairs_by_initials(letters[i] + place[0])]
            chars += [pair[0] for pair in lexicon.pairs_by_initials(place[0] + letters[i + 2])]
            fits = (char for char in dict.fromkeys(chars) if any(one.startswith(place) for one in text.sounds(char)))
            yield [(char, 0.0) for char in fits]
