"""The gate: every request and websocket passes here before Streamlit or a route of ours sees it.

It answers only at its own addresses and to its own pages, takes away headers that claim an identity,
turns the cookie into a person, sends strangers to the sign-in page, and closes what nobody needs.
A websocket outlives the request that opened it: when its session ends, the page is made to run once
more, from the top, and says so.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kb.doors.gate.bounds import MAX_MESSAGE, announced, bounded, most, size
from kb.doors.gate.policy import HEADERS, HSTS
from kb.doors.gate.refusal import FOR_PROGRAMS, turn_away
from kb.doors.gate.seats import Seats
from kb.doors.gate.trace import traced
from kb.doors.limits import PERSON, SIGN_IN, STRANGER, TOLD, Limits
from kb.doors.presence import Presence
from kb.errors import KBError, NotAllowedError, NotFoundError, RequestError, StoreError
from kb.people import sessions
from kb.people.sessions import Session
from kb.people.users import User
from kb.seen import metrics
from kb.seen.log import log, request

OPEN = ("/healthz", "/_stcore/health")  # tell nothing about anybody, asked by probes at any address
READY = "/readyz"  # open, too, but only at our own addresses: it tells what is broken
PUBLIC = (
    "/sign-in",
    "/sign-in/oidc",
    "/sign-in/oidc/back",
    "/sign-out",
    "/set-up",
    "/favicon.png",
    "/api/v1/openapi.json",
)
HASHING = ("/sign-in", "/set-up")  # a POST here costs a password hash
PUBLIC_FOLDER = "/static/"  # Streamlit's own scripts and styles
CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
ASKING_DOORS = "/api/v1/"  # each asks a program for its own scope
KEY_DOORS = {  # of the others, which are open with which scope; the rest is closed to programs
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
SUSPICIOUS = ("origin_refused", "host_refused", "too_fast", "request_too_large", "key_wrong", "key_scope")  # logged
BEARER = "bearer "
IDENTITY = b"x-kb-"  # headers only the gate writes
SESSION_HEADER = b"x-kb-session"  # to Streamlit: st.user["session"] (.streamlit/config.toml)
LOOK_EVERY = 1.0  # seconds between two looks at an open websocket's session


@dataclass(frozen=True)
class Visit:
    """What the gate found out about a request, for the routes behind it (`request.state.visit`)."""

    cookie: str  # the cookie's name
    secure: bool  # this address is reached by TLS only
    key: str  # of the session in the cookie, over or not; '' for none
    session: Session | None
    program: User | None = None  # who came with an API key


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
        most_sessions: int,
        limits: Limits | None = None,
    ) -> None:
        """addresses: the origins served, as browsers write them
        policy:    Content-Security-Policy of every answer that brings none
        farewell:  what a page is sent in place of its messages once its session is over: "run from the top"
        most_sessions: how many may have a page open at once
        limits:    shared with other app servers; its own where none are given
        """
        self._app = app
        self._presence = presence
        self._addresses = addresses
        self._policy = policy
        self._farewell = farewell
        self._touching: dict[str, asyncio.Task[None]] = {}
        self._noting: set[asyncio.Task[None]] = set()
        self._limits = limits or Limits()
        self._seats = Seats(most_sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, turn away or ask to sign in."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origins = self._origins(headers.get("host", ""))
        with request() as id:
            if scope["type"] == "http":
                send = self._with_headers(scope["path"], id, secure=_secure(origins), send=send)
            await self._answer(scope, headers, origins, receive, send)

    async def _answer(
        self, scope: Scope, headers: Headers, origins: frozenset[str], receive: Receive, send: Send
    ) -> None:
        try:
            scope = await self._admit(scope, headers, origins)
        except KBError as error:
            self._log(error, _address(scope))
            await turn_away(scope, receive, send, headers, error)
            return
        if scope["type"] == "http":
            sent = traced(scope, self._noting_refusals(scope, send))
            await self._app(scope, bounded(receive, most(scope["path"])), sent)
            return
        key = scope["state"]["visit"].key
        with self._seats.taken(key):
            async with self._watched(key, receive, send) as watched:
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
        if announced(headers) > most(path):
            raise RequestError("request_too_large", limit=most(path) // 1024)
        if path == READY and scope["type"] == "http":  # whoever asks: it must answer also where no session can be read
            visit = Visit("", False, "", None)
            self._limit(scope, visit)
            return _marked(scope, visit)
        if scope["type"] == "http" and headers.get("authorization", "").lower().startswith(BEARER):
            return _marked(scope, await self._program(scope, headers["authorization"][len(BEARER) :].strip()))
        visit = await self._visit(headers, origins)
        self._limit(scope, visit)
        if visit.session is None and not (path in PUBLIC or path.startswith(PUBLIC_FOLDER)):
            raise NotAllowedError("signed_out")
        if visit.session is not None and _is_page(scope):
            self._seats.check(visit.key)
        return _marked(scope, visit)

    async def _program(self, scope: Scope, shown: str) -> Visit:
        """A program with its key. Raises NotAllowedError for one that opens nothing, or not this door."""
        if wait := self._limits.wait(STRANGER, _address(scope)):
            raise RequestError("too_fast", seconds=math.ceil(wait))
        key = await to_thread.run_sync(self._presence().key, shown)
        if key is None:
            raise NotAllowedError("key_wrong")
        if wait := self._limits.wait(PERSON, key.user.id):
            raise RequestError("too_fast", seconds=math.ceil(wait))
        path = scope["path"]
        doors = [door for name in key.scopes for door in KEY_DOORS.get(name, ())]
        if not (path.startswith(ASKING_DOORS) or any(path == door or path.startswith(f"{door}/") for door in doors)):
            raise NotAllowedError("key_scope")
        return Visit("", False, "", None, key.user)

    def _limit(self, scope: Scope, visit: Visit) -> None:
        """Raises RequestError for whoever asks too often: a person anywhere, a stranger by address."""
        path, address = scope["path"], _address(scope)
        if path.startswith(PUBLIC_FOLDER):
            return
        if visit.session is not None:
            who = visit.key if visit.session.sample else visit.session.user.id  # a sample person is many people
            wait = self._limits.wait(PERSON, who)
        else:
            wait = self._limits.wait(STRANGER, address)
        if path in HASHING and scope.get("method") == "POST":
            wait = max(wait, self._limits.wait(SIGN_IN, address))
        if wait:
            raise RequestError("too_fast", seconds=math.ceil(wait))

    def _log(self, error: KBError, address: str) -> None:
        """What somebody may be trying, once a minute an address: no address, no path, nothing of what they sent."""
        metrics.refused(error.code)
        if error.code in SUSPICIOUS and not self._limits.wait(TOLD, f"{error.code} {address}"):
            log.warning("refused", code=error.code)

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
            log.warning("session_not_touched", error)
        finally:
            del self._touching[key]

    def _with_headers(self, path: str, id: str, *, secure: bool, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["X-Request-Id"] = id  # in every line the program's log has of it
                headers.setdefault("Content-Security-Policy", self._policy)
                if secure:
                    headers["Strict-Transport-Security"] = HSTS
                if not path.startswith(PUBLIC_FOLDER):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return sent

    def _noting_refusals(self, scope: Scope, send: Send) -> Send:
        """What a person or a program was refused goes to the audit log, beside the answer."""
        user = scope["state"]["user"]

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 403 and user is not None:
                noting = asyncio.create_task(self._note_refusal(user.id, scope["path"]))
                self._noting.add(noting)
                noting.add_done_callback(self._noting.discard)
            await send(message)

        return sent

    async def _note_refusal(self, user: str, path: str) -> None:
        try:
            await to_thread.run_sync(self._presence().note_refusal, user, path)
        except StoreError as error:
            log.warning("refusal_not_noted", error)

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
                if not over and await self._is_over(key):
                    over = True
                    self._seats.left(key)
                if waiting.done():
                    message, waiting = waiting.result(), None
                    if message["type"] != "websocket.receive":
                        return message
                    if size(message) > MAX_MESSAGE:
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


def _is_page(scope: Scope) -> bool:
    """Whether this opens a page: the document itself, or the websocket it lives by."""
    if scope["type"] == "websocket":
        return True
    path = scope["path"]
    return scope["method"] == "GET" and path not in PUBLIC and not path.startswith((*FOR_PROGRAMS, PUBLIC_FOLDER))


def _address(scope: Scope) -> str:
    """Of whoever asks; '' where it is not known."""
    return scope["client"][0] if scope.get("client") else ""


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
