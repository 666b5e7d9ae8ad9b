"""The files of the words and pins, written whole over the version they were read from, by whom may tune the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kb.content import glossary
from kb.content.articles import fingerprint
from kb.durable import write_file
from kb.people.users import Action, User, require
from kb.studio.writing import StaleError, only_writer
from kb.tuning import pins, synonyms

READERS: Mapping[str, Callable[[bytes], object]] = {
    synonyms.FILE: synonyms.read,
    pins.FILE: pins.read,
    glossary.FILE: glossary.read,
}


def now(folder: Path, name: str) -> tuple[bytes, str]:
    """What a file says and the version that names it; nothing and '' where there is none."""
    path = folder / name
    raw = path.read_bytes() if path.exists() else b""
    return raw, version_of(raw)


def version_of(raw: bytes) -> str:
    """The sha256 that names what a file says, '' for nothing."""
    return fingerprint(raw) if raw else ""


def save(folder: Path, name: str, source: bytes, base: str, by: User) -> None:
    """Write one of `READERS`, whole or not at all.

    base: version of what was read before, '' where there was no file
    Raises ArticleError for what it cannot say, StaleError where the file changed since `base`.
    """
    require(by, Action.TUNE_SEARCH)
    READERS[name](source)
    with only_writer(folder):
        raw, version = now(folder, name)
        if version != base:
            raise StaleError("article_changed", file=name, theirs=raw.decode("utf-8-sig", "replace"))
        write_file(folder / name, source)
