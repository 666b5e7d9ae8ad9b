"""Rebuild when an article changes on disk: a git pull, a text editor and the app work together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

SETTLE_MS = 200  # an editor writes a file in several steps
STOP_MS = 500  # how soon `stop` is seen


class _Articles(DefaultFilter):
    def __call__(self, change: Change, path: str) -> bool:
        wanted = path.endswith((".md", ".toml")) and not Path(path).name.startswith(".")
        return wanted and super().__call__(change, path)


def changes(folder: Path, stop: threading.Event | None = None) -> Iterator[None]:
    """Once each time files under `folder` have changed and come to rest, until `stop` is set."""
    options = {"debounce": SETTLE_MS, "rust_timeout": STOP_MS, "raise_interrupt": False}
    for _ in watch(folder, watch_filter=_Articles(), stop_event=stop, **options):  # type: ignore[arg-type]
        yield None
