"""The learnt questions of a generation as rows: since one generation, until another."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import sqlalchemy as sa

from indexer.engine.learnt import Lesson, Taught, read_logistic, write_logistic
from indexer.engine.postgres.asking import Asker
from indexer.engine.postgres.directory import in_generation
from indexer.engine.postgres.tables import OPEN, Shelf, received, sent
from kb.finding.learning.evidence import Weights
from kb.finding.learning.logistic import Logistic


def digest(taught: Taught) -> tuple[str, int]:
    """Of the lessons as a set and of the regression, and how many lessons there are."""
    keys = sorted({one.key for one in taught.lessons})
    said = hashlib.sha256("\n".join(keys).encode())
    if taught.logistic:
        for part in (" ".join(taught.logistic.ids).encode(), taught.logistic.middle, taught.logistic.weights):
            said.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return said.hexdigest(), len(keys)


def taught_in(shelf: Shelf, number: int, weights: Weights, asker: Asker) -> Taught:
    """The lessons of a generation, what they count, and the regression fitted on them."""
    t, r = shelf.lesson.c, shelf.regression.c
    columns = t.article, t.question, sent(t.row).label("row"), sent(t.passage).label("passage")
    found = asker.rows(sa.select(*columns).where(in_generation(shelf.lesson, number)).order_by(t.since, t.place))
    if not found:
        return Taught((), None, weights)
    rows, passages = (np.stack([received(bytes(row[side])) for row in found]) for side in (2, 3))
    lessons = tuple(Lesson(row.article, row.question) for row in found)
    fitted = asker.rows(sa.select(r.packed).where(in_generation(shelf.regression, number)))
    logistic = read_logistic(io.BytesIO(bytes(fitted[0].packed))) if fitted else None
    return Taught(lessons, rows, weights, passages, logistic)


def packed(one: Logistic) -> bytes:
    """A regression as its row has it."""
    file = io.BytesIO()
    write_logistic(file, one)
    return file.getvalue()


def write_taught(connection: sa.Connection, shelf: Shelf, number: int, now: Taught) -> None:
    """The lessons of generation `number`: the rows of those that are new, and the end of those that are gone."""
    t = shelf.lesson.c
    before = {row.key for row in connection.execute(sa.select(t.key).where(t.until == OPEN))}
    after = {one.key for one in now.lessons}
    if gone := before - after:
        connection.execute(sa.update(shelf.lesson).where(t.until == OPEN, t.key.in_(gone)).values(until=number))
    rows = [
        {
            "key": key,
            "since": number,
            "until": OPEN,
            "place": place,
            "article": lesson.article,
            "question": lesson.question,
        }
        | {"row": row, "passage": passage}
        for place, (lesson, (key, (row, passage))) in enumerate(zip(now.lessons, now.by_key().items(), strict=True))
        if key not in before
    ]
    if rows:
        connection.execute(sa.insert(shelf.lesson), rows)
    r = shelf.regression.c
    kept = connection.scalar(sa.select(r.packed).where(r.until == OPEN))
    was = read_logistic(io.BytesIO(bytes(kept))) if kept else None
    if digest(Taught(logistic=was)) != digest(Taught(logistic=now.logistic)):  # its bytes bear the time they were made
        connection.execute(sa.update(shelf.regression).where(r.until == OPEN).values(until=number))
        if now.logistic:
            row = {"number": number, "since": number, "until": OPEN, "packed": packed(now.logistic)}
            connection.execute(sa.insert(shelf.regression), row)
