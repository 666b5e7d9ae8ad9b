"""An empty database, copied: making one takes a tenth of a second, and thousands of tests need one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from kb import tables
from kb.db import Database, file_of

NewUrl = Callable[..., str]  # the fixture `new_url`: a name → the address of one more empty database


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "empty.sqlite")
        Database(f"sqlite:///{path}").close()
        return path.read_bytes()


def new_file(path: Path) -> str:
    """The address of an empty SQLite database at the version of this program in a new file."""
    path.write_bytes(_empty())
    return f"sqlite:///{path}"


def new_database(path: Path) -> Database:
    """An empty database at the version of this program in a new file."""
    return Database(new_file(path))


def rows(database: Database) -> list[str]:
    """Every row of every table, sorted."""
    with database.read() as connection:
        found = [
            f"{name}: {tuple(row)!r}"
            for name, table in tables.metadata.tables.items()
            for row in connection.execute(sa.select(table))
        ]
    return sorted(found)


def everything(database: Database) -> bytes:
    """All that is kept: every byte of an SQLite file, also those of rows that are gone; every row of a server's."""
    file = file_of(str(database.url))
    return file.read_bytes() if file else "\n".join(rows(database)).encode()
