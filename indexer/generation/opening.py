"""From a folder to an engine that serves, verified first; where the current one is damaged, the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from indexer.engine import Engine, FileEngine, Segment, Words, read_learnt
from indexer.generation.disk import forget, sha256_of
from indexer.generation.manifest import FORMAT, Manifest, current, generations, read_manifest
from kb.errors import GenerationError


@dataclass(frozen=True)
class Opened:
    """A generation ready to serve. `damaged` names what was refused on the way to it, and why."""

    engine: Engine
    manifest: Manifest
    damaged: tuple[GenerationError, ...] = ()


def verified(index: Path, name: str, sha256: str = "") -> Manifest:
    """The manifest of a generation whose every byte is what it says. Raises GenerationError."""
    manifest = read_manifest(index, name, sha256)
    if manifest.format != FORMAT:
        raise GenerationError("generation_of_another_version", generation=name)
    compare(index / "generations" / name, manifest)
    return manifest


def compare(folder: Path, manifest: Manifest) -> None:
    """Raises GenerationError for a file that is not what the manifest says. What verified is not read again."""
    for file, (wanted, size) in manifest.files.items():
        path = folder / file
        try:
            whole = path.stat().st_size == size and sha256_of(path) == wanted
        except OSError:
            whole = False
        if not whole:
            raise GenerationError("generation_damaged", generation=folder.name, file=file)


def reread(index: Path) -> None:
    """Check every byte of the current generation anew, also what verified before. Raises GenerationError.

    A disk that rots changes no file's time of change: only reading tells.
    """
    pointer = current(index)
    if pointer is None:
        return
    forget(index / "generations" / pointer[0])
    verified(index, *pointer)


def open_named(index: Path, name: str, sha256: str = "") -> Opened:
    """One generation, verified. Raises GenerationError when any byte, count or the canary is not as it should be."""
    manifest, folder = verified(index, name, sha256), index / "generations" / name
    try:
        engine = engine_of(folder, manifest)
        check(engine, manifest)
    except (GenerationError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # faiss, tantivy and json each fail in their own way; a panic is no `Exception`
        raise GenerationError("generation_damaged", generation=name, file="segments") from error
    compare(folder, manifest)  # nobody has written there since: what was read and copied is what was verified
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


def engine_of(folder: Path, manifest: Manifest) -> FileEngine:
    """The engine of the generation in a folder, which need not be in its place yet."""
    segments = [segment(folder, name) for name in manifest.segments]
    live = {id: listed.number for id, listed in manifest.articles.items()}
    learnt = read_learnt(folder / "learnt")
    return FileEngine(manifest.generation, segments, Words(folder / "lexical"), live, manifest.calibration, learnt)


def check(engine: FileEngine, manifest: Manifest) -> None:
    """Counts agree, and the first article is found by the words and by the vector of its own title."""
    if list(engine.ids) != sorted(manifest.articles):
        raise GenerationError("generation_damaged", generation=manifest.generation, file="articles")
    for segment in engine.segments:
        for name, rows in segment.chunk_rows.items():
            if len(segment.fields[name]) != len(rows):
                raise GenerationError("generation_damaged", generation=manifest.generation, file=f"{name}.faiss")
    if not engine.finds_itself():
        raise GenerationError("generation_damaged", generation=manifest.generation, file="canary")
