"""Deadlines as articles state them in both languages, and the days that a caller is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content import site
from kb.content.articles import Article, Span, parse, read_all
from kb.content.deadlines import Deadline, countable, deadlines, due
from kb.content.deadlines.anchors import EVENTS
from kb.content.deadlines.durations import UNITS, durations
from kb.content.site import Site
from kb.errors import ArticleError

FOLDER = Path(__file__).resolve().parent.parent.parent / "articles"
ARTICLES, _ = read_all(FOLDER)
BY_ID = {one.id: one for one in ARTICLES}
TOPICS = sorted({one.id.rpartition("-")[0] for one in ARTICLES})
SITE = site.load(FOLDER)


def article(body: str) -> Article:
    """An article with this body."""
    return parse(f"---\nid: a\ntitle: T\nlang: en\n---\n{body}", "refund-policy/a.md")


# --- lengths of time -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("within 7 days of delivery", "7 days"),
        ("1–7 working days after approval", "1–7 working_days"),
        ("5 to 7 business days, or 10-15 work days", "5–7 working_days, 10–15 working_days"),
        ("48 h, 24 hours, 24-hour, 2hrs", "48 hours, 24 hours, 24 hours, 2 hours"),
        ("a 12-month contract, two years, 1 full month", "12 months, 2 years, 1 months"),
        ("within a week, two weeks", "7 days, 14 days"),
        ("Thirty Calendar Days", "30 days"),
        ("up to day 15, day 1–7", "15 days, 7 days"),
        ("签收后 7 天内", "7 days"),
        ("3–5 个工作日，1 到 7 个工作日，10至15工作日", "3–5 working_days, 1–7 working_days, 10–15 working_days"),
        ("24 小时内，48小时", "24 hours, 48 hours"),
        ("两年，12 个月，三个月，半年，半个月", "2 years, 12 months, 3 months, 6 months, 15 days"),
        ("七天、十天、十五天、二十四小时、三十个自然日", "7 days, 10 days, 15 days, 24 hours, 30 days"),
        ("两周，2 周，一个星期，7 日内", "14 days, 14 days, 7 days, 7 days"),
        ("签收第 8 到 15 天", "8–15 days"),
        ("最多４８小时", "48 hours"),
    ],
)
def test_a_length_of_time_is_read_in_both_languages(text: str, found: str) -> None:
    def written(low: int, high: int) -> str:
        return str(low) if low == high else f"{low}–{high}"

    assert ", ".join(f"{written(one.low, one.high)} {one.unit}" for one in durations(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "Day 1 is the day after it",
        "¥5 a month",
        "three days' fees, one day's fee",
        "daily 08:00–24:00 h",
        "R-691 days, 1.5 days, 2026 days",
        "in 10 minutes",
        "7 daisies",
        "15–7 days",
        "第 1 天，第二天，第三年",
        "2026 年 11 月 10 日签收，12 月",
        "3 天的费用",
        "周一至周五，每周一次，看看四周，三星期天",
        "最后一天，哪一天，每天，几天",
        "下半年，每半年",
        "一百二十天",
        "10 分钟",
    ],
)
def test_other_numbers_are_no_length_of_time(text: str) -> None:
    assert durations(text) == ()


def test_a_length_of_time_says_where_it_stands() -> None:
    text = "先等 3–5 个工作日, then 2 years."
    assert [text[one.span.start : one.span.end] for one in durations(text)] == ["3–5 个工作日", "2 years"]


# --- deadlines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "text", "anchor", "event"),
    [
        ("Return it within 7 days of delivery.", "7 days", "delivery", "delivery"),
        ("It takes 1–7 working days after approval.", "1–7 working days", "approval", "approval"),
        ("Inspected within **48 h** of arriving at the warehouse.", "48 h", "arriving at the warehouse", "arrival"),
        ("Started within 24 h of passing.", "24 h", "passing", "inspection"),
        ("The visit is within 3 days of the order.", "3 days", "order", "order"),
        ("Signed for within the last 7 days", "7 days", "Signed for", "delivery"),
        ("Activated 7 days ago or less", "7 days", "Activated", "activation"),
        ("Once it is approved, it takes up to 24 hours.", "24 hours", "approved", "approval"),
        ("30 days, day 1 is the day after delivery", "30 days", "delivery", "delivery"),
        ("24 months from the day of purchase", "24 months", "purchase", "purchase"),
        ("Back within 15 days after the contract ends early.", "15 days", "contract ends early", "contract_end"),
        ("within 7 days\nof delivery", "7 days", "delivery", "delivery"),
        ("签收后 7 天内可以退。", "7 天", "签收", "delivery"),
        ("签收 48 小时内报的", "48 小时", "签收", "delivery"),
        ("从签收的第二天开始算 7 天。", "7 天", "签收", "delivery"),
        ("审核通过后 1–7 个工作日", "1–7 个工作日", "审核通过", "approval"),
        ("到仓后 48 小时内验货", "48 小时", "到仓", "arrival"),
        ("自送达之日起 24 个月", "24 个月", "送达", "delivery"),
        ("购买后两年保修", "两年", "购买", "purchase"),
        ("下单后 3 天内上门", "3 天", "下单", "order"),
        ("开通 7 天内", "7 天", "开通", "activation"),
        ("审核通过后，余额最快马上，最晚 24 小时内到账。", "24 小时", "审核通过", "approval"),
        ("保修 24 个月（从签收起）", "24 个月", "签收", "delivery"),
        ("30 天，收货第二天算第 1 天", "30 天", "收货", "delivery"),
        ("You have 7 days.", "7 days", "", ""),
        ("Look it up on the order page within 7 days.", "7 days", "", ""),
        ("After-sales quality answers a delivery question in 2 days.", "2 days", "", ""),
        ("一共 7 天。签收以后再说。", "7 天", "", ""),
    ],
)
def test_a_deadline_says_what_it_is_counted_from(sentence: str, text: str, anchor: str, event: str) -> None:
    one = article(sentence + "\n")
    (found,) = deadlines(one)
    assert (found.text, found.anchor, found.event) == (text, anchor, event)
    assert one.source[found.span.start : found.span.end] == text
    assert countable(one) == ((found,) if anchor else ())


def test_each_deadline_of_a_sentence_has_its_own_anchor() -> None:
    found = deadlines(article("到仓后 48 小时内验货，通过后 24 小时内发起退款，银行要 3 个工作日。\n"))
    assert [(one.text, one.anchor) for one in found] == [
        ("48 小时", "到仓"),
        ("24 小时", "通过"),
        ("3 个工作日", "通过"),
    ]
    found = deadlines(article("Within 7 days, or 15 days after delivery.\n"))
    assert [(one.text, one.anchor) for one in found] == [("7 days", ""), ("15 days", "delivery")]


@pytest.mark.parametrize(
    "sentence",
    [
        "More than 3 working days have passed since approval.",
        "Reported later than 48 h after signing.",
        "After 15 days from delivery",
        "24 hours or more after the order",
        "签收超过 15 天",
        "离上门不到 24 小时",
        "下单 7 天以上",
        "收货 3 个月后的涂层",
    ],
)
def test_a_time_that_is_over_is_no_deadline(sentence: str) -> None:
    assert deadlines(article(sentence + "\n")) == ()


def test_a_time_that_is_not_over_is_one() -> None:
    found = deadlines(article("签收超过 7 天、不超过 15 天。\n\nOver 4 and up to 24 hours.\n"))
    assert [one.text for one in found] == ["15 天", "24 hours"]


def test_what_must_never_be_said_is_no_deadline() -> None:
    assert deadlines(article("::: never\n- 7 days after delivery\n:::\n")) == ()
    assert [one.text for one in deadlines(article("::: say\n7 days after delivery\n:::\n"))] == ["7 days"]


def table(*lines: str) -> Article:
    """An article that is one table of these lines, header first."""
    head, *rows = lines
    return article("\n".join([head, "|---" * (head.count("|") - 1) + "|", *rows, ""]))


def named(one: Article) -> list[tuple[str, str, str, str]]:
    """Of each countable deadline the text, anchor, label and column."""
    return [(found.text, found.anchor, found.label, found.column) for found in countable(one)]


def test_a_column_of_times_names_what_each_is_for() -> None:
    one = table(
        "| Paid with | *Time after approval* | Fee |",
        "| **Credit card** issued in mainland China | 3–7 working days | none |",
        "| Cheque | – | 2 years |",
    )
    assert named(one) == [
        ("3–7 working days", "approval", "Credit card issued in mainland China", "Time after approval")
    ]
    one = table("| 付款方式 | 审核通过后多久 |", "| 国内信用卡 | 3–7 个工作日 |")
    assert named(one) == [("3–7 个工作日", "审核通过", "国内信用卡", "审核通过后多久")]


def test_a_row_of_times_names_them_by_its_column() -> None:
    one = table("| | V7 | V9 |", "| Warranty | 12 months | 2 years from purchase |", "| Size | 3 days | |")
    assert named(one) == [("12 months", "", "Warranty", "V7"), ("2 years", "purchase", "Warranty", "V9")]
    assert [found.text for found in deadlines(one)] == ["12 months", "2 years", "3 days"]
    one = table("| | V7 |", "| 保修 | 12 个月 |")
    assert named(one) == [("12 个月", "", "保修", "V7")]


def test_a_charging_time_is_not_counted() -> None:
    assert countable(table("| | V7 |", "| Charging time | 4 h |")) == ()


def test_a_case_is_named_by_what_follows_from_it() -> None:
    one = table("| If | Day | Then |", "| Signed for 8 to 15 days ago | 15 days | Exchange within 48 h of arrival |")
    assert named(one) == [
        ("8 to 15 days", "Signed for", "Exchange within 48 h of arrival", "If"),
        ("48 h", "arrival", "", "Then"),
    ]


def test_of_deadlines_that_say_the_same_the_first_is_counted() -> None:
    one = article("Within 7 days of delivery.\n\nIn 7 days after signing.\n\nIn 7 days from purchase.\n")
    assert [(found.text, found.event) for found in countable(one)] == [("7 days", "delivery"), ("7 days", "purchase")]


def test_a_deadline_knows_its_sentence() -> None:
    one = article("First. Return it within 7 days of delivery! Then?\n")
    (found,) = countable(one)
    assert one.source[found.around.start : found.around.end].strip() == "Return it within 7 days of delivery!"


# --- the sample ----------------------------------------------------------------------------------

# What only one twin writes as a length of time: (English only, Chinese only).
STATED_ONCE: dict[str, tuple[set[tuple[int, int, str]], set[tuple[int, int, str]]]] = {
    "buds-compare": (set(), {(6, 6, "months")}),  # "12 months, battery 6"
    "vacuum-choose": (set(), {(6, 6, "months"), (24, 24, "months")}),  # "motor 24, battery 6"
    "warranty-terms": (set(), {(6, 6, "months")}),
    "late-delivery": ({(24, 24, "hours")}, set()),  # "next-day: 24 h", 超过 24 小时
    "price-protection": ({(2, 2, "days")}, set()),  # "the later of the two days", two dates
    "return-opened-earbuds": ({(2, 2, "days")}, {(15, 15, "days")}),  # "2 days (48 h)"; "up to 15" under "Day"
    "broadband-outage": (set(), {(1, 1, "days"), (3, 3, "days"), (1, 1, "months")}),  # "three days' fees"
    "buds-one-side": ({(1, 7, "days")}, {(7, 7, "days")}),  # "delivered 1–7 days ago", 7 天内
}


def stated(one: Article) -> set[tuple[int, int, str]]:
    """Every length of time that an article gives for something."""
    return {(found.low, found.high, found.unit) for found in deadlines(one)}


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_state_the_same_times(topic: str) -> None:
    zh, en = stated(BY_ID[f"{topic}-zh"]), stated(BY_ID[f"{topic}-en"])
    assert (en - zh, zh - en) == STATED_ONCE.get(topic, (set(), set()))


# The same for what can be counted, with the event: here the sentence of one twin says less.
COUNTED_ONCE: dict[str, set[tuple[int, int, str, str]]] = {
    "buds-compare": {(6, 6, "months", "")},
    "vacuum-choose": {(6, 6, "months", ""), (24, 24, "months", "")},
    "quality-exchange": {(24, 24, "hours", "inspection")},  # "then the refund starts within 24 h"
    "return-opened-earbuds": {(48, 48, "hours", "delivery")},
    "buds-one-side": {(1, 7, "days", "delivery"), (7, 7, "days", "delivery")},
    "lock-fingerprint": {(12, 12, "months", "delivery")},  # "The battery pack: 12 months."
}


@pytest.mark.parametrize("topic", TOPICS)
def test_twins_count_from_the_same_events(topic: str) -> None:
    def counted(id: str) -> set[tuple[int, int, str, str]]:
        return {(found.low, found.high, found.unit, found.event) for found in countable(BY_ID[id])}

    assert counted(f"{topic}-zh") ^ counted(f"{topic}-en") == COUNTED_ONCE.get(topic, set())


@pytest.mark.parametrize("one", ARTICLES, ids=lambda one: one.id)
def test_every_deadline_of_the_sample_stands_where_it_says(one: Article) -> None:
    for found in deadlines(one):
        assert one.source[found.span.start : found.span.end] == found.text
        assert found.around.start <= found.span.start < found.span.end <= found.around.end
        assert not found.anchor or found.anchor in one.source
        assert found.unit in UNITS
        assert found.event in ("", *EVENTS)
        assert bool(found.anchor) is bool(found.event)


# --- days ----------------------------------------------------------------------------------------


def deadline(low: int, unit: str, high: int = 0) -> Deadline:
    """A deadline of this length."""
    return Deadline("", Span(0, 0), low, high or low, unit, "", "", "", "", False, Span(0, 0))


# 2026-11-13 is a Friday; 2026-02-15 to 23 is Spring Festival, with the Saturdays 14 and 28 worked
@pytest.mark.parametrize(
    ("low", "high", "unit", "start", "first", "last"),
    [
        (7, 7, "days", date(2026, 11, 10), date(2026, 11, 17), date(2026, 11, 17)),
        (8, 15, "days", date(2026, 11, 10), date(2026, 11, 18), date(2026, 11, 25)),
        (30, 30, "days", date(2026, 11, 20), date(2026, 12, 20), date(2026, 12, 20)),
        (1, 7, "working_days", date(2026, 11, 13), date(2026, 11, 16), date(2026, 11, 24)),
        (1, 1, "working_days", date(2026, 11, 14), date(2026, 11, 16), date(2026, 11, 16)),  # a Saturday
        (1, 3, "working_days", date(2026, 2, 13), date(2026, 2, 14), date(2026, 2, 25)),
        (5, 5, "working_days", date(2026, 2, 20), date(2026, 2, 28), date(2026, 2, 28)),
        (3, 5, "working_days", date(2026, 9, 30), date(2026, 10, 10), date(2026, 10, 13)),
        (6, 6, "months", date(2026, 8, 31), date(2027, 2, 28), date(2027, 2, 28)),
        (1, 1, "months", date(2026, 12, 31), date(2027, 1, 31), date(2027, 1, 31)),
        (12, 24, "months", date(2026, 3, 15), date(2027, 3, 15), date(2028, 3, 15)),
        (2, 2, "years", date(2024, 2, 29), date(2026, 2, 28), date(2026, 2, 28)),
        (24, 24, "hours", date(2026, 11, 10), date(2026, 11, 11), date(2026, 11, 11)),
        (10, 10, "hours", date(2026, 11, 10), date(2026, 11, 10), date(2026, 11, 11)),
        (24, 48, "hours", date(2026, 11, 10), date(2026, 11, 11), date(2026, 11, 12)),
        (999, 999, "years", date(9000, 1, 1), date(9999, 1, 1), date(9999, 1, 1)),
        (999, 999, "years", date(9500, 1, 1), date.max, date.max),
        (2, 2, "days", date.max, date.max, date.max),
        (2, 2, "working_days", date.max, date.max, date.max),
    ],
)
def test_a_deadline_ends_on_a_day(low: int, high: int, unit: str, start: date, first: date, last: date) -> None:
    assert due(deadline(low, unit, high), start, SITE) == (first, last)


@pytest.mark.parametrize(
    ("start", "hours", "last"),
    [
        (datetime(2026, 11, 10, 9, 0), 10, date(2026, 11, 10)),  # site time where nothing is said
        (datetime(2026, 11, 10, 9, 0), 15, date(2026, 11, 11)),
        (datetime(2026, 11, 10, 17, 0, tzinfo=UTC), 1, date(2026, 11, 11)),  # 01:00 on the 11th in Shanghai
        (datetime(2026, 11, 10, 15, 0, tzinfo=UTC), 48, date(2026, 11, 12)),
        (datetime(9999, 12, 31, 1, 0), 48, date.max),
    ],
)
def test_hours_are_counted_from_the_moment(start: datetime, hours: int, last: date) -> None:
    assert due(deadline(hours, "hours"), start, SITE) == (last, last)


def test_the_day_of_a_moment_is_the_sites() -> None:
    late = datetime(2026, 11, 10, 17, 0, tzinfo=UTC)
    assert due(deadline(7, "days"), late, SITE)[1] == date(2026, 11, 18)
    assert due(deadline(7, "days"), late, Site())[1] == date(2026, 11, 17)


def test_an_hour_in_which_the_clocks_change_is_one_hour() -> None:
    berlin = Site(zone=ZoneInfo("Europe/Berlin"))
    assert due(deadline(24, "hours"), datetime(2026, 3, 28, 23, 30), berlin)[1] == date(2026, 3, 30)


def test_without_a_calendar_only_weekends_are_free() -> None:
    assert due(deadline(3, "working_days"), date(2026, 2, 13), Site())[1] == date(2026, 2, 18)


STARTS = st.dates(date(1, 1, 1), date.max)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from(UNITS), STARTS, st.integers(0, 800))
def test_a_later_start_or_a_longer_time_never_ends_sooner(a: int, b: int, unit: str, start: date, days: int) -> None:
    low, high = sorted((a, b))
    one = Deadline("", Span(0, 0), low, high, unit, "", "", "", "", False, Span(0, 0))
    later = start + timedelta(min(days, (date.max - start).days))
    first, last = due(one, start, SITE)
    assert start <= first <= last
    assert (first, last) <= due(one, later, SITE)
    assert last <= due(one, later, SITE)[1]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(0, 99), st.integers(0, 10_000))
def test_a_later_moment_never_ends_sooner(start: datetime, hours: int, minutes: int) -> None:
    at = start.replace(tzinfo=UTC)
    ends = [due(deadline(hours, "hours"), moment, SITE) for moment in (at, at + timedelta(minutes=minutes))]
    assert SITE.today(at) <= ends[0][0] <= ends[1][1]


SCRAPS = (
    "7 ,days ,3–5 ,个工作日,签收后 ,两,年,十,半, of , after ,delivery,\n\n,- ,¥,。,. ,more than ,超过,*,第 ,"
    "within a week,"
    "\n| If | Then |\n|---|---|\n,\n| | 保修 |\n|---|---|\n, | ,\n::: never\n,\n:::\n,Time , h"
).split(",")
BODIES = st.lists(st.sampled_from(SCRAPS), max_size=30).map("".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.one_of(BODIES, st.text(max_size=80)))
def test_any_article_has_deadlines_or_none(body: str) -> None:
    try:
        one = article(body)
    except ArticleError:
        return
    for found in deadlines(one):
        assert one.source[found.span.start : found.span.end] == found.text
        assert 0 <= found.low <= found.high
        assert found.unit in UNITS
    assert set(countable(one)) <= set(deadlines(one))
