"""A disk whose power fails: what a program wrote, what of it is surely kept, and what a crash may make of the rest.

The rules are POSIX's at their least kind (as in Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014):
`fsync` of a file keeps its bytes and its size, and not its name; `fsync` of a folder keeps the names in it. Whatever
else was written may be there or not, sector by sector, and in any order; a rename inside a folder happens or does not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512  # bytes that a disk writes wholly or not at all
MANNERS = ("nothing", "everything", "names only", "bytes only", "any", "any", "any")


@dataclass(eq=False)
class File:
    """Bytes: as they are, as they surely are, and what lies between: (offset, bytes), or a size it was cut to."""

    now: bytearray = field(default_factory=bytearray)
    kept: bytes = b""
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)

    def write(self, offset: int, raw: bytes) -> None:
        """Some bytes at a place."""
        _put(self.now, offset, raw)
        self.pending.append((offset, raw))

    def cut(self, size: int) -> None:
        """Another size."""
        _cut(self.now, size)
        self.pending.append(size)

    def sync(self) -> None:
        """All of it is kept."""
        if self.pending:
            self.kept = bytes(self.now)
            self.pending.clear()

    def after(self, chance: random.Random, likely: float) -> bytes:
        """What may be left, each sector that was not synced kept so likely."""
        if likely <= 0:
            return self.kept
        if likely >= 1:
            return bytes(self.now)
        left = bytearray(self.kept)
        for one in self.pending:
            if isinstance(one, int):
                if chance.random() < likely:
                    _cut(left, one)
                continue
            offset, raw = one
            for start, end in _sectors(offset, offset + len(raw)):
                if chance.random() < likely:
                    _put(left, start, raw[start - offset : end - offset])
        return bytes(left)


@dataclass(eq=False)
class Change:
    """Names that change together. `needs` is one that must have happened for this one to happen."""

    names: tuple[tuple[str, Node | None], ...]
    folder: Folder
    needs: Change | None = None

    def keep(self) -> None:
        """It is kept, and what it needs."""
        if self in self.folder.pending:
            self.folder.pending.remove(self)
            _rename(self.folder.kept, self)
        if self.needs:
            self.needs.keep()


@dataclass(eq=False)
class Folder:
    """Names: as they are, as they surely are, and the changes between."""

    now: dict[str, Node] = field(default_factory=dict)
    kept: dict[str, Node] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def change(self, *names: tuple[str, Node | None], needs: Change | None = None) -> Change:
        """Names come, go, or stand for something else."""
        one = Change(names, self, needs)
        _rename(self.now, one)
        self.pending.append(one)
        return one

    def sync(self) -> None:
        """Its names are kept."""
        for one in list(self.pending):
            one.keep()


Node = File | Folder


class Disk:
    """Everything under one folder."""

    def __init__(self, folder: Path) -> None:
        """As it is there now, all of it kept."""
        self.root = _read(folder)

    def find(self, path: str) -> Node | None:
        """What a path names, '' the folder itself."""
        node: Node | None = self.root
        for part in filter(None, path.split("/")):
            node = node.now.get(part) if isinstance(node, Folder) else None
        return node

    def parent(self, path: str) -> tuple[Folder, str]:
        """The folder that a path's last name is in."""
        above, _, name = path.rpartition("/")
        found = self.find(above)
        assert isinstance(found, Folder), path
        return found, name

    def rename(self, old: str, new: str) -> None:
        """As the system call; from one folder to another a crash may leave both names, never none."""
        (source, before), (target, after) = self.parent(old), self.parent(new)
        node = source.now[before]
        if source is target:
            source.change((before, None), (after, node))
        else:
            source.change((before, None), needs=target.change((after, node)))

    def differs(self, folder: Path) -> list[str]:
        """Where the tree as recorded is another than the one that is there: then the record is not whole."""
        here, there = dict(_flat(self.root)), dict(_flat(_read(folder)))
        return sorted(path for path in here.keys() | there.keys() if here.get(path) != there.get(path))

    def crash(self, target: Path, chance: random.Random, manner: str) -> None:
        """Write what a power cut at this moment may leave."""
        names, raw = {"nothing": (0, 0), "everything": (1, 1), "names only": (1, 0), "bytes only": (0, 1)}.get(
            manner, (chance.random(), chance.random())
        )
        happened: dict[Change, bool] = {}

        def has(one: Change) -> bool:
            if one not in happened:
                happened[one] = chance.random() < names and (
                    one.needs is None or one.needs not in one.needs.folder.pending or has(one.needs)
                )
            return happened[one]

        def put(node: Node, place: Path) -> None:
            if isinstance(node, File):
                place.write_bytes(node.after(chance, raw))
                return
            place.mkdir()
            left = dict(node.kept)
            for one in node.pending:
                if has(one):
                    _rename(left, one)
            for name, inner in left.items():
                put(inner, place / name)

        put(self.root, target)


def _put(raw: bytearray, offset: int, new: bytes) -> None:
    if offset > len(raw):
        raw.extend(bytes(offset - len(raw)))
    raw[offset : offset + len(new)] = new


def _cut(raw: bytearray, size: int) -> None:
    if size < len(raw):
        del raw[size:]
    else:
        raw.extend(bytes(size - len(raw)))


def _sectors(start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        until = min(end, (start // SECTOR + 1) * SECTOR)
        yield start, until
        start = until


def _rename(names: dict[str, Node], change: Change) -> None:
    for name, node in change.names:
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _read(place: Path) -> Folder:
    names: dict[str, Node] = {}
    for path in sorted(place.iterdir()):
        raw = b"" if path.is_dir() else path.read_bytes()
        names[path.name] = _read(path) if path.is_dir() else File(bytearray(raw), raw)
    return Folder(names, dict(names))


def _flat(folder: Folder, above: str = "") -> Iterator[tuple[str, bytes]]:
    for name, node in folder.now.items():
        if isinstance(node, Folder):
            yield f"{above}{name}/", b""
            yield from _flat(node, f"{above}{name}/")
        else:
            yield f"{above}{name}", bytes(node.now)
