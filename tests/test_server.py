"""A PostgreSQL server's database keeps what SQLite's does: one writer at a time, nothing half written, nothing lost."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import journal
from kb.care import backup, doctor
from kb.config import ROOT, Settings
from kb.db import Database
from kb.db import server as server_module
from kb.errors import AwayError, StoreError
from kb.i18n import explain
from kb.people import audit
from kb.people.users import OPERATOR, Role, User
from kb.tables import MIGRATIONS
from tests.new_database import rows
from tests.on_call import client, desk_of
from tests.postgres import Server, started
from tests.small_base import SmallBase

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAY = User("may", "May", Role.AGENT, frozenset({"tech"}), frozenset({"en"}))
WRITERS, WRITES = 8, 25


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """An empty database at the version of this program."""
    made = server.new()
    yield made
    server.drop(made)


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Database]:
    one = Database(server.url_of(name))
    yield one
    one.close()


@pytest.fixture
def own() -> Iterator[Server]:
    """A server of its own, to be killed, that keeps what it has confirmed."""
    yield from started(fsync="on", synchronous_commit="on", full_page_writes="on")


def put(database: Database, user: str) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(tables.preference).values(user=user, name="keys", value=True))


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.select(tables.preference.c.user).order_by(tables.preference.c.user)))


# --- one writer at a time ------------------------------------------------------------------------


def test_eight_processes_lose_nothing_and_nobody_is_refused(server: Server) -> None:
    made = server.empty()  # without a table: they all come to make them, too
    url = server.url_of(made)
    command = [sys.executable, "-m", "tests.writing_at_once", url]
    writers = [
        subprocess.Popen([*command, f"w{n}", str(WRITES)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for n in range(WRITERS)
    ]
    assert [one.communicate(timeout=150)[1] for one in writers] == [""] * WRITERS
    database, all_of_it = Database(url), WRITERS * WRITES
    assert names(database) == [f"w{who}-{n:03}" for who in range(WRITERS) for n in range(WRITES)]
    with database.read() as connection:
        counts = sorted(connection.scalars(sa.select(tables.preference.c.value)))
        assert counts == list(range(all_of_it))  # nobody wrote between another's reading and writing
        chain = audit.verify(connection, OPERATOR)
        assert (chain.count, chain.trouble) == (all_of_it, None)
        assert connection.scalars(sa.select(tables.past.c.count)).all() == [all_of_it]
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.gap_report)) == WRITES
        assert connection.scalars(sa.select(tables.schema.c.version)).all() == [len(MIGRATIONS)]
    database.close()
    server.drop(made)


def test_whoever_waits_too_long_for_the_turn_is_told_and_the_next_is_not(server: Server, name: str) -> None:
    one, other = Database(server.url_of(name)), Database(server.url_of(name))
    with one.write():
        began = time.monotonic()
        with pytest.raises(AwayError, match="lock timeout"), other.write(0.3):
            pass
        assert 0.2 < time.monotonic() - began < 3
        assert names(other) == []  # who only reads waits for nobody
    put(other, "may")
    assert names(one) == ["may"]
    one.close()
    other.close()


def test_who_reads_sees_one_moment_and_writes_nothing(server: Server, database: Database) -> None:
    with database.read() as connection:
        count = sa.select(sa.func.count()).select_from(tables.preference)
        assert connection.scalar(count) == 0
        put(database, "may")
        assert connection.scalar(count) == 0
    assert names(database) == ["may"]
    with pytest.raises(AwayError, match="read-only transaction"), database.read() as connection:
        connection.execute(sa.delete(tables.preference))
    assert names(database) == ["may"]


def test_of_two_app_servers_one_does_a_work_until_it_is_done_or_gone(server: Server, name: str) -> None:
    one, other = Database(server.url_of(name)), Database(server.url_of(name))
    with one.alone("keep the gaps") as mine, other.alone("keep the gaps") as theirs, other.alone("tell") as told:
        assert (mine, theirs, told) == (True, False, True)
    with other.alone("keep the gaps") as theirs:
        assert theirs
        server.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
        with one.alone("keep the gaps") as mine:  # whoever is gone holds nobody up
            assert mine
    one.close()
    other.close()


# --- the same answers as SQLite's ----------------------------------------------------------------


def test_text_is_ordered_by_its_bytes_whatever_the_servers_language(
    server: Server, name: str, database: Database
) -> None:
    words = ["a", "B", "_", "Zoë", "zebra", "ä", "中", "一", "é", "Ａ", "😀", "A-1", "A1", "a 1"]
    for word in words:
        put(database, word)
    assert names(database) == sorted(words, key=str.encode)
    written = "SELECT table_name, column_name, collation_name FROM information_schema.columns "
    columns = server.execute(f"{written} WHERE table_schema = 'public' AND data_type LIKE 'char%'", name)
    assert len(columns) > 100
    assert [column for column in columns if column[2] != "C"] == []  # the server's own language is not asked


def test_a_text_of_any_length_and_one_with_nul_is_kept_and_two_that_differ_stay_different(database: Database) -> None:
    for user in ("x" * 500, "may\0", "may", "may\0\0"):
        put(database, user)
    assert names(database) == ["may", "may\ufffd", "may\ufffd\ufffd", "x" * 500]
    with database.read() as connection:
        one = tables.preference.c
        assert connection.scalar(sa.select(one.user).where(one.user == "may\0")) == "may\ufffd"
        nothing = {"text": "a\0b", "half": "\ud800"}
    with database.write() as connection:
        connection.execute(sa.update(tables.preference).where(one.user == "may").values(value=nothing))
        assert connection.scalar(sa.select(one.value).where(one.user == "may")) == nothing


def test_the_audit_log_is_added_to_and_never_changed(database: Database) -> None:
    with database.write() as connection:
        audit.append(connection, "may", "edit", NOON, "one")
    for change in (sa.update(tables.audit).values(by="li"), sa.delete(tables.audit), sa.text("TRUNCATE audit")):
        with pytest.raises(StoreError, match="append-only"), database.write() as connection:
            connection.execute(change)
    with database.read() as connection:
        assert audit.verify(connection, OPERATOR).count == 1


# --- opening -------------------------------------------------------------------------------------


def test_a_database_of_a_newer_program_is_refused(server: Server, name: str, database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.update(tables.schema).values(version=len(MIGRATIONS) + 1))
    with pytest.raises(StoreError) as refused:
        Database(server.url_of(name))
    assert (refused.value.code, refused.value.facts["found"]) == ("store_newer", len(MIGRATIONS) + 1)


def test_a_database_without_room_for_every_language_is_refused(server: Server) -> None:
    server.execute("CREATE DATABASE narrow ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreError) as refused:
        Database(server.url_of("narrow"))
    assert (refused.value.code, refused.value.facts) == ("store_encoding", {"found": "LATIN1"})
    server.drop("narrow")


@pytest.mark.parametrize("database", ["nowhere", "test?host=/no/such/folder"])
def test_what_cannot_be_opened_is_told_in_one_line_without_the_password(server: Server, database: str) -> None:
    url = server.url_of(database).replace("postgres@", "postgres:s3cret@")
    with pytest.raises(AwayError) as refused:
        Database(url)
    for language in ("zh", "en"):
        said = explain(language, refused.value)
        assert "\n" not in said
        assert "s3cret" not in said


# --- what is told of it --------------------------------------------------------------------------


def told(url: str, tmp_path: Path) -> dict[str, str]:
    """What the doctor says of a base, as code → state."""
    here = Settings(articles=tmp_path / "articles", home=tmp_path / "home", database_url=url)
    return {one.code: one.state for one in doctor.examine(here, NOON)}


def test_the_doctor_tells_of_a_server_and_changes_nothing(
    server: Server, own: Server, tmp_path: Path, name: str
) -> None:
    careless = told(server.url_of(name), tmp_path)  # as tests may be
    assert {
        "store_server": "ok",
        "store_forgets": "warn",
        "audit": "ok",
        "backup_server": "ok",
    }.items() <= careless.items()
    careful = own.empty()
    assert told(own.url_of(careful), tmp_path)["store_none"] == "warn"
    assert own.execute("SELECT 1 FROM information_schema.tables WHERE table_schema = 'public'", careful) == []
    database = Database(own.url_of(careful))
    sound = told(own.url_of(careful), tmp_path)
    assert "store_forgets" not in sound
    assert set(doctor.SOUND_SERVER) - sound.keys() == {"articles", "index"}  # of which there are none here
    with database.write() as connection:
        connection.execute(sa.update(tables.schema).values(version=1))
    assert told(own.url_of(careful), tmp_path)["store_old"] == "warn"
    database.close()
    own.kill()
    assert told(own.url_of(careful), tmp_path)["store_unusable"] == "bad"


def test_a_backup_says_with_which_command_it_is_made(server: Server, database: Database, tmp_path: Path) -> None:
    here = Settings(articles=tmp_path, home=tmp_path)
    database.url = database.url.set(password="s3cret")
    with pytest.raises(StoreError) as refused:
        backup.write(database, here, tmp_path / "one.backup", OPERATOR, NOON)
    said = explain("en", refused.value)
    command = said.partition("with ")[2].partition(" and copy")[0]
    assert command.startswith("pg_dump --format=custom --file=firstcall.dump postgresql://postgres@127.0.0.1:")
    assert "s3cret" not in repr(Settings(database_url="postgresql+psycopg://a:s3cret@b/c")) + said
    assert list(tmp_path.iterdir()) == []
    dumped = server.folder / "firstcall.dump"  # the command does what it says
    server.run(*command.replace("firstcall.dump", str(dumped)).split())
    again = server.empty()
    server.run("pg_restore", "--no-owner", f"--dbname={server.url_of(again, driver='')}", str(dumped))
    restored = Database(server.url_of(again))
    assert rows(restored) == rows(database) != []
    restored.close()
    server.drop(again)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql+psycopg://a:s3cret@db:5433/kb", "postgresql://a@db:5433/kb"),
        ("postgresql://kb", "postgresql://kb/"),
        ("postgresql+psycopg://a@/kb?host=/run/pg", "postgresql://a@%2Frun%2Fpg/kb"),
        (
            "postgresql+psycopg://a:s3cret@/kb?host=one:5432&host=two:5433",
            "'postgresql://a@one:5432,two:5433/kb?target_session_attrs=primary'",
        ),
        (
            "postgresql+psycopg://a@/kb?host=one,two",
            "'postgresql://a@one,two/kb?target_session_attrs=primary'",
        ),
    ],
)
def test_the_command_names_every_server_and_asks_the_primary(url: str, named: str) -> None:
    dump = server_module.dump_command(sa.make_url(url))
    assert dump == f"pg_dump --format=custom --file=firstcall.dump {named}"


# --- a server that goes away ---------------------------------------------------------------------


def test_a_connection_that_is_ended_takes_nothing_but_its_own_transaction(server: Server, database: Database) -> None:
    put(database, "before")
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'firstcall'"
    with pytest.raises(AwayError):
        _write_while(database, lambda: server.execute(ends))
    put(database, "after")
    server.execute(ends)  # those that wait in the pool, too
    assert names(database) == ["after", "before"]


def _write_while(database: Database, happens: Callable[[], object]) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(tables.preference).values(user="lost", name="keys", value=True))
        happens()
        connection.execute(sa.select(tables.preference)).all()


def test_a_full_disk_is_away_and_a_row_it_refuses_is_not(server: Server, name: str, database: Database) -> None:
    full = "BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END"
    server.execute(f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ {full} $$", name)
    server.execute("CREATE TRIGGER full_disk BEFORE INSERT ON flag EXECUTE FUNCTION full_disk()", name)
    row = {"id": "f", "agent": "may", "at": NOON, "article": "a", "version": "v", "reason": "wrong"}
    with pytest.raises(AwayError, match="could not extend file"), database.write() as connection:
        connection.execute(sa.insert(tables.flag).values(**row))
    put(database, "may")
    with pytest.raises(StoreError, match="duplicate key") as refused:
        put(database, "may")
    assert not isinstance(refused.value, AwayError)
    assert names(database) == ["may"]


def test_where_nothing_answers_one_asker_waits_and_the_others_are_told_at_once(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(server.url_of(name))
    with socket.socket() as silent:  # takes the connection and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = sa.make_url(server.url_of(name)).set(port=silent.getsockname()[1])
        database.close()
        monkeypatch.setattr("kb.db.server.CONNECT_SECONDS", 2)
        from kb.db import _engine

        database._engine = _engine(address)
        with pytest.raises(AwayError):
            names(database)
        refused = []

        def ask() -> None:
            began = time.monotonic()
            with pytest.raises(AwayError):
                names(database)
            refused.append(time.monotonic() - began)

        askers = [threading.Thread(target=ask) for _ in range(10)]
        time.sleep(1.1)
        for one in askers:
            one.start()
        for one in askers:
            one.join(20)
        assert sum(seconds > 1 for seconds in refused) <= 1
        assert len(refused) == len(askers)
    database.close()


def test_a_server_that_is_killed_loses_nothing_and_is_used_again(own: Server) -> None:
    name = own.new()
    database = Database(own.url_of(name))
    put(database, "may")
    own.kill()
    for kind in ("read", "write"):
        began = time.monotonic()
        with pytest.raises(AwayError), getattr(database, kind)():
            pass
        assert time.monotonic() - began < 5
    own.start()
    time.sleep(1.1)
    put(database, "bo")
    assert names(database) == ["bo", "may"]
    database.close()


def test_while_the_server_is_away_searches_go_on_and_records_wait_in_the_spool(own: Server, tmp_path: Path) -> None:
    base = SmallBase(tmp_path)
    base.write("refund-en", "Refund to a card", questions=["refund to a card"], say="It takes three days.")
    base.build()
    desk = desk_of(base, own.url_of(own.new()))
    here = client(desk, MAY)

    def said(path: str, body: dict[str, object]) -> dict[str, object]:
        answer = here.post(path, content=json.dumps(body))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def recorded(id: str) -> dict[str, object]:
        return said("/api/calls/C-1/events", {"events": [{"id": id, "kind": "search", "q": f"refund {id}", "ago": 0}]})

    assert "spooled" not in recorded("e-1")
    own.kill()
    assert recorded("e-2")["spooled"] == 1
    found = said("/api/search", {"q": "refund to a card"})
    assert "refund-en" in json.dumps(found)
    assert recorded("e-3")["spooled"] == 2
    own.start()
    until = time.monotonic() + 30
    while list(desk.settings.spool.glob("*.json")) and time.monotonic() < until:
        time.sleep(0.1)
    assert "spooled" not in recorded("e-4")
    with desk.database.read() as connection:
        assert [one.id for one in journal.trail(connection, "C-1")] == ["e-1", "e-2", "e-3", "e-4"]
    desk.database.close()
