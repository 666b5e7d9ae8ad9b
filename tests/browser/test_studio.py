"""The editor's studio in Chromium: an article is written, validated and found; nothing typed is lost or overwritten."""

from __future__ import annotations

import itertools
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kb.i18n import say
from tests.browser.conftest import App, answered, articles_shown, focused, opened, sign_in, wait_for

pytestmark = pytest.mark.browser

UNKNOWN = re.compile("There is no such article|没有这篇文章")
NUMBERS = itertools.count()  # an article for each test: drafts outlive their files

ARTICLE = """---
id: {id}
title: {title}
lang: {lang}
questions:
  - {question}
state: {state}
audience: internal
owner: editor
---

::: say
{say}
:::
"""


@pytest.fixture
def editor(chromium: Browser, app: App) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-US", viewport={"width": 1366, "height": 900})
    sign_in(context, app.url, "editor")
    yield context
    context.close()


@pytest.fixture
def written(app: App) -> Iterator[Path]:
    """An article of these tests' own, gone afterwards."""
    path = app.articles / "products" / f"samovar-{next(NUMBERS)}-en.md"
    facts = {"id": path.stem, "title": "Descale the samovar", "lang": "en", "question": "flakes in the samovar"}
    path.write_text(ARTICLE.format(**facts, state="wip", say="Boil vinegar once."))
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def twins(app: App) -> Iterator[tuple[Path, Path]]:
    """An article and its twin, gone afterwards."""
    number = next(NUMBERS)
    words = {
        "en": {"title": "Return a samovar", "question": "samovar back", "say": "Within 7 days of delivery."},
        "zh": {"title": "茶炊怎么退", "question": "退茶炊", "say": "签收后七天内。"},
    }
    paths = tuple(app.articles / "products" / f"samovar-{number}-{lang}.md" for lang in words)
    for path, twin, (lang, said) in zip(paths, reversed(paths), words.items(), strict=True):
        facts = said | {"id": path.stem, "lang": {"zh": "zh-CN"}.get(lang, lang)}
        text = ARTICLE.format(**facts, state="wip").replace("owner: editor", f"owner: editor\ntwin: {twin.stem}")
        path.write_text(text, "utf-8")
    yield paths[0], paths[1]
    for path in paths:
        path.unlink(missing_ok=True)


def source(page: Page) -> str:
    return page.locator("#source").input_value()


def kept(page: Page, lang: str = "en") -> None:
    """Wait until the page has what was typed."""
    page.locator("#status").get_by_text(say(lang, "editor.draft")).wait_for(timeout=30_000)


def edit(context: BrowserContext, app: App, id: str, lang: str = "") -> Page:
    """The editor on an article, as soon as the app knows of it."""
    page = context.new_page()
    unknown = page.get_by_text(UNKNOWN)

    def there() -> bool:
        page.goto(f"{app.url}/edit?id={id}" + (f"&hl={lang}" if lang else ""))
        page.locator("#source").or_(unknown).first.wait_for(timeout=60_000)
        return not unknown.is_visible()

    wait_for(there, 90, f"{id} is open")
    return page


def saved(page: Page, sentence: str) -> None:
    page.keyboard.press("Control+s")
    page.get_by_text(sentence).first.wait_for(timeout=30_000)


@pytest.mark.parametrize(
    ("lang", "labels", "words"),
    [
        (
            "en",
            {"new": "New article", "title": "Title", "id": "Id", "begin": "Begin", "saved": "Agents found it"},
            {"title": "Descale the samovar", "question": "white flakes in the samovar", "say": "Boil vinegar once."},
        ),
        (
            "zh",
            {"new": "新文章", "title": "标题", "id": "编号", "begin": "开始写", "saved": "坐席已能搜到"},
            {"title": "茶炊除垢", "question": "茶炊里有白色水垢", "say": "用白醋烧一次即可。"},
        ),
    ],
)
def test_an_article_is_written_validated_and_found_by_an_agent(
    editor: BrowserContext, context: BrowserContext, app: App, lang: str, labels: dict[str, str], words: dict[str, str]
) -> None:
    page, id = editor.new_page(), f"samovar-{lang}"
    page.goto(f"{app.url}/studio?hl={lang}")
    page.get_by_role("button", name=labels["new"]).click()
    page.get_by_label(labels["title"], exact=True).fill(words["title"])
    page.get_by_label(labels["id"], exact=True).fill(id)
    page.get_by_role("button", name=labels["begin"]).click()
    page.locator("#source").wait_for(timeout=20_000)
    assert f"id: {id}\ntitle: {words['title']}\n" in source(page)
    try:
        page.locator("#source").fill(
            ARTICLE.format(id=id, lang=lang.replace("zh", "zh-CN"), state="validated", **words)
        )
        expect(page.locator("#text")).to_have_text(words["say"], timeout=15_000)  # as the agent will see it
        page.locator("#source").focus()
        saved(page, labels["saved"])
        assert (app.articles / "products" / f"{id}.md").read_text("utf-8") == source(page)
        agent = opened(context, app.url)
        agent.keyboard.type(words["question"])
        answered(agent, words["question"])
        assert agent.locator(".row").first.get_attribute("data-article") == id
    finally:
        (app.articles / "products" / f"{id}.md").unlink(missing_ok=True)


def test_what_was_typed_is_there_after_a_reload(editor: BrowserContext, app: App, written: Path) -> None:
    page = edit(editor, app, written.stem)
    page.locator("#source").press("Control+End")
    page.keyboard.type("Half a sentence")
    kept(page)
    page.reload()
    page.locator("#source").wait_for(timeout=20_000)
    assert source(page).endswith("Half a sentence")
    assert "Half a sentence" not in written.read_text()
    page.get_by_role("button", name="Drop the draft").click()
    wait_for(lambda: source(page) == written.read_text(), 15, "the article is shown as it is")


def test_what_the_server_never_heard_is_kept_by_the_browser(editor: BrowserContext, app: App, written: Path) -> None:
    page = edit(editor, app, written.stem)
    page.locator("#source").press("Control+End")
    editor.set_offline(True)
    page.keyboard.type("Written on the train")
    page.wait_for_timeout(700)
    editor.set_offline(False)
    page.close()
    again = edit(editor, app, written.stem)
    wait_for(lambda: source(again).endswith("Written on the train"), 15, "the text came back")
    kept(again)
    assert source(again) == written.read_text() + "Written on the train"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_save_over_another_ones_shows_both_and_merges(
    editor: BrowserContext, chromium: Browser, app: App, written: Path, lang: str
) -> None:
    page = edit(editor, app, written.stem, lang)
    page.locator("#source").press("Control+End")
    page.keyboard.type("Rinse it twice.")
    kept(page, lang)
    theirs = written.read_text().replace("Boil vinegar once.", "Boil lemon juice once.")
    other = chromium.new_context(locale="en-US")
    sign_in(other, app.url, "supervisor")
    try:
        second = edit(other, app, written.stem, lang)
        second.locator("#source").fill(theirs)
        second.locator("#source").focus()
        saved(second, say(lang, "edit.saved"))
    finally:
        other.close()
    assert written.read_text() == theirs
    page.locator("#source").focus()
    saved(page, say(lang, "edit.conflict"))
    assert written.read_text() == theirs
    for line in ("+Rinse it twice.", "-Boil vinegar once.", "+Boil lemon juice once."):
        expect(page.locator(".st-key-conflict").get_by_text(line)).to_be_visible()
    page.get_by_role("button", name=say(lang, "edit.merge")).click()
    wait_for(lambda: "lemon juice" in source(page), 15, "both are in the text")
    page.locator("#source").focus()
    saved(page, say(lang, "edit.saved"))
    assert written.read_text() == theirs + "Rinse it twice."


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_edit_on_disk_is_found_by_agents_kept_in_the_history_and_never_written_over(
    editor: BrowserContext, context: BrowserContext, app: App, written: Path, lang: str
) -> None:
    page = edit(editor, app, written.stem, lang)
    page.locator("#source").press("Control+End")
    page.keyboard.type("Mine.")
    kept(page, lang)
    question = f"quince jelly in the samovar {written.stem}"
    theirs = written.read_text().replace("flakes in the samovar", question).replace("state: wip", "state: validated")
    written.write_text(theirs)
    agent = opened(context, app.url)

    def found() -> bool:
        agent.locator("#q").fill("")
        agent.locator("#q").fill(question)
        answered(agent, question)
        return written.stem in articles_shown(agent)

    wait_for(found, 60, "agents find what was written on disk")
    page.locator("#source").focus()
    saved(page, say(lang, "edit.conflict"))
    assert written.read_text() == theirs
    page.get_by_role("tab", name=say(lang, "edit.history")).click()
    page.get_by_text(f"disk · {say(lang, 'edit.cause_disk')}").first.wait_for(timeout=30_000)


def test_a_second_person_is_told_at_once(editor: BrowserContext, chromium: Browser, app: App, written: Path) -> None:
    page = edit(editor, app, written.stem)
    page.locator("#source").press("Control+End")
    page.keyboard.type("Mine.")
    kept(page)
    other = chromium.new_context(locale="zh-CN")
    sign_in(other, app.url, "supervisor")
    try:
        expect(edit(other, app, written.stem).get_by_text("editor 也在改这一篇")).to_be_visible()
    finally:
        other.close()


def test_an_agent_reads_a_validated_article_here_and_writes_none(context: BrowserContext, app: App) -> None:
    sign_in(context, app.url, "agent")
    page = edit(context, app, "refund-expired-card-en")
    assert page.locator("#source").get_attribute("readonly") is not None
    assert not page.locator("#save").is_visible()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_earlier_version_is_restored(editor: BrowserContext, app: App, written: Path, lang: str) -> None:
    first = written.read_text()
    page = edit(editor, app, written.stem, lang)
    page.locator("#source").fill(first.replace("Boil vinegar once.", "Boil it dry."))
    page.locator("#source").focus()
    saved(page, say(lang, "edit.saved"))
    page.get_by_role("tab", name=say(lang, "edit.history")).click()
    page.get_by_text(f"disk · {say(lang, 'edit.cause_disk')}").last.click()
    page.get_by_role("button", name=say(lang, "edit.restore")).click()
    page.get_by_text(say(lang, "edit.restored_version")).wait_for(timeout=30_000)
    assert written.read_text() == first
    wait_for(lambda: source(page) == first, 30, "the field shows it too")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_both_languages_are_written_side_by_side_and_saved_each_for_itself(
    editor: BrowserContext, app: App, twins: tuple[Path, Path], lang: str
) -> None:
    en, zh = twins
    page = edit(editor, app, en.stem, lang)
    edit(editor, app, zh.stem, lang).close()  # the base has both
    page.get_by_role("button", name=say(lang, "twin.beside")).click()
    fields = page.locator("#source")
    expect(fields).to_have_count(2, timeout=30_000)
    before = zh.read_text("utf-8")
    fields.nth(0).fill(en.read_text().replace("7 days", "9 days"))
    fields.nth(0).focus()
    saved(page, say(lang, "edit.saved"))
    assert (en.read_text().count("9 days"), zh.read_text("utf-8")) == (1, before)
    late = say(lang, "twin.behind_today", early=say(lang, "studio.lang_en"), late=say(lang, "studio.lang_zh"))
    expect(page.get_by_text(late)).to_be_visible(timeout=30_000)
    expect(page.get_by_text(re.compile('["“]9 days["”]')).first).to_be_visible()  # and the other one says seven
    fields.nth(1).fill(before.replace("七天", "九天"))
    fields.nth(1).focus()
    page.keyboard.press("Control+s")
    expect(page.get_by_text(say(lang, "twin.in_step"))).to_be_visible(timeout=30_000)
    assert "九天" in zh.read_text("utf-8")


def test_a_finding_leads_to_its_line(editor: BrowserContext, app: App, written: Path) -> None:
    page = edit(editor, app, written.stem)
    page.locator("#source").press("Control+End")
    page.keyboard.type("\nSee [gone](gone-en.md).")
    kept(page)
    page.get_by_role("tab", name="To mend").click()
    page.get_by_text("The link leads nowhere: gone-en.md").wait_for(timeout=15_000)
    line = source(page).count("\n") + 1
    page.get_by_role("button", name=f"Line {line}", exact=True).click()
    chosen = "(area) => area.value.slice(area.selectionStart, area.selectionEnd)"
    wait_for(lambda: page.locator("#source").evaluate(chosen) == "See [gone](gone-en.md).", 10, "the line is chosen")
    assert focused(page) == "source"


PASTE = """(area) => {
  const canvas = document.createElement("canvas");
  canvas.width = 40; canvas.height = 20;
  canvas.getContext("2d").fillRect(0, 0, 40, 20);
  return new Promise((done) => canvas.toBlob((blob) => {
    const data = new DataTransfer();
    data.items.add(new File([blob], "screen.png", { type: "image/png" }));
    area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    done();
  }));
}"""


@pytest.mark.parametrize(("lang", "alt"), [("en", "picture"), ("zh", "图片")])
def test_a_pasted_picture_is_shown_as_the_agent_will_see_it(
    editor: BrowserContext, app: App, written: Path, lang: str, alt: str
) -> None:
    edit(editor, app, written.stem).close()
    page = editor.new_page()
    page.goto(f"{app.url}/edit?id={written.stem}&hl={lang}")
    page.locator("#source").wait_for(timeout=20_000)
    page.locator("#source").press("Control+End")
    page.locator("#source").evaluate(PASTE)
    shown = page.locator(f'.st-key-article-pane img[alt="{alt}"]')
    shown.wait_for(timeout=30_000)
    wait_for(lambda: shown.evaluate("(one) => one.naturalWidth") == 40, 10, "the picture is loaded")
    assert f"/articles-media/{written.stem}/" in str(shown.get_attribute("src"))
    assert f"![{alt}](../_media/" in source(page)


@pytest.mark.parametrize(
    ("lang", "tab", "button"),
    [("en", "Who is found", "Ask with this draft"), ("zh", "谁先被搜到", "带上这份草稿问一遍")],
)
def test_a_draft_says_where_agents_would_find_it(
    editor: BrowserContext, app: App, written: Path, lang: str, tab: str, button: str
) -> None:
    page = edit(editor, app, written.stem)
    page.goto(f"{app.url}/edit?id={written.stem}&hl={lang}")
    page.get_by_role("tab", name=tab).click()
    page.get_by_role("button", name=button).click()
    place = {"en": "– → 1.", "zh": "– → 第 1"}[lang]
    expect(page.get_by_role("tabpanel", name=tab)).to_contain_text(f"{place} flakes in the samovar", timeout=30_000)
    assert written.read_text().count("state: wip") == 1


@pytest.mark.parametrize(
    ("lang", "labels"),
    [
        ("en", {"view": "Import", "button": "Import 1 articles", "done": "1 articles imported.", "new": "New 1"}),
        ("zh", {"view": "导入", "button": "导入 1 篇", "done": "已导入 1 篇。", "new": "新增 1"}),
    ],
)
def test_a_zip_is_looked_at_before_it_is_imported(
    editor: BrowserContext, app: App, tmp_path: Path, lang: str, labels: dict[str, str]
) -> None:
    name, place = f"steam-{lang}", app.articles / f"returns-{lang}"
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr(f"returns-{lang}/{name}.md", "# Return a steamer\n\nWithin seven days, in its box.\n")
        archive.writestr("broken.json", "{")
    page = editor.new_page()
    page.goto(f"{app.url}/studio?hl={lang}&view=import")
    page.locator("input[type=file]").wait_for(state="attached", timeout=20_000)
    page.locator("input[type=file]").set_input_files(tmp_path / "export.zip")
    try:
        page.get_by_text(labels["new"]).wait_for(timeout=30_000)
        assert not place.exists()  # a dry run
        page.get_by_role("button", name=labels["button"]).click()
        page.get_by_text(labels["done"]).wait_for(timeout=30_000)
        (written,) = place.iterdir()
        assert "title: Return a steamer\n" in written.read_text("utf-8")
        assert "owner: editor\n" in written.read_text("utf-8")
    finally:
        shutil.rmtree(place, ignore_errors=True)
