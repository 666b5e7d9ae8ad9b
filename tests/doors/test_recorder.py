"""A database that refuses for a while: agents go on, what they record waits in order and comes in by itself."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.config import ROOT
from kb.db import Database
from kb.doors.wiring import Desk
from kb.errors import GenerationError
from tests.on_call import client, refused, told
from tests.people_on_the_floor import MAY, PHONE
from tests.waiting import within

LOCKED = float(os.environ.get("LOCKED", "0"))  # seconds, at least; `make faults` takes 60


@contextmanager
def locked(desk: Desk) -> Iterator[None]:
    """Another program has the database to itself: nobody can even read."""
    rows(desk, tables.gap, "id")  # it was open before
    path = desk.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def rows(desk: Desk, table: sa.Table, *columns: str) -> list[Any]:
    with desk.database.read() as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(*(table.c[name] for name in columns))))


def spooled(desk: Desk) -> int:
    return len(list(desk.settings.spool.glob("*.json")))


CALL = (
    ("/api/calls/c-1/events", {"events": [{"id": "e-1", "kind": "search", "q": f"refund, my number is {PHONE}"}]}),
    ("/api/gaps", {"id": "r-1", "gap": "g-1", "call": "c-1", "q": "refund to a lost phone"}),
    ("/api/gaps/g-1/join", {"id": "r-2", "call": "c-2", "q": "lost phone"}),
    ("/api/gaps/g-1/describe", {"report": "r-2", "words": "she was told yesterday"}),
    ("/api/promises", {"id": "p-1", "call": "c-1", "what": "call back", "due": "2026-11-23T10:00", "gap": "g-1"}),
    ("/api/calls/c-1/events", {"events": [{"id": "e-2", "kind": "solved", "article": "late-en"}]}),
    ("/api/flags", {"id": "f-1", "call": "c-1", "article": "late-en", "reason": "wrong", "note": "six yuan"}),
    ("/api/undo", {"id": "e-2"}),
    ("/api/calls/c-1/end", {}),
)
WRITTEN = (
    (tables.event, ("id", "call", "kind", "query", "article")),
    (tables.gap, ("id", "question")),
    (tables.gap_report, ("id", "gap", "call", "words")),
    (tables.promise, ("id", "what", "gap")),
    (tables.flag, ("id", "article", "note")),
)


def written(desk: Desk) -> list[Any]:
    """All that a call left, whenever it was written."""
    undone = [row[0] for row in rows(desk, tables.event, "id", "undone_at") if row[1]]
    return [rows(desk, table, *columns) for table, columns in WRITTEN] + [undone]


def test_what_is_recorded_while_the_database_is_locked_comes_in_by_itself_as_if_it_never_had_been(
    call_desk: Desk, tmp_path: Path
) -> None:
    may = client(call_desk, MAY)
    with locked(call_desk):
        begun = time.monotonic()
        answers = [told(may, path, **body) for path, body in CALL]
        found = told(may, "/api/search", q="refund to an expired card")
        assert found["hits"][0]["article"] == "refund-card-en"
        assert time.monotonic() - begun < 30
        while time.monotonic() - begun < LOCKED:
            assert told(may, "/api/search", q="refund to an expired card")["hits"]
            time.sleep(1)
        assert [one["spooled"] for one in answers] == list(range(1, len(CALL) + 1))
        assert refused(may, "/api/mine", {}) == (503, "store_unusable")
        kept = "".join(path.read_text("utf-8") for path in call_desk.settings.spool.glob("*.json"))
        assert PHONE not in kept
        assert "‹phone›" in kept
    assert within(60, lambda: spooled(call_desk) == 0)
    assert told(may, "/api/mine")["spooled"] == 0
    came_late = written(call_desk)
    other = call_desk.settings.database_url
    fresh = Desk(type(call_desk.settings)(**{**call_desk.settings.__dict__, "database_url": f"{other}-2"}))
    fresh.open()
    at_once = client(fresh, MAY)
    assert all("spooled" not in told(at_once, path, **body) for path, body in CALL)
    assert came_late == written(fresh)
    assert came_late[-1] == ["e-2"]
    fresh.database.close()


def test_nobody_else_waits_once_the_database_has_refused(call_desk: Desk) -> None:
    may = client(call_desk, MAY)
    with locked(call_desk):
        told(may, "/api/gaps", id="r-0", gap="g-0", call="c", q="x")
        begun = time.monotonic()
        for number in range(20):
            assert refused(may, "/api/mine", {})[0] == 503
            assert told(may, "/api/gaps", id=f"r-{number}", gap=f"g-{number}", call="c", q="x")["spooled"]
        assert time.monotonic() - begun < 20  # a second each, also on a busy machine; the database alone would take ten
    assert within(60, lambda: spooled(call_desk) == 0)
    assert len(rows(call_desk, tables.gap, "id")) == 20


def test_a_record_that_turns_out_wrong_is_set_aside_and_those_behind_it_come_in(call_desk: Desk) -> None:
    may = client(call_desk, MAY)
    with locked(call_desk):
        told(may, "/api/gaps/no-such/join", id="r-1", call="c-1", q="x")
        told(may, "/api/gaps", id="r-2", gap="g-2", call="c-1", q="y")
    assert within(60, lambda: spooled(call_desk) == 0)
    assert rows(call_desk, tables.gap, "id") == [("g-2",)]
    (aside,) = (call_desk.settings.spool / "aside").glob("*.json")
    assert "gap_not_found" in aside.with_suffix(".txt").read_text()


def test_a_database_that_does_not_open_is_no_records_fault(call_desk: Desk) -> None:
    may = client(call_desk, MAY)
    with locked(call_desk):
        told(may, "/api/gaps", id="r-1", gap="g-1", call="c", q="x")
        call_desk.database.close()
        path = Path(call_desk.settings.database_url.removeprefix("sqlite:///"))
        away = path.rename(path.with_name("away"))
    Database(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as raw:  # of a newer program
        raw.execute("UPDATE schema SET version = 999")
        raw.commit()
    del call_desk.database
    client(call_desk, MAY)  # as after a restart
    time.sleep(1.5)
    assert (spooled(call_desk), (call_desk.settings.spool / "aside").exists()) == (1, False)
    path.unlink()
    away.rename(path)
    assert within(60, lambda: spooled(call_desk) == 0)
    assert rows(call_desk, tables.gap, "id") == [("g-1",)]


def test_an_index_that_is_not_there_yet_is_no_records_fault(call_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(id: str, by: object) -> None:
        raise GenerationError("index_missing")

    may = client(call_desk, MAY)
    monkeypatch.setattr(call_desk, "read", missing)
    with locked(call_desk):
        told(may, "/api/calls/c-1/events", events=[{"id": "e-1", "kind": "open", "article": "late-en"}])
    assert not within(1.5, lambda: spooled(call_desk) == 0)  # the database is back, the index is not
    monkeypatch.undo()
    assert within(60, lambda: spooled(call_desk) == 0)
    assert rows(call_desk, tables.event, "id", "article") == [("e-1", "late-en")]


def test_what_a_killed_program_left_comes_in_when_it_starts_again(call_desk: Desk) -> None:
    code = "import sys, os, json, sqlite3; from tests.doors.test_recorder import die_spooling as go; go(*sys.argv[1:])"
    home, url = str(call_desk.settings.home), call_desk.settings.database_url
    call_desk.database.close()
    done = subprocess.run(
        [sys.executable, "-c", code, home, url], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, json.loads(done.stdout)["spooled"]) == (-9, 1), done.stderr
    assert spooled(call_desk) == 1
    client(call_desk, MAY)
    assert within(60, lambda: spooled(call_desk) == 0)
    assert rows(call_desk, tables.gap, "id") == [("g-1",)]


def die_spooling(home: str, url: str) -> None:
    """Spool one gap and be killed: run in a process of its own."""
    import signal

    from tests.on_call import desk_of
    from tests.small_base import SmallBase

    desk = desk_of(SmallBase(Path(home)), Path(url.removeprefix("sqlite:///")))
    desk.database.close()
    may = client(desk, MAY)
    with locked(desk):
        print(json.dumps(told(may, "/api/gaps", id="r-1", gap="g-1", call="c", q="x")), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


# --- a full disk ---------------------------------------------------------------------------------


def record_on_a_full_disk(home: str, offsets: str, seed: str) -> None:
    """Record gaps while no file may grow beyond one size after another; print what was acknowledged and how.

    RLIMIT_FSIZE stands for the disk: it stops database, journal and spool each at its own size.
    """
    import random
    import resource

    from tests.on_call import base_of, desk_of

    base = base_of(Path(home))
    desk = desk_of(base, Path(home) / "data" / "firstcall.sqlite")
    may, chance = client(desk, MAY), random.Random(int(seed))
    told(may, "/api/gaps", id="r-first", gap="first", call="c", q="x")
    size = (Path(home) / "data" / "firstcall.sqlite").stat().st_size
    answers: dict[str, int] = {}
    sentences = set()
    for number in range(int(offsets)):
        most = chance.choice(
            (chance.randrange(1, 2_000), chance.randrange(2_000, size), size + chance.randrange(9_000))
        )
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        gap = {"id": f"r-{number}", "gap": f"g-{number}", "call": "c", "q": "x" * 900}
        answer = may.post("/api/gaps", content=json.dumps(gap))
        found = may.post("/api/search", content=json.dumps({"q": "refund to an expired card"}))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert found.json()["hits"], found.text
        assert answer.status_code == 200 or answer.json()["error"] == "store_unusable", answer.text
        sentences.add(answer.json().get("message", ""))
        answers[f"g-{number}"] = answer.status_code if answer.status_code != 200 else answer.json().get("spooled", 0)
    within(60, lambda: spooled(desk) == 0)
    there = [row[0] for row in rows(desk, tables.gap, "id")]
    with closing(sqlite3.connect(desk.settings.database_url.removeprefix("sqlite:///"))) as raw:
        sound = [row[0] for row in raw.execute("PRAGMA integrity_check")]
        order = [row[0] for row in raw.execute("SELECT id FROM gap ORDER BY rowid")]
    told_so = {"answers": answers, "there": there, "sound": sound, "order": order, "sentences": sorted(sentences)}
    print(json.dumps(told_so))


def test_on_a_full_disk_nothing_is_taken_that_is_not_kept_and_the_search_goes_on(tmp_path: Path) -> None:
    code = "import sys; from tests.doors.test_recorder import record_on_a_full_disk as go; go(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(tmp_path), "40", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    kinds = {(how if how == 503 else "spooled" if how else "written") for how in found["answers"].values()}
    assert kinds == {503, "spooled", "written"}
    acknowledged = [id for id, how in found["answers"].items() if how != 503]
    assert set(found["there"]) == {"first", *acknowledged}
    assert found["order"] == ["first", *acknowledged]
    assert found["sound"] == ["ok"]
    assert all("Traceback" not in sentence for sentence in found["sentences"])


@pytest.mark.parametrize("failing", ["spool", "everything"])
def test_where_not_even_the_spool_takes_it_the_page_is_told_and_keeps_it(
    call_desk: Desk, tmp_path: Path, failing: str
) -> None:
    (tmp_path / "spool").write_text("no folder")
    may = client(call_desk, MAY)
    if failing == "everything":
        with locked(call_desk):
            assert refused(may, "/api/gaps", {"id": "r-1", "gap": "g-1", "call": "c", "q": "x"}) == (
                503,
                "store_unusable",
            )
        assert rows(call_desk, tables.gap, "id") == []
    assert told(may, "/api/gaps", id="r-1", gap="g-1", call="c", q="x") == {"ok": True, "gap": "g-1", "report": "r-1"}
    assert rows(call_desk, tables.gap, "id") == [("g-1",)]
