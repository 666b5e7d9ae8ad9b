"""What a copy is searched by: how much each term says for each article, and tables for what people type otherwise.

The terms are the product's own (`kb.text`), worked out here; the page makes the same of a question with the tables of
this room, which hold only what can find something in this copy. BM25F (Robertson and Zaragoza, 2009): the weights of
the fields are fixed, so each article's share of a term is one number, worked out here too.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb import text
from kb.content.articles import Article
from kb.finding.chunks import asks_by_title
from kb.finding.spelling.lexicon import english
from kb.tuning.phrases import phrase
from kb.tuning.synonyms import Synonyms

FIELDS: Mapping[str, float] = {"title": 2.0, "questions": 2.0, "say": 1.0, "body": 1.0}  # field → weight
K1, B = 1.2, 0.75
UNIT = 100  # an article's share of a term is kept in hundredths
LONGEST = 24  # letters of a word whose forms are listed
OFTEN = 0.1  # uses in a million words from which on a word that no article has is listed

_WORD = re.compile(r"[a-z]+(?:['’\-_][a-z]+)*")
_BETWEEN = re.compile(r"['’](?:s\b)?|[\-_]")
_HAN = re.compile(f"[{text.HAN}]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Words:
    """What the page reads, each as one string; articles are named by their place, numbers in base 36.

    shares: `term place share place share …` a line, terms in order
    forms:  `stem form form …` a line: English words by their stem
    script: pairs of characters: traditional, then simplified
    sounds: `syllable characters` a line: Chinese by how it is read
    alike:  groups of words that mean the same: (as it is looked for, its terms) each
    """

    shares: str
    forms: str
    script: str
    sounds: str
    alike: Sequence[Sequence[tuple[str, tuple[str, ...]]]]


def words(articles: Sequence[Article], synonyms: Synonyms) -> Words:
    """The words of some articles."""
    shares = _shares([_counted(one) for one in articles])
    han = frozenset(char for term in shares for char in term if _HAN.match(char))
    return Words(
        shares="\n".join(f"{term} {_row(row)}" for term, row in sorted(shares.items())),
        forms="\n".join(f"{stem} {' '.join(some)}" for stem, some in sorted(_forms(shares, articles).items())),
        script="".join(f"{old}{new}" for old, new in sorted(_script().items()) if new in han),
        sounds="\n".join(f"{sound} {''.join(sorted(some))}" for sound, some in sorted(_sounds(han).items())),
        alike=[[(phrase(word), text.query_terms(word).words) for word in group] for group in synonyms.groups],
    )


def _counted(article: Article) -> dict[str, Counter[str]]:
    """How often each field has each term. A title that is the text's own beginning counts once."""
    title = article.title if asks_by_title(article) else ""
    of = {"title": title, "questions": "\n".join(article.questions), "say": article.say, "body": article.body}
    return {name: Counter(text.terms(of[name])) for name in FIELDS}


def _shares(counted: Sequence[Mapping[str, Counter[str]]]) -> dict[str, list[tuple[int, int]]]:
    """Term → (place, share in 1/`UNIT`) of each article that has it."""
    usual = {name: sum(one[name].total() for one in counted) / max(1, len(counted)) or 1.0 for name in FIELDS}
    told: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for place, fields in enumerate(counted):
        for name, weight in FIELDS.items():
            long = 1 - B + B * fields[name].total() / usual[name]
            for term, count in fields[name].items():
                told[term][place] = told[term].get(place, 0.0) + weight * count / long
    return {
        term: [(place, max(1, round(UNIT * _idf(len(some), len(counted)) * n / (K1 + n)))) for place, n in some.items()]
        for term, some in told.items()
    }


def _idf(having: int, of: int) -> float:
    return math.log(1 + (of - having + 0.5) / (having + 0.5))


def _row(row: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{_base36(place)} {_base36(share)}" for place, share in row)


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits


# --- tables --------------------------------------------------------------------------------------


def _forms(shares: Mapping[str, object], articles: Iterable[Article]) -> dict[str, list[str]]:
    """Stem → the words that have it and are not it: those of the articles and those that anybody knows."""
    own = {_BETWEEN.sub("", word) for one in articles for word in _WORD.findall(text.fold(one.source))}
    common = {word for word, uses in english().items() if uses >= OFTEN}
    plain = [term for term in shares if _WORD.fullmatch(term)]
    begun = {*plain, *(term[:-1] for term in plain)}  # a stem differs from its word's beginning by one letter at most
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(own | common):
        if len(word) <= LONGEST and (word in own or any(word[:n] in begun for n in range(3, len(word)))):
            stem = text.stem(word)
            if stem != word and stem in shares:
                found[stem].append(word)
    return found


@functools.cache
def _script() -> Mapping[str, str]:
    """Traditional → simplified, character by character."""
    every = (chr(point) for point in (*range(0x3400, 0xA000), *range(0xF900, 0xFB00)))
    pairs = ((char, text.fold(char)) for char in every)
    return {char: new for char, new in pairs if new != char and len(new) == 1}


def _sounds(han: Iterable[str]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for char in han:
        for sound in text.sounds(char):
            found[sound].add(char)
    return found
