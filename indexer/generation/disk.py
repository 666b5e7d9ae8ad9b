"""The bytes of a generation: hashed once, and on the disk before anybody is told."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import OrderedDict
from pathlib import Path

KEPT_MOST = 4_096  # files, those used last: all of many generations, and a running app publishes for months

_Identity = tuple[int, int, int, int]
_verified: OrderedDict[_Identity, str] = OrderedDict()  # a file that verified once is not read again
_keeping = threading.Lock()


def _identity(path: Path) -> _Identity:
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def forget(folder: Path) -> None:
    """Let every file under a folder be read again."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            _verified.pop(_identity(path), None)


def sha256_of(path: Path) -> str:
    """The hash of a file, of one that did not change since it was last asked without reading it."""
    identity = _identity(path)
    found = _verified.get(identity)
    if found is None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    with _keeping:
        _verified[identity] = found
        _verified.move_to_end(identity)
        while len(_verified) > KEPT_MOST:
            _verified.popitem(last=False)
    return found


def hash_and_sync(path: Path) -> tuple[str, int]:
    """The hash and size of a file that is on the disk by now."""
    if _identity(path) not in _verified:  # a shared file was synced when it was first published
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return sha256_of(path), path.stat().st_size
