"""Drafts: kept as typed but for personal data, one a person and article, and seen by the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kb.db import Connection, Database
from kb.errors import RequestError
from kb.people.users import Role, User
from kb.studio import drafts
from kb.studio.drafts import TEXT_MOST, Draft
from tests.new_database import everything
from tests.people_on_the_floor import MINUTE, NOON, PHONE

ED, LI = User("ed", "Ed", Role.EDITOR), User("li", "Li", Role.EDITOR)
DRAFT = Draft("late-en", "ed", "products/late-en.md", "v" * 64, "---\nid: late-en\n---\n\nNot yet", "gap-1", NOON)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def test_a_draft_comes_back_as_it_was_left_even_where_it_is_no_article(connection: Connection) -> None:
    drafts.keep(connection, ED, DRAFT)
    drafts.keep(connection, ED, replace(DRAFT, source="brok", at=NOON + MINUTE))
    assert drafts.of(connection, ED, "late-en") == replace(DRAFT, source="brok", at=NOON + MINUTE)
    assert drafts.mine(connection, LI) == []
    drafts.drop(connection, ED, "late-en")
    assert drafts.of(connection, ED, "late-en") is None


def test_a_draft_is_the_writers_own_whoever_it_says_it_is_of(connection: Connection) -> None:
    assert drafts.keep(connection, LI, DRAFT).by == "li"
    assert drafts.of(connection, ED, "late-en") is None


def test_who_is_writing_at_it_is_seen_for_as_long_as_they_are(connection: Connection) -> None:
    drafts.keep(connection, ED, DRAFT)
    drafts.keep(connection, LI, replace(DRAFT, at=NOON - 2 * MINUTE))
    assert drafts.others(connection, LI, "late-en", NOON + MINUTE) == ("ed",)
    assert drafts.others(connection, ED, "late-en", NOON + MINUTE) == ()  # Li left off two minutes before
    assert drafts.others(connection, LI, "late-en", NOON + 3 * MINUTE) == ()


def test_a_callers_number_is_masked_and_never_reaches_the_file(database: Database) -> None:
    for lang, line in (("zh", f"客户电话 {PHONE}，想退款"), ("en", f"call her back on {PHONE}, refund")):
        with database.write() as connection:
            kept = drafts.keep(connection, ED, replace(DRAFT, article=lang, source=line))
        assert PHONE not in kept.source
        assert kept.source.count("‹") == 1
    raw = everything(database)
    assert b"refund" in raw
    assert PHONE.encode() not in raw


def test_what_the_published_article_says_already_stays(connection: Connection) -> None:
    kept = drafts.keep(connection, ED, replace(DRAFT, source=f"hotline {PHONE} and 13911112222"), known=f"call {PHONE}")
    assert kept.source.startswith(f"hotline {PHONE} and ‹")
    assert "13911112222" not in kept.source


def test_a_text_longer_than_an_article_is_refused(connection: Connection) -> None:
    with pytest.raises(RequestError):
        drafts.keep(connection, ED, replace(DRAFT, source="x" * (TEXT_MOST + 1)))
