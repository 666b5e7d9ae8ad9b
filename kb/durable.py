"""Files that are there after a power cut: whole or not at all, and under their name.

A file's bytes are kept once they are synced, its name once its folder is, and a new folder's once the one above is
(POSIX promises no more; `tests/faults/powerless.py` tries it). Whoever tells somebody that a thing is kept writes it by
these functions, or by the database.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from kb.failpoints import reached


def sync_folder(folder: Path) -> None:
    """What was made, renamed and taken away in a folder is on the disk by now."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """Every file and name under a folder is on the disk by now; the folder's own name is not yet."""
    for path in folder.rglob("*"):
        sync_folder(path)  # to sync a file is the same call
    sync_folder(folder)


def make_folder(folder: Path) -> None:
    """A folder, and those above it that are missing; each is kept."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(missing):
        sync_folder(one.parent)


def write_synced(place: Path, raw: bytes) -> None:
    """A file whose bytes are on the disk by now; its name is not yet."""
    with place.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def write_file(place: Path, raw: bytes) -> None:
    """A file in a folder that may be new, whole or not at all: whoever reads sees the old bytes or the new ones."""
    make_folder(place.parent)
    aside = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        write_synced(aside, raw)
        if place.exists():
            os.chmod(aside, place.stat().st_mode & 0o777)
        reached("save.aside")
        os.replace(aside, place)
        reached("save.moved")
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(place.parent)
