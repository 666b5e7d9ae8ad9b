"""Written aside, verified, renamed, then one pointer moves; back again; and what is no longer needed taken away."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from indexer.generation.disk import hash_and_sync
from indexer.generation.manifest import Manifest, current, generations, tree_of
from indexer.generation.opening import check, compare, engine_of, open_named
from kb.durable import make_folder, sync_folder, write_synced
from kb.errors import GenerationError, PublishError
from kb.failpoints import reached


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
    make_folder(index)
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


def publish(index: Path, folder: Path, manifest: Manifest, before: Manifest | None = None) -> Manifest:
    """Make the generation in a workspace the current one: hash, sync, verify, rename, move the pointer.

    before: the one it shares files with
    Returns the manifest with `files` filled in. Raises GenerationError when what was written does
    not verify, PublishError where what is shared was damaged meanwhile; nothing has changed then.
    """
    for lock in folder.rglob(".tantivy-*.lock"):  # left by whoever opened it, no part of it
        lock.unlink()
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    listed = {name: hash_and_sync(path) for name, path in files.items()}
    if before:  # what was hashed now must not make right what somebody wrote into it
        try:
            compare(index / "generations" / before.generation, before)
        except GenerationError as error:
            name, file = error.facts["generation"], error.facts["file"]
            raise PublishError("generation_damaged", generation=name, file=file) from error
    reached("publish.hashed")
    whole = replace(manifest, files=listed)
    raw = json.dumps(tree_of(whole), ensure_ascii=False, sort_keys=True).encode()
    write_synced(folder / "manifest.json", raw)
    reached("publish.listed")
    for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
        sync_folder(path)
    reached("publish.synced")
    check(engine_of(folder, whole), whole)
    reached("publish.verified")
    os.rename(folder, index / "generations" / manifest.generation)
    reached("publish.renamed")
    sync_folder(index / "generations")
    reached("publish.kept")
    point_at(index, manifest.generation, hashlib.sha256(raw).hexdigest())
    return whole


def point_at(index: Path, name: str, sha256: str) -> None:
    """Move `CURRENT`, in one rename."""
    aside = index / f".CURRENT-{secrets.token_hex(4)}"
    write_synced(aside, f"{name} {sha256}\n".encode("ascii"))
    reached("point.aside")
    os.rename(aside, index / "CURRENT")
    reached("point.moved")
    sync_folder(index)


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
