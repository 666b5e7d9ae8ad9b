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
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from benchmarks.bench import machine, result, table, write_json
from benchmarks.floor import PEOPLE, Floor, Pace, Seen, spoken
from benchmarks.server import Server, serving
from benchmarks.steady import Promise, drift, flat, growth
from kb.calls import call as calls
from kb.calls.journal import Event
from kb.content.articles import Article, read_all
from kb.db import Connection, Database
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people.users import Role, User

MEMORY, COUNTED, DRIFT = 0.05, 5, 0.10  # what is promised: shares, and how many more
WARM_UP, MOST_WARM_UP = 0.5, 300.0  # share of the time that is not judged, and seconds of it at most
CURVE = 60  # rows of the published curve
TEAM = frozenset({"payments"})
GAPS_BEFORE, CALLS_BEFORE, HALF_HOUR = 100, 300, 1_800.0  # as many calls as in the half-hour to come


# --- what was before -----------------------------------------------------------------------------
# Else what calls teach, and what is made of a call a quarter of an hour after it, would begin in the middle of the
# half-hour, and the floor that is judged be two.


def before(server: Server, spoken: Sequence[Article]) -> None:
    """A day ago each article solved its first question for two agents, and a hundred gaps were recorded; for the last
    half-hour the floor was as it will be."""
    now, by = datetime.now(UTC), [User(name, name, Role.AGENT, TEAM) for name in ("agent.0", "agent.1")]
    database, day = Database(server.database), now - timedelta(days=1)
    with database.write() as connection:
        for (n, one), who in itertools.product(enumerate(spoken), by):
            _called(connection, who, f"day-{n}-{who.id}", one, day, solved=True)
        for n in range(GAPS_BEFORE):
            _missing(connection, by[0], f"day-{n}", "day-0-agent.0", spoken[n % len(spoken)], day)
        every = HALF_HOUR / CALLS_BEFORE
        for n in range(CALLS_BEFORE):
            one, at = spoken[n % len(spoken)], now - timedelta(seconds=HALF_HOUR - n * every)
            _called(connection, by[n % 2], f"hour-{n}", one, at, solved=bool(n % 3))
            if not n % 3:
                _missing(connection, by[n % 2], f"hour-{n}", f"hour-{n}", one, at)
    database.close()


def _called(connection: Connection, by: User, id: str, one: Article, at: datetime, *, solved: bool) -> None:
    """A call in which an article was found and opened."""
    calls.begin(connection, by, id, at)
    facts = {"query": one.questions[0], "agent": by.id, "call": id}
    kinds = (("search", ""), ("open", one.id), *((("solved", one.id),) if solved else ()))
    happened = [
        Event(f"{id}-{kind}", at=at + timedelta(seconds=i), kind=kind, article=article, **facts)
        for i, (kind, article) in enumerate(kinds)
    ]
    calls.record(connection, by, id, happened, at)
    calls.end(connection, by, id, at + timedelta(seconds=5))


def _missing(connection: Connection, by: User, id: str, call: str, one: Article, at: datetime) -> None:
    """A gap that was recorded on a call."""
    asked = f"{one.questions[0]} {id} (nobody knew)"
    gap.record(connection, by, Report(id, f"gap-{id}", call, by.id, at, asked))


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
        before(server, spoken(read_all(server.articles)[0]))
        return asyncio.run(Floor(server, seconds, pace).open())


def main() -> int:
    """Run it; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--searches", type=float, default=5.0, help="a second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped run clears up as an interrupted one does
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
