"""The bytes of a generation: hashed once, and on the disk before anybody is told."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

_verified: dict[tuple[int, int, int, int], str] = {}  # a file that verified once is not read again


def _identity(path: Path) -> tuple[int, int, int, int]:
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
    if identity not in _verified:
        with path.open("rb") as file:
            _verified[identity] = hashlib.file_digest(file, "sha256").hexdigest()
    return _verified[identity]


def hash_and_sync(path: Path) -> tuple[str, int]:
    """The hash and size of a file that is on the disk by now."""
    if _identity(path) not in _verified:  # a shared file was synced when it was first published
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return sha256_of(path), path.stat().st_size
