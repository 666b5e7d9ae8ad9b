"""How many agents one process carries, and what happens when more come.

    python benchmarks/load.py [--sessions 1,10,50,100,200,400] [--seconds 60] [--storm] [--publishing]
                              [--steady MINUTES] [--json OUT]

`python -m kb serve` on the sample base in a home of its own, with accounts, on the cores that this program shares. Each
session is a tab at Streamlit's websocket and the JSON API (`benchmarks.agents`): an agent who types a question, opens
an article and records how the call ended, with 3 to 10 s of thought before each of the three. Then

    past the knee   most of them work `HASTE` times as fast, then stop: are the others answered again, and when?
    --storm         200 sign in within a minute, each up to the drawn page, while 50 work
    --publishing    the same load with and without an article saved every few seconds, in turns
    --steady        5 searches a second for so many minutes; without it the committed soak says what they took

A step is timed from when it was due. Exit code 1 where a goal is missed.
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
import random
import signal
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psutil

from benchmarks.agents import STEPS, TROUBLE, Crowd, Tally, browser
from benchmarks.bench import RESULTS, Tree, machine, result, table, write_json
from benchmarks.latency import new_questions
from benchmarks.server import Server, serving
from benchmarks.steady import Promise
from benchmarks.websocket import opened, signed_in
from kb.content.articles import read_all
from kb.db import Database
from kb.people import sessions
from kb.people.users import Role

SESSIONS = "1,10,50,100,200,400"
WANTED, P95 = 200, 150.0  # sessions that have to be answered within so many milliseconds
STEADY_RATE, STEADY_P95 = 5.0, 100.0  # searches a second, milliseconds
STORM, STORM_SECONDS, STORM_P95 = 200, 60.0, 3000.0
PUBLISH_EVERY, PUBLISH_SHARE = 5.0, 0.20
HASTE = 2.0  # past the knee
BESIDE = 50  # who work beside a storm, and who come when the load has fallen
RECOVERY = 30.0  # seconds within which the server is its old self, once fewer ask
COLLAPSE = 0.8  # of the best throughput that has to be left past the knee
WINDOW = 5.0  # seconds
NEVER = 1e6  # seconds or milliseconds: JSON knows no infinity
ROUNDS = 2  # of quiet and publishing, in turns


# --- what came of it -----------------------------------------------------------------------------


def percentiles(ms: Sequence[float], name: str = "") -> dict[str, float]:
    """p50, p95 and p99 of some milliseconds; nothing for none."""
    if not ms:
        return {}
    found = np.percentile(ms, (50, 95, 99)).tolist()
    return {f"{name}p{n}_ms": round(one, 1) for n, one in zip((50, 95, 99), found, strict=True)}


def waited(tally: Tally, kinds: Iterable[str] = STEPS) -> list[float]:
    """Milliseconds of the steps agents waited for, or of other kinds."""
    return [one.ms for one in tally.times if one.kind in kinds]


def figures(tally: Tally, seconds: float) -> dict[str, float]:
    """What a stretch of time was like for those who worked, and how much came of it."""
    found = percentiles(waited(tally))
    for kind in (*STEPS, "keystroke", "record"):
        found |= percentiles(waited(tally, (kind,)), f"{kind}_")
    let_in = [one.tried for one in tally.times if one.kind in ("search", "keystroke")]
    found |= percentiles(let_in, "let_in_")
    counted = {name: float(tally.done[name]) for name in ("refused", "unanswered", "undone", "replaced", "spooled")}
    return {
        "answered_per_s": round(len(tally.times) / seconds, 2),
        **found,
        **counted,
        "errors": float(len(tally.errors)),
    }


def recovered(tally: Tally, bound: float = P95, window: float = WINDOW) -> float:
    """Seconds from its beginning until a window begins whose 95th percentile is within the bound; `NEVER` for never."""
    due = np.array([one.due - tally.begun for one in tally.times if one.kind in STEPS])
    ms = np.array(waited(tally))
    for start in np.arange(0.0, due.max(initial=0.0) - window + 0.5, 0.5):
        inside = ms[(due >= start) & (due < start + window)]
        if len(inside) and np.percentile(inside, 95) <= bound:
            return float(start)
    return NEVER


def knee(steps: Sequence[Mapping[str, float]], bound: float = P95) -> int:
    """The most sessions up to which every step was answered in time, and nobody refused; 0 = not even the fewest."""
    held = itertools.takewhile(lambda one: one["p95_ms"] <= bound and not one["errors"] + one["unanswered"], steps)
    return max((int(one["sessions"]) for one in held), default=0)


@dataclass
class Meter:
    """What the server and this program use of the processor and of memory."""

    server: psutil.Process
    own: psutil.Process
    empty: float = 0.0  # MB, before anybody came

    @staticmethod
    def of(server: Server) -> Meter:
        one = Meter(psutil.Process(server.process.pid), psutil.Process())
        one.empty = one.memory()
        return one

    def memory(self) -> float:
        """MB (2**20) that the server holds."""
        return float(self.server.memory_info().rss) / 2**20

    def cpu(self) -> tuple[float, float]:
        """Seconds of the processor: the server's, this program's."""
        server, own = self.server.cpu_times(), self.own.cpu_times()
        return server.user + server.system, own.user + own.system

    def used(self, since: tuple[float, float], seconds: float, sessions: int) -> dict[str, float]:
        """Since that reading of `cpu`."""
        server, own = (now - then for now, then in zip(self.cpu(), since, strict=True))
        memory = self.memory()
        return {
            "server_cores": round(server / seconds, 3),
            "generator_cores": round(own / seconds, 3),
            "cpu_ms_per_session_s": round(1000 * server / seconds / sessions, 2),
            "server_mb": round(memory, 1),
            "mb_per_session": round((memory - self.empty) / sessions, 2),
        }


# --- the parts -----------------------------------------------------------------------------------


@dataclass
class Load:
    """One server under one crowd."""

    server: Server
    crowd: Crowd
    meter: Meter
    seconds: float

    async def step(self, sessions: int) -> dict[str, float]:
        """So many sessions, as they are."""
        opening = await self.crowd.grow(sessions)
        before, begun = self.meter.cpu(), time.monotonic()
        tally = await self.crowd.work(slice(sessions), self.seconds)
        used = self.meter.used(before, time.monotonic() - begun, sessions)
        _show(f"{sessions} sessions", tally)
        more = percentiles(opening, "opened_")
        return {"sessions": float(sessions), **figures(tally, self.seconds), **used, **more}

    async def past(self, sessions: int, best: float) -> tuple[dict[str, float], list[Promise]]:
        """More than can be answered, then few: what the many had, and how soon the few are served again."""
        few = min(BESIDE, sessions // 2)
        before = self.meter.cpu()

        async def fall() -> Tally:
            await asyncio.sleep(self.seconds)
            return await self.crowd.work(slice(sessions - few, sessions), RECOVERY + WINDOW)

        many, after = await asyncio.gather(self.crowd.work(slice(sessions - few), self.seconds, HASTE), fall())
        _show("past the knee", many)
        _show("after it", after)
        used = self.meter.used(before, self.seconds + RECOVERY + WINDOW, sessions)
        had = {"sessions": float(sessions - few), "haste": HASTE, **figures(many, self.seconds), **used}
        seconds = recovered(after)
        had |= {"recovered_s": seconds, **percentiles(waited(after), "after_")}
        lost = len(many.errors) + len(after.errors)
        return had, [
            Promise("recovery, s", seconds, RECOVERY + 0.001),
            Promise("share of the best throughput lost", round(1 - had["answered_per_s"] / best, 3), 1 - COLLAPSE),
            Promise("errors past the knee", lost, 1, note=[*many.errors, *after.errors, ""][0]),
        ]

    async def storm(self) -> tuple[dict[str, float], list[Promise]]:
        """A shift begins: people sign in, each up to the drawn page, while others work."""
        draw, tally = random.Random(3), Tally()
        names = [name for name in self.server.passwords if name.startswith("agent.")][:STORM]

        async def come(name: str, due: float) -> None:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                async with browser(self.server.url) as http:
                    cookie = await signed_in(http, name, self.server.passwords[name])
                    tally.took("sign-in", due)
                    async with opened(self.server.url, cookie):
                        tally.took("page", due)
            except TROUBLE as error:
                tally.errors.append(f"{name}: {type(error).__name__} {error}"[:300])

        await self.crowd.grow(BESIDE)
        coming = (come(name, tally.begun + draw.uniform(0, STORM_SECONDS)) for name in names)
        beside, *_ = await asyncio.gather(self.crowd.work(slice(BESIDE), STORM_SECONDS), *coming)
        _show("storm", tally)
        pages = percentiles(waited(tally, ("page",)))
        had = {"people": float(len(names)), **pages, **percentiles(waited(tally, ("sign-in",)), "sign_in_")}
        had |= {**percentiles(waited(beside), "beside_"), "errors": float(len(tally.errors + beside.errors))}
        name = f"{len(names)} sign-ins in {STORM_SECONDS:g} s: p95 ms to the drawn page"
        return had, [
            Promise(name, had.get("p95_ms", NEVER), STORM_P95 + 0.1),
            Promise("errors in the storm", had["errors"], 1, note=[*tally.errors, *beside.errors, ""][0]),
        ]

    async def publishing(self, sessions: int) -> tuple[dict[str, float], list[Promise]]:
        """The same load with and without articles being saved, in turns."""
        await self.crowd.grow(sessions)
        quiet: list[float] = []
        busy: list[float] = []
        saved = 0
        for _ in range(ROUNDS):
            quiet += waited(await self.crowd.work(slice(sessions), self.seconds))
            saving = asyncio.create_task(self._save())
            busy += waited(await self.crowd.work(slice(sessions), self.seconds))
            saving.cancel()
            with suppress(asyncio.CancelledError):
                await saving
            saved += int(self.seconds / PUBLISH_EVERY)
        had = {"sessions": float(sessions), "saved": float(saved)}
        had |= {**percentiles(quiet, "quiet_"), **percentiles(busy, "busy_")}
        more, low, high = change(quiet, busy)
        return had, [Promise("publishing changes p95 by", more, PUBLISH_SHARE + 0.0001, low, high)]

    async def _save(self) -> None:
        """One article after another gets a word of its own."""
        articles = read_all(self.server.articles)[0]
        for n in itertools.count():
            file = self.server.articles / articles[n % len(articles)].path
            file.write_text(f"{file.read_text('utf-8').rstrip()}\n\nzyxload{n}q\n", "utf-8")
            await asyncio.sleep(PUBLISH_EVERY)

    async def steady(self, minutes: float) -> tuple[dict[str, float], list[Promise]]:
        """Searches by the clock, whatever one takes."""
        tally, tasks = Tally(), set()
        async with browser(self.server.url) as http:
            cookie = begun(self.server, ["agent.0"])[0]

            async def search(question: str, due: float) -> None:
                try:
                    answer = await http.post("/api/search", json={"q": question}, headers={"cookie": cookie})
                    answer.raise_for_status()
                    tally.took("search", due)
                except TROUBLE as error:
                    tally.errors.append(f"search: {type(error).__name__} {error}"[:300])

            for n in range(int(60 * minutes * STEADY_RATE)):
                due = tally.begun + n / STEADY_RATE
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                task = asyncio.create_task(search(self.crowd.asked()[1], due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)
        had = {"minutes": minutes, "searches": float(len(tally.times)), **percentiles(waited(tally))}
        name = f"{STEADY_RATE:g} searches a second for {minutes:g} minutes: p95 ms"
        return had, [
            Promise(name, had.get("p95_ms", NEVER), STEADY_P95 + 0.1),
            Promise("errors of these", len(tally.errors), 1, note=[*tally.errors, ""][0]),
        ]


def change(before: Sequence[float], after: Sequence[float], seed: int = 7) -> tuple[float, float, float]:
    """By which share the 95th percentile changes, and the ends of its 95 % interval (bootstrap over single steps)."""
    draw = np.random.default_rng(seed)
    x, y = np.asarray(before), np.asarray(after)

    def p95(values: np.ndarray) -> float:
        return float(np.percentile(draw.choice(values, len(values)), 95))

    made = [p95(y) / p95(x) - 1 for _ in range(1_000)]
    low, high = (round(float(one), 3) for one in np.percentile(made, (2.5, 97.5)))
    return round(float(np.percentile(y, 95) / np.percentile(x, 95)) - 1, 3), low, high


def _show(what: str, tally: Tally) -> None:
    told = f"{len(tally.times)} {percentiles(waited(tally))} {dict(tally.done)} {len(tally.errors)} errors"
    print(f"{what}: {told} {tally.errors[:2]}", file=sys.stderr, flush=True)


# --- all of it -----------------------------------------------------------------------------------


def begun(server: Server, names: Iterable[str]) -> list[str]:
    """A session of each, begun in the database; their cookies as a request's header has them."""
    database, port = Database(server.database), server.url.rpartition(":")[2]
    with database.write() as connection:
        tokens = [sessions.sign_in(connection, name, datetime.now(UTC)) for name in names]
    database.close()
    return [f"firstcall-{port}={token}" for token in tokens]


def from_soak(soak: Mapping[str, Any]) -> Promise:
    """The half-hour of 5 searches a second that the soak measured, among publishes, calls and pages."""
    ours = soak["systems"]["firstcall"]
    name = f"{STEADY_RATE:g} searches a second, {soak['data']}: p95 ms (soak.json, {soak['commit']})"
    return Promise(name, ours["search_p95_ms"], STEADY_P95 + 0.1)


async def measured(server: Server, asked: argparse.Namespace) -> Tree:
    """Everything that was asked for."""
    articles = read_all(server.articles)[0]
    spoken = [one for one in articles if one.state == "validated" and not one.teams and one.questions]
    names = [name for name in server.passwords if name.startswith("agent.")]
    crowd = Crowd(server.url, begun(server, names), spoken, new_questions(articles, 10_000_000, 53))
    load = Load(server, crowd, Meter.of(server), asked.seconds)
    parts: Tree = {}
    goals: list[Promise] = []
    async with crowd.gathered():
        if asked.steady:
            parts["steady"], found = await load.steady(asked.steady)
            goals += found
        steps = [await load.step(sessions) for sessions in asked.sessions]
        goals += [Promise("errors up to the most sessions", sum(one["errors"] for one in steps), 1)]
        for one in steps:
            if one["sessions"] == WANTED:
                goals.append(Promise(f"{WANTED} sessions: p95 ms", one["p95_ms"], P95 + 0.1))
        parts["past"], found = await load.past(asked.sessions[-1], max(one["answered_per_s"] for one in steps))
        goals += found
        if asked.publishing:
            parts["publishing"], found = await load.publishing(min(BESIDE, asked.sessions[-1]))
            goals += found
        if asked.storm:
            parts["storm"], found = await load.storm()
            goals += found
    soak = RESULTS / "soak.json"
    if not asked.steady and soak.exists():
        goals.append(from_soak(json.loads(soak.read_text("utf-8"))))
    return {"knee": knee(steps), "steps": steps, **parts, "goals": [one.tree() for one in goals]}


def report(found: Tree) -> str:
    """What was found, as text."""
    names = ["sessions", "answered_per_s", "p50_ms", "p95_ms", "p99_ms", *(f"{kind}_p95_ms" for kind in STEPS)]
    names += ["keystroke_p95_ms", "record_p95_ms", "refused", "errors", "server_cores", "generator_cores", "server_mb"]
    rows = [[one.get(name, "–") for name in names] for one in (*found["steps"], found["past"])]
    goals = [
        [one["name"], one["value"], one["bound"], one["low"], one["high"], "kept" if one["kept"] else "BROKEN"]
        for one in found["goals"]
    ]
    rest = [f"{name}: {found[name]}" for name in ("past", "publishing", "storm", "steady") if name in found]
    kept = table(["goal", "value", "below", "low", "high", ""], goals)
    notes = [one["note"] for one in found["goals"] if one.get("note")]
    return "\n\n".join([table(names, rows), f"knee: {found['knee']} sessions", *rest, kept, *notes, machine()])


def main() -> int:
    """Run it; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", default=SESSIONS, type=lambda said: sorted(map(int, said.split(","))))
    parser.add_argument("--seconds", type=float, default=60, help="a step")
    parser.add_argument("--storm", action="store_true")
    parser.add_argument("--publishing", action="store_true")
    parser.add_argument("--steady", type=float, default=0, metavar="MINUTES")
    parser.add_argument("--json", type=Path, metavar="OUT")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped run clears up as an interrupted one does
    people = max(asked.sessions[-1], BESIDE if asked.storm or asked.publishing else 0, STORM if asked.storm else 0)
    with tempfile.TemporaryDirectory(prefix="firstcall-") as work, serving(Path(work), {Role.AGENT: people}) as server:
        found = asyncio.run(measured(server, asked))
    print(report(found))
    if asked.json:
        data = f"{asked.seconds:g} s a step on the sample base"
        systems = {f"{one['sessions']:g} sessions": one for one in found["steps"]}
        more = {name: value for name, value in found.items() if name != "steps"}
        write_json(asked.json, result("load", data, systems, [], **more))
    return int(not all(one["kept"] for one in found["goals"]))


if __name__ == "__main__":
    sys.exit(main())
