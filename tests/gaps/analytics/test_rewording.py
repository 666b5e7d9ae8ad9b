"""Words that failed and then succeeded on the same call are proposed as synonyms, where several agents say so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Connection, Database
from kb.errors import NotAllowedError
from kb.gaps.analytics import rewording
from kb.gaps.analytics.rewording import Proposal, difference
from kb.gaps.analytics.view import View
from kb.people.users import Role, User
from kb.tuning.synonyms import NONE, Synonyms
from tests.people_on_the_floor import MAY, NOON

EDITOR = User("ed", "Ed", Role.EDITOR)
VIEW = View(NOON - timedelta(days=30), NOON + timedelta(days=1))
PAIRS = {"退款": 9.0, "款多": 1.0, "证金": 5.0, "保证": 5.0, "机顶": 4.0, "顶盒": 4.0, "盒坏": 0.5, "怎么": 8.0}
NUMBERS = count()


def together(pair: str) -> float:
    return PAIRS.get(pair, 0.0)


@pytest.mark.parametrize(
    ("failed", "succeeded", "words"),
    [
        ("退钱多久", "退款多久", ("退钱", "退款")),
        ("押金怎么退", "保证金怎么退", ("押金", "保证金")),
        ("小黑盒坏了", "机顶盒坏了", ("小黑盒", "机顶盒")),
        ("退费", "退款", ("退费", "退款")),
        ("cashback for the router", "refund for the router", ("cashback", "refund")),
        ("how do I get my cash back", "how do I get a refund", ("cash back", "refund")),
        ("where is my Parcel", "where is my shipment", ("parcel", "shipment")),
        ("money back", "退款", ("money back", "退款")),
        ("看wifi名", "看SSID名", ("wifi", "ssid")),
        ("退款多久", "退款多久到账", None),  # more of the same
        ("refund", "refunds for parcels", None),
        ("R3000 red", "V9 red", None),  # a code is no word for another
        ("我昨天买的东西今天想退掉可以吗", "退款", None),  # a sentence is no word
        ("退款", "退款", None),
        ("", "退款", None),
        ("大盒", "小盒", None),  # nothing says that they are words
    ],
)
def test_what_two_questions_do_not_share_is_a_word_for_a_word(
    failed: str, succeeded: str, words: tuple[str, str] | None
) -> None:
    assert difference(failed, succeeded, together) == words


# --- of the journal ------------------------------------------------------------------------------


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def search(
    connection: Connection, call: str, agent: str, question: str, outcome: str, seconds: int, **facts: str
) -> None:
    """One row of the searches with what came of it."""
    row = {
        "id": f"e{next(NUMBERS):04}",
        "call": call,
        "agent": agent,
        "teams": [],
        "at": NOON + timedelta(seconds=seconds),
        "day": "2026-11-21",
        "question": question,
        "lang": "zh",
        "product": "",
        "tag": "",
        "verdict": "maybe",
        "hits": 5,
        "opened": "",
        "rank": None,
        "outcome": outcome,
        "article": "refund-zh" if outcome in ("solved", "helped") else "",
        "seconds": None,
        "pressed": None,
    }
    connection.execute(sa.insert(tables.asked).values(**row | facts))


def call(connection: Connection, name: str, agent: str, failed: str, succeeded: str, *, later: int = 20) -> None:
    search(connection, name, agent, failed, "again", 0)
    search(connection, name, agent, succeeded, "solved", later)


def proposed(connection: Connection, known: Synonyms = NONE) -> list[tuple[str, str, int, int]]:
    found = rewording.proposals(connection, EDITOR, VIEW, known, together, lambda said: said)
    return [(one.failed, one.succeeded, one.calls, one.agents) for one in found]


def test_what_two_agents_reworded_alike_is_proposed_with_its_evidence(connection: Connection) -> None:
    call(connection, "c1", "may", "退钱多久", "退款多久")
    call(connection, "c2", "bo", "退钱", "退款", later=30)
    call(connection, "c3", "bo", "refund", "cash back")  # one agent only
    assert rewording.proposals(connection, EDITOR, VIEW, NONE, together, lambda said: said) == (
        Proposal("退钱", "退款", 2, 2, ("refund-zh",), ("退钱", "退款"), NOON + timedelta(seconds=30)),
    )


def test_the_most_agents_come_first_and_either_way_round_is_one(connection: Connection) -> None:
    for n, agent in enumerate(("may", "bo", "li")):
        call(connection, f"a{n}", agent, "cash back", "refund")
    for n, agent in enumerate(("may", "bo")):
        call(connection, f"b{n}", agent, "押金怎么退", "保证金怎么退")
        call(connection, f"c{n}", agent, *(("退钱", "退款") if n else ("退款", "退钱")))
    assert sorted((*one[2:], *sorted(one[:2])) for one in proposed(connection)) == [
        (2, 2, "保证金", "押金"),
        (2, 2, "退款", "退钱"),
        (3, 3, "cash back", "refund"),
    ]
    assert proposed(connection)[0][:2] == ("cash back", "refund")


def test_what_is_known_told_apart_or_a_slip_is_not_proposed(connection: Connection) -> None:
    for agent in ("may", "bo"):
        call(connection, f"c-{agent}", agent, "退钱", "退款")
    assert proposed(connection) == [("退钱", "退款", 2, 2)]
    assert proposed(connection, Synonyms((("退款", "退钱", "refund"),))) == []
    assert proposed(connection, NONE.with_apart(["退款", "退钱"])) == []
    assert rewording.proposals(connection, EDITOR, VIEW, NONE, together, lambda said: "退款") == ()


def test_only_what_failed_shortly_before_on_the_same_call_counts(connection: Connection) -> None:
    for agent in ("may", "bo"):
        call(connection, f"late-{agent}", agent, "退钱", "退款", later=600)
        search(connection, f"other-{agent}", agent, "押金怎么退", "again", 0)
        search(connection, f"another-{agent}", agent, "保证金怎么退", "solved", 5)
        search(connection, f"gap-{agent}", agent, "cash back", "again", 0)
        search(connection, f"gap-{agent}", agent, "return", "gap", 5)
        search(connection, f"gap-{agent}", agent, "refund", "solved", 10)
        search(connection, f"well-{agent}", agent, "退费", "solved", 0)
        search(connection, f"well-{agent}", agent, "退款", "solved", 9)
        search(connection, f"demo-{agent}", agent, "parcel", "again", 0, tag="demo")
        search(connection, f"demo-{agent}", agent, "shipment", "solved", 9, tag="demo")
    assert proposed(connection) == []


def test_who_may_not_see_what_was_asked_is_proposed_nothing(connection: Connection) -> None:
    with pytest.raises(NotAllowedError):
        rewording.proposals(connection, MAY, VIEW, NONE, together, lambda said: said)
