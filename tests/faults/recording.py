"""Every system call by which a program changes a folder, as strace saw it, done again on a `Disk`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.disk import Disk, File, Folder, Node

STRACE = shutil.which("strace")
# `?`: not on every processor
CALLS = (
    "?open,openat,?creat,close,write,pwrite64,writev,pwritev,?pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,"
    "?rename,?renameat,renameat2,?unlink,unlinkat,?rmdir,?mkdir,mkdirat,?link,linkat,?symlink,symlinkat,sendfile,"
    "copy_file_range,lseek,read,dup,?dup2,dup3,fcntl,execve,mmap"
)
OPTIONS = ("-f", "-qq", "-y", "-xx", "--seccomp-bpf", "-s", "16777216", "-e", "signal=none", "-e", "raw=read")
MEMORY = "-shm"  # what SQLite shares between processes: it is made anew, and never trusted, after a crash
_LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FOLDER = re.compile(r"[^<]*<((?:\\x[0-9a-f]{2})*)>")


def record(command: Sequence[str], log: Path, cwd: Path) -> None:
    """Run a program to its end and write down what it did. Raises CalledProcessError."""
    assert STRACE, "strace is not installed"
    told = [STRACE, *OPTIONS, "-e", f"trace={CALLS}", "-o", str(log), *command]
    subprocess.run(told, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


@dataclass
class _Open:
    """An open file: what it is, where the next byte goes."""

    node: Node
    append: bool = False
    at: int = 0


class Replay:
    """Does a record again. One program, any number of threads."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self.disk = disk
        self.said: list[str] = []  # what the program wrote to its standard output
        self._folder = f"{folder}/"
        self._open: dict[int, _Open] = {}
        self._started = False
        self._calls: dict[str, Callable[[list[str], int], object]] = {
            "close": lambda a, _: self._open.pop(_number(a[0]), None),
            "write": self._write,
            "writev": self._write,
            "pwrite64": lambda a, n: self._write(a, n, int(a[-1])),
            "pwritev": lambda a, n: self._write(a, n, int(a[-1])),
            "pwritev2": lambda a, n: self._write(a, n, int(a[-2])),
            "ftruncate": lambda a, _: self._cut(self._file(a[0]), int(a[1])),
            "truncate": lambda a, _: self._cut(self.disk.find(self._path(a[0])), int(a[1])),
            "fallocate": self._allocate,
            "fsync": lambda a, _: self._sync(a[0]),
            "fdatasync": lambda a, _: self._sync(a[0]),
            "rename": lambda a, _: self._rename(self._path(a[0]), self._path(a[1])),
            "renameat": lambda a, _: self._rename(self._path(a[1], a[0]), self._path(a[3], a[2])),
            "renameat2": lambda a, _: self._rename(self._path(a[1], a[0]), self._path(a[3], a[2])),
            "unlink": lambda a, _: self._unlink(self._path(a[0])),
            "rmdir": lambda a, _: self._unlink(self._path(a[0])),
            "unlinkat": lambda a, _: self._unlink(self._path(a[1], a[0])),
            "mkdir": lambda a, _: self._make(self._path(a[0]), Folder()),
            "mkdirat": lambda a, _: self._make(self._path(a[1], a[0]), Folder()),
            "link": lambda a, _: self._link(self._path(a[0]), self._path(a[1])),
            "linkat": lambda a, _: self._link(self._path(a[1], a[0]), self._path(a[3], a[2])),
            "sendfile": lambda a, n: self._copy(a[1], a[0], n),
            "copy_file_range": lambda a, n: self._copy(a[0], a[2], n),
            "lseek": self._seek,
            "read": self._read,
            "fcntl": self._control,
            "dup": self._again,
            "dup2": self._again,
            "dup3": self._again,
            "mmap": self._map,
        }

    def steps(self, log: Path) -> Iterator[None]:
        """Once after each call that may have changed the folder or said something."""
        halves: dict[str, str] = {}
        for line in log.open("r", encoding="ascii"):
            found = _LINE.match(line)
            if not found:
                continue
            process, name, kind, rest = found.groups()
            if rest.endswith("<unfinished ...>"):
                halves[process] = rest.removesuffix("<unfinished ...>").rstrip()
                continue
            told = halves.pop(process, "") + rest if kind == " resumed>" else rest
            arguments, _, result = told.rpartition(") ")
            result = result.strip()
            if not result.startswith("= ") or result.startswith(("= -1", "= ?")):
                continue
            before = len(self.said)
            if self._done(name, arguments, result.removeprefix("= ")) or len(self.said) > before:
                yield

    def _done(self, name: str, arguments: str, result: str) -> bool:
        """Do one call; whether it was one that changes something."""
        if name == "execve":
            assert not self._started, "a program that starts another is not followed"
            self._started = True
            return False
        split = arguments.split(", ")
        if name in ("open", "openat", "creat"):
            return self._opened(split, name, result)
        if name.startswith("symlink"):
            assert self._path(split[-1], split[1]) is None, "links to names are not followed"
            return False
        number = int(result.split()[0].split("<")[0], 0)
        return bool(self._calls[name](split, number)) and name not in ("close", "lseek", "read", "fcntl", "mmap")

    # what a call tells of

    def _inside(self, path: str) -> str | None:
        """A path relative to the folder, None for one elsewhere."""
        if f"{path}/" == self._folder:
            return ""
        return path.removeprefix(self._folder) if path.startswith(self._folder) else None

    def _path(self, told: str, at: str = "") -> str | None:
        path = _text(told)
        if not path.startswith("/"):
            folder = _FOLDER.match(at)
            path = f"{_bytes(folder[1]).decode() if folder else '/nowhere'}/{path}"
        return self._inside(path)

    def _file(self, told: str) -> Node | None:
        found = self._open.get(_number(told))
        return found.node if found else None

    # the calls

    def _opened(self, a: list[str], name: str, result: str) -> bool:
        number, where = int(result.split("<")[0]), _FOLDER.match(result)
        self._open.pop(number, None)
        path = self._inside(_bytes(where[1]).decode()) if where else None
        if path is None:
            return False
        flags = "O_CREAT|O_TRUNC" if name == "creat" else a[2] if name == "openat" else a[1]
        if "O_TMPFILE" in flags:  # has no name: gone with the power
            return False
        node, changed = self.disk.find(path), False
        if node is None:
            assert "O_CREAT" in flags, path
            node, changed = File(), True
            self._make(path, node)
        elif "O_TRUNC" in flags and isinstance(node, File) and node.now:
            node.cut(0)
            changed = True
        self._open[number] = _Open(node, "O_APPEND" in flags)
        return changed

    def _write(self, a: list[str], count: int, offset: int | None = None) -> bool:
        number = _number(a[0])
        raw = b"".join(_bytes(one) for one in _TEXT.findall(", ".join(a[1:])))[:count]
        if number == 1 and 1 not in self._open:
            self.said += raw.decode().splitlines()
            return False
        found = self._open.get(number)
        if found is None or not isinstance(found.node, File):
            return False
        at = len(found.node.now) if found.append else found.at if offset is None else offset
        found.node.write(at, raw)
        if offset is None:
            found.at = at + count
        return True

    def _cut(self, node: Node | None, size: int) -> bool:
        if not isinstance(node, File) or size == len(node.now):
            return False
        node.cut(size)
        return True

    def _allocate(self, a: list[str], _: int) -> bool:
        node = self._file(a[0])
        assert a[1] == "0", "holes are not followed"
        size = int(a[2]) + int(a[3])
        return isinstance(node, File) and size > len(node.now) and self._cut(node, size)

    def _sync(self, told: str) -> bool:
        node = self._file(told)
        if node is not None:
            node.sync()
        return node is not None

    def _rename(self, old: str | None, new: str | None) -> bool:
        if old is None and new is None:
            return False
        if not old or not new:
            raise AssertionError("out of the folder")
        self.disk.rename(old, new)
        return True

    def _unlink(self, path: str | None) -> bool:
        if path is not None:
            folder, name = self.disk.parent(path)
            folder.change((name, None))
        return path is not None

    def _make(self, path: str | None, node: Node) -> bool:
        if path is not None:
            folder, name = self.disk.parent(path)
            folder.change((name, node))
        return path is not None

    def _link(self, old: str | None, new: str | None) -> bool:
        if old is None and new is None:
            return False
        node = self.disk.find(old or "")
        if not old or not new or not node:
            raise AssertionError("out of the folder")
        return self._make(new, node)

    def _copy(self, source: str, target: str, count: int) -> bool:
        read, write = self._open.get(_number(source)), self._open.get(_number(target))
        if write is None:
            return False
        if read is None or not isinstance(read.node, File) or not isinstance(write.node, File):
            raise AssertionError("copied from elsewhere")
        write.node.write(write.at, bytes(read.node.now[read.at : read.at + count]))
        read.at, write.at = read.at + count, write.at + count
        return bool(count)

    def _seek(self, a: list[str], at: int) -> None:
        if found := self._open.get(_number(a[0])):
            found.at = at

    def _read(self, a: list[str], count: int) -> None:
        if found := self._open.get(int(a[0], 16)):
            found.at += count

    def _control(self, a: list[str], number: int) -> None:
        if a[1].startswith("F_DUPFD"):
            self._again(a, number)

    def _again(self, a: list[str], number: int) -> None:
        self._open.pop(number, None)
        if found := self._open.get(_number(a[0])):
            self._open[number] = found

    def _map(self, a: list[str], _: int) -> None:
        shared = "PROT_WRITE" in a[2] and "MAP_SHARED" in a[3]
        assert not shared or MEMORY in _bytes_in(a[4]) or _number(a[4]) not in self._open, "written through memory"


def _number(told: str) -> int:
    digits = told.split("<")[0]
    return int(digits) if digits.lstrip("-").isdigit() else -1


def _bytes(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))


def _text(told: str) -> str:
    found = _TEXT.match(told)
    assert found, told[:80]
    return _bytes(found[1]).decode()


def _bytes_in(told: str) -> str:
    found = _FOLDER.match(told)
    return _bytes(found[1]).decode() if found else ""
