"""How often somebody may ask: a bucket of tokens each that fills again, in a memory that does not grow.

Several app servers share what they gave away (`kb.systems.shares`): each counts in its own memory, so that nobody waits
for the database to ask, and about once a second tells of the buckets that it is emptying and takes from its own what
the others gave.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from kb.db import Database
from kb.errors import AwayError
from kb.systems import shares
from kb.systems.shares import Share

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
SHARED = {one.name: one for one in (SIGN_IN, STRANGER, PERSON)}
LOW = 0.9  # of a bucket: fuller ones are not told of
PATIENCE = 0.5  # seconds that sharing waits for the database


@dataclass
class _Bucket:
    """Tokens at a moment of the clock, below 0 where others gave them away; `given` here since it was last full."""

    rate: Rate
    tokens: float
    at: float
    given: int = 0

    def fill(self, now: float) -> None:
        self.tokens = min(self.rate.at_once, self.tokens + (now - self.at) * self.rate.per_second)
        self.at = now
        if self.tokens == self.rate.at_once:
            self.given = 0

    @property
    def is_low(self) -> bool:
        return self.tokens < LOW * self.rate.at_once


class Limits:
    """Buckets by kind and key. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, shared: Mapping[str, Rate] = SHARED) -> None:
        """shared: the kinds that several app servers share, by name"""
        self._clock, self._shared = clock, shared
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._lock = threading.Lock()
        self._name = uuid4().hex
        self._low: set[tuple[str, str]] = set()  # those that may be told of …
        self._told: frozenset[tuple[str, str]] = frozenset()  # … and were
        self._heard: dict[tuple[str, str, str], int] = {}

    def wait(self, rate: Rate, key: str) -> float:
        """Seconds this key has to wait; 0.0 = it may ask now, and its bucket has one token less."""
        who = hashlib.sha256(key.encode()).hexdigest()
        with self._lock:
            one = self._filled(rate, who)
            allowed = one.tokens >= 1
            if allowed:
                one.tokens, one.given = one.tokens - 1, one.given + 1
            if one.is_low and rate.name in self._shared:
                self._low.add((rate.name, who))
            return 0.0 if allowed else (1 - one.tokens) / rate.per_second

    def _filled(self, rate: Rate, who: str) -> _Bucket:
        now = self._clock()
        one = self._buckets.pop((rate.name, who), None) or _Bucket(rate, rate.at_once, now)
        one.fill(now)
        self._buckets[rate.name, who] = one
        while len(self._buckets) > MOST_KEYS:
            gone, _ = self._buckets.popitem(last=False)
            self._low.discard(gone)
        return one

    def __len__(self) -> int:
        return len(self._buckets)

    # --- several servers -----------------------------------------------------------------------------

    def share(self, database: Database, at: datetime) -> None:
        """Tell the other servers, and hear what they gave. Where the database is away each counts alone."""
        with suppress(AwayError):
            before, counts = self._told, self._telling()
            if counts or before:
                with database.write(PATIENCE) as connection:
                    shares.tell(connection, self._name, counts, at)
            with database.read(PATIENCE) as connection:
                self._hear(shares.of_others(connection, self._name))

    def _telling(self) -> dict[tuple[str, str], int]:
        """What was given from buckets that are low; of one not told of before, no more than it lacks."""
        with self._lock:
            for key in tuple(self._low):
                one = self._buckets[key]
                one.fill(self._clock())
                if not one.is_low:
                    self._low.discard(key)
                elif key not in self._told:
                    one.given = min(one.given, math.ceil(one.rate.at_once - one.tokens))
            counts = {key: self._buckets[key].given for key in self._low if self._buckets[key].given}
            self._told = frozenset(counts)
            return counts

    def _hear(self, told: Iterable[Share]) -> None:
        """Take from our buckets what others gave since we last heard, down to one bucket below empty."""
        with self._lock:
            before, self._heard = self._heard, {}
            for one in told:
                key = one.server, one.kind, one.who
                self._heard[key] = one.count
                more = one.count - before.get(key, 0)
                rate = self._shared.get(one.kind)
                if rate and more:
                    bucket = self._filled(rate, one.who)
                    taken = more if more > 0 else one.count  # it began to count anew
                    bucket.tokens = max(bucket.tokens - taken, -float(rate.at_once))
