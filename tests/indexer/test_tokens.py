"""Packed tokens are small, keep their order of nearness, and say where they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.encoder.tokens import (
    MOST_TOKENS,
    Projection,
    cosines,
    kept_projection,
    packed,
    projection,
    token_type,
    unit,
    words,
)
from kb.finding.search import Vector


def rows(count: int, axes: int, seed: int) -> Vector:
    return unit(np.random.default_rng(seed).normal(size=(count, axes)).astype(np.float32))


def test_a_token_takes_52_bytes_and_a_chunk_at_most_4_kb() -> None:
    assert token_type(192).itemsize == 52
    assert packed(rows(500, 192, 1), range(500)).nbytes <= 4096


def test_cosines_with_packed_tokens_stay_near_the_exact_ones() -> None:
    kept, asked = rows(60, 192, 1), rows(40, 192, 2)
    asked = unit(asked + kept[:40])  # some are near
    error = cosines(packed(kept, [0] * 60), asked) - kept @ asked.T
    assert np.abs(error).mean() < 0.03
    assert (cosines(packed(kept, [0] * 60), asked)[:40].argmax(axis=0) == np.arange(40)).all()


def test_a_packed_row_has_length_one() -> None:
    tokens = packed(rows(10, 32, 3), range(10))
    axes = np.eye(32, dtype=np.float32)
    assert np.linalg.norm(cosines(tokens, axes), axis=1) == pytest.approx(np.ones(10), abs=1e-3)
    assert tokens["place"].tolist() == list(range(10))


def test_neighbours_of_a_long_text_are_averaged() -> None:
    many = rows(2 * MOST_TOKENS, 32, 4)
    tokens = packed(many, range(0, 4 * MOST_TOKENS, 2))
    pairs = packed(unit(many[::2] + many[1::2]), range(0, 4 * MOST_TOKENS, 4))
    assert np.array_equal(tokens, pairs)


def test_the_projection_keeps_the_axes_with_most_in_them() -> None:
    spread = np.array([5, 4, 3, 2, 0.1, 0.1, 0.1, 0.1], np.float32)
    states = 7 + rows(4_000, 8, 5) * spread
    found = projection(states)
    assert found.mean == pytest.approx(states.mean(axis=0), abs=1e-3)
    assert found.axes.shape == (8, 8)
    assert np.abs(found.axes[:, :4]).max(axis=1)[:4].min() > 0.9
    assert np.linalg.norm(found.rows(states[:9]), axis=1) == pytest.approx(np.ones(9), abs=1e-5)


def test_a_projection_is_taken_once_and_kept(tmp_path: Path) -> None:
    made = kept_projection(tmp_path / "home" / "t.npz", lambda: rows(100, 8, 6))
    again = kept_projection(tmp_path / "home" / "t.npz", lambda: pytest.fail("taken twice"))
    assert isinstance(again, Projection)
    assert again.name == made.name != projection(rows(100, 8, 7)).name
    (tmp_path / "home" / "t.npz").write_bytes(b"damaged")
    assert kept_projection(tmp_path / "home" / "t.npz", lambda: rows(100, 8, 6)).name == made.name


def test_what_counts_are_pieces_of_words_of_the_text_itself() -> None:
    written = "passage: Refund to the card, 退款 !"
    spans = [(0, 7), (7, 8), (8, 15), (15, 18), (18, 22), (22, 27), (27, 28), (29, 30), (30, 31), (31, 33), (0, 0)]
    pieces = [written[a:b].strip() for a, b in (spans[i] for i in words(written, spans, 9, function_words=False))]
    assert pieces == ["Refund", "card", "退", "款"]
    assert len(words(written, spans, 9, function_words=True)) == 6
