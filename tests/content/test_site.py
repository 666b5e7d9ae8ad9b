"""The site: its day, its hours, whether a department is open now."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kb.content.site import ALWAYS, Department, Hours, Site, load
from kb.errors import ArticleError

SITE = """
name = { en = "Lark Home", zh = "云雀家居" }
time_zone = "Asia/Shanghai"
hours = { mon-fri = "09:00-18:00", sat = "10:00-24:00" }

[calendar]
holidays = ["2026-09-25", "2026-10-01/2026-10-03"]
working = [2026-10-10]

[slots]
amount = { en = "amount", zh = "金额" }

[departments]
noc = { en = "Broadband network centre", zh = "宽带网络中心", hours = { mon-sun = "00:00-24:00" } }
quality = { en = "After-sales quality", zh = "售后质检组", hours = { mon-fri = "09:00-18:00" } }
"""
WEEK = Hours((*[(time(9), time(18))] * 5, (time(10), time(0)), None))


def written(folder: Path, text: str) -> Path:
    """An articles folder with this site file."""
    (folder / "_site.toml").write_text(text, "utf-8")
    return folder


def test_a_site_is_read_as_it_is_written(tmp_path: Path) -> None:
    assert load(written(tmp_path, SITE)) == Site(
        name_en="Lark Home",
        name_zh="云雀家居",
        zone=ZoneInfo("Asia/Shanghai"),
        hours=WEEK,
        departments={
            "noc": Department("noc", "Broadband network centre", "宽带网络中心", ALWAYS),
            "quality": Department(
                "quality", "After-sales quality", "售后质检组", Hours((*[(time(9), time(18))] * 5, None, None))
            ),
        },
        slots={"amount": {"en": "amount", "zh": "金额"}},
        holidays=frozenset({date(2026, 9, 25), date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 3)}),
        workdays=frozenset({date(2026, 10, 10)}),
    )


def test_a_folder_without_a_site_is_in_utc_and_always_open(tmp_path: Path) -> None:
    site = load(tmp_path)
    assert site == Site()
    assert (site.zone, site.hours, site.departments, site.slots) == (ZoneInfo("UTC"), ALWAYS, None, None)


def test_calendar_departments_and_slots_may_be_left_out(tmp_path: Path) -> None:
    site = load(written(tmp_path, SITE.split("[calendar]")[0]))
    assert (site.departments, site.slots) == ({}, {})
    assert (site.holidays, site.workdays) == (frozenset(), frozenset())


# 2026-10-01 is a Thursday
@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 9, 24), True),
        (date(2026, 9, 25), False),  # a holiday
        (date(2026, 9, 26), False),  # a Saturday
        (date(2026, 9, 27), False),
        (date(2026, 9, 30), True),
        (date(2026, 10, 1), False),
        (date(2026, 10, 2), False),
        (date(2026, 10, 5), True),
        (date(2026, 10, 10), True),  # a Saturday that is worked
        (date(2026, 10, 11), False),
    ],
)
def test_a_working_day_is_no_weekend_and_no_holiday(tmp_path: Path, day: date, works: bool) -> None:
    assert load(written(tmp_path, SITE)).works_on(day) is works


def test_a_year_without_holidays_has_no_calendar(tmp_path: Path) -> None:
    site = load(written(tmp_path, SITE))
    assert [year for year in range(2024, 2030) if site.has_calendar(year)] == [2026]


def test_the_sample_site_has_the_published_days_of_2026() -> None:
    site = load(Path(__file__).resolve().parent.parent.parent / "articles")
    off = [day for day in site.holidays if day.year == 2026]
    assert len(off) == 3 + 9 + 3 + 5 + 3 + 3 + 7
    assert all(day.weekday() >= 5 for day in site.workdays)
    assert not site.works_on(date(2026, 2, 16))
    assert site.works_on(date(2026, 2, 14))
    assert site.works_on(date(2026, 2, 24))
    assert site.has_calendar(2027)


# 2026-11-16 is a Monday
@pytest.mark.parametrize(
    ("local", "open_now"),
    [
        (datetime(2026, 11, 16, 8, 59, 59), False),
        (datetime(2026, 11, 16, 9, 0), True),
        (datetime(2026, 11, 16, 17, 59, 59, 999999), True),
        (datetime(2026, 11, 16, 18, 0), False),
        (datetime(2026, 11, 20, 12, 0), True),
        (datetime(2026, 11, 21, 9, 59), False),
        (datetime(2026, 11, 21, 23, 59, 59), True),
        (datetime(2026, 11, 22, 0, 0), False),
        (datetime(2026, 11, 22, 12, 0), False),
    ],
)
def test_hours_include_their_first_minute_and_not_their_last(local: datetime, open_now: bool) -> None:
    assert WEEK.open_at(local) is open_now


def test_always_is_every_minute_of_the_week() -> None:
    moments = [
        datetime(2026, 11, day, hour, minute) for day in range(16, 23) for hour in (0, 12, 23) for minute in (0, 59)
    ]
    assert {ALWAYS.open_at(moment) for moment in moments} == {True}


def test_hours_are_kept_in_the_sites_own_time(tmp_path: Path) -> None:
    site = load(written(tmp_path, SITE))
    quality = (site.departments or {})["quality"]
    assert quality.hours.open_at(datetime(2026, 11, 16, 1, 30, tzinfo=UTC).astimezone(site.zone))  # 09:30 in Shanghai
    assert not quality.hours.open_at(datetime(2026, 11, 16, 12, 0, tzinfo=UTC).astimezone(site.zone))  # 20:00


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Asia/Shanghai", datetime(2026, 11, 20, 15, 59, tzinfo=UTC), date(2026, 11, 20)),
        ("Asia/Shanghai", datetime(2026, 11, 20, 16, 0, tzinfo=UTC), date(2026, 11, 21)),
        ("America/New_York", datetime(2026, 11, 21, 4, 59, tzinfo=UTC), date(2026, 11, 20)),
        ("UTC", datetime(2026, 11, 21, 0, 0, tzinfo=ZoneInfo("Asia/Shanghai")), date(2026, 11, 20)),
    ],
)
def test_today_is_the_sites_day(zone: str, at: datetime, day: date) -> None:
    assert Site(zone=ZoneInfo(zone)).today(at) == day


@pytest.mark.parametrize(
    ("spans", "week"),
    [
        ('{ mon-sun = "00:00-24:00" }', [(time(0), time(0))] * 7),
        ('{ sun = "09:30-12:00" }', [None] * 6 + [(time(9, 30), time(12))]),
        (
            '{ mon-wed = "09:00-18:00", wed = "09:00-12:00" }',
            [(time(9), time(18))] * 2 + [(time(9), time(12))] + [None] * 4,
        ),
        ("{}", [None] * 7),
    ],
)
def test_hours_are_written_by_days(tmp_path: Path, spans: str, week: list[object]) -> None:
    text = SITE.replace('hours = { mon-fri = "09:00-18:00", sat = "10:00-24:00" }', f"hours = {spans}")
    assert load(written(tmp_path, text)).hours.days == tuple(week)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = { en = "Lark Home", zh = "云雀家居" }', ""),
        ('name = { en = "Lark Home", zh = "云雀家居" }', 'name = "Lark Home"'),
        ('time_zone = "Asia/Shanghai"', ""),
        ("Asia/Shanghai", "Asia/Peking"),
        ("Asia/Shanghai", "Asia"),
        ("Asia/Shanghai", "../../etc/passwd"),
        ('"Asia/Shanghai"', "8"),
        ('mon-fri = "09:00-18:00", sat', 'mon-fr = "09:00-18:00", sat'),
        ('mon-fri = "09:00-18:00", sat', 'Monday = "09:00-18:00", sat'),
        ('mon-fri = "09:00-18:00", sat', 'fri-mon = "09:00-18:00", sat'),  # would be closed all week
        ("10:00-24:00", "22:00-06:00"),  # would never be open
        ("10:00-24:00", "10:00-10:00"),
        ("10:00-24:00", "10:00"),
        ("10:00-24:00", "9-18"),
        ("10:00-24:00", "10:00-25:00"),
        ('"10:00-24:00"', "10"),
        ('{ mon-fri = "09:00-18:00", sat = "10:00-24:00" }', '"09:00-18:00"'),
        ('{ en = "amount", zh = "金额" }', '"amount"'),
        ("[slots]", "slots = 1\n[other]"),
        ("[departments]", 'departments = "none"\n[other]'),
        (', hours = { mon-sun = "00:00-24:00" }', ""),
        ('zh = "宽带网络中心", ', ""),
        ("[slots]", "[slots"),
        ("2026-10-01/2026-10-03", "2026-10-03/2026-10-01"),
        ("2026-10-01/2026-10-03", "2026-10-01/2062-10-03"),
        ("2026-10-01/2026-10-03", "2026-10-01-2026-10-03"),
        ("2026-10-01/2026-10-03", "1 October"),
        ("[2026-10-10]", "[2026-10-02]"),  # a holiday
        ("[2026-10-10]", "2026-10-10"),
        ("working =", "work ="),
        ("[calendar]", "calendar = 1\n[other]"),
    ],
)
def test_a_site_that_is_not_what_it_should_be_is_told(tmp_path: Path, old: str, new: str) -> None:
    assert SITE.count(old) == 1
    text = SITE.replace(old, new)
    if "[other]" in new:  # a key of the top must stand on the top
        head, _, rest = text.partition(new)
        text = new.split("\n")[0] + "\n" + head + "[other]" + rest
    with pytest.raises(ArticleError) as caught:
        load(written(tmp_path, text))
    assert caught.value.code == "site_broken"
    assert (caught.value.facts["file"], caught.value.facts["line"]) == ("_site.toml", 1)
    assert caught.value.facts["problem"]


def test_a_site_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "_site.toml").write_bytes(SITE.encode("gb18030"))
    with pytest.raises(ArticleError, match="site_broken"):
        load(tmp_path)
