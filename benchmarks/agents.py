"""Agents without browsers, by the hundred: each at a tab of their own, who search, open and record as the page does.

What they do is due by a plan that does not wait for the server: a step is timed from when it was due, whenever it could
be begun. Between two steps an agent thinks. Typing sends a search a few times on the way, each of which ends the one
before it; a search that is refused for there are too many is asked again, as the page would.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from websockets.exceptions import WebSocketException

from benchmarks.websocket import PageError, Tab, opened
from kb.content.articles import Article
from kb.errors import BusyError
from kb.i18n import explain

STEPS = "search", "open", "solve"  # what an agent waits for; the rest happens beside it
THINK = 3.0, 10.0  # seconds between two steps
KEYS, KEY = 3, 0.25  # searches on the way to a whole question, and seconds between them
REST = 1.5  # seconds after which a search is journalled
LOOK = 30.0  # seconds between two looks of the page at what is new
PATIENCE = 10.0  # seconds after which an agent goes on without an answer
OPENING = 4  # tabs opened at the same time
TROUBLE = httpx.HTTPError, WebSocketException, PageError, OSError


@dataclass(frozen=True)
class Timed:
    """How long one thing took. `due`: by the monotonic clock; `tried`: milliseconds of the try that was answered."""

    kind: str
    due: float
    ms: float
    tried: float


@dataclass
class Tally:
    """What came of a stretch of time."""

    begun: float = field(default_factory=time.monotonic)
    times: list[Timed] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def took(self, kind: str, due: float, tried: float | None = None) -> None:
        """Something that was due then is done; `tried`: when the try began that was answered."""
        now = time.monotonic()
        self.times.append(Timed(kind, due, 1000 * (now - due), 1000 * (now - (due if tried is None else tried))))


class Agent:
    """One person at one tab."""

    def __init__(self, number: int, cookie: str, http: httpx.AsyncClient, tab: Tab, crowd: Crowd) -> None:
        self._number, self._http, self._tab, self._crowd = number, http, tab, crowd
        self._headers = {"cookie": cookie}
        self._ui = ("zh", "en")[number % 2]
        self._draw, self._calls = random.Random(number), itertools.count()
        self._tally, self._haste = Tally(), 1.0

    async def work(self, until: float, tally: Tally, haste: float = 1.0) -> None:
        """Call after call, the first step at a moment of their own, until then. `haste` divides how long they think."""
        self._tally, self._haste = tally, haste
        due = time.monotonic() + self._draw.uniform(0, THINK[1]) / haste
        looking = asyncio.create_task(self._look())
        try:
            while True:
                call = f"load-{self._number}-{next(self._calls)}"  # random digits may look like a telephone number
                article, question = self._crowd.asked()
                for step in STEPS:
                    await _at(min(due, until))
                    if time.monotonic() >= until:
                        return self._leave_undone(due, until)
                    try:
                        await getattr(self, f"_{step}")(call, question, article, due)
                    except TROUBLE as error:
                        self._tally.errors.append(f"{step}: {type(error).__name__} {error}"[:300])
                    due += self._think() + (KEYS * KEY if step == "search" else 0)
        finally:
            looking.cancel()

    def _think(self) -> float:
        return self._draw.uniform(*THINK) / self._haste

    def _leave_undone(self, due: float, until: float) -> None:
        """The time is over: steps that were due before and could not be begun are counted."""
        while due < until:
            self._tally.done["undone"] += 1
            due += self._think()

    # the steps

    async def _search(self, call: str, question: str, _: Article, due: float) -> None:
        """Type it, with a search on the way for every few letters, and wait for the answer to all of it."""
        pending: asyncio.Task[bool] | None = None
        for n in range(KEYS + 1):
            await _at(due + n * KEY)
            self._give_up(pending)
            typed = question[: -(-len(question) * (n + 1) // (KEYS + 1))]
            kind = "search" if n == KEYS else "keystroke"
            pending = asyncio.create_task(self._ask(kind, typed, due + n * KEY))
        assert pending
        if await pending:
            await asyncio.sleep(min(REST, THINK[0] / self._haste / 2))
            await self._record("/api/calls", call=call)
            await self._tell(call, kind="search", q=question)

    def _give_up(self, pending: asyncio.Task[bool] | None) -> None:
        """The next key was pressed: the page ends what it still asks."""
        if pending is None:
            return
        if not pending.done():
            pending.cancel()
            self._tally.done["replaced"] += 1
        elif error := pending.exception():
            self._tally.errors.append(f"keystroke: {type(error).__name__} {error}"[:300])

    async def _open(self, call: str, question: str, article: Article, due: float) -> None:
        await self._tab.trigger("finder", "open", {"article": article.id, "q": question})
        self._tally.took("open", due)
        self._tally.errors += [f"page: {told[:200]}" for told in self._tab.troubles]
        await self._tell(call, kind="open", q=question, article=article.id, rank=1)

    async def _solve(self, call: str, question: str, article: Article, due: float) -> None:
        """Two of three calls are solved, one leaves a gap."""
        if self._draw.randrange(3):
            await self._tell(call, due, kind="solved", q=question, article=article.id, rank=1)
        else:
            ids = {"id": uuid4().hex, "gap": uuid4().hex}
            await self._record("/api/gaps", due, **ids, call=call, q=f"{question} (nobody knows)")
        await self._record(f"/api/calls/{call}/end")

    # the doors

    async def _ask(self, kind: str, question: str, due: float) -> bool:
        """Whether it was answered. A keystroke's is asked once; the whole question's as often as the page would."""
        while True:
            tried = max(due, time.monotonic())
            answer = await self._post("/api/search", q=question, ui=self._ui, box=str(self._number), limit=10)
            if answer.status_code == 200:
                self._tally.took(kind, due, tried)
                return True
            wait = self._refused(answer)
            self._tally.done["refused"] += 1
            if kind != "search":
                return False
            if time.monotonic() + wait > due + PATIENCE:
                self._tally.done["unanswered"] += 1
                return False
            await asyncio.sleep(wait)

    def _refused(self, answer: httpx.Response) -> float:
        """Seconds until the page asks again. Raises PageError for any other answer than the one sentence."""
        told, after = answer.json(), answer.headers.get("retry-after", "")
        if answer.status_code == 503 and after:
            error = BusyError("search_busy", seconds=int(after))
            if told == {"error": error.code, "message": explain(self._ui, error)}:
                return int(after) * self._draw.uniform(0.5, 1.5)
        raise PageError(f"/api/search: {answer.status_code} {answer.text[:200]}")

    async def _tell(self, call: str, due: float | None = None, **event: Any) -> None:
        await self._record(f"/api/calls/{call}/events", due, events=[{"id": uuid4().hex, **event}])

    async def _record(self, path: str, due: float | None = None, **body: Any) -> None:
        """Raises PageError where it is not taken: a record never waits for who searches."""
        begun = time.monotonic()
        answer = await self._post(path, **body)
        if answer.status_code != 200:
            raise PageError(f"{path}: {answer.status_code} {answer.text[:200]}")
        self._tally.done["spooled"] += "spooled" in answer.json()
        self._tally.took("record", begun)
        if due is not None:
            self._tally.took("solve", due)

    async def _look(self) -> None:
        await asyncio.sleep(self._draw.uniform(0, LOOK))
        while True:
            try:
                await self._post("/api/mine")
            except TROUBLE as error:
                self._tally.errors.append(f"look: {type(error).__name__} {error}"[:300])
            await asyncio.sleep(LOOK)

    async def _post(self, path: str, **body: Any) -> httpx.Response:
        sent = {"content": json.dumps(body), "headers": self._headers}
        try:
            return await self._http.post(path, **sent)
        except (
            httpx.ReadError,
            httpx.RemoteProtocolError,
        ):  # kept open, and closed as it was used: browsers send again
            self._tally.done["sent again"] += 1
            return await self._http.post(path, **sent)


async def _at(due: float) -> None:
    await asyncio.sleep(max(0.0, due - time.monotonic()))


class Crowd:
    """Everybody who sits there."""

    def __init__(self, url: str, cookies: Sequence[str], articles: Sequence[Article], questions: Iterator[str]) -> None:
        """questions: such as nobody asked before"""
        self._url, self._cookies, self._articles, self._questions = url, cookies, articles, questions
        self._agents: list[Agent] = []
        self._left = AsyncExitStack()
        self._draw = random.Random(7)

    @asynccontextmanager
    async def gathered(self) -> AsyncIterator[Crowd]:
        """Open for business; everybody leaves at the end."""
        async with self._left:
            yield self

    def asked(self) -> tuple[Article, str]:
        """What one call is about."""
        return self._draw.choice(self._articles), next(self._questions)

    async def grow(self, many: int) -> list[float]:
        """Let more come until so many sit there; milliseconds that each new tab took until its page was drawn."""
        wanted = range(len(self._agents), many)
        limit = asyncio.Semaphore(OPENING)
        took: list[float] = []

        async def come(number: int) -> Agent:
            async with limit:
                begun = time.monotonic()
                tab = await self._left.enter_async_context(opened(self._url, self._cookies[number]))
                took.append(1000 * (time.monotonic() - begun))
            http = await self._left.enter_async_context(browser(self._url))
            return Agent(number, self._cookies[number], http, tab, self)

        self._agents += await asyncio.gather(*map(come, wanted))
        return took

    async def work(self, who: slice, seconds: float, haste: float = 1.0) -> Tally:
        """Those work for so long; what came of it. All that was begun is waited for."""
        tally = Tally()
        await asyncio.gather(*(one.work(tally.begun + seconds, tally, haste) for one in self._agents[who]))
        return tally


TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and dear to make for each


def browser(url: str) -> httpx.AsyncClient:
    """A client that keeps its connections as one browser does."""
    # the server closes what was idle for 5 s; a browser would send again what crosses that
    limits = httpx.Limits(max_connections=6, keepalive_expiry=3)
    return httpx.AsyncClient(base_url=url, timeout=60, verify=TLS, limits=limits)
