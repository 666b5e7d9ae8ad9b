"""From "this solved it" to found: within seconds, by the second agent, and gone again when taken back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kb.calls import call as calls
from kb.doors.wiring import Desk, upkeep
from kb.finding import learning
from kb.people.users import SAMPLES, User
from tests.on_call import base_of, client, desk_of, told
from tests.people_on_the_floor import BO, MAY, PHONE
from tests.waiting import within

ASKED = "the plastic ran out in spring"
WITHIN = 2.0


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    base = base_of(tmp_path / "home")
    monkeypatch.setattr(upkeep, "load_encoder", lambda settings: base.encoder)
    monkeypatch.setattr(upkeep.gc, "freeze", lambda: None)  # the test process goes on
    one = desk_of(base, tmp_path / "kb.sqlite")
    one.start()
    assert within(20, lambda: one.encoder_state == "ready" and one.teacher.looked)
    yield one
    one.stop()
    one.database.close()


def solve(desk: Desk, by: User, call: str, question: str = ASKED, article: str = "late-en") -> None:
    """A call on which an article solved a question, told as the page tells it."""
    events = [
        {"id": f"{call}-s", "kind": "search", "q": question},
        {"id": f"{call}-o", "kind": "open", "q": question, "article": article},
        {"id": f"{call}-y", "kind": "solved", "q": question, "article": article},
    ]
    told(client(desk, by), f"/api/calls/{call}/events", events=events)


def first(desk: Desk, question: str = ASKED) -> str:
    return desk.ask(question, MAY).hits[0].article.id


def lessons(desk: Desk) -> list[str]:
    assert desk.served
    return [one.question for one in desk.served.opened.engine.lessons]


def test_solved_by_a_second_agent_it_is_found_within_seconds_and_no_longer_when_taken_back(desk: Desk) -> None:
    assert first(desk) != "late-en"
    solve(desk, MAY, "c1")
    assert not within(1.5, lambda: lessons(desk) != [])  # one agent teaches nothing
    started = time.monotonic()
    solve(desk, BO, "c2")
    assert within(10 * WITHIN, lambda: first(desk) == "late-en")
    took = time.monotonic() - started
    print(f"solved → found in {took:.2f} s")
    assert took < 3 * WITHIN  # a busy machine; benchmarks/latency.py is for a quiet one
    assert lessons(desk) == [ASKED]
    told(client(desk, BO), "/api/undo", id="c2-y")
    assert within(20, lambda: lessons(desk) == [])
    assert first(desk) != "late-en"


def test_an_editors_nod_teaches_and_a_revocation_unlearns(desk: Desk) -> None:
    solve(desk, MAY, "c1", f"refund to {PHONE} please")
    for kind, wanted in ((learning.NOD, ["refund to ‹phone› please"]), (learning.REVOKE, [])):
        assert within(20, lambda: bool(desk.teacher.now))
        with desk.database.write() as connection:
            one = desk.teacher.now[0]
            learning.decide(connection, SAMPLES["editor"], one.article, one.question, kind, datetime.now(UTC))
        desk.floor.touched()
        assert within(20, lambda wanted=wanted: lessons(desk) == wanted)  # type: ignore[misc]


def test_a_practice_call_teaches_nothing(desk: Desk) -> None:
    for call, by in (("c1", MAY), ("c2", BO)):
        with desk.database.write() as connection:
            calls.begin(connection, by, call, datetime.now(UTC), tag="practice")
        solve(desk, by, call)
    assert not within(2, lambda: lessons(desk) != [])
    assert desk.teacher.now == ()


def test_a_question_that_two_agents_solved_is_found_and_no_other_is(desk: Desk) -> None:
    assert desk.ask(ASKED, MAY).verdict.name == "maybe"  # a base of few articles claims nothing by itself
    solve(desk, MAY, "c1")
    solve(desk, BO, "c2")
    assert within(20, lambda: lessons(desk) == [ASKED])
    verdict = desk.ask(f"  {ASKED.upper()}", MAY).verdict
    assert (verdict.name, verdict.probability) == ("found", 1.0)
    assert desk.ask("the plastic ran out in autumn", MAY).verdict.name == "maybe"
    told(client(desk, BO), "/api/undo", id="c2-y")
    assert within(20, lambda: lessons(desk) == [])
    assert desk.ask(ASKED, MAY).verdict.name == "maybe"
