"""The verdict says found, maybe or missing, and means the probability it gives."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest

from kb.config import ROOT
from kb.finding.verdict import (
    FOUND_FROM,
    LEARNT,
    MIN_SAMPLES,
    MISSING_BELOW,
    PRIOR,
    SIGNALS,
    TRUST,
    Curve,
    Prior,
    Signals,
    Trial,
    Verdict,
    calibration_error,
    fit,
    judge,
    name_of,
    signals,
)

# Two signals count: 2 a spread of the top, 1 a spread of the words.
SIMPLE = Prior(
    model="model",
    centre={**dict.fromkeys(SIGNALS, 0.0), "top": 0.8, "words": 5.0},
    spread={**dict.fromkeys(SIGNALS, 1.0), "top": 0.1, "words": 10.0},
    weights={**dict.fromkeys(SIGNALS, 0.0), "top": 2.0, "words": 1.0},
    middle=0.5,
    easier={"title": 1.0, "question": 0.25},
    answerable=0.75,
)
CURVE = Curve({**dict.fromkeys(SIGNALS, 0.0), "top": 2.0, "lift": 1.0}, offset=-1.0, samples=50)


def seen(top: float, lift: float = 0.0, words: float = 5.0) -> Signals:
    """Signals of which only three say something."""
    return Signals(top=top, lift=lift, margin=0.0, first=top, worded=top, lead=0.0, words=words)


def asked(
    count: int, there: float, gone: float, kind: str = "question", spread: float = 0.02, seed: int = 1
) -> list[Trial]:
    """Trials whose top cosines lie around two middles."""
    chance = random.Random(seed)
    return [
        Trial(f"a{n}", kind, seen(chance.gauss(there, spread)), seen(chance.gauss(gone, spread))) for n in range(count)
    ]


# --- signals -------------------------------------------------------------------------------------

COSINES = {"a": 0.90, "b": 0.80, "c": 0.85, "d": 0.81}


def test_the_signals_are_read_from_the_lists() -> None:
    found = signals(COSINES, {"c": 7.0, "a": 6.5}, {"c": 0.75, "a": 0.5, "b": 0.125}, "")
    assert found is not None
    assert asdict(found) == pytest.approx(
        {"top": 0.90, "lift": 0.06, "margin": 0.10, "first": 0.85, "worded": 0.85, "lead": 0.25, "words": 7.0}
    )


def test_the_margin_is_taken_to_the_twentieth_where_there_are_so_many() -> None:
    cosines = {f"a{n}": 0.9 - n / 100 for n in range(40)}
    found = signals(cosines, {}, {"a0": 1.0, "a1": 0.5}, "")
    assert found is not None
    assert found.margin == pytest.approx(0.19)
    assert found.lift == pytest.approx(0.195)


def test_a_twin_is_no_rival_of_the_first() -> None:
    fused = {"a-zh": 0.9, "a-en": 0.8, "b-zh": 0.3}
    cosines = {"a-zh": 0.9, "a-en": 0.89, "b-zh": 0.8}
    alone, rivalled = signals(cosines, {}, fused, "a-en"), signals(cosines, {}, fused, "")
    assert alone is not None
    assert rivalled is not None
    assert alone.lead == pytest.approx(0.6)
    assert rivalled.lead == pytest.approx(0.1)


def test_one_article_alone_stands_above_nothing_and_has_no_rival() -> None:
    assert signals({"a": 0.9}, {}, {"a": 1.0}, "") == Signals(0.9, 0.0, 0.0, 0.9, 0.9, 1.0, 0.0)


def test_an_article_that_only_its_words_found_counts_as_far_as_the_last_of_the_list() -> None:
    found = signals({"a": 0.9, "b": 0.8}, {"z": 9.0}, {"z": 0.6, "a": 0.4}, "")
    assert found is not None
    assert (found.first, found.worded) == (0.8, 0.8)


def test_no_article_gives_no_signals() -> None:
    assert signals({}, {}, {}, "") is None
    assert signals({}, {"a": 3.0}, {"a": 1.0}, "") is None


def test_signals_are_a_vector_in_the_order_of_their_names() -> None:
    one = Signals(1, 2, 3, 4, 5, 6, 7)
    assert one.vector().tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert SIGNALS == ("top", "lift", "margin", "first", "worded", "lead", "words")


# --- judging -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("top", "lift", "probability"),
    [
        (0.5, 0.0, 0.5),  # 2 · .5 + 0 - 1 = 0
        (1.0, 0.0, 1 / (1 + math.exp(-1))),
        (0.0, 0.0, 1 / (1 + math.exp(1))),
        (0.5, math.log(3), 0.75),
        (1e6, 0.0, 1.0),
        (-1e6, 0.0, 0.0),
    ],
)
def test_a_curve_gives_the_logistic_probability(top: float, lift: float, probability: float) -> None:
    assert CURVE.probability(seen(top, lift)) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize("name", SIGNALS)
def test_more_of_a_signal_never_makes_an_answer_less_likely(name: str) -> None:
    curve = fit(asked(40, 0.92, 0.88), PRIOR, f"{PRIOR.model}:abc")
    assert curve is not None
    middle = Signals(0.88, 0.05, 0.08, 0.87, 0.86, 0.1, 10.0)
    steps = [curve.probability(replace(middle, **{name: value})) for value in np.linspace(0, 1, 11).tolist()]
    assert steps == sorted(steps)
    assert all(0 < one < 1 for one in steps)


@pytest.mark.parametrize(
    ("probability", "name"),
    [(0.999, "found"), (0.901, "found"), (0.899, "maybe"), (0.5, "maybe"), (0.334, "maybe"), (0.332, "missing")],
)
def test_the_name_follows_the_probability(probability: float, name: str) -> None:
    flat = Curve(dict.fromkeys(SIGNALS, 0.0), offset=math.log(probability / (1 - probability)), samples=50)
    told = judge(True, seen(0.9), flat, named=False)
    assert told.name == name == name_of(probability)
    assert told.probability == pytest.approx(probability)


def test_the_thresholds_are_in_the_order_of_their_names_and_what_is_wrong_costs_more_than_a_maybe() -> None:
    assert 0 < MISSING_BELOW < FOUND_FROM < 1
    assert 1 / MISSING_BELOW > 1
    assert 1 / (1 - FOUND_FROM) > 1 / MISSING_BELOW  # read to a customer unchecked


def test_an_article_asked_for_by_its_name_is_found_whatever_the_signals_say() -> None:
    hopeless = Curve(dict.fromkeys(SIGNALS, 0.0), offset=-30.0, samples=50)
    assert judge(True, seen(0.1), hopeless, named=True) == Verdict("found", 1.0)


def test_no_hit_is_missing_with_no_probability() -> None:
    assert judge(False, None, CURVE, named=False) == Verdict("missing", None)


def test_without_signals_or_without_a_curve_nothing_is_claimed() -> None:
    assert judge(True, None, CURVE, named=False) == Verdict("maybe", None)
    assert judge(True, seen(0.9, 0.1), None, named=False) == Verdict("maybe", None)


# --- measured on the base ------------------------------------------------------------------------


def score(top: float) -> float:
    """What `SIMPLE` makes of a top cosine."""
    return 2 * (top - 0.8) / 0.1


def probability(top: float, middle: float) -> float:
    return 1 / (1 + math.exp(-(score(top) - middle + math.log(3))))


def test_a_base_that_says_nothing_of_itself_has_the_curve_of_the_prior() -> None:
    curve = fit([], SIMPLE, "model:1f2e")
    assert curve is not None
    assert (curve.samples, curve.errors) == (0, None)
    for top in (0.7, 0.85, 0.9):
        assert curve.probability(seen(top)) == pytest.approx(probability(top, SIMPLE.middle))
    assert curve.probability(seen(0.85, words=15.0)) == pytest.approx(probability(0.9, SIMPLE.middle))


def test_found_begins_halfway_between_there_and_gone_held_to_the_prior() -> None:
    curve = fit(asked(40, 0.95, 0.85, spread=0.0), SIMPLE, "model:1f2e")
    assert curve is not None
    halfway = score(0.90) - SIMPLE.easier["question"]
    middle = (TRUST * SIMPLE.middle + 40 * halfway) / (TRUST + 40)
    assert curve.samples == 40
    for top in (0.8, 0.88, 0.95):
        assert curve.probability(seen(top)) == pytest.approx(probability(top, middle))


def test_a_base_whose_cosines_all_lie_higher_begins_higher() -> None:
    low, high = (fit(asked(100, top + 0.03, top, spread=0.01), SIMPLE, "model:1") for top in (0.80, 0.90))
    assert low is not None
    assert high is not None
    assert low.probability(seen(0.86)) == pytest.approx(0.90, abs=0.02)
    assert high.probability(seen(0.86)) == pytest.approx(0.68, abs=0.03)


def test_few_questions_move_the_curve_less_than_many() -> None:
    few, many = (fit(asked(count, 0.99, 0.95), SIMPLE, "model:1") for count in (5, 200))
    prior = fit([], SIMPLE, "model:1")
    assert few is not None
    assert many is not None
    assert prior is not None
    assert prior.offset > few.offset > many.offset


def test_titles_move_nothing_and_tell_the_errors_only_where_questions_are_few() -> None:
    questions, titles = asked(MIN_SAMPLES, 0.95, 0.85, spread=0.0), asked(30, 0.99, 0.95, "title", spread=0.0)
    both = fit(questions + titles, SIMPLE, "model:1")
    assert both == fit(questions, SIMPLE, "model:1")
    few = fit(questions[:-1] + titles, SIMPLE, "model:1")
    assert few is not None
    assert few.samples == MIN_SAMPLES - 1 + 30
    middle = (TRUST * SIMPLE.middle + (MIN_SAMPLES - 1) * (score(0.90) - 0.25)) / (TRUST + MIN_SAMPLES - 1)
    assert few.probability(seen(0.9)) == pytest.approx(probability(0.9, middle))
    alone = fit(titles, SIMPLE, "model:1")
    assert alone is not None
    assert alone.probability(seen(0.9)) == pytest.approx(probability(0.9, SIMPLE.middle))
    assert (alone.samples, alone.errors is not None) == (30, True)


def test_what_callers_asked_counts_alone_where_there_is_enough_of_it() -> None:
    taught, questions = asked(MIN_SAMPLES, 0.95, 0.85, "learnt", spread=0.0), asked(100, 0.99, 0.95)
    curve = fit(questions + taught, SIMPLE, "model:1")
    assert curve is not None
    assert curve == fit(taught, SIMPLE, "model:1")
    middle = (TRUST * SIMPLE.middle + MIN_SAMPLES * score(0.90)) / (TRUST + MIN_SAMPLES)
    assert curve.probability(seen(0.9)) == pytest.approx(probability(0.9, middle))
    assert fit(questions + taught[1:], SIMPLE, "model:1") == fit(questions, SIMPLE, "model:1")
    far = replace(SIMPLE, easier=dict(SIMPLE.easier) | {LEARNT: 0.5})  # callers' gaps are further off than an article
    nearer = fit(taught, far, "model:1")
    assert nearer is not None
    assert nearer.probability(seen(0.9)) == pytest.approx(probability(0.9, middle - 0.5 * 20 / (TRUST + 20)))


def test_an_article_that_nothing_else_stands_for_is_no_evidence() -> None:
    lonely = [Trial(f"a{n}", "title", None, seen(0.8)) for n in range(30)]
    last = [Trial(f"b{n}", "title", seen(0.9), None) for n in range(30)]
    curve = fit(lonely + last, SIMPLE, "model:1")
    assert curve is not None
    assert (curve.samples, curve.errors) == (0, None)


def test_another_models_signals_are_brought_to_the_scale_of_the_prior() -> None:
    """Cosines around 0 that differ by .2 then say as much as E5's around .9."""
    curve = fit(asked(100, 0.3, 0.1, spread=0.05), SIMPLE, "another:77")
    assert curve is not None
    there = [curve.probability(one.there) for one in asked(50, 0.3, 0.1, spread=0.05, seed=2) if one.there]
    gone = [curve.probability(one.gone) for one in asked(50, 0.3, 0.1, spread=0.05, seed=2) if one.gone]
    assert np.mean(there) > 0.85
    assert np.mean(gone) < 0.45
    assert curve.probability(seen(0.2)) == pytest.approx(0.75, abs=0.05)


def test_another_model_on_a_base_that_says_too_little_has_no_curve() -> None:
    assert fit(asked(MIN_SAMPLES - 1, 0.3, 0.1), SIMPLE, "another:77") is None
    assert fit([], SIMPLE, "another:77") is None


def test_signals_that_never_vary_give_finite_curves() -> None:
    same = [Trial(f"a{n}", "question", seen(0.9), seen(0.9)) for n in range(30)]
    for model in ("model:1", "another:77"):
        curve = fit(same, SIMPLE, model)
        assert curve is not None
        assert math.isfinite(curve.offset)
        assert all(math.isfinite(weight) for weight in curve.weights.values())
        assert 0 < curve.probability(seen(0.9)) < 1


# --- how often it is wrong -----------------------------------------------------------------------


def test_a_base_whose_answers_stand_apart_is_never_wrong() -> None:
    curve = fit(asked(100, 0.99, 0.70, spread=0.005), SIMPLE, "model:1")
    assert curve is not None
    assert curve.errors is not None
    assert (curve.errors.missing, curve.errors.found) == (0.0, 0.0)
    assert curve.errors.ece < 0.1


def test_a_base_whose_answers_cannot_be_told_apart_says_how_wrong_it_is() -> None:
    curve = fit(asked(200, 0.90, 0.90), SIMPLE, "model:1")
    assert curve is not None
    assert curve.errors is not None
    assert 0 <= curve.errors.found < 0.3  # three of four questions have an answer: nothing speaks for either
    assert 0 <= curve.errors.missing < 0.2
    assert 0 <= curve.errors.ece < 0.15


def test_too_few_questions_tell_no_error() -> None:
    curve = fit(asked(MIN_SAMPLES - 1, 0.95, 0.85), SIMPLE, "model:1")
    assert curve is not None
    assert curve.errors is None


def test_probabilities_that_come_true_have_no_calibration_error() -> None:
    said = np.repeat([0.15, 0.55, 0.95], 20)
    true = np.concatenate([np.arange(20) < 20 * one for one in (0.15, 0.55, 0.95)])
    assert calibration_error(said, true) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("said", "true", "error"),
    [
        ([0.9, 0.9, 0.9, 0.9], [True, True, False, False], 0.4),
        ([1.0, 0.0], [False, True], 1.0),
        ([0.25, 0.25, 0.75, 0.75], [False, False, True, True], 0.25),
        ([], [], 0.0),
    ],
)
def test_the_calibration_error_is_the_mean_distance_from_what_came_true(
    said: Sequence[float], true: Sequence[bool], error: float
) -> None:
    assert calibration_error(np.array(said), np.array(true, bool)) == pytest.approx(error)


def test_the_calibration_error_counts_by_weight() -> None:
    said, true = np.array([0.05, 0.95]), np.array([True, True])
    assert calibration_error(said, true, np.array([3.0, 1.0])) == pytest.approx((3 * 0.95 + 0.05) / 4)


# --- kept and published --------------------------------------------------------------------------


def test_a_curve_comes_back_from_json_as_it_was() -> None:
    for curve in (fit(asked(60, 0.95, 0.85), SIMPLE, "model:1"), CURVE):
        assert curve is not None
        assert Curve.from_tree(json.loads(json.dumps(asdict(curve)))) == curve


def test_the_prior_is_the_one_that_was_fitted_and_published() -> None:
    tree = json.loads((ROOT / "benchmarks" / "results" / "verdict-fit.json").read_text("utf-8"))
    assert asdict(PRIOR) == tree["all"]["prior"]
    assert all(weight >= 0 for weight in PRIOR.weights.values())
