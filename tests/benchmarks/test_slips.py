"""The noise of benchmarks/noise.py: realistic, the same each time, and of every kind it says."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks import slips
from benchmarks.slips import KINDS, noisy
from kb import text

ZH = ("我想申请退款，什么时候能到账？", "路由器亮红灯，交了 200 元押金", "怎么取消已经付款的订单")
EN = (
    "How do I reset the password of my router?",
    "The refund of 250 dollars has not arrived yet",
    "Cancel my order, please",
)


@pytest.mark.parametrize(("lang", "kind"), [(lang, kind) for lang, kinds in KINDS.items() for kind in kinds])
def test_every_kind_changes_what_it_can_and_always_alike(lang: str, kind: str) -> None:
    asked = ZH if lang == "zh" else EN
    made = [noisy(one, kind) for one in asked]
    assert made == [noisy(one, kind) for one in asked]
    assert any(a != b for a, b in zip(asked, made, strict=True))


@pytest.mark.parametrize("kind", ["homophone"])
def test_a_homophone_sounds_the_same_and_is_written_otherwise(kind: str) -> None:
    for one in ZH:
        other = noisy(one, kind)
        assert len(other) == len(one)
        changed = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
        assert 1 <= len(changed) <= 8
        assert slips.lazy_pinyin(one) == slips.lazy_pinyin(other) or all(
            set(text.sounds(a)) & set(text.sounds(b)) for a, b in changed
        )


def test_pinyin_and_initials_are_what_the_keyboard_sends() -> None:
    rng = np.random.default_rng(0)
    assert slips._latin_between(["退款", "到账"], {0}, lambda one: "".join(slips.lazy_pinyin(one))) == "tuikuan 到账"
    assert re.search("[a-z]{2,}", slips.initials("我想申请退款", rng))
    assert not re.search("[a-z]{5,}", slips.initials("我想申请退款", rng))


def test_a_slip_is_one_key_away() -> None:
    rng = np.random.default_rng(1)
    made = {slips.slip("password", rng) for _ in range(200)}
    assert {"pasword", "passsword", "passowrd", "passwors"} & made
    assert all((abs(len(one) - 8) <= 1 and one[0] == "p") or one.startswith("ap") for one in made)


def test_words_are_the_longest_listed() -> None:
    assert slips.words("我想申请退款") == ["我", "想", "申请", "退款"]


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        (7, "seven", "七"),
        (15, "fifteen", "十五"),
        (20, "twenty", "二十"),
        (200, "two hundred", "两百"),
        (350, "three hundred fifty", "三百五十"),
        (2050, "two thousand fifty", "两千零五十"),
        (12_000, "twelve thousand", "一万两千"),
    ],
)
def test_numbers_are_said_as_people_say_them(number: int, english: str, chinese: str) -> None:
    assert slips.in_english(number) == english
    assert slips.in_chinese(number) == chinese


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("¥200 押金", "两百块 押金"),
        ("200元", "两百块"),
        ("pay $200", "pay two hundred dollars"),
        ("in 1984", "in 1984"),
        ("E-04 and 3.5", "E-04 and 3.5"),
    ],
)
def test_whole_numbers_are_spelled_and_years_and_codes_stay(written: str, said: str) -> None:
    assert slips.spelled(written) == said


def test_a_text_without_anything_to_touch_stays() -> None:
    assert noisy("退款", "numbers") == "退款"
    assert noisy("refund", "pinyin") == "refund"
