"""Power lost at any moment loses nothing acknowledged and tears nothing. 36 cuts here, thousands by `make faults`."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from kb.config import ROOT
from tests.faults import powerless, recording
from tests.faults.disk import Disk, File, Folder
from tests.faults.powered import PARTS


@pytest.fixture(autouse=True)
def strace() -> None:
    """With CI=true a test that cannot trace fails; elsewhere it is skipped with the reason."""
    if recording.STRACE is None:
        reason = "strace is not installed: apt-get install strace"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def test_whatever_works_while_the_power_fails_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    found = powerless.trial(tmp_path, "all", 36, seed, rounds=3)
    assert (found.torn, found.lost) == ([], []), f"seed {seed}"
    assert found.kills == 36
    assert found.acknowledged >= 3 * len(PARTS)


def test_the_same_cuts_find_what_a_database_that_syncs_too_little_loses(tmp_path: Path) -> None:
    assert powerless.trial(tmp_path, "rows", 40, 1, "DELETE FULL", rounds=4).lost


def test_the_same_cuts_tear_a_publisher_that_renames_two_files_and_syncs_neither(tmp_path: Path) -> None:
    found = powerless.trial(tmp_path, "publish, naive", 40, 1)
    assert found.lost
    assert found.torn


# --- the model -----------------------------------------------------------------------------------


def left(disk: Disk, tmp_path: Path, tries: int = 200) -> set[tuple[tuple[str, bytes], ...]]:
    """Every tree that so many power cuts leave."""
    chance, found = random.Random(1), set()
    for number in range(tries):
        place = tmp_path / f"left-{number}"
        disk.crash(place, chance, "any")
        files = sorted(path for path in place.rglob("*") if path.is_file())
        found.add(tuple((path.relative_to(place).as_posix(), path.read_bytes()) for path in files))
    return found


def made(tmp_path: Path) -> tuple[Disk, File]:
    """A disk with an empty folder `a`, and a file `a/x` whose bytes are synced and whose name is not."""
    (tmp_path / "before" / "a").mkdir(parents=True)
    disk, file = Disk(tmp_path / "before"), File()
    folder, _ = disk.parent("a/x")
    folder.change(("x", file))
    file.write(0, b"old")
    file.sync()
    return disk, file


def test_a_name_is_there_or_not_until_its_folder_is_synced(tmp_path: Path) -> None:
    disk, _ = made(tmp_path)
    assert left(disk, tmp_path) == {(), (("a/x", b"old"),)}
    folder = disk.find("a")
    assert isinstance(folder, Folder)
    folder.sync()
    disk.rename("a/x", "a/y")
    (tmp_path / "2").mkdir()
    assert left(disk, tmp_path / "2") == {(("a/x", b"old"),), (("a/y", b"old"),)}


def test_a_rename_to_another_folder_may_leave_both_names_and_never_none(tmp_path: Path) -> None:
    disk, _ = made(tmp_path)
    for node in (disk.find("a"), disk.root):
        assert isinstance(node, Folder)
        node.sync()
    disk.rename("a/x", "y")
    both = (("a/x", b"old"), ("y", b"old"))
    assert left(disk, tmp_path) == {both[:1], both[1:], both}


def test_bytes_that_are_not_synced_are_kept_sector_by_sector(tmp_path: Path) -> None:
    file = File(bytearray(b"o" * 1024), b"o" * 1024)
    file.write(256, b"n" * 512)
    seen = {file.after(random.Random(seed), 0.5) for seed in range(50)}
    halves = {(256, 512), (512, 768)}
    assert {one.count(b"n") for one in seen} == {0, 256, 512}
    assert all(one[start:end] in (b"o" * 256, b"n" * 256) for one in seen for start, end in halves)
    assert (file.after(random.Random(1), 0), file.after(random.Random(1), 1)) == (file.kept, bytes(file.now))


WRITER = """
import os, shutil, sys, threading
home = sys.argv[1]
os.makedirs(home + "/a/b")
with open(home + "/a/long name", "w") as file:
    file.write("first")
    file.seek(1)
    file.write("_")
with open(home + "/a/long name", "a") as file:
    file.write(" and more")
os.link(home + "/a/long name", home + "/a/b/second")
shutil.copyfile(home + "/a/b/second", home + "/copied")
def other():
    handle = os.open(home + "/a/b/third", os.O_RDWR | os.O_CREAT)
    os.pwrite(handle, b"xyz", 5)
    os.ftruncate(handle, 7)
    os.writev(os.dup(handle), [b"1", b"23"])
    os.rename(home + "/a/b/third", home + "/fourth")
thread = threading.Thread(target=other)
thread.start()
thread.join()
shutil.rmtree(home + "/a/b")
os.write(1, b"kept all\\n")
"""


def test_what_is_recorded_is_what_is_there(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    replay = recording.Replay(Disk(home), home)
    recording.record([sys.executable, "-c", WRITER, str(home)], log, ROOT)
    assert sum(1 for _ in replay.steps(log)) > 10
    assert replay.disk.differs(home) == []
    assert (home / "fourth").read_bytes() == b"123\0\0xy"
    assert replay.said == ["kept all"]
    (home / "copied").write_bytes(b"other")
    assert replay.disk.differs(home) == ["copied"]
