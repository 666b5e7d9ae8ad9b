"""The round table: gaps chosen to be talked about, with evidence and cost as they were; what was decided, and what
came of it by the next one.

An agenda leaves the house as Markdown, as a page to print and as CSV; what callers said stays text in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from html import escape
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from kb import tables, text
from kb.errors import NotFoundError, RequestError
from kb.gaps import cost, gap, misses, replay
from kb.gaps.gap import STATES
from kb.i18n import say
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
    """

    gap: str
    question: str
    state: str
    calls: int
    agents: int
    seconds: float
    questions: tuple[str, ...]
    reason: str = ""
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


# --- reads and writes ----------------------------------------------------------------------------


def call_together(
    connection: sa.Connection, by: User, title: str, gaps: Sequence[str], reasons: Mapping[str, str], at: datetime
) -> RoundTable:
    """Put these gaps on an agenda, with what each cost. reasons: gap → why it missed, where that was looked into.

    Raises NotAllowedError, RequestError for no title, no gap or too many, NotFoundError for a gap that is none.
    """
    require(by, Action.SORT_GAPS)
    named = mask(text.clean(title))[:TITLE_MOST]
    chosen = list(dict.fromkeys(gap.root(connection, id) for id in gaps))
    if not named or not 1 <= len(chosen) <= MOST:
        raise RequestError("round_table_empty", most=MOST)
    items = sorted(
        (_item(connection, by, id, reasons.get(id, ""), at) for id in chosen), key=lambda one: (-one.seconds, one.gap)
    )
    made = RoundTable(uuid4().hex, at, by.id, named, tuple(items))
    connection.execute(sa.insert(tables.round_table).values(id=made.id, at=at, by=by.id, title=named))
    for place, item in enumerate(items):
        facts = {name: value for name, value in asdict(item).items() if name != "question"}
        connection.execute(sa.insert(tables.round_item).values(round=made.id, place=place, **facts))
    return made


def _item(connection: sa.Connection, by: User, id: str, reason: str, at: datetime) -> Item:
    one = gap.find(connection, id)
    if one is None:
        raise NotFoundError("gap_not_found")
    found = cost.prices(connection, by, at - LOOKS_BACK, at, states=STATES, tag=one.tag)
    price = next((price for price in found if price.gap.id == id), None)
    met = misses.of_gap(connection, by, gap.parts(connection, id))
    said = [miss.question for miss in met] + [report.question for report in gap.reports(connection, by, id)]
    questions = tuple(dict.fromkeys([one.question, *said]))[:QUESTIONS_SHOWN]
    calls, agents, seconds = (price.calls, price.agents, price.seconds) if price else (one.calls, one.agents, 0.0)
    return Item(id, one.question, one.state, calls, agents, seconds, tuple(q for q in questions if q), reason)


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


def every(connection: sa.Connection, by: User) -> tuple[RoundTable, ...]:
    """All round tables, the latest first, without their items."""
    require(by, Action.READ_GAPS)
    one = tables.round_table
    rows = connection.execute(sa.select(one).order_by(one.c.at.desc(), one.c.id))
    return tuple(RoundTable(row.id, row.at, row.by, row.title) for row in rows)


def of(connection: sa.Connection, by: User, id: str) -> RoundTable:
    """A round table with its agenda. Raises NotFoundError."""
    found = next((one for one in every(connection, by) if one.id == id), None)
    if found is None:
        raise NotFoundError("round_table_not_found")
    item = tables.round_item
    asked = sa.select(item, tables.gap.c.question).join(tables.gap, tables.gap.c.id == item.c.gap)
    rows = connection.execute(asked.where(item.c.round == id).order_by(item.c.place))
    return replace(found, items=tuple(_of_row(row) for row in rows))


def outcomes(connection: sa.Connection, by: User, table: RoundTable) -> tuple[Outcome, ...]:
    """What came of each item of a round table, in its order."""
    require(by, Action.READ_GAPS)
    found = []
    for item in table.items:
        now, last = gap.find(connection, item.gap), replay.last(connection, by, item.gap)
        met = misses.of_gap(connection, by, gap.parts(connection, item.gap))
        calls = len({miss.call for miss in met if miss.at > table.at})
        state, article = (now.state, now.article) if now else (item.state, "")
        green = last.is_green if last and last.article == article else None
        found.append(Outcome(item, state, article, calls, green))
    return tuple(found)


def _of_row(row: sa.Row[Any]) -> Item:
    facts = {name: getattr(row, name) for name in Item.__dataclass_fields__}
    return Item(**facts | {"questions": tuple(row.questions)})


# --- what leaves the house -----------------------------------------------------------------------

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~])")
COLUMNS = (
    *("gap", "question", "questions", "reason", "state", "calls", "agents", "lost_seconds", "decision"),
    *("now", "article", "green", "calls_since"),
)


def markdown(table: RoundTable, found: Sequence[Outcome], day: str, language: str) -> str:
    """The agenda as Markdown; what callers and agents said is escaped. day: when it was called together, as told."""
    lines = [f"# {_plain(table.title)}", "", say(language, "roundtable.called", day=day, count=len(table.items)), ""]
    for number, one in enumerate(found, 1):
        lines += [f"## {number}. {_plain(_headline(one.item, language))}", ""]
        lines += [f"- {label}: {_plain(value)}" for label, value in _facts(one, language)]
        lines += [f"- {say(language, 'roundtable.questions')}:", *(f"  - {_plain(q)}" for q in one.item.questions), ""]
    return "\n".join(lines)


def page(table: RoundTable, found: Sequence[Outcome], day: str, language: str) -> str:
    """The agenda as a page of its own, to print; nothing in it is loaded from anywhere."""
    told = say(language, "roundtable.called", day=day, count=len(table.items))
    parts = [f"<h1>{escape(table.title)}</h1><p>{escape(told)}</p>"]
    for number, one in enumerate(found, 1):
        facts = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in _facts(one, language))
        asked = "".join(f"<li>{escape(question)}</li>" for question in one.item.questions)
        title = escape(_headline(one.item, language))
        parts.append(f"<section><h2>{number}. {title}</h2><table>{facts}</table><ul>{asked}</ul></section>")
    return _PAGE.format(lang="zh-CN" if language == "zh" else "en", title=escape(table.title), body="".join(parts))


_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 12pt/1.5 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 46em; margin: 2em auto; color: #111; }}
section {{ break-inside: avoid; border-top: 1px solid #999; margin-top: 1.2em; }}
th {{ text-align: left; font-weight: 600; padding-right: 1.5em; vertical-align: top; white-space: nowrap; }}
td {{ white-space: pre-line; }}
</style></head><body>{body}</body></html>
"""


def csv(found: Iterable[Outcome]) -> bytes:
    """The agenda as CSV (UTF-8 with its mark); no text in it is a formula."""
    return text.csv_of(
        COLUMNS,
        [
            (
                *(one.item.gap, one.item.question, " / ".join(one.item.questions), one.item.reason, one.item.state),
                *(one.item.calls, one.item.agents, round(one.item.seconds), one.item.decision, one.state, one.article),
                *("" if one.green is None else str(one.green).lower(), one.calls),
            )
            for one in found
        ],
    )


def _headline(item: Item, language: str) -> str:
    return item.question or say(language, "gaps.in_silence")


def _facts(one: Outcome, language: str) -> list[tuple[str, str]]:
    """Label and value of what is known of an item, the decision last."""
    item = one.item
    cost = say(
        language, "roundtable.cost", calls=item.calls, agents=item.agents, minutes=round(item.seconds / 60), days=28
    )
    facts = [(say(language, "roundtable.cost_label"), cost)]
    if item.reason:
        facts.append((say(language, "roundtable.reason"), say(language, f"diagnosis.{item.reason}")))
    now = say(language, f"gaps.state_{one.state}") + (f" · {one.article}" if one.article else "")
    facts.append((say(language, "roundtable.now"), now))
    if one.green is not None:
        facts.append((say(language, "roundtable.proof"), _green(one.green, language)))
    facts.append((say(language, "roundtable.since"), str(one.calls)))
    return [*facts, (say(language, "roundtable.decision"), item.decision or "–")]


def _green(green: bool, language: str) -> str:
    return say(language, "roundtable.green") if green else say(language, "roundtable.red")


def _plain(said: str) -> str:
    """What a person said as Markdown that shows just that, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(said.split()))
