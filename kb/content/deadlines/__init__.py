"""Deadlines as an article states them, and the days they fall on: "delivered on … → returnable until …".

A deadline is a length of time in the article's own words ("within 7 days of delivery", 签收后 7 天内), what it
is counted from where the article says so, and what it is for where it stands in a table. Only what more than
some length of time would mean ("over 48 h", 超过 15 天) is no deadline. Days are counted on the site's calendar.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kb.content.articles import Article, Span, plain
from kb.content.body import Table, paragraphs, sentences, tables
from kb.content.deadlines.anchors import anchor_beside, anchor_in, is_bound
from kb.content.deadlines.durations import durations
from kb.content.site import Site
from kb.content.walk import answer_column


@dataclass(frozen=True)
class Deadline:
    """A length of time that an article gives for something.

    text:   as written, `source[span]`
    anchor: what it is counted from, as written, '' where the article does not say
    event:  the same as one of `anchors.EVENTS`, '' with no anchor
    label:  what it is for, plain text, '' outside of tables: the first cell of its row; of a case, its Then
    column: the header over it, plain text
    named:  whether the table says that this is a time for something: a column "Time", a row "Warranty"
    around: the sentence or cell that it stands in
    """

    text: str
    span: Span
    low: int
    high: int
    unit: str
    anchor: str
    event: str
    label: str
    column: str
    named: bool
    around: Span


_TIME = re.compile(
    r"\b(?:times?|warranty|guarantee|term|deadline|until|within|how long|period|validity|duration|due|every|when)\b"
    r"|时间|多久|多长|期限|保修|时效|有效期|几天|哪天",
    re.IGNORECASE,
)
MOST_AROUND = 200  # characters of its sentence on either side in which a length of time finds its anchor


@dataclass(frozen=True)
class _Place:
    """Where lengths of time may stand, with what the table around it says."""

    span: Span
    label: str = ""
    column: str = ""
    named: bool = False


def deadlines(article: Article) -> tuple[Deadline, ...]:
    """Every length of time that an article gives for something, in order; what must never be said is left out."""
    found = [one for place in _places(article) for one in _deadlines(article, place)]
    return tuple(sorted(found, key=lambda one: one.span.start))


def countable(article: Article) -> tuple[Deadline, ...]:
    """The deadlines whose days can be told to a caller: it is said from when they count or what they are for.
    Of those that say the same the first."""
    kept: dict[tuple[object, ...], Deadline] = {}
    for one in deadlines(article):
        if one.anchor or (one.named and one.unit != "hours"):  # a charging time is no deadline
            kept.setdefault((one.low, one.high, one.unit, one.event, one.label, one.column), one)
    return tuple(kept.values())


def _places(article: Article) -> Iterator[_Place]:
    found = {table.span: table for table in tables(article)}
    for span, block in paragraphs(article):
        if block == "never":
            continue
        if span in found:
            yield from _cells(found[span])
        else:
            yield from (_Place(sentence) for sentence in sentences(article.source, span))


def _cells(table: Table) -> Iterator[_Place]:
    answer = answer_column(table)
    for row in table.rows:
        label = plain(row[answer or 0].text)
        for i, (head, cell) in enumerate(zip(table.header, row, strict=True)):
            column = plain(head.text)
            named = bool(i and answer is None and _TIME.search(f"{label}\n{column}"))
            yield _Place(cell.span, "" if i == (answer or 0) else label, column, named)


def _deadlines(article: Article, place: _Place) -> Iterator[Deadline]:
    start = place.span.start
    text = re.sub(r"[*_`\n\r]", " ", article.source[start : place.span.end])
    found = durations(text)
    for i, one in enumerate(found):
        before = text[max(0, one.span.start - MOST_AROUND) : one.span.start]
        after = text[one.span.end : one.span.end + MOST_AROUND]
        if not is_bound(before, after):
            continue
        following = found[i + 1].span.start - one.span.end if i + 1 < len(found) else len(after)
        anchor, event = anchor_beside(before, after, following)
        if not anchor:
            anchor, event = anchor_in(place.column)
        span = Span(start + one.span.start, start + one.span.end)
        yield Deadline(
            text=article.source[span.start : span.end],
            span=span,
            low=one.low,
            high=one.high,
            unit=one.unit,
            anchor=anchor,
            event=event,
            label=place.label,
            column=place.column,
            named=place.named,
            around=place.span,
        )


# --- days ----------------------------------------------------------------------------------------


def due(deadline: Deadline, start: date | datetime, site: Site) -> tuple[date, date]:
    """The site's days on which a deadline's shorter and longer length end, counted from `start`.

    The day of `start` is day 0. Hours are counted from a moment (without a zone: in site time); from a day, whose
    hour is not known, from its first moment for the first day and from its last for the last. A month that has no
    such day ends on its last one. What would come after the year 9999 is its last day.
    """
    moment = _in_site_time(start, site) if isinstance(start, datetime) else None
    day = moment.date() if moment else start
    if deadline.unit == "hours":
        if moment:
            return _hours_on(moment, deadline.low), _hours_on(moment, deadline.high)
        return _days_on(day, deadline.low // 24), _days_on(day, -(-deadline.high // 24))
    first, last = (_on(day, amount, deadline.unit, site) for amount in (deadline.low, deadline.high))
    return first, last


def _in_site_time(moment: datetime, site: Site) -> datetime:
    return moment.astimezone(site.zone) if moment.tzinfo else moment.replace(tzinfo=site.zone)


def _hours_on(moment: datetime, hours: int) -> date:
    try:
        # through UTC: an hour in which clocks change is one hour too
        return (moment.astimezone(UTC) + timedelta(hours=hours)).astimezone(moment.tzinfo).date()
    except OverflowError:
        return date.max


def _on(day: date, amount: int, unit: str, site: Site) -> date:
    if unit == "working_days":
        return _working_days_on(day, amount, site)
    if unit == "days":
        return _days_on(day, amount)
    return _months_on(day, amount * (12 if unit == "years" else 1))


def _days_on(day: date, days: int) -> date:
    return day + timedelta(min(days, (date.max - day).days))


def _working_days_on(day: date, days: int, site: Site) -> date:
    while days and day < date.max:
        day = _days_on(day, 1)
        days -= site.works_on(day)
    return day


def _months_on(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
