"""Contradictions: what is told of a changed amount, time, date or model, and that the sample base has none."""

from __future__ import annotations

import itertools
import re

import pytest

from kb.comparing.facts import Contradiction, Reading, Value, agree, apart, beside, read, values
from kb.config import ROOT
from kb.content import products
from kb.content.articles import Article, parse, read_all
from kb.content.products import Product
from tests.small_base import markdown

CATALOGUE = {
    code: Product(code, f"Lark {name}", f"云雀 {name}", "router", (name,))
    for code, name in (("LH-R3000", "R3000"), ("LH-M6000", "M6000"), ("LH-R1500", "R1500"))
}
FOLDER = ROOT / "articles"


def reading(id: str, body: str, title: str = "Returns", **keys: object) -> Reading:
    return read(parse(markdown(id, title, body=body, **keys), f"refund-policy/{id}.md"), CATALOGUE)  # type: ignore[arg-type]


def told(found: tuple[Contradiction, ...]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.mine, one.theirs) for one in found]


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("最多五十元", [("money", "CNY", 50, 50)]),
        ("up to ¥1,299.50, or US$ 20", [("money", "CNY", 1299.5, 1299.5), ("money", "USD", 20, 20)]),
        ("满两百元减三十块钱", [("money", "CNY", 200, 200), ("money", "CNY", 30, 30)]),
        ("1.5 万元", [("money", "CNY", 15_000, 15_000)]),
        ("￥３０～５０", [("money", "CNY", 30, 50)]),
        ("十五天内", [("time", "minutes", 21_600, 21_600)]),
        ("审核通过后，3–5 个工作日", [("time", "working_days", 3, 5)]),
        (
            "two years, 90 s, half an hour",
            [("time", "months", 24, 24), ("time", "minutes", 1.5, 1.5), ("time", "minutes", 30, 30)],
        ),
        ("2026 年 11 月 10 日", [("date", "", 20_261_110, 20_261_110)]),
        ("十一月十日", [("date", "", 1110, 1110)]),
        ("10 November or Nov 11, 2026", [("date", "", 1110, 1110), ("date", "", 20_261_111, 20_261_111)]),
        ("up to 10 may be given", [("number", "", 10, 10)]),
        ("Mon–Fri 09:00–18:00", [("weekdays", "", 1, 5), ("clock", "", 540, 1080)]),
        ("周一至周日，晚上 9 点前", [("weekdays", "", 1, 7), ("clock", "", 1260, 1260)]),
        ("百分之三十，即 30%", [("percent", "%", 30, 30), ("percent", "%", 30, 30)]),
        ("300M 宽带，3 m 网线", [("measure", "mbps", 300, 300), ("measure", "m", 3, 3)]),
        ("R3000 and E-04", []),
        ("七天无理由", [("time", "minutes", 10_080, 10_080)]),
    ],
)
def test_a_value_is_a_number_of_a_unit(written: str, found: list[tuple[str, str, float, float]]) -> None:
    held = values(written)
    assert [(one.kind, one.unit, one.low, one.high) for one in held] == found
    assert all(one.text == written[one.span.start : one.span.end] for one in held)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("24 hours", "1 天", True),
        ("7 天", "7 working days", False),
        ("1 month", "30 days", True),
        ("1 month", "45 days", False),
        ("11 月 10 日", "2026-11-10", True),
        ("2025-11-10", "2026-11-10", False),
        ("3–5 working days", "within 5 working days", True),
        ("3–5 working days", "3–7 working days", False),
        ("¥50", "五十元", True),
        ("¥50", "$50", False),
    ],
)
def test_values_agree_that_say_the_same_in_other_units(one: str, other: str, same: bool) -> None:
    (mine,), (theirs,) = values(one), values(other)
    assert (agree(mine, theirs), agree(theirs, mine)) == (same, same)


# --- twins ---------------------------------------------------------------------------------------

EN = (
    "Free within 7 days of delivery.\n\n- Voucher up to ¥50\n- Press the button 3 times\n\n"
    "| Card | Days |\n|---|---|\n| Debit | 3–5 working days |\n"
)
ZH = "签收后七天内免费。\n\n- 优惠券最多五十元\n- 按按钮 3 次\n\n| 卡 | 天数 |\n|---|---|\n| 借记卡 | 3–5 个工作日 |\n"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("七天", "七天", []),
        ("七天", "十五天", [("time", "7 days", "十五天")]),
        ("五十元", "六十元", [("money", "¥50", "六十元")]),
        ("3 次", "5 次", [("number", "3", "5")]),
        ("3–5 个工作日", "5–7 个工作日", [("time", "3–5 working days", "5–7 个工作日")]),
        ("- 优惠券最多五十元\n", "", []),  # left out is no contradiction
        ("- 优惠券", "- 请客户 90 秒后再试\n- 优惠券", []),  # nor is one step more
        ("按按钮", "按 M6000 的按钮", []),  # a model that only one names
    ],
)
def test_a_twin_that_says_another_value_in_the_same_place_is_told(
    before: str, after: str, found: list[tuple[str, str, str]]
) -> None:
    twin = reading("back-zh", ZH.replace(before, after), "退货")
    assert told(apart(reading("back-en", EN), twin)) == found


def test_a_contradiction_says_both_lines_and_the_other_sentence() -> None:
    mine, twin = reading("back-en", EN), reading("back-zh", ZH.replace("3–5 个", "5–7 个"), "退货")
    (one,) = apart(mine, twin)
    assert "3–5 working days" in mine.article.source.split("\n")[one.line - 1]
    assert "5–7 个工作日" in twin.article.source.split("\n")[one.their_line - 1]
    assert (one.article, one.there) == ("back-zh", "借记卡 · 5–7 个工作日")


def test_two_models_in_the_same_place_of_twins_are_told() -> None:
    mine = reading("old-en", "The R1500 is no longer sold. Offer the R3000.")
    twin = reading("old-zh", "R1500 已停售。请推荐 M6000。", "停售")
    assert told(apart(mine, twin)) == [("model", "LH-R3000", "LH-M6000")]


# --- articles of one language --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs", "found"),
    [
        (
            "The courier pick-up costs ¥12 for the first kilo.",
            "For the first kilo the courier pick-up costs ¥15.",
            [("money", "¥12", "¥15")],
        ),
        ("上门取件费首公斤 12 元。", "首公斤的上门取件费是十五元。", [("money", "12 元", "十五元")]),
        ("The courier pick-up costs ¥12 for the first kilo.", "A courtesy voucher is worth ¥15.", []),
        ("Wait 30 seconds.", "Wait 90 seconds.", []),  # nobody knows for what
        (
            "**Payments desk**, daily 9:00–21:00.",
            "**Payments desk**, 9:00–20:00.",
            [("clock", "9:00–21:00", "9:00–20:00")],
        ),
        ("::: never\n- Refunds arrive after 3 days.\n:::", "Refunds arrive after 5 days.", []),
        ("Hold the button of the R3000 for 10 seconds.", "Hold the button of the M6000 for 5 seconds.", []),
        (
            "Who asks for the R1500 is offered R3000.",
            "Who asks for the R1500 is offered M6000.",
            [("model", "LH-R3000", "LH-M6000")],
        ),
        ("Refunds to a card take 3 days. Refunds to a wallet take 1 day.", "Refunds to a wallet take 1 day.", []),
        ("一般十五天内可以退货。", "十五天以内都可以退货。\n\n一般七天内可以退货。", []),  # it says so as well
    ],
)
def test_an_article_of_the_same_language_that_says_otherwise_of_the_same_is_told(
    mine: str, theirs: str, found: list[tuple[str, str, str]]
) -> None:
    title = "Fees" if mine.isascii() or "–" in mine else "费用"
    assert told(beside(reading("one-en", mine, title), [reading("two-en", theirs, title)])) == found


def test_rows_are_compared_by_name_and_articles_by_product() -> None:
    table = "| Weight | Pick-up cost |\n|---|---|\n| 1 kg | ¥12 |\n| 3 kg | ¥18 |\n"
    other = reading("two-en", table.replace("¥18", "¥20"))
    assert told(beside(reading("one-en", table), [other])) == [("money", "¥18", "¥20")]
    sentence = "The warranty of the whole device is {} months."
    one, same, else_ = (
        reading(f"{n}-en", sentence.format(months), products=[code])
        for n, (months, code) in enumerate((("12", "LH-R3000"), ("24", "LH-R3000"), ("24", "LH-M6000")))
    )
    assert told(beside(one, [else_])) == []
    assert told(beside(one, [else_, same])) == [("time", "12 months", "24 months")]


# --- the sample base -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base() -> dict[str, Reading]:
    catalogue = products.load(FOLDER)
    return {one.id: read(one, catalogue) for one in read_all(FOLDER)[0]}


def others(base: dict[str, Reading], article: Article) -> list[Reading]:
    return [one for one in base.values() if one.article.lang == article.lang and one.article.id != article.id]


def test_the_sample_base_contradicts_itself_nowhere(base: dict[str, Reading]) -> None:
    assert [found for one in base.values() for found in apart(one, base[one.article.twin])] == []
    assert [found for one in base.values() for found in beside(one, others(base, one.article))] == []


def test_nearly_every_changed_value_is_told_by_the_twin_and_no_other_line(base: dict[str, Reading]) -> None:
    """Every third value of some articles, one more than it was: told in its line, and nowhere else."""
    catalogue = products.load(FOLDER)
    changed = [
        (one.article, value)
        for one in itertools.islice(base.values(), 0, None, 8)
        for value in [value for clause in one.clauses for value in clause.values if value.kind != "number"][::3]
    ]
    lines = [
        [
            found.line == article.line_of(value.span.start)
            for found in apart(*_with_one_more(base, catalogue, article, value))
        ]
        for article, value in changed
    ]
    assert len(lines) > 50
    assert sum(map(any, lines)) >= 0.9 * len(lines)
    assert all(itertools.chain(*lines))


def _with_one_more(
    base: dict[str, Reading], catalogue: dict[str, Product], article: Article, value: Value
) -> tuple[Reading, Reading]:
    more = re.sub(r"\d+", lambda digits: str(int(digits[0]) + 1), value.text, count=1)
    source = article.source[: value.span.start] + more + article.source[value.span.end :]
    return read(parse(source, article.path), catalogue), base[article.twin]
