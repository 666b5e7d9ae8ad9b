"""What an agent does on a call, as JSON: every request has an id made by the sender, so that sending it twice is once.

A page keeps what it could not send and sends it later: `ago` is how many milliseconds ago it happened. What the
database refuses for now is spooled, and the answer says so (`spooled`: how many records wait).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from anyio import to_thread
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from kb.calls import bulletins, call, flags, journal, promises
from kb.calls.flags import Flag
from kb.calls.journal import Event
from kb.calls.promises import Promise
from kb.db import Connection
from kb.doors import payload
from kb.doors.recorder import Asked, Recorder, Work
from kb.doors.wire import answering, body, is_a, language, user
from kb.doors.wiring import Desk
from kb.errors import NotFoundError, QuestionError, RequestError
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people import preferences
from kb.people.users import User

LONGEST_AGO = timedelta(hours=24)
SOON = timedelta(hours=2)  # a call-back in so long is not tomorrow's, whatever the date says: people work at night
PATIENCE = 1.0  # seconds that whoever only looks waits for the database


def routes(desk: Desk) -> list[BaseRoute]:
    """The routes of calls, gaps, promises, flags and one's own preferences."""
    works: dict[str, Work] = {}

    def route(path: str, kinds: Mapping[str, type], work: Work, *, reads: bool = False) -> Route:
        async def handle(request: Request) -> dict[str, Any]:
            given = await body(request, {**kinds, "ago": int})
            id = str(request.path_params.get("id", ""))
            asked = Asked(user(request), datetime.now(UTC) - _ago(given), given, id, language(request))

            def looked_up() -> dict[str, Any]:
                with desk.database.read(PATIENCE) as connection:
                    return work(connection, asked) or {}

            def recorded() -> dict[str, Any]:
                return recorder.record(path, asked)

            if reads:
                return {"ok": True, **await to_thread.run_sync(looked_up)}
            async with desk.records.turn():
                return {"ok": True, **await to_thread.run_sync(recorded)}

        if not reads:
            works[path] = work
        return Route(path, answering(handle), methods=["POST"])

    def summary(connection: Connection, asked: Asked) -> dict[str, Any]:
        found = call.summary(connection, asked.by, asked.call)
        return {"text": payload.summary_text(found, asked.ui, lambda id: desk.title(id, asked.by), desk.site.zone)}

    def waits(connection: Connection, asked: Asked) -> dict[str, Any]:
        held = [one.id for one in call.held(connection, asked.by, asked.at)]
        return mine(desk, connection, asked.by, asked.at) | {"calls": held, "spooled": recorder.waiting()}

    texts = {"id": str, "call": str}
    made: list[BaseRoute] = [
        route("/api/calls", {"call": str, "q": str, "product": str, "lang": str}, lambda c, a: begin(desk, c, a)),
        route("/api/calls/{id}/events", {"events": list}, lambda c, a: events(desk, c, a)),
        route("/api/calls/{id}/about", {"product": str, "lang": str}, lambda c, a: _about(desk, c, a)),
        route("/api/calls/{id}/end", {}, lambda c, a: call.end(c, a.by, a.call, a.at)),
        route("/api/calls/{id}/resume", {}, lambda c, a: call.resume(c, a.by, a.call, a.at)),
        route("/api/calls/{id}/summary", {}, summary, reads=True),
        route("/api/mine", {}, waits, reads=True),
        route("/api/undo", {"id": str}, lambda c, a: _undo(c, a)),
        route("/api/gaps", {**texts, "gap": str, "q": str, "product": str}, lambda c, a: _record_gap(desk, c, a)),
        route("/api/gaps/{id}/join", {**texts, "q": str}, _join_gap),
        route("/api/gaps/{id}/describe", {"report": str, **dict.fromkeys(SAID_LATER, str)}, _describe_gap),
        route("/api/gaps/{id}/told", {"report": str}, lambda c, a: gap.told(c, a.by, a.text("report"), a.at)),
        route("/api/gaps/{id}/untold", {"report": str}, lambda c, a: gap.untold(c, a.by, a.text("report"))),
        route("/api/promises", {**texts, "what": str, "due": str, "gap": str}, lambda c, a: _promise(desk, c, a)),
        route("/api/promises/{id}/keep", {}, lambda c, a: promises.keep(c, a.by, a.call, a.at)),
        route("/api/promises/{id}/reopen", {}, lambda c, a: promises.reopen(c, a.by, a.call)),
        route("/api/flags", {**texts, **dict.fromkeys(FLAGGED, str)}, lambda c, a: _flag(desk, c, a)),
        route("/api/bulletins/{id}/seen", {}, lambda c, a: bulletins.mark_seen(c, a.by, a.call, a.at)),
        route("/api/bulletins/{id}/unseen", {}, lambda c, a: bulletins.mark_unseen(c, a.by, a.call)),
        route("/api/preferences", {"keys": dict}, _keys),
    ]
    recorder = Recorder(desk, works)
    return made


def _ago(given: Mapping[str, Any]) -> timedelta:
    """How long ago something happened. Raises RequestError for the future and for more than `LONGEST_AGO`."""
    ago: int = given.get("ago", 0)
    if not 0 <= ago <= LONGEST_AGO // timedelta(milliseconds=1):
        raise RequestError("request_wrong_type", field="ago")
    return timedelta(milliseconds=ago)


def _now(asked: Asked) -> datetime:
    """When something was told that happened before."""
    return asked.at + _ago(asked.given)


def mine(desk: Desk, connection: Connection, by: User, at: datetime) -> dict[str, Any]:
    """What waits for this person: call-backs due today or `SOON`, answers to gaps they met, bulletins they have not
    seen."""
    tomorrow = desk.site.today(at) + timedelta(days=1)
    until = max(datetime.combine(tomorrow, time(), desk.site.zone), at + SOON)
    return payload.of_mine(
        promises.due(connection, by, until), gap.answered(connection, by), bulletins.unseen(connection, by, at)
    )


SAID_LATER = ("kind", "words", "answered", "suggestion")
FLAGGED = ("article", "version", "sentence", "reason", "note")
EVENT_KINDS: Mapping[str, type] = {
    "id": str,
    "kind": str,
    "q": str,
    "article": str,
    "version": str,
    "ago": int,
    "rank": int,
    "verdict": str,
    "hits": int,
    "complete": bool,
    "said": str,
    "keys": int,
    "since": int,
}
DETAILS = ("rank", "verdict", "hits", "complete", "said", "keys", "since")
COUNTED = ("rank", "hits", "keys", "since")
TOLD = (
    "search",
    *journal.OF_ARTICLE,
)  # kinds of event that a page tells as such; the others come with what they are about
MOST_COUNTED = 1_000_000
_ACTION = re.compile(r"[a-z_]{1,20}\Z")
_KEY = re.compile(r"(?:(?:Ctrl|Alt|Meta|Shift)\+){0,4}(?:.|[A-Z][A-Za-z]{1,24}|F[0-9]{1,2})\Z")  # Alt+C, F8, ArrowUp


def _event(desk: Desk, connection: Connection, asked: Asked, one: object, place: int) -> Event:
    """An event as the page tells it. `place` keeps events apart that are told as one moment."""
    if not isinstance(one, dict) or set(one) - set(EVENT_KINDS):
        raise RequestError("request_unknown_field", known=", ".join(EVENT_KINDS))
    for name, value in one.items():
        if not is_a(EVENT_KINDS[name], value) or (name in COUNTED and not 0 <= value <= MOST_COUNTED):
            raise RequestError("request_wrong_type", field=name)
    kind = one.get("kind", "")
    if kind not in TOLD:
        raise RequestError("event_unknown", kind=kind[:40])
    article, version = "", ""
    if kind in journal.OF_ARTICLE:
        article, version = _article(desk, connection, asked.by, one.get("article", ""), one.get("version", ""))
    return Event(
        id=one.get("id", ""),
        call=asked.call,
        at=asked.at - _ago(one) + timedelta(microseconds=place),
        agent=asked.by.id,
        kind=kind,
        query=one.get("q", ""),
        article=article,
        version=version,
        detail={name: one[name] for name in DETAILS if name in one},
    )


def _article(desk: Desk, connection: Connection, by: User, id: str, version: str) -> tuple[str, str]:
    """An article and the version that was on the page: the one told, if the base ever had it, else today's.

    Raises NotFoundError for an article that is not there now and was not in that version.
    """
    if version and journal.article_of(connection, version) == id:
        return id, version
    article = desk.read(id, by)
    if article is None:
        raise NotFoundError("article_not_found")
    return article.id, article.version


def events(desk: Desk, connection: Connection, asked: Asked) -> dict[str, Any]:
    """What happened on a call, as a page or a program tells it."""
    happened = [_event(desk, connection, asked, one, n) for n, one in enumerate(asked.given.get("events", []))]
    return {"call": payload.of_call(call.record(connection, asked.by, asked.call, happened, asked.at, _now(asked)))}


def begin(desk: Desk, connection: Connection, asked: Asked) -> dict[str, Any]:
    """A screen-pop from a CRM. Its words are the first search: the page opens with them."""
    id = call.checked_pop(asked.text("call"), asked.text("q"))
    product = desk.product(asked.text("product"))
    begun = call.pop(connection, asked.by, id, asked.at, product=product, lang=asked.text("lang"))
    if asked.text("q"):
        told = uuid5(NAMESPACE_OID, f"{id} {asked.at}").hex  # the same, if it has to be written again
        search = Event(told, id, asked.at, asked.by.id, "search", asked.text("q"))
        begun = call.record(connection, asked.by, id, [search], asked.at, _now(asked))
    return {"call": payload.of_call(begun)}


def _about(desk: Desk, connection: Connection, asked: Asked) -> None:
    product = desk.product(asked.text("product")) if "product" in asked.given else None
    call.about(connection, asked.by, asked.call, asked.at, product=product, lang=asked.given.get("lang"))


def _undo(connection: Connection, asked: Asked) -> None:
    """Take back whatever was done under an id: its event, and the gap, flag or promise that came with it."""
    id = asked.text("id")
    event = journal.undo(connection, asked.by, id, asked.at)
    undone = {"gap": gap.undo, "join": gap.undo, "flag": flags.undo, "promise": promises.undo}.get(event.kind)
    if undone:
        undone(connection, asked.by, id, asked.at)


def _happened(
    connection: Connection, asked: Asked, kind: str, query: str = "", article: str = "", version: str = ""
) -> None:
    """The same on the call's trail, under the same id."""
    id = asked.text("call")
    event = Event(asked.text("id"), id, asked.at, asked.by.id, kind, query, article, version)
    call.record(connection, asked.by, id, [event], asked.at, _now(asked))


def _record_gap(desk: Desk, connection: Connection, asked: Asked) -> dict[str, Any]:
    _happened(connection, asked, "gap", asked.text("q"))
    report = Report(asked.text("id"), asked.text("gap"), asked.text("call"), asked.by.id, asked.at, asked.text("q"))
    try:
        product = desk.product(asked.text("product"))
    except QuestionError:
        product = ""  # gone from the catalogue: no reason to lose a gap
    gap.record(connection, asked.by, report, product=product)
    return {"gap": report.gap, "report": report.id}


def _join_gap(connection: Connection, asked: Asked) -> dict[str, Any]:
    _happened(connection, asked, "join", asked.text("q"))
    report = Report(asked.text("id"), asked.call, asked.text("call"), asked.by.id, asked.at, asked.text("q"))
    gap.join(connection, asked.by, report)
    return {"gap": report.gap, "report": report.id}


def _describe_gap(connection: Connection, asked: Asked) -> None:
    report = Report(asked.text("report"), asked.call, "", asked.by.id, asked.at)
    said: dict[str, Any] = {name: asked.text(name) for name in SAID_LATER}
    gap.describe(connection, asked.by, replace(report, **said))


def _promise(desk: Desk, connection: Connection, asked: Asked) -> None:
    try:
        due = datetime.fromisoformat(asked.text("due"))
        due = (due if due.tzinfo else due.replace(tzinfo=desk.site.zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RequestError("request_wrong_type", field="due") from error
    id, what = asked.text("id"), asked.text("what")
    promise = Promise(id, asked.text("call"), asked.by.id, asked.at, due, what, asked.text("gap"))
    _happened(connection, asked, "promise", what)
    promises.make(connection, asked.by, promise)


def _flag(desk: Desk, connection: Connection, asked: Asked) -> None:
    article, version = _article(desk, connection, asked.by, asked.text("article"), asked.text("version"))
    sentence = asked.text("sentence")
    _happened(connection, asked, "flag", sentence, article, version)
    reason, note, id = asked.text("reason"), asked.text("note"), asked.text("call")
    flag = Flag(asked.text("id"), asked.by.id, asked.at, article, version, reason, sentence, note, id)
    flags.put(connection, asked.by, flag)


def _keys(connection: Connection, asked: Asked) -> None:
    """The keys a person chose. Raises RequestError for anything that is no action and key."""
    keys: dict[str, Any] = asked.given.get("keys", {})
    if not all(_ACTION.match(action) and isinstance(key, str) and _KEY.match(key) for action, key in keys.items()):
        raise RequestError("request_wrong_type", field="keys")
    preferences.put(connection, asked.by, "keys", keys)
