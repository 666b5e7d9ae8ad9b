"""An index without a question: everything it says is as if the question had never been written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.engine import Engine
from kb import text
from kb.finding.chunks import ASKS
from kb.finding.held_out import HeldOut, are_copies, copies, normal
from kb.finding.search import Ranked, search
from tests.fake_encoder import HashEncoder
from tests.small_base import ALL, SmallBase

ENCODER = HashEncoder(dim=256)
ASKED = "泡水的门锁还能保修吗"
ASKED_EN = "does the warranty cover a lock that fell into water"


def rows(texts: Any) -> Any:
    return ENCODER.queries(list(texts))


def built(home: Path, *never_written: str) -> Engine:
    """The base, without some of its questions."""
    base = SmallBase(home, ENCODER)

    def write(id: str, title: str, questions: list[str], body: str) -> None:
        base.write(id, title, questions=[one for one in questions if one not in never_written], body=body)

    write("pasted-zh", "别的事情", [ASKED, "怎么开发票"], "发票在订单页面开。")
    write("pasted-en", "Other things", [ASKED_EN, "where is my invoice E04"], "On the order page.")
    write("plain-zh", "退款多久到账", ["退款几天能到"], "三天。")
    write("plain-en", "Refund times", ["when does the refund come"], "Three days.")
    base.build()
    return base.open().engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return built(tmp_path_factory.mktemp("held-out"))


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Engine]:
    """The same base, one of the questions never written."""
    return {one: built(tmp_path_factory.mktemp("without"), one) for one in (ASKED, ASKED_EN)}


def _scores(found: list[Ranked]) -> list[tuple[str, float]]:
    return [(one.article, one.score) for one in found]


def held(engine: Engine, question: str) -> HeldOut:
    out = copies(question, rows([question])[0], engine, ALL, rows, np.zeros(256, np.float32))
    return HeldOut(engine, out)


@pytest.mark.parametrize(
    ("question", "other", "same"),
    [
        (ASKED, "泡水的门锁，还能保修吗？？", True),
        (ASKED, ASKED, True),
        (ASKED, "怎么开发票", False),
        (ASKED_EN, "Does the warranty cover a lock that fell into WATER?", True),
        (ASKED_EN, "when does the refund come", False),
    ],
)
def test_a_copy_says_the_same_in_the_same_words(question: str, other: str, same: bool) -> None:
    assert are_copies(question, [other], rows, np.zeros(256, np.float32)) == [same]


def test_words_that_mean_nothing_and_their_order_make_no_other_question() -> None:
    assert normal("is the lock under warranty") == normal("The warranty: lock, under?")
    assert normal("the") == "the"
    assert normal("lock under warranty") != normal("lock under water")


@pytest.mark.parametrize(("question", "article", "out"), [(ASKED, "pasted-zh", 1), (ASKED_EN, "pasted-en", 1)])
def test_the_copies_of_a_question_are_left_out_and_no_other(
    engine: Engine, question: str, article: str, out: int
) -> None:
    assert held(engine, question).out == {f"{article}#{out}"}


@pytest.mark.parametrize(("question", "article"), [(ASKED, "pasted-zh"), (ASKED_EN, "pasted-en")])
def test_what_was_pasted_finds_its_article_only_with_itself(
    engine: Engine, without: Mapping[str, Engine], question: str, article: str
) -> None:
    options: dict[str, Any] = {"encoder": ENCODER, "catalogue": {}, "limit": 4}
    whole = search(question, ALL, index=engine, **options)
    left = search(question, ALL, index=held(engine, question), **options)
    never = search(question, ALL, index=without[question], **options)
    assert whole.hits[0].article.id == article
    assert [hit.article.id for hit in left.hits] == [hit.article.id for hit in never.hits]
    for one, other in zip(left.hits, never.hits, strict=True):
        assert {name: place.rank for name, place in one.why.items()} == {
            name: place.rank for name, place in other.why.items()
        }


def test_vectors_are_those_of_a_base_that_never_had_it(engine: Engine, without: Mapping[str, Engine]) -> None:
    vector, index = rows([ASKED])[0], held(engine, ASKED)
    for articles in (None, 3):
        left = [(one.article, one.score) for one in index.dense(vector, ALL, 7, ASKS, articles)]
        never = [(one.article, one.score) for one in without[ASKED].dense(vector, ALL, 7, ASKS, articles)]
        assert left == [(id, pytest.approx(score, abs=1e-6)) for id, score in never]
    assert sorted(index.cosines(vector, "pasted-zh").values()) == pytest.approx(
        sorted(without[ASKED].cosines(vector, "pasted-zh").values()), abs=1e-6
    )


def test_words_left_out_earn_nothing_and_the_others_what_they_did(
    engine: Engine, without: Mapping[str, Engine]
) -> None:
    index = held(engine, ASKED)
    terms = text.query_terms(ASKED)
    whole, left, never = (dict(_scores(one.lexical(terms, ALL, 9))) for one in (engine, index, without[ASKED]))
    assert list(left) == list(never)
    assert left["pasted-zh"] < whole["pasted-zh"] / 4
    assert left["pasted-zh"] == pytest.approx(never["pasted-zh"], rel=0.35)  # idf and length of the whole base
    invoice = text.query_terms("怎么开发票")
    assert index.lexical(invoice, ALL, 9) == engine.lexical(invoice, ALL, 9)


def test_an_article_that_only_a_synonym_found_is_left_where_its_body_says_it(engine: Engine) -> None:
    index = held(engine, ASKED)
    body, asked = (text.QueryTerms((), "", (((), way),)) for way in (("订单", "单页"), ("泡水",)))
    assert _scores(index.lexical(body, ALL, 9)) == _scores(engine.lexical(body, ALL, 9)) != []
    assert engine.lexical(asked, ALL, 9)
    assert index.lexical(asked, ALL, 9) == []


def test_a_code_that_only_the_question_had_names_nothing(engine: Engine) -> None:
    assert [one.article for one in engine.named("e4", ALL)] == ["pasted-en"]
    out = frozenset({"pasted-en#2"})
    assert HeldOut(engine, out).named("e4", ALL) == []
    assert [one.article for one in HeldOut(engine, out).named("pasted-en", ALL)] == ["pasted-en"]
    assert [one.article for one in HeldOut(engine, frozenset({"pasted-en#1"})).named("e4", ALL)] == ["pasted-en"]


def test_nothing_left_out_is_the_index_itself(engine: Engine) -> None:
    index, vector = HeldOut(engine, frozenset()), rows([ASKED])[0]
    assert index.dense(vector, ALL, 9, ASKS, 4) == engine.dense(vector, ALL, 9, ASKS, 4)
    assert index.lexical(text.query_terms(ASKED), ALL, 9) == engine.lexical(text.query_terms(ASKED), ALL, 9)
    assert index.generation == engine.generation
