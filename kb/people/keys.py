"""Keys for programs: shown once, kept as a hash, good for what its scopes allow, revoked by hand or by a date.

What a program does with one is no real call, and never counts as a miss, as learning or in a rate, unless the
key says so (settled.md, 2).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kb.errors import NotFoundError, RequestError
from kb.people import audit
from kb.people.users import GRANTED, Action, Role, User, require
from kb.tables import api_key as table

SCOPES = tuple(GRANTED)
LANGS = ("zh", "en")
MAX_NAME = 60
_KEY = re.compile(r"fc_([a-z0-9]{12})_([A-Za-z0-9_-]{43})\Z")
_TAG = "key"


@dataclass(frozen=True)
class Key:
    """One key, without its secret. `id` is public and stands in the key itself."""

    id: str
    name: str  # of the program
    scopes: frozenset[str]
    teams: frozenset[str]
    by: str  # who made it
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    langs: frozenset[str] = frozenset(LANGS)  # of the articles it may see

    @property
    def user(self) -> User:
        """Whom the program acts as: somebody of no role, by a name that no person can have."""
        tag = "" if "real" in self.scopes else _TAG
        return User(f"key:{self.id}", self.name, Role.AGENT, self.teams, self.langs, tag, self.scopes)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()  # 256 random bits: nothing to guess, so no slow hash


def id_of(key: str) -> str:
    """The public part of what may be a key, '' for what is none."""
    found = _KEY.match(key)
    return found[1] if found else ""


# --- reads and writes ----------------------------------------------------------------------------


def add(
    connection: sa.Connection,
    by: User,
    name: str,
    scopes: Collection[str],
    at: datetime,
    *,
    teams: Collection[str] = (),
    langs: Collection[str] = (),
    expires_at: datetime | None = None,
) -> str:
    """Make a key and tell it, this once; `langs` are some of `LANGS`, none = all of them.

    Raises RequestError without a name, and for a scope or language that is none.
    """
    require(by, Action.MANAGE_KEYS)
    if not name.strip() or len(name) > MAX_NAME:
        raise RequestError("key_name_malformed", most=MAX_NAME)
    if not scopes or not set(scopes) <= set(SCOPES):
        raise RequestError("key_scope_unknown", known=", ".join(SCOPES))
    if not set(langs) <= set(LANGS):
        raise RequestError("lang_unknown", lang=", ".join(sorted(langs))[:40])
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    id, secret = "".join(secrets.choice(alphabet) for _ in range(12)), secrets.token_urlsafe(32)
    sets = {"scopes": sorted(scopes), "teams": sorted(teams), "langs": sorted(langs) or None}
    facts = {"id": id, "name": name.strip(), "hash": _hash(secret), "by": by.id, "created_at": at}
    connection.execute(sa.insert(table).values(**facts, **sets, expires_at=expires_at))
    audit.append(connection, by.id, "key", at, id, what="added", scopes=" ".join(sorted(scopes)))
    return f"fc_{id}_{secret}"


def revoke(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Take a key back for good. Raises NotFoundError for one that is not there, or not any more."""
    require(by, Action.MANAGE_KEYS)
    still = (table.c.id == id) & table.c.revoked_at.is_(None)
    if connection.execute(sa.update(table).where(still).values(revoked_at=at)).rowcount != 1:
        raise NotFoundError("api_key_missing", id=id[:40])
    audit.append(connection, by.id, "key", at, id, what="revoked")


def everything(connection: sa.Connection, by: User) -> tuple[Key, ...]:
    """Every key there ever was, the newest first."""
    require(by, Action.MANAGE_KEYS)
    return tuple(
        _key(row) for row in connection.execute(sa.select(table).order_by(table.c.created_at.desc(), table.c.id))
    )


def of(connection: sa.Connection, key: str, at: datetime) -> Key | None:
    """The key that a program shows; None for one that is unknown, revoked or over."""
    row = connection.execute(sa.select(table).where(table.c.id == id_of(key))).one_or_none()
    found = _KEY.match(key)
    right = hmac.compare_digest(row.hash if row else "", _hash(found[2] if found else ""))
    if row is None or not right or row.revoked_at is not None:
        return None
    return None if row.expires_at is not None and row.expires_at <= at else _key(row)


def _key(row: sa.Row[tuple[object, ...]]) -> Key:
    facts = {name: value for name, value in row._mapping.items() if name != "hash"}
    sets = {name: frozenset(facts[name]) for name in ("scopes", "teams")}
    return Key(**facts | sets | {"langs": frozenset(facts["langs"] or LANGS)})
