"""Practice: real questions, my own result, and what I missed sooner."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import practice
from kb.calls.practice import Attempt, Question, comes_back, known, median_seconds, next_question, questions
from kb.config import ROOT
from kb.content.articles import Article, parse
from kb.db import Database
from kb.people.users import Role, User
from tests.small_base import markdown

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOTH = frozenset({"zh", "en"})

MAY = User("may", "May", Role.AGENT)
PAUL = User("paul", "Paul", Role.AGENT)
SUE = User("sue", "Sue", Role.SUPERVISOR)


def article(id: str, title: str, *asked: str, twin: str = "") -> Article:
    return parse(markdown(id, title, questions=asked, twin=twin), f"products/{id}.md")


BASE = {
    one.id: one
    for one in (
        article("refund-zh", "退款多久到账", "钱什么时候退给我", "退款到哪了", twin="refund-en"),
        article("refund-en", "How long a refund takes", "where is my money", twin="refund-zh"),
        article("lock-en", "The lock does not open", "I am locked out"),
    )
}
REFUND = Question("where is my money", "refund-en", "refund-zh", real=True)
LOCK = Question("I am locked out", "lock-en", "", real=False)


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    with database.write() as one:
        yield one


def solved(
    connection: sa.Connection, words: str, id: str, *, agent: str = "paul", tag: str = "", **more: object
) -> None:
    """One call on which a search led to an article that solved it."""
    count = connection.scalar(sa.select(sa.func.count()).select_from(tables.event)) or 0
    at = NOON + count * MINUTE
    call = {"id": f"call-{count}", "agent": agent, "begun_at": at, "last_at": at, "tag": tag}
    connection.execute(sa.insert(tables.call).values(**call))
    facts = {"id": f"event-{count}", "call": call["id"], "at": at, "agent": agent, "kind": "solved"}
    connection.execute(sa.insert(tables.event).values(**facts | {"query": words, "article": id, **more}))


def tried(question: str, right: bool, at: datetime, seconds: float = 10) -> Attempt:
    return Attempt("x", at, question, "a", "a" if right else "b", seconds, right)


# --- what is asked -------------------------------------------------------------------------------


def test_real_questions_come_with_the_article_that_most_often_solved_them(connection: sa.Connection) -> None:
    solved(connection, "where is my money", "lock-en")
    solved(connection, "Where is my  money", "refund-en")
    solved(connection, "where is my money", "refund-en")
    solved(connection, "退款到哪了", "refund-zh")
    assert practice.solved_questions(connection, MAY) == (
        ("退款到哪了", "refund-zh"),
        ("where is my money", "refund-en"),
    )


def test_what_was_no_real_solved_call_is_not_asked(connection: sa.Connection) -> None:
    solved(connection, "practised", "lock-en", tag="practice")
    solved(connection, "shown", "lock-en", tag="demo")
    solved(connection, "undone", "lock-en", undone_at=NOON)
    solved(connection, "opened", "lock-en", kind="opened")
    solved(connection, "", "lock-en")
    solved(connection, "no article", "")
    assert practice.solved_questions(connection, MAY) == ()


def test_whose_call_it_was_is_not_told(connection: sa.Connection) -> None:
    solved(connection, "where is my money", "refund-en", agent="paul.okafor")
    assert "paul" not in repr(practice.solved_questions(connection, MAY))


def test_while_the_journal_is_young_editors_questions_are_asked_too_each_once() -> None:
    real = [("Where is my money", "refund-en"), ("gone", "no-longer-there")]
    assert questions(real, BASE, BASE.get, BOTH) == (
        Question("Where is my money", "refund-en", "refund-zh", real=True),
        Question("钱什么时候退给我", "refund-zh", "refund-en", real=False),
        Question("退款到哪了", "refund-zh", "refund-en", real=False),
        Question("I am locked out", "lock-en", "", real=False),
    )


def test_a_grown_journal_asks_real_questions_only() -> None:
    real = [(f"where is my money {i}", "refund-en") for i in range(practice.YOUNG)]
    assert [one.text for one in questions(real, BASE, BASE.get, BOTH)] == [words for words, _ in real]
    assert any(not one.real for one in questions(real[1:], BASE, BASE.get, BOTH))


@pytest.mark.parametrize(
    ("langs", "asked"),
    [({"zh"}, ["退款到哪了", "钱什么时候退给我"]), ({"en"}, ["where is it", "where is my money", "I am locked out"])],
)
def test_nobody_is_asked_in_a_language_they_do_not_speak(langs: set[str], asked: list[str]) -> None:
    real = [("退款到哪了", "refund-zh"), ("where is it", "refund-en")]
    assert [one.text for one in questions(real, BASE, BASE.get, frozenset(langs))] == asked


def test_an_article_i_may_not_see_is_not_asked_about() -> None:
    def read(id: str) -> Article | None:
        return BASE[id] if id != "refund-en" else None

    assert [one.text for one in questions([("money", "refund-en")], BASE, read, frozenset({"en"}))] == [
        "I am locked out"
    ]


@pytest.mark.parametrize(
    ("opened", "right"), [("refund-en", True), ("refund-zh", True), ("lock-en", False), ("", False)]
)
def test_the_right_article_and_its_twin_are_right(opened: str, right: bool) -> None:
    assert REFUND.is_answered_by(opened) is right
    assert not LOCK.is_answered_by("")  # it has no twin, and nothing is not right


# --- when it comes back --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "row", "back"),
    [
        ([False], 0, 10 * MINUTE),
        ([True], 1, DAY),
        ([True, True], 2, 3 * DAY),
        ([True, True, True], 3, 7 * DAY),
        ([True, True, True, True], 4, 21 * DAY),
        ([True] * 9, 9, 21 * DAY),
        ([True, False, True, True], 1, DAY),  # the newest first: missed once since
        ([False, True, True, True], 0, 10 * MINUTE),
    ],
)
def test_a_missed_question_comes_back_sooner_than_a_known_one(rights: list[bool], row: int, back: timedelta) -> None:
    attempts = [tried("q", right, NOON - i * DAY) for i, right in enumerate(rights)]
    assert known(attempts) == row
    assert comes_back(attempts) == NOON + back


def asked_next(pool: list[str], attempts: list[Attempt], at: datetime, user: str = "may") -> str:
    one = next_question([Question(words, "a", "", real=True) for words in pool], attempts, user, at)
    assert one
    return one.text


def test_a_missed_question_that_is_due_is_asked_before_a_new_one_and_one_not_due_after_it() -> None:
    attempts = [tried("other", True, NOON), tried("missed", False, NOON)]
    assert asked_next(["missed", "new", "other"], attempts, NOON + 9 * MINUTE) == "new"
    assert asked_next(["missed", "new", "other"], attempts, NOON + 10 * MINUTE) == "missed"


def test_of_questions_that_are_due_the_least_known_is_asked_first() -> None:
    attempts = [
        tried("last", True, NOON),
        tried("known", True, NOON - 5 * DAY),
        tried("missed", False, NOON - DAY),
        tried("known", True, NOON - 9 * DAY),
    ]
    assert asked_next(["known", "missed", "last"], attempts, NOON) == "missed"


def test_where_nothing_is_due_or_new_the_next_to_come_due_is_asked() -> None:
    attempts = [tried("b", True, NOON), tried("c", True, NOON - MINUTE), tried("a", True, NOON - 2 * MINUTE)]
    assert asked_next(["b", "c", "a"], attempts, NOON + MINUTE) == "a"


def test_the_same_question_is_not_asked_twice_running_unless_it_is_the_only_one() -> None:
    attempts = [tried("a", False, NOON)]
    assert asked_next(["a", "b"], attempts, NOON + DAY) == "b"
    assert asked_next(["a"], attempts, NOON) == "a"


def test_real_questions_are_asked_before_editors_own() -> None:
    assert next_question([LOCK, REFUND], [], "may", NOON) == REFUND
    assert next_question([LOCK], [], "may", NOON) == LOCK
    assert next_question([], [], "may", NOON) is None


def test_each_person_meets_new_questions_in_an_order_of_their_own_that_stays() -> None:
    pool = [f"q{i}" for i in range(50)]
    first = {user: asked_next(pool, [], NOON, user) for user in ("may", "paul", "eve", "sue")}
    assert len(set(first.values())) > 1
    assert {user: asked_next(pool[::-1], [], NOON + DAY, user) for user in first} == first


def test_over_an_hour_the_one_i_keep_missing_comes_most_often_and_all_others_once() -> None:
    pool, attempts = [*(f"easy {i}" for i in range(20)), "hard"], list[Attempt]()
    attempts.append(tried("hard", False, NOON))
    for minute in range(5, 65, 5):
        at = NOON + minute * MINUTE
        one = asked_next(pool, attempts, at)
        attempts.insert(0, tried(one, one != "hard", at))
    asked = [attempt.question for attempt in attempts]
    assert asked.count("hard") == 7  # every ten minutes
    easy = [one for one in asked if one != "hard"]
    assert len(easy) == len(set(easy)) == 6


# --- my result -----------------------------------------------------------------------------------


def test_what_i_answered_is_mine_to_read(connection: sa.Connection) -> None:
    first = practice.record(connection, MAY, REFUND, "refund-zh", 7.5, NOON)
    second = practice.record(connection, MAY, LOCK, "refund-en", 21, NOON + MINUTE)
    third = practice.record(connection, MAY, LOCK, "", 3, NOON + 2 * MINUTE)
    assert first
    assert first == Attempt(first.id, NOON, "where is my money", "refund-en", "refund-zh", 7.5, True)
    assert [(one.opened, one.right) for one in (second, third) if one] == [("refund-en", False), ("", False)]
    assert practice.mine(connection, MAY) == (third, second, first)


@pytest.mark.parametrize("other", [PAUL, SUE, User("root", "Root", Role.ADMIN)])
def test_nobody_elses_reading_shows_my_result(connection: sa.Connection, other: User) -> None:
    practice.record(connection, MAY, REFUND, "refund-en", 7, NOON)
    assert practice.mine(connection, other) == ()
    theirs = practice.record(connection, other, LOCK, "lock-en", 9, NOON)
    assert practice.mine(connection, other) == (theirs,)
    assert [one.question for one in practice.mine(connection, MAY)] == ["where is my money"]


def test_no_function_takes_whose_result_to_read() -> None:
    assert list(inspect.signature(practice.mine).parameters) == ["connection", "by"]
    functions = [
        one for _, one in inspect.getmembers(practice, inspect.isfunction) if one.__module__ == practice.__name__
    ]
    reading = [one.__name__ for one in functions if "practice.c" in inspect.getsource(one)]
    assert reading == ["mine"]


# Whoever moves, erases or forgets a person's data has to touch it, and shows it to nobody.
MAY_TOUCH = {"kb/tables/__init__.py", "kb/tables/calls.py", "kb/calls/practice.py"}
CARE = ("kb/care/",)


def test_no_other_module_reads_the_table() -> None:
    touching = set()
    for path in sorted((ROOT / "kb").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in ("kb.tables", "kb.tables.calls")
            for alias in node.names
        }
        defined = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and path.parent.name == "tables"}
        attributes = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tables"
        }
        if "practice" in imported | attributes | defined:
            touching.add(path.relative_to(ROOT).as_posix())
    assert {path for path in touching if not path.startswith(CARE)} == MAY_TOUCH


@pytest.mark.parametrize("seconds", [-0.1, 300.1, float("nan"), float("inf")])
def test_an_interrupted_attempt_is_kept_nowhere(connection: sa.Connection, seconds: float) -> None:
    assert practice.record(connection, MAY, REFUND, "refund-en", seconds, NOON) is None
    assert practice.mine(connection, MAY) == ()


def test_practice_writes_no_call_and_no_event(connection: sa.Connection) -> None:
    practice.record(connection, MAY, REFUND, "refund-en", 7, NOON)
    for table in (tables.call, tables.event):
        assert connection.execute(sa.select(table)).all() == []


def test_what_is_kept_is_masked_and_still_the_same_question(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(practice, "mask", lambda text: text.replace("13800138000", "[phone]"))
    base = {"call-en": article("call-en", "Call back", "call me on 13800138000")}
    (one,) = questions([], base, base.get, BOTH)
    assert one.text == "call me on [phone]"
    kept = practice.record(connection, MAY, one, "call-en", 5, NOON)
    assert kept
    assert kept.question == one.text
    raw = practice.record(connection, MAY, Question("13800138000", "a", "", real=True), "a", 5, NOON)
    assert raw
    assert raw.question == "[phone]"


def test_the_median_is_of_the_right_ones() -> None:
    attempts = [tried("q", right, NOON, seconds) for right, seconds in [(True, 4), (False, 1), (True, 8), (True, 30)]]
    assert median_seconds(attempts) == 8
    assert median_seconds([attempts[0], attempts[2]]) == 6
    assert median_seconds([attempts[1]]) is None
    assert median_seconds([]) is None
