"""Words that mean the same to a caller, `articles/_synonyms.toml`: 退钱, 退款, refund.

A question with one of them also finds what says another, by words and with less weight than the word itself; across
languages too. A question with none of them is asked exactly as if there were no file.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tomlkit

from kb import text, toml
from kb.errors import ArticleError, RequestError
from kb.text import QueryTerms
from kb.tuning.phrases import Phrases, phrase, spoken

FILE = "_synonyms.toml"
TABLES = ("same", "apart")  # of the file, as the parts of `Synonyms`
NEW = """# Words that mean the same to a caller, a group a line, across languages too. A question with one of them
# also finds what says another.
same = [
]
"""
GROUPS_MOST = 2_000
WORDS_MOST = 20  # of one group
LENGTH_MOST = 40  # characters of a word
PHRASES_MOST = 8  # of one question that are said otherwise
OTHERS_MOST = 12  # ways to say one of them

Group = tuple[str, ...]
_BETWEEN = re.compile(r"\s*[、，,；;]\s*")


@dataclass(frozen=True)
class Synonyms:
    """Groups of words, each with two or more. A word may stand in several.

    apart: words that an editor said do not mean the same; they are never proposed again
    """

    groups: tuple[Group, ...] = ()
    apart: tuple[Group, ...] = ()

    def terms(self, heard: str, typed: str = "") -> QueryTerms:
        """The terms of a question, and of what its words may also be called.

        typed: as it was written, where the spelling made another word of one in a group
        """
        plain = text.query_terms(heard)
        if not self.groups:
            return plain
        phrases, others = self._ways
        texts = dict.fromkeys([heard, typed or heard])
        found = dict.fromkeys(one for said in texts for one in phrases.found(spoken(said)))
        known = frozenset(plain.words)
        alike = [
            (tuple(term for term in own if term in known), *ways)
            for own, ways in (others[one] for one in list(found)[:PHRASES_MOST])
            if ways
        ]
        return replace(plain, alike=tuple(alike))

    @functools.cached_property
    def _ways(self) -> tuple[Phrases, dict[str, tuple[Group, tuple[Group, ...]]]]:
        """All words to look for; each → its own terms, those of every other word of its groups."""
        others: dict[str, dict[Group, None]] = {}
        own: dict[str, Group] = {}
        for group in self.groups:
            said = {phrase(word): text.query_terms(word).words for word in group}
            own |= said
            for one in said:
                others.setdefault(one, {}).update({terms: None for other, terms in said.items() if other != one})
        ways = {one: (own[one], tuple(found)[:OTHERS_MOST]) for one, found in others.items()}
        return Phrases(ways), ways

    @functools.cached_property
    def key(self) -> str:
        """Names these synonyms among others, 8 characters."""
        return hashlib.sha256(repr(self.groups).encode()).hexdigest()[:8]

    def having(self, words: Sequence[str]) -> tuple[int, ...]:
        """Places of the groups that have one of these words."""
        wanted = {phrase(word) for word in words}
        return tuple(at for at, group in enumerate(self.groups) if wanted & set(map(phrase, group)))

    def settles(self, one: str, other: str) -> bool:
        """Whether it was decided already that two words mean the same, or that they do not."""
        both = {phrase(one), phrase(other)}
        return any(both <= set(map(phrase, group)) for group in (*self.groups, *self.apart))

    def with_apart(self, words: Sequence[str]) -> Synonyms:
        """With these words told apart. Raises RequestError."""
        return replace(self, apart=checked_all((*self.apart, words)))

    def with_words(self, words: Sequence[str]) -> Synonyms:
        """With these words as the same: added to the one group that has some of them, else a group of their own.

        Two groups are never made one: what joins them may have two meanings.
        Raises RequestError for what can be no group.
        """
        there = self.having(words)
        before = self.groups[there[0]] if len(there) == 1 else ()
        group = checked((*before, *words))
        if group in self.groups:
            return self
        if before:
            return replace(self, groups=tuple(group if one == before else one for one in self.groups))
        return replace(self, groups=checked_all((*self.groups, group)))


NONE = Synonyms()


def checked(words: Sequence[str]) -> Group:
    """A group as it is kept: clean words, each once in whatever spelling. Raises RequestError where it is none."""
    unique: dict[str, str] = {}
    for word in map(text.clean, words):
        unique.setdefault(phrase(word), word)
    group = tuple(word for said, word in unique.items() if said)
    if not 2 <= len(group) <= WORDS_MOST:
        raise RequestError("synonyms_count", words=", ".join(group)[:80], most=WORDS_MOST)
    for word in group:
        if len(word) > LENGTH_MOST:
            raise RequestError("synonym_long", word=word[:LENGTH_MOST], most=LENGTH_MOST)
    return group


def checked_all(groups: Sequence[Sequence[str]]) -> tuple[Group, ...]:
    """Groups as they are kept, each once. Raises RequestError."""
    if len(groups) > GROUPS_MOST:
        raise RequestError("synonyms_many", most=GROUPS_MOST)
    return tuple(dict.fromkeys(map(checked, groups)))


def of_lines(lines: str) -> tuple[Group, ...]:
    """Groups as a person writes them: one a line, commas of either kind between words. Raises RequestError."""
    return checked_all([_BETWEEN.split(line.strip()) for line in lines.splitlines() if line.strip()])


def as_lines(groups: Sequence[Group]) -> str:
    """Groups as `of_lines` reads them."""
    return "\n".join(("、" if text.language("".join(one)) == "zh" else ", ").join(one) for one in groups)


# --- the file ------------------------------------------------------------------------------------


def load(folder: Path) -> Synonyms:
    """The synonyms of an articles folder, none where there is no file. Raises ArticleError when it is broken."""
    path = folder / FILE
    found = read(path.read_bytes()) if path.exists() else NONE
    _ = found._ways  # a moment with thousands of words, which the first question need not wait for
    return found


def read(source: bytes) -> Synonyms:
    """The synonyms a file says. Raises ArticleError (file, line) where it is not what it should be."""
    try:
        tree = toml.tree(source)
        given = {name: tree.pop(name, []) for name in TABLES}
        if tree or not all(map(_are_groups, given.values())):
            raise ValueError('same = [["…", "…"]]')
        return Synonyms(*(checked_all(given[name]) for name in TABLES))
    except (ValueError, RequestError) as error:
        raise ArticleError("synonyms_broken", file=FILE, line=1, problem=str(error)) from error


def _are_groups(given: object) -> bool:
    return isinstance(given, list) and all(
        isinstance(group, list) and all(isinstance(word, str) for word in group) for group in given
    )


def written(source: bytes, synonyms: Synonyms) -> bytes:
    """The file that says these synonyms: groups that stay keep their line and its comment, new ones come last."""
    document = tomlkit.parse(source.decode("utf-8-sig") or NEW)
    for name, groups in zip(TABLES, (synonyms.groups, synonyms.apart), strict=True):
        if name not in document:
            if not groups:
                continue
            document.update(tomlkit.parse(f"{name} = [\n]\n"))
        kept = document[name]
        there = [checked(group) for group in kept]
        for at in reversed(range(len(there))):
            if there[at] not in groups:
                del kept[at]
        for group in groups:
            if group not in there:
                kept.add_line(list(group), indent="  ")
    return tomlkit.dumps(document).encode()
