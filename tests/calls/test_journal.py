"""What happened on a call: once each, masked, and a search is not a keystroke."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import journal
from kb.calls.journal import MAX_QUERY, MAX_SECONDS, Event, checked_id, seconds_spent
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.people.users import User
from tests.new_database import everything
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, PHONE, SECOND

CALLS = ("call-1", "call-2")
NUMBERS = count()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        for id in CALLS:
            one.execute(sa.insert(tables.call).values(id=id, agent="may", begun_at=NOON, last_at=NOON))
        yield one


def event(kind: str, at: datetime = NOON, **facts: object) -> Event:
    given = {"id": f"e{next(NUMBERS):05}", "call": "call-1", "agent": "may"} | facts
    return Event(at=at, kind=kind, **given)  # type: ignore[arg-type]


def write(connection: Connection, *events: Event, by: User = MAY) -> None:
    """Each as a request of its own, as the page sends them."""
    for one in events:
        journal.append(connection, by, [one])


def searches(connection: Connection, *queries: str, every: timedelta = SECOND) -> None:
    write(connection, *(event("search", NOON + n * every, query=query) for n, query in enumerate(queries)))


def told(connection: Connection, call: str = "call-1") -> list[tuple[str, str]]:
    """Kind, and words or article, of what is on a call."""
    return [(one.kind, one.query or one.article) for one in journal.trail(connection, call)]


# --- a search is not a keystroke -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["ref", "refund", "refund card"], ["refund card"]),
        (["退", "退款", "退款到过期的卡"], ["退款到过期的卡"]),
        (["ＲＥＦ", "Refund ", " refund card"], ["refund card"]),  # as the search folds them
        (["退欵", "退款卡"], ["退欵", "退款卡"]),  # another word
        (["退費", "退费规则"], ["退费规则"]),  # traditional, then simplified
        (["refund", "refund"], ["refund"]),
        (["refund card", "refund"], ["refund card", "refund"]),  # what was typed to its end stays
        (["refund", "delivery"], ["refund", "delivery"]),
        (["refund", "my refund"], ["refund", "my refund"]),
        (["ref", "refund", "delivery", "deliv", "delivery time"], ["refund", "delivery time"]),
        (["refund card", "refund", "refund card expired"], ["refund card expired"]),  # back and on again
        (["退款", "退货", "退货运费"], ["退款", "退货运费"]),
        (["", "refund", "  ", "\u200b"], ["refund"]),  # no words are no search
    ],
)
def test_what_the_typing_passed_through_is_what_it_became(
    connection: Connection, typed: list[str], kept: list[str]
) -> None:
    searches(connection, *typed)
    assert told(connection) == [("search", query) for query in kept]


def test_a_search_keeps_the_moment_and_the_verdict_of_what_it_became(connection: Connection) -> None:
    write(
        connection,
        event("search", NOON, id="s1", query="ref", detail={"verdict": "missing", "hits": 0}),
        event("search", NOON + 2 * SECOND, id="s2", query="refund", detail={"verdict": "found", "hits": 7}),
    )
    assert journal.trail(connection, "call-1") == (
        Event("s2", "call-1", NOON + 2 * SECOND, "may", "search", "refund", detail={"verdict": "found", "hits": 7}),
    )


@pytest.mark.parametrize("between", ["open", "copy", "solved", "gap", "join"])
def test_a_search_after_something_else_is_another(connection: Connection, between: str) -> None:
    write(
        connection,
        event("search", NOON, query="refund"),
        event(between, NOON + SECOND, article="refund-times-en"),
        event("search", NOON + 2 * SECOND, query="refund card"),
    )
    assert told(connection) == [("search", "refund"), (between, "refund-times-en"), ("search", "refund card")]


def test_searches_on_two_calls_do_not_collapse(connection: Connection) -> None:
    write(connection, event("search", query="ref"), event("search", NOON + SECOND, query="refund", call="call-2"))
    assert told(connection, "call-1") == [("search", "ref")]
    assert told(connection, "call-2") == [("search", "refund")]


def test_searches_of_two_agents_do_not_collapse(connection: Connection) -> None:
    write(connection, event("search", query="退款"))
    write(connection, event("search", NOON + SECOND, query="退款多久", agent="bo"), by=BO)
    assert told(connection) == [("search", "退款"), ("search", "退款多久")]


def test_a_search_that_comes_late_collapses_with_its_neighbours_in_time(connection: Connection) -> None:
    write(
        connection,
        event("search", NOON + 9 * SECOND, query="delivery"),
        event("search", NOON + 2 * SECOND, query="refund card"),
        event("search", NOON + 1 * SECOND, query="refund"),  # on the way to "refund card"
        event("search", NOON + 3 * SECOND, query="refund card expired"),
        event("search", NOON + 8 * SECOND, query="deliver"),
    )
    assert told(connection) == [("search", "refund card expired"), ("search", "delivery")]


def test_a_late_search_before_an_opened_article_stands_before_it(connection: Connection) -> None:
    write(
        connection,
        event("search", NOON, query="refund"),
        event("open", NOON + 2 * SECOND, article="refund-times-en"),
        event("search", NOON + SECOND, query="refund card"),
        event("search", NOON + 3 * SECOND, query="refund card again"),
    )
    assert told(connection) == [
        ("search", "refund card"),
        ("open", "refund-times-en"),
        ("search", "refund card again"),
    ]


# --- once each -----------------------------------------------------------------------------------


def test_an_event_sent_twice_is_written_once_as_it_was_first_told(connection: Connection) -> None:
    write(connection, event("copy", id="e-1", article="a", detail={"said": "Seven days."}))
    write(connection, event("copy", NOON + MINUTE, id="e-1", article="b", detail={"said": "Nine days."}))
    write(connection, event("open", id="e-2", article="a"), event("open", id="e-2", article="a"))
    assert [(one.id, one.at, one.article, one.detail) for one in journal.trail(connection, "call-1")] == [
        ("e-1", NOON, "a", {"said": "Seven days."}),
        ("e-2", NOON, "a", {}),
    ]


def test_a_search_sent_again_after_it_collapsed_does_not_come_back(connection: Connection) -> None:
    first = event("search", NOON, query="ref")
    write(connection, first, event("search", NOON + SECOND, query="refund card"), first)
    assert told(connection) == [("search", "refund card")]


def test_a_batch_is_written_in_one_go_and_in_order(connection: Connection) -> None:
    batch = [
        event("search", NOON, query="ref"),
        event("search", NOON + SECOND, query="refund"),
        event("open", NOON + 2 * SECOND, article="a"),
        event("search", NOON + 3 * SECOND, query="refund"),
    ]
    journal.append(connection, MAY, batch)
    assert told(connection) == [("search", "refund"), ("open", "a"), ("search", "refund")]


def test_the_trail_is_in_the_order_of_time_and_has_every_fact(connection: Connection) -> None:
    late = event("open", NOON, id="b", article="a", version="v1", query="退款", detail={"rank": 2})
    early = event("taken", NOON - MINUTE, id="a", detail={"from": "bo"})
    write(connection, late, early)
    assert journal.trail(connection, "call-1") == (early, late)
    assert journal.trail(connection, "no-such-call") == ()


@pytest.mark.parametrize("id", ["a", "E-1", "c-lq3k8.7:x_y", "9" * 64])
def test_an_id_made_elsewhere_is_taken(id: str) -> None:
    assert checked_id(id) == id


@pytest.mark.parametrize("id", ["", " ", "-a", ".a", "a b", "a/b", "编号", "a\n", "a" * 65, "ａ", "a'", "a\x00"])
def test_what_cannot_be_an_id_is_refused(connection: Connection, id: str) -> None:
    with pytest.raises(RequestError) as refused:
        checked_id(id)
    assert (refused.value.code, refused.value.facts) == ("id_malformed_here", {"id": id[:40]})
    with pytest.raises(RequestError):
        journal.append(connection, MAY, [event("open", id=id)])
    assert journal.trail(connection, "call-1") == ()


def test_an_event_of_no_kind_is_refused(connection: Connection) -> None:
    with pytest.raises(RequestError) as refused:
        journal.append(connection, MAY, [event("telephoned" * 9)])
    assert (refused.value.code, refused.value.facts) == ("event_unknown", {"kind": ("telephoned" * 9)[:40]})


def test_nobody_writes_in_anothers_name(connection: Connection) -> None:
    with pytest.raises(NotAllowedError):
        journal.append(connection, BO, [event("solved", article="a")])
    assert journal.trail(connection, "call-1") == ()


# --- masked before it is written -----------------------------------------------------------------


def test_words_and_sentences_are_masked(connection: Connection) -> None:
    said = f"We will call {PHONE} back."
    write(
        connection, event("search", query=f"客户电话{PHONE}退款"), event("copy", NOON + SECOND, detail={"said": said})
    )
    search, copy = journal.trail(connection, "call-1")
    assert search.query == "客户电话‹phone›退款"
    assert copy.detail == {"said": "We will call ‹phone› back."}


def test_half_a_number_goes_when_the_whole_one_is_masked(connection: Connection) -> None:
    searches(connection, "refund 1381234", "refund 1381234567", f"refund {PHONE}", f"refund {PHONE} visa")
    assert told(connection) == [("search", "refund ‹phone› visa")]


def test_a_phone_number_is_nowhere_in_the_file(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(tables.call).values(id="call-1", agent="may", begun_at=NOON, last_at=NOON))
        details = {"said": f"回电 {PHONE}", "verdict": PHONE}
        for n, kind in enumerate(journal.KINDS):
            journal.append(connection, MAY, [event(kind, NOON + n * SECOND, query=f"a {PHONE} b", detail=details)])
        assert len(journal.trail(connection, "call-1")) == len(journal.KINDS)
    assert PHONE.encode() not in everything(database)
    assert "‹phone›".encode() in everything(database)


def test_a_long_query_is_cut_and_control_characters_are_taken_out(connection: Connection) -> None:
    write(connection, event("search", query="退\x00款\u200b " + "长" * 3_000))
    (kept,) = journal.trail(connection, "call-1")
    assert kept.query == "退 款 " + "长" * (MAX_QUERY - 4)


# --- undo ----------------------------------------------------------------------------------------


def test_ones_own_event_can_be_taken_back_and_stays_on_the_trail(connection: Connection) -> None:
    write(connection, event("solved", id="e-1", article="a"))
    undone = journal.undo(connection, MAY, "e-1", NOON + MINUTE)
    assert (undone.id, undone.kind, undone.call) == ("e-1", "solved", "call-1")
    assert [one.undone_at for one in journal.trail(connection, "call-1")] == [NOON + MINUTE]


def test_taking_it_back_twice_is_once(connection: Connection) -> None:
    write(connection, event("solved", id="e-1", article="a"))
    journal.undo(connection, MAY, "e-1", NOON + MINUTE)
    journal.undo(connection, MAY, "e-1", NOON + 2 * MINUTE)
    assert [one.undone_at for one in journal.trail(connection, "call-1")] == [NOON + MINUTE]


@pytest.mark.parametrize(("by", "id"), [(BO, "e-1"), (MAY, "e-2"), (MAY, "")])
def test_anothers_event_and_none_sound_the_same(connection: Connection, by: User, id: str) -> None:
    write(connection, event("solved", id="e-1", article="a"))
    with pytest.raises(NotFoundError, match="event_not_found"):
        journal.undo(connection, by, id, NOON + MINUTE)
    assert [one.undone_at for one in journal.trail(connection, "call-1")] == [None]


# --- what is read from it ------------------------------------------------------------------------


def test_an_article_solved_as_many_real_calls_as_it_was_marked_on(connection: Connection) -> None:
    for id, tag in (("call-3", ""), ("call-4", "practice"), ("call-5", "demo"), ("call-6", "key")):
        connection.execute(sa.insert(tables.call).values(id=id, agent="may", begun_at=NOON, last_at=NOON, tag=tag))
    write(
        connection,
        event("solved", article="a"),
        event("solved", article="a"),  # the same call
        event("solved", article="a", call="call-2"),
        event("solved", article="a", call="call-3", id="undone"),
        event("solved", article="b", call="call-3"),
        event("helped", article="c"),
        event("copy", article="c"),
        event("solved", article=""),
        *(event("solved", article="a", call=call) for call in ("call-4", "call-5", "call-6")),
    )
    journal.undo(connection, MAY, "undone", NOON)
    assert journal.solved_counts(connection) == {"a": 2, "b": 1}


def test_the_version_last_used_is_ones_own_and_the_latest(connection: Connection) -> None:
    write(
        connection,
        event("open", NOON + 2 * MINUTE, article="a", version="v2"),
        event("open", NOON, article="a", version="v1"),
        event("open", NOON + 4 * MINUTE, article="a", version=""),
        event("open", NOON + 5 * MINUTE, article="b", version="v9"),
    )
    write(connection, event("open", NOON + 3 * MINUTE, article="a", version="v3", agent="bo"), by=BO)
    assert journal.last_version_used(connection, MAY, "a") == "v2"
    assert journal.last_version_used(connection, BO, "a") == "v3"
    assert journal.last_version_used(connection, BO, "b") == ""


def test_the_article_of_a_version_is_told_if_the_base_ever_had_it(connection: Connection) -> None:
    connection.execute(sa.insert(tables.version).values(sha256="f" * 64, article="a", first_at=NOON, source="x"))
    assert journal.article_of(connection, "f" * 64) == "a"
    assert journal.article_of(connection, "e" * 64) == ""


def test_seconds_are_counted_to_the_next_event_and_a_break_is_no_work(connection: Connection) -> None:
    times = [NOON, NOON + 12 * SECOND, NOON + 12 * SECOND, NOON + timedelta(hours=2), NOON + timedelta(hours=2)]
    trail = [event("open", at) for at in times]
    assert seconds_spent(trail) == [12.0, 0.0, MAX_SECONDS, 0.0, 0.0]
    assert seconds_spent(trail[:1]) == [0.0]
    assert seconds_spent([]) == []
    assert seconds_spent([event("open", NOON + SECOND), event("open", NOON)]) == [0.0, 0.0]


# --- what typing cost ----------------------------------------------------------------------------


def test_a_search_keeps_the_keys_and_the_time_of_the_typing_it_goes_on_with(connection: Connection) -> None:
    first = {"verdict": "missing", "keys": 3, "since": 400}
    then = {"verdict": "found", "keys": 9, "since": 1_500}
    write(
        connection,
        event("search", NOON, query="ref", detail=first),
        event("search", NOON + 4 * SECOND, query="refund card", detail=then),
    )
    [kept] = journal.trail(connection, "call-1")
    assert kept.detail == {"verdict": "found", "keys": 12, "since": 4_400}


def test_other_words_begin_to_count_anew(connection: Connection) -> None:
    write(
        connection,
        event("search", NOON, query="refund", detail={"keys": 6, "since": 900}),
        event("search", NOON + 4 * SECOND, query="money back", detail={"keys": 16, "since": 2_000}),
    )
    assert [one.detail for one in journal.trail(connection, "call-1")] == [
        {"keys": 6, "since": 900},
        {"keys": 16, "since": 2_000},
    ]
