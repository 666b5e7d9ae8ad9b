"""A base's settings: what is broken is told in time, whatever it is."""

from __future__ import annotations

import time

import pytest

from kb import toml
from tests.security.floods import FLOODS


def test_a_file_may_begin_with_a_byte_order_mark() -> None:
    assert toml.tree('\ufeff[a.b]\n"c.d" = "e.f.g"'.encode()) == {"a": {"b": {"c.d": "e.f.g"}}}


@pytest.mark.parametrize("flood", ["deep TOML", "deep tables of TOML"])
def test_what_is_nested_too_deeply_is_broken(flood: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        toml.tree(FLOODS[flood].encode())


@pytest.mark.parametrize("name", ["a.b.", " a .\tb . ", "'a'.\"b\".", "好-1.x_2."])
def test_a_name_of_thousands_of_parts_is_refused_at_once(name: str) -> None:
    begun = time.process_time()
    with pytest.raises(ValueError, match="64 parts"):
        toml.tree(f"[{name * 20_000}a]".encode())
    assert time.process_time() - begun < 1  # without a bound 2 s and more


@pytest.mark.parametrize("text", ["a" * 100_000, "a." * 63 + "a", "'" * 100_000, "a " * 50_000])
def test_what_is_no_long_name_is_read_as_toml_reads_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1|end of document"):
        toml.tree(text.encode())
