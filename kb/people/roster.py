"""Many people at once, from a CSV file: first everything that is wrong with it, by line, and only then anything done.

Columns by their names in the first line: `id` and `role` are needed; `name`, `teams` and `langs` may be left out
(several with `;` or `,` between them). Who is there already is changed to what the file says; nobody is taken away.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from kb.db import Database
from kb.errors import KBError, RequestError
from kb.i18n import LANGUAGES
from kb.people import accounts, users
from kb.people.users import Action, Role, User, require

NEEDED, COLUMNS = ("id", "role"), ("id", "role", "name", "teams", "langs")
MOST = 2_000  # people a file; each new one costs a password hash
AT_ONCE = 10  # people a transaction: others want to write too


@dataclass(frozen=True)
class Row:
    """One person of the file; `line` counts from 1, the heading included."""

    line: int
    user: User


@dataclass(frozen=True)
class Wrong:
    """What is wrong with one line."""

    line: int
    error: KBError


@dataclass(frozen=True)
class Enrolled:
    """What an import does: passwords made for new people, who is changed, who stays as they are."""

    added: dict[str, str]
    changed: tuple[str, ...]
    same: tuple[str, ...]


def decoded(raw: bytes) -> str:
    """The text of a file: UTF-8, or GB18030, in which a Chinese spreadsheet writes it."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def read(text: str) -> tuple[list[Row], list[Wrong]]:
    """The people of a CSV file (UTF-8, commas or semicolons), and what is wrong with its lines."""
    text = text.removeprefix("\ufeff")
    heading = text.split("\n", 1)[0]
    lines = csv.reader(io.StringIO(text), delimiter=";" if heading.count(";") > heading.count(",") else ",")
    names = [name.strip().lower() for name in next(lines, [])]
    if not set(NEEDED) <= set(names) or not set(names) <= set(COLUMNS) or len(set(names)) != len(names):
        return [], [Wrong(1, RequestError("roster_heading", known=", ".join(COLUMNS), needed=", ".join(NEEDED)))]
    rows: list[Row] = []
    wrong: list[Wrong] = []
    seen: dict[str, int] = {}
    for number, values in _numbered(lines):
        try:
            user = _user(dict(zip(names, (value.strip() for value in values), strict=False)))
            if user.id in seen:
                raise RequestError("roster_twice", id=user.id, line=seen[user.id])
            seen[user.id] = number
            rows.append(Row(number, user))
        except KBError as error:
            wrong.append(Wrong(number, error))
    if len(rows) > MOST:
        wrong.append(Wrong(MOST + 2, RequestError("roster_long", most=MOST)))
    return rows, wrong


def _numbered(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    while True:
        try:
            values = next(lines, None)
        except csv.Error as error:
            raise RequestError("roster_broken", line=lines.line_num, problem=str(error)) from error  # type: ignore[attr-defined]
        if values is None:
            return
        if any(value.strip() for value in values):
            yield lines.line_num, values  # type: ignore[attr-defined]


def _user(given: dict[str, str]) -> User:
    id, role = accounts.id_of(given.get("id", "")), given.get("role", "").lower()
    if role not in [one.value for one in Role]:
        raise RequestError("roster_role", role=role[:40], known=", ".join(Role))
    teams, langs = (_parts(given.get(name, "")) for name in ("teams", "langs"))
    user = User(id, given.get("name") or id, Role(role), teams, langs or frozenset(LANGUAGES))
    accounts.check(user)
    return user


def _parts(written: str) -> frozenset[str]:
    return frozenset(part.strip() for part in re.split("[;,]", written) if part.strip())


# --- writing -------------------------------------------------------------------------------------


def plan(connection: sa.Connection, by: User, rows: Sequence[Row]) -> Enrolled:
    """What `enrol` would do; no password is made."""
    require(by, Action.MANAGE_USERS)
    before = {row.user.id: users.get(connection, row.user.id) for row in rows}
    added = {row.user.id: "" for row in rows if before[row.user.id] is None}
    changed = tuple(row.user.id for row in rows if before[row.user.id] not in (None, row.user))
    return Enrolled(added, changed, tuple(row.user.id for row in rows if before[row.user.id] == row.user))


def enrol(connection: sa.Connection, by: User, rows: Sequence[Row], at: datetime) -> Enrolled:
    """Give everybody new an account with a password to be changed, and change who is there already.

    One transaction for all of them: a hash takes 50 ms, so a long file is better given to `enrol_all`.
    """
    require(by, Action.MANAGE_USERS)
    added: dict[str, str] = {}
    changed, same = [], []
    for row in rows:
        before = users.get(connection, row.user.id)
        if before is None:
            added[row.user.id] = accounts.new_password()
            accounts.add(connection, by, row.user, added[row.user.id], at, must_change=True)
        elif before != row.user:
            accounts.change(connection, by, row.user, at)
            changed.append(row.user.id)
        else:
            same.append(row.user.id)
    return Enrolled(added, tuple(changed), tuple(same))


def enrol_all(database: Database, by: User, rows: Sequence[Row], at: datetime) -> Iterator[Enrolled]:
    """`enrol` in pieces of `AT_ONCE`, a transaction each; what each did, so that no password made is lost."""
    for start in range(0, len(rows), AT_ONCE):
        with database.write() as connection:
            done = enrol(connection, by, rows[start : start + AT_ONCE], at)
        yield done
