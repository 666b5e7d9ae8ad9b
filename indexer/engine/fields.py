"""One field of vectors: FAISS, exact while small, approximate and rescored exactly when not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from kb.errors import GenerationError
from kb.finding.search import Vector

# Index by number of vectors, from benchmarks/index.py (docs/search.md): exact as long as it is quick.
EXACT_UP_TO = 100_000
PROBES = 128
SLICE = 16_384  # rows added at once
RESCORE = 4  # candidates of an approximate index rescored exactly, per result wanted

faiss.omp_set_num_threads(1)  # one question is one thread's work; many questions run side by side


class RowFile:
    """Rows of `dim` numbers one after another in a file, read where they are asked for: never mapped."""

    def __init__(self, file: Path, dim: int) -> None:
        self._file = os.open(file, os.O_RDONLY)
        self._size = 4 * dim
        self.shape = os.fstat(self._file).st_size // self._size, dim

    def __del__(self) -> None:
        if hasattr(self, "_file") and os is not None:  # at the end of the program modules go first
            os.close(self._file)

    def some(self, numbers: NDArray[np.int64]) -> Vector:
        """These rows, (n, dim). Raises GenerationError where the file has not all of them."""
        return self._joined([os.pread(self._file, self._size, int(row) * self._size) for row in numbers])

    def between(self, start: int, stop: int) -> Vector:
        """The rows in `[start, stop)`. Raises as `some`."""
        return self._joined([os.pread(self._file, (stop - start) * self._size, start * self._size)], stop - start)

    def _joined(self, read: list[bytes], each: int = 1) -> Vector:
        if any(len(one) != each * self._size for one in read):
            raise GenerationError("generation_damaged", generation="", file="rows.f32")
        return np.frombuffer(b"".join(read), "<f4").reshape(-1, self.shape[1])


class VectorField:
    """Unit rows under inner product: FAISS, exact while small, approximate and rescored exactly when not."""

    def __init__(self, index: faiss.Index, rows: Path | None) -> None:
        self._index = index
        self._rows = RowFile(rows, index.d) if rows else None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def nearest(self, vector: Vector, k: int, allowed: NDArray[np.uint8] | None) -> tuple[NDArray[np.int64], Vector]:
        """Up to k rows and their cosines, best first. `allowed` is a bit a row, None for all."""
        k = min(k, len(self))
        if k == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        exact = self._rows is None
        selector = faiss.IDSelectorBitmap(allowed.size, faiss.swig_ptr(allowed)) if allowed is not None else None
        wanted = k if exact else min(k * RESCORE, len(self))
        scores, found = self._index.search(vector[None], wanted, params=self._parameters(selector))
        rows = found[0][found[0] >= 0]
        if exact:
            return rows, scores[0][: len(rows)]
        cosines = self.rows(rows) @ vector
        best = np.argsort(-cosines, kind="stable")[:k]
        return rows[best], cosines[best]

    def _parameters(self, selector: Any) -> Any:
        if isinstance(self._index, faiss.IndexIVF):
            return faiss.SearchParametersIVF(sel=selector, nprobe=PROBES)  # type: ignore[call-arg]
        return faiss.SearchParameters(sel=selector) if selector is not None else None  # type: ignore[call-arg]

    def rows(self, numbers: NDArray[np.int64]) -> Vector:
        """The exact vectors of some rows, (n, dim)."""
        if self._rows is None:
            return np.asarray(self._index.reconstruct_batch(numbers), np.float32)
        return self._rows.some(numbers)


def vector_index(rows: Vector | RowFile) -> faiss.Index:
    """The FAISS index that suits this many rows. Inner product; rows have length 1, so it is the cosine.

    Of rows in a file no more are in memory than train it, and a slice.
    """
    count, dim = rows.shape
    if count <= EXACT_UP_TO:
        index: faiss.Index = faiss.IndexFlatIP(dim)
    else:
        lists = max(1, min(int(4 * count**0.5), count // 32))
        index = faiss.index_factory(dim, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        chosen = np.random.default_rng(0).choice(count, min(count, 64 * int(4 * count**0.5)), replace=False)
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        chosen.sort()
        index.train(rows.some(chosen) if isinstance(rows, RowFile) else rows[chosen])
    for start in range(0, count, SLICE):
        stop = min(start + SLICE, count)
        index.add(rows.between(start, stop) if isinstance(rows, RowFile) else rows[start:stop])
    faiss.omp_set_num_threads(1)
    return index
