"""The verdict says found, maybe or missing, and means the probability it gives."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from kb.finding.verdict import (
    FOUND_FROM,
    MIN_SAMPLES,
    MISSING_BELOW,
    RIDGE,
    Curve,
    Signals,
    Verdict,
    fit,
    judge,
    signals,
)

CURVE = Curve(top=2.0, lift=1.0, offset=-1.0, samples=50)


def drawn(count: int, top: float, lift: float, seed: int, spread: float = 0.02) -> list[Signals]:
    """Signals around a middle."""
    chance = random.Random(seed)
    return [Signals(chance.gauss(top, spread), chance.gauss(lift, spread)) for _ in range(count)]


# --- signals -------------------------------------------------------------------------------------


def test_the_signals_are_the_best_cosine_and_how_far_it_stands_above_the_mean() -> None:
    found = signals([0.90, 0.80, 0.85, 0.81])
    assert found is not None
    assert (found.top, found.lift) == pytest.approx((0.90, 0.06))


def test_one_article_alone_stands_above_nothing() -> None:
    assert signals([0.9]) == Signals(0.9, 0.0)


def test_no_article_gives_no_signals() -> None:
    assert signals([]) is None


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
    assert CURVE.probability(Signals(top, lift)) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize(
    ("probability", "name"),
    [(0.999, "found"), (0.701, "found"), (0.699, "maybe"), (0.5, "maybe"), (0.301, "maybe"), (0.299, "missing")],
)
def test_the_name_follows_the_probability(probability: float, name: str) -> None:
    flat = Curve(top=0.0, lift=0.0, offset=math.log(probability / (1 - probability)), samples=50)
    told = judge(True, Signals(0.9, 0.1), flat, named=False)
    assert told.name == name
    assert told.probability == pytest.approx(probability)


def test_the_thresholds_are_in_the_order_of_their_names() -> None:
    assert 0 < MISSING_BELOW < FOUND_FROM < 1


def test_an_article_asked_for_by_its_name_is_found_whatever_the_signals_say() -> None:
    hopeless = Curve(top=0.0, lift=0.0, offset=-30.0, samples=50)
    assert judge(True, Signals(0.1, 0.0), hopeless, named=True) == Verdict("found", 1.0)


def test_no_hit_is_missing_with_no_probability() -> None:
    assert judge(False, None, CURVE, named=False) == Verdict("missing", None)


def test_without_signals_or_without_a_curve_nothing_is_claimed() -> None:
    assert judge(True, None, CURVE, named=False) == Verdict("maybe", None)
    assert judge(True, Signals(0.9, 0.1), None, named=False) == Verdict("maybe", None)


# --- fitting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("middles", [((0.90, 0.05), (0.85, 0.03)), ((0.93, 0.08), (0.88, 0.02))], ids=["en", "zh"])
def test_a_fitted_curve_tells_answered_from_unanswerable(middles: Sequence[tuple[float, float]]) -> None:
    curve = fit(drawn(100, *middles[0], seed=1), drawn(100, *middles[1], seed=2))
    assert curve is not None
    present = [curve.probability(one) for one in drawn(200, *middles[0], seed=3)]
    absent = [curve.probability(one) for one in drawn(200, *middles[1], seed=4)]
    right = sum(p > 0.5 for p in present) + sum(p < 0.5 for p in absent)
    assert right / 400 > 0.85
    assert 0.7 < np.mean(present) < 1
    assert 0 < np.mean(absent) < 0.3


def test_a_fitted_curve_is_the_best_of_its_kind() -> None:
    """No curve near it has a smaller loss: the penalised, class-balanced log loss, written out here."""
    present, absent = drawn(60, 0.88, 0.05, seed=1), drawn(25, 0.86, 0.04, seed=2)
    curve = fit(present, absent)
    assert curve is not None
    raw = np.array([(one.top, one.lift) for one in (*present, *absent)])
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    count = len(raw)

    def loss(top: float, lift: float, offset: float) -> float:
        x = np.array([top * one.top + lift * one.lift + offset for one in (*present, *absent)])
        sides = np.log1p(np.exp(-x[:60])).mean() + np.log1p(np.exp(x[60:])).mean()
        beta = np.array([top * spread[0], lift * spread[1], offset + top * centre[0] + lift * centre[1]])
        return float(sides / 2 * count + RIDGE / 2 * (beta @ beta))

    least = loss(curve.top, curve.lift, curve.offset)
    for change in (-0.1, 0.1):
        assert loss(curve.top + change, curve.lift, curve.offset - change * centre[0]) > least
        assert loss(curve.top, curve.lift + change, curve.offset - change * centre[1]) > least
        assert loss(curve.top, curve.lift, curve.offset + change) > least


def test_both_sorts_count_alike_however_many_there_are_of_each() -> None:
    present, absent = drawn(30, 0.90, 0.05, seed=1), drawn(30, 0.85, 0.03, seed=2)
    even, uneven = fit(present, absent), fit(present, absent * 10)
    assert even is not None
    assert uneven is not None
    for one in (*present, *absent):
        assert uneven.probability(one) == pytest.approx(even.probability(one), abs=0.02)


def test_signals_that_say_nothing_give_one_half() -> None:
    same = drawn(50, 0.88, 0.05, seed=1)
    curve = fit(same, same)
    assert curve is not None
    assert [curve.probability(one) for one in same] == pytest.approx([0.5] * 50, abs=1e-6)


def test_signals_that_never_vary_give_one_half_and_no_error() -> None:
    curve = fit([Signals(0.9, 0.0)] * 30, [Signals(0.9, 0.0)] * 30)
    assert curve is not None
    assert curve.probability(Signals(0.9, 0.0)) == pytest.approx(0.5)


def test_sorts_that_never_overlap_give_finite_slopes() -> None:
    curve = fit(drawn(30, 0.95, 0.10, 1, spread=0.001), drawn(30, 0.80, 0.01, 2, spread=0.001))
    assert curve is not None
    assert all(math.isfinite(value) for value in (curve.top, curve.lift, curve.offset))
    assert curve.probability(Signals(0.95, 0.10)) > 0.99
    assert curve.probability(Signals(0.80, 0.01)) < 0.01


def test_a_curve_knows_how_many_questions_it_was_measured_on() -> None:
    curve = fit(drawn(40, 0.9, 0.05, 1), drawn(25, 0.85, 0.03, 2))
    assert curve is not None
    assert curve.samples == 25


@pytest.mark.parametrize(("present", "absent"), [(MIN_SAMPLES - 1, 100), (100, MIN_SAMPLES - 1), (0, 0)])
def test_too_few_questions_of_either_sort_give_no_curve(present: int, absent: int) -> None:
    assert fit(drawn(present, 0.9, 0.05, 1), drawn(absent, 0.85, 0.03, 2)) is None
    assert fit(drawn(MIN_SAMPLES, 0.9, 0.05, 1), drawn(MIN_SAMPLES, 0.85, 0.03, 2)) is not None
