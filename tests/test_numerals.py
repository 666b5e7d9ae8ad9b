"""Whole numbers as they are said, in both languages."""

from __future__ import annotations

import pytest

from kb.numerals import numbers


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("两百块", [("200", 0, 2)]),
        ("两千零五十元", [("2050", 0, 5)]),
        ("一万两千", [("12000", 0, 4)]),
        ("十五天", [("15", 0, 2)]),
        ("七天", [("7", 0, 1)]),
        ("pay two hundred now", [("200", 4, 15)]),
        ("a thousand", [("1000", 0, 10)]),
        ("one hundred and five dollars", [("105", 0, 20)]),
        ("¥1,200", [("1200", 1, 6)]),
        ("no one", []),
        ("一个", []),
        ("十分", []),
        ("often", []),
        ("", []),
    ],
)
def test_a_number_is_found_with_its_place(said: str, found: list[tuple[str, int, int]]) -> None:
    assert list(numbers(said)) == found
