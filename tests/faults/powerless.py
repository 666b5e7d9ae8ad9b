"""Power lost at any moment: what was acknowledged must be there and whole, whatever became of what was not synced.

A program of ours works in a process of its own and says what it has acknowledged; strace writes down every system call
by which it changes its folder. For each of many moments the folder is made as a power cut then may leave it
(`tests.faults.disk`), opened by the product, and looked at. The same trial goes red on settings and writers that sync
too little.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

from kb import db
from kb.config import ROOT
from tests.faults.disk import MANNERS, Disk
from tests.faults.powered import ROUNDS, SUBJECTS, Subject
from tests.faults.recording import MEMORY, Replay, record
from tests.faults.storing import Found

WORK = "work as "
SETTINGS = ("DELETE OFF", "DELETE FULL", "WAL NORMAL")  # journal mode and synchronous, each too little


@contextmanager
def chosen(name: str, settings: str) -> Iterator[Subject]:
    """Who works, with the product's settings of the database or others."""
    journal, _, synchronous = settings.partition(" ")
    pragmas = f"PRAGMA journal_mode={journal}", f"PRAGMA synchronous={synchronous}", "PRAGMA foreign_keys=ON"
    with mock.patch.object(db, "SQLITE", pragmas if settings else db.SQLITE):
        yield SUBJECTS[name]


def trial(home: Path, name: str, crashes: int, seed: int, settings: str = "", rounds: int = 0) -> Found:
    """Record one run of so many rounds (0 = the subject's own) and cut its power so often, at any moments of it."""
    chance, found, live, before, log = random.Random(seed), Found(), home / "live", home / "before", home / "calls"
    live.mkdir(parents=True)
    with chosen(name, settings) as subject:
        subject.prepare(live)
        shutil.copytree(live, before)
        module, told = "tests.faults.powerless", str(rounds or ROUNDS.get(name, 1))
        record([sys.executable, "-m", module, f"{WORK}{name}", str(live), told, "0", settings], log, ROOT)
        replay = Replay(Disk(before), live)
        moments = sum(1 for _ in replay.steps(log))
        found.acknowledged = sum(line.startswith("kept ") for line in replay.said)
        found.torn += [f"not recorded: {one}" for one in replay.disk.differs(live) if MEMORY not in one]
        wanted = sorted(chance.randrange(moments) for _ in range(crashes))
        replay = Replay(Disk(before), live)
        for moment, _ in enumerate(replay.steps(log)):
            while wanted and wanted[0] == moment:
                wanted.pop(0)
                manner = chance.choice(MANNERS)
                found.killed(manner)
                left = home / "left"
                replay.disk.crash(left, chance, manner)
                lost, torn = _looked_at(subject, left, replay.said)
                where = f"seed {seed}, moment {moment} of {moments}, {manner}"
                found.lost += [f"{where}: {one}" for one in lost[:1]]
                found.torn += [f"{where}: {one}" for one in torn[:1]]
                shutil.rmtree(left)
    return found


def _looked_at(subject: Subject, left: Path, said: list[str]) -> tuple[list[str], list[str]]:
    for path in left.rglob(f"*{MEMORY}"):
        path.unlink()
    try:
        return subject.look(left, said)
    except Exception as error:
        return [], [f"cannot be opened: {error!r}"]


def main(name: str, home: str, number: str, seed: str, settings: str = "") -> dict[str, Any]:
    """Cut somebody's power so often, or be the one who works (`WORK`), for so many rounds."""
    if not name.startswith(WORK):
        return asdict(trial(Path(home), name, int(number), int(seed), settings))
    with chosen(name.removeprefix(WORK), settings) as subject:
        subject.work(Path(home), int(number), lambda line: os.write(1, f"{line}\n".encode()))
    os._exit(0)  # as if the power went then: nobody tidies up


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
