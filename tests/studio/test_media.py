"""Files under `_media`: what they are decides, not what they are called; a picture shows and tells no more."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from kb.content.articles import parse
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.people import users
from kb.people.users import Role, User
from kb.studio import media
from tests.small_base import markdown

EDITOR = User("ed", "Ed", Role.EDITOR)


def picture(kind: str = "PNG", size: tuple[int, int] = (12, 8), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


def article(body: str):  # type: ignore[no-untyped-def]
    return parse(markdown("kettle-en", "Kettle", body=body), "products/kettle-en.md")


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("GIF", "gif"), ("WEBP", "webp")])
def test_a_plain_picture_is_kept_to_the_byte_under_a_name_of_letters(tmp_path: Path, kind: str, ending: str) -> None:
    raw = picture(kind)
    name = media.put(tmp_path, raw, EDITOR)
    assert name.endswith(f".{ending}")
    assert name.removesuffix(f".{ending}").isalpha()
    assert (tmp_path / "_media" / name).read_bytes() == raw
    assert media.put(tmp_path, raw, EDITOR, "anything.svg") == name
    assert [one.name for one in (tmp_path / "_media").iterdir()] == [name]


def test_a_picture_of_our_own_export_keeps_its_name_and_takes_nobody_elses(tmp_path: Path) -> None:
    assert media.put(tmp_path, picture(), EDITOR, "red-light.png") == "red-light.png"
    other = media.put(tmp_path, picture(size=(3, 3)), EDITOR, "red-light.png")
    assert other != "red-light.png"
    assert (tmp_path / "_media/red-light.png").read_bytes() == picture()


@pytest.mark.parametrize(
    "name", ["../../x.png", "a/b.png", ".png", "x.jpg", "x.png\n", "x.png.svg", "", "x" * 300 + ".png"]
)
def test_no_name_leads_out_of_the_folder_or_lies(tmp_path: Path, name: str) -> None:
    kept = media.put(tmp_path, picture(), EDITOR, name)
    assert (tmp_path / "_media" / kept).read_bytes() == picture()
    assert [one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*.*")] == [f"_media/{kept}"]


def test_where_a_photo_was_taken_is_not_kept_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    exif[0x010F] = "SecretPhone"
    kept, ending = media.checked(picture("JPEG", (20, 10), exif=exif))
    assert ending == "jpg"
    assert b"SecretPhone" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert (image.size, dict(image.getexif())) == ((10, 20), {})
    assert media.checked(kept) == (kept, "jpg")  # what was cleaned is clean


def test_text_in_a_picture_and_behind_it_is_not_kept() -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("Author", "SecretName")
    for raw in (picture(pnginfo=note), picture() + b"<script>SecretName</script>"):
        kept, _ = media.checked(raw)
        assert b"SecretName" not in kept
        assert Image.open(io.BytesIO(kept)).getpixel((3, 3)) == (200, 30, 30)


HOSTILE = {
    "a script in SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a page": b"<html><script>alert(1)</script></html>",
    "nothing": b"",
    "only the first bytes of a PNG": picture()[:20],
    "a PNG cut in two": picture(size=(200, 200))[:-40],
    "a JPEG cut in two": picture("JPEG", (400, 400))[:300],
    "a TIFF": picture("TIFF"),
    "an icon": picture("ICO", (16, 16)),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(id) run\n",
    "a zip": b"PK\x03\x04" + b"\0" * 30,
    "a program": b"\x7fELF" + b"\0" * 60,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_refused_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError) as refused:
        media.put(tmp_path, HOSTILE[name], EDITOR, "picture.png")
    assert refused.value.code == "media_kind"
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_would_fill_the_memory_is_refused_unopened(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    assert len(out.getvalue()) < 100_000
    with pytest.raises(RequestError) as refused:
        media.put(tmp_path, out.getvalue(), EDITOR)
    assert refused.value.code == "media_pixels"
    with pytest.raises(RequestError) as refused:
        media.put(tmp_path, b"%PDF-" + b"0" * media.MOST_BYTES, EDITOR)
    assert refused.value.code == "media_too_large"


def test_nobody_uploads_who_may_not_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "ALLOWED", {Role.EDITOR: {}})
    with pytest.raises(NotAllowedError):
        media.put(tmp_path, picture(), EDITOR)


def test_an_article_names_what_it_shows_and_links_to() -> None:
    body = (
        '![a](../_media/a.png) [b](../_media/b.pdf) ![c](../_media/c.gif "see") ![d](_media/d.png) '
        "![e](https://x.example/_media/e.png) ![f](../_media/f.svg) ![g](../_media/sub/g.png) [h](../_media/../h.png)"
    )
    assert media.names(article(body)) == {"a.png", "b.pdf", "c.gif"}


def test_only_a_file_the_article_names_is_read(tmp_path: Path) -> None:
    name = media.put(tmp_path, picture(), EDITOR)
    link = media.link("products/kettle-en.md", name)
    assert link == f"../_media/{name}"
    assert media.read(tmp_path, article(f"![lamp]({link})"), name) == (picture(), "image/png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "_media/away.png").symlink_to(tmp_path / "secret.png")
    for body, asked in (("", name), (f"![x]({link})", "other.png"), ("![x](../_media/away.png)", "away.png")):
        with pytest.raises(NotFoundError):
            media.read(tmp_path, article(body), asked)


def test_an_article_deeper_in_the_base_links_back_as_far() -> None:
    assert media.link("products/lamps/red-en.md", "a.png") == "../../_media/a.png"
