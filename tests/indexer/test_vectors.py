"""A text is embedded once; what is kept is what the model gave for that text and no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.vectors import BATCH, VectorCache
from kb.finding.search import Vector
from tests.fake_encoder import HashEncoder

TEXTS = [
    "路由器亮红灯",
    "Red light on the router",
    "退款多久到账",
    "When does my refund arrive",
    "E-04",
    "",
    "　",
    "\ud83d",
]


class Counting(HashEncoder):
    """A hash encoder that remembers its batches."""

    def __init__(self, name: str = "hash", dim: int = 32) -> None:
        super().__init__(name, dim)
        self.batches: list[list[str]] = []

    def passages(self, texts: Sequence[str]) -> Vector:
        self.batches.append(list(texts))
        return super().passages(texts)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "vectors.sqlite"


@pytest.fixture
def cache(file: Path) -> Iterator[VectorCache]:
    cache = VectorCache(file)
    yield cache
    cache.close()


def test_every_text_gets_its_own_vector_in_the_order_asked(cache: VectorCache) -> None:
    rows = cache.passages(TEXTS, HashEncoder())
    assert rows.dtype == np.float32
    assert np.array_equal(rows, HashEncoder().passages(TEXTS))
    backwards = cache.passages(TEXTS[::-1], HashEncoder())
    assert np.array_equal(backwards, rows[::-1])


def test_what_was_embedded_is_not_embedded_again(cache: VectorCache) -> None:
    encoder = Counting()
    cache.passages(TEXTS[:4], encoder)
    encoder.batches.clear()
    rows = cache.passages([*TEXTS[2:4], "新的一句", *TEXTS[:2]], encoder)
    assert encoder.batches == [["新的一句"]]
    assert np.array_equal(rows, HashEncoder().passages([*TEXTS[2:4], "新的一句", *TEXTS[:2]]))


def test_a_text_asked_for_twice_is_embedded_once(cache: VectorCache) -> None:
    encoder = Counting()
    rows = cache.passages(["红灯", "red light", "红灯"], encoder)
    assert sorted(text for batch in encoder.batches for text in batch) == ["red light", "红灯"]
    assert np.array_equal(rows[0], rows[2])


def test_no_texts_give_no_rows(cache: VectorCache) -> None:
    encoder = Counting()
    assert cache.passages([], encoder).shape == (0, 32)
    assert encoder.batches == []


def test_what_is_kept_outlives_the_program(file: Path) -> None:
    cache = VectorCache(file)
    rows = cache.passages(TEXTS, HashEncoder())
    cache.close()
    encoder = Counting()
    again = VectorCache(file)
    assert np.array_equal(again.passages(TEXTS, encoder), rows)
    again.close()
    assert encoder.batches == []


def test_another_model_never_gets_these_vectors(cache: VectorCache) -> None:
    class Opposite(Counting):
        def passages(self, texts: Sequence[str]) -> Vector:
            return -super().passages(texts)

    rows = cache.passages(TEXTS, HashEncoder())
    other = cache.passages(TEXTS, Opposite("another"))
    assert np.array_equal(other, -rows)
    assert np.array_equal(cache.passages(TEXTS, HashEncoder()), rows)


def test_texts_that_differ_in_one_character_or_where_the_model_name_ends_are_kept_apart(cache: VectorCache) -> None:
    near = ["E-04", "E-04 ", "e-04", "E-O4"]
    assert np.array_equal(cache.passages(near, HashEncoder()), HashEncoder().passages(near))
    first = Counting("model")
    cache.passages(["a text"], first)
    second = Counting("model a")
    cache.passages(["text"], second)
    assert second.batches == [["text"]]


def test_vectors_of_another_length_are_made_anew(cache: VectorCache) -> None:
    cache.passages(TEXTS, HashEncoder(dim=32))
    wider = Counting(dim=64)
    assert np.array_equal(cache.passages(TEXTS, wider), HashEncoder(dim=64).passages(TEXTS))
    assert sorted(wider.batches[0]) == sorted(TEXTS)


def test_a_row_that_is_not_a_whole_vector_is_made_anew(file: Path, cache: VectorCache) -> None:
    rows = cache.passages(TEXTS, HashEncoder())
    with sqlite3.connect(file) as db:
        db.execute("update vector set row = substr(row, 1, 100)")
    assert np.array_equal(cache.passages(TEXTS, HashEncoder()), rows)


def test_many_texts_are_kept_batch_by_batch_and_progress_is_told(
    cache: VectorCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.vectors.BATCH", 10)
    texts = [f"第 {i} 句" + "长" * (i % 5) for i in range(2_000)]
    encoder, told = Counting(), []
    rows = cache.passages(texts[:25], encoder, lambda done, total: told.append((done, total)))
    assert told == [(10, 25), (20, 25), (25, 25)]
    assert [len(batch) for batch in encoder.batches] == [10, 10, 5]
    assert np.array_equal(rows, HashEncoder().passages(texts[:25]))
    assert np.array_equal(
        cache.passages(texts, encoder), HashEncoder().passages(texts)
    )  # more than SQLite takes at once


def test_an_interrupted_batch_costs_that_batch_only(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.vectors.BATCH", 10)
    texts = [f"第 {i} 句" for i in range(40)]

    class Interrupted(Counting):
        def passages(self, texts: Sequence[str]) -> Vector:
            if len(self.batches) == 3:
                raise KeyboardInterrupt
            return super().passages(texts)

    cache = VectorCache(file)
    first = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        cache.passages(texts, first)
    cache.close()
    again, encoder = VectorCache(file), Counting()
    assert np.array_equal(again.passages(texts, encoder), HashEncoder().passages(texts))
    again.close()
    done = {text for batch in first.batches for text in batch}
    assert [set(batch) for batch in encoder.batches] == [set(texts) - done]


def test_two_programs_may_fill_one_cache(file: Path) -> None:
    one, other = VectorCache(file), VectorCache(file)
    rows = one.passages(TEXTS[:4], HashEncoder())
    encoder = Counting()
    assert np.array_equal(other.passages(TEXTS[:4], encoder), rows)
    assert encoder.batches == []
    other.passages(TEXTS[4:], HashEncoder())
    assert np.array_equal(one.passages(TEXTS, encoder), HashEncoder().passages(TEXTS))
    assert encoder.batches == []
    one.close()
    other.close()


def test_a_batch_is_small_enough_to_lose() -> None:
    assert BATCH <= 256  # about three seconds of embedding


# --- tokens --------------------------------------------------------------------------------------


def test_tokens_are_kept_beside_the_vectors_from_one_pass(cache: VectorCache) -> None:
    encoder = Counting()
    rows, tokens = cache.with_tokens(TEXTS, encoder)
    _, wanted = HashEncoder().with_tokens(TEXTS, query=False)
    again, kept = cache.with_tokens(TEXTS, encoder)
    assert sum(map(len, encoder.batches)) == len(TEXTS)
    assert np.array_equal(rows, HashEncoder().passages(TEXTS))
    assert np.array_equal(again, rows)
    for one, same, true in zip(tokens, kept, wanted, strict=True):
        assert np.array_equal(one, true)
        assert np.array_equal(same, true)
    assert np.array_equal(cache.passages(TEXTS, encoder), rows)
    assert sum(map(len, encoder.batches)) == len(TEXTS)


def test_a_vector_without_its_tokens_is_embedded_again(cache: VectorCache) -> None:
    encoder = Counting()
    cache.passages(TEXTS, encoder)
    cache.with_tokens(TEXTS[:2], encoder)
    assert [len(batch) for batch in encoder.batches] == [len(TEXTS), 2]
    encoder.token_name = "other axes"
    cache.with_tokens(TEXTS[:2], encoder)
    assert [len(batch) for batch in encoder.batches] == [len(TEXTS), 2, 2]


def test_a_model_that_gives_no_tokens_gets_its_vectors(cache: VectorCache) -> None:
    encoder = Counting()
    encoder.token_name = ""
    rows, tokens = cache.with_tokens(TEXTS, encoder)
    assert np.array_equal(rows, HashEncoder().passages(TEXTS))
    assert [len(one) for one in tokens] == [0] * len(TEXTS)
