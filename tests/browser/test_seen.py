"""The running app as those see it who keep it running: its log, its metrics, whether it is ready. Nobody is in them."""

from __future__ import annotations

import json
import urllib.request
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import App, answered, opened, sign_in

pytestmark = pytest.mark.browser

WORDS, NAME, PHONE, WRONG = "昨天退款给王小敏", "ouyang.nana", "13987654321", "my secret passphrase"
PERSONAL = (WORDS, "王小敏", NAME, PHONE, WRONG, "127.0.0.1")


@pytest.fixture
def used(context: BrowserContext, app: App) -> App:
    """The app after a search, a call, a gap, sign-ins that fail and requests that are wrong, all with personal data."""
    page = opened(context, f"{app.url}/?q={quote(WORDS)}")
    page.locator("#q").fill(f"{WORDS} {PHONE}")
    answered(page, f"{WORDS} {PHONE}")
    ask = context.request
    call = f"/api/calls/{quote(NAME)}"
    for path, body in (
        ("/api/calls", {"call": NAME, "q": WORDS}),
        (f"{call}/events", {"events": [{"id": "seen-1", "kind": "search", "q": f"{WORDS} {PHONE}"}]}),
        ("/api/gaps", {"id": "seen-2", "gap": "seen-3", "call": NAME, "q": WORDS}),
        (f"{call}/end", {}),
        ("/api/search", {"q": WORDS, "product": NAME}),
        ("/api/search", {"q": PHONE, "settled": True}),
        (f"/api/{quote(WORDS)}", {}),
    ):
        ask.post(app.url + path, data=json.dumps(body))
    ask.post(f"{app.url}/api/search", data=WORDS.encode())
    ask.post(f"{app.url}/api/search", data="{}", headers={"origin": f"http://{NAME}.example"})
    ask.get(f"{app.url}/{quote(WORDS)}?q={quote(PHONE)}", headers={"host": f"{NAME}.example"})
    ask.get(f"{app.url}/articles-media/{NAME}/{PHONE}.png")
    page.close()
    context.clear_cookies()
    ask.post(f"{app.url}/sign-in", form={"name": NAME, "password": WRONG})
    ask.post(f"{app.url}/api/search", data="{}", headers={"authorization": f"Bearer {NAME}"})
    sign_in(context, app.url)
    return app


def test_its_log_tells_what_happened_and_of_nobody(used: App) -> None:
    written = used.log.read_text("utf-8")
    lines = [json.loads(line) for line in written.splitlines()]
    assert all({"at", "level", "event"} <= set(line) for line in lines)
    assert [line["event"] for line in lines].count("started") >= 1
    assert [line["state"] for line in lines if line["event"] == "build"][:1] == ["published"]
    routes = {(line["route"], line["status"]) for line in lines if line["event"] == "request"}
    assert {("/api/calls/{id}/events", 200), ("/api/calls/{id}/end", 200), ("/api/search", 400)} <= routes
    assert {line.get("code") for line in lines if line["event"] == "refused"} >= {"origin_refused", "key_wrong"}
    assert all(len(line["request"]) == 16 for line in lines if line["event"] in ("request", "refused"))
    beside = (used.home / "stderr.txt").read_text("utf-8")
    for one in PERSONAL:
        assert one not in written
        assert json.dumps(one)[1:-1] not in written
        assert one not in beside
    assert "Traceback" not in written + beside


def test_its_metrics_are_at_their_own_port_and_of_nobody(used: App) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{used.metrics}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    shown = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(shown['firstcall_encoder_state{state="ready"}']) == 1
    assert float(shown["firstcall_articles_indexed"]) >= 70
    assert float(shown['firstcall_search_seconds_count{asked="settled"}']) >= 1
    assert float(shown['firstcall_refusals_total{code="origin_refused"}']) >= 1
    assert float(shown['firstcall_builds_total{outcome="published"}']) >= 1
    for one in PERSONAL:
        assert one not in text


def test_it_is_ready(app: App) -> None:
    with urllib.request.urlopen(f"{app.url}/readyz", timeout=10) as answer:
        assert json.loads(answer.read()) == {
            "ready": True,
            "parts": {"index": "ok", "generation": "ok", "database": "ok"},
        }
