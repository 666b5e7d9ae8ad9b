"""Damaged generations are found before they serve. 120 here, 10,000 by `make faults`."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from kb.config import ROOT
from tests.faults import rotting

ENDED = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT)  # by native code that read what is damaged


def trial(reader: str, home: Path, damages: int, seed: int) -> dict[str, Any]:
    """What a trial found in a process of its own; one that was ended by what it read served it (`torn`)."""
    command = [sys.executable, "-m", "tests.faults.rotting", reader, str(home), str(damages), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    if -done.returncode in ENDED:
        return {"torn": [f"ended by {signal.Signals(-done.returncode).name}"]}
    assert done.returncode == 0, done.stderr[-2_000:]
    return dict(json.loads(done.stdout))


def test_whatever_is_damaged_is_found_and_the_one_before_serves_within_two_seconds(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    found = trial("rot", tmp_path, 120, seed)
    assert found["torn"] == [], f"seed {seed}"
    assert found["at"] == dict.fromkeys(rotting.KINDS, 20)
    assert found["mean"] < 2


def test_the_same_damages_are_missed_by_a_reader_that_does_not_verify(tmp_path: Path) -> None:
    assert trial("naive", tmp_path, 60, 1)["torn"]
