"""The page of how the program stands, in both languages: what an administrator needs to know, and nobody else sees."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from kb.care.doctor import runs
from kb.care.spool import Spool
from kb.config import ROOT, Settings
from kb.doors import wiring
from kb.doors.wiring import Desk
from kb.errors import AwayError, PublishError, StoreError
from kb.people import audit
from kb.people.users import OPERATOR, Role, User
from kb.tables import MIGRATIONS
from tests.doors.ui.conftest import MAY, SUE, Look, texts
from tests.fake_encoder import HashEncoder
from tests.new_database import new_database

NOW = datetime.now(UTC)
BOSS = User("boss", "Boss", Role.ADMIN)
BROKEN = "---\nid: kettle-en\nstate: perhaps\n---\nBoil *it*.\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The sample base with one file that cannot be indexed."""
    place = tmp_path_factory.mktemp("status")
    shutil.copytree(ROOT / "articles", place / "articles")
    (place / "articles/troubleshooting/kettle-en.md").write_text(BROKEN, "utf-8")
    settings = Settings(articles=place / "articles", home=place / "home")
    wiring.build(settings, HashEncoder())
    return settings


def emptied(folder: Path) -> str:
    """The address of an empty database in a new folder."""
    folder.mkdir()
    new_database(folder / "firstcall.sqlite").close()
    return f"sqlite:///{folder}/firstcall.sqlite"


@pytest.fixture
def desk(built: Settings, tmp_path: Path) -> Iterator[Desk]:
    """A desk that serves it, with an empty database."""
    one = wiring.Desk(replace(built, database_url=emptied(tmp_path / "data")))
    one.open()
    yield one
    one.database.close()


def said(app: AppTest) -> str:
    return "\n".join([*texts(app), *(str(one.value) for kind in ("warning", "error") for one in app.get(kind))])


@pytest.mark.parametrize(
    ("hl", "sentences"),
    [
        (
            "en",
            (
                "files left out",
                "Encoder: loading; words answer meanwhile.",
                "**Last backup:** never.",
                "**Last check of a backup:** never.",
                "**Last restore drill:** never.",
                "Nothing waits for the database.",
                f"Schema version {len(MIGRATIONS)} (this program has {len(MIGRATIONS)}).",
                "None since ",
                " GB at ",
            ),
        ),
        (
            "zh",
            (
                "1 个文件未收录。",
                "语义模型：正在加载，暂由关键词作答。",
                "**最近一次备份：** 从未做过。",
                "**最近一次备份检查：** 从未做过。",
                "**最近一次恢复演练：** 从未做过。",
                "没有等待入库的记录。",
                f"结构版本 {len(MIGRATIONS)}（本程序为 {len(MIGRATIONS)}）。",
                "以来没有。",
                "：剩余 ",
            ),
        ),
    ],
)
def test_it_tells_what_serves_what_is_left_out_and_what_is_kept_safe(
    desk: Desk, look: Look, hl: str, sentences: tuple[str, ...]
) -> None:
    app = look("status", BOSS, hl)
    told = said(app)
    assert all(one in told for one in sentences), told
    assert desk.served is not None
    manifest = desk.served.opened.manifest
    assert manifest.generation.replace("-", "\\-") in told
    assert str(len(manifest.articles)) in told
    assert "kettle\\-en\\.md\\:" in told
    assert not app.error


def test_a_file_that_is_left_out_opens_in_the_studio_and_is_mended_there(desk: Desk, look: Look) -> None:
    app = look("status", BOSS)
    with patch.object(st, "switch_page") as switched:
        app.button(key="mend-0").click().run()
    assert switched.call_args.kwargs == {"query_params": {"id": "kettle-en"}}
    edit = look("edit", BOSS, id="kettle-en")
    assert not edit.error
    work = edit.session_state["work"]
    assert (work.path, work.source) == (
        "troubleshooting/kettle-en.md",
        "---\nid: kettle-en\nstate: perhaps\n---\nBoil *it*.\n",
    )
    refused = look("edit", MAY, id="kettle-en")
    assert len(refused.error) == 1


def test_builds_that_failed_are_told_with_how_often(desk: Desk, look: Look) -> None:
    full = PublishError("publish_failed", problem="No space left on device")
    for n in range(3):
        desk.failures.note(full, NOW + timedelta(seconds=n))
    desk.failures.over()
    desk.failures.note(full, NOW + timedelta(minutes=1))
    told = said(look("status", BOSS))
    assert told.count("No space left on device") == 2
    assert "3 times in a row" in told
    assert "1 times in a row" in told
    assert "连续 3 次" in said(look("status", BOSS, "zh"))


def test_how_the_last_backup_ended_is_told(desk: Desk, look: Look) -> None:
    folder = desk.settings.runs
    with runs.noted(folder, OPERATOR, "backup", "monday.backup", lambda: NOW):
        pass
    with pytest.raises(StoreError), runs.noted(folder, OPERATOR, "backup", "tuesday.backup", lambda: NOW):
        raise StoreError("backup_unwritable", file="x", problem="full")
    told = said(look("status", BOSS))
    assert "**failed**: backup\\_unwritable (tuesday\\.backup)" in told
    assert "The last that went well: " in told
    assert "**失败**：backup\\_unwritable" in said(look("status", BOSS, "zh"))


def test_what_waits_and_what_was_set_aside_is_told(desk: Desk, look: Look) -> None:
    spool = Spool(desk.settings.spool)
    for _ in range(3):
        spool.put("/api/gaps", "", NOW, MAY, {})
    spool.set_aside(next(desk.settings.spool.glob("*.json")).name, "because")
    told = said(look("status", BOSS))
    assert "2 records wait for the database" in told
    assert "1 records could not be taken" in told


def test_while_the_database_is_away_the_page_says_so_and_the_rest_of_it_is_there(desk: Desk, look: Look) -> None:
    away = AwayError("store_unusable", problem="database is locked")
    with patch.object(desk.database, "read", side_effect=away):
        app = look("status", BOSS)
    assert [one.value for one in app.error] == ["The database cannot be used: database is locked. Nothing was saved."]
    assert "Generation **" in said(app)


@pytest.mark.parametrize(
    ("hl", "late", "never"),
    [
        ("en", "The last backup is of ", "No backup was ever restored"),
        ("zh", "最近一次备份是 ", "还没有做过恢复演练"),
    ],
)
@pytest.mark.parametrize("page", ["status", "insights"])
def test_a_backup_and_a_drill_that_are_late_are_told_to_those_who_answer_for_it(
    desk: Desk, look: Look, hl: str, late: str, never: str, page: str
) -> None:
    by = BOSS if page == "status" else SUE
    assert not look(page, by, hl).warning
    with desk.database.write() as connection:
        audit.append(connection, "boss", "sign_in", NOW - timedelta(days=41))
        audit.append(connection, "operator", "backup", NOW - timedelta(days=3), "one")
    warned = [str(one.value) for one in look(page, by, hl).warning]
    assert [one.startswith(begins) for one, begins in zip(warned, (late, never), strict=True)] == [True, True]
    if page == "insights":
        assert not look("insights", User("ed", "Ed", Role.EDITOR), hl).warning


@pytest.mark.parametrize(
    ("hl", "sound", "broken", "mend"),
    [
        ("en", "Audit log: ", "Articles: 1 files cannot be used.", "→ python -m kb lint names each with its line."),
        ("zh", "审计日志：", "文章：有 1 个文件无法使用。", "→ 运行 python -m kb lint，会逐一指出文件和行号。"),
    ],
)
def test_a_closer_look_tells_what_is_wrong_first_with_what_to_do(
    desk: Desk, look: Look, hl: str, sound: str, broken: str, mend: str
) -> None:
    app = look("status", BOSS, hl)
    assert broken not in said(app)
    app.button(key="status-examine").click().run()
    assert not app.exception
    told = said(app)
    assert broken in told
    assert mend in told
    assert told.index(broken) < told.index(sound)


@pytest.mark.parametrize("by", [MAY, SUE, User("ed", "Ed", Role.EDITOR)])
def test_nobody_else_sees_any_of_it(desk: Desk, look: Look, by: User) -> None:
    app = look("status", by)
    assert len(app.error) == 1
    assert "kettle" not in said(app)
    assert not app.button


def test_before_the_first_index_it_says_what_to_run(
    tmp_path: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = wiring.Desk(Settings(articles=tmp_path, home=tmp_path / "empty", database_url=emptied(tmp_path / "other")))
    monkeypatch.setattr(wiring, "desk", lambda: empty)
    app = look("status", BOSS)
    assert [one.value for one in app.error] == ["No index serves. Run: python -m indexer build"]
    empty.database.close()
