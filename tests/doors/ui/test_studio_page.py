"""The studio's first page: what is due, what was flagged, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kb.calls import flags
from kb.calls.flags import Flag
from kb.doors.wiring import Desk
from kb.people.users import Role, User
from tests.doors.ui.conftest import MAY, Look, texts

ED = User("ed", "Ed", Role.EDITOR)
WRONG = Flag(
    "f-1", "may", datetime(2026, 11, 22, 4, tzinfo=UTC), "refund-times-en", "v" * 64, "wrong", "Within 3 days."
)


@pytest.mark.parametrize(("hl", "sentence"), [("zh", "没有待处理的文章。"), ("en", "Nothing to look at.")])
def test_a_base_in_order_has_nothing_to_look_at(look: Look, hl: str, sentence: str) -> None:
    app = look("studio", ED, hl)
    assert [one.value for one in app.success] == [sentence]


@pytest.mark.parametrize(
    ("hl", "reason", "right"), [("zh", "有人标错", "原文没错"), ("en", "flagged", "Right as it is")]
)
def test_a_flagged_article_is_due_and_its_answer_reaches_whoever_flagged_it(
    look: Look, desk: Desk, hl: str, reason: str, right: str
) -> None:
    with desk.database.write() as connection:
        flags.put(connection, MAY, WRONG)
    app = look("studio", ED, hl)
    title = desk.title("refund-times-en", ED)
    assert any(title in one for one in texts(app))
    assert any(reason in one for one in texts(app))
    app.button_group(f"studio-view-{hl}").set_value("flags").run()
    assert any("Within 3 days" in one for one in texts(app))
    app.text_input("answer-text-f-1").set_value("7 days is for parcels.")
    next(one for one in app.button if one.label == right).click().run()
    with desk.database.read() as connection:
        ((flag, answer),) = flags.answers_for(connection, MAY)
    assert (flag.id, answer.by, answer.done, answer.text) == ("f-1", "ed", False, "7 days is for parcels.")
    told = texts(look("today", MAY, hl))
    assert any("7 days is for parcels" in one and right in one for one in told)


def test_an_agent_sees_the_flags_and_answers_none(look: Look, desk: Desk) -> None:
    with desk.database.write() as connection:
        flags.put(connection, MAY, WRONG)
    app = look("studio", MAY)
    app.button_group("studio-view-en").set_value("flags").run()
    assert any("Within 3 days" in one for one in texts(app))
    assert not [one for one in app.button if one.label in ("Mended", "Right as it is")]


def test_all_articles_are_narrowed_by_what_stands_in_the_address(look: Look) -> None:
    app = look("studio", ED)
    app.button_group("studio-view-en").set_value("all").run()
    assert "80 articles" in [one.value for one in app.caption]
    app.button_group("studio-lang-en").set_value("zh").run()
    app.text_input("studio-q").set_value("no such thing").run()
    assert "0 articles" in [one.value for one in app.caption]
    app.text_input("studio-q").set_value("refund-times").run()
    assert app.dataframe[0].value["Id"].tolist() == ["refund-times-zh"]
    assert {app.query_params[name] for name in ("view", "lang", "q")} == {"all", "zh", "refund-times"}
