"""The port for Prometheus: this machine's alone, with the right values and nothing about anybody."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kb.care.spool import Spool
from kb.doors import meter
from kb.doors.wiring import Desk
from tests import gated
from tests.people_on_the_floor import MAY, NOON, PHONE

pytestmark = pytest.mark.embedded  # what is shown is asked of no database


@pytest.fixture
def port(call_desk: Desk) -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        free = int(one.getsockname()[1])
    call_desk.settings = replace(call_desk.settings, metrics_port=free)
    with meter.serving(call_desk) as served:
        assert served == free
        yield free


def asked(port: int, path: str = "/metrics", host: str = "", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def values(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(asked(port)[1])
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def test_it_shows_what_is_so(call_desk: Desk, port: int) -> None:
    Spool(call_desk.settings.spool).put("/api/gaps", "", NOON, MAY, {})
    found = values(port)
    manifest = call_desk.open().opened.manifest
    assert found["firstcall_articles_indexed", ()] == len(manifest.articles)
    assert found["firstcall_articles_left_out", ()] == 0
    assert found["firstcall_generation_number", ()] == int(manifest.generation[:15].replace("T", ""))
    assert found["firstcall_encoder_state", (("state", "ready"),)] == 1
    assert found["firstcall_spool_records", ()] == 1
    assert found["firstcall_disk_free_bytes", (("folder", "database"),)] > 0


def test_searches_refusals_and_sessions_are_counted(call_desk: Desk, port: int) -> None:
    before = values(port)
    with gated.client(call_desk) as client:
        for asked in ("refund to an expired card", "退款"):
            assert client.post("/api/search", json={"q": asked}).status_code == 200
        client.post("/api/search", json={"q": "x", "settled": True, "product": "no such thing"})
        client.get("/gaps", headers={"host": "evil.example"})
        client.post("/api/nowhere", headers={"origin": "http://evil.example"})
        after = values(port)

    def grown(name: str, **labels: str) -> float:
        key = name, tuple(sorted(labels.items()))
        return after[key] - before[key]

    verdicts = [grown("firstcall_searches_total", verdict=one, asked="typing") for one in ("found", "maybe", "missing")]
    assert sum(verdicts) == 2
    assert grown("firstcall_searches_total", verdict="refused", asked="settled") == 1
    assert grown("firstcall_search_seconds_count", asked="typing") == 2
    assert grown("firstcall_refusals_total", code="host_refused") == 1
    assert grown("firstcall_refusals_total", code="origin_refused") == 1
    assert after["firstcall_sessions", ()] == 1


def test_nothing_anybody_typed_and_no_name_is_in_it(call_desk: Desk, port: int) -> None:
    series = set(values(port))
    hostile = ['evil"} 1', "退款 王敏", PHONE, "a\nfirstcall_evil 1", "x" * 5000]
    with gated.client(call_desk) as client:
        for one in hostile:
            client.post("/api/search", json={"q": one})
            client.post("/api/search", json={"q": "x", "lang": one, "product": one, "prefer_lang": one})
            client.post("/sign-in", data={"name": one, "password": one})
            client.get(f"/{one[:20].encode().hex()}", headers={"x-kb-session": "evil"})
            client.post("/api/search", content=json.dumps({"q": "x", "ui": one}))
            client.get("/gaps", headers={"authorization": f"Bearer {one.encode().hex()[:50]}"})
    assert set(values(port)) == series
    text = asked(port)[1]
    for one in (*hostile, PHONE, "evil", "王敏", "agent", "127.0.0.1"):
        assert one not in text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1:80"])
def test_a_page_that_points_its_own_name_here_reads_nothing(port: int, host: str) -> None:
    assert asked(port, host=host) == (421, "")


def test_it_answers_at_both_names_of_this_machine(port: int) -> None:
    assert [asked(port, host=f"{name}:{port}")[0] for name in ("127.0.0.1", "localhost")] == [200, 200]


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/metrics/x"), ("POST", "/metrics")])
def test_it_has_nothing_else(port: int, method: str, path: str) -> None:
    assert asked(port, path, method=method) == (404, "")


def test_the_public_port_has_no_metrics(call_desk: Desk) -> None:
    with gated.client(call_desk) as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/_stcore/metrics").status_code == 404


def test_only_this_machine_reaches_it(port: int) -> None:
    with socket.socket() as one:
        one.settimeout(2)
        others = [ip for *_, (ip, *_) in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
        for ip in {ip for ip in others if not ip.startswith("127.")}:
            with pytest.raises(ConnectionRefusedError):
                one.connect((ip, port))
    assert meter.HOST == "127.0.0.1"


def test_nought_turns_it_off(call_desk: Desk) -> None:
    call_desk.settings = replace(call_desk.settings, metrics_port=0)
    with meter.serving(call_desk) as served:
        assert served == 0


def test_a_port_that_is_taken_costs_the_metrics_and_not_the_app(call_desk: Desk, port: int) -> None:
    with meter.serving(call_desk) as served:
        assert served == 0
    assert asked(port)[0] == 200
