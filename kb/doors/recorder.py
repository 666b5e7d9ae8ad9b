"""What agents record reaches the database, now or, where it refuses, as soon as it takes anything again.

Behind a record that waits in the spool every later one waits, too: they are taken in the order in which they came.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kb.care.spool import Spool
from kb.db import Connection
from kb.doors.wiring import Desk
from kb.errors import AwayError, GenerationError, StoreError
from kb.people.users import User
from kb.seen.log import log

PATIENCE = 1.0  # seconds that an agent waits for the database
AGAIN = 0.5  # seconds between two tries to empty the spool


@dataclass(frozen=True)
class Asked:
    """One request: who asks, when it happened, its checked fields, the id in its address, the interface's language."""

    by: User
    at: datetime
    given: Mapping[str, Any]
    call: str
    ui: str = ""

    def text(self, name: str) -> str:
        """A field, '' where it was not given."""
        return str(self.given.get(name, ""))


Work = Callable[[Connection, Asked], dict[str, Any] | None]


class Recorder:
    """Writes records with the work of the door they came by."""

    def __init__(self, desk: Desk, works: Mapping[str, Work]) -> None:
        """works: path of a door → what it does with a record. What waits from before is taken up at once."""
        self._desk, self._works = desk, works
        self._spool = Spool(desk.settings.spool)
        self._order = threading.Lock()
        self._emptying = False
        if self._spool.waiting():
            self._empty()

    def record(self, path: str, one: Asked) -> dict[str, Any]:
        """Write a record; what its door answers or, where it waits in the spool, `spooled`: how many wait.

        Raises KBError for one that is refused, AwayError where it could not even be spooled.
        """
        with self._order:
            if not self._spool.waiting():
                try:
                    return self._write(path, one)
                except AwayError as error:
                    log.warning("record_spooled", error)
            self._spool.put(path, one.call, one.at, one.by, one.given)
            self._empty()
            return {"spooled": self._spool.waiting()}

    def waiting(self) -> int:
        """How many records wait."""
        return self._spool.waiting()

    def replay(self) -> int:
        """Take what the database takes, in order; how many records wait afterwards.

        Raises StoreError where it cannot even be opened: that is no record's fault.
        """
        _ = self._desk.database
        for entry in self._spool.entries():
            with self._order:
                try:
                    self._write(entry.path, Asked(entry.by, entry.at, entry.given, entry.call))
                    self._spool.taken(entry.name)
                except (AwayError, GenerationError):  # neither the database nor a missing index is its fault
                    break
                except Exception as error:  # tried again it would stop all that wait behind it
                    log.failed("spooled_record_refused", route=entry.path)
                    self._spool.set_aside(entry.name, str(error))
        return self._spool.waiting()

    def _write(self, path: str, one: Asked) -> dict[str, Any]:
        with self._desk.database.write(PATIENCE) as connection:
            answer = self._works[path](connection, one) or {}
        self._desk.floor.touched()
        return answer

    def _empty(self) -> None:
        """Begin to empty the spool, unless somebody is at it."""
        if not self._emptying:
            self._emptying = True
            threading.Thread(target=self._replay_on, name="spool", daemon=True).start()

    def _replay_on(self) -> None:
        while True:
            try:
                left = self.replay()
            except StoreError:
                left = 1
            except Exception:  # whatever it is, what waits is tried again
                log.failed("spool_stuck")
                left = 1
            with self._order:
                self._emptying = bool(left or self._spool.waiting())
                if not self._emptying:
                    return
            time.sleep(AGAIN)
