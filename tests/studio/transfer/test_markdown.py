"""Markdown of MkDocs, Docusaurus and Obsidian: the article's words stay, what only its tool knows is told plainly."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.content.articles import parse
from kb.content.products import Product
from tests.studio.test_media import picture
from tests.studio.transfer.packs import body_of, only, planned

MKDOCS = """---
title: Red light on the router
description: What a red light means
tags:
  - LH-R3000
  - network
---

# Red light on the router

!!! warning "Before you begin"
    Leave the power plug in.

    1. One
    2. Two

??? note
    Folded.

=== "Phone"

    Open the app.

See [the reset](../reset.md#steps) and [the vendor](https://vendor.example/help).

![lamp](img/lamp.png){ width=300 }

``` yaml
!!! not an admonition
```
"""


def test_an_article_of_mkdocs(tmp_path: Path) -> None:
    files = {
        "mkdocs.yml": "site_name: Help",
        "docs/troubleshooting/network/red-light.md": MKDOCS,
        "docs/troubleshooting/reset.md": "# Reset the router\n\nHold the button for ten seconds.\n",
        "docs/troubleshooting/network/img/lamp.png": picture(),
    }
    made = planned(files, tmp_path, catalogue={"LH-R3000": Product("LH-R3000", "Router", "路由器", (), "")})
    red, reset, settings = made.rows
    assert (red.outcome, red.path) == ("new", "troubleshooting/network/red-light-en.md")
    article = parse(red.source, red.path)
    assert (article.title, article.lang, article.state) == ("Red light on the router", "en", "not-validated")
    assert (article.products, article.owner, article.audience) == (("LH-R3000",), "ed", "internal")
    name = red.papers[0].name
    assert (
        body_of(red)
        == f"""> **Before you begin**
>
> Leave the power plug in.
>
> 1. One
> 2. Two

> **Note**
>
> Folded.

**Phone**

Open the app.

See [the reset](../reset-en.md) and [the vendor](https://vendor.example/help).

![lamp](../../_media/{name})

``` yaml
!!! not an admonition
```"""
    )
    assert red.papers[0].read() == picture()
    assert [note.code for note in red.notes] == ["import_tags"]
    assert (reset.title, body_of(reset)) == ("Reset the router", "Hold the button for ten seconds.")
    assert (settings.origin, settings.error and settings.error.code) == ("mkdocs.yml", "import_kind")


def test_an_article_of_docusaurus_and_its_translation(tmp_path: Path) -> None:
    english = """---
id: expired
slug: /refunds/expired-card
sidebar_label: Expired
title: Refund to an expired card
keywords: [refund]
---
import Tabs from '@theme/Tabs';

:::tip[Say it slowly]

The bank forwards it.

:::

:::danger

Never promise a day.

:::

## Steps {#steps}

Done.<br/>Really.
"""
    chinese = "---\ntitle: 退款到过期的卡\nslug: /refunds/expired-card\n---\n\n银行会转到新卡上。\n"
    files = {
        "docusaurus.config.js": "module.exports = {};",
        "docs/02-refunds/01-expired.md": english,
        "i18n/zh-CN/docusaurus-plugin-content-docs/current/02-refunds/01-expired.md": chinese,
    }
    rows = {row.id: row for row in planned(files, tmp_path).rows}
    en, zh = rows["expired-card-en"], rows["expired-card-zh"]
    assert (en.path, zh.path) == ("refunds/expired-card-en.md", "refunds/expired-card-zh.md")
    one, other = parse(en.source, en.path), parse(zh.source, zh.path)
    assert (one.twin, other.twin, other.lang) == ("expired-card-zh", "expired-card-en", "zh-CN")
    assert (
        body_of(en)
        == """> **Say it slowly**
>
>
> The bank forwards it.
>

> **Danger**
>
>
> Never promise a day.
>

## Steps

Done.
Really.""".replace("Done.\n", "Done.  \n")
    )
    assert body_of(zh) == "银行会转到新卡上。"


def test_a_vault_of_obsidian(tmp_path: Path) -> None:
    files = {
        ".obsidian/app.json": "{}",
        "Refunds/Late delivery.md": "---\naliases: [parcel is late]\ntags: [delivery]\n---\n"
        "> [!warning]- Careful\n> Not for lockers.\n\n"
        "See [[Return a parcel|returns]] and [[Nowhere]]. ==Twenty yuan== %%ask Li%%\n\n![[shelf.png|200]] ^abc\n",
        "Refunds/Return a parcel.md": "Seven days.\n",
        "attachments/shelf.png": picture(),
    }
    late, back = planned(files, tmp_path).rows
    assert (late.title, late.id, late.path) == ("Late delivery", "late-delivery-en", "refunds/late-delivery-en.md")
    assert parse(late.source, late.path).questions == ("parcel is late",)
    assert body_of(late) == (
        "> **Careful**\n>\n> Not for lockers.\n\n"
        "See [returns](return-a-parcel-en.md) and Nowhere. **Twenty yuan**\n\n"
        f"![shelf](../_media/{late.papers[0].name})"
    )
    assert [(note.code, note.facts.get("target")) for note in late.notes] == [
        ("import_link_lost", "Nowhere"),
        ("import_tags", None),
    ]
    assert back.outcome == "new"


@pytest.mark.parametrize(
    ("name", "text", "title", "id"),
    [
        ("退款多久到账.md", "一般 3 到 5 天到账。", "退款多久到账", "tui-kuan-duo-jiu-dao-zhang-zh"),
        ("notes/README.md", "# Where parcels go\n\nTo the shelf.", "Where parcels go", "notes-en"),
        ("a.md", "Parcel\n======\n\nText.", "Parcel", "a-en"),
        ("☎.md", "Words only.", "☎", "products-1-en"),
        ("x.zh.md", "水壶里有白色水垢，先加热。", "x", "x-zh"),
    ],
)
def test_title_id_and_language_are_told_from_what_there_is(
    tmp_path: Path, name: str, text: str, title: str, id: str
) -> None:
    row = only(planned({name: text}, tmp_path))
    assert (row.outcome, row.title, row.id) == ("new", title, id)


def test_a_remote_picture_is_left_out_and_the_article_comes(tmp_path: Path) -> None:
    text = "![a](https://tracker.example/p.png) ![b][r] <img src='//t.example/x.gif' alt='c'>\n\nText.\n\n[r]: http://t.example/r.png\n"
    row = only(planned({"a.md": text}, tmp_path))
    assert (row.outcome, body_of(row)) == ("new", "a b c\n\nText.")
    assert [note.code for note in row.notes] == ["import_picture_remote"] * 3


def test_a_block_of_ours_in_anothers_text_is_only_text(tmp_path: Path) -> None:
    row = only(planned({"a.md": "# A\n\n::: say\nGive them everything.\n:::\n"}, tmp_path))
    assert parse(row.source, row.path).say == ""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030", "big5"])
def test_text_in_another_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = "退款會在三到五個工作日內退回原來的付款方式，請耐心等待銀行處理。如果卡片已經過期，請聯絡銀行。" * 3
    text = text if encoding != "gb18030" else "退款会在三到五个工作日内退回原来的付款方式，请耐心等待银行处理。" * 5
    row = only(planned({"refund.md": text.encode(encoding)}, tmp_path))
    assert (row.outcome, body_of(row)) == ("new", text)
