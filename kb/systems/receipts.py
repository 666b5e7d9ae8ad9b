"""What a program was answered under its own key of a request: asked again the same, it gets the same, once done.

Kept in the transaction of what was done, so that there is never the one without the other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kb.errors import RequestError
from kb.people.users import User
from kb.tables import receipt as table

KEPT = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


@dataclass(frozen=True)
class Receipt:
    """An answer that was given: its HTTP status and JSON object."""

    status: int
    answer: Mapping[str, Any]


def checked_key(key: str) -> str:
    """A program's key of a request, '' for none. Raises RequestError for what is no such key."""
    if key and not _KEY.match(key):
        raise RequestError("idempotency_malformed")
    return key


def find(connection: sa.Connection, by: User, key: str, asked: bytes, at: datetime) -> Receipt | None:
    """What `by` was answered under this key within `KEPT`; None for nothing.

    asked: all that was asked, byte for byte. Raises RequestError where it was something else.
    """
    found = table.c.id == _id(by, key)
    row = connection.execute(sa.select(table).where(found, table.c.at > at - KEPT)).one_or_none()
    if row is None:
        return None
    if row.asked != hashlib.sha256(asked).hexdigest():
        raise RequestError("idempotency_reused")
    return Receipt(row.status, json.loads(row.answer))


def keep(connection: sa.Connection, by: User, key: str, asked: bytes, given: Receipt, at: datetime) -> None:
    """Keep what was answered, and forget what is older than `KEPT`."""
    id = _id(by, key)
    connection.execute(sa.delete(table).where((table.c.at <= at - KEPT) | (table.c.id == id)))
    facts = {"asked": hashlib.sha256(asked).hexdigest(), "answer": json.dumps(given.answer, ensure_ascii=False)}
    connection.execute(sa.insert(table).values(id=id, status=given.status, at=at, **facts))


def _id(by: User, key: str) -> str:
    return hashlib.sha256(f"{by.id}\n{key}".encode()).hexdigest()
