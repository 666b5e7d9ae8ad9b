"""The duplicate warning: what a draft asks and the base asks already, and what only looks like it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kb.comparing.duplicates import SIGNALS, WEIGHTS, Asked, Covered, Weights, covered, likely, middles_of, signals
from kb.config import ROOT

MIDDLES = {"en": np.array([1, 0, 0], np.float32), "zh": np.array([0, 1, 0], np.float32)}
COSINE = Weights({"above": 10.0, "centred": 0.0, "negated": 2.0, "numbers": 4.0}, -8.0)


def asked(text: str, *row: float) -> Asked:
    vector = np.array(row, np.float32)
    return Asked(text, vector / np.linalg.norm(vector))


def test_signals_are_cosines_and_what_makes_the_opposite() -> None:
    one, other = asked("Can I return it in 7 days", 3, 4, 0), asked("Can't I return it in 15 days", 4, 3, 0)
    told = signals(one, other, {})
    assert told == pytest.approx({"above": 0.96, "centred": 0.96, "negated": -1.0, "numbers": -1.0})
    assert signals(one, one, {}) == pytest.approx({"above": 1.0, "centred": 1.0, "negated": 0.0, "numbers": 0.0})


def test_each_question_is_centred_about_its_own_language() -> None:
    """What only says which language it is written in is taken away: across languages nothing else remains."""
    told = signals(asked("refund", 1, 0, 1), asked("退款", 0, 1, 1), MIDDLES)
    assert told["above"] == pytest.approx(0.5 - float(MIDDLES["en"] @ MIDDLES["zh"]))
    mine, theirs = np.array([2**-0.5 - 1, 0, 2**-0.5]), np.array([0, 2**-0.5 - 1, 2**-0.5])
    assert told["centred"] == pytest.approx(float(mine @ theirs / (np.linalg.norm(mine) * np.linalg.norm(theirs))))


def test_the_same_number_in_words_is_the_same_number() -> None:
    assert signals(asked("两百块怎么退", 1), asked("200块怎么退", 1), {})["numbers"] == 0.0
    assert signals(asked("两百块怎么退", 1), asked("300块怎么退", 1), {})["numbers"] == -1.0


def test_the_probability_is_the_logistic_of_the_weighed_signals() -> None:
    one, other = asked("Can I return it", 3, 4), asked("May I bring it back", 4, 3)
    assert likely(one, other, {}, COSINE) == pytest.approx(1 / (1 + np.exp(-1.6)))
    assert likely(one, asked("May I not bring it back", 4, 3), {}, COSINE) == pytest.approx(1 / (1 + np.exp(0.4)))


def test_two_codes_are_two_needs_however_near() -> None:
    near = (1.0, 0.01)
    assert likely(asked("The vacuum says E-04", *near), asked("The vacuum says E-09", 1, 0), {}, COSINE) == 0.0
    assert likely(asked("扫地机报 E04", *near), asked("vacuum shows e 04", 1, 0), {}, COSINE) > 0.8


def test_an_article_is_covered_by_its_likeliest_pair_and_never_by_its_twin() -> None:
    draft = [asked("Where is my refund", 1, 0), asked("Refund not there", 0.9, 0.4)]
    base = {
        "refunds-en": [asked("When do I get my money", 1, 0.1), asked("Money back", 0.5, 1)],
        "refunds-zh": [asked("退款去哪了", 1, 0.05)],
        "kettle-en": [asked("White flakes", 0, 1)],
        "same-en": [asked("where is my REFUND", 0, 1)],
    }
    told = covered(draft, base, {}, but=("refunds-zh",), weights=COSINE)
    assert [(one.article, one.asked, one.known) for one in told] == [
        ("same-en", "Where is my refund", "where is my REFUND"),
        ("refunds-en", "Where is my refund", "When do I get my money"),
    ]
    assert told[0] == Covered("same-en", "Where is my refund", "where is my REFUND", 1.0)
    assert told[1].likely == pytest.approx(1 / (1 + np.exp(-(10 / 1.01**0.5 - 8))), abs=1e-5)


def test_middles_are_the_means_of_each_language() -> None:
    rows = [("a", np.array([1.0, 0.0])), ("b", np.array([0.0, 1.0])), ("退", np.array([2.0, 2.0]))]
    told = middles_of([(text, row.astype(np.float32)) for text, row in rows])
    assert {language: row.tolist() for language, row in told.items()} == {"en": [0.5, 0.5], "zh": [2.0, 2.0]}


def test_the_weights_are_the_ones_that_were_fitted() -> None:
    tree = json.loads((ROOT / "benchmarks" / "results" / "duplicates-fit.json").read_text("utf-8"))
    assert {name: WEIGHTS.weights[name] for name in SIGNALS} == tree["all"]["weights"]
    assert WEIGHTS.offset == tree["all"]["offset"]
