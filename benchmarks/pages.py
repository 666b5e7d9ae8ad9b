"""How long the supervisor's pages take over a busy journal, in process: every page and part, drawn again and again.

    python benchmarks/pages.py [--journal 100000] [--gaps 5000] [--runs 20] [--json OUT]

A month of made calls (kb/care/demo) with that many events, their misses joined to that many gaps. A run is one script
run of the page for a session that is already open, with nothing kept between runs: every number is counted anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import math
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from benchmarks.bench import machine, result, table, write_json
from benchmarks.latency import percentiles
from kb import tables
from kb.care import demo
from kb.care.demo.story import month
from kb.config import ROOT, Settings, settings
from kb.doors import wiring
from kb.doors.ui import article, figures, frame, live
from kb.doors.ui.one_gap import mending, moving, surging
from kb.gaps import misses, roundtable
from kb.gaps.analytics import asked
from kb.gaps.moves import MOVES
from kb.people.users import OPERATOR, Role, User

BY = User("supervisor", "Supervisor", Role.SUPERVISOR)
UI = ROOT / "kb/doors/ui"
DAY_OF_EVENTS = 3.37  # events a call of the made month has, about
DEAREST = "g0000"
PAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "gaps": ("gaps", {}),
    "gaps, closed": ("gaps", {"show": "closed"}),
    "one gap": ("gaps", {"gap": DEAREST}),
    "round table": ("roundtable", {}),
    "insights, searches": ("insights", {}),
    "insights, their list": ("insights", {"list": "searches"}),
    "insights, speed": ("insights", {"part": "speed"}),
    "insights, articles": ("insights", {"part": "articles"}),
    "insights, feedback": ("insights", {"part": "feedback"}),
    "insights, coaching": ("insights", {"part": "coaching"}),
    "notices": ("bulletins", {}),
    "today": ("today", {}),
    "one call": ("calls", {"look": "demo-c000001"}),
}


def fill(desk: wiring.Desk, journal: int, gaps: int, at: datetime) -> dict[str, int]:
    """A month of real calls with at least so many events, and so many gaps, each met at least once."""
    served = desk.open()
    versions = {id: listed.sha256 for id, listed in served.opened.manifest.articles.items()}
    told = month(versions, at, served.site.zone, calls_a_day=math.ceil(journal / DAY_OF_EVENTS / 29))
    for call in told.calls:
        call["tag"] = ""
    for rows in (told.reports, told.gaps, told.moves):
        rows.clear()
    with desk.database.write() as connection:
        demo.write(connection, told)
    while _step(desk, lambda connection: misses.notice(connection, OPERATOR, at)) == misses.CALLS_AT_ONCE:
        pass
    while _step(desk, lambda connection: asked.catch_up(connection, BY, at, served.site.zone)) == asked.CALLS_AT_ONCE:
        pass
    with desk.database.write() as connection:
        _gaps(connection, gaps, at)
        for title, day in (("last", 8), ("now", 1)):
            _round_table(connection, title, gaps, at - timedelta(days=day))
        counted = {name: _count(connection, table) for name, table in COUNTED.items()}
    if counted["events"] < journal or counted["gaps"] < gaps:
        raise RuntimeError(f"too few rows were made: {counted}")
    return counted


COUNTED = {"events": tables.event, "searches": tables.asked, "misses": tables.miss, "gaps": tables.gap}


def _step(desk: wiring.Desk, work: Any) -> int:
    with desk.database.write() as connection:
        return int(work(connection))


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _gaps(connection: sa.Connection, count: int, at: datetime) -> None:
    """Gaps in every state; the misses are theirs by a law of few dear ones and many cheap ones, each has a report."""
    chance = random.Random(7)
    states = sorted({after for _, after in MOVES} - {"duplicate"})
    found = connection.execute(sa.select(tables.miss.c.id, tables.miss.c.call, tables.miss.c.question)).all()
    ids = [f"g{n:04}" for n in range(count)]
    weights = [1 / (n + 1) for n in range(count)]
    rows = []
    for n, id in enumerate(ids):
        state = "new" if n % 2 == 0 else states[n % len(states)]
        met = found[n % len(found)]
        row = {
            "id": id,
            "at": at - timedelta(days=chance.uniform(1, 29)),
            "question": f"{met.question} {n}",
            "lang": "zh",
        }
        closed = at - timedelta(hours=n % 600) if state in ("published", "verified", "not_needed") else None
        rows.append(
            row | {"product": "", "state": state, "closed_at": closed, "owner": "supervisor" if n % 9 == 0 else ""}
        )
    connection.execute(sa.insert(tables.gap), rows)
    reports = [
        {
            "id": f"r{n:04}",
            "gap": id,
            "call": found[n % len(found)].call,
            "agent": "may",
            "at": rows[n]["at"],
            "question": "",
        }
        for n, id in enumerate(ids)
    ]
    connection.execute(sa.insert(tables.gap_report), reports)
    steps = [
        {
            "gap": row["id"],
            "at": row["at"] + timedelta(hours=2),
            "by": "supervisor",
            "before": "new",
            "after": row["state"],
        }
        for row in rows
        if row["state"] != "new"
    ]
    connection.execute(sa.insert(tables.gap_move), steps)
    joined = chance.choices(ids, weights, k=len(found))
    move = sa.update(tables.miss).where(tables.miss.c.id == sa.bindparam("miss")).values(gap=sa.bindparam("to"))
    connection.execute(move, [{"miss": row.id, "to": id} for row, id in zip(found, joined, strict=True)])


def _round_table(connection: sa.Connection, title: str, gaps: int, at: datetime) -> None:
    """A full agenda of the dearest gaps, each of them decided."""
    ids = [f"g{n:04}" for n in range(min(gaps, roundtable.MOST))]
    made = roundtable.call_together(connection, BY, title, ids, {}, at)
    for id in ids:
        roundtable.decide(connection, BY, made.id, id, "Somebody writes it.", at)


def drawn(page: str, params: Mapping[str, str], runs: int) -> list[float]:
    """Milliseconds of each run of a page that is open. Raises RuntimeError where it says that something went wrong."""
    app = AppTest.from_file(str(UI / f"{page}.py"), default_timeout=60)
    app.session_state["hl"] = "zh"
    for name, value in params.items():
        app.query_params[name] = value
    ms = []
    for run in range(runs + 1):
        started = time.perf_counter()
        app.run()
        if run:  # the first one compiles the script
            ms.append((time.perf_counter() - started) * 1000)
        if app.exception or (app.error and page != "gaps"):  # there, a surge is no error
            raise RuntimeError(f"{page}: {[one.value for one in (*app.exception, *app.error)]}")
    return ms


def measure(journal: int, gaps: int, runs: int) -> tuple[dict[str, int], dict[str, dict[str, float]]]:
    """How many rows there were, and p50 and p95 of every page."""
    with tempfile.TemporaryDirectory() as place:
        here = settings()
        own = Settings(articles=ROOT / "articles", home=Path(place), database_url=f"sqlite:///{place}/f.sqlite")
        encoder = wiring.load_encoder(here)
        wiring.build(own, encoder)
        desk = wiring.Desk(own, encoder=encoder, encoder_state="ready")
        for module in (frame, article, live, figures, mending, moving, surging):
            module.me = lambda: BY  # type: ignore[attr-defined]
        wiring.desk = lambda: desk  # type: ignore[assignment]
        counted = fill(desk, journal, gaps, datetime.now(UTC))
        found = {name: percentiles("", drawn(page, params, runs)) for name, (page, params) in PAGES.items()}
        desk.database.close()
    return counted, found


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journal", type=int, default=100_000)
    parser.add_argument("--gaps", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(argv)
    counted, found = measure(given.journal, given.gaps, given.runs)
    data = ", ".join(f"{count} {name}" for name, count in counted.items())
    print(f"{data}; {machine()}")
    print(table(["page", "p50_ms", "p95_ms"], [[name, *ms.values()] for name, ms in found.items()]))
    if given.json:
        write_json(given.json, result("pages", data, found, ["none"], runs=given.runs, rows=counted))


if __name__ == "__main__":
    main()
