"""What a call says of the articles opened on it: only its own words, only what stands, only real calls."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from kb.calls import call, journal, lessons
from kb.calls.journal import Event
from kb.calls.lessons import UNUSED, votes
from kb.db import Database
from kb.tables import EPOCH
from tests.people_on_the_floor import MAY, MINUTE, NOON, PHONE, SECOND


def trail(*told: tuple[str, str, str]) -> list[Event]:
    """Events a second apart: kind, words, article."""
    return [
        Event(f"e{n}", "c1", NOON + n * SECOND, MAY.id, kind, query, article)
        for n, (kind, query, article) in enumerate(told)
    ]


def said(events: list[Event], *, over: bool = True) -> list[tuple[str, str, bool, str]]:
    return [(one.article, one.question, one.solved, one.reworded) for one in votes(events, over=over)]


def test_the_words_an_article_was_opened_from_are_learnt() -> None:
    events = trail(("search", "card expired", ""), ("open", "card expired", "a"), ("solved", "card expired", "a"))
    assert said(events) == [("a", "card expired", True, "")]


def test_words_tried_before_it_are_its_rewordings() -> None:
    events = trail(("search", "old plastic", ""), ("search", "card expired", ""), ("open", "card expired", "a"))
    events = [*events, *trail(*[("end", "", "")] * 3, ("solved", "", "a"))[3:]]
    assert said(events) == [("a", "card expired", True, ""), ("a", "old plastic", True, "card expired")]


def test_words_after_it_or_before_something_else_was_settled_are_not() -> None:
    events = trail(
        ("search", "router red light", ""),
        ("open", "router red light", "r"),
        ("solved", "router red light", "r"),
        ("search", "card expired", ""),
        ("open", "card expired", "a"),
        ("search", "late parcel", ""),
        ("solved", "", "a"),
    )
    assert said(events) == [("r", "router red light", True, ""), ("a", "card expired", True, "")]


def test_an_article_that_came_from_a_link_teaches_nothing() -> None:
    assert said(trail(("search", "card", ""), ("open", "", "a"), ("solved", "", "a"))) == []


def test_what_was_taken_back_teaches_nothing() -> None:
    events = trail(("open", "card expired", "a"), ("solved", "card expired", "a"))
    undone = Event(**{**{n: getattr(events[1], n) for n in Event.__dataclass_fields__}, "undone_at": NOON})
    assert said([events[0], undone], over=False) == []


def test_an_article_left_unused_speaks_against_it_once_the_call_is_over() -> None:
    events = trail(("open", "card expired", "a"), ("open", "card expired", "b"), ("copy", "", "b"))
    assert votes(events, over=False) == ()
    (one,) = votes(events, over=True)
    assert (one.article, one.question, one.solved, one.worth) == ("a", "card expired", False, UNUSED)


@pytest.mark.parametrize("kind", ["unsolved", "solved"])
def test_it_speaks_louder_where_the_agent_said_so_or_another_solved(kind: str) -> None:
    events = trail(("open", "card expired", "a"), (kind, "", "b" if kind == "solved" else "a"))
    against = [one for one in votes(events, over=True) if not one.solved]
    assert [(one.article, one.worth) for one in against] == [("a", 1.0)]


def test_an_article_that_was_used_has_nothing_against_it() -> None:
    for kind in lessons.USED:
        assert not [one for one in votes(trail(("open", "q", "a"), (kind, "", "a")), over=True) if not one.solved]


# --- from the journal ----------------------------------------------------------------------------


def solve(database: Database, id: str, question: str, at: datetime, tag: str = "") -> None:
    events = [
        Event(f"{id}-{kind}", id, at + n * SECOND, MAY.id, kind, question, "" if kind == "search" else "a")
        for n, kind in enumerate(("search", "open", "solved"))
    ]
    with database.write() as connection:
        call.begin(connection, MAY, id, at, tag=tag)
        call.record(connection, MAY, id, events, at + 3 * SECOND)


def learnt(database: Database, since: datetime = EPOCH, at: datetime = NOON + MINUTE) -> dict[str, list[str]]:
    with database.read() as connection:
        found = lessons.of_calls(connection, list(lessons.lately(connection, since, at)), at)
    return {id: [one.question for one in some] for id, some in found.items()}


def test_a_real_call_teaches_and_masked(database: Database) -> None:
    solve(database, "c1", f"refund to {PHONE}", NOON)
    assert learnt(database) == {"c1": ["refund to ‹phone›"]}


@pytest.mark.parametrize("tag", [tag for tag in call.TAGS if tag])
def test_no_other_call_does(database: Database, tag: str) -> None:
    solve(database, "c1", "card expired", NOON, tag)
    assert learnt(database) == {}


def test_only_calls_that_changed_are_read_again(database: Database) -> None:
    solve(database, "c1", "card expired", NOON)
    solve(database, "c2", "late parcel", NOON + timedelta(hours=3))
    assert learnt(database, NOON + timedelta(hours=2), NOON + timedelta(hours=4)) == {"c2": ["late parcel"]}
    with database.write() as connection:
        journal.undo(connection, MAY, "c1-solved", NOON + timedelta(hours=5))
    assert learnt(database, NOON + timedelta(hours=4), NOON + timedelta(hours=6)) == {"c1": ["card expired"]}
    with database.read() as connection:
        (one,) = lessons.of_calls(connection, ["c1"], NOON + timedelta(hours=6))["c1"]
    assert not one.solved  # only that it was opened is left


def test_a_call_whose_votes_may_be_others_has_another_state(database: Database) -> None:
    def state(at: datetime) -> lessons.State:
        with database.read() as connection:
            return lessons.lately(connection, NOON, at)["c1"]

    solve(database, "c1", "card expired", NOON)
    before = state(NOON + MINUTE)
    assert before == (3, 0, False) == state(NOON + 2 * MINUTE)
    assert state(NOON + call.IDLE + MINUTE) == (3, 0, True)  # nobody ended it
    with database.write() as connection:
        journal.undo(connection, MAY, "c1-solved", NOON + MINUTE)
    assert state(NOON + MINUTE) == (3, 1, False)
