"""Two app servers on one PostgreSQL behind HAProxy, as docs/scale.md has them: what one of them may cost."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from benchmarks.ports import free_port
from kb import tables
from kb.db import Database
from kb.doors.limits import STRANGER
from kb.people import accounts
from kb.people.users import OPERATOR, SAMPLES, Role, User
from tests.balancer import balancing, trusting
from tests.browser.conftest import PASSWORD, ROOT, App, answered, articles_shown, health, homely, start, wait_for
from tests.browser.test_gaps import from_a_miss_to_its_answer
from tests.browser.test_studio import ARTICLE, kept, source
from tests.postgres import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]  # two servers warm up at once

WANG_MIN = User("wang.min", "王敏", Role.EDITOR)
LI_NA = User("li.na", "Li Na", Role.AGENT)
PEOPLE = WANG_MIN, LI_NA, *SAMPLES.values()
DRAFT = "samovar-en"
NAMES = "a", "b"


@dataclass
class Pair:
    """Two app servers and the balancer before them."""

    url: str
    port: int
    database: Database
    apps: dict[str, App]
    processes: dict[str, subprocess.Popen[bytes]]

    def kill(self, name: str) -> None:
        """End a server as a crash would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def ask(
        self, name: str, path: str, form: Mapping[str, str] | None = None, source: str = "127.0.0.1", **headers: str
    ) -> tuple[int, http.client.HTTPMessage]:
        """Status and headers of what this server answers behind the balancer; to a form, or to a search."""
        one = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=trusting(), source_address=(source, 0)
        )
        cookies = f"firstcall-server={name}; {headers.pop('cookie', '')}"
        body = urlencode(form) if form is not None else json.dumps({"q": "refund"})
        try:
            one.request("POST", path, body, {**headers, "Cookie": cookies})
            answer = one.getresponse()
            answer.read()
            return answer.status, answer.headers
        finally:
            one.close()

    def burst(self, name: str, times: int, source: str) -> set[int]:
        """Every status of what is asked so often, until it is too often."""
        one = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=trusting(), source_address=(source, 0)
        )
        found = set[int]()
        for _ in range(times):
            one.request("GET", "/readyz", headers={"Cookie": f"firstcall-server={name}"})
            answer = one.getresponse()
            answer.read()
            found.add(answer.status)
            if answer.status == 429:
                break
        one.close()
        return found

    def rows(self, table: sa.Table, **where: Any) -> list[Any]:
        wanted = [table.c[name] == value for name, value in where.items()]
        with self.database.read() as connection:
            return list(connection.execute(sa.select(table).where(*wanted)))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, real_home: Path, server: Server) -> Iterator[Pair]:
    """Both ready, each in a home of its own; articles and database are theirs together."""
    place, port = tmp_path_factory.mktemp("pair"), free_port()
    shutil.copytree(ROOT / "articles", place / "articles")
    facts = {"id": DRAFT, "title": "Descale the samovar", "lang": "en", "question": "flakes in the samovar"}
    draft = place / "articles" / "products" / f"{DRAFT}.md"
    draft.write_text(ARTICLE.format(**facts, state="wip", say="Boil vinegar once."), "utf-8")
    url, address = f"https://127.0.0.1:{port}", server.url_of(server.empty())
    database = Database(address)
    with database.write() as connection:
        for person in PEOPLE:
            accounts.add(connection, OPERATOR, person, PASSWORD, datetime.now(UTC))
    apps, processes = {}, {}
    for name in NAMES:
        home = homely(place / name, real_home)
        apps[name], processes[name] = start(place / "articles", home, KB_DATABASE_URL=address, KB_ORIGINS=url)
    here = Pair(url, port, database, apps, processes)
    try:
        for app in apps.values():
            wait_for(lambda app=app: health(app.url) == "ready", 180, "the encoder is warm")  # type: ignore[misc]
        with balancing(place, port, [app.url.removeprefix("http://") for app in apps.values()]):
            for name in NAMES:
                wait_for(lambda name=name: here.ask(name, "/api/search")[0] == 401, 60, f"{name} is asked")  # type: ignore[misc]
            yield here
    finally:
        for process in processes.values():
            process.kill()
            process.wait(timeout=20)
        database.close()


def entered(context: BrowserContext, pair: Pair, who: User, path: str = "/") -> Page:
    """Signed in by the page, and on the way they wanted."""
    page = context.new_page()
    page.goto(pair.url + path)
    page.locator("input[name=name]").fill(who.id)
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#q").wait_for(timeout=30_000)
    return page


def server_of(context: BrowserContext) -> str:
    """Which server serves a browser."""
    return next(str(one["value"]) for one in context.cookies() if one["name"] == "firstcall-server")


def ask(page: Page, question: str) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    page.keyboard.type(question, delay=5)
    answered(page, question)


def sent(page: Page) -> None:
    page.locator('#bar[data-unsent="0"]').wait_for(state="attached", timeout=30_000)


def tried(pair: Pair, name: str, who: str, source: str, **headers: str) -> int:
    return pair.ask(name, "/sign-in", {"name": who, "password": "wrong"}, source, **headers)[0]


def test_wrong_passwords_count_on_both_servers_together_and_by_where_they_come_from(pair: Pair) -> None:
    at = [tried(pair, name, LI_NA.id, "127.0.0.2") for name in "ababa"]
    assert at == [401] * 5
    forged = {"X-Forwarded-For": "10.1.1.1"}
    assert [tried(pair, name, LI_NA.id, "127.0.0.2", **forged) for name in NAMES] == [429, 429]
    assert [tried(pair, name, LI_NA.id, "127.0.0.3") for name in "aba"] == [401, 401, 429]  # strangers, all together


def test_who_asks_too_often_at_one_server_is_told_so_by_the_other(pair: Pair) -> None:
    everything = STRANGER.at_once + 100
    assert pair.burst("a", everything, "127.0.0.5") == {200, 429}
    wait_for(lambda: 429 in pair.burst("b", 60, "127.0.0.5"), 10, "the other server has heard of it")
    assert pair.burst("b", 60, "127.0.0.6") == {200}


def test_who_signs_out_at_one_server_is_out_at_the_other(pair: Pair) -> None:
    status, headers = pair.ask("a", "/sign-in", {"name": WANG_MIN.id, "password": PASSWORD}, "127.0.0.4")
    assert status == 303
    cookie = next(one for one in headers.get_all("set-cookie") or () if one.startswith("__Host-firstcall="))
    cookie = cookie.partition(";")[0]
    assert [pair.ask(name, "/api/search", cookie=cookie)[0] for name in "abab"] == [200] * 4
    assert pair.ask("b", "/sign-out", {}, cookie=cookie)[0] == 303
    wait_for(lambda: pair.ask("a", "/api/search", cookie=cookie)[0] == 401, 3, "the other server has heard of it")


def test_a_miss_is_answered_whichever_server_its_people_are_at(
    pair: Pair, chromium: Browser, context: BrowserContext
) -> None:
    one = pair.apps["a"]
    app = App(pair.url, one.articles, one.home, on_server=one.database)
    id, gap = from_a_miss_to_its_answer(chromium, context, app, "en")
    assert (gap.state, gap.owner, gap.article) == ("verified", "editor", id)


def test_a_server_that_is_killed_in_mid_call_costs_a_reconnect_and_nothing_else(
    pair: Pair, context: BrowserContext
) -> None:
    page = entered(context, pair, WANG_MIN)
    ask(page, "refund to an expired card")
    expect(page.locator("#bar")).not_to_have_attribute("data-call", "", timeout=10_000)  # 1.5 s of rest, or a key
    call = page.locator("#bar").get_attribute("data-call")
    writing = context.new_page()
    writing.goto(f"{pair.url}/edit?id={DRAFT}&hl=zh")
    writing.locator("#source").wait_for(timeout=30_000)
    writing.locator("#source").press("Control+End")
    writing.keyboard.type("Half a sentence")
    kept(writing, "zh")
    writing.keyboard.type(", and the rest of it")  # no rest of the keys before the server is gone
    before = server_of(context)
    pair.kill(before)

    page.bring_to_front()
    page.keyboard.press("Alt+n")  # what is on the screen is recorded, while nobody knows yet that the server is gone
    assert articles_shown(page)[0] == "refund-expired-card-en"
    ask(page, "how long does a refund take")
    assert server_of(context) == next(name for name in NAMES if name != before)
    page.keyboard.press("Enter")  # the page itself goes on at the other server: it opens what is asked for
    expect(page.locator("h2").first).to_contain_text("refund", ignore_case=True, timeout=30_000)
    expect(page.locator("#text")).to_be_visible()
    page.keyboard.press("Alt+a")
    sent(page)
    assert page.locator("#bar").get_attribute("data-call") == call
    (gap,) = pair.rows(tables.gap_report, call=call)
    assert gap.question == "refund to an expired card"
    asked = [one.query for one in pair.rows(tables.event, call=call, kind="search")]
    assert asked.count("refund to an expired card") == asked.count("how long does a refund take") == 1
    assert len(pair.rows(tables.event, call=call, kind="solved")) == 1

    writing.bring_to_front()
    whole = "Half a sentence, and the rest of it"
    wait_for(lambda: _draft(pair).endswith(whole), 30, "the draft is kept at the other server")
    assert source(writing).endswith(whole)
    writing.keyboard.type(" And more.")
    wait_for(lambda: _draft(pair).endswith(whole + " And more."), 30, "and so is what comes after")
    expect(writing.locator("#status")).to_contain_text("草稿", timeout=30_000)
    for one in (page, writing):
        assert "/sign-in" not in one.url


def _draft(pair: Pair) -> str:
    return next((str(one.source).rstrip() for one in pair.rows(tables.draft, article=DRAFT)), "")
