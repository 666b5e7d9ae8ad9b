"""JSON for the finder and for other programs. A question travels in a POST body: no caller's words in a URL."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from kb.doors.answer import QUESTION, answer
from kb.doors.wire import answering, asker, body, language, user
from kb.doors.wiring import Desk
from kb.errors import RequestError
from kb.people.users import Action, require

MAX_LIMIT = 50
# `box`: of a page, in which it is typed: what is typed next takes the place of what still waits of it
FIELDS = {name: type(value) for name, value in QUESTION.items()} | {"box": str}


def routes(desk: Desk) -> list[BaseRoute]:
    """Search, answered by this desk."""

    async def search(request: Request) -> dict[str, Any]:
        by = user(request)
        require(by, Action.SEARCH)
        asked = {**QUESTION, "box": "", **await body(request, FIELDS)}
        if not 1 <= asked["limit"] <= MAX_LIMIT:
            raise RequestError("request_limit", most=MAX_LIMIT)
        typed = f"{asker(request)} {asked['box']}" if asked["box"] else ""
        async with desk.searches.turn(typed):
            return await to_thread.run_sync(answer, desk, asked, by, language(request))

    return [Route("/api/search", answering(search), methods=["POST"])]
