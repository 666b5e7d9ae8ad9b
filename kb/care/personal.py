"""Everything that is kept about one agent: to be handed out, and to be erased.

`WHERE` names each column that holds a person's sign-in name; a new table with one that is not here is a red test.
Erased means: rows that are about the person go, in rows about calls and articles nobody stands in their place. The
audit log keeps the name they signed in with, for whoever has to answer for what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.errors import NotFoundError
from kb.people import audit, users
from kb.people.users import Action, User, require

NOBODY = ""
# Table → its columns that hold a sign-in name.
WHERE: Mapping[str, tuple[str, ...]] = {
    "call": ("agent",),
    "event": ("agent",),
    "asked": ("agent",),
    "miss": ("agent",),
    "promise": ("agent",),
    "flag": ("agent",),
    "flag_answer": ("by",),
    "gap": ("owner",),
    "gap_report": ("agent",),
    "gap_apart": ("by",),
    "gap_move": ("by", "owner"),
    "round_table": ("by",),
    "bulletin": ("by",),
    "revision": ("by",),
    "learnt": ("by",),
    "api_key": ("by",),
    "audit": ("by",),
    "bulletin_seen": ("user",),
    "practice": ("user",),
    "session": ("user",),
    "device": ("user",),
    "preference": ("user",),
    "identity": ("user",),
    "draft": ("by",),
    "user": ("id",),
}
ABOUT_THEM = ("bulletin_seen", "practice", "session", "device", "preference", "identity", "draft", "user")
NOT_ERASED = ("audit",)
NOT_TOLD = {"user": ("password",), "session": ("key",), "device": ("key",)}  # secrets, even their own


def export(connection: sa.Connection, by: User, id: str, at: datetime) -> dict[str, list[dict[str, Any]]]:
    """Every row that names this person, by table, ready for JSON. Raises NotFoundError for nobody."""
    require(by, Action.EXPORT_PERSON, owner=id)
    _sure(connection, id)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in WHERE:
        table = tables.metadata.tables[name]
        rows = connection.execute(sa.select(table).where(_names(table, id))).mappings()
        told = [{key: _json(value) for key, value in row.items() if key not in NOT_TOLD.get(name, ())} for row in rows]
        if told:
            found[name] = told
    audit.append(connection, by.id, "export", at, id, rows=sum(map(len, found.values())))
    return found


def erase(connection: sa.Connection, by: User, id: str, at: datetime) -> int:
    """Take a person out of every row but those of the audit log; how many rows changed. Raises NotFoundError.

    Their promises and gaps have to be handed on before (`kb.care.leaving`): here they would be nobody's.
    """
    require(by, Action.ERASE_PERSON)
    _sure(connection, id)
    changed = 0
    for name, columns in WHERE.items():
        table = tables.metadata.tables[name]
        if name in NOT_ERASED:
            continue
        if name in ABOUT_THEM:
            changed += connection.execute(sa.delete(table).where(_names(table, id))).rowcount
            continue
        for column in columns:
            mine = sa.update(table).where(table.c[column] == id)
            changed += connection.execute(mine.values({column: NOBODY})).rowcount
    changed += _from_whom(connection, id)
    audit.append(connection, by.id, "erase", at, id, rows=changed)
    return changed


def _sure(connection: sa.Connection, id: str) -> None:
    if users.get(connection, id) is None:
        raise NotFoundError("user_missing", id=id[:64])


def _names(table: sa.Table, id: str) -> sa.ColumnElement[bool]:
    return sa.or_(*(table.c[column] == id for column in WHERE[table.name]))


def _from_whom(connection: sa.Connection, id: str) -> int:
    """Who held a call before it was taken over stands in the event that says so."""
    event, changed = tables.event, 0
    for row in connection.execute(sa.select(event.c.id, event.c.detail).where(event.c.kind == "taken")).all():
        if row.detail.get("from") == id:
            values = {"detail": {**row.detail, "from": NOBODY}}
            connection.execute(sa.update(event).where(event.c.id == row.id).values(**values))
            changed += 1
    return changed


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def is_gone(connection: sa.Connection, id: str) -> bool:
    """Whether nothing but the audit log names this person."""
    return not any(
        connection.scalar(sa.select(sa.exists().where(_names(tables.metadata.tables[name], id))))
        for name in WHERE
        if name not in NOT_ERASED
    )
