"""The database: what belongs together is kept together or not at all, whoever else is writing."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from kb import tables
from kb.config import ROOT
from kb.db import BUSY_SECONDS, Database
from kb.errors import StoreError
from kb.i18n import explain
from kb.tables import MIGRATIONS, Moment

NOW = datetime(2026, 11, 21, 12, 34, 56, 789012, tzinfo=UTC)
ROWS = 200


def names(database: Database) -> list[str]:
    """Whose preferences are kept."""
    with database.read() as connection:
        return sorted(connection.scalars(sa.select(tables.preference.c.user)))


def put(connection: sa.Connection, user: str, value: object = True) -> None:
    connection.execute(sa.insert(tables.preference).values(user=user, name="keys", value=value))


# --- moments -------------------------------------------------------------------------------------


@given(
    st.datetimes(timezones=st.timezones() | st.just(UTC), min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))
)
def test_a_moment_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    kept = Moment().process_bind_param(moment, None)
    back = Moment().process_result_value(kept, None)
    assert isinstance(kept, int)
    assert back == moment.astimezone(UTC)
    assert back is not None
    assert back.tzinfo is UTC


def test_moments_are_whole_microseconds_that_sort() -> None:
    bind = Moment().process_bind_param
    assert bind(datetime(1970, 1, 1, tzinfo=UTC), None) == 0
    assert bind(datetime(1970, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))), None) == 0
    assert bind(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None) == -1
    assert bind(NOW, None) == 1_795_264_496_789_012
    assert bind(None, None) is Moment().process_result_value(None, None) is None


def test_a_moment_is_read_from_the_database_as_it_was_written(database: Database) -> None:
    at = NOW.astimezone(timezone(timedelta(hours=8)))
    with database.write() as connection:
        connection.execute(sa.insert(tables.call).values(id="c", agent="may", begun_at=at, last_at=at))
    with database.read() as connection:
        row = connection.execute(sa.select(tables.call)).one()
        assert (row.begun_at, row.last_at, row.ended_at) == (NOW, NOW, None)
        assert connection.scalar(sa.select(sa.func.max(tables.call.c.last_at))) == NOW
        assert connection.scalar(sa.text("SELECT begun_at FROM call")) == 1_795_264_496_789_012


# --- one transaction -----------------------------------------------------------------------------


def test_what_was_written_is_there_for_the_next_program(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a/new/folder/firstcall.sqlite"
    first = Database(url)
    with first.write() as connection:
        put(connection, "may", {"copy": "Alt+C", "说": ["话"]})
    first.close()
    second = Database(url)
    with second.read() as connection:
        assert connection.scalar(sa.select(tables.preference.c.value)) == {"copy": "Alt+C", "说": ["话"]}
    second.close()


def put_all(database: Database, *users: str, then: BaseException | None = None) -> None:
    """All in one transaction, which may end in an exception."""
    with database.write() as connection:
        for user in users:
            put(connection, user)
        if then:
            raise then


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), StoreError("store_unusable")])
def test_an_exception_undoes_all_of_it(database: Database, error: BaseException) -> None:
    put_all(database, "before")
    with pytest.raises(type(error)):
        put_all(database, "may", "bo", then=error)
    assert names(database) == ["before"]
    put_all(database, "after")  # the writer's lock is free again
    assert names(database) == ["after", "before"]


def test_a_row_the_database_refuses_is_one_sentence_and_nothing_is_kept(database: Database) -> None:
    with pytest.raises(StoreError) as refused:
        put_all(database, "bo", "may", "may")
    assert refused.value.code == "store_unusable"
    problem = str(refused.value.facts["problem"])
    assert "UNIQUE constraint failed: preference.user, preference.name" in problem or "duplicate key" in problem
    assert names(database) == []


def test_a_row_that_points_nowhere_is_refused(database: Database) -> None:
    event = {"id": "e", "call": "no-such-call", "at": NOW, "agent": "may", "kind": "open"}
    with pytest.raises(StoreError, match=r"(?i)foreign key"), database.write() as connection:
        connection.execute(sa.insert(tables.event).values(**event))


def test_what_another_is_writing_is_not_seen_before_it_is_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    writer, reader = Database(url), Database(url)
    with writer.write() as connection:
        put(connection, "may")
        assert names(reader) == []
    assert names(reader) == ["may"]
    writer.close()
    reader.close()


# --- one writer at a time ------------------------------------------------------------------------


def write_rows(database: Database, who: str) -> None:
    """`ROWS` transactions, each of a read and a write, as a request's are."""
    for n in range(ROWS):
        with database.write() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(tables.preference))
            put(connection, f"{who}-{n:03}", count)


def write_rows_as_a_process(url: str, who: str) -> None:
    database = Database(url)
    write_rows(database, who)
    database.close()


EVERY_ROW = sorted(f"{who}-{n:03}" for who in ("one", "two") for n in range(ROWS))


def counts(database: Database) -> list[int]:
    """How many rows each writer saw before its own."""
    with database.read() as connection:
        return sorted(connection.scalars(sa.select(tables.preference.c.value)))


def test_two_threads_writing_at_once_lose_nothing(database: Database) -> None:
    threads = [threading.Thread(target=write_rows, args=(database, who)) for who in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert names(database) == EVERY_ROW
    assert counts(database) == list(range(2 * ROWS))  # nobody wrote between another's reading and writing


def test_two_processes_opening_and_writing_at_once_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"  # not there yet: both make it
    code = "import sys; from tests.test_db import write_rows_as_a_process as go; go(*sys.argv[1:])"
    processes = [subprocess.Popen([sys.executable, "-c", code, url, who], cwd=ROOT) for who in ("one", "two")]
    assert [process.wait(120) for process in processes] == [0, 0]
    database = Database(url)
    assert names(database) == EVERY_ROW
    assert counts(database) == list(range(2 * ROWS))
    database.close()


def test_readers_do_not_stop_a_writer(database: Database) -> None:
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            names(database)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        write_rows(database, "one")
    finally:
        done.set()
        for reader in readers:
            reader.join(30)
    assert names(database) == [f"one-{n:03}" for n in range(ROWS)]


# --- how SQLite is opened ------------------------------------------------------------------------


@pytest.mark.embedded
@pytest.mark.parametrize("kind", ["read", "write"])
def test_every_connection_keeps_what_it_was_told_is_kept(database: Database, kind: str) -> None:
    with getattr(database, kind)() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "truncate",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 1000 * BUSY_SECONDS,
    }


def test_a_database_left_in_wal_by_another_tool_is_taken_out_of_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    Database(url).close()
    other = sa.create_engine(url)
    with other.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar() == "wal"
    other.dispose()
    database = Database(url)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "truncate"
    database.close()


def test_a_database_that_another_program_keeps_in_wal_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb.db.BUSY_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    Database(url).close()
    other = sa.create_engine(url)
    with other.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar() == "wal"
        connection.exec_driver_sql("SELECT * FROM schema").all()
        with pytest.raises(StoreError, match="database is locked"):
            Database(url)
    other.dispose()
    Database(url).close()


# --- migrations ----------------------------------------------------------------------------------


def test_a_new_database_is_at_the_version_of_this_program(database: Database) -> None:
    with database.read() as connection:
        assert connection.scalars(sa.select(tables.schema.c.version)).all() == [len(MIGRATIONS)]
        assert set(sa.inspect(connection).get_table_names()) == set(tables.metadata.tables)


def test_opening_it_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "firstcall.sqlite"
    Database(f"sqlite:///{path}").close()
    before = path.read_bytes()
    Database(f"sqlite:///{path}").close()
    assert path.read_bytes() == before


def test_only_the_migrations_that_are_missing_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    first = Database(url)
    with first.write() as connection:
        put(connection, "may")
    first.close()

    def add(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE later (id INTEGER)")

    monkeypatch.setattr("kb.db.MIGRATIONS", (*MIGRATIONS, add))
    second = Database(url)
    assert names(second) == ["may"]
    with second.read() as connection:
        assert connection.scalars(sa.select(tables.schema.c.version)).all() == [len(MIGRATIONS) + 1]
        assert sa.inspect(connection).has_table("later")
    second.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    Database(url).close()

    def broken(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")

    monkeypatch.setattr("kb.db.MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(StoreError, match="already exists"):
        Database(url)
    monkeypatch.undo()
    database = Database(url)
    with database.read() as connection:
        assert not sa.inspect(connection).has_table("half")
        assert connection.scalar(sa.select(tables.schema.c.version)) == len(MIGRATIONS)
    database.close()


def test_a_database_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "firstcall.sqlite"
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.execute(sa.update(tables.schema).values(version=len(MIGRATIONS) + 1))
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        Database(f"sqlite:///{path}")
    assert (refused.value.code, refused.value.facts) == (
        "store_newer",
        {"found": len(MIGRATIONS) + 1, "known": len(MIGRATIONS)},
    )
    assert path.read_bytes() == before
    assert explain("en", refused.value).endswith("Update Firstcall.")
    assert explain("zh", refused.value).endswith("请升级 Firstcall。")


# --- what cannot be opened -----------------------------------------------------------------------


def folder(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}"


def below_a_file(tmp_path: Path) -> str:
    (tmp_path / "file").write_text("a file")
    return f"sqlite:///{tmp_path}/file/firstcall.sqlite"


def no_database(tmp_path: Path) -> str:
    (tmp_path / "notes.txt").write_text("nothing but text, and more than a page of it\n" * 500)
    return f"sqlite:///{tmp_path}/notes.txt"


def nowhere(tmp_path: Path) -> str:
    return "sqlite:////proc/no/such/place.sqlite"


def no_address(tmp_path: Path) -> str:
    return "a file on the desktop"


def unknown_kind(tmp_path: Path) -> str:
    return "chalkboard:///firstcall"


@pytest.mark.parametrize("url", [folder, below_a_file, no_database, nowhere, no_address, unknown_kind])
def test_what_is_no_database_is_told_in_one_sentence(url: object, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        Database(url(tmp_path))  # type: ignore[operator]
    assert refused.value.code == "store_unusable"
    assert str(refused.value.facts["problem"])
    assert "\n" not in explain("zh", refused.value)


def test_a_database_that_fails_later_is_told_and_serves_again(tmp_path: Path) -> None:
    path = tmp_path / "firstcall.sqlite"
    database = Database(f"sqlite:///{path}")
    database.close()
    away = path.rename(tmp_path / "elsewhere.sqlite")
    path.mkdir()
    for kind in ("read", "write"):
        with pytest.raises(StoreError, match="store_unusable"), getattr(database, kind)():
            pass
    path.rmdir()
    away.rename(path)
    with database.write() as connection:
        put(connection, "may")
    assert names(database) == ["may"]
    database.close()


def test_a_database_locked_by_another_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kb.db.BUSY_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    first, second = Database(url), Database(url)
    with (
        first.write(),
        pytest.raises(StoreError, match="database is locked"),
        second.write(),
    ):
        pass
    first.close()
    second.close()
