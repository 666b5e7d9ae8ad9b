"""The websocket of a page by itself: what is told over it may be anything, and what it draws is drawn whole."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa

from benchmarks.websocket import opened
from kb import tables
from kb.db import Database
from tests.browser.conftest import App
from tests.security import messaging
from tests.security.floods import FLOODS

pytestmark = pytest.mark.browser


def test_an_article_that_was_sent_before_is_sent_again(app: App) -> None:
    """A message that only stands for it would outlive the run it is of: keys that are faster than the page would bring
    it to a page with no place for it, which is blank from then on."""

    async def drawn() -> list[str]:
        async with opened(app.url, signed_in(app, "agent")) as tab:
            found = []
            for article in ("broadband-early-termination-en", "", "broadband-early-termination-en"):
                await tab.trigger("call", "show", {"article": article, "asked": "s"})
                found.append("|".join(tab.texts))
            return found

    with ThreadPoolExecutor(1) as other:  # Playwright has an event loop in this thread
        first, none, again = other.submit(asyncio.run, drawn()).result()
    assert first == again != none


def signed_in(app: App, sample: str) -> str:
    """The cookies of one of the demo's sample people."""
    answer = httpx.post(f"{app.url}/sign-in", data={"sample": sample})
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


def test_what_a_component_tells_may_be_anything(app: App) -> None:
    """One flood each here; all of them by `python -m tests.security.bounded`."""
    cookie = signed_in(app, "editor")
    with ThreadPoolExecutor(1) as other:  # Playwright has an event loop in this thread
        found = other.submit(
            messaging.costs, app.url, cookie, 0, {"half characters": FLOODS["half characters"]}
        ).result()
    with Database(app.database).write() as connection:
        connection.execute(sa.delete(tables.draft).where(tables.draft.c.article == messaging.ARTICLE))
    assert len(found) == sum(len(value) + 2 for *_, value in messaging.TOLD.values())
    assert {name: costs for name, costs in found.items() if any(one.broke for one in costs.values())} == {}
