"""An encoder for tests in which vectors need a nearest neighbour but no meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from indexer.encoder.tokens import packed, unit
from kb.finding.search import Tokens, Vector

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: near numbers fall far apart


class HashEncoder:
    """Texts to unit vectors from their hashed character bigrams: the same text always gets the same
    vector, in any process, as a question and as a passage; texts that share letters lie nearer."""

    def __init__(self, name: str = "hash", dim: int = 32) -> None:
        """`dim` is a power of two."""
        self.name = name
        self.token_name = f"{name}:letters"
        self.dim = dim
        self._shift = np.uint64(64 - (dim.bit_length() - 1))

    def queries(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1."""
        return self.passages(texts)

    def passages(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, rows of length 1."""
        rows = np.array([self._row(text) for text in texts], np.float32).reshape(len(texts), self.dim)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        """The rows of `queries` or `passages`, and a token for each word, made of its letters alone."""
        return (self.queries(texts) if query else self.passages(texts)), [self._tokens(text, query) for text in texts]

    def _tokens(self, text: str, query: bool) -> Tokens:
        found = list(re.finditer(r"[a-zA-Z0-9]+|[^\W_]", text))
        rows = np.array([self._row(one.group()) for one in found], np.float32).reshape(len(found), self.dim)
        rows = unit(rows)
        return rows if query else packed(rows, [one.start() for one in found])

    def _row(self, text: str) -> Vector:
        points = np.frombuffer(f" {text.lower()} ".encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
        hashes = (points[:-1] * _SPREAD ^ points[1:]) * _SPREAD
        hashes = (hashes ^ hashes >> np.uint64(32)) * _SPREAD
        places, signs = hashes >> self._shift, np.where(hashes >> self._shift - np.uint64(1) & np.uint64(1), 1.0, -1.0)
        row = np.bincount(places.astype(np.int64), signs, self.dim)
        row[0] += 0.5  # never all zero: signs are whole numbers
        return row.astype(np.float32)
