"""The practice page: a question, the box, the right article, the seconds; shown to nobody else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from kb import tables
from kb.calls import practice
from kb.calls.practice import Attempt, Question
from kb.doors.wiring import Desk
from kb.people.users import User
from tests.doors.ui.conftest import MAY, PAUL, SUE, Look, texts

START = {"zh": "开始", "en": "Start"}
NEXT = {"zh": "下一题", "en": "Next question"}


def mine(desk: Desk, by: User) -> tuple[Attempt, ...]:
    with desk.database.read() as connection:
        return practice.mine(connection, by)


def press(app: AppTest, label: str) -> AppTest:
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception
    return app


def asked(app: AppTest) -> Question:
    question = app.session_state["practice-question"]
    assert isinstance(question, Question)
    return question


def search(app: AppTest, words: str) -> AppTest:
    return app.text_input[0].set_value(words).run()


def solved(desk: Desk, words: str, article: str) -> None:
    """Somebody's call that this search and this article solved."""
    at = datetime.now(UTC)
    with desk.database.write() as connection:
        connection.execute(sa.insert(tables.call).values(id="c1", agent="paul", begun_at=at, last_at=at))
        facts = {"id": "e1", "call": "c1", "at": at, "agent": "paul", "kind": "solved", "query": words}
        connection.execute(sa.insert(tables.event).values(**facts, article=article))


@pytest.mark.parametrize("hl", ["zh", "en"])
@pytest.mark.parametrize("by", [MAY, SUE])
def test_the_right_article_is_found_timed_and_kept_for_me_alone(look: Look, desk: Desk, hl: str, by: User) -> None:
    solved(desk, "扫地机报 E-04", "vacuum-e04-zh")
    app = press(look("practice", by, hl), START[hl])
    assert asked(app) == Question("扫地机报 E-04", "vacuum-e04-zh", "vacuum-e04-en", real=True)
    assert "扫地机报 E-04" in [one.value for one in app.subheader]
    search(app, "E-04")
    titles = [one for one in app.button if (one.key or "").startswith("practice-") and one.key[9:].isdigit()]
    assert titles[0].label == desk.read("vacuum-e04-en", MAY).title  # type: ignore[union-attr]  # the twin is as right
    titles[0].click().run()
    assert not app.exception
    (kept,) = mine(desk, by)
    assert (kept.question, kept.article, kept.opened, kept.right) == (
        "扫地机报 E-04",
        "vacuum-e04-zh",
        "vacuum-e04-en",
        True,
    )
    assert 0 < kept.seconds < 60
    assert ("答对了" if hl == "zh" else "Right") in "\n".join(texts(app))
    assert mine(desk, PAUL) == ()


@pytest.mark.parametrize(
    ("hl", "wrong", "right"), [("zh", "不是这篇", "对的文章："), ("en", "Not this one", "The right one: ")]
)
def test_a_wrong_choice_shows_the_right_article_and_what_it_says(
    look: Look, desk: Desk, hl: str, wrong: str, right: str
) -> None:
    solved(desk, "my lock does not know my finger", "lock-fingerprint-en")
    app = search(press(look("practice", MAY, hl), START[hl]), "refund")
    next(one for one in app.button if one.key == "practice-1").click().run()
    shown = "\n".join(texts(app))
    article = desk.read("lock-fingerprint-en", MAY)
    assert article
    assert wrong in shown
    assert f"{right}{article.title}" in shown
    assert article.say[:40] in shown
    assert [(one.right, one.opened != "") for one in mine(desk, MAY)] == [(False, True)]


def test_show_me_counts_as_missed(look: Look, desk: Desk) -> None:
    solved(desk, "my lock does not know my finger", "lock-fingerprint-en")
    press(press(look("practice", MAY), "Start"), "Show me")
    assert [(one.opened, one.right) for one in mine(desk, MAY)] == [("", False)]


def test_nothing_of_it_is_a_call(look: Look, desk: Desk) -> None:
    app = search(press(look("practice", MAY), "Start"), "refund to an expired card")
    next(one for one in app.button if one.key == "practice-1").click().run()
    assert len(mine(desk, MAY)) == 1
    with desk.database.read() as connection:
        assert connection.execute(sa.select(tables.call)).all() == []
        assert connection.execute(sa.select(tables.event)).all() == []


def test_while_the_journal_is_young_articles_own_questions_are_asked(look: Look, desk: Desk) -> None:
    app = press(look("practice", MAY), "Start")
    question = asked(app)
    article = desk.read(question.article, MAY)
    assert article
    assert not question.real
    assert question.text in article.questions
    assert "Example from an article" in "\n".join(texts(app))


def test_nobody_is_asked_in_a_language_they_do_not_speak(look: Look, desk: Desk) -> None:
    app = press(look("practice", User("ann", "Ann", MAY.role, langs=frozenset({"en"}))), "Start")
    for _ in range(4):
        assert asked(app).text.isascii()
        press(press(app, "Show me"), "Next question")


def test_the_next_question_is_another_one_with_an_empty_box(look: Look, desk: Desk) -> None:
    app = search(press(look("practice", MAY), "Start"), "refund")
    first = asked(app)
    press(press(app, "Show me"), "Next question")
    assert asked(app) != first
    assert app.text_input[0].value == ""
    assert len(mine(desk, MAY)) == 1


@pytest.mark.parametrize(("hl", "nothing"), [("zh", "会显示在这里"), ("en", "will appear here")])
def test_before_the_first_result_the_page_says_what_will_appear(look: Look, hl: str, nothing: str) -> None:
    assert any(nothing in one.value for one in look("practice", MAY, hl).caption)


def test_my_last_ten_and_their_median_are_shown_and_only_mine(look: Look, desk: Desk) -> None:
    question = Question("which one", "vacuum-e04-en", "", real=True)
    with desk.database.write() as connection:
        for seconds in (99.0, *range(2, 12)):  # the first is the eleventh, and no longer looked at
            practice.record(connection, MAY, question, "vacuum-e04-en", float(seconds), datetime.now(UTC))
        practice.record(connection, PAUL, question, "", 200.0, datetime.now(UTC))
    app = look("practice", MAY)
    assert [(one.label, one.value) for one in app.metric] == [
        ("Right", "10 / 10"),
        ("Median time of the right ones", "6.5 s"),
    ]
    assert [one.value for one in look("practice", SUE).metric] == []
    assert [one.value for one in look("practice", PAUL).metric] == ["0 / 1", "–"]


def test_a_question_of_hostile_words_is_only_text(look: Look, desk: Desk) -> None:
    solved(desk, "![x](http://evil.example/x.png) :red[a]", "lock-fingerprint-en")
    app = press(look("practice", MAY), "Start")
    assert asked(app).text == "![x](http://evil.example/x.png) :red[a]"
    assert "evil.example" not in "\n".join(texts(app))
