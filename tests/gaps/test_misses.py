"""Misses are read from what happened on calls, with no extra click, and never where the machine failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from kb.calls import call, journal
from kb.calls.journal import Event
from kb.db import Connection, Database
from kb.errors import NotAllowedError
from kb.gaps import gap, misses
from kb.gaps.gap import Report
from kb.gaps.misses import LONGEST, Miss, notice, signals_of
from kb.people.users import OPERATOR
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, SECOND, SUE

LATER = NOON + timedelta(hours=1)
Kept = dict[str, tuple[str, ...]]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def search(id: str, query: str, second: float, verdict: str = "found", hits: int = 5, **detail: Any) -> Event:
    facts = {"verdict": verdict, "hits": hits, "complete": True} | detail
    return Event(id, "call-1", NOON + second * SECOND, "may", "search", query, detail=facts)


def did(kind: str, second: float, **facts: Any) -> Event:
    return Event(f"{kind}-{second}", "call-1", NOON + second * SECOND, "may", kind, **facts)


def signals(*trail: Event, over: bool = True) -> Kept:
    return signals_of(trail, over=over)


# --- each signal, in zh and en -------------------------------------------------------------------


@pytest.mark.parametrize("query", ["门锁泡水了还能保修吗", "is a lock that fell into water covered"])
def test_a_search_that_finds_nothing_is_a_miss(query: str) -> None:
    assert signals(search("s", query, 0, "missing", 0)) == {"s": ("nothing", "missing")}
    assert signals(search("s", query, 0, "maybe", 0), did("open", 5)) == {"s": ("nothing",)}


@pytest.mark.parametrize("query", ["门锁泡水了还能保修吗", "is a lock that fell into water covered"])
def test_a_verdict_of_not_in_the_base_is_a_miss_even_if_a_hit_was_used(query: str) -> None:
    assert signals(search("s", query, 0, "missing"), did("open", 5), did("solved", 9)) == {"s": ("missing",)}


def test_hits_that_nobody_opens_are_a_miss_once_the_search_is_over() -> None:
    asked = search("s", "退款多久到账", 0)
    assert signals(asked) == {"s": ("unopened",)}
    assert signals(asked, over=False) == {}
    assert signals(asked, search("t", "发票抬头", 100), over=False) == {"s": ("unopened",)}


@pytest.mark.parametrize("kind", ["open", "copy", "solved", "helped"])
def test_a_hit_that_is_used_is_no_miss(kind: str) -> None:
    assert signals(search("s", "退款多久到账", 0), did(kind, 5)) == {}


def test_a_question_put_in_other_words_once_is_no_miss() -> None:
    assert signals(search("s", "退款多久", 0), search("t", "退款什么时候到账", 20), did("open", 25)) == {}


def test_a_question_reformulated_twice_is_a_miss_in_each_of_its_wordings_but_the_one_that_helped() -> None:
    trail = [
        search("s", "refund to a closed card", 0),
        search("t", "card closed refund", 60),
        search("u", "closed account refund where", 120),
        did("open", 125),
        did("solved", 140),
    ]
    assert signals(*trail) == {"s": ("reformulated",), "t": ("reformulated",)}
    assert signals(*trail[:4]) == dict.fromkeys("stu", ("reformulated",))
    assert signals(*trail[:3]) == {
        "s": ("reformulated",),
        "t": ("reformulated",),
        "u": ("unopened", "reformulated"),
    }


def test_searches_for_other_things_are_no_reformulations() -> None:
    trail = [
        *(search("s", "退款多久到账", 0), did("open", 5)),
        *(search("t", "路由器红灯", 100), did("open", 105)),
        *(search("u", "发票抬头", 200), did("open", 205)),
    ]
    assert signals(*trail) == {}


def test_searches_in_quick_succession_are_for_the_same_thing_whatever_their_words() -> None:
    trail = [search("s", "退款多久", 0), search("t", "钱什么时候回来", 30), search("u", "到账时间", 60)]
    assert [len(found) for found in signals(*trail).values()] == [1, 1, 2]


def test_a_hit_opened_and_the_same_thing_searched_for_again_is_a_miss() -> None:
    trail = [search("s", "refund closed card", 0), did("open", 5), search("t", "closed card", 50), did("open", 60)]
    assert signals(*trail) == {"s": ("searched_on",)}
    told = [trail[0], trail[1], did("copy", 8), *trail[2:]]
    assert signals(*told) == {}


def test_what_the_agent_says_counts() -> None:
    asked, opened = search("s", "退款多久到账", 0), did("open", 5)
    assert signals(asked, opened, did("unsolved", 9)) == {"s": ("unsolved",)}
    assert signals(asked, opened, did("flag", 9)) == {"s": ("flagged",)}
    assert signals(asked, opened, did("gap", 9)) == {"s": ("recorded",)}
    assert signals(asked, opened, did("join", 9)) == {"s": ("joined",)}
    taken_back = Event("x", "call-1", NOON + 9 * SECOND, "may", "unsolved", undone_at=NOON + MINUTE)
    assert signals(asked, opened, taken_back) == {}


# --- never where the machine failed --------------------------------------------------------------


@pytest.mark.parametrize("said", [(), ("unsolved", "flag", "gap")])
def test_an_answer_without_the_encoder_is_never_a_miss(said: Sequence[str]) -> None:
    trail = [search("s", "退款多久到账", 0, "missing", 0, complete=False), *(did(kind, 9) for kind in said)]
    assert signals(*trail) == {}


def test_a_search_that_nothing_is_known_of_is_never_a_miss() -> None:
    bare = Event("s", "call-1", NOON, "may", "search", "退款多久到账")
    assert signals(bare) == {}
    no_hits_told = Event("s", "call-1", NOON, "may", "search", "q", detail={"complete": True, "verdict": "missing"})
    assert signals(no_hits_told) == {}


def test_without_searches_nothing_is_missed() -> None:
    assert signals() == {}
    assert signals(did("open", 1), did("unsolved", 2)) == {}


# --- kept ----------------------------------------------------------------------------------------


def happened(connection: Connection, *events: Event, id: str = "call-1", tag: str = "") -> None:
    call.begin(connection, MAY, id, NOON, product="LH-S1", tag=tag)
    for event in events:
        call.record(connection, MAY, id, [event], event.at)


def kept(connection: Connection) -> tuple[Miss, ...]:
    return misses.unjoined(connection, LATER, 100)


def test_what_missed_is_kept_with_all_that_is_known_of_it(connection: Connection) -> None:
    happened(connection, search("s", "门锁泡水了", 10, "missing", 3), did("promise", 40))
    assert notice(connection, OPERATOR, LATER) == 1
    (one,) = kept(connection)
    assert one == Miss(
        "s",
        "call-1",
        "may",
        ("payments",),
        NOON + 10 * SECOND,
        "门锁泡水了",
        "zh",
        "LH-S1",
        30.0,
        ("missing", "unopened"),
    )
    assert notice(connection, OPERATOR, LATER) == 0


def test_the_time_lost_ends_with_the_next_search_and_never_runs_through_a_talk(connection: Connection) -> None:
    happened(
        connection, search("s", "门锁泡水", 0, "missing"), search("t", "门锁进水", 25, "missing"), did("promise", 999)
    )
    notice(connection, OPERATOR, LATER)
    assert [one.seconds for one in kept(connection)] == [25.0, LONGEST]


def test_a_call_that_goes_on_is_looked_at_again(connection: Connection) -> None:
    happened(connection, search("s", "退款多久到账", 0))
    assert notice(connection, OPERATOR, NOON + MINUTE) == 1
    assert kept(connection) == ()
    assert notice(connection, OPERATOR, NOON + 3 * MINUTE) == 1
    assert [one.signals for one in kept(connection)] == [("unopened",)]
    call.record(connection, MAY, "call-1", [did("solved", 200)], NOON + 4 * MINUTE)
    notice(connection, OPERATOR, NOON + 5 * MINUTE)
    assert kept(connection) == ()


def test_what_is_taken_back_or_comes_late_is_seen_the_next_time(connection: Connection) -> None:
    happened(connection, search("s", "退款多久到账", 0), did("open", 5), did("unsolved", 9))
    notice(connection, OPERATOR, LATER)
    assert [one.signals for one in kept(connection)] == [("unsolved",)]
    journal.undo(connection, MAY, "unsolved-9", LATER)
    assert notice(connection, OPERATOR, LATER) == 1
    assert kept(connection) == ()
    call.record(connection, MAY, "call-1", [did("flag", 12)], LATER)
    notice(connection, OPERATOR, LATER + timedelta(hours=1))
    assert [one.signals for one in kept(connection)] == [("flagged",)]


def test_what_the_typing_passed_through_is_no_miss(connection: Connection) -> None:
    happened(connection, search("s", "退款", 0, "missing", 0), search("t", "退款多久到账", 5), did("open", 9))
    notice(connection, OPERATOR, LATER)
    assert kept(connection) == ()


@pytest.mark.parametrize("tag", ["practice", "preview", "key"])
def test_only_real_calls_count(connection: Connection, tag: str) -> None:
    happened(connection, search("s", "门锁泡水了", 0, "missing", 0), tag=tag)
    assert notice(connection, OPERATOR, LATER) == 0
    assert kept(connection) == ()


def test_the_sample_s_misses_stand_by_themselves(connection: Connection) -> None:
    happened(connection, search("s", "门锁泡水了", 0, "missing", 0), tag="demo")
    notice(connection, OPERATOR, LATER)
    assert kept(connection) == ()
    assert [one.id for one in misses.unjoined(connection, LATER, 100, "demo")] == ["s"]


def test_a_miss_with_which_a_gap_was_recorded_is_of_that_gap(connection: Connection) -> None:
    happened(connection, search("s", "门锁泡水了", 0, "missing", 0), did("gap", 9, query="门锁泡水了"))
    gap.record(connection, MAY, Report("gap-9", "g-1", "call-1", "may", NOON, "门锁泡水了"))
    notice(connection, OPERATOR, LATER)
    assert kept(connection) == ()
    assert [(one.id, one.gap) for one in misses.of_gap(connection, SUE, ["g-1"])] == [("s", "g-1")]
    found = gap.find(connection, "g-1")
    assert found is not None
    assert (found.calls, found.agents) == (1, 1)  # one call, however it was noticed


def test_a_miss_is_joined_to_nothing_while_its_agent_may_still_record_it(connection: Connection) -> None:
    happened(connection, search("s", "门锁泡水了", 0, "missing", 0))
    notice(connection, OPERATOR, NOON + MINUTE)
    assert misses.unjoined(connection, NOON + MINUTE, 100) == ()
    assert [one.id for one in misses.unjoined(connection, NOON + 2 * MINUTE, 100)] == ["s"]


def test_many_calls_are_looked_at_in_turn(connection: Connection) -> None:
    for n in range(5):
        happened(connection, search(f"s{n}", f"门锁泡水 {n}", n, "missing", 0), id=f"call-{n}")
        call.end(connection, MAY, f"call-{n}", NOON + MINUTE)
    assert [notice(connection, OPERATOR, LATER, most=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [one.id for one in kept(connection)] == [f"s{n}" for n in range(5)]


def test_looking_is_the_machine_s_part_and_reading_no_agent_s(connection: Connection) -> None:
    with pytest.raises(NotAllowedError):
        notice(connection, SUE, NOON)
    with pytest.raises(NotAllowedError):
        misses.of_gap(connection, BO, ["g-1"])
