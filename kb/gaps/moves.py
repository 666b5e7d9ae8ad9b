"""What becomes of a gap: a table of the moves allowed, who made which, when and why.

A gap goes from new to verified by people's hands but for the last step, which only its own questions
can take: they find the answer (`kb.gaps.replay`). Every close names the article or the reason, and
what is closed can be reopened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from kb import tables, text
from kb.errors import NotFoundError, RequestError
from kb.gaps import gap
from kb.gaps.gap import OPEN, Gap
from kb.masking import mask
from kb.people.users import Action, User, may, require
from kb.systems import outbox

MAX_WHY = 1_000
RECURRED = "recurred"  # missed again after it was answered
REASONS = (RECURRED,)  # why the machine moves a gap, told by the sentences `gap_why.…`


@dataclass(frozen=True)
class Rule:
    """Who may make a move, and what it must say: `why`, `article`, `owner`, `department` or `into`."""

    action: Action
    needs: tuple[str, ...] = ()


_CLOSED = ("published", "verified", "not_needed", "already_there")
_LINES: Sequence[tuple[Sequence[str], str, Rule]] = (
    (("new", "reopened"), "triaged", Rule(Action.SORT_GAPS)),
    (("triaged", "assigned", "in_work", "reopened"), "assigned", Rule(Action.ASSIGN_GAP, ("owner",))),
    (("triaged", "assigned", "reopened"), "in_work", Rule(Action.WORK_ON_GAP)),
    (("in_work",), "published", Rule(Action.WORK_ON_GAP, ("article",))),
    (("published",), "verified", Rule(Action.VERIFY_GAP, ("article",))),
    (("new", "triaged", "assigned", "in_work", "reopened"), "referred", Rule(Action.SORT_GAPS, ("department", "why"))),
    (("referred",), "triaged", Rule(Action.SORT_GAPS, ("why",))),  # back, with the department's decision
    (OPEN, "not_needed", Rule(Action.SORT_GAPS, ("why",))),
    (OPEN, "already_there", Rule(Action.SORT_GAPS, ("article",))),
    (OPEN, "duplicate", Rule(Action.SORT_GAPS, ("into",))),
    ((*_CLOSED, "duplicate"), "reopened", Rule(Action.SORT_GAPS, ("why",))),
)
MOVES: Mapping[tuple[str, str], Rule] = {(before, after): rule for befores, after, rule in _LINES for before in befores}

# State → the steps of a gap whose answer is written: what a save of the article takes it through.
WAY: Mapping[str, tuple[str, ...]] = {
    "new": ("triaged", "in_work", "published"),
    "triaged": ("in_work", "published"),
    "assigned": ("in_work", "published"),
    "in_work": ("published",),
    "reopened": ("in_work", "published"),
}


@dataclass(frozen=True)
class Move:
    """One step of a gap: where from, where to, by whom (a user's id), when, why.

    article, owner, due_at, department: as the move set them, '' or None where it did not
    """

    gap: str
    at: datetime
    by: str
    before: str
    after: str
    why: str = ""
    article: str = ""
    owner: str = ""
    due_at: datetime | None = None
    department: str = ""


def allowed(state: str) -> tuple[str, ...]:
    """Where a gap in this state may go, in the order of the table."""
    return tuple(after for before, after in MOVES if before == state)


def age(one: Gap, at: datetime) -> timedelta:
    """How long a gap has been waiting: since it was first met, until it was closed or now."""
    return max((one.closed_at or at) - one.at, timedelta(0))


def is_overdue(one: Gap, at: datetime) -> bool:
    """Whether it should have been answered by now."""
    return one.is_open and one.due_at is not None and one.due_at < at


# --- reads and writes ----------------------------------------------------------------------------


def move(
    connection: sa.Connection,
    by: User,
    id: str,
    after: str,
    at: datetime,
    *,
    why: str = "",
    article: str = "",
    owner: str = "",
    due_at: datetime | None = None,
    department: str = "",
    into: str = "",
) -> Move:
    """Take a gap to another state. Whoever takes it into work becomes its owner where it has none.

    article: what answers it; where it is not said, what answered it before
    into:    the gap it is the same as, where it is a duplicate: its misses and reports count there from now on
    Raises NotFoundError for no gap, RequestError for a move that `MOVES` does not have or that leaves out
    what it must say, NotAllowedError.
    """
    row = _row(connection, id)
    rule = MOVES.get((row.state, after))
    if rule is None:
        raise RequestError("gap_move_unknown", before=row.state, after=after[:40])
    require(by, rule.action, owner=owner if rule.action is Action.ASSIGN_GAP else row.owner)
    if after == "in_work":
        owner = row.owner or by.id
    said = {"why": _kept(why), "article": article or row.article, "owner": owner, "department": department}
    for need in rule.needs:
        if not (into if need == "into" else said[need]):
            raise RequestError("gap_move_needs", need=need)
    if row.state == "duplicate":
        _tell_apart(connection, by, row.into, id, at)
        _change(connection, id, into="")
    if after == "duplicate":
        _merge(connection, into, id)
    return _step(connection, by, row, after, at, due_at=due_at, **said)


def take_up(connection: sa.Connection, by: User, id: str, at: datetime) -> None:
    """Somebody begins to write the answer: the gap is in work with them, as far as they may move it."""
    _along(connection, by, _row(connection, gap.root(connection, id)), "in_work", at)


def written(connection: sa.Connection, by: User, article: str, at: datetime, *, shown: bool, of: str = "") -> None:
    """An article was saved: the gaps it is the answer of go along, as far as this person may move them.

    shown: agents see it, so the answer is published; else it is in work
    of:    the gap it was begun from, '' for none; those that name it already go along as well
    """
    named = sa.select(tables.gap.c.id).where(tables.gap.c.article == article, tables.gap.c.into == "")
    for id in sorted({*connection.scalars(named), *([gap.root(connection, of)] if of else [])}):
        row = _row(connection, id)
        if row.state in WAY:
            _change(connection, id, article=article)
            _along(connection, by, _row(connection, id), "published" if shown else "in_work", at)


def _along(connection: sa.Connection, by: User, row: sa.Row[Any], goal: str, at: datetime) -> None:
    """Take a gap the way to a state, step by step; where this person may not go on, it stays."""
    way = WAY.get(row.state, ())
    for after in way[: way.index(goal) + 1] if goal in way else ():
        if not may(by, MOVES[row.state, after].action, owner=row.owner):
            return
        move(connection, by, row.id, after, at)
        row = _row(connection, row.id)


def split(connection: sa.Connection, by: User, id: str, members: Collection[str], at: datetime) -> str:
    """Take misses and reports (ids) out of a gap into a new one, whose id is returned; the two stay apart.

    Raises NotFoundError where one of them is not in it, RequestError for all of it or nothing.
    """
    require(by, Action.SORT_GAPS)
    row, chosen = _row(connection, gap.root(connection, id)), set(members)
    parts = gap.parts(connection, id)
    inside = {table: _members(connection, table, parts) for table in (tables.miss, tables.gap_report)}
    everything = {member.id: member for found in inside.values() for member in found}
    if chosen - set(everything):
        raise NotFoundError("gap_member_not_found")
    if not chosen or len(chosen) == len(everything):
        raise RequestError("gap_split_all")
    first = min((everything[one] for one in chosen), key=lambda member: (member.at, member.id))
    new = uuid4().hex
    facts = {"question": first.question or row.question, "product": row.product, "tag": row.tag, "state": "new"}
    facts["lang"] = text.language(facts["question"])
    connection.execute(sa.insert(tables.gap).values(id=new, at=first.at, **facts))
    for table in inside:
        connection.execute(sa.update(table).where(table.c.id.in_(chosen)).values(gap=new))
    _tell_apart(connection, by, row.id, new, at)
    return new


def apart(connection: sa.Connection) -> frozenset[tuple[str, str]]:
    """The pairs of gaps that people told apart, each way round, by the ids they go by now."""
    one, other = sa.alias(tables.gap), sa.alias(tables.gap)
    ids = (sa.case((gap.c.into == "", gap.c.id), else_=gap.c.into) for gap in (one, other))
    pair = tables.gap_apart.c
    asked = sa.select(*ids).where(pair.one == one.c.id, pair.other == other.c.id)
    pairs = [tuple(row) for row in connection.execute(asked)]
    return frozenset(pairs) | {(b, a) for a, b in pairs}


def history(connection: sa.Connection, by: User, id: str) -> tuple[Move, ...]:
    """Every move of a gap, in order; a gap merged into another has its own."""
    require(by, Action.READ_GAPS)
    one = tables.gap_move
    rows = connection.execute(sa.select(one).where(one.c.gap == id).order_by(one.c.id))
    return tuple(_move(row) for row in rows)


def since(connection: sa.Connection, by: User, at: datetime) -> tuple[Move, ...]:
    """Every move of every gap from a moment on, in order."""
    require(by, Action.READ_GAPS)
    one = tables.gap_move
    return tuple(_move(row) for row in connection.execute(sa.select(one).where(one.c.at >= at).order_by(one.c.id)))


def overdue(connection: sa.Connection, by: User, at: datetime, tag: str = "") -> tuple[Gap, ...]:
    """Open gaps past their date, the longest overdue first."""
    late = [one for one in gap.every(connection, by, OPEN, tag) if is_overdue(one, at)]
    return tuple(sorted(late, key=lambda one: (one.due_at or at, one.id)))


def referred(connection: sa.Connection, by: User, department: str, tag: str = "") -> tuple[Gap, ...]:
    """What lies with a department and waits for its decision, in the order it came; '' = with any."""
    with_them = gap.every(connection, by, ("referred",), tag)
    return tuple(one for one in with_them if department in ("", one.department))


def _step(connection: sa.Connection, by: User, row: sa.Row[Any], after: str, at: datetime, **said: Any) -> Move:
    made = Move(row.id, at, by.id, row.state, after, **said)
    connection.execute(sa.insert(tables.gap_move).values(**asdict(made)))
    kept = {name: said[name] for name in ("article", "owner", "department", "due_at") if said[name]}
    closed_at = None if after in OPEN else row.closed_at or at
    _change(connection, row.id, state=after, closed_at=closed_at, **kept)
    if not row.tag:
        told = {"gap": row.id, "state": after, "article": said["article"]}
        outbox.put(connection, "gap.state_changed", f"gap:{row.id}", at, before=row.state, **told)
        if after not in OPEN:
            outbox.put(connection, "gap.closed", f"gap:{row.id}", at, **told)
    return made


def _merge(connection: sa.Connection, into: str, id: str) -> None:
    """What was merged into `id` comes along: `into` is always a gap that is merged into none."""
    target = gap.root(connection, into)
    if target == id or _row(connection, target).id != target:
        raise RequestError("gap_merge_itself")
    pair = tables.gap_apart
    both = sa.or_((pair.c.one == id) & (pair.c.other == target), (pair.c.one == target) & (pair.c.other == id))
    connection.execute(sa.delete(pair).where(both))
    one = tables.gap.c
    connection.execute(sa.update(tables.gap).where((one.id == id) | (one.into == id)).values(into=target))


def _tell_apart(connection: sa.Connection, by: User, a: str, b: str, at: datetime) -> None:
    one, other = sorted((a, b))
    pair = tables.gap_apart
    known = sa.select(sa.literal(1)).where(pair.c.one == one, pair.c.other == other)
    if connection.scalar(known) is None:
        connection.execute(sa.insert(pair).values(one=one, other=other, by=by.id, at=at))


def _members(connection: sa.Connection, table: sa.Table, parts: Sequence[str]) -> list[Any]:
    asked = sa.select(table.c.id, table.c.at, table.c.question).where(table.c.gap.in_(parts))
    standing = table.c.undone_at.is_(None) if "undone_at" in table.c else sa.true()
    return list(connection.execute(asked.where(standing)))


def _row(connection: sa.Connection, id: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(tables.gap).where(tables.gap.c.id == id)).one_or_none()
    if row is None:
        raise NotFoundError("gap_not_found")
    return row


def _change(connection: sa.Connection, id: str, **values: Any) -> None:
    connection.execute(sa.update(tables.gap).where(tables.gap.c.id == id).values(**values))


def _kept(written: str) -> str:
    return mask(text.clean(written))[:MAX_WHY]


def _move(row: sa.Row[Any]) -> Move:
    return Move(**{name: getattr(row, name) for name in Move.__dataclass_fields__})
