"""JSON for the finder and for other programs. A question travels in a POST body: no caller's words in a URL."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from kb.doors import payload
from kb.doors.beside import beside
from kb.doors.wire import HEADERS, answering, body, language, user
from kb.doors.wiring import Desk
from kb.errors import QuestionError, RequestError
from kb.finding import filters
from kb.people.users import Action, User, require

MAX_LIMIT = 50
FIELDS = {"q": str, "lang": str, "product": str, "prefer_lang": str, "limit": int, "why": bool}


def routes(desk: Desk) -> list[BaseRoute]:
    """Search and health, answered by this desk."""

    async def search(request: Request) -> dict[str, Any]:
        by = user(request)
        require(by, Action.SEARCH)
        asked: dict[str, Any] = {"q": "", "lang": "", "product": "", "prefer_lang": "", "limit": 10, "why": False}
        asked |= await body(request, FIELDS)
        if not 1 <= asked["limit"] <= MAX_LIMIT:
            raise RequestError("request_limit", most=MAX_LIMIT)
        return await to_thread.run_sync(answer, desk, asked, by, language(request))

    async def health(_: Request) -> JSONResponse:
        served = desk.served
        facts = {
            "ok": served is not None,
            "generation": served.opened.manifest.generation if served else None,
            "encoder": desk.encoder_state,
        }
        return JSONResponse(facts, 200 if served else 503, HEADERS)

    return [Route("/api/search", answering(search), methods=["POST"]), Route("/healthz", health, methods=["GET"])]


def answer(desk: Desk, asked: dict[str, Any], by: User, ui: str) -> dict[str, Any]:
    """The answer to one question, with what stands beside it. Filters typed in it go before the call's own."""
    started = time.perf_counter()
    typed = filters.typed(asked["q"])
    product, lang = _product(desk, typed) or desk.product(asked["product"]), typed.lang or asked["lang"]
    at, speaks = datetime.now(UTC), asked["prefer_lang"]
    hits = desk.ask(typed.question, lang=lang, product=product, prefer_lang=speaks, limit=asked["limit"], at=at)
    found = beside(desk, hits, product=product, lang=lang, speaks=speaks, by=by, at=at)
    return {
        **payload.of_hits(hits, 1000 * (time.perf_counter() - started), floor=desk.floor.now, why=asked["why"]),
        "filters": {"product": product, "lang": lang},
        "beside": payload.of_beside(found, ui, desk.title, (desk.served or desk.open()).catalogue),
        "encoder": desk.encoder_state,
    }


def _product(desk: Desk, typed: filters.Filters) -> str:
    """The product typed as a filter. Raises QuestionError for an unknown one, unless it is still being typed."""
    try:
        return desk.product(typed.product)
    except QuestionError:
        if typed.growing:
            return ""
        raise
