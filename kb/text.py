"""The only normaliser and tokeniser: what is one word to search, on both sides of it.

Folding is done character by character, so that a term's place in the folded text is its place in
the text as written: NFKC, accents off Latin letters, lower case, traditional Chinese to simplified.

Terms: English words by their Snowball stem; Chinese runs as overlapping pairs of characters
(as good as a dictionary's words here, and never a dictionary out of date) and, to find and not to
highlight, as single characters; model numbers and error codes whole and in parts
(`LH-R3000` → lhr3000, lh, r3000; `E-04` → e04, e4); numbers in words also in digits (两百 → 200).
"""

from __future__ import annotations

import csv
import functools
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import opencc
import snowballstemmer

from kb.numerals import numbers

VERSION = 4  # a change of any rule below makes every stored term stale: count up

# English words that carry no meaning of their own: matched like any other, never highlighted.
FUNCTION_WORDS = frozenset(
    "a an and are as at be but by can could did do does for from get had has have how i if in is it its me my no not "
    "of on or our she he so than that the their them then there they this to up us was we what when where which who "
    "why will with would you your am been out".split()
)

# Characters that everyday speech reads in two ways.
_TWO_READINGS = frozenset(
    "了行长重还都得地着调传弹量便处为乐觉藏数差当倒发干给更喝和会间降教结解空落难切散少省什提系相兴应载折正中种转"
)

MAX_QUERY_CHARS = 2_000
MAX_QUERY_TERMS = 128

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
# One alternative a script, each a plain run: nothing here can backtrack.
_RUN = re.compile(rf"(?P<han>[{HAN}]+)|(?P<word>[a-z0-9]+(?:['’\-_][a-z0-9]+)*)|(?P<other>[^\W_a-z0-9{HAN}]+)")
_HAN_RUN = re.compile(f"[{HAN}]{{2,}}")
_PART = re.compile(r"[a-z]+|[0-9]+")
_PIECE = re.compile(r"[a-z0-9]+")
_CODE = re.compile(r"(?<![a-z0-9])([a-z]{1,4})[\-_]?([0-9]{1,5}[a-z]?)(?![a-z0-9])")
_SPOKEN_CODE = re.compile(r"(?<![a-z0-9])([a-z]{1,2}) ([0-9]{1,5})(?![a-z0-9])")


class _Fold(dict[int, str]):
    """Code point → folded text, worked out the first time it is met."""

    def __missing__(self, point: int) -> str:
        folded = "".join(_fold_one(char) for char in unicodedata.normalize("NFKC", chr(point)))
        self[point] = folded
        return folded


@functools.cache
def _simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@functools.cache
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("english")


def _fold_one(char: str) -> str:
    if char < "\u0250" or "\u1e00" <= char < "\u1f00":
        bare = "".join(c for c in unicodedata.normalize("NFD", char) if not unicodedata.combining(c))
        return bare.lower()
    if unicodedata.category(char) in ("Cf", "Mn", "Cs"):  # zero-width characters, stray accents, half characters
        return ""
    if char >= "\u3400":
        return str(_simplified().convert(char)).lower()
    return char.lower()


_FOLD = _Fold()


def fold(text: str) -> str:
    """Text as the search sees it. Not always the length of `text`: see `folded_places`."""
    return text.translate(_FOLD)


def folded_places(text: str) -> tuple[str, list[int]]:
    """The folded text and, for each of its characters, the index in `text` it came from."""
    parts = [_FOLD[ord(char)] for char in text]
    return "".join(parts), [i for i, part in enumerate(parts) for _ in part]


def clean(question: str) -> str:
    """A typed question without control and zero-width characters, at most `MAX_QUERY_CHARS` long."""
    kept = (" " if unicodedata.category(c) == "Cc" else c for c in question[: 4 * MAX_QUERY_CHARS])
    text = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    return " ".join(text.split())[:MAX_QUERY_CHARS]


def simplified(text: str) -> str:
    """Traditional Chinese as simplified, character by character; all else as written."""
    return "".join(_FOLD[ord(char)] if "\u3400" <= char <= "\u9fff" else char for char in text)


def traditional(text: str) -> int:
    """How many characters of a text are written in traditional Chinese."""
    return sum(_FOLD[ord(char)] != char for char in text if "\u3400" <= char <= "\u9fff")


@functools.lru_cache(maxsize=20_000)
def sounds(char: str) -> tuple[str, ...]:
    """The syllable a Chinese character is read as, without tone, ü as v; two for those of `_TWO_READINGS`; none
    for what is no Chinese character. The dictionary's further readings are of names and old books."""
    readings = _readings().get(ord(char), "").split(",")[: 2 if char in _TWO_READINGS else 1]
    plain = (_plain(reading) for reading in readings if reading)
    return tuple(dict.fromkeys(one for one in plain if re.fullmatch("[a-z]+", one)))


@functools.cache
def _readings() -> Mapping[int, str]:
    from pypinyin.constants import PINYIN_DICT  # 0.2 s, which who only folds a text need not wait for

    return PINYIN_DICT


def _plain(reading: str) -> str:
    """A syllable without its tone: lǜ → lv."""
    letters = unicodedata.normalize("NFD", reading.replace("ê", "e"))
    return "".join(c for c in letters.replace("u\u0308", "v") if not unicodedata.combining(c))


def language(text: str) -> str:
    """`zh` where a text has any Chinese character, else `en`: the language a question is asked in."""
    return "zh" if re.search(f"[{HAN}]", text) else "en"


@dataclass(frozen=True, slots=True)
class Term:
    """One searchable term and where it stands in the folded text, `[start, end)`."""

    text: str
    start: int
    end: int


def _word_terms(word: str, start: int) -> Iterator[Term]:
    if word.isalpha():
        yield Term(stem(word), start, start + len(word))
        return
    pieces = [(m.group(), start + m.start(), start + m.end()) for m in _PIECE.finditer(word)]
    end = start + len(word)
    if "'" in word or "’" in word:  # don't → dont, customer's → customer, E-04's → e-04
        bare = re.sub(r"['’](s\b)?", "", word)
        yield from (Term(term.text, start, end) for term in _word_terms(bare, start))
        return
    whole = "".join(piece for piece, _, _ in pieces)
    if whole.isalpha():  # air-fryer is also airfryer
        yield Term(stem(whole), start, end)
    else:
        yield from (Term(form, start, end) for form in dict.fromkeys((whole, _without_leading_zeros(whole))))
    if len(pieces) > 1:
        for piece, a, b in pieces:
            yield Term(stem(piece) if piece.isalpha() else piece, a, b)
    else:
        for part in _PART.finditer(word):
            if len(part.group()) > 1 and part.group() != word:
                yield Term(part.group(), start + part.start(), start + part.end())


def _without_leading_zeros(code: str) -> str:
    return re.sub(r"(?<=[a-z])0+(?=[0-9])", "", code)


def _han_terms(run: str, start: int) -> Iterator[Term]:
    if len(run) == 1:
        yield Term(run, start, start + 1)
    for i in range(len(run) - 1):
        yield Term(run[i : i + 2], start + i, start + i + 2)


@functools.lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The Snowball English stem of a folded word."""
    return str(_stemmer().stemWord(word))


_FUNCTION_STEMS = frozenset(map(stem, FUNCTION_WORDS))


def folded_terms(folded: str) -> list[Term]:
    """Every term of an already folded text, in order. Letters and digits with a space between
    (`e 04`) also make the code they are (`e04`), as callers and speech recognition write it."""
    found: list[Term] = []
    last_letters: re.Match[str] | None = None
    for match in _RUN.finditer(folded):
        kind, run, start = match.lastgroup, match.group(), match.start()
        if kind == "han":
            found.extend(_han_terms(run, start))
        elif kind == "other":
            found.append(Term(run, start, match.end()))
        else:
            found.extend(_word_terms(run, start))
            if last_letters and run.isdigit() and start - last_letters.end() == 1 and folded[start - 1] == " ":
                joined = last_letters.group() + run
                found.append(Term(_without_leading_zeros(joined), last_letters.start(), match.end()))
        last_letters = match if kind == "word" and run.isalpha() and len(run) <= 3 else None
    return found


def _characters(folded: str) -> list[str]:
    """The characters of the Chinese runs that became pairs: 退钱 and 退款 share one of theirs, and no pair."""
    return [char for run in _HAN_RUN.findall(folded) for char in run]


def terms(text: str) -> list[str]:
    """The terms of a text to index, with repeats: its words in order, then its Chinese characters."""
    folded = fold(text)
    return (
        [term.text for term in folded_terms(folded)]
        + [number for number, _, _ in numbers(folded)]
        + _characters(folded)
    )


@dataclass(frozen=True)
class QueryTerms:
    """A question's terms: `words` are matched whole; `prefix` ('' = none) is the word being typed.

    alike: phrases that may also be said otherwise, each as its own terms (of `words`), then those of each other way
    """

    words: tuple[str, ...]
    prefix: str
    alike: tuple[tuple[tuple[str, ...], ...], ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        """All whole terms, those of the other ways too, each once."""
        return tuple(dict.fromkeys([*self.words, *(term for ways in self.alike for way in ways for term in way)]))

    def __bool__(self) -> bool:
        return bool(self.words or self.prefix or self.alike)


def query_terms(question: str) -> QueryTerms:
    """Distinct terms of a question, words first, at most `MAX_QUERY_TERMS`. The last word, when nothing follows
    it, may still be growing: it is also a prefix. So is a Chinese character that stands alone."""
    folded = fold(question)
    found = folded_terms(folded)
    others = (*(number for number, _, _ in numbers(folded)), *_characters(folded))
    words = tuple(dict.fromkeys([*(term.text for term in found), *others]))[:MAX_QUERY_TERMS]
    start = len(folded)
    while start and folded[start - 1].isascii() and folded[start - 1].isalnum():
        start -= 1
    growing = folded[start:]
    if len(growing) > 1:
        return QueryTerms(words, growing)
    alone = found and found[-1].end == len(folded) and len(found[-1].text) == 1 and not found[-1].text.isascii()
    return QueryTerms(words, found[-1].text if alone else "")


def codes(text: str, *, spoken: bool = False) -> frozenset[str]:
    """Error codes and model numbers in a text, in one spelling: `E-04` and `e4` are both `e4`.
    `spoken` also takes letters and digits with a space between, as callers say them (`E 04`)."""
    folded = fold(text)
    found = {m.group(1) + m.group(2) for m in _CODE.finditer(folded)}
    if spoken:
        spoken_codes = (m for m in _SPOKEN_CODE.finditer(folded) if m.group(1) not in FUNCTION_WORDS)  # not "at 5"
        found |= {m.group(1) + m.group(2) for m in spoken_codes}
    return frozenset(_without_leading_zeros(code) for code in found)


def marks(text: str, question: str) -> list[tuple[int, int]]:
    """Where `text` has the question's words: disjoint `[start, end)` in order, for highlighting."""
    wanted = _asked(question)
    spans = (
        (term.start, term.end)
        for term in _placed(text)
        if term.text in wanted.words or (wanted.prefix and term.text.startswith(wanted.prefix))
    )
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


@functools.lru_cache(maxsize=100)
def _asked(question: str) -> QueryTerms:
    """One question marks every passage that is shown for it."""
    return query_terms(question)


@functools.lru_cache(maxsize=4_000)
def _placed(text: str) -> tuple[Term, ...]:
    """The terms of a text that mean something, each where it stands as written, in order; the same passages are shown
    again and again."""
    folded, places = folded_places(text)
    return tuple(
        sorted(
            (
                # one character as written may hold several terms: ㏘
                Term(term.text, places[term.start], places[term.end - 1] + 1)
                for term in (*folded_terms(folded), *(Term(*number) for number in numbers(folded)))
                if term.text not in _FUNCTION_STEMS
            ),
            key=lambda term: (term.start, term.end),
        )
    )


# --- lists that leave the house ------------------------------------------------------------------

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # a spreadsheet runs what begins with one


def csv_of(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A list as CSV: UTF-8 with its mark, as Excel reads Chinese, and no text in it is a formula (OWASP)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([_harmless(cell) for cell in row] for row in (header, *rows))
    return out.getvalue().encode("utf-8-sig", "replace")


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.lstrip(" \u3000").startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell
