"""Many people from one file: what is read, what is wrong by line, and that a file with a mistake does nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.db import Database
from kb.doors.cli import main
from kb.errors import KBError
from kb.i18n import explain
from kb.people import accounts, audit, roster, users
from kb.people.users import OPERATOR, Role, User

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def read(text: str) -> tuple[list[tuple[int, User]], list[tuple[int, str]]]:
    rows, wrong = roster.read(text)
    assert all(explain("zh", one.error) and explain("en", one.error) for one in wrong)
    return [(row.line, row.user) for row in rows], [(one.line, one.error.code) for one in wrong]


def test_a_file_as_a_spreadsheet_saves_it() -> None:
    both = frozenset({"zh", "en"})
    wang = User("wang.min", "王敏", Role.AGENT, frozenset({"payments", "vip"}), frozenset({"zh"}))
    li = User("li.na", "li.na", Role.EDITOR, frozenset(), both)
    assert read("\ufeffid,role,name,teams,langs\r\nWang.Min,agent,王敏,payments;vip,zh\r\n\r\nli.na,Editor,,,\r\n") == (
        [(2, wang), (4, li)],
        [],
    )
    assert read('id;name;role;teams\nwang.min;王敏;agent;"payments,vip"\n')[0][0][1].teams == {"payments", "vip"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Wang Min,agent", "user_id_malformed"),
        ("operator,admin", "user_id_malformed"),
        (",agent", "user_id_malformed"),
        ("zhao.lei,boss", "roster_role"),
        ("zhao.lei", "roster_role"),
        ("li.na,agent", "roster_twice"),
        ("LI.NA,agent", "roster_twice"),
        ("=cmd|' /C calc'!A0,agent", "user_id_malformed"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_the_others_are_read(line: str, code: str) -> None:
    rows, wrong = read(f"id,role\nli.na,agent\n{line}\nlast.one,agent\n")
    assert ([number for number, _ in rows], wrong) == ([2, 4], [(3, code)])


@pytest.mark.parametrize("heading", ["", "name,role", "id,role,password", "id,id,role", "wang.min,agent"])
def test_a_heading_that_is_none_is_told_at_line_1(heading: str) -> None:
    assert read(f"{heading}\nwang.min,agent\n") == ([], [(1, "roster_heading")])


def test_a_file_of_more_than_its_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MOST", 3)
    assert read("id,role\n" + "".join(f"p{n},agent\n" for n in range(4)))[1] == [(5, "roster_long")]


def test_new_people_have_to_change_their_password_and_others_are_changed(database: Database) -> None:
    wang = User("wang.min", "王敏", Role.AGENT)
    with database.write() as connection:
        accounts.add(connection, OPERATOR, wang, "quiet harbour 7", NOON)
        rows, _ = roster.read("id,role,name\nwang.min,editor,王敏\nli.na,agent,\n")
        plan = roster.plan(connection, OPERATOR, rows)
        done = roster.enrol(connection, OPERATOR, rows, NOON)
        again = roster.enrol(connection, OPERATOR, rows, NOON)
    assert (plan.changed, list(plan.added), plan.same) == (("wang.min",), ["li.na"], ())
    assert (done.changed, list(done.added), done.same) == (("wang.min",), ["li.na"], ())
    assert (again.changed, again.added, again.same) == ((), {}, ("wang.min", "li.na"))
    account = accounts.check_password(database, "li.na", done.added["li.na"], "here", NOON)
    assert account.must_change
    assert accounts.check_password(database, "wang.min", "quiet harbour 7", "here", NOON).user.role is Role.EDITOR
    with database.read() as connection:
        acts = [(one.act, one.about) for one in audit.entries(connection, OPERATOR)]
    assert acts == [("account", "li.na"), ("role", "wang.min"), ("account", "wang.min")]


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR, Role.SUPERVISOR])
def test_only_an_admin_imports(database: Database, role: Role) -> None:
    with database.write() as connection:
        for call in (roster.plan, roster.enrol):
            with pytest.raises(KBError) as caught:
                call(connection, User("x", "X", role), [], *([NOON] if call is roster.enrol else []))  # type: ignore[operator]
            assert caught.value.code == "not_allowed"


# --- the command ---------------------------------------------------------------------------------


def test_the_command_tries_it_dry_and_does_nothing_with_a_mistake(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_DATABASE_URL", str(database.url))
    monkeypatch.setenv("KB_LANGUAGE", "en")
    file = tmp_path / "people.csv"

    def run(*words: str) -> tuple[int, list[str]]:
        told = CliRunner().invoke(main, ["user", "import", str(file), *words], catch_exceptions=False)
        return told.exit_code, told.output.splitlines()

    def there() -> int:
        with database.read() as connection:
            return len(users.everyone(connection))

    file.write_text("id,role\nwang.min,agent\nli.na,boss\n", "utf-8")
    problem = 'Line 3: "boss" is no role. Known: agent, editor, supervisor, admin.'
    assert run() == (2, [problem, "1 lines are wrong. Nothing was done."])
    file.write_text("id,role\n" + "".join(f"p{n:03},agent\n" for n in range(12)), "utf-8")
    assert run("--dry-run") == (0, ["Nothing was done: 12 would be added, 0 changed, 0 stay as they are."])
    assert there() == 0
    status, lines = run()
    assert (status, lines[-1], there()) == (0, "12 added, 0 changed, 0 as they were.", 12)
    id, _, password = lines[0].partition("\t")
    assert accounts.check_password(database, id, password, "here", NOON).must_change
