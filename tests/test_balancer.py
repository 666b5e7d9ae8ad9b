"""docs/haproxy.cfg as it stands, before two made-up servers: who is asked, who is asked again, what is told."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import free_port
from tests.balancer import balancing, trusting
from tests.waiting import within

PATIENCE = 10.0  # seconds, of two checks


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A check that goes away without listening."""


@dataclass
class Made:
    """A made-up app server. `parts`: path → status; `breaks`: it takes requests and ends the connection."""

    name: str
    parts: dict[str, int] = field(default_factory=lambda: {"/readyz": 200, "/healthz": 200})
    breaks: bool = False
    taken: list[tuple[str, str]] = field(default_factory=list)  # method and path, no checks
    checked: list[str] = field(default_factory=list)  # the Host of each check

    def __post_init__(self) -> None:
        self.server = _Quiet(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Take no connection any more."""
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        made = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                if path in made.parts and self.command == "GET":
                    made.checked.append(self.headers["Host"])
                    self._answer(made.parts[path], "")
                    return
                made.taken.append((self.command, path))
                if made.breaks:
                    self.close_connection = True
                    return
                self._answer(200, f"{made.name} {self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Proto']}")

            do_POST = do_GET  # noqa: N815

            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        return Handler


@dataclass
class House:
    """Two servers and the balancer before them."""

    port: int
    plain: int
    a: Made
    b: Made

    def ask(
        self, method: str = "GET", path: str = "/x", source: str = "127.0.0.1", **headers: str
    ) -> tuple[int, str, Mapping[str, str]]:
        """Status, body and headers of an answer."""
        tls = trusting()
        one = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=tls, source_address=(source, 0))
        try:
            one.request(method, path, b"{}" if method == "POST" else None, headers)
            answer = one.getresponse()
            return answer.status, answer.read().decode(), dict(answer.headers)
        finally:
            one.close()

    def by(self) -> str:
        """Who answers a newcomer, or the status of whoever refuses."""
        status, body, _ = self.ask()
        return body.split()[0] if status == 200 else str(status)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Both ready."""
    with ExitStack() as stack:
        a, b = Made("a"), Made("b")
        for one in (a, b):
            stack.callback(one.server.server_close)
            stack.callback(one.server.shutdown)
        port = free_port()
        here = House(port, stack.enter_context(balancing(tmp_path, port, [a.address, b.address], "100ms")), a, b)
        assert within(PATIENCE, lambda: {here.by() for _ in range(4)} == {"a", "b"})
        yield here


def served_by(name: str) -> str:
    return f"firstcall-server={name}"


def test_a_browser_stays_with_one_server_and_that_is_asked_at_our_own_address(house: House) -> None:
    _, body, headers = house.ask()
    cookie = headers["set-cookie"].split("; ")
    assert cookie[0] == served_by(body.split()[0])
    assert {"Secure", "HttpOnly", "SameSite=Lax", "path=/"} <= set(cookie)
    for name in ("a", "b"):
        told = [house.ask(cookie=served_by(name)) for _ in range(5)]
        assert {one[1].split()[0] for one in told} == {name}
        assert all("set-cookie" not in one[2] for one in told)
    assert set(house.a.checked + house.b.checked) == {f"127.0.0.1:{house.port}"}


def test_who_asks_is_told_by_the_balancer_and_not_by_whoever_asks(house: House) -> None:
    forged = {"x-forwarded-for": "10.9.9.9", "x-forwarded-proto": "gopher"}
    _, body, _ = house.ask(source="127.0.0.7", **forged)
    assert body.split()[1:] == ["127.0.0.7", "https"]


def test_without_tls_it_only_says_where_to_go(house: House) -> None:
    one = http.client.HTTPConnection("127.0.0.1", house.plain, timeout=20)
    one.request("GET", "/?call=C-1", headers={"Host": "kb.example.com"})
    answer = one.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, "https://kb.example.com/?call=C-1")
    assert house.a.taken.count(("GET", "/")) + house.b.taken.count(("GET", "/")) == 0


def test_a_server_that_takes_no_connection_costs_no_request(house: House) -> None:
    house.a.close()
    answers = [house.ask(method, "/y", cookie=served_by("a")) for method in ("GET", "POST") for _ in range(3)]
    assert [(status, body.split()[0]) for status, body, _ in answers] == [(200, "b")] * 6
    assert served_by("b") in answers[0][2]["set-cookie"]  # and there the browser stays
    assert house.b.taken.count(("POST", "/y")) == 3


def test_what_was_broken_off_is_asked_again_only_where_twice_is_once(house: House) -> None:
    house.a.breaks = True
    assert house.ask("GET", "/y", cookie=served_by("a"))[:2][1].split()[0] == "b"
    assert house.ask("POST", "/y", cookie=served_by("a"))[0] == 502
    assert house.a.taken.count(("POST", "/y")) == 1  # it may have been done
    assert house.b.taken.count(("POST", "/y")) == 0
    again = house.ask("POST", "/z", cookie=served_by("a"), **{"Idempotency-Key": "k-1"})
    assert (again[0], again[1].split()[0], house.b.taken.count(("POST", "/z"))) == (200, "b", 1)


def test_a_server_that_is_not_ready_gets_nobody_until_none_is(house: House) -> None:
    house.a.parts["/readyz"] = 503
    assert within(PATIENCE, lambda: {house.by() for _ in range(6)} == {"b"})
    assert house.ask(cookie=served_by("a"))[1].split()[0] == "b"
    house.b.parts["/readyz"] = 503  # the database is away: whoever searches still serves
    assert within(PATIENCE, lambda: {house.by() for _ in range(6)} == {"a", "b"})
    assert house.ask(cookie=served_by("a"))[1].split()[0] == "a"
    house.a.parts["/healthz"] = 503
    assert within(PATIENCE, lambda: {house.by() for _ in range(6)} == {"b"})
    house.b.parts["/healthz"] = 503
    assert within(PATIENCE, lambda: house.by() == "503")
    house.a.parts["/readyz"] = house.a.parts["/healthz"] = 200
    assert within(PATIENCE, lambda: {house.by() for _ in range(6)} == {"a"})
