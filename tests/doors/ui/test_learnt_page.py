"""The page of learnt questions: an editor sees each with its effect and decides; nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from kb.calls import call
from kb.calls.journal import Event
from kb.doors.wiring import Desk
from kb.finding import learning
from kb.people.users import SAMPLES, User
from tests.doors.ui.conftest import MAY, PAUL, Look, texts
from tests.fake_encoder import HashEncoder

EDITOR = SAMPLES["editor"]
ASKED = "the little round cleaner shouts at me"
ARTICLE = "vacuum-e04-en"


@pytest.fixture
def taught(desk: Desk) -> Iterator[Desk]:
    """A desk on whose calls two agents solved one question, and one of them another."""
    desk.encoder = HashEncoder()
    for by in (MAY, PAUL):
        solve(desk, by, ASKED, ARTICLE)
    solve(desk, MAY, "half a refund", "broadband-early-termination-en")
    desk.learn(datetime.now(UTC))
    yield desk
    desk.teacher.now = ()
    desk.teacher.publish(desk.settings, desk.open().opened.engine, desk.encoder, datetime.now(UTC))


def solve(desk: Desk, by: User, question: str, article: str) -> None:
    now, id = datetime.now(UTC), f"{by.id}-{article}"
    events = [Event(f"{id}-{kind}", id, now, by.id, kind, question, article) for kind in ("open", "solved")]
    with desk.database.write() as connection:
        call.begin(connection, by, id, now)
        call.record(connection, by, id, events, now)


def press(app: AppTest, label: str) -> AppTest:
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception
    return app


def lessons(desk: Desk) -> list[str]:
    return [one.question for one in desk.open().opened.engine.lessons]


@pytest.mark.parametrize(
    ("hl", "state", "effect"),
    [("en", "Learnt", "Rank of the article for this question: 1 with it"), ("zh", "已学会", "学会后 1")],
)
def test_an_editor_sees_what_was_learnt_and_what_it_does(
    look: Look, taught: Desk, hl: str, state: str, effect: str
) -> None:
    assert lessons(taught) == [ASKED]
    shown = "\n".join(texts(look("learnt", EDITOR, hl, of=ARTICLE)))
    assert ASKED in shown
    assert state in shown
    assert effect in shown.replace("\\", "")
    assert "half a refund" not in shown  # of another article


@pytest.mark.parametrize(("hl", "revoke", "restore"), [("en", "Revoke", "Take back"), ("zh", "撤销", "恢复")])
def test_an_editor_revokes_one_and_takes_it_back(look: Look, taught: Desk, hl: str, revoke: str, restore: str) -> None:
    app = press(look("learnt", EDITOR, hl, of=ARTICLE), revoke)
    assert lessons(taught) == []
    assert EDITOR.id in "\n".join(texts(app))
    press(app, restore)
    assert lessons(taught) == [ASKED]
    with taught.database.read() as connection:
        assert [(one.kind, one.by) for one in learning.decisions(connection)] == [("revoke", "editor"), ("", "editor")]


@pytest.mark.parametrize(("hl", "nod"), [("en", "Confirm"), ("zh", "确认")])
def test_an_editors_nod_makes_one_agents_question_hold(look: Look, taught: Desk, hl: str, nod: str) -> None:
    press(look("learnt", EDITOR, hl, of="broadband-early-termination-en"), nod)
    assert sorted(lessons(taught)) == ["half a refund", ASKED]


def test_an_agent_sees_nothing_of_it(look: Look, taught: Desk) -> None:
    shown = "\n".join(texts(look("learnt", MAY)))
    assert ASKED not in shown
    assert "for editors" in shown


def test_without_calls_the_page_says_how_to_begin(look: Look) -> None:
    assert "marks a call as solved" in "\n".join(texts(look("learnt", EDITOR)))
