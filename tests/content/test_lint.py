"""What an editor is told to mend, on which line, in which words."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest

from kb.content import lint
from kb.content.articles import Article, parse
from kb.content.lint import RULES, Base, Finding, check
from kb.content.products import Product
from kb.content.site import ALWAYS, Department, Site
from kb.i18n import LANGUAGES, say

TODAY = date(2026, 11, 21)
SITE = Site(
    departments={"payments": Department("payments", "Payments desk", "支付组", ALWAYS)},
    slots={"amount": {"en": "amount", "zh": "金额"}, "date": {"en": "date", "zh": "日期"}},
)
CATALOGUE = {"LH-R3000": Product("LH-R3000", "Lark Router R3000", "云雀路由器 R3000", "router")}
GLOSSARY = {"en": {"SSID": "Wi-Fi name", "utilize": "use"}, "zh": {"固件": "设备自带的软件", "SSID": "Wi-Fi 名称"}}

EN = """---
id: router-red-light-en
title: Router light is red
lang: en
products: [LH-R3000]
questions: [the light is red, no internet since this morning, what does red mean]
state: validated
review_by: 2027-03-31
valid_from: 2026-03-01
twin: router-red-light-zh
---

::: say
Red means that no internet reaches the router. Please check the cable with me.
:::

See [refund times](../refund-policy/refund-times-en.md#why).

::: escalate payments
Only for money.
:::
"""
ZH = """---
id: router-red-light-zh
title: 路由器亮红灯
lang: zh-CN
products: [LH-R3000]
questions: [路由器亮红灯, 早上开始上不了网, 红灯是什么意思]
state: validated
review_by: 2027-03-31
valid_from: 2026-03-01
twin: router-red-light-en
---

::: say
红灯表示网络没有到路由器。请您和我一起看看网线。
:::

请看[退款时间](../refund-policy/refund-times-zh.md#why)。

::: escalate payments
只办退款。
:::
"""
PATHS = frozenset(
    {
        "troubleshooting/router-red-light-en.md",
        "troubleshooting/router-red-light-zh.md",
        "refund-policy/refund-times-en.md",
        "refund-policy/refund-times-zh.md",
    }
)


def read(source: str, lang: str) -> Article:
    """An article of the troubleshooting folder."""
    return parse(source, f"troubleshooting/router-red-light-{lang}.md")


def base(*articles: Article, **changed: object) -> Base:
    """Everything rules look at, around these articles and both twins as they stand."""
    every = {one.id: one for one in (read(EN, "en"), read(ZH, "zh"), *articles)}
    whole = Base(articles=every, paths=PATHS, catalogue=CATALOGUE, site=SITE, glossary=GLOSSARY, today=TODAY)
    return replace(whole, **changed)  # type: ignore[arg-type]


def found(old: str, new: str, *, lang: str = "en", **changed: object) -> list[tuple[str, str, dict[str, object]]]:
    """The findings of the good article with one thing changed: rule, text of its line, facts."""
    source = {"en": EN, "zh": ZH}[lang]
    assert source.count(old) == 1 or not old
    one = read(source.replace(old, new) if old else source, lang)
    lines = one.source.split("\n")
    return [(f.rule, lines[f.line - 1], dict(f.facts)) for f in check([one], base(one, **changed))]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_good_article_has_nothing_to_mend(lang: str) -> None:
    assert found("", "", lang=lang) == []


# --- the say block -------------------------------------------------------------------------------

SAY = {
    "en": "::: say\nRed means that no internet reaches the router. Please check the cable with me.\n:::\n",
    "zh": "::: say\n红灯表示网络没有到路由器。请您和我一起看看网线。\n:::\n",
}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_article_without_a_say_block_is_told_where_its_body_begins(lang: str) -> None:
    assert found("---\n\n::: say\n" + SAY[lang].split("\n", 1)[1], "---\nBody\n", lang=lang) == [
        ("say_missing", "Body", {})
    ]


@pytest.mark.parametrize("say", ["::: say\n:::\n", "::: say\n\n:::\n\n::: say\n**\n:::\n"])
def test_an_empty_say_block_says_nothing(say: str) -> None:
    assert [rule for rule, _, _ in found(SAY["en"], say)] == ["say_missing"]


def test_an_archived_article_need_not_say_anything() -> None:
    one = read(EN.replace(SAY["en"], "").replace("state: validated", "state: archived"), "en")
    assert check([one], base(one)) == []


@pytest.mark.parametrize(
    ("lang", "spoken", "size"), [("en", "word " * 46, 46), ("zh", "退" * 91, 91), ("zh", "退款 " * 45 + "R3", 92)]
)
def test_a_say_block_longer_than_a_breath_or_two_is_told(lang: str, spoken: str, size: int) -> None:
    most = {"en": 45, "zh": 90}[lang]
    assert found(SAY[lang], f"::: say\n{spoken}\n:::\n", lang=lang) == [
        ("say_long", "::: say", {"size": size, "most": most})
    ]


@pytest.mark.parametrize(
    ("lang", "spoken"), [("en", "word " * 45), ("zh", "退" * 90), ("en", "{amount} " * 45), ("zh", "{amount}" * 90)]
)
def test_a_say_block_of_just_that_length_is_read_aloud(lang: str, spoken: str) -> None:
    assert found(SAY[lang], f"::: say\n{spoken}\n:::\n", lang=lang) == []


def test_each_say_block_is_measured_by_itself() -> None:
    two = f"::: say\n{'word ' * 40}\n:::\n\n::: say\n{'word ' * 40}\n:::\n"
    assert found(SAY["en"], two) == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_slot_nobody_can_fill_is_told_once_a_block(lang: str) -> None:
    say_block = "::: say\n{amount} {colour} {colour} {name}\n:::\n"
    assert found(SAY[lang], say_block, lang=lang) == [
        ("slot_unknown", "::: say", {"slot": "colour", "known": "amount, date"}),
        ("slot_unknown", "::: say", {"slot": "name", "known": "amount, date"}),
    ]


def test_braces_outside_the_say_block_are_no_slots() -> None:
    assert found("Only for money.", "Only for {money}.") == []


# --- front matter --------------------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "title", "size"), [("en", "x" * 61, 61), ("zh", "退" * 31, 31)])
def test_a_title_too_long_to_read_in_a_list_is_told(lang: str, title: str, size: int) -> None:
    old = {"en": "title: Router light is red", "zh": "title: 路由器亮红灯"}[lang]
    assert found(old, f"title: {title}", lang=lang) == [
        ("title_long", f"title: {title}", {"size": size, "most": size - 1})
    ]
    assert found(old, f"title: {title[:-1]}", lang=lang) == []


def test_a_twin_that_does_not_exist_is_told_on_its_line() -> None:
    assert found("twin: router-red-light-zh", "twin: router-gone-zh") == [
        ("twin_dead", "twin: router-gone-zh", {"twin": "router-gone-zh"})
    ]


def test_a_twin_that_names_another_is_told() -> None:
    other = read(ZH.replace("twin: router-red-light-en", "twin: wifi-slow-en"), "zh")
    one = read(EN, "en")
    assert check([one], base(other)) == [
        Finding("twin_not_back", one.path, 10, {"twin": "router-red-light-zh"}),
    ]


def test_a_twin_in_the_same_language_is_told() -> None:
    other = read(ZH.replace("lang: zh-CN", "lang: en"), "zh")
    one = read(EN, "en")
    assert [f.rule for f in check([one], base(other))] == ["twin_same_language"]


def test_an_article_without_a_twin_is_good() -> None:
    assert found("twin: router-red-light-zh\n", "") == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_expired_article_is_told_from_the_day_after(lang: str) -> None:
    def until(day: str) -> list[tuple[str, str, dict[str, object]]]:
        return found("valid_from: 2026-03-01", f"valid_from: 2026-03-01\nvalid_until: {day}", lang=lang)

    assert until("2026-11-21") == []
    assert until("2026-11-20") == [("expired", "valid_until: 2026-11-20", {"day": date(2026, 11, 20)})]


def test_a_review_that_is_overdue_is_told_from_the_day_after() -> None:
    assert found("review_by: 2027-03-31", "review_by: 2026-11-21") == []
    assert found("review_by: 2027-03-31", "review_by: 2026-11-20") == [
        ("review_overdue", "review_by: 2026-11-20", {"day": date(2026, 11, 20)})
    ]


def test_an_expired_article_is_not_told_to_be_reviewed_as_well() -> None:
    both = "review_by: 2026-11-01\nvalid_until: 2026-11-02"
    assert [rule for rule, _, _ in found("review_by: 2027-03-31", both)] == ["expired"]


def test_an_archived_article_has_no_dates_to_keep() -> None:
    dates = "review_by: 2026-11-01\nvalid_until: 2026-11-02"
    one = read(EN.replace("review_by: 2027-03-31", dates).replace("state: validated", "state: archived"), "en")
    assert check([one], base(one)) == []


def test_each_product_that_is_not_in_the_catalogue_is_told() -> None:
    assert found("products: [LH-R3000]", "products: [R3000, LH-R3000, LH-X1]") == [
        ("product_unknown", "products: [R3000, LH-R3000, LH-X1]", {"product": "R3000"}),
        ("product_unknown", "products: [R3000, LH-R3000, LH-X1]", {"product": "LH-X1"}),
    ]


def test_without_a_catalogue_no_product_is_unknown() -> None:
    assert found("products: [LH-R3000]", "products: [R3000]", catalogue={}) == []


@pytest.mark.parametrize("state", ["validated", "not-validated", "wip", "archived"])
def test_an_answering_article_needs_three_of_the_customers_questions(state: str) -> None:
    few = "questions: [the light is red, no internet]\nstate: " + state
    told = found(
        "questions: [the light is red, no internet since this morning, what does red mean]\nstate: validated", few
    )
    expected = [("questions_few", "title: Router light is red", {"count": 2, "least": 3})]
    assert told == (expected if "validated" in state else [])


def test_a_key_named_in_a_question_is_not_taken_for_the_key() -> None:
    asked = 'questions: [the light is red, "valid_until: when", what does red mean]'
    old = "questions: [the light is red, no internet since this morning, what does red mean]"
    assert found(old, asked + "\nvalid_until: 2026-11-01") == [
        ("expired", "valid_until: 2026-11-01", {"day": date(2026, 11, 1)})
    ]


# --- the body ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "target",
    ["../refund-policy/refund-gone.md", "refund-times-en.md", "/refund-policy/refund-times-en.md", "../../x.md"],
)
def test_a_link_to_no_file_is_told_on_its_line(lang: str, target: str) -> None:
    line = f"And [this]({target})."
    assert found("Only for money." if lang == "en" else "只办退款。", line, lang=lang) == [
        ("link_broken", line, {"target": target})
    ]


@pytest.mark.parametrize(
    "link",
    [
        "[a](router-red-light-zh.md)",
        "[a](./router-red-light-zh.md#steps)",
        "[a](../troubleshooting/router-red-light-zh.md)",
        "[a](#steps)",
        "[a](https://example.org/x.md)",
        "[a](mailto:help@example.org)",
        "![a](gone.png)",
        "[a] (gone.md)",
        "[ ] (gone.md)",
    ],
)
def test_a_link_to_a_file_or_out_of_the_base_is_good(link: str) -> None:
    assert found("Only for money.", link) == []


def test_jargon_is_told_with_the_plain_word() -> None:
    assert found("Only for money.", "First\nUtilize the SSID, not the SSIDs.") == [
        ("jargon", "Utilize the SSID, not the SSIDs.", {"word": "SSID", "plain": "Wi-Fi name"}),
        ("jargon", "Utilize the SSID, not the SSIDs.", {"word": "utilize", "plain": "use"}),
    ]
    assert found("只办退款。", "先升级固件\n再看SSID", lang="zh") == [
        ("jargon", "先升级固件", {"word": "固件", "plain": "设备自带的软件"}),
        ("jargon", "再看SSID", {"word": "SSID", "plain": "Wi-Fi 名称"}),
    ]


def test_a_customers_own_jargon_in_a_question_is_no_fault() -> None:
    assert found("what does red mean", "what is my SSID") == []


@pytest.mark.parametrize(("opening", "department"), [("::: escalate money", "money"), ("::: escalate", "")])
def test_a_department_the_site_does_not_know_is_told(opening: str, department: str) -> None:
    assert found("::: escalate payments", opening) == [
        ("department_unknown", opening, {"department": department, "known": "payments"})
    ]


def test_without_departments_none_is_unknown() -> None:
    assert found("::: escalate payments", "::: escalate money", site=Site(slots=SITE.slots)) == []


# --- the whole -----------------------------------------------------------------------------------


def test_findings_stand_in_the_order_of_files_and_lines() -> None:
    en = read(EN.replace("Only for money.", "SSID").replace("router-red-light-zh", "gone"), "en")
    zh = read(ZH.replace("只办退款。", "固件").replace("LH-R3000", "LH-X1"), "zh")
    told = [(f.file, f.line, f.rule) for f in check([zh, en], base(en, zh))]
    assert told == [
        ("troubleshooting/router-red-light-en.md", 10, "twin_dead"),
        ("troubleshooting/router-red-light-en.md", 20, "jargon"),
        ("troubleshooting/router-red-light-zh.md", 5, "product_unknown"),
        ("troubleshooting/router-red-light-zh.md", 10, "twin_not_back"),
        ("troubleshooting/router-red-light-zh.md", 20, "jargon"),
    ]


def test_nothing_to_look_at_is_nothing_to_mend() -> None:
    assert check([], base()) == []


def functions() -> Iterator[object]:
    """Every rule in the module."""
    for name, one in vars(lint).items():
        own = inspect.isfunction(one) and one.__module__ == lint.__name__ and not name.startswith("_")
        if own and "Found" in str(one.__annotations__.get("return")):
            yield one


def test_every_rule_is_in_the_list() -> None:
    assert set(functions()) == set(RULES)


BROKEN: Sequence[tuple[str, str, str]] = [
    ("say_missing", SAY["en"], ""),
    ("say_long", SAY["en"], f"::: say\n{'word ' * 46}\n:::\n"),
    ("slot_unknown", SAY["en"], "::: say\n{colour}\n:::\n"),
    ("title_long", "title: Router light is red", "title: " + "x" * 61),
    ("link_broken", "Only for money.", "[a](gone.md)"),
    ("twin_dead", "twin: router-red-light-zh", "twin: gone"),
    ("expired", "valid_from: 2026-03-01", "valid_until: 2026-03-01"),
    ("review_overdue", "review_by: 2027-03-31", "review_by: 2026-03-31"),
    ("jargon", "Only for money.", "SSID"),
    ("product_unknown", "products: [LH-R3000]", "products: [R3000]"),
    ("department_unknown", "::: escalate payments", "::: escalate money"),
    ("questions_few", ", what does red mean]", "]"),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("rule", "old", "new"), BROKEN, ids=[rule for rule, _, _ in BROKEN])
def test_a_finding_can_be_said_in_both_languages(rule: str, old: str, new: str, language: str) -> None:
    one = read(EN.replace(old, new), "en")
    finding = next(f for f in check([one], base(one)) if f.rule == rule)
    sentence = say(language, f"lint.{rule}", **finding.facts)
    assert all(str(fact) in sentence for fact in finding.facts.values())
