"""The gate: which requests and websockets get through, as whom, and what the others are told."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from kb.config import Settings
from kb.db import Database
from kb.doors import gate, limits, presence
from kb.doors.gate import bounds, policy
from kb.doors.wiring import Desk
from kb.errors import StoreError
from kb.people import accounts, audit, sessions
from kb.people.users import OPERATOR, SAMPLES, Role, User
from tests import gated
from tests.gated import FAREWELL, HERE

WANG = User("wang.min", "王敏", Role.AGENT, frozenset({"payments"}))
PASSWORD = "quiet harbour 7"
STREAM = "ws://127.0.0.1:8501/_stcore/stream"


async def told(request: Request) -> JSONResponse:
    """What a route behind the gate sees."""
    user = request.state.user
    return JSONResponse({"user": user and user.id, "headers": request.headers.items(), "query": request.url.query})


async def echo(socket: WebSocket) -> None:
    """A page that says whose it is and repeats what it hears."""
    await socket.accept()
    await socket.send_text(socket.headers.get("x-kb-session", ""))
    try:
        while True:
            await socket.send_bytes(await socket.receive_bytes())
    except WebSocketDisconnect:
        pass


async def text(_: Request) -> PlainTextResponse:
    return PlainTextResponse("here")


STREAMLIT = [
    Route("/", told, methods=["GET", "POST"]),
    Route("/gaps", told),
    Route("/media/file", told),
    Route("/static/js/index.js", text),
    Route("/_stcore/health", text),
    Route("/_stcore/metrics", text),
    Route("/_stcore/agent/interact", text, methods=["GET", "POST"]),
    WebSocketRoute("/_stcore/stream", echo),
]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Settings(articles=tmp_path, home=tmp_path, database_url=f"sqlite:///{tmp_path}/firstcall.sqlite"))


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with gated.client(desk, STREAMLIT) as one:
        yield one


@pytest.fixture
def stranger(desk: Desk) -> Iterator[TestClient]:
    with gated.client(desk, STREAMLIT, sample="") as one:
        yield one


# --- who -----------------------------------------------------------------------------------------


def test_a_route_behind_the_gate_knows_who_asks(client: TestClient) -> None:
    assert client.get("/gaps").json()["user"] == "agent"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en-US,en;q=0.9", "You are signed out. Sign in to go on."), ("zh-CN", "您已退出登录，请重新登录后继续。")],
)
@pytest.mark.parametrize(
    "path", ["/api/search", "/api/anything", "/_stcore/host-config", "/media/file", "/component/x"]
)
def test_a_program_without_a_session_gets_401_and_a_sentence(
    stranger: TestClient, path: str, language: str, sentence: str
) -> None:
    answer = stranger.get(path, headers={"accept-language": language})
    assert (answer.status_code, answer.json()) == (401, {"error": "signed_out", "message": sentence})


def test_a_form_without_a_session_is_not_sent_on(stranger: TestClient) -> None:
    assert stranger.post("/", data={"a": "1"}).status_code == 401


@pytest.mark.parametrize(
    ("asked", "next"),
    [
        ("/", "%2F"),
        ("/gaps", "%2Fgaps"),
        (
            "/?call=C-17&q=%E9%80%80%E6%AC%BE+%26%20card%3F&product=R3000&lang=zh",
            "%2F%3Fcall%3DC-17%26q%3D%25E9%2580%2580%25E6%25AC%25BE%2B%2526%2520card%253F%26product%3DR3000%26lang%3Dzh",
        ),
        (
            "/%E7%BC%BA%E5%8F%A3?q=a%0D%0ASet-Cookie:b",
            "%2F%25E7%25BC%25BA%25E5%258F%25A3%3Fq%3Da%250D%250ASet-Cookie%3Ab",
        ),
    ],
)
def test_a_page_without_a_session_leads_to_signing_in_and_back(stranger: TestClient, asked: str, next: str) -> None:
    answer = stranger.get(asked)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={next}")
    assert stranger.head(asked).status_code == 303


@pytest.mark.parametrize("token", ["made-up", "", "é", "a" * 8000, '"; drop'])
def test_a_made_up_token_is_nobody(stranger: TestClient, token: str) -> None:
    cookie = f"firstcall-8501={token}".encode("latin-1")
    assert stranger.get("/gaps", headers={b"cookie": cookie}).status_code == 303  # type: ignore[dict-item]


def test_the_cookie_of_another_port_is_nobodys_here(client: TestClient) -> None:
    token = client.cookies["firstcall-8501"]
    client.cookies.clear()
    assert client.get("/gaps", headers={"cookie": f"firstcall-8502={token}"}).status_code == 303
    assert client.get("/gaps", headers={"cookie": f"firstcall-8501={token}"}).status_code == 200


def test_identity_headers_of_the_outside_are_taken_away(client: TestClient, stranger: TestClient) -> None:
    forged = {"x-kb-session": "0" * 64, "X-KB-User": "admin", "x-kb-role": "admin", "x-other": "stays"}
    told = client.get("/gaps", headers=forged).json()["headers"]
    key = sessions.key_of(client.cookies["firstcall-8501"])
    assert [pair for pair in told if pair[0].startswith("x-")] == [["x-other", "stays"], ["x-kb-session", key]]
    assert stranger.get("/gaps", headers=forged).status_code == 303


# --- from where ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8501", "LOCALHOST:8501", "[::1]:8501"])
def test_it_answers_at_its_own_addresses(stranger: TestClient, host: str) -> None:
    assert stranger.get("/sign-in", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:8502",
        "localhost:8501.evil.example",
        "a@localhost:8501",
        "localhost:8501/",
        "",
    ],
)
def test_it_answers_at_no_other_address(client: TestClient, host: str) -> None:
    answer = client.get("/gaps", headers={"host": host})
    assert answer.status_code == 421
    assert answer.text == f'Firstcall does not answer at the address "{host}". If it should, name it in KB_ORIGINS.'
    in_chinese = client.get("/gaps", headers={"host": host, "accept-language": "zh-CN"}).text
    assert in_chinese == f"Firstcall 不在“{host}”这个地址上提供服务。如果应该提供，请把它写进 KB_ORIGINS。"


FOREIGN = [
    "http://evil.example",
    "null",
    "",
    "http://127.0.0.1",
    "http://127.0.0.1:8502",
    "https://127.0.0.1:8501",
    "http://127.0.0.1:8501/",
    "http://localhost:8501",  # ours, but not the one that this Host is
    "http://127.0.0.1:8501.evil.example",
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/search"), ("GET", "/gaps"), ("POST", "/sign-out")])
def test_other_sites_are_refused(client: TestClient, method: str, path: str, origin: str) -> None:
    answer = client.request(method, path, headers={"origin": origin})
    assert answer.status_code == 403
    assert "The request comes from another site and was refused." in answer.text
    assert client.get("/gaps").json()["user"] == "agent"  # still signed in


def test_our_own_pages_and_programs_without_an_origin_are_let_in(client: TestClient) -> None:
    assert client.post("/", headers={"origin": HERE}).json()["user"] == "agent"
    assert client.post("/").json()["user"] == "agent"


def test_health_is_told_to_anybody_at_any_address(stranger: TestClient) -> None:
    for host in ("127.0.0.1:8501", "10.2.3.4:8501"):
        assert stranger.get("/_stcore/health", headers={"host": host}).text == "here"
        assert stranger.get("/healthz", headers={"host": host}).status_code == 503  # no index here


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/metrics/", "/_stcore/agent/interact"])
def test_what_nobody_needs_is_closed_for_everybody(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]) == (404, "page_missing")


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/gaps", "/api/search", "/sign-in", "/nowhere", "/_stcore/metrics", "/healthz"])
def test_every_answer_has_the_headers_of_safety(client: TestClient, stranger: TestClient, path: str) -> None:
    for answer in (client.get(path), stranger.get(path), client.get(path, headers={"host": "evil.example"})):
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src ")
        assert "strict-transport-security" not in headers


def test_streamlits_own_files_may_be_kept(stranger: TestClient) -> None:
    answer = stranger.get("/static/js/index.js")
    assert (answer.status_code, answer.text) == (200, "here")
    assert "cache-control" not in answer.headers


def test_the_policy_lets_streamlits_page_run_and_nothing_beside_it() -> None:
    index = (Path(streamlit.__file__).parent / "static/index.html").read_text("utf-8")
    directives = dict(one.strip().split(" ", 1) for one in policy.content_policy(index).split(";"))
    (script,) = [part.partition("</script>")[0] for part in index.split("<script>")[1:]]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert directives["script-src"] == f"'self' blob: 'sha256-{digest}'"
    assert directives["img-src"] == "'self' data:"
    assert directives["default-src"] == directives["form-action"] == directives["frame-ancestors"] == "'self'"
    assert directives["base-uri"] == directives["object-src"] == "'none'"


def test_the_crm_that_is_named_may_show_the_app_in_a_frame_and_nobody_else() -> None:
    told = policy.content_policy("", "https://crm.example.org,https://crm.example.net:8443")
    assert told.endswith("; frame-ancestors 'self' https://crm.example.org https://crm.example.net:8443")


def test_behind_tls_the_cookie_is_secure_and_tls_is_remembered(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/firstcall.sqlite"
    desk = Desk(Settings(articles=tmp_path, home=tmp_path, database_url=database, origins="https://kb.example.com"))
    with desk.database.write() as connection:
        accounts.add(connection, OPERATOR, WANG, PASSWORD, datetime.now(UTC))
    with gated.client(desk, STREAMLIT, sample="", base="https://kb.example.com") as one:
        given = {"name": "wang.min", "password": PASSWORD}
        answer = one.post("/sign-in", data=given, headers={"origin": "https://kb.example.com"})
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        session, device = answer.headers.get_list("set-cookie")
        name, _, flags = session.partition("=")
        assert name == "__Host-firstcall"
        assert set(flags.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=lax", "Secure"}
        assert device.startswith("__Host-firstcall-device=")
        assert "Secure" in device
        assert one.get("/gaps").json()["user"] == "wang.min"
        assert one.get("/gaps", headers={"host": "127.0.0.1:8501"}).status_code == 421


def test_in_a_frame_of_another_site_the_cookies_are_for_that_frame_alone(tmp_path: Path) -> None:
    url, crm = f"sqlite:///{tmp_path}/firstcall.sqlite", "https://crm.example.org"
    named = {"origins": "https://kb.example.com", "frame_ancestors": crm, "samesite": "none"}
    desk = Desk(Settings(articles=tmp_path, home=tmp_path, database_url=url, **named))  # type: ignore[arg-type]
    with desk.database.write() as connection:
        accounts.add(connection, OPERATOR, WANG, PASSWORD, datetime.now(UTC))
    with gated.client(desk, STREAMLIT, sample="", base="https://kb.example.com") as one:
        page = one.get("/sign-in").headers["content-security-policy"]
        assert page.endswith(f"; frame-ancestors 'self' {crm}")
        framed = one.get("/sign-in", headers={"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"})
        assert 'role="alert"' not in framed.text  # it works there
        answer = one.post("/sign-in", data={"name": "wang.min", "password": PASSWORD})
        gone = one.post("/sign-out").headers["set-cookie"]
        for cookie in (*answer.headers.get_list("set-cookie"), gone):
            assert {"HttpOnly", "Path=/", "SameSite=none", "Secure", "Partitioned"} <= set(cookie.split("; "))
        assert one.post("/sign-out", headers={"origin": crm}).status_code == 403  # it shows the app, and cannot act


# --- websockets ----------------------------------------------------------------------------------


def opens(client: TestClient, **headers: str) -> bool:
    try:
        with client.websocket_connect(STREAM, headers=headers):
            return True
    except WebSocketDisconnect:
        return False


def test_a_websocket_of_our_own_page_is_opened_with_its_session(client: TestClient) -> None:
    with client.websocket_connect(STREAM, headers={"origin": HERE, "x-kb-session": "forged"}) as socket:
        assert socket.receive_text() == sessions.key_of(client.cookies["firstcall-8501"])
        socket.send_bytes(b"hello")
        assert socket.receive_bytes() == b"hello"


def test_a_websocket_without_an_origin_is_refused(client: TestClient) -> None:
    assert not opens(client)


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_websocket_of_another_site_is_refused(client: TestClient, origin: str) -> None:
    assert not opens(client, origin=origin)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:8502"])
def test_a_websocket_at_another_address_is_refused(client: TestClient, host: str) -> None:
    assert not opens(client, origin=f"http://{host}", host=host)


def test_a_websocket_without_a_session_is_refused(stranger: TestClient) -> None:
    assert not opens(stranger, origin=HERE)
    assert not opens(stranger, origin=HERE, cookie="firstcall-8501=made-up")


def test_after_signing_out_an_open_websocket_hears_the_farewell_without_asking(client: TestClient) -> None:
    with client.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
        socket.receive_text()
        client.post("/sign-out")
        signed_out = time.monotonic()
        assert socket.receive_bytes() == FAREWELL
        assert time.monotonic() - signed_out < 5
        socket.send_bytes(b"a click")
        assert socket.receive_bytes() == FAREWELL


def test_after_signing_out_nothing_that_is_sent_reaches_the_page(client: TestClient) -> None:
    with client.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
        socket.receive_text()
        client.post("/sign-out")
        for _ in range(3):
            socket.send_bytes(b"a click")
            assert socket.receive_bytes() == FAREWELL


def test_an_account_disabled_by_another_program_is_felt_within_five_seconds(desk: Desk) -> None:
    with desk.database.write() as connection:
        accounts.add(connection, OPERATOR, WANG, PASSWORD, datetime.now(UTC))
    with gated.client(desk, STREAMLIT, sample="") as one:
        one.post("/sign-in", data={"name": "wang.min", "password": PASSWORD})
        with one.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
            socket.receive_text()
            elsewhere = Database(desk.settings.database_url)
            with elsewhere.write() as connection:
                accounts.disable(connection, OPERATOR, "wang.min", datetime.now(UTC))
            disabled = time.monotonic()
            assert socket.receive_bytes() == FAREWELL
            assert time.monotonic() - disabled < 5
        assert one.get("/gaps").status_code == 303
        elsewhere.close()


def test_the_first_account_made_by_another_program_ends_the_demo(desk: Desk, client: TestClient) -> None:
    assert client.get("/gaps").json()["user"] == "agent"
    elsewhere = Database(desk.settings.database_url)
    with elsewhere.write() as connection:
        accounts.add(connection, OPERATOR, replace(WANG, id="agent"), PASSWORD, datetime.now(UTC))
    elsewhere.close()
    time.sleep(presence.FRESH)
    assert client.get("/gaps").status_code == 303


# --- remembering ---------------------------------------------------------------------------------


class Watched:
    """A database that counts how often it is read, and can be taken away."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.reads, self.gone = desk, 0, False

    def __call__(self) -> Database:
        self.reads += 1
        if self.gone:
            raise StoreError("store_unusable", problem="disk I/O error")
        return self.desk.database


def signed_in(desk: Desk, *people: str) -> list[str]:
    """Keys of new sessions of sample people."""
    with desk.database.write() as connection:
        now = datetime.now(UTC)
        return [sessions.key_of(sessions.sign_in_sample(connection, one, now, local=True)) for one in people]


def test_all_sessions_in_use_are_read_in_one_query(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(presence.time, "monotonic", lambda: clock[0])
    watched = Watched(desk)
    here = presence.Presence(watched, local=True)
    keys = signed_in(desk, "agent", "editor", "supervisor")
    users = [SAMPLES["agent"], SAMPLES["editor"], SAMPLES["supervisor"]]

    def asked() -> list[User | None]:
        return [found and found.user for found in map(here.session, keys)]

    assert asked() == users
    assert watched.reads == 3  # each for the first time
    clock[0] += 1
    assert (asked(), watched.reads) == (users, 3)
    clock[0] += 2
    assert (asked(), watched.reads) == (users, 4)
    assert here.session("") is None
    assert watched.reads == 4


def test_a_database_that_hangs_signs_nobody_out_for_five_minutes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(presence.time, "monotonic", lambda: clock[0])
    watched = Watched(desk)
    here = presence.Presence(watched, local=True)
    (key,) = signed_in(desk, "agent")
    assert here.session(key) is not None
    watched.gone = True
    for _ in range(9):
        clock[0] += 30
        assert here.session(key).user == SAMPLES["agent"]  # type: ignore[union-attr]
    with pytest.raises(StoreError):
        here.session("0" * 64)  # nobody new gets in
    clock[0] += 40
    with pytest.raises(StoreError):
        here.session(key)
    watched.gone = False
    assert here.session(key).user == SAMPLES["agent"]  # type: ignore[union-attr]


@pytest.mark.parametrize(("language", "begins"), [("en", "The database cannot be used"), ("zh", "数据库无法使用")])
def test_without_a_database_it_says_so(desk: Desk, language: str, begins: str) -> None:
    watched = Watched(desk)
    with gated.client(desk, STREAMLIT) as one:
        desk.presence._database = watched
        desk.presence._known.clear()
        watched.gone = True
        for path in ("/gaps", "/api/search"):
            answer = one.get(path, headers={"accept-language": language})
            assert answer.status_code == 503
            assert begins in answer.text
            assert "Traceback" not in answer.text


def test_what_they_do_is_written_down_beside_the_answer(desk: Desk, client: TestClient) -> None:
    key = sessions.key_of(client.cookies["firstcall-8501"])
    two_minutes_ago = datetime.now(UTC).replace(microsecond=0) - 2 * sessions.SEEN_EVERY
    with desk.database.write() as connection:
        connection.execute(sessions.table.update().values(seen_at=two_minutes_ago))
    desk.presence._known.clear()
    assert client.get("/gaps").status_code == 200
    end = time.monotonic() + 5
    while True:
        with desk.database.read() as connection:
            (seen,) = [one.seen_at for one in sessions.read(connection, [key], datetime.now(UTC), local=True).values()]
        if seen > two_minutes_ago or time.monotonic() > end:
            break
        time.sleep(0.02)
    assert seen > two_minutes_ago


# --- what goes to the audit log ------------------------------------------------------------------


def refusals(desk: Desk) -> list[tuple[str, str]]:
    with desk.database.read() as connection:
        return [(one.by, one.about) for one in audit.entries(connection, OPERATOR) if one.act == "denied"]


def test_what_a_person_was_refused_is_written_down_once_a_minute(desk: Desk) -> None:
    async def forbidden(_: Request) -> JSONResponse:
        return JSONResponse({}, 403)

    routes = [Route(path, forbidden) for path in ("/api/secret", "/api/other")]
    with gated.client(desk, routes) as one:
        for path in ("/api/secret", "/api/secret", "/api/other", "/api/secret"):
            assert one.get(path).status_code == 403
        one.get("/api/search")
        end = time.monotonic() + 5
        while len(refusals(desk)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
    assert sorted(refusals(desk)) == [("agent", "/api/other"), ("agent", "/api/secret")]


def test_a_stranger_fills_no_log(desk: Desk, stranger: TestClient) -> None:
    for number in range(5):
        stranger.get(f"/api/{number}", headers={"origin": "http://evil.example"})
        stranger.get(f"/api/{number}")
    time.sleep(0.1)
    assert refusals(desk) == []


def test_what_looks_like_an_attack_is_one_line_a_minute_in_the_programs_log(
    stranger: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        stranger.get("/gaps?q=%E9%80%80", headers={"origin": "http://evil.example"})
        stranger.get("/gaps", headers={"host": "evil.example"})
        stranger.get("/api/search", headers={"authorization": "Bearer fc_made_up"})
        stranger.get("/gaps")  # nobody signed in yet: not worth a line
    told = [(record.getMessage(), record.facts) for record in caplog.records if record.name == "firstcall"]  # type: ignore[attr-defined]
    assert told == [("refused", {"code": code}) for code in ("origin_refused", "host_refused", "key_wrong")]


# --- how often, how much -------------------------------------------------------------------------


def test_whoever_asks_too_often_is_told_how_long_to_wait(desk: Desk, client: TestClient, stranger: TestClient) -> None:
    for _ in range(limits.PERSON.at_once - 1):
        last = client.get("/gaps")
        if last.status_code == 429:
            break
    while last.status_code != 429:
        last = client.get("/gaps")
    assert last.text == "That was too often. Wait 1 s and try again."
    assert last.headers["retry-after"] == "1"
    assert client.get("/static/js/index.js").status_code == 200  # the page's own files are not counted
    assert stranger.get("/sign-in").status_code == 200  # nor is anybody else
    time.sleep(1.1)
    assert client.get("/gaps").status_code == 200


def test_a_shift_may_sign_in_at_once_from_one_address_and_then_one_a_second_whatever_the_names(
    stranger: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.Rate("sign_in", 1, 200) == limits.SIGN_IN
    monkeypatch.setattr(gate, "SIGN_IN", limits.Rate("sign_in", 1, 60))  # the same with fewer
    told = [stranger.post("/sign-in", data={"sample": f"x{n}"}).status_code for n in range(64)]
    assert told[:60] == [403] * 60
    assert set(told[62:]) == {429}


@pytest.mark.parametrize(
    ("path", "most"), [("/api/search", bounds.MAX_REQUEST), ("/_stcore/upload_file/s/f", bounds.MAX_UPLOAD)]
)
def test_a_body_that_is_announced_too_long_is_not_read(client: TestClient, path: str, most: int) -> None:
    answer = client.post(path, content=b"", headers={"content-length": str(most + 1)})
    assert (answer.status_code, answer.json()["error"]) == (413, "request_too_large")
    assert client.post(path, content=b"", headers={"content-length": str(most)}).status_code != 413


def test_a_body_that_announces_nothing_ends_at_the_limit(desk: Desk) -> None:
    taken: list[int] = []

    async def read(request: Request) -> PlainTextResponse:
        taken.extend([len(piece) async for piece in request.stream()])
        return PlainTextResponse("all of it")

    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    with gated.client(desk, [Route("/api/take", read, methods=["POST"])]) as one, pytest.raises(ClientDisconnect):
        one.post("/api/take", content=pieces())
    assert sum(taken) <= bounds.MAX_REQUEST


def test_a_message_that_is_too_long_closes_the_page(client: TestClient) -> None:
    with client.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
        socket.receive_text()
        socket.send_bytes(b"x" * bounds.MAX_MESSAGE)
        assert len(socket.receive_bytes()) == bounds.MAX_MESSAGE
        socket.send_bytes(b"x" * (bounds.MAX_MESSAGE + 1))
        with pytest.raises(WebSocketDisconnect):
            socket.receive_bytes()


# --- how many ------------------------------------------------------------------------------------


@pytest.fixture
def narrow(desk: Desk) -> Desk:
    """One seat."""
    desk.settings = replace(desk.settings, most_sessions=1)
    return desk


def two(desk: Desk) -> tuple[TestClient, TestClient]:
    """Two browsers at the same app, each signed in."""
    first = gated.client(desk, STREAMLIT)
    second = TestClient(first.app, base_url=HERE, client=("127.0.0.1", 50_000), follow_redirects=False)
    assert second.post("/sign-in", data={"sample": "editor"}).status_code == 303
    return first, second


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "All 1 places here are taken. Leave this page open: it tries again every 10 s."),
        ("zh-CN", "1 个席位都已占用。请不要关闭本页，每 10 秒会自动重试。"),
    ],
)
def test_who_finds_no_place_reads_so_and_gets_in_once_one_is_free(narrow: Desk, language: str, sentence: str) -> None:
    first, second = two(narrow)
    with first.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
        socket.receive_text()
        for path in ("/", "/gaps"):
            answer = second.get(path, headers={"accept-language": language})
            assert (answer.status_code, answer.text) == (503, sentence)
            assert (answer.headers["refresh"], answer.headers["retry-after"]) == ("10", "10")
        assert not opens(second, origin=HERE)
        assert second.get("/static/js/index.js").status_code == 200
        assert second.get("/sign-in").status_code == 303
        assert second.post("/sign-out").status_code == 303
        assert second.post("/sign-in", data={"sample": "editor"}).status_code == 303
    assert second.get("/").status_code == 200
    assert opens(second, origin=HERE)


def test_who_has_a_place_may_open_more_tabs_and_come_back(narrow: Desk) -> None:
    first, _ = two(narrow)
    with first.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
        socket.receive_text()
        assert first.get("/").status_code == 200
        assert opens(first, origin=HERE)
        assert first.get("/").status_code == 200
    assert opens(first, origin=HERE)


def test_a_session_that_is_over_keeps_no_place(narrow: Desk) -> None:
    first, second = two(narrow)
    with first.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
        socket.receive_text()
        first.post("/sign-out")
        assert socket.receive_bytes() == FAREWELL
        assert second.get("/").status_code == 200


def test_what_is_recorded_needs_no_place(narrow: Desk) -> None:
    async def record(request: Request) -> JSONResponse:
        return JSONResponse({"user": request.state.user.id})

    app = gated.client(narrow, [*STREAMLIT, Route("/api/record", record, methods=["POST"])])
    second = TestClient(app.app, base_url=HERE, client=("127.0.0.1", 50_000), follow_redirects=False)
    assert second.post("/sign-in", data={"sample": "editor"}).status_code == 303
    with app.websocket_connect(STREAM, headers={"origin": HERE}) as socket:
        socket.receive_text()
        assert second.get("/").status_code == 503
        assert second.post("/api/record").json() == {"user": "editor"}
