"""A call-back promised is a call-back kept: what was promised to whom on which call, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kb import tables, text
from kb.calls.journal import checked_id
from kb.errors import NotFoundError, RequestError
from kb.masking import mask
from kb.people.users import Action, User, require

MAX_WHAT = 500


@dataclass(frozen=True)
class Promise:
    """What an agent promised on a call. `gap` is the gap whose answer is promised, '' for none."""

    id: str
    call: str
    agent: str
    made_at: datetime
    due_at: datetime
    what: str
    gap: str = ""
    kept_at: datetime | None = None
    undone_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.kept_at is None and self.undone_at is None


def make(connection: sa.Connection, by: User, promise: Promise) -> None:
    """Write a promise down, once. Raises RequestError without a text or with a due time before it was made."""
    require(by, Action.PROMISE, owner=promise.agent)
    what = mask(text.clean(promise.what))[:MAX_WHAT]
    if not what:
        raise RequestError("promise_empty")
    if promise.due_at < promise.made_at:
        raise RequestError("promise_past")
    if promise.gap:
        checked_id(promise.gap)
    facts = {name: getattr(promise, name) for name in Promise.__dataclass_fields__} | {"what": what}
    if _find(connection, checked_id(promise.id)) is None:
        connection.execute(sa.insert(tables.promise).values(**facts))


def keep(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """The customer was called back. Raises NotFoundError for no promise of one's own."""
    _change(connection, by, id, kept_at=at)


def undo(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """It was no promise after all. Raises NotFoundError for no promise of one's own."""
    _change(connection, by, id, undone_at=at)


def reopen(connection: sa.Connection, by: User, id: str) -> None:
    """It was not kept after all. Raises NotFoundError for no promise of one's own."""
    _change(connection, by, id, kept_at=None)


def due(connection: sa.Connection, by: User, until: datetime) -> tuple[Promise, ...]:
    """One's own open promises that are due by a moment, the earliest first."""
    require(by, Action.PROMISE, owner=by.id)
    one = tables.promise.c
    wanted = (one.agent == by.id) & one.kept_at.is_(None) & one.undone_at.is_(None) & (one.due_at <= until)
    rows = connection.execute(sa.select(tables.promise).where(wanted).order_by(one.due_at, one.id))
    return tuple(_promise(row) for row in rows)


def of_call(connection: sa.Connection, call: str) -> tuple[Promise, ...]:
    """What was promised on a call and not taken back, in order."""
    one = tables.promise.c
    wanted = (one.call == call) & one.undone_at.is_(None)
    return tuple(
        _promise(row)
        for row in connection.execute(sa.select(tables.promise).where(wanted).order_by(one.made_at, one.id))
    )


def _change(connection: sa.Connection, by: User, id: str, **values: datetime | None) -> None:
    require(by, Action.PROMISE, owner=by.id)
    mine = (tables.promise.c.id == id) & (tables.promise.c.agent == by.id)
    if not connection.execute(sa.update(tables.promise).where(mine).values(**values)).rowcount:
        raise NotFoundError("promise_not_found")


def _find(connection: sa.Connection, id: str) -> Promise | None:
    row = connection.execute(sa.select(tables.promise).where(tables.promise.c.id == id)).first()
    return _promise(row) if row else None


def _promise(row: sa.Row[Any]) -> Promise:
    return Promise(**row._mapping)
