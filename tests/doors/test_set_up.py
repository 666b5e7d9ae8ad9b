"""The first start: an admin's account made from this machine, once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kb.config import Settings
from kb.doors.wiring import Desk
from kb.people import accounts, audit, users
from kb.people.users import OPERATOR, Role, User
from tests import gated
from tests.gated import HERE

PASSWORD = "quiet harbour 7"
GIVEN = {"name": "Wang.Min", "shown": "王敏", "password": PASSWORD, "again": PASSWORD}
WANG = User("wang.min", "王敏", Role.ADMIN)


async def who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.user.id)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Settings(articles=tmp_path, home=tmp_path, database_url=f"sqlite:///{tmp_path}/firstcall.sqlite"))


@pytest.fixture
def browser(desk: Desk) -> Iterator[TestClient]:
    with gated.client(desk, [Route("/", who)], sample="") as one:
        one.headers["accept-language"] = "en"
        yield one


def problem(html: str) -> str:
    return unescape("".join(re.findall(r'<p class="bad" role="alert">(.*?)</p>', html)))


def everyone(desk: Desk) -> list[User]:
    with desk.database.read() as connection:
        return [one.user for one in accounts.all_accounts(connection, OPERATOR)]


@pytest.mark.parametrize(
    ("language", "title", "button"), [("en", "Set up Firstcall", "Make the account"), ("zh-CN", "初始设置", "创建账号")]
)
def test_the_demo_leads_to_it(browser: TestClient, language: str, title: str, button: str) -> None:
    browser.headers["accept-language"] = language
    (link,) = re.findall(r'href="(/set-up[^"]*)"', browser.get("/sign-in?next=%2Fgaps").text)
    assert unescape(link) == "/set-up?next=%2Fgaps"
    page = browser.get(unescape(link)).text
    assert f"<h1>{title}</h1>" in page
    assert f"<button>{button}</button>" in page
    assert 'action="/set-up"' in page
    assert 'name="next" value="/gaps"' in page
    assert re.findall(r"<(?:script|link|img|iframe)\b|\bsrc=|url\(", page) == []


def test_the_first_account_is_an_admins_who_is_in_at_once(desk: Desk, browser: TestClient) -> None:
    answer = browser.post("/set-up", data={**GIVEN, "next": "/?call=C-1"}, headers={"origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?call=C-1")
    assert browser.get("/").text == "wang.min"
    assert everyone(desk) == [WANG]
    with desk.database.read() as connection:
        acts = [(one.act, one.about) for one in audit.entries(connection, OPERATOR)]
    assert acts == [("sign_in", ""), ("account", "wang.min")]


def test_afterwards_there_is_no_such_page_and_no_demo(desk: Desk, browser: TestClient) -> None:
    browser.post("/set-up", data=GIVEN)
    browser.cookies.clear()
    for answer in (browser.get("/set-up"), browser.post("/set-up", data={**GIVEN, "name": "li.na"})):
        assert (answer.status_code, answer.text) == (404, "There is no such page.")
        assert "set-cookie" not in answer.headers
    assert browser.get("/set-up?hl=zh").text == "没有这个页面。"
    assert "/set-up" not in browser.get("/sign-in").text
    assert everyone(desk) == [WANG]


def test_a_disabled_account_is_an_account(desk: Desk, browser: TestClient) -> None:
    with desk.database.write() as connection:
        accounts.add(connection, OPERATOR, WANG, PASSWORD, datetime.now(UTC))
        accounts.disable(connection, OPERATOR, "wang.min", datetime.now(UTC))
    assert browser.get("/set-up").status_code == 404


def test_it_is_not_there_for_another_machine(desk: Desk) -> None:
    app = gated.app(desk)
    with TestClient(app, base_url=HERE, client=("10.0.0.7", 50_000)) as elsewhere:
        assert elsewhere.get("/set-up").status_code == 404
        assert elsewhere.post("/set-up", data=GIVEN).status_code == 404
    assert everyone(desk) == []


def test_it_is_not_there_where_others_can_reach_the_app(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    desk = Desk(Settings(articles=tmp_path, home=tmp_path, database_url=url, origins="http://kb.example.com"))
    with gated.client(desk, sample="", base="http://kb.example.com") as one:
        assert one.get("/set-up").status_code == 404
        assert one.post("/set-up", data=GIVEN).status_code == 404
    with desk.database.read() as connection:
        assert not users.any_account(connection)


def test_another_site_cannot_make_it(desk: Desk, browser: TestClient) -> None:
    assert browser.post("/set-up", data=GIVEN, headers={"origin": "http://evil.example"}).status_code == 403
    assert everyone(desk) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"again": "another harbour"}, "The two passwords are not the same."),
        ({"password": "short", "again": "short"}, "A password has at least 10 characters."),
        ({"name": "operator"}, '"operator" cannot be a sign-in name'),
        ({"name": "<b>"}, '"<b>" cannot be a sign-in name'),
        ({"shown": "x" * 101}, "A display name has between 1 and 100"),
    ],
)
def test_what_will_not_do_is_said_and_what_was_typed_stays(
    desk: Desk, browser: TestClient, changed: dict[str, str], sentence: str
) -> None:
    answer = browser.post("/set-up", data={**GIVEN, **changed})
    assert answer.status_code == 400
    assert problem(answer.text).startswith(sentence)
    assert "<b>" not in answer.text
    assert PASSWORD not in answer.text
    assert ('name="shown" value="王敏"' in answer.text) == ("shown" not in changed)
    assert everyone(desk) == []


def test_the_name_to_show_may_be_left_out(desk: Desk, browser: TestClient) -> None:
    assert browser.post("/set-up", data={**GIVEN, "shown": " "}).status_code == 303
    assert everyone(desk) == [User("wang.min", "wang.min", Role.ADMIN)]
