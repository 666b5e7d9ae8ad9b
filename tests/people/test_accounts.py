"""Accounts: who gets one, which passwords do, and that guessing does not pay."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from argon2 import extract_parameters
from argon2.low_level import Type

from kb import tables
from kb.db import Database
from kb.errors import KBError, NotAllowedError, NotFoundError, RequestError
from kb.i18n import LANGUAGES, explain
from kb.people import accounts, sessions, users
from kb.people.users import OPERATOR, SAMPLES, Role, User
from tests.new_database import everything

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WANG = User("wang.min", "王敏", Role.AGENT, frozenset({"payments"}), frozenset({"zh"}))
PASSWORD = "quiet harbour 7"
DESK, ELSEWHERE = "10.0.0.7", "203.0.113.9"


@pytest.fixture
def wang(database: Database) -> User:
    add(database, WANG)
    return WANG


def add(database: Database, user: User, password: str = PASSWORD, by: User = OPERATOR, **options: bool) -> None:
    with database.write() as connection:
        accounts.add(connection, by, user, password, NOON, **options)


def check(
    database: Database, name: str, password: str, address: str = DESK, at: datetime = NOON, device: str = ""
) -> str:
    """The id of who that is, or the code of why they are not let in."""
    try:
        return accounts.check_password(database, name, password, address, at, device=device).user.id
    except KBError as error:
        return error.code


def code_of(call: object, *arguments: object, **options: object) -> str:
    with pytest.raises(KBError) as caught:
        call(*arguments, **options)  # type: ignore[operator]
    for language in LANGUAGES:
        assert explain(language, caught.value)
    return caught.value.code


# --- managing ------------------------------------------------------------------------------------


def test_an_account_is_kept_as_it_was_given(database: Database, wang: User) -> None:
    with database.read() as connection:
        assert users.get(connection, "wang.min") == wang
        assert users.get(connection, "li.na") is None
        assert accounts.all_accounts(connection, OPERATOR) == [accounts.Account(wang, NOON, None, False)]
        assert users.any_account(connection)


def test_nobody_has_an_account_to_begin_with(database: Database) -> None:
    with database.read() as connection:
        assert not users.any_account(connection)
        assert users.everyone(connection) == []


def test_a_password_is_kept_as_argon2id_and_nowhere_else(database: Database, wang: User) -> None:
    with database.read() as connection:
        kept = connection.scalar(sa.select(tables.user.c.password))
    parameters = extract_parameters(kept)
    assert (parameters.type, parameters.time_cost, parameters.memory_cost) == (Type.ID, 2, 19_456)
    assert PASSWORD.encode() not in everything(database)


def test_a_name_that_nobody_has_costs_the_same_hash(database: Database, wang: User) -> None:
    with database.read() as connection:
        kept = connection.scalar(sa.select(tables.user.c.password))
    assert extract_parameters(accounts._NOBODYS) == extract_parameters(kept)


@pytest.mark.parametrize("id", ["", "Wang", "王敏", "wang min", ".wang", "a" * 65, "operator", "wang/..", "wang\n"])
def test_a_name_that_cannot_be_one_is_refused(database: Database, id: str) -> None:
    assert code_of(add, database, replace(WANG, id=id)) == "user_id_malformed"


def test_a_person_has_a_name_to_show_and_a_language_we_speak(database: Database) -> None:
    assert code_of(add, database, replace(WANG, name=" ")) == "user_name_malformed"
    assert code_of(add, database, replace(WANG, langs=frozenset())) == "user_langs_malformed"
    assert code_of(add, database, replace(WANG, langs=frozenset({"zh", "de"}))) == "user_langs_malformed"


def test_a_name_is_given_once(database: Database, wang: User) -> None:
    assert code_of(add, database, replace(WANG, name="Another")) == "user_exists"


@pytest.mark.parametrize(
    ("password", "code"),
    [("123456789", "password_short"), ("Wang.Min", "password_short"), ("x" * 201, "password_long")],
)
def test_a_password_that_will_not_do_is_refused(database: Database, password: str, code: str) -> None:
    assert code_of(add, database, WANG, password) == code


@pytest.mark.parametrize(
    "password",
    ["password123", "1234567890", "qwertyuiop", "P@ssw0rd!!", "iloveyou12", "Firstcall2026", "wang.min1990", "a" * 200],
)
def test_a_password_that_guessers_try_first_is_refused(database: Database, password: str) -> None:
    assert code_of(add, database, WANG, password) == "password_guessed"


@pytest.mark.parametrize("password", ["correct horse battery", "客服中心二〇二六年的雨", "xkq7-m2pd-9vzt-h4na"])
def test_a_password_of_several_words_or_by_chance_is_taken(database: Database, password: str) -> None:
    add(database, WANG, password)
    assert check(database, "wang.min", password) == "wang.min"


def test_a_password_is_not_the_name(database: Database) -> None:
    assert code_of(add, database, replace(WANG, id="wang.xiaomin"), "WANG.XiaoMin") == "password_is_name"


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR, Role.SUPERVISOR])
def test_only_an_admin_manages_accounts(database: Database, wang: User, role: Role) -> None:
    by = User("li.na", "Li Na", role)
    with database.write() as connection:
        assert code_of(accounts.add, connection, by, replace(WANG, id="x"), PASSWORD, NOON) == "not_allowed"
        assert code_of(accounts.disable, connection, by, "wang.min", NOON) == "not_allowed"
        assert code_of(accounts.enable, connection, by, "wang.min", NOON) == "not_allowed"
        assert code_of(accounts.all_accounts, connection, by) == "not_allowed"
        assert code_of(accounts.set_password, connection, by, "wang.min", "another pass", NOON) == "not_allowed"


def test_who_is_not_there_cannot_be_changed(database: Database) -> None:
    with database.write() as connection:
        assert code_of(accounts.disable, connection, OPERATOR, "li.na", NOON) == "user_missing"
        assert code_of(accounts.enable, connection, OPERATOR, "li.na", NOON) == "user_missing"
        assert code_of(accounts.set_password, connection, OPERATOR, "li.na", PASSWORD, NOON) == "user_missing"


def test_nobody_shuts_themselves_out(database: Database) -> None:
    boss = User("boss", "Boss", Role.ADMIN)
    add(database, boss)
    with database.write() as connection:
        assert code_of(accounts.disable, connection, boss, "boss", NOON) == "account_own"
        assert code_of(accounts.change, connection, boss, replace(boss, role=Role.AGENT), NOON) == "account_own"
        accounts.change(connection, boss, replace(boss, name="The Boss"), NOON)
        assert users.everyone(connection) == [replace(boss, name="The Boss")]


def test_the_first_account_is_made_once_and_by_nobody_elsewhere(database: Database) -> None:
    boss = User("boss", "Boss", Role.ADMIN)
    with database.write() as connection:
        assert code_of(accounts.add_first, connection, boss, PASSWORD, NOON, local=False) == "demo_over"
        accounts.add_first(connection, boss, PASSWORD, NOON, local=True)
        assert code_of(accounts.add_first, connection, WANG, PASSWORD, NOON, local=True) == "demo_over"
        assert users.everyone(connection) == [boss]


def test_everyone_is_who_may_sign_in(database: Database, wang: User) -> None:
    li = User("li.na", "Li Na", Role.EDITOR)
    add(database, li)
    with database.write() as connection:
        accounts.disable(connection, OPERATOR, "wang.min", NOON + MINUTE)
        assert users.everyone(connection) == [li]
        assert users.get(connection, "wang.min") == wang  # who did what stays readable
        assert [(a.user.id, a.disabled_at) for a in accounts.all_accounts(connection, OPERATOR)] == [
            ("li.na", None),
            ("wang.min", NOON + MINUTE),
        ]


def test_a_password_made_here_is_long_and_never_the_same() -> None:
    made = {accounts.new_password() for _ in range(50)}
    assert len(made) == 50
    assert {len(one) for one in made} == {19}
    for one in made:
        accounts.check_strength("wang.min", one)


# --- signing in ----------------------------------------------------------------------------------


def test_the_right_password_says_who_it_is(database: Database, wang: User) -> None:
    account = accounts.check_password(database, "wang.min", PASSWORD, DESK, NOON)
    assert account == accounts.Account(wang, NOON, None, False)


@pytest.mark.parametrize("typed", [" wang.min ", "Wang.Min", "ｗａｎｇ．ｍｉｎ"])
def test_capitals_width_and_spaces_of_a_name_do_not_matter(database: Database, wang: User, typed: str) -> None:
    assert check(database, typed, PASSWORD) == "wang.min"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("wang.min", "quiet harbour 8"),
        ("wang.min", "Quiet harbour 7"),
        ("wang.min", ""),
        ("wang.min", f"{PASSWORD} "),
        ("li.na", PASSWORD),
        ("", ""),
        ("x' OR 1=1 --", PASSWORD),
        ("wang.min", "x" * 100_000),
    ],
)
def test_a_wrong_name_and_a_wrong_password_sound_the_same(
    database: Database, wang: User, name: str, password: str
) -> None:
    assert check(database, name, password) == "sign_in_wrong"


def test_a_password_written_in_two_ways_is_one(database: Database) -> None:
    add(database, WANG, "cafe\u0301 au lait")
    assert check(database, "wang.min", "caf\u00e9 au lait") == "wang.min"


def test_who_is_disabled_is_told_nothing_and_who_is_enabled_is_back(database: Database, wang: User) -> None:
    with database.write() as connection:
        accounts.disable(connection, OPERATOR, "wang.min", NOON)
    assert check(database, "wang.min", PASSWORD) == "sign_in_wrong"
    with database.write() as connection:
        accounts.enable(connection, OPERATOR, "wang.min", NOON)
    assert check(database, "wang.min", PASSWORD) == "wang.min"


def test_a_known_and_an_unknown_name_take_the_same_time(
    database: Database, wang: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, str]] = []
    matches = accounts.matches
    monkeypatch.setattr(
        accounts, "matches", lambda kept, given: asked.append((extract_parameters(kept), given)) or matches(kept, given)
    )

    def seconds(name: str) -> float:
        """Of this thread's own work: what else runs on the machine does not count."""
        taken = []
        for number in range(5):
            started = time.thread_time()
            assert check(database, name, "wrong password", f"10.0.1.{number}") == "sign_in_wrong"
            taken.append(time.thread_time() - started)
        return min(taken)

    known, unknown = seconds("wang.min"), seconds("nobody.at.all")
    assert abs(known - unknown) < 0.5 * max(known, unknown)
    assert asked[:5] == asked[5:]  # one hash each, of the same cost, of the same password
    assert len(asked) == 10


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that reached the hash."""
    reached: list[str] = []
    matches = accounts.matches
    monkeypatch.setattr(accounts, "matches", lambda stored, given: reached.append(given) or matches(stored, given))
    return reached


def known_browser(database: Database, user: str = "wang.min", at: datetime = NOON) -> str:
    with database.write() as connection:
        return accounts.remember(connection, user, "", at)


@pytest.mark.parametrize("name", ["wang.min", "nobody"])
def test_five_tries_at_one_address_reach_the_hash_and_the_sixth_does_not(
    database: Database, wang: User, name: str, hashed: list[str]
) -> None:
    told = [check(database, name, f"wrong {number}", at=NOON + number * MINUTE) for number in range(7)]
    assert told == ["sign_in_wrong"] * 5 + ["sign_in_tries"] * 2
    assert check(database, name, PASSWORD, at=NOON + 8 * MINUTE) == "sign_in_tries"  # not even the right one
    assert hashed == [f"wrong {number}" for number in range(5)]


def test_ten_tries_from_a_known_browser_reach_the_hash_and_the_eleventh_does_not(
    database: Database, wang: User, hashed: list[str]
) -> None:
    browser = known_browser(database)
    told = [check(database, "wang.min", f"wrong {n}", at=NOON + n * MINUTE, device=browser) for n in range(11)]
    assert told == ["sign_in_wrong"] * 10 + ["sign_in_tries"]
    assert check(database, "wang.min", PASSWORD, at=NOON + 11 * MINUTE, device=browser) == "sign_in_tries"
    assert hashed == [f"wrong {number}" for number in range(10)]


@pytest.mark.parametrize("name", ["wang.min", "nobody"])
def test_a_hundred_addresses_together_reach_the_hash_seven_times(
    database: Database, wang: User, name: str, hashed: list[str]
) -> None:
    told = [check(database, name, f"wrong {number}", f"203.0.113.{number}") for number in range(100)]
    assert told == ["sign_in_wrong"] * 7 + ["sign_in_tries"] * 93
    assert len(hashed) == 7


def test_during_such_an_attack_the_person_signs_in_with_their_browser_and_the_hash_is_asked_ten_times_in_all(
    database: Database, wang: User, hashed: list[str]
) -> None:
    browser = known_browser(database)
    for number in range(100):
        check(database, "wang.min", f"wrong {number}", f"203.0.113.{number}")
    assert check(database, "wang.min", "mistyped", device=browser) == "sign_in_wrong"
    assert check(database, "wang.min", PASSWORD, device=browser) == "wang.min"
    assert len(hashed) == 9
    others = [check(database, "wang.min", "again", device=browser) for _ in range(5)]
    assert others == ["sign_in_wrong"] * 3 + ["sign_in_tries"] * 2


def test_a_hundred_tries_at_once_are_counted_too(database: Database, wang: User, hashed: list[str]) -> None:
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda n: check(database, "wang.min", "wrong", f"203.0.113.{n}"), range(100)))
    assert sorted(told) == ["sign_in_tries"] * 93 + ["sign_in_wrong"] * 7
    assert len(hashed) == 7


def test_a_browser_is_known_for_its_own_people_only(database: Database, wang: User) -> None:
    add(database, User("li.na", "Li Na", Role.EDITOR))
    browser = known_browser(database, "li.na")
    with database.write() as connection:
        shared = accounts.remember(connection, "wang.min", browser, NOON)
    for number in range(100):
        check(database, "wang.min", "wrong", f"203.0.113.{number}")
    assert check(database, "wang.min", PASSWORD, device=browser) == "sign_in_tries"  # its token was replaced
    assert check(database, "wang.min", PASSWORD, device="made-up") == "sign_in_tries"
    assert check(database, "wang.min", PASSWORD, device=shared) == "wang.min"
    assert check(database, "wang.min", PASSWORD, device=known_browser(database, "li.na")) == "sign_in_tries"


def test_a_browser_is_forgotten_after_half_a_year_and_when_its_person_is_disabled(
    database: Database, wang: User
) -> None:
    browser, later = known_browser(database), NOON + timedelta(days=181)
    assert browser.encode() not in everything(database)
    for number in range(100):
        check(database, "wang.min", "wrong", f"203.0.113.{number}", later)
    assert check(database, "wang.min", PASSWORD, at=later, device=browser) == "sign_in_tries"
    with database.write() as connection:
        browser = accounts.remember(connection, "wang.min", "", later)
        accounts.disable(connection, OPERATOR, "wang.min", later)
        accounts.enable(connection, OPERATOR, "wang.min", later)
    assert check(database, "wang.min", PASSWORD, at=later, device=browser) == "sign_in_tries"


def test_an_admin_unlocks_a_name(database: Database, wang: User) -> None:
    for number in range(20):
        check(database, "wang.min", "wrong", f"203.0.113.{number}")
    assert check(database, "wang.min", PASSWORD) == "sign_in_tries"
    with database.write() as connection:
        assert code_of(accounts.unlock, connection, wang, "wang.min", NOON) == "not_allowed"
        assert code_of(accounts.unlock, connection, OPERATOR, "li.na", NOON) == "user_missing"
        accounts.unlock(connection, OPERATOR, "wang.min", NOON)
    assert check(database, "wang.min", PASSWORD) == "wang.min"


def test_the_person_themselves_is_not_locked_out_elsewhere(database: Database, wang: User) -> None:
    for number in range(12):
        check(database, "wang.min", f"wrong {number}", ELSEWHERE)
    assert check(database, "wang.min", PASSWORD, ELSEWHERE) == "sign_in_tries"
    assert check(database, "wang.min", PASSWORD, DESK) == "wang.min"
    assert check(database, "li.na", PASSWORD, ELSEWHERE) == "sign_in_wrong"  # another name there is counted apart


def test_capitals_are_no_way_round_the_count(database: Database, wang: User) -> None:
    for number in range(10):
        check(database, ["wang.min", "WANG.MIN", " Wang.min"][number % 3], "wrong")
    assert check(database, "wAng.min", PASSWORD) == "sign_in_tries"


def test_tries_are_forgotten_after_fifteen_minutes(database: Database, wang: User) -> None:
    for _ in range(10):
        check(database, "wang.min", "wrong", at=NOON)
    assert check(database, "wang.min", PASSWORD, at=NOON + timedelta(minutes=14, seconds=59)) == "sign_in_tries"
    assert check(database, "wang.min", PASSWORD, at=NOON + timedelta(minutes=15)) == "wang.min"
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.attempt)) == 0


def test_the_right_password_forgives_the_wrong_ones_before_it(database: Database, wang: User) -> None:
    for _ in range(3):
        assert [check(database, "wang.min", "wrong") for _ in range(4)] == ["sign_in_wrong"] * 4
        assert check(database, "wang.min", PASSWORD) == "wang.min"


def test_the_wait_is_told_in_minutes(database: Database, wang: User) -> None:
    for _ in range(10):
        check(database, "wang.min", "wrong")
    with pytest.raises(NotAllowedError) as caught:
        accounts.check_password(database, "wang.min", PASSWORD, DESK, NOON)
    assert explain("en", caught.value) == "Too many tries with this name. Wait 15 minutes and try again."
    assert explain("zh", caught.value) == "这个用户名尝试的次数太多了，请 15 分钟后再试。"


def test_a_try_keeps_neither_name_nor_address(database: Database) -> None:
    check(database, "my secret password", "x", ELSEWHERE)
    kept = everything(database)
    assert b"my secret password" not in kept
    assert ELSEWHERE.encode() not in kept


def test_signing_in_begins_a_session(database: Database, wang: User) -> None:
    token = accounts.sign_in(database, "Wang.Min", PASSWORD, DESK, NOON)
    with database.read() as connection:
        assert sessions.who(connection, token, NOON) == wang


# --- passwords that change -----------------------------------------------------------------------


def test_a_password_given_by_somebody_else_opens_nothing_until_it_is_changed(database: Database) -> None:
    add(database, WANG, "given-by-admin", must_change=True)
    assert code_of(accounts.sign_in, database, "wang.min", "given-by-admin", DESK, NOON) == "password_must_change"
    same = code_of(accounts.sign_in, database, "wang.min", "given-by-admin", DESK, NOON, new="given-by-admin")
    assert same == "password_same"
    assert (
        code_of(accounts.sign_in, database, "wang.min", "given-by-admin", DESK, NOON, new="short") == "password_short"
    )
    token = accounts.sign_in(database, "wang.min", "given-by-admin", DESK, NOON, new=PASSWORD)
    with database.read() as connection:
        assert sessions.who(connection, token, NOON) == WANG
        assert accounts.all_accounts(connection, OPERATOR)[0].must_change is False
    assert check(database, "wang.min", "given-by-admin") == "sign_in_wrong"
    assert check(database, "wang.min", PASSWORD) == "wang.min"


def test_a_new_password_needs_the_old_one(database: Database, wang: User) -> None:
    assert code_of(accounts.sign_in, database, "wang.min", "wrong", DESK, NOON, new="mine now, ha") == "sign_in_wrong"
    assert check(database, "wang.min", PASSWORD) == "wang.min"


def test_a_new_password_ends_the_sessions_begun_with_the_old_one(database: Database, wang: User) -> None:
    stolen = accounts.sign_in(database, "wang.min", PASSWORD, ELSEWHERE, NOON)
    own = accounts.sign_in(database, "wang.min", PASSWORD, DESK, NOON, new="another harbour")
    with database.read() as connection:
        assert sessions.who(connection, stolen, NOON) is None
        assert sessions.who(connection, own, NOON) == wang


def test_a_person_changes_their_own_password_and_nobody_elses(database: Database, wang: User) -> None:
    add(database, User("li.na", "Li Na", Role.EDITOR))
    with database.write() as connection:
        accounts.set_password(connection, wang, "wang.min", "another harbour", NOON)
        with pytest.raises(NotAllowedError):
            accounts.set_password(connection, wang, "li.na", "another harbour", NOON)
        with pytest.raises(NotFoundError):
            accounts.set_password(connection, SAMPLES["agent"], "agent", "another harbour", NOON)  # a sample has none
        with pytest.raises(RequestError):
            accounts.set_password(connection, wang, "wang.min", "short", NOON)
    assert check(database, "wang.min", "another harbour") == "wang.min"
    assert check(database, "li.na", PASSWORD) == "li.na"


# --- a clock that jumps --------------------------------------------------------------------------


def locked_out(database: Database) -> None:
    assert [check(database, "wang.min", "wrong") for _ in range(6)] == ["sign_in_wrong"] * 5 + ["sign_in_tries"]


@pytest.mark.parametrize("back", [60, 24 * 60, 3650 * 24 * 60])
def test_tries_from_the_future_lock_nobody_out_for_longer_than_others(
    database: Database, wang: User, back: int
) -> None:
    locked_out(database)
    now = NOON - back * MINUTE
    assert check(database, "wang.min", PASSWORD, at=now) == "sign_in_tries"
    assert check(database, "wang.min", PASSWORD, at=now + accounts.WINDOW - MINUTE) == "sign_in_tries"
    assert check(database, "wang.min", PASSWORD, at=now + accounts.WINDOW) == "wang.min"


@pytest.mark.parametrize("jump", [-24 * 60, -60, 60, 3650 * 24 * 60])
def test_tries_that_were_moved_with_the_clock_are_as_long_ago_as_they_were(
    database: Database, wang: User, jump: int
) -> None:
    locked_out(database)
    with database.write() as connection:
        accounts.move_tries(connection, jump * MINUTE)
    now = NOON + jump * MINUTE
    assert check(database, "wang.min", PASSWORD, at=now + accounts.WINDOW - MINUTE) == "sign_in_tries"
    assert check(database, "wang.min", PASSWORD, at=now + accounts.WINDOW) == "wang.min"
