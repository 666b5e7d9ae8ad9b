"""The dry run: what each article would become, judged beside the base. Our own come back to the byte."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import pytest

from kb.config import ROOT
from kb.content.articles import parse
from kb.errors import NotAllowedError
from kb.people.users import Role, User
from kb.studio import media
from kb.studio.transfer import export, of_bytes
from tests.small_base import markdown
from tests.studio.test_media import picture
from tests.studio.transfer.packs import EDITOR, body_of, only, planned

AGENT = User("ann", "Ann", Role.AGENT)
LONG = "The bank forwards a refund to the new card within three to five working days."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base of two: one validated, one for the second tier alone."""
    place = tmp_path / "articles"
    (place / "products").mkdir(parents=True)
    (place / "products/kettle-en.md").write_text(markdown("kettle-en", "Kettle", body=LONG))
    (place / "products/tier-en.md").write_text(markdown("tier-en", "Tier", body="x", teams=["tier2"]))
    return place


def files_of(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_sample_base_comes_back_to_the_byte(tmp_path: Path) -> None:
    base, there = tmp_path / "base", tmp_path / "there"
    shutil.copytree(ROOT / "articles", base)
    media.put(base, picture(), EDITOR, "lamp.png")
    path = base / "products/router-r3000-en.md"
    path.write_text(path.read_text("utf-8") + "\n![lamp](../_media/lamp.png)\n", "utf-8")
    sent = export(base, EDITOR)
    made = planned(of_bytes("base.zip", sent), there)
    for row in made.rows:
        if row.outcome == "new":
            place = there / row.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(row.source.encode())
            for paper in row.papers:
                media.put(there, paper.read(), EDITOR, paper.name)
    before = {
        name: raw for name, raw in files_of(sent).items() if not name.startswith("_") or name.startswith("_media")
    }
    assert len(before) == made.count("new") + 1
    assert files_of(export(there, EDITOR)) == before
    assert {row.error.code for row in made.rows if row.error} == {"import_settings"}
    assert {row.outcome for row in planned(of_bytes("base.zip", sent), base).rows} == {"same", "refused"}
    assert export(base, EDITOR) == sent


def test_nothing_is_written_by_a_dry_run(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files = {"a.md": "# A\n\n![p](p.png)", "p.png": picture(), "kettle.md": "# Kettle\n\nOther.", "bad.md": b"\0\0"}
    first, second = (planned(files, folder) for _ in range(2))
    assert [(row.outcome, row.path, row.source) for row in first.rows] == [
        (row.outcome, row.path, row.source) for row in second.rows
    ]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_an_article_that_is_there_is_changed_keeps_its_place_and_is_no_longer_validated(folder: Path) -> None:
    row = only(planned({"kettle.md": "# Descaling\n\nBoil it once.\n"}, folder))
    old = parse((folder / "products/kettle-en.md").read_text(), "products/kettle-en.md")
    made = parse(row.source, row.path)
    assert (row.outcome, row.path, row.base) == ("changed", "products/kettle-en.md", old.version)
    assert (made.title, made.state, body_of(row)) == ("Descaling", "not-validated", "Boil it once.")


def test_the_same_text_again_is_the_same(folder: Path) -> None:
    assert only(planned({"kettle.md": f"# Kettle\n\n{LONG}\n"}, folder)).outcome == "same"


def test_a_text_that_is_there_under_another_name_is_a_duplicate(folder: Path) -> None:
    row = only(planned({"new.md": f"# Something\n\n{LONG.replace(' refund', ' **refund**')}\n"}, folder))
    assert (row.outcome, row.twice) == ("duplicate", "kettle-en")
    one, other = planned({"a.md": "Other words, " * 5, "b.md": "Other words, " * 5}, folder).rows
    assert (one.outcome, other.outcome, other.twice) == ("new", "duplicate", "a-en")


def test_what_finds_duplicates_is_asked(folder: Path) -> None:
    row = only(planned({"new.md": "# New\n\nNew words.\n"}, folder, like=lambda article: "kettle-en"))
    assert (row.outcome, row.twice) == ("duplicate", "kettle-en")


def test_an_agent_imports_into_work_and_over_nothing_validated(folder: Path) -> None:
    rows = {
        row.origin: row for row in planned({"new.md": "# New\n\nx\n", "kettle.md": "Other."}, folder, by=AGENT).rows
    }
    assert parse(rows["new.md"].source, rows["new.md"].path).state == "wip"
    assert (rows["kettle.md"].outcome, rows["kettle.md"].error and rows["kettle.md"].error.code) == (
        "refused",
        "not_allowed",
    )
    with pytest.raises(NotAllowedError):
        export(folder, AGENT)


def test_an_export_has_what_a_person_may_see(folder: Path) -> None:
    assert "products/tier-en.md" not in files_of(export(folder, EDITOR))
    member = User("ed", "Ed", Role.EDITOR, frozenset({"tier2"}))
    assert "products/tier-en.md" in files_of(export(folder, member))


HOSTILE = {
    "not text": b"\x00\x01\x02\xff" * 50,
    "half of UTF-16": "退款".encode("utf-16") + b"\x00",
    "empty": b"",
    "only front matter": b"---\ntitle: x\n---\n",
    "front matter without end": b"---\ntitle: [x\n---\ntext",
    "an alias": b"---\na: &a [x]\nb: *a\n---\ntext",
    "laughs": b"---\na: &a [x,x]\nb: &b [*a,*a]\n---\ntext",
    "a tag": b"---\ntitle: !!python/object/apply:os.system ['true']\n---\n",
    "too long": b"word " * 600_000,
    "too long an article": b"word\n\n" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_refused_in_a_sentence_and_the_rest_imported(folder: Path, name: str) -> None:
    rows = {row.origin: row for row in planned({"bad.md": HOSTILE[name], "good.md": "# Good\n\nYes.\n"}, folder).rows}
    assert rows["good.md"].outcome == "new"
    assert rows["bad.md"].outcome == "refused"
    assert rows["bad.md"].error is not None
