"""What was learnt becomes searchable, where generations are rows: a few rows and a pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from indexer.calibrate import calibrate
from indexer.engine import Lesson
from indexer.generation.manifest import name_after
from indexer.generation.rows.draft import drafted
from indexer.generation.rows.store import Rows
from indexer.generation.rows.taught import digest
from indexer.learnt import taught, weighed_anew
from kb.finding.search import Encoder


def teach(
    rows: Rows, encoder: Encoder, lessons: Sequence[Lesson], at: datetime, *, measure: bool = False, keep: int = 3
) -> bool:
    """Publish the current generation with these lessons instead of its own, as `indexer.learnt.teach` does with files.

    Raises PublishError while another publishes or the server refuses, GenerationError when what was written does not
    verify.
    """
    with rows.publisher() as connection:
        current = rows.current()
        if current is None:
            return False
        served = rows.sound(int(current[1]))
        before, was = served.opened.manifest, served.taught
        if before.model != encoder.name:
            return False
        now = taught([one for one in lessons if one.article in before.articles], was, encoder)
        curves = before.calibration
        if measure:
            engine = served.opened.engine
            now = weighed_anew(engine, encoder, now, at)
            curves = calibrate(engine.having(now), encoder, at)
        if digest(now) == digest(was) and now.weights == was.weights and curves == before.calibration:
            return False
        name = name_after(max(rows.names(), default=""), at)
        with drafted(rows, connection, served, encoder.dim) as draft:
            if draft.wordless:
                draft.words(draft.entries(), served.lines.segments)
            made = replace(
                before, generation=name, parent=before.generation, created=at.isoformat(), calibration=curves
            )
            draft.publish(made, now, fresh=0)
        rows.collect(connection, keep)
        return True
