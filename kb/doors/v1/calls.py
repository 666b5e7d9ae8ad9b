"""A call, told by a telephony system or a CRM: begun, gone on with, ended, summed up."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kb.calls import call
from kb.calls.call import Summary
from kb.db import Connection
from kb.doors import call_api, payload
from kb.doors.v1.door import Ask, Asked, Door, Id, Lang, Told, Words
from kb.doors.wiring import Desk
from kb.people.users import Action, require

LONGEST_AGO = 24 * 60 * 60 * 1000  # milliseconds
EVENTS_MOST = 200  # at once


class Beginning(Asked):
    """A call that begins, or is gone on with."""

    call: Id = Field(description="Its id in your system: no phone number.")
    q: Words = Field("", description="What the customer wants, as far as it is known: the page opens with it.")
    product: str = Field("", max_length=200)
    lang: Lang = ""


class Happened(Asked):
    """One thing that happened on a call. `id` is yours: sent twice it is once."""

    id: Id
    kind: Literal["search", "open", "copy", "solved", "helped", "unsolved"]
    q: Words = ""
    article: str = Field("", max_length=200)
    version: str = Field("", max_length=64)
    said: Words = ""
    rank: int = Field(0, ge=0, le=1_000_000)
    ago: int = Field(0, ge=0, le=LONGEST_AGO, description="Milliseconds ago.")


class Happenings(Asked):
    """What happened on a call, in order."""

    events: Annotated[list[Happened], Field(max_length=EVENTS_MOST)]


class CallFacts(Told):
    """A call as it stands."""

    id: str
    agent: str
    begun_at: str
    ended_at: str | None
    product: str
    lang: str


class OneCall(Told):
    """A call."""

    call: CallFacts


class ToldOnCall(Told):
    """What the caller was told: from which version of which article, by whom."""

    article: str
    version: str
    agent: str
    at: str
    said: str
    solved: bool


class Promised(Told):
    """What was promised on a call."""

    what: str
    due_at: str


class CallSummary(Told):
    """A call for the CRM: as text, and in its parts."""

    call: CallFacts
    text: str
    questions: list[str]
    told: list[ToldOnCall]
    missing: list[str]
    promised: list[Promised]


def begin(desk: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """Begin a call, or go on with it. The one this key was on last is over then."""
    return call_api.begin(desk, connection, ask.recorded())


def events(desk: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """Tell what happened on a call."""
    return call_api.events(desk, connection, ask.recorded())


def end(_: Desk, connection: Connection, ask: Ask) -> dict[str, Any]:
    """End a call."""
    call.end(connection, ask.by, ask.id, ask.at)
    found = call.find(connection, ask.id)
    return {"call": payload.of_call(found) if found else {}}


def summary(desk: Desk, ask: Ask) -> dict[str, Any]:
    """A call for the CRM: asked, told from which version, solved, missing, promised."""
    require(ask.by, Action.READ_CALL)
    with desk.database.read() as connection:
        found = call.summary(connection, ask.by, ask.id)
    return _parts(found) | {
        "text": payload.summary_text(found, ask.ui, lambda id: desk.title(id, ask.by), desk.site.zone)
    }


def _parts(found: Summary) -> dict[str, Any]:
    told = [
        {
            "article": one.article,
            "version": one.version,
            "agent": one.agent,
            "at": one.at.isoformat(),
            "said": one.said,
            "solved": one.solved,
        }
        for one in found.told
    ]
    promised = [{"what": one.what, "due_at": one.due_at.isoformat()} for one in found.promised]
    parts = {"questions": list(found.questions), "told": told, "missing": list(found.missing), "promised": promised}
    return {"call": payload.of_call(found.call), **parts}


DOORS = (
    Door("POST", "/api/v1/calls", "calls", OneCall, write=begin, asks=Beginning),
    Door("POST", "/api/v1/calls/{id}/events", "calls", OneCall, write=events, asks=Happenings, refuses=(404,)),
    Door("POST", "/api/v1/calls/{id}/end", "calls", OneCall, write=end, refuses=(404,)),
    Door("GET", "/api/v1/calls/{id}/summary", "calls", CallSummary, read=summary, refuses=(404,)),
)
