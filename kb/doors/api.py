"""JSON for the finder and for other programs. A question travels in a POST body: no caller's words in a URL."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from kb.doors import payload
from kb.doors.wiring import Desk
from kb.errors import GenerationError, KBError, QuestionError
from kb.i18n import LANGUAGES, explain

MAX_BODY = 64 * 1024
MAX_LIMIT = 50
HEADERS = {"Cache-Control": "no-store"}


def routes(desk: Desk) -> list[BaseRoute]:
    """All routes of the API, answered by this desk."""

    async def search(request: Request) -> JSONResponse:
        language = "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"
        try:
            asked = await _asked(request)
            language = asked["ui"] or language
            started = time.perf_counter()
            hits = await to_thread.run_sync(
                lambda: desk.ask(
                    asked["q"],
                    lang=asked["lang"],
                    product=asked["product"],
                    prefer_lang=asked["prefer_lang"],
                    limit=asked["limit"],
                )
            )
            answer = await to_thread.run_sync(
                lambda: payload.of_hits(hits, 1000 * (time.perf_counter() - started), why=asked["why"])
            )
        except ClientDisconnect:
            return JSONResponse({}, 499, HEADERS)
        except KBError as error:
            status = 503 if isinstance(error, GenerationError) else 400
            return JSONResponse({"error": error.code, "message": explain(language, error)}, status, HEADERS)
        return JSONResponse(answer | {"encoder": desk.encoder_state}, headers=HEADERS)

    async def health(_: Request) -> JSONResponse:
        served = desk.served
        facts = {
            "ok": served is not None,
            "generation": served.opened.manifest.generation if served else None,
            "encoder": desk.encoder_state,
        }
        return JSONResponse(facts, 200 if served else 503, HEADERS)

    return [Route("/api/search", search, methods=["POST"]), Route("/healthz", health, methods=["GET"])]


async def _asked(request: Request) -> Mapping[str, Any]:
    """The checked body: q, lang, product, prefer_lang, limit, why, ui. Raises QuestionError for anything else."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise QuestionError("request_too_large", limit=MAX_BODY // 1024)
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise QuestionError("request_not_json") from error
    kinds = {"q": str, "lang": str, "product": str, "prefer_lang": str, "limit": int, "why": bool, "ui": str}
    if not isinstance(given, dict) or set(given) - set(kinds):
        raise QuestionError("request_unknown_field", known=", ".join(kinds))
    for name, value in given.items():
        if not isinstance(value, kinds[name]) or (kinds[name] is int and isinstance(value, bool)):
            raise QuestionError("request_wrong_type", field=name)
    limit = given.get("limit", 10)
    if not 1 <= limit <= MAX_LIMIT:
        raise QuestionError("request_limit", most=MAX_LIMIT)
    texts = {name: given.get(name, "") for name in ("q", "lang", "product", "prefer_lang")}
    ui = given.get("ui", "")
    return {**texts, "limit": limit, "why": given.get("why", False), "ui": ui if ui in LANGUAGES else ""}
