"""What became of a gap, and that one surges, told to the systems an operator named: signed, once, until they have it.

What is to be sent stands in the database before anything is sent, under an id made of what happened and the
address: a crash loses nothing, and looking twice sends nothing twice. Nobody named, nothing leaves.
A receiver checks `Firstcall-Signature: t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY` with the
shared secret, and may drop an `Idempotency-Key` it has seen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kb import tables
from kb.gaps import cost, gap
from kb.gaps.cost import Surge
from kb.gaps.gap import Gap
from kb.people.users import Action, User, require

TOLD = ("published", "verified", "already_there", "not_needed", "reopened")  # states whose coming is told
AGAIN = timedelta(hours=2)  # a surge is told again after twice this at the most
RECENT = timedelta(days=1)  # moves older than this were made before anybody wanted to hear of them
FIRST, LONGEST, TRIES = timedelta(minutes=1), timedelta(hours=6), 12  # waits double; twelve tries take a day and more
TIMEOUT = 10.0  # seconds
AT_ONCE = 50
MAX_PROBLEM = 200
GONE = 410  # the receiver wants no more of it


@dataclass(frozen=True)
class Hook:
    """One message to one address. `body` is the JSON as it is signed and sent; `tries` have failed so far."""

    id: str
    url: str
    kind: str
    body: str
    tries: int


Post = Callable[[str, bytes, Mapping[str, str]], int]  # (url, body, headers) → HTTP status; raises OSError


def signature(secret: str, body: bytes, at: datetime) -> str:
    """The header by which a receiver knows that a message is ours, and how old it is."""
    seconds = int(at.timestamp())
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"


def wait(tries: int) -> timedelta:
    """How long after so many failures (from 1) it is tried again."""
    return min(FIRST * (1 << (tries - 1)), LONGEST)


def send(hook: Hook, secret: str, at: datetime, post: Post | None = None) -> tuple[bool, str]:
    """Send one message: (whether it is through with, what went wrong or '')."""
    body = hook.body.encode()
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": hook.id,
        "Firstcall-Event": hook.kind,
        "Firstcall-Signature": signature(secret, body, at),
    }
    try:
        status = (post or over_http)(hook.url, body, headers)
    except OSError as error:  # refused, timed out, no such host: all of urllib's are OSErrors
        return False, str(error)[:MAX_PROBLEM]
    if 200 <= status < 300:
        return True, ""
    return status == GONE, f"HTTP {status}"


class _Stay(urllib.request.HTTPRedirectHandler):
    """Go where the operator said and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def over_http(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """POST once, following no redirect; the status. Raises OSError where there is no answer."""
    request = urllib.request.Request(url, body, dict(headers), method="POST")
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


# --- reads and writes ----------------------------------------------------------------------------


def queue(connection: sa.Connection, by: User, urls: Sequence[str], at: datetime) -> int:
    """Put down what is to be told of the moves of the last day, once for each address; how many messages."""
    require(by, Action.NOTICE_GAPS)
    move, one = tables.gap_move.c, tables.gap.c
    asked = sa.select(tables.gap_move).join(tables.gap, one.id == move.gap)
    wanted = asked.where(move.after.in_(TOLD), move.at > at - RECENT, one.tag == "").order_by(move.id)
    keys = {_key(str(row.id), url): (row, url) for row in connection.execute(wanted) for url in urls}
    known = _known(connection, keys)
    new = [(key, row, url) for key, (row, url) in keys.items() if key not in known]
    for key, row, url in new:
        _put(connection, key, url, f"gap.{row.after}", _facts(connection, by, row), at)
    return len(new)


def queue_surges(connection: sa.Connection, by: User, urls: Sequence[str], at: datetime) -> int:
    """Put down each gap of real calls that surges now, once for each address and surge; how many messages.

    A surge that was told in the `AGAIN` this falls into, or in the one before it, is the same one.
    """
    require(by, Action.NOTICE_GAPS)
    slot, count = int(at.timestamp() // AGAIN.total_seconds()), 0
    for surge in cost.surges(connection, by, at):
        for url in urls:
            now, before = (_key(f"surge {surge.gap.id} {n}", url) for n in (slot, slot - 1))
            if not _known(connection, (now, before)):
                _put(connection, now, url, "gap.surge", _told_of(surge, at), at)
                count += 1
    return count


def due(connection: sa.Connection, at: datetime) -> tuple[Hook, ...]:
    """What is to be sent now, the longest waiting first, `AT_ONCE` at most."""
    one = tables.webhook.c
    now = (one.next_at <= at) | (one.next_at > at + LONGEST)  # nothing waits longer: the machine's clock went back
    waiting = one.sent_at.is_(None) & one.given_up_at.is_(None) & now
    asked = sa.select(one.id, one.url, one.kind, one.body, one.tries).where(waiting)
    return tuple(Hook(*row) for row in connection.execute(asked.order_by(one.next_at, one.id).limit(AT_ONCE)))


def note(connection: sa.Connection, by: User, hook: Hook, done: bool, problem: str, at: datetime) -> None:
    """Write down how a message fared: through, to be tried again later, or given up."""
    require(by, Action.NOTICE_GAPS)
    tries = hook.tries + (0 if done else 1)
    values: dict[str, Any] = {"tries": tries, "problem": problem}
    if done:
        values |= {"sent_at": at}
    elif tries >= TRIES:
        values |= {"given_up_at": at}
    else:
        values |= {"next_at": at + wait(tries)}
    connection.execute(sa.update(tables.webhook).where(tables.webhook.c.id == hook.id).values(**values))


def _key(what: str, url: str) -> str:
    return hashlib.sha256(f"{what} {url}".encode()).hexdigest()


def _known(connection: sa.Connection, keys: Iterable[str]) -> set[str]:
    one = tables.webhook.c.id
    return set(connection.scalars(sa.select(one).where(one.in_(list(keys)))))


def _put(connection: sa.Connection, key: str, url: str, kind: str, facts: Mapping[str, Any], at: datetime) -> None:
    body = json.dumps({**facts, "kind": kind}, ensure_ascii=False)
    row = {"id": key, "url": url, "kind": kind, "body": body, "at": at, "next_at": at}
    connection.execute(sa.insert(tables.webhook).values(**row))


def _facts(connection: sa.Connection, by: User, row: sa.Row[Any]) -> dict[str, Any]:
    """What a receiver is told: the gap, what became of it, and who recorded or joined it and so wants to hear."""
    found = gap.find(connection, row.gap)
    told = sorted({report.agent for report in gap.reports(connection, by, row.gap)})
    facts = {"id": row.gap, "state": row.after, "article": row.article, "why": row.why}
    if found:
        facts |= _met(found)
    return {"at": row.at.isoformat(), "gap": facts, "tell": told}


def _told_of(surge: Surge, at: datetime) -> dict[str, Any]:
    """What a receiver is told of a surge: the gap, and how many calls met it within how many minutes, against usual."""
    minutes = int(cost.WINDOW / timedelta(minutes=1))
    fast = {"since": surge.since.isoformat(), "calls": surge.calls, "minutes": minutes, "usual": round(surge.usual, 2)}
    facts = {"id": surge.gap.id, "state": surge.gap.state, "article": surge.gap.article} | _met(surge.gap)
    return {"at": at.isoformat(), "gap": facts, "surge": fast}


def _met(one: Gap) -> dict[str, Any]:
    return {"question": one.question, "lang": one.lang, "calls": one.calls, "agents": one.agents}
