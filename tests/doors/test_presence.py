"""The machine's clock jumps while people are signed in: what passed counts, and nobody is let in or kept out by it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Database, is_held
from kb.doors import presence
from kb.doors.presence import JUMP, Clock, Presence
from kb.errors import NotAllowedError
from kb.people import accounts, audit, sessions
from kb.people.users import OPERATOR, Role, User
from tests.people_on_the_floor import MINUTE, NOON, SECOND

HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
WANG, PASSWORD = User("wang.min", "王敏", Role.AGENT), "quiet harbour 7"


class Machine:
    """A machine whose clock may be set."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON, 1000.0
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def passes(self, time: timedelta) -> datetime:
        """Time goes by."""
        self.wall += time
        self.steady += time.total_seconds()
        return self.wall

    def set_by(self, jump: timedelta) -> None:
        """Somebody sets it."""
        self.wall += jump


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def here(machine: Machine, database: Database) -> Presence:
    """Somebody with an account, at a program that has just started."""
    with database.write() as connection:
        accounts.add(connection, OPERATOR, WANG, PASSWORD, NOON)
    return Presence(lambda: database, local=True, clock=machine.clock)


def signed_in(database: Database, at: datetime) -> str:
    return sessions.key_of(accounts.sign_in(database, "wang.min", PASSWORD, "10.0.0.9", at))


def test_a_jump_is_told_once_it_is_seen_to_and_slow_correction_is_none(machine: Machine) -> None:
    for _ in range(100):  # half a second an hour, for four days
        machine.passes(HOUR)
        machine.set_by(SECOND / 2)
        assert machine.clock.jumped() == timedelta()
    for jump in (-DAY, HOUR, -HOUR, 3650 * DAY, JUMP, -JUMP):
        machine.set_by(jump)
        machine.passes(MINUTE)
        assert machine.clock.jumped() == machine.clock.jumped() == jump
        machine.clock.follow(jump)
        assert machine.clock.jumped() == timedelta()


@pytest.mark.parametrize("back", [HOUR, DAY, 3650 * DAY])
def test_who_is_signed_in_stays_so_for_as_long_as_before(
    machine: Machine, here: Presence, database: Database, back: timedelta
) -> None:
    key = signed_in(database, machine.wall)
    assert here.session(key)
    machine.passes(10 * MINUTE)
    machine.set_by(-back)
    assert here._read(key)
    machine.passes(49 * MINUTE)
    assert here._read(key)
    machine.passes(2 * MINUTE)
    assert here._read(key) is None  # idle for an hour and a minute
    with database.read() as connection:
        (jump,) = [one for one in audit.entries(connection, OPERATOR) if one.act == "clock"]
        assert jump.facts == f'{{"seconds": {-round(back.total_seconds())}}}'
        assert audit.verify(connection, OPERATOR).trouble is None


def test_a_clock_ten_years_ahead_ends_every_session(machine: Machine, here: Presence, database: Database) -> None:
    key = signed_in(database, machine.wall)
    assert here.session(key)
    machine.set_by(3650 * DAY)
    assert here._read(key) is None
    machine.set_by(-3650 * DAY)
    assert here._read(key) is None  # for good
    again = signed_in(database, machine.wall)
    assert here._read(again)
    machine.passes(12 * HOUR)
    assert (here._read(key), here._read(again)) == (None, None)


def test_a_program_that_starts_after_the_clock_went_back_lets_nobody_from_the_future_in(
    machine: Machine, database: Database, here: Presence
) -> None:
    key = signed_in(database, machine.wall)
    machine.set_by(-DAY)
    restarted = Presence(lambda: database, local=True, clock=Clock(lambda: machine.wall, lambda: machine.steady))
    assert restarted.session(key) is None
    machine.passes(2 * MINUTE)
    assert restarted.session(signed_in(database, machine.wall))
    with database.read() as connection:
        assert key not in set(connection.scalars(sa.select(tables.session.c.key)))


@pytest.mark.parametrize("jump", [-3650 * DAY, -DAY, -HOUR, HOUR, 3650 * DAY])
def test_guessing_is_held_up_for_as_long_as_before(
    machine: Machine, here: Presence, database: Database, jump: timedelta
) -> None:
    def tried(password: str) -> str:
        here.mind_clock()
        try:
            accounts.check_password(database, "wang.min", password, "10.0.0.9", machine.wall)
        except NotAllowedError as error:
            return error.code
        return "in"

    assert [tried("wrong") for _ in range(6)] == ["sign_in_wrong"] * 5 + ["sign_in_tries"]
    machine.passes(5 * MINUTE)
    machine.set_by(jump)
    assert tried(PASSWORD) == "sign_in_tries"
    machine.passes(9 * MINUTE)
    assert tried(PASSWORD) == "sign_in_tries"
    machine.passes(MINUTE)
    assert tried(PASSWORD) == "in"


def test_a_jump_is_seen_to_once_the_database_takes_it(machine: Machine, here: Presence, database: Database) -> None:
    key, refuses = signed_in(database, machine.wall), [True]

    class AwayError(Exception):
        pass

    def gone() -> Database:
        if refuses[0]:
            raise AwayError
        return database

    here._database = gone
    machine.passes(10 * MINUTE)
    machine.set_by(-DAY)
    with pytest.raises(AwayError):
        here.mind_clock()
    refuses[0] = False
    assert here._read(key)


def test_pages_that_hold_every_connection_and_ask_who_looks_at_them_wait_for_nobody(
    machine: Machine, here: Presence, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = signed_in(database, machine.wall)
    assert here.session(key)
    monkeypatch.setattr(presence, "FRESH", -1.0)  # what was read is never fresh
    many = 15  # connections of one process
    all_hold = threading.Barrier(many)

    def page() -> str:
        with database.read():
            all_hold.wait(20)
            found = here.session(key)
            return found.user.id if found else ""

    with ThreadPoolExecutor(many) as pages:
        started = time.monotonic()
        asked = [pages.submit(page) for _ in range(many)]
        assert [one.result(60) for one in asked] == ["wang.min"] * many
    assert time.monotonic() - started < 15  # SQLAlchemy gives up waiting for a connection after 30 s
    assert not is_held()
    here.sign_out(key)
    assert here.session(key) is None


def test_who_is_in_a_transaction_is_told_by_thread_and_until_it_ends(database: Database) -> None:
    def hold(divisor: int) -> float:
        with database.read():
            assert is_held()
            with ThreadPoolExecutor(1) as other:
                assert not other.submit(is_held).result()
            with database.read():
                assert is_held()
            assert is_held()
            return 1 / divisor

    assert (hold(1), is_held()) == (1.0, False)
    with pytest.raises(ZeroDivisionError):
        hold(0)
    assert not is_held()
