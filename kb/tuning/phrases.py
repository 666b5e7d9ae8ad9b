"""Phrases as they are looked for in a question: in any spelling the search folds together, whole words only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kb import text

_RUN = re.compile(rf"(?P<han>[{text.HAN}]+)|[a-z0-9]+(?:['’\-_][a-z0-9]+)*|[^\W_a-z0-9{text.HAN}]+")
_INSIDE = re.compile(r"['’]s\b|['’\-_]")


def spoken(said: str) -> str:
    """A text to look for phrases in: folded, English words by their stem, all but words a single space.

    `Can I get my money back?` → ` can i get my money back `. Empty where there is no word in it.
    """
    runs = [_run(match) for match in _RUN.finditer(text.fold(said))]
    return f" {' '.join(runs)} " if runs else ""


def phrase(said: str) -> str:
    """A phrase as it stands in a `spoken` text: with a space where it must not go on, which Chinese may."""
    whole = spoken(said)
    start = 1 if text.language(whole[1:2]) == "zh" else 0
    end = len(whole) - 1 if text.language(whole[-2:-1]) == "zh" else len(whole)
    return whole[start:end]


def _run(match: re.Match[str]) -> str:
    if match["han"]:
        return match["han"]
    bare = _INSIDE.sub("", match.group())
    return text.stem(bare) if bare.isalpha() else bare


class Phrases:
    """Some phrases, to be found in questions. Made once, asked with every key: at each place it looks up only as many
    lengths as phrases that begin like this have."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """`phrases` are as `phrase` gives them."""
        self._phrases = frozenset(phrases) - {""}
        lengths: dict[str, set[int]] = {}
        for one in self._phrases:
            lengths.setdefault(one[:2], set()).add(len(one))
        self._lengths = {begin: sorted(some, reverse=True) for begin, some in lengths.items()}

    def found(self, said: str) -> Iterator[str]:
        """The phrases in a `spoken` text from left to right, of those that begin at one place the longest."""
        at = 0
        while at < len(said):
            lengths = (*self._lengths.get(said[at : at + 2], ()), *self._lengths.get(said[at], ()))
            one = next((one for n in lengths if (one := said[at : at + n]) in self._phrases), "")
            if one:
                yield one
            at += max(len(one.rstrip(" ")), 1)  # the space after a word is also the one before the next
