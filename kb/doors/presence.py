"""Who is signed in now, remembered for a moment: the gate and the pages ask here, and the database seldom.

All sessions in use are read again in one query, so that two hundred open tabs cost one read every 1.5
seconds, and a sign-out or a disabled account is felt in every tab within that time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kb.db import Database, is_held
from kb.errors import StoreError
from kb.people import accounts, audit, keys, sessions, users
from kb.people.keys import Key
from kb.people.sessions import Session
from kb.seen.log import log

FRESH = 1.5  # seconds that an answer is believed
GRACE = 300.0  # seconds that it is believed while the database does not answer: a caller is on the line
PATIENCE = 0.5  # seconds that anybody waits for the database here
UNUSED = 60.0  # seconds after which a session nobody asked about is no longer read along
USED_EVERY = 3600.0  # seconds in which the use of a key is written down once
JUMP = timedelta(seconds=30)  # a clock is set right by less than that between two looks
REFUSED_EVERY = 60.0  # seconds in which the same refusal is written down once


class Clock:
    """The machine's clock, beside one that never jumps."""

    def __init__(
        self, wall: Callable[[], datetime] = lambda: datetime.now(UTC), steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._steady = wall, steady
        self._began = self._apart()

    def now(self) -> datetime:
        """What the machine's clock shows."""
        return self._wall()

    def _apart(self) -> datetime:
        """When the steady clock showed nothing."""
        return self._wall() - timedelta(seconds=self._steady())

    def jumped(self) -> timedelta:
        """How far the machine's clock jumped since `follow`, zero for what setting it right by and by does."""
        by = self._apart() - self._began
        if abs(by) < JUMP:
            self._began += by
            return timedelta()
        return by

    def follow(self, by: timedelta) -> None:
        """That jump was seen to."""
        self._began += by


@dataclass
class _Known:
    session: Session
    believed_at: float  # by the monotonic clock, like the times above
    read_at: float
    used_at: float


@dataclass(frozen=True)
class _KnownKey:
    key: Key | None
    believed_at: float  # by the monotonic clock, like the time below
    read_at: float

    @property
    def life(self) -> float:
        """Seconds that it is worth remembering: what opens nothing may be told by the thousand."""
        return GRACE if self.key else FRESH


class Presence:
    """The sessions in use. Safe to use from any thread."""

    def __init__(self, database: Callable[[], Database], *, local: bool, clock: Clock | None = None) -> None:
        """local: whether only this machine can reach the app."""
        self._database = database
        self._clock = clock or Clock()
        self._local = local
        self._known: dict[str, _Known] = {}
        self._reading = threading.Lock()
        self._refused: dict[tuple[str, str], float] = {}
        self._keys: dict[str, _KnownKey] = {}  # by sha256: no key stays in memory
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
        known = self._known.get(key)
        if known is not None and is_held():
            # A page, which asked before it began its transaction. Waiting here for one who waits for a connection, it
            # would be waited for: with every connection held like that nobody is answered any more.
            return known.session
        with self._reading:  # whoever comes meanwhile waits for this one query
            return self.remembered(key) or self._read(key)

    def _read(self, key: str) -> Session | None:
        now = time.monotonic()
        before = {old: known for old, known in self._known.items() if now - known.used_at < UNUSED}
        try:
            self._mind_clock()
            with self._database().read(PATIENCE) as connection:
                found = sessions.read(connection, {*before, key}, self._clock.now(), local=self._local)
        except StoreError:
            known = before.get(key)
            if known is None or now - known.read_at > GRACE:
                raise
            known.believed_at = known.used_at = time.monotonic()
            return known.session
        used = {old: known.used_at for old, known in before.items()} | {key: now}
        self._known = {one: _Known(session, now, now, used[one]) for one, session in found.items()}
        return found.get(key)

    def mind_clock(self) -> None:
        """Before tries are counted: make good what a jump of the machine's clock did. Raises StoreError."""
        with self._reading:
            self._mind_clock()

    def _mind_clock(self) -> None:
        """One that went back would let sessions live longer; one that jumped forward ends them, but forgets no try."""
        by = self._clock.jumped()
        if not by:
            return
        with self._database().write(PATIENCE) as connection:
            if by < timedelta():
                sessions.turn_back(connection, -by)
            accounts.move_tries(connection, by)
            audit.append(connection, users.OPERATOR.id, "clock", self._clock.now(), seconds=round(by.total_seconds()))
        self._clock.follow(by)
        log.warning("clock_jumped", seconds=round(by.total_seconds()))

    def key(self, shown: str) -> Key | None:
        """Whose key a program shows; None for one that is unknown, revoked or over.

        Raises StoreError where that cannot be told: one that was good is believed for `GRACE` seconds, as sessions are.
        """
        name, now = sessions.key_of(shown), time.monotonic()
        known = self._keys.get(name)
        if known is not None and now - known.believed_at < FRESH:
            return known.key
        try:
            with self._database().read(PATIENCE) as connection:
                found = keys.of(connection, shown, self._clock.now())
        except StoreError:
            if known is None or known.key is None or now - known.read_at > GRACE:
                raise
            self._keys[name] = replace(known, believed_at=now)
            return known.key
        self._keys = {one: kept for one, kept in list(self._keys.items()) if now - kept.read_at < kept.life}
        self._keys[name] = _KnownKey(found, now, now)
        if found is not None and now - self._used.get(found.id, -USED_EVERY) >= USED_EVERY:
            with self._database().write() as connection:
                audit.append(connection, found.user.id, "key_use", self._clock.now(), found.id)
            self._used[found.id] = now
        return found

    def in_use(self) -> int:
        """How many sessions somebody did something in within `UNUSED` seconds, in this process."""
        now = time.monotonic()
        return sum(now - known.used_at < UNUSED for known in list(self._known.values()))

    def is_unseen(self, session: Session) -> bool:
        """Whether `touch` has something to write down."""
        return sessions.is_unseen(session, self._clock.now())

    def touch(self, key: str) -> None:
        """This person did something just now."""
        with self._database().write(PATIENCE) as connection:
            sessions.touch(connection, key, self._clock.now())

    def sign_out(self, key: str) -> None:
        """End a session, in this process at once."""
        with self._database().write() as connection:
            sessions.sign_out(connection, key)
        with self._reading:  # not inside: who writes may be asking who they are
            self._known.pop(key, None)

    def note_refusal(self, user: str, about: str) -> None:
        """This person asked for something they may not do: one entry a minute in the audit log."""
        now = time.monotonic()
        self._refused = {one: at for one, at in list(self._refused.items()) if now - at < REFUSED_EVERY}
        if (user, about) in self._refused:
            return
        self._refused[user, about] = now
        with self._database().write(PATIENCE) as connection:
            audit.append(connection, user, "denied", self._clock.now(), about)
