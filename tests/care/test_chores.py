"""In the background: what missed on calls becomes gaps, and is never embedded twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kb.calls import call
from kb.calls.journal import Event
from kb.care import chores
from kb.care.chores import GapKeeper, questions_of
from kb.doors.wiring import Desk
from kb.finding.search import Vector
from kb.gaps import gap, misses
from kb.gaps.clusters import regrouping
from kb.gaps.clusters.regrouping import Question, Regrouped
from tests.fake_encoder import HashEncoder
from tests.new_database import NewUrl
from tests.on_call import base_of, desk_of
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, SUE

LATER = NOON + timedelta(hours=1)


class Counting(HashEncoder):
    """Keeps how many questions it was given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []

    def queries(self, texts: Sequence[str]) -> Vector:
        self.given.append(len(texts))
        return super().queries(texts)


@pytest.fixture
def call_desk(tmp_path: Path, new_url: NewUrl) -> Iterator[Desk]:
    """A desk of the small bilingual base, with an empty database."""
    desk = desk_of(base_of(tmp_path / "base"), new_url())
    yield desk
    desk.database.close()


@pytest.fixture(autouse=True)
def _a_small_base_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "LEAST", 2)


def searched(desk: Desk, by: str, id: str, query: str, *, complete: bool = True) -> None:
    agent = MAY if by == "may" else BO
    detail = {"verdict": "missing", "hits": 3, "complete": complete}
    with desk.database.write() as connection:
        call.record(connection, agent, id, [Event(f"s-{id}", id, NOON, by, "search", query, detail=detail)], NOON)


def gaps(desk: Desk) -> list[tuple[str, int, int]]:
    with desk.database.read() as connection:
        return sorted((one.question, one.calls, one.agents) for one in gap.every(connection, SUE))


def test_what_missed_on_calls_becomes_gaps(call_desk: Desk, tmp_path: Path) -> None:
    engine = call_desk.open().opened.engine
    for by, id, query in (
        ("may", "c-1", "门锁泡水了还能保修吗"),
        ("bo", "c-2", "门锁泡水了还能保修吗？"),
        ("may", "c-3", "wrong name on my invoice"),
        ("bo", "c-4", "退款多久到账"),
    ):
        searched(call_desk, by, id, query, complete=id != "c-4")
    keeper = GapKeeper(tmp_path / "vectors.sqlite")
    assert keeper.look(call_desk.database, engine, HashEncoder(), LATER) == 3
    assert gaps(call_desk) == [("wrong name on my invoice", 1, 1), ("门锁泡水了还能保修吗", 2, 2)]
    assert keeper.look(call_desk.database, engine, HashEncoder(), LATER) == 0
    searched(call_desk, "may", "c-5", "门锁泡水了还能保修吗!")
    assert keeper.look(call_desk.database, engine, HashEncoder(), LATER + MINUTE) == 1
    assert gaps(call_desk)[1] == ("门锁泡水了还能保修吗", 3, 2)


def test_nothing_is_embedded_twice_nor_many_at_once(call_desk: Desk, tmp_path: Path) -> None:
    engine = call_desk.open().opened.engine
    for n in range(30):
        searched(call_desk, "may", f"c-{n}", f"门锁泡水 {n} 号")
    first, second = Counting(), Counting()
    GapKeeper(tmp_path / "vectors.sqlite").look(call_desk.database, engine, first, LATER)
    assert sum(first.given) == 30 + len(questions_of(engine))
    assert max(first.given) <= chores.AT_ONCE
    searched(call_desk, "may", "c-99", "one more that is new")
    GapKeeper(tmp_path / "vectors.sqlite").look(call_desk.database, engine, second, LATER + MINUTE)
    assert second.given == [1]


def test_all_questions_are_looked_at_together_when_enough_are_new(
    call_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    really, numbers = regrouping.regroup, itertools.count()

    def regroup(asked: Sequence[Question], *rest: Any) -> Regrouped:
        looked.append(len(asked))
        return really(asked, *rest)

    monkeypatch.setattr(regrouping, "regroup", regroup)
    engine, keeper = call_desk.open().opened.engine, GapKeeper(tmp_path / "vectors.sqlite")
    for count, expected in ((regrouping.LEAST - 1, []), (1, [regrouping.LEAST]), (1, [regrouping.LEAST])):
        for _ in range(count):
            n = next(numbers)
            searched(call_desk, "may", f"c-{n}", f"第 {n} 件事情怎么办")
        keeper.look(call_desk.database, engine, HashEncoder(), LATER)
        assert looked == expected
    assert sum(calls for _, calls, _ in gaps(call_desk)) == regrouping.LEAST + 1


@pytest.mark.parametrize("missing", ["encoder", "engine"])
def test_without_an_encoder_or_index_misses_are_noticed_and_wait(call_desk: Desk, tmp_path: Path, missing: str) -> None:
    engine = call_desk.open().opened.engine
    searched(call_desk, "may", "c-1", "门锁泡水了")
    keeper = GapKeeper(tmp_path / "vectors.sqlite")
    given = (None, HashEncoder()) if missing == "engine" else (engine, None)
    assert keeper.look(call_desk.database, *given, LATER) == 0
    with call_desk.database.read() as connection:
        assert [one.question for one in misses.unjoined(connection, LATER, 9)] == ["门锁泡水了"]
    assert keeper.look(call_desk.database, engine, HashEncoder(), LATER) == 1


def test_a_base_with_too_few_questions_joins_nothing_yet(
    call_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "LEAST", 1_000)
    searched(call_desk, "may", "c-1", "门锁泡水了")
    engine = call_desk.open().opened.engine
    assert GapKeeper(tmp_path / "vectors.sqlite").look(call_desk.database, engine, HashEncoder(), LATER) == 0
    assert gaps(call_desk) == []
