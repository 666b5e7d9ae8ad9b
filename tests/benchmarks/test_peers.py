"""The peers run in a process of their own, beside a folder that has a `typing.py`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import bench


def test_the_peers_program_starts_beside_our_own_typing() -> None:
    program = [sys.executable, "-P", str(bench.ROOT / "benchmarks" / "peers.py"), "--help"]
    assert "SYSTEM" in subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout.upper()
