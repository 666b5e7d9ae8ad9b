"""Articles → a new generation: only what changed is parsed and embedded, and nothing at all if nothing did."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from indexer import generation, learnt
from indexer.build.unchanged import Fingerprints
from indexer.calibrate import calibrate
from indexer.engine import Embed, Engine, Entry, FileEngine, Words, read_learnt, write_lexical, write_segment
from indexer.engine.learnt import FOLDER
from indexer.generation import Listed, Manifest, Refused
from indexer.vectors import Progress, VectorCache
from kb.content import articles
from kb.errors import ArticleError, GenerationError
from kb.failpoints import reached
from kb.finding.chunks import cut, embedded
from kb.finding.search import Encoder, Tokens, Vector

DELTA_SHARE = 0.1  # of the base's articles that may have changed before all is built anew
DELTA_LEAST = 200
LEAST_MERGED, MOST_MERGED = 64, 1024  # articles of a delta that a later one always takes in, and never

_fingerprints = Fingerprints()

PREVIEW = ".preview-"
PREVIEW_LEFT = 3600.0  # seconds after which a preview's folder was left by a program that was killed


@dataclass(frozen=True)
class Report:
    """What a build did. `generation` is the current one afterwards; `added` and `removed` are article ids;
    `anew` says that an index was there but its model or rules were others, so that all was built again."""

    generation: str
    published: bool
    added: tuple[str, ...]
    removed: tuple[str, ...]
    refused: tuple[ArticleError, ...]
    total: int
    anew: bool = False


@dataclass(frozen=True)
class Seen:
    """The articles folder as it is now, beside the generation before."""

    kept: dict[str, Listed]
    changed: dict[str, tuple[str, articles.Article]]
    errors: list[ArticleError]

    def removed(self, before: Manifest | None) -> tuple[str, ...]:
        """The ids of articles that a generation has and the folder no longer does."""
        return tuple(sorted(set(before.articles) - set(self.kept) - set(self.changed))) if before else ()

    def nothing_new(self, before: Manifest | None) -> Report | None:
        """What to report of a folder that is as this generation has it, refusals and all; None of any other."""
        same = before and [refused(one) for one in self.errors] == list(before.refused)
        if not before or not same or self.changed or self.removed(before):
            return None
        return Report(before.generation, False, (), (), tuple(self.errors), len(self.kept))


def build(
    folder: Path,
    index: Path,
    encoder: Encoder,
    cache: VectorCache,
    *,
    at: datetime,
    keep: int = 3,
    full: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Publish a generation of the articles in `folder`. One file that cannot be used stops no other.

    A changed model, tokeniser or chunk rule makes every article new. Raises PublishError while
    another process publishes, GenerationError when what was written does not verify.
    """
    with generation.publisher(index):
        served = _before(index)
        found = None if full else served
        before = found if found and found.fits(encoder.name, encoder.token_name) else None
        seen = look(folder, before)
        if same := seen.nothing_new(before):
            return same
        name = generation.new_name(index, at)
        with generation.workspace(index, name) as work:
            made = _described(name, before, seen, encoder, at)
            learnt.carry(work, index, served, made, encoder)
            reached("build.learnt")
            made = _write(work, index, before, seen, made, encoder, cache, at, progress)
            reached("build.written")
            generation.publish(index, work, made, before)
        reached("build.published")
        generation.collect(index, keep)
        anew = found is not None and before is None
        removed = seen.removed(before)
        return Report(name, True, tuple(sorted(seen.changed)), removed, tuple(seen.errors), len(made.articles), anew)


@contextlib.contextmanager
def preview(
    index: Path, manifest: Manifest, article: articles.Article, encoder: Encoder, cache: VectorCache
) -> Iterator[Engine]:
    """A served generation as if this article were in it as it is given; never published, gone afterwards.

    What it shares with the generation is not written again: the segments are those in memory, the words are linked.
    Raises GenerationError where the generation is no longer there or was made by another model.
    """
    if not manifest.fits(encoder.name, encoder.token_name):
        raise GenerationError("generation_of_another_version", generation=manifest.generation)
    _forget_previews(index)
    work = Path(tempfile.mkdtemp(prefix=PREVIEW, dir=index))
    try:
        yield _with(work, index, manifest, article, encoder, cache)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _with(
    work: Path, index: Path, manifest: Manifest, article: articles.Article, encoder: Encoder, cache: VectorCache
) -> Engine:
    old = index / "generations" / manifest.generation
    entry = Entry(manifest.next_number, article.version, article)
    now = manifest.articles.get(article.id)
    segments = [generation.segment(old, name) for name in manifest.segments]
    name = f"preview-{work.name}"  # a segment's name is its own for ever
    write_segment(work / "segments" / name, [entry], embedding(encoder, cache))
    try:
        generation.share(old / "lexical", work / "lexical", skip=("meta.json", ".managed.json"))
    except FileNotFoundError as error:  # collected while somebody was still served from it
        raise GenerationError("generation_damaged", generation=manifest.generation, file="lexical") from error
    write_lexical(work / "lexical", [entry], [now.number] if now else [])
    live = {id: one.number for id, one in manifest.articles.items()} | {article.id: entry.number}
    segments.append(generation.segment(work, name))
    taught = learnt.of_generation(index, manifest)
    return FileEngine(name, segments, Words(work / "lexical"), live, manifest.calibration, taught)


def _forget_previews(index: Path) -> None:
    for folder in index.glob(f"{PREVIEW}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > PREVIEW_LEFT:
                shutil.rmtree(folder, ignore_errors=True)


def _before(index: Path) -> Manifest | None:
    """The current generation's manifest, None where there is none that is whole."""
    try:
        pointer = generation.current(index)
        if pointer is None:
            return None
        return generation.verified(index, *pointer)
    except GenerationError:
        return None  # damaged: all is built anew


def look(folder: Path, before: Manifest | None) -> Seen:
    """Look at every file, parse those whose bytes are new. Of two files with one id the first path counts."""
    known = {listed.path: (id, listed) for id, listed in before.articles.items()} if before else {}
    seen = Seen({}, {}, [])
    paths: dict[str, str] = {}
    for name in articles.names(folder):
        try:
            sha256 = _fingerprints.of(f"{folder}/{name}")
            id, listed = known.get(name, ("", None))
            if listed and listed.sha256 == sha256 and id not in paths:
                seen.kept[id] = listed
            else:
                article = articles.read(folder / name, folder)
                id = article.id
                if id in paths:
                    raise articles.twice(article, paths[id])
                seen.changed[id] = (article.version, article)
            paths[id] = name
        except ArticleError as error:
            seen.errors.append(error)
        except OSError as error:
            reason = error.strerror or ""
            seen.errors.append(ArticleError("article_unreadable", file=name, line=1, reason=reason))
    return seen


def refused(error: ArticleError) -> Refused:
    """An error as a manifest keeps it."""
    return Refused(error.code, {name: str(value) for name, value in error.facts.items()})


def _described(name: str, before: Manifest | None, seen: Seen, encoder: Encoder, at: datetime) -> Manifest:
    """The manifest of a generation of these articles, before anything of it is written."""
    entries = _entries(before, seen)
    listed = seen.kept | {e.article.id: Listed(e.number, e.sha256, e.article.path) for e in entries}
    return Manifest(
        generation=name,
        parent=before.generation if before else "",
        created=at.isoformat(),
        model=encoder.name,
        tokens=encoder.token_name,
        dim=encoder.dim,
        segments=(f"base-{name}",),
        articles=listed,
        next_number=(before.next_number if before else 0) + len(entries),
        refused=tuple(refused(error) for error in seen.errors),
        calibration=before.calibration if before else {},
    )


def _entries(before: Manifest | None, seen: Seen) -> list[Entry]:
    """The articles that are new, numbered on."""
    number = before.next_number if before else 0
    return [Entry(number + i, sha, one) for i, (sha, one) in enumerate(seen.changed.values())]


def _write(
    work: Path,
    index: Path,
    before: Manifest | None,
    seen: Seen,
    made: Manifest,
    encoder: Encoder,
    cache: VectorCache,
    at: datetime,
    progress: Progress | None,
) -> Manifest:
    """Write segments and lexical index into the workspace; the manifest that describes them."""
    entries = _entries(before, seen)
    if before and stays_small(before, seen):
        return _write_delta(work, index, before, made, entries, encoder, cache, progress)
    return _write_base(work, index, before, made, entries, encoder, cache, at, progress)


def stays_small(before: Manifest, seen: Seen) -> bool:
    """Whether the articles that left the base are few enough to live beside it."""
    changed = len(seen.changed) + len(before.articles) - len(seen.kept)
    return changed + before.delta_size <= max(DELTA_LEAST, DELTA_SHARE * len(before.articles))


def _write_delta(
    work: Path,
    index: Path,
    before: Manifest,
    made: Manifest,
    entries: list[Entry],
    encoder: Encoder,
    cache: VectorCache,
    progress: Progress | None,
) -> Manifest:
    """The segments as they were, by hard link, and one more of what changed now.

    It takes in those before it that are no bigger, as a binary counter carries, so that segments stay few and a save
    never writes all that was saved since the base.
    """
    old = index / "generations" / before.generation
    base, *deltas = before.segments
    numbers = {one.number for one in made.articles.values()}
    alive = {one: [e for e in generation.segment(old, one).entries if e.number in numbers] for one in deltas}
    new = entries
    while deltas and len(alive[deltas[-1]]) <= min(max(len(entries), LEAST_MERGED), MOST_MERGED):
        entries = alive.pop(deltas.pop()) + entries
    for one in (base, *deltas):
        generation.share(old / "segments" / one, work / "segments" / one)
    if entries:
        delta = f"delta-{made.generation}"
        write_segment(work / "segments" / delta, entries, embedding(encoder, cache, progress, len(entries)))
        deltas.append(delta)
    generation.share(old / "lexical", work / "lexical", skip=("meta.json", ".managed.json"))
    was = {one.number for one in before.articles.values()}
    write_lexical(work / "lexical", new, sorted(was - numbers))
    return replace(made, segments=(base, *deltas), delta_size=len(entries) + sum(map(len, alive.values())))


def _write_base(
    work: Path,
    index: Path,
    before: Manifest | None,
    made: Manifest,
    entries: list[Entry],
    encoder: Encoder,
    cache: VectorCache,
    at: datetime,
    progress: Progress | None,
) -> Manifest:
    """One segment of everything, and the verdict measured on it."""
    if before:
        numbers = {one.number for one in made.articles.values()}
        old = index / "generations" / before.generation
        kept = [e for name in before.segments for e in generation.segment(old, name).entries if e.number in numbers]
        entries = kept + entries
    write_segment(work / "segments" / made.segments[0], entries, embedding(encoder, cache, progress, len(entries)))
    write_lexical(work / "lexical", entries, ())
    live = {id: one.number for id, one in made.articles.items()}
    segment = generation.segment(work, made.segments[0])
    taught = read_learnt(work / FOLDER)  # carried there before
    engine = FileEngine(made.generation, [segment], Words(work / "lexical"), live, None, taught)
    return replace(made, calibration=calibrate(engine, encoder, at))


def embedding(encoder: Encoder, cache: VectorCache, progress: Progress | None = None, total: int = 0) -> Embed:
    """Some articles → their rows and tokens, from the cache where it has them. progress: told of articles, `total` in
    all."""
    done = 0

    def embed(entries: Sequence[Entry]) -> tuple[Vector, list[Tokens]]:
        nonlocal done

        def step(made: int, of: int) -> None:
            if progress:
                progress(done + len(entries) * made // of, total)

        texts = [embedded(entry.article, chunk) for entry in entries for chunk in cut(entry.article)]
        made = cache.with_tokens(texts, encoder, step if progress else None)
        done += len(entries)
        if progress:
            progress(done, total)
        return made

    return embed
