"""Token vectors small enough to keep: what late interaction compares, 52 bytes a word.

A text's last hidden states lie in a narrow cone; less their mean and turned to their main axes (PCA), half
of the axes at two bits each order texts as the whole states do (docs/search.md). Axes and mean are the
model's own, taken once over pieces of its vocabulary, so that a text's tokens never depend on the base.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb import text
from kb.finding.search import Tokens, Vector

MOST_AXES = 192
MOST_TOKENS = 78  # of a chunk, so that it takes at most 4 KB: neighbours of a longer one are averaged

# The best two-bit scale for normal values (Max, Quantizing for Minimum Distortion, 1960), in standard deviations.
STEP, LEVELS = 0.9816, np.array([-0.4528, -1.510, 0.4528, 1.510], np.float32)
_FOUR = LEVELS[np.arange(256)[:, None] >> np.array([0, 2, 4, 6]) & 3]  # the four levels of each byte


def token_type(axes: int) -> np.dtype[Any]:
    """One token: `place` is where it begins in its text, `scale` makes its levels a row of length 1."""
    return np.dtype([("place", "<u2"), ("scale", "<f2"), ("codes", "u1", (axes // 4,))])


@dataclass(frozen=True, eq=False)
class Projection:
    """From the model's states to the kept axes. mean: (dim,), axes: (dim, kept), kept a multiple of 4."""

    mean: Vector
    axes: Vector

    @cached_property
    def name(self) -> str:
        """Changes whenever the same states would get another row."""
        return hashlib.sha256(self.mean.tobytes() + self.axes.tobytes()).hexdigest()[:16]

    def rows(self, states: Vector) -> Vector:
        """(t, dim) states → (t, kept) float32, rows of length 1."""
        return unit((states - self.mean) @ self.axes)


def projection(states: Vector) -> Projection:
    """The main axes of some states, (n, dim), about their mean."""
    mean = states.mean(axis=0)
    away = unit(states - mean)
    _, axes = np.linalg.eigh(away.T @ away)
    kept = min(MOST_AXES, states.shape[1]) // 4 * 4
    return Projection(mean.astype(np.float32), np.ascontiguousarray(axes[:, ::-1][:, :kept], np.float32))


def kept_projection(file: Path, states: Any) -> Projection:
    """The projection in a file; where there is none, that of the states that `states()` gives, kept there."""
    try:
        with np.load(file, allow_pickle=False) as found:
            return Projection(found["mean"], found["axes"])
    except (OSError, ValueError, KeyError):
        made = projection(states())
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{made.name}-{file.name}")
        np.savez(aside, mean=made.mean, axes=made.axes)
        aside.replace(file)
        return made


def unit(rows: NDArray[np.floating[Any]]) -> Vector:
    """The same rows at length 1."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), np.float32)


def packed(rows: Vector, places: Sequence[int]) -> Tokens:
    """(t, kept) rows of length 1 and where each begins in its text → at most `MOST_TOKENS` tokens."""
    starts = np.asarray(places, np.int64)
    if len(rows) > MOST_TOKENS:
        first = np.linspace(0, len(rows), MOST_TOKENS, endpoint=False).astype(np.int64)
        rows, starts = unit(np.add.reduceat(rows, first, axis=0)), starts[first]
    step = STEP / max(rows.shape[1], 1) ** 0.5
    levels = 2 * (rows > 0) + (np.abs(rows) > step)
    tokens: Tokens = np.empty(len(rows), token_type(rows.shape[1]))
    tokens["place"] = np.minimum(starts, 65_535)
    tokens["scale"] = 1 / np.maximum(np.linalg.norm(LEVELS[levels], axis=1), 1e-9)
    tokens["codes"] = levels.reshape(len(rows), rows.shape[1] // 4, 4) @ np.array([1, 4, 16, 64])
    return tokens


def cosines(tokens: Tokens, asked: Vector) -> Vector:
    """(t, q) cosine of each kept token with each of the question's rows, (q, kept)."""
    codes = np.ascontiguousarray(tokens["codes"])
    levels = _FOUR.take(codes.ravel(), axis=0, mode="clip").reshape(len(tokens), -1)
    return np.asarray((levels @ asked.T) * tokens["scale"].astype(np.float32)[:, None], np.float32)


def words(written: str, spans: Sequence[tuple[int, int]], start: int, *, function_words: bool) -> list[int]:
    """Which tokens count: pieces of words that end after `start`, where wanted without function words."""
    kept = []
    for at, (low, high) in enumerate(spans):
        piece = written[low:high].strip()
        means = function_words or text.fold(piece) not in text.FUNCTION_WORDS
        if high > start and means and any(char.isalnum() for char in piece):
            kept.append(at)
    return kept
