"""`python -m kb user …` as typed, and that nothing is served to others before somebody has an account."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kb.config import settings
from kb.db import Database
from kb.doors import wiring
from kb.doors.cli import main
from kb.errors import KBError
from kb.people import accounts, users
from kb.people.users import Role, User

NOW = datetime.now(UTC)
PASSWORD = "quiet harbour 7"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of its own, English sentences."""
    monkeypatch.setenv("KB_DATABASE_URL", f"sqlite:///{tmp_path}/firstcall.sqlite")
    monkeypatch.setenv("KB_HOME", str(tmp_path))
    monkeypatch.setenv("KB_LANGUAGE", "en")
    wiring.desk.cache_clear()
    yield
    wiring.desk.cache_clear()


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["user", *words], input=typed, catch_exceptions=False)


def code_of(name: str, password: str) -> str:
    """The role that this name and password open, or why they do not."""
    database = Database(settings().database_url)
    try:
        return accounts.check_password(database, name, password, "here", NOW).user.role.value
    except KBError as error:
        return error.code
    finally:
        database.close()


def refusal() -> str:
    """Why the desk would not be served, '' where it is."""
    try:
        wiring.desk().check_access()
    except KBError as error:
        return error.code
    return ""


def test_a_person_is_added_and_can_sign_in() -> None:
    words = ["add", "Wang.Min", "--role", "agent", "--name", "王敏", "--team", "payments", "--team", "vip"]
    told = run(*words, "--lang", "zh", typed=f"{PASSWORD}\n")
    assert (told.exit_code, told.stdout) == (0, "wang.min can sign in now.\n")
    assert code_of("wang.min", PASSWORD) == "agent"
    database = Database(settings().database_url)
    with database.read() as connection:
        found = users.get(connection, "wang.min")
    assert found == User("wang.min", "王敏", Role.AGENT, frozenset({"payments", "vip"}), frozenset({"zh"}))
    database.close()


def test_without_a_password_one_is_made_that_has_to_be_changed() -> None:
    told = run("add", "li.na", "--role", "supervisor").stdout
    found = re.search(r"Password, to be changed at the first sign-in: (\S+)\n", told)
    assert found
    assert code_of("li.na", found.group(1)) == "supervisor"
    assert run("list").stdout == "li.na\tsupervisor\tli.na\t\ten,zh\thas to change the password\n"


def test_everyone_is_listed_with_what_matters() -> None:
    assert run("list").stdout == "There are no users yet.\n"
    run("add", "wang.min", "--role", "agent", "--team", "payments", typed=PASSWORD)
    run("add", "li.na", "--role", "admin", "--name", "Li Na", "--lang", "en", typed=PASSWORD)
    run("disable", "wang.min")
    assert run("list").stdout == "li.na\tadmin\tLi Na\t\ten\nwang.min\tagent\twang.min\tpayments\ten,zh\tdisabled\n"


def test_disable_enable_and_a_new_password() -> None:
    run("add", "wang.min", "--role", "agent", typed=PASSWORD)
    assert run("disable", "wang.min").stdout == "wang.min cannot sign in any more; all sessions are ended.\n"
    assert code_of("wang.min", PASSWORD) == "sign_in_wrong"
    assert run("enable", "WANG.MIN").stdout == "wang.min can sign in again.\n"
    assert code_of("wang.min", PASSWORD) == "agent"
    told = run("password", "wang.min", typed="another harbour\n")
    assert told.stdout == "wang.min has a new password, and no session any more.\n"
    assert (code_of("wang.min", PASSWORD), code_of("wang.min", "another harbour")) == ("sign_in_wrong", "agent")


def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "wang.min", "--role", "agent", typed=PASSWORD)

    def refused(*words: str, typed: str = PASSWORD) -> str:
        told = run(*words, typed=typed)
        assert (told.exit_code, told.stdout) == (2, "")
        return told.stderr.strip()

    assert refused("add", "wang.min", "--role", "agent") == "There is already a user wang.min."
    assert refused("add", "li.na", "--role", "agent", typed="short") == "A password has at least 10 characters."
    assert refused("disable", "li.na") == "There is no user li.na."
    monkeypatch.setenv("KB_LANGUAGE", "zh")
    assert refused("password", "li.na") == "没有用户 li.na。"
    assert refused("add", "王敏", "--role", "agent").startswith("“王敏”不能做用户名")


# --- serving -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "env", [{"KB_HOST": "0.0.0.0"}, {"KB_HOST": "192.168.1.5"}, {"KB_ORIGINS": "https://kb.example.com"}]
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nobody_is_served_elsewhere_before_there_is_an_account(
    env: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (env | {"KB_LANGUAGE": language}).items():
        monkeypatch.setenv(name, value)
    told = CliRunner().invoke(main, ["serve"], catch_exceptions=False)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "python -m kb user add NAME --role admin" in told.stderr
    assert ("账号" in told.stderr) is (language == "zh")


def test_with_an_account_others_may_be_served_at_addresses_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "wang.min", "--role", "admin", typed=PASSWORD)
    monkeypatch.setenv("KB_HOST", "0.0.0.0")
    told = CliRunner().invoke(main, ["serve"], catch_exceptions=False)
    assert told.exit_code == 2
    assert "KB_ORIGINS" in told.stderr
    monkeypatch.setenv("KB_ORIGINS", "https://kb.example.com")
    wiring.desk.cache_clear()
    assert refusal() == ""


def test_the_demo_is_served_to_this_machine_and_to_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal() == ""
    monkeypatch.setenv("KB_HOST", "0.0.0.0")
    wiring.desk.cache_clear()
    assert refusal() == "accounts_missing"


@pytest.mark.parametrize("words", [("disable",), ("change", "--team"), ("password",)])
def test_what_is_not_utf8_is_refused_in_a_sentence(words: tuple[str, ...]) -> None:
    given = os.fsdecode(b"\xffna")  # as a terminal gives bytes that are no UTF-8
    assert run("add", "li.na", "--role", "agent", typed=f"{PASSWORD}\n{PASSWORD}\n").exit_code == 0
    told = run(*words, given, *(("li.na",) if words[0] == "change" else ()), typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert (told.exit_code, told.output.splitlines()[-1]) == (2, "What was given is not UTF-8 text.")
