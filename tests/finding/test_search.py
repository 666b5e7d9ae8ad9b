"""A question becomes hits: the right articles, in the right order, in the customer's language, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import exp
from typing import Any

import pytest

from indexer.engine import Engine
from kb import text
from kb.content.products import Product
from kb.errors import QuestionError
from kb.finding.chunks import ANSWERS, ASKS
from kb.finding.learning.evidence import Evidence, Weights
from kb.finding.search import (
    DEPTH,
    LATE_DEPTH,
    WEIGHTS,
    Hits,
    Place,
    Ranked,
    best_cosines,
    by_article,
    fuse,
    in_work,
    late,
    reranked,
    search,
    signals_of,
)
from kb.finding.verdict import SIGNALS, Curve, Verdict
from kb.i18n import explain
from kb.people.scope import Scope
from kb.tuning.synonyms import Synonyms
from tests.fake_encoder import HashEncoder
from tests.small_base import ALL, TODAY, SmallBase, scope

ENCODER = HashEncoder(dim=256)
AGENT = scope(states={"validated", "not-validated"})
DAY = timedelta(days=1)
CATALOGUE = {
    "LH-V7": Product("LH-V7", "Robot Vacuum V7", "扫地机器人 V7", "vacuum", ("V7",)),
    "LH-R3000": Product("LH-R3000", "Lark Router R3000", "云雀路由器 R3000", "router", ("R3000",)),
}

# topic: title, a question, what to say, why; Chinese, then English
PAIRS: Mapping[str, tuple[tuple[str, str, str, str], tuple[str, str, str, str]]] = {
    "vacuum-e04": (
        ("扫地机器人报 E-04", "扫地机走两步就停", "轮子或边刷转不动了。", "多半是缠了头发。"),
        ("Robot vacuum stops with E-04", "My hoover keeps stopping", "A wheel cannot turn.", "Usually it is hair."),
    ),
    "vacuum-e09": (
        ("扫地机器人充不进电 E-09", "充电座上没反应", "触点脏了。", "擦一擦触点，不要和 E-04 混淆。"),
        (
            "Vacuum does not charge: E-09",
            "No light on the dock",
            "The contacts are dirty.",
            "Do not mix it up with E-04.",
        ),
    ),
    "vacuum-choose": (
        ("扫地机选 V7 还是 V9", "V7 和 V9 差在哪", "V9 会自己倒垃圾。", "LH-V7 便宜一些。"),
        ("Which vacuum: V7 or V9", "How do V7 and V9 differ", "V9 empties itself.", "LH-V7 costs less."),
    ),
    "router-red-light": (
        ("路由器 R3000 亮红灯", "红灯一直亮没有网", "没有收到信号。", "拔掉电源等十秒。"),
        (
            "Red light on router R3000",
            "No internet and a red light",
            "There is no signal.",
            "Unplug it for ten seconds.",
        ),
    ),
    "refund-times": (
        ("退款多久到账", "钱什么时候退给我", "三天内原路退回。", "银行可能再要一天。"),
        ("When a refund arrives", "Where is my money", "Within three days.", "The bank may need one more."),
    ),
    "refund-card": (
        ("卡过期了退款去哪", "退款退到旧卡上了", "银行会转到新卡。", "不转的话退到余额。"),
        ("Refund to an expired card", "My old card got the refund", "The bank forwards it.", "Else it becomes credit."),
    ),
    "late-delivery": (
        ("快递晚到赔不赔", "说好昨天送到", "晚一天可以赔五元。", "天气原因不赔。"),
        ("Compensation for late delivery", "It should have come at 5", "Five yuan a day.", "Not for bad weather."),
    ),
}


def write_pairs(base: SmallBase) -> None:
    for topic, sides in PAIRS.items():
        for (title, question, say, body), mine, other in zip(sides, ("zh", "en"), ("en", "zh"), strict=True):
            keys = {"questions": [question], "say": say, "body": body, "twin": f"{topic}-{other}"}
            base.write(f"{topic}-{mine}", title, **keys)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    base = SmallBase(tmp_path_factory.mktemp("search"), ENCODER)
    write_pairs(base)
    base.write("only-zh", "门锁没电了怎么进门", questions=["锁没电进不去"], body="用充电宝顶住底部。")
    base.build()
    return base.open().engine


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A base in which every article has its twin."""
    base = SmallBase(tmp_path_factory.mktemp("pairs"), ENCODER)
    write_pairs(base)
    base.build()
    return base.open().engine


def ask(index: Engine, question: str, scope: Scope = AGENT, **options: Any) -> Hits:
    options = {"encoder": ENCODER, "catalogue": CATALOGUE, **options}
    return search(question, scope, index=index, **options)


def ids(hits: Hits) -> list[str]:
    return [hit.article.id for hit in hits.hits]


# --- fusing by hand ------------------------------------------------------------------------------


def places(**scores: float) -> list[tuple[str, Place]]:
    """Articles with their raw scores, best first."""
    ordered = sorted(scores.items(), key=lambda item: -item[1])
    return [(id, Place(rank, score, f"{id}#0")) for rank, (id, score) in enumerate(ordered, 1)]


THIRDS = {"answers": 0.5, "asks": 0.2, "lexical": 0.3}


def test_each_list_is_scaled_over_itself_and_weighted() -> None:
    lists = {
        "answers": places(a=0.90, b=0.85, c=0.80),  # 1, .5, 0
        "asks": places(b=0.95, d=0.91, a=0.87),  # 1, .5, 0
        "lexical": places(d=12.0, a=9.0, e=2.0),  # 1, .7, 0
    }
    assert fuse(lists, THIRDS) == pytest.approx(
        {
            "a": 0.5 * 1 + 0.2 * 0 + 0.3 * 0.7,
            "b": 0.5 * 0.5 + 0.2 * 1,
            "d": 0.2 * 0.5 + 0.3 * 1,
            "c": 0.0,
            "e": 0.0,
        }
    )
    assert list(fuse(lists, THIRDS)) == ["a", "b", "d", "c", "e"]


def test_a_list_of_one_counts_as_one_and_so_do_equals() -> None:
    assert fuse({"answers": places(a=0.71)}, THIRDS) == {"a": 1.0}
    assert fuse({"lexical": places(b=3.0, a=3.0)}, THIRDS) == {"a": 1.0, "b": 1.0}
    assert fuse({"answers": places(a=0.9, b=0.8), "lexical": places(b=0.1)}, THIRDS) == pytest.approx(
        {"a": 0.5 / 0.8, "b": 0.3 / 0.8}
    )


def test_the_weights_of_lists_that_are_not_there_go_to_those_that_are() -> None:
    lists = {"answers": places(a=0.9, b=0.8), "asks": places(b=0.9, a=0.8)}
    assert fuse(lists, THIRDS) == pytest.approx({"a": 5 / 7, "b": 2 / 7})
    assert fuse({"lexical": places(a=7.0, b=4.0, c=1.0)}, THIRDS) == pytest.approx({"a": 1.0, "b": 0.5, "c": 0.0})


def test_a_list_that_found_nothing_keeps_its_weight() -> None:
    assert fuse({"answers": places(a=0.9, b=0.8), "lexical": []}, THIRDS) == pytest.approx({"a": 0.625, "b": 0.0})


def test_negative_cosines_are_scaled_like_all_others() -> None:
    assert fuse({"answers": places(a=0.2, b=-0.2, c=-0.6)}, THIRDS) == pytest.approx({"a": 1.0, "b": 0.5, "c": 0.0})


def test_equal_scores_come_in_the_order_of_their_ids() -> None:
    lists = {"answers": places(b=0.9, a=0.8), "lexical": places(a=9.0, b=1.0)}
    assert list(fuse(lists, {"answers": 0.5, "lexical": 0.5})) == ["a", "b"]


def test_nothing_fuses_to_nothing() -> None:
    assert fuse({}, THIRDS) == {}
    assert fuse({"answers": [], "asks": [], "lexical": []}, THIRDS) == {}


def test_the_weights_name_the_three_lists_which_sum_to_one_and_late_interaction() -> None:
    assert set(WEIGHTS) == {"answers", "asks", "lexical", "late"}
    assert sum(WEIGHTS.values()) - WEIGHTS["late"] == pytest.approx(1.0)
    assert min(WEIGHTS.values()) > 0


def test_chunks_are_folded_to_articles_by_their_best() -> None:
    ranked = [Ranked("b", "b#3", 0.9), Ranked("a", "a#0", 0.8), Ranked("b", "b#1", 0.7), Ranked("c", "c#2", 0.6)]
    assert by_article(ranked) == {
        "b": Place(1, 0.9, "b#3"),
        "a": Place(2, 0.8, "a#0"),
        "c": Place(3, 0.6, "c#2"),
    }


def test_a_list_goes_no_deeper_than_a_hundred_articles() -> None:
    found = by_article(Ranked(f"a{i}", f"a{i}#{j}", 1 - i / 1000) for i in range(150) for j in range(2))
    assert DEPTH == 100
    assert list(found) == [f"a{i}" for i in range(100)]
    assert found["a99"] == Place(100, 0.901, "a99#0")


def test_the_best_cosine_of_an_article_is_taken_over_all_lists() -> None:
    one = {"a": Place(1, 0.9, ""), "b": Place(2, -0.5, "")}
    other = {"b": Place(1, 0.3, ""), "c": Place(2, -0.1, "")}
    assert best_cosines(one, other) == {"a": 0.9, "b": 0.3, "c": -0.1}


# --- the whole search ----------------------------------------------------------------------------

QUESTIONS = [
    "路由器一直亮红灯没有网",
    "退款退到过期的卡上了",
    "说好昨天送到的快递",
    "扫地机走两步就停",
    "there is no internet, only a red light",
    "where is my refund",
    "my hoover keeps stopping",
    "it did not come yesterday",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_hits_are_the_fused_lists_of_the_index(pairs: Engine, question: str) -> None:
    index = pairs
    (vector,), (tokens,) = ENCODER.with_tokens([question], query=True)
    lists = {
        "answers": by_article(index.dense(vector, AGENT, 500, ANSWERS)),
        "asks": by_article(index.dense(vector, AGENT, 500, ASKS)),
        "lexical": by_article(index.lexical(text.query_terms(question), AGENT, 100)),
    }
    fused = fuse({name: list(ranks.items()) for name, ranks in lists.items()}, WEIGHTS)
    first = list(fused)[:LATE_DEPTH]
    lists["late"] = late(dict(zip(first, index.maxsim(first, tokens), strict=True)))
    fused = reranked(fused, lists["late"], WEIGHTS["late"])
    found = ask(index, question, fold_twins=False, limit=100)
    assert ids(found) == list(fused)
    assert [hit.score for hit in found.hits] == pytest.approx(list(fused.values()), abs=1e-12)
    for hit in found.hits:
        assert hit.article == index.article(hit.article.id)
        assert hit.why == {name: ranks[hit.article.id] for name, ranks in lists.items() if hit.article.id in ranks}
        assert hit.passage.chunk in {chunk.id for chunk, _ in index.chunks(hit.article.id)}
        assert (hit.named, hit.twin) == (False, "")
    assert (found.query, found.generation, found.complete) == (question, index.generation, True)


def by_words(hits: Hits) -> list[str]:
    """What the lexical list found, best first."""
    found = {hit.why["lexical"].rank: hit.article.id for hit in hits.hits if "lexical" in hit.why}
    return [found[rank] for rank in sorted(found)]


@pytest.mark.parametrize(
    ("question", "group", "article"),
    [
        ("modem thing blinks", ("modem thing", "红灯", "red light"), "router-red-light-en"),
        ("黑盒子怎么了", ("黑盒子", "路由器"), "router-red-light-zh"),
        ("cashback missing", ("退款", "cashback"), "refund-times-zh"),
    ],
)
def test_a_synonym_brings_what_the_word_does_not(
    pairs: Engine, question: str, group: tuple[str, ...], article: str
) -> None:
    before, after = (ask(pairs, question, fold_twins=False, synonyms=Synonyms(some)) for some in ((), (group,)))
    assert article in by_words(after)[:2]
    assert article not in by_words(before)


@pytest.mark.parametrize("question", QUESTIONS)
def test_synonyms_of_other_words_change_nothing(index: Engine, question: str) -> None:
    other = Synonyms((("押金", "deposit"), ("发票", "invoice")))
    assert ask(index, question, synonyms=other) == ask(index, question)


def test_late_interaction_is_the_mean_of_the_best_ask_and_the_best_answer(index: Engine) -> None:
    _, (tokens,) = ENCODER.with_tokens([QUESTIONS[0]], query=True)
    found = late(dict(zip(index.ids, index.maxsim(index.ids, tokens), strict=True)))
    assert sorted(found) == list(index.ids)
    for id, place in found.items():
        (scores,) = index.maxsim([id], tokens)
        asks = [one.score for one in scores if one.chunk.kind in ASKS]
        answers = {one.chunk.id: one.score for one in scores if one.chunk.kind in ANSWERS}
        best = [max(side) for side in (asks, list(answers.values())) if side]
        assert place.score == pytest.approx(sum(best) / len(best))
        assert not answers or answers[place.chunk] == max(answers.values())
    ordered = sorted(found, key=lambda id: (-found[id].score, id))
    assert [found[id].rank for id in ordered] == list(range(1, len(found) + 1))


def test_late_interaction_is_scaled_over_its_articles_and_added_by_weight() -> None:
    fused = {"a": 0.9, "b": 0.8, "c": 0.5, "d": 0.1}
    places = {"a": Place(3, 0.2, ""), "b": Place(1, 0.6, ""), "c": Place(2, 0.3, "")}
    found = reranked(fused, places, 0.5)
    assert found == pytest.approx({"b": 1.3 / 1.5, "a": 0.9 / 1.5, "c": 0.625 / 1.5, "d": 0.1 / 1.5})
    assert list(found) == ["b", "a", "c", "d"]
    assert reranked(fused, {}, 0.5) == fused


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("路由器一直亮红灯没有网", "router-red-light-zh"),
        ("旧卡上的退款", "refund-card-zh"),
        ("锁没电，进不去家门", "only-zh"),
        ("a red light and no internet", "router-red-light-en"),
        ("my old card was sent the refund", "refund-card-en"),
        ("my hoover keeps stopping", "vacuum-e04-en"),
    ],
)
def test_the_article_that_answers_comes_first(index: Engine, question: str, best: str) -> None:
    assert ids(ask(index, question))[0] == best


def test_a_smaller_limit_gives_the_beginning_of_the_same_list(index: Engine) -> None:
    every = ask(index, "退款", limit=100).hits
    for limit in (0, 1, 3, 5):
        assert ask(index, "退款", limit=limit).hits == every[:limit]


def test_the_weights_given_are_the_weights_used(index: Engine) -> None:
    question = "where is the refund to my card"
    words = {"answers": 0.0, "asks": 0.0, "lexical": 1.0}
    lexical = [item.article for item in index.lexical(text.query_terms(question), AGENT, 100)]
    found = ids(ask(index, question, weights=words, fold_twins=False, limit=100))
    assert found[: len(lexical) - 1] == lexical[:-1]  # the last of a list counts 0, like what is not in it


def test_the_same_question_always_gets_the_same_answer(index: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    again = SmallBase(tmp_path_factory.mktemp("again"), ENCODER)
    again.write("only-zh", "门锁没电了怎么进门", questions=["锁没电进不去"], body="用充电宝顶住底部。")
    write_pairs(again)
    again.build()
    rebuilt = again.open().engine
    for question in QUESTIONS:
        first = ask(index, question, limit=100)
        assert all(ask(index, question, limit=100) == first for _ in range(3))
        other = ask(rebuilt, question, limit=100)
        assert [(hit.article.id, hit.score, hit.twin) for hit in other.hits] == [
            (hit.article.id, hit.score, hit.twin) for hit in first.hits
        ]


# --- twins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [*QUESTIONS, "E-04", "退款 refund"])
def test_twins_are_one_hit_with_the_other_named(index: Engine, question: str) -> None:
    apart = {hit.article.id: hit for hit in ask(index, question, fold_twins=False, limit=100).hits}
    together = ask(index, question, limit=100).hits
    assert {hit.article.id for hit in together} | {hit.twin for hit in together} == {*apart, ""}
    assert len({hit.article.id.rsplit("-", 1)[0] for hit in together}) == len(together)
    for hit in together:
        assert hit.twin == (hit.article.twin if hit.article.id != "only-zh" else "")
        if hit.twin:
            assert hit.score == max(apart[id].score for id in (hit.article.id, hit.twin))


@pytest.mark.parametrize(
    ("question", "prefer_lang", "shown"),
    [
        ("红灯一直亮", "", "zh"),
        ("red light", "", "en"),
        ("红灯一直亮", "en", "en"),
        ("red light", "zh", "zh"),
        ("red light", "zh-CN", "zh"),
        ("R3000 red light 红灯", "", "zh"),
    ],
)
def test_twins_are_shown_in_the_customers_language(index: Engine, question: str, prefer_lang: str, shown: str) -> None:
    found = ask(index, question, prefer_lang=prefer_lang)
    assert (found.hits[0].article.id, found.hits[0].twin) == (
        f"router-red-light-{shown}",
        f"router-red-light-{'zh' if shown == 'en' else 'en'}",
    )
    assert {hit.article.lang.split("-")[0] for hit in found.hits if hit.twin} == {shown}


def test_the_preferred_language_hides_nothing(index: Engine) -> None:
    assert "only-zh" in ids(ask(index, "锁没电进不去", prefer_lang="en"))


@pytest.mark.parametrize(("question", "prefer_lang"), [("红灯一直亮", "en"), ("red light", "zh")])
def test_words_alone_find_the_twin_that_has_none_of_them(index: Engine, question: str, prefer_lang: str) -> None:
    found = ask(index, question, encoder=None, prefer_lang=prefer_lang)
    other = "zh" if prefer_lang == "en" else "en"
    assert (found.hits[0].article.id, found.hits[0].twin) == (
        f"router-red-light-{prefer_lang}",
        f"router-red-light-{other}",
    )


def test_a_twin_that_this_asker_may_not_see_is_not_named(index: Engine) -> None:
    for encoder in (ENCODER, None):
        found = ask(index, "red light", scope(langs={"en"}), encoder=encoder)
        assert (found.hits[0].article.id, found.hits[0].twin) == ("router-red-light-en", "")
        assert {hit.article.lang for hit in found.hits} == {"en"}


# --- asked for by name ---------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["complete", "words only"])
def test_every_article_is_found_by_its_id_and_shown_as_asked(index: Engine, encoder: HashEncoder | None) -> None:
    for id in index.ids:
        for asked in (id, id.upper(), f"  {id}\n"):
            for prefer_lang in ("", "zh", "en"):
                found = ask(index, asked, encoder=encoder, prefer_lang=prefer_lang)
                assert found.hits[0].article.id == id
                assert [hit.article.id for hit in found.hits if hit.named] == [id]
                assert found.verdict == Verdict("found", 1.0)


def test_an_id_the_scope_hides_is_not_found(index: Engine) -> None:
    found = ask(index, "refund-times-zh", scope(langs={"en"}))
    assert "refund-times-zh" not in ids(found)
    assert not any(hit.named for hit in found.hits)


@pytest.mark.parametrize(
    "question",
    ["E-04", "e04", "E 04", "ｅ－０４", "E04", "e-4", "e4", "屏幕报E04了", "Ｅ－０４ 怎么办", "it says e-04!"],
)
@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["complete", "words only"])
def test_an_error_code_in_any_spelling_puts_its_article_first(
    index: Engine, question: str, encoder: HashEncoder | None
) -> None:
    found = ask(index, question, encoder=encoder)
    language = "zh" if "了" in question or "办" in question else "en"
    assert (found.hits[0].article.id, found.hits[0].twin) == (
        f"vacuum-e04-{language}",
        f"vacuum-e04-{'en' if language == 'zh' else 'zh'}",
    )
    assert [hit.article.id for hit in found.hits if hit.named] == [f"vacuum-e04-{language}"]  # E-09 has it in its body
    assert found.verdict == Verdict("found", 1.0)


@pytest.mark.parametrize("question", ["E-77", "e77 怎么办", "error Q 12", "F-04"])
def test_a_code_nobody_wrote_about_names_nothing(index: Engine, question: str) -> None:
    assert not any(hit.named for hit in ask(index, question).hits)


@pytest.mark.parametrize(
    "question", ["V7", "v7", "LH-V7", "V 7", "Ｖ７", "R3000", "lh-r3000", "LHR3000", "V7 和 R3000", "my V7 is loud"]
)
def test_a_products_model_number_names_no_article(index: Engine, question: str) -> None:
    found = ask(index, question)
    assert not any(hit.named for hit in found.hits)
    assert found.verdict.name != "found"


@pytest.mark.parametrize("question", ["refund", "退款", "red", "internet", "红灯", "it came at 5", "it should be 5"])
def test_a_common_word_names_no_article(index: Engine, question: str) -> None:
    found = ask(index, question)
    assert ids(found)
    assert not any(hit.named for hit in found.hits)


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["complete", "words only"])
def test_an_article_is_found_by_its_whole_title(index: Engine, encoder: HashEncoder | None) -> None:
    for id in sorted(index.ids):
        title = index.article(id).title
        for asked in (title, f"  {title.upper()}\n", title.replace(" ", "\u3000"), "".join(map(wide, title))):
            found = ask(index, asked, encoder=encoder)
            assert [hit.article.id for hit in found.hits if hit.named] == [id], asked
            assert (ids(found)[0], found.verdict) == (id, Verdict("found", 1.0))


def wide(char: str) -> str:
    """A letter or digit as a Chinese input method may write it."""
    return chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char


def test_a_title_in_traditional_characters_is_the_same_title(index: Engine) -> None:
    found = ask(index, "門鎖沒電了怎麼進門")
    assert [hit.article.id for hit in found.hits if hit.named] == ["only-zh"]


@pytest.mark.parametrize("asked", ["When a refund arrive", "When a refund arrives?", "退款多久到", "退款多久到账呢"])
def test_part_of_a_title_and_more_than_it_name_nothing(index: Engine, asked: str) -> None:
    found = ask(index, asked)
    assert not any(hit.named for hit in found.hits)
    assert ids(found)[0].startswith("refund-times")


@pytest.mark.parametrize(("title", "speaks"), [("When a refund arrives", "zh"), ("退款多久到账", "en")])
def test_a_title_jumps_to_its_article_in_the_customers_language(index: Engine, title: str, speaks: str) -> None:
    other = "en" if speaks == "zh" else "zh"
    first = ask(index, title, prefer_lang=speaks).hits[0]
    assert (first.article.id, first.twin, first.named) == (f"refund-times-{speaks}", f"refund-times-{other}", True)


def test_a_title_goes_before_an_article_that_only_asks_the_same(base: SmallBase) -> None:
    title = "Which card gets the refund"
    base.write("titled", title, body="Nothing else.")
    base.write("asks-it", "Cards", questions=[title, "Which card gets the refund"], body=f"{title}. {title}.")
    base.build()
    found = search(title, ALL, index=base.open().engine, encoder=base.encoder, catalogue={})
    assert [(hit.article.id, hit.named) for hit in found.hits] == [("titled", True), ("asks-it", False)]


# --- articles in work ----------------------------------------------------------------------------

WORK = scope(states={"wip"})


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The pairs, and three articles in work."""
    base = SmallBase(tmp_path_factory.mktemp("drafts"), ENCODER)
    write_pairs(base)
    draft = {"state": "wip"}
    base.write("draft-digital", "数字人民币退款", questions=["退款退到数字人民币钱包"], **draft)
    base.write("draft-foreign", "Refund in a foreign currency", questions=["refund in dollars"], **draft)
    base.write("draft-kettle", "Kettle leaks", questions=["water under my kettle"], **draft)
    base.build()
    return base.open().engine


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["complete", "words only"])
@pytest.mark.parametrize(
    ("question", "draft"),
    [
        ("退款退到数字人民币钱包", "draft-digital"),
        ("refund in dollars", "draft-foreign"),
        ("water under my kettle", "draft-kettle"),
    ],
)
def test_an_article_in_work_on_the_very_question_is_told(
    drafts: Engine, question: str, draft: str, encoder: HashEncoder | None
) -> None:
    found = ask(drafts, question, encoder=encoder)
    assert draft not in ids(found)
    told = in_work(found, WORK, drafts)
    assert told[0] == drafts.article(draft)
    assert {article.state for article in told} == {"wip"}


def test_an_article_in_work_that_three_hits_go_before_is_not_told(drafts: Engine) -> None:
    for encoder in (ENCODER, None):
        found = ask(drafts, "my hoover keeps stopping", encoder=encoder)
        told = {article.id for article in in_work(found, WORK, drafts)}
        assert "draft-digital" not in told
        assert "draft-foreign" not in told


def best(index: Engine, question: str, asker: Scope) -> list[float]:
    """The best cosines of the articles of a scope, highest first."""
    vector = ENCODER.queries([question])[0]
    lists = (by_article(index.dense(vector, asker, 500, kinds)) for kinds in (ANSWERS, ASKS))
    return sorted(best_cosines(*lists).values(), reverse=True)


@pytest.mark.parametrize("question", [*QUESTIONS, "refund in dollars", "水壶漏水"])
def test_what_is_told_in_work_is_as_near_as_the_third_hit(drafts: Engine, question: str) -> None:
    found = ask(drafts, question, fold_twins=False, limit=100)
    third = best(drafts, question, AGENT)[2]
    nearer = [cosine for cosine in best(drafts, question, WORK) if cosine >= third]
    told = in_work(found, WORK, drafts, most=9)
    assert len(told) == len(nearer)
    assert in_work(found, WORK, drafts, most=1) == told[:1]


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["complete", "words only"])
@pytest.mark.parametrize("hits", [0, 1, 2])
def test_where_fewer_than_three_answer_an_article_in_work_would_be_among_them(
    base: SmallBase, hits: int, encoder: HashEncoder | None
) -> None:
    for n in range(hits):
        base.write(f"kettle-{n}", "Kettle leaks", questions=["the kettle leaks"])
    base.write("draft", "A leaking kettle in the warranty", state="wip")
    base.build()
    index = base.open().engine
    found = search("the kettle leaks", AGENT, index=index, encoder=encoder and base.encoder, catalogue={})
    assert len(found.hits) == hits
    assert [article.id for article in in_work(found, WORK, index)] == ["draft"]


def test_a_scope_without_work_tells_of_none(drafts: Engine) -> None:
    for asker in (scope(states={"archived"}), scope(states=()), scope(states={"wip"}, teams={"other"})):
        assert in_work(ask(drafts, "refund in dollars"), asker, drafts) == ()


# --- what must not be seen -----------------------------------------------------------------------


@dataclass(frozen=True)
class Hidden:
    """An article that an agent's scope keeps back, and the scope that asks for it."""

    id: str
    facts: Mapping[str, Any]
    asks: Scope


HIDDEN = [
    Hidden("archived-en", {"state": "archived"}, scope(states={"archived"})),
    Hidden("wip-en", {"state": "wip"}, scope(states={"wip"})),
    Hidden("expired-en", {"valid_until": TODAY - DAY}, scope(on=TODAY - DAY)),
    Hidden("expired-yesterday-en", {"valid_until": TODAY - DAY}, scope(expired=True)),
    Hidden("future-en", {"valid_from": TODAY + DAY}, scope(on=TODAY + DAY)),
    Hidden("team-en", {"teams": ["business"]}, scope(teams={"business"})),
    Hidden("french", {"lang": "fr"}, scope(langs={"fr"})),
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An open pair whose English half is hidden, one for each way to hide, and one open article."""
    base = SmallBase(tmp_path_factory.mktemp("guarded"), ENCODER)
    base.write("open-en", "Nothing of interest", questions=["What is the weather"])
    for number, hidden in enumerate(HIDDEN):
        title, code = f"Secret number {number} of the kettle", f"K-{number}1"
        questions = [f"Kettle secret {number}", f"The kettle says {code}"]
        base.write(hidden.id, title, questions=questions, twin=f"twin-{number}-zh", **hidden.facts)
        base.write(f"twin-{number}-zh", f"水壶第 {number} 号", twin=hidden.id, body=f"可以说的，{code}。")
    base.build()
    return base.open().engine


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["complete", "words only"])
@pytest.mark.parametrize("number", range(len(HIDDEN)), ids=[hidden.id for hidden in HIDDEN])
def test_what_the_scope_hides_never_comes_back(guarded: Engine, number: int, encoder: HashEncoder | None) -> None:
    hidden = HIDDEN[number]
    title = guarded.article(hidden.id).title
    asked = [
        title,
        hidden.id,
        f"K-{number}1",
        f"k {number}1",
        f"Kettle secret {number}",
        f"水壶第 {number} 号",
        "kettle",
    ]
    for question in asked:
        for options in ({}, {"fold_twins": False}, {"prefer_lang": "en"}):
            found = ask(guarded, question, encoder=encoder, limit=100, **options)
            assert hidden.id not in ids(found), question
            assert hidden.id not in {hit.twin for hit in found.hits}, question
        seen = ask(guarded, title, hidden.asks, encoder=encoder)
        assert hidden.id in ids(seen) or hidden.id in {hit.twin for hit in seen.hits}


def test_an_empty_scope_finds_nothing_and_says_so(guarded: Engine) -> None:
    for name in ("teams", "langs", "states", "governance", "products"):
        found = ask(guarded, "kettle", scope(**{name: ()}))
        assert (found.hits, found.verdict) == ((), Verdict("missing", None))


def test_a_product_narrows_to_its_articles_and_those_of_no_product(base: SmallBase) -> None:
    base.write("v7", "Noise of the vacuum", products=["LH-V7"])
    base.write("r3000", "Noise of the router", products=["LH-R3000"])
    base.write("any", "Noise in general")
    base.build()
    found = search(
        "noise",
        scope(products={"LH-V7"}),
        index=base.open().engine,
        encoder=base.encoder,
        catalogue=CATALOGUE,
    )
    assert sorted(ids(found)) == ["any", "v7"]


# --- questions that are hardly questions ---------------------------------------------------------


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "\u200b\u200d\ufeff", "\0\x07\x1b", "\ud800", "\u202e", "　"])
def test_an_empty_question_cannot_be_asked(index: Engine, question: str) -> None:
    with pytest.raises(QuestionError) as told:
        ask(index, question)
    assert told.value.code == "question_empty"
    assert explain("en", told.value) == "Type a few of the customer's words."


@pytest.mark.parametrize(
    "question", ["🔥", "👨‍👩‍👧🤖", "。", "？？？", "'", '"(*)" AND ~x^2', "a", "红", "0", "\\", "%s {} <b>"]
)
@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["complete", "words only"])
def test_a_question_of_signs_is_answered_without_an_error(
    index: Engine, question: str, encoder: HashEncoder | None
) -> None:
    found = ask(index, question, encoder=encoder)
    assert found.query
    assert not any(hit.named for hit in found.hits)


def test_control_and_zero_width_characters_change_nothing(index: Engine) -> None:
    clean = ask(index, "红灯 red light")
    assert ask(index, "\x00红\u200b灯\x1b \r\n\tred\ufeff light\u202e\x07") == clean


@pytest.mark.parametrize("unit", ["红灯一直亮没有网。", "the red light stays on "], ids=["zh", "en"])
def test_ten_thousand_characters_count_as_the_first_two_thousand(index: Engine, unit: str) -> None:
    long = (unit * 2_000)[:10_000]
    found = ask(index, long)
    assert len(found.query) <= 2_000
    assert long.startswith(found.query)
    assert ids(found)[0].startswith("router-red-light")
    assert found == ask(index, found.query)


def test_a_question_without_any_known_word_still_gets_the_nearest(index: Engine) -> None:
    found = ask(index, "zyzzyva")
    assert found.hits
    assert all("lexical" not in hit.why for hit in found.hits)


# --- without an encoder --------------------------------------------------------------------------


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_an_encoder_the_words_answer_alone_and_say_so(index: Engine, question: str) -> None:
    found = ask(index, question, encoder=None, fold_twins=False, limit=100)
    lexical = index.lexical(text.query_terms(question), AGENT, 100)
    assert ids(found)[: len(lexical)] == [item.article for item in lexical]
    assert {name for hit in found.hits for name in hit.why} == {"lexical"}
    assert not found.complete
    assert found.verdict == Verdict("maybe", None)
    assert found.hits[0].score == 1.0


def test_without_an_encoder_and_without_a_word_nothing_is_found(index: Engine) -> None:
    found = ask(index, "zyzzyva", encoder=None)
    assert (found.hits, found.verdict, found.complete) == ((), Verdict("missing", None), False)


# --- the verdict ---------------------------------------------------------------------------------


def test_the_curve_of_the_questions_language_judges(index: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    sure, hopeless = (Curve(dict.fromkeys(SIGNALS, 0.0), offset, 50) for offset in (20.0, -20.0))
    monkeypatch.setattr(index, "calibration", {"zh": sure, "en": hopeless})
    assert ask(index, "红灯一直亮").verdict.name == "found"
    assert ask(index, "red light").verdict.name == "missing"
    assert ask(index, "red light", prefer_lang="zh").verdict.name == "missing"
    assert ids(ask(index, "red light"))[0] == "router-red-light-en"  # the nearest are shown all the same


def test_the_verdict_is_judged_on_the_best_cosines_of_all_articles(
    pairs: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = pairs
    weights = {**dict.fromkeys(SIGNALS, 0.0), "top": 3.0, "lift": 5.0, "words": 0.125}
    monkeypatch.setattr(index, "calibration", {"en": Curve(weights, -2.0, 50)})
    question = "where is my refund"
    vector = ENCODER.queries([question])[0]
    best: dict[str, float] = {}
    for kinds in (ASKS, ANSWERS):
        for item in index.dense(vector, AGENT, 500, kinds):
            best[item.article] = max(best.get(item.article, -1.0), item.score)
    top = max(best.values())
    lift = top - sum(best.values()) / len(best)
    words = index.lexical(text.query_terms(question), AGENT, 1)[0].score
    expected = 1 / (1 + exp(-(3 * top + 5 * lift + words / 8 - 2)))
    assert ask(index, question).verdict.probability == pytest.approx(expected, abs=1e-9)


def test_an_article_of_signs_alone_can_be_shown(base: SmallBase) -> None:
    base.write("flame", "🔥")
    base.build()
    found = search("flame", ALL, index=base.open().engine, encoder=base.encoder, catalogue={})
    assert [(hit.article.id, hit.passage.text) for hit in found.hits] == [("flame", "🔥")]


# --- what the verdict hears ----------------------------------------------------------------------

LISTS = {
    "answers": {"a-en": Place(1, 0.90, ""), "b-en": Place(2, 0.80, "")},
    "asks": {"a-en": Place(1, 0.88, ""), "b-en": Place(2, 0.78, "")},
    "lexical": {"a-en": Place(1, 6.0, ""), "b-en": Place(2, 2.0, "")},
}


@pytest.fixture
def two(base: SmallBase) -> Engine:
    base.write("a-en", "Refund", body="A refund takes five days.")
    base.write("b-en", "Router", body="Restart the router.")
    base.build()
    return base.open().engine


def test_lessons_have_their_say_in_what_comes_first_to_the_verdict(two: Engine) -> None:
    taught = Evidence(
        {"b-en": (0.9, "b-en#1")}, {"a-en": 0.0, "b-en": 1.0}, frozenset(), Weights(1.0, 2.0), {"b-en": 0.86}
    )
    plain, learnt = signals_of(LISTS, two), signals_of(LISTS, two, taught)
    assert plain is not None
    assert learnt is not None
    assert (plain.top, plain.first, plain.lead) == pytest.approx((0.90, 0.90, 1.0))
    assert (learnt.top, learnt.first) == pytest.approx((0.90, 0.86))  # b: by the lesson that put it first
    assert learnt.lead == pytest.approx((0.9 + 2.0) / 4 - 1.0 / 4)
    assert (learnt.worded, learnt.words) == pytest.approx((0.90, 6.0))


def test_the_verdict_is_judged_without_late_interaction_as_it_was_measured(two: Engine) -> None:
    late_too = LISTS | {"late": {"b-en": Place(1, 0.9, ""), "a-en": Place(2, 0.1, "")}}
    assert signals_of(late_too, two) == signals_of(LISTS, two)
