"""Hear of a publish at once: LISTEN on a connection of its own, made anew when it breaks."""

from __future__ import annotations

import threading
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from indexer.engine.postgres.asking import connections

AGAIN_SECONDS = 5.0  # between two tries to listen; meanwhile looking is enough


class Ear:
    """One connection that listens. A notice is a hint: whoever waits looks for himself afterwards."""

    def __init__(self, url: str, schema: str) -> None:
        """Nothing is connected to before somebody waits."""
        self.channel = f"{schema}_published"
        self._engine = connections(url, name="firstcall following", alone=True)
        self._connection: sa.Connection | None = None
        self._not_before = 0.0
        self._one = threading.Lock()

    def wait(self, seconds: float) -> None:
        """Until something is published, at most so long; just so long where the server does not answer."""
        until = time.monotonic() + seconds
        with self._one:
            try:
                for _ in self._listening().notifies(timeout=seconds, stop_after=1):
                    pass
            except Exception:  # the driver's own errors, too: a connection that broke
                self.close()
                self._not_before = time.monotonic() + AGAIN_SECONDS
                time.sleep(max(0.0, until - time.monotonic()))

    def _listening(self) -> Any:
        if self._connection is None:
            if time.monotonic() < self._not_before:
                raise ConnectionError
            self._connection = self._engine.connect()
            self._connection.exec_driver_sql(f'LISTEN "{self.channel}"')
        return self._connection.connection.driver_connection

    def close(self) -> None:
        """Listen no more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except SQLAlchemyError:
                pass
