"""A sentence that is not right: flagged once, masked, taken back by whoever flagged it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kb.calls import flags
from kb.calls.flags import MAX_TEXT, REASONS, Answer, Flag
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.people.users import Role, User
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, PHONE

WRONG = Flag("f-1", "may", NOON, "refund-times-en", "v" * 64, "wrong", "Within 3 days.", "It is 7.", "call-1")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def test_a_flag_is_kept_with_all_its_facts(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    assert flags.of_article(connection, "refund-times-en") == (WRONG,)
    assert flags.of_call(connection, "call-1") == (WRONG,)
    assert flags.of_article(connection, "other") == flags.of_call(connection, "call-2") == ()


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_taken_for_a_sentence_or_the_whole_article(connection: Connection, reason: str) -> None:
    flags.put(connection, MAY, replace(WRONG, reason=reason, sentence="", note="", call=""))
    assert [(one.reason, one.sentence) for one in flags.of_article(connection, WRONG.article)] == [(reason, "")]


def test_a_reason_that_is_none_is_refused(connection: Connection) -> None:
    with pytest.raises(RequestError) as refused:
        flags.put(connection, MAY, replace(WRONG, reason="没有这个原因" * 20))
    assert (refused.value.code, refused.value.facts) == ("reason_unknown", {"reason": ("没有这个原因" * 20)[:40]})
    with pytest.raises(RequestError, match="id_malformed_here"):
        flags.put(connection, MAY, replace(WRONG, id="f 1"))
    assert flags.of_article(connection, WRONG.article) == ()


def test_flags_on_an_article_are_told_newest_first_and_on_a_call_in_order(connection: Connection) -> None:
    later = replace(WRONG, id="f-2", agent="bo", at=NOON + MINUTE, reason="jargon")
    flags.put(connection, BO, later)
    flags.put(connection, MAY, WRONG)
    assert flags.of_article(connection, WRONG.article) == (later, WRONG)
    assert flags.of_call(connection, "call-1") == (WRONG, later)


def test_a_flag_sent_twice_is_put_once_as_it_was_first_told(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    flags.put(connection, MAY, replace(WRONG, reason="other", note="again"))
    assert flags.of_article(connection, WRONG.article) == (WRONG,)


def test_sentence_and_note_are_masked_cleaned_and_cut(connection: Connection) -> None:
    flags.put(connection, MAY, replace(WRONG, sentence=f"拨打\x00{PHONE}", note=f"客户 {PHONE}\ud800 " + "长" * 2_000))
    (kept,) = flags.of_call(connection, "call-1")
    assert (kept.sentence, kept.note) == ("拨打 ‹phone›", ("客户 ‹phone› " + "长" * 2_000)[:MAX_TEXT])


def test_a_flag_is_in_the_name_of_whoever_puts_it(connection: Connection) -> None:
    flags.put(connection, BO, WRONG)
    assert [one.agent for one in flags.of_call(connection, "call-1")] == ["bo"]


def test_ones_own_flag_can_be_taken_back(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    for by, id in ((BO, "f-1"), (MAY, "f-9")):
        with pytest.raises(NotFoundError, match="flag_not_found"):
            flags.undo(connection, by, id, NOON)
    assert flags.of_article(connection, WRONG.article) == (WRONG,)
    flags.undo(connection, MAY, "f-1", NOON + MINUTE)
    assert flags.of_article(connection, WRONG.article) == flags.of_call(connection, "call-1") == ()


# --- what became of it -----------------------------------------------------------------------------

ED = User("ed", "Ed", Role.EDITOR)
DONE = Answer("f-1", "ed", NOON + MINUTE, True, "It says 7 days now.")


def test_a_flag_waits_until_it_is_answered_and_the_answer_reaches_whoever_flagged(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    flags.put(connection, BO, replace(WRONG, id="f-2", agent="bo", at=NOON - MINUTE))
    assert [one.id for one in flags.waiting(connection)] == ["f-2", "f-1"]
    flags.answer(connection, ED, DONE)
    assert [one.id for one in flags.waiting(connection)] == ["f-2"]
    assert flags.answers_for(connection, MAY) == ((WRONG, DONE),)
    assert flags.answers_for(connection, BO) == ()


def test_an_answer_once_seen_is_gone_and_can_be_had_back(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    flags.answer(connection, ED, DONE)
    with pytest.raises(NotFoundError):
        flags.told(connection, BO, "f-1", NOON)
    flags.told(connection, MAY, "f-1", NOON)
    assert flags.answers_for(connection, MAY) == ()
    flags.untold(connection, MAY, "f-1")
    assert flags.answers_for(connection, MAY) == ((WRONG, DONE),)


def test_a_second_answer_takes_the_place_of_the_first_and_is_told_anew(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    flags.answer(connection, ED, DONE)
    flags.told(connection, MAY, "f-1", NOON)
    again = replace(DONE, done=False, text="It is right: 7 days for parcels.")
    flags.answer(connection, ED, again)
    assert flags.answers_for(connection, MAY) == ((WRONG, again),)


def test_an_answer_is_an_editors_masked_and_of_a_flag_that_is_there(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    with pytest.raises(NotAllowedError):
        flags.answer(connection, MAY, DONE)
    with pytest.raises(NotFoundError):
        flags.answer(connection, ED, replace(DONE, flag="none"))
    flags.answer(connection, ED, replace(DONE, text=f"I called {PHONE}"))
    ((_, told),) = flags.answers_for(connection, MAY)
    assert told.text == "I called ‹phone›"


def test_a_flag_that_was_taken_back_waits_for_nobody(connection: Connection) -> None:
    flags.put(connection, MAY, WRONG)
    flags.undo(connection, MAY, "f-1", NOON)
    assert flags.waiting(connection) == ()
