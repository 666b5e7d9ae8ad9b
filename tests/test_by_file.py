"""Tests dealt out to several workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kb.config import ROOT

CONFTEST = """
from tests.by_file import ByFile

def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)
"""
QUICK = """
import pytest

@pytest.mark.parametrize("n", range(3))
def test_quick(n):
    pass
"""
DYING = """
import os
from pathlib import Path

def test_one():
    pass

def test_that_ends_its_worker_once():
    died = Path("died")
    if not died.exists():
        died.touch()
        os._exit(1)

def test_another():
    pass
"""


def test_when_a_worker_dies_the_others_do_the_rest_and_the_run_ends(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(12):
        (tmp_path / f"test_{number:02}.py").write_text(DYING if number == 9 else QUICK)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--no-loadscope-reorder"]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert "1 failed, 36 passed" in done.stdout, done.stdout
    assert "crashed while running 'test_09.py::test_that_ends_its_worker_once'" in done.stdout
