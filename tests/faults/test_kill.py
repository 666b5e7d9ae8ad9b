"""kill -9 in every step: nothing torn serves, nothing acknowledged is lost. 100 kills here, thousands by `make faults`.

Each trial runs in a process of its own that forks its children, and the same trials go red on a naive publisher and
a naive store.
"""

from __future__ import annotations

import ast
import errno
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kb import failpoints
from kb.config import ROOT
from kb.errors import SettingError
from kb.failpoints import POINTS
from tests.faults import publishing, storing
from tests.postgres import Server


def trial(module: str, *arguments: object) -> dict[str, Any]:
    """What a trial found."""
    command = [sys.executable, "-m", f"tests.faults.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return dict(json.loads(done.stdout))


def seed() -> int:
    return random.randrange(1_000_000)


# --- failpoints ----------------------------------------------------------------------------------


def named() -> list[str]:
    """The names of all places that the code comes by."""
    trees = (ast.parse(path.read_text("utf-8")) for top in ("kb", "indexer") for path in (ROOT / top).rglob("*.py"))
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        str(call.args[0].value)  # type: ignore[attr-defined]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "reached"
    ]


def test_every_failpoint_is_one_place_and_every_one_is_tried() -> None:
    assert sorted(named()) == sorted(POINTS)
    tried = {*publishing.STEPS, *publishing.ROWS, *storing.WRITES, *storing.STEPS, *storing.IMPORTS, *storing.BACKUPS}
    tried |= {*storing.MOVES}
    assert tried == set(POINTS)


def test_a_place_that_is_not_armed_is_passed_and_an_armed_one_strikes_when_it_is_told_to() -> None:
    failpoints.reached("publish.renamed")
    failpoints.arm("publish.renamed:2:ENOSPC")
    try:
        failpoints.reached("publish.kept")
        failpoints.reached("publish.renamed")
        with pytest.raises(OSError, match="No space left") as struck:
            failpoints.reached("publish.renamed")
        assert struck.value.errno == errno.ENOSPC
        failpoints.reached("publish.renamed")
    finally:
        failpoints.arm("")


@pytest.mark.parametrize("spec", ["publish", "publish.renamed:x", "publish.renamed:1:ENOTHING", "publish.renamed:0x"])
def test_a_place_that_is_none_is_refused(spec: str) -> None:
    with pytest.raises(SettingError, match="FIRSTCALL_FAILPOINT"):
        failpoints.arm(spec)


def test_the_environment_arms_one_from_the_start() -> None:
    code = "from kb.failpoints import reached; reached('point.moved'); print('once'); reached('point.moved')"
    env = {"FIRSTCALL_FAILPOINT": "point.moved:2", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-9, "", "")  # what was not flushed is lost, too


# --- publishing ----------------------------------------------------------------------------------


def test_a_publisher_killed_in_every_step_leaves_nothing_torn_and_loses_nothing(tmp_path: Path) -> None:
    kills = 2 * len(publishing.STEPS)
    found = trial("publishing", "product", tmp_path, kills, seed())
    assert (found["torn"], found["lost"], found["left"]) == ([], [], 0)
    assert found["at"] == {**dict.fromkeys(publishing.STEPS, 1), "outside": kills // 2}
    assert found["published"] >= kills // 6
    assert found["reads"] >= kills


def test_a_publisher_of_rows_killed_in_every_step_leaves_nothing_torn_and_loses_nothing(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "url").write_text(server.url_of(server.empty()))
    kills = 2 * len(publishing.ROWS)
    found = trial("publishing", "server", tmp_path, kills, seed())
    assert (found["torn"], found["lost"]) == ([], [])
    assert found["at"] == {**dict.fromkeys(publishing.ROWS, 1), "outside": kills // 2}
    assert found["published"] >= kills // 6
    assert found["reads"] >= kills


def test_the_same_kills_tear_a_publisher_that_renames_two_files(tmp_path: Path) -> None:
    found = trial("publishing", "naive", tmp_path, 2 * len(publishing.STEPS), seed())
    assert found["torn"]


# --- the database --------------------------------------------------------------------------------


def test_a_writer_killed_in_every_step_keeps_what_it_acknowledged_and_belongs_together(tmp_path: Path) -> None:
    found = trial("storing", "writes", tmp_path, 30, seed())
    assert (found["lost"], found["torn"]) == ([], [])
    assert found["at"] == {**dict.fromkeys(storing.WRITES, 5), "outside": 15}
    assert found["acknowledged"] >= 30


def test_the_same_kills_find_what_a_hasty_store_loses(tmp_path: Path) -> None:
    assert trial("storing", "writes", tmp_path, 6, seed(), "naive")["lost"]


def test_an_upgrade_killed_in_every_step_leaves_the_old_base_or_the_new_one(tmp_path: Path) -> None:
    found = trial("storing", "migrations", tmp_path, 20, seed())
    assert (found["lost"], found["torn"]) == ([], [])
    assert found["at"] == {
        "migrate.step": 3,
        "migrate.numbered": 3,
        "write.done": 2,
        "write.committed": 2,
        "outside": 10,
    }


def test_an_import_killed_in_every_step_leaves_whole_files_and_can_be_run_again(tmp_path: Path) -> None:
    found = trial("storing", "imports", tmp_path, 12, seed())
    assert (found["lost"], found["torn"]) == ([], [])
    assert found["at"] == {**dict.fromkeys(storing.IMPORTS, 1), "outside": 6}


def test_a_backup_killed_in_every_step_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    found = trial("storing", "backups", tmp_path, 8, seed())
    assert (found["lost"], found["torn"]) == ([], [])
    assert found["at"] == {**dict.fromkeys(storing.BACKUPS, 1), "outside": 4}


def test_a_move_killed_in_every_step_is_half_for_nobody_and_whole_the_next_time(tmp_path: Path) -> None:
    found = trial("storing", "moves", tmp_path, 12, seed())
    assert (found["lost"], found["torn"]) == ([], [])
    assert found["at"] == {**dict.fromkeys(storing.MOVES, 2), "outside": 6}


def test_eight_programs_that_write_at_once_lose_nothing_and_are_never_told_to_wait(tmp_path: Path) -> None:
    found = trial("storing", "writers", tmp_path, 10, seed())
    assert (found["lost"], found["torn"], found["acknowledged"]) == ([], [], 80)
