"""An article pinned to a question: for which questions, until when, and the file it lives in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kb.errors import ArticleError, RequestError
from kb.tuning import pins
from kb.tuning.pins import Pin, as_lines, checked, load, of_lines, pinned, read, written

DAY = date(2026, 11, 22)
LATE = Pin("退款 多久", "refund-zh", DAY, "ed")
OUTAGE = Pin("internet down", "outage-en", date(2026, 12, 1), "ed")
SOURCE = b"""# Ours
[[pin]]  # the bank is slow this week
question = "\xe9\x80\x80\xe6\xac\xbe \xe5\xa4\x9a\xe4\xb9\x85"
article = "refund-zh"
until = 2026-11-22
by = "ed"
"""


@pytest.mark.parametrize(
    ("question", "articles"),
    [
        ("退款要多久到账", ("refund-zh",)),
        ("多久能退款", ("refund-zh",)),
        ("退款", ()),
        ("My internet is DOWN again", ("outage-en",)),
        ("down with the internet", ("outage-en",)),
        ("internets downtown", ()),
        ("internet down 退款多久", ("refund-zh", "outage-en")),
        ("", ()),
    ],
)
def test_a_question_that_has_all_the_words_is_one_of_the_pins(question: str, articles: tuple[str, ...]) -> None:
    assert pinned([LATE, OUTAGE], question, DAY) == articles


def test_a_pin_is_over_after_its_day() -> None:
    assert pinned([LATE, OUTAGE], "internet down 退款多久", date(2026, 11, 23)) == ("outage-en",)
    assert pinned([LATE, OUTAGE], "internet down 退款多久", date(2026, 12, 2)) == ()


def test_pins_are_written_a_line_each_and_stay_whose_they_were() -> None:
    lines = "退款 多久 → refund-zh → 2026-11-22\n\nprice -> price-en => 2026-12-31\n"
    assert of_lines(lines, "sam", [LATE]) == (LATE, Pin("price", "price-en", date(2026, 12, 31), "sam"))
    assert as_lines(of_lines(lines, "sam")) == ("退款 多久 → refund-zh → 2026-11-22\nprice → price-en → 2026-12-31")


@pytest.mark.parametrize(
    "line", ["退款", "退款 → refund-zh", "退款 → refund-zh → soon", "！ → refund-zh → 2026-12-31", "a → → 2026-12-31"]
)
def test_a_line_that_is_no_pin_is_told(line: str) -> None:
    with pytest.raises(RequestError) as caught:
        of_lines(line, "ed")
    assert caught.value.code == "pin_line"


def test_a_question_is_pinned_to_an_article_once_the_last_one_counts() -> None:
    longer = Pin("多久  退款", "refund-zh", date(2026, 12, 9), "ed")
    assert checked([LATE, OUTAGE, Pin("退款 多久", "refund-zh", date(2026, 12, 9))]) == (
        Pin("退款 多久", "refund-zh", date(2026, 12, 9)),
        OUTAGE,
    )
    assert checked([LATE, longer]) == (LATE, longer)
    with pytest.raises(RequestError, match="pins_many"):
        checked([Pin(f"word{n}x", "a", DAY) for n in range(pins.PINS_MOST + 1)])


# --- the file ------------------------------------------------------------------------------------


def test_the_file_is_read_and_may_be_missing(tmp_path: Path) -> None:
    assert load(tmp_path) == ()
    (tmp_path / pins.FILE).write_bytes(SOURCE)
    assert load(tmp_path) == (LATE,)


@pytest.mark.parametrize(
    "source",
    [
        "pin = 3",
        "[[pin]]",
        '[[pin]]\nquestion = "a"\narticle = "b"\nuntil = "2026-12-31"',
        '[[pin]]\nquestion = "a"\narticle = "b"\nuntil = 2026-12-31T10:00:00',
        '[[pin]]\nquestion = 3\narticle = "b"\nuntil = 2026-12-31',
        '[[pin]]\nquestion = "a"\narticle = "b"\nuntil = 2026-12-31\nextra = 1',
        "[other]",
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_told(source: str) -> None:
    with pytest.raises(ArticleError, match="pins_broken"):
        read(source.encode())


def test_what_stays_keeps_its_comment_and_what_is_new_comes_last() -> None:
    both = written(SOURCE, [LATE, OUTAGE])
    assert both.startswith(SOURCE)
    assert read(both) == (LATE, OUTAGE)
    assert read(written(both, [OUTAGE])) == (OUTAGE,)
    empty = written(both, [])
    assert read(empty) == ()
    assert read(written(empty, [OUTAGE])) == (OUTAGE,)
    assert read(written(b"pin = []", [OUTAGE])) == (OUTAGE,)
    assert written(b"", [LATE]).startswith(b"# Articles that come first")
