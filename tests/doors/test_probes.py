"""`/healthz` and `/readyz`: what lives, what is ready, and which part is not; of nobody, to everybody."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from starlette.testclient import TestClient

from kb.config import Settings
from kb.doors import probes
from kb.doors.wiring import Desk
from kb.doors.wiring.upkeep import Upkeep
from kb.errors import GenerationError, StoreError
from tests import gated
from tests.on_call import base_of, desk_of
from tests.people_on_the_floor import NOON
from tests.small_base import SmallBase

ALL_WELL = {"index": "ok", "generation": "ok", "database": "ok"}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests is no machine that is not ready."""
    monkeypatch.setattr(probes, "PATIENCE", 20.0)


@pytest.fixture
def stranger(call_desk: Desk) -> Iterator[TestClient]:
    with gated.client(call_desk, sample="") as one:
        yield one


def asked(client: TestClient, **headers: str) -> tuple[int, dict[str, object]]:
    answer = client.get("/readyz", headers=headers)
    return answer.status_code, dict(answer.json())


def test_all_is_ready_and_a_stranger_is_told(stranger: TestClient) -> None:
    assert asked(stranger) == (200, {"ready": True, "parts": ALL_WELL})
    assert stranger.get("/readyz").headers["cache-control"] == "no-store"


def test_before_the_first_index_it_lives_and_is_not_ready(tmp_path: Path) -> None:
    desk = Desk(Settings(articles=tmp_path, home=tmp_path, database_url=f"sqlite:///{tmp_path}/firstcall.sqlite"))
    with gated.client(desk, sample="") as client:
        parts = {"index": "index_missing", "generation": "index_missing", "database": "ok"}
        assert asked(client) == (503, {"ready": False, "parts": parts})


def test_a_database_that_cannot_be_read_is_named(call_desk: Desk, stranger: TestClient) -> None:
    assert asked(stranger)[0] == 200
    refuses = StoreError("store_unusable", problem="/srv/secret.sqlite is gone")
    with patch.object(call_desk.database, "read", side_effect=refuses), patch.object(probes, "FRESH", 0.0):
        answer = stranger.get("/readyz")
        assert (answer.status_code, answer.json()["parts"]) == (503, {**ALL_WELL, "database": "store_unusable"})
        assert "secret" not in answer.text
    with patch.object(probes, "FRESH", 0.0):
        assert asked(stranger)[0] == 200


@pytest.mark.embedded
def test_a_database_that_is_locked_keeps_nobody_waiting(
    call_desk: Desk, stranger: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "PATIENCE", 0.2)
    call_desk.database.close()
    with closing(sqlite3.connect(tmp_path / "firstcall.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        status, told = asked(stranger)
        assert time.monotonic() - began < 5
        assert (status, told["parts"]) == (503, {**ALL_WELL, "database": "store_unusable"})


def test_however_often_it_is_asked_the_database_is_looked_at_once(call_desk: Desk, stranger: TestClient) -> None:
    with patch.object(call_desk.database, "read", wraps=call_desk.database.read) as read:
        for _ in range(20):
            assert asked(stranger)[0] == 200
        assert read.call_count <= 2


def test_a_look_that_hangs_is_the_only_one(call_desk: Desk, stranger: TestClient) -> None:
    go = threading.Event()
    with (
        patch.object(probes.users, "any_account", side_effect=lambda _: go.wait(20)) as looked,
        patch.object(probes, "PATIENCE", 0.05),
        patch.object(probes, "FRESH", 0.0),
    ):
        assert [asked(stranger)[0] for _ in range(5)] == [503] * 5
        assert looked.call_count == 1
        go.set()


Spoil = Callable[[SmallBase], None]


def spoil(base: SmallBase, name: str) -> None:
    path = next((base.index / "generations" / name).rglob("asks.faiss"))
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("both", [False, True])
def test_a_generation_that_no_longer_verifies_is_named_unless_the_one_before_serves(tmp_path: Path, both: bool) -> None:
    base = base_of(tmp_path)
    first = base.open().manifest.generation
    base.write("lamp-en", "The lamp is red")
    base.build(full=True)
    desk = desk_of(base, tmp_path / "firstcall.sqlite")
    _ = desk.database
    with gated.client(desk, sample="") as client:
        assert asked(client)[0] == 200
        spoil(base, base.open().manifest.generation)
        if both:
            spoil(base, first)
        try:
            Upkeep(desk)._check(NOON)
        except GenerationError:
            assert both
        status, told = asked(client)
        assert told["parts"] == {**ALL_WELL, "generation": "generation_damaged" if both else "ok"}
        assert status == (503 if both else 200)
        assert client.get("/healthz").status_code == 200  # it answers from memory
        base.build(full=True)
        desk.open()
        assert asked(client)[0] == 200
    desk.database.close()


@pytest.mark.parametrize("host", ["evil.example", "10.2.3.4:8501", "127.0.0.1:9", ""])
def test_readiness_is_told_at_our_own_addresses_only(stranger: TestClient, host: str) -> None:
    answer = stranger.get("/readyz", headers={"host": host, "accept-language": "en"})
    assert answer.status_code == 421
    assert "parts" not in answer.text


def test_another_sites_page_is_refused(stranger: TestClient) -> None:
    assert stranger.get("/readyz", headers={"origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize("path", ["/readyz/", "/readyz/x", "/readyzx", "/healthz/x"])
def test_only_that_one_path_is_open(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 303  # to sign in


def test_whoever_asks_too_often_waits(stranger: TestClient) -> None:
    assert {asked(stranger)[0] if n < 5 else stranger.get("/readyz").status_code for n in range(450)} == {200, 429}


def test_it_is_told_whoever_is_or_was_signed_in(call_desk: Desk, stranger: TestClient) -> None:
    with patch.object(call_desk.presence, "session", side_effect=StoreError("store_unusable", problem="")):
        assert asked(stranger, cookie="firstcall-8501=made-up")[0] == 200
