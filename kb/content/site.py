"""The site's own facts, `articles/_site.toml`: name, time zone, opening hours, calendar, departments, slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kb import toml
from kb.errors import ArticleError

FILE = "_site.toml"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SATURDAY = DAYS.index("sat")
LONGEST_HOLIDAY = 31  # days; longer is a slip of the pen, and no working day would ever come


@dataclass(frozen=True)
class Hours:
    """Opening hours of one week: for each of `DAYS` a (from, to) in site time, or None for closed.

    `to` = 00:00 means the end of the day.
    """

    days: tuple[tuple[time, time] | None, ...]

    def open_at(self, local: datetime) -> bool:
        """Whether it is open at a moment given in site time."""
        today = self.days[local.weekday()]
        return today is not None and today[0] <= local.time() and (today[1] == time(0) or local.time() < today[1])


@dataclass(frozen=True)
class Department:
    """Where a call can be handed to. `key` is what `::: escalate key` names."""

    key: str
    name_en: str
    name_zh: str
    hours: Hours


UTC = ZoneInfo("UTC")
ALWAYS = Hours(((time(0), time(0)),) * 7)


@dataclass(frozen=True)
class Site:
    """One site. `slots` are the names a say-line may leave open, with what to ask for, by language.

    holidays: days from Monday to Friday, or any other, that are no working days
    workdays: Saturdays and Sundays that are
    """

    name_en: str = "Firstcall"
    name_zh: str = "Firstcall"
    zone: ZoneInfo = UTC
    hours: Hours = ALWAYS
    departments: Mapping[str, Department] | None = None
    slots: Mapping[str, Mapping[str, str]] | None = None
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def today(self, at: datetime) -> date:
        """The site's calendar day at an aware moment."""
        return at.astimezone(self.zone).date()

    def works_on(self, day: date) -> bool:
        """Whether a day is a working day: Monday to Friday, no holiday, or a weekend day that makes up for one."""
        return day in self.workdays or (day.weekday() < SATURDAY and day not in self.holidays)

    def has_calendar(self, year: int) -> bool:
        """Whether the holidays of a year are known. Where they are not, only weekends are taken out."""
        return any(day.year == year for day in self.holidays)


def load(folder: Path) -> Site:
    """The site of an articles folder; UTC and always open where there is no file.

    Raises ArticleError (file, line) when the file is not what it should be.
    """
    path = folder / FILE
    if not path.exists():
        return Site()
    try:
        tree = toml.tree(path.read_bytes())
        holidays, workdays = _calendar(tree.get("calendar", {}))
        departments = {key: _department(key, facts) for key, facts in tree.get("departments", {}).items()}
        return Site(
            name_en=tree["name"]["en"],
            name_zh=tree["name"]["zh"],
            zone=ZoneInfo(tree["time_zone"]),
            hours=hours_of(tree["hours"]),
            departments=departments,
            slots={slot: dict(labels) for slot, labels in tree.get("slots", {}).items()},
            holidays=holidays,
            workdays=workdays,
        )
    except (OSError, KeyError, AttributeError, TypeError, ValueError, ZoneInfoNotFoundError) as error:
        raise ArticleError("site_broken", file=FILE, line=1, problem=str(error)) from error


def _department(key: str, facts: Mapping[str, object]) -> Department:
    return Department(key, str(facts["en"]), str(facts["zh"]), hours_of(facts["hours"]))


def hours_of(spans: object) -> Hours:
    """`{ mon-fri = "09:00-18:00", sat = "09:00-12:00" }`; a day not named is closed. Raises TypeError, ValueError."""
    if not isinstance(spans, dict):
        raise TypeError("hours")
    week: list[tuple[time, time] | None] = [None] * 7
    for names, span in spans.items():
        first, _, last = str(names).partition("-")
        opens, _, closes = str(span).partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        if start > end or time(0) != _time(closes) <= _time(opens):  # it would be closed, and nobody told
            raise ValueError(f"hours: {names} = {span}")
        for day in range(start, end + 1):
            week[day] = (_time(opens), _time(closes))
    return Hours(tuple(week))


def _calendar(facts: Mapping[str, object]) -> tuple[frozenset[date], frozenset[date]]:
    """Holidays and the weekend days worked for them."""
    unknown = set(facts) - {"holidays", "working"}
    if unknown:
        raise ValueError(f"calendar: {', '.join(sorted(unknown))}")
    holidays, working = (_days(facts.get(name, [])) for name in ("holidays", "working"))
    if both := holidays & working:
        raise ValueError(f"calendar: {min(both)} is a holiday and a working day")
    return holidays, working


def _days(spans: object) -> frozenset[date]:
    """`["2026-01-01", "2026-02-15/2026-02-23"]`: days and spans of days, both ends included."""
    if not isinstance(spans, list):
        raise TypeError("calendar")
    days: set[date] = set()
    for span in spans:
        first, _, last = str(span).partition("/")
        start, end = date.fromisoformat(first), date.fromisoformat(last or first)
        if not 0 <= (end - start).days < LONGEST_HOLIDAY:
            raise ValueError(f"calendar: {span}")
        days.update(start + timedelta(n) for n in range((end - start).days + 1))
    return frozenset(days)


def _time(text: str) -> time:
    return time(0) if text == "24:00" else time.fromisoformat(text)
