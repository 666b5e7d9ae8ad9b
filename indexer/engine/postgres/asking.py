"""Who carries a question to PostgreSQL: the connections of a process, or the one in which something is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from kb.db import server
from kb.errors import AwayError

POOL, OVERFLOW = 4, 12  # connections of one process, each for as long as a statement takes
AGAIN_SECONDS = 1.0  # until a primary that did not answer is tried again
WAIT_SECONDS = 10.0  # for one of them, and for a connection to be made
STATEMENT_SECONDS = 30  # a search takes thousandths of one
RECYCLE_SECONDS = 1800
EF_SEARCH = 200  # candidates of an approximate search before it looks further: facts-scale.md has recall by it
MOST_SCANNED = 50_000  # chunks it looks at before it gives up filling a narrow scope

# An approximate search goes through its index, which the planner would not think worth while for a few thousand rows.
BY_INDEX = {"enable_seqscan": "off", "enable_sort": "off"}
ITERATIVE = {
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": str(EF_SEARCH),
    "hnsw.max_scan_tuples": str(MOST_SCANNED),
}
STANDBY = "firstcall_standby"
ALWAYS = {"jit": "off", "plan_cache_mode": "force_custom_plan"}  # plans depend on how much a scope lets through


class Asker(Protocol):
    """Carries a statement to the server. `near`: one that is to go through the approximate index."""

    def rows(self, statement: sa.Executable, near: bool = False) -> Sequence[sa.Row[Any]]:
        """What it answers. Raises AwayError where the server does not."""
        ...


class Pool:
    """The connections of a process. Safe to use from any thread."""

    def __init__(self, url: str) -> None:
        """None is opened yet."""
        self._exact = connections(url, reads=True)
        self._near = connections(url, reads=True, options={**ITERATIVE, **BY_INDEX})
        for one in (self._exact, self._near):
            sa.event.listen(one, "connect", _packed)

    def rows(self, statement: sa.Executable, near: bool = False) -> Sequence[sa.Row[Any]]:
        """What a statement answers. Raises AwayError where the server does not.

        A connection that broke while it was kept is met here, not looked for before each statement: that would be a
        second way there and back. It only reads, so it is asked again, of a new one: the others go with the broken one.
        """
        engine = self._near if near else self._exact
        with answering():
            try:
                return _asked(engine, statement)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return _asked(engine, statement)

    def close(self) -> None:
        """Close every connection."""
        self._exact.dispose()
        self._near.dispose()


def _asked(engine: sa.Engine, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
    with engine.connect() as connection:
        return connection.execute(statement).all()


class Inside:
    """One connection, whose transaction sees what is not published yet. One question at a time."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self._one = threading.RLock()

    def rows(self, statement: sa.Executable, near: bool = False) -> Sequence[sa.Row[Any]]:
        """What a statement answers. Raises AwayError where the server does not."""
        with self._one, answering():
            if not near:
                return self.connection.execute(statement).all()
            self._set({**ITERATIVE, **BY_INDEX})
            found = self.connection.execute(statement).all()
            self._set(dict.fromkeys(BY_INDEX, "DEFAULT"))
            return found

    def _set(self, options: Mapping[str, str]) -> None:
        self.connection.exec_driver_sql("; ".join(f"SET LOCAL {one} TO {to}" for one, to in options.items()))


def connections(
    url: str,
    *,
    autocommit: bool = True,
    seconds: int = STATEMENT_SECONDS,
    name: str = "firstcall index",
    alone: bool = False,
    reads: bool = False,
    options: Mapping[str, str] = MappingProxyType({}),
) -> sa.Engine:
    """Connections to the index. seconds: a statement may take, 0 = as long as it likes; name: as the server lists
    them; alone: each is opened for its user and closed after; reads: where the address names several servers and the
    primary does not answer, a standby may; options: of the server."""
    address = sa.make_url(url)
    every = {**ALWAYS, **options, "statement_timeout": str(1000 * seconds)}
    arguments = {
        "application_name": name[:63],
        "connect_timeout": int(WAIT_SECONDS),
        "options": " ".join(f"-c {name}={value}" for name, value in every.items()),
        **server.to_primary(address),
    }
    pooled = {"pool_size": POOL, "max_overflow": OVERFLOW, "pool_timeout": WAIT_SECONDS}
    more: dict[str, Any] = {"poolclass": NullPool} if alone else {**pooled, "pool_recycle": RECYCLE_SECONDS}
    more |= {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True} if autocommit else {}
    made = sa.create_engine(server.with_driver(address), connect_args=arguments, **more)
    if reads and server.to_primary(address):
        reading = _Reading()
        sa.event.listen(made, "do_connect", reading.connect)
        sa.event.listen(made, "checkin", reading.used)
    return made


def _packed(connection: Any, _: ConnectionPoolEntry) -> None:
    """For the pool's `connect`: rows come in the server's binary form. Bytes are half as long so, and nothing is to be
    parsed."""
    kind = connection.cursor_factory

    def cursor(*args: Any, **given: Any) -> Any:
        made = kind(*args, **given)
        made.format = 1  # psycopg.pq.Format.BINARY
        return made

    connection.cursor_factory = cursor


class _Reading:
    """Connections to the primary or, where none answers, to a standby: that has what was published, and nothing new is
    meanwhile. It is not kept, for it may be behind the primary: whoever reads goes there as soon as there is one."""

    def __init__(self) -> None:
        self._not_before = 0.0  # by the monotonic clock: when the primary is tried again

    def connect(self, dialect: sa.Dialect, record: ConnectionPoolEntry, args: Any, given: dict[str, Any]) -> Any:
        """For the pool's `do_connect`."""
        if time.monotonic() >= self._not_before:
            try:
                return dialect.connect(*args, **given)
            except dialect.loaded_dbapi.OperationalError:
                self._not_before = time.monotonic() + AGAIN_SECONDS
        backwards: dict[str, str] = {
            name: ",".join(str(given[name]).split(",")[::-1]) for name in ("host", "port") if name in given
        }
        found = dialect.connect(*args, **{**given, **backwards, "target_session_attrs": "any"})
        record.info[STANDBY] = True
        return found

    def used(self, _: Any, record: ConnectionPoolEntry) -> None:
        """For the pool's `checkin`."""
        if record.info.pop(STANDBY, False):
            record.invalidate()


@contextmanager
def answering() -> Iterator[None]:
    """A server that does not answer is an AwayError, which every door knows."""
    try:
        yield
    except (DBAPIError, NoConnectionError) as error:
        raise AwayError("store_unusable", problem=str(getattr(error, "orig", error))) from error
