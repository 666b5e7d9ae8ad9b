"""How backups and drills ended is known afterwards, also where they failed, were killed, or the database was away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.care import backup as room
from kb.care import doctor
from kb.care.doctor import runs, status
from kb.care.doctor.runs import Run, Runs
from kb.config import ROOT, Settings
from kb.db import Database
from kb.doors.cli import main
from kb.errors import NotAllowedError, StoreError
from kb.people import audit
from kb.people.users import OPERATOR, Role, User
from tests.faults.storing import store
from tests.people_on_the_floor import MAY, MINUTE, NOON, SUE
from tests.small_base import SmallBase

DAY = timedelta(days=1)


def clock(*times: datetime) -> Callable[[], datetime]:
    waiting = iter(times)
    return lambda: next(waiting)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_a_run_is_known_while_it_runs_and_afterwards(folder: Path) -> None:
    with runs.noted(folder, OPERATOR, "backup", "one.backup", clock(NOON, NOON + MINUTE)):
        assert runs.read(folder, "backup") == Runs(Run("one.backup", NOON), None)
        assert not runs.read(folder, "backup").last.is_good  # type: ignore[union-attr]
    ended = Run("one.backup", NOON, NOON + MINUTE)
    assert runs.read(folder, "backup") == Runs(ended, ended)
    assert ended.is_good
    assert runs.read(folder, "drill") == Runs()


@pytest.mark.parametrize(
    ("error", "code"), [(StoreError("backup_damaged", file="x"), "backup_damaged"), (ValueError("王敏"), "unexpected")]
)
def test_one_that_fails_is_known_and_the_last_that_went_well_with_it(folder: Path, error: Exception, code: str) -> None:
    with runs.noted(folder, OPERATOR, "drill", "one.backup", clock(NOON, NOON + MINUTE)):
        pass
    with (
        pytest.raises(type(error)),
        runs.noted(folder, OPERATOR, "drill", "two.backup", clock(NOON + DAY, NOON + DAY + MINUTE)),
    ):
        raise error
    failed = Run("two.backup", NOON + DAY, NOON + DAY + MINUTE, code)
    assert runs.read(folder, "drill") == Runs(failed, Run("one.backup", NOON, NOON + MINUTE))
    assert runs.last_good(None, folder, "drill") == NOON + MINUTE
    assert "王敏" not in (folder / "drill.json").read_text("utf-8")


def test_one_that_was_killed_has_not_ended(folder: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "from kb.care.doctor import runs; from kb.people.users import OPERATOR\n"
        "with runs.noted(Path(sys.argv[1]), OPERATOR, 'backup', 'one', lambda: datetime.now(UTC)):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    last = runs.read(folder, "backup").last
    assert last is not None
    assert (last.file, last.ended, last.is_good) == ("one", None, False)


@pytest.mark.parametrize("written", ["", "{", "[]", '{"last": 1, "good": 2}', '{"last": {"file": "x"}, "good": null}'])
def test_a_note_that_cannot_be_read_is_none(folder: Path, written: str) -> None:
    folder.mkdir()
    (folder / "backup.json").write_text(written)
    assert runs.read(folder, "backup") == Runs()
    with runs.noted(folder, OPERATOR, "backup", "one", clock(NOON, NOON)):
        pass
    assert runs.read(folder, "backup").last == Run("one", NOON, NOON)


def test_what_cannot_be_noted_keeps_nobody_from_a_backup(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    with runs.noted(folder, OPERATOR, "backup", "one", clock(NOON, NOON)):
        done = True
    assert done


def test_where_there_is_no_base_nothing_is_made(tmp_path: Path) -> None:
    with runs.noted(tmp_path / "no" / "runs", OPERATOR, "check", "one", clock(NOON, NOON)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_agent_notes_nothing(folder: Path) -> None:
    with pytest.raises(NotAllowedError), runs.noted(folder, MAY, "backup", "one", clock(NOON, NOON)):
        pass
    assert not folder.exists()


# --- by the command line -------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A small base, its settings in the environment."""
    base = SmallBase(tmp_path / "kb")
    base.write("parcel-en", "Parcel", body="A shelf.")
    base.build()
    url = f"sqlite:///{tmp_path}/kb/data/firstcall.sqlite"
    database = Database(url)
    store(database, 1)
    database.close()
    for name, value in {"ARTICLES": base.folder, "HOME": base.home, "DATABASE_URL": url, "LANGUAGE": "en"}.items():
        monkeypatch.setenv(f"KB_{name}", str(value))
    return Settings(articles=base.folder, home=base.home, database_url=url, language="en")


def run(*words: str | Path) -> int:
    return CliRunner().invoke(main, ["backup", *map(str, words)]).exit_code


def kept(here: Settings) -> dict[str, tuple[str, str, bool] | None]:
    found = {kind: runs.read(here.runs, kind).last for kind in runs.KINDS}
    return {kind: one and (one.file, one.code, one.is_good) for kind, one in found.items()}


def test_each_command_writes_down_how_it_ended(here: Settings, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    assert kept(here) == {"backup": None, "check": None, "drill": None}
    assert [run("write", file), run("check", file), run("drill", file)] == [0, 0, 0]
    assert kept(here) == dict.fromkeys(runs.KINDS, ("one.backup", "", True))
    file.write_bytes(file.read_bytes()[:-9])
    assert [run("write", file), run("check", file), run("drill", file)] == [2, 2, 2]
    assert kept(here) == {
        "backup": ("one.backup", "backup_there", False),
        "check": ("one.backup", "backup_damaged", False),
        "drill": ("one.backup", "backup_damaged", False),
    }
    assert all(runs.read(here.runs, kind).good is not None for kind in runs.KINDS)
    codes = {one.code for one in doctor.examine(here, datetime.now().astimezone())}
    assert {"backup", "drill", "backup_failed", "check_failed", "drill_failed"} <= codes


def test_a_backup_that_fails_for_want_of_a_database_is_known(here: Settings, tmp_path: Path) -> None:
    Path(here.database_url.removeprefix("sqlite:///")).write_bytes(b"no database at all" * 100)
    assert run("write", tmp_path / "one.backup") == 2
    assert kept(here)["backup"] == ("one.backup", "store_unusable", False)


def test_the_notes_are_no_part_of_a_backup(here: Settings, tmp_path: Path) -> None:
    run("write", tmp_path / "one.backup")
    run("write", tmp_path / "two.backup")
    assert not [name for name in room.check(tmp_path / "two.backup").files if "runs" in name]


# --- what is late --------------------------------------------------------------------------------


def late(here: Settings, at: datetime, by: User = SUE) -> list[tuple[str, bool, int]]:
    database = Database(here.database_url)
    with database.read() as connection:
        found = status.late(connection, here, by, at)
    database.close()
    return [(one.kind, one.last is not None, one.days) for one in found]


@pytest.fixture
def begun(here: Settings) -> datetime:
    """When the audit log of the base begins."""
    database = Database(here.database_url)
    with database.write() as connection:
        audit.append(connection, "may", "sign_in", NOON)
        first = audit.first_at(connection)
    database.close()
    assert first is not None
    return first


def test_what_never_was_is_late_once_the_base_is_as_old(here: Settings, begun: datetime) -> None:
    assert late(here, begun + 2 * DAY) == []
    assert late(here, begun + 2 * DAY + MINUTE) == [("backup", False, 2)]
    assert late(here, begun + 40 * DAY + MINUTE) == [("backup", False, 2), ("drill", False, 40)]


def test_a_backup_and_a_drill_are_in_time_until_their_days_are_over(here: Settings, begun: datetime) -> None:
    for kind in ("backup", "drill"):
        with runs.noted(here.runs, OPERATOR, kind, "one", clock(begun + DAY, begun + DAY)):
            pass
    assert late(here, begun + 3 * DAY) == []
    assert late(here, begun + 3 * DAY + MINUTE) == [("backup", True, 2)]
    assert late(here, begun + 41 * DAY + MINUTE) == [("backup", True, 2), ("drill", True, 40)]
    with pytest.raises(StoreError), runs.noted(here.runs, OPERATOR, "backup", "two", clock(begun + 4 * DAY, begun)):
        raise StoreError("backup_unwritable", file="two", problem="full")
    assert late(here, begun + 3 * DAY + MINUTE) == [("backup", True, 2)]  # one that failed is none


def test_the_log_of_acts_knows_of_backups_before_there_were_notes(here: Settings, begun: datetime) -> None:
    database = Database(here.database_url)
    with database.write() as connection:
        audit.append(connection, "operator", "backup", begun + DAY, "one")
    database.close()
    assert late(here, begun + 3 * DAY) == []


def test_nobody_below_a_supervisor_is_told(here: Settings) -> None:
    for role in (Role.AGENT, Role.EDITOR):
        with pytest.raises(NotAllowedError):
            late(here, NOON, User("x", "X", role))
    assert os.path.exists(here.home)


# --- at a glance ---------------------------------------------------------------------------------


def test_what_is_known_at_a_glance(here: Settings) -> None:
    file = Path(here.database_url.removeprefix("sqlite:///"))
    database = Database(here.database_url)
    with database.read() as connection:
        found = status.look(connection, here, OPERATOR)
    database.close()
    assert (found.size, found.version, found.known) == (file.stat().st_size, found.known, found.known)
    assert (found.waiting, found.aside) == (0, 0)
    assert found.runs == dict.fromkeys(runs.KINDS, Runs())
    assert all(free > 0 for free in found.free.values())
    assert status.look(None, here, OPERATOR).version is None
    with pytest.raises(NotAllowedError):
        status.look(None, here, SUE)
    with pytest.raises(NotAllowedError):
        status.examined(here, SUE, NOON)
    assert json.dumps([one.code for one in status.examined(here, OPERATOR, NOON)])


def test_a_servers_database_is_left_to_its_own_tools(here: Settings, begun: datetime) -> None:
    database = Database(here.database_url)
    with database.read() as connection:
        assert len(status.late(connection, here, SUE, begun + 50 * DAY)) == 2
        served = replace(here, database_url="postgresql+psycopg://db.example/kb")
        assert status.late(connection, served, SUE, begun + 50 * DAY) == []
    database.close()
    assert status.look(None, served, OPERATOR).size is None
