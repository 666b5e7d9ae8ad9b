"""A floor's half-hour against the real server: does it end as it began?

    python benchmarks/soak.py [--minutes 30] [--json OUT]

`python -m kb serve` on the sample base in a home of its own, with accounts. Five searches a second, a real article
changed on disk each minute and its new words found, people who sign in, take a call with a gap, a promise and a
solution, look through their pages over Streamlit's websocket and leave, some without signing out. Every ten seconds
what the process holds is written down. Promised, after the warm-up:

    memory          rises by less than 5 %
    fds, threads, children   rise by fewer than 5
    search p95      of the last third is less than 10 % above the first third's
    errors          none: no answer, page or log line that says so
    lost            nothing acknowledged is missing from the database, no text saved stays unfound

Exit code 1 where one is broken.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import asyncio
import itertools
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import sqlalchemy as sa
from websockets.exceptions import WebSocketException

from benchmarks.bench import machine, result, table, write_json
from benchmarks.latency import new_questions
from benchmarks.server import Server, serving
from benchmarks.steady import Promise, Sample, drift, flat, growth, sample
from benchmarks.websocket import PageError, Tab, opened, signed_in
from kb import tables
from kb.calls import call as calls
from kb.calls.journal import Event
from kb.content.articles import Article, read_all
from kb.db import Database
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people.users import Role, User

MEMORY, COUNTED, DRIFT = 0.05, 5, 0.10  # what is promised: shares, and how many more
WARM_UP, MOST_WARM_UP = 0.5, 300.0  # share of the time that is not judged, and seconds of it at most
FOUND_WITHIN = 60.0  # seconds after a save, then it counts as lost
CURVE = 60  # rows of the published curve
TEAM, GAPS_BEFORE = frozenset({"payments"}), 100
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


# --- the day before ------------------------------------------------------------------------------


def yesterday(server: Server, spoken: Sequence[Article]) -> None:
    """A day's calls: each article solved its first question for two agents, and a hundred gaps were recorded.

    Else what calls teach would begin in the middle of the half-hour, and the floor that is judged be two.
    """
    at = datetime.now(UTC) - timedelta(days=1)
    agents = [User(name, name, Role.AGENT, TEAM) for name in ("agent.0", "agent.1")]
    database = Database(server.database)
    for (n, one), by in itertools.product(enumerate(spoken), agents):
        id = f"before-{n}-{by.id}"
        with database.write() as connection:
            calls.begin(connection, by, id, at)
            facts = {"query": one.questions[0], "agent": by.id, "call": id}
            happened = [
                Event(f"{id}-{kind}", at=at + timedelta(seconds=i), kind=kind, article=article, **facts)
                for i, (kind, article) in enumerate((("search", ""), ("open", one.id), ("solved", one.id)))
            ]
            calls.record(connection, by, id, happened, at)
            calls.end(connection, by, id, at + timedelta(minutes=1))
    for n in range(GAPS_BEFORE):
        asked = f"{spoken[n % len(spoken)].questions[0]} {n} (nobody knew)"
        with database.write() as connection:
            gap.record(
                connection, agents[0], Report(f"before-{n}", f"gap-{n}", "before-0-agent.0", "agent.0", at, asked)
            )
    database.close()


# --- the floor -----------------------------------------------------------------------------------


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


# --- the verdict ---------------------------------------------------------------------------------


def promises(seen: Seen, warm: float, memory: float = MEMORY) -> list[Promise]:
    """What was promised, and whether it was kept after the first `warm` seconds."""
    samples = [one for one in seen.samples if one.at >= warm]
    at = [one.at for one in samples]
    searched = [(when, ms) for when, ms in seen.searched if when >= warm]
    return [
        growth("memory", at, [one.rss_mb for one in samples], memory),
        flat("fds", at, [one.fds for one in samples], COUNTED),
        flat("threads", at, [one.threads for one in samples], COUNTED),
        flat("children", at, [one.children for one in samples], COUNTED),
        drift("search p95", [when for when, _ in searched], [ms for _, ms in searched], DRIFT),
        Promise("errors", len(seen.errors), 1, note=seen.errors[0] if seen.errors else ""),
        Promise("lost", len(seen.lost), 1, note=seen.lost[0] if seen.lost else ""),
    ]


def curve(seen: Seen, rows: int = CURVE) -> dict[str, Any]:
    """What the process held, thinned: a row a line, with the 95th percentile of the searches up to it."""
    step = max(1, -(-len(seen.samples) // rows))
    names = [*asdict(seen.samples[0]), "search_p95_ms"]
    lines, since = [], 0.0
    for one in seen.samples[step - 1 :: step]:
        ms = [took for when, took in seen.searched if since <= when < one.at]
        values = [*asdict(one).values(), round(float(np.percentile(ms, 95)), 1) if ms else ""]
        lines.append(" ".join(map(str, values)))
        since = one.at
    return {"columns": " ".join(names), "rows": lines}


def figures(seen: Seen) -> dict[str, float]:
    """What happened, counted."""
    ms = [took for _, took in seen.searched]
    p50, p95 = np.percentile(ms, [50, 95]) if ms else (0.0, 0.0)
    counted = {name.replace(" ", "_"): float(many) for name, many in sorted(seen.done.items())}
    return {
        "searches": len(ms),
        "search_p50_ms": round(float(p50), 1),
        "search_p95_ms": round(float(p95), 1),
        "published": len(seen.published),
        "save_max_s": max(seen.published, default=0.0),
        "acknowledged": sum(map(len, seen.acknowledged.values())),
        **counted,
    }


def soak(seconds: float, pace: Pace) -> Seen:
    """Serve and use it for so long."""
    with tempfile.TemporaryDirectory(prefix="firstcall-") as work, serving(Path(work), PEOPLE) as server:
        yesterday(server, spoken(read_all(server.articles)[0]))
        return asyncio.run(Floor(server, seconds, pace).open())


def main() -> int:
    """Run it; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--searches", type=float, default=5.0, help="a second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seconds = 60 * options.minutes
    warm = min(MOST_WARM_UP, WARM_UP * seconds)
    seen = soak(seconds, Pace(searched=1 / options.searches))
    found = promises(seen, warm)
    rows = [[one.name, one.value, one.bound, one.low, one.high, "kept" if one.kept else "BROKEN"] for one in found]
    print(table(["promise", "value", "below", "low", "high", ""], rows))
    print("\n".join(one.note for one in found if one.note))
    print(f"{figures(seen)}; {machine()}")
    if options.json:
        data = f"{options.minutes:g} minutes on the sample base"
        more = {"warm_up_s": warm, "promises": [one.tree() for one in found], "curve": curve(seen)}
        more |= {"errors": seen.errors[:10], "lost": seen.lost[:10]}
        write_json(options.json, result("soak", data, {"firstcall": figures(seen)}, [], **more))
    return int(not all(one.kept for one in found))


if __name__ == "__main__":
    sys.exit(main())
