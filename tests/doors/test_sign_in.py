"""The sign-in page: who gets in, what the others read, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape, unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kb.config import Settings
from kb.doors.sign_in.form import MAX_BODY, local_path
from kb.doors.wiring import Desk
from kb.people import accounts
from kb.people.users import OPERATOR, Role, User
from tests import gated
from tests.gated import HERE

WANG = User("wang.min", "王敏", Role.AGENT)
PASSWORD = "quiet harbour 7"
POP = "/?call=C-17&q=%E9%80%80%E6%AC%BE+%26%20card%3F&product=R3000&lang=zh"
LANGUAGES = {"en": "en-US,en;q=0.9", "zh": "zh-CN,zh;q=0.9"}


async def who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.user.id)


PAGES = [Route("/", who)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Nobody has an account: the demo."""
    return Desk(Settings(articles=tmp_path, home=tmp_path, database_url=f"sqlite:///{tmp_path}/firstcall.sqlite"))


@pytest.fixture
def demo(desk: Desk) -> Iterator[TestClient]:
    with gated.client(desk, PAGES, sample="") as one:
        yield one


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    """王敏 has an account, and nobody is signed in."""
    add(desk, WANG)
    with gated.client(desk, PAGES, sample="") as one:
        yield one


def add(desk: Desk, user: User, **options: bool) -> None:
    with desk.database.write() as connection:
        accounts.add(connection, OPERATOR, user, PASSWORD, datetime.now(UTC), **options)


def sign_in(client: TestClient, name: str = "wang.min", password: str = PASSWORD, **fields: str) -> tuple[int, str]:
    """The status, and where it leads or what it says."""
    language = fields.pop("language", "en")
    given = {"name": name, "password": password, **fields}
    answer = client.post("/sign-in", data=given, headers={"accept-language": LANGUAGES[language], "origin": HERE})
    return answer.status_code, answer.headers.get("location") or problem(answer.text)


def problem(html: str) -> str:
    """The one sentence of what went wrong, '' for none."""
    found = re.findall(r'<p class="bad" role="alert">(.*?)</p>', html)
    assert len(found) <= 1
    assert "Traceback" not in html
    return unescape("".join(found))


# --- getting in ----------------------------------------------------------------------------------


def test_the_right_password_opens_the_page_they_wanted(client: TestClient) -> None:
    asked = client.get(POP).headers["location"]
    page = client.get(asked).text
    (next,) = re.findall(r'<input type="hidden" name="next" value="([^"]*)">', page)
    assert unescape(next) == POP
    assert sign_in(client, next=unescape(next)) == (303, POP)
    assert client.get(POP).text == "wang.min"


def test_where_they_wanted_to_go_survives_a_wrong_password_and_a_change_of_language(client: TestClient) -> None:
    wrong = client.post("/sign-in", data={"name": "wang.min", "password": "no", "next": POP}).text
    assert f'name="next" value="{POP.replace("&", "&amp;")}"' in wrong
    (other,) = re.findall(r'<nav><a href="([^"]*)"', wrong)
    link = urlsplit(unescape(other))
    assert (link.path, parse_qs(link.query)) == ("/sign-in", {"next": [POP], "hl": ["zh"]})


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "That name and password do not belong together."), ("zh", "用户名和密码不匹配。")],
)
def test_a_wrong_password_and_an_unknown_name_are_told_in_the_same_words(
    client: TestClient, language: str, sentence: str
) -> None:
    assert sign_in(client, password="wrong", language=language) == (401, sentence)
    assert sign_in(client, name="li.na", language=language) == (401, sentence)
    assert sign_in(client, name="", password="", language=language) == (401, sentence)
    assert "firstcall-8501" not in client.cookies


@pytest.mark.parametrize(("known", "tries"), [(False, 5), (True, 10)])
def test_who_tries_too_often_is_told_to_wait(client: TestClient, known: bool, tries: int) -> None:
    if known:
        assert sign_in(client)[0] == 303
        client.post("/sign-out")
    for _ in range(tries):
        assert sign_in(client, password="wrong")[0] == 401
    assert sign_in(client) == (429, "Too many tries with this name. Wait 15 minutes and try again.")
    assert sign_in(client, language="zh") == (429, "这个用户名尝试的次数太多了，请 15 分钟后再试。")


def test_the_cookie_is_for_this_site_and_no_script(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"name": "wang.min", "password": PASSWORD})
    session, device = answer.headers.get_list("set-cookie")
    name, _, flags = device.partition("=")
    assert name == "firstcall-8501-device"
    assert set(flags.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=15552000"}
    name, _, flags = session.partition("=")
    assert name == "firstcall-8501"
    assert set(flags.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=lax"}  # gone when the browser closes


def test_every_sign_in_is_a_new_session_and_ends_the_one_before(client: TestClient) -> None:
    sign_in(client)
    first = client.cookies["firstcall-8501"]
    sign_in(client)
    second = client.cookies["firstcall-8501"]
    assert first != second
    assert client.get("/").status_code == 200
    client.cookies.clear()
    assert client.get("/", headers={"cookie": f"firstcall-8501={first}"}).status_code == 303


def test_a_token_set_by_somebody_else_is_never_taken_over(client: TestClient) -> None:
    client.cookies.set("firstcall-8501", "fixed", domain="127.0.0.1")
    answer = client.post("/sign-in", data={"name": "wang.min", "password": PASSWORD})
    assert "fixed" not in answer.headers["set-cookie"]


def test_another_site_cannot_sign_somebody_in(client: TestClient) -> None:
    given = {"name": "wang.min", "password": PASSWORD}
    for origin in ("http://evil.example", "null", "http://localhost:8501"):
        answer = client.post("/sign-in", data=given, headers={"origin": origin})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_who_is_signed_in_already_goes_straight_on(client: TestClient) -> None:
    sign_in(client)
    answer = client.get("/sign-in", params={"next": POP})
    assert (answer.status_code, answer.headers["location"]) == (303, POP)


# --- getting out ---------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_takes_the_cookie(client: TestClient) -> None:
    sign_in(client)
    token = client.cookies["firstcall-8501"]
    answer = client.post("/sign-out?hl=zh", headers={"origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?hl=zh")
    assert 'firstcall-8501=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert client.get("/", headers={"cookie": f"firstcall-8501={token}"}).status_code == 303


def test_a_stranger_may_sign_out_too(client: TestClient) -> None:
    answer = client.post("/sign-out?hl=//evil.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_nothing_is_signed_out_by_a_link(client: TestClient) -> None:
    sign_in(client)
    assert client.get("/sign-out").status_code == 405
    assert client.get("/").text == "wang.min"


# --- where it leads ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/gaps?state=open", POP, "/?q=//x", "/?next=/sign-in"])
def test_a_page_of_ours_is_a_place_to_go(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "gaps",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        " /",
        "/sign-in?next=/",
        "/sign-out",
    ],
)
def test_what_leads_elsewhere_leads_to_the_first_page(client: TestClient, path: str) -> None:
    assert local_path(path) == "/"
    assert sign_in(client, next=path) == (303, "/")


# --- language and looks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "en-US,en;q=0.9", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("", "de-DE,de;q=0.9,zh;q=0.5,en;q=0.3", "zh-CN"),
        ("", "fr", "en"),
        ("", "zh;q=x, ;;, en;q=0.1", "en"),
        ("", "", "en"),
        ("?hl=zh", "en", "zh-CN"),
        ("?hl=en", "zh", "en"),
        ("?hl=de", "zh", "zh-CN"),
        ("?next=%2F%3Fhl%3Dzh", "en", "zh-CN"),  # the page they wanted was in Chinese
        ("?next=%2F%3Fhl%3Dzh&hl=en", "zh", "en"),
    ],
)
def test_the_page_speaks_the_visitors_language(client: TestClient, query: str, accepted: str, language: str) -> None:
    page = client.get(f"/sign-in{query}", headers={"accept-language": accepted}).text
    assert f'<html lang="{language}">' in page
    assert {"en": "<h1>Sign in</h1>", "zh-CN": "<h1>登录</h1>"}[language] in page


@pytest.mark.parametrize(
    ("next", "hl", "location"),
    [
        ("/", "zh", "/?hl=zh"),
        ("/?call=C-17", "zh", "/?call=C-17&hl=zh"),
        ("/?hl=en&q=a", "zh", "/?hl=en&q=a"),
        ("/", "", "/"),
        ("/", '"><script>', "/"),
    ],
)
def test_a_language_chosen_here_is_kept(client: TestClient, next: str, hl: str, location: str) -> None:
    assert sign_in(client, next=next, hl=hl) == (303, location)


def test_what_was_typed_is_shown_as_text(client: TestClient) -> None:
    evil = '"><script>alert(1)</script>'
    page = client.post("/sign-in", data={"name": evil, "password": "x", "next": f"/?{evil}", "hl": evil}).text
    assert "<script" not in page
    assert f'name="name" value="{escape(evil)}"' in page


def test_the_page_runs_no_script_and_loads_nothing(client: TestClient) -> None:
    answer = client.get("/sign-in")
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )
    assert re.findall(r"<(?:script|link|img|iframe)\b|\bsrc=|url\(", answer.text) == []


@pytest.mark.parametrize(
    ("dest", "site", "said"),
    [("iframe", "cross-site", True), ("iframe", "same-site", False), ("document", "cross-site", False)],
)
def test_in_a_frame_that_keeps_no_cookie_the_page_says_so(client: TestClient, dest: str, site: str, said: bool) -> None:
    sent = {"sec-fetch-dest": dest, "sec-fetch-site": site, "accept-language": "en"}
    assert problem(client.get("/sign-in", headers=sent).text).startswith("This page is in a frame") is said


def test_the_cursor_waits_where_it_is_needed(client: TestClient) -> None:
    def focused(page: str) -> list[str]:
        return re.findall(r'<input name="(\w+)"[^>]* autofocus>', page)

    assert focused(client.get("/sign-in").text) == ["name"]
    assert focused(client.post("/sign-in", data={"name": "wang.min", "password": "x"}).text) == ["password"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"x" * (MAX_BODY + 1), "The request is larger than 16 KB."),
        (b"&".join(b"a=1" for _ in range(20)), "The request is not a form."),
        (b"\xff\xfe", "That name and password do not belong together."),
        (b'{"name": "wang.min"}', "That name and password do not belong together."),
    ],
)
def test_any_body_gets_a_sentence(client: TestClient, body: bytes, sentence: str) -> None:
    answer = client.post("/sign-in", content=body, headers={"accept-language": "en"})
    assert answer.status_code in (400, 401)
    assert problem(answer.text) == sentence


# --- a new password ------------------------------------------------------------------------------


def test_a_password_given_by_somebody_else_is_changed_on_the_way_in(desk: Desk, client: TestClient) -> None:
    add(desk, User("li.na", "Li Na", Role.EDITOR), must_change=True)
    first = client.post("/sign-in", data={"name": "li.na", "password": PASSWORD, "next": POP})
    assert first.status_code == 403
    assert problem(first.text) == "This password was given to you by somebody else. Choose one of your own."
    assert '<input name="new" type="password"' in first.text
    assert '<input type="hidden" name="change" value="1">' in first.text
    changed = {"change": "1", "next": POP}
    assert sign_in(client, "li.na", new="short", **changed) == (400, "A password has at least 10 characters.")
    assert sign_in(client, "li.na", new=PASSWORD, **changed) == (
        400,
        "The new password is the old one. Choose another.",
    )
    assert sign_in(client, "li.na", new="another harbour", **changed) == (303, POP)
    assert client.get("/").text == "li.na"
    assert sign_in(client, "li.na", "another harbour") == (303, "/")


@pytest.mark.parametrize(("hl", "heading"), [("en", "Choose a new password"), ("zh", "设置新密码")])
def test_a_person_changes_their_password_here_also_while_signed_in(client: TestClient, hl: str, heading: str) -> None:
    sign_in(client)
    page = client.get(f"/sign-in?change=1&hl={hl}")
    assert page.status_code == 200
    assert f"<h1>{heading}</h1>" in page.text
    assert sign_in(client, new="another harbour", change="1") == (303, "/")
    assert sign_in(client)[0] == 401
    assert sign_in(client, password="another harbour")[0] == 303


# --- the demo ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "names"),
    [
        ("en", ["Sample agent", "Sample knowledge editor", "Sample supervisor"]),
        ("zh-CN", ["示例坐席", "示例知识编辑", "示例主管"]),
    ],
)
def test_the_demo_offers_three_people(demo: TestClient, accepted: str, names: list[str]) -> None:
    page = demo.get("/sign-in", headers={"accept-language": accepted}).text
    buttons = re.findall(r'<button name="sample" value="(\w+)"[^>]*>(.*?)</button>', page)
    assert buttons == list(zip(["agent", "editor", "supervisor"], names, strict=True))
    assert "<code>python -m kb user add NAME --role admin</code>" in page
    assert 'type="password"' not in page


@pytest.mark.parametrize("sample", ["agent", "editor", "supervisor"])
def test_one_click_and_they_are_in(demo: TestClient, sample: str) -> None:
    answer = demo.post("/sign-in", data={"sample": sample, "next": POP}, headers={"origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, POP)
    assert demo.get("/").text == sample


@pytest.mark.parametrize("sample", ["admin", "operator", "", "root"])
def test_the_demo_has_nobody_else(demo: TestClient, sample: str) -> None:
    answer = demo.post("/sign-in", data={"sample": sample}, headers={"accept-language": "en"})
    assert answer.status_code == 403
    assert problem(answer.text) == "The demo's sample people cannot sign in here."


def test_once_there_is_an_account_the_demo_is_over(client: TestClient) -> None:
    page = client.get("/sign-in").text
    assert 'name="sample"' not in page
    assert 'type="password"' in page
    answer = client.post("/sign-in", data={"sample": "supervisor"}, headers={"accept-language": "zh"})
    assert (answer.status_code, problem(answer.text)) == (403, "这里不能用示例人员登录。")


def test_there_is_no_demo_for_another_machine(desk: Desk) -> None:
    app = gated.app(desk, PAGES)
    with TestClient(app, base_url=HERE, client=("10.0.0.7", 50_000), follow_redirects=False) as elsewhere:
        assert 'name="sample"' not in elsewhere.get("/sign-in").text
        assert elsewhere.post("/sign-in", data={"sample": "agent"}).status_code == 403
