"""A generation on disk: written aside, verified, renamed, then one pointer moves.

    index/CURRENT                     "name sha256-of-manifest", replaced last, by rename
    index/generations/<name>/         a folder that never changes and whose name is never used again
        manifest.json                 what is in it: sha256 and size of every file, model, articles
        segments/<segment>/…          shared with other generations by hard link
        lexical/…
        learnt/…                      what solved calls taught, where there is anything

Opening verifies before it serves: every byte against the manifest, then counts, then one canary
question. What does not verify is refused; the generation before it serves.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from indexer.engine import Engine, Segment, Words, read_learnt
from kb import text
from kb.errors import GenerationError, PublishError
from kb.failpoints import reached
from kb.finding import chunks, verdict
from kb.finding.verdict import Calibration, Curve

FORMAT = 1

_POINTER = re.compile(rb"([0-9A-Za-z-]+) ([0-9a-f]{64})\n?\Z")


@dataclass(frozen=True)
class Listed:
    """One article of a generation: the number of its version, the sha256 and path of its file."""

    number: int
    sha256: str
    path: str


@dataclass(frozen=True)
class Refused:
    """A file that could not be indexed: an ArticleError, kept so that anybody can be told."""

    code: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """What a generation is. `files` maps a path in its folder to (sha256, bytes); `delta_size` counts
    the articles that lie outside the base segment."""

    generation: str
    parent: str
    created: str
    model: str
    dim: int
    segments: tuple[str, ...]
    articles: Mapping[str, Listed]
    next_number: int
    delta_size: int = 0
    refused: tuple[Refused, ...] = ()
    calibration: Calibration = field(default_factory=dict)
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    text_version: int = text.VERSION
    chunk_version: int = chunks.VERSION
    verdict_version: int = verdict.VERSION
    format: int = FORMAT
    tokens: str = ""

    def fits(self, model: str, tokens: str) -> bool:
        """Whether its vectors, tokens, terms and curves are the ones this program and this model would make."""
        ours = (FORMAT, text.VERSION, chunks.VERSION, verdict.VERSION, model, tokens)
        versions = (self.format, self.text_version, self.chunk_version, self.verdict_version)
        return ours == (*versions, self.model, self.tokens)


@dataclass(frozen=True)
class Opened:
    """A generation ready to serve. `damaged` names what was refused on the way to it, and why."""

    engine: Engine
    manifest: Manifest
    damaged: tuple[GenerationError, ...] = ()


# --- where things are ----------------------------------------------------------------------------


def new_name(index: Path, at: datetime) -> str:
    """A name no generation has had or will have; after all others in order, whatever the clock does."""
    newest = max(generations(index), default="")
    second = max(f"{at.astimezone(UTC):%Y%m%dT%H%M%S}", newest[:15])
    number = int(newest[16:20], 16) + 1 if newest.startswith(second) else 0
    return f"{second}-{number:04x}-{secrets.token_hex(4)}"


def generations(index: Path) -> list[str]:
    """Names of all whole generations on disk, oldest first."""
    folder = index / "generations"
    if not folder.exists():
        return []
    return sorted(path.name for path in folder.iterdir() if (path / "manifest.json").exists() and path.name[0] != ".")


def current(index: Path) -> tuple[str, str] | None:
    """The name and manifest hash `CURRENT` points at, None where nothing was ever published."""
    try:
        pointer = _POINTER.match((index / "CURRENT").read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GenerationError("generation_damaged", generation="CURRENT", file="CURRENT") from error
    if pointer is None:
        raise GenerationError("generation_damaged", generation="CURRENT", file="CURRENT")
    return pointer[1].decode(), pointer[2].decode()


def read_manifest(index: Path, name: str, sha256: str = "") -> Manifest:
    """The manifest of a generation, checked against `sha256` where one is given. Raises GenerationError."""
    path = index / "generations" / name / "manifest.json"
    try:
        raw = path.read_bytes()
        if sha256 and hashlib.sha256(raw).hexdigest() != sha256:
            raise ValueError("hash")
        tree = json.loads(raw)
        tree["articles"] = {id: Listed(**one) for id, one in tree["articles"].items()}
        tree["refused"] = tuple(Refused(**one) for one in tree["refused"])
        tree.setdefault("verdict_version", 0)
        curves = tree["calibration"].items() if tree["verdict_version"] == verdict.VERSION else ()  # stale: none
        tree["calibration"] = {language: Curve.from_tree(one) for language, one in curves}
        tree["files"] = {name: (sha, size) for name, (sha, size) in tree["files"].items()}
        tree["segments"] = tuple(tree["segments"])
        return Manifest(**tree)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise GenerationError("generation_damaged", generation=name, file="manifest.json") from error


# --- writing -------------------------------------------------------------------------------------


@contextlib.contextmanager
def publisher(index: Path) -> Iterator[None]:
    """Be the only publisher.

    Raises PublishError with the holder's name when there is one already, and where the disk refuses what is written.
    """
    try:
        with _locked(index):
            yield
    except OSError as error:
        raise PublishError("publish_failed", problem=error.strerror or str(error)) from error


@contextlib.contextmanager
def _locked(index: Path) -> Iterator[None]:
    index.mkdir(parents=True, exist_ok=True)
    with (index / "publish.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise PublishError("publisher_busy", holder=lock.read().strip() or "?") from error
        lock.truncate(0)
        lock.write(f"{socket.gethostname()}, process {os.getpid()}")
        lock.flush()
        yield


@contextlib.contextmanager
def workspace(index: Path, name: str) -> Iterator[Path]:
    """A folder beside its place, to write a generation in; gone again if it was not published."""
    folder = index / "generations" / f".{name}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def share(source: Path, target: Path, *, skip: tuple[str, ...] = ()) -> None:
    """The files of one folder in another, by hard link: written once, never changed, owned by both."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            share(path, target / path.name, skip=skip)
        elif path.name in skip:
            shutil.copyfile(path, target / path.name)
        else:
            try:
                os.link(path, target / path.name)
            except OSError:  # a file system without hard links
                shutil.copyfile(path, target / path.name)


def publish(index: Path, folder: Path, manifest: Manifest) -> Manifest:
    """Make the generation in a workspace the current one: hash, sync, verify, rename, move the pointer.

    Returns the manifest with `files` filled in. Raises GenerationError when what was written does
    not verify; nothing has changed then.
    """
    for lock in folder.rglob(".tantivy-*.lock"):  # left by whoever opened it, no part of it
        lock.unlink()
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    listed = {name: _hash_and_sync(path) for name, path in files.items()}
    reached("publish.hashed")
    whole = Manifest(**{**_shallow(manifest), "files": listed})
    raw = json.dumps(asdict(whole), ensure_ascii=False, sort_keys=True).encode()
    _write_synced(folder / "manifest.json", raw)
    reached("publish.listed")
    for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
        _sync_folder(path)
    reached("publish.synced")
    _canary(_engine(folder, whole), whole)
    reached("publish.verified")
    os.rename(folder, index / "generations" / manifest.generation)
    reached("publish.renamed")
    _sync_folder(index / "generations")
    reached("publish.kept")
    point_at(index, manifest.generation, hashlib.sha256(raw).hexdigest())
    return whole


def point_at(index: Path, name: str, sha256: str) -> None:
    """Move `CURRENT`, in one rename."""
    aside = index / f".CURRENT-{secrets.token_hex(4)}"
    _write_synced(aside, f"{name} {sha256}\n".encode("ascii"))
    reached("point.aside")
    os.rename(aside, index / "CURRENT")
    reached("point.moved")
    _sync_folder(index)


def _shallow(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in manifest.__dataclass_fields__}


_verified: dict[tuple[int, int, int, int], str] = {}  # a file that verified once is not read again


def _identity(path: Path) -> tuple[int, int, int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _hash(path: Path) -> str:
    identity = _identity(path)
    if identity not in _verified:
        with path.open("rb") as file:
            _verified[identity] = hashlib.file_digest(file, "sha256").hexdigest()
    return _verified[identity]


def _hash_and_sync(path: Path) -> tuple[str, int]:
    if _identity(path) not in _verified:  # a shared file was synced when it was first published
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return _hash(path), path.stat().st_size


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- opening -------------------------------------------------------------------------------------


def verified(index: Path, name: str, sha256: str = "") -> Manifest:
    """The manifest of a generation whose every byte is what it says. Raises GenerationError."""
    manifest = read_manifest(index, name, sha256)
    folder = index / "generations" / name
    if manifest.format != FORMAT:
        raise GenerationError("generation_of_another_version", generation=name)
    for file, (wanted, size) in manifest.files.items():
        path = folder / file
        try:
            whole = path.stat().st_size == size and _hash(path) == wanted
        except OSError:
            whole = False
        if not whole:
            raise GenerationError("generation_damaged", generation=name, file=file)
    return manifest


def reread(index: Path) -> None:
    """Check every byte of the current generation anew, also what verified before. Raises GenerationError.

    A disk that rots changes no file's time of change: only reading tells.
    """
    pointer = current(index)
    if pointer is None:
        return
    for path in (index / "generations" / pointer[0]).rglob("*"):
        with contextlib.suppress(OSError):
            _verified.pop(_identity(path), None)
    verified(index, *pointer)


def open_named(index: Path, name: str, sha256: str = "") -> Opened:
    """One generation, verified. Raises GenerationError when any byte, count or the canary is not as it should be."""
    manifest = verified(index, name, sha256)
    try:
        engine = _engine(index / "generations" / name, manifest)
    except GenerationError:
        raise
    except Exception as error:  # faiss, tantivy and json each fail in their own way
        raise GenerationError("generation_damaged", generation=name, file="segments") from error
    _canary(engine, manifest)
    return Opened(engine, manifest)


def open_current(index: Path) -> Opened:
    """The current generation or, where it is damaged, the newest one before it that verifies.

    Raises GenerationError `index_missing` when nothing was published, or the damage when nothing verifies.
    """
    while True:
        before = _pointer(index)
        try:
            opened = _newest_sound(index)
            if not opened.damaged or _pointer(index) == before:
                return opened
        except GenerationError:
            if _pointer(index) == before:
                raise
        # `CURRENT` has moved: what was missing may have been collected while it was read


def _pointer(index: Path) -> bytes:
    try:
        return (index / "CURRENT").read_bytes()
    except OSError:
        return b""


def _newest_sound(index: Path) -> Opened:
    """What `open_current` opens, if nobody publishes meanwhile."""
    damaged: list[GenerationError] = []
    candidates = [(name, "") for name in reversed(generations(index))]
    try:
        pointer = current(index)
    except GenerationError as error:
        damaged.append(error)
    else:
        if pointer is None:
            raise GenerationError("index_missing")
        candidates = [pointer, *(other for other in candidates if other[0] < pointer[0])]
    for candidate, wanted in candidates:
        try:
            opened = open_named(index, candidate, wanted)
            return Opened(opened.engine, opened.manifest, tuple(damaged))
        except GenerationError as error:
            damaged.append(error)
    raise damaged[0]


_held: WeakValueDictionary[str, Segment] = WeakValueDictionary()  # segments some generation in use holds


def segment(folder: Path, name: str) -> Segment:
    """A segment of the generation in `folder`; its name is never used again, so one that is in memory serves."""
    return _held.get(name) or _held.setdefault(name, Segment(folder / "segments" / name))


def _engine(folder: Path, manifest: Manifest) -> Engine:
    segments = [segment(folder, name) for name in manifest.segments]
    live = {id: listed.number for id, listed in manifest.articles.items()}
    learnt = read_learnt(folder / "learnt")
    return Engine(manifest.generation, segments, Words(folder / "lexical"), live, manifest.calibration, learnt)


def _canary(engine: Engine, manifest: Manifest) -> None:
    """Counts agree, and the first article is found by the words and by the vector of its own title."""
    if list(engine.ids) != sorted(manifest.articles):
        raise GenerationError("generation_damaged", generation=manifest.generation, file="articles")
    for segment in engine.segments:
        for name, rows in segment.chunk_rows.items():
            if len(segment.fields[name]) != len(rows):
                raise GenerationError("generation_damaged", generation=manifest.generation, file=f"{name}.faiss")
    if not engine.finds_itself():
        raise GenerationError("generation_damaged", generation=manifest.generation, file="canary")


# --- keeping house -------------------------------------------------------------------------------


def roll_back(index: Path) -> str:
    """Point at the newest generation before the current one that verifies; its name.

    Raises GenerationError `nothing_before` where there is none.
    """
    pointer = current(index)
    name = pointer[0] if pointer else ""
    for candidate in reversed([other for other in generations(index) if other < name]):
        with contextlib.suppress(GenerationError):
            open_named(index, candidate)
            raw = (index / "generations" / candidate / "manifest.json").read_bytes()
            point_at(index, candidate, hashlib.sha256(raw).hexdigest())
            return candidate
    raise GenerationError("nothing_before", generation=name)


def collect(index: Path, keep: int) -> list[str]:
    """Delete all but the newest `keep` generations, never the current one or the one before it; their names.

    Each is renamed first: one that is half gone is none.
    """
    pointer = current(index)
    if pointer is None:
        return []
    names = generations(index)
    older = [name for name in names if name < pointer[0]]
    kept = {pointer[0], *older[-1:], *names[-max(keep, 2) :]}
    gone = [name for name in names if name not in kept]
    for name in gone:
        os.rename(index / "generations" / name, index / "generations" / f".{name}")
        reached("clean.aside")
    for path in (index / "generations").glob(".*"):  # these, and what a build that was killed left
        shutil.rmtree(path, ignore_errors=True)
        reached("clean.gone")
    for path in index.glob(".CURRENT-*"):
        path.unlink(missing_ok=True)
    return gone
