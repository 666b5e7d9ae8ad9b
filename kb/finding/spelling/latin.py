"""English as it is typed: a word the base does not know, put right by words it does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from kb import text
from kb.finding.spelling.lexicon import Lexicon

Grow = Callable[[str], str]  # the beginning of a word → the word, '' where nothing is known of it

SHORTEST = 4  # letters of a word that may be misspelt: shorter ones are near to too many others


def mended(word: str, lexicon: Lexicon, grow: Grow | None = None) -> str:
    """What an unknown word (folded letters) was meant to be: grown to its end where it is still being typed,
    its one or two slips put right, or taken apart where a space is missing; as typed where nothing fits.

    grow: how its end is found, for the word that is still being typed
    """
    if grow and len(word) > 2 and (whole := grow(word)):
        return whole
    if len(word) < SHORTEST:
        return word
    near, slips = lexicon.nearest(word)
    if near == word or (slips == 1 and lexicon.uses(near)):
        return near
    return _apart(word, lexicon) or near or word


def grown(start: str, near: Sequence[tuple[str, float]]) -> str:
    """The word that some folded texts, each with its weight, say most of those that begin so; '' for none."""
    weight: Counter[str] = Counter()
    for said, counts in near:
        for word in re.findall(rf"(?<![a-z0-9]){re.escape(start)}[a-z]+(?![a-z0-9])", said):
            weight[word] += counts  # type: ignore[assignment]
    return max(weight, key=lambda word: (weight[word], word), default="")


def _apart(word: str, lexicon: Lexicon) -> str:
    """Two known words written as one, the likeliest two; '' for none."""
    cuts = [(word[:i], word[i:]) for i in range(2, len(word) - 1)]
    both = [(a, b) for a, b in cuts if _stands(a, lexicon) and _stands(b, lexicon)]
    return " ".join(max(both, key=lambda pair: (min(map(lexicon.weight, pair)), pair), default=()))


def _stands(word: str, lexicon: Lexicon) -> bool:
    return word in text.FUNCTION_WORDS or (len(word) > 2 and (lexicon.uses(word) or lexicon.common(word)))
