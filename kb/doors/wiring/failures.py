"""Builds that failed since this program began: what kept them from it, since when, how often in a row."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

from kb.errors import KBError

KEPT = 20


@dataclass(frozen=True)
class Failure:
    """The same reason, once or again and again without another or a build that succeeded between."""

    error: KBError
    since: datetime
    last: datetime
    times: int = 1


class Failures:
    """The last `KEPT` of them."""

    def __init__(self) -> None:
        self._all: deque[Failure] = deque(maxlen=KEPT)
        self._lasts = False  # the newest reason holds still

    def note(self, error: KBError, at: datetime) -> None:
        """A build failed."""
        last = self._all[-1] if self._all and self._lasts else None
        if last is not None and str(last.error) == str(error):
            self._all[-1] = replace(last, last=at, times=last.times + 1)
        else:
            self._all.append(Failure(error, at, at))
        self._lasts = True

    def over(self) -> None:
        """A build succeeded."""
        self._lasts = False

    @property
    def newest_first(self) -> tuple[Failure, ...]:
        """All that are kept."""
        return tuple(reversed(self._all))
