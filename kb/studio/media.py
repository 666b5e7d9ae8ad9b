"""Pictures and papers of the articles: files under `articles/_media/`, each judged by what it is, never by its name.

A file is named by its content, in letters only, so that no mask takes it for somebody's number. Articles link to it
by a relative path, as any Markdown tool reads it; whoever may see an article that names it may see it.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageOps

from kb.content.articles import Article, linked
from kb.durable import write_file
from kb.errors import NotFoundError, RequestError
from kb.people.users import Action, User, require
from kb.studio.writing import writable

FOLDER = "_media"
MOST_BYTES = 8 * 2**20
MOST_PIXELS = 25_000_000  # of all frames together: 100 MB once unpacked

# Ending → the type it is served as. What is in a file decides its ending; SVG, which can hold scripts, has none.
TYPES: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
}
_ENDINGS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}  # Pillow's name of a format → ending
_LAST = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "GIF": b";", "WEBP": b""}  # what follows them is not picture
_PRIVATE = (
    "exif",
    "xmp",
    "XML:com.adobe.xmp",
    "comment",
    "photoshop",
    "iptc",
)  # where it was taken, by whom
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}\.(?:png|jpg|gif|webp|pdf)\Z")
_TARGET = re.compile(r"!?\[[^\[\]\n]*\]\(([^()\s]+)(?:[ \t]+\"[^\"\n]*\")?\)")
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def put(folder: Path, raw: bytes, by: User, name: str = "") -> str:
    """Keep a file under `_media`; what it is called there.

    name: what it should be called, where it can be: as our own export calls it
    Raises NotAllowedError; RequestError for what is no picture or PDF, or too large.
    """
    require(by, Action.WRITE_ARTICLE)
    kept, name = _kept(folder, raw, name)
    place = folder / FOLDER / name
    if not place.exists():
        with writable():
            write_file(place, kept)
    return name


def name_of(folder: Path, raw: bytes, name: str = "") -> str:
    """What `put` would call a file. Raises RequestError as it does; writes nothing."""
    return _kept(folder, raw, name)[1]


def _kept(folder: Path, raw: bytes, name: str) -> tuple[bytes, str]:
    kept, ending = checked(raw)
    if kept != raw or not _NAME.match(name) or not name.endswith(f".{ending}") or _taken(folder, name, raw):
        name = f"{hashlib.sha256(kept).hexdigest()[:20].translate(_LETTERS)}.{ending}"
    return kept, name


def _taken(folder: Path, name: str, raw: bytes) -> bool:
    place = folder / FOLDER / name
    return place.exists() and place.read_bytes() != raw


def checked(raw: bytes) -> tuple[bytes, str]:
    """A file as it may be kept, and its ending. A picture that tells more than it shows is painted anew.

    Raises RequestError for what is no picture or PDF, broken, or too large.
    """
    if len(raw) > MOST_BYTES:
        raise RequestError("media_too_large", limit=MOST_BYTES // 2**20)
    if raw.startswith(b"%PDF-"):
        return raw, "pdf"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _picture(raw)
    except RequestError:
        raise
    except Image.DecompressionBombError as error:
        raise RequestError("media_pixels", limit=MOST_PIXELS // 1_000_000) from error
    except Exception as error:  # Pillow raises whatever its many decoders raise
        raise RequestError("media_kind") from error


def _picture(raw: bytes) -> tuple[bytes, str]:
    with Image.open(io.BytesIO(raw), formats=tuple(_ENDINGS)) as image:
        frames = getattr(image, "n_frames", 1)
        if image.width * image.height * frames > MOST_PIXELS:
            raise RequestError("media_pixels", limit=MOST_PIXELS // 1_000_000)
        kind = str(image.format)
        for frame in range(frames):  # a broken one fails here, not before whoever looks at it
            image.seek(frame)
            image.load()
        text = getattr(image, "text", None)
        told = any(key in image.info for key in _PRIVATE) or bool(image.getexif()) or bool(text)
        if not told and raw.endswith(_LAST[kind]):
            return raw, _ENDINGS[kind]
        image.seek(0)
        return _painted(image, kind), _ENDINGS[kind]


def _painted(image: Image.Image, kind: str) -> bytes:
    """The picture alone, the right way up; the first frame of a film."""
    plain = ImageOps.exif_transpose(image)
    plain.info = {key: plain.info[key] for key in ("transparency", "icc_profile") if key in plain.info}
    plain.getexif().clear()
    out = io.BytesIO()
    options = {"quality": 90} if kind in ("JPEG", "WEBP") else {}
    plain.save(out, kind, **options)
    return out.getvalue()


def names(article: Article) -> frozenset[str]:
    """The files under `_media` that an article shows or links to."""
    found = (media_of(article, match[1]) for match in _TARGET.finditer(article.source, article.body_start))
    return frozenset(name for name in found if name)


def media_of(article: Article, target: str) -> str:
    """The file under `_media` that a link of this article leads to, '' where it leads elsewhere."""
    folder, _, name = linked(article, target).rpartition("/")
    return name if folder == FOLDER and _NAME.match(name) else ""


def link(path: str, name: str) -> str:
    """How the article at `path` links to a file under `_media`."""
    return f"{'../' * path.count('/')}{FOLDER}/{name}"


def read(folder: Path, article: Article, name: str) -> tuple[bytes, str]:
    """A file that this article names, and its type. Raises NotFoundError where it names none such."""
    place = folder / FOLDER / name
    if name not in names(article) or not place.is_file() or place.is_symlink():
        raise NotFoundError("media_not_found")
    if place.stat().st_size > MOST_BYTES:
        raise NotFoundError("media_not_found")
    return place.read_bytes(), TYPES[name.rpartition(".")[2]]
