"""How the app begins: words at once, meaning soon, and a first index made before the eyes."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import (
    ROOT,
    App,
    answered,
    answers,
    articles_shown,
    end_calls,
    health,
    sign_in,
    start,
    wait_for,
)

pytestmark = pytest.mark.browser


def test_on_a_built_base_the_first_answer_comes_within_seconds_and_says_it_is_by_words(
    app: App, context: BrowserContext
) -> None:
    end_calls(app)
    began = time.monotonic()
    here, process = start(app.articles, app.home, KB_DATABASE_URL=app.database)
    try:
        wait_for(lambda: answers(here.url), 30, "the server answers")
        sign_in(context, here.url)
        page = context.new_page()
        page.goto(here.url)
        page.locator("#q").fill("refund to an expired card")
        answered(page, "refund to an expired card")
        seconds = time.monotonic() - began
        print(f"start → first answer {seconds:.1f} s")
        assert articles_shown(page)[0] == "refund-expired-card-en"
        assert seconds < 20
        wait_for(lambda: health(here.url) == "ready", 60, "the encoder is warm")
        print(f"start → encoder warm {time.monotonic() - began:.1f} s")
        expect(page.locator("#status")).not_to_contain_text("warms up", timeout=10_000)
        expect(page.locator("#verdict")).to_have_text("Found")
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_without_an_index_the_page_says_so_and_opens_by_itself(
    tmp_path: Path, real_home: Path, context: BrowserContext
) -> None:
    shutil.copytree(ROOT / "articles" / "refund-policy", tmp_path / "articles" / "refund-policy")
    home = tmp_path / "home"
    home.mkdir()
    os.symlink(real_home / "model", home / "model")
    here, process = start(tmp_path / "articles", home)
    try:
        wait_for(lambda: answers(here.url), 30, "the server answers")
        sign_in(context, here.url)
        page = context.new_page()
        page.goto(here.url)
        expect(page.get_by_text("The index is being built for the first time.")).to_be_visible(timeout=10_000)
        page.locator("#q").wait_for(timeout=90_000)
        page.locator("#q").fill("price dropped after I bought it")
        answered(page, "price dropped after I bought it")
        assert articles_shown(page)[0] == "price-protection-en"
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_an_empty_base_says_where_articles_go(tmp_path: Path, real_home: Path, context: BrowserContext) -> None:
    (tmp_path / "articles").mkdir()
    home = tmp_path / "home"
    home.mkdir()
    os.symlink(real_home / "model", home / "model")
    here, process = start(tmp_path / "articles", home)
    try:
        wait_for(lambda: answers(here.url), 30, "the server answers")
        sign_in(context, here.url)
        page = context.new_page()
        page.goto(here.url)
        expect(page.get_by_text("There are no articles yet.")).to_be_visible(timeout=60_000)
        page.locator("#q").fill("refund")
        expect(page.locator("#verdict")).to_have_text("Probably not in the base – nearest articles", timeout=10_000)
    finally:
        process.terminate()
        process.wait(timeout=20)
