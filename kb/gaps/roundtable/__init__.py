"""The round table: gaps chosen to be talked about, with evidence and cost as they were; what was decided, and what
came of it by the next one. How an agenda leaves the house, see `kb.gaps.roundtable.export`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from kb import tables, text
from kb.errors import NotFoundError, RequestError
from kb.gaps import cost, gap, misses, replay
from kb.gaps.cost import Price
from kb.gaps.diagnosis import Diagnosis
from kb.gaps.gap import STATES, Gap, goes_by
from kb.masking import mask
from kb.people.users import Action, User, require

LOOKS_BACK = timedelta(days=28)  # what a gap cost is told for this long before
QUESTIONS_SHOWN = 6
MOST = 60  # gaps of one agenda
TITLE_MOST, DECISION_MOST = 200, 2_000


@dataclass(frozen=True)
class Item:
    """One gap on the agenda, as it was when it was put there.

    seconds: agents' time lost in `LOOKS_BACK`;  calls, agents: that met it
    reason:  why it missed (`kb.gaps.diagnosis.REASONS`), '' = not looked into
    answer:  the article that would answer it but for that, '' = none
    """

    gap: str
    question: str
    state: str
    calls: int
    agents: int
    seconds: float
    questions: tuple[str, ...]
    reason: str = ""
    answer: str = ""
    decision: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True)
class RoundTable:
    """One meeting. `items` in the order of the agenda, the dearest first."""

    id: str
    at: datetime
    by: str
    title: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of an item since: the gap's state and article now, calls that missed it since, and whether its own
    questions find the article (None = never replayed)."""

    item: Item
    state: str
    article: str
    calls: int
    green: bool | None


@dataclass(frozen=True)
class Agenda:
    """What a meeting has before it: its items, and what came of what was decided at the one before it (`last`)."""

    table: RoundTable
    items: tuple[Outcome, ...]
    last: RoundTable | None = None
    came: tuple[Outcome, ...] = ()


# --- reads and writes ----------------------------------------------------------------------------


def call_together(
    connection: sa.Connection, by: User, title: str, gaps: Sequence[str], why: Mapping[str, Diagnosis], at: datetime
) -> RoundTable:
    """Put these gaps on an agenda, with what each cost. why: gap → why it missed, where that was looked into.

    Raises NotAllowedError, RequestError for no title, no gap or too many, NotFoundError for a gap that is none.
    """
    require(by, Action.SORT_GAPS)
    named = mask(text.clean(title))[:TITLE_MOST]
    chosen = list(dict.fromkeys(gap.root(connection, id) for id in gaps))
    if not named or not 1 <= len(chosen) <= MOST:
        raise RequestError("round_table_empty", most=MOST)
    found = [_found(connection, id) for id in chosen]
    priced = {
        one.gap.id: one
        for tag in sorted({one.tag for one in found})
        for one in cost.prices(connection, by, at - LOOKS_BACK, at, states=STATES, tag=tag)
    }
    made = [_item(connection, by, one, priced.get(one.id), why.get(one.id)) for one in found]
    items = tuple(sorted(made, key=lambda one: (-one.seconds, one.gap)))
    table = RoundTable(uuid4().hex, at, by.id, named, items)
    connection.execute(sa.insert(tables.round_table).values(id=table.id, at=at, by=by.id, title=named))
    for place, item in enumerate(items):
        facts = {name: value for name, value in asdict(item).items() if name != "question"}
        connection.execute(sa.insert(tables.round_item).values(round=table.id, place=place, **facts))
    return table


def _found(connection: sa.Connection, id: str) -> Gap:
    one = gap.find(connection, id)
    if one is None:
        raise NotFoundError("gap_not_found")
    return one


def _item(connection: sa.Connection, by: User, one: Gap, price: Price | None, why: Diagnosis | None) -> Item:
    met = misses.of_gap(connection, by, gap.parts(connection, one.id))
    said = [miss.question for miss in met] + [report.question for report in gap.reports(connection, by, one.id)]
    questions = tuple(question for question in dict.fromkeys([one.question, *said]) if question)[:QUESTIONS_SHOWN]
    calls, agents, seconds = (price.calls, price.agents, price.seconds) if price else (one.calls, one.agents, 0.0)
    item = Item(one.id, one.question, one.state, calls, agents, seconds, questions)
    if why is None:
        return item
    return replace(item, reason=why.reason, answer=why.article.id if why.article else "")


def decide(connection: sa.Connection, by: User, round: str, id: str, decision: str, at: datetime) -> None:
    """Write down what was decided about a gap; said again, it replaces what was said before. Moves no gap.

    Raises NotAllowedError, RequestError for nothing said, NotFoundError for a gap that is not on this agenda.
    """
    require(by, Action.SORT_GAPS)
    kept = mask("\n".join(text.clean(line) for line in decision.splitlines())).strip()[:DECISION_MOST]
    if not kept:
        raise RequestError("round_table_decision_empty")
    one = tables.round_item
    values = {"decision": kept, "decided_by": by.id, "decided_at": at}
    done = connection.execute(sa.update(one).where(one.c.round == round, one.c.gap == id).values(**values))
    if not done.rowcount:
        raise NotFoundError("gap_not_found")


def every(connection: sa.Connection, by: User, tag: str = "") -> tuple[RoundTable, ...]:
    """All round tables about gaps of this tag, the latest first, without their items."""
    require(by, Action.READ_GAPS)
    one, item, gaps = tables.round_table, tables.round_item.c, tables.gap.c
    about = sa.select(item.round).where(item.gap.in_(sa.select(gaps.id).where(gaps.tag == tag)))
    rows = connection.execute(sa.select(one).where(one.c.id.in_(about)).order_by(one.c.at.desc(), one.c.id))
    return tuple(RoundTable(row.id, row.at, row.by, row.title) for row in rows)


def of(connection: sa.Connection, by: User, id: str) -> RoundTable:
    """A round table with its agenda. Raises NotFoundError."""
    require(by, Action.READ_GAPS)
    one, item = tables.round_table, tables.round_item
    found = connection.execute(sa.select(one).where(one.c.id == id)).one_or_none()
    if found is None:
        raise NotFoundError("round_table_not_found")
    asked = sa.select(item, tables.gap.c.question).join(tables.gap, tables.gap.c.id == item.c.gap)
    rows = connection.execute(asked.where(item.c.round == id).order_by(item.c.place))
    return RoundTable(found.id, found.at, found.by, found.title, tuple(_of_row(row) for row in rows))


def agenda(connection: sa.Connection, by: User, id: str, tag: str = "") -> Agenda:
    """A round table as it is looked at now, with what came of the decisions before it. Raises NotFoundError.

    tag: of the gaps of the one before it
    """
    table = of(connection, by, id)
    earlier = [one for one in every(connection, by, tag) if one.at < table.at]
    last = of(connection, by, earlier[0].id) if earlier else None
    came = [one for one in outcomes(connection, by, last) if one.item.decision] if last else []
    return Agenda(table, outcomes(connection, by, table), last, tuple(came))


def outcomes(connection: sa.Connection, by: User, table: RoundTable) -> tuple[Outcome, ...]:
    """What came of each item of a round table, in its order."""
    require(by, Action.READ_GAPS)
    ids = [item.gap for item in table.items]
    now, proofs, missed = gap.several(connection, ids), replay.lasts(connection, by, ids), _missed(connection, table)
    found = []
    for item in table.items:
        one, proof = now.get(item.gap), proofs.get(item.gap)
        state, article = (one.state, one.article) if one else (item.state, "")
        green = proof.is_green if proof and proof.article == article else None
        found.append(Outcome(item, state, article, missed.get(one.id if one else item.gap, 0), green))
    return tuple(found)


def _missed(connection: sa.Connection, table: RoundTable) -> dict[str, int]:
    """Gap, by the id it goes by now → how many calls missed it since."""
    miss, one = tables.miss.c, tables.gap.c
    roots = sa.select(goes_by).where(one.id.in_([item.gap for item in table.items]))
    since = sa.select(goes_by.label("gap"), miss.call).join(tables.gap, one.id == miss.gap)
    met = since.where(miss.at > table.at, goes_by.in_(roots)).subquery().c
    calls = sa.select(met.gap, sa.func.count(sa.distinct(met.call)).label("calls")).group_by(met.gap)
    return {row.gap: row.calls for row in connection.execute(calls)}


def _of_row(row: sa.Row[Any]) -> Item:
    facts = {name: getattr(row, name) for name in Item.__dataclass_fields__}
    return Item(**facts | {"questions": tuple(row.questions)})
