"""A floor that works at the real server, for the soak: it searches, edits, takes calls, looks through pages and leaves.

A `Floor` is everybody there for so many seconds, and `Seen` what came of it, judged by benchmarks/soak.py.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy as sa
from websockets.exceptions import WebSocketException

from benchmarks.latency import new_questions
from benchmarks.server import Server
from benchmarks.steady import Sample, sample
from benchmarks.websocket import PageError, Tab, opened, signed_in
from kb import tables
from kb.content.articles import Article, read_all
from kb.db import Database
from kb.people.users import Role

FOUND_WITHIN = 60.0  # seconds after a save, then it counts as lost
PEOPLE = {Role.AGENT: 10, Role.SUPERVISOR: 2, Role.EDITOR: 2}
COMING = (Role.AGENT, Role.AGENT, Role.SUPERVISOR, Role.AGENT, Role.AGENT, Role.EDITOR)
PAGES: Mapping[Role, tuple[str, ...]] = {  # what each looks through; "" is the first page
    Role.AGENT: ("today", "bulletins", "practice", "calls", ""),
    Role.SUPERVISOR: ("gaps", "roundtable", "insights", "bulletins", "calls"),
    Role.EDITOR: ("studio", "learnt", "gaps", ""),
}
FAILED = re.compile(r'Traceback|"level": ?"(?:error|critical)"')  # in the server's log
WARNED = re.compile(r'"level": ?"warning"')


@dataclass(frozen=True)
class Pace:
    """How often something happens, seconds."""

    searched: float = 0.2
    sampled: float = 10.0
    published: float = 60.0
    came: float = 4.0  # a person
    looked: float = 2.0  # at a page


@dataclass
class Seen:
    """What came of it. Times count from the beginning, in seconds."""

    samples: list[Sample] = field(default_factory=list)
    searched: list[tuple[float, float]] = field(default_factory=list)  # at, milliseconds
    published: list[float] = field(default_factory=list)  # seconds from a save until it was found
    errors: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in KEPT})
    done: Counter[str] = field(default_factory=Counter)
    open: int = 0  # tabs


KEPT = {"event": tables.event, "report": tables.gap_report, "promise": tables.promise}


def spoken(base: Sequence[Article]) -> list[Article]:
    """The articles that everybody's callers ask for."""
    return [one for one in base if one.state == "validated" and not one.teams and one.questions]


class Floor:
    """Everybody there, for so many seconds."""

    def __init__(self, server: Server, seconds: float, pace: Pace) -> None:
        self._server, self._pace = server, pace
        self._begun = time.monotonic()
        self._end = self._begun + seconds
        self._tabs: set[asyncio.Task[None]] = set()
        self._base: list[Article] = read_all(server.articles)[0]
        self._spoken = spoken(self._base)
        self.seen = Seen()

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    async def open(self) -> Seen:
        """All of it, until the time is over and everybody has left."""
        async with self._browser() as self._http:
            await asyncio.gather(self._sampling(), self._searching(), self._publishing(), self._coming())
            await asyncio.gather(*self._tabs)
            await self._emptied()
        self._look_for_lost()
        log = self._server.log.read_text("utf-8", "replace").splitlines()
        self.seen.errors += [f"log: {line[:300]}" for line in log if FAILED.search(line)]
        self.seen.done["warnings"] = sum(1 for line in log if WARNED.search(line))
        return self.seen

    @asynccontextmanager
    async def _browser(self) -> AsyncIterator[httpx.AsyncClient]:
        limits = httpx.Limits(max_connections=20, keepalive_expiry=3)  # before the server closes what is idle
        async with httpx.AsyncClient(base_url=self._server.url, timeout=30, limits=limits) as http:
            yield http

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        """A step each so many seconds by the clock, whatever one takes, until the end."""
        due = time.monotonic()
        while due < self._end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                await step()
            except (httpx.HTTPError, WebSocketException, PageError, OSError) as error:
                self.seen.errors.append(f"{type(error).__name__}: {error}"[:300])
            due += seconds

    async def _said(self, cookie: str, path: str, **body: Any) -> dict[str, Any]:
        """The answer to a request; a search that is told to come again does. Raises PageError for any but 200."""
        end = time.monotonic() + FOUND_WITHIN
        while True:
            answer = await self._http.post(path, content=json.dumps(body), headers={"cookie": cookie})
            if "search_busy" not in answer.text or answer.status_code != 503 or time.monotonic() > end:
                break
            self.seen.done["refused"] += 1
            await asyncio.sleep(float(answer.headers["retry-after"]))
        if answer.status_code != 200:
            raise PageError(f"{path}: {answer.status_code} {answer.text[:200]}")
        return dict(answer.json())

    async def _signed_in(self, name: str) -> str:
        self.seen.done["signed in"] += 1
        return await signed_in(self._http, name, self._server.passwords[name])

    # what is measured

    async def _sampling(self) -> None:
        async def step() -> None:
            self.seen.samples.append(sample(self._server.process.pid, self.now))

        await self._every(self._pace.sampled, step)

    async def _searching(self) -> None:
        """Questions nobody asked before; who asks changes each minute. A search is timed from when it was due."""
        questions = new_questions(self._base, 1_000_000, 41)
        names = itertools.cycle(name for name in self._server.passwords if name.startswith("agent."))
        cookie, asked = "", itertools.count()

        async def search(question: str, due: float) -> None:
            try:
                told = await self._said(cookie, "/api/search", q=question)
            except (httpx.HTTPError, PageError) as error:
                self.seen.errors.append(f"search: {type(error).__name__} {error}"[:300])
                return
            self.seen.searched.append((due - self._begun, 1000 * (time.monotonic() - due)))
            if told["encoder"] != "ready":
                self.seen.errors.append(f"search: the encoder is {told['encoder']}")

        async def step() -> None:
            nonlocal cookie
            if next(asked) % round(60 / self._pace.searched) == 0:
                cookie = await self._signed_in(next(names))
            task = asyncio.create_task(search(next(questions), time.monotonic()))
            self._tabs.add(task)
            task.add_done_callback(self._tabs.discard)

        await self._every(self._pace.searched, step)

    async def _publishing(self) -> None:
        """One article after another gets a word of its own and, when the next one's turn comes, its old text back."""
        cookie, number = await self._signed_in("editor.0"), itertools.count()
        before: tuple[Path, str] | None = None

        async def step() -> None:
            nonlocal before
            n = next(number)
            article, word = self._spoken[n % len(self._spoken)], f"zyxsoak{n}q"
            path = self._server.articles / article.path
            text = path.read_text("utf-8")
            if before:
                before[0].write_text(before[1], "utf-8")
            before = path, text
            path.write_text(f"{text.rstrip()}\n\n{word}\n", "utf-8")
            saved = time.monotonic()
            while time.monotonic() - saved < FOUND_WITHIN:
                told = await self._said(cookie, "/api/search", q=word, lang=article.lang.split("-")[0], why=True)
                if any(hit["article"] == article.id and "lexical" in hit["why"] for hit in told["hits"]):
                    self.seen.published.append(round(time.monotonic() - saved, 2))
                    return
                await asyncio.sleep(0.25)
            self.seen.lost.append(f"{article.id} was saved and not found within {FOUND_WITHIN} s")

        await self._every(self._pace.published, step)

    # who comes and goes

    async def _coming(self) -> None:
        roles, number = itertools.cycle(COMING), itertools.count()

        async def step() -> None:
            role, n = next(roles), next(number)
            name = f"{role.value}.{n % PEOPLE[role]}"
            task = asyncio.create_task(self._visit(role, name, n))
            self._tabs.add(task)
            task.add_done_callback(self._tabs.discard)

        await self._every(self._pace.came, step)

    async def _visit(self, role: Role, name: str, n: int) -> None:
        """Sign in, work, look around, leave: every second one by closing the tab."""
        try:
            cookie = await self._signed_in(name)
            async with opened(self._server.url, cookie) as tab:
                self.seen.open += 1
                try:
                    if role is Role.AGENT:
                        await self._call(cookie, tab, n)
                    for page in PAGES[role]:
                        await asyncio.sleep(self._pace.looked)
                        await tab.visit(page)
                        self.seen.done["pages"] += 1
                        self.seen.errors += [f"page {page}: {told[:200]}" for told in tab.troubles]
                finally:
                    self.seen.open -= 1
            if n % 2:
                await self._http.post("/sign-out", headers={"cookie": cookie})
        except (httpx.HTTPError, WebSocketException, PageError, OSError) as error:
            self.seen.errors.append(f"visit of {name}: {type(error).__name__} {error}"[:300])

    async def _call(self, cookie: str, tab: Tab, n: int) -> None:
        """A call: a search, an article opened, then a solution, or a gap and a promise; its summary."""
        article, call = self._spoken[n % len(self._spoken)], f"soak-{n}"
        question = article.questions[0]
        await self._said(cookie, "/api/calls", call=call)
        await self._tell(cookie, call, kind="search", q=question)
        await tab.trigger("finder", "open", {"article": article.id, "q": question})
        await self._tell(cookie, call, kind="open", q=question, article=article.id, rank=1)
        await asyncio.sleep(self._pace.looked)
        if n % 3:
            await self._tell(cookie, call, kind="solved", q=question, article=article.id, rank=1)
        else:
            gap, report, promise = (uuid4().hex for _ in range(3))
            asked = f"{question} {n} (nobody knows)"
            await self._said(cookie, "/api/gaps", id=report, gap=gap, call=call, q=asked)
            self.seen.acknowledged["report"].append(report)
            due = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
            await self._said(cookie, "/api/promises", id=promise, call=call, what="We call back.", due=due, gap=gap)
            self.seen.acknowledged["promise"].append(promise)
        await self._said(cookie, f"/api/calls/{call}/summary")
        await self._said(cookie, f"/api/calls/{call}/end")
        self.seen.done["calls"] += 1

    async def _tell(self, cookie: str, call: str, **event: Any) -> None:
        id = uuid4().hex
        await self._said(cookie, f"/api/calls/{call}/events", events=[{"id": id, **event}])
        self.seen.acknowledged["event"].append(id)

    # what is left

    async def _emptied(self) -> None:
        """The spool has been taken in."""
        cookie = await self._signed_in("agent.0")
        for _ in range(100):
            if not (await self._said(cookie, "/api/mine"))["spooled"]:
                return
            await asyncio.sleep(0.2)
        self.seen.lost.append("records still wait in the spool")

    def _look_for_lost(self) -> None:
        database = Database(self._server.database)
        with database.read() as connection:
            for name, wanted in self.seen.acknowledged.items():
                there = set(connection.scalars(sa.select(KEPT[name].c.id)))
                self.seen.lost += [f"{name} {id}" for id in wanted if id not in there]
        database.close()
