"""A Zendesk Guide export, as the Help Center API documents it: nested sections, drafts, tables, translations."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from kb.content.articles import parse
from tests.studio.test_media import picture
from tests.studio.transfer.packs import body_of, planned, zendesk

CATEGORIES = [{"id": 10, "name": "Refund policy", "locale": "en-us", "position": 0}]
SECTIONS = [
    {"id": 20, "name": "Cards", "category_id": 10, "parent_section_id": None, "locale": "en-us"},
    {"id": 21, "name": "Expired cards", "category_id": 10, "parent_section_id": 20, "locale": "en-us"},
]
BODY = """<h2 id="h_1">When it arrives</h2><p>The bank <strong>forwards</strong>&nbsp;it.</p>
<table class="wysiwyg-table"><thead><tr><th>Bank</th><th>Days</th></tr></thead>
<tbody><tr><td>ICBC</td><td>3 | 5</td></tr><tr><td>ABC</td><td>7</td></tr></tbody></table>
<ol><li>Ask for the <a href="/hc/en-us/articles/31-Return" onclick="steal()">return</a></li>
<li>Wait<ul><li>patiently</li></ul></li></ol>
<p><img src="https://lark.zendesk.com/hc/article_attachments/99/card.png" alt="card" onerror="steal()">
<img src="https://elsewhere.example/t.gif" alt="pixel"></p>
<script>steal()</script><a href="javascript:steal()">here</a><!-- internal -->
<iframe src="https://www.youtube.com/embed/x" title="Film"></iframe>"""

MARKDOWN = """## When it arrives

The bank **forwards** it.

| Bank | Days |
| --- | --- |
| ICBC | 3 \\| 5 |
| ABC | 7 |

1. Ask for the [return](return-en.md)
2. Wait
   - patiently

![card](../../../_media/{card})
pixel

here
[Film](https://www.youtube.com/embed/x)

[form.pdf](../../../_media/{form})"""
ATTACHMENTS = [
    {
        "id": 99,
        "article_id": 30,
        "file_name": "card.png",
        "inline": True,
        "content_type": "image/png",
        "content_url": "https://lark.zendesk.com/hc/article_attachments/99/card.png",
    },
    {
        "id": 98,
        "article_id": 30,
        "file_name": "form.pdf",
        "inline": False,
        "content_type": "application/pdf",
        "content_url": "https://lark.zendesk.com/hc/article_attachments/98/form.pdf",
    },
]
TRANSLATIONS = [
    {
        "id": 1,
        "source_id": 30,
        "source_type": "Article",
        "locale": "zh-cn",
        "title": "退款到过期的卡",
        "draft": True,
        "body": "<p>银行会转到新卡上。</p>",
    }
]


def article(id: int, title: str, body: str = "<p>Text.</p>", **more: Any) -> dict[str, Any]:
    facts = {"id": id, "title": title, "body": body, "locale": "en-us", "source_locale": "en-us", "section_id": 21}
    return {**facts, "draft": False, "promoted": False, "label_names": [], "outdated": False, **more}


def test_an_article_with_all_that_an_article_can_have(tmp_path: Path) -> None:
    files = {
        "articles.json": zendesk(articles=[article(30, "Refund to an expired card", BODY), article(31, "Return")]),
        "sections.json": zendesk(sections=SECTIONS),
        "categories.json": zendesk(categories=CATEGORIES),
        "translations.json": zendesk(translations=TRANSLATIONS),
        "article_attachments.json": zendesk(article_attachments=ATTACHMENTS),
        "attachments/99/card.png": picture(),
        "attachments/98/form.pdf": b"%PDF-1.4 form",
    }
    rows = {row.id: row for row in planned(files, tmp_path).rows}
    assert set(rows) == {"refund-to-an-expired-card-en", "refund-to-an-expired-card-zh", "return-en"}
    row, zh = rows["refund-to-an-expired-card-en"], rows["refund-to-an-expired-card-zh"]
    card, form = (one.name for one in row.papers)
    assert row.path == "refund-policy/cards/expired-cards/refund-to-an-expired-card-en.md"
    assert body_of(row) == MARKDOWN.format(card=card, form=form)
    assert [paper.read() for paper in row.papers] == [picture(), b"%PDF-1.4 form"]
    assert [note.code for note in row.notes] == ["import_picture_remote"]
    en, other = parse(row.source, row.path), parse(zh.source, zh.path)
    assert (en.state, other.state, en.twin, other.twin) == ("not-validated", "wip", zh.id, row.id)
    assert (other.lang, other.title, body_of(zh)) == (
        "zh-CN",
        "退款到过期的卡",
        f"银行会转到新卡上。\n\n[form.pdf](../../../_media/{form})",
    )


def test_articles_that_cannot_be_are_refused_and_the_others_come(tmp_path: Path) -> None:
    given = [
        article(1, "Empty", ""),
        article(2, ""),
        {"id": 3, "title": 7, "body": {}},
        article(4, "Deep", "<div>" * 5_000 + "x"),
        article(5, "Long", "<p>" + " ".join(map(str, range(200_000)))),
        article(6, "Good"),
        "not an article",
    ]
    files = {"a.json": zendesk(articles=given), "b.json": "{", "c.json": '{"users": []}', "d.json": "[" * 100_000}
    outcomes = {row.origin: row.error.code if row.error else row.outcome for row in planned(files, tmp_path).rows}
    assert outcomes == {
        "a.json#1": "import_no_text",
        "a.json#2": "import_no_title",
        "a.json#3": "import_no_title",
        "a.json#4": "import_too_deep",
        "a.json#5": "import_too_large",
        "a.json#6": "new",
        "b.json": "import_json_broken",
        "c.json": "import_json_unknown",
        "d.json": "import_json_broken",
    }


def test_a_section_that_lies_in_itself_does_not_go_round(tmp_path: Path) -> None:
    sections = [{"id": 21, "name": "Ring", "category_id": 10, "parent_section_id": 21}]
    (row,) = planned({"a.json": zendesk(articles=[article(1, "A")], sections=sections)}, tmp_path).rows
    assert row.path.startswith("ring/")


def test_a_thousand_articles_are_planned_each_with_its_own_id(tmp_path: Path) -> None:
    many = [article(n, f"Refund case {n % 500}", f"<p>Case number {n} of Lark Home.</p>") for n in range(1_000)]
    began = time.monotonic()
    made = planned({"a.json": zendesk(articles=many, sections=SECTIONS, categories=CATEGORIES)}, tmp_path)
    assert made.count("new") == 1_000
    assert len({row.id for row in made.rows}) == 1_000
    assert time.monotonic() - began < 60
