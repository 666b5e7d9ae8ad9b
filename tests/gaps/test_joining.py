"""Misses that mean the same join one gap: ids stay as more arrive, and what people split or merge stays so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Database
from kb.errors import NotAllowedError
from kb.gaps import gap, misses, moves
from kb.gaps.clusters import joining
from kb.gaps.gap import Report
from kb.gaps.misses import Miss
from kb.people.users import OPERATOR
from tests.gaps.floor import BASE, LATER, TOPICS, Floor
from tests.people_on_the_floor import BO, MAY, NOON, SUE


@pytest.fixture
def floor(database: Database) -> Iterator[Floor]:
    with database.write() as connection:
        yield Floor(connection)


def topics(floor: Floor) -> dict[str, str]:
    """Gap → the topic of most of its questions."""
    by_question = {question: topic for topic, questions in TOPICS.items() for question in questions}
    found: dict[str, Counter[str]] = {}
    for one in floor.connection.execute(sa.select(tables.miss.c.question, tables.miss.c.gap)):
        found.setdefault(gap.root(floor.connection, one.gap), Counter())[by_question[one.question]] += 1
    return {id: counts.most_common(1)[0][0] for id, counts in found.items()}


def test_misses_that_mean_the_same_join_one_gap_across_wording_and_language(floor: Floor) -> None:
    for n in range(4):
        for topic, questions in TOPICS.items():
            floor.miss(questions[n], topic)
    floor.look()
    gaps = gap.open_gaps(floor.connection)
    assert sorted(topics(floor).values()) == sorted(TOPICS)
    assert [(one.question, one.lang, one.calls, one.state) for one in gaps] == [
        (questions[0], "zh", 4, "new") for questions in TOPICS.values()
    ]
    assert misses.unjoined(floor.connection, LATER, 100) == ()


def test_a_miss_joins_the_gap_an_agent_recorded(floor: Floor) -> None:
    floor.vectors["lock and water"] = BASE.row("lock and water", "lock")
    gap.record(floor.connection, MAY, Report("r-1", "g-1", "call-9", "may", NOON, "lock and water"))
    floor.miss("门锁泡水了还能保修吗", "lock")
    floor.look()
    assert set(floor.joined().values()) == {"g-1"}
    found = gap.find(floor.connection, "g-1")
    assert found is not None
    assert found.calls == 2


def test_ids_stay_as_misses_arrive(floor: Floor) -> None:
    """Whatever comes later, a miss stays in the gap it joined, or in the older one that became of it."""
    drawn = np.random.default_rng(5)
    seen: dict[str, str] = {}
    for day in range(12):
        for _ in range(10):
            topic = f"t{min(drawn.geometric(0.2), 40) - 1}"
            floor.miss(f"{topic} asked as {drawn.integers(10_000)}", topic)
        floor.look()
        rows = floor.connection.execute(sa.select(tables.miss.c.id, tables.miss.c.gap))
        parts: Mapping[str, str] = {row.id: row.gap for row in rows}
        assert all(parts[id] == part for id, part in seen.items()), day
        seen = dict(parts)
    assert all(seen.values())
    assert 8 < len(set(floor.joined().values())) < 40
    assert {one.id for one in gap.every(floor.connection, SUE)} == set(floor.joined().values())


def test_nothing_new_changes_nothing(floor: Floor) -> None:
    floor.miss(TOPICS["lock"][0], "lock")
    floor.look()
    before = floor.joined()
    decided = floor.look()
    assert (decided.gap, decided.opened, decided.merged) == ({}, {}, ())
    assert floor.joined() == before


# --- by hand -------------------------------------------------------------------------------------


def test_a_split_stays_split_after_200_further_misses(floor: Floor) -> None:
    ours = [floor.miss(question, "lock") for question in TOPICS["lock"]]
    floor.look()
    (old,) = set(floor.joined().values())
    new = moves.split(floor.connection, SUE, old, ours[2:], floor.at)
    split = floor.joined()
    assert [split[id] for id in ours] == [old, old, new, new]
    for n in range(200):
        floor.miss(f"{TOPICS['lock'][n % 4]} {n}", "lock")
        if n % 20 == 19:
            floor.look()
    after = floor.joined()
    assert [after[id] for id in ours] == [old, old, new, new]
    assert gap.root(floor.connection, new) == new
    assert set(after.values()) <= {old, new}
    again = floor.miss(TOPICS["lock"][2], "lock")
    floor.look()
    assert floor.joined()[again] in {old, new}


def test_gaps_merged_by_hand_stay_one_and_take_what_either_takes(floor: Floor) -> None:
    lock, bill = floor.miss(TOPICS["lock"][0], "lock"), floor.miss(TOPICS["bill"][0], "bill")
    floor.look()
    before = floor.joined()
    assert before[lock] != before[bill]
    moves.move(floor.connection, SUE, before[bill], "duplicate", floor.at, into=before[lock])
    for n in range(1, 4):
        floor.miss(TOPICS["lock"][n], "lock")
        floor.miss(TOPICS["bill"][n], "bill")
    floor.look()
    assert set(floor.joined().values()) == {before[lock]}
    found = gap.find(floor.connection, before[bill])
    assert found is not None
    assert (found.id, found.calls) == (before[lock], 8)


def test_the_machine_merges_no_gap_that_somebody_has_taken_up(floor: Floor) -> None:
    for id in ("g-1", "g-2"):
        facts = {"question": "q", "lang": "en", "state": "new"}
        floor.connection.execute(sa.insert(tables.gap).values(id=id, at=NOON, **facts))
    moves.move(floor.connection, SUE, "g-2", "triaged", NOON)
    joining.keep(floor.connection, OPERATOR, joining.Decided({}, {}, (("g-2", "g-1"),)), NOON)
    assert gap.root(floor.connection, "g-2") == "g-2"
    moves.move(floor.connection, SUE, "g-1", "not_needed", NOON, why="no")
    floor.connection.execute(sa.update(tables.gap).where(tables.gap.c.id == "g-2").values(state="new"))
    joining.keep(floor.connection, OPERATOR, joining.Decided({}, {}, (("g-2", "g-1"),)), NOON)
    assert gap.root(floor.connection, "g-2") == "g-1"


# --- it comes back -------------------------------------------------------------------------------


def closed(floor: Floor, state: str) -> str:
    floor.miss(TOPICS["lock"][0], "lock")
    floor.look()
    (id,) = set(floor.joined().values())
    values = {"state": state, "closed_at": floor.at + timedelta(hours=2), "article": "lock-water-zh"}
    floor.connection.execute(sa.update(tables.gap).where(tables.gap.c.id == id).values(**values))
    floor.at += timedelta(hours=3)
    return id


@pytest.mark.parametrize("state", ["published", "verified", "already_there"])
def test_a_gap_that_was_answered_and_is_missed_again_on_two_calls_is_reopened(floor: Floor, state: str) -> None:
    id = closed(floor, state)
    floor.miss(TOPICS["lock"][1], "lock")
    floor.look()
    assert [one.state for one in gap.every(floor.connection, SUE)] == [state]
    floor.miss(TOPICS["lock"][2], "lock")
    floor.look()
    (one,) = gap.open_gaps(floor.connection)
    assert (one.id, one.state, one.calls) == (id, "reopened", 3)
    assert [(made.after, made.why, made.by) for made in moves.history(floor.connection, SUE, id)] == [
        ("reopened", moves.RECURRED, "operator")
    ]


def test_a_gap_that_was_not_needed_stays_closed(floor: Floor) -> None:
    closed(floor, "not_needed")
    for question in TOPICS["lock"][1:]:
        floor.miss(question, "lock")
    floor.look()
    assert [(one.state, one.calls) for one in gap.every(floor.connection, SUE)] == [("not_needed", 4)]


def test_what_missed_before_the_answer_was_there_reopens_nothing(floor: Floor) -> None:
    closed(floor, "published")
    for question in TOPICS["lock"][1:]:
        floor.miss(question, "lock", at=NOON + timedelta(minutes=30))
    floor.look()
    assert [one.state for one in gap.every(floor.connection, SUE)] == ["published"]


def test_the_sample_s_misses_join_none_but_the_sample_s_gaps(floor: Floor) -> None:
    floor.miss(TOPICS["lock"][0], "lock")
    floor.miss(TOPICS["lock"][1], "lock", tag="demo")
    floor.look()
    floor.look("demo")
    assert [one.calls for one in gap.every(floor.connection, SUE)] == [1]
    assert [one.calls for one in gap.every(floor.connection, SUE, tag="demo")] == [1]


def test_joining_is_the_machine_s_part(floor: Floor) -> None:
    with pytest.raises(NotAllowedError):
        joining.keep(floor.connection, SUE, joining.Decided({}, {}, ()), NOON)


def test_a_miss_that_was_joined_meanwhile_is_left_where_it_is(floor: Floor) -> None:
    id = floor.miss(TOPICS["lock"][0], "lock")
    todo = joining.todo(floor.connection, LATER)
    gap.record(floor.connection, BO, Report("r-1", "g-1", "call-9", "bo", NOON, "lock and water"))
    floor.connection.execute(sa.update(tables.miss).values(gap="g-1"))
    joining.keep(floor.connection, OPERATOR, joining.decide(todo, floor.vectors, BASE.space), LATER)
    assert floor.joined() == {id: "g-1"}
    assert isinstance(todo.new[0], Miss)
