"""The doctor finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kb.calls import call
from kb.care import backup, doctor
from kb.care.spool import Spool
from kb.config import Settings
from kb.db import Database
from kb.doors.care_cli import told
from kb.people.users import OPERATOR
from kb.tables import MIGRATIONS
from tests.faults.storing import store, stored
from tests.people_on_the_floor import MAY, NOON
from tests.small_base import SmallBase


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """A base that is all right, backed up and drilled."""
    base = SmallBase(tmp_path / "kb")
    base.write("parcel-en", "Parcel", body="A shelf.")
    base.write("lamp-zh", "路由器亮红灯", say="请拔掉电源。")
    base.build()
    url = f"sqlite:///{tmp_path}/kb/data/firstcall.sqlite"
    settings = Settings(articles=base.folder, home=base.home, database_url=url)
    database = Database(url)
    store(database, 1)
    backup.write(database, settings, tmp_path / "one.backup", OPERATOR, NOON)
    backup.drill(database, tmp_path / "one.backup", OPERATOR, NOON)
    database.close()
    return settings


def found(here: Settings, later: timedelta = timedelta(0)) -> dict[str, str]:
    return {one.code: one.state for one in doctor.examine(here, NOON + later)}


def file_of(here: Settings) -> Path:
    return Path(here.database_url.removeprefix("sqlite:///"))


def test_what_is_all_right_is_told_as_such(here: Settings) -> None:
    assert found(here) == dict.fromkeys(doctor.SOUND, "ok")


def damage_the_database(here: Settings) -> None:
    raw = bytearray(file_of(here).read_bytes())
    raw[4096 * 3 : 4096 * 9] = bytes(4096 * 6)
    file_of(here).write_bytes(raw)


def put_a_newer(here: Settings) -> None:
    with closing(sqlite3.connect(file_of(here))) as raw:
        raw.execute("UPDATE schema SET version = ?", (len(MIGRATIONS) + 1,))
        raw.commit()


def put_an_older(here: Settings) -> None:
    file_of(here).unlink()
    stored(3, file_of(here))


def change_the_log(here: Settings) -> None:
    with closing(sqlite3.connect(file_of(here))) as raw:
        raw.execute("DROP TRIGGER audit_no_update")
        raw.execute("UPDATE audit SET about = 'another' WHERE number = 1")
        raw.commit()


def damage_the_index(here: Settings) -> None:
    path = next(here.index.rglob("asks.faiss"))
    path.write_bytes(path.read_bytes()[:-1])


def damage_the_newer_index(here: Settings) -> None:
    base = SmallBase(here.home)
    base.write("lamp-en", "The lamp is red")
    base.build(full=True)
    path = next((here.index / "generations" / base.open().manifest.generation).rglob("asks.faiss"))
    path.write_bytes(path.read_bytes()[:-1])


def set_one_aside(here: Settings) -> None:
    wait(here)
    Spool(here.spool).set_aside(next(here.spool.glob("*.json")).name, "because")


def wait(here: Settings) -> None:
    Spool(here.spool).put("/api/gaps", "", NOON, MAY, {})


WRONG: dict[str, tuple[Callable[[Settings], object], str]] = {
    "store_none": (lambda here: file_of(here).unlink(), "warn"),
    "store_damaged": (damage_the_database, "bad"),
    "store_unusable": (put_a_newer, "bad"),
    "store_old": (put_an_older, "warn"),
    "audit_broken": (change_the_log, "bad"),
    "spool_waits": (wait, "warn"),
    "spool_aside": (set_one_aside, "warn"),
    "articles_broken": (lambda here: (here.articles / "x.md").write_text("no front matter"), "warn"),
    "articles_none": (lambda here: [path.unlink() for path in here.articles.rglob("*.md")], "bad"),
    "index_unusable": (damage_the_index, "bad"),
    "index_damaged": (damage_the_newer_index, "bad"),
    "index_behind": (lambda here: SmallBase(here.home).write("lamp-en", "The lamp is red"), "warn"),
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_wrong_is_found_and_left_as_it_is(here: Settings, code: str) -> None:
    spoil, state = WRONG[code]
    spoil(here)
    before = {path: path.read_bytes() for path in here.home.rglob("*") if path.is_file()}
    assert found(here)[code] == state
    assert {path: path.read_bytes() for path in here.home.rglob("*") if path.is_file()} == before


def test_a_backup_or_a_drill_that_is_late_or_never_was_is_told(here: Settings) -> None:
    assert found(here, timedelta(hours=47))["backup"] == "ok"
    late = found(here, timedelta(hours=49))
    assert (late["backup_late"], late["drill"]) == ("warn", "ok")
    assert found(here, timedelta(days=39))["drill"] == "ok"
    assert found(here, timedelta(days=41))["drill_late"] == "warn"
    assert found(replace(here, backup_days=3, drill_days=50), timedelta(hours=71))["backup"] == "ok"
    assert found(replace(here, drill_days=50), timedelta(days=49))["drill"] == "ok"
    other = replace(here, database_url=here.database_url + "-2")
    Database(other.database_url).close()
    never = found(other)
    assert (never["backup_never"], never["drill_never"]) == ("warn", "warn")


def test_a_clock_that_went_back_is_told_and_hides_no_backup_that_is_late(here: Settings) -> None:
    assert found(here, -timedelta(minutes=59)) == dict.fromkeys(doctor.SOUND, "ok")
    told = found(here, -timedelta(days=1))
    assert {code for code, state in told.items() if state != "ok"} == {"clock_behind", "backup_late", "drill_late"}


def test_old_calls_that_wait_because_the_clock_is_doubted_are_told(here: Settings) -> None:
    database = Database(here.database_url)
    with database.write() as connection:
        call.begin(connection, MAY, "call-of-no-gap", NOON)
    database.close()
    assert found(here, timedelta(days=399)).get("retention_waits") is None
    assert found(here, timedelta(days=3650))["retention_waits"] == "warn"


def test_a_disk_that_is_nearly_full_is_told(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kb.care.doctor.LITTLE", 2**60)
    assert found(here)["disk_low"] == "warn"
    monkeypatch.setattr("kb.care.doctor.TOO_LITTLE", 2**59)
    assert found(here)["disk_low"] == "bad"


def test_these_are_all_the_findings_there_are() -> None:
    others = {"disk_low", "backup_never", "backup_late", "drill_never", "drill_late", "store_forgets"}
    others |= {"backup_failed", "check_failed", "drill_failed"}
    others |= {"clock_behind", "retention_waits"}
    assert set(doctor.WRONG) == {*WRONG, *others}


def test_each_says_what_it_is_why_and_what_to_do(here: Settings) -> None:
    (here.articles / "x.md").write_text("no front matter")
    (one,) = [one for one in doctor.examine(here, NOON) if one.code == "articles_broken"]
    what, why, mend = told(one, "en")
    assert (what, mend) == ("! Articles: 1 files cannot be used.", "    → python -m kb lint names each with its line.")
    assert why.startswith("    x.md:1: ")
    assert told(one, "zh")[0] == "! 文章：有 1 个文件无法使用。"
