"""Digits as callers say and agents type them: `138 0013 8000`, `一三八…`, `one three eight, double oh …`.

An *atom* is what is written in one piece; a *chain* is atoms that may be one number read in groups.
Dates, amounts and network addresses are no part of a chain. Every pattern here is a plain run or
possessive: none can go back.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HAN_DIGITS = {char: str(value) for char, value in zip("零一二三四五六七八九", range(10), strict=True)}
_HAN_DIGITS |= {char: str(value) for char, value in zip("壹贰叁肆伍陆柒捌玖", range(1, 10), strict=True)}
_HAN_DIGITS |= {"〇": "0", "幺": "1", "两": "2"}
_UNITS = {word: str(value) for value, word in enumerate("zero one two three four five six seven eight nine".split())}
_UNITS |= {"oh": "0", "o": "0", "nought": "0", "naught": "0"}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = (
    _UNITS | {word: str(v) for v, word in enumerate(_TEENS, 10)} | {word: str(v) for v, word in enumerate(_TENS, 2)}
)
_TIMES = {"double": 2, "triple": 3, "treble": 3}

_UNIT, _TEN, _TWICE = "|".join(_UNITS), "|".join(_TENS), "|".join(_TIMES)
_ONE_TO_NINE = "|".join(word for word, value in _UNITS.items() if value != "0")
_ROUND = {"hundred": "00", "thousand": "000"}
_TOKEN = re.compile(
    rf"(?P<num>[0-9]+)|(?P<han>[{''.join(_HAN_DIGITS)}]+)|(?<![a-z0-9'’])(?P<word>"
    rf"(?:{_TWICE})[ -](?:{_UNIT})|(?:{_TEN})(?:[ -](?:{_ONE_TO_NINE}))?|{'|'.join(_TEENS)}"
    rf"|(?:{_UNIT}) hundred(?: and)? (?:(?:{_TEN})(?:[ -](?:{_ONE_TO_NINE}))?|{'|'.join(_TEENS)})"
    rf"|(?:{_UNIT})(?: (?:hundred|thousand))?)(?![a-z0-9'’])"
)
# What is said between the groups of one number.
_FILLER = re.compile(
    r"(?:[\s,、.。;…]*+(?:and then|then|and|um+|uh+|er+|dash|hyphen|space|dot|point|followed by|after that|next|"
    r"然后|接着|后面|后边|再|最后|中间|嗯+|呃+|额+|那个|横杠|杠|空格|点|减|四位|三位|呢|是)(?![a-z]))++[\s,、.。;…]*+"
)
_FILLER_REACH = 24
_MARKS = frozenset("-‐‑‒–—―−.·•,、()_\u20e3")
_DASHES = frozenset("-‐‑‒–—―−_")

_YEAR, _MONTH, _DAY = "(?:19|20)[0-9]{2}", "(?:0?[1-9]|1[0-2])", "(?:3[01]|[12][0-9]|0?[1-9])"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_NOT_A_NUMBER = re.compile(
    "(?=[0-9])(?:"
    + "|".join(
        (
            rf"(?<![0-9.\-/]){_YEAR}[-/.年]{_MONTH}[-/.月]{_DAY}(?![0-9]|[-/.][0-9])日?",
            rf"(?<![0-9.\-/]){_DAY}[-/.]{_DAY}[-/.]{_YEAR}(?![0-9]|[-/.][0-9])",
            r"(?<![0-9:])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9:])",  # a time
            rf"(?<![0-9.])(?:{_BYTE}\.){{3}}{_BYTE}(?![0-9]|\.[0-9])",  # an IP address
            r"(?<![0-9a-f:-])[0-9]{2}(?:-[0-9]{2}){5}(?![0-9a-f-])",  # a MAC address
            r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})++(?:\.[0-9]{1,2})?(?![0-9]|,[0-9])",  # 1,299.00
            r"(?:(?<=[¥$€£])|(?<=[¥$€£] )|(?<=rmb|usd)|(?<=rmb |usd )|(?<=人民币))[0-9]++(?:\.[0-9]{1,2}(?![0-9]))?",
        )
    )
    + ")"
)
# Words that may touch digits and leave them a number: every other letter makes a code of them.
_PLAIN = frozenset(
    "tel telephone phone mobile mob cell call fax ph no num number is on at to id card visa amex mastercard unionpay "
    "cvv cvc cvn csc wechat wx vx whatsapp contact text dash and or ext please thanks the for with from by my".split()
)
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")


class Atom(NamedTuple):
    """Digits written in one piece, `[start, end)` in the folded text. `code`: letters touch it, as in LH-R3000."""

    digits: str
    start: int
    end: int
    code: bool
    spoken: bool


class Chain:
    """Atoms that may belong to one number, with what stands between them (`gaps[i]` follows `atoms[i]`).

    A gap is `space`, `dash`, `dot`, `comma`, `bracket`, `filler` or '' where two atoms touch.
    """

    def __init__(self, atoms: Sequence[Atom], gaps: Sequence[str]) -> None:
        self.atoms = atoms
        self.gaps = gaps
        self.digits = "".join(atom.digits for atom in atoms)
        self.offsets = [0]
        for atom in atoms:
            self.offsets.append(self.offsets[-1] + len(atom.digits))
        self._ending_at = {offset: place for place, offset in enumerate(self.offsets)}
        self._codes = [place for place, atom in enumerate(atoms) if atom.code]

    def end(self, first: int, length: int) -> int:
        """One past the atom with which `length` digits from atom `first` on are full; 0 where they end inside one."""
        last = self._ending_at.get(self.offsets[first] + length, 0)
        code = bisect_left(self._codes, first)
        return 0 if code < len(self._codes) and self._codes[code] < last else last

    def sizes(self, first: int, last: int) -> tuple[int, ...]:
        """How many digits each group of the atoms `[first, last)` has; atoms that touch are one group."""
        sizes = [len(self.atoms[first].digits)]
        for place in range(first + 1, last):
            size = len(self.atoms[place].digits)
            if self.gaps[place - 1]:
                sizes.append(size)
            else:
                sizes[-1] += size
        return tuple(sizes)

    def read_out(self, first: int, last: int) -> bool:
        """Whether the atoms `[first, last)` are one number read digit by digit or in small groups, with even pauses:
        `1 3 8, 0 0 1 3, …`, `13 80 01 …`, not the ages `55-59, 60-64`."""
        sizes = self.sizes(first, last)
        if self.spoken(first, last):
            return max(sizes) <= 4
        pauses = set(self.gaps[first : last - 1])
        return max(sizes) <= 3 and (max(sizes) == 1 or len(pauses) == 1)

    def spoken(self, first: int, last: int) -> bool:
        """Whether any of the atoms `[first, last)` is in words."""
        return any(atom.spoken for atom in self.atoms[first:last])

    def part(self, first: int, last: int) -> Chain:
        """The chain of the atoms `[first, last)`."""
        return Chain(self.atoms[first:last], self.gaps[first : max(first, last - 1)])


def chains(text: str) -> Iterator[Chain]:
    """Every chain of three digits or more in a folded text, in order."""
    barriers = [match.span() for match in _NOT_A_NUMBER.finditer(text)]
    barrier = 0
    atoms: list[Atom] = []
    gaps: list[str] = []
    for atom in _atoms(text):
        while barrier < len(barriers) and barriers[barrier][1] <= atom.start:
            barrier += 1
        if barrier < len(barriers) and barriers[barrier][0] < atom.end:
            continue  # part of a date, an amount or an address: the gap over it joins nothing
        gap = _gap(text, atoms[-1].end, atom.start) if atoms else None
        if gap is None:
            yield from _closed(text, atoms, gaps)
            atoms, gaps = [], []
        else:
            gaps.append(gap)
        atoms.append(atom)
    yield from _closed(text, atoms, gaps)


def _closed(text: str, atoms: list[Atom], gaps: list[str]) -> Iterator[Chain]:
    if sum(len(atom.digits) for atom in atoms) >= 3:
        yield Chain(_with_codes(text, atoms), gaps)


def _gap(text: str, start: int, end: int) -> str | None:
    """What kind of gap this is inside one number; None where no number goes on over it."""
    if start == end:
        return ""
    between = text[start:end]
    if end - start > _FILLER_REACH or "\n" in between or "\r" in between:
        return None
    marks = between.strip()
    if not marks:
        return "space" if end - start <= 4 else None
    if len(marks) <= 3 and end - start <= 6 and _MARKS.issuperset(marks.replace(" ", "")):
        if "(" in marks or ")" in marks:
            return "bracket"
        first = marks[0]
        return "dash" if first in _DASHES else "comma" if first in ",、" else "dot"
    return "filler" if _FILLER.fullmatch(between) else None


def _atoms(text: str) -> Iterator[Atom]:
    """Every piece of digits, in order."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "num":
            yield Atom(match.group(), match.start(), match.end(), False, False)
        elif match.lastgroup == "han":
            yield from _han(text, match.group(), match.start())
        else:
            yield Atom(_said(match.group()), match.start(), match.end(), False, True)


def _said(words: str) -> str:
    """The digits of an English number as it is read out: `double three` 33, `thirty eight` 38, `eight hundred` 800."""
    first, _, second = words.replace("-", " ").partition(" ")
    if second.startswith("hundred "):
        return _VALUES[first] + _said(second.removeprefix("hundred ").removeprefix("and "))
    if first in _TIMES:
        return _VALUES[second] * _TIMES[first]
    if second in _ROUND:
        return _VALUES[first] + _ROUND[second]
    if first in _TENS:
        return _VALUES[first] + (_VALUES[second] if second else "0")
    return _VALUES[first]


def _han(text: str, run: str, start: int) -> Iterator[Atom]:
    """One atom of Chinese digits; a last 一 that may begin the next word (一直, 一下) is an atom of its own."""
    digits, end = "".join(_HAN_DIGITS[char] for char in run), start + len(run)
    if len(run) > 3 and run[-1] == "一" and "\u4e00" <= text[end : end + 1] <= "\u9fff":
        yield Atom(digits[:-1], start, end - 1, False, True)
        yield Atom("1", end - 1, end, False, True)
    else:
        yield Atom(digits, start, end, False, True)


def _with_codes(text: str, atoms: list[Atom]) -> list[Atom]:
    """The atoms, with those marked that letters touch, and those that a hyphen or dot ties to such a one."""
    codes = [not atom.spoken and _touched(text, atom.start, atom.end) for atom in atoms]
    if not any(codes):
        return atoms
    tied = [_tied(text, one.end, two.start) for one, two in itertools.pairwise(atoms)]
    for place, joined in enumerate(tied):
        codes[place + 1] |= codes[place] and joined
    for place in range(len(tied) - 1, -1, -1):
        codes[place] |= codes[place + 1] and tied[place]
    return [atom._replace(code=code) for atom, code in zip(atoms, codes, strict=True)]


def _tied(text: str, end: int, start: int) -> bool:
    return start - end == 1 and text[end] in "-._"


def _touched(text: str, start: int, end: int) -> bool:
    before = start - 1
    if before > 0 and text[before] in "-_" and text[before - 1] in _LETTERS:
        before -= 1
    if before >= 0 and text[before] in _LETTERS:
        begin = before
        while begin > 0 and before - begin < 12 and text[begin - 1] in _LETTERS:
            begin -= 1
        if text[begin : before + 1] not in _PLAIN:
            return True
    after = text[end : end + 1]
    if after not in _LETTERS:
        return False
    stop = end + 1
    while stop < len(text) and stop - end < 12 and text[stop] in _LETTERS:
        stop += 1
    alone = not text[stop : stop + 1].isdigit()
    return not (alone and (text[end:stop] == "x" or text[end:stop] in _PLAIN))
