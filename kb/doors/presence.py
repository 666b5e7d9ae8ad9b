"""Who is signed in now, remembered for a moment: the gate and the pages ask here, and the database seldom.

All sessions in use are read again in one query, so that two hundred open tabs cost one read every 1.5
seconds, and a sign-out or a disabled account is felt in every tab within that time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kb.db import Database
from kb.errors import StoreError
from kb.people import audit, keys, sessions
from kb.people.keys import Key
from kb.people.sessions import Session

FRESH = 1.5  # seconds that an answer is believed
GRACE = 300.0  # seconds that it is believed while the database does not answer: a caller is on the line
PATIENCE = 0.5  # seconds that anybody waits for the database here
UNUSED = 60.0  # seconds after which a session nobody asked about is no longer read along
USED_EVERY = 3600.0  # seconds in which the use of a key is written down once
REFUSED_EVERY = 60.0  # seconds in which the same refusal is written down once


@dataclass
class _Known:
    session: Session
    believed_at: float  # by the monotonic clock, like the times above
    read_at: float
    used_at: float


class Presence:
    """The sessions in use. Safe to use from any thread."""

    def __init__(self, database: Callable[[], Database], *, local: bool) -> None:
        """local: whether only this machine can reach the app."""
        self._database = database
        self._local = local
        self._known: dict[str, _Known] = {}
        self._reading = threading.Lock()
        self._refused: dict[tuple[str, str], float] = {}
        self._keys: dict[str, tuple[Key | None, float]] = {}  # by sha256: no key stays in memory
        self._used: dict[str, float] = {}

    def remembered(self, key: str) -> Session | None:
        """The session of this key if it was read within `FRESH` seconds. Never waits."""
        known = self._known.get(key)
        now = time.monotonic()
        if known is None or now - known.believed_at > FRESH:
            return None
        known.used_at = now
        return known.session

    def session(self, key: str) -> Session | None:
        """The session of this key, None where it is over or never was. Raises StoreError where that cannot be told."""
        found = self.remembered(key)
        if found is not None or not key:
            return found
        with self._reading:  # whoever comes meanwhile waits for this one query
            return self.remembered(key) or self._read(key)

    def _read(self, key: str) -> Session | None:
        now = time.monotonic()
        before = {old: known for old, known in self._known.items() if now - known.used_at < UNUSED}
        try:
            with self._database().read(PATIENCE) as connection:
                found = sessions.read(connection, {*before, key}, datetime.now(UTC), local=self._local)
        except StoreError:
            known = before.get(key)
            if known is None or now - known.read_at > GRACE:
                raise
            known.believed_at = known.used_at = time.monotonic()
            return known.session
        used = {old: known.used_at for old, known in before.items()} | {key: now}
        self._known = {one: _Known(session, now, now, used[one]) for one, session in found.items()}
        return found.get(key)

    def key(self, shown: str) -> Key | None:
        """Whose key a program shows; None for one that is unknown, revoked or over. Raises StoreError."""
        known, now = sessions.key_of(shown), time.monotonic()
        found, read_at = self._keys.get(known, (None, -FRESH))
        if now - read_at < FRESH:
            return found
        with self._database().read() as connection:
            found = keys.of(connection, shown, datetime.now(UTC))
        self._keys = {one: kept for one, kept in list(self._keys.items()) if now - kept[1] < FRESH}
        self._keys[known] = found, now
        if found is not None and now - self._used.get(found.id, -USED_EVERY) >= USED_EVERY:
            with self._database().write() as connection:
                audit.append(connection, found.user.id, "key_use", datetime.now(UTC), found.id)
            self._used[found.id] = now
        return found

    def in_use(self) -> int:
        """How many sessions somebody did something in within `UNUSED` seconds, in this process."""
        now = time.monotonic()
        return sum(now - known.used_at < UNUSED for known in list(self._known.values()))

    def is_unseen(self, session: Session) -> bool:
        """Whether `touch` has something to write down."""
        return sessions.is_unseen(session, datetime.now(UTC))

    def touch(self, key: str) -> None:
        """This person did something just now."""
        with self._database().write(PATIENCE) as connection:
            sessions.touch(connection, key, datetime.now(UTC))

    def sign_out(self, key: str) -> None:
        """End a session, in this process at once."""
        with self._reading, self._database().write() as connection:
            sessions.sign_out(connection, key)
            self._known.pop(key, None)

    def note_refusal(self, user: str, about: str) -> None:
        """This person asked for something they may not do: one entry a minute in the audit log."""
        now = time.monotonic()
        self._refused = {one: at for one, at in list(self._refused.items()) if now - at < REFUSED_EVERY}
        if (user, about) in self._refused:
            return
        self._refused[user, about] = now
        with self._database().write(PATIENCE) as connection:
            audit.append(connection, user, "denied", datetime.now(UTC), about)
