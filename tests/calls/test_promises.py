"""A call-back promised: written once and masked, due until it is kept, one's own to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import promises
from kb.calls.promises import MAX_WHAT, Promise
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, PHONE

HOUR = timedelta(hours=1)
FIRST = Promise("p-1", "call-1", "may", NOON, NOON + HOUR, "call back with the refund date")
SECOND = replace(FIRST, id="p-2", call="call-2", due_at=NOON + 2 * HOUR, what="明天回电告知进度")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        for id in ("call-1", "call-2"):
            one.execute(sa.insert(tables.call).values(id=id, agent="may", begun_at=NOON, last_at=NOON))
        yield one


def due(connection: Connection) -> list[str]:
    return [one.id for one in promises.due(connection, MAY, NOON + 9 * HOUR)]


def test_a_promise_is_kept_with_all_its_facts(connection: Connection) -> None:
    full = replace(FIRST, gap="g-1")
    promises.make(connection, MAY, full)
    assert promises.of_call(connection, "call-1") == (full,)
    assert full.is_open
    assert promises.of_call(connection, "call-2") == ()


def test_ones_open_promises_are_due_in_the_order_of_their_time(connection: Connection) -> None:
    promises.make(connection, MAY, SECOND)
    promises.make(connection, MAY, FIRST)
    promises.make(connection, BO, replace(FIRST, id="p-3", agent="bo"))
    assert promises.due(connection, MAY, NOON + 9 * HOUR) == (FIRST, SECOND)
    assert promises.due(connection, MAY, NOON + HOUR) == (FIRST,)
    assert promises.due(connection, MAY, NOON + HOUR - timedelta(microseconds=1)) == ()
    assert [one.id for one in promises.due(connection, BO, NOON + HOUR)] == ["p-3"]


def test_a_promise_kept_is_no_longer_due_and_can_be_reopened(connection: Connection) -> None:
    promises.make(connection, MAY, FIRST)
    promises.keep(connection, MAY, "p-1", NOON + MINUTE)
    assert due(connection) == []
    (kept,) = promises.of_call(connection, "call-1")
    assert (kept.kept_at, kept.is_open) == (NOON + MINUTE, False)
    promises.reopen(connection, MAY, "p-1")
    assert due(connection) == ["p-1"]
    assert promises.of_call(connection, "call-1") == (FIRST,)


def test_a_promise_taken_back_was_never_made(connection: Connection) -> None:
    promises.make(connection, MAY, FIRST)
    promises.undo(connection, MAY, "p-1", NOON + MINUTE)
    assert due(connection) == []
    assert promises.of_call(connection, "call-1") == ()


def test_a_promise_sent_twice_is_made_once_as_it_was_first_told(connection: Connection) -> None:
    promises.make(connection, MAY, FIRST)
    promises.make(connection, MAY, replace(FIRST, what="something else", due_at=NOON + 5 * HOUR))
    assert promises.due(connection, MAY, NOON + 9 * HOUR) == (FIRST,)


def test_a_promise_sent_again_after_it_was_kept_stays_kept(connection: Connection) -> None:
    promises.make(connection, MAY, FIRST)
    promises.keep(connection, MAY, "p-1", NOON + MINUTE)
    promises.make(connection, MAY, FIRST)
    assert due(connection) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"what": " \n\u200b\x00"}, "promise_empty"),
        ({"due_at": NOON - timedelta(microseconds=1)}, "promise_past"),
        ({"id": ""}, "id_malformed_here"),
        ({"gap": "no id"}, "id_malformed_here"),
    ],
)
def test_what_is_no_promise_is_refused(connection: Connection, changed: dict[str, object], code: str) -> None:
    with pytest.raises(RequestError, match=code):
        promises.make(connection, MAY, replace(FIRST, **changed))  # type: ignore[arg-type]
    assert promises.of_call(connection, "call-1") == ()


def test_a_promise_may_be_due_at_once(connection: Connection) -> None:
    promises.make(connection, MAY, replace(FIRST, due_at=NOON))
    assert due(connection) == ["p-1"]


def test_what_was_promised_is_masked_cleaned_and_cut(connection: Connection, tmp_path: Path) -> None:
    promises.make(connection, MAY, replace(FIRST, what=f"  回电\x00 {PHONE}\ud800\n退款 " + "长" * 900))
    (kept,) = promises.of_call(connection, "call-1")
    assert kept.what == ("回电 ‹phone› 退款 " + "长" * 900)[:MAX_WHAT]


def test_nobody_promises_in_anothers_name(connection: Connection) -> None:
    with pytest.raises(NotAllowedError):
        promises.make(connection, BO, FIRST)
    assert promises.of_call(connection, "call-1") == ()


CHANGES: list[Callable[[Connection, str], None]] = [
    lambda connection, id: promises.keep(connection, BO, id, NOON),
    lambda connection, id: promises.undo(connection, BO, id, NOON),
    lambda connection, id: promises.reopen(connection, BO, id),
]


@pytest.mark.parametrize("change", CHANGES, ids=["keep", "undo", "reopen"])
def test_anothers_promise_and_none_sound_the_same(
    connection: Connection, change: Callable[[Connection, str], None]
) -> None:
    promises.make(connection, MAY, FIRST)
    for id in ("p-1", "p-9"):
        with pytest.raises(NotFoundError, match="promise_not_found"):
            change(connection, id)
    assert promises.of_call(connection, "call-1") == (FIRST,)
