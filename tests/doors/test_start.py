"""A program that starts while it is refused its database: it answers what it can, says the rest, and recovers."""

from __future__ import annotations

import http.client
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kb.db import Database
from kb.doors.wiring import Desk
from kb.errors import AwayError
from kb.i18n import say
from kb.people import sessions
from kb.people.users import Role, User
from tests.browser.conftest import start
from tests.on_call import base_of, desk_of
from tests.waiting import within

MAY = User("may", "May", Role.AGENT)
HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute(f"BEGIN {sys.argv[2]}")
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(path: Path, how: str = "EXCLUSIVE") -> Iterator[None]:
    """Another program holds the database: EXCLUSIVE, nobody can read; IMMEDIATE, nobody can write."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    try:
        yield
    finally:
        holder.communicate("\n", timeout=10)


def asked(
    url: str, path: str, cookie: str = "", body: Any = None, language: str = "en"
) -> tuple[int, str, Mapping[str, str]]:
    """Status, text and headers of one answer; redirects are answers too."""
    host = url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        headers = {"Accept-Language": language, "Content-Type": "application/json"}
        headers |= {"Cookie": f"firstcall-{host.rpartition(':')[2]}={cookie}"} if cookie else {}
        raw = json.dumps(body) if body is not None else None
        connection.request("POST" if raw else "GET", path, raw, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())


def healthy(url: str) -> bool:
    try:
        return asked(url, "/healthz")[0] == 200
    except OSError:
        return False


def test_a_program_starts_while_its_database_is_locked_and_recovers_without_a_hand(tmp_path: Path) -> None:
    base = base_of(tmp_path)
    path = tmp_path / "firstcall.sqlite"
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        token = sessions.sign_in_sample(connection, "agent", datetime.now(UTC), local=True)
    database.close()
    search = ("/api/search", token, {"q": "refund to an expired card"})
    gap = {"id": "r-1", "gap": "g-1", "call": "c-1", "q": "lost phone"}
    with held(path):
        here, process = start(base.folder, tmp_path, KB_MODEL=str(tmp_path / "no-model"), KB_METRICS_PORT="0")
        try:
            assert within(60, lambda: healthy(here.url))
            status, told, headers = asked(here.url, "/", token)
            assert (status, headers["refresh"]) == (503, "5")
            assert told.startswith("The database cannot be used: ")
            assert "Traceback" not in told
            status, told, headers = asked(here.url, "/sign-in", language="zh-CN")
            assert (status, headers["refresh"]) == (503, "5; url=/sign-in?next=%2F&hl=")
            assert say("zh", "sign_in.away") in told
            status, told, _ = asked(here.url, *search)
            assert (status, json.loads(told)["error"]) == (503, "store_unusable")
        except BaseException:
            process.kill()
            raise
    try:
        assert within(20, lambda: asked(here.url, *search)[0] == 200)
        found = json.loads(asked(here.url, *search)[1])
        assert (found["hits"][0]["article"], found["complete"]) == ("refund-card-en", False)
        with held(path):  # whoever was believed goes on, as docs/security.md says
            assert asked(here.url, *search)[0] == 200
            assert json.loads(asked(here.url, "/api/gaps", token, gap)[1])["spooled"] == 1
            assert asked(here.url, "/sign-in")[0] == 503
        assert within(20, lambda: not list((tmp_path / "spool").glob("*.json")))
        assert asked(here.url, "/sign-in")[0] == 200
    finally:
        process.terminate()
        process.wait(timeout=20)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT id, question FROM gap").fetchall() == [("g-1", "lost phone")]


@pytest.fixture
def started(tmp_path: Path) -> Desk:
    """A desk as a program that starts has it: nothing of its database is open."""
    desk = desk_of(base_of(tmp_path), tmp_path / "firstcall.sqlite")
    desk.database.close()
    del desk.database
    return desk


def test_what_the_database_has_no_part_in_goes_on_and_nobody_waits_for_it_in_turn(started: Desk) -> None:
    with held(_path(started)):
        began = time.monotonic()
        started.check_access()
        assert started.ask("refund to an expired card", MAY).hits[0].article.id == "refund-card-en"
        for _ in range(50):
            with pytest.raises(AwayError):
                _ = started.database
        assert time.monotonic() - began < 6  # two for the first asker; each alone would be ten
    assert within(5, lambda: _opens(started))
    started.database.close()


def test_a_database_that_another_writes_to_opens_at_once(started: Desk) -> None:
    with held(_path(started), "IMMEDIATE"):
        began = time.monotonic()
        with started.database.read() as connection:
            assert sessions.read(connection, ["x"], datetime.now(UTC), local=True) == {}
        assert time.monotonic() - began < 2
    started.database.close()


def test_one_that_others_can_reach_starts_too_for_nobody_can_sign_in_meanwhile(started: Desk) -> None:
    started.settings = replace(started.settings, host="10.0.0.1", origins="https://kb.example.com")
    with held(_path(started)):
        started.check_access()
        assert not started.settings.local


def test_a_folder_that_cannot_be_made_is_away_and_opens_once_it_can(started: Desk, tmp_path: Path) -> None:
    (tmp_path / "place").write_text("no folder")
    started.settings = replace(started.settings, database_url=f"sqlite:///{tmp_path}/place/firstcall.sqlite")
    started.check_access()
    with pytest.raises(AwayError):
        _ = started.database
    (tmp_path / "place").unlink()
    assert within(5, lambda: _opens(started))
    started.database.close()


def _path(desk: Desk) -> Path:
    return Path(desk.settings.database_url.removeprefix("sqlite:///"))


def _opens(desk: Desk) -> bool:
    try:
        return bool(desk.database)
    except AwayError:
        return False
