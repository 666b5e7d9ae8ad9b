"""What is due for another look, and what comes first."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from kb.content.articles import Article, parse
from kb.studio.review import DISUSED_DAYS, REUSE, WARN_DAYS, Use, next_review, queue, staleness

TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)
LONG_AGO = date(2020, 1, 1)


def article(id: str = "a", folder: str = "refund-policy", **keys: object) -> Article:
    head = (
        {"id": id, "title": "T", "lang": "en", "state": "validated", "owner": "li.na"}
        | {"review_by": TODAY, "valid_from": TODAY}
        | keys
    )
    lines = "".join(f"{key}: {value}\n" for key, value in head.items() if value)
    return parse(f"---\n{lines}---\n\nBody\n", f"{folder}/{id}.md")


def reasons(one: Article, use: Use | None = None) -> tuple[str, ...]:
    found = queue([one], {"a": use} if use else {}, TODAY, LONG_AGO)
    return found[0].reasons if found else ()


def test_an_article_in_order_is_in_no_queue() -> None:
    assert reasons(article(), Use(views=500, solved=100, last=TODAY)) == ()


@pytest.mark.parametrize(
    ("keys", "use", "wanted"),
    [
        ({"valid_until": TODAY - DAY}, Use(), ("expired",)),
        ({"valid_until": TODAY}, Use(), ("expiring",)),
        ({"valid_until": TODAY + WARN_DAYS * DAY}, Use(), ("expiring",)),
        ({"valid_until": TODAY + (WARN_DAYS + 1) * DAY}, Use(), ()),
        ({"review_by": TODAY - DAY}, Use(), ("overdue",)),
        ({"review_by": ""}, Use(), ("unreviewed",)),
        ({"owner": ""}, Use(), ("no_owner",)),
        ({}, Use(flags=1), ("flagged",)),
        ({}, Use(behind=TODAY), ("behind",)),
        ({"state": "not-validated"}, Use(solved=REUSE), ("reused",)),
        ({"state": "not-validated"}, Use(solved=REUSE - 1), ()),
        ({"state": "validated"}, Use(solved=REUSE), ()),
        ({"valid_from": TODAY - (DISUSED_DAYS + 1) * DAY}, Use(), ("disused",)),
        ({"valid_from": TODAY - (DISUSED_DAYS + 1) * DAY}, Use(last=TODAY - DISUSED_DAYS * DAY), ()),
        ({"state": "archived", "review_by": TODAY - DAY}, Use(flags=9), ()),
        ({"review_by": TODAY - DAY, "owner": ""}, Use(flags=2), ("overdue", "flagged", "no_owner")),
    ],
)
def test_each_reason_brings_an_article_into_the_queue(
    keys: dict[str, object], use: Use, wanted: tuple[str, ...]
) -> None:
    assert reasons(article(**keys), use) == wanted


def test_a_kind_has_its_own_interval() -> None:
    days = {folder: (next_review(article(folder=folder), TODAY) - TODAY).days for folder in
            ("refund-policy", "products", "troubleshooting", "other")}  # fmt: skip
    assert days == {"refund-policy": 30, "products": 90, "troubleshooting": 180, "other": 180}


def test_staleness_is_told_in_intervals() -> None:
    assert staleness(article(review_by=TODAY - 60 * DAY), TODAY) == 2.0
    assert staleness(article(review_by=TODAY - 90 * DAY, folder="troubleshooting"), TODAY) == 0.5
    assert staleness(article(review_by=TODAY + DAY), TODAY) == 0.0
    assert staleness(article(review_by=""), TODAY) == 1.0


def test_the_most_harmful_comes_first() -> None:
    late = {"review_by": TODAY - 30 * DAY}
    articles = [
        article("quiet", **late),
        article("used", **late),
        article("flagged", **late),
        article("waited", **late),
    ]
    uses = {"used": Use(views=9), "flagged": Use(views=9, flags=1), "waited": Use(gaps=2)}
    assert [(due.article.id, due.harm) for due in queue(articles, uses, TODAY, LONG_AGO)] == [
        ("flagged", 40.0),
        ("used", 20.0),
        ("waited", 6.0),
        ("quiet", 2.0),
    ]


def test_what_was_used_before_the_journal_began_nobody_knows() -> None:
    old = article(valid_from=TODAY - 900 * DAY)
    assert [due.reasons for due in queue([old], {}, TODAY, LONG_AGO)] == [("disused",)]
    assert queue([old], {}, TODAY, TODAY - DISUSED_DAYS * DAY) == []
