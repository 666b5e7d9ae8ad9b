"""Keys for programs: what they open, that nobody can read them back, and that they end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from starlette.testclient import TestClient

from kb import tables
from kb.db import Database
from kb.doors import call_api, presence
from kb.doors.cli import main
from kb.doors.gate import KEY_DOORS
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.people import audit, keys
from kb.people.users import OPERATOR, Role, User
from tests import gated
from tests.new_database import NewUrl, everything

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def made(database: Database, *scopes: str, at: datetime = NOON, days: int = 0, teams: tuple[str, ...] = ()) -> str:
    until = at + timedelta(days=days) if days else None
    with database.write() as connection:
        return keys.add(connection, OPERATOR, "our CRM", scopes or ("search",), at, teams=teams, expires_at=until)


def opens(database: Database, key: str, at: datetime = NOON) -> User | None:
    with database.read() as connection:
        found = keys.of(connection, key, at)
    return found and found.user


def test_a_key_is_told_once_and_kept_as_a_hash(database: Database) -> None:
    key = made(database, "search", "calls", teams=("payments",))
    assert re.fullmatch(r"fc_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", key)
    assert key[16:].encode() not in everything(database)
    user = User(
        f"key:{key[3:15]}",
        "our CRM",
        Role.AGENT,
        frozenset({"payments"}),
        tag="key",
        scopes=frozenset({"search", "calls"}),
    )
    assert opens(database, key) == user
    assert made(database) != made(database)


@pytest.mark.parametrize("change", ["", "x", "fc_", "fc_{id}_", "{key}x", "FC{rest}", "fc_{id}_" + "A" * 43, "é{key}"])
def test_what_is_no_key_opens_nothing(database: Database, change: str) -> None:
    key = made(database)
    assert opens(database, change.format(key=key, id=key[3:15], rest=key[2:])) is None


def test_one_key_does_not_open_what_another_does(database: Database) -> None:
    one, other = made(database), made(database)
    assert opens(database, one[:16] + other[16:]) is None


def test_a_key_ends_when_it_is_revoked_and_on_its_day(database: Database) -> None:
    one, other = made(database), made(database, days=2)
    with database.write() as connection:
        keys.revoke(connection, OPERATOR, one[3:15], NOON)
        with pytest.raises(KBError):
            keys.revoke(connection, OPERATOR, one[3:15], NOON)
    assert opens(database, one) is None
    assert opens(database, other, NOON + timedelta(days=2) - timedelta(seconds=1)) is not None
    assert opens(database, other, NOON + timedelta(days=2)) is None


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR, Role.SUPERVISOR])
def test_only_an_admin_makes_keys(database: Database, role: Role) -> None:
    by = User("x", "X", role)
    with database.write() as connection:
        for call, facts in ((keys.add, ("n", ["search"], NOON)), (keys.revoke, ("id", NOON)), (keys.everything, ())):
            with pytest.raises(KBError) as caught:
                call(connection, by, *facts)  # type: ignore[operator]
            assert caught.value.code == "not_allowed"


@pytest.mark.parametrize(("name", "scopes"), [(" ", ["search"]), ("n" * 61, ["search"]), ("n", []), ("n", ["admin"])])
def test_a_key_needs_a_name_and_a_scope(database: Database, name: str, scopes: list[str]) -> None:
    with database.write() as connection, pytest.raises(KBError):
        keys.add(connection, OPERATOR, name, scopes, NOON)


# --- over the wire -------------------------------------------------------------------------------


@pytest.fixture
def stranger(call_desk: Desk) -> Iterator[TestClient]:
    with gated.client(call_desk, call_api.routes(call_desk), sample="") as one:
        yield one


def ask(client: TestClient, path: str, key: str, **body: object) -> tuple[int, dict[str, object]]:
    headers = {"authorization": f"Bearer {key}"}
    answer = client.post(path, content=json.dumps(body), headers=headers)
    return answer.status_code, answer.json()


def test_a_program_searches_with_its_key_and_sees_what_its_teams_see(call_desk: Desk, stranger: TestClient) -> None:
    now = datetime.now(UTC)
    plain, board = made(call_desk.database, at=now), made(call_desk.database, at=now, teams=("board",))
    for key, sees in ((plain, False), (board, True)):
        status, told = ask(stranger, "/api/search", key, q="is the company sold")
        assert status == 200
        assert ("secret-en" in {hit["article"] for hit in told["hits"]}) is sees  # type: ignore[attr-defined,index]


def test_a_key_opens_the_doors_of_its_scopes_and_no_other(call_desk: Desk, stranger: TestClient) -> None:
    key = {scope: made(call_desk.database, scope, at=datetime.now(UTC)) for scope in ("search", "calls", "real")}
    assert ask(stranger, "/api/search", key["calls"], q="x")[1]["error"] == "key_scope"
    assert ask(stranger, "/api/search", key["real"], q="x")[0] == 403
    assert ask(stranger, "/api/mine", key["calls"])[0] == 200
    assert ask(stranger, "/api/mine", key["search"])[0] == 403
    for path in ("/", "/sign-out", "/api/preferences", "/api/searches", "/_stcore/health-check", "/media/x", "/gaps"):
        for one in key.values():
            answer = stranger.get(path, headers={"authorization": f"Bearer {one}"})
            assert answer.status_code == 403, path
    told = stranger.get("/api/mine", headers={"authorization": "Bearer nonsense", "accept-language": "zh-CN"})
    assert (told.status_code, told.json()["message"]) == (401, "这个 API 密钥不存在、已撤销或已过期。")


def test_every_route_of_the_api_is_in_a_scope_or_closed_to_programs(call_desk: Desk) -> None:
    from kb.doors import api

    paths = {one.path for one in (*api.routes(call_desk), *call_api.routes(call_desk))}  # type: ignore[attr-defined]
    doors = tuple(door for several in KEY_DOORS.values() for door in several)
    assert {path for path in paths if not path.startswith(doors)} == {"/api/preferences"}


def test_other_sites_cannot_use_a_key_in_a_browser(call_desk: Desk, stranger: TestClient) -> None:
    key = made(call_desk.database, at=datetime.now(UTC))
    headers = {"authorization": f"Bearer {key}", "origin": "http://evil.example"}
    assert stranger.post("/api/search", content='{"q": "x"}', headers=headers).status_code == 403


def test_a_revoked_key_opens_nothing_within_two_seconds(call_desk: Desk, stranger: TestClient) -> None:
    key = made(call_desk.database, "calls", at=datetime.now(UTC))
    assert ask(stranger, "/api/mine", key)[0] == 200
    with call_desk.database.write() as connection:
        keys.revoke(connection, OPERATOR, key[3:15], datetime.now(UTC))
    time.sleep(presence.FRESH)
    assert ask(stranger, "/api/mine", key)[0] == 401


@pytest.mark.parametrize(("scopes", "tag"), [(("calls",), "key"), (("calls", "real"), "")])
def test_what_a_program_does_on_a_call_counts_only_if_its_key_says_so(
    call_desk: Desk, stranger: TestClient, scopes: tuple[str, ...], tag: str
) -> None:
    key = made(call_desk.database, *scopes, at=datetime.now(UTC))
    solved = {"id": "s1", "kind": "solved", "article": "late-en", "q": "late", "rank": 1}
    assert ask(stranger, "/api/calls/C-1/events", key, events=[solved])[0] == 200
    assert ask(stranger, "/api/gaps", key, id="r1", gap="G-1", call="C-1", q="unheard of")[0] == 200
    with call_desk.database.read() as connection:
        assert connection.scalar(sa.select(tables.call.c.tag)) == tag
        assert connection.scalar(sa.select(tables.gap.c.tag)) == tag


def test_the_use_of_a_key_is_written_down_once_an_hour(call_desk: Desk, stranger: TestClient) -> None:
    key = made(call_desk.database, "calls", at=datetime.now(UTC))
    for _ in range(3):
        ask(stranger, "/api/mine", key)
    call_desk.presence._keys.clear()
    ask(stranger, "/api/mine", key)
    with call_desk.database.read() as connection:
        used = [one for one in audit.entries(connection, OPERATOR) if one.act == "key_use"]
    assert [(one.by, one.about) for one in used] == [(f"key:{key[3:15]}", key[3:15])]
    assert key[16:] not in str(used)


# --- the command ---------------------------------------------------------------------------------


def test_the_command_makes_lists_and_revokes(new_url: NewUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_DATABASE_URL", new_url())
    monkeypatch.setenv("KB_LANGUAGE", "en")

    def run(*words: str) -> tuple[int, str]:
        told = CliRunner().invoke(main, ["key", *words], catch_exceptions=False)
        return told.exit_code, told.output

    assert run("list") == (0, "There are no keys.\n")
    status, told = run("add", "our CRM", "--scope", "search", "--team", "vip", "--days", "30")
    found = re.fullmatch(r"The key, told this once: fc_([a-z0-9]{12})_\S{43}\n", told)
    assert (status, found is not None) == (0, True)
    assert found is not None
    listed = run("list")[1]
    assert listed.startswith(f"{found[1]}\tour CRM\tsearch\tvip\ten,zh\t")
    assert told.strip()[-43:] not in listed  # the secret
    assert run("revoke", found[1]) == (0, f"The key {found[1]} opens nothing any more.\n")
    assert run("list")[1].endswith("\trevoked\n")
    assert run("revoke", "nothing") == (2, "There is no key nothing to revoke.\n")
