"""What is refused at `/api/v1`: a code that stays, a sentence in the asker's language, and HTTP's own status for it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse

from kb.doors.wire import HEADERS, language
from kb.errors import BusyError, GenerationError, KBError, NotAllowedError, NotFoundError, RequestError, StoreError
from kb.i18n import explain

BY_CODE: Mapping[str, int] = {
    "request_not_json": 400,
    "idempotency_malformed": 400,
    "method_wrong": 405,
    "article_changed": 409,
    "article_there": 409,
    "id_taken": 409,
    "idempotency_reused": 409,
    "request_too_large": 413,
    "media_type_wrong": 415,
    "too_fast": 429,
    "unexpected": 500,
}
BY_KIND: Mapping[type[KBError], int] = {
    NotAllowedError: 403,
    NotFoundError: 404,
    BusyError: 503,
    GenerationError: 503,
    StoreError: 503,
    RequestError: 422,
}
AGAIN = 1  # seconds, where the base or its database is away for now


def status_of(error: KBError) -> int:
    """HTTP's status for an error; 422 for what cannot be taken as it is."""
    by_kind = (status for kind, status in BY_KIND.items() if isinstance(error, kind))
    return BY_CODE.get(error.code) or next(by_kind, 422)


def answered(request: Request, error: KBError) -> JSONResponse:
    """The refusal of one request."""
    status = status_of(error)
    again = {"Retry-After": str(error.facts.get("seconds", AGAIN))} if status in (429, 503) else {}
    told = {"code": error.code, "message": explain(language(request), error)}
    return JSONResponse(told, status, HEADERS | again)
