"""A text becomes a file: saved over the version it was written from, merged with what came between, never over it.

The file is written aside, made durable and renamed: whoever reads sees the old text or the new one. One writer at a
time, also among processes; a git pull or an editor that writes beside us is noticed by the file's sha256.
"""

from __future__ import annotations

import fcntl
import os
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from merge3 import Merge3

from kb.content.articles import Article, files, fingerprint, parse, read
from kb.durable import make_folder, sync_folder, write_file
from kb.errors import ArticleError, NotFoundError, RequestError
from kb.people.users import User
from kb.studio.life import check_change

LOCK = ".studio.lock"
OURS, THEIRS = "<<<<<<<", ">>>>>>>"


@dataclass(frozen=True)
class Merged:
    """Two texts made of one, as one text. `clashes` counts the places where both changed the same lines: there both
    stand between conflict marks."""

    source: str
    clashes: int


@dataclass(frozen=True)
class Saved:
    """What a save did. `old` is the article that was on disk before, None where there was none."""

    article: Article
    old: Article | None

    @property
    def changed(self) -> bool:
        """Whether the file reads otherwise now."""
        return self.old is None or self.old.source != self.article.source


class StaleError(RequestError):
    """The file is no longer the one this text was written from. `facts` has the `file` and what it says now, `theirs`
    ('' = there is none)."""


def on_disk(folder: Path, path: str) -> Article | None:
    """The article a file holds now, None where there is no file. Raises ArticleError, RequestError for no such path."""
    place = _place(folder, path)
    return read(place, folder) if place.exists() else None


def save(folder: Path, path: str, source: str, base: str, by: User, mark: bool = False) -> Saved:
    """Write an article's file, whole or not at all; what it says already is not written again.

    path: relative to the articles folder, with `/`
    base: sha256 of the text this one was written from, '' for a new file
    mark: whether a new file begins with a byte order mark; one that is there keeps its own
    Raises ArticleError for a text that is no article, NotAllowedError, RequestError for a path outside the folder or
    an id that another file has, StaleError where the file changed since `base`.
    """
    new = parse(source, path)
    place = _place(folder, path)
    with only_writer(folder):
        raw = place.read_bytes() if place.exists() else b""
        old = _readable(place, folder) if raw else None
        if (fingerprint(raw) if raw else "") not in (base, new.version):
            raise StaleError("article_changed", file=path, theirs=raw.decode("utf-8-sig", "replace"))
        check_change(by, old, new)
        if old is None:
            _check_new(folder, new)
        if old is None or old.source != source:
            for left in place.parent.glob(f".{place.name}.*"):  # by a save that was killed
                left.unlink()
            marked = raw.startswith(BOM_UTF8) if raw else mark
            write_file(place, (BOM_UTF8 if marked else b"") + source.encode())
    return Saved(new, old)


def rename(folder: Path, old: str, new: str, by: User) -> Article:
    """Move an article's file to another folder of the base. Its name is its id and stays. Raises as `save` does."""
    article = on_disk(folder, old)
    if article is None:
        raise NotFoundError("article_not_found")
    check_change(by, article, parse(article.source, new))
    target = _place(folder, new)
    with only_writer(folder):
        if target.exists():
            raise RequestError("article_there", file=new)
        make_folder(target.parent)
        os.rename(_place(folder, old), target)
        sync_folder(target.parent)
        sync_folder(_place(folder, old).parent)
    return parse(article.source, new)


def merge(base: str, mine: str, theirs: str, names: tuple[str, str]) -> Merged:
    """Both changes of one text. `names` of the two sides stand at the conflict marks."""
    three = Merge3(base.splitlines(True), mine.splitlines(True), theirs.splitlines(True))
    parts = (name for name, *_ in three.merge_groups())
    clashes = sum(1 for name in parts if name == "conflict")
    return Merged("".join(three.merge_lines(names[0], names[1])), clashes)


def version_of(source: str) -> str:
    """The sha256 that names a text, '' for none."""
    return fingerprint(source.encode("utf-8", "surrogatepass")) if source else ""


# --- the file ------------------------------------------------------------------------------------


def _place(folder: Path, path: str) -> Path:
    """The file of a path. Raises RequestError for one that is not an article's place inside the folder."""
    parts = path.split("/")
    sound = path.endswith(".md") and all(part and part[0] not in "._" and "\\" not in part for part in parts)
    place = folder / path
    if not sound or "\0" in path or not place.resolve().is_relative_to(folder.resolve()):
        raise RequestError("path_outside", file=path[:80])
    return place


def _readable(place: Path, folder: Path) -> Article | None:
    """The article in a file, None where the file holds none: whoever mends it writes it anew."""
    try:
        return read(place, folder)
    except ArticleError:
        return None


def _check_new(folder: Path, new: Article) -> None:
    twice = next((one for one in files(folder) if one.name == f"{new.id}.md"), None)
    if twice is not None and twice.relative_to(folder).as_posix() != new.path:
        raise RequestError("id_taken", id=new.id, file=twice.relative_to(folder).as_posix())


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Nobody else writes to the articles folder meanwhile, in no process of ours.

    Raises RequestError where it takes nothing: it is full, read-only, not ours to write.
    """
    with writable():
        make_folder(folder)
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def writable() -> Iterator[None]:
    """What the disk refuses of an article or a picture is told in a sentence. Raises RequestError."""
    try:
        yield
    except OSError as error:
        raise RequestError("article_unwritable", problem=error.strerror or "?") from error
