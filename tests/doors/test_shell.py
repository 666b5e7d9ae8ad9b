"""The frame of every page, per person and language: who is here, the way out, and nothing without a session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from kb.config import ROOT
from kb.doors import wiring
from kb.people import accounts, sessions
from kb.people.users import OPERATOR, SAMPLES, Role, User

SHELL = ROOT / "kb/doors/ui/shell.py"
ENDED = {
    "en": "Your session has ended: signed out elsewhere, idle for too long, or the account was disabled.",
    "zh": "登录已失效：已在别处退出、太久没有操作，或账号已停用。",
}


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[wiring.Desk]:
    """A desk of its own, without an index: the page says so, and that is enough of it."""
    monkeypatch.setenv("KB_HOME", str(tmp_path))
    monkeypatch.setenv("KB_DATABASE_URL", f"sqlite:///{tmp_path}/firstcall.sqlite")
    wiring.desk.cache_clear()
    yield wiring.desk()
    wiring.desk.cache_clear()


def page(key: str, hl: str) -> AppTest:
    """The shell as Streamlit draws it for the session of this key."""
    one = AppTest.from_file(str(SHELL), default_timeout=20)
    one.user = {"session": key}
    one.query_params["hl"] = hl
    return one.run()


def drawn(one: AppTest) -> str:
    """All HTML of our own in the page."""
    assert not one.exception
    return "".join(str(element.proto.body) for element in one.get("html"))


@pytest.mark.parametrize(("hl", "leave"), [("en", "Sign out"), ("zh", "退出")])
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_person_sees_their_name_the_way_out_and_that_it_is_a_demo(
    desk: wiring.Desk, sample: str, hl: str, leave: str
) -> None:
    with desk.database.write() as connection:
        token = sessions.sign_in_sample(connection, sample, datetime.now(UTC), local=True)
    html = drawn(page(sessions.key_of(token), hl))
    assert f">{SAMPLES[sample].name}</span><button>{leave}</button>" in html
    assert f'action="/sign-out?hl={hl}"' in html
    assert {"en": "Demo: sample people, on this machine only.", "zh": "演示模式：示例人员，只在这台电脑上。"}[
        hl
    ] in html


def test_a_person_with_an_account_sees_no_word_of_a_demo_and_their_name_as_text(desk: wiring.Desk) -> None:
    evil = "<b onclick=x>王敏</b>"
    with desk.database.write() as connection:
        user = User("wang.min", evil, Role.AGENT)
        accounts.add(connection, OPERATOR, user, "quiet harbour 7", datetime.now(UTC))
        token = sessions.sign_in(connection, "wang.min", datetime.now(UTC))
    html = drawn(page(sessions.key_of(token), "en"))
    assert "&lt;b onclick=x&gt;王敏&lt;/b&gt;" in html
    assert evil not in html
    assert 'class="demo"' not in html


@pytest.mark.parametrize("hl", ENDED)
@pytest.mark.parametrize("key", ["", "0" * 64])
def test_without_a_session_the_page_says_so_and_shows_nothing_else(key: str, hl: str) -> None:
    one = page(key, hl)
    assert [warning.value for warning in one.warning] == [ENDED[hl]]
    assert drawn(one).startswith('<a class="again" href="/sign-in?next=')
    assert len(one.info) + len(one.error) + len(one.button) + len(one.get("bidi_component")) == 0


@pytest.mark.parametrize("hl", ENDED)
def test_a_session_that_ends_is_noticed_at_the_next_run_and_the_way_back_is_where_they_were(
    desk: wiring.Desk, hl: str
) -> None:
    with desk.database.write() as connection:
        token = sessions.sign_in_sample(connection, "agent", datetime.now(UTC), local=True)
    key = sessions.key_of(token)
    one = AppTest.from_file(str(SHELL), default_timeout=20)
    one.user = {"session": key}
    one.query_params.update({"hl": hl, "q": "a&b"})
    one.run()
    assert not one.warning
    desk.presence.sign_out(key)
    one.query_params.clear()  # as in the farewell's run
    one.run()
    assert [warning.value for warning in one.warning] == [ENDED[hl]]
    assert f'href="/sign-in?next=%2F%3Fhl%3D{hl}%26q%3Da%2526b"' in drawn(one)
