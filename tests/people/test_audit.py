"""The audit log: what is written, with what it is about, and that no change to it stays unseen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from kb.db import Database
from kb.doors.cli import main
from kb.errors import KBError, NotAllowedError, RequestError, StoreError
from kb.people import accounts, audit, sessions
from kb.people.audit import Entry, Verified
from kb.people.users import OPERATOR, Role, User
from kb.tables import audit_head, audit_unsealed

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WANG = User("wang.min", "王敏", Role.AGENT)
PASSWORD = "quiet harbour 7"
ROOT = Path(__file__).resolve().parents[2]


def written(database: Database, count: int = 5) -> list[str]:
    """So many entries; their seals."""
    for number in range(1, count + 1):
        with database.write() as connection:
            audit.append(connection, "wang.min", "edit", NOON + timedelta(seconds=number), f"article-{number}", lines=7)
    with database.read() as connection:
        return [one.seal for one in reversed(audit.entries(connection, OPERATOR))]


def checked(database: Database, noted: str = "") -> Verified:
    with database.read() as connection:
        return audit.verify(connection, OPERATOR, noted)


def tampered(database: Database, *statements: str) -> None:
    """What somebody with the file in hand can do: the triggers go first."""
    with database.write() as connection:
        if connection.dialect.name == "sqlite":
            for what in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS audit_no_{what}")
        else:
            connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_append_only ON audit")
        for statement in statements:
            connection.exec_driver_sql(statement)


def acts(database: Database) -> list[tuple[str, str, str, str]]:
    with database.read() as connection:
        return [(e.by, e.act, e.about, e.facts) for e in reversed(audit.entries(connection, OPERATOR))]


# --- the chain -----------------------------------------------------------------------------------


def test_an_untouched_log_is_sound(database: Database) -> None:
    assert checked(database) == Verified(0, audit_unsealed)
    seals = written(database)
    assert checked(database) == Verified(5, seals[-1])
    assert len(set(seals)) == 5


def test_an_entry_is_kept_as_it_was_given_and_masked(database: Database) -> None:
    with database.write() as connection:
        audit.append(connection, "li.na", "export", NOON, "13812345678", why="for 13812345678", rows=3)
        (entry,) = audit.entries(connection, OPERATOR)
    assert entry == Entry(1, NOON, "li.na", "export", "‹phone›", '{"rows": 3, "why": "for ‹phone›"}', entry.seal)


@pytest.mark.parametrize(
    ("statement", "trouble", "number", "sound"),
    [
        ("UPDATE audit SET by = 'li.na' WHERE number = 3", "changed", 3, 2),
        ("UPDATE audit SET at = at + 1 WHERE number = 1", "changed", 1, 0),
        ("UPDATE audit SET act = 'publish' WHERE number = 5", "changed", 5, 4),
        ("UPDATE audit SET about = 'article-9' WHERE number = 2", "changed", 2, 1),
        ("UPDATE audit SET facts = '{\"lines\": 8}' WHERE number = 4", "changed", 4, 3),
        ("UPDATE audit SET seal = replace(seal, 'a', 'b') WHERE number = 2", "changed", 2, 1),
        ("DELETE FROM audit WHERE number = 3", "missing", 3, 2),
        ("DELETE FROM audit WHERE number = 1", "missing", 1, 0),
        ("DELETE FROM audit WHERE number > 3", "cut_off", 4, 3),
        ("DELETE FROM audit", "cut_off", 1, 0),
        ("DELETE FROM audit_head", "changed", 5, 5),
        ("UPDATE audit_head SET seal = '1'", "changed", 5, 5),
    ],
)
def test_one_change_is_found_at_its_place(
    database: Database, statement: str, trouble: audit.Trouble, number: int, sound: int
) -> None:
    written(database)
    tampered(database, statement)
    found = checked(database)
    assert (found.trouble, found.number, found.count) == (trouble, number, sound)


def test_two_entries_that_change_places_are_found(database: Database) -> None:
    written(database)
    moves = ((2, 99), (4, 2), (99, 4))
    tampered(database, *(f"UPDATE audit SET number = {to} WHERE number = {of}" for of, to in moves))
    assert checked(database).trouble == "changed"
    assert checked(database).number == 2


def test_a_log_written_anew_from_the_start_lacks_the_seal_noted_elsewhere(database: Database) -> None:
    seals = written(database)
    assert checked(database, seals[2]).trouble is None
    tampered(database, "DELETE FROM audit", "DELETE FROM audit_head")
    with database.write() as connection:
        for number in range(1, 6):
            audit.append(connection, "nobody", "edit", NOON, f"article-{number}")
    assert checked(database).trouble is None  # by itself a forged log looks well
    assert checked(database, seals[-1]) == Verified(5, checked(database).seal, "seal_unknown")


@pytest.mark.parametrize("statement", ["UPDATE audit SET by = 'x'", "DELETE FROM audit WHERE number = 1"])
def test_the_database_itself_refuses_a_change(database: Database, statement: str) -> None:
    written(database)
    with pytest.raises(StoreError), database.write() as connection:
        connection.exec_driver_sql(statement)
    assert checked(database).count == 5


def test_an_act_that_fails_leaves_no_entry(database: Database) -> None:
    written(database, 2)

    def fails() -> None:
        with database.write() as connection:
            audit.append(connection, "wang.min", "edit", NOON, "half-done")
            raise RequestError("request_not_json")

    with pytest.raises(RequestError):
        fails()
    assert checked(database).count == 2


def test_an_act_nobody_knows_is_refused(database: Database) -> None:
    with database.write() as connection, pytest.raises(RequestError) as caught:
        audit.append(connection, "wang.min", "peek", NOON)
    assert caught.value.code == "audit_act_unknown"


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR, Role.SUPERVISOR])
def test_only_an_admin_reads_it(database: Database, role: Role) -> None:
    with database.read() as connection:
        for read in (audit.entries, audit.verify):
            with pytest.raises(NotAllowedError):
                read(connection, User("x", "X", role))


APPENDS = """
import sys
from datetime import UTC, datetime
from kb.db import Database
from kb.people import audit
database = Database(sys.argv[1])
for number in range(20):
    with database.write() as connection:
        audit.append(connection, sys.argv[2], "edit", datetime(2026, 11, 21, 12, tzinfo=UTC), str(number))
"""


def test_three_programs_at_once_make_one_chain(database: Database) -> None:
    command = [sys.executable, "-c", APPENDS, database.url.render_as_string(hide_password=False)]
    programs = [subprocess.Popen([*command, name], cwd=ROOT, stderr=subprocess.PIPE, text=True) for name in "abc"]
    assert [one.communicate(timeout=120)[1] for one in programs] == ["", "", ""]
    assert (checked(database).count, checked(database).trouble) == (60, None)


# --- what is written -----------------------------------------------------------------------------


def _add(database: Database) -> None:
    with database.write() as connection:
        accounts.add(connection, OPERATOR, WANG, PASSWORD, NOON)


def test_accounts_and_signing_in_are_written_down(database: Database) -> None:
    _add(database)
    with database.write() as connection:
        accounts.disable(connection, OPERATOR, "wang.min", NOON)
        accounts.enable(connection, OPERATOR, "wang.min", NOON)
        accounts.set_password(connection, WANG, "wang.min", "another harbour", NOON)
    accounts.sign_in(database, "wang.min", "another harbour", "here", NOON)
    for name in ("wang.min", "my secret password"):
        with pytest.raises(KBError):
            accounts.sign_in(database, name, "wrong", "here", NOON)
    assert acts(database) == [
        ("operator", "account", "wang.min", '{"role": "agent", "what": "added"}'),
        ("operator", "account", "wang.min", '{"what": "disabled"}'),
        ("operator", "account", "wang.min", '{"what": "enabled"}'),
        ("wang.min", "password", "wang.min", "{}"),
        ("wang.min", "sign_in", "", '{"sample": false}'),
        ("", "sign_in_refused", "wang.min", "{}"),
        ("", "sign_in_refused", "", "{}"),
    ]
    assert checked(database).trouble is None


def test_a_sample_person_of_the_demo_is_written_down_as_one(database: Database) -> None:
    with database.write() as connection:
        sessions.sign_in_sample(connection, "editor", NOON, local=True)
    assert acts(database) == [("editor", "sign_in", "", '{"sample": true}')]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def command(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("KB_DATABASE_URL", str(database.url))

    def run(*words: str, language: str = "en") -> tuple[int, str]:
        monkeypatch.setenv("KB_LANGUAGE", language)
        told = CliRunner().invoke(main, ["audit", *words], catch_exceptions=False)
        return told.exit_code, told.output

    return run


def test_the_command_says_that_it_is_sound_and_what_to_note(
    database: Database, command: Callable[..., tuple[int, str]]
) -> None:
    seals = written(database)
    sound = f"5 entries, none changed. The last seal, to be noted elsewhere: {seals[-1]}\n"
    assert command("verify") == (0, sound)
    assert command("verify", "--seal", seals[1]) == (0, sound)
    assert command("verify", "--seal", "f" * 64)[0] == 1
    assert command("list", "--most", "1") == (0, '5\t2026-11-21 12:00:05\twang.min\tedit\tarticle-5\t{"lines": 7}\n')


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "Entry 3 is missing. Sound up to it: 2 entries.\n"), ("zh", "缺少第 3 条。此前 2 条完好。\n")],
)
def test_the_command_says_what_is_wrong(
    database: Database, command: Callable[..., tuple[int, str]], language: str, sentence: str
) -> None:
    written(database)
    tampered(database, "DELETE FROM audit WHERE number = 3")
    assert command("verify", language=language) == (1, sentence)


def test_the_head_is_one_row(database: Database) -> None:
    written(database)
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(audit_head)) == 1
