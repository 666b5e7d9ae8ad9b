"""Numbers in words, in Chinese and English: 两百, two hundred and 200 are one number."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ONES = dict(
    zip(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split(),
        range(1, 20),
        strict=True,
    )
)
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_SIZES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_WORD = "|".join([*_ONES, *_TENS, *_SIZES])
_ENGLISH = re.compile(
    rf"(?<![a-z0-9])(?:an? (?=hundred|thousand|million))?(?:{_WORD})(?:(?: and |[ \-])(?:{_WORD})){{0,9}}(?![a-z0-9])"
)

_DIGITS = {
    char: value
    for value, chars in enumerate(("零〇", "一", "二两", "三", "四", "五", "六", "七", "八", "九"))
    for char in chars
}
_UNITS = {"十": 10, "百": 100, "千": 1_000}
_DIGIT = "".join(_DIGITS)
_CHINESE = re.compile(
    rf"(?:[{_DIGIT}](?=[十百千万])|十)[{_DIGIT}十百千万]{{1,11}}|十(?=[天日元块年周个月次号])|[二两三四五六七八九](?=[天日元块年周个次号]|小时|分钟)"
)
_GROUPED = re.compile(r"(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")


def numbers(folded: str) -> Iterator[tuple[str, int, int]]:
    """The whole numbers that a folded text has in words or with commas: in digits, and `[start, end)` in the text.

    Not `one` and 一, which are hardly ever meant as a number."""
    for match in _ENGLISH.finditer(folded):
        value = _of_english(match.group())
        if value > 1:
            yield str(value), match.start(), match.end()
    for match in _CHINESE.finditer(folded):
        yield str(_of_chinese(match.group())), match.start(), match.end()
    for match in _GROUPED.finditer(folded):
        yield match.group().replace(",", ""), match.start(), match.end()


def _of_english(words: str) -> int:
    total = part = 0
    for word in re.findall("[a-z]+", words):
        if word in _SIZES and _SIZES[word] > 100:
            total, part = total + max(part, 1) * _SIZES[word], 0
        elif word in _SIZES:
            part = max(part, 1) * 100
        else:
            part += _ONES.get(word, 0) + _TENS.get(word, 0)
    return total + part


def _of_chinese(run: str) -> int:
    """两千零五十 → 2050; 三百五 → 350: a last digit after a unit counts a tenth of it."""
    head, myriad, tail = run.rpartition("万")
    if myriad and head:
        return _of_chinese(head) * 10_000 + (_of_chinese(tail) if tail else 0)
    total, digit, unit = 0, 0, 1
    for i, char in enumerate(run):
        if char in _UNITS:
            unit = _UNITS[char]
            total, digit = total + (digit or (1 if not total or char == "十" else 0)) * unit, 0
        elif char in _DIGITS:
            digit = _DIGITS[char]
            if not digit:
                unit = 1
            if digit and i == len(run) - 1:
                total += digit * (unit // 10 if unit > 10 else 1)
                digit = 0
    return total + digit
