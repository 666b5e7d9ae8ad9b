"""The passage under a hit is the part of the article that answers, begun where the question's words are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from kb.content.articles import Article, parse
from kb.finding.chunks import cut, embedded, shown
from kb.finding.passage import MAX_SHOWN, Near, Passage, choose, sentences
from tests.small_base import markdown

EN = parse(
    markdown(
        "router-red-light-en",
        "Red light on the router",
        questions=["Why is there no internet"],
        say="A red light means there is no signal.",
        body="""Ask since when it is red.

## Restart

Unplug the router and wait ten seconds.

## Cable

Push the white cable in until it clicks.

### Broken cable

A broken cable is replaced free of charge.

::: never
- Never promise that a technician comes today.
:::
""",
    ),
    "troubleshooting/router-red-light-en.md",
)
ZH = parse(
    markdown(
        "router-red-light-zh",
        "路由器亮红灯",
        questions=["为什么没有网"],
        say="红灯是没有信号。",
        body="""## 重启

拔掉电源，等十秒再插上。

## 网线

把白色网线插紧，听到咔嗒一声。

::: decide
- 网线坏了可以免费换一根。
:::
""",
    ),
    "troubleshooting/router-red-light-zh.md",
)


def passage(article: Article, question: str, cosines: Mapping[str, float] | None = None) -> Passage:
    chunks = [(chunk, shown(article, chunk)) for chunk in cut(article)]
    return choose(article, chunks, question, cosines or {})


@pytest.mark.parametrize(
    ("article", "question", "text", "section"),
    [
        (EN, "how long to wait after unplugging", "Unplug the router and wait ten seconds.", "Restart"),
        (EN, "the white cable does not click", "Push the white cable in until it clicks.", "Cable"),
        (EN, "is a broken cable free", "A broken cable is replaced free of charge.", "Broken cable"),
        (EN, "since when", "Ask since when it is red.", ""),
        (ZH, "要等十秒吗", "拔掉电源，等十秒再插上。", "重启"),
        (ZH, "白色网线插紧了", "把白色网线插紧，听到咔嗒一声。", "网线"),
    ],
)
def test_without_an_encoder_the_words_choose(article: Article, question: str, text: str, section: str) -> None:
    found = passage(article, question)
    assert (found.text, found.section) == (text, section)
    assert article.source[found.span.start : found.span.end].strip().endswith(text)
    assert {chunk.id: chunk.span for chunk in cut(article)}[found.chunk] == found.span


def test_the_nearest_in_meaning_is_chosen_where_no_word_matches() -> None:
    of = {shown(EN, chunk): chunk.id for chunk in cut(EN)}
    near = dict.fromkeys(of.values(), 0.8) | {of["Cable Push the white cable in until it clicks."]: 0.85}
    assert passage(EN, "ethernet lead", near).section == "Cable"
    assert passage(EN, "以太网", near).section == "Cable"


def test_meaning_and_words_count_alike() -> None:
    of = {shown(EN, chunk): chunk.id for chunk in cut(EN)}
    restart, cable = (
        of["Restart Unplug the router and wait ten seconds."],
        of["Cable Push the white cable in until it clicks."],
    )
    cosines = dict.fromkeys(of.values(), 0.7) | {restart: 0.90, cable: 0.88}
    # cosines scaled: 1 against .9; of the two words "white" and "seconds" each has one
    assert passage(EN, "white seconds", cosines).section == "Restart"
    assert passage(EN, "white cable clicks seconds", cosines).section == "Cable"


def test_what_an_agent_may_decide_or_never_say_stands_back() -> None:
    assert passage(ZH, "网线坏了免费换").section == "网线"
    only = parse(markdown("only", "Only a rule", body="::: never\n- Never promise a date.\n:::\n"), "only.md")
    assert passage(only, "may I promise a date").text == "Never promise a date."


def test_an_article_without_a_body_shows_its_sentence_to_say_or_its_title() -> None:
    spoken = parse(markdown("spoken", "Spoken", say="Please restart it."), "spoken.md")
    assert passage(spoken, "anything").text == "Please restart it."
    bare = parse(markdown("bare", "光秃秃的标题"), "bare.md")
    assert (passage(bare, "标题").text, passage(bare, "标题").chunk) == ("光秃秃的标题", "bare#0")


def test_the_first_part_is_chosen_where_nothing_speaks_for_another() -> None:
    assert passage(EN, "zyzzyva").text == "Ask since when it is red."
    assert passage(ZH, "🤖").text == "拔掉电源，等十秒再插上。"


def test_a_long_passage_begins_near_the_words_that_were_asked_for() -> None:
    filler = "The light stays as it is for a while and nothing else happens then. "
    article = parse(markdown("long", "Long", body=filler * 8 + "Press the small pinhole. " + filler * 3), "long.md")
    found = passage(article, "where is the pinhole").text
    assert len(found) <= MAX_SHOWN
    assert found.startswith("… ")
    assert "Press the small pinhole." in found
    words = found.removeprefix("… ").removesuffix(" …").split(" ")
    assert words[0] in f"{filler} Press the small pinhole.".split()


def test_a_long_chinese_passage_keeps_the_words_that_were_asked_for() -> None:
    body = "请先看一下机器下面有没有东西。" * 10 + "捅一下小孔里的按钮，" + "等它亮灯。" * 20
    article = parse(markdown("long", "很长", body=body[:299]), "long.md")
    assert "小孔" in passage(article, "小孔在哪").text


@pytest.mark.parametrize("letter", ["a", "长", "İ", "㎡", "ﬃ", "\u200b"])
def test_no_passage_is_longer_than_it_may_be(letter: str) -> None:
    article = parse(markdown("long", "Long", body=f"{letter * 7} " * 300 + "needle"), "long.md")
    for question in ("needle", letter * 7, "?"):
        assert len(passage(article, question).text) <= MAX_SHOWN


def test_a_heading_is_not_repeated_in_its_passage() -> None:
    assert passage(EN, "wait ten seconds").text == "Unplug the router and wait ten seconds."


# --- the sentence that answers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "cut_up"),
    [
        ("Unplug it. Wait 3.5 s! Then what? Plug it in", ["Unplug it.", "Wait 3.5 s!", "Then what?", "Plug it in"]),
        ("Ask Dr. Lee or Mr. Wu. Call them.", ["Ask Dr. Lee or Mr. Wu.", "Call them."]),
        ("e.g. this one. J. Smith wrote it.", ["e.g. this one.", "J. Smith wrote it."]),
        ("拔掉电源。等十秒！“再插上。”好了吗？", ["拔掉电源。", "等十秒！", "“再插上。”", "好了吗？"]),
        ("first line\n\n- second line\n", ["first line", "- second line"]),
        ("", [""]),
        ("…", ["…"]),
    ],
)
def test_a_text_is_cut_into_sentences(shown: str, cut_up: list[str]) -> None:
    assert [shown[a:b] for a, b in sentences(shown)] == cut_up


@pytest.mark.parametrize(
    ("article", "question", "marked"),
    [
        (EN, "is a broken cable free", "A broken cable is replaced free of charge."),
        (EN, "how long to wait after unplugging", "Unplug the router and wait ten seconds."),
        (ZH, "白色网线插紧了", "把白色网线插紧，听到咔嗒一声。"),
    ],
)
def test_the_sentence_that_answers_is_marked_in_the_passage(article: Article, question: str, marked: str) -> None:
    found = passage(article, question)
    assert found.text[slice(*found.sentence)] == marked


LONG = parse(
    markdown("long", "Long", body=" ".join(f"Number {n} is here for the {n}th reason." for n in range(10, 40))),
    "x/long.md",
)


def test_tokens_choose_the_sentence_where_words_cannot() -> None:
    chunks = [(chunk, shown(LONG, chunk)) for chunk in cut(LONG)]
    body = next(i for i, (chunk, _) in enumerate(chunks) if chunk.kind == "body" and "Number 20" in chunks[i][1])
    chunk, text_ = chunks[body]
    lead = len(embedded(LONG, chunk)) - len(text_)
    places = np.array([lead + a for a, _ in sentences(text_)], np.uint16)
    cosines = np.full((len(places), 2), 0.1, np.float32)
    wanted = next(i for i, (a, b) in enumerate(sentences(text_)) if "Number 20" in text_[a:b])
    cosines[wanted] = 0.9
    near = [Near(chunk, 0.9, places, cosines)]
    found = choose(LONG, chunks, "zyzzyva", {one.id: float(one.id == chunk.id) for one, _ in chunks}, near)
    assert found.chunk == chunk.id
    assert found.text[slice(*found.sentence)] == "Number 20 is here for the 20th reason."


@pytest.mark.parametrize("number", range(10, 40))
def test_a_long_chunk_is_cut_around_its_sentence(number: int) -> None:
    found = passage(LONG, f"Number {number}, the {number}th reason")
    assert len(found.text) <= MAX_SHOWN
    assert found.text[slice(*found.sentence)] == f"Number {number} is here for the {number}th reason."


def test_a_row_of_a_table_is_one_sentence_and_prose_before_it_another() -> None:
    shown = "Count them. Case · Then; Is it late? · Wait; note it. No date yet; Cash · 3 days; Fees stay; they do."
    assert [shown[a:b] for a, b in sentences(shown)] == [
        "Count them.",
        "Case · Then;",
        "Is it late? · Wait; note it. No date yet;",
        "Cash · 3 days;",
        "Fees stay; they do.",
    ]
