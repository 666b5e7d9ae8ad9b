"""The hash of each article's file; one that did not change since it was read is not read again.

A save then costs a look at every file's facts, not its bytes. A file whose facts are as they were may still have
changed where that was within the tick of the file system's clock in which it was read, so facts that young say nothing
(what git calls racy).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from kb.content.articles import fingerprint

YOUNG = 2.0  # seconds: the coarsest clock of a file system (FAT)
MOST_KEPT = 1_000_000  # files

_Facts = tuple[int, int, int, int, int]


class Fingerprints:
    """The hashes of files, by path. Safe to use from any thread."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Facts, str]] = {}

    def of(self, path: str) -> str:
        """The fingerprint of a file. Raises OSError."""
        now, stat = time.time(), os.stat(path)
        facts = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        known = self._known.get(path)
        if known and known[0] == facts:
            return known[1]
        found = fingerprint(Path(path).read_bytes())
        if now - max(stat.st_mtime, stat.st_ctime) > YOUNG:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[path] = facts, found
        return found
