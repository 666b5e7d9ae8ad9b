"""What is imported, as names and bytes: a folder, a zip or one file. Nothing is unpacked to disk, and nothing is read
before it is known how large it is."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kb.errors import KBError, RequestError
from kb.studio.transfer.found import Refused

MOST_FILES = 20_000
MOST_ALL = 512 * 2**20  # bytes of all files together, unpacked
MOST_FILE = 16 * 2**20
MOST_RATIO = 200  # of unpacked to packed, above `SMALL`: text is packed to a tenth, a bomb to a thousandth
SMALL = 2**20
MOST_NAME = 240

# A folder that has one of these is where the base begins.
ROOTS = ("_media/", "_site.toml", "mkdocs.yml", "docusaurus.config.js", "docusaurus.config.ts", ".obsidian/")
# What the library raises for a file that is no zip, or a broken one.
BROKEN = zipfile.BadZipFile, OSError, ValueError, NotImplementedError, zlib.error, EOFError
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Pack:
    """Files by their names (with `/`, below the base's root), and those that are not even opened."""

    names: tuple[str, ...]
    refused: tuple[Refused, ...]
    open: Callable[[str], bytes]

    def read(self, name: str) -> bytes:
        """One file. Raises RequestError for one that is too large or broken."""
        try:
            return self.open(name)
        except KBError:
            raise
        except Exception as error:  # a damaged zip fails in many ways
            raise RequestError("import_broken", file=name) from error


def of_path(path: Path) -> Pack:
    """A folder, a zip or a single file. Raises RequestError for a path that is none, or a zip that cannot be read."""
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise RequestError("import_missing", file=str(path))
    if zipfile.is_zipfile(path) and path.suffix.lower() == ".zip":
        return _of_zip(path)
    return _rooted([path.name], [], lambda _: _bounded(path))


def of_bytes(name: str, raw: bytes) -> Pack:
    """An uploaded file: a zip, or a single file."""
    if name.lower().endswith(".zip"):
        return _of_zip(io.BytesIO(raw))
    sound = re.sub(r"[\\/\0]", "_", name) or "_"
    return _rooted([sound], [], lambda _: raw)


def _of_folder(folder: Path) -> Pack:
    names: list[str] = []
    refused: list[Refused] = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            whole = Path(place, name)
            inside = whole.relative_to(folder).as_posix()
            if len(names) >= MOST_FILES:
                raise RequestError("import_too_many", limit=MOST_FILES)
            if whole.is_symlink() or not whole.is_file():
                refused.append(Refused(inside, RequestError("import_no_file", file=inside)))
            else:
                names.append(inside)
    return _rooted(names, refused, lambda name: _bounded(folder / name))


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return _at_most(file.read(MOST_FILE + 1), path.name)


def _at_most(raw: bytes, name: str) -> bytes:
    if len(raw) > MOST_FILE:
        raise RequestError("import_too_large", file=name, limit=MOST_FILE // 2**20)
    return raw


# --- zip -----------------------------------------------------------------------------------------


def _of_zip(source: Path | io.BytesIO) -> Pack:
    try:
        archive = zipfile.ZipFile(source)
        infos = archive.infolist()
    except BROKEN as error:
        raise RequestError("import_zip_broken") from error
    check_bomb(infos)
    entries: dict[str, zipfile.ZipInfo] = {}
    refused: list[Refused] = []
    for info in infos:
        if info.is_dir():
            continue
        name = _name(info)
        reason = _why_not(info, name, entries)
        if reason is None:
            entries[name] = info
        else:
            refused.append(Refused(name[:MOST_NAME].replace("\0", "?"), reason))

    def read(name: str) -> bytes:
        with archive.open(entries[name]) as file:
            return _at_most(file.read(MOST_FILE + 1), name)

    return _rooted(list(entries), refused, read)


def check_bomb(infos: list[zipfile.ZipInfo]) -> None:
    """Raises RequestError for a zip that would unpack to too much, from its own list of contents."""
    if len(infos) > MOST_FILES:
        raise RequestError("import_too_many", limit=MOST_FILES)
    if sum(info.file_size for info in infos) > MOST_ALL:
        raise RequestError("import_bomb", limit=MOST_ALL // 2**20)


def _why_not(info: zipfile.ZipInfo, name: str, entries: dict[str, zipfile.ZipInfo]) -> KBError | None:
    if not _sound(name):
        return RequestError("path_outside", file=name[:80].replace("\0", "?"))
    if stat.S_ISLNK(info.external_attr >> 16):
        return RequestError("import_no_file", file=name)
    if info.flag_bits & 1:
        return RequestError("import_locked", file=name)
    if name in entries:
        return RequestError("import_twice", file=name)
    packed_too_well = info.file_size > SMALL and info.file_size > MOST_RATIO * max(info.compress_size, 1)
    if info.file_size > MOST_FILE or packed_too_well:
        return RequestError("import_too_large", file=name, limit=MOST_FILE // 2**20)
    return None


def _name(info: zipfile.ZipInfo) -> str:
    """An entry's name; Chinese Windows writes GBK where the format says DOS letters."""
    name = info.orig_filename if "\0" in info.orig_filename else info.filename
    if not info.flag_bits & 0x800 and not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("gb18030")
    return name.replace("\\", "/")


def _sound(name: str) -> bool:
    parts = name.split("/")
    inside = all(part not in ("", ".", "..") for part in parts)
    return inside and "\0" not in name and len(name) <= MOST_NAME and not _DRIVE.match(name)


# --- the root ------------------------------------------------------------------------------------


def _rooted(names: list[str], refused: list[Refused], read: Callable[[str], bytes]) -> Pack:
    """The pack from where its base begins; what lies outside of that is no part of it."""
    root = min(_roots(names), key=lambda one: (one.count("/"), one), default="")
    inside = [name for name in names if name.startswith(root)]
    return Pack(tuple(name.removeprefix(root) for name in inside), tuple(refused), lambda name: read(root + name))


def _roots(names: list[str]) -> Iterator[str]:
    for name in names:
        for mark in ROOTS:
            at = f"/{name}".find(f"/{mark}")
            if at >= 0 and (mark.endswith("/") or name.endswith(mark)):
                yield name[:at]
