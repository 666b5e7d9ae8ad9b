"""The README says what the committed results say."""

from __future__ import annotations

from benchmarks.report import BEGIN, END, README, SCALE, figures, sizes, written


def test_the_tables_of_the_readme_are_those_of_the_committed_results() -> None:
    shown = README.read_text("utf-8").split(BEGIN)[1].split(END)[0].strip()
    assert shown == figures()


def test_what_the_page_on_scale_says_of_size_is_what_was_measured() -> None:
    page = SCALE.read_text("utf-8")
    assert written(page, "size", sizes()) == page
