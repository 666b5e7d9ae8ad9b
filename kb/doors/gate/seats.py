"""Who has a page open, and how many may: each tab keeps memory here and a share of every second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from kb.errors import BusyError

AGAIN = 10  # seconds after which a page that found no place asks again


class Seats:
    """The sessions with an open tab, of one event loop. Further tabs of the same session take no further seat."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tabs: Counter[str] = Counter()

    def check(self, key: str) -> None:
        """Raises BusyError (`full`) for a session that would be one too many."""
        if key not in self._tabs and len(self._tabs) >= self._most:
            raise BusyError("full", most=self._most, seconds=AGAIN)

    @contextmanager
    def taken(self, key: str) -> Iterator[None]:
        """One tab, while it is open."""
        self._tabs[key] += 1
        try:
            yield
        finally:
            self._tabs[key] -= 1
            if self._tabs[key] <= 0:
                del self._tabs[key]

    def left(self, key: str) -> None:
        """A session is over, whatever stays open of it."""
        self._tabs.pop(key, None)

    def __len__(self) -> int:
        return len(self._tabs)
