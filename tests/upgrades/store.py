"""Write a base of the schema of whatever `kb` is imported, with rows in every table, as SQL on standard output.

Once for each schema, before it changes: `python -m tests.upgrades.store > tests/upgrades/schema-12.sql`. Those
here were made by the commits that had them (`PYTHONPATH=that/tree python tests/upgrades/store.py`).
"""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.db import Database

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROWS = 2
SEALED = ("audit", "audit_head")  # written by their own room: a chain of seals is not made up


def value(table: sa.Table, column: sa.Column[Any], number: int) -> object:
    """Something that this column takes, another for every row where it is a key."""
    if column.foreign_keys:
        (key,) = column.foreign_keys
        return value(key.column.table, key.column, number)
    if isinstance(column.type, tables.Moment):
        return AT
    if isinstance(column.type, sa.JSON):
        return {"说": ["话", number]}
    if isinstance(column.type, sa.Boolean):
        return number % 2 == 0
    if isinstance(column.type, sa.Integer | sa.Float):
        return number
    return f"{number} 第 {table.name}.{column.name}"[: column.type.length or 40]  # type: ignore[attr-defined]


def fill(database: Database) -> None:
    """`ROWS` rows in every table."""
    with database.write() as connection:
        for table in tables.metadata.sorted_tables:
            if table.name != "schema" and table.name not in SEALED:
                rows = [{c.name: value(table, c, n) for c in table.columns} for n in range(1, ROWS + 1)]
                connection.execute(sa.insert(table), rows)
        if "audit" in tables.metadata.tables:
            from kb.people import audit

            for number in range(ROWS):
                audit.append(connection, "may", "edit", AT, f"article-{number}", 说="话")


def main() -> None:
    """Print it."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "base.sqlite"
        database = Database(f"sqlite:///{path}")
        fill(database)
        database.close()
        print("\n".join(sqlite3.connect(path).iterdump()))


if __name__ == "__main__":
    main()
