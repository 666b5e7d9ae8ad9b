"""Sessions: whose a token is, how long, and all the ways in which it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Database
from kb.errors import NotAllowedError
from kb.people import accounts, sessions
from kb.people.users import OPERATOR, SAMPLES, Role, User

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
WANG = User("wang.min", "王敏", Role.AGENT, frozenset({"payments"}), frozenset({"zh"}))
LI = User("li.na", "Li Na", Role.SUPERVISOR)


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    """A database nobody has an account in."""
    with database.write() as one:
        yield one


@pytest.fixture
def people(connection: sa.Connection) -> sa.Connection:
    """The same with two accounts."""
    for user in (WANG, LI):
        accounts.add(connection, OPERATOR, user, "quiet harbour 7", NOON)
    return connection


def keys(connection: sa.Connection) -> set[str]:
    return set(connection.scalars(sa.select(tables.session.c.key)))


def test_a_token_is_whose_it_was_given_to(people: sa.Connection) -> None:
    tokens = {user: sessions.sign_in(people, user.id, NOON) for user in (WANG, LI)}
    assert {user: sessions.who(people, token, NOON) for user, token in tokens.items()} == {WANG: WANG, LI: LI}
    assert sessions.who(people, "made up", NOON) is None
    assert sessions.who(people, "", NOON) is None


def test_only_the_hash_of_a_token_is_kept(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    (row,) = people.execute(sa.select(tables.session)).all()
    assert row.key == sessions.key_of(token)
    assert token not in str(row)
    assert sessions.who(people, row.key, NOON) is None  # the hash itself opens nothing


def test_a_token_is_new_each_time_and_too_long_to_guess(people: sa.Connection) -> None:
    tokens = {sessions.sign_in(people, "wang.min", NOON) for _ in range(20)}
    assert len(tokens) == 20
    assert {len(token) for token in tokens} == {43}  # 32 bytes


def test_a_session_idles_for_an_hour_at_most(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    assert sessions.who(people, token, NOON + HOUR - SECOND) == WANG
    assert sessions.who(people, token, NOON + HOUR) is None


def test_what_they_do_keeps_it_from_idling(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    sessions.touch(people, sessions.key_of(token), NOON + 50 * MINUTE)
    assert sessions.who(people, token, NOON + 109 * MINUTE) == WANG
    assert sessions.who(people, token, NOON + 110 * MINUTE) is None


def test_a_session_lasts_a_shift_whatever_they_do(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    for minutes in range(30, 12 * 60, 30):
        sessions.touch(people, sessions.key_of(token), NOON + minutes * MINUTE)
    assert sessions.who(people, token, NOON + 12 * HOUR - SECOND) == WANG
    assert sessions.who(people, token, NOON + 12 * HOUR) is None


def test_what_they_do_is_written_down_once_a_minute(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    key = sessions.key_of(token)

    def seen() -> tuple[datetime, bool]:
        (one,) = sessions.read(people, [key], NOON + 3 * MINUTE, local=False).values()
        return one.seen_at, sessions.is_unseen(one, NOON + MINUTE)

    sessions.touch(people, key, NOON + 59 * SECOND)
    assert seen() == (NOON, True)
    sessions.touch(people, key, NOON + 60 * SECOND)
    assert seen() == (NOON + MINUTE, False)


def test_an_idle_session_is_not_brought_back_by_a_late_touch(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    late = NOON + 2 * HOUR
    assert sessions.who(people, token, late) is None
    sessions.touch(people, sessions.key_of(token), late)
    assert sessions.who(people, token, late) is None


def test_signing_out_ends_one_session_and_no_other(people: sa.Connection) -> None:
    here, elsewhere = (sessions.sign_in(people, "wang.min", NOON) for _ in range(2))
    sessions.sign_out(people, sessions.key_of(here))
    assert sessions.who(people, here, NOON) is None
    assert sessions.who(people, elsewhere, NOON) == WANG


def test_a_disabled_account_has_no_session_and_enabling_brings_none_back(people: sa.Connection) -> None:
    tokens = [sessions.sign_in(people, "wang.min", NOON) for _ in range(2)]
    other = sessions.sign_in(people, "li.na", NOON)
    accounts.disable(people, OPERATOR, "wang.min", NOON)
    assert [sessions.who(people, token, NOON) for token in tokens] == [None, None]
    accounts.enable(people, OPERATOR, "wang.min", NOON)
    assert [sessions.who(people, token, NOON) for token in tokens] == [None, None]
    assert sessions.who(people, other, NOON) == LI


def test_a_person_is_as_they_are_now_not_as_when_they_signed_in(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    people.execute(sa.update(tables.user).where(tables.user.c.id == "wang.min").values(role="editor", teams=["tech"]))
    now = sessions.who(people, token, NOON)
    assert now is not None
    assert (now.role, now.teams) == (Role.EDITOR, frozenset({"tech"}))


def test_sessions_that_are_over_are_cleared_away_at_the_next_sign_in(people: sa.Connection) -> None:
    idle = sessions.sign_in(people, "wang.min", NOON)
    old = sessions.sign_in(people, "wang.min", NOON)
    for hours in range(12):
        people.execute(
            sa.update(tables.session)
            .where(tables.session.c.key == sessions.key_of(old))
            .values(seen_at=NOON + hours * HOUR)
        )
    alive = sessions.sign_in(people, "li.na", NOON + 11 * HOUR + 30 * MINUTE)
    assert keys(people) == {sessions.key_of(old), sessions.key_of(alive)}
    assert sessions.key_of(idle) not in keys(people)
    last = sessions.sign_in(people, "li.na", NOON + 12 * HOUR)
    assert keys(people) == {sessions.key_of(alive), sessions.key_of(last)}


def test_many_sessions_are_read_at_once(people: sa.Connection) -> None:
    wang, li = (sessions.key_of(sessions.sign_in(people, user.id, NOON)) for user in (WANG, LI))
    found = sessions.read(people, [wang, li, "0" * 64], NOON, local=False)
    assert {key: (one.key, one.user, one.sample) for key, one in found.items()} == {
        wang: (wang, WANG, False),
        li: (li, LI, False),
    }
    assert sessions.read(people, [], NOON, local=False) == {}


# --- the demo ------------------------------------------------------------------------------------


def test_sample_people_sign_in_while_nobody_has_an_account(connection: sa.Connection) -> None:
    for id, person in SAMPLES.items():
        token = sessions.sign_in_sample(connection, id, NOON, local=True)
        assert sessions.who(connection, token, NOON, local=True) == person


def test_there_is_no_demo_where_others_can_reach_the_app(connection: sa.Connection) -> None:
    token = sessions.sign_in_sample(connection, "agent", NOON, local=True)
    assert sessions.who(connection, token, NOON, local=False) is None
    with pytest.raises(NotAllowedError) as caught:
        sessions.sign_in_sample(connection, "agent", NOON, local=False)
    assert caught.value.code == "demo_over"


@pytest.mark.parametrize("id", ["admin", "operator", "", "Agent"])
def test_nobody_else_is_a_sample(connection: sa.Connection, id: str) -> None:
    with pytest.raises(NotAllowedError):
        sessions.sign_in_sample(connection, id, NOON, local=True)


def test_the_first_account_ends_the_demo_for_good(connection: sa.Connection) -> None:
    token = sessions.sign_in_sample(connection, "agent", NOON, local=True)
    accounts.add(connection, OPERATOR, User("agent", "A real agent", Role.ADMIN), "quiet harbour 7", NOON)
    assert sessions.who(connection, token, NOON, local=True) is None  # it is not the real one's either
    with pytest.raises(NotAllowedError):
        sessions.sign_in_sample(connection, "agent", NOON, local=True)
    accounts.disable(connection, OPERATOR, "agent", NOON)
    assert not sessions.demo(connection, local=True)


# --- a clock that jumps --------------------------------------------------------------------------


def test_a_session_from_the_future_is_over_for_nobody_can_say_how_old_it_is(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    assert sessions.who(people, token, NOON - sessions.AHEAD) == WANG  # two machines' clocks
    for back in (2 * MINUTE, HOUR, 24 * HOUR, 3650 * 24 * HOUR):
        assert sessions.who(people, token, NOON - back) is None
    sessions.sign_in(people, "li.na", NOON - 24 * HOUR)
    assert sessions.key_of(token) not in keys(people)  # it does not come back when its day comes


def test_sessions_that_were_turned_back_idle_and_age_by_what_passed(people: sa.Connection) -> None:
    token = sessions.sign_in(people, "wang.min", NOON)
    key, day = sessions.key_of(token), 24 * HOUR
    for number in range(1, 12):
        sessions.touch(people, key, NOON + number * 50 * MINUTE)
    now = NOON + 11 * 50 * MINUTE + 10 * MINUTE - day  # ten minutes later the clock goes back by a day
    sessions.turn_back(people, day)
    assert sessions.who(people, token, now) == WANG
    assert sessions.who(people, token, now + 49 * MINUTE) == WANG
    assert sessions.who(people, token, now + 50 * MINUTE) is None  # idle for an hour
    for minutes in (49, 104):
        sessions.touch(people, key, now + minutes * MINUTE)
    assert sessions.who(people, token, NOON + sessions.LIFE - day - SECOND) == WANG
    assert sessions.who(people, token, NOON + sessions.LIFE - day) is None  # the longest shift
