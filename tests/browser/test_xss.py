"""Strings that try to become code, through every field a person fills and every view that shows it, in Chromium.

`make test` takes a sample; `make security` takes them all (SECURITY=long), and any list file (XSS_LIST=path).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from kb.calls import bulletins
from kb.calls.bulletins import Notice
from kb.db import Database
from kb.people.users import SAMPLES
from tests.browser.conftest import App, health, sign_in, start, wait_for
from tests.security.payloads import hostile
from tests.small_base import markdown

pytestmark = pytest.mark.browser

LONG = os.environ.get("SECURITY") == "long"
EVERY = 1 if LONG else 31  # of the strings, one in so many
A_PAGE = 120  # strings in the text of one article

# What article text, notices and queries may never become; Streamlit's own elements are outside of these places.
FORBIDDEN = """() => {
  const found = [], roots = [document];
  for (let at = 0; at < roots.length; at++) {
    for (const one of roots[at].querySelectorAll('*')) {
      if (one.shadowRoot) roots.push(one.shadowRoot);
      const tag = one.tagName.toLowerCase();
      const inText = one.closest('[data-testid="stMarkdownContainer"],[data-testid="stText"],[data-testid="stCode"],'
        + '[data-testid="stHeading"]') || roots[at] !== document;
      const own = roots[at] !== document && tag === 'style' && one.textContent.startsWith(':host');
      const bad = ['script', 'style', 'form', 'iframe', 'object', 'embed', 'link', 'meta', 'base', 'template'];
      if (inText && !own && bad.includes(tag)) found.push(tag + ': ' + one.outerHTML.slice(0, 200));
      for (const attribute of inText ? one.attributes : []) {
        const value = attribute.value.replace(/[\\s\\u0000-\\u0020]/g, '').toLowerCase();
        if (attribute.name.startsWith('on')) found.push(tag + '[' + attribute.name + ']');
        if (['href', 'src', 'action', 'data', 'srcdoc', 'xlink:href'].includes(attribute.name)
            && /^(javascript:|vbscript:|data:text)/.test(value))
          found.push(tag + '[' + attribute.name + '=' + value + ']');
        if (attribute.name === 'src' && /^(https?:)?\\/\\//.test(value) && !value.includes(location.host))
          found.push(tag + '[src=' + value + ']');
      }
    }
  }
  if (window.__ran) found.push('a script ran');
  if (document.title === 'ran') found.push('a script ran');
  return found;
}"""


@dataclass
class Watched:
    """A page, and whatever it did that it should not."""

    page: Page
    happened: list[str] = field(default_factory=list)

    def found(self) -> list[str]:
        return [*self.happened, *(str(one) for one in self.page.evaluate(FORBIDDEN))]


def watched(context: BrowserContext, url: str) -> Watched:
    one = Watched(context.new_page())
    host = url.split("//")[1].split("/")[0]
    one.page.on("dialog", lambda dialog: (one.happened.append(f"dialog {dialog.message}"), dialog.dismiss()))
    one.page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith(("data:", "blob:")) or asked.url.split("//")[1].split("/")[0] == host
            else one.happened.append(f"request {asked.url}")
        ),
    )
    one.page.on("framenavigated", lambda frame: None if host in frame.url else one.happened.append(frame.url))
    return one


STRINGS: Sequence[str] = hostile()[::EVERY]


REMOTE = "![x](http://evil.example/p.png)"  # as a title, an owner, a label: Streamlit draws pictures in all of them


def pieces() -> list[Sequence[str]]:
    return [[REMOTE], *(STRINGS[start : start + A_PAGE] for start in range(0, len(STRINGS), A_PAGE))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, real_home: Path) -> Iterator[App]:
    """A base in which every field of every article is hostile, and notices that are."""
    place = tmp_path_factory.mktemp("hostile")
    folder, home = place / "articles", place / "home"
    (folder / "troubleshooting").mkdir(parents=True)
    home.mkdir()
    os.symlink(real_home / "model", home / "model")
    for number, some in enumerate(pieces()):
        first, second, third = (some[at % len(some)].replace("\n", " ") for at in (0, 7, 19))
        text = markdown(
            f"hostile-{number}-en",
            f"Router {number} {first}",
            lang="en",
            questions=[f"router {number} {second}", third],
            owner=second[:60],
            say=f"{third} {first}".replace(":::", ""),
            body="\n\n".join(["## Hostile", *(one.replace(":::", "") for one in some)]),
        )
        (folder / f"troubleshooting/hostile-{number}-en.md").write_text(text, "utf-8")
    here, process = start(folder, home)
    try:
        wait_for(lambda: health(here.url) == "ready", 600 if LONG else 120, "the encoder is warm")
        wait_for(lambda: (home / "index" / "CURRENT").exists(), 1200 if LONG else 240, "the index is built")
        yield here
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_there_are_thousands_of_distinct_strings() -> None:
    assert len(set(hostile())) == len(hostile()) > 2_000


def test_no_article_becomes_code_wherever_it_is_shown(context: BrowserContext, site: App) -> None:
    sign_in(context, site.url)
    one = watched(context, site.url)
    for number in range(len(pieces())):
        one.page.goto(f"{site.url}/?article=hostile-{number}-en")
        one.page.locator(".st-key-article-pane").get_by_text(f"Router {number}").first.wait_for(timeout=30_000)
        one.page.locator("#q").wait_for(timeout=30_000)
        one.page.locator("#q").fill(f"router {number}")
        one.page.locator(f'#list[data-q="router {number}"]').wait_for(state="attached", timeout=20_000)
        assert one.found() == [], number


def test_nothing_typed_becomes_code_on_the_page_the_trail_or_the_notices(context: BrowserContext, site: App) -> None:
    sign_in(context, site.url, "supervisor")
    one = watched(context, site.url)
    some = [text.replace("\n", " ") for text in STRINGS[:: 1 if not LONG else 29]][:60]
    events = [{"id": f"x{n}", "kind": "search", "q": text, "ago": 60_000 - n} for n, text in enumerate(some)]
    answer = context.request.post(f"{site.url}/api/calls/X-1/events", data=json.dumps({"events": events}))
    assert answer.ok, answer.text()
    for path, body in (
        ("/api/promises", {"id": "p1", "call": "X-1", "what": some[3], "due": "2036-01-01T10:00:00"}),
        ("/api/gaps", {"id": "r1", "gap": "G-1", "call": "X-1", "q": some[5]}),
        ("/api/gaps/G-1/describe", {"report": "r1", "words": some[6], "suggestion": some[7]}),
    ):
        assert context.request.post(f"{site.url}{path}", data=json.dumps(body)).ok
    now = datetime.now(UTC)
    with Database(site.database).write() as connection:
        for text in some[:12]:
            notice = Notice("outage", text[:80], now + timedelta(hours=1), body=" ".join(some)[:1900], say=text[:300])
            bulletins.post(connection, SAMPLES["supervisor"], notice, now, {})
    for path in ("/calls?look=X-1", "/bulletins", "/today", "/practice", "/"):
        one.page.goto(f"{site.url}{path}")
        one.page.locator(".leave").wait_for(timeout=30_000)
        one.page.wait_for_timeout(1500)
        assert one.found() == [], path
    box = one.page.locator("#q")
    for text in some[:20]:
        box.fill(text[:300])
        one.page.wait_for_timeout(60)
    assert one.found() == []
