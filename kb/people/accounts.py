"""Accounts and their passwords: added, disabled, and checked so that guessing does not pay.

A password is kept as argon2id. A name that nobody has takes as long as one with a wrong password. At most
ten tries of a name in fifteen minutes reach the hash, wherever they come from. Somebody else's guessing does
not use them all up: one address gets five, all strange ones together seven, and a browser that the person
has signed in with before has the rest.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from argon2.low_level import Type
from zxcvbn import zxcvbn

from kb.db import Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.i18n import LANGUAGES
from kb.people import audit, sessions, users
from kb.people.users import OPERATOR, Action, User, require
from kb.tables import attempt, device
from kb.tables import user as table

TRIES, STRANGE_TRIES, TRIES_HERE = 10, 7, 5  # of a name: in all, from strange browsers, from one strange address
WINDOW = timedelta(minutes=15)
DEVICE_LIFE = timedelta(days=180)  # how long a browser stays known after a sign-in
SHORTEST, LONGEST = 10, 200  # characters of a password
MEASURED = 72  # of them that are looked at for what guessers try first; more would take seconds
WEAKEST = 2  # of zxcvbn's 0 to 4: below it, a million guesses find the password
OUR_WORDS = ("firstcall",)  # which guessers would try here, besides a person's own
NAME_LONGEST = 100
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

# OWASP's smallest: 19 MiB and 2 passes, 50 ms here. A whole shift signs in within the same minutes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
_MEASURING = threading.Lock()  # zxcvbn keeps the words it was given in a table of its module
# Checked for a name that nobody has; nothing hashes to it, for its password was thrown away.
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$52QiBAbdXb7s3yWWRCgzPQ$8LrVr0Zy1R7ogHSUBrn/3Mus8Qk5GO2f4Lk7VU7Wocw"


@dataclass(frozen=True)
class Account:
    """A person's account, as those who manage accounts see it."""

    user: User
    created_at: datetime
    disabled_at: datetime | None
    must_change: bool  # the password was given by somebody else and opens nothing until it is changed


def id_of(typed: str) -> str:
    """The id that somebody means who types this: a name is no secret, so capitals and width do not matter."""
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def new_password() -> str:
    """A password to hand over once: 16 letters and digits, 80 bits, none of them easily taken for another."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def check_strength(id: str, password: str) -> None:
    """Raises RequestError for a password that is too short, too long, the name itself, or easily guessed.

    Easily guessed: the 30,000 commonest, names, dates, keys side by side, and what is built from them (zxcvbn).
    """
    if len(password) < SHORTEST:
        raise RequestError("password_short", least=SHORTEST)
    if len(password) > LONGEST:
        raise RequestError("password_long", most=LONGEST)
    if id_of(password) == id:
        raise RequestError("password_is_name")
    with _MEASURING:
        own = [*OUR_WORDS, id, *re.split("[._-]", id)]
        if zxcvbn(password[:MEASURED], own, max_length=MEASURED)["score"] < WEAKEST:
            raise RequestError("password_guessed")


def _hash(password: str) -> str:
    return _HASHER.hash(_as_kept(password))


def _as_kept(password: str) -> str:
    return unicodedata.normalize("NFC", password)  # two keyboards write é in two ways


def matches(stored: str, password: str) -> bool:
    """Whether this is the password of that hash. Takes the same time either way."""
    try:
        return _HASHER.verify(stored, _as_kept(password[: LONGEST + 1]))
    except VerificationError:
        return False


# --- managing ------------------------------------------------------------------------------------


def add(
    connection: sa.Connection,
    by: User,
    user: User,
    password: str,
    at: datetime,
    *,
    must_change: bool = False,
) -> None:
    """Give a person an account. Raises RequestError for an id, name, language or password that will not do."""
    require(by, Action.MANAGE_USERS)
    check(user)
    if users.get(connection, user.id) is not None:
        raise RequestError("user_exists", id=user.id)
    check_strength(user.id, password)
    facts = {"id": user.id, "name": user.name, "role": user.role.value, "created_at": at, "must_change": must_change}
    sets = {"teams": sorted(user.teams), "langs": sorted(user.langs)}
    connection.execute(sa.insert(table).values({**facts, **sets, "password": _hash(password)}))
    audit.append(connection, by.id, "account", at, user.id, what="added", role=user.role.value)


def add_first(connection: sa.Connection, user: User, password: str, at: datetime, *, local: bool) -> None:
    """Give the first person of all an account; it ends the demo. Raises NotAllowedError (`demo_over`), RequestError.

    local: whether only this machine can reach the app: whoever sits there could as well run the command
    """
    if not sessions.demo(connection, local=local):
        raise NotAllowedError("demo_over")
    add(connection, OPERATOR, user, password, at)


def check(user: User) -> None:
    """Raises RequestError for an id, a name or a language that will not do."""
    if not ID.fullmatch(user.id) or user.id == OPERATOR.id:
        raise RequestError("user_id_malformed", id=user.id[:64])
    if not user.name.strip() or len(user.name) > NAME_LONGEST:
        raise RequestError("user_name_malformed", most=NAME_LONGEST)
    if not user.langs or not user.langs <= set(LANGUAGES):
        raise RequestError("user_langs_malformed", known=", ".join(LANGUAGES))


def all_accounts(connection: sa.Connection, by: User) -> list[Account]:
    """Every account, by id."""
    require(by, Action.MANAGE_USERS)
    rows = connection.execute(sa.select(table).order_by(table.c.id))
    return [Account(users.of_row(row), row.created_at, row.disabled_at, row.must_change) for row in rows]


def set_password(
    connection: sa.Connection, by: User, id: str, password: str, at: datetime, *, must_change: bool = False
) -> None:
    """Give an account a new password and end its sessions. Raises NotFoundError, RequestError."""
    require(by, Action.CHANGE_PASSWORD, owner=id)
    check_strength(id, password)
    _update(connection, id, password=_hash(password), must_change=must_change)
    sessions.end_all(connection, id)
    audit.append(connection, by.id, "password", at, id)


def change(connection: sa.Connection, by: User, user: User, at: datetime) -> None:
    """Give a person another name, role, other teams or languages. Raises NotFoundError, RequestError.

    Nobody gives up their own role: the last admin could not take it back.
    """
    require(by, Action.MANAGE_USERS)
    check(user)
    if user.id == by.id and user.role is not by.role:
        raise RequestError("account_own")
    before = users.get(connection, user.id)
    facts = {"name": user.name, "role": user.role.value, "teams": sorted(user.teams), "langs": sorted(user.langs)}
    _update(connection, user.id, **facts)
    told = {"role": user.role.value, "before": before.role.value if before else "", "teams": " ".join(facts["teams"])}
    audit.append(connection, by.id, "role", at, user.id, **told)


def disable(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Let a person in no more, and end their sessions. Raises NotFoundError, RequestError for oneself."""
    require(by, Action.MANAGE_USERS)
    if id == by.id:
        raise RequestError("account_own")
    _update(connection, id, disabled_at=at)
    sessions.end_all(connection, id)
    connection.execute(sa.delete(device).where(device.c.user == id))
    audit.append(connection, by.id, "account", at, id, what="disabled")


def enable(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Let a disabled person in again, with the password they had. Raises NotFoundError."""
    require(by, Action.MANAGE_USERS)
    _update(connection, id, disabled_at=None)
    audit.append(connection, by.id, "account", at, id, what="enabled")


def _update(connection: sa.Connection, id: str, **values: object) -> None:
    if connection.execute(sa.update(table).where(table.c.id == id).values(values)).rowcount != 1:
        raise NotFoundError("user_missing", id=id[:64])


def unlock(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Forget the wrong tries of a name, so that its person may try again now. Raises NotFoundError."""
    require(by, Action.MANAGE_USERS)
    if users.get(connection, id) is None:
        raise NotFoundError("user_missing", id=id[:64])
    connection.execute(sa.delete(attempt).where(attempt.c.who == _digest(id)))
    audit.append(connection, by.id, "account", at, id, what="unlocked")


# --- signing in ----------------------------------------------------------------------------------


def sign_in(
    database: Database, typed: str, password: str, address: str, at: datetime, *, new: str = "", device: str = ""
) -> str:
    """Begin a session for a name and its password; its token. `new` replaces the password on the way.

    device: what `remember` gave this browser, '' for a strange one
    Raises NotAllowedError for a wrong name or password (`sign_in_wrong`, the same for both), after too
    many tries (`sign_in_tries`) and where the password has to be changed first (`password_must_change`);
    RequestError for a new password that will not do.
    """
    account = check_password(database, typed, password, address, at, device=device)
    if account.must_change and not new:
        raise NotAllowedError("password_must_change")
    if new and new == password:
        raise RequestError("password_same")
    with database.write() as connection:
        if new:
            set_password(connection, account.user, account.user.id, new, at)
        return sessions.sign_in(connection, account.user.id, at)


def check_password(
    database: Database, typed: str, password: str, address: str, at: datetime, *, device: str = ""
) -> Account:
    """Whose name and password these are. Raises NotAllowedError (`sign_in_wrong`, `sign_in_tries`).

    Takes the database and not a connection: the try is written down before the hash is asked, so that
    many at once are counted too, and no transaction stays open for the 50 ms that the hash takes.
    """
    id = id_of(typed)
    with database.write() as connection:  # the clock went back; kept also where the try is refused
        connection.execute(sa.update(attempt).where(attempt.c.at > at).values(at=at))
    with database.write() as connection:
        place = _count(connection, id, address, device, at)
        row = connection.execute(sa.select(table).where(table.c.id == id)).one_or_none()
    right = matches(row.password if row else _NOBODYS, password)
    if row is None or not right or row.disabled_at is not None:
        with database.write() as connection:  # never what was typed as a name: it may be the password
            audit.append(connection, "", "sign_in_refused", at, row.id if row else "")
        raise NotAllowedError("sign_in_wrong")
    with database.write() as connection:
        connection.execute(sa.delete(attempt).where(attempt.c.who == _digest(id), attempt.c.place == place))
    return Account(users.of_row(row), row.created_at, row.disabled_at, row.must_change)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _count(connection: sa.Connection, id: str, address: str, token: str, at: datetime) -> str:
    """Write a try down; its place. Raises NotAllowedError where it is one too many."""
    connection.execute(sa.delete(attempt).where(attempt.c.at <= at - WINDOW))
    known = bool(token) and _is_known(connection, id, token, at)
    place = _digest("device", token) if known else _digest(id, address)
    made = connection.execute(sa.select(attempt.c.place, attempt.c.known).where(attempt.c.who == _digest(id))).all()
    strange = [one.place for one in made if not one.known]
    too_many = not known and (len(strange) >= STRANGE_TRIES or strange.count(place) >= TRIES_HERE)
    if too_many or len(made) >= TRIES:
        raise NotAllowedError("sign_in_tries", minutes=int(WINDOW.total_seconds()) // 60)
    connection.execute(sa.insert(attempt).values(who=_digest(id), place=place, known=known, at=at))
    return place


def move_tries(connection: sa.Connection, jump: timedelta) -> None:
    """The machine's clock jumped so far while this program ran: tries are as long ago as they were."""
    for row in connection.execute(sa.select(attempt.c.id, attempt.c.at)).all():
        connection.execute(sa.update(attempt).where(attempt.c.id == row.id).values(at=row.at + jump))


# --- browsers that are known ---------------------------------------------------------------------


def remember(connection: sa.Connection, user: str, token: str, at: datetime) -> str:
    """This person has just signed in with this browser: the token by which it is known from now on.

    token: the one it had, '' for none. A new one each time, so that a planted one is worth nothing.
    """
    new = secrets.token_urlsafe(24)
    connection.execute(sa.delete(device).where(device.c.seen_at <= at - DEVICE_LIFE))
    if token:
        connection.execute(sa.update(device).where(device.c.key == _digest(token)).values(key=_digest(new)))
    mine = (device.c.key == _digest(new)) & (device.c.user == user)
    connection.execute(sa.delete(device).where(mine))
    connection.execute(sa.insert(device).values(key=_digest(new), user=user, seen_at=at))
    return new


def _is_known(connection: sa.Connection, id: str, token: str, at: datetime) -> bool:
    mine = (device.c.key == _digest(token)) & (device.c.user == id) & (device.c.seen_at > at - DEVICE_LIFE)
    return connection.scalar(sa.select(sa.exists().where(mine))) or False
