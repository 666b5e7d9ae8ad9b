"""A base moved from one database to another, SQLite or a PostgreSQL server, either way.

Rows go through the tables' own types, a page at a time, each page a commit of the new database: what was stopped is
taken up where it stopped. Meanwhile nobody writes to the old one, and no program opens the new one, whose schema bears
a negative number, until all tables of both have been compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.db import Database
from kb.db.numbering import number_from, numbers
from kb.errors import StoreError
from kb.failpoints import reached
from kb.people import audit
from kb.people.users import Action, User, require
from kb.tables import MIGRATIONS, schema

PAGE = 1_000  # rows in one commit
TABLES = tuple(table for table in tables.metadata.sorted_tables if table is not schema)  # after those they refer to

Row = tuple[Any, ...]
Step = Callable[[str, int], object]  # told a table's name, and how many of its rows are there by now


def _nothing(_: str, __: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Moved:
    """rows: of the base; copied: by this run, fewer where it took up one that was stopped; sha256: of each table."""

    rows: int
    copied: int
    sha256: dict[str, str]


def move(source: Database, target: Database, by: User, at: datetime, step: Step = _nothing) -> Moved:
    """Make `target`, opened with `moving`, the same base as `source`, row by row, and compare them.

    Whoever writes to `source` meanwhile waits. Raises NotAllowedError, StoreError where `target` has rows of its own or
    is not the same at the end, AwayError where one of both goes away: the same move again goes on from there.
    """
    require(by, Action.BACK_UP)
    with source.write() as there:
        _claim(target)
        copied = sum(_copied(there, target, table, step) for table in TABLES)
        for table in reversed(TABLES):
            _without_others(there, target, table)
        with target.write() as here:
            for name, number in numbers(there).items():
                number_from(here, name, number)
            found = {table.name: _digest(there, table) for table in TABLES}
            for table in TABLES:
                if _digest(here, table) != found[table.name]:
                    raise StoreError("move_differs", table=table.name)
            here.execute(sa.update(schema).values(version=len(MIGRATIONS)))
            rows = sum(count for count, _ in found.values())
            audit.append(here, by.id, "move", at, source.url.get_backend_name(), rows=rows)
        return Moved(rows, copied, {name: sha256 for name, (_, sha256) in found.items()})


def _claim(target: Database) -> None:
    """Nobody else opens it from now on. Raises StoreError where it is somebody's base."""
    with target.write() as here:
        if (here.scalar(sa.select(schema.c.version)) or 0) > 0:
            if any(here.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() for table in TABLES):
                raise StoreError("move_target_taken")
            here.execute(sa.update(schema).values(version=-len(MIGRATIONS)))


def _copied(there: sa.Connection, target: Database, table: sa.Table, step: Step) -> int:
    """Put what is missing and what differs into the new database; how many rows."""
    keys, copied, done = _keys(table), 0, 0
    for page in _pages(there, table):
        first, last = (_key(table, row) for row in (page[0], page[-1]))
        span = sa.and_(sa.tuple_(*keys) >= _tuple(keys, first), sa.tuple_(*keys) <= _tuple(keys, last))
        with target.write() as here:
            known = {_key(table, row): _plain(row) for row in here.execute(sa.select(table).where(span))}
            for row in page:
                was = known.get(_key(table, row))
                if was is not None and was != _plain(row):
                    here.execute(sa.update(table).where(_is(keys, _key(table, row))).values(_named(table, row)))
            new = [_named(table, row) for row in page if _key(table, row) not in known]
            if new:
                here.execute(sa.insert(table), new)
            copied += sum(known.get(_key(table, row)) != _plain(row) for row in page)
        reached("move.page")
        done += len(page)
        step(table.name, done)
    return copied


def _without_others(there: sa.Connection, target: Database, table: sa.Table) -> None:
    """Take out what a move that was stopped has put in and the old base no longer has."""
    keys = _keys(table)
    with target.write() as here:
        counts = (one.scalar(sa.select(sa.func.count()).select_from(table)) for one in (there, here))
        if len(set(counts)) == 1:
            return
        of_old = {tuple(row) for row in there.execute(sa.select(*keys))}
        for row in here.execute(sa.select(*keys)).all():
            if tuple(row) not in of_old:
                here.execute(sa.delete(table).where(_is(keys, tuple(row))))


# --- rows ----------------------------------------------------------------------------------------


def _pages(connection: sa.Connection, table: sa.Table) -> Iterator[Sequence[Row]]:
    """All rows in the order of their keys, read a page at a time."""
    found = connection.execute(sa.select(table).order_by(*_keys(table)).execution_options(yield_per=PAGE))
    try:
        for page in found.partitions(PAGE):
            yield [tuple(row) for row in page]
    finally:
        found.close()


def _digest(connection: sa.Connection, table: sa.Table) -> tuple[int, str]:
    """How many rows, and the sha256 of all of them in the order of their keys."""
    count, sha256 = 0, hashlib.sha256()
    for page in _pages(connection, table):
        count += len(page)
        for row in page:
            sha256.update(repr(_plain(row)).encode("utf-8", "surrogatepass"))
    return count, sha256.hexdigest()


def _keys(table: sa.Table) -> list[sa.Column[Any]]:
    return list(table.primary_key.columns)


def _key(table: sa.Table, row: Sequence[Any]) -> Row:
    return tuple(value for column, value in zip(table.columns, row, strict=True) if column.primary_key)


def _plain(row: Sequence[Any]) -> Row:
    """A row as both databases have it: PostgreSQL keeps no NUL (`kb.tables.Words`)."""
    return tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row)


def _named(table: sa.Table, row: Sequence[Any]) -> dict[str, Any]:
    return {column.key: value for column, value in zip(table.columns, row, strict=True)}


def _tuple(keys: Sequence[sa.Column[Any]], values: Sequence[Any]) -> sa.Tuple:
    return sa.tuple_(*(sa.literal(value, key.type) for key, value in zip(keys, values, strict=True)))


def _is(keys: Sequence[sa.Column[Any]], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(key == value for key, value in zip(keys, values, strict=True)))
