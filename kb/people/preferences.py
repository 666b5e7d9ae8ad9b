"""What a person chose for themselves, kept with the person and not with the seat: keys, what they saw last."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.errors import RequestError
from kb.people.users import User

NAMES = ("keys", "shift_seen_at")
MAX_VALUE = 8_000  # characters as JSON


def get(connection: sa.Connection, by: User, name: str) -> Any:
    """One's own choice, None where there is none."""
    one = tables.preference.c
    return connection.scalar(sa.select(one.value).where(one.user == by.id, one.name == name))


def put(connection: sa.Connection, by: User, name: str, value: Any) -> None:
    """Keep one's own choice. Raises RequestError for a name that is none and for a value that is too long."""
    if name not in NAMES or len(json.dumps(value)) > MAX_VALUE:
        raise RequestError("preference_unknown", name=name[:40])
    one = tables.preference.c
    connection.execute(sa.delete(tables.preference).where(one.user == by.id, one.name == name))
    connection.execute(sa.insert(tables.preference).values(user=by.id, name=name, value=value))
