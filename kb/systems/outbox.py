"""What happened that other systems may want to hear: written in the transaction of what happened, so that neither is
there without the other, and kept until it was handed to those who listen (`kb.systems.webhooks`).

No personal data: ids, states and counts. Whoever wants to know more asks `/api/v1` with a key that may.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa

from kb.tables import outbox as table

KINDS = (
    "gap.recorded",
    "gap.state_changed",
    "gap.closed",
    "gap.surge",
    "article.published",
    "flag.raised",
    "replay.failed",
)


@dataclass(frozen=True)
class Event:
    """One thing that happened. `number` rises, `id` is what a receiver knows it by, `data` its JSON object.

    subject: what it is about, `gap:…` or `article:…`: told in the order in which it happened
    """

    number: int
    id: str
    kind: str
    subject: str
    at: datetime
    data: str


def put(
    connection: sa.Connection, kind: str, subject: str, at: datetime, *, once: str = "", **data: str | int | float
) -> str:
    """Write down what happened; its id. `once`: what makes it the same event, '' = it is another every time."""
    assert kind in KINDS, kind
    id = id_of(once) if once else f"evt_{uuid4().hex}"
    facts = {"id": id, "kind": kind, "subject": subject[:240], "at": at, "data": json.dumps(data, ensure_ascii=False)}
    connection.execute(sa.insert(table).values(**facts))
    return id


def id_of(once: str) -> str:
    """The id of the event that there is once."""
    return "evt_" + hashlib.sha256(once.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def waiting(connection: sa.Connection, most: int) -> tuple[Event, ...]:
    """What was not handed over yet, in order, at most so many."""
    rows = connection.execute(sa.select(table).order_by(table.c.number).limit(most))
    return tuple(Event(**row._mapping) for row in rows)


def done(connection: sa.Connection, events: tuple[Event, ...]) -> None:
    """These were handed over."""
    if events:
        connection.execute(sa.delete(table).where(table.c.number.in_([one.number for one in events])))


def forget(connection: sa.Connection, before: datetime) -> None:
    """What happened before a moment interests nobody any more."""
    connection.execute(sa.delete(table).where(table.c.at < before))
