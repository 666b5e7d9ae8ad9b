"""What a person chose for themselves: kept with them, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kb.db import Connection, Database
from kb.errors import RequestError
from kb.people import preferences
from kb.people.preferences import MAX_VALUE
from tests.people_on_the_floor import BO, MAY


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def test_a_choice_is_kept_and_can_be_changed(connection: Connection) -> None:
    assert preferences.get(connection, MAY, "keys") is None
    for value in ({"copy": "Alt+C"}, {"copy": "Ctrl+Shift+Y", "twin": "／"}, {}):
        preferences.put(connection, MAY, "keys", value)
        assert preferences.get(connection, MAY, "keys") == value


@pytest.mark.parametrize("value", ["2026-11-21T04:00:00+00:00", 7, [1, "二"], None, True])
def test_any_value_that_json_has_comes_back(connection: Connection, value: object) -> None:
    preferences.put(connection, MAY, "shift_seen_at", value)
    assert preferences.get(connection, MAY, "shift_seen_at") == value


def test_a_choice_is_ones_own_and_of_its_name(connection: Connection) -> None:
    preferences.put(connection, MAY, "keys", {"copy": "Alt+C"})
    preferences.put(connection, BO, "keys", {"copy": "Alt+B"})
    preferences.put(connection, MAY, "shift_seen_at", "now")
    assert preferences.get(connection, MAY, "keys") == {"copy": "Alt+C"}
    assert preferences.get(connection, BO, "keys") == {"copy": "Alt+B"}
    assert preferences.get(connection, BO, "shift_seen_at") is None


@pytest.mark.parametrize(
    ("name", "value"), [("password", "x"), ("", {}), ("keys", "x" * (MAX_VALUE - 1)), ("keys", ["长" * MAX_VALUE])]
)
def test_what_is_no_choice_is_refused_and_changes_nothing(connection: Connection, name: str, value: object) -> None:
    preferences.put(connection, MAY, "keys", {"copy": "Alt+C"})
    with pytest.raises(RequestError) as refused:
        preferences.put(connection, MAY, name, value)
    assert (refused.value.code, refused.value.facts) == ("preference_unknown", {"name": name})
    assert preferences.get(connection, MAY, "keys") == {"copy": "Alt+C"}


def test_the_longest_value_is_kept(connection: Connection) -> None:
    longest = "x" * (MAX_VALUE - 2)  # and two quotes
    preferences.put(connection, MAY, "keys", longest)
    assert preferences.get(connection, MAY, "keys") == longest
