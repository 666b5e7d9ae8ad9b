"""What a base says, word by word: the words and pairs of characters that its articles use, and how often.

A `Vocabulary` belongs to one segment of a generation and is written with it; a `Lexicon` is what all
segments know. Beside them stand the words of both languages that anybody knows (wordfreq, the
words used at least once in a million): what is a real word is no slip of the finger.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from kb import text

_WORD = re.compile(r"[a-z]+")
_HAN_RUN = re.compile(f"[{text.HAN}]{{2,}}")

NEAREST_KEPT = 4_096  # misspelt words whose likeliest is kept
OWN = 20.0  # one use of an English word by the base counts as much as 20 uses in a million words of anybody
UNSEEN = 10_000  # pairs of characters a base is thought to have beside its own: one use in a small base is no proof
TRADITIONAL_SHARE = 0.01  # of a base's characters, from which on it is written in traditional Chinese
RARE = 0.05  # uses in a million words of the rarest words that are looked at
COMMON = 1.0  # from which on a word is no slip
MISSPELT = 40.0  # times that a word is rarer than the one a slip away, where it is a common misspelling of that
SHORT = 5.0  # uses in a million words from which on up to three letters are a word, and not just letters
EVERYDAY = 100.0  # from which on a word needs no base to be told from its neighbour
RARE_LETTERS = 12.0  # below which they are rare in a Chinese question
LONG = 7  # letters from which on a word may have two slips
PAIRS_BY_INITIALS = 12
WORDS_BY_INITIALS = 24
CHARACTERS_BY_SOUND = 40


@dataclass(frozen=True)
class Vocabulary:
    """How often each English word (folded) and each pair of Chinese characters stands in some articles.

    stems: of the words
    traditional: how many of the characters are written in traditional Chinese
    """

    words: Mapping[str, int]
    stems: frozenset[str]
    pairs: Mapping[str, int]
    traditional: int = 0

    @functools.cached_property
    def shelves(self) -> Mapping[str, Sequence[str]]:
        """The words by first letter."""
        return _shelved(self.words)

    @functools.cached_property
    def characters(self) -> Mapping[str, Sequence[str]]:
        """Chinese characters by each syllable they are read as, the most used first."""
        used: Counter[str] = Counter()
        for pair, count in self.pairs.items():
            used[pair[0]] += count
            used[pair[1]] += count
        return _by_sound(used)

    @functools.cached_property
    def initials(self) -> Mapping[str, Sequence[str]]:
        """The most used pairs by the first letters of their two syllables (`tk` → 退款, 条款 …)."""
        letters = {char: {sound[0] for sound in text.sounds(char)} for char in {c for pair in self.pairs for c in pair}}
        found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for pair, count in self.pairs.items():
            for first in letters[pair[0]]:
                for second in letters[pair[1]]:
                    found[first + second].append((-count, pair))
        return {key: [pair for _, pair in sorted(some)[:PAIRS_BY_INITIALS]] for key, some in found.items()}


NOTHING = Vocabulary({}, frozenset(), {})


def vocabulary(texts: Iterable[str]) -> Vocabulary:
    """The vocabulary of some texts as they are written."""
    words: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    traditional = 0
    for one in texts:
        folded = text.fold(one)
        words.update(_WORD.findall(folded))
        for run in _HAN_RUN.findall(folded):
            pairs.update(map("".join, itertools.pairwise(run)))
        traditional += text.traditional(one)
    return Vocabulary(dict(words), frozenset(map(text.stem, words)), dict(pairs), traditional)


def joined(parts: Sequence[Vocabulary]) -> Vocabulary:
    """Vocabularies as one."""
    words, pairs = Counter[str](), Counter[str]()
    for one in parts:
        words.update(one.words)
        pairs.update(one.pairs)
    stems = frozenset[str]().union(*(one.stems for one in parts))
    return Vocabulary(dict(words), stems, dict(pairs), sum(one.traditional for one in parts))


def _shelved(words: Iterable[str]) -> dict[str, list[str]]:
    shelves: defaultdict[str, list[str]] = defaultdict(list)
    for word in words:
        if len(word) > 2:
            shelves[word[0]].append(word)
    return dict(shelves)


def _by_sound(used: Mapping[str, float]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for char in sorted(used, key=lambda one: (-used[one], one)):
        for sound in text.sounds(char):
            if len(found[sound]) < CHARACTERS_BY_SOUND:
                found[sound].append(char)
    return dict(found)


# --- what anybody knows --------------------------------------------------------------------------


@functools.cache
def english() -> Mapping[str, float]:
    """English words, each with its uses in a million words."""
    from wordfreq import get_frequency_dict  # 0.2 s, which a build need not wait for

    listed = get_frequency_dict("en", wordlist="large")  # the commonest first
    common = itertools.takewhile(lambda one: one[1] * 1e6 >= RARE, listed.items())
    return {word: share * 1e6 for word, share in common if _WORD.fullmatch(word)}


@functools.cache
def chinese() -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Pairs of characters inside Chinese words and single characters, each with its uses in a million words."""
    from wordfreq import get_frequency_dict

    pairs: Counter[str] = Counter()
    single: Counter[str] = Counter()
    for word, share in get_frequency_dict("zh", wordlist="small").items():
        folded = text.fold(word)
        if not re.fullmatch(f"[{text.HAN}]+", folded):
            continue
        for pair in map("".join, itertools.pairwise(folded)):
            pairs[pair] += share * 1e6  # type: ignore[assignment]
        for char in folded:
            single[char] += share * 1e6 if len(folded) == 1 else 0  # type: ignore[assignment]
    return pairs, single


@functools.cache
def by_initials() -> Mapping[str, Sequence[tuple[str, float]]]:
    """Chinese words of two to four characters by the first letters of their syllables, the commonest first, each with
    its uses in a million words."""
    from wordfreq import get_frequency_dict

    found: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for word, share in get_frequency_dict("zh", wordlist="small").items():  # the commonest first
        if re.fullmatch(f"[{text.HAN}]{{2,4}}", word):
            sounds = [text.sounds(char) for char in word]
            key = "".join(one[0][0] for one in sounds if one)
            if len(key) == len(word) and len(found[key]) < WORDS_BY_INITIALS:
                found[key].append((word, share * 1e6))
    return dict(found)


@functools.cache
def _english_shelves() -> Mapping[str, Sequence[str]]:
    return _shelved(word for word, uses in english().items() if uses >= COMMON)


@functools.cache
def _chinese_characters() -> Mapping[str, Sequence[str]]:
    return _by_sound(chinese()[1])


# --- what a base knows ---------------------------------------------------------------------------


class Lexicon:
    """The vocabularies of a generation's segments, asked as one."""

    def __init__(self, parts: Sequence[Vocabulary]) -> None:
        self._parts = tuple(part for part in parts if part.words or part.pairs)
        # Not an lru_cache of the method: that is a cycle, and keeps a generation that nobody asks any more.
        self._nearest: dict[str, tuple[str, int]] = {}
        characters = sum(sum(part.pairs.values()) for part in self._parts)
        self.traditional = sum(part.traditional for part in self._parts) > TRADITIONAL_SHARE * characters > 0
        self.chinese = characters > 0
        self._size = characters + UNSEEN

    def warm_up(self) -> None:
        """Work out now what the first slip would wait for, some tenths of a second."""
        for part in self._parts:
            _ = part.shelves, part.characters, part.initials
        _ = _english_shelves(), _chinese_characters(), by_initials()

    def __bool__(self) -> bool:
        return bool(self._parts)

    def count(self, word: str) -> int:
        """How often the base uses an English word."""
        return sum(part.words.get(word, 0) for part in self._parts)

    def uses(self, word: str) -> bool:
        """Whether the base uses an English word in any form of it."""
        return any(word in part.words or text.stem(word) in part.stems for part in self._parts)

    def knows(self, word: str) -> bool:
        """Whether an English word is a word: the base's or anybody's."""
        uses = english().get(word, 0.0)
        return uses >= (COMMON if len(word) > 3 else SHORT) or word in text.FUNCTION_WORDS or self.uses(word)

    def common(self, word: str) -> bool:
        """Whether an English word is an everyday one, whatever the base says."""
        return english().get(word, 0.0) >= EVERYDAY

    def rare(self, word: str) -> bool:
        """Whether hardly anybody uses these few letters as an English word."""
        return english().get(word, 0.0) < RARE_LETTERS

    def has(self, pair: str) -> bool:
        """Whether the base has two Chinese characters side by side."""
        return any(pair in part.pairs for part in self._parts)

    def evidence(self, pair: str) -> float:
        """How well two Chinese characters go together: 0 for never seen, else the log of their uses in a million."""
        own = sum(part.pairs.get(pair, 0) for part in self._parts)
        return math.log1p(own / self._size * 1e6 + chinese()[0].get(pair, 0.0))

    def characters(self, syllable: str) -> list[str]:
        """Chinese characters read as this syllable, the base's own first."""
        own = [char for part in self._parts for char in part.characters.get(syllable, ())]
        return list(dict.fromkeys([*own, *_chinese_characters().get(syllable, ())]))[:CHARACTERS_BY_SOUND]

    def pairs_by_initials(self, letters: str) -> list[str]:
        """The base's most used pairs of Chinese characters whose syllables begin with these two letters."""
        return [pair for part in self._parts for pair in part.initials.get(letters, ())]

    def grown(self, start: str) -> str:
        """The base's most used word that begins like this and is longer; '' for none."""
        words = [word for part in self._parts for word in part.shelves.get(start[:1], ()) if word.startswith(start)]
        return max(words, key=lambda word: (self.count(word), word), default="")

    def nearest(self, word: str) -> tuple[str, int]:
        """The likeliest word that a misspelt one was meant to be, '' for none, and its slips. A slip is a letter
        too many, too few, wrong, or changed with its neighbour; a word of `LONG` letters may have two."""
        found = self._nearest.get(word)
        if found is None:
            if len(self._nearest) >= NEAREST_KEPT:
                self._nearest.clear()
            found = self._nearest[word] = self._look_nearest(word)
        return found

    def _look_nearest(self, word: str) -> tuple[str, int]:
        most = 2 if len(word) >= LONG else 1
        found: dict[str, int] = {}
        for shelf in (part.shelves for part in self._parts):
            for letter in dict.fromkeys(word[:2]):
                found |= _within(word, shelf.get(letter, ()), most)
        for letter in dict.fromkeys(word[:2]):
            found |= _within(word, _english_shelves().get(letter, ()), most)
        best = min(found, key=lambda one: (found[one], one[0] != word[0], -self.weight(one), one), default="")
        rare = english().get(word, 0.0)
        if rare and not (found.get(best) == 1 and english().get(best, 0.0) >= MISSPELT * rare):
            return word, 0  # a rare word, and no misspelling
        return best, found.get(best, 0)

    def weight(self, word: str) -> float:
        """How much an English word is used, by the base and by anybody, in uses in a million words."""
        return OWN * self.count(word) + english().get(word, 0.0)


def _within(word: str, words: Sequence[str], most: int) -> dict[str, int]:
    return {
        one: int(slips)
        for one, slips, _ in process.extract(
            word, words, scorer=OSA.distance, processor=None, score_cutoff=most, limit=None
        )
    }
