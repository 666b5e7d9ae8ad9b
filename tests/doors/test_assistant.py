"""An assistant over the protocol's own client and a real process: what it finds, reads, and never gets to see."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from mcp import Client, MCPError, StdioServerParameters
from mcp.server.mcpserver import MCPServer

from kb import tables
from kb.config import ROOT
from kb.doors import assistant
from kb.doors.cli import main
from kb.doors.wiring import Desk
from kb.people import keys
from kb.people.users import OPERATOR, SAMPLES, User
from tests.on_call import CARD_EN, CARD_ZH
from tests.people_on_the_floor import MAY


def key(desk: Desk, *scopes: str, **sets: tuple[str, ...]) -> str:
    with desk.database.write() as connection:
        return keys.add(connection, OPERATOR, "assistant", scopes, datetime.now(UTC), **sets)  # type: ignore[arg-type]


def environment(desk: Desk, **more: str) -> dict[str, str]:
    here = desk.settings
    env = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    env |= {"KB_ARTICLES": str(here.articles), "KB_HOME": str(here.home), "KB_DATABASE_URL": here.database_url}
    return env | {"KB_LANGUAGE": "en"} | more


@asynccontextmanager
async def process(desk: Desk, *words: str, **env: str) -> AsyncIterator[Client]:
    """`python -m kb mcp`, as an assistant starts it."""
    arguments = ["-m", "kb", "mcp", "--words", *words]
    started = StdioServerParameters(command=sys.executable, args=arguments, env=environment(desk, **env), cwd=ROOT)
    async with Client(started, read_timeout_seconds=60) as client:
        yield client


async def asked(client: Client, tool: str, **facts: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, facts)
    assert not answer.is_error, answer.content
    assert answer.structured_content is not None
    return dict(answer.structured_content)


async def refused(client: Client, tool: str, **facts: Any) -> str:
    answer = await client.call_tool(tool, facts)
    assert answer.is_error
    (said,) = answer.content
    return str(said.text).removeprefix(f"Error executing tool {tool}: ")  # type: ignore[union-attr]


def rows(desk: Desk) -> dict[str, int]:
    """How many rows each table has that an assistant could have written to."""
    with desk.database.read() as connection:
        spared = ("schema", "api_key", "audit", "audit_head")
        counts = ((t.name, sa.select(sa.func.count()).select_from(t)) for t in tables.metadata.sorted_tables)
        return {name: connection.scalar(count) or 0 for name, count in counts if name not in spared}


# --- a real process ------------------------------------------------------------------------------


def test_an_assistant_finds_and_reads_in_both_languages_what_its_key_may_see(call_desk: Desk) -> None:
    shown = key(call_desk, "search", "articles:read")

    async def talk() -> None:
        async with process(call_desk, KB_API_KEY=shown) as client:
            tools = {one.name: one for one in (await client.list_tools()).tools}
            assert set(tools) == {"search", "read_article"}
            assert all(one.annotations and one.annotations.read_only_hint for one in tools.values())
            english = await asked(client, "search", question="refund to an expired card", lang="en", limit=1)
            (hit,) = english["articles"]
            assert (hit["id"], hit["say"], hit["state"]) == ("refund-card-en", CARD_EN, "validated")
            assert (hit["audience"], hit["source"]) == ("internal", "troubleshooting/refund-card-en.md")
            assert hit["notes"] == ["Internal: not to be quoted to a customer."]
            assert english["generation"] == call_desk.served.opened.manifest.generation  # type: ignore[union-attr]
            assert english["complete"] is False
            chinese = await asked(client, "search", question="退到过期的卡了怎么办", limit=1)
            assert (chinese["articles"][0]["id"], chinese["articles"][0]["say"]) == ("refund-card-zh", CARD_ZH)
            assert chinese["articles"][0]["notes"] == ["内部内容：不能原样念给客户。"]
            whole = await asked(client, "read_article", id="refund-card-en")
            assert (whole["title"], whole["twin"], whole["lang"]) == (
                "Refund to an expired card",
                "refund-card-zh",
                "en",
            )
            assert "The bank forwards it." in whole["text"]
            article = call_desk.read("refund-card-en", MAY)
            assert article is not None
            assert whole["version"] == article.version
            read = await client.read_resource("firstcall://article/refund-card-en")
            assert read.contents[0].text == article.source  # type: ignore[union-attr]
            for hidden in ("secret-en", "draft-zh", "no-such-article"):
                assert await refused(client, "read_article", id=hidden) == "There is no such article in the base."
                with pytest.raises(MCPError, match="There is no such article"):
                    await client.read_resource(f"firstcall://article/{hidden}")
            merger = await asked(client, "search", question="is the company sold")
            assert "secret-en" not in {one["id"] for one in merger["articles"]}
            assert await refused(client, "search", question=" \u200b") == "Type a few of the customer's words."
            assert "limit" in await refused(client, "search", question="x", limit=1_000)

    before = rows(call_desk)
    asyncio.run(talk())
    assert rows(call_desk) == before  # nothing of it is a search of a call


def test_nothing_but_the_protocol_is_on_standard_output(call_desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(key(call_desk, "search") + "\n", "utf-8")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    call = {"name": "search", "arguments": {"question": "late"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    arguments = [sys.executable, "-m", "kb", "mcp", "--words", "--key-file", str(file)]
    child = subprocess.Popen(
        arguments, cwd=ROOT, env=environment(call_desk), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
    child.stdin.write("this is no message\n")
    child.stdin.flush()
    told: dict[int, Any] = {}
    while 2 not in told:
        message = json.loads(child.stdout.readline())  # each line is a message
        assert message["jsonrpc"] == "2.0"
        told[message.get("id")] = message
    child.stdin.close()
    rest = child.stdout.read()
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    assert child.wait(20) == 0
    assert told[1]["result"]["serverInfo"]["name"] == "firstcall"
    assert told[2]["result"]["structuredContent"]["articles"][0]["id"] == "late-en"


@pytest.mark.parametrize(
    ("words", "env", "sentence"),
    [
        ((), {}, "Say for whom: a key in KB_API_KEY or --key-file, or --user."),
        ((), {"KB_API_KEY": "nonsense"}, "This API key is unknown, revoked or over."),
        (("--key-file", "/no/such/file"), {}, "The key cannot be read from /no/such/file."),
        (("--user", "nobody"), {}, "nobody cannot sign in here."),
    ],
)
def test_who_may_not_ask_is_told_in_one_sentence(
    call_desk: Desk, words: tuple[str, ...], env: dict[str, str], sentence: str
) -> None:
    done = CliRunner().invoke(main, ["mcp", "--words", *words], env=environment(call_desk, **env))
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", sentence + "\n")


# --- in this process -----------------------------------------------------------------------------


def talked(made: MCPServer[None], talk: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with Client(made) as client:
            await talk(client)

    asyncio.run(run())


@pytest.fixture
def made(call_desk: Desk) -> Callable[[User], MCPServer[None]]:
    return lambda by: assistant.server(call_desk, lambda: by, "zh", words=True)


def test_a_key_that_is_not_for_it_is_refused(call_desk: Desk, made: Callable[[User], MCPServer[None]]) -> None:
    async def talk(client: Client) -> None:
        assert (await asked(client, "search", question="late"))["articles"]
        assert await refused(client, "read_article", id="late-en") == "这个 API 密钥不能用于此操作。"
        with pytest.raises(MCPError, match="密钥"):
            await client.read_resource("firstcall://article/late-en")

    with call_desk.database.read() as connection:
        only = keys.of(connection, key(call_desk, "search"), datetime.now(UTC))
    assert only is not None
    talked(made(only.user), talk)


def test_the_teams_and_languages_of_a_key_are_its_walls(
    call_desk: Desk, made: Callable[[User], MCPServer[None]]
) -> None:
    shown = key(call_desk, "search", "articles:read", teams=("board",), langs=("en",))
    with call_desk.database.read() as connection:
        found = keys.of(connection, shown, datetime.now(UTC))
    assert found is not None

    async def talk(client: Client) -> None:
        assert (await asked(client, "read_article", id="secret-en"))["title"] == "The merger"
        assert (await asked(client, "read_article", id="refund-card-en"))["twin"] == ""  # it may not see the twin
        assert await refused(client, "read_article", id="refund-card-zh") == "知识库里没有这篇文章。"
        chinese = await asked(client, "search", question="退到过期的卡")
        assert {one["lang"] for one in chinese["articles"]} <= {"en"}

    talked(made(found.user), talk)


def test_a_person_asks_with_their_own_teams(call_desk: Desk, made: Callable[[User], MCPServer[None]]) -> None:
    async def talk(client: Client) -> None:
        assert (await asked(client, "read_article", id="late-en"))["say"] == "Five yuan."
        assert await refused(client, "read_article", id="secret-en") == "知识库里没有这篇文章。"

    talked(made(SAMPLES["agent"]), talk)


def test_what_goes_wrong_inside_is_not_told(
    call_desk: Desk, made: Callable[[User], MCPServer[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_desk, "read", lambda *_: {}["a secret path"])

    async def talk(client: Client) -> None:
        assert "secret" not in await refused(client, "read_article", id="late-en")

    talked(made(SAMPLES["agent"]), talk)
