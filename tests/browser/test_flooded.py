"""What a page's components tell over its websocket may be anything: the page goes on, and never shows a traceback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Database
from tests.browser.conftest import App
from tests.security import messaging
from tests.security.floods import FLOODS

pytestmark = pytest.mark.browser


def test_what_a_component_tells_may_be_anything(app: App) -> None:
    """One flood each here; all of them by `python -m tests.security.bounded`."""
    answer = httpx.post(f"{app.url}/sign-in", data={"sample": "editor"})
    cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
    with ThreadPoolExecutor(1) as other:  # Playwright has an event loop in this thread
        found = other.submit(
            messaging.costs, app.url, cookie, 0, {"half characters": FLOODS["half characters"]}
        ).result()
    with Database(app.database).write() as connection:
        connection.execute(sa.delete(tables.draft).where(tables.draft.c.article == messaging.ARTICLE))
    assert len(found) == sum(len(value) + 2 for *_, value in messaging.TOLD.values())
    assert {name: costs for name, costs in found.items() if any(one.broke for one in costs.values())} == {}
