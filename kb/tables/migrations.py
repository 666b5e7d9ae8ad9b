"""Every migration, in order: how a database of any version becomes one of today."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from kb.tables.columns import metadata
from kb.tables.content import draft, revision
from kb.tables.people import audit, audit_head


def grow(connection: sa.Connection) -> None:
    """Add the tables, columns and indexes of `metadata` that a database does not have yet; take nothing away.

    A column added to a table that was released needs a `server_default`, or may be NULL.
    """
    metadata.create_all(connection)
    found, quoted = sa.inspect(connection), connection.dialect.identifier_preparer
    for table in metadata.sorted_tables:
        there = {column["name"] for column in found.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                spec = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {quoted.format_table(table)} ADD COLUMN {spec}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)


# Number i (from 1) takes a database from version i - 1 to i. Released ones never change.
MIGRATIONS: Sequence[Callable[[sa.Connection], None]] = (
    lambda connection: metadata.create_all(connection),
    lambda connection: metadata.create_all(connection, [revision, draft]),
    lambda connection: metadata.create_all(connection, tables=[audit, audit_head]),
    grow,  # gaps are noticed, joined, moved and told of
    grow,  # tries are counted by place, browsers are known
    grow,  # keys of programs
    grow,  # what is left of old calls, people of another house
    grow,  # every search with what came of it
    grow,  # what editors decided of learnt questions
    grow,  # flags are answered
    grow,  # gaps are replayed, and talked about at a round table
    grow,  # what would answer it, on the agenda
    grow,  # what happened, for other systems; what programs were answered
    grow,  # which calls something happened on lately
    grow,  # how often several app servers let somebody ask
)
