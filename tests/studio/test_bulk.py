"""One change over many articles: which lines, as whole words, and only what this person may change."""

from __future__ import annotations

from datetime import date

import pytest

from kb.content.articles import Article, parse
from kb.errors import NotAllowedError, RequestError
from kb.people.users import Role, User
from kb.studio import bulk
from kb.studio.bulk import Change, Line, only, plan, whole
from tests.small_base import markdown

ED, ANN = User("ed", "Ed", Role.EDITOR), User("ann", "Ann", Role.AGENT)
TODAY = date(2026, 11, 22)


def article(id: str = "price-en", title: str = "Plan at 199 a month", **keys: object) -> Article:
    facts = {"body": "It costs 199 yuan.\n\nNot 1199, not 199.50.", "questions": ["why 199", "is it cheap"]}
    return parse(markdown(id, title, **{**facts, **keys}), f"products/{id}.md")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "text", "found"),
    [
        ("199", "199元，¥199。199-249", 3),
        ("199", "1199 1990 199.5 1,199 R199 199kg", 0),
        ("199", "costs 199. Then 199, or 199!", 3),
        ("¥199", "¥199 或 ¥1990", 1),
        ("refund", "a refund, refunds, prerefund", 1),
        ("退款", "原路退款到账", 1),
        ("a.b", "a.b axb", 1),
    ],
)
def test_a_word_or_number_is_found_whole(said: str, text: str, found: int) -> None:
    assert len(whole(said).findall(text)) == found


def test_a_replacement_changes_title_questions_and_body_line_by_line() -> None:
    one = article(owner="199", products=["LH-199"])
    (row,) = plan(
        ED, [one, article("free-en", "Free", body="Nothing.", questions=[])], Change("replace", "249", "199"), TODAY
    )
    assert [(line.before, line.after) for line in row.lines] == [
        ('title: "Plan at 199 a month"', 'title: "Plan at 249 a month"'),
        ('questions: ["why 199", "is it cheap"]', 'questions: ["why 249", "is it cheap"]'),
        ("It costs 199 yuan.", "It costs 249 yuan."),
    ]
    made = parse(row.source, one.path)
    assert (made.title, made.questions) == ("Plan at 249 a month", ("why 249", "is it cheap"))
    assert (made.owner, made.products) == ("199", ("LH-199",))
    last = row.lines[-1]
    assert only(row, {last.number}) == one.source.replace("costs 199", "costs 249")
    assert only(row, set()) == one.source


def test_line_ends_and_all_else_stay_as_they_are() -> None:
    source = markdown("fee-zh", "月租 199 元", body="每月 199 元。\n\n还是 199 元\u2028一样").replace("\n", "\r\n")
    one = parse(source, "products/fee-zh.md")
    (row,) = plan(ED, [one], Change("replace", "249", "199"), TODAY)
    assert row.source == source.replace("199", "249")
    assert [line.number for line in row.lines] == [3, 8, 10]


def test_an_owner_a_day_a_product_and_a_state_are_set_in_the_front_matter() -> None:
    one = article(owner="ed", review_by="2026-01-01", products=["LH-V7"])

    def made(kind: str, value: str) -> Article | None:
        rows = plan(ED, [one], Change(kind, value), TODAY)
        return parse(rows[0].source, one.path) if rows else None

    assert getattr(made("owner", "li.na"), "owner", "") == "li.na"
    assert getattr(made("review", "2027-02-01"), "review_by", None) == date(2027, 2, 1)
    assert getattr(made("add_product", "LH-V9"), "products", ()) == ("LH-V7", "LH-V9")
    assert getattr(made("take_product", "LH-V7"), "products", None) == ()
    assert getattr(made("state", "archived"), "state", "") == "archived"
    for kind, value in (("owner", "ed"), ("add_product", "LH-V7"), ("take_product", "LH-V9"), ("state", "validated")):
        assert made(kind, value) is None
    (row,) = plan(ED, [one], Change("owner", "li.na"), TODAY)
    assert row.lines == (Line(row.lines[0].number, 'owner: "ed"', "owner: li.na"),)


def test_validating_many_is_a_review_of_each() -> None:
    (row,) = plan(ED, [article(state="not-validated")], Change("state", "validated"), TODAY)
    made = parse(row.source, "products/price-en.md")
    assert made.state == "validated"
    assert made.review_by is not None
    assert made.review_by > TODAY


def test_a_state_follows_only_by_the_table_of_moves_and_by_whom_it_may() -> None:
    wip, archived = article(state="validated"), article("old-en", "Old at 199", state="archived")
    rows = plan(ED, [wip, archived], Change("state", "wip"), TODAY)
    assert [(row.article.id, row.refused.code if row.refused else "") for row in rows] == [
        ("price-en", "move_not_possible"),
        ("old-en", ""),
    ]
    for by in (ANN, User("sue", "Sue", Role.SUPERVISOR)):
        with pytest.raises(NotAllowedError):
            plan(by, [wip], Change("owner", "x"), TODAY)
    foreign = article("tier-en", "Tier 199", teams=["tier2"])
    assert plan(ED, [foreign], Change("owner", "x"), TODAY) == ()


@pytest.mark.parametrize(
    "change",
    [
        Change("replace", "249", ""),
        Change("replace", "199", "199"),
        Change("replace", "a\nb", "199"),
        Change("replace", "x" * 201, "199"),
        Change("owner", ""),
        Change("review", "soon"),
        Change("burn", "it"),
    ],
)
def test_a_change_that_says_nothing_that_can_be_done_is_refused(change: Change) -> None:
    with pytest.raises(RequestError) as caught:
        bulk.plan(ED, [article()], change, TODAY)
    assert caught.value.code == "bulk_unclear"
