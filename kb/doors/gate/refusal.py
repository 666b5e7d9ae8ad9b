"""What those are told who get no further."""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from kb.errors import BusyError, KBError, StoreError
from kb.i18n import browser_language, explain

FOR_PROGRAMS = ("/api/", "/_stcore/", "/media/", "/articles-media/", "/component/")  # answered with JSON
VERSIONED = "/api/v1/"  # {code, message}
AGAIN = 5  # seconds after which whoever had to wait for the database asks again
STATUS = {
    "too_fast": 429,
    "request_too_large": 413,
    "signed_out": 401,
    "key_wrong": 401,
    "key_scope": 403,
    "origin_refused": 403,
    "page_missing": 404,
    "host_refused": 421,
}


async def turn_away(scope: Scope, receive: Receive, send: Send, headers: Headers, error: KBError) -> None:
    """One sentence in the asker's language, or the way to the sign-in page. A websocket is closed unopened."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    language = browser_language(headers.get("accept-language", ""))
    sentence, status = explain(language, error), STATUS.get(error.code, 503)
    reads = scope["method"] in ("GET", "HEAD")
    seconds = error.facts.get("seconds", AGAIN if isinstance(error, StoreError) else None)
    more = {} if seconds is None else {"Retry-After": str(seconds)}
    if isinstance(error, StoreError | BusyError) and reads:
        more["Refresh"] = str(seconds)
    answer: Response
    if scope["path"].startswith(FOR_PROGRAMS) or not reads:
        name = "code" if scope["path"].startswith(VERSIONED) else "error"
        answer = JSONResponse({name: error.code, "message": sentence}, status, more)
    elif error.code == "signed_out":
        answer = RedirectResponse(f"/sign-in?next={quote(_asked_for(scope), safe='')}", 303)
    else:
        answer = PlainTextResponse(sentence, status, more)
    await answer(scope, receive, send)


def _asked_for(scope: Scope) -> str:
    """Path and query as they were asked for, to the byte."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return (path.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
