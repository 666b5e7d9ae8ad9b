"""A gap: a need the base does not meet, recorded in one key and joined by everyone who meets it again.

Who recorded it is asked for nothing: the trail, the words typed, the product and the call are there.
What they know besides (the customer's words, what they answered, a suggestion, the kind) may follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kb import tables, text
from kb.calls.journal import checked_id
from kb.errors import NotFoundError, RequestError
from kb.masking import mask
from kb.people.users import Action, User, require

STATES = ("new", "triaged", "assigned", "in_work", "published", "verified", "not_needed", "duplicate", "already_there")
OPEN = ("new", "triaged", "assigned", "in_work")
KINDS = ("missing", "wrong", "unclear", "fault")
MAX_TEXT = 2_000
SIMILAR = 0.6  # cosine about the base's own middle, from which a gap is shown as the same need (docs/decisions.md)

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Gap:
    """One need. `calls` and `agents` count those who met it; `article` is what answers it, '' while nothing does."""

    id: str
    at: datetime
    question: str
    lang: str
    product: str
    state: str
    article: str
    closed_at: datetime | None
    calls: int
    agents: int
    last_at: datetime


@dataclass(frozen=True)
class Report:
    """One meeting with a gap, on one call. Everything after `question` is added later, or never."""

    id: str
    gap: str
    call: str
    agent: str
    at: datetime
    question: str = ""
    kind: str = ""
    words: str = ""
    answered: str = ""
    suggestion: str = ""
    told_at: datetime | None = None
    undone_at: datetime | None = None


def similar(question: Vector, gaps: Vector, middle: Vector, most: int = 3) -> list[tuple[int, float]]:
    """The gaps nearest to a question: (row, cosine) from `SIMILAR` on, best first, at most `most`.

    question: (dim,), gaps: (n, dim), both unit rows of the encoder's questions
    middle:   (dim,), the mean of the base's own questions: cosines about it mean the same in zh and en
    """
    if not len(gaps):
        return []
    centred, asked = gaps - middle, question - middle
    lengths = np.linalg.norm(centred, axis=1) * np.linalg.norm(asked)
    cosines = centred @ asked / np.where(lengths > 0, lengths, 1.0)
    best = np.argsort(-cosines, kind="stable")[:most]
    return [(int(row), float(cosines[row])) for row in best if cosines[row] >= SIMILAR]


# --- reads and writes ----------------------------------------------------------------------------


def record(connection: sa.Connection, by: User, report: Report, *, product: str = "") -> None:
    """Write a gap down, new, with its first report; once, however often it is sent."""
    require(by, Action.RECORD_GAP)
    if not _known(connection, tables.gap, checked_id(report.gap)):
        question = _kept(report.question)
        facts = {"question": question, "lang": text.language(question), "product": product, "state": "new"}
        connection.execute(sa.insert(tables.gap).values(id=report.gap, at=report.at, **facts))
    join(connection, by, report)


def join(connection: sa.Connection, by: User, report: Report) -> None:
    """One more who met this gap, once. Raises NotFoundError for a gap that is not there."""
    require(by, Action.RECORD_GAP)
    if not _known(connection, tables.gap, report.gap):
        raise NotFoundError("gap_not_found")
    if not _known(connection, tables.gap_report, checked_id(report.id)):
        facts = {name: getattr(report, name) for name in Report.__dataclass_fields__} | {"agent": by.id}
        connection.execute(sa.insert(tables.gap_report).values(**facts | _texts(report)))


def describe(connection: sa.Connection, by: User, report: Report) -> None:
    """Add to one's own report what was not asked for: kind, words, answer, suggestion. What is '' stays as it was.

    Raises RequestError for a kind that is none, NotFoundError for a report of another or on another gap.
    """
    require(by, Action.RECORD_GAP)
    if report.kind and report.kind not in KINDS:
        raise RequestError("gap_kind_unknown", kind=report.kind[:40])
    given = {"kind": report.kind, **{name: _texts(report)[name] for name in ("words", "answered", "suggestion")}}
    values = {name: said for name, said in given.items() if said}
    one = tables.gap_report.c
    mine = (one.id == report.id) & (one.gap == report.gap) & (one.agent == by.id)
    if not connection.execute(sa.update(tables.gap_report).where(mine).values(id=report.id, **values)).rowcount:
        raise NotFoundError("gap_not_found")


def undo(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Take one's own report back; a gap that nobody reports any more is shown no more. Raises NotFoundError."""
    require(by, Action.RECORD_GAP)
    mine = (tables.gap_report.c.id == id) & (tables.gap_report.c.agent == by.id)
    if not connection.execute(sa.update(tables.gap_report).where(mine).values(undone_at=at)).rowcount:
        raise NotFoundError("gap_not_found")


def open_gaps(connection: sa.Connection) -> tuple[Gap, ...]:
    """Every gap that somebody reports and nothing answers yet, in the order they came."""
    return _gaps(connection, tables.gap.c.state.in_(OPEN))


def find(connection: sa.Connection, id: str) -> Gap | None:
    """One gap, None where there is none or nobody reports it any more."""
    return next(iter(_gaps(connection, tables.gap.c.id == id)), None)


def answered(connection: sa.Connection, by: User) -> tuple[tuple[Gap, Report], ...]:
    """The gaps this person met that have been answered since, and that they have not seen yet: call back."""
    one = tables.gap_report.c
    mine = (one.agent == by.id) & one.undone_at.is_(None) & one.told_at.is_(None)
    reports = [Report(**row._mapping) for row in connection.execute(sa.select(tables.gap_report).where(mine))]
    closed = tables.gap.c.state.in_(("published", "verified")) & tables.gap.c.id.in_({r.gap for r in reports})
    gaps = {gap.id: gap for gap in _gaps(connection, closed)}
    return tuple((gaps[report.gap], report) for report in sorted(reports, key=lambda r: r.at) if report.gap in gaps)


def told(connection: sa.Connection, by: User, report: str, at: datetime) -> None:
    """This person has seen that their gap is answered."""
    require(by, Action.RECORD_GAP)
    mine = (tables.gap_report.c.id == report) & (tables.gap_report.c.agent == by.id)
    connection.execute(sa.update(tables.gap_report).where(mine).values(told_at=at))


def _gaps(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> tuple[Gap, ...]:
    one, report = tables.gap, tables.gap_report
    counted = (
        sa.select(
            one,
            sa.func.count(sa.distinct(report.c.call)).label("calls"),
            sa.func.count(sa.distinct(report.c.agent)).label("agents"),
            sa.func.max(report.c.at).label("last_at"),
        )
        .join(report, report.c.gap == one.c.id)
        .where(report.c.undone_at.is_(None), wanted)
        .group_by(*one.c)
        .order_by(one.c.at, one.c.id)
    )
    return tuple(Gap(**row._mapping) for row in connection.execute(counted))


def _known(connection: sa.Connection, table: sa.Table, id: str) -> bool:
    return connection.scalar(sa.select(sa.literal(1)).where(table.c.id == id)) is not None


def _texts(report: Report) -> dict[str, str]:
    names: Sequence[str] = ("question", "words", "answered", "suggestion")
    return {name: _kept(getattr(report, name)) for name in names}


def _kept(written: str) -> str:
    return mask(text.clean(written))[:MAX_TEXT]
