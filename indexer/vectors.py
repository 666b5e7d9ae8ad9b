"""sha256(model ‖ text) → vector: unchanged text is never embedded twice.

A cache in one SQLite file: deleting it costs time, never truth. Rollback journal and one writer
at a time, which the WAL-reset bug of the system's SQLite (docs/decisions.md) does not touch.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from kb.finding.search import Encoder, Vector

BATCH = 256  # texts embedded between two commits: what an interrupted build keeps

Progress = Callable[[int, int], None]  # texts done, texts in all


class VectorCache:
    """Vectors of passages, by the model that made them and their text."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked or unwritable: not the file's fault
                raise
            path.unlink()  # not a database: it was only a cache
            self._db = self._opened(path)

    @staticmethod
    def _opened(path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        db.execute("pragma synchronous = normal")
        db.execute("create table if not exists vector (key blob primary key, row blob) without rowid")
        return db

    def close(self) -> None:
        self._db.close()

    def passages(self, texts: Sequence[str], encoder: Encoder, progress: Progress | None = None) -> Vector:
        """(n, dim) float32 unit rows in the order of `texts`; only texts never seen are embedded."""
        keys = [_key(encoder.name, text) for text in texts]
        known = self._known(keys, encoder.dim)
        missing = list({key: text for key, text in zip(keys, texts, strict=True) if key not in known}.items())
        missing.sort(key=lambda item: -len(item[1]))
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            rows = encoder.passages([text for _, text in batch])
            self._keep([key for key, _ in batch], rows)
            known.update((key, row) for (key, _), row in zip(batch, rows, strict=True))
            if progress:
                progress(min(start + BATCH, len(missing)), len(missing))
        if not keys:
            return np.zeros((0, encoder.dim), np.float32)
        return np.stack([known[key] for key in keys])

    def _known(self, keys: Sequence[bytes], dim: int) -> dict[bytes, Vector]:
        found: dict[bytes, Vector] = {}
        for some in _slices(list(dict.fromkeys(keys)), 900):
            marks = ",".join("?" * len(some))
            for key, row in self._db.execute(f"select key, row from vector where key in ({marks})", some):
                vector = np.frombuffer(row, "<f4")
                if vector.shape == (dim,):
                    found[bytes(key)] = vector
        return found

    def _keep(self, keys: Sequence[bytes], rows: Vector) -> None:
        self._db.execute("begin immediate")
        pairs = [(key, row.astype("<f4").tobytes()) for key, row in zip(keys, rows, strict=True)]
        self._db.executemany("insert or replace into vector values (?, ?)", pairs)
        self._db.execute("commit")


def _key(model: str, text: str) -> bytes:
    return hashlib.sha256(f"{model}\0{text}".encode("utf-8", "surrogatepass")).digest()


def _slices(items: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
