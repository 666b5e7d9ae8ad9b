"""A file of a served generation is cut in its place by another program: the answers stay, and the damage is found."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.faults.test_kill import trial


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return trial("cutting", tmp_path_factory.mktemp("cut"))


def test_whatever_is_cut_the_answers_stay_and_it_is_found(found: dict[str, Any]) -> None:
    files = found["files"]
    kinds = {name.rpartition(".")[2] for name in files}
    assert {"idx", "term", "store", "fast", "f32", "bin", "faiss", "jsonl", "npy"} <= kinds
    assert found["served"] == [[*(f"found {name}" for name in files), "alive"], 0]


def test_files_that_are_mapped_as_they_lie_end_the_process(found: dict[str, Any]) -> None:
    assert found["served, mapped as they lie"][1] == signal.SIGBUS


def test_files_that_are_read_as_they_lie_answer_otherwise(found: dict[str, Any]) -> None:
    said, ended = found["served, read as they lie"]
    assert ended == 1  # what a search raises ends it
    assert any("rows.f32" in line for line in said)


def test_what_is_published_may_be_cut_while_a_change_is_added_to_it(found: dict[str, Any]) -> None:
    assert found["changed"] == [["generation_damaged", "Vacuum shows E-01", "Vacuum shows E-99", "alive"], 0]
    assert found["changed, mapped as they lie"][1] == signal.SIGBUS
