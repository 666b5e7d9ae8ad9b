"""What somebody may have to answer for: who did what, when, to what; written once and never changed.

Each row is sealed with the seal of the row before, and `audit_head` keeps the last one, so that a row that
was changed, taken out, moved or cut off at the end is found by `verify`. Whoever may write to the database's
file could forge everything, the head included: note the seal that `python -m kb audit verify` prints
somewhere else, and give it back with `--seal`.

People stand here by the name they sign in with, nothing else about them; texts are masked like all others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from kb import text
from kb.errors import RequestError
from kb.masking import mask
from kb.people.users import Action, User, require
from kb.tables import audit as table
from kb.tables import audit_head as head
from kb.tables import audit_unsealed as genesis

ACTS = (
    "sign_in",
    "sign_in_refused",
    "denied",
    "account",  # added, disabled, enabled, unlocked, left
    "role",  # another role, team or language
    "password",
    "edit",
    "publish",
    "bulk",  # one change over many articles, and taking it back
    "notice",
    "export",
    "erase",
    "key",  # made, revoked
    "key_use",
    "backup",
    "drill",  # a backup was restored to see that it can be
    "clock",  # the machine's clock jumped
    "move",  # the base, here from another database
    "repair",  # an index that was damaged is built anew
)
MAX_ABOUT = 200
ANYWHERE = ""  # `verify` without a seal noted elsewhere

Trouble = Literal["changed", "missing", "cut_off", "seal_unknown"]


@dataclass(frozen=True)
class Entry:
    """One act. `by` is a user's id ('' = somebody not signed in), `about` the id of what it was done to."""

    number: int  # from 1, without holes
    at: datetime
    by: str
    act: str
    about: str
    facts: str  # a JSON object
    seal: str  # sha256 over all of this and the seal before, in hex


@dataclass(frozen=True)
class Verified:
    """How many entries are sound, the last seal, and what is wrong first, if anything is."""

    count: int
    seal: str
    trouble: Trouble | None = None
    number: int = 0  # of the entry that is wrong


def seal(before: str, entry: Entry) -> str:
    """The seal of an entry that follows a seal: sha256 in hex."""
    sealed = [before, entry.number, entry.at.isoformat(), entry.by, entry.act, entry.about, entry.facts]
    return hashlib.sha256(json.dumps(sealed, ensure_ascii=False).encode()).hexdigest()


# --- reads and writes ----------------------------------------------------------------------------


def append(connection: sa.Connection, by: str, act: str, at: datetime, about: str = "", **facts: object) -> None:
    """Write down an act in the transaction that does it: both are kept, or neither.

    by: a user's id, '' for somebody not signed in. Asks for no right: whoever acts is written down.
    Raises RequestError for an act that is not one of `ACTS`.
    """
    if act not in ACTS:
        raise RequestError("audit_act_unknown", act=act[:40])
    last = connection.execute(sa.select(head).with_for_update()).one_or_none()
    number, before = (last.number + 1, last.seal) if last else (1, genesis)
    told = {name: mask(value) if isinstance(value, str) else value for name, value in facts.items()}
    written = json.dumps(told, ensure_ascii=False, sort_keys=True)
    entry = Entry(number, at, by, act, text.clean(mask(about))[:MAX_ABOUT], written, "")
    values = {**entry.__dict__, "seal": seal(before, entry)}
    connection.execute(sa.insert(table).values(**values))
    kept = {"number": number, "seal": values["seal"]}
    connection.execute(sa.update(head).values(**kept) if last else sa.insert(head).values(id=1, **kept))


def entries(connection: sa.Connection, by: User, *, most: int = 100) -> tuple[Entry, ...]:
    """The latest entries, the newest first."""
    require(by, Action.READ_AUDIT)
    rows = connection.execute(sa.select(table).order_by(table.c.number.desc()).limit(most))
    return tuple(_entry(row) for row in rows)


def verify(connection: sa.Connection, by: User, noted: str = ANYWHERE) -> Verified:
    """Whether every entry is as it was written, from the first to the last. Stops at the first that is not.

    noted: a seal that was noted elsewhere; the chain must have it
    """
    require(by, Action.READ_AUDIT)
    before, count, found = genesis, 0, noted in (ANYWHERE, genesis)
    for entry in _chain(connection):
        if entry.number != count + 1:
            return Verified(count, before, "missing", count + 1)
        if entry.seal != seal(before, entry):
            return Verified(count, before, "changed", entry.number)
        before, count = entry.seal, entry.number
        found = found or entry.seal == noted
    last = connection.execute(sa.select(head)).one_or_none()
    written = last.number if last else 0
    if written > count:
        return Verified(count, before, "cut_off", count + 1)
    if written != count or (last and last.seal != before):
        return Verified(count, before, "changed", count)
    return Verified(count, before, None if found else "seal_unknown")


def last_at(connection: sa.Connection, act: str) -> datetime | None:
    """When this act was done last, None for never."""
    found: datetime | None = connection.scalar(sa.select(sa.func.max(table.c.at)).where(table.c.act == act))
    return found


def first_at(connection: sa.Connection) -> datetime | None:
    """When the log begins, None for an empty one."""
    found: datetime | None = connection.scalar(sa.select(sa.func.min(table.c.at)))
    return found


def latest_at(connection: sa.Connection) -> datetime | None:
    """The latest moment that is written down anywhere in it, None for nothing."""
    found: datetime | None = connection.scalar(sa.select(sa.func.max(table.c.at)))
    return found


def last_about(connection: sa.Connection, act: str) -> str:
    """What the latest entry of this act was about, '' for none."""
    asked = sa.select(table.c.about).where(table.c.act == act).order_by(table.c.number.desc()).limit(1)
    return connection.scalar(asked) or ""


def _chain(connection: sa.Connection) -> Iterator[Entry]:
    for row in connection.execute(sa.select(table).order_by(table.c.number)):
        yield _entry(row)


def _entry(row: sa.Row[tuple[object, ...]]) -> Entry:
    return Entry(**row._mapping)
