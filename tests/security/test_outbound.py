"""The app talks to nobody: every connection to another machine is caught, and there is none to catch."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from kb.config import is_loopback
from kb.doors.wiring import Desk
from tests import gated
from tests.on_call import client
from tests.people_on_the_floor import MAY


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses and names of other machines that anything in this process asks for, from now on."""
    asked: list[str] = []

    def guarded(name: str) -> Any:
        before = getattr(socket.socket, name)

        def connect(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and not is_loopback(str(address[0])):
                asked.append(str(address[0]))
                raise OSError(f"nothing outside: {address}")
            return before(self, address)

        return connect

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if host and not is_loopback(str(host)):
            asked.append(str(host))
            raise OSError(f"nothing outside: {host}")
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_the_guard_catches_a_connection(outside: list[str]) -> None:
    with pytest.raises(OSError, match="nothing outside"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="nothing outside"):
        socket.create_connection(("telemetry.example", 443), timeout=1)
    assert outside == ["192.0.2.1", "telemetry.example"]


def test_a_whole_day_asks_nobody_outside(call_desk: Desk, outside: list[str]) -> None:
    with gated.client(call_desk) as browser:
        for path in ("/", "/sign-in", "/healthz", "/_stcore/health", "/api/search"):
            browser.get(path)
        browser.post("/api/search", content='{"q": "http://evil.example/x"}')
        browser.post("/api/search", content="{}", headers={"origin": "http://evil.example"})
        browser.get("/gaps", headers={"host": "evil.example"})
        _handshake(browser)
    agent = client(call_desk, MAY)
    for path, body in (
        ("/api/calls", {"call": "C-1", "q": "see http://evil.example"}),
        ("/api/gaps", {"id": "r1", "gap": "G-1", "call": "C-1", "q": "http://evil.example/?x"}),
        ("/api/flags", {"id": "f1", "call": "C-1", "article": "late-en", "reason": "wrong", "note": "//evil.example"}),
    ):
        assert agent.post(path, content=json.dumps(body)).status_code == 200
    assert outside == []


def _handshake(browser: TestClient) -> None:
    """A websocket of another site: Streamlit alone would ask the internet for its own address."""
    foreign = {"origin": "http://evil.example"}
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/_stcore/stream", headers=foreign):
        pass


def test_streamlits_own_statistics_are_off() -> None:
    import tomllib

    from kb.config import ROOT

    options = tomllib.loads((Path(ROOT) / ".streamlit/config.toml").read_text("utf-8"))
    assert options["browser"]["gatherUsageStats"] is False
    assert options["server"]["address"] == "127.0.0.1"
