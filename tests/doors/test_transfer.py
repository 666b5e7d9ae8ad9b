"""Import and export at the desk and on the command line: the dry run writes nothing, the import stamps what it did."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kb.config import ROOT
from kb.content.articles import read
from kb.doors import transfer
from kb.doors.wiring import Desk
from kb.people import audit
from kb.people.users import OPERATOR, Role, User
from kb.studio import revisions
from tests.fake_encoder import HashEncoder
from tests.on_call import base_of, desk_of
from tests.small_base import markdown
from tests.studio.test_media import picture
from tests.studio.transfer.packs import pack

EDITOR = User("ed", "Ed", Role.EDITOR)
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
FILES: dict[str, str | bytes] = {
    "returns/back.md": "# Return a parcel\n\n![shelf](shelf.png)\n",
    "returns/shelf.png": picture(),
    "late.md": "# Late\n\nTwenty yuan now.\n",
    "bad.md": b"\x00\x01",
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = desk_of(base_of(tmp_path), tmp_path / "firstcall.sqlite")
    yield one
    one.database.close()


def state(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_what_is_imported_is_on_disk_with_its_picture_and_stamped(desk: Desk) -> None:
    folder = desk.settings.articles
    before = state(folder)
    made = transfer.plan(desk, EDITOR, pack(FILES), NOW)
    assert {row.origin: row.outcome for row in made.rows} == {
        "returns/back.md": "new",
        "late.md": "changed",
        "bad.md": "refused",
    }
    assert state(folder) == before
    done = transfer.carry_out(desk, EDITOR, made, NOW, ("new",))
    assert ([row.id for row in done.written], done.failed) == (["back-en"], ())
    article = read(folder / "returns/back-en.md", folder)
    (name,) = os.listdir(folder / "_media")
    assert f"![shelf](../_media/{name})" in article.body
    assert state(folder)["troubleshooting/late-en.md"] == before["troubleshooting/late-en.md"]
    with desk.database.read() as connection:
        (one,) = revisions.history(connection, EDITOR, "back-en")
    assert (one.by, one.cause, one.sha256) == ("ed", "import", article.version)


def test_what_changed_since_the_dry_run_is_not_written_over_and_stops_none_of_the_others(desk: Desk) -> None:
    made = transfer.plan(desk, EDITOR, pack(FILES), NOW)
    place = desk.settings.articles / "troubleshooting/late-en.md"
    mine = place.read_text() + "\nMine.\n"
    place.write_text(mine)
    done = transfer.carry_out(desk, EDITOR, made, NOW)
    assert [row.id for row in done.written] == ["back-en"]
    assert [(row.id, error.code) for row, error in done.failed] == [("late-en", "article_changed")]
    assert place.read_text() == mine
    again = transfer.plan(desk, EDITOR, pack(FILES), NOW)
    assert transfer.carry_out(desk, EDITOR, again, NOW).failed == ()
    assert {row.outcome for row in transfer.plan(desk, EDITOR, pack(FILES), NOW).rows} == {"same", "refused"}


def test_an_article_that_asks_what_the_base_asks_is_a_duplicate_and_comes_only_when_it_is_asked_for(desk: Desk) -> None:
    files = {
        "oven.md": "---\nquestions: [the hoover stops]\n---\n# Oven\n\nOff.\n",
        "lamp.md": "# Lamps\n\nOn.\n",
    }
    desk.encoder = None  # nothing but the text can be compared
    assert [row.outcome for row in transfer.plan(desk, EDITOR, pack(files), NOW).rows] == ["new", "new"]
    desk.encoder = HashEncoder()
    made = transfer.plan(desk, EDITOR, pack(files), NOW)
    assert {row.origin: (row.outcome, row.twice) for row in made.rows} == {
        "oven.md": ("duplicate", "vacuum-en"),
        "lamp.md": ("new", ""),
    }
    place = desk.settings.articles / "products" / "oven-en.md"
    transfer.carry_out(desk, EDITOR, made, NOW)
    assert not place.exists()
    transfer.carry_out(desk, EDITOR, made, NOW, ("duplicate",))
    assert place.exists()


def test_a_byte_order_mark_comes_and_goes_with_our_own_article(desk: Desk) -> None:
    ours = b"\xef\xbb\xbf" + markdown("kettle-en", "Kettles", body="Boil it.").encode()
    made = transfer.plan(desk, EDITOR, pack({"products/kettle-en.md": ours}), NOW)
    assert transfer.carry_out(desk, EDITOR, made, NOW).failed == ()
    place = desk.settings.articles / "products/kettle-en.md"
    assert place.read_bytes() == ours
    with zipfile.ZipFile(io.BytesIO(transfer.export(desk, EDITOR, NOW))) as archive:
        assert archive.read("products/kettle-en.md") == ours
    with desk.database.read() as connection:
        taken = [(one.by, one.about) for one in audit.entries(connection, OPERATOR) if one.act == "export"]
    assert taken == [(EDITOR.id, "articles")]
    plain = ours.removeprefix(b"\xef\xbb\xbf").replace(b"Boil", b"Cook")
    again = transfer.plan(desk, EDITOR, pack({"products/kettle-en.md": plain}), NOW)
    transfer.carry_out(desk, EDITOR, again, NOW)
    assert place.read_bytes() == b"\xef\xbb\xbf" + plain  # one that is there keeps its own


# --- on the command line -------------------------------------------------------------------------


def command(desk: Desk, *arguments: str) -> tuple[int, str]:
    """Exit code and everything printed by `python -m kb …` on this desk's base."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    here = desk.settings
    env |= {"KB_ARTICLES": str(here.articles), "KB_HOME": str(here.home), "KB_DATABASE_URL": here.database_url}
    env |= {"KB_LANGUAGE": "en"}
    done = subprocess.run([sys.executable, "-m", "kb", *arguments], cwd=ROOT, env=env, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_commands_do_what_the_studio_does(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = state(desk.settings.articles)
    code, told = command(desk, "import", str(folder), "--dry-run")
    assert (code, state(desk.settings.articles)) == (1, before)
    assert "New: returns/back-en.md" in told
    assert "New 1, Changed 1, As it is 0, Said already 0, Refused 1" in told
    assert command(desk, "import", str(folder), "--only-new")[0] == 1
    assert (desk.settings.articles / "returns/back-en.md").exists()
    code, told = command(desk, "new", "lamp-en", "--title", "Lamps", "--category", "products")
    assert (code, told.strip()) == (0, str(desk.settings.articles / "products/lamp-en.md"))
    assert command(desk, "new", "lamp-en", "--title", "Others", "--category", "products")[0] == 2
    place = desk.settings.articles / "products/lamp-en.md"
    first = place.read_text()
    code, told = command(desk, "history", "lamp-en")
    number = told.split()[0]
    assert (code, told.split()[3]) == (0, "operator")
    place.write_text(first + "\nMore.\n")
    assert command(desk, "restore", "lamp-en", number)[0] == 0
    assert place.read_text() == first
    assert command(desk, "export", str(tmp_path / "base.zip"))[0] == 0
    with zipfile.ZipFile(io.BytesIO((tmp_path / "base.zip").read_bytes())) as archive:
        names = set(archive.namelist())
        assert archive.read("products/lamp-en.md") == first.encode()
    assert {"returns/back-en.md", "troubleshooting/secret-en.md", "_site.toml"} <= names


def test_a_command_that_cannot_is_one_sentence(desk: Desk, tmp_path: Path) -> None:
    code, told = command(desk, "import", str(tmp_path / "nowhere.zip"))
    assert (code, told.count("\n")) == (2, 1)
    assert "There is no file or folder" in told
