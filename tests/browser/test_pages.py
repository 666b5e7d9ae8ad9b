"""Every page, in both languages and looks, wide, narrow and at 200 %: nothing serious by axe-core, nothing cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from kb.care import demo
from kb.content import articles, site
from kb.db import Database
from kb.finding import learning
from kb.people.users import OPERATOR, SAMPLES
from tests.browser.conftest import App, answered, focused, settled, sign_in, wait_for

pytestmark = pytest.mark.browser

PAGES = (
    *("search", "today", "bulletins", "practice", "calls"),
    *("gaps", "insights", "studio", "edit?id=refund-expired-card-en"),
)
WITH_A_MONTH = (
    "insights?list=missing",
    "insights?part=speed&list=slowest",
    "insights?part=articles&list=never_used",
    "insights?part=feedback&list=flags",
    "insights?part=coaching",
    "gaps",
    "gaps?gap=demo-g-trade-in",
)
WIDTHS = (1366, 683, 480)  # of a desk, the same at 200 %, of a telephone
LOOKS: tuple[tuple[Any, str], ...] = (("light", "en"), ("dark", "zh"))
SERIOUS = {"serious", "critical"}


@contextmanager
def looked_at(chromium: Browser, app: App, look: Any, lang: str, sample: str = "supervisor") -> Iterator[Page]:
    context = chromium.new_context(color_scheme=look, locale={"en": "en-US", "zh": "zh-CN"}[lang])
    sign_in(context, app.url, sample)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def page(request: pytest.FixtureRequest, chromium: Browser, app: App) -> Iterator[Page]:
    with looked_at(chromium, app, *request.param) as one:
        yield one


def serious(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds that keeps somebody from using the page: (rule, the first element)."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in SERIOUS]


def wider_than_the_window(page: Page) -> int:
    return max(0, int(page.evaluate("document.scrollingElement.scrollWidth - innerWidth")))


def in_the_way(page: Page) -> list[tuple[int, str, str]]:
    """What is cut off or serious, at every width: (width, rule, element); [] where everybody can use the page."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        wait_for(lambda: wider_than_the_window(page) == 0, 10, f"{page.url} fits into {width} px")
        found += [(width, *one) for one in serious(page)]
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_used_by_everybody(page: Page, app: App, path: str) -> None:
    page.goto(f"{app.url}/{path}")
    page.locator("h1, h2, #q, #source").first.wait_for(timeout=60_000)
    assert in_the_way(page) == []


@pytest.mark.parametrize(("look", "lang"), LOOKS)
def test_the_editors_page_of_learnt_questions_can_be_used_by_everybody(
    chromium: Browser, app: App, look: Any, lang: str
) -> None:
    """With a question that holds, its effect and its button."""
    database = Database(app.database)
    at, asked = datetime.now(UTC), f"the money came too late {look} {lang}"
    with database.write() as connection:
        learning.decide(connection, SAMPLES["editor"], "refund-times-en", asked, learning.NOD, at)

    def listed() -> bool:
        page.goto(f"{app.url}/learnt")
        page.locator("h1, h2").first.wait_for(timeout=60_000)
        settled(page)
        return page.get_by_text(asked).count() > 0

    with looked_at(chromium, app, look, lang, "editor") as page:
        wait_for(listed, 90, "the question is learnt")
        assert in_the_way(page) == []
    with database.write() as connection:
        learning.decide(connection, SAMPLES["editor"], "refund-times-en", asked, learning.REVOKE, datetime.now(UTC))
    database.close()


def test_an_open_article_with_its_bar_and_forms_can_be_used_by_everybody(page: Page, app: App) -> None:
    page.goto(app.url)
    wait_for(lambda: focused(page) == "q", 20, "the box has the focus")
    page.keyboard.press("Escape")
    page.keyboard.type("7-day return no reason", delay=5)
    answered(page, "7-day return no reason")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_visible()
    assert in_the_way(page) == []
    for key in ("Alt+p", "Alt+g", "Alt+k"):
        page.keyboard.press(key)
        expect(page.locator("#form")).to_be_visible()
        assert serious(page) == []
        page.keyboard.press("Escape")
    page.keyboard.press("Alt+q")
    expect(page.locator("button.reply").first).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#sheet")).to_be_visible()
    assert serious(page) == []


@pytest.fixture(scope="module")
def month(app: App) -> Iterator[None]:
    """The sample month in the app's base, and out of it again."""
    database = Database(app.database)
    served, _ = articles.read_all(app.articles)
    zone = site.load(app.articles).zone
    with database.write() as connection:
        demo.fill(connection, OPERATOR, {one.id: one.version for one in served}, datetime.now(UTC), zone)
    yield
    with database.write() as connection:
        demo.clear(connection, OPERATOR)
    database.close()


@pytest.mark.parametrize("path", WITH_A_MONTH)
def test_the_supervisors_pages_can_be_used_by_everybody_with_a_month_on_them(
    page: Page, app: App, month: None, path: str
) -> None:
    page.goto(f"{app.url}/{path}")
    page.get_by_test_id("stMain").locator("table, canvas, svg.marks").first.wait_for(timeout=60_000)
    assert in_the_way(page) == []
