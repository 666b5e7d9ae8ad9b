"""Setting keys of a front matter: the key reads as wanted, and nothing else moves."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.content.articles import Article, parse, read_all
from kb.errors import ArticleError, RequestError
from kb.studio.header import template, with_keys

SAMPLE = Path(__file__).resolve().parent.parent.parent / "articles"

SOURCE = """---
# the twin of late-zh
id: late-en
title: "Late parcel: what to say"   # short
lang: en
products: [LH-R3000]
questions:
  - "Where is my parcel?"
  - It is late

# looked after by logistics
owner: li.na
state: wip
---

Body with `---` in it.
"""


def article(source: str = SOURCE) -> Article:
    return parse(source, "products/late-en.md")


def test_a_key_that_says_so_already_leaves_the_file_byte_for_byte() -> None:
    same = {
        "title": "Late parcel: what to say",
        "products": ("LH-R3000",),
        "state": "wip",
        "twin": "",
        "review_by": None,
    }
    assert with_keys(article(), same) == SOURCE


def test_a_changed_key_changes_its_own_lines_only() -> None:
    made = with_keys(article(), {"questions": ["Where is it?", 'He said "soon"']})
    before, after = SOURCE.split('questions:\n  - "Where is my parcel?"\n  - It is late\n')
    assert made == f'{before}questions:\n  - "Where is it?"\n  - "He said \\"soon\\""\n{after}'


def test_new_keys_go_to_the_end_and_empty_ones_go_out() -> None:
    made = with_keys(article(), {"review_by": date(2026, 12, 1), "owner": "", "products": ()})
    assert "review_by: 2026-12-01\n---\n\nBody" in made
    assert "owner" not in made.replace("looked after", "")
    assert "products" not in made
    assert "# looked after by logistics\nstate: wip\n" in made  # a comment belongs to what follows it
    assert parse(made, "products/late-en.md").review_by == date(2026, 12, 1)


def test_windows_line_ends_stay() -> None:
    source = SOURCE.replace("\n", "\r\n")
    made = with_keys(article(source), {"state": "validated", "teams": ("tier 2", "售后")})
    assert made == source.replace("state: wip\r\n", "state: validated\r\nteams: [tier 2, 售后]\r\n")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"colour": "red"}, RequestError),
        ({"state": "done"}, ArticleError),
        ({"twin": "Not An Id"}, ArticleError),
        ({"id": "other"}, ArticleError),  # the file's name is the id
        ({"title": ""}, ArticleError),
    ],
)
def test_a_key_or_value_that_cannot_be_is_refused(values: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        with_keys(article(), values)


def test_a_front_matter_in_braces_is_refused_and_not_guessed_at() -> None:
    with pytest.raises(ArticleError):
        with_keys(parse("---\n{id: late-en, title: T, lang: en}\n---\n", "late-en.md"), {"title": "Other"})


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).filter(
    lambda text: text.strip() and " ".join(text.split()) == text and text not in ("null", "~") and "\ufeff" not in text
)


@settings(max_examples=300, deadline=None)
@given(title=TEXT, questions=st.lists(TEXT, max_size=4), teams=st.lists(TEXT, max_size=3))
def test_any_text_comes_back_as_it_was_set(title: str, questions: list[str], teams: list[str]) -> None:
    made = parse(with_keys(article(), {"title": title, "questions": questions, "teams": teams}), "products/late-en.md")
    assert (made.title, made.questions, made.teams) == (title, tuple(questions), tuple(teams))
    assert made.body == article().body


def test_every_sample_article_keeps_every_byte_when_nothing_is_set_and_its_body_when_something_is() -> None:
    found, _ = read_all(SAMPLE)
    assert len(found) >= 80
    for one in found:
        keys = {"title": one.title, "questions": one.questions, "products": one.products, "review_by": one.review_by}
        assert with_keys(one, keys) == one.source
        moved = parse(with_keys(one, {"owner": "chen.yu", "valid_until": date(2030, 1, 1)}), one.path)
        assert (moved.owner, moved.valid_until, moved.body) == ("chen.yu", date(2030, 1, 1), one.body)
        assert (moved.title, moved.questions, moved.teams) == (one.title, one.questions, one.teams)


def test_a_new_file_has_its_keys_in_order() -> None:
    made = template({"lang": "zh-CN", "id": "tui-kuan", "title": "退款：多久到账", "questions": ["退款几天到"]}, "正文")
    assert (
        made == '---\nid: tui-kuan\ntitle: "退款：多久到账"\nlang: zh-CN\nquestions:\n  - "退款几天到"\n---\n\n正文\n'
    )
    assert parse(made, "refund-policy/tui-kuan.md").questions == ("退款几天到",)
