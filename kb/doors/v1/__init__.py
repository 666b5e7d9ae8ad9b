"""`/api/v1`: the JSON API for other systems, made from one table of doors.

A program comes with a key and has its scopes; a person's own browser may ask here, too, with their role. Every
answer has its shape, every refusal is `{code, message}` with the status that HTTP has for it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from anyio import to_thread
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from kb.doors.v1.door import Ask, Door, refused
from kb.doors.v1.openapi import document
from kb.doors.v1.refusal import answered
from kb.doors.v1.table import DOORS
from kb.doors.wire import HEADERS, language, raw_body, user
from kb.doors.wiring import Desk
from kb.errors import KBError, NotAllowedError, NotFoundError, RequestError
from kb.people.users import User
from kb.seen.log import log
from kb.systems import receipts
from kb.systems.receipts import Receipt

BASE = "/api/v1/"
DOCUMENT = f"{BASE}openapi.json"
PATIENCE = 5.0  # seconds that a program waits for the database
IDEMPOTENCY = "idempotency-key"
REPLAYED = {"Idempotency-Replayed": "true"}

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(desk: Desk) -> list[BaseRoute]:
    """Every door of the table, its documentation, and what is told to whoever asks for none of them."""

    async def openapi(_: Request) -> Response:
        return JSONResponse(document(), headers=HEADERS)

    made: list[BaseRoute] = [Route(one.path, _endpoint(desk, one), methods=[one.method]) for one in DOORS]
    made.append(Route(DOCUMENT, openapi, methods=["GET"]))
    return [*made, Route(BASE + "{rest:path}", _Nothing(tuple(made)))]


class _Nothing:
    """Answers where there is no door, or none for this method: never with the page."""

    def __init__(self, doors: tuple[BaseRoute, ...]) -> None:
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        near = [one for one in self._doors if one.matches(scope)[0] is Match.PARTIAL]
        allowed = sorted({method for one in near for method in getattr(one, "methods", ())})
        error = RequestError("method_wrong", known=", ".join(allowed)) if allowed else NotFoundError("page_missing")
        answer = answered(Request(scope, receive), error)
        if allowed:
            answer.headers["Allow"] = ", ".join(allowed)
        await answer(scope, receive, send)


def _endpoint(desk: Desk, door: Door) -> Endpoint:
    async def handle(request: Request) -> Response:
        try:
            by = user(request)
            if by.scopes is not None and door.scope not in by.scopes:
                raise NotAllowedError("key_scope")
            key = receipts.checked_key(request.headers.get(IDEMPOTENCY, "")) if door.write else ""
            ask, raw = await _asked(request, door, by)
            if door.write is None:
                return JSONResponse(await _read(desk, door, ask), door.status, HEADERS)
            what = f"{request.method} {request.url.path}\n".encode() + raw
            given, again = await to_thread.run_sync(_written, desk, door, ask, key, what)
            return JSONResponse(given.answer, given.status, HEADERS | (REPLAYED if again else {}))
        except ClientDisconnect:
            return JSONResponse({}, 499, HEADERS)
        except KBError as error:
            return answered(request, error)
        except Exception:
            log.failed("request_failed", method=door.method, route=door.path)
            return answered(request, KBError("unexpected"))

    return handle


async def _read(desk: Desk, door: Door, ask: Ask) -> dict[str, Any]:
    """The answer of a door that only reads. Raises BusyError where it would wait too long for its turn."""
    async with desk.searches.turn() if door.searches else nullcontext():
        return await to_thread.run_sync(door.work, desk, ask)


async def _asked(request: Request, door: Door, by: User) -> tuple[Ask, bytes]:
    """What is asked, in its shapes, and the bytes of its body. Raises RequestError."""
    raw = await raw_body(request, door.most)
    given = _shaped(door.asks, _object(request, raw)) if door.asks else None
    query = _shaped(door.query, dict(request.query_params)) if door.query else None
    id = str(request.path_params.get("id", ""))
    return Ask(by, datetime.now(UTC), language(request), id, given, query), raw


def _object(request: Request, raw: bytes) -> object:
    if raw and request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError("media_type_wrong")
    try:
        given = json.loads(raw or b"{}")
        return json.loads(json.dumps(given, ensure_ascii=False).encode("utf-8", "ignore"))  # no half characters
    except (ValueError, RecursionError) as error:
        raise RequestError("request_not_json") from error


def _shaped(shape: type[BaseModel], given: object) -> BaseModel:
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise refused(first, tuple(shape.model_fields)) from error


def _written(desk: Desk, door: Door, ask: Ask, key: str, what: bytes) -> tuple[Receipt, bool]:
    """What is answered, and whether it had been before. What is done and its receipt are one commit."""
    with desk.database.write(PATIENCE) as connection:
        before = receipts.find(connection, ask.by, key, what, ask.at) if key else None
        if before is not None:
            return before, True
        given = Receipt(door.status, _plain(door.work(desk, connection, ask)))
        if key:
            receipts.keep(connection, ask.by, key, what, given, ask.at)
    desk.floor.touched()
    return given, False


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as JSON brings it back: the same, whether it is told now or again."""
    told: dict[str, Any] = json.loads(json.dumps(answer, ensure_ascii=False))
    return told
