"""Lengths of time in a text, English and Chinese: "3–5 working days", 两年."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kb.content.articles import Span

UNITS = ("hours", "days", "working_days", "months", "years")


@dataclass(frozen=True)
class Duration:
    """A length of time in a text: from `low` to `high` (the same where only one is said) of one of `UNITS`;
    `span` is where. A week is seven days."""

    low: int
    high: int
    unit: str
    span: Span


_EN_NUMBERS = dict(
    zip("one two three four five six seven eight nine ten eleven twelve".split(), range(1, 13), strict=True)
) | {"fifteen": 15, "twenty": 20, "thirty": 30, "sixty": 60, "ninety": 90}
_ZH_DIGITS = dict(zip("一二三四五六七八九", range(1, 10), strict=True)) | {"两": 2}

_EN_NUMBER = rf"\d{{1,3}}|{'|'.join(_EN_NUMBERS)}"
_ZH_NUMBER = r"\d{1,3}|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九]"
_EN = re.compile(
    rf"(?<![\w.,/¥$–-])(?<!\d:)"
    rf"(?:(?P<low>{_EN_NUMBER})(?:\s?(?:-|–|—|~|to)\s?(?P<high>{_EN_NUMBER}))?|(?<=within )an?)"
    r"(?:\s?-\s?|\s*)(?:full |calendar )?"
    r"(?P<unit>(?:working|business|work)[ -]days?|hours?|hrs?|h|days?|weeks?|months?|years?)(?![\w'’])",
    re.IGNORECASE,
)
_EN_DAY = re.compile(r"\b(?:(?:up to|until|by) day|day 1\s?[-–—])\s?(?P<only>\d{1,3})\b(?P<unit>)", re.IGNORECASE)
_ZH = re.compile(
    r"(?<![\d.,/¥一二两三四五六七八九十百千每几哪那某这])(?<!\d[:：])(?<!最后)"
    rf"(?:(?P<low>{_ZH_NUMBER})\s?(?:-|–|—|~|～|到|至)\s?(?P<high>{_ZH_NUMBER})"
    rf"|(?<!第)(?<!第 )(?P<only>{_ZH_NUMBER})|(?<![上下前后])(?P<half>半))\s?"
    r"(?P<unit>个?工作日|个?自然日|个?小时|个?钟头|个?星期(?![一二三四五六日天])|(?<=[\d 两])周"
    r"|周(?=之?内|以内|左右|时间)|个月|天|年(?!\s?\d)|日(?=之?内|以内))(?!的费用)"
)
_UNIT = (  # how a unit is written, what it is, how many of them
    (re.compile(r"(?:working|business|work)[ -]days?|个?工作日"), "working_days", 1),
    (re.compile(r"h(?:ours?|rs?)?|个?小时|个?钟头"), "hours", 1),
    (re.compile(r"weeks?|个?星期|周"), "days", 7),
    (re.compile(r"days?|天|日|个?自然日|"), "days", 1),  # nothing: "up to day 15"
    (re.compile(r"months?|个月"), "months", 1),
    (re.compile(r"years?|年"), "years", 1),
)
_HALVES = {"years": (6, "months"), "months": (15, "days")}


def durations(text: str) -> tuple[Duration, ...]:
    """Every length of time in a text, English and Chinese, in order."""
    found = [one for pattern in (_EN, _EN_DAY, _ZH) for match in pattern.finditer(text) if (one := _duration(match))]
    return tuple(sorted(found, key=lambda one: one.span.start))


def _duration(match: re.Match[str]) -> Duration | None:
    said = match.groupdict()
    written = match["unit"].lower()
    unit, times = next((unit, times) for pattern, unit, times in _UNIT if pattern.fullmatch(written))
    span = Span(*match.span())
    if said.get("half"):
        amount, unit = _HALVES.get(unit, (0, unit))
        return Duration(amount, amount, unit, span) if amount else None
    low = _number(said.get("low") or said.get("only") or "1") * times
    high = _number(said["high"]) * times if said.get("high") else low
    return Duration(low, high, unit, span) if low <= high else None


def _number(written: str) -> int:
    if written.isdecimal():
        return int(written)
    if written.lower() in _EN_NUMBERS:
        return _EN_NUMBERS[written.lower()]
    tens, ten, ones = written.rpartition("十")
    return (10 * _ZH_DIGITS.get(tens, 1) if ten else 0) + _ZH_DIGITS.get(ones, 0)
