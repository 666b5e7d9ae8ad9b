"""Amounts, times, dates, measures in a text, each as a number of a unit: 五十元, ¥50 and 50 yuan are one value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kb import text
from kb.content.articles import Span
from kb.content.deadlines.durations import durations
from kb.numerals import numbers

KINDS = ("money", "time", "date", "clock", "weekdays", "percent", "measure", "number")


@dataclass(frozen=True)
class Value:
    """One value as written: from `low` to `high` (the same where only one is said) of a unit; `span` is where.

    kind: one of `KINDS`
    unit: of money ISO 4217; of time `minutes` (up to days), `working_days` or `months`; of a measure its SI name
    A date is the number YYYYMMDD, with year 0 where none is said; a clock's time is in minutes; weekdays are 1–7.
    """

    kind: str
    unit: str
    low: float
    high: float
    text: str
    span: Span


def agree(one: Value, other: Value) -> bool:
    """Whether two values of a kind say the same: 24 hours and a day, a month and 30 days, a date without its year,
    3–5 days and within 5."""
    if one.kind == "date":
        return _same_day(one.low, other.low) and _same_day(one.high, other.high)
    if one.unit == other.unit:
        return one.high == other.high and (one.low == other.low or other.high in (one.low, other.low))
    if {one.unit, other.unit} != {"minutes", "months"}:
        return False
    months, minutes = (one, other) if one.unit == "months" else (other, one)
    return all(28 * a <= b / (24 * 60) <= 31 * a for a, b in ((months.low, minutes.low), (months.high, minutes.high)))


def _same_day(one: float, other: float) -> bool:
    years = min(one, other) // 10_000
    return one == other if years else one % 10_000 == other % 10_000


def values(written: str) -> tuple[Value, ...]:
    """Every value in a text, in order, none inside another; `span` is in `written`."""
    read, places = _in_digits(written)
    found: list[tuple[int, int, Value]] = []
    taken = bytearray(len(read))
    for start, end, kind, unit, low, high in _read(read, written, places):
        if not any(taken[start:end]) and low <= high:
            taken[start:end] = b"\1" * (end - start)
            span = Span(places[start], places[end - 1] + 1)
            found.append((start, end, Value(kind, unit, low, high, written[span.start : span.end], span)))
    return tuple(value for _, _, value in sorted(found, key=lambda one: one[0]))


def _in_digits(written: str) -> tuple[str, list[int]]:
    """The folded text with its numbers in digits, and for each character the place in `written` it came from."""
    folded, places = text.folded_places(written)
    folded = "".join("，" if written[place] == "，" else char for char, place in zip(folded, places, strict=True))
    parts: list[str] = []
    origin: list[int] = []
    at = 0
    for number, start, end in sorted(numbers(folded), key=lambda one: one[1]):
        if start < at:
            continue
        parts += [folded[at:start], number]
        origin += places[at:start]
        # the first digit stands where the number begins, the last one where it ends
        origin += [places[start]] * (len(number) - 1) + [places[end - 1]]
        at = end
    return "".join([*parts, folded[at:]]), origin + places[at:]


# --- how values are written ----------------------------------------------------------------------

_Found = tuple[int, int, str, str, float, float]  # start, end, kind, unit, low, high
_Units = tuple[tuple[str, str, float], ...]  # how it is written, what it is, how many of it

_SIGNS: _Units = (
    (r"¥|(?<![a-z])(?:rmb|cny)|人民币", "CNY", 1),
    (r"\$|(?<![a-z])usd", "USD", 1),
    (r"€|(?<![a-z])eur", "EUR", 1),
    (r"£|(?<![a-z])gbp", "GBP", 1),
)
_CURRENCIES: _Units = (
    (r"元(?![器件素旦])|块钱|块(?=[\W的以左多]|\Z)|yuan\b|rmb\b|cny\b", "CNY", 1),
    (r"美元|dollars?\b|usd\b", "USD", 1),
    (r"欧元|euros?\b", "EUR", 1),
    (r"英镑|pounds?\b", "GBP", 1),
)
_SHORT: _Units = (
    (r"minutes?\b|mins?\b|分钟", "minutes", 1),
    (r"seconds?\b|secs?\b|(?<=\d )s\b|秒", "minutes", 1 / 60),
)
_MEASURES: _Units = (
    (r"m2\b|square met(?:re|er)s?\b|平方米|平米|平方(?!公里)", "m2", 1),
    (r"mm\b|millimet(?:re|er)s?\b|毫米", "m", 0.001),
    (r"cm\b|centimet(?:re|er)s?\b|厘米|公分", "m", 0.01),
    (r"km\b|kilomet(?:re|er)s?\b|公里|千米", "m", 1_000),
    (r"met(?:re|er)s?\b|米(?![饭粉线黄])", "m", 1),
    (r"kg\b|kilos?\b|kilograms?\b|公斤|千克", "kg", 1),
    (r"ml\b|millilit(?:re|er)s?\b|毫升", "l", 0.001),
    (r"l\b|lit(?:re|er)s?\b|升(?!级)", "l", 1),
    (r"kw\b|千瓦(?!时)", "w", 1_000),
    (r"w\b|watts?\b|瓦(?!时)", "w", 1),
    (r"gbps\b", "mbps", 1_000),
    (r"mbps\b|兆", "mbps", 1),
    (r"ghz\b", "hz", 1e9),
    (r"mhz\b", "hz", 1e6),
    (r"°c|摄氏度|degrees celsius\b|度(?![电数])", "°c", 1),
    (r"mah\b|毫安", "mah", 1),
    (r"db\b|分贝", "db", 1),
    (r"pa\b|帕", "pa", 1),
    (r"m\b", "m", 1),
)


def _units(units: _Units) -> str:
    """A pattern of any of these units, each a group by its place."""
    return "(?:" + "|".join(f"(?P<u{at}>{way})" for at, (way, _, _) in enumerate(units)) + ")"


_N = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_TO = r"\s?(?:-|–|—|~|to|到|至)\s?"
_RANGE = rf"(?<![a-z0-9.,:/¥$€£–-])(?P<low>{_N})(?:{_TO}(?P<high>{_N}))?"
_WAN = r"(?P<wan>\s?万)?"

_AMOUNTS: tuple[tuple[str, re.Pattern[str], _Units], ...] = (
    ("money", re.compile(rf"{_units(_SIGNS)}\s?(?P<low>{_N})(?:{_TO}[¥$€£]?\s?(?P<high>{_N}))?{_WAN}"), _SIGNS),
    ("money", re.compile(rf"{_RANGE}{_WAN}\s?{_units(_CURRENCIES)}"), _CURRENCIES),
    ("time", re.compile(rf"{_RANGE}[\s-]?{_units(_SHORT)}"), _SHORT),
    ("measure", re.compile(rf"{_RANGE}\s?{_units(_MEASURES)}"), _MEASURES),
)
_HALF_HOUR = re.compile(r"(?<!\d)(?<!\d个)半个?(?:小时|钟头)|\bhalf(?: an |-| )hour\b")
_PERCENT = re.compile(rf"{_RANGE}\s?(?:%|percent\b|per cent\b)")
_SHARE = re.compile(rf"百分之\s?(?:(?P<low>{_N})|(?P<han>[一二三四五六七八九]))")

_MONTHS = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_MONTH = (
    r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?(?![a-z])\.?"
)
_DATES = (
    re.compile(r"(?<!\d)(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?!\d)"),
    re.compile(r"(?:(?P<year>\d{4})\s?年\s?)?(?<!\d)(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?[日号]"),
    re.compile(rf"(?<![\w.])(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s(?P<year>\d{{4}}))?"),
    re.compile(rf"(?<![a-z]){_MONTH}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?\s(?P<year>\d{{4}})(?!\d))?"),
)
_HOUR = r"(?:[01]?\d|2[0-4]):[0-5]\d"
_CLOCK = re.compile(rf"(?<![\d:])(?P<low>{_HOUR})(?:(?:{_TO}|\sand\s)(?P<high>{_HOUR}))?(?!\d|:\d)")
_HALF_DAYS = (
    re.compile(r"(?<![\d:.])(?P<hour>\d{1,2})(?::(?P<minute>[0-5]\d))?\s?(?P<half>[ap])\.?m\b"),
    re.compile(
        r"(?P<half>早上|上午|中午|下午|晚上)\s?(?P<hour>\d{1,2})\s?[点时](?:(?P<minute>\d\d)\s?分|(?P<thirty>半))?"
    ),
)
_AFTERNOON = ("p", "下午", "晚上")
_DAYS = {name: n for n, name in enumerate("mon tue wed thu fri sat sun".split(), 1)} | {
    char: n for n, char in enumerate("一二三四五六日", 1)
}
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)(?:s|rs|nes|ur)?(?:day)?s?"
_WEEKDAYS = (
    re.compile(rf"\b(?P<low>{_DAY})(?:\s?[-–]\s?|\sto\s)(?P<high>{_DAY})\b"),
    re.compile(r"(?:周|星期)(?P<low>[一二三四五六日])\s?[到至\-–~]\s?(?:周|星期)?(?P<high>[一二三四五六日])"),
)
_EVERY_DAY = re.compile(r"\bdaily\b|\bevery day\b|每天")
_NUMBER = re.compile(r"(?<![a-z0-9.,:/¥$€£#–-])\d+(?![a-z0-9%]|[.,:/–-]\d)")


def _read(read: str, written: str, places: Sequence[int]) -> Iterator[_Found]:
    """Whatever a text holds in each way of writing, the surer ones first."""
    for date in _dates(read):
        if not written[places[date[0]] : places[date[1] - 1] + 1].islower():  # "10 May", not "10 may be"
            yield date
    yield from _clocks(read)
    yield from ((*one.span(), "time", "minutes", 30, 30) for one in _HALF_HOUR.finditer(read))
    for kind, pattern, units in _AMOUNTS[:3]:
        yield from _of_unit(kind, pattern, units, read)
    yield from _times(read)
    yield from _weekdays(read)
    yield from _shares(read)
    for start, end, kind, unit, low, high in _of_unit(*_AMOUNTS[3], read):
        line = written[places[end - 1]] == "M"  # 300M of a line, 3 m of a cable
        yield start, end, kind, "mbps" if line else unit, low, high
    for one in _NUMBER.finditer(read):
        if written[places[one.start()]].isdecimal():
            yield *one.span(), "number", "", float(one[0]), float(one[0])


def _of_unit(kind: str, pattern: re.Pattern[str], units: _Units, read: str) -> Iterator[_Found]:
    for one in pattern.finditer(read):
        said = one.groupdict()
        _, unit, times = next(of for at, of in enumerate(units) if said[f"u{at}"])
        times *= 10_000 if said.get("wan") else 1
        low, high = (round(float(end.replace(",", "")) * times, 6) for end in _ends(one))
        yield *one.span(), kind, unit, low, high


def _ends(one: re.Match[str]) -> tuple[str, str]:
    return one["low"], one["high"] or one["low"]


def _times(read: str) -> Iterator[_Found]:
    """Hours and days as minutes, years as months."""
    sizes = {"hours": ("minutes", 60), "days": ("minutes", 24 * 60), "years": ("months", 12)}
    for one in durations(read):
        unit, times = sizes.get(one.unit, (one.unit, 1))
        yield one.span.start, one.span.end, "time", unit, one.low * times, one.high * times


def _dates(read: str) -> Iterator[_Found]:
    for pattern in _DATES:
        for one in pattern.finditer(read):
            month, day = _MONTHS.get(one["month"]) or int(one["month"]), int(one["day"])
            if 1 <= month <= 12 and 1 <= day <= 31:
                number = 10_000 * int(one["year"] or 0) + 100 * month + day
                yield *one.span(), "date", "", number, number


def _clocks(read: str) -> Iterator[_Found]:
    for one in _CLOCK.finditer(read):
        low, high = (60 * int(end[:-3]) + int(end[-2:]) for end in _ends(one))
        yield *one.span(), "clock", "", low, high
    for pattern in _HALF_DAYS:
        for one in pattern.finditer(read):
            said = one.groupdict()
            hour = int(one["hour"]) % 12 + (12 if one["half"] in _AFTERNOON or one["half"] == "中午" else 0)
            minutes = 60 * hour + (30 if said.get("thirty") else int(one["minute"] or 0))
            yield *one.span(), "clock", "", minutes, minutes


def _weekdays(read: str) -> Iterator[_Found]:
    for pattern in _WEEKDAYS:
        for one in pattern.finditer(read):
            yield *one.span(), "weekdays", "", _DAYS[one["low"][:3]], _DAYS[one["high"][:3]]
    yield from ((*one.span(), "weekdays", "", 1, 7) for one in _EVERY_DAY.finditer(read))


def _shares(read: str) -> Iterator[_Found]:
    for one in _PERCENT.finditer(read):
        yield *one.span(), "percent", "%", float(one["low"]), float(one["high"] or one["low"])
    for one in _SHARE.finditer(read):
        share = float(one["low"] or _DAYS.get(one["han"]) or "一二三四五六七八九".index(one["han"]) + 1)
        yield *one.span(), "percent", "%", share, share
