"""How the agent's page opens: by a screen-pop, where this person left off, or with a database that fails."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kb.calls import call
from kb.calls.call import Call
from kb.calls.journal import Event
from kb.db import Database
from kb.doors.wiring import Desk
from kb.errors import StoreError
from kb.people.users import User
from tests.doors.ui.conftest import MAY, SUE, Look, texts

SEARCHED = {"call": "CRM-1", "q": "wifi keeps dropping"}


def held(desk: Desk, by: User = MAY) -> list[Call]:
    with desk.database.read() as connection:
        return list(call.held(connection, by, datetime.now(UTC)))


def pop_of(app: Any) -> dict[str, Any]:
    """What box and bar are told of the screen-pop, without its token."""
    return {name: value for name, value in app.session_state["pop"].items() if name != "token"}


def test_a_screen_pop_opens_its_call_with_its_words(look: Look, desk: Desk) -> None:
    app = look("search", MAY, product="R3000", lang="en", **SEARCHED)
    (one,) = held(desk)
    assert (one.id, one.product, one.lang) == ("CRM-1", "LH-R3000", "en")
    assert app.session_state["question"] == "wifi keeps dropping"
    assert pop_of(app) == {"call": "CRM-1", "product": "LH-R3000", "lang": "en", "taken": False}
    assert app.session_state["refused"] == []
    assert dict(app.query_params) == {}


def test_every_screen_pop_has_a_token_of_its_own(look: Look) -> None:
    tokens = {look("search", MAY, **SEARCHED).session_state["pop"]["token"] for _ in range(2)}
    assert len(tokens - {""}) == 2
    assert look("search", MAY).session_state["pop"] == {}


@pytest.mark.parametrize(
    ("hl", "wrong", "kept", "sentence"),
    [
        ("en", {"product": "R9", "lang": "zh"}, ("", "zh"), 'No product is called "R9".'),
        ("zh", {"product": "R3000", "lang": "klingon"}, ("LH-R3000", ""), "“klingon”不是语言代码"),
    ],
)
def test_a_product_or_language_that_is_none_costs_only_itself(
    look: Look, desk: Desk, hl: str, wrong: dict[str, str], kept: tuple[str, str], sentence: str
) -> None:
    app = look("search", MAY, hl, **SEARCHED, **wrong)
    (one,) = held(desk)
    assert (one.id, one.product, one.lang) == ("CRM-1", *kept)
    assert app.session_state["question"] == "wifi keeps dropping"
    assert [sentence in text for text in texts(app)].count(True) == 1


def test_a_screen_pop_without_a_call_tells_what_the_next_one_is_about(look: Look, desk: Desk) -> None:
    app = look("search", MAY, product="R3000", lang="zh")
    assert pop_of(app) == {"call": "", "product": "LH-R3000", "lang": "zh", "taken": False}
    assert held(desk) == []


def test_a_call_that_was_anothers_is_told_as_taken(look: Look, desk: Desk) -> None:
    with desk.database.write() as connection:
        call.begin(connection, User("lu", "Lu", MAY.role), "CRM-1", datetime.now(UTC))  # of no team
    assert pop_of(look("search", MAY, call="CRM-1"))["taken"] is True
    assert [one.id for one in held(desk)] == ["CRM-1"]


def test_a_visit_goes_on_without_writing(look: Look, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    look("search", MAY, **SEARCHED)
    asked = Event("e1", "CRM-1", datetime.now(UTC), "may", "search", "wifi keeps dropping")
    with desk.database.write() as connection:
        call.record(connection, MAY, "CRM-1", [asked], datetime.now(UTC))

    def write(_: Database) -> None:
        raise AssertionError("the one writer is somebody else's")

    monkeypatch.setattr(Database, "write", write)
    assert look("search", MAY).session_state["question"] == "wifi keeps dropping"


def test_a_database_that_fails_is_told_on_that_page_and_no_longer_than_it_does(
    look: Look, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StoreError("store_unusable", problem="disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr("kb.doors.ui.live.mine", broken)
        told = [text for text in texts(look("search", MAY)) if "disk I/O error" in text]
    assert len(told) == 1
    assert desk.trouble is None
    assert not [text for text in texts(look("search", SUE)) if "disk I/O error" in text]
