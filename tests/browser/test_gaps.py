"""A gap in Chromium, from the call that missed to the article that answers it: agent, supervisor, editor, agent."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kb import tables
from kb.db import Database
from kb.i18n import say
from tests.browser.conftest import WINDOW, App, answered, opened, sign_in, wait_for

pytestmark = pytest.mark.browser

WORDS = {
    "en": {
        "question": "may I wash the drone in the dishwasher",
        "title": "A drone is never washed in the dishwasher",
        "asked": "is my drone dishwasher safe",
        "say": "Please do not put the drone into a dishwasher: wipe it with a dry cloth.",
        "body": "Water ruins the motors and the battery. Wipe the propellers one by one and let them dry.",
        "lang": "en",
    },
    "zh": {
        "question": "无人机能放洗碗机里洗吗",
        "title": "无人机不能放进洗碗机清洗",
        "asked": "洗碗机可以洗无人机吗",
        "say": "请不要把无人机放进洗碗机，用干布擦干净就可以。",
        "body": "水会损坏电机和电池。请先拆下桨叶，一片一片擦干净，晾干后再装回去。机身上的灰尘用软毛刷轻轻刷掉即可。",
        "lang": "zh-CN",
    },
}
ARTICLE = """---
id: {id}
title: {title}
lang: {lang}
questions:
  - {question}
  - {asked}
state: validated
audience: internal
owner: editor
---

::: say
{say}
:::

{body}
"""


def gap_of(app: App, question: str) -> Any:
    """The gap with this question as it is now, None where there is none."""
    database = Database(app.database)
    with database.read() as connection:
        return connection.execute(sa.select(tables.gap).where(tables.gap.c.question == question)).one_or_none()


def seen_by(chromium: Browser, app: App, sample: str, lang: str) -> BrowserContext:
    locale = {"en": "en-US", "zh": "zh-CN"}[lang]
    context = chromium.new_context(locale=locale, viewport=WINDOW, ignore_https_errors=True)
    sign_in(context, app.url, sample)
    return context


def on_gap(context: BrowserContext, app: App, gap: str, lang: str) -> Page:
    page = context.new_page()
    page.goto(f"{app.url}/gaps?gap={gap}&hl={lang}")
    page.get_by_text(say(lang, "gaps.history")).wait_for(timeout=60_000)
    return page


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_nobody_could_answer_is_given_written_proven_and_told(
    chromium: Browser, context: BrowserContext, app: App, lang: str
) -> None:
    id, gap = from_a_miss_to_its_answer(chromium, context, app, lang)
    assert (gap.state, gap.owner, gap.article) == ("verified", "editor", id)


def from_a_miss_to_its_answer(chromium: Browser, context: BrowserContext, app: App, lang: str) -> tuple[str, Any]:
    """Agent, supervisor, editor, agent: the id of the article that was written, and the gap in the end."""
    words, question = WORDS[lang], WORDS[lang]["question"]
    agent = opened(context, f"{app.url}/?hl={lang}")
    agent.keyboard.type(question)
    answered(agent, question)
    agent.keyboard.press("Alt+n")
    wait_for(lambda: gap_of(app, question) is not None, 20, "the gap is recorded")
    gap = gap_of(app, question)

    supervisor = seen_by(chromium, app, "supervisor", lang)
    page = on_gap(supervisor, app, gap.id, lang)
    page.get_by_role("button", name=say(lang, "gaps.do_triaged"), exact=True).click()
    wait_for(lambda: gap_of(app, question).state == "triaged", 30, "it is triaged")
    page.get_by_role("button", name=say(lang, "gaps.do_assigned")).first.click()
    page.locator("form, [data-testid=stForm]").get_by_role("button", name=say(lang, "gaps.do_assigned")).click()
    wait_for(lambda: gap_of(app, question).state == "assigned", 30, "it is given to the editor")
    assert gap_of(app, question).owner == "editor"
    supervisor.close()

    editor = seen_by(chromium, app, "editor", lang)
    page = on_gap(editor, app, gap.id, lang)
    page.get_by_role("button", name=say(lang, f"diagnosis.write_{lang}")).click()
    source = page.locator("#source")
    source.wait_for(timeout=60_000)
    assert question in source.input_value()  # the gap's own words, as its first question
    id = source.input_value().split("id: ")[1].split("\n")[0]
    try:
        source.fill(ARTICLE.format(**(words | {"id": id})))
        expect(page.locator("#text")).to_have_text(words["say"], timeout=30_000)
        source.focus()
        page.keyboard.press("Control+s")
        wait_for(lambda: gap_of(app, question).article == id, 60, "the gap is published")
        wait_for(lambda: gap_of(app, question).state == "verified", 90, "its own question finds the article")
        agent.goto(f"{app.url}/today?hl={lang}")
        expect(agent.get_by_text(words["title"]).first).to_be_visible(timeout=30_000)
        return id, gap_of(app, question)
    finally:
        editor.close()
        for path in app.articles.rglob(f"{id}.md"):
            path.unlink()
