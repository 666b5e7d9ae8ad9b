"""One field of vectors: FAISS, exact while small, approximate and rescored exactly when not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.engine.apart import opened
from kb.errors import GenerationError
from kb.finding.search import Vector

# Index by number of vectors, from benchmarks/index.py (docs/search.md): exact as long as it is quick.
EXACT_UP_TO = 100_000
PROBES = 128
SLICE = 16_384  # rows added at once
RESCORE = 4  # candidates of an approximate index rescored exactly, per result wanted
KEPT = 4  # questions whose cosines with all rows are kept
FEW = 0.25  # share of the rows, below which only they are compared


class RowFile:
    """Rows of `dim` numbers one after another in a file, read where they are asked for: never mapped. Closes it."""

    def __init__(self, descriptor: int, dim: int) -> None:
        self._file = descriptor
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
    """Unit rows under inner product: all compared while they are few, else those FAISS finds, rescored exactly."""

    def __init__(self, index: faiss.Index, rows: Path | None) -> None:
        self._index = index
        self._rows = RowFile(opened(rows), index.d) if rows else None
        self._matrix = None if rows else _stored(index)
        self._kept: tuple[tuple[bytes, Vector], ...] = ()  # the last vectors asked with, and all their cosines

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
        if self._matrix is not None:
            rows = (
                np.flatnonzero(np.unpackbits(allowed, count=len(self), bitorder="little"))
                if allowed is not None
                else None
            )
            return _best(rows, self.cosines(vector, rows), k)
        selector = faiss.IDSelectorBitmap(allowed.size, faiss.swig_ptr(allowed)) if allowed is not None else None
        faiss.omp_set_num_threads(1)  # of this thread alone: one question is one thread's work, many run side by side
        _, found = self._index.search(vector[None], min(k * RESCORE, len(self)), params=self._parameters(selector))
        rows = found[0][found[0] >= 0]
        return _best(rows, self.cosines(vector, rows), k)

    def cosines(self, vector: Vector, numbers: NDArray[np.int64] | slice | None = None) -> Vector:
        """The exact cosines of some rows, None = of all.

        A question is asked several times, of each language, of each article for its passage: few rows are compared
        all at once, and what came of the last questions is kept.
        """
        if self._matrix is None:
            wanted = np.arange(len(self))[numbers] if numbers is None or isinstance(numbers, slice) else numbers
            return np.asarray(self.rows(wanted) @ vector)
        asked = vector.tobytes()
        found = next((every for key, every in self._kept if key == asked), None)
        if found is None:
            if isinstance(numbers, np.ndarray) and len(numbers) < FEW * len(self):
                return _products(vector, self._matrix, numbers)
            found = _products(vector, self._matrix)
            self._kept = (*self._kept[1 - KEPT :], (asked, found))
        return found if numbers is None else found[numbers]

    def _parameters(self, selector: Any) -> Any:
        if isinstance(self._index, faiss.IndexIVF):
            return faiss.SearchParametersIVF(sel=selector, nprobe=PROBES)  # type: ignore[call-arg]
        return faiss.SearchParameters(sel=selector) if selector is not None else None  # type: ignore[call-arg]

    def rows(self, numbers: NDArray[np.int64]) -> Vector:
        """The exact vectors of some rows, (n, dim)."""
        if self._matrix is not None:
            return np.asarray(self._matrix[numbers])
        assert self._rows is not None
        return self._rows.some(numbers)


def _stored(index: faiss.Index) -> Vector:
    """The rows of a flat index where they lie, (n, dim)."""
    if not index.ntotal:
        return np.zeros((0, index.d), np.float32)
    first: Any = faiss.downcast_index(index)
    return np.asarray(faiss.rev_swig_ptr(first.get_xb(), index.ntotal * index.d).reshape(index.ntotal, index.d))


def _products(vector: Vector, rows: Vector, numbers: NDArray[np.int64] | None = None) -> Vector:
    """Inner products with rows, or with some of them. By FAISS, row by row: BLAS gives equal rows different ones.

    Raises ValueError for a vector of another length, IndexError for a row that is not there: FAISS would read on.
    """
    count, dim = rows.shape
    asked = np.ascontiguousarray(vector, np.float32)
    if asked.shape != (dim,):
        raise ValueError(f"{asked.shape} for rows of {dim}")
    if numbers is not None and len(numbers) and not 0 <= numbers.min() <= numbers.max() < count:
        raise IndexError(f"a row beyond {count}")
    found = np.empty(count if numbers is None else len(numbers), np.float32)
    library: Any = faiss  # its types leave these two out
    to, one, many = map(faiss.swig_ptr, (found, asked, rows))
    if numbers is None:
        library.fvec_inner_products_ny(to, one, many, dim, count)
    else:
        chosen = np.ascontiguousarray(numbers, np.int64)
        library.fvec_inner_products_by_idx(to, one, many, faiss.swig_ptr(chosen), dim, 1, len(chosen))
    return found


def _best(rows: NDArray[np.int64] | None, cosines: Vector, k: int) -> tuple[NDArray[np.int64], Vector]:
    """The k best of some rows, None = of all, by their cosines, best first."""
    k = min(k, len(cosines))
    if not k:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    least = np.partition(cosines, -k)[-k]
    better, equal = np.flatnonzero(cosines > least), np.flatnonzero(cosines == least)
    first = np.concatenate([better, equal[: k - len(better)]])
    best = first[np.argsort(-cosines[first], kind="stable")]
    return best if rows is None else rows[best], cosines[best]


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
