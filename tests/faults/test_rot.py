"""Damaged generations are found before they serve. 120 here, 10,000 by `make faults`."""

from __future__ import annotations

import random
from pathlib import Path
from unittest import mock

from indexer import generation
from indexer.generation import opening
from tests.faults import rotting


def test_whatever_is_damaged_is_found_and_the_one_before_serves_within_two_seconds(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    found = rotting.trial(tmp_path, 120, seed)
    assert found.torn == [], f"seed {seed}"
    assert found.at == dict.fromkeys(rotting.KINDS, 20)
    assert found.mean < 2


def test_the_same_damages_are_missed_by_a_reader_that_does_not_verify(tmp_path: Path) -> None:
    def trusting(index: Path, name: str, sha256: str = "") -> generation.Manifest:
        return generation.read_manifest(index, name)

    with mock.patch.object(opening, "verified", trusting):
        found = rotting.trial(tmp_path, 60, 1)
    assert found.torn
