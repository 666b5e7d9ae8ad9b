"""What a pack will not open: bombs, ways out, links, locks, damage. The files beside them are read all the same."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from kb.errors import RequestError
from kb.studio.transfer import of_bytes, of_path
from kb.studio.transfer.pack import MOST_FILE
from tests.studio.transfer.packs import pack, planned, zipped

GOOD = "# Good\n\nStill here.\n"


@pytest.mark.parametrize(
    "name",
    [
        "../evil.md",
        "/etc/evil.md",
        "a/../../evil.md",
        "..\\evil.md",
        "C:\\evil.md",
        "a//b.md",
        "x" * 300 + ".md",
        "./a.md",
    ],
)
def test_a_name_that_leads_out_is_refused_and_the_rest_imported(tmp_path: Path, name: str) -> None:
    made = planned({name: "# Evil\n\nx", "good.md": GOOD}, tmp_path / "articles")
    assert [(row.outcome, row.error.code if row.error else row.title) for row in made.rows] == [
        ("new", "Good"),
        ("refused", "path_outside"),
    ]
    assert list(tmp_path.rglob("*")) == []


def test_a_bomb_is_refused_unopened(tmp_path: Path) -> None:
    bomb = pack({"bomb.md": b"0" * (MOST_FILE + 1), "dense.md": b"0" * 2**21, "good.md": GOOD})
    assert bomb.names == ("good.md",)
    assert [one.error.code for one in bomb.refused] == ["import_too_large", "import_too_large"]
    many = zipped({f"{n}.bin": b"0" * MOST_FILE for n in range(40)})
    with pytest.raises(RequestError, match="import_bomb"):
        of_bytes("x.zip", many)


def test_a_size_that_lies_is_found_out_while_it_is_read() -> None:
    raw = bytearray(zipped({"a.md": b"0" * 5_000_000}))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = raw.find(mark) + at
        raw[place : place + 4] = (100).to_bytes(4, "little")
    made = of_bytes("x.zip", bytes(raw))
    with pytest.raises(RequestError):
        made.read("a.md")


def test_links_locks_and_doubles_in_a_zip_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link.md")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("twice.md", "first")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("twice.md", "second")
        archive.writestr("locked.md", "secret")
    raw = bytearray(out.getvalue())
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 8] |= 1
    made = of_bytes("x.zip", bytes(raw))
    assert [(one.origin, one.error.code) for one in made.refused] == [
        ("link.md", "import_no_file"),
        ("twice.md", "import_twice"),
        ("locked.md", "import_locked"),
    ]
    assert made.names == ("twice.md",)


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret\n\nx")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.md").write_text(GOOD)
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "deep").symlink_to(tmp_path)
    made = of_path(folder)
    assert made.names == ("good.md",)
    assert [one.error.code for one in made.refused] == ["import_no_file"]


# Named: a zip holds the hour it was made, and the workers must collect the same names.
@pytest.mark.parametrize(
    "raw",
    [b"", b"PK", b"PK\x03\x04" + b"\xff" * 40, zipped({"a.md": GOOD})[:-30], b"<html>"],
    ids=["empty", "two-bytes", "garbage", "cut", "page"],
)
def test_a_damaged_zip_is_one_sentence(raw: bytes) -> None:
    with pytest.raises(RequestError, match="import_zip_broken"):
        of_bytes("x.zip", raw)


def test_a_damaged_file_in_a_sound_zip_is_refused_and_the_rest_imported(tmp_path: Path) -> None:
    raw = bytearray(zipped({"bad.md": "# Bad\n\n" + "text " * 50, "good.md": GOOD}))
    raw[38:44] = b"\xff" * 6
    made = planned(of_bytes("x.zip", bytes(raw)), tmp_path)
    told = {row.origin: row.error.code if row.error else row.outcome for row in made.rows}
    assert told == {"good.md": "new", "bad.md": "import_broken"}


def test_chinese_names_of_a_windows_zip_are_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("XXXX.md", "x")
    raw = out.getvalue().replace(b"XXXX", "退款".encode("gb18030"))
    assert of_bytes("x.zip", raw).names == ("退款.md",)


def test_the_base_begins_where_its_marks_are() -> None:
    made = pack({"export-1/_media/a.png": b"x", "export-1/products/a.md": GOOD, "other/b.md": GOOD})
    assert made.names == ("_media/a.png", "products/a.md")
    assert made.read("products/a.md") == GOOD.encode()
