"""What a question was meant to say, in Chinese and English, on a small base and on an empty one."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from kb.finding.search import search
from kb.finding.spelling import NOTHING, Lexicon, Near, Vocabulary, heard, vocabulary
from kb.finding.spelling.han import syllables
from tests.small_base import ALL, SmallBase

TEXTS = (
    "退款多久到账\n退款一般三到五个工作日到账，退款原路退回。申请退款前请核对订单。",
    "路由器亮红灯怎么办\n重启路由器，路由器红灯仍亮时请报修。宽带不能用时先看路由器。",
    "退款和退货的区别\n退款到账后短信通知。取消订单后自动退款，不用再申请。",
    "How long a refund takes\nThe refund reaches the card in five days. Reset your password first.",
    "The air fryer smokes\nUnplug the air fryer. The warranty covers the battery and the vacuum.",
)
BASE = Lexicon([vocabulary(TEXTS)])
ENGLISH = Lexicon([vocabulary(TEXTS[3:])])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("推款", "退款"),
        ("路由七", "路由器"),
        ("我想申请推款", "我想申请退款"),
        ("tuikuan", "退款"),
        ("tui kuan", "退款"),
        ("tk", "退款"),
        ("tk daozhang", "退款到账"),
        ("tkdz", "退款到账"),
        ("wo yao tuikuan", "我要退款"),
        ("怎么tuik", "怎么退款"),
        ("luyouqi 红灯", "路由器红灯"),
        ("订单 qx", "订单取消"),
        ("wo yao quxiao dingdan", "我要取消订单"),
        ("怎么申请tuik", "怎么申请退款"),
        ("退款多久到賬", "退款多久到账"),
        ("ＷＩＦＩ ６", "WIFI 6"),
    ],
)
def test_chinese_is_heard_by_its_sound(typed: str, meant: str) -> None:
    assert heard(typed, BASE) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("refnud", "refund"),
        ("how long is the waranty", "how long is the warranty"),
        ("airfryer smokes", "air fryer smokes"),
        ("the air frye r", "the air fryer"),
        ("the refu nd", "the refund"),
        ("vaccum batery", "vacuum battery"),
        ("reset my passw", "reset my password"),
        ("i forgot my passwrod", "i forgot my password"),
    ],
)
def test_english_slips_are_put_right(typed: str, meant: str) -> None:
    assert heard(typed, BASE) == heard(typed, ENGLISH) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("嗯 那个 就是说 我想退款", "我想退款"),
        ("那个 那个 退货 怎么退 啊", "退货 怎么退"),
        ("我我我想退款", "我想退款"),
        ("um, you know, how do i uh reset my password", "how do i reset my password"),
        ("so um what is the the warranty", "what is the warranty"),
        ("well okay so how long is the warranty", "how long is the warranty"),
        ("然后就是说退款那个就是怎么申请", "退款怎么申请"),
        ("error e zero four", "error e 04"),
    ],
)
def test_what_only_fills_a_pause_is_not_asked_for(said: str, meant: str) -> None:
    assert heard(said, BASE) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "退款多久到账",
        "我的路由器亮红灯怎么办？",
        "总额和提额",
        "微波炉可以退吗",  # words the base does not have, and no slip
        "谁在九场比赛中赢了",
        "这个退款怎么申请",
        "so what",
        "Do you know the price of a chatbot?",
        "what kind of warranty",
        "I lose indentation",  # a rare word is a word
        "Ask Nguyen at ACME about X-25",
        "LH-R3000 E-04 api.example.com me@example.com",
        "change my plan",  # chang e
        "he can send me",  # words of English that are pinyin too
        "um",
        "嗯",
        "？",
        "の退款",
    ],
)
def test_what_is_no_slip_is_heard_as_it_is_typed(typed: str) -> None:
    assert heard(typed, BASE) == typed


def test_what_the_rest_of_a_question_finds_says_first_what_was_typed_by_its_sound() -> None:
    asked: list[tuple[str, str]] = []

    def near(said: str) -> Near:
        def found(rest: str, start: str) -> list[tuple[str, float]]:
            asked.append((rest.strip(), start))
            return [(said, 2.0)]

        return found

    both = Lexicon([vocabulary(["订单的退款", "订单的条款"])])  # both are tk
    for meant in ("退款", "条款"):
        assert heard("订单 tk", both, near(f"订单的{meant}")) == f"订单{meant}"
    assert heard("订单的tiaok", both, near("订单的条款")) == "订单的条款"
    assert set(asked) == {("订单", ""), ("订单的", "")}


def test_a_last_syllable_begun_needs_a_neighbour_that_the_articles_have() -> None:
    assert heard("退kua", BASE, lambda rest, start: [("退款", 1.0)]) == "退款"
    assert heard("是sh", BASE, lambda rest, start: [("身份证", 1.0)]) == heard("是sh", BASE)


def test_an_english_word_begun_is_ended_by_what_the_words_before_it_find() -> None:
    said = [("the warrior", 3.0), ("the warranty and the warranty", 1.0)]
    assert heard("is there a warr", BASE, lambda rest, start: said) == "is there a warrior"
    assert heard("is there a warr", BASE, lambda rest, start: said[1:]) == "is there a warranty"
    assert heard("is there a warr", BASE, lambda rest, start: []) == heard("is there a warr", BASE)


def test_a_base_without_chinese_makes_no_chinese_of_letters() -> None:
    assert heard("tk daozhang", ENGLISH).isascii()


def test_an_empty_base_hears_what_is_typed() -> None:
    assert heard("推款 ｔｋ refnud um", Lexicon([NOTHING])) == "推款 ｔｋ refnud um"


def test_a_base_in_traditional_chinese_is_asked_in_it() -> None:
    assert heard("退款多久到賬", Lexicon([vocabulary(["退款多久到賬，請洽客服"])])) == "退款多久到賬"


def test_parts_of_a_base_are_known_as_one() -> None:
    parts = Lexicon([vocabulary(TEXTS[:2]), vocabulary(TEXTS[3:])])
    assert heard("推款", parts) == "退款"
    assert heard("refnud", parts) == "refund"


def test_a_vocabulary_counts_words_and_pairs() -> None:
    assert vocabulary(["退款，退款！Refunds, refunds 到賬"]) == Vocabulary(
        {"refunds": 2}, frozenset({"refund"}), {"退款": 2, "到账": 1}, 1
    )


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("tuikuan", ("tui", "kuan")),
        ("xian", ("xian",)),
        ("daozhang", ("dao", "zhang")),
        ("nvshi", ("nv", "shi")),
        ("wifi", ()),
        ("ng", ()),
        ("", ()),
    ],
)
def test_letters_are_taken_apart_into_the_fewest_syllables(word: str, parts: tuple[str, ...]) -> None:
    assert syllables(word) == parts


HOSTILE = (
    "推" * 2_000,
    "我" * 2_000,
    "".join(chr(0x4E00 + i * 7 % 20_000) for i in range(2_000)),
    "嗯、" * 900,
    "tk " * 600,
    "a" * 2_000,
    "shishi" * 300,
    "wo yao " * 280,
    "qzx" * 600,
    "xqzv wkjh " * 200,
    "um " * 600,
    "zero " * 400,
)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_question_is_heard_in_bounded_time(hostile: str) -> None:
    start = time.monotonic()
    heard(hostile, BASE)
    assert time.monotonic() - start < 2  # a generous bound: it takes milliseconds


# --- in the search -------------------------------------------------------------------------------


def test_the_search_asks_for_what_was_meant_and_tells_what_was_typed(base: SmallBase) -> None:
    base.write("refund-zh", "退款多久到账", body="退款原路退回，退款三天到账。", questions=["退款怎么还没到"])
    base.write("router-zh", "路由器红灯", body="重启路由器。")
    base.build()
    index = base.open().engine
    for typed, meant in (("推款", "退款"), ("tuikuan", "退款"), ("tk daozhang", "退款到账"), ("路由七", "路由器")):
        found = search(typed, ALL, index=index, encoder=base.encoder, catalogue={})
        assert (found.query, found.heard) == (typed, meant)
        assert found.hits[0].article.id == ("router-zh" if "路由" in typed else "refund-zh")
        assert found == search(typed, ALL, index=index, encoder=base.encoder, catalogue={})


def test_a_word_of_a_saved_article_is_known_at_once(base: SmallBase) -> None:
    base.write("one-en", "Reset the router", body="Press the button.")
    base.build()
    assert heard("zigbee hubb", base.open().engine.lexicon) == "zigbee hub"
    base.write("two-en", "The hubb of Zigbee", body="Hubb is how we call it.")
    assert base.build().published
    assert len(base.open().engine.segments) == 2
    assert heard("zigbee hubb", base.open().engine.lexicon) == "zigbee hubb"


def test_the_vocabulary_of_a_segment_is_written_with_it(base: SmallBase) -> None:
    base.write("refund-zh", "退款多久到账", body="退款原路退回。", questions=["退款呢"])
    base.build()
    segment = base.open().engine.segments[0]
    assert segment.vocabulary.pairs["退款"] == 3
    assert segment.vocabulary == vocabulary(["退款多久到账", "退款呢", "退款原路退回。"])


@pytest.mark.parametrize("asked", ["推" * 100_000, "tk daozhang " * 9_000, "refnud " * 15_000])
def test_a_question_of_100_kb_is_answered_in_bounded_time(base: SmallBase, asked: str) -> None:
    base.write("refund-zh", "退款多久到账", body="退款原路退回。")
    base.build()
    index = base.open().engine
    start = time.monotonic()
    found = search(asked, ALL, index=index, encoder=base.encoder, catalogue={})
    assert time.monotonic() - start < 5
    assert len(found.heard) <= 2 * len(found.query) <= 4_000


def test_the_sample_base_is_found_by_sound(base: SmallBase) -> None:
    shutil.copytree(Path(__file__).parents[2] / "articles", base.folder)
    base.build()
    index = base.open().engine
    for typed in ("推款", "tuikuan", "tk daozhang", "退款多久到賬", "嗯 那个 就是说 tuikuan 多久 daozhang"):
        found = search(typed, ALL, index=index, encoder=None, catalogue={}, prefer_lang="zh")
        assert found.query == typed
        assert "退款" in found.heard
        assert found.hits[0].article.lang == "zh-CN"
        assert any(hit.article.id == "refund-times-zh" for hit in found.hits[:3])


def test_a_last_word_cut_short_is_ended_by_what_the_words_before_it_find(base: SmallBase) -> None:
    base.write("cable-en", "Charging cable", body="The cable, the cable and the cable again: charge with the cable.")
    base.write("refund-en", "Refund to a cancelled card", body="A refund to a cancelled order takes five days.")
    base.build()
    index = base.open().engine
    assert index.lexicon.grown("ca") == "cable"
    for typed, meant in (("refund for a canc", "refund for a cancelled"), ("canc", "cancelled"), ("caz", "caz")):
        assert search(typed, ALL, index=index, encoder=base.encoder, catalogue={}).heard == meant
    said = search("refund of my cab", ALL, index=index, encoder=base.encoder, catalogue={}).heard
    assert said == "refund of my cab"  # a word that anybody knows is never touched
