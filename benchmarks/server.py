"""The real server for benchmarks: `python -m kb serve` on the sample base in a home of its own, with accounts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.bench import ROOT
from benchmarks.latency import serve
from benchmarks.ports import free_port
from kb.config import settings
from kb.db import Database
from kb.people import accounts
from kb.people.users import OPERATOR, Role, User


@dataclass(frozen=True)
class Server:
    """One running app with its own articles, home, database and accounts."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    passwords: Mapping[str, str]  # name → password

    @property
    def articles(self) -> Path:
        return self.home / "articles"

    @property
    def database(self) -> str:
        return f"sqlite:///{self.home}/firstcall.sqlite"

    @property
    def log(self) -> Path:
        return self.home / "log"


@contextlib.contextmanager
def serving(home: Path, counts: Mapping[Role, int]) -> Iterator[Server]:
    """The app on a copy of the sample base, its index built and its encoder warm, with so many people of each role."""
    here, url = settings(), f"http://127.0.0.1:{free_port()}"
    shutil.copytree(ROOT / "articles", home / "articles")
    (home / "model").symlink_to(here.home / "model")
    if (here.home / "vectors.sqlite").exists():
        shutil.copy(here.home / "vectors.sqlite", home / "vectors.sqlite")
    passwords = people(f"sqlite:///{home}/firstcall.sqlite", counts)
    env = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    env |= {"KB_PORT": url.rpartition(":")[2], "KB_ARTICLES": str(home / "articles"), "KB_HOME": str(home)}
    env |= {"KB_DATABASE_URL": f"sqlite:///{home}/firstcall.sqlite", "KB_METRICS_PORT": str(free_port())}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(serve(), cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
        server = Server(url, home, process, passwords)
        try:
            _wait_until_warm(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:  # what was measured is not lost with it
                process.kill()
                process.wait()


def people(database_url: str, counts: Mapping[Role, int]) -> dict[str, str]:
    """Give everybody an account; name → password."""
    database, at = Database(database_url), datetime.now(UTC)
    passwords = {f"{role.value}.{n}": accounts.new_password() for role, many in counts.items() for n in range(many)}
    for id, password in passwords.items():
        user = User(id, id, Role(id.partition(".")[0]), frozenset({"payments"}))
        with database.write() as connection:
            accounts.add(connection, OPERATOR, user, password, at)
    database.close()
    return passwords


def _wait_until_warm(server: Server) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            told = httpx.get(f"{server.url}/healthz", timeout=2).json()
            if told["ok"] and told["encoder"] == "ready":
                return
        if server.process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {server.log.read_text('utf-8', 'replace')[-2000:]}")
