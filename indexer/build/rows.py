"""Articles → a new generation of rows: only what changed is parsed, embedded and written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from indexer import learnt
from indexer.build import Report, Seen, embedding, look, refused, stays_small
from indexer.calibrate import calibrate
from indexer.engine import Engine
from indexer.engine.learnt import Taught
from indexer.engine.postgres.writing import write_articles
from indexer.engine.segments import AT_ONCE, Entry
from indexer.generation.manifest import Listed, Manifest, name_after
from indexer.generation.rows.draft import Draft, drafted
from indexer.generation.rows.store import Held, Rows
from indexer.vectors import Progress, VectorCache
from kb.content.articles import Article
from kb.errors import GenerationError
from kb.failpoints import reached
from kb.finding.search import Encoder

MOST_SEGMENTS = 32  # beside the base's: more are written together as one


def build(
    folder: Path,
    rows: Rows,
    encoder: Encoder,
    cache: VectorCache,
    *,
    at: datetime,
    keep: int = 3,
    full: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Publish a generation of the articles in `folder`, as `indexer.build.build` does with files.

    Raises PublishError while another program publishes or the server refuses, GenerationError when what was written
    does not verify.
    """
    with rows.publisher() as connection:
        served = held(rows)
        found = None if full or served is None else served
        before = found if found and found.opened.manifest.fits(encoder.name, encoder.token_name) else None
        manifest = before.opened.manifest if before else None
        seen = look(folder, manifest)
        if same := seen.nothing_new(manifest):
            return same
        name = name_after(max(rows.names(), default=""), at)
        with drafted(rows, connection, before, encoder.dim) as draft:
            now = _carried(served, seen, encoder)
            made = _write(draft, name, seen, served, now, encoder, cache, at, progress)
            reached("rows.written")
            draft.publish(made, now)
        rows.collect(connection, keep)
        anew = found is not None and before is None
        removed = seen.removed(manifest)
        return Report(name, True, tuple(sorted(seen.changed)), removed, tuple(seen.errors), len(made.articles), anew)


def held(rows: Rows) -> Held | None:
    """The current generation where it is sound."""
    current = rows.current()
    with contextlib.suppress(GenerationError):
        return rows.sound(int(current[1])) if current else None
    return None  # damaged: all is built anew


def _write(
    draft: Draft,
    name: str,
    seen: Seen,
    served: Held | None,
    now: Taught,
    encoder: Encoder,
    cache: VectorCache,
    at: datetime,
    progress: Progress | None,
) -> Manifest:
    """Write what changed; the manifest that describes the generation."""
    before = draft.before.opened.manifest if draft.before else None
    entries = _numbered(draft, seen.changed)
    draft.end(before.articles.keys() - seen.kept.keys() if before else ())
    embed = embedding(encoder, cache, progress, len(entries))
    for start in range(0, len(entries), AT_ONCE):
        some = entries[start : start + AT_ONCE]
        write_articles(draft.connection, draft.shelf, draft.number, some, *embed(some))
    whole = before is None or not stays_small(before, seen)
    base = _write_words(draft, entries, whole or draft.wordless)
    draft.settle(len(entries))
    listed = seen.kept | {e.article.id: Listed(e.number, e.sha256, e.article.path) for e in entries}
    made = Manifest(
        generation=name,
        parent=served.opened.manifest.generation if served else "",
        created=at.isoformat(),
        model=encoder.name,
        tokens=encoder.token_name,
        dim=encoder.dim,
        segments=(),
        articles=listed,
        next_number=0,
        refused=tuple(refused(error) for error in seen.errors),
        calibration=before.calibration if before else {},
        delta_size=0 if whole else sum(line.since > base for line in draft.lines().lines.values()),
    )
    return replace(made, calibration=calibrate(draft.engine(name, now), encoder, at)) if whole else made


def _numbered(draft: Draft, articles: dict[str, tuple[str, Article]]) -> list[Entry]:
    numbers = draft.rows.next_numbers(draft.connection, len(articles))
    return [Entry(number, sha, one) for number, (sha, one) in zip(numbers, articles.values(), strict=True)]


def _write_words(draft: Draft, entries: Sequence[Entry], whole: bool) -> int:
    """The words of what changed or, now and then, of more, so that segments stay few; the number of the base's."""
    segments = draft.before.lines.segments if draft.before else ()
    if not draft.before:
        draft.words(entries)
        return draft.number
    if whole or not segments:
        draft.words(draft.entries(), segments)
        return draft.number
    base, *others = segments
    if len(others) >= MOST_SEGMENTS:
        draft.words(draft.entries(base), others)
    elif entries:
        draft.words(entries)
    return base


def _carried(served: Held | None, seen: Seen, encoder: Encoder) -> Taught:
    """The lessons of the generation before, of the articles this one still has."""
    if served is None:
        return Taught()
    was = served.taught
    if served.opened.manifest.model != encoder.name:
        was = Taught(was.lessons)  # another model's rows and weights mean nothing here
    here = seen.kept.keys() | seen.changed.keys()
    return learnt.taught([one for one in was.lessons if one.article in here], was, encoder)


@contextlib.contextmanager
def preview(rows: Rows, manifest: Manifest, article: Article, encoder: Encoder, cache: VectorCache) -> Iterator[Engine]:
    """The served generation as if this article were in it as it is given: written in a transaction that is undone.

    Raises GenerationError where the generation no longer serves or was made by another model.
    """
    if not manifest.fits(encoder.name, encoder.token_name):
        raise GenerationError("generation_of_another_version", generation=manifest.generation)
    served = held(rows)
    if served is None or served.opened.manifest.generation != manifest.generation:
        raise GenerationError("generation_damaged", generation=manifest.generation, file="pointer")
    with rows.aside() as connection:
        draft = Draft(rows, connection, rows.next_number(connection), served.lines.shelf, served)
        (entry,) = _numbered(draft, {article.id: (article.version, article)})
        draft.end([article.id])
        write_articles(connection, draft.shelf, draft.number, [entry], *embedding(encoder, cache)([entry]))
        draft.words([entry])
        yield draft.engine(f"preview-{draft.number}", served.taught, served)
