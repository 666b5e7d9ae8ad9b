"""Two questions a watcher asks of the running program: does it live (`/healthz`), may people be sent to it (`/readyz`)?

Neither tells anything about anybody, so neither asks who wants to know. What is not ready is named by its part and by
the code of its error, never by a path or a message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from kb.doors.wire import HEADERS
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.people import users

FRESH = 1.0  # seconds that an answer of the database is believed: strangers may ask
PATIENCE = 1.0  # seconds that it has to answer
OK = "ok"


class Ready:
    """What of a desk is ready: part → `ok` or the code of what keeps it. One look at the database at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._look: asyncio.Task[str] | None = None
        self._at = -FRESH

    async def parts(self) -> Mapping[str, str]:
        """index: something serves; generation: its bytes were as published when they were last read; database."""
        desk = self._desk
        served = "index_missing" if desk.trouble is None else desk.trouble.code
        return {
            "index": OK if desk.served else served,
            "generation": OK if desk.served and desk.unverified is None else _code(desk.unverified, served),
            "database": await self._database(),
        }

    async def _database(self) -> str:
        now = time.monotonic()
        if self._look is None or (self._look.done() and now - self._at >= FRESH):
            self._look, self._at = asyncio.create_task(to_thread.run_sync(self._read)), now
        done, _ = await asyncio.wait({self._look}, timeout=PATIENCE)
        return self._look.result() if done else "store_unusable"

    def _read(self) -> str:
        try:
            with self._desk.database.read(PATIENCE) as connection:
                users.any_account(connection)
        except KBError as error:
            return error.code
        return OK


def _code(error: KBError | None, other: str) -> str:
    return other if error is None else error.code


def routes(desk: Desk) -> list[BaseRoute]:
    """Both, answered by this desk."""
    ready = Ready(desk)

    async def health(_: Request) -> JSONResponse:
        served = desk.served
        facts = {
            "ok": served is not None,
            "generation": served.opened.manifest.generation if served else None,
            "encoder": desk.encoder_state,
        }
        return JSONResponse(facts, 200 if served else 503, HEADERS)

    async def readiness(_: Request) -> JSONResponse:
        parts = await ready.parts()
        whole = set(parts.values()) == {OK}
        return JSONResponse({"ready": whole, "parts": parts}, 200 if whole else 503, HEADERS)

    return [Route("/healthz", health, methods=["GET"]), Route("/readyz", readiness, methods=["GET"])]
