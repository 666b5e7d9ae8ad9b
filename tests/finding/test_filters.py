"""Filters typed in the box: what they narrow, and the words that are left to search for."""

from __future__ import annotations

import time

import pytest

from kb.finding.filters import typed


def taken(question: str) -> tuple[str, str, str]:
    """The words left, the product, the language."""
    found = typed(question)
    return found.question, found.product, found.lang


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("red light product:R3000", ("red light", "R3000", "")),
        ("product:R3000 red light", ("red light", "R3000", "")),
        ("red product:R3000 light", ("red light", "R3000", "")),
        ("product:R3000 lang:en red light", ("red light", "R3000", "en")),
        ("亮红灯 产品:R3000 语言:中文", ("亮红灯", "R3000", "zh")),
        ("产品：云雀路由器 亮红灯", ("亮红灯", "云雀路由器", "")),  # a full-width colon
        ("亮红灯\u3000语言：英文", ("亮红灯", "", "en")),  # and a full-width space
        ('product:"Lark Router R3000" red light', ("red light", "Lark Router R3000", "")),
        ("产品：“扫地机器人 V7” 充不进电", ("充不进电", "扫地机器人 V7", "")),
        ('product:"Robot Vacuum', ("", "Robot Vacuum", "")),  # still being typed
        ("PRODUCT:v7 Lang:EN noise", ("noise", "v7", "en")),
        ("product:V7", ("", "V7", "")),
        ("product:V7 product:V9 noise", ("noise", "V9", "")),  # the last counts
        ("lang:en lang:zh 噪音", ("噪音", "", "zh")),
    ],
)
def test_a_filter_is_taken_out_of_the_question(question: str, left: tuple[str, str, str]) -> None:
    assert taken(question) == left


@pytest.mark.parametrize(
    ("named", "lang"),
    [
        *[(name, "zh") for name in ("zh", "ZH", "中文", "汉语", "Chinese")],
        *[(name, "en") for name in ("en", "En", "英文", "英语", "english")],
        ("zh-CN", "zh-cn"),
        ("fr", "fr"),
    ],
)
def test_a_language_has_many_names(named: str, lang: str) -> None:
    assert taken(f"退款 lang:{named}") == ("退款", "", lang)


@pytest.mark.parametrize("beginning", ["", "e", "z", "中", "englis", "zh-", "zh-C", "12", "!!", "13812345678"])
def test_a_language_that_is_none_yet_narrows_nothing(beginning: str) -> None:
    assert taken(f"refund lang:{beginning}") == ("refund", "", "")


@pytest.mark.parametrize("question", ["refund product:", "product: refund", "refund 产品："])
def test_an_empty_filter_narrows_nothing_yet(question: str) -> None:
    assert taken(question) == ("refund", "", "")


@pytest.mark.parametrize(
    "question",
    [
        "",
        "my product is broken",
        "which lang is it",
        "byproduct:R3000",
        "a/product:R3000",
        "产品R3000红灯",
        "  two  spaces   stay ",
        "at 10:30 it said lang",
        "https://shop.example/product:7",
        'product:"R3000"s light',
        "product:" + "x" * 65,
        "语言障碍：听不懂",
    ],
)
def test_a_question_without_a_filter_stays_as_it_was_typed(question: str) -> None:
    assert taken(question) == (question, "", "")


def test_any_text_is_taken_apart_in_no_time() -> None:
    started = time.perf_counter()
    for unit in ("product:", 'product:"', "product:x ", "lang:en ", "产品：“", " \t", "产品"):
        typed(unit * 5_000)
    assert time.perf_counter() - started < 2
