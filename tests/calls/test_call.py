"""One call: begun, gone on with, handed over, ended; what was told on it, from which version, by whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from kb.calls import call, journal, promises
from kb.calls.call import IDLE, TAGS, Call, Summary, Told, checked_pop, own_id, questions, told
from kb.calls.journal import Event
from kb.calls.promises import Promise
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.people.users import Role, User
from tests.people_on_the_floor import ANN, BO, LI, MAY, MINUTE, NOON, PHONE, SECOND, SUE

NUMBERS = count()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def event(kind: str, by: User = MAY, at: datetime = NOON, **facts: object) -> Event:
    return Event(f"e{next(NUMBERS):05}", "call-1", at, by.id, kind, **facts)  # type: ignore[arg-type]


def held(connection: Connection, by: User = MAY, at: datetime = NOON) -> list[str]:
    return [one.id for one in call.held(connection, by, at)]


def kinds(connection: Connection, id: str = "call-1") -> list[tuple[str, str]]:
    return [(one.kind, one.agent) for one in journal.trail(connection, id)]


# --- begun ---------------------------------------------------------------------------------------


def test_a_call_is_begun_with_what_is_known_of_it(connection: Connection) -> None:
    begun = call.begin(connection, MAY, "crm:77.1", NOON, product="LH-R3000", lang="zh")
    assert begun == Call("crm:77.1", "may", frozenset({"payments"}), NOON, NOON, None, "LH-R3000", "zh", "")
    assert call.find(connection, "crm:77.1") == begun
    assert call.find(connection, "crm:77.2") is None
    assert journal.trail(connection, "crm:77.1") == ()


@pytest.mark.parametrize("tag", TAGS)
def test_a_call_that_is_not_real_is_tagged(connection: Connection, tag: str) -> None:
    assert call.begin(connection, MAY, "call-1", NOON, tag=tag).tag == tag


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"id": ""}, "id_malformed_here"),
        ({"id": "call 1"}, "id_malformed_here"),
        ({"id": "x" * 65}, "id_malformed_here"),
        ({"id": PHONE}, "phone_in_address"),
        ({"tag": "rehearsal"}, "tag_unknown"),
        ({"lang": "中文"}, "lang_unknown"),
        ({"lang": PHONE}, "lang_unknown"),
        ({"lang": "english"}, "lang_unknown"),
        ({"lang": "zh\n"}, "lang_unknown"),
    ],
)
def test_what_cannot_begin_a_call_is_refused(connection: Connection, wrong: dict[str, str], code: str) -> None:
    with pytest.raises(RequestError) as refused:
        call.begin(connection, MAY, at=NOON, **{"id": "call-1"} | wrong)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert held(connection) == []


@pytest.mark.parametrize("lang", ["", "zh", "en", "zh-CN", "en-GB"])
def test_a_customers_language_is_a_code(connection: Connection, lang: str) -> None:
    assert call.begin(connection, MAY, "call-1", NOON, lang=lang).lang == lang


@pytest.mark.parametrize("begin_with", ["begin", "record", "about"])
def test_no_call_is_begun_under_a_phone_number(connection: Connection, begin_with: str) -> None:
    doing = {
        "begin": lambda: call.begin(connection, MAY, PHONE, NOON),
        "record": lambda: call.record(connection, MAY, PHONE, [], NOON),
        "about": lambda: call.about(connection, MAY, PHONE, NOON, lang="zh"),
    }
    with pytest.raises(RequestError, match="phone_in_address"):
        doing[begin_with]()
    assert call.find(connection, PHONE) is None


def test_an_id_of_our_own_is_never_read_as_a_phone_number() -> None:
    with pytest.raises(RequestError, match="phone_in_address"):
        checked_pop("ab13800138000cd")
    assert checked_pop(own_id("ab13800138000cd")) == "abhjogghjogggcd"


def test_a_screen_pop_has_an_id_and_no_phone_number_anywhere() -> None:
    assert checked_pop("crm-20261121-007", "refund to an old card") == "crm-20261121-007"
    for id, query in ((PHONE, ""), ("call-1", f"refund {PHONE}")):
        with pytest.raises(RequestError, match="phone_in_address"):
            checked_pop(id, query)
    with pytest.raises(RequestError, match="id_malformed_here"):
        checked_pop("", "refund")


# --- gone on with --------------------------------------------------------------------------------


def test_beginning_a_call_again_goes_on_with_it(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON, product="LH-R3000", lang="zh")
    again = call.begin(connection, MAY, "call-1", NOON + MINUTE)
    assert (again.begun_at, again.last_at, again.product, again.lang) == (NOON, NOON + MINUTE, "LH-R3000", "zh")
    assert call.begin(connection, MAY, "call-1", NOON + MINUTE, lang="en").lang == "en"
    assert kinds(connection) == []


def test_what_comes_late_does_not_set_the_clock_back(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    for late in (NOON - MINUTE, NOON - 2 * IDLE):
        assert call.begin(connection, MAY, "call-1", late).last_at == NOON
        assert call.record(connection, MAY, "call-1", [], late).last_at == NOON
        call.about(connection, MAY, "call-1", late, lang="en")
        call.resume(connection, MAY, "call-1", late)
    found = call.find(connection, "call-1")
    assert found is not None
    assert (found.begun_at, found.last_at, found.ended_at) == (NOON, NOON, None)


def test_what_a_call_is_about_can_be_changed_and_taken_away(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON, product="LH-R3000", lang="zh")

    def now() -> tuple[str, str]:
        found = call.find(connection, "call-1")
        assert found is not None
        return found.product, found.lang

    call.about(connection, MAY, "call-1", NOON, product="LH-V7")
    assert now() == ("LH-V7", "zh")
    call.about(connection, MAY, "call-1", NOON, product="", lang="en")
    assert now() == ("", "en")
    call.about(connection, MAY, "call-1", NOON)
    assert now() == ("", "en")
    with pytest.raises(RequestError, match="lang_unknown"):
        call.about(connection, MAY, "call-1", NOON, lang="klingon")


def test_what_a_call_is_about_may_be_told_before_anything_else_of_it(connection: Connection) -> None:
    call.about(connection, MAY, "call-1", NOON, product="LH-V7", lang="en")
    found = call.find(connection, "call-1")
    assert found is not None
    assert (found.agent, found.begun_at, found.product, found.lang) == ("may", NOON, "LH-V7", "en")


def test_the_first_event_begins_the_call(connection: Connection) -> None:
    begun = call.record(connection, MAY, "call-1", [event("search", query="退款")], NOON)
    assert (begun.agent, begun.begun_at, begun.last_at) == ("may", NOON, NOON)
    assert kinds(connection) == [("search", "may")]


def test_events_are_written_on_the_call_they_are_told_of(connection: Connection) -> None:
    call.record(connection, MAY, "call-2", [event("open", article="a")], NOON)  # says call-1
    assert kinds(connection, "call-2") == [("open", "may")]
    assert kinds(connection, "call-1") == []


# --- two at most, and silence ends one -----------------------------------------------------------


def test_a_third_call_ends_the_stillest(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.begin(connection, MAY, "call-2", NOON + SECOND)
    call.record(connection, MAY, "call-1", [event("open", article="a")], NOON + 2 * SECOND)
    assert held(connection) == ["call-1", "call-2"]
    call.begin(connection, MAY, "call-3", NOON + MINUTE)
    assert held(connection) == ["call-3", "call-1"]
    ended = call.find(connection, "call-2")
    assert ended is not None
    assert ended.ended_at == NOON + MINUTE


def ended_one(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.end(connection, MAY, "call-1", NOON + SECOND)
    call.begin(connection, MAY, "call-2", NOON + 2 * SECOND)
    call.begin(connection, MAY, "call-3", NOON + 3 * SECOND)


@pytest.mark.parametrize("back", ["begin", "resume"])
def test_a_call_taken_up_again_is_one_of_two_at_most(connection: Connection, back: str) -> None:
    ended_one(connection)
    {"begin": call.begin, "resume": call.resume}[back](connection, MAY, "call-1", NOON + MINUTE)
    assert held(connection, at=NOON + MINUTE) == ["call-1", "call-3"]


def test_an_idle_call_that_speaks_again_is_one_of_two_at_most(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    later = NOON + IDLE + MINUTE
    call.begin(connection, MAY, "call-2", later)
    call.begin(connection, MAY, "call-3", later + SECOND)
    call.record(connection, MAY, "call-1", [event("open", article="a")], later + 2 * SECOND)
    assert held(connection, at=later + 2 * SECOND) == ["call-1", "call-3"]


def test_a_call_taken_over_is_one_of_two_at_most(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.begin(connection, BO, "call-2", NOON)
    call.begin(connection, BO, "call-3", NOON + SECOND)
    call.begin(connection, BO, "call-1", NOON + MINUTE)
    assert held(connection, BO, NOON + MINUTE) == ["call-1", "call-3"]
    assert held(connection, MAY, NOON + MINUTE) == []


def test_every_agent_holds_their_own(connection: Connection) -> None:
    for by in (MAY, BO, LI):
        call.begin(connection, by, f"call-of-{by.id}", NOON)
    assert [held(connection, by) for by in (MAY, BO, LI)] == [["call-of-may"], ["call-of-bo"], ["call-of-li"]]


def test_fifteen_idle_minutes_end_a_call(connection: Connection) -> None:
    begun = call.begin(connection, MAY, "call-1", NOON)
    just_before = NOON + IDLE - timedelta(microseconds=1)
    assert timedelta(minutes=15) == IDLE
    assert (begun.is_open(just_before), begun.is_open(NOON + IDLE)) == (True, False)
    assert (held(connection, at=just_before), held(connection, at=NOON + IDLE)) == (["call-1"], [])
    assert not replace(begun, ended_at=NOON).is_open(NOON)


def test_an_event_keeps_a_call_going(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.record(connection, MAY, "call-1", [event("open", at=NOON + 10 * MINUTE)], NOON + 10 * MINUTE)
    assert held(connection, at=NOON + 20 * MINUTE) == ["call-1"]


# --- the next screen-pop -------------------------------------------------------------------------


def test_a_screen_pop_ends_the_call_that_its_agent_was_on(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    popped = call.pop(connection, MAY, "crm-2", NOON + MINUTE, product="LH-R3000", lang="zh")
    assert (popped.id, popped.begun_at, popped.product, popped.lang) == ("crm-2", NOON + MINUTE, "LH-R3000", "zh")
    assert held(connection, at=NOON + MINUTE) == ["crm-2"]
    ended = call.find(connection, "call-1")
    assert ended is not None
    assert ended.ended_at == NOON + MINUTE


def test_a_screen_pop_ends_the_latest_of_two_and_leaves_the_other_on_hold(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.begin(connection, MAY, "call-2", NOON + SECOND)
    call.pop(connection, MAY, "crm-3", NOON + MINUTE)
    assert held(connection, at=NOON + MINUTE) == ["crm-3", "call-1"]


def test_a_screen_pop_of_a_call_that_is_held_already_ends_nothing(connection: Connection) -> None:
    call.pop(connection, MAY, "crm-1", NOON)
    call.pop(connection, MAY, "crm-1", NOON + SECOND)  # sent twice
    call.begin(connection, MAY, "call-2", NOON + MINUTE)
    call.pop(connection, MAY, "crm-1", NOON + 2 * MINUTE)  # back to the one on hold
    assert held(connection, at=NOON + 2 * MINUTE) == ["crm-1", "call-2"]


def test_a_screen_pop_takes_a_call_over_and_ends_nobody_elses(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.begin(connection, MAY, "call-2", NOON + SECOND)
    call.begin(connection, BO, "call-3", NOON)
    call.pop(connection, BO, "call-1", NOON + MINUTE)
    assert held(connection, BO, NOON + MINUTE) == ["call-1"]
    assert held(connection, MAY, NOON + MINUTE) == ["call-2"]
    assert kinds(connection) == [("taken", "bo")]


# --- ended ---------------------------------------------------------------------------------------


def test_a_call_is_ended_once_and_can_be_resumed(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.end(connection, MAY, "call-1", NOON + MINUTE)
    call.end(connection, MAY, "call-1", NOON + 2 * MINUTE)
    ended = call.find(connection, "call-1")
    assert ended is not None
    assert ended.ended_at == NOON + MINUTE
    assert held(connection, at=NOON + MINUTE) == []
    call.resume(connection, MAY, "call-1", NOON + 3 * MINUTE)
    assert held(connection, at=NOON + 3 * MINUTE) == ["call-1"]


def test_an_end_that_comes_late_is_not_before_what_happened(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.end(connection, MAY, "call-1", NOON - MINUTE)
    ended = call.find(connection, "call-1")
    assert ended is not None
    assert ended.ended_at == NOON


def test_what_comes_late_to_an_ended_call_is_written_and_does_not_open_it(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.end(connection, MAY, "call-1", NOON + MINUTE)
    late = event("solved", at=NOON + 30 * SECOND, article="a")
    assert call.record(connection, MAY, "call-1", [late], NOON + 30 * SECOND).ended_at == NOON + MINUTE
    assert kinds(connection) == [("solved", "may")]
    assert held(connection, at=NOON + MINUTE) == []


@pytest.mark.parametrize("what", ["end", "resume"])
def test_there_is_no_ending_a_call_that_is_not_there(connection: Connection, what: str) -> None:
    with pytest.raises(NotFoundError) as missing:
        {"end": call.end, "resume": call.resume}[what](connection, MAY, "call-9", NOON)
    assert (missing.value.code, missing.value.facts) == ("call_not_found", {"call": "call-9"})


# --- handed over ---------------------------------------------------------------------------------


def test_the_next_agent_has_the_call_with_its_trail_and_its_promises(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON, product="LH-R3000", lang="zh")
    call.record(connection, MAY, "call-1", [event("search", query="红灯"), event("open", article="a")], NOON)
    promised = Promise("p-1", "call-1", "may", NOON, NOON + MINUTE, "call back")
    promises.make(connection, MAY, promised)
    taken = call.begin(connection, BO, "call-1", NOON + MINUTE)
    assert taken == Call("call-1", "bo", BO.teams, NOON, NOON + MINUTE, None, "LH-R3000", "zh", "")
    one, trail, found = call.look_up(connection, BO, "call-1")
    assert (one, found) == (taken, (promised,))
    assert [(e.kind, e.agent, e.at, e.detail) for e in trail] == [
        ("search", "may", NOON, {}),
        ("open", "may", NOON, {}),
        ("taken", "bo", NOON + MINUTE, {"from": "may"}),
    ]
    assert promises.due(connection, MAY, NOON + MINUTE) == (promised,)  # whoever promised calls back


@pytest.mark.parametrize("id", ["x" * 64, "0." + "-" * 62, "a-b_c.d:" * 8])
def test_a_call_with_any_id_can_be_taken_over_and_back(connection: Connection, id: str) -> None:
    call.begin(connection, MAY, id, NOON)
    call.begin(connection, BO, id, NOON + MINUTE)
    call.begin(connection, MAY, id, NOON + 2 * MINUTE)
    call.begin(connection, MAY, id, NOON + 2 * MINUTE)
    assert kinds(connection, id) == [("taken", "bo"), ("taken", "may")]


def test_who_gave_a_call_away_does_no_more_on_it(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.begin(connection, BO, "call-1", NOON + MINUTE)
    after = NOON + 2 * MINUTE
    for doing in (
        lambda: call.record(connection, MAY, "call-1", [event("open", at=after)], after),
        lambda: call.end(connection, MAY, "call-1", after),
        lambda: call.resume(connection, MAY, "call-1", after),
        lambda: call.about(connection, MAY, "call-1", after, lang="en"),
        lambda: call.about(connection, MAY, "call-1", NOON, lang="en"),  # late: it does not take the call back
    ):
        with pytest.raises(NotAllowedError):
            doing()
    found = call.find(connection, "call-1")
    assert found is not None
    assert (found.agent, found.lang, found.ended_at) == ("bo", "", None)
    assert kinds(connection) == [("taken", "bo")]


def test_what_happened_before_the_call_was_given_away_is_taken_when_it_comes_late(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    call.begin(connection, BO, "call-1", NOON + MINUTE)
    late = event("copy", at=NOON + 30 * SECOND, article="a", detail={"said": "Seven days."})
    one = call.record(connection, MAY, "call-1", [late], NOON + 30 * SECOND)
    assert (one.agent, one.last_at) == ("bo", NOON + MINUTE)
    assert kinds(connection) == [("copy", "may"), ("taken", "bo")]
    with pytest.raises(NotAllowedError):  # LI never held it
        call.record(connection, LI, "call-1", [event("copy", LI)], NOON + 30 * SECOND)


# --- whose calls one may see ---------------------------------------------------------------------


@pytest.mark.parametrize("by", [LI, ANN, User("ed", "Ed", Role.EDITOR, frozenset({"broadband"}))])
def test_a_call_of_another_team_is_not_for_an_agent(connection: Connection, by: User) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    for doing in (
        lambda: call.begin(connection, by, "call-1", NOON + MINUTE),
        lambda: call.look_up(connection, by, "call-1"),
        lambda: call.summary(connection, by, "call-1"),
        lambda: call.record(connection, by, "call-1", [event("open", by)], NOON),
    ):
        with pytest.raises(NotAllowedError):
            doing()
    found = call.find(connection, "call-1")
    assert found is not None
    assert found.agent == "may"


@pytest.mark.parametrize("by", [BO, SUE, User("root", "Root", Role.ADMIN)])
def test_a_colleague_of_the_team_and_every_supervisor_look_a_call_up(connection: Connection, by: User) -> None:
    begun = call.begin(connection, MAY, "call-1", NOON)
    assert call.look_up(connection, by, "call-1") == (begun, (), ())


def test_a_call_of_an_agent_without_teams_is_the_whole_floors(connection: Connection) -> None:
    begun = call.begin(connection, ANN, "call-1", NOON)
    assert call.look_up(connection, LI, "call-1") == (begun, (), ())
    assert call.begin(connection, LI, "call-1", NOON + MINUTE).teams == LI.teams
    with pytest.raises(NotAllowedError):
        call.look_up(connection, ANN, "call-1")


def test_a_call_that_is_not_there_is_not_found(connection: Connection) -> None:
    for id in ("call-9", "x" * 900):
        with pytest.raises(NotFoundError) as missing:
            call.look_up(connection, SUE, id)
        assert missing.value.facts == {"call": id[:64]}


# --- what was told -------------------------------------------------------------------------------


def test_what_was_told_is_what_was_copied_or_marked_by_article_version_and_agent() -> None:
    trail = [
        event("search", query="refund"),
        event("open", article="a", version="v1"),
        event("open", article="b", version="v1"),
        event("copy", at=NOON + SECOND, article="b", version="v1", detail={"said": "Seven days."}),
        event("copy", at=NOON + 2 * SECOND, article="a", version="v1", detail={"said": "Three days."}),
        event("copy", at=NOON + 3 * SECOND, article="a", version="v2", detail={"said": "Five days."}),
        event("solved", BO, NOON + 4 * SECOND, article="b", version="v1"),
        event("helped", at=NOON + 5 * SECOND, article="c", version="v1"),
    ]
    assert told(trail) == (
        Told("b", "v1", "may", NOON + SECOND, "Seven days.", solved=False),
        Told("a", "v1", "may", NOON + 2 * SECOND, "Three days.", solved=False),
        Told("a", "v2", "may", NOON + 3 * SECOND, "Five days.", solved=False),
        Told("b", "v1", "bo", NOON + 4 * SECOND, "", solved=True),
        Told("c", "v1", "may", NOON + 5 * SECOND, "", solved=False),
    )


def test_a_sentence_copied_again_is_one_with_the_last_words_and_the_first_moment() -> None:
    trail = [
        event("copy", article="a", version="v1", detail={"said": "Seven days."}),
        event("copy", at=NOON + SECOND, article="a", version="v1", detail={"said": "Seven working days."}),
        event("solved", at=NOON + MINUTE, article="a", version="v1"),
    ]
    assert told(trail) == (Told("a", "v1", "may", NOON, "Seven working days.", solved=True),)


def test_what_was_taken_back_was_not_told_and_not_asked() -> None:
    trail = [
        event("search", query="退款"),
        event("search", query="手滑", undone_at=NOON),
        event("copy", article="a", version="v1", detail={"said": "七天。"}),
        event("solved", article="a", version="v1", undone_at=NOON),
        event("helped", article="b", version="v1", undone_at=NOON),
    ]
    assert told(trail) == (Told("a", "v1", "may", NOON, "七天。", solved=False),)
    assert questions(trail) == ("退款",)


def test_an_article_that_did_not_help_was_told_only_if_it_was_said() -> None:
    unsolved = event("unsolved", at=NOON + SECOND, article="a", version="v1")
    assert told([event("open", article="a", version="v1"), unsolved]) == ()
    copied = event("copy", article="a", version="v1", detail={"said": "Seven days."})
    assert told([copied, unsolved]) == (Told("a", "v1", "may", NOON, "Seven days.", solved=False),)


def test_a_question_is_told_once_in_its_order() -> None:
    trail = [event("search", query=query) for query in ("退款", "refund", "", "退款", "红灯")]
    assert questions([*trail, event("gap", query="not searched")]) == ("退款", "refund", "红灯")
    assert questions([]) == told([]) == ()


def test_a_summary_has_all_of_a_call_that_a_crm_wants(connection: Connection) -> None:
    call.begin(connection, MAY, "call-1", NOON)
    happened = [
        event("search", at=NOON, query="退到过期的卡"),
        event("open", at=NOON + SECOND, article="a", version="v1"),
        event("copy", at=NOON + 2 * SECOND, article="a", version="v1", detail={"said": "七天内到账。"}),
        event("solved", at=NOON + 3 * SECOND, article="a", version="v1"),
        event("search", at=NOON + 4 * SECOND, query="数字人民币退款"),
        event("gap", at=NOON + 5 * SECOND, query="数字人民币退款"),
        event("join", at=NOON + 6 * SECOND, query="外币退款"),
        event("gap", at=NOON + 7 * SECOND, query=""),
        event("gap", at=NOON + 8 * SECOND, query="手滑"),
    ]
    one = call.record(connection, MAY, "call-1", happened, NOON + 8 * SECOND)
    journal.undo(connection, MAY, happened[-1].id, NOON + MINUTE)
    promised = Promise("p-1", "call-1", "may", NOON, NOON + MINUTE, "回电")
    promises.make(connection, MAY, promised)
    promises.make(connection, MAY, replace(promised, id="p-2"))
    promises.undo(connection, MAY, "p-2", NOON)
    assert call.summary(connection, MAY, "call-1") == Summary(
        call=one,
        questions=("退到过期的卡", "数字人民币退款"),
        told=(Told("a", "v1", "may", NOON + 2 * SECOND, "七天内到账。", solved=True),),
        missing=("数字人民币退款", "外币退款"),
        promised=(promised,),
    )


# --- recalled ------------------------------------------------------------------------------------


def test_the_calls_that_were_told_a_version_are_recalled(connection: Connection) -> None:
    for number, by, tag in ((1, MAY, ""), (2, BO, ""), (3, MAY, "practice"), (4, MAY, "")):
        call.begin(connection, by, f"call-{number}", NOON, tag=tag)
    facts = {"article": "refund-en", "detail": {"said": "Five days."}}
    events = [
        (1, MAY, Event("a", "call-1", NOON, MAY.id, "copy", version="v1", **facts)),  # type: ignore[arg-type]
        (2, BO, Event("b", "call-2", NOON + MINUTE, BO.id, "copy", version="v2", **facts)),  # type: ignore[arg-type]
        (3, MAY, Event("c", "call-3", NOON, MAY.id, "copy", version="v1", **facts)),  # type: ignore[arg-type]
        (4, MAY, Event("d", "call-4", NOON + 2 * MINUTE, MAY.id, "open", version="v1", **facts)),  # type: ignore[arg-type]
    ]
    for number, by, one in events:
        call.record(connection, by, f"call-{number}", [one], one.at)

    def recalled(by: User, **narrowed: object) -> list[tuple[str, str]]:
        return [(one.id, said.version) for one, said in call.recall(connection, by, "refund-en", **narrowed)]  # type: ignore[arg-type]

    assert recalled(SUE) == [("call-2", "v2"), ("call-1", "v1")]
    assert recalled(SUE, version="v1") == [("call-1", "v1")]
    assert recalled(SUE, since=NOON + SECOND) == [("call-2", "v2")]
    assert recalled(SUE, until=NOON + MINUTE) == [("call-1", "v1")]
    mine = [("call-1", "v1")] if BO.teams.isdisjoint(MAY.teams) else recalled(SUE)
    assert recalled(MAY) == mine
    journal.undo(connection, MAY, "a", NOON)
    assert recalled(SUE) == [("call-2", "v2")]
    assert call.recall(connection, SUE, "kettle-en") == ()


# --- a clock that goes back ----------------------------------------------------------------------


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=3650)])
def test_a_call_that_nothing_more_happens_on_ends_though_the_clock_went_back(
    connection: Connection, back: timedelta
) -> None:
    begun = call.begin(connection, MAY, "call-1", NOON)
    assert not begun.is_open(NOON - back)
    assert held(connection, at=NOON - back) == []


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=3650)])
def test_the_trail_of_a_call_stays_in_order_though_the_clock_went_back(connection: Connection, back: timedelta) -> None:
    later = [NOON - back + n * SECOND for n in range(3)]
    call.record(connection, MAY, "call-1", [event("search", query="refund")], NOON, NOON)
    for kind, at in zip(("open", "copy", "solved"), later, strict=True):
        one = call.record(connection, MAY, "call-1", [event(kind, at=at, article="late-en")], at, at)
        assert (one.last_at, one.is_open(at)) == (at, True)
        assert held(connection, at=at) == ["call-1"]
    assert [kind for kind, _ in kinds(connection)] == ["search", "open", "copy", "solved"]
    assert held(connection, at=later[-1] + IDLE) == []
    late = later[-1] - 10 * MINUTE  # what a page kept for ten minutes
    one = call.record(connection, MAY, "call-1", [event("open", at=late, article="late-en")], late, later[-1])
    assert [kind for kind, _ in kinds(connection)][-3:] != ["copy", "solved", "open"]
    assert one.last_at == later[-1]


def test_what_comes_late_keeps_its_place_where_the_clock_did_not_go_back(connection: Connection) -> None:
    call.record(connection, MAY, "call-1", [event("search", query="refund")], NOON, NOON)
    late = NOON - 2 * IDLE
    one = call.record(connection, MAY, "call-1", [event("open", at=late, article="late-en")], late, NOON)
    assert ([kind for kind, _ in kinds(connection)], one.last_at) == (["open", "search"], NOON)
