"""What was learnt becomes searchable, where generations are rows: a few rows and a pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from indexer.calibrate import calibrate
from indexer.engine import Lesson, Taught
from indexer.generation.manifest import Manifest, name_after
from indexer.generation.rows.draft import drafted
from indexer.generation.rows.store import Held, Rows
from indexer.generation.rows.taught import digest
from indexer.learnt import as_measured, is_news, taught, weighed_anew
from kb.db import Connection
from kb.finding.search import Encoder


def teach(rows: Rows, encoder: Encoder, lessons: Sequence[Lesson], at: datetime, *, keep: int = 3) -> bool:
    """Publish the current generation with these lessons instead of its own, as `indexer.learnt.teach` does with files.

    Raises PublishError while another publishes or the server refuses, GenerationError when what was written does not
    verify.
    """
    with rows.publisher() as connection:
        served = _served(rows, encoder)
        if served is None:
            return False
        before, was = served.opened.manifest, served.taught
        now = taught([one for one in lessons if one.article in before.articles], was, encoder)
        if digest(now) == digest(was):
            return False
        return _published(rows, connection, served, before, now, encoder.dim, at, keep)


def measure(rows: Rows, encoder: Encoder, at: datetime, *, keep: int = 3) -> bool:
    """Work out anew how much the lessons count, as `indexer.learnt.measure` does with files. Raises as `teach`."""
    served = _served(rows, encoder)
    if served is None:
        return False
    engine = served.opened.engine
    found = weighed_anew(engine, encoder, served.taught, at)
    curves = calibrate(engine.having(found), encoder, at)
    with rows.publisher() as connection:
        served = _served(rows, encoder)
        if served is None:
            return False
        before, was = served.opened.manifest, served.taught
        now = as_measured(was, found)
        if not is_news(was, now) and curves == before.calibration:
            return False
        return _published(rows, connection, served, replace(before, calibration=curves), now, encoder.dim, at, keep)


def _served(rows: Rows, encoder: Encoder) -> Held | None:
    """What serves, verified; None where there is nothing, or another model's."""
    current = rows.current()
    found = rows.sound(int(current[1])) if current else None
    return found if found and found.opened.manifest.model == encoder.name else None


def _published(
    rows: Rows,
    connection: Connection,
    served: Held,
    before: Manifest,
    now: Taught,
    dim: int,
    at: datetime,
    keep: int,
) -> bool:
    """Publish a generation of the same articles with what was learnt by now. Under the publisher's lock."""
    name = name_after(max(rows.names(), default=""), at)
    with drafted(rows, connection, served, dim) as draft:
        if draft.wordless:
            draft.words(draft.entries(), served.lines.segments)
        made = replace(before, generation=name, parent=before.generation, created=at.isoformat())
        draft.publish(made, now)
    rows.collect(connection, keep)
    return True
