"""Signing in and out with a real browser: wrong, right, with a call on the line, ended elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from kb.db import Database
from kb.people import sessions
from tests.browser.conftest import ROOT, App, answered, beside, focused, health, sign_in, start, wait_for
from tests.idp import CLIENT, SECRET, Idp, serving

pytestmark = pytest.mark.browser

PASSWORD = "quiet harbour 7"
POP = "/?call=C-17&q=refund+%26+%E9%80%80%E6%AC%BE&product=R3000&lang=zh"
ENDED = {
    "en": "Your session has ended: signed out elsewhere, idle for too long, or the account was disabled.",
    "zh": "登录已失效：已在别处退出、太久没有操作，或账号已停用。",
}


@pytest.fixture(scope="module")
def idp() -> Iterator[Idp]:
    """The company's provider: of another site than the app's 127.0.0.1."""
    with serving("localhost") as one:
        yield one


@pytest.fixture(scope="module")
def site(app: App, idp: Idp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The sample base served with real accounts, 王敏 and Li Na, and to people of the company."""
    home = tmp_path_factory.mktemp("accounts")
    more = beside(app, home)
    here = App("", app.articles, home, on_server=more.get("KB_DATABASE_URL", ""))
    for name in ("wang.min", "li.na"):
        manage(here, "add", name, "--role", "agent", typed=PASSWORD)
    company = {"KB_OIDC_ISSUER": idp.url, "KB_OIDC_CLIENT": CLIENT, "KB_OIDC_SECRET": SECRET}
    company |= {"KB_OIDC_ROLES": "kb-agents=agent,kb-leads=supervisor"}
    served, process = start(app.articles, home, **company, **more)
    try:
        wait_for(lambda: health(served.url) == "ready", 120, "the encoder is warm")
        yield served
    finally:
        process.terminate()
        process.wait(timeout=20)


def manage(site: App, *words: str, typed: str = "") -> None:
    """`python -m kb user …`, another program on the same database."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("KB_")}
    env |= {"KB_DATABASE_URL": site.database}
    command = [sys.executable, "-m", "kb", "user", *words]
    subprocess.run(command, cwd=ROOT, env=env, input=typed, text=True, check=True, capture_output=True)


def given(page: Page, name: str, password: str) -> None:
    """Name and password typed, and Enter."""
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.keyboard.press("Enter")


def entered(context: BrowserContext, site: App, path: str = "/", name: str = "wang.min") -> Page:
    """A page somebody signed in to, ready to type in."""
    page = context.new_page()
    page.goto(f"{site.url}{path}")
    given(page, name, PASSWORD)
    page.locator("#q").wait_for(timeout=30_000)
    return page


def test_a_wrong_password_says_so_and_the_right_one_opens_the_page(context: BrowserContext, site: App) -> None:
    page = context.new_page()
    page.goto(site.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("document.activeElement.name") == "name"
    given(page, "wang.min", "wrong")
    expect(page.get_by_role("alert")).to_have_text("That name and password do not belong together.")
    assert page.evaluate("document.activeElement.name") == "password"
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#q").wait_for(timeout=30_000)
    assert urlsplit(page.url).path == "/"
    expect(page.locator(".leave span")).to_have_text("wang.min")
    assert page.locator(".demo").count() == 0


def test_a_wrong_password_in_chinese(context: BrowserContext, site: App) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/?hl=zh")
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    given(page, "wang.min", "wrong")
    expect(page.get_by_role("alert")).to_have_text("用户名和密码不匹配。")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def popped(page: Page, call: str = "C-17") -> None:
    """The call of the address is on the page, and its words are out of the address."""
    answered(page, "refund & 退款")
    assert page.locator("#q").input_value() == "refund & 退款"
    expect(page.locator("#bar")).to_have_attribute("data-call", call)
    assert page.locator("#about-product").input_value() == "LH-R3000"
    assert page.locator("#about-lang").input_value() == "zh"
    assert not {"call", "q", "product", "lang"} & set(parse_qs(urlsplit(page.url).query))


def test_a_call_that_pops_up_keeps_its_id_and_question_through_signing_in(context: BrowserContext, site: App) -> None:
    page = context.new_page()
    page.goto(f"{site.url}{POP}")
    given(page, "wang.min", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    given(page, "wang.min", PASSWORD)
    page.locator("#q").wait_for(timeout=30_000)
    popped(page)


def test_a_call_that_pops_up_for_a_sample_person_keeps_it_too(context: BrowserContext, app: App) -> None:
    page = context.new_page()
    page.goto(f"{app.url}{POP}&hl=zh")
    page.get_by_role("button", name="示例坐席").click()
    page.locator("#q").wait_for(timeout=30_000)
    popped(page)
    expect(page.locator(".demo")).to_have_text("演示模式：示例人员，只在这台电脑上。")
    expect(page.locator(".leave span")).to_have_text("示例坐席 Sample agent")


def test_the_companys_account_lets_in_and_keeps_the_call(context: BrowserContext, site: App) -> None:
    page = context.new_page()
    page.goto(f"{site.url}{POP.replace('C-17', 'C-18')}")
    page.locator("a.second").click()
    expect(page).to_have_title("Provider")
    page.get_by_role("link", name="refuse").click()
    expect(page.get_by_role("alert")).to_have_text("The provider did not sign you in.")
    page.goto(f"{site.url}{POP.replace('C-17', 'C-18')}")
    page.locator("a.second").click()
    page.get_by_role("link", name="agree").click()
    page.locator("#q").wait_for(timeout=30_000)
    popped(page, "C-18")
    expect(page.locator(".leave span")).to_have_attribute("title", "wang.min-2")  # the local account is somebody else's
    ours = {str(one["name"]) for one in context.cookies(site.url) if str(one["name"]).startswith("firstcall")}
    assert ours == {f"firstcall-{site.url.rpartition(':')[2]}"}  # no token of the provider's, no state left


def test_a_session_that_is_over_by_time_is_told_and_the_way_back_in_works(context: BrowserContext, site: App) -> None:
    page = entered(context, site, "/?hl=en")
    idle = datetime.now(UTC) - sessions.IDLE
    with Database(site.database).write() as connection:
        connection.execute(sessions.table.update().where(sessions.table.c.user == "wang.min").values(seen_at=idle))
    expect(page.get_by_text(ENDED["en"])).to_be_visible(timeout=30_000)
    page.locator("a.again").click()
    given(page, "wang.min", PASSWORD)
    page.locator("#q").wait_for(timeout=30_000)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_signing_out_in_another_tab_is_told_in_this_one_without_a_click(
    context: BrowserContext, site: App, language: str
) -> None:
    page = entered(context, site, f"/?hl={language}&q=router")
    other = context.new_page()
    other.goto(f"{site.url}/?hl={language}")
    other.locator(".leave button").click()
    expect(other.get_by_role("heading", name={"en": "Sign in", "zh": "登录"}[language])).to_be_visible()
    began = time.monotonic()
    expect(page.get_by_text(ENDED[language])).to_be_visible(timeout=5_000)
    print(f"signed out → told in the other tab {time.monotonic() - began:.1f} s")
    assert page.locator("#q").count() == 0
    page.locator("a.again").click()
    given(page, "wang.min", PASSWORD)
    page.locator("#q").wait_for(timeout=30_000)
    assert parse_qs(urlsplit(page.url).query) == {"hl": [language]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_person_disabled_in_the_middle_of_a_call_is_out_within_five_seconds(
    context: BrowserContext, site: App, language: str
) -> None:
    page = entered(context, site, f"/?hl={language}", "li.na")
    page.locator("#q").fill("router red light")
    answered(page, "router red light")
    try:
        manage(site, "disable", "li.na")
        expect(page.get_by_text(ENDED[language])).to_be_visible(timeout=5_000)
        assert context.request.post(f"{site.url}/api/search", data={"q": "router"}).status == 401
        page.reload()
        given(page, "li.na", PASSWORD)
        refused = {"en": "That name and password do not belong together.", "zh": "用户名和密码不匹配。"}[language]
        expect(page.get_by_role("alert")).to_have_text(refused)
    finally:
        manage(site, "enable", "li.na")


def test_the_way_out_leads_to_the_sign_in_page_and_back_does_not_lead_in(context: BrowserContext, site: App) -> None:
    page = entered(context, site)
    page.locator(".leave button").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_refresh_keeps_the_session_and_the_focus(context: BrowserContext, app: App) -> None:
    sign_in(context, app.url, "supervisor")
    page = context.new_page()
    for _ in range(2):
        page.goto(app.url)
        page.locator("#q").wait_for(timeout=30_000)
        expect(page.locator(".leave span")).to_have_text("示例主管 Sample supervisor")
        wait_for(lambda: focused(page) == "q", 10, "the box has the focus")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in?change=1&hl=zh"])
def test_the_page_can_be_used_by_everybody(
    context: BrowserContext, site: App, app: App, path: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = context.new_page()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 480, "height": 700})
    for url in (f"{site.url}{path}", f"{app.url}{path}", f"{app.url}{path.replace('/sign-in', '/set-up')}"):
        page.goto(url)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 480
