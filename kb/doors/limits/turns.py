"""Whose turn it is: so many at once, others wait in order for a moment, and who would wait longer is told so at once.

Where more is asked than can be answered, all of it answered late helps nobody: the line stays short (admission control
by the wait to be expected: Little's law over what one turn took lately), and what is let in is answered in time.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager

from kb.errors import BusyError
from kb.seen import metrics
from kb.seen.log import log

TAKES = 0.05  # seconds that one turn takes, until turns were measured
NEWEST = 0.1  # how much the newest turn counts in what one takes
TOLD_EVERY = 60.0  # seconds in which the log has one line of refusals


class Turns:
    """The line before one kind of work. Safe to use from any thread and event loop."""

    def __init__(
        self,
        at_once: int,
        patience: float,
        refusal: Callable[[int], BusyError],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """at_once: how many have their turn at the same time (≥ 1)
        patience: seconds that anybody waits for it; inf = nobody is refused
        refusal:  what who would wait longer is told, from the seconds after which to ask again
        """
        self._at_once, self._patience, self._refusal, self._clock = at_once, patience, refusal, clock
        self._free = at_once
        self._takes = TAKES
        self._waiting: dict[object, Future[None]] = {}  # whose → their turn to come, the first first
        self._lock = threading.Lock()
        self._refused, self._told_at = 0, -math.inf

    @asynccontextmanager
    async def turn(self, whose: str = "") -> AsyncIterator[None]:
        """Wait for a turn, and have it inside.

        whose: what is asked anew takes the place of what the same asker has still waiting; '' = of nobody known
        Raises BusyError: the refusal for who would wait longer than `patience`, `replaced` where something newer of the
        same asker took the place.
        """
        await self._come(whose or object())
        began = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._takes += NEWEST * (self._clock() - began - self._takes)
                self._next()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def _come(self, whose: object) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            older = self._waiting.get(whose)
            wait = (len(self._waiting) + 1) * self._takes / self._at_once
            if older is None and wait > self._patience:
                raise self._busy(wait)
            mine = self._waiting[whose] = Future()
        if older is not None and older.set_running_or_notify_cancel():
            older.set_exception(BusyError("replaced", seconds=1))
        try:
            with metrics.queued.track_inprogress():
                async with asyncio.timeout(None if math.isinf(self._patience) else self._patience):
                    await asyncio.wrap_future(mine)
        except BaseException as error:
            with self._lock:
                if self._waiting.get(whose) is mine:
                    del self._waiting[whose]
                elif mine.done() and not mine.cancelled() and mine.exception() is None:
                    self._next()  # it came too late: the next one has it
                if isinstance(error, TimeoutError):
                    raise self._busy(self._patience) from error
            raise

    def _next(self) -> None:
        """A turn is over: the first in the line has it."""
        while self._waiting:
            first = self._waiting.pop(next(iter(self._waiting)))
            if first.set_running_or_notify_cancel():
                first.set_result(None)
                return
        self._free += 1

    def _busy(self, wait: float) -> BusyError:
        error = self._refusal(max(1, math.ceil(wait)))
        metrics.refused(error.code)
        self._refused += 1
        if (now := self._clock()) - self._told_at >= TOLD_EVERY:
            log.warning("busy", code=error.code, count=self._refused)
            self._refused, self._told_at = 0, now
        return error
