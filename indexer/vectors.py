"""sha256(model ‖ text) → vector, and tokens beside it: unchanged text is never embedded twice.

A cache in one SQLite file: deleting it costs time, never truth. Rollback journal and one writer
at a time, which the WAL-reset bug of the system's SQLite (docs/decisions.md) does not touch.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from indexer.encoder.tokens import token_type
from kb.finding.search import Encoder, Tokens, Vector
from kb.seen.log import log

BATCH = 256  # texts embedded between two commits: what an interrupted build keeps

NO_TOKENS = np.zeros(0, token_type(0))

Progress = Callable[[int, int], None]  # texts done, texts in all


class VectorCache:
    """Vectors of passages, by the model that made them and their text."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._opened(path)
        except (OSError, sqlite3.OperationalError) as error:  # locked, full or read-only: not the file's fault
            log.warning("vectors_not_kept", error)
            self._db = self._opened(":memory:")
        except sqlite3.DatabaseError:
            path.unlink()  # not a database: it was only a cache
            self._db = self._opened(path)

    @staticmethod
    def _opened(path: Path | str) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        db.execute("pragma synchronous = normal")
        db.execute("create table if not exists vector (key blob primary key, row blob) without rowid")
        db.execute("create table if not exists tokens (key blob primary key, row blob)")
        return db

    def close(self) -> None:
        self._db.close()

    def passages(self, texts: Sequence[str], encoder: Encoder, progress: Progress | None = None) -> Vector:
        """(n, dim) float32 unit rows in the order of `texts`; only texts never seen are embedded."""
        keys = [_key(encoder.name, text) for text in texts]
        known = self._known(keys, encoder.dim)
        for batch in _missing(keys, texts, known, progress):
            rows = encoder.passages([text for _, text in batch])
            self._keep([key for key, _ in batch], rows)
            known.update((key, row) for (key, _), row in zip(batch, rows, strict=True))
        return _stacked([known[key] for key in keys], encoder.dim)

    def with_tokens(
        self, texts: Sequence[str], encoder: Encoder, progress: Progress | None = None
    ) -> tuple[Vector, list[Tokens]]:
        """The same rows, and the packed tokens of each text; one pass gives both to texts never seen."""
        if not encoder.token_name:
            return self.passages(texts, encoder, progress), [NO_TOKENS] * len(texts)
        keys = [_key(encoder.name, text) for text in texts]
        rows, tokens = self._known(keys, encoder.dim), self._known_tokens(keys, encoder.token_name)
        for batch in _missing(keys, texts, rows.keys() & tokens.keys(), progress):
            some, theirs = encoder.with_tokens([text for _, text in batch], query=False)
            self._keep([key for key, _ in batch], some)
            self._keep_tokens([_key(encoder.token_name, key.hex()) for key, _ in batch], theirs)
            rows.update((key, row) for (key, _), row in zip(batch, some, strict=True))
            tokens.update((key, one) for (key, _), one in zip(batch, theirs, strict=True))
        return _stacked([rows[key] for key in keys], encoder.dim), [tokens[key] for key in keys]

    def _known(self, keys: Sequence[bytes], dim: int) -> dict[bytes, Vector]:
        found: dict[bytes, Vector] = {}
        for some in _slices(list(dict.fromkeys(keys)), 900):
            marks = ",".join("?" * len(some))
            for key, row in self._db.execute(f"select key, row from vector where key in ({marks})", some):
                vector = np.frombuffer(row, "<f4")
                if vector.shape == (dim,):
                    found[bytes(key)] = vector
        return found

    def _known_tokens(self, keys: Sequence[bytes], token_name: str) -> dict[bytes, Tokens]:
        wanted = {_key(token_name, key.hex()): key for key in keys}
        found: dict[bytes, Tokens] = {}
        for some in _slices(list(wanted), 900):
            marks = ",".join("?" * len(some))
            for key, row in self._db.execute(f"select key, row from tokens where key in ({marks})", some):
                found[wanted[bytes(key)]] = np.frombuffer(row, token_type(4 * int.from_bytes(row[:2])), offset=2)
        return found

    def _keep_tokens(self, keys: Sequence[bytes], tokens: Sequence[Tokens]) -> None:
        pairs = [
            (key, one.dtype["codes"].shape[0].to_bytes(2) + one.tobytes())
            for key, one in zip(keys, tokens, strict=True)
        ]
        self._write("insert or replace into tokens values (?, ?)", pairs)

    def _keep(self, keys: Sequence[bytes], rows: Vector) -> None:
        pairs = [(key, row.astype("<f4").tobytes()) for key, row in zip(keys, rows, strict=True)]
        self._write("insert or replace into vector values (?, ?)", pairs)

    def _write(self, statement: str, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """All of it or nothing: what cannot be kept costs time, never a build."""
        try:
            self._db.execute("begin immediate")
            self._db.executemany(statement, pairs)
            self._db.execute("commit")
        except sqlite3.OperationalError as error:
            log.warning("vectors_not_kept", error)
            if self._db.in_transaction:
                self._db.execute("rollback")


def _missing(
    keys: Sequence[bytes], texts: Sequence[str], known: Collection[bytes], progress: Progress | None
) -> Iterator[list[tuple[bytes, str]]]:
    """What is not known yet, once each, in batches of texts of like length."""
    missing = list({key: text for key, text in zip(keys, texts, strict=True) if key not in known}.items())
    missing.sort(key=lambda item: -len(item[1].encode("utf-8", "surrogatepass")))  # bytes: see `SentenceEncoder`
    for start in range(0, len(missing), BATCH):
        yield missing[start : start + BATCH]
        if progress:
            progress(min(start + BATCH, len(missing)), len(missing))


def _stacked(rows: Sequence[Vector], dim: int) -> Vector:
    return np.stack(rows) if rows else np.zeros((0, dim), np.float32)


def _key(model: str, text: str) -> bytes:
    return hashlib.sha256(f"{model}\0{text}".encode("utf-8", "surrogatepass")).digest()


def _slices(items: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
