"""One JSON request and its answer: the body's fields checked, the person who asks, an error as one sentence."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from kb.errors import BusyError, GenerationError, KBError, NotAllowedError, NotFoundError, RequestError, StoreError
from kb.i18n import LANGUAGES, browser_language, explain
from kb.people.users import User

MAX_BODY = 64 * 1024
HEADERS = {"Cache-Control": "no-store"}
STATUS: Mapping[type[KBError], int] = {
    NotAllowedError: 403,
    NotFoundError: 404,
    BusyError: 503,
    GenerationError: 503,
    StoreError: 503,
}

Handler = Callable[[Request], Awaitable[dict[str, Any]]]


def answering(handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    """A route's function from one that returns what to answer and raises KBError for what it refuses."""

    async def answer(request: Request) -> JSONResponse:
        try:
            return JSONResponse(await handler(request), headers=HEADERS)
        except ClientDisconnect:
            return JSONResponse({}, 499, HEADERS)
        except KBError as error:
            return refused(request, error)

    return answer


def refused(request: Request, error: KBError) -> JSONResponse:
    """What is refused, in one sentence of the asker's language."""
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
    told = {"error": error.code, "message": explain(language(request), error)}
    again = {"Retry-After": str(error.facts["seconds"])} if isinstance(error, BusyError) else {}
    return JSONResponse(told, status, HEADERS | again)


def user(request: Request) -> User:
    """Who asks: put there by the gate."""
    found: User = request.state.user
    return found


def asker(request: Request) -> str:
    """The session that a request came with, '' for a program's."""
    return str(request.state.visit.key)


def language(request: Request) -> str:
    """The interface's language of the asker: said in the body (`ui`), else the browser's."""
    chosen = getattr(request.state, "ui", "")
    return chosen if chosen in LANGUAGES else browser_language(request.headers.get("accept-language", ""))


async def raw_body(request: Request, most: int) -> bytes:
    """A body of at most so many bytes. Raises RequestError for a longer one, before the rest is read."""
    pieces, taken = [], 0
    async for piece in request.stream():
        pieces.append(piece)
        taken += len(piece)
        if taken > most:
            raise RequestError("request_too_large", limit=most // 1024)
    return b"".join(pieces)


async def body(request: Request, kinds: Mapping[str, type]) -> dict[str, Any]:
    """The fields of a JSON body, each of its kind; `ui`, the interface's language, may always be there.

    Raises RequestError for anything else.
    """
    raw = await raw_body(request, MAX_BODY)
    try:
        given = json.loads(raw or b"{}")
        if b"\\u" in raw or not raw.isascii():  # half characters, which no database takes
            given = json.loads(json.dumps(given, ensure_ascii=False).encode("utf-8", "ignore"))
    except (ValueError, RecursionError) as error:
        raise RequestError("request_not_json") from error
    known = {**kinds, "ui": str}
    if isinstance(given, dict):
        request.state.ui = given.get("ui", "")
    if not isinstance(given, dict) or set(given) - set(known):
        raise RequestError("request_unknown_field", known=", ".join(known))
    for name, value in given.items():
        if not is_a(known[name], value):
            raise RequestError("request_wrong_type", field=name)
    return given


def is_a(kind: type, value: object) -> bool:
    """Whether a value of a body is of a kind; True is no number."""
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
