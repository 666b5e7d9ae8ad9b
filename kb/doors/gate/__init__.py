"""The gate: every request and websocket passes here before Streamlit or a route of ours sees it.

It answers only at its own addresses and to its own pages, takes away headers that claim an identity,
turns the cookie into a person, sends strangers to the sign-in page, and closes what nobody needs.
A websocket outlives the request that opened it: when its session ends, the page is made to run once
more, from the top, and says so.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kb.doors.limits import PERSON, SIGN_IN, STRANGER, Limits
from kb.doors.presence import Presence
from kb.errors import KBError, NotAllowedError, NotFoundError, RequestError, StoreError
from kb.i18n import browser_language, explain
from kb.people import sessions
from kb.people.sessions import Session
from kb.people.users import User

log = logging.getLogger("firstcall")

OPEN = ("/healthz", "/_stcore/health")  # tell nothing about anybody, asked by probes at any address
PUBLIC = ("/sign-in", "/sign-in/oidc", "/sign-in/oidc/back", "/sign-out", "/favicon.png")
PUBLIC_FOLDER = "/static/"  # Streamlit's own scripts and styles
CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
FOR_PROGRAMS = (
    "/api/",
    "/_stcore/",
    "/media/",
    "/articles-media/",
    "/component/",
)  # answered with JSON, not with a page
KEY_DOORS = {  # what a program may do with which scope of its key; every other door is closed to it
    "search": ("/api/search",),
    "calls": (
        "/api/calls",
        "/api/mine",
        "/api/undo",
        "/api/gaps",
        "/api/promises",
        "/api/flags",
        "/api/bulletins",
    ),
}
BEARER = "bearer "
IDENTITY = b"x-kb-"  # headers only the gate writes
SESSION_HEADER = b"x-kb-session"  # to Streamlit: st.user["session"] (.streamlit/config.toml)
LOOK_EVERY = 1.0  # seconds between two looks at an open websocket's session
UPLOADS = "/_stcore/upload_file"
MAX_UPLOAD = 21 * 2**20  # bytes: Streamlit's own limit of 20 MB (.streamlit/config.toml) and the form around it
MEDIA, MAX_MEDIA = "/api/media", 8 * 2**20  # a picture of an article (kb.studio.media)
MAX_REQUEST = 2**20  # bytes of any other body; a route of ours may allow less
MAX_MESSAGE = 4 * 2**20  # bytes a page may say at once: the longest article four times over

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would have browsers hide the Origin of our own forms
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000; includeSubDomains"


@dataclass(frozen=True)
class Visit:
    """What the gate found out about a request, for the routes behind it (`request.state.visit`)."""

    cookie: str  # the cookie's name
    secure: bool  # this address is reached by TLS only
    key: str  # of the session in the cookie, over or not; '' for none
    session: Session | None
    program: User | None = None  # who came with an API key


def content_policy(page: str) -> str:
    """The tightest policy under which Streamlit works. `page` is its index.html: the scripts in it are allowed."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'self'; script-src 'self' blob: {allowed}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'"
    )


class Gate:
    """ASGI middleware for HTTP and websockets."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        presence: Callable[[], Presence],
        addresses: frozenset[str],
        policy: str,
        farewell: bytes,
    ) -> None:
        """addresses: the origins served, as browsers write them
        policy:    Content-Security-Policy of every answer that brings none
        farewell:  what a page is sent in place of its messages once its session is over: "run from the top"
        """
        self._app = app
        self._presence = presence
        self._addresses = addresses
        self._policy = policy
        self._farewell = farewell
        self._touching: dict[str, asyncio.Task[None]] = {}
        self._noting: set[asyncio.Task[None]] = set()
        self._limits = Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, turn away or ask to sign in."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origins = self._origins(headers.get("host", ""))
        if scope["type"] == "http":
            send = self._with_headers(scope["path"], secure=_secure(origins), send=send)
        try:
            scope = await self._admit(scope, headers, origins)
        except KBError as error:
            await _turn_away(scope, receive, send, headers, error)
            return
        if scope["type"] == "http":
            await self._app(scope, _bounded(receive, _most(scope["path"])), self._noting_refusals(scope, send))
            return
        async with self._watched(scope["state"]["visit"].key, receive, send) as watched:
            await self._app(scope, watched, send)

    async def _admit(self, scope: Scope, headers: Headers, origins: frozenset[str]) -> Scope:
        """The request with its person in it. Raises KBError for one that goes no further."""
        path: str = scope["path"]
        if path.startswith(CLOSED):
            raise NotFoundError("page_missing")
        if path in OPEN and scope["type"] == "http":
            return _marked(scope, Visit("", False, "", None))
        if not origins:
            raise RequestError("host_refused", host=headers.get("host", "")[:100])
        origin = headers.get("origin")
        if origin not in origins and (origin is not None or scope["type"] == "websocket"):
            raise NotAllowedError("origin_refused")
        if _announced(headers) > _most(path):
            raise RequestError("request_too_large", limit=_most(path) // 1024)
        if scope["type"] == "http" and headers.get("authorization", "").lower().startswith(BEARER):
            return _marked(scope, await self._program(scope, headers["authorization"][len(BEARER) :].strip()))
        visit = await self._visit(headers, origins)
        self._limit(scope, visit)
        if visit.session is None and not (path in PUBLIC or path.startswith(PUBLIC_FOLDER)):
            raise NotAllowedError("signed_out")
        return _marked(scope, visit)

    async def _program(self, scope: Scope, shown: str) -> Visit:
        """A program with its key. Raises NotAllowedError for one that opens nothing, or not this door."""
        address = scope["client"][0] if scope.get("client") else ""
        if wait := self._limits.wait(STRANGER, address):
            raise RequestError("too_fast", seconds=math.ceil(wait))
        key = await to_thread.run_sync(self._presence().key, shown)
        if key is None:
            raise NotAllowedError("key_wrong")
        if wait := self._limits.wait(PERSON, key.user.id):
            raise RequestError("too_fast", seconds=math.ceil(wait))
        path = scope["path"]
        doors = [door for name in key.scopes for door in KEY_DOORS.get(name, ())]
        if not any(path == door or path.startswith(f"{door}/") for door in doors):
            raise NotAllowedError("key_scope")
        return Visit("", False, "", None, key.user)

    def _limit(self, scope: Scope, visit: Visit) -> None:
        """Raises RequestError for whoever asks too often: a person anywhere, a stranger by address."""
        path, address = scope["path"], scope["client"][0] if scope.get("client") else ""
        if path.startswith(PUBLIC_FOLDER):
            return
        if visit.session is not None:
            who = visit.key if visit.session.sample else visit.session.user.id  # a sample person is many people
            wait = self._limits.wait(PERSON, who)
        else:
            wait = self._limits.wait(STRANGER, address)
        if path == "/sign-in" and scope.get("method") == "POST":
            wait = max(wait, self._limits.wait(SIGN_IN, address))
        if wait:
            raise RequestError("too_fast", seconds=math.ceil(wait))

    def _origins(self, host: str) -> frozenset[str]:
        """The origins a page of this Host can have; none where we are not served there."""
        return self._addresses & {f"http://{host.lower()}", f"https://{host.lower()}"}

    async def _visit(self, headers: Headers, origins: frozenset[str]) -> Visit:
        secure = _secure(origins)
        name = _cookie_name(next(iter(origins)), secure=secure)
        token = cookie_parser(headers.get("cookie", "")).get(name, "")
        key = sessions.key_of(token) if token else ""
        session = await self._session(key)
        if session is not None:
            self._touch(session)
        return Visit(name, secure, key, session)

    async def _session(self, key: str) -> Session | None:
        presence = self._presence()
        return presence.remembered(key) or (await to_thread.run_sync(presence.session, key) if key else None)

    def _touch(self, session: Session) -> None:
        """Write down that they are there, beside the answer and not before it."""
        presence, key = self._presence(), session.key
        if key not in self._touching and presence.is_unseen(session):
            self._touching[key] = asyncio.create_task(self._write_down(presence, key))

    async def _write_down(self, presence: Presence, key: str) -> None:
        try:
            await to_thread.run_sync(presence.touch, key)
        except StoreError as error:
            log.warning("a session could not be touched: %s", error)
        finally:
            del self._touching[key]

    def _with_headers(self, path: str, *, secure: bool, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Content-Security-Policy", self._policy)
                if secure:
                    headers["Strict-Transport-Security"] = HSTS
                if not path.startswith(PUBLIC_FOLDER):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return sent

    def _noting_refusals(self, scope: Scope, send: Send) -> Send:
        """What a person was refused goes to the audit log, beside the answer."""
        session = scope["state"]["visit"].session

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 403 and session is not None:
                noting = asyncio.create_task(self._note_refusal(session.user.id, scope["path"]))
                self._noting.add(noting)
                noting.add_done_callback(self._noting.discard)
            await send(message)

        return sent

    async def _note_refusal(self, user: str, path: str) -> None:
        try:
            await to_thread.run_sync(self._presence().note_refusal, user, path)
        except StoreError as error:
            log.warning("a refusal could not be written down: %s", error)

    @asynccontextmanager
    async def _watched(self, key: str, receive: Receive, send: Send) -> AsyncIterator[Receive]:
        """The messages of a websocket; once its session is over, only the farewell, and that without being asked."""
        waiting: asyncio.Future[Message] | None = None
        over = told = False

        async def watched() -> Message:
            nonlocal waiting, over, told
            while True:
                waiting = waiting or asyncio.ensure_future(receive())
                await asyncio.wait({waiting}, timeout=None if told else LOOK_EVERY)
                over = over or await self._is_over(key)
                if waiting.done():
                    message, waiting = waiting.result(), None
                    if message["type"] != "websocket.receive":
                        return message
                    if _size(message) > MAX_MESSAGE:
                        await send({"type": "websocket.close", "code": 1009})
                        return {"type": "websocket.disconnect", "code": 1009}
                    if not over:
                        session = self._presence().remembered(key)
                        if session is not None:
                            self._touch(session)
                        return message
                elif not over:
                    continue
                told = True
                return {"type": "websocket.receive", "bytes": self._farewell}

        try:
            yield watched
        finally:
            if waiting is not None:
                waiting.cancel()

    async def _is_over(self, key: str) -> bool:
        try:
            return await self._session(key) is None
        except StoreError:
            return False  # nobody can be signed out of a database that does not answer; a caller is on the line


def _marked(scope: Scope, visit: Visit) -> Scope:
    """The request as those behind the gate see it: no header about identity but our own."""
    headers = [(name, value) for name, value in scope["headers"] if not name.lower().startswith(IDENTITY)]
    if visit.session is not None:
        headers.append((SESSION_HEADER, visit.key.encode()))
    user = visit.session.user if visit.session else visit.program
    return {**scope, "headers": headers, "state": {**scope.get("state", {}), "visit": visit, "user": user}}


def _secure(origins: frozenset[str]) -> bool:
    return bool(origins) and all(origin.startswith("https:") for origin in origins)


def _cookie_name(origin: str, *, secure: bool) -> str:
    """One a port, for cookies know no ports and a second app on this machine must not sign the first one out."""
    port = origin.rpartition(":")[2]
    return "__Host-firstcall" if secure else f"firstcall-{port if port.isdigit() else '80'}"


def _most(path: str) -> int:
    if path.startswith(UPLOADS):
        return MAX_UPLOAD
    return MAX_MEDIA if path == MEDIA else MAX_REQUEST


def _announced(headers: Headers) -> int:
    """The length a body is said to have; none said, 0."""
    said = headers.get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 19 else 0


def _size(message: Message) -> int:
    return len(message.get("bytes") or b"") + len(message.get("text") or "")


def _bounded(receive: Receive, most: int) -> Receive:
    """A body of at most so many bytes, whatever was announced: beyond it the asker is gone."""
    taken = 0

    async def received() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
        return message if taken <= most else {"type": "http.disconnect"}

    return received


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


async def _turn_away(scope: Scope, receive: Receive, send: Send, headers: Headers, error: KBError) -> None:
    """One sentence in the asker's language, or the way to the sign-in page. A websocket is closed unopened."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    language = browser_language(headers.get("accept-language", ""))
    sentence, status = explain(language, error), STATUS.get(error.code, 503)
    more = {"Retry-After": str(error.facts["seconds"])} if error.code == "too_fast" else None
    reads = scope["method"] in ("GET", "HEAD")
    answer: Response
    if scope["path"].startswith(FOR_PROGRAMS) or not reads:
        answer = JSONResponse({"error": error.code, "message": sentence}, status, more)
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
