"""The numbers that a database gives by itself, so that one base goes on where another stopped."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCLASS

from kb.tables import metadata


def numbers(connection: sa.Connection) -> dict[str, int]:
    """Table → the last number that it gave to a row, also to one that is gone."""
    return {table.name: _last(connection, table, column) for table, column in _numbered()}


def number_from(connection: sa.Connection, name: str, number: int) -> None:
    """Let the next row of a table get a number above this one."""
    table, column = next(pair for pair in _numbered() if pair[0].name == name)
    if connection.dialect.name == "postgresql":
        if number:
            connection.execute(sa.select(sa.func.setval(_sequence(table, column), number)))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        given = {"name": name, "number": number}
        known = sa.text("UPDATE sqlite_sequence SET seq = :number WHERE name = :name")
        if not connection.execute(known, given).rowcount:
            connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), given)


def _numbered() -> Iterator[tuple[sa.Table, sa.Column[int]]]:
    """Every table whose rows are numbered by the database, and the column."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            yield table, column


def _last(connection: sa.Connection, table: sa.Table, column: sa.Column[int]) -> int:
    if connection.dialect.name == "postgresql":
        sequence = sa.cast(_sequence(table, column), REGCLASS)
        return int(connection.scalar(sa.select(sa.func.pg_sequence_last_value(sequence))) or 0)
    if table.dialect_options["sqlite"]["autoincrement"]:
        known = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return int(connection.scalar(known, {"name": table.name}) or 0)
    return int(connection.scalar(sa.select(sa.func.max(column))) or 0)


def _sequence(table: sa.Table, column: sa.Column[int]) -> sa.Function[str]:
    return sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
