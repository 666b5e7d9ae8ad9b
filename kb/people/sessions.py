"""Who is signed in: an opaque token in the browser, its SHA-256 here. A session ends by idling, by age, or by hand.

The token is the proof of who asks, so nothing here takes `by`. Whoever may look over the database's
shoulder learns no token that would let them in.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kb.errors import NotAllowedError
from kb.people import audit, users
from kb.people.users import SAMPLES, User
from kb.tables import session as table
from kb.tables import user as user_table

IDLE = timedelta(minutes=60)  # a meeting or a long lunch; a desk left over night is closed
LIFE = timedelta(hours=12)  # the longest shift
AHEAD = timedelta(minutes=1)  # of the clock, which a session may be: two machines' clocks never agree
SEEN_EVERY = timedelta(minutes=1)  # `seen_at` is written no more often: a commit costs 7 ms
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Session:
    """One person signed in at one browser. `key` is the SHA-256 of its token, in hex."""

    key: str
    user: User
    sample: bool  # of a sample person of the demo
    begun_at: datetime
    seen_at: datetime  # when they last did something, to the minute


def key_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_unseen(session: Session, at: datetime) -> bool:
    """Whether it is time to write down that this person is still there."""
    return at - session.seen_at >= SEEN_EVERY


# --- reads and writes ----------------------------------------------------------------------------


def sign_in(connection: sa.Connection, user: str, at: datetime) -> str:
    """Begin a session of a person who has proved who they are; its token, which is told once."""
    return _begin(connection, user, at, sample=False)


def demo(connection: sa.Connection, *, local: bool) -> bool:
    """Whether sample people may be here: nobody has an account, and only this machine can reach the app."""
    return local and not users.any_account(connection)


def sign_in_sample(connection: sa.Connection, user: str, at: datetime, *, local: bool) -> str:
    """Begin a session of one of the demo's sample people; its token. Raises NotAllowedError where there is no demo."""
    if user not in SAMPLES or not demo(connection, local=local):
        raise NotAllowedError("demo_over")
    return _begin(connection, user, at, sample=True)


def _begin(connection: sa.Connection, user: str, at: datetime, *, sample: bool) -> str:
    connection.execute(sa.delete(table).where(sa.not_(_goes_on(at))))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = {"key": key_of(token), "user": user, "sample": sample, "begun_at": at, "seen_at": at}
    connection.execute(sa.insert(table).values(row))
    audit.append(connection, user, "sign_in", at, sample=sample)
    return token


def read(connection: sa.Connection, keys: Collection[str], at: datetime, *, local: bool) -> dict[str, Session]:
    """The sessions of these keys that are not over, each with its person as they are now; others are left out.

    local: whether only this machine can reach the app; a sample person's session is worth nothing elsewhere
    """
    rows = connection.execute(
        sa.select(table.c.key, table.c.user, table.c.sample, table.c.begun_at, table.c.seen_at)
        .where(table.c.key.in_(keys))
        .where(_goes_on(at))
    ).all()
    real = {row.user for row in rows if not row.sample}
    people = _enabled(connection, real) if real else {}
    samples = SAMPLES if any(row.sample for row in rows) and demo(connection, local=local) else {}
    found: dict[str, Session] = {}
    for row in rows:
        person = (samples if row.sample else people).get(row.user)
        if person is not None:
            found[row.key] = Session(row.key, person, row.sample, row.begun_at, row.seen_at)
    return found


def _goes_on(at: datetime) -> sa.ColumnElement[bool]:
    """Neither idle nor old. One from the future is over: nobody can say how long ago that was."""
    seen, begun = table.c.seen_at, table.c.begun_at
    return sa.and_(seen > at - IDLE, begun > at - LIFE, seen <= at + AHEAD, begun <= at + AHEAD)


def turn_back(connection: sa.Connection, back: timedelta) -> None:
    """The machine's clock went back so far while this program ran: what passed since is what counts."""
    for row in connection.execute(sa.select(table.c.key, table.c.begun_at, table.c.seen_at)).all():
        earlier = {"begun_at": row.begun_at - back, "seen_at": row.seen_at - back}
        connection.execute(sa.update(table).where(table.c.key == row.key).values(**earlier))


def _enabled(connection: sa.Connection, ids: Collection[str]) -> dict[str, User]:
    rows = connection.execute(sa.select(user_table).where(user_table.c.id.in_(ids), user_table.c.disabled_at.is_(None)))
    return {row.id: users.of_row(row) for row in rows}


def who(connection: sa.Connection, token: str, at: datetime, *, local: bool = False) -> User | None:
    """Whose token this is, None for one that is unknown, ended or over."""
    found = read(connection, [key_of(token)], at, local=local)
    return next((session.user for session in found.values()), None)


def touch(connection: sa.Connection, key: str, at: datetime) -> None:
    """They did something: the session does not idle. Written at most once in `SEEN_EVERY`; what is over stays so."""
    due = (table.c.seen_at <= at - SEEN_EVERY) & (table.c.seen_at > at - IDLE)
    connection.execute(sa.update(table).where(table.c.key == key, due).values(seen_at=at))


def sign_out(connection: sa.Connection, key: str) -> None:
    """End the session of this key, for every tab of its browser."""
    connection.execute(sa.delete(table).where(table.c.key == key))


def end_all(connection: sa.Connection, user: str) -> None:
    """End every session of a person, wherever they are signed in."""
    connection.execute(sa.delete(table).where(table.c.user == user, table.c.sample.is_(False)))
