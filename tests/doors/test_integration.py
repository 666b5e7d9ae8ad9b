"""docs/integration.md: every command of it is run as it stands, against the app's own doors."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from kb.config import ROOT, Settings
from kb.doors import wiring
from kb.doors.v1.table import DOORS
from kb.people import keys
from kb.people.users import GRANTED, OPERATOR
from kb.systems import outbox, webhooks
from tests import gated
from tests.fake_encoder import HashEncoder
from tests.test_docs import blocks

PAGE = (ROOT / "docs/integration.md").read_text("utf-8")
BASE = gated.HERE


@dataclass(frozen=True)
class Curl:
    """One `curl` of the page."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None


def curl(words: list[str]) -> Curl:
    """What a curl command sends. Raises ValueError for an option that no command here has."""
    url, headers, body, rest = "", {}, None, iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(rest)
        elif not word.startswith("-"):
            url = word
        elif word != "-s":
            raise ValueError(word)
    return Curl("GET" if body is None else "POST", url, headers, body)


def commands(key: str) -> list[Curl]:
    text = "\n".join(blocks(PAGE, "sh"))
    found = re.findall(r"^curl .*?(?=^\S|\Z|\n\n)", text, re.MULTILINE | re.DOTALL)
    filled = (one.replace("\\\n", " ").replace("$BASE", BASE).replace("$KEY", key) for one in found)
    return [curl(shlex.split(one)) for one in filled]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[tuple[TestClient, str]]:
    """The sample base, and a key with every scope."""
    shutil.copytree(ROOT / "articles", tmp_path / "articles")
    settings = Settings(
        articles=tmp_path / "articles", home=tmp_path, database_url=f"sqlite:///{tmp_path}/firstcall.sqlite"
    )
    encoder = HashEncoder()
    wiring.build(settings, encoder)
    desk = wiring.Desk(settings, encoder=encoder, encoder_state="ready")
    desk.open()
    with desk.database.write() as connection:
        key = keys.add(connection, OPERATOR, "our CRM", tuple(GRANTED), datetime.now(UTC))
    with gated.client(desk, sample="") as one:
        yield one, key


def test_every_request_of_the_page_is_answered(client: tuple[TestClient, str]) -> None:
    browser, key = client
    answers: dict[str, Any] = {}
    sent = commands(key)
    for one in sent:
        answer = browser.request(one.method, one.url, headers=one.headers, content=one.body)
        assert answer.status_code in (200, 201), (one, answer.text)
        answers[f"{one.method} {one.url.removeprefix(BASE + '/api/v1/')}"] = answer.json()
    assert len(sent) >= 9
    assert answers["POST search"]["hits"][0]["article"] == "refund-times-zh"
    assert len(answers["GET articles?lang=en&limit=20"]["articles"]) == 20
    assert answers["GET articles/refund-expired-card-en"]["article"]["lang"] == "en"
    (recorded,) = answers["GET gaps?state=new"]["gaps"]
    assert (recorded["id"], recorded["question"]) == (answers["POST gaps"]["gap"], "can I pay in digital yuan")
    assert answers["POST articles"]["article"]["state"] == "wip"
    assert answers["POST calls"]["call"]["product"] == "LH-R3000"
    assert answers["GET calls/crm-77/summary"]["text"].split("\n")[1] == "客户问：my router blinks red"
    again = browser.request("POST", f"{BASE}/api/v1/gaps", headers=sent[3].headers, content=sent[3].body)
    assert again.json() == answers["POST gaps"]


def test_the_receiver_of_the_page_knows_our_messages_from_others() -> None:
    (source,) = blocks(PAGE, "python")
    scope: dict[str, Any] = {}
    exec(source, scope)
    is_ours, at, body = scope["is_ours"], datetime.now(UTC), '{"type": "gap.closed", "词": 1}'.encode()
    sent: dict[str, str] = {}

    def by(_: str, __: bytes, headers: Mapping[str, str]) -> int:
        sent.update({name.lower(): value for name, value in headers.items()})
        return 204

    hook = webhooks.Hook("m", "evt_1", "https://x/", "gap.closed", body.decode(), 0)
    assert webhooks.send(hook, ("the-new-secret-one", "the-old-secret-two"), at, by) == webhooks.Sent()
    assert is_ours(sent, body, "the-new-secret-one")
    assert is_ours(sent, body, "the-old-secret-two")
    assert not is_ours(sent, body, "another-secret-of-ours")
    assert not is_ours(sent, body + b" ", "the-new-secret-one")
    assert not is_ours(sent | {"webhook-id": "evt_2"}, body, "the-new-secret-one")
    assert not is_ours(sent, body, "the-new-secret-one", now=at.timestamp() + 301)
    assert set(outbox.KINDS) == set(re.findall(r"`([a-z]+\.[a-z_]+)`", PAGE.split("## Webhooks")[1].split("\n\n")[1]))


def test_the_page_names_every_scope_and_says_nothing_of_others() -> None:
    named = re.findall(r"^\| `([a-z:]+)` \|", PAGE, re.MULTILINE)
    assert named == list(GRANTED)
    assert {one.scope for one in DOORS} <= set(named)


def test_the_set_up_of_an_assistant_is_json_and_its_command_exists() -> None:
    (shown,) = [json.loads(one) for one in blocks(PAGE, "json")]
    arguments = shown["mcpServers"]["firstcall"]["args"]
    assert arguments[:3] == ["-m", "kb", "mcp"]
    from kb.doors.assistant.command import mcp

    with mcp.make_context("mcp", arguments[3:]) as context:
        assert context.params["key_file"] == Path("/etc/firstcall/assistant.key")
