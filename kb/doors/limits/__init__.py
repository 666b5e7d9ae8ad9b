"""How often somebody may ask: a bucket of tokens each that fills again, in a memory that does not grow.

A row is (key, tokens, moment): what a shared table would hold once there is more than one process.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_KEYS = 20_000  # about 4 MB; beyond it the key that was still the longest begins anew


@dataclass(frozen=True)
class Rate:
    """What a kind of asking may cost: so many a second for ever, so many at once."""

    name: str
    per_second: float
    at_once: int


# 200 people behind one address sign in within a minute, when a shift begins; each types 5 keys a second at most.
SIGN_IN = Rate("sign_in", 1, 200)
STRANGER = Rate("stranger", 20, 400)
PERSON = Rate("person", 50, 300)
TOLD = Rate("told", 1 / 60, 1)  # one line a minute in the program's log about the same refusal


class Limits:
    """Buckets by kind and key. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, rate: Rate, key: str) -> float:
        """Seconds this key has to wait; 0.0 = it may ask now, and its bucket has one token less."""
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.pop((rate.name, key), (float(rate.at_once), now))
            tokens = min(rate.at_once, tokens + (now - at) * rate.per_second)
            allowed = tokens >= 1
            self._buckets[rate.name, key] = (tokens - 1 if allowed else tokens, now)
            while len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (1 - tokens) / rate.per_second

    def __len__(self) -> int:
        return len(self._buckets)
