"""A phrase is found in a question in any spelling, as whole words, and the longest of those that begin there."""

from __future__ import annotations

import pytest

from kb.tuning.phrases import Phrases, phrase, spoken


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Can I get my MONEY-back?", " can i get my moneyback "),
        ("Refunds, refunded", " refund refund "),
        ("看SSID名称", " 看 ssid 名称 "),
        ("退，款", " 退 款 "),
        ("幫我退錢", " 帮我退钱 "),
        ("LH-R3000 E-04", " lhr3000 e04 "),
        ("the customer's card", " the custom card "),
        ("?!", ""),
        ("", ""),
    ],
)
def test_a_question_is_spoken_in_folded_words(said: str, written: str) -> None:
    assert spoken(said) == written


@pytest.mark.parametrize(
    ("said", "looked_for"),
    [("退钱", "退钱"), ("Money back", " money back "), ("看 SSID", "看 ssid "), ("SSID名", " ssid 名"), ("…", "")],
)
def test_a_phrase_has_a_space_where_it_must_not_go_on(said: str, looked_for: str) -> None:
    assert phrase(said) == looked_for


def found(question: str, *phrases: str) -> list[str]:
    return list(Phrases(map(phrase, phrases)).found(spoken(question)))


@pytest.mark.parametrize(
    ("question", "phrases", "expected"),
    [
        ("怎么退钱给我", ["退钱"], ["退钱"]),
        ("退钱失败", ["退钱", "退钱失败"], ["退钱失败"]),
        ("refunds and money back", ["refund", "money back"], [" refund ", " money back "]),
        ("refund refund", ["refund"], [" refund ", " refund "]),
        ("prerefund, backmoney", ["refund", "money"], []),
        ("money, back", ["money back"], [" money back "]),  # a comma is no word
        ("退，钱", ["退钱"], []),
        ("光猫和猫", ["猫", "光猫"], ["光猫", "猫"]),
        ("我的wifi密码", ["wifi密码", "wifi"], [" wifi 密码"]),
        ("", ["退钱"], []),
    ],
)
def test_phrases_are_found_from_left_to_right(question: str, phrases: list[str], expected: list[str]) -> None:
    assert found(question, *phrases) == expected
