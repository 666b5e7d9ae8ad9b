"""A primary and its standby, both in one address: the primary is killed, the standby is promoted, and what was said to
be kept is there. Only PostgreSQL's own tools: pg_basebackup, streaming, pg_promote."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import journal
from kb.db import Database
from kb.doors.wiring import Desk, build
from kb.errors import AwayError, PublishError
from kb.people.users import Role, User
from tests.on_call import client, desk_of
from tests.postgres import Server, started
from tests.small_base import SmallBase
from tests.waiting import within

MAY = User("may", "May", Role.AGENT, frozenset({"tech"}), frozenset({"en"}))
STANDBY = "standby"
KEEPS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True)
class Pair:
    """Two servers, of which the second follows the first; what the first confirms, both have."""

    primary: Server
    standby: Server

    def url_of(self, name: str) -> str:
        """A database's address, with both servers in it."""
        hosts = "&".join(f"host=127.0.0.1:{one.port}" for one in (self.primary, self.standby))
        return f"postgresql+psycopg://postgres@/{name}?{hosts}"

    def promote(self) -> None:
        assert self.standby.execute("SELECT pg_promote()") == [(True,)]


@pytest.fixture
def pair() -> Iterator[Pair]:
    for primary in started(**KEEPS, synchronous_standby_names=STANDBY):
        for standby in started(primary, **KEEPS, cluster_name=STANDBY):
            yield Pair(primary, standby)


def desks_of(base: SmallBase, url: str) -> dict[str, Desk]:
    """Two app servers on this database: one with the index there, one with its own in files."""
    files = desk_of(base, url)
    rows = Desk(replace(files.settings, index_in="auto", home=base.home / "rows"), base.encoder, encoder_state="ready")
    build(rows.settings, base.encoder)
    rows.open()
    return {"rows": rows, "files": files}


def found(desk: Desk, question: str) -> list[str]:
    return [hit.article.id for hit in desk.ask(question, MAY).hits]


def put(database: Database, row: str) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(tables.preference).values(user=row, name="keys", value=True))


def rows_of(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.select(tables.preference.c.user).order_by(tables.preference.c.user)))


def followed(standby: Server, name: str) -> list[str]:
    """The rows that a standby shows by now."""
    with suppress(psycopg.OperationalError):
        return [str(user) for (user,) in standby.execute('SELECT "user" FROM preference', name)]
    return []


def test_what_was_confirmed_is_there_after_the_primary_was_killed_and_the_standby_promoted(pair: Pair) -> None:
    name = pair.primary.empty()
    database = Database(pair.url_of(name))
    other = Database(pair.url_of(name))
    put(database, "first")
    assert within(10, lambda: followed(pair.standby, name) == ["first"])
    confirmed, refused = ["first"], list[str]()

    def write() -> None:
        for number in range(10_000):
            row = f"row-{number:05}"
            try:
                put(database, row)
                confirmed.append(row)
            except AwayError:
                refused.append(row)
                if len(confirmed) > 200 and confirmed[-1] > refused[0]:
                    return  # the other one takes them now
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    assert within(20, lambda: len(confirmed) > 200)
    pair.standby.halt()  # from here on nothing can be confirmed, for only one of the two would have it
    time.sleep(0.5)
    with pytest.raises(AwayError, match="lock timeout"), other.write(0.3):
        pass  # whoever comes meanwhile is told so, and not kept waiting
    pair.primary.kill()
    pair.standby.go_on()
    assert within(20, lambda: len(refused) > 0)
    with pytest.raises(AwayError), database.read():
        pass  # a standby is nobody to write to, and may be behind: state is read where it is written
    pair.promote()
    writer.join(60)
    assert not writer.is_alive()
    there_now = rows_of(database)
    assert confirmed[-1] > refused[0]  # it went on
    assert set(confirmed) <= set(there_now)
    assert set(there_now) - set(confirmed) <= {refused[0]}  # the one of which nobody was told how it ended
    database.close()
    other.close()


def test_between_the_primarys_death_and_the_promotion_searches_go_on_and_records_wait(
    pair: Pair, tmp_path: Path
) -> None:
    base = SmallBase(tmp_path)
    base.write("refund-en", "Refund to a card", questions=["refund to a card"], say="It takes three days.")
    base.build()
    desks = desks_of(base, pair.url_of(pair.primary.new()))
    here = client(desks["files"], MAY)

    def recorded(id: str) -> dict[str, object]:
        told = {"events": [{"id": id, "kind": "search", "q": f"refund {id}", "ago": 0}]}
        answer = here.post("/api/calls/C-1/events", content=json.dumps(told))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert [found(desk, "refund to a card") for desk in desks.values()] == [["refund-en"]] * 2
    assert "spooled" not in recorded("e-1")
    pair.primary.kill()
    assert [recorded(f"e-{number}")["spooled"] for number in (2, 3, 4)] == [1, 2, 3]
    for name, desk in desks.items():
        assert [found(desk, f"refund to a card {n}") for n in range(3)] == [["refund-en"]] * 3, name
    anew = Desk(desks["rows"].settings, base.encoder, encoder_state="ready")  # an app server that is started just now
    anew.place.rows.close()
    anew.open()
    assert found(anew, "refund to a card") == ["refund-en"]
    base.write("late-en", "Compensation for late delivery", questions=["it came late"], say="Five yuan.")
    with pytest.raises(PublishError):
        build(desks["rows"].settings, base.encoder)

    pair.promote()
    assert within(30, lambda: not list(desks["files"].settings.spool.glob("*.json")))
    assert "spooled" not in recorded("e-5")
    with desks["files"].database.read() as connection:
        assert [one.id for one in journal.trail(connection, "C-1")] == [f"e-{number}" for number in range(1, 6)]
    assert build(desks["rows"].settings, base.encoder).published
    desks["rows"].open()
    assert found(desks["rows"], "it came late")[0] == "late-en"
    for desk in desks.values():
        desk.database.close()
