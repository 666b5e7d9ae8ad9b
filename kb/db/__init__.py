"""The database: open, read, write. One writer at a time, and what belongs together is one commit.

SQLite runs with a rollback journal and synchronous FULL: 3.40.1, which Debian's Python links, has the
WAL-reset corruption bug, and NORMAL loses acknowledged rows in a power cut (facts measured for this
project, docs/decisions.md). A PostgreSQL server's database keeps the same promises (`kb.db.server`).
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from kb.db import server
from kb.durable import make_folder
from kb.errors import AwayError, StoreError
from kb.failpoints import reached
from kb.seen import metrics
from kb.tables import MIGRATIONS, schema

Connection = sa.Connection  # what a door hands from a transaction to a room
sqlite_version = sqlite3.sqlite_version

BUSY_SECONDS = 10.0
MOMENT = 0.05  # seconds that a database is waited for which refused the last time it was asked
TURN = 0.001, 0.004  # seconds between two tries to begin to write
AGAIN = 1.0  # seconds until a server that could not be reached is tried again
MIGRATING = 300.0  # seconds that another app server may take to bring a server's database up to date
OUR_FAULT = IntegrityError, DataError, ProgrammingError  # the same again would be refused again
OPENED_ANEW = sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR  # once the file may be better
SQLITE = "PRAGMA journal_mode=TRUNCATE", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"


def file_of(url: str) -> Path | None:
    """The file of an SQLite database, None for a server's or one in memory."""
    try:
        address = sa.make_url(url)
    except ArgumentError:
        return None
    named = address.database if address.get_backend_name() == "sqlite" else None
    return Path(named) if named and named != ":memory:" else None


def exists(url: str) -> bool:
    """Whether a database is there, without making one; for a server, whether an address is given."""
    try:
        address = sa.make_url(url)
    except ArgumentError:
        return False
    return address.get_backend_name() != "sqlite" or Path(address.database or "").is_file()


_here = threading.local()  # `depth`: of the transactions this thread is in


def is_held() -> bool:
    """Whether this thread holds a connection: then it must wait for nobody who may wait for one."""
    return bool(getattr(_here, "depth", 0))


class Database:
    """One open database, at the version of this program. Safe to use from any thread."""

    def __init__(self, url: str, patience: float | None = None, *, moving: bool = False) -> None:
        """Open `url`, make it where it is not there, bring it up to date.

        patience: seconds to wait for others meanwhile, `BUSY_SECONDS` where it is not given
        moving: also one that a base is being moved into (`kb.care.move`), which nobody else may open
        Raises AwayError where it cannot be opened for now, StoreError where never, or by a newer program only.
        """
        try:
            address = sa.make_url(url)
            self.url = address
            self._sqlite = address.get_backend_name() == "sqlite"
            if self._sqlite and address.database and address.database != ":memory:":
                make_folder(Path(address.database).parent)
            self._engine = _engine(address)
        except OSError as error:
            raise AwayError("store_unusable", problem=error.strerror or "?") from error
        except (ArgumentError, ImportError) as error:
            raise StoreError("store_unusable", problem=str(error)) from error
        self._writing = threading.RLock()
        self._moving = moving
        self._away = False  # it refused the last time it was asked
        self._lost = ""  # why a server could not be reached the last time
        self._next_try = 0.0
        try:
            self._migrate(patience)
        except BaseException:
            self._engine.dispose()  # a connection that is left open would keep the next attempt from it
            raise

    def _migrate(self, patience: float | None) -> None:
        """What is up to date is only read: it opens while another writes, and where nothing can be written."""
        with self.read(patience) as connection:
            if not self._sqlite:
                server.check(connection)
            if _version(connection, self._moving) == len(MIGRATIONS):
                return
        with self.write(patience if self._sqlite else MIGRATING) as connection:
            found = _version(connection, self._moving)
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
            metrics.database_answered("away")
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
        options = {} if self._sqlite else server.READS
        with self._connected(self._wait(patience), **options) as connection, connection.begin():
            yield connection

    def _wait(self, patience: float | None) -> float:
        """Seconds. Where it refused the last asker nobody else waits long: two hundred agents would wait in turn."""
        return MOMENT if self._away else BUSY_SECONDS if patience is None else patience

    @contextmanager
    def _connected(self, wait: float, **options: Any) -> Iterator[sa.Connection]:
        try:
            with self._reached() as connection:
                _here.depth = before = getattr(_here, "depth", 0) + 1
                try:
                    yield connection.execution_options(firstcall_wait=wait, **options)
                finally:
                    _here.depth = before - 1
            self._away = False
            metrics.database_answered()
        except OUR_FAULT as error:
            metrics.database_answered("refused")
            raise StoreError("store_unusable", problem=_told(error)) from error
        except (DBAPIError, NoConnectionError, sqlite3.OperationalError) as error:
            self._away = True
            metrics.database_answered("away")
            if self._sqlite and _code(error) in OPENED_ANEW:
                self._engine.dispose()  # a file that was read-only when it was opened stays so for this connection
            raise AwayError("store_unusable", problem=_told(error)) from error

    def _reached(self) -> sa.Connection:
        """A connection. Where a server could not be reached, one asker at a time finds out whether it can be again:
        each may wait for seconds, and all others would wait with it."""
        now = time.monotonic()
        if self._lost and now < self._next_try:
            raise AwayError("store_unusable", problem=self._lost)
        self._next_try = now + server.CONNECT_SECONDS + AGAIN
        try:
            connection = self._engine.connect()
        except DBAPIError as error:
            if not self._sqlite:
                self._lost, self._next_try = _told(error), time.monotonic() + AGAIN
            raise
        self._lost = ""
        return connection

    @contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """Whether, within the block, no other app server on this database does this work. A file has one program, which
        does each of its works once. Raises as `read` does."""
        if self._sqlite:
            yield True
            return
        with self._connected(BUSY_SECONDS, isolation_level="AUTOCOMMIT") as connection:
            mine = server.alone(connection, work)
            try:
                yield mine
            finally:
                if mine:
                    with suppress(DBAPIError):  # its end ended that, too
                        server.no_longer_alone(connection, work)

    def copy(self, target: Path) -> None:
        """The whole database, as it is at one moment, in a new file, while others read.

        To be called inside a `write` transaction where nothing may be written meanwhile. Raises StoreError for a
        server's database, which has its own tools, and where the copy cannot be written.
        """
        if not self._sqlite:
            raise StoreError("backup_needs_sqlite", command=server.dump_command(self.url))
        connection = self._engine.raw_connection()
        try:
            with closing(sqlite3.connect(target)) as copied:
                connection.driver_connection.backup(copied)  # type: ignore[union-attr]
        except sqlite3.Error as error:
            raise StoreError("store_unusable", problem=str(error)) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _engine(address: sa.URL) -> sa.Engine:
    kind = address.get_backend_name()
    if kind == "postgresql":
        engine = server.engine(address, BUSY_SECONDS)
        sa.event.listen(engine, "begin", server.begin)
    elif kind == "sqlite":
        engine = sa.create_engine(address, connect_args={"timeout": BUSY_SECONDS})
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
    else:
        raise ArgumentError(f"neither sqlite nor postgresql: {kind}")
    return engine


def _version(connection: sa.Connection, moving: bool) -> int:
    """0 = empty. Raises StoreError for one of a newer program, and for one that only a part of a base was moved to."""
    found = server.version(connection)
    if found < 0 and not moving:
        raise StoreError("store_half_moved")
    found = abs(found)
    if found > len(MIGRATIONS):
        raise StoreError("store_newer", found=found, known=len(MIGRATIONS))
    return found


def _told(error: BaseException) -> str:
    """What the database said, in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def _code(error: Exception) -> int:
    """SQLite's primary code of an error, 0 for one of another kind."""
    return int(getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)) & 0xFF


def _prepare(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver's guess


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    wait = options.get("firstcall_wait", BUSY_SECONDS)
    busy_timeout = f"PRAGMA busy_timeout={int(1000 * wait)}"
    connection.exec_driver_sql(busy_timeout)
    if not connection.info.get("firstcall_ready"):  # once a connection, here because it may have to wait, too
        for pragma in SQLITE:
            connection.exec_driver_sql(pragma)
        connection.info["firstcall_ready"] = True
    if options.get("firstcall_writes"):  # deferred writers fail each other
        _begin_immediate(connection.connection.driver_connection, wait)
        connection.exec_driver_sql(busy_timeout)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_immediate(raw: Any, wait: float) -> None:
    """Begin to write, within so many seconds. SQLite's own waiting lets whoever has waited long try less often than
    those who come: of eight writers some starve for more than ten seconds. Here each tries as often as the others."""
    until = time.monotonic() + wait
    raw.execute("PRAGMA busy_timeout=0")
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
        time.sleep(random.uniform(*TURN))


# --- a database's file ---------------------------------------------------------------------------


def problems(path: Path) -> list[str]:
    """What SQLite itself finds wrong with a file that nobody writes to; [] for a sound one."""
    try:
        with closing(_opened_to_read(path)) as raw:
            found = [str(row[0]) for row in raw.execute("PRAGMA integrity_check")]
            found += [f"{row[0]}: row {row[1]} points nowhere" for row in raw.execute("PRAGMA foreign_key_check")]
    except sqlite3.Error as error:
        return [str(error)]
    return [one for one in found if one != "ok"]


def version(path: Path) -> int:
    """The number of a file's schema, without bringing it up to date. Raises StoreError for what is no base of ours."""
    try:
        with closing(_opened_to_read(path)) as raw:
            return int(raw.execute("SELECT version FROM schema").fetchone()[0])
    except (sqlite3.Error, TypeError) as error:
        raise StoreError("store_unusable", problem=str(error)) from error


def digest(path: Path) -> dict[str, tuple[int, str]]:
    """Table → how many rows, and the sha256 of all of them in the order of their columns. Raises StoreError."""
    try:
        with closing(_opened_to_read(path)) as raw:
            names = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            return {name: _digest(raw, name) for name in sorted(row[0] for row in names)}
    except sqlite3.Error as error:
        raise StoreError("store_unusable", problem=str(error)) from error


def _digest(raw: sqlite3.Connection, table: str) -> tuple[int, str]:
    columns = [f'"{row[1]}"' for row in raw.execute(f'PRAGMA table_info("{table}")')]
    count, sha256 = 0, hashlib.sha256()
    for row in raw.execute(f'SELECT * FROM "{table}" ORDER BY {", ".join(columns)}'):
        count += 1
        sha256.update(repr(row).encode())
    return count, sha256.hexdigest()


def _opened_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
