"""What was noted in a copy becomes gaps: once, masked, and only from a file that a copy saved."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Database
from kb.errors import RequestError
from kb.offline import notes
from kb.people.users import User
from tests.people_on_the_floor import MAY, PHONE
from tests.small_base import NOON

FILE: dict[str, Any] = {
    "firstcall": "notes",
    "version": 1,
    "by": "may",
    "copy": "c0ffee",
    "generation": "g-1",
    "notes": [
        {"id": "00112233445566778899aabb", "q": f"refund to {PHONE}", "at": "2026-11-21T09:00:00.000Z"},
        {"id": "ffeeddccbbaa998877665544", "q": "押金怎么退", "at": "2026-11-21T23:00:00+08:00"},
        {"id": "0123456789abcdef01234567", "q": " ", "at": "2026-11-21T09:00:00Z"},
    ],
}


def raw(**changes: Any) -> bytes:
    return json.dumps(FILE | changes).encode()


def taken(database: Database, by: User, file: bytes) -> tuple[int, list[tuple[Any, ...]]]:
    with database.write() as connection:
        count = notes.take_in(connection, by, notes.read(file).notes, NOON)
    one = tables.gap.c
    with database.read() as connection:
        rows = connection.execute(sa.select(one.id, one.question, one.lang, one.at).order_by(one.id))
        return count, [tuple(row) for row in rows]


def test_each_note_is_a_gap_masked_with_the_moment_it_was_noted(database: Database) -> None:
    count, gaps = taken(database, MAY, raw())
    assert count == 2
    assert [(id, question, lang) for id, question, lang, _ in gaps] == [
        ("offline-ffeeddccbbaappoonnmmllkk", "押金怎么退", "zh"),
        ("offline-gghhiijjkkllmmnnooppaabb", "refund to ‹phone›", "en"),
    ]
    assert [at for *_, at in gaps] == [NOON, NOON - timedelta(hours=3)]  # a clock that is ahead is not believed
    with database.read() as connection:
        assert set(connection.scalars(sa.select(tables.gap_report.c.agent))) == {"may"}


def test_a_file_that_is_taken_in_twice_counts_once(database: Database) -> None:
    assert taken(database, MAY, raw()) == taken(database, MAY, raw())


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        raw(firstcall="articles"),
        raw(version=2),
        raw(notes=5),
        raw(notes=[{"id": "../../x", "q": "x", "at": "2026-11-21T09:00:00Z"}]),
        raw(notes=[{"id": "00112233", "q": 5, "at": "2026-11-21T09:00:00Z"}]),
        raw(notes=[{"id": "00112233", "q": "x", "at": "2026-11-21T09:00:00"}]),
        raw(notes=[{"id": "00112233", "q": "x", "at": "yesterday"}]),
        raw(by=None),
        raw(notes=FILE["notes"] * 1000),
        b" " * (notes.MOST_BYTES + 1),
    ],
)
def test_any_other_file_is_refused_and_nothing_of_it_kept(file: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        notes.read(file)
    assert caught.value.code == "notes_broken"
