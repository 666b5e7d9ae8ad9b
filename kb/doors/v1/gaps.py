"""Gaps, as other systems see them: listed, recorded, met once more, asked again."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from kb.calls.call import checked_pop, own_id
from kb.calls.journal import MAX_QUERY
from kb.db import Connection
from kb.doors.prover import prove
from kb.doors.v1.door import Ask, Asked, Door, Id, Next, Page, Told, Words, day, micros, page
from kb.doors.wiring import Desk
from kb.errors import GenerationError, NotFoundError, RequestError
from kb.gaps import gap, replay
from kb.gaps.gap import KINDS, STATES, Gap, Report
from kb.people.users import Action, require

APART = "key"  # the tag of what keys that are not `real` record
_replaying = threading.Lock()  # one at a time: calls come first


State = Literal[STATES]  # type: ignore[valid-type]


class Gaps(Page):
    """Which gaps."""

    state: State | Literal[""] = Field("", description="Only in this state.")
    apart: bool = Field(False, description="Those recorded with keys that are not `real`, which count nowhere.")


class GapFacts(Told):
    """A need that the base does not meet. `calls` and `agents` count those who met it."""

    id: str
    question: str
    lang: str
    product: str
    state: State
    article: str = Field(description="What answers it, '' while nothing does.")
    at: str
    last_at: str
    closed_at: str | None
    calls: int
    agents: int
    owner: str
    due_at: str | None
    department: str


class GapList(Told):
    """Gaps in the order in which they came."""

    gaps: list[GapFacts]
    next: Next


class GapReport(Told):
    """One who met the gap, and what they added."""

    id: str
    agent: str
    at: str
    question: str
    kind: Literal["", KINDS]  # type: ignore[valid-type]
    words: str
    answered: str
    suggestion: str


class OneGap(Told):
    """A gap with who met it."""

    gap: GapFacts
    reports: list[GapReport]


class NewGap(Asked):
    """A need that the base does not meet."""

    question: Annotated[str, Field(min_length=1, max_length=MAX_QUERY)]
    product: str = Field("", max_length=200)
    call: Id | Literal[""] = Field("", description="On which call; without one it counts as a call of its own.")


class AlsoMet(Asked):
    """One more who met a gap."""

    question: Words = ""
    call: Id | Literal[""] = ""


class Reported(Told):
    """Ids of a gap and of the report of it."""

    gap: str
    report: str


class Replayed(Told):
    """One question of a gap asked again: where its article came, 0 = not among the first twenty."""

    question: str
    teams: list[str]
    rank: int
    green: bool


class Proof(Told):
    """A gap's own questions asked of the base: green where each finds the answer."""

    gap: str
    article: str
    generation: str
    at: str
    green: bool
    why: str = Field(description="One sentence where it is not green.")
    lacks: list[str]
    questions: list[Replayed]


class Proofs(Told):
    """The last replay of each answered gap."""

    replays: list[Proof]
    next: Next


# --- work ----------------------------------------------------------------------------------------


def listed(desk: Desk, ask: Ask) -> dict[str, Any]:
    """List gaps, the oldest first."""
    require(ask.by, Action.READ_GAPS)
    states = (ask.query.state,) if ask.query.state else STATES
    with desk.database.read() as connection:
        found = gap.every(connection, ask.by, states, APART if ask.query.apart else "")
    shown, after = page(found, lambda one: (micros(one.at), one.id), ask.query)
    return {"gaps": [_facts(one) for one in shown], "next": after}


def one_gap(desk: Desk, ask: Ask) -> dict[str, Any]:
    """Read a gap, and who met it."""
    require(ask.by, Action.READ_GAPS)
    with desk.database.read() as connection:
        found = _found(gap.find(connection, ask.id))
        reports = gap.reports(connection, ask.by, found.id)
    return {"gap": _facts(found), "reports": [_report(one) for one in reports]}


def record(desk: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """Record a gap: something that was asked and that the base does not answer."""
    require(ask.by, Action.RECORD_GAP)
    report = _new(ask, uuid4().hex)
    gap.record(connection, ask.by, report, product=desk.product(ask.given.product))
    return {"gap": report.gap, "report": report.id}


def meet(_: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """Add one who met a gap, too."""
    require(ask.by, Action.RECORD_GAP)
    report = _new(ask, ask.id)
    gap.join(connection, ask.by, report)
    return {"gap": report.gap, "report": report.id}


def _new(ask: Ask, of: str) -> Report:
    id, given = own_id(uuid4().hex), ask.given
    return Report(id, of, checked_pop(given.call) if given.call else id, ask.by.id, ask.at, given.question)


def run(desk: Desk, ask: Ask) -> dict[str, Any]:
    """Ask an answered gap's own questions of the base as it is. Nothing is written."""
    require(ask.by, Action.READ_GAPS)
    asker = desk.asker(ask.at)
    if asker is None:
        raise GenerationError("encoder_other")
    with desk.database.read() as connection:
        found = _found(gap.find(connection, ask.id))
    if not found.article:
        raise RequestError("replay_unanswered")
    if not _replaying.acquire(blocking=False):
        raise RequestError("too_fast", seconds=1)
    try:
        made = prove(desk.database, asker, ask.by, found, ask.at)
    finally:
        _replaying.release()
    return _proof(made, ask.ui)


def proofs(desk: Desk, ask: Ask) -> dict[str, Any]:
    """List the last replay of each answered gap, by the gap's id."""
    require(ask.by, Action.READ_GAPS)
    with desk.database.read() as connection:
        last = replay.lasts(connection, ask.by, [one.id for one in replay.due(connection, ask.by)])
    shown, after = page(sorted(last.values(), key=lambda one: one.gap), lambda one: (one.gap,), ask.query)
    return {"replays": [_proof(one, ask.ui) for one in shown], "next": after}


def _found(one: Gap | None) -> Gap:
    if one is None:
        raise NotFoundError("gap_not_found")
    return one


def _facts(one: Gap) -> dict[str, Any]:
    moments = {name: day(getattr(one, name)) for name in ("at", "last_at", "closed_at", "due_at")}
    return {name: value for name, value in asdict(one).items() if name in GapFacts.model_fields} | moments


def _report(one: Report) -> dict[str, Any]:
    return {name: getattr(one, name) for name in GapReport.model_fields} | {"at": one.at.isoformat()}


def _proof(one: replay.Proof, ui: str) -> dict[str, Any]:
    return {
        "gap": one.gap,
        "article": one.article,
        "generation": one.generation,
        "at": one.at.isoformat(),
        "green": one.is_green,
        "why": "" if one.is_green else replay.why(one, ui),
        "lacks": list(one.lacks),
        "questions": [
            {"question": line.question, "teams": list(line.teams), "rank": line.rank, "green": line.is_green}
            for line in one.lines
        ],
    }


DOORS = (
    Door("GET", "/api/v1/gaps", "gaps:read", GapList, read=listed, query=Gaps),
    Door("POST", "/api/v1/gaps", "gaps:write", Reported, write=record, asks=NewGap, status=201),
    Door("GET", "/api/v1/gaps/{id}", "gaps:read", OneGap, read=one_gap, refuses=(404,)),
    Door(
        "POST",
        "/api/v1/gaps/{id}/reports",
        "gaps:write",
        Reported,
        write=meet,
        asks=AlsoMet,
        status=201,
        refuses=(404,),
    ),
    Door("POST", "/api/v1/gaps/{id}/replay", "replay", Proof, read=run, refuses=(404, 503)),
    Door("GET", "/api/v1/replays", "replay", Proofs, read=proofs, query=Page),
)
