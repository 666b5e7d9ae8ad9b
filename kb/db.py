"""The database: open, read, write. One writer at a time, and what belongs together is one commit.

SQLite runs with a rollback journal and synchronous FULL: 3.40.1, which Debian's Python links, has the
WAL-reset corruption bug, and NORMAL loses acknowledged rows in a power cut (facts measured for this
project, docs/decisions.md).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from kb.errors import AwayError, StoreError
from kb.failpoints import reached
from kb.tables import MIGRATIONS, schema

Connection = sa.Connection  # what a door hands from a transaction to a room

BUSY_SECONDS = 10.0
MOMENT = 0.05  # seconds that a database is waited for which refused the last time it was asked
OUR_FAULT = IntegrityError, DataError, ProgrammingError  # the same again would be refused again
SQLITE = "PRAGMA journal_mode=DELETE", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"


def exists(url: str) -> bool:
    """Whether a database is there, without making one; for a server, whether an address is given."""
    try:
        address = sa.make_url(url)
    except ArgumentError:
        return False
    return address.get_backend_name() != "sqlite" or Path(address.database or "").is_file()


class Database:
    """One open database, at the version of this program. Safe to use from any thread."""

    def __init__(self, url: str) -> None:
        """Open `url`, make it where it is not there, bring it up to date.

        Raises StoreError where it cannot be opened or is newer than this program.
        """
        try:
            address = sa.make_url(url)
            self._sqlite = address.get_backend_name() == "sqlite"
            if self._sqlite and address.database and address.database != ":memory:":
                Path(address.database).parent.mkdir(parents=True, exist_ok=True)
            options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if self._sqlite else {}
            self._engine = sa.create_engine(address, **options)
        except (ArgumentError, ImportError, OSError) as error:
            raise StoreError("store_unusable", problem=str(error)) from error
        self._writing = threading.RLock()
        self._away = False  # it refused the last time it was asked
        if self._sqlite:
            sa.event.listen(self._engine, "connect", _prepare)
            sa.event.listen(self._engine, "begin", _begin)
        self._migrate()

    def _migrate(self) -> None:
        with self.write() as connection:
            found = 0
            if sa.inspect(connection).has_table(schema.name):
                found = connection.scalar(sa.select(schema.c.version)) or 0
            if found > len(MIGRATIONS):
                raise StoreError("store_newer", found=found, known=len(MIGRATIONS))
            for migrate in MIGRATIONS[found:]:
                migrate(connection)
                reached("migrate.step")
            if found != len(MIGRATIONS):
                connection.execute(sa.delete(schema))
                connection.execute(sa.insert(schema).values(version=len(MIGRATIONS)))
                reached("migrate.numbered")

    @contextmanager
    def write(self, patience: float | None = None) -> Iterator[sa.Connection]:
        """One transaction that may write: committed at the end, undone by any exception.

        patience: seconds to wait for others, `BUSY_SECONDS` where it is not given
        Raises AwayError where the database refuses for now (locked, full, gone), StoreError where it refuses what is
        written: nothing was kept.
        """
        wait = self._wait(patience)
        if not self._writing.acquire(timeout=wait):
            raise AwayError("store_unusable", problem="another is writing")
        try:
            with self._connected(wait, firstcall_writes=True) as connection:
                with connection.begin():
                    reached("write.begun")
                    yield connection
                    reached("write.done")
                reached("write.committed")
        finally:
            self._writing.release()

    @contextmanager
    def read(self, patience: float | None = None) -> Iterator[sa.Connection]:
        """One transaction that only reads. Raises as `write` does."""
        with self._connected(self._wait(patience)) as connection, connection.begin():
            yield connection

    def _wait(self, patience: float | None) -> float:
        """Seconds. Where it refused the last asker nobody else waits long: two hundred agents would wait in turn."""
        return MOMENT if self._away else BUSY_SECONDS if patience is None else patience

    @contextmanager
    def _connected(self, wait: float, **options: bool) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection.execution_options(firstcall_wait=wait, **options)
            self._away = False
        except OUR_FAULT as error:
            raise StoreError("store_unusable", problem=str(error.orig)) from error
        except (DBAPIError, NoConnectionError) as error:
            self._away = True
            raise AwayError("store_unusable", problem=str(getattr(error, "orig", error))) from error

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _prepare(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver's guess


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    wait = options.get("firstcall_wait", BUSY_SECONDS)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={int(1000 * wait)}")
    if not connection.info.get("firstcall_ready"):  # once a connection, here because it may have to wait, too
        for pragma in SQLITE:
            connection.exec_driver_sql(pragma)
        connection.info["firstcall_ready"] = True
    writes = options.get("firstcall_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")  # deferred writers fail each other
