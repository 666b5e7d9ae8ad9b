"""What happened, told to the addresses an administrator named: signed, until they have it, in order for each subject.

A message stands in the database before it is sent, made in the transaction that takes its event out of the outbox: a
crash loses nothing, and sends nothing as another message. Signed as Standard Webhooks has it: `webhook-id` (the
event's, the same at every try), `webhook-timestamp` (seconds) and `webhook-signature`, for each secret a `v1,` and the
base64 of the HMAC-SHA256 of `ID.TIMESTAMP.BODY`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from kb.errors import NotFoundError
from kb.people.users import Action, User, require
from kb.systems import outbox, post
from kb.systems.outbox import Event
from kb.tables import webhook as table

RECENT = timedelta(days=2)  # what happened earlier, happened before anybody wanted to hear of it
FIRST, LONGEST, TRIES = timedelta(minutes=1), timedelta(hours=6), 13  # waits double; all tries take a day and more
JITTER = 0.25  # of a wait, at most, besides: not everything that failed together is tried again together
KEPT = timedelta(days=30)  # after it was sent or given up
AT_ONCE = 50
MAX_PROBLEM = 200
GONE = 410  # the receiver wants no more of it
SECRET = "whsec_"

State = Literal["waiting", "sent", "dead"]
Post = Callable[[str, bytes, Mapping[str, str]], int]  # (url, body, headers) → HTTP status; raises OSError


@dataclass(frozen=True)
class Hook:
    """One message to one address. `body` is the JSON as it is signed and sent; `tries` have failed so far."""

    id: str
    event: str
    url: str
    kind: str
    body: str
    tries: int


@dataclass(frozen=True)
class Sent:
    """How one try went. `problem` '' = taken; final: it is tried no more; away: nothing else is taken there either."""

    problem: str = ""
    final: bool = False
    away: bool = False


@dataclass(frozen=True)
class Delivery:
    """A message as an administrator sees it; of its address only the origin, for the rest of it may be a secret."""

    id: str
    number: int
    event: str
    kind: str
    subject: str
    origin: str
    state: State
    tries: int
    at: datetime
    next_at: datetime
    sent_at: datetime | None
    given_up_at: datetime | None
    problem: str


def key_of(secret: str) -> bytes:
    """The bytes that a secret stands for: of `whsec_…` what its base64 says, of any other its UTF-8."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET), validate=True) if secret.startswith(SECRET) else b""
    except (ValueError, binascii.Error):
        return b""


def signature(secrets: Sequence[str], id: str, at: datetime, body: bytes) -> str:
    """The header by which a receiver knows that a message is ours: one `v1,…` for each secret, the newest first."""
    signed = f"{id}.{int(at.timestamp())}.".encode() + body
    keys = (key_of(secret) or secret.encode() for secret in secrets)
    macs = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)


def wait(tries: int, id: str = "") -> timedelta:
    """How long after so many failures (from 1) it is tried again; a message has its own part of `JITTER` more."""
    part = int(hashlib.sha256(f"{id} {tries}".encode()).hexdigest()[:8], 16) / 2**32 if id else 0.0
    return min(FIRST * (1 << (tries - 1)), LONGEST) * (1 + JITTER * part)


def send(hook: Hook, secrets: Sequence[str], at: datetime, through: Post = post.over_http) -> Sent:
    """Send one message, once."""
    body, id = hook.body.encode(), hook.event or hook.id
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Firstcall",
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature(secrets, id, at, body),
    }
    try:
        status = through(hook.url, body, headers)
    except (OSError, ValueError) as error:  # refused, timed out, no such host, no such address
        return Sent(str(error)[:MAX_PROBLEM] or type(error).__name__, away=True)
    if 200 <= status < 300:
        return Sent()
    return Sent(f"HTTP {status}", final=status == GONE, away=status >= 500 or status == 429)


# --- reads and writes ----------------------------------------------------------------------------


def queue(connection: sa.Connection, by: User, urls: Sequence[str], at: datetime) -> int:
    """Make messages of what the outbox has, one for each address; how many."""
    require(by, Action.NOTICE_GAPS)
    outbox.forget(connection, at - RECENT)
    connection.execute(sa.delete(table).where((table.c.sent_at < at - KEPT) | (table.c.given_up_at < at - KEPT)))
    count = 0
    while urls and (events := outbox.waiting(connection, AT_ONCE)):
        rows = [_row(one, url, at) for one in events for url in urls]
        connection.execute(sa.insert(table), rows)
        outbox.done(connection, events)
        count += len(rows)
    return count


def _row(one: Event, url: str, at: datetime) -> dict[str, Any]:
    told = {"type": one.kind, "timestamp": one.at.isoformat(), "data": json.loads(one.data)}
    id = hashlib.sha256(f"{one.id} {url}".encode()).hexdigest()
    facts = {"event": one.id, "number": one.number, "kind": one.kind, "subject": one.subject}
    return {"id": id, "url": url, "body": json.dumps(told, ensure_ascii=False), "at": at, "next_at": at, **facts}


def known(connection: sa.Connection, event: str) -> bool:
    """Whether messages were made of an event."""
    return connection.scalar(sa.select(sa.literal(1)).where(table.c.event == event).limit(1)) is not None


def due(connection: sa.Connection, at: datetime, but: Collection[str] = ()) -> tuple[Hook, ...]:
    """What is to be sent now, the longest waiting first, `AT_ONCE` at most; of a subject only the first of an address.

    but: addresses that are left alone
    """
    one, before = table.c, table.alias()
    now = (one.next_at <= at) | (one.next_at > at + LONGEST * (1 + JITTER))  # longer than any wait: the clock went back
    waits = one.sent_at.is_(None) & one.given_up_at.is_(None) & now
    earlier = before.c.sent_at.is_(None) & before.c.given_up_at.is_(None) & (before.c.number < one.number)
    earlier &= (before.c.url == one.url) & (before.c.subject == one.subject)
    first = ~sa.exists(sa.select(before.c.id).where(earlier).correlate(table))
    asked = sa.select(one.id, one.event, one.url, one.kind, one.body, one.tries).where(waits, first)
    asked = asked.where(one.url.not_in(but)) if but else asked
    return tuple(
        Hook(*row) for row in connection.execute(asked.order_by(one.next_at, one.number, one.id).limit(AT_ONCE))
    )


def note(connection: sa.Connection, by: User, hook: Hook, sent: Sent, at: datetime) -> None:
    """Write down how a message fared: taken, to be tried again later, or given up."""
    require(by, Action.NOTICE_GAPS)
    tries = hook.tries + (1 if sent.problem else 0)
    values: dict[str, Any] = {"tries": tries, "problem": sent.problem}
    if not sent.problem:
        values |= {"sent_at": at}
    elif sent.final or tries >= TRIES:
        values |= {"given_up_at": at}
    else:
        values |= {"next_at": at + wait(tries, hook.id)}
    connection.execute(sa.update(table).where(table.c.id == hook.id).values(**values))


def deliveries(connection: sa.Connection, by: User, state: State | None = None) -> tuple[Delivery, ...]:
    """Every message of the last `KEPT`, or those in a state, in the order in which they happened."""
    require(by, Action.READ_WEBHOOKS)
    rows = connection.execute(sa.select(table).order_by(table.c.number, table.c.id))
    found = (_delivery(row) for row in rows)
    return tuple(one for one in found if state in (None, one.state))


def again(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Send a message that was given up, anew. Raises NotFoundError for one that was not."""
    require(by, Action.READ_WEBHOOKS)
    dead = (table.c.id == id) & table.c.given_up_at.is_not(None)
    anew = {"given_up_at": None, "tries": 0, "next_at": at}
    if connection.execute(sa.update(table).where(dead).values(**anew)).rowcount != 1:
        raise NotFoundError("webhook_missing", id=id[:64])


def _delivery(row: sa.Row[Any]) -> Delivery:
    state: State = "sent" if row.sent_at else "dead" if row.given_up_at else "waiting"
    origin = "/".join(row.url.split("/")[:3])
    facts = {name: getattr(row, name) for name in Delivery.__dataclass_fields__ if name not in ("origin", "state")}
    return Delivery(**facts, origin=origin, state=state)
