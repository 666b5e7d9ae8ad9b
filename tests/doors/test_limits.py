"""How often somebody may ask: at once, for ever, and in how much memory."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Database
from kb.doors import limits
from kb.doors.limits import Limits, Rate
from kb.errors import AwayError
from tests.small_base import NOON

TWO = Rate("two", 2, 5)


def test_a_bucket_empties_at_once_and_fills_with_time() -> None:
    clock = [100.0]
    here = Limits(lambda: clock[0])
    assert [here.wait(TWO, "a") for _ in range(5)] == [0.0] * 5
    assert here.wait(TWO, "a") == pytest.approx(0.5)
    assert here.wait(TWO, "b") == 0.0
    assert here.wait(Rate("other", 2, 5), "a") == 0.0
    clock[0] += 0.4
    assert here.wait(TWO, "a") == pytest.approx(0.1)  # asking in vain costs nothing
    clock[0] += 0.1
    assert [here.wait(TWO, "a") == 0.0 for _ in range(2)] == [True, False]
    clock[0] += 3600
    assert [here.wait(TWO, "a") == 0.0 for _ in range(6)] == [True] * 5 + [False]


def test_in_the_long_run_nobody_has_more_than_the_rate() -> None:
    clock = [0.0]
    here = Limits(lambda: clock[0])
    taken = 0
    for _ in range(10_000):
        clock[0] += 0.01
        taken += here.wait(TWO, "a") == 0.0
    assert 5 + 2 * 100 - 1 <= taken <= 5 + 2 * 100  # the last one may lack a rounding error


def test_a_million_addresses_take_no_more_memory_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEYS", 50)
    clock = [0.0]
    here = Limits(lambda: clock[0])
    for _ in range(6):
        here.wait(TWO, "busy")
    for number in range(1000):
        here.wait(TWO, f"10.0.{number}")
        assert here.wait(TWO, "busy") > 0  # who goes on asking is not forgotten
    assert len(here) == 50


# --- several servers share a limit ---------------------------------------------------------------


class Floor:
    """Two app servers on one database, by one clock."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, [100.0]
        self.servers = [Limits(lambda: self.clock[0], {TWO.name: TWO}) for _ in range(2)]

    def share(self) -> None:
        for _ in range(2):  # whoever told first has heard of the other by then
            for one in self.servers:
                one.share(self.database, NOON)

    def told(self) -> list[sa.Row[Any]]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(tables.share)))


@pytest.fixture
def floor(database: Database) -> Floor:
    return Floor(database)


@pytest.mark.both
def test_what_one_server_gave_away_the_other_does_not_give_again(floor: Floor) -> None:
    one, other = floor.servers
    assert [one.wait(TWO, "10.1.2.3") for _ in range(3)] == [0.0] * 3
    floor.share()
    assert [other.wait(TWO, "10.1.2.3") == 0.0 for _ in range(3)] == [True, True, False]
    assert other.wait(TWO, "10.9.9.9") == 0.0
    floor.share()
    assert one.wait(TWO, "10.1.2.3") == pytest.approx(0.5)
    assert "10.1.2.3" not in repr(floor.told())  # whose it is stands nowhere
    floor.clock[0] += 3600
    floor.share()
    assert floor.told() == []
    assert [one.wait(TWO, "10.1.2.3") == 0.0 for _ in range(6)] == [True] * 5 + [False]
    floor.share()
    assert other.wait(TWO, "10.1.2.3") > 0


@pytest.mark.both
def test_in_the_long_run_two_servers_give_no_more_than_one(floor: Floor) -> None:
    taken = 0
    for _ in range(60):
        for _ in range(20):
            floor.clock[0] += 0.05
            taken += sum(one.wait(TWO, "a") == 0.0 for one in floor.servers)
        floor.share()
    assert 2 * 60 - 5 <= taken <= 2 * 60 + 2 * 5 + 4  # alone they would have given 250; each may give a bucket unheard


@pytest.mark.both
def test_of_who_asks_now_and_then_nothing_is_told(floor: Floor) -> None:
    one, other = floor.servers
    for _ in range(50):
        floor.clock[0] += 0.5
        assert one.wait(TWO, "a") == 0.0
        floor.clock[0] += 0.5
        floor.share()
        assert floor.told() == []
    assert [other.wait(TWO, "a") == 0.0 for _ in range(6)] == [True] * 5 + [False]


def test_where_the_database_is_away_each_server_counts_alone(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: float | None = None) -> None:
        raise AwayError("store_unusable", problem="gone")

    one, other = floor.servers
    with monkeypatch.context() as patch:
        patch.setattr(floor.database, "read", away)
        patch.setattr(floor.database, "write", away)
        assert [one.wait(TWO, "a") == 0.0 for _ in range(6)] == [True] * 5 + [False]
        floor.share()
        assert other.wait(TWO, "a") == 0.0
    floor.share()
    assert other.wait(TWO, "a") > 0
