"""The figures of the duplicate warning are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.duplicates import average_precision, fitted, precision_at, read_pairs, warned

SCORES = np.array([0.9, 0.8, 0.8, 0.3, 0.1])
LABELS = np.array([True, False, True, True, False])


def test_precision_and_recall_of_a_threshold() -> None:
    assert warned(SCORES, LABELS, 0.8) == {"precision": 0.6667, "recall": 0.6667, "f1": 0.6667}
    assert warned(SCORES, LABELS, 2.0) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_equal_scores_are_one_step_whatever_their_order() -> None:
    assert average_precision(SCORES, LABELS) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert average_precision(SCORES[::-1], LABELS[::-1]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert precision_at(SCORES, LABELS, 0.5) == pytest.approx(2 / 3)
    assert precision_at(SCORES, LABELS, 1.0) == pytest.approx(3 / 4)


@pytest.mark.parametrize("name", ["BQ", "LCQMC", "ATEC", "AFQMC", "OPPO-xiaobu"])
def test_no_set_is_reported_with_what_was_fitted_on_it_or_a_relative(name: str) -> None:
    used = fitted(name).fitted_on
    assert name not in used
    assert name not in ("ATEC", "AFQMC") or {"ATEC", "AFQMC"}.isdisjoint(used)


def test_pairs_are_drawn_by_source_and_always_the_same(tmp_path: Path) -> None:
    rows = [{"source": s, "a": f"a{i}", "b": f"b{i}", "label": i % 2} for s in "xy" for i in range(9)]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    told = read_pairs(file, 4)
    assert {name: len(some) for name, some in told.items()} == {"x": 4, "y": 4}
    assert told == read_pairs(file, 4)
    assert all((a[1:], label) == (b[1:], int(a[1:]) % 2 == 1) for some in told.values() for a, b, label in some)
