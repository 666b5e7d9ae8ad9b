"""The first screen, with real keys in a real browser."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import App, answered, articles_shown, beside, focused, health, opened, start, wait_for
from tests.indexer.test_reranker import make

pytestmark = pytest.mark.browser

REST = 1_500  # ms after which a question stands (finder.js)


def ask(page: Page, question: str) -> None:
    page.keyboard.type(question, delay=10)
    answered(page, question)


def test_an_agent_types_and_sees_the_article_and_its_sentence_to_say(page: Page) -> None:
    ask(page, "refund to an expired card")
    assert articles_shown(page)[0] == "refund-expired-card-en"
    assert page.locator("#verdict").inner_text() == "Found"
    page.keyboard.press("Enter")
    expect(page.locator("h2").first).to_have_text("Refund to an expired or closed card")
    expect(page.locator("#text")).to_contain_text("Your money is not lost.")
    assert focused(page) == "q"
    assert page.locator("#q").input_value() == "refund to an expired card"


def test_a_chinese_agent_sees_the_chinese_article(context: BrowserContext, app: App) -> None:
    page = opened(context, f"{app.url}/?hl=zh")
    expect(page.locator("#q")).to_have_attribute("placeholder", "输入客户的问题")
    ask(page, "退款多久到账")
    assert articles_shown(page)[0] == "refund-times-zh"
    page.keyboard.press("Enter")
    expect(page.locator("h2").first).to_have_text("退款多久到账")
    expect(page.locator("#label")).to_have_text("话术")


def test_an_input_method_asks_nothing_until_the_word_is_whole(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda r: asked.append(str(r.post_data)) if r.url.endswith("/api/search") else None)
    keys = page.context.new_cdp_session(page)
    for typed in ("t", "tu", "tui", "tui k", "tui ku", "tui kuan"):
        keys.send("Input.imeSetComposition", {"text": typed, "selectionStart": len(typed), "selectionEnd": len(typed)})
        page.wait_for_timeout(120)
    assert asked == []
    keys.send("Input.insertText", {"text": "退款"})
    answered(page, "退款")
    assert len(asked) == 1
    assert '"q":"退款"' in asked[0]
    assert page.locator("#q").input_value() == "退款"


def test_arrows_move_enter_opens_and_escape_clears(page: Page) -> None:
    ask(page, "robot vacuum")
    rows = articles_shown(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.locator(".row[aria-selected=true]").get_attribute("data-article") == rows[1]
    title = page.locator(".row[aria-selected=true] .title").inner_text().removesuffix(" •")
    page.keyboard.press("Enter")
    expect(page.locator("h2").first).to_have_text(title)
    page.keyboard.press("Escape")
    expect(page.locator(".row")).to_have_count(0)
    assert page.locator("#q").input_value() == ""
    expect(page.locator("h2").first).to_have_text(title)


def test_slash_and_ctrl_k_bring_the_focus_back(page: Page) -> None:
    for key in ("/", "Control+k"):
        page.locator("#q").blur()
        assert focused(page) != "q"
        page.keyboard.press(key)
        assert focused(page) == "q"
    assert page.locator("#q").input_value() == ""


def test_what_is_copied_is_what_is_shown(page: Page) -> None:
    ask(page, "refund to an expired card")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_contain_text("Your money is not lost.")
    page.keyboard.press("Alt+c")
    expect(page.locator("#action")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#text").inner_text()


def test_an_open_slot_is_not_copied_until_it_is_filled(page: Page) -> None:
    page.evaluate("navigator.clipboard.writeText('before')")
    ask(page, "how long does a refund take")
    assert articles_shown(page)[0] == "refund-times-en"
    page.keyboard.press("Enter")
    expect(page.locator("#text .slot")).to_have_text("‹amount›")
    page.keyboard.press("Alt+c")
    expect(page.locator("#note")).to_have_text("Fill in first: amount")
    assert page.evaluate("navigator.clipboard.readText()") == "before"
    page.keyboard.type("¥88")
    page.keyboard.press("Enter")
    expect(page.locator("#action")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "¥88" in copied
    assert "{" not in copied


def test_an_error_code_stands_first_and_twins_are_one_key_away(page: Page) -> None:
    ask(page, "e 04")
    assert articles_shown(page)[0] == "vacuum-e04-en"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="中文").last.click()
    expect(page.locator("h2").first).to_contain_text("E-04")
    expect(page.locator("#text")).to_contain_text("轮子")


def test_a_stale_answer_never_overwrites_a_newer_one(page: Page) -> None:
    held: list[object] = []

    def slow(route: object) -> None:
        if '"q":"refund"' in (route.request.post_data or ""):  # type: ignore[attr-defined]
            held.append(route)
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/api/search", slow)
    page.keyboard.type("refund")
    wait_for(lambda: bool(page.wait_for_timeout(20) or held), 5, "the first question is on its way")
    page.keyboard.type(" shipping fee")
    answered(page, "refund shipping fee")
    before = articles_shown(page)
    for route in held:
        route.continue_()  # type: ignore[attr-defined]
    page.wait_for_timeout(500)
    assert articles_shown(page) == before
    assert page.locator("#list").get_attribute("data-q") == "refund shipping fee"


def test_a_failed_search_says_so_retries_and_never_looks_like_nothing_found(page: Page) -> None:
    broken = {"on": True}
    page.route("**/api/search", lambda route: route.abort() if broken["on"] else route.continue_())
    page.keyboard.type("refund")
    expect(page.locator("#status.trouble")).to_have_text("The server cannot be reached. Trying again…")
    assert page.locator("#verdict").is_hidden()
    assert "Nothing in the base" not in page.locator(".finder").inner_text()
    broken["on"] = False
    answered(page, "refund")
    assert articles_shown(page)


def test_a_search_that_is_refused_for_there_are_too_many_keeps_the_last_answer_and_is_asked_again(page: Page) -> None:
    ask(page, "refund")
    before, told, asked = articles_shown(page), "Too many are searching just now.", []

    def busy(route: object) -> None:
        asked.append(time.monotonic())
        body = json.dumps({"error": "search_busy", "message": told})
        route.fulfill(status=503, body=body, headers={"Retry-After": "2"})  # type: ignore[attr-defined]

    page.route("**/api/search", busy)
    page.keyboard.type(" shipping fee")
    expect(page.locator("#status.trouble")).to_have_text(told)
    assert articles_shown(page) == before
    sent = len(asked)
    page.wait_for_timeout(700)  # without Retry-After it would be there again after 300 ms
    assert len(asked) == sent
    page.unroute("**/api/search")
    answered(page, "refund shipping fee")
    assert page.locator("#status.trouble").count() == 0


def test_the_language_switch_keeps_words_and_article(page: Page) -> None:
    ask(page, "refund to an expired card")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_contain_text("Your money is not lost.")
    page.locator(".st-key-language").get_by_text("中文").click()
    expect(page.locator("#q")).to_have_attribute("placeholder", "输入客户的问题")
    expect(page.locator("#text")).to_contain_text("Your money is not lost.")
    page.reload()
    expect(page.locator("#q")).to_have_attribute("placeholder", "输入客户的问题")


def test_a_saved_article_is_found_without_a_restart_and_a_deleted_one_is_gone(page: Page, app: App) -> None:
    path = app.articles / "products" / "kettle-en.md"
    front = "---\nid: kettle-en\ntitle: Descaling the Lark kettle\nlang: en\nstate: validated\n---\n"
    started = time.monotonic()
    path.write_text(f"{front}\n::: say\nPour in the citric acid and boil once.\n:::\n\nRinse it twice.\n", "utf-8")
    ask(page, "limescale in my kettle")
    wait_for(lambda: "kettle-en" in _asked_again(page), 20, "the new article is found")
    print(f"saved → seen in {time.monotonic() - started:.1f} s")
    assert articles_shown(page)[0] == "kettle-en"
    path.unlink()
    wait_for(lambda: "kettle-en" not in _asked_again(page), 20, "the deleted article is gone")


def _asked_again(page: Page) -> list[str]:
    box = page.locator("#q")
    words = box.input_value()
    box.fill("")
    box.fill(words)
    answered(page, words)
    page.wait_for_timeout(150)
    return articles_shown(page)


def test_hostile_words_and_articles_run_nothing_and_fetch_nothing(context: BrowserContext, app: App) -> None:
    path = app.articles / "products" / "hostile-en.md"
    evil = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
    remote = "![x](http://evil.example/x.png) [y](javascript:window.pwned=1)"
    title = '"Qwertzuiop <script>window.pwned=1</script>"'
    path.write_text(
        f"---\nid: hostile-en\ntitle: {title}\nlang: en\nstate: validated\n---\n\n"
        f"::: say\n{evil} $x$ :red[a]\n:::\n\n{evil} {remote}\n",
        "utf-8",
    )
    outside: list[str] = []
    context.on(
        "request", lambda r: outside.append(r.url) if not r.url.startswith((app.url, "data:", "blob:")) else None
    )
    page = opened(context, app.url)
    ask(page, "qwertzuiop")
    wait_for(lambda: "hostile-en" in _asked_again(page), 20, "the hostile article is indexed")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_contain_text("<script>window.pwned=1</script>")
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert outside == []
    path.unlink()


def test_nothing_outside_is_asked_and_nothing_is_written_to_the_console_as_an_error(
    context: BrowserContext, app: App
) -> None:
    outside: list[str] = []
    errors: list[str] = []
    context.on(
        "request", lambda r: outside.append(r.url) if not r.url.startswith((app.url, "data:", "blob:")) else None
    )
    context.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page = opened(context, app.url)
    ask(page, "router red light")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_visible()
    assert outside == []
    assert errors == []


def test_the_sentence_that_answers_is_marked_on_the_card_and_in_the_article(page: Page) -> None:
    ask(page, "how long does the bank take with a refund to a closed card")
    marked = page.locator(".row[aria-selected=true] .answer")
    expect(marked).to_be_visible()
    sentence = " ".join(marked.inner_text().split())
    passage = page.locator(".row[aria-selected=true] .passage")
    assert sentence in " ".join(passage.inner_text().split())
    assert passage.evaluate("one => one.scrollHeight <= one.clientHeight + 1")  # nothing of it is cut off
    page.keyboard.press("Enter")
    expect(page.locator("h2").first).to_be_visible()
    expect(page.locator(".stMarkdownColoredBackground").first).to_be_visible()
    pieces = [" ".join(one.split()) for one in page.locator(".stMarkdownColoredBackground").all_inner_texts()]
    assert " · ".join(pieces) == sentence.removesuffix(";")  # of a table's row, each cell is marked


def test_without_a_reranker_no_question_is_asked_twice(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda r: asked.append(str(r.post_data)) if r.url.endswith("/api/search") else None)
    page.locator("#q").fill("refund to an expired card")
    answered(page, "refund to an expired card")
    page.wait_for_timeout(REST + 1_000)
    assert len(asked) == 1
    assert "settled" not in asked[0]


def test_a_question_that_stands_is_read_again_once_where_a_reranker_is_set_up(
    chromium: Browser, app: App, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    more = beside(app, home)
    reranker = str(make(tmp_path / "tiny"))
    own, process = start(app.articles, home, KB_RERANKER=reranker, KB_RERANKER_WEIGHT="900", **more)
    try:
        wait_for(lambda: health(own.url) == "ready", 120, "the encoder is warm")
        page = opened(chromium.new_context(locale="en-US"), own.url)
        asked: list[str] = []
        page.on("request", lambda r: asked.append(str(r.post_data)) if r.url.endswith("/api/search") else None)
        with page.expect_response(lambda r: '"settled":true' in str(r.request.post_data), timeout=60_000) as settled:
            with page.expect_response("**/api/search") as plain:
                page.locator("#q").fill("refund to an expired card")
            answered(page, "refund to an expired card")
        assert ['"settled":true' in one for one in asked] == [False, True]
        before, after = ([hit["article"] for hit in one.value.json()["hits"]] for one in (plain, settled))
        assert sorted(before) == sorted(after)
        assert before != after  # a random model that counts nine times as much puts them in another order
        wait_for(lambda: articles_shown(page) == after, 30, "the list is in that order")
        page.locator("#q").fill("robot vacuum")
        answered(page, "robot vacuum")
        page.keyboard.press("Enter")
        wait_for(lambda: '"settled":true' in asked[-1] and "robot" in asked[-1], 1.2, "Enter settles at once")
        page.context.close()
    finally:
        process.terminate()
        process.wait(timeout=20)
