"""An agenda as it leaves the house: Markdown, a page to print, CSV; what callers said stays text in each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from zoneinfo import ZoneInfo

from kb import text
from kb.gaps.roundtable import LOOKS_BACK, Agenda, Item, Outcome, RoundTable
from kb.i18n import say

Titles = Mapping[str, str]  # article id → its title, of those the reader may read
Fact = tuple[str, str]  # label, value

COLUMNS = (
    *("gap", "question", "questions", "reason", "state", "calls", "agents", "lost_seconds", "decision"),
    *("now", "article", "green", "calls_since", "answer", "round_table"),
)
_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~])")


def markdown(agenda: Agenda, titles: Titles, zone: ZoneInfo, language: str) -> str:
    """The agenda as Markdown; what callers and agents said is escaped."""
    lines = [f"# {_plain(agenda.table.title)}", "", _called(agenda.table, zone, language), ""]
    if agenda.last and agenda.came:
        lines += [f"## {_plain(_since(agenda.last, zone, language))}", ""]
        for one in agenda.came:
            lines += [f"- {_plain(_headline(one.item, language))}"]
            lines += [f"  - {_told(fact)}" for fact in came_of(one, language)]
        lines.append("")
    for number, one in enumerate(agenda.items, 1):
        lines += [f"## {number}. {_plain(_headline(one.item, language))}", ""]
        lines += [f"- {_told(fact)}" for fact in _facts(one, titles, language)]
        asked = say(language, "roundtable.questions")
        lines += [f"- **{asked}**", *(f"  - {_plain(question)}" for question in one.item.questions), ""]
    return "\n".join(lines)


def page(agenda: Agenda, titles: Titles, zone: ZoneInfo, language: str) -> str:
    """The agenda as a page of its own, to print; nothing in it is loaded from anywhere."""
    title = escape(agenda.table.title)
    parts = [f"<h1>{title}</h1><p>{escape(_called(agenda.table, zone, language))}</p>"]
    if agenda.last and agenda.came:
        told = "".join(
            f"<h3>{escape(_headline(one.item, language))}</h3>{_table(came_of(one, language))}" for one in agenda.came
        )
        parts.append(f"<section><h2>{escape(_since(agenda.last, zone, language))}</h2>{told}</section>")
    for number, one in enumerate(agenda.items, 1):
        asked = "".join(f"<li>{escape(question)}</li>" for question in one.item.questions)
        headline, facts = escape(_headline(one.item, language)), _table(_facts(one, titles, language))
        parts.append(f"<section><h2>{number}. {headline}</h2>{facts}<ul>{asked}</ul></section>")
    return _PAGE.format(lang="zh-CN" if language == "zh" else "en", title=title, body="".join(parts))


_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 12pt/1.5 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 46em; margin: 2em auto; color: #111; }}
section {{ break-inside: avoid; border-top: 1px solid #999; margin-top: 1.2em; }}
h3 {{ font-size: 1em; margin: 1em 0 .2em; }}
th {{ text-align: left; font-weight: 600; padding-right: 1.5em; vertical-align: top; white-space: nowrap; }}
td {{ white-space: pre-line; }}
</style></head><body>{body}</body></html>
"""


def csv(agenda: Agenda, titles: Titles) -> bytes:
    """The agenda as CSV (UTF-8 with its mark), below it the last decisions; no text in it is a formula."""
    rows = [_row(one, titles, agenda.table) for one in agenda.items]
    if agenda.last:
        rows += [_row(one, titles, agenda.last) for one in agenda.came]
    return text.csv_of(COLUMNS, rows)


def _row(one: Outcome, titles: Titles, table: RoundTable) -> tuple[object, ...]:
    item, green = one.item, "" if one.green is None else str(one.green).lower()
    return (
        *(item.gap, item.question, " / ".join(item.questions), item.reason, item.state),
        *(item.calls, item.agents, round(item.seconds), item.decision),
        *(one.state, one.article, green, one.calls, titles.get(item.answer, ""), table.title),
    )


def cost_of(item: Item, language: str) -> str:
    """What an item cost, in one sentence."""
    minutes, days = round(item.seconds / 60), LOOKS_BACK.days
    return say(language, "roundtable.cost", calls=item.calls, agents=item.agents, minutes=minutes, days=days)


def why_of(item: Item, titles: Titles, language: str) -> str:
    """Why an item missed and what would answer it, '' where that was not looked into."""
    if not item.reason:
        return ""
    answer = titles.get(item.answer)
    told = say(language, f"diagnosis.{item.reason}")
    return f"{told} {say(language, 'roundtable.answer', title=answer)}" if answer else told


def came_of(one: Outcome, language: str) -> Iterator[Fact]:
    """What was decided about an item, and what came of it."""
    if one.item.decision:
        yield say(language, "roundtable.decision"), one.item.decision
    yield from _now(one, language)


def _facts(one: Outcome, titles: Titles, language: str) -> Iterator[Fact]:
    """What is known of an item, the decision last."""
    yield say(language, "roundtable.cost_label"), cost_of(one.item, language)
    if one.item.reason:
        yield say(language, "roundtable.reason"), why_of(one.item, titles, language)
    yield from _now(one, language)
    yield say(language, "roundtable.decision"), one.item.decision or "–"


def _now(one: Outcome, language: str) -> Iterator[Fact]:
    state = say(language, f"gaps.state_{one.state}")
    yield say(language, "roundtable.now"), f"{state} · {one.article}" if one.article else state
    if one.green is not None:
        yield say(language, "roundtable.proof"), say(language, "roundtable.green" if one.green else "roundtable.red")
    yield say(language, "roundtable.since"), str(one.calls)


def _called(table: RoundTable, zone: ZoneInfo, language: str) -> str:
    return say(language, "roundtable.called", day=_day(table, zone), count=len(table.items))


def _since(last: RoundTable, zone: ZoneInfo, language: str) -> str:
    return say(language, "roundtable.came", title=last.title, day=_day(last, zone))


def _day(table: RoundTable, zone: ZoneInfo) -> str:
    return f"{table.at.astimezone(zone):%Y-%m-%d}"


def _headline(item: Item, language: str) -> str:
    return item.question or say(language, "gaps.in_silence")


def _table(facts: Iterator[Fact]) -> str:
    rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(value)}</td></tr>" for label, value in facts)
    return f"<table>{rows}</table>"


def _told(fact: Fact) -> str:
    label, value = fact
    return f"**{label}** {_plain(value)}"


def _plain(said: str) -> str:
    """What a person said as Markdown that shows just that, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(said.split()))
