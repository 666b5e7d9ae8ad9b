"""A base of every earlier schema, as it was stored, comes up to date with every row it had."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from kb import db, tables
from kb.db import Database
from kb.people import audit
from kb.people.users import OPERATOR
from kb.tables import MIGRATIONS
from tests.faults.storing import STORED, rows, sound, store, stored

SCHEMAS = [int(path.stem.removeprefix("schema-")) for path in sorted(STORED.glob("schema-*.sql"))]


def test_every_earlier_schema_is_stored() -> None:
    assert list(range(1, max(SCHEMAS) + 1)) == SCHEMAS
    assert max(SCHEMAS) >= len(MIGRATIONS) - 1, "store the base of the schema before: python -m tests.upgrades.store"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_base_of_an_earlier_schema_comes_up_to_date_with_every_row(tmp_path: Path, schema: int) -> None:
    before, path = tmp_path / "before.sqlite", tmp_path / "firstcall.sqlite"
    stored(schema, before)
    stored(schema, path)
    assert db.version(path) == schema
    had = db.digest(before)
    assert sum(count for count, _ in had.values()) >= 29
    database = Database(f"sqlite:///{path}")
    with database.read() as connection:
        found = sa.inspect(connection)
        for table in tables.metadata.sorted_tables:
            assert {column.name for column in table.columns} <= {one["name"] for one in found.get_columns(table.name)}
            connection.execute(sa.select(table)).all()
        assert audit.verify(connection, OPERATOR).trouble is None
    assert {name: now for name, now in rows(path, before).items() if now != rows(before)[name]} == {}
    store(database, 1)  # and it takes new rows
    database.close()
    assert db.version(path) == len(MIGRATIONS)
    assert sound(path) == []
    now = db.digest(path)
    assert {name: now[name][0] - count for name, (count, _) in had.items() if now[name][0] < count} == {}
