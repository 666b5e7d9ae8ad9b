"""Copies that nobody else can change, for what is read while a generation serves.

A program that writes a file anew in its place (`cp`, a restore into the same folder, a tool that frees a full disk)
cuts it for everybody who has it open. What is mapped then ends the process (SIGBUS), what is read there is short or
another generation's; a hard link is the same file. What is read whole when it is opened needs no copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kb.seen.log import log

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
NAMES = "firstcall-words-"  # then the process that made it
LEFT = 60.0  # seconds: another machine's process may open it, where the folder is shared
TRIES = 50  # to remove a folder, 10 ms apart


@contextlib.contextmanager
def sealed(folder: Path) -> Iterator[Path]:
    """A folder with the same names, whose files are sealed copies in memory; the folder itself where there can be none.

    What was mapped meanwhile stays after the end. The copies have no name, and of a process that was killed only links
    to nothing stay, until the next begins. For files of a few MB.
    """
    _sweep()
    with contextlib.ExitStack() as held:
        try:
            names = Path(tempfile.mkdtemp(prefix=f"{NAMES}{os.getpid()}-"))
            held.callback(_remove, names)
            for path in folder.iterdir():
                (names / path.name).symlink_to(f"/proc/self/fd/{_in_memory(path, held)}")
        except OSError as error:  # no room for it: as good as without copies
            log.warning("index_not_copied", error)
            names = folder
        yield names


@functools.cache
def _sweep() -> None:
    """Take away what processes left that are no more."""
    for names in Path(tempfile.gettempdir()).glob(f"{NAMES}*"):
        process = names.name.removeprefix(NAMES).partition("-")[0]
        with contextlib.suppress(OSError):
            if not Path("/proc", process).exists() and time.time() - names.stat().st_mtime > LEFT:
                shutil.rmtree(names, ignore_errors=True)


def _remove(names: Path) -> None:
    """A thread of tantivy's may put its lock there while the folder goes."""
    for _ in range(TRIES):
        shutil.rmtree(names, ignore_errors=True)
        if not names.exists():
            return
        time.sleep(0.01)


def _in_memory(path: Path, held: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create(path.name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    held.callback(os.close, descriptor)
    with path.open("rb") as file, os.fdopen(descriptor, "wb", closefd=False) as copy:
        shutil.copyfileobj(file, copy)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return descriptor


def opened(file: Path) -> int:
    """A descriptor to read a copy of a file by, on the same disk and without a name; of the file itself where the disk
    takes none. For what is too large for memory. Raises OSError where there is no such file."""
    with contextlib.ExitStack() as held:
        source = held.enter_context(file.open("rb"))
        try:
            copy = held.enter_context(tempfile.TemporaryFile(dir=file.parent))
            shutil.copyfileobj(source, copy, 2**20)
            copy.flush()
        except OSError as error:
            log.warning("index_not_copied", error)
            return os.dup(source.fileno())
        return os.dup(copy.fileno())
