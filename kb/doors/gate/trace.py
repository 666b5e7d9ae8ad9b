"""A line in the program's log for a request that was answered, by the name of its route and never by its path."""

from __future__ import annotations

import time

from starlette.types import Message, Scope, Send

from kb.seen.log import log

SLOW = 1.0  # seconds to the first byte
COUNTED = ("/api/search", "/healthz", "/readyz")  # many a second: logged only where slow or refused
PAGE, STREAMLIT = "/page", "/_stcore"  # what is no route of ours


def traced(scope: Scope, send: Send) -> Send:
    """`send` of a request that was let in, which writes that line when the answer begins."""
    began = time.perf_counter()

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            took, status, route = time.perf_counter() - began, message["status"], route_of(scope)
            if status >= 400 or took >= SLOW or (route.startswith("/api/") and route not in COUNTED):
                log.info("request", method=scope["method"], route=route, status=status, ms=round(1000 * took, 1))
        await send(message)

    return sent


def route_of(scope: Scope) -> str:
    """`/api/calls/{id}/end` once the request has been routed; `/page` or `/_stcore` for what Streamlit answers."""
    route = getattr(scope.get("route"), "path", "")
    if route and not route.startswith("/_stcore") and "{path:path}" not in route:
        return str(route)
    return STREAMLIT if scope["path"].startswith(STREAMLIT) else PAGE
