"""A gap: a need the base does not meet, recorded in one key and joined by everyone who meets it again.

Who recorded it is asked for nothing: the trail, the words typed, the product and the call are there.
What they know besides (the customer's words, what they answered, a suggestion, the kind) may follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kb import tables, text
from kb.calls.journal import checked_id
from kb.errors import NotFoundError, RequestError
from kb.masking import mask
from kb.people.users import Action, User, require
from kb.systems import outbox

STATES = (
    *("new", "triaged", "assigned", "in_work", "published", "verified", "not_needed", "duplicate", "already_there"),
    *("referred", "reopened"),  # to a department, whose fault it is; after it was closed
)
OPEN = ("new", "triaged", "assigned", "in_work", "referred", "reopened")
ANSWERED = ("published", "verified", "already_there")
SEVERAL = 2  # calls that make a gap nobody recorded worth showing to an agent
KINDS = ("missing", "wrong", "unclear", "fault")
MAX_TEXT = 2_000
SIMILAR = 0.6  # cosine about the base's own middle, from which a gap is shown as the same need (docs/decisions.md)

# The id a gap goes by: that of the one it was merged into, its own where it was not.
goes_by: sa.ColumnElement[str] = sa.case((tables.gap.c.into == "", tables.gap.c.id), else_=tables.gap.c.into)

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Gap:
    """One need. `calls` and `agents` count those who met it: reported it, or searched for it and missed.

    at:         when it was first recorded or missed
    article:    what answers it, '' while nothing does
    owner:      the user who answers it, '' = nobody yet; due_at: until when
    department: whose fault of product or process it is, '' = nobody's
    tag:        '' = of real calls, `demo` = of the sample's (settled.md, 2)
    """

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
    owner: str = ""
    due_at: datetime | None = None
    department: str = ""
    tag: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


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
        facts["tag"] = by.tag
        connection.execute(sa.insert(tables.gap).values(id=report.gap, at=report.at, **facts))
        if not by.tag:
            told = {"gap": report.gap, "lang": facts["lang"], "product": product}
            outbox.put(connection, "gap.recorded", f"gap:{report.gap}", report.at, **told)
    join(connection, by, report)


def join(connection: sa.Connection, by: User, report: Report) -> None:
    """One more who met this gap, once. Raises NotFoundError for a gap that is not there.

    What a program does that counts nowhere does not count on a gap of real calls either (settled.md, 2).
    """
    require(by, Action.RECORD_GAP)
    tag = connection.scalar(sa.select(tables.gap.c.tag).where(tables.gap.c.id == report.gap))
    if tag is None or (by.tag and by.tag != tag):
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


def open_gaps(connection: sa.Connection, tag: str = "") -> tuple[Gap, ...]:
    """Every gap that somebody reports or `SEVERAL` calls met and nothing answers yet, in the order they came."""
    met = _members()
    known = (sa.func.sum(met.c.reported) > 0) | (sa.func.count(sa.distinct(met.c.call)) >= SEVERAL)
    return _gaps(connection, tables.gap.c.state.in_(OPEN) & (tables.gap.c.tag == tag), met, known)


def every(connection: sa.Connection, by: User, states: Sequence[str] = STATES, tag: str = "") -> tuple[Gap, ...]:
    """All gaps in one of these states that somebody met, in the order they came. One merged into another is none."""
    require(by, Action.READ_GAPS)
    return _gaps(connection, tables.gap.c.state.in_(states) & (tables.gap.c.tag == tag))


def find(connection: sa.Connection, id: str) -> Gap | None:
    """The gap of this id, or the one it was merged into; None where there is none or nobody met it."""
    return several(connection, [id]).get(id)


def several(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Gap]:
    """Id → the gap of this id, or the one it was merged into; without those that are none or that nobody met."""
    one = tables.gap.c
    roots = {row.id: row.root for row in connection.execute(_roots(one.id.in_(set(ids))))}
    own = [row.id for row in connection.execute(_roots(goes_by.in_(set(roots.values()))))]
    found = {gap.id: gap for gap in _gaps(connection, one.id.in_(set(roots.values())), _members(own))} if own else {}
    return {id: found[root] for id, root in roots.items() if root in found}


def _roots(wanted: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(tables.gap.c.id, goes_by.label("root")).where(wanted)


def root(connection: sa.Connection, id: str) -> str:
    """The id of the gap that this one was merged into, its own where it was not; of no gap: the same id."""
    return connection.scalar(sa.select(goes_by).where(tables.gap.c.id == id)) or id


def parts(connection: sa.Connection, id: str) -> tuple[str, ...]:
    """The id of a gap and of those merged into it: under these its misses and reports stand."""
    return tuple(sorted(connection.scalars(sa.select(tables.gap.c.id).where(goes_by == root(connection, id)))))


def reports(connection: sa.Connection, by: User, id: str) -> tuple[Report, ...]:
    """What agents said of a gap and of those merged into it, in order, without what they took back."""
    require(by, Action.READ_GAPS)
    one = tables.gap_report.c
    wanted = one.gap.in_(parts(connection, id)) & one.undone_at.is_(None)
    rows = connection.execute(sa.select(tables.gap_report).where(wanted).order_by(one.at, one.id))
    return tuple(_report(row) for row in rows)


def answered(connection: sa.Connection, by: User) -> tuple[tuple[Gap, Report], ...]:
    """The gaps this person reported that an article answers since, and that they have not seen yet: call back."""
    return _closed(connection, by, tables.gap.c.state.in_(ANSWERED) & (tables.gap.c.article != ""))


def turned_down(connection: sa.Connection, by: User) -> tuple[tuple[Gap, Report, str], ...]:
    """The gaps this person reported that nothing will answer, with the reason, and that they have not seen yet."""
    require(by, Action.RECORD_GAP)
    found, move = _closed(connection, by, tables.gap.c.state == "not_needed"), tables.gap_move.c
    wanted = move.gap.in_({one.id for one, _ in found}) & (move.after == "not_needed")
    asked = sa.select(move.gap, move.why).where(wanted).order_by(move.id)
    why = {row.gap: row.why for row in connection.execute(asked)} if found else {}
    return tuple((one, report, why.get(one.id, "")) for one, report in found)


def _closed(connection: sa.Connection, by: User, so: sa.ColumnElement[bool]) -> tuple[tuple[Gap, Report], ...]:
    """This person's reports of gaps that are closed so, unless they have seen it, in order."""
    one, gap = tables.gap_report, tables.gap
    mine = (one.c.agent == by.id) & one.c.undone_at.is_(None)
    asked = sa.select(one, goes_by.label("root")).join(gap, gap.c.id == one.c.gap).where(mine)
    rows = connection.execute(asked.order_by(one.c.at, one.c.id)).all()
    ids = list(connection.scalars(sa.select(gap.c.id).where(gap.c.id.in_({row.root for row in rows}), so)))
    if not ids:
        return ()
    own = list(connection.scalars(sa.select(gap.c.id).where(goes_by.in_(ids))))
    gaps = {found.id: found for found in _gaps(connection, gap.c.id.in_(ids), _members(own))}
    pairs = ((gaps[row.root], _report(row)) for row in rows if row.root in gaps)
    return tuple((found, report) for found, report in pairs if not _has_heard(report, found))


def told(connection: sa.Connection, by: User, report: str, at: datetime) -> None:
    """This person has seen that their gap is answered."""
    _set_told(connection, by, report, at)


def untold(connection: sa.Connection, by: User, report: str) -> None:
    """They have not, after all: it waits for them again."""
    _set_told(connection, by, report, None)


def _set_told(connection: sa.Connection, by: User, report: str, at: datetime | None) -> None:
    require(by, Action.RECORD_GAP)
    mine = (tables.gap_report.c.id == report) & (tables.gap_report.c.agent == by.id)
    connection.execute(sa.update(tables.gap_report).where(mine).values(told_at=at))


def _members(parts: Sequence[str] | None = None) -> sa.Subquery:
    """Who met which gap: (root, call, agent, at, reported), a row a report and a row a miss; of these gaps only."""
    report, miss = tables.gap_report.c, tables.miss.c
    reported = sa.select(report.gap, report.call, report.agent, report.at, sa.literal(1).label("reported"))
    missed = sa.select(miss.gap, miss.call, miss.agent, miss.at, sa.literal(0).label("reported"))
    ours = [of.gap.in_(parts) if parts is not None else of.gap != "" for of in (report, miss)]
    both = sa.union_all(reported.where(report.undone_at.is_(None), ours[0]), missed.where(ours[1])).subquery()
    part = sa.select(goes_by.label("root"), *(c for c in both.c if c.name != "gap"))
    return part.join(both, both.c.gap == tables.gap.c.id).subquery()


def _gaps(
    connection: sa.Connection,
    wanted: sa.ColumnElement[bool],
    met: sa.Subquery | None = None,
    having: sa.ColumnElement[bool] | None = None,
) -> tuple[Gap, ...]:
    one, met = tables.gap, _members() if met is None else met
    counts = {
        "calls": sa.func.count(sa.distinct(met.c.call)),
        "agents": sa.func.count(sa.distinct(met.c.agent)),
        "last_at": sa.func.max(met.c.at),
    }
    own = [column for column in one.c if column.name in Gap.__dataclass_fields__]
    counted = sa.select(*own, *(number.label(name) for name, number in counts.items()))
    counted = counted.join(met, met.c.root == one.c.id).where(one.c.into == "", wanted).group_by(*own)
    counted = counted if having is None else counted.having(having)
    return tuple(Gap(**row._mapping) for row in connection.execute(counted.order_by(one.c.at, one.c.id)))


def _has_heard(report: Report, one: Gap) -> bool:
    """Whether this agent has seen this answer; one given after the gap was reopened is another."""
    told = report.told_at
    return told is not None and (one.closed_at is None or told >= one.closed_at)


def _report(row: sa.Row[Any]) -> Report:
    return Report(**{name: getattr(row, name) for name in Report.__dataclass_fields__})


def _known(connection: sa.Connection, table: sa.Table, id: str) -> bool:
    return connection.scalar(sa.select(sa.literal(1)).where(table.c.id == id)) is not None


def _texts(report: Report) -> dict[str, str]:
    names: Sequence[str] = ("question", "words", "answered", "suggestion")
    return {name: _kept(getattr(report, name)) for name in names}


def _kept(written: str) -> str:
    return mask(text.clean(written))[:MAX_TEXT]
