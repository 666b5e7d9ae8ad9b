"""The documentation of `/api/v1` as OpenAPI 3.1, made from the table of doors: `docs/openapi.json` is this."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kb.doors.v1.door import Door, Problem
from kb.doors.v1.table import DOORS

VERSION = "1.0"
ABOUT = """JSON for telephony systems, CRMs and reports. `Authorization: Bearer fc_…` with a key made by
`python -m kb key add`; each door names the scope that it needs. What a key does counts in no figure unless it has the
scope `real` besides. Writing takes an `Idempotency-Key`: the same again within 24 hours is done once and answered the
same. docs/integration.md shows how."""
ALWAYS = (401, 403, 413, 421, 429, 500, 503)
MEANING = {
    400: "Not JSON, or no such Idempotency-Key.",
    401: "No key, or one that is unknown, revoked or over.",
    403: "The key is not for this.",
    404: "There is no such thing, or none that this key may see.",
    409: "It changed meanwhile, is there already, or the Idempotency-Key was used for something else.",
    413: "Too large.",
    415: "The body is not `application/json`.",
    421: "Not served at this Host.",
    422: "A field is missing, unknown, or cannot be taken.",
    429: "Too often; `Retry-After` says how many seconds to wait.",
    500: "Something went wrong here.",
    503: "For now: `Retry-After` says how many seconds to wait.",
}
REF = "#/components/schemas/{model}"
_IN_PATH = re.compile(r"{(\w+)}")


@functools.cache
def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Firstcall", "version": VERSION, "description": ABOUT.replace("\n", " ")},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(map(_tag, DOORS))],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A program's key."}},
            "schemas": _schemas(),
        },
    }


def _schemas() -> dict[str, Any]:
    asked = {shape for one in DOORS for shape in (one.asks, one.query) if shape}
    told = {one.answers for one in DOORS} | {Problem}
    modes = [(one, "validation") for one in asked] + [(one, "serialization") for one in told]
    found = models_json_schema(sorted(modes, key=lambda pair: pair[0].__name__), ref_template=REF)[1]  # type: ignore[arg-type]
    schemas: dict[str, Any] = found["$defs"]
    queries = {one.query.__name__ for one in DOORS if one.query}
    return {name: _plain(one) for name, one in sorted(schemas.items()) if name not in queries}


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for one in DOORS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return paths


def _operation(one: Door) -> dict[str, Any]:
    told = {
        str(one.status): {
            "description": (one.answers.__doc__ or "").split("\n")[0],
            "content": {"application/json": {"schema": _ref(one.answers)}},
        }
    }
    told |= {str(status): _refusal(status) for status in _statuses(one)}
    operation: dict[str, Any] = {
        "operationId": f"{_tag(one)}_{one.work.__name__}",
        "summary": (one.work.__doc__ or "").split("\n")[0],
        "tags": [_tag(one)],
        "security": [{"key": [one.scope]}],
        "parameters": _parameters(one),
        "responses": dict(sorted(told.items())),
    }
    if one.asks:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(one.asks)}}}
    return operation


def _statuses(one: Door) -> set[int]:
    found = {*ALWAYS, *one.refuses}
    if one.asks:
        found |= {400, 415, 422}
    if one.query or _IN_PATH.search(one.path):
        found |= {422}
    if one.write:
        found |= {400, 409}
    return found


def _parameters(one: Door) -> list[dict[str, Any]]:
    text = {"type": "string"}
    found = [{"name": name, "in": "path", "required": True, "schema": text} for name in _IN_PATH.findall(one.path)]
    fields: dict[str, Any] = one.query.model_json_schema(ref_template=REF)["properties"] if one.query else {}
    for name, field in fields.items():
        shape = {key: value for key, value in _plain(field).items() if key != "description"}
        about = {"description": field["description"]} if "description" in field else {}
        found.append({"name": name, "in": "query", "required": False, "schema": shape, **about})
    if one.write:
        about = {"description": "Yours, for this request: sent twice, it is done once."}
        key = {"type": "string", "pattern": "^[!-~]{1,200}$"}
        found.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": key, **about})
    language = {"name": "Accept-Language", "in": "header", "required": False, "schema": text}
    return [*found, language | {"description": "zh or en, of sentences."}]


def _refusal(status: int) -> dict[str, Any]:
    return {"description": MEANING[status], "content": {"application/json": {"schema": _ref(Problem)}}}


def _ref(shape: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=shape.__name__)}


def _tag(one: Door) -> str:
    return one.path.split("/")[3]


def _plain(schema: Any) -> Any:
    """The same without the titles that only say a name again."""
    if isinstance(schema, dict):
        inner = {name: _plain(one) for name, one in schema.items()}
        return {name: one for name, one in inner.items() if name != "title" or not isinstance(one, str)}
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"
