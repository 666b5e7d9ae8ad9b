"""Questions that mean the same are found to be one: all at once and one by one, with no number of needs given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

from kb.gaps import clusters
from kb.gaps.clusters import Labels, Rows, Space, average_linkage, batch, likeness
from kb.gaps.clusters.stream import Stream

DIM = 48


def needs(seed: int, each: Sequence[int], noise: float = 0.5) -> tuple[Rows, Labels]:
    """Rows as an encoder makes them: needs of so many questions each, all in one narrow cone, in a random order."""
    drawn = np.random.default_rng(seed)
    middles = drawn.standard_normal((len(each), DIM))
    labels = np.repeat(np.arange(len(each)), each)
    rows = 3 * np.ones(DIM) + middles[labels] + noise * drawn.standard_normal((len(labels), DIM))
    order = drawn.permutation(len(labels))
    return clusters.unit(rows[order]), labels[order]


def streamed(rows: Rows, **options: object) -> Stream:
    joined = Stream(DIM, **options)  # type: ignore[arg-type]
    for row in Space.of(rows).place(rows):
        joined.add(row)
    return joined


# --- all at once ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_clear_needs_are_found_whatever_their_sizes(seed: int) -> None:
    rows, truth = needs(seed, [40, 30, 20, 12, 8, 5, 3, 2])
    assert adjusted_rand_score(truth, batch(rows)) > 0.97
    assert adjusted_rand_score(truth, streamed(rows).labels) > 0.9


@pytest.mark.parametrize("n", [0, 1])
def test_of_none_or_one_there_is_nothing_to_join(n: int) -> None:
    assert batch(np.ones((n, DIM), np.float32)).tolist() == [0] * n


def test_the_same_question_twice_is_one_need() -> None:
    rows, _ = needs(1, [1, 1, 1])
    assert len(set(batch(rows[[0, 1, 2, 0, 1, 2]]).tolist())) == 3


@pytest.mark.parametrize("bar", [-1.0, 0.0, 0.2, 0.5, 0.9])
def test_average_linkage_is_that_of_scipy(bar: float) -> None:
    rows, _ = needs(3, [9, 7, 5, 1], noise=1.5)
    alike = likeness(Space.of(rows).place(rows))
    apart = (1 - (alike + alike.T) / 2).astype(np.float64)
    np.fill_diagonal(apart, 0)
    theirs = fcluster(linkage(squareform(apart, checks=False), "average"), 1 - bar, "distance")
    assert adjusted_rand_score(theirs, average_linkage(alike, bar)) == pytest.approx(1)


def test_likeness_is_the_same_both_ways_and_one_with_oneself() -> None:
    rows, _ = needs(5, [9, 7, 5])
    alike = likeness(Space.of(rows).place(rows))
    assert np.allclose(alike, alike.T, atol=1e-5)
    assert np.allclose(np.diag(alike), 1, atol=1e-5)


def test_more_than_can_be_compared_all_at_once_are_still_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, truth = needs(7, [40, 40, 40, 40])
    monkeypatch.setattr(clusters, "LARGEST", 80)
    assert adjusted_rand_score(truth, batch(rows)) > 0.95


def test_the_space_takes_the_middle_away_and_keeps_rows_at_length_one() -> None:
    rows, _ = needs(9, [20, 20])
    placed = Space.of(rows).place(rows)
    assert np.allclose(np.linalg.norm(placed, axis=1), 1, atol=1e-5)
    assert (rows @ rows.T).min() > 0.6  # all in one cone
    assert (placed @ placed.T).min() < -0.3
    alone = Space.of(rows[:1]).place(rows[:1])
    assert np.isfinite(alone).all()


def test_the_same_need_in_two_languages_is_one() -> None:
    rows, truth = needs(11, [20, 20, 20, 20], noise=0.4)
    langs = ["zh" if n % 2 else "en" for n in range(len(rows))]
    away = 4 * np.random.default_rng(0).standard_normal(DIM) / np.sqrt(DIM)
    moved = clusters.unit(rows + np.array([away * 0.5 if lang == "zh" else np.zeros(DIM) for lang in langs]))
    assert adjusted_rand_score(truth, batch(moved)) < 0.9
    assert adjusted_rand_score(truth, batch(moved, langs)) > 0.97
    few = ["zh"] * 3 + ["en"] * (len(rows) - 3)
    assert np.allclose(Space.of(rows, few).place(rows[:3], ["zh"] * 3), Space.of(rows, few).place(rows[:3], ["fr"] * 3))


# --- one by one ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_numbers_stay_as_questions_arrive(seed: int) -> None:
    """What was one need stays one, under the number it had or the older one it became part of."""
    rows, _ = needs(seed, [15, 10, 8, 6, 4, 2, 1, 1], noise=1.0)
    joined = Stream(DIM)
    given: list[int] = []
    for row in Space.of(rows).place(rows):
        before = joined.labels.tolist()
        given.append(joined.add(row))
        after = joined.labels.tolist()
        assert after[-1] == given[-1]
        for was, now in zip(before, after, strict=False):
            assert now == joined.top(was) <= was
    assert len(set(joined.labels.tolist())) < len(rows)


def test_needs_told_apart_stay_apart_and_each_takes_its_own() -> None:
    rows, _ = needs(2, [1])
    near = clusters.unit(rows[0] + 0.02 * np.random.default_rng(0).standard_normal((202, DIM)))
    joined = Stream(DIM, apart=[(0, 1)])
    joined.put(near[0], 0)
    joined.put(near[1], 1)
    for row in near[2:]:
        assert joined.add(row) in (0, 1)
    assert joined.top(0) == 0
    assert joined.top(1) == 1
    assert len(set(joined.labels[:2].tolist())) == 2


def test_apart_is_kept_by_the_need_that_one_of_them_becomes() -> None:
    one, other = np.eye(DIM, dtype=np.float32)[:2]
    joined = Stream(DIM, apart=[(0, 2)])
    joined.put(one, 0)
    joined.put(other, 1)
    joined.put(other, 2)
    assert joined.add(other) == 1  # 1 and 2 are one now, and so apart from 0
    assert joined.top(2) == 1
    middle = clusters.unit(one + other)
    for _ in range(50):
        joined.add(middle)
    assert joined.top(0) != joined.top(1)


def test_what_is_put_where_it_is_known_to_be_stays_there() -> None:
    one, other = np.eye(DIM, dtype=np.float32)[:2]
    joined = Stream(DIM)
    for number in range(3):
        joined.put(-one, number)
    assert joined.add(other) == 3
    assert [joined.top(n) for n in joined.labels.tolist()][-1] == 3


def test_needs_that_were_told_apart_together_do_not_grow_together_one_by_one() -> None:
    rows, truth = needs(2, [30, 30], noise=0.8)
    placed = Space.of(rows).place(rows)

    def merged(**options: object) -> int:
        joined = Stream(DIM, bar=-0.9, **options)  # type: ignore[arg-type]
        for row, need in zip(placed[:-1], truth[:-1], strict=True):
            joined.put(row, int(need))
        joined.add(placed[-1])
        return len(set(joined.labels.tolist()))

    assert merged() == 1
    assert merged(settled=[0, 1]) == 2
    assert merged(settled=[0]) == 1
