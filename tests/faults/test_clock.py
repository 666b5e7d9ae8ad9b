"""The running program while somebody sets the machine's clock: libfaketime moves it under a real server and commands.

`tests/doors/test_presence.py` and the rooms' own tests have the values; here is that the doors ask the right clock.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.config import ROOT
from kb.db import Database
from kb.doors.presence import FRESH
from kb.people import accounts, audit
from kb.people.users import OPERATOR, Role, User
from tests.browser.conftest import answers, start, wait_for
from tests.faults.storing import sound

SHIMS = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
PASSWORD = "quiet harbour 7"
DAY, YEARS = -86_400, 3_650 * 86_400  # seconds


@dataclass
class Machine:
    """A machine whose clock is set by writing a file."""

    file: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env = {
            "LD_PRELOAD": str(SHIMS[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
        }
        self.env |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "KB_MODEL": "/nowhere"}
        self.set(0)

    def set(self, seconds: int) -> None:
        """Another time than the right one; by now every program knows, and believes no session it read before."""
        self.file.write_text(f"{seconds:+d}\n")
        time.sleep(1.5 + FRESH)


@dataclass
class Browser:
    """Somebody at a browser of their own."""

    url: str
    jar: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def post(self, path: str, body: bytes) -> tuple[int, str]:
        """Status and text of the answer, wherever it leads."""
        request = urllib.request.Request(f"{self.url}{path}", body, {"Origin": self.url})
        try:
            with urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar)).open(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def signs_in(self, name: str, password: str = PASSWORD) -> int:
        """The status of the answer."""
        self.jar.clear()
        return self.post("/sign-in", urllib.parse.urlencode({"name": name, "password": password}).encode())[0]

    def tells(self, path: str, **body: Any) -> dict[str, Any] | int:
        """The answer to a call of our API, or the status where it is refused."""
        status, text = self.post(path, json.dumps(body).encode())
        return dict(json.loads(text)) if status == 200 else status


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if not SHIMS:
        reason = "libfaketime is not installed: apt-get install libfaketime"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return Machine(tmp_path / "clock")


@pytest.fixture
def url(machine: Machine, tmp_path: Path) -> Iterator[str]:
    """A running app with two accounts; its encoder does not load, which takes nothing from this."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "home").mkdir()
    database = Database(f"sqlite:///{tmp_path}/home/firstcall.sqlite")
    with database.write() as connection:
        for name in ("wang.min", "li.na"):
            accounts.add(connection, OPERATOR, User(name, name, Role.AGENT), PASSWORD, datetime.now(UTC))
    database.close()
    app, process = start(tmp_path / "articles", tmp_path / "home", **machine.env)
    try:
        wait_for(lambda: answers(app.url), 90, "the server answers")
        yield app.url
    finally:
        process.terminate()
        process.wait(timeout=20)


def searched(wang: Browser, id: str) -> None:
    told = wang.tells("/api/calls/c-1/events", events=[{"id": id, "kind": "search", "q": f"question {id}"}])
    assert isinstance(told, dict), told


def test_the_clock_may_be_set_a_day_back_and_ten_years_ahead_while_people_are_at_work(
    machine: Machine, url: str, tmp_path: Path
) -> None:
    wang, li = Browser(url), Browser(url)
    assert wang.signs_in("wang.min") == 200
    assert [li.signs_in("li.na", "wrong") for _ in range(6)] == [401] * 5 + [429]
    searched(wang, "first")

    machine.set(DAY)
    searched(wang, "second")
    assert wang.tells("/api/mine")["calls"] == ["c-1"]  # type: ignore[index]
    assert li.signs_in("li.na") == 429

    machine.set(YEARS)
    assert wang.tells("/api/mine") == 401
    assert li.signs_in("li.na") == 429  # three minutes have not passed, ten years or not
    assert wang.signs_in("wang.min") == 200
    assert wang.tells("/api/mine")["calls"] == []  # type: ignore[index]

    machine.set(0)
    searched(wang, "third")
    assert wang.tells("/api/mine")["calls"] == ["c-1"]  # type: ignore[index]

    database = Database(f"sqlite:///{tmp_path}/home/firstcall.sqlite")
    with database.read() as connection:
        event = tables.event.c
        assert list(connection.scalars(sa.select(event.id).order_by(event.at))) == ["first", "second", "third"]
        jumps = [json.loads(one.facts)["seconds"] for one in audit.entries(connection, OPERATOR) if one.act == "clock"]
        assert [round(one, -2) for one in jumps] == [round(one, -2) for one in (-YEARS, YEARS - DAY, DAY)]
    database.close()
    assert sound(tmp_path / "home" / "firstcall.sqlite") == []

    command = [sys.executable, "-m", "kb", "audit", "verify"]
    env = os.environ | machine.env | {"KB_DATABASE_URL": f"sqlite:///{tmp_path}/home/firstcall.sqlite"}
    machine.set(DAY)
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
