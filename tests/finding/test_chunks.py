"""What of an article is embedded: every word of it that says something, once, in pieces that can be read."""

from __future__ import annotations

from itertools import pairwise

import pytest

from kb.config import ROOT
from kb.content.articles import Article, parse, plain, read_all
from kb.finding.chunks import ANSWERS, ASKS, KINDS, NARROW, WIDE, Chunk, cut, embedded, shown
from tests.small_base import markdown

SAMPLES, _ = read_all(ROOT / "articles")

EN = """---
id: vacuum-e04-en
title: Robot vacuum stops with E-04
lang: en
questions:
  - "My hoover says something is stuck"
  - 'A wheel won''t turn'
---

Before any heading.

::: say
E-04 means that a **wheel** cannot turn. We will free it together.
:::

## Why

A wheel or the [side brush](../products/vacuum-consumables-en.md) meets resistance.

## Steps

1. Switch the robot off.
2. Turn it over.

### If it comes back

Look at the small wheel in front.

::: never
- Do not ask the customer to open the housing.
:::

| If | Then |
|---|---|
| The brush is bent | A new one is needed |

## Related

- [Exchange for a quality fault](../refund-policy/quality-exchange-en.md)
"""

ZH = """---
id: vacuum-e04-zh
title: 扫地机器人报 E-04
lang: zh-CN
questions: ["扫地机走两步就停", "有一边轮子不转了"]
---

::: say
E-04 是轮子转不动了，请您先关机。
:::

## 原因

轮子缠了**头发**。

::: decide
- 签收日期清楚的，换货可以自己登记。
:::

## 相关文章

- [扫地机器人耗材](../products/vacuum-consumables-zh.md)
"""


def pieces(article: Article) -> list[tuple[str, str]]:
    """(kind, text) of every chunk."""
    return [(chunk.kind, shown(article, chunk)) for chunk in cut(article)]


def test_an_english_article_is_cut_into_what_it_asks_and_what_it_answers() -> None:
    assert pieces(parse(EN, "troubleshooting/vacuum-e04-en.md")) == [
        ("title", "Robot vacuum stops with E-04"),
        ("question", "My hoover says something is stuck"),
        ("question", "A wheel won't turn"),
        ("say", "E-04 means that a wheel cannot turn. We will free it together."),
        ("body", "Before any heading."),
        ("body", "Why A wheel or the side brush meets resistance."),
        ("body", "Steps Switch the robot off. Turn it over."),
        ("body", "If it comes back Look at the small wheel in front."),
        ("block", "Do not ask the customer to open the housing."),
        ("body", "If · Then; The brush is bent · A new one is needed;"),
    ]


def test_a_chinese_article_is_cut_into_what_it_asks_and_what_it_answers() -> None:
    assert pieces(parse(ZH, "troubleshooting/vacuum-e04-zh.md")) == [
        ("title", "扫地机器人报 E-04"),
        ("question", "扫地机走两步就停"),
        ("question", "有一边轮子不转了"),
        ("say", "E-04 是轮子转不动了，请您先关机。"),
        ("body", "原因 轮子缠了头发。"),
        ("block", "签收日期清楚的，换货可以自己登记。"),
    ]


def test_chunks_are_numbered_in_order_under_their_article() -> None:
    chunks = cut(parse(ZH, "troubleshooting/vacuum-e04-zh.md"))
    assert [chunk.id for chunk in chunks] == [f"vacuum-e04-zh#{number}" for number in range(6)]
    assert {chunk.article for chunk in chunks} == {"vacuum-e04-zh"}


def test_every_kind_either_asks_or_answers() -> None:
    assert sorted((*ASKS, *ANSWERS)) == sorted(KINDS)


def test_a_body_chunk_is_embedded_under_its_title_and_the_others_as_they_are() -> None:
    article = parse(EN, "troubleshooting/vacuum-e04-en.md")
    texts = [embedded(article, chunk) for chunk in cut(article)]
    assert texts[0] == "Robot vacuum stops with E-04"
    assert texts[1] == "My hoover says something is stuck"
    assert texts[3] == "E-04 means that a wheel cannot turn. We will free it together."
    assert texts[4] == "Robot vacuum stops with E-04\nBefore any heading."
    assert texts[8] == "Robot vacuum stops with E-04\nDo not ask the customer to open the housing."


def test_the_span_of_a_chunk_is_its_text_in_the_file() -> None:
    article = parse(EN, "troubleshooting/vacuum-e04-en.md")
    sources = [article.source[chunk.span.start : chunk.span.end].strip() for chunk in cut(article)]
    assert sources[0] == "Robot vacuum stops with E-04"
    assert sources[1] == "My hoover says something is stuck"
    assert sources[2] == "A wheel won''t turn"
    assert sources[3].startswith("::: say\n")
    assert sources[5] == "## Why\n\nA wheel or the [side brush](../products/vacuum-consumables-en.md) meets resistance."
    assert sources[8] == "- Do not ask the customer to open the housing."


def test_the_chunks_of_an_article_stay_the_same_when_its_file_moves() -> None:
    here, there = parse(EN, "troubleshooting/vacuum-e04-en.md"), parse(EN, "products/vacuum-e04-en.md")
    assert cut(here) == cut(there)


def test_an_article_without_a_body_is_its_title_alone() -> None:
    article = parse(markdown("empty", "Nothing written yet"), "empty.md")
    assert cut(article) == [Chunk("empty#0", "empty", "title", article.title_span)]


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("The router is red.", "The **router** is red. Unplug it."),
        ("路由器亮红灯，怎么办", "路由器亮红灯，怎么办？先拔掉电源。"),
    ],
)
def test_a_title_that_repeats_the_first_words_of_its_body_is_no_chunk(title: str, body: str) -> None:
    article = parse(markdown("same", title, body=body), "same.md")
    assert [kind for kind, _ in pieces(article)] == ["body"]
    assert embedded(article, cut(article)[0]) == plain(body)


def test_an_article_that_says_nothing_at_all_still_has_its_title() -> None:
    article = parse(markdown("flame", "🔥"), "flame.md")
    assert pieces(article) == [("title", "🔥")]


@pytest.mark.parametrize(
    ("sentence", "limit"),
    [("Unplug the router and wait a little. ", NARROW), ("拔掉电源等十秒再插上。", WIDE)],
    ids=["en", "zh"],
)
def test_a_long_paragraph_is_cut_after_sentences_within_the_limit(sentence: str, limit: int) -> None:
    body = (sentence * 100).strip()
    article = parse(markdown("long", "Long" if sentence.isascii() else "长文", body=body), "long.md")
    texts = [text for kind, text in pieces(article) if kind == "body"]
    assert " ".join(texts).replace(" ", "") == body.replace(" ", "")
    assert all(limit / 2 <= len(text) <= limit for text in texts[:-1])
    assert all(text.endswith((".", "。")) for text in texts)
    assert len(texts) == len(body) // limit + 1


def test_a_text_without_any_stop_is_cut_at_the_limit() -> None:
    article = parse(markdown("long", "长文", body="嗯" * 1_000), "long.md")
    assert [len(text) for kind, text in pieces(article) if kind == "body"] == [300, 300, 300, 100]


def test_a_body_of_both_languages_gets_a_limit_between_the_two() -> None:
    body = ("重启 router 再试 one more time。" * 200).strip()
    article = parse(markdown("both", "两种语言", body=body), "both.md")
    lengths = [chunk.span.end - chunk.span.start for chunk in cut(article) if chunk.kind == "body"]
    assert WIDE < max(lengths) < NARROW


def test_short_paragraphs_share_a_chunk_until_it_is_full() -> None:
    paragraphs = [f"Paragraph {number} says that the light stays red for a while." for number in range(40)]
    article = parse(markdown("many", "Many", body="\n\n".join(paragraphs)), "many.md")
    texts = [text for kind, text in pieces(article) if kind == "body"]
    assert " ".join(texts) == " ".join(paragraphs)
    assert len(texts) == 3


def test_a_heading_alone_or_a_list_of_links_is_no_chunk() -> None:
    related = "## Related\n\n- [Delivery times](a.md)\n- [Refunds](b.md)\n\n"
    body = related + "## Empty\n\n---\n\n## Last\n\nSee [this](c.md) first."
    article = parse(markdown("links", "Links", body=body), "links.md")
    assert pieces(article)[1:] == [("body", "Last See this first.")]


@pytest.mark.parametrize("article", SAMPLES, ids=lambda article: article.id)
def test_the_sample_articles_are_cut_without_gaps_overlaps_or_overlong_pieces(article: Article) -> None:
    chunks = cut(article)
    answers = [chunk for chunk in chunks if chunk.kind in ("body", "block")]
    spans = [chunk.span for chunk in answers]
    assert all(one.end <= other.start for one, other in pairwise(spans))
    limit = (WIDE + NARROW) // 2 if article.lang == "zh-CN" else NARROW  # Chinese articles have model numbers
    assert all(span.end - span.start <= limit for span in spans)
    starts = [section.span.start for section in article.sections]
    assert not any(span.start < start < span.end for span in spans for start in starts)
    assert [article.source[span.start : span.end].strip()[:1] for span in spans].count("") == 0
    says = [block.span for block in article.blocks if block.kind == "say"]
    assert [chunk.span for chunk in chunks if chunk.kind == "say"] == says
    covered = [*spans, *says]
    left = [span for span in article.paragraphs if not any(c.start <= span.start < c.end for c in covered)]
    assert [text for span in left if not _frames(text := article.source[span.start : span.end].strip())] == []


def _frames(text: str) -> bool:
    """Whether a paragraph says nothing by itself: a heading over what is left out, or links only."""
    return text.startswith("#") or all(line.lstrip("- ").startswith("[") for line in text.splitlines())
