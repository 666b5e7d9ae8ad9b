"""Copies at the desk: in somebody's own scope, on a schedule, from the command line; and what comes back of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from kb import tables
from kb.doors import cli
from kb.doors.wiring import Desk
from kb.doors.wiring import offline as door
from kb.doors.wiring.offline import NOBODY, Copies, copy_for
from kb.errors import RequestError
from kb.people.users import Role, User
from tests.on_call import base_of
from tests.small_base import NOON, SmallBase

MAY = User("may", "May", Role.AGENT)
BO = User("bo", "Bo", Role.AGENT, frozenset({"board"}))


def data_of(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw.decode().split('id="data">')[1].split("</script>")[0])
    return found


def ids(raw: bytes) -> set[str]:
    return {one["id"] for one in data_of(raw)["articles"]}


EVERYBODYS = {"refund-card-en", "refund-card-zh", "red-light-zh", "late-en", "vacuum-en"}


def test_a_copy_holds_what_the_same_person_sees_in_the_app(call_desk: Desk) -> None:
    assert ids(copy_for(call_desk, MAY, MAY, NOON)) == EVERYBODYS
    assert ids(copy_for(call_desk, BO, BO, NOON)) == EVERYBODYS | {"secret-en"}
    assert ids(copy_for(call_desk, BO, BO, NOON, ["en"])) == {"refund-card-en", "late-en", "vacuum-en", "secret-en"}
    served = call_desk.served
    assert served
    assert data_of(copy_for(call_desk, MAY, MAY, NOON))["generation"] == served.opened.engine.generation


def test_the_schedule_writes_one_file_for_all_and_one_a_team_whole_and_with_a_row_in_the_audit_log(
    call_desk: Desk, tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    call_desk.settings = replace(call_desk.settings, offline=str(folder), offline_teams="board,支付/组")
    copies = Copies()
    assert copies.look(call_desk, NOON) == 3
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["firstcall-offline-board.html", "firstcall-offline-支付-组-92aa82.html", "firstcall-offline.html"]
    assert "secret-en" in ids((folder / "firstcall-offline-board.html").read_bytes())
    assert ids((folder / "firstcall-offline.html").read_bytes()) == EVERYBODYS
    assert copies.look(call_desk, NOON) == 0
    with call_desk.database.read() as connection:
        row = connection.execute(sa.select(tables.audit.c.by, tables.audit.c.act, tables.audit.c.about)).one()
    assert tuple(row) == ("operator", "export", "offline copies")


def test_copies_are_written_anew_after_a_publish_and_when_their_hours_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_of(tmp_path)
    desk = _desk(base, tmp_path)
    now = [1_000.0]
    monkeypatch.setattr(door.time, "monotonic", lambda: now[0])
    copies = Copies()
    assert [copies.look(desk, NOON), copies.look(desk, NOON)] == [1, 0]
    base.write("new-en", "A new one", say="New.")
    base.build(NOON + timedelta(hours=1))
    desk.open()
    now[0] += 1
    assert copies.look(desk, NOON) == 1
    assert "new-en" in ids((tmp_path / "copies" / "firstcall-offline.html").read_bytes())
    now[0] += 6 * 3600 - 1
    assert copies.look(desk, NOON) == 0
    now[0] += 1
    assert copies.look(desk, NOON) == 1
    desk.database.close()


def test_a_folder_that_takes_nothing_is_told_and_the_next_look_tries_again(tmp_path: Path) -> None:
    desk = _desk(base_of(tmp_path), tmp_path)
    (tmp_path / "copies").write_text("no folder")
    copies = Copies()
    with pytest.raises(RequestError) as caught:
        copies.look(desk, NOON)
    assert caught.value.code == "copy_unwritable"
    (tmp_path / "copies").unlink()
    assert copies.look(desk, NOON) == 1
    desk.database.close()


def test_a_copy_is_made_with_the_notices_last_known_while_the_database_is_away(tmp_path: Path) -> None:
    desk = _desk(base_of(tmp_path), tmp_path)
    desk.database.close()
    del desk.database
    desk.settings = replace(desk.settings, database_url=f"sqlite:///{tmp_path}/articles")  # a folder
    assert ids(copy_for(desk, MAY, MAY, NOON)) == EVERYBODYS


def _desk(base: SmallBase, home: Path) -> Desk:
    from tests.on_call import desk_of

    desk = desk_of(base, home / "firstcall.sqlite")
    desk.settings = replace(desk.settings, offline=str(home / "copies"), offline_hours=6)
    return desk


def run(home: Path, *words: str) -> tuple[int, str]:
    env = {"KB_ARTICLES": f"{home}/articles", "KB_HOME": str(home), "KB_LANGUAGE": "en"}
    env |= {"KB_DATABASE_URL": f"sqlite:///{home}/firstcall.sqlite"}
    done = CliRunner().invoke(cli.main, list(words), env=env)
    return done.exit_code, done.output


def test_the_command_line_writes_copies_and_takes_notes_in(tmp_path: Path) -> None:
    base_of(tmp_path)
    file = tmp_path / "copy.html"
    code, told = run(tmp_path, "export", "--offline", "--teams", "board", "--langs", "en", str(file))
    assert (code, told.startswith(f"Wrote {file} (")) == (0, True)
    assert ids(file.read_bytes()) == {"refund-card-en", "late-en", "vacuum-en", "secret-en"}
    assert run(tmp_path, "export", "--offline", str(file))[0] == 0
    assert ids(file.read_bytes()) == EVERYBODYS
    assert run(tmp_path, "export", "--offline", "--for", "nobody", str(file)) == (2, "There is no user nobody.\n")
    assert run(tmp_path, "export", "--teams", "board", str(file))[0] == 2
    note = {"id": "00112233aabb", "q": "late again", "at": "2026-11-21T09:00:00Z"}
    held = {"firstcall": "notes", "version": 1, "by": "", "copy": "c", "generation": "g", "notes": [note]}
    (tmp_path / "notes.json").write_text(json.dumps(held))
    assert run(tmp_path, "import-offline", str(tmp_path / "notes.json")) == (0, "Gaps imported: 1.\n")
    assert run(tmp_path, "import-offline", str(tmp_path / "none.json"))[0] == 2
    (tmp_path / "notes.json").write_text("{}")
    code, told = run(tmp_path, "import-offline", str(tmp_path / "notes.json"))
    assert (code, "no file of notes" in told) == (2, True)


def test_nobodys_copy_is_for_no_person() -> None:
    assert (NOBODY.id, NOBODY.teams) == ("", frozenset())
