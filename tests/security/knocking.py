"""Every field of every route, found in the code and filled with floods.

The JSON routes name their own fields when they refuse one that is none; `/api/v1` has them in its table; the forms of
the sign-in pages are few and stand in `FORMS`. A field gets the flood whole, which most doors refuse for its length,
and cut to what the door lets in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from kb.doors.call_api import EVENT_KINDS
from kb.doors.v1.table import DOORS
from kb.doors.wire import MAX_BODY
from kb.doors.wiring import Desk
from kb.people.users import Role
from tests import gated
from tests.security.test_permission import BODIES, IDS, ROUTES, prepared

PATH_MOST = 20_000  # characters of an address; a server takes 64 KB of all headers together
FORMS: Mapping[str, tuple[str, ...]] = {
    "POST /sign-in": ("name", "password", "new", "shown", "next", "hl", "sample", "change"),
    "POST /set-up": ("name", "password", "shown", "next", "hl"),
}
QUERIES: Mapping[str, tuple[str, ...]] = {
    "GET /sign-in": ("next", "hl", "name"),
    "GET /sign-in/oidc": ("next", "hl"),
    "GET /sign-in/oidc/back": ("code", "state", "error"),
    "POST /sign-out": ("hl",),
    "GET /set-up": ("next", "hl"),
}
HEADERS = ("cookie", "authorization", "accept-language", "origin", "host", "content-type", "content-length")
NO_TEXT = ("GET /healthz", "GET /readyz", "GET /api/v1/openapi.json")  # take nothing but headers
RAW = ("POST /api/media",)  # a file as it is


@dataclass(frozen=True)
class Field:
    """One place of a request that a text can be put in. `send` puts one there."""

    name: str
    send: Callable[[str], Any]


class Knocker:
    """Somebody at the doors of a desk. `inside` is signed in as an admin, without the gate; `outside` is before it."""

    def __init__(self, desk: Desk) -> None:
        self.inside = prepared(desk, Role.ADMIN)
        self.desk = desk
        self._tables = {f"{door.method} {door.path}": door for door in DOORS}

    def fields(self, route: str) -> list[Field]:
        """All of a route: of its address, its query, its body."""
        method, _, path = route.partition(" ")
        found = [Field(f"{route} {{{name}}}", self._in_path(method, path, name)) for name in _holes(path)]
        found += [Field(f"{route} ?{name}", self._in_query(method, path, name)) for name in self._queries(route)]
        named = self._names(method, path, route)
        found += [Field(f"{route} {name}", self._in_body(method, path, route, name)) for name in named]
        if route in FORMS:
            found += [Field(f"{route} {name}", self._in_form(path, name)) for name in FORMS[route]]
        if method != "GET":
            found.append(Field(f"{route} whole", self._raw(method, path)))
        return found

    def headers(self) -> list[Field]:
        """The headers that are read before anybody is let in."""
        return [Field(f"header {name}", self._in_header(name)) for name in HEADERS]

    def _queries(self, route: str) -> tuple[str, ...]:
        door = self._tables.get(route)
        return tuple(door.query.model_fields) if door and door.query else QUERIES.get(route, ())

    def _names(self, method: str, path: str, route: str) -> list[str]:
        door = self._tables.get(route)
        if door is not None:
            return list(door.asks.model_fields) if door.asks else []
        if route in (*FORMS, *RAW, *NO_TEXT) or not path.startswith("/api/"):
            return []
        told = self._sent(method, _filled(path), {"no such field": 1}).json()
        named = re.search(r"Known fields: (.*)\.", told["message"])
        assert named, told
        return named[1].split(", ")

    def _sent(self, method: str, path: str, body: Any, most: int = MAX_BODY) -> Any:
        content = _json(body)
        headers = {"content-type": "application/json", "accept-language": "en"}
        return self.inside.request(method, path, content=content[: most + 1], headers=headers)

    def _in_body(self, method: str, path: str, route: str, name: str) -> Callable[[str], Any]:
        door = self._tables.get(route)
        most = door.most if door else MAX_BODY

        def send(flood: str) -> Any:
            given = _events(flood) if name == "events" else flood
            self._sent(method, _filled(path), {**BODIES.get(route, {}), name: given})
            while len(_json({name: given})) > most - 2_000:
                flood = flood[: len(flood) * 9 // 10]
                given = _events(flood) if name == "events" else flood
            return self._sent(method, _filled(path), {**BODIES.get(route, {}), name: given}, most)

        return send

    def _in_path(self, method: str, path: str, name: str) -> Callable[[str], Any]:
        def send(flood: str) -> Any:
            said = quote(flood.encode("utf-8", "surrogatepass")[:PATH_MOST], safe="")[:PATH_MOST].rpartition("%")
            whole = "".join(said) if len(said[2]) >= 2 else said[0]
            return self.inside.request(method, _filled(path.replace(f"{{{name}}}", whole or "x")), content=b"{}")

        return send

    def _in_query(self, method: str, path: str, name: str) -> Callable[[str], Any]:
        def send(flood: str) -> Any:
            query = urlencode({name: flood.encode("utf-8", "surrogatepass")[:PATH_MOST]})
            client = self.inside if path.startswith("/api/") else gated.client(self.desk, sample="")
            return client.request(method, f"{_filled(path)}?{query}")

        return send

    def _in_form(self, path: str, name: str) -> Callable[[str], Any]:
        def send(flood: str) -> Any:
            client = gated.client(self.desk, sample="")
            raw = flood.encode("utf-8", "surrogatepass")
            filled = {one: b"x" for one in FORMS[f"POST {path}"] if one not in ("sample", "change")}
            client.post(path, data={**filled, name: raw})
            return client.post(path, content=urlencode({**filled, name: raw[:5_000]}), headers=_FORM)

        return send

    def _in_header(self, name: str) -> Callable[[str], Any]:
        def send(flood: str) -> Any:
            said = re.sub(rb"[^\x20-\x7e]", b"x", flood.encode("utf-8", "surrogatepass"))[:60_000].strip() or b"x"
            said = b"Bearer " + said if name == "authorization" else said
            client = gated.client(self.desk, sample="")
            return client.get("/sign-in", headers={name: said.decode()})

        return send

    def _raw(self, method: str, path: str) -> Callable[[str], Any]:
        def send(flood: str) -> Any:
            raw = flood.encode("utf-8", "surrogatepass")
            client = self.inside if path.startswith("/api/") else gated.client(self.desk, sample="")
            client.request(method, _filled(path), content=raw[:60_000])
            return client.request(method, _filled(path), content=raw)

        return send


_FORM = {"content-type": "application/x-www-form-urlencoded"}


def _holes(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _filled(path: str) -> str:
    place = path.removeprefix("/api/").removeprefix("v1/").split("/")[0]
    return re.sub(r"\{\w+\}", IDS.get(place, "x"), path)


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _events(flood: str) -> list[dict[str, Any]]:
    """One event a field of it, each with its part of the flood there."""
    texts = [name for name, kind in EVENT_KINDS.items() if kind is str]
    share = flood[: max(1, len(flood) // len(texts))]
    return [{"id": f"f{n}", "kind": "search", "q": "x", name: share} for n, name in enumerate(texts)]


def told(answer: Any) -> str:
    """What is wrong with an answer, '' for nothing: a result, a redirect, a page, or one sentence."""
    if "Traceback" in answer.text:
        return "a traceback"
    if answer.status_code >= 500 and answer.status_code != 503:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code >= 400 and answer.headers.get("content-type", "") == "application/json":
        message = answer.json().get("message", "")
        if not message or len(message) > 2_000:
            return f"{answer.status_code} and {len(message)} characters"
    return ""


def every(desk: Desk) -> Iterator[Field]:
    """Every field of every route, then the headers."""
    knocker = Knocker(desk)
    for route in ROUTES:
        yield from knocker.fields(route)
    yield from knocker.headers()
