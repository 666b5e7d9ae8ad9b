"""Roles in a real browser: the pages each has by navigation and by address, and other sites kept out."""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kb.calls import call
from kb.db import Database
from kb.people.users import ALLOWED, Action, Reach, Role
from tests.browser.conftest import ROOT, App, beside, health, start, wait_for
from tests.browser.test_pages import serious, wider_than_the_window
from tests.security.test_permission import PAGES

pytestmark = pytest.mark.browser

PASSWORD = "quiet harbour 7"
FROM_ANOTHER_PAGE = {"edit"}  # not in the navigation: reached by a button, or by its address


@pytest.fixture(scope="module")
def site(app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The sample base with one account a role."""
    home = tmp_path_factory.mktemp("roles")
    more = beside(app, home)
    env = {k: v for k, v in os.environ.items() if not k.startswith("KB_")}
    env |= {"KB_DATABASE_URL": App("", app.articles, home, on_server=more.get("KB_DATABASE_URL", "")).database}
    for role in Role:
        command = [sys.executable, "-m", "kb", "user", "add", f"a.{role.value}", "--role", role.value]
        subprocess.run(command, cwd=ROOT, env=env, input=PASSWORD, text=True, check=True, capture_output=True)
    served, process = start(app.articles, home, **more)
    try:
        wait_for(lambda: health(served.url) == "ready", 120, "the encoder is warm")
        yield served
    finally:
        process.terminate()
        process.wait(timeout=20)


def entered(context: BrowserContext, site: App, role: Role) -> Page:
    form = {"name": f"a.{role.value}", "password": PASSWORD}
    assert context.request.post(f"{site.url}/sign-in", form=form, max_redirects=0).status == 303
    page = context.new_page()
    page.goto(site.url)
    page.locator("#q").wait_for(timeout=30_000)
    return page


def has(role: Role, page: str) -> bool:
    return ALLOWED[role].get(Action(PAGES[page]), Reach.NONE) is not Reach.NONE


@pytest.mark.parametrize("role", list(Role))
def test_a_role_has_its_pages_by_navigation_and_by_address_and_no_other(
    context: BrowserContext, site: App, role: Role
) -> None:
    page = entered(context, site, role)
    links = page.locator('[data-testid="stTopNavLink"], [data-testid="stSidebarNavLink"]')
    wait_for(lambda: links.count() > 0, 10, "the navigation is there")
    there = {str(one.get_attribute("href")).rsplit("/", 1)[-1] or "search" for one in links.all()}
    assert there == {name for name in PAGES if has(role, name)} - FROM_ANOTHER_PAGE
    for name in PAGES:
        page.goto(f"{site.url}/{'' if name == 'search' else name}")  # the first page is at the root
        page.locator(".leave").wait_for(timeout=30_000)
        page.locator('[data-test-script-state="notRunning"]').wait_for(timeout=30_000)
        missing = page.get_by_text("Page not found")
        if has(role, name):
            assert missing.count() == 0, name
        else:
            expect(missing.first).to_be_visible(timeout=10_000)


def test_an_admin_lets_somebody_in_and_puts_them_out(context: BrowserContext, site: App, chromium: Browser) -> None:
    page = entered(context, site, Role.ADMIN)
    page.goto(f"{site.url}/people")
    page.get_by_role("button", name="Add a person").click()
    page.get_by_label("Name", exact=True).fill("li.na")
    page.get_by_role("button", name="Add a person").click()
    made = page.get_by_role("dialog").locator("code")
    expect(made).to_have_text(re.compile(r"^[a-z2-9-]{19}$"), timeout=30_000)
    password = made.inner_text()
    page.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_text(password)).to_have_count(0)
    theirs = chromium.new_context(locale="en-US")
    other = theirs.new_page()
    other.goto(site.url)
    for typed in ({"password": password}, {"password": password, "new": PASSWORD}):
        for field, text in {"name": "li.na", **typed}.items():
            other.locator(f"input[name={field}]").fill(text)
        other.keyboard.press("Enter")
        other.locator("input[name=new], #q").first.wait_for(timeout=30_000)
    other.locator("#q").wait_for(timeout=30_000)
    page.get_by_role("button", name="Disable").click()
    expect(other.get_by_text("Your session has ended")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("li.na cannot sign in any more")).to_be_visible(timeout=30_000)
    theirs.close()


@pytest.mark.parametrize(("width", "look", "hl"), [(1366, "light", "en"), (480, "dark", "zh")])
def test_the_page_of_people_can_be_used_by_everybody(
    context: BrowserContext, site: App, width: int, look: Any, hl: str
) -> None:
    page = entered(context, site, Role.ADMIN)
    page.emulate_media(color_scheme=look)
    page.set_viewport_size({"width": width, "height": 900})
    for query, there in (
        ("", "a.editor"),
        ("&who=a.editor", "a.editor"),
        ("&part=import", "id,role"),
        ("&part=keys", "/api"),
    ):
        page.goto(f"{site.url}/people?hl={hl}{query}")
        page.get_by_text(there).first.wait_for(timeout=30_000)
        page.locator('[data-test-script-state="notRunning"]').wait_for(timeout=30_000)
        assert serious(page) == [], query
        assert wider_than_the_window(page) <= 0, query


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Another site on this machine."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_another_site_can_neither_post_nor_listen_as_the_person(
    context: BrowserContext, site: App, elsewhere: str
) -> None:
    entered(context, site, Role.SUPERVISOR)
    page = context.new_page()
    page.goto(elsewhere)
    page.evaluate(
        """async url => {
          for (const path of ['/api/calls', '/sign-out', '/api/search'])
            await fetch(url + path, { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"call":"E-1"}' })
              .catch(() => null);
        }""",
        site.url,
    )
    with Database(site.database).read() as connection:
        assert call.find(connection, "E-1") is None
    closed = page.evaluate(
        """url => new Promise(done => {
          const socket = new WebSocket(url.replace('http', 'ws') + '/_stcore/stream', ['streamlit']);
          socket.onopen = () => done('opened');
          socket.onclose = () => done('closed');
        })""",
        site.url,
    )
    assert closed == "closed"
    assert context.request.post(f"{site.url}/api/mine", data="{}").status == 200  # and they are still signed in
