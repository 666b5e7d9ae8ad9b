"""Forked children that say what they do, until they are killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator

PATIENCE = 60.0  # seconds without a word after which something hangs


@contextlib.contextmanager
def child(work: Callable[[int, int], None]) -> Iterator[tuple[int, int, int]]:
    """A forked process that runs `work(heed, say)`: its id, a pipe to hear it by, one to tell it. Killed after."""
    hear, say = os.pipe()
    heed, tell = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(hear)
        os.close(tell)
        try:
            work(heed, say)
        except BaseException as error:
            os.write(say, f"error {error!r}\n".encode())
        os._exit(1)
    os.close(say)
    os.close(heed)
    try:
        yield process, hear, tell
    finally:
        end(process)
        os.close(hear)
        os.close(tell)


def end(process: int) -> None:
    """Kill a child; one that is gone is gone."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def hears(pipe: int, seconds: float = PATIENCE) -> bytes:
    """What a child says next, b"" at its end. Raises TimeoutError where it says nothing for so long."""
    if not select.select([pipe], [], [], seconds)[0]:
        raise TimeoutError
    return os.read(pipe, 65_536)


def told(pipe: int, until: float | None = None) -> str:
    """All that a child says until its end, or until a moment (monotonic)."""
    heard = b""
    while until is None or time.monotonic() < until:
        try:
            more = hears(pipe, PATIENCE if until is None else max(0.0, until - time.monotonic()))
        except TimeoutError:
            if until is None:
                raise
            break
        if not more:
            break
        heard += more
    return heard.decode()
