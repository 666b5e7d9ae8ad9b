"""Tables, lists and sections of a body: every cell and item is what the file has at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content.articles import Article, Span, parse, parser, read_all
from kb.content.body import abreast, chapters, heading_at, lists, paragraphs, section_at, tables

ARTICLES, _ = read_all(Path(__file__).resolve().parent.parent.parent / "articles")


def article(body: str) -> Article:
    """An article with this body."""
    return parse(f"---\nid: a\ntitle: Refund times\nlang: en\n---\n{body}", "refund-policy/a.md")


def rows(one: Article) -> list[list[list[str]]]:
    """Each table's lines, header first, as texts."""
    return [[[cell.text for cell in line] for line in (table.header, *table.rows)] for table in tables(one)]


def test_a_table_is_read_cell_by_cell() -> None:
    one = article("| If | Then |\n|---|:-:|\n| **It is** red  | Wait |\n|  | `a` |\n\nText.\n")
    assert rows(one) == [[["If", "Then"], ["**It is** red", "Wait"], ["", "`a`"]]]


def test_every_cell_says_where_it_stands() -> None:
    one = article("Text | no table.\n\n| 如果 | 那么 |\n|---|---|\n| 红灯 | 等 10 分钟 |\n")
    (table,) = tables(one)
    for cell in (*table.header, *table.rows[0]):
        assert one.source[cell.span.start : cell.span.end] == cell.text
    assert one.source[table.span.start : table.span.end].startswith("| 如果 | 那么 |\n")
    assert [one.line_of(cell.span.start) for cell in table.rows[0]] == [10, 10]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a | b", ["a", "b"]),
        ("| a", ["a", ""]),
        ("| a | b | c |", ["a", "b"]),
        ("|| b |", ["", "b"]),
        (r"| a \| c | b |", [r"a \| c", "b"]),
        ("|　a　|\tb |", ["a", "b"]),
        ("| - a | 1. b |", ["- a", "1. b"]),
    ],
)
def test_a_row_has_as_many_cells_as_the_header(line: str, cells: list[str]) -> None:
    assert rows(article(f"| If | Then |\n|---|---|\n{line}\n")) == [[["If", "Then"], cells]]


@pytest.mark.parametrize(
    "lines",
    [
        "> | If | Then |\n> |---|---|\n> | a | b |\n",
        "- | If | Then |\n  |---|---|\n  | a | b |\n",
        "::: decide\n| If | Then |\n|---|---|\n| a | b |\n:::\n",
        "| If | Then |\r\n|---|---|\r\n| a | b |\r\n",
        "If | Then\n---|---\na | b",
    ],
)
def test_a_table_in_something_else_is_read_too(lines: str) -> None:
    assert rows(article(lines)) == [[["If", "Then"], ["a", "b"]]]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="|ab \\-`*如果\t", max_size=20), min_size=1, max_size=4), st.booleans())
def test_cells_are_those_the_parser_sees(lines: list[str], quoted: bool) -> None:
    mark = "> " if quoted else ""
    body = "\n".join(mark + line for line in ["| If | Then |", "|---|---|", *lines])
    one = article(body)
    contents = [
        token.content for token in parser().parse(f"{body}\n") if token.type == "inline" and token.level == 4 + quoted
    ]
    found = [cell.text.replace("\\|", "|") for table in tables(one) for row in table.rows for cell in row]
    assert found == contents[2:] if tables(one) else found == []


def test_a_list_is_read_with_what_stands_before_it() -> None:
    one = article(
        "## Who\n\nAll of these:\n\n1. The *order* is paid\n   and shipped.\n2. [x] It is new.\n\n   More.\n\n- Other\n"
    )
    assert [(found.lead, [item.text for item in found.items]) for found in lists(one)] == [
        ("All of these:", ["The *order* is paid\n   and shipped.", "It is new."]),
        ("", ["Other"]),
    ]
    for found in lists(one):
        for item in found.items:
            assert one.source[item.span.start : item.span.end] == item.text


def test_a_list_in_a_list_or_block_is_no_list_of_its_own() -> None:
    one = article("- 甲\n  - 乙\n- - 丙\n\n> - 丁\n\n::: never\n- 不要说\n:::\n")
    assert [[item.text for item in found.items] for found in lists(one)] == [["甲"]]


def test_a_table_and_a_heading_lead_no_list() -> None:
    one = article("Text.\n\n## Who\n\n- a\n\n| If | Then |\n|---|---|\n| a | b |\n\n- b\n")
    assert [found.lead for found in lists(one)] == ["", ""]


def test_the_section_a_place_lies_in_is_the_innermost() -> None:
    one = article("Before.\n\n# One\n\nfirst\n\n## Two\n\nsecond\n\n# Three\n\nthird\n")

    def at(words: str) -> Span:
        place = one.source.index(words)
        return Span(place, place + len(words))

    assert [heading_at(one, at(words)) for words in ("Before", "first", "second", "third", "# Three")] == [
        "",
        "One",
        "Two",
        "Three",
        "Three",
    ]
    assert section_at(one, at("Before")) is None
    section = section_at(one, at("second"))
    assert section
    assert one.source[section.span.start : section.span.end] == "## Two\n\nsecond\n\n"


def test_each_paragraph_knows_the_innermost_block_around_it() -> None:
    one = article(
        "一\n\n::: say\n二\n:::\n\n三\n\n:::: decide\n- 四\n\n::: never\n五\n:::\n\n六\n::::\n\n"
        "> ::: say\n> 七\n> :::\n\n八\n"
    )
    found = [(one.source[span.start : span.end].strip("- >\n"), kind) for span, kind in paragraphs(one)]
    kinds = ["", "say", "", "decide", "never", "decide", "say", ""]
    assert found == list(zip("一二三四五六七八", kinds, strict=True))


@pytest.mark.parametrize("one", ARTICLES, ids=lambda one: one.id)
def test_the_sample_articles_have_what_their_files_have(one: Article) -> None:
    lines = [line for line in one.body.splitlines() if line.startswith("|")]
    found = [line for table in tables(one) for line in (table.header, *table.rows)]
    assert ["| " + " | ".join(cell.text for cell in cells) + " |" for cells in found] == [
        line.replace("| |", "|  |") for line in lines if set(line) - set("|-: ")
    ]
    steps = [line.partition(". ")[2] for line in one.body.splitlines() if line[:1].isdigit() and ". " in line]
    assert [item.text for item in lists(one)[0].items] == steps


def test_chapters_of_twins_stand_side_by_side_by_what_they_are_built_of() -> None:
    head = "---\nid: a\ntitle: T\nlang: en\n---\n"
    table = "| a | b |\n|---|---|\n| 1 | 2 |\n"
    say = "::: say\nHello.\n:::\n"
    mine = parse(f"{head}\n# One\n{say}\n## Why\nSo.\n\n## Steps\n{table}\n## Related\n- x\n", "p/a.md")
    twin = parse(f"{head}\n# 一\n{say}\n## 步骤\n{table}\n## 相关\n- x\n", "p/a.md")
    told = [(one.heading if one else "", its.heading if its else "") for one, its in abreast(mine, twin)]
    assert told == [("One", "一"), ("Why", ""), ("Steps", "步骤"), ("Related", "相关")]
    assert [mine.source[one.span.start : one.span.end].split("\n")[0] for one in chapters(mine)] == [
        "# One",
        "## Why",
        "## Steps",
        "## Related",
    ]
    opening = parse(f"{head}\nFirst.\n\n## Then\nSecond.\n", "p/a.md")
    assert [(one.heading, opening.source[one.span.start : one.span.end]) for one in chapters(opening)] == [
        ("", "\nFirst.\n\n"),
        ("Then", "## Then\nSecond.\n"),
    ]
