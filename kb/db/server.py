"""A PostgreSQL server's database: how it is connected to, and who writes.

The rooms were written for one writer at a time: they read, decide and write in one transaction, and the studio writes
files in it, too. So whoever writes takes his turn first, an advisory lock that ends with the transaction, on every app
server alike; the server keeps the queue in order. After the turn each statement sees all that was committed before
(READ COMMITTED). Who only reads sees one moment (REPEATABLE READ, READ ONLY) and waits for nobody.

An address may name several servers, a primary and its standbys: all goes to the primary, whichever it is by now.
"""

from __future__ import annotations

import shlex
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from kb.errors import StoreError
from kb.tables import schema

CONNECT_SECONDS = 5
ONE_OF_SEVERAL_SECONDS = 2  # that one server is waited for where there is another to ask (libpq's least)
STATEMENT_SECONDS = 30  # one statement: beyond it something is wrong, and a person has long gone on
IDLE_SECONDS = 60  # a transaction that does nothing so long is ended: it may be its turn that the others wait for
RECYCLE_SECONDS = 1800  # how long a connection is used: address and rights may have changed since
POOL, OVERFLOW = 5, 10  # connections of one process: kept, and more while they are needed
WORK = 0x46435457  # the first half of the keys of `alone`; the second is the work's
TURN = 0x6669727374  # the key of the writers' lock; one a database
READS = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
ENCODING = "UTF8"
DURABLE = "fsync", "full_page_writes", "synchronous_commit"  # off = a power cut may take what was acknowledged


def engine(address: sa.URL, wait: float) -> sa.Engine:
    """Connections to a server's database, none opened yet. wait: seconds for a lock or a free connection."""
    limits = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": wait,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    arguments: dict[str, Any] = {
        "application_name": "firstcall",
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": 1000 * IDLE_SECONDS,  # whoever pulled the plug does not say goodbye
        "keepalives_idle": IDLE_SECONDS,
        "options": " ".join(f"-c {name}={int(1000 * seconds)}" for name, seconds in limits.items()),
    }
    arguments |= to_primary(address)
    return sa.create_engine(
        with_driver(address),
        connect_args={name: value for name, value in arguments.items() if name not in address.query},
        pool_size=POOL,
        max_overflow=OVERFLOW,
        pool_timeout=wait,
        pool_recycle=RECYCLE_SECONDS,
        pool_pre_ping=True,  # the server may have been started anew since
    )


def with_driver(address: sa.URL) -> sa.URL:
    """The address with the driver of this house, where it names none."""
    return address.set(drivername="postgresql+psycopg") if address.drivername == "postgresql" else address


def to_primary(address: sa.URL) -> dict[str, str | int]:
    """What makes a connection go to the primary where the address names several servers, {} where it names one."""
    several = len(_hosts(address)) > 1
    return {"target_session_attrs": "primary", "connect_timeout": ONE_OF_SEVERAL_SECONDS} if several else {}


def _hosts(address: sa.URL) -> list[str]:
    """Each server, `host` or `host:port`: from before the question mark, or from behind it."""
    behind = address.query.get("host", ())
    named = [one for part in ((behind,) if isinstance(behind, str) else behind) for one in part.split(",")]
    return named or [f"{address.host or ''}:{address.port}" if address.port else address.host or ""]


def alone(connection: sa.Connection, work: str) -> bool:
    """Whether no other app server does this work. It stays so until `no_longer_alone`, or the connection's end."""
    return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(*_key(work)))))


def no_longer_alone(connection: sa.Connection, work: str) -> None:
    """Another one may."""
    connection.execute(sa.select(sa.func.pg_advisory_unlock(*_key(work))))


def _key(work: str) -> tuple[int, int]:
    return WORK, zlib.crc32(work.encode()) & 0x7FFFFFFF


def begin(connection: sa.Connection) -> None:
    """The turn of a transaction that writes, within its `firstcall_wait` seconds; listens to the engine's `begin`."""
    options = connection.get_execution_options()
    if options.get("firstcall_writes"):
        wait = int(1000 * options["firstcall_wait"])
        most = max(1000 * STATEMENT_SECONDS, 2 * wait)
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = {wait}; SET LOCAL statement_timeout = {most}; "
            f"SELECT pg_advisory_xact_lock({TURN})"
        )


def check(connection: sa.Connection) -> None:
    """Raises StoreError for a database that cannot hold every language."""
    found = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if found != ENCODING:
        raise StoreError("store_encoding", found=found)


def version(connection: sa.Connection) -> int:
    """The number of the schema, 0 where there is none."""
    there = sa.inspect(connection).has_table(schema.name)
    return int(connection.scalar(sa.select(schema.c.version)) or 0) if there else 0


@dataclass(frozen=True)
class Looked:
    """What a server says of itself. version: its own; schema: the number of ours; off: which of `DURABLE` are."""

    version: str
    schema: int
    off: tuple[str, ...]


def look(url: str) -> Looked:
    """What a server says of itself; changes nothing. Raises StoreError where it does not answer."""
    connections = engine(sa.make_url(url), CONNECT_SECONDS)
    try:
        with connections.connect() as connection:
            check(connection)
            said = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in DURABLE}
            number = str(connection.exec_driver_sql("SHOW server_version").scalar()).split()[0]
            return Looked(number, version(connection), tuple(name for name in DURABLE if said[name] == "off"))
    except DBAPIError as error:
        raise StoreError("store_unusable", problem=" ".join(str(error.orig).split())) from error
    finally:
        connections.dispose()


def dump_command(url: sa.URL) -> str:
    """How a server's database is backed up with its own tool. Without the password, which its user knows."""
    user = f"{quote(url.username, safe='')}@" if url.username else ""
    hosts = [quote(one, safe=":[]") for one in _hosts(url)]
    only = "?target_session_attrs=primary" if len(hosts) > 1 else ""
    named = f"postgresql://{user}{','.join(hosts)}/{quote(url.database or '', safe='')}{only}"
    return f"pg_dump --format=custom --file=firstcall.dump {shlex.quote(named)}"
