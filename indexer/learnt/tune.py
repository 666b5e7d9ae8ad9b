"""An encoder's questions turned towards what a base's solved calls say: one matrix, learnt and kept beside the model.

A linear adapter: a question's row is multiplied by a matrix that begins as the identity, so that it comes nearer to
the article that solved it than to the others (softmax over cosines, in batches; Henderson and others, Efficient Natural
Language Response Suggestion, 2017). Texts of articles keep their rows. It is kept only where lessons that were held out
find their article better in the product's own search, by more than a standard error.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from indexer.calibrate import everybody
from indexer.engine import Engine
from kb import text
from kb.durable import write_file
from kb.errors import SettingError
from kb.finding.search import Encoder, Tokens, Vector, scored

LEAST = 50  # lessons, below which nothing is tuned
MOST_HELD = 300
FIFTH = 5  # of each article's lessons one in so many is held out
SEED = 7
STEPS, BATCH, RATE, SCALE = 300, 64, 1e-3, 20.0
STAY = 1.0  # how much it costs, a step, to leave the identity
SECONDS = 120.0
POINTER = "ADAPTER"


class Tuned:
    """An encoder whose questions go through a matrix, (dim, dim)."""

    def __init__(self, plain: Encoder, matrix: Vector) -> None:
        self.plain, self._matrix = plain, matrix
        self.dim, self.token_name = plain.dim, plain.token_name
        self.name = f"{plain.name}+{_hash(matrix)}"

    def queries(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1."""
        return turned(self.plain.queries(texts), self._matrix)

    def passages(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1: the plain encoder's."""
        return self.plain.passages(texts)

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        """The same rows, and the plain encoder's tokens."""
        rows, tokens = self.plain.with_tokens(texts, query=query)
        return (turned(rows, self._matrix) if query else rows), tokens


@dataclass(frozen=True)
class Report:
    """What tuning did. before, after: mean reciprocal rank of the `held` lessons' articles, in [0, 1]; `name` of the
    encoder from now on, '' where nothing was kept."""

    lessons: int
    held: int
    before: float
    after: float
    name: str


def turned(rows: Vector, matrix: Vector) -> Vector:
    """Rows through a matrix, at length 1."""
    found = rows @ matrix.T
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9), np.float32)


def adapted(plain: Encoder, folder: Path) -> Encoder:
    """The encoder with the adapter that the pointer in a folder names; itself where there is none, or another
    model's. Raises SettingError for one that cannot be read."""
    try:
        pointed = _pointed(folder)
        if not pointed or pointed[-1]["model"] != plain.name:
            return plain
        return Tuned(plain, np.load(folder / pointed[-1]["file"], allow_pickle=False))
    except (OSError, ValueError, KeyError) as error:
        raise SettingError("adapter_unusable", file=str(folder / POINTER)) from error


def roll_back(folder: Path) -> bool:
    """Point to the adapter before the present one, or to none; whether there was one."""
    pointed = _pointed(folder)
    if pointed:
        _point(folder, pointed[:-1])
    return bool(pointed)


def tune(engine: Engine, plain: Encoder, folder: Path, at: datetime) -> Report:
    """Learn an adapter from an index's lessons and its articles' own questions; keep it where held-out lessons improve.

    engine: the index, of this encoder's passages. Takes at most about `SECONDS`, and a search a held-out lesson twice.
    Raises SettingError where it has fewer than `LEAST` lessons.
    """
    lessons = sorted(engine.lessons, key=lambda one: one.key)
    if len(lessons) < LEAST:
        raise SettingError("tune_too_few", count=len(lessons), least=LEAST)
    place = {id: number for number, id in enumerate(engine.ids)}
    held = _held_out([place[one.article] for one in lessons])
    asked = [(one.question, place[one.article]) for one, out in zip(lessons, held, strict=True) if not out]
    asked += [(own, place[id]) for id in engine.ids for own in engine.article(id).questions]
    rows = plain.queries([question for question, _ in asked])
    matrix = fitted(rows, np.array([number for _, number in asked]), engine.titles())
    tests = [(one.question, one.article) for one, out in zip(lessons, held, strict=True) if out]
    before, after = _ranks(tests, engine, plain, at, None), _ranks(tests, engine, plain, at, matrix)
    gain = after - before
    better = gain.mean() > gain.std() / len(gain) ** 0.5 and gain.mean() > 0
    name = _kept(folder, plain, matrix) if better else ""
    return Report(len(lessons), len(tests), float(before.mean()), float(after.mean()), name)


def _held_out(of: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which lessons are held out: one in `FIFTH`, spread over articles, at most `MOST_HELD`."""
    order = np.lexsort((np.random.default_rng(SEED).random(len(of)), np.asarray(of)))
    chosen = order[FIFTH - 1 :: FIFTH]
    chosen = np.random.default_rng(SEED).permutation(chosen)[:MOST_HELD]
    held = np.zeros(len(of), np.bool_)
    held[chosen] = True
    return held


def fitted(rows: Vector, of: np.ndarray[tuple[int], np.dtype[np.int64]], articles: Vector) -> Vector:
    """The matrix, (dim, dim), that brings questions, (m, dim), nearer to their articles `of`, rows of (n, dim)."""
    import torch

    torch.manual_seed(SEED)
    middle = articles.mean(axis=0)
    wanted = torch.nn.functional.normalize(torch.from_numpy(articles - middle), dim=1)
    asked, gold = torch.from_numpy(np.ascontiguousarray(rows)), torch.from_numpy(of)
    mean = torch.from_numpy(middle)
    away = torch.zeros(rows.shape[1], rows.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([away], lr=RATE)
    drawn, until = torch.Generator().manual_seed(SEED), time.monotonic() + SECONDS
    for _ in range(STEPS):
        if time.monotonic() > until:
            break
        batch = torch.randint(len(asked), (BATCH,), generator=drawn)
        there, places = torch.unique(gold[batch], return_inverse=True)
        moved = torch.nn.functional.normalize(asked[batch] + asked[batch] @ away.T, dim=1)
        others = torch.nn.functional.normalize(moved - mean, dim=1) @ wanted[there].T
        loss = torch.nn.functional.cross_entropy(SCALE * others, places) + STAY * away.square().sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return np.asarray(np.eye(rows.shape[1]) + away.detach().numpy(), np.float32)


def _ranks(
    tests: Sequence[tuple[str, str]], engine: Engine, plain: Encoder, at: datetime, matrix: Vector | None
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Reciprocal rank of each lesson's article in the search as if nothing were learnt, 0 where it is not found."""
    index, scope = engine.unlearnt(), everybody(engine, at)
    rows, tokens = plain.with_tokens([question for question, _ in tests], query=True)
    rows = rows if matrix is None else turned(rows, matrix)
    found = []
    for (question, article), row, one in zip(tests, rows, tokens, strict=True):
        order = list(scored(text.clean(question), row, one, scope, index).scores)
        found.append(1 / (1 + order.index(article)) if article in order else 0.0)
    return np.array(found)


# --- the files -----------------------------------------------------------------------------------


def _hash(matrix: Vector) -> str:
    return hashlib.sha256(matrix.tobytes()).hexdigest()[:12]


def _kept(folder: Path, plain: Encoder, matrix: Vector) -> str:
    """Write the matrix and point to it; the encoder's name with it."""
    file, raw = f"adapter-{_hash(matrix)}.npy", io.BytesIO()
    np.save(raw, matrix, allow_pickle=False)
    write_file(folder / file, raw.getvalue())
    _point(folder, [*_pointed(folder), {"model": plain.name, "file": file}])
    return Tuned(plain, matrix).name


def _pointed(folder: Path) -> list[dict[str, str]]:
    """The adapters kept, the present one last."""
    try:
        found: list[dict[str, str]] = json.loads((folder / POINTER).read_text("utf-8"))
    except FileNotFoundError:
        return []
    return found


def _point(folder: Path, adapters: Sequence[dict[str, str]]) -> None:
    write_file(folder / POINTER, json.dumps(list(adapters)).encode())
