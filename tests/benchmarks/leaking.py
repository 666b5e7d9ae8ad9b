"""A program that loses memory, files and threads while it works, or with `still` the same without losing any."""

from __future__ import annotations

import sys
import threading
import time

kept: list[object] = []


def step(number: int, leaks: bool) -> None:
    """A little work: some memory, every eighth time a file, every eighth time a thread."""
    made: list[object] = [bytearray(b"x" * 200_000)]
    if number % 8 == 0:
        made.append(open("/dev/null"))  # noqa: SIM115
    if number % 8 == 4:
        thread = threading.Thread(target=time.sleep, args=(60 if leaks else 0,), daemon=True)
        thread.start()
        made.append(thread)
    if leaks:
        kept.extend(made)


if __name__ == "__main__":
    for number in range(10_000):
        step(number, sys.argv[1] == "leaks")
        time.sleep(0.02)
