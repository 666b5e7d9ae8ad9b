"""What an agent does on a call, from outside: once each, masked, undone by its id, refused in one sentence."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from kb import tables
from kb.calls import bulletins, call, flags, journal, promises
from kb.calls.journal import Event
from kb.calls.promises import Promise
from kb.doors import call_api
from kb.doors.call_api import SOON, mine
from kb.doors.payload import summary_text
from kb.doors.recorder import Recorder
from kb.doors.wire import MAX_BODY
from kb.doors.wiring import AGAIN, Desk
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people import preferences
from tests.on_call import CARD_EN, client, desk_of, refused, told
from tests.people_on_the_floor import ANN, BO, LI, MAY, MINUTE, PHONE, SUE
from tests.small_base import SmallBase
from tests.waiting import within

HOUR = 3_600_000  # milliseconds
NEAR = timedelta(seconds=20)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def may(call_desk: Desk) -> TestClient:
    return client(call_desk, MAY)


@pytest.fixture
def bo(call_desk: Desk) -> TestClient:
    return client(call_desk, BO)


def trail(desk: Desk, id: str = "call-1") -> tuple[Event, ...]:
    with desk.database.read() as connection:
        return journal.trail(connection, id)


def lines(desk: Desk, id: str = "call-1") -> list[tuple[str, str, str]]:
    """Kind, words, article of what is on a call and was not taken back."""
    return [(one.kind, one.query, one.article) for one in trail(desk, id) if not one.undone_at]


def the_call(desk: Desk, id: str = "call-1") -> call.Call:
    with desk.database.read() as connection:
        found = call.find(connection, id)
    assert found is not None
    return found


def reports(desk: Desk) -> list[Report]:
    with desk.database.read() as connection:
        rows = connection.execute(sa.select(tables.gap_report).order_by(tables.gap_report.c.id))
        return [Report(**row._mapping) for row in rows]


def open_gaps(desk: Desk) -> list[tuple[str, str, str, int]]:
    with desk.database.read() as connection:
        return [(one.id, one.question, one.product, one.calls) for one in gap.open_gaps(connection)]


def promised(desk: Desk, id: str = "call-1") -> tuple[Promise, ...]:
    with desk.database.read() as connection:
        return promises.of_call(connection, id)


def flagged(desk: Desk, id: str = "call-1") -> tuple[flags.Flag, ...]:
    with desk.database.read() as connection:
        return flags.of_call(connection, id)


def nothing_written(desk: Desk) -> bool:
    with desk.database.read() as connection:
        written = (connection.scalar(sa.select(sa.func.count()).select_from(t)) for t in tables.metadata.sorted_tables)
        return list(written) == [1 if table is tables.schema else 0 for table in tables.metadata.sorted_tables]


def now() -> datetime:
    return datetime.now(UTC)


def event(may: TestClient, kind: str, call: str = "call-1", **facts: Any) -> dict[str, Any]:
    return told(may, f"/api/calls/{call}/events", events=[{"id": f"e-{kind}", "kind": kind, **facts}])


# --- a call from its first word to its summary ---------------------------------------------------


def test_a_screen_pop_begins_a_call_with_its_words(call_desk: Desk, may: TestClient) -> None:
    body = {"call": "crm-77", "q": "退到过期的卡", "product": "R3000", "lang": "zh"}
    answer = told(may, "/api/calls", **body)
    begun = the_call(call_desk, "crm-77")
    assert abs(begun.begun_at - now()) < NEAR
    facts = {"id": "crm-77", "agent": "may", "ended_at": None, "product": "LH-R3000", "lang": "zh"}
    assert answer == {"ok": True, "call": facts | {"begun_at": begun.begun_at.isoformat()}}
    assert lines(call_desk, "crm-77") == [("search", "退到过期的卡", "")]
    told(may, "/api/calls", **body)  # the CRM sends it twice
    assert lines(call_desk, "crm-77") == [("search", "退到过期的卡", "")]


def test_the_next_screen_pop_ends_the_call_before(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/calls", call="crm-77", q="退到过期的卡")
    told(may, "/api/calls", call="crm-78")
    ended = the_call(call_desk, "crm-77").ended_at
    assert ended is not None
    assert abs(ended - now()) < NEAR
    assert the_call(call_desk, "crm-78").ended_at is None
    event(may, "search", "call-3", q="late")  # a call that the page begins ends none
    assert the_call(call_desk, "crm-78").ended_at is None


def test_a_screen_pop_without_words_is_no_search(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/calls", call="crm-77")
    assert lines(call_desk, "crm-77") == []
    assert (the_call(call_desk, "crm-77").product, the_call(call_desk, "crm-77").lang) == ("", "")


def test_events_are_written_with_what_the_page_knows_of_them(call_desk: Desk, may: TestClient) -> None:
    article = call_desk.read("refund-card-en", MAY)
    assert article is not None
    searched = {"verdict": "found", "hits": 3, "complete": True, "keys": 8, "since": 1_900}
    search = {"id": "e1", "kind": "search", "q": "old card", **searched}
    opened = {"id": "e2", "kind": "open", "article": article.id, "version": article.version, "q": "old card", "rank": 1}
    copied = {"id": "e3", "kind": "copy", "article": article.id, "version": article.version, "said": CARD_EN}
    solved = {"id": "e4", "kind": "solved", "article": article.id, "q": "old card", "rank": 1}
    answer = told(may, "/api/calls/call-1/events", events=[search, opened, copied, solved])
    assert (answer["ok"], answer["call"]["id"], answer["call"]["agent"]) == (True, "call-1", "may")
    assert [
        (one.id, one.agent, one.kind, one.query, one.article, one.version, one.detail) for one in trail(call_desk)
    ] == [
        ("e1", "may", "search", "old card", "", "", searched),
        ("e2", "may", "open", "old card", article.id, article.version, {"rank": 1}),
        ("e3", "may", "copy", "", article.id, article.version, {"said": CARD_EN}),
        ("e4", "may", "solved", "old card", article.id, article.version, {"rank": 1}),
    ]
    assert all(abs(one.at - now()) < NEAR for one in trail(call_desk))


def test_typing_is_one_search(call_desk: Desk, may: TestClient) -> None:
    for n, q in enumerate(("ref", "refund", "refund card")):
        told(may, "/api/calls/call-1/events", events=[{"id": f"e{n}", "kind": "search", "q": q}])
    event(may, "open", article="refund-card-en")
    told(may, "/api/calls/call-1/events", events=[{"id": "e9", "kind": "search", "q": "refund card again"}])
    assert lines(call_desk) == [
        ("search", "refund card", ""),
        ("open", "", "refund-card-en"),
        ("search", "refund card again", ""),
    ]


def test_what_a_call_is_about_is_told_and_taken_away(call_desk: Desk, may: TestClient) -> None:
    assert told(may, "/api/calls/call-1/about", product="扫地机器人 V7") == {"ok": True}
    assert (the_call(call_desk).product, the_call(call_desk).lang) == ("LH-V7", "")
    told(may, "/api/calls/call-1/about", lang="en")
    assert (the_call(call_desk).product, the_call(call_desk).lang) == ("LH-V7", "en")
    told(may, "/api/calls/call-1/about", product="", lang="")
    assert (the_call(call_desk).product, the_call(call_desk).lang) == ("", "")


def test_a_call_is_ended_and_resumed(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/calls", call="call-1")
    assert told(may, "/api/calls/call-1/end") == {"ok": True}
    ended = the_call(call_desk).ended_at
    assert ended is not None
    assert abs(ended - now()) < NEAR
    assert told(may, "/api/calls/call-1/resume") == {"ok": True}
    assert the_call(call_desk).ended_at is None


def everything(may: TestClient) -> None:
    """A call with one of everything on it."""
    told(may, "/api/calls", call="call-1", product="R3000")
    told(may, "/api/calls/call-1/events", events=[{"id": "e1", "kind": "search", "q": "退到过期的卡"}])
    told(may, "/api/calls/call-1/events", events=[{"id": "e2", "kind": "open", "article": "refund-card-zh"}])
    told(
        may,
        "/api/calls/call-1/events",
        events=[{"id": "e3", "kind": "copy", "article": "refund-card-zh", "said": "七天内退回原卡。"}],
    )
    told(may, "/api/calls/call-1/events", events=[{"id": "e4", "kind": "solved", "article": "refund-card-zh"}])
    told(may, "/api/calls/call-1/events", events=[{"id": "e5", "kind": "helped", "article": "late-en"}])
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="数字人民币退款")
    told(may, "/api/promises", id="p-1", call="call-1", what="回电告知结果", due="2099-12-31T15:59:00Z")


def test_a_summary_is_text_for_the_crm_in_the_agents_language(call_desk: Desk, may: TestClient) -> None:
    everything(may)
    versions = {id: article.version[:8] for id in ("refund-card-zh", "late-en") if (article := call_desk.read(id, MAY))}
    begun = f"{the_call(call_desk).begun_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    assert told(may, "/api/calls/call-1/summary")["text"].split("\n") == [
        f"Call call-1, {begun}, may",
        "Asked: 退到过期的卡",
        f"Solved by: 卡过期了退款去哪 (refund-card-zh, version {versions['refund-card-zh']}, may)",
        "  Said: 七天内退回原卡。",
        f"Told from: Compensation for late delivery (late-en, version {versions['late-en']}, may)",
        "No answer in the base: 数字人民币退款",
        "Promised: 回电告知结果, by 2099-12-31 23:59",
    ]
    chinese = [
        f"通话 call-1，{begun}，may",
        "客户问：退到过期的卡",
        f"已解决：卡过期了退款去哪（refund-card-zh，版本 {versions['refund-card-zh']}，may）",
        "  已告知：七天内退回原卡。",
        f"答复依据：Compensation for late delivery（late-en，版本 {versions['late-en']}，may）",
        "知识库没有答案：数字人民币退款",
        "已承诺：回电告知结果，最迟 2099-12-31 23:59",
    ]
    assert told(may, "/api/calls/call-1/summary", ui="zh")["text"].split("\n") == chinese
    assert told(client(call_desk, MAY, "zh"), "/api/calls/call-1/summary")["text"].split("\n") == chinese


def test_a_summary_of_a_call_on_which_nothing_happened_is_one_line(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/calls", call="call-1")
    assert re.fullmatch(r"Call call-1, \d{4}-\d\d-\d\d \d\d:\d\d, may", told(may, "/api/calls/call-1/summary")["text"])


def test_an_article_that_left_the_base_is_told_by_its_id() -> None:
    at = datetime(2026, 11, 21, 15, 59, tzinfo=UTC)
    one = call.Call("call-1", "may", frozenset(), at, at, None, "", "", "")
    said = call.Told("gone-en", "abcdef0123456789", "may", at, "{braces} stay", solved=False)
    summary = call.Summary(one, ("q",), (said,), (), (Promise("p", "call-1", "may", at, at + MINUTE, "call"),))
    assert summary_text(summary, "en", lambda id: id, SHANGHAI) == (
        "Call call-1, 2026-11-21 23:59, may\n"
        "Asked: q\n"
        "Told from: gone-en (gone-en, version abcdef01, may)\n"
        "  Said: {braces} stay\n"
        "Promised: call, by 2026-11-22 00:00"
    )


# --- late, twice ---------------------------------------------------------------------------------


def test_what_happened_a_while_ago_is_written_at_its_time(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/calls/call-1/events", ago=HOUR, events=[{"id": "e1", "kind": "search", "q": "退款"}])
    told(may, "/api/calls/call-1/events", ago=HOUR, events=[{"id": "e2", "kind": "search", "q": "b", "ago": HOUR}])
    hour = timedelta(hours=1)
    (early, late) = trail(call_desk)
    assert (early.id, late.id) == ("e2", "e1")
    assert abs(now() - early.at - 2 * hour) < NEAR
    assert abs(now() - late.at - hour) < NEAR
    told(may, "/api/gaps", ago=HOUR, id="r-1", gap="g-1", call="call-1", q="x")
    told(may, "/api/promises", ago=HOUR, id="p-1", call="call-1", what="x", due=now().isoformat())
    told(may, "/api/flags", ago=HOUR, id="f-1", call="call-1", article="late-en", reason="wrong")
    told(may, "/api/calls/call-1/end", ago=HOUR)
    times = [reports(call_desk)[0].at, promised(call_desk)[0].made_at, flagged(call_desk)[0].at]
    assert all(abs(now() - at - hour) < NEAR for at in times)
    ended = the_call(call_desk).ended_at
    assert ended is not None
    assert abs(now() - ended - hour) < NEAR


def test_the_longest_ago_is_a_day(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/calls/call-1/events", ago=24 * HOUR, events=[])
    assert abs(now() - the_call(call_desk).begun_at - timedelta(days=1)) < NEAR


def test_events_told_at_one_moment_keep_their_order(call_desk: Desk, may: TestClient) -> None:
    ids = [f"e{n:02}" for n in range(30, 0, -1)]
    told(may, "/api/calls/call-1/events", events=[{"id": id, "kind": "open", "article": "late-en"} for id in ids])
    assert [one.id for one in trail(call_desk)] == ids


def test_whatever_is_sent_twice_is_done_once(call_desk: Desk, may: TestClient) -> None:
    due = (now() + timedelta(minutes=5)).isoformat()
    sent: list[tuple[str, dict[str, Any]]] = [
        ("/api/calls/call-1/events", {"events": [{"id": "e1", "kind": "solved", "article": "late-en"}]}),
        ("/api/gaps", {"id": "r-1", "gap": "g-1", "call": "call-1", "q": "x"}),
        ("/api/gaps/g-1/join", {"id": "r-2", "call": "call-1", "q": "y"}),
        ("/api/promises", {"id": "p-1", "call": "call-1", "what": "x", "due": due}),
        ("/api/flags", {"id": "f-1", "call": "call-1", "article": "late-en", "reason": "wrong"}),
    ]
    first = [told(may, path, **body) for path, body in sent]
    before = trail(call_desk), reports(call_desk), promised(call_desk), flagged(call_desk)
    again = [told(may, path, **body) for path, body in sent]
    assert (trail(call_desk), reports(call_desk), promised(call_desk), flagged(call_desk)) == before
    assert [one.id for one in before[0]] == ["e1", "r-1", "r-2", "p-1", "f-1"]
    assert [{**one, "call": None} for one in again] == [{**one, "call": None} for one in first]


# --- which article, in which version -------------------------------------------------------------


def test_a_version_is_the_one_told_if_the_base_ever_had_it_else_todays(call_desk: Desk, may: TestClient) -> None:
    old, todays = "0" * 64, call_desk.read("late-en", MAY)
    assert todays is not None
    with call_desk.database.write() as connection:
        kept = {"sha256": old, "article": "late-en", "first_at": now(), "source": "x"}
        connection.execute(sa.insert(tables.version).values(**kept))
    for n, version in enumerate((old, "", "f" * 64, f"{PHONE} as it was", todays.version)):
        opened = {"id": f"e{n}", "kind": "open", "article": "late-en", "version": version}
        told(may, "/api/calls/call-1/events", events=[opened])
    assert [one.version for one in trail(call_desk)] == [old, *[todays.version] * 4]


def test_what_was_told_from_an_article_that_left_the_base_is_still_known(call_desk: Desk, may: TestClient) -> None:
    old = "0" * 64
    with call_desk.database.write() as connection:
        kept = {"sha256": old, "article": "gone-en", "first_at": now(), "source": "x"}
        connection.execute(sa.insert(tables.version).values(**kept))
    event(may, "copy", article="gone-en", version=old, said="Nine days.")
    told(may, "/api/flags", id="f-1", call="call-1", article="gone-en", version=old, reason="wrong")
    assert [(one.article, one.version) for one in trail(call_desk)] == [("gone-en", old)] * 2
    assert [(one.article, one.version) for one in flagged(call_desk)] == [("gone-en", old)]
    assert refused(may, "/api/flags", {"id": "f-2", "call": "call-1", "article": "late-en-2", "version": old}) == (
        404,
        "article_not_found",
    )


@pytest.mark.parametrize("kind", ["open", "copy", "solved", "helped", "unsolved"])
@pytest.mark.parametrize("article", ["", "no-such-article", "draft-zh", "secret-en", PHONE])
def test_nothing_is_told_from_an_article_that_one_may_not_see(
    call_desk: Desk, may: TestClient, kind: str, article: str
) -> None:
    body = {"events": [{"id": "e1", "kind": kind, "article": article}]}
    assert refused(may, "/api/calls/call-1/events", body) == (404, "article_not_found")
    assert nothing_written(call_desk)


# --- gaps ----------------------------------------------------------------------------------------


def test_a_gap_is_recorded_with_the_call_and_nothing_else_is_asked(call_desk: Desk, may: TestClient) -> None:
    answer = told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="数字人民币退款", product="LH-R3000")
    assert answer == {"ok": True, "gap": "g-1", "report": "r-1"}
    assert open_gaps(call_desk) == [("g-1", "数字人民币退款", "LH-R3000", 1)]
    (report,) = reports(call_desk)
    assert (report.call, report.agent, report.question) == ("call-1", "may", "数字人民币退款")
    assert [(one.id, one.kind, one.query) for one in trail(call_desk)] == [("r-1", "gap", "数字人民币退款")]
    assert the_call(call_desk).agent == "may"


@pytest.mark.parametrize("product", ["", "a product nobody knows", PHONE])
def test_no_gap_is_lost_for_its_product(call_desk: Desk, may: TestClient, product: str) -> None:
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="x", product=product)
    assert open_gaps(call_desk) == [("g-1", "x", "", 1)]


def test_a_gap_is_joined_by_others_and_described_by_each(call_desk: Desk, may: TestClient, bo: TestClient) -> None:
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="数字人民币退款")
    joined = told(bo, "/api/gaps/g-1/join", id="r-2", call="call-2", q="digital yuan refund")
    assert joined == {"ok": True, "gap": "g-1", "report": "r-2"}
    assert open_gaps(call_desk) == [("g-1", "数字人民币退款", "", 2)]
    assert lines(call_desk, "call-2") == [("join", "digital yuan refund", "")]
    said = {"kind": "missing", "words": "退到数字钱包", "answered": "核实后回电", "suggestion": "写一篇"}
    assert told(bo, "/api/gaps/g-1/describe", report="r-2", **said) == {"ok": True}
    told(bo, "/api/gaps/g-1/describe", report="r-2", suggestion="写两篇")
    first, second = reports(call_desk)
    assert (first.kind, first.words) == ("", "")
    assert (second.kind, second.words, second.answered, second.suggestion) == (
        "missing",
        "退到数字钱包",
        "核实后回电",
        "写两篇",
    )


def test_who_met_an_answered_gap_has_somebody_to_call_back_until_they_saw_it(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="x")
    assert told(may, "/api/mine")["answered"] == []
    with call_desk.database.write() as connection:
        connection.execute(sa.update(tables.gap).values(state="published", article="late-en"))
    answered = {"gap": "g-1", "report": "r-1", "question": "x", "article": "late-en"}
    assert told(may, "/api/mine")["answered"] == [answered]
    assert told(may, "/api/gaps/g-1/told", report="r-1") == {"ok": True}
    assert told(may, "/api/mine")["answered"] == []
    assert told(may, "/api/gaps/g-1/untold", report="r-1") == {"ok": True}
    assert told(may, "/api/mine")["answered"] == [answered]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/gaps/g-9/join", {"id": "r-9", "call": "call-1", "q": "x"}),
        ("/api/gaps/g-9/describe", {"report": "r-1", "words": "x"}),
        ("/api/gaps/g-1/describe", {"report": "r-9", "words": "x"}),
        ("/api/gaps/g-1/describe", {"words": "x"}),
    ],
)
def test_an_unknown_gap_is_refused_and_leaves_no_trace(
    call_desk: Desk, may: TestClient, path: str, body: dict[str, Any]
) -> None:
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="x")
    before = trail(call_desk), reports(call_desk)
    assert refused(may, path, body) == (404, "gap_not_found")
    assert refused(client(call_desk, MAY, "zh"), path, body) == (404, "gap_not_found")
    assert (trail(call_desk), reports(call_desk)) == before


# --- promises ------------------------------------------------------------------------------------


def test_a_promise_is_made_kept_and_reopened(call_desk: Desk, may: TestClient) -> None:
    due = now()
    body = {"id": "p-1", "call": "call-1", "what": "回电告知", "gap": "g-1", "ago": 60_000}
    assert told(may, "/api/promises", **body, due=due.isoformat()) == {"ok": True}
    (one,) = promised(call_desk)
    assert (one.id, one.agent, one.what, one.gap, one.due_at) == ("p-1", "may", "回电告知", "g-1", due)
    assert lines(call_desk) == [("promise", "回电告知", "")]
    mine = [{"id": "p-1", "call": "call-1", "what": "回电告知", "gap": "g-1", "due_at": due.isoformat()}]
    assert told(may, "/api/mine")["promises"] == mine
    assert told(may, "/api/promises/p-1/keep") == {"ok": True}
    assert told(may, "/api/mine")["promises"] == []
    assert told(may, "/api/promises/p-1/reopen") == {"ok": True}
    assert told(may, "/api/mine")["promises"] == mine


def test_mine_are_the_promises_due_on_the_sites_day(call_desk: Desk, may: TestClient, bo: TestClient) -> None:
    today = datetime.now(SHANGHAI)
    last = today.replace(hour=23, minute=59, second=59, microsecond=999_999)
    for id, due in (("p-1", last), ("p-2", last + timedelta(minutes=1)), ("p-0", today), ("p-3", last + SOON)):
        told(may, "/api/promises", ago=60_000, id=id, call="call-1", what=id, due=due.isoformat())
    assert mine_at(call_desk, last.replace(hour=12)) == ["p-0", "p-1"]
    assert [one["id"] for one in told(may, "/api/mine")["promises"]][:2] == ["p-0", "p-1"]
    assert told(bo, "/api/mine")["promises"] == []


def test_shortly_before_midnight_those_of_the_next_hours_are_mine_too(call_desk: Desk, may: TestClient) -> None:
    late = datetime.now(SHANGHAI).replace(hour=23, minute=30)
    for id, hours in (("p-1", 1), ("p-2", 2), ("p-3", 2.1)):
        due = late + timedelta(hours=hours)
        told(may, "/api/promises", ago=60_000, id=id, call="call-1", what=id, due=due.isoformat())
    assert mine_at(call_desk, late) == ["p-1", "p-2"]
    assert mine_at(call_desk, late.replace(hour=21)) == []


def mine_at(desk: Desk, at: datetime) -> list[str]:
    """The promises that wait for May at a moment."""
    with desk.database.read() as connection:
        return [one["id"] for one in mine(desk, connection, MAY, at)["promises"]]


def test_mine_are_the_calls_that_i_am_on(call_desk: Desk, may: TestClient, bo: TestClient) -> None:
    assert told(may, "/api/mine")["calls"] == []
    event(may, "search", "call-1", q="one")
    event(bo, "open", "call-2", article="late-en")
    told(may, "/api/calls/call-3/about", lang="zh")
    assert told(may, "/api/mine")["calls"] == ["call-3", "call-1"]
    told(bo, "/api/calls", call="call-1")  # taken over
    told(may, "/api/calls/call-3/end")
    assert (told(may, "/api/mine")["calls"], told(bo, "/api/mine")["calls"]) == ([], ["call-1"])


def test_a_due_time_without_a_zone_is_in_the_sites(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/promises", id="p-1", call="call-1", what="x", due="2099-11-22T10:30")
    assert promised(call_desk)[0].due_at == datetime(2099, 11, 22, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"due": ""}, "request_wrong_type"),
        ({"due": "tomorrow"}, "request_wrong_type"),
        ({"due": "0001-01-01T00:00:00+23:00"}, "request_wrong_type"),
        ({"due": "9999-12-31T23:59:59-23:00"}, "request_wrong_type"),
        ({"due": "2001-01-01T00:00:00Z"}, "promise_past"),
        ({"what": " \x00 "}, "promise_empty"),
        ({"gap": "a gap"}, "id_malformed_here"),
        ({"id": "p 1"}, "id_malformed_here"),
        ({"call": ""}, "id_malformed_here"),
        ({"call": PHONE}, "phone_in_address"),
    ],
)
def test_what_is_no_promise_is_refused_and_leaves_no_trace(
    call_desk: Desk, may: TestClient, wrong: dict[str, str], code: str
) -> None:
    body = {"id": "p-1", "call": "call-1", "what": "x", "due": "2099-01-01T00:00:00Z"} | wrong
    assert refused(may, "/api/promises", body) == (400, code)
    assert refused(client(call_desk, MAY, "zh"), "/api/promises", body) == (400, code)
    assert nothing_written(call_desk)


# --- flags, bulletins, keys ----------------------------------------------------------------------


def test_a_flag_is_put_on_the_version_that_was_read(call_desk: Desk, may: TestClient) -> None:
    article = call_desk.read("late-en", MAY)
    assert article is not None
    facts = {"article": "late-en", "version": article.version, "sentence": "Five yuan.", "note": "It is six."}
    assert told(may, "/api/flags", id="f-1", call="call-1", reason="outdated", **facts) == {"ok": True}
    (one,) = flagged(call_desk)
    assert (one.agent, one.article, one.version) == ("may", "late-en", article.version)
    assert (one.reason, one.sentence, one.note) == ("outdated", "Five yuan.", "It is six.")
    (line,) = trail(call_desk)
    assert (line.kind, line.query, line.article, line.version) == ("flag", "Five yuan.", "late-en", article.version)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"reason": ""}, (400, "reason_unknown")),
        ({"reason": "bad"}, (400, "reason_unknown")),
        ({"article": ""}, (404, "article_not_found")),
        ({"article": f"x-{PHONE}"}, (404, "article_not_found")),
        ({"article": "secret-en"}, (404, "article_not_found")),
        ({"id": ""}, (400, "id_malformed_here")),
    ],
)
def test_what_is_no_flag_is_refused_and_leaves_no_trace(
    call_desk: Desk, may: TestClient, wrong: dict[str, str], refusal: tuple[int, str]
) -> None:
    body = {"id": "f-1", "call": "call-1", "article": "late-en", "reason": "wrong"} | wrong
    assert refused(may, "/api/flags", body) == refusal
    assert refused(client(call_desk, MAY, "zh"), "/api/flags", body) == refusal
    assert nothing_written(call_desk)


def test_a_bulletin_is_seen_once_by_each(call_desk: Desk, may: TestClient) -> None:
    notice = bulletins.Notice("outage", "断网", now() + timedelta(hours=1))
    with call_desk.database.write() as connection:
        id = bulletins.post(connection, SUE, notice, now() - MINUTE, {}).id
    for _ in range(2):
        assert told(may, f"/api/bulletins/{id}/seen") == {"ok": True}
    with call_desk.database.read() as connection:
        assert [who for who, _ in bulletins.who_saw(connection, SUE, id).seen] == ["may"]
        assert bulletins.unseen(connection, MAY, now()) == ()
        assert [one.id for one in bulletins.unseen(connection, BO, now())] == [id]
    assert told(may, f"/api/bulletins/{id}/unseen") == {"ok": True}
    with call_desk.database.read() as connection:
        assert [one.id for one in bulletins.unseen(connection, MAY, now())] == [id]


@pytest.mark.parametrize(
    "keys", [{}, {"copy": "Alt+C", "focus": "/"}, {"copy": "Ctrl+Alt+Shift+ArrowRight", "end": "F8", "undo": "Alt+；"}]
)
def test_ones_own_keys_are_kept(call_desk: Desk, may: TestClient, keys: dict[str, str]) -> None:
    assert told(may, "/api/preferences", keys=keys) == {"ok": True}
    with call_desk.database.read() as connection:
        assert preferences.get(connection, MAY, "keys") == keys
        assert preferences.get(connection, BO, "keys") is None


@pytest.mark.parametrize(
    "keys",
    [
        {"copy": PHONE},
        {PHONE: "Alt+C"},
        {"copy": 7},
        {"copy": None},
        {"copy": ["Alt+C"]},
        {"copy": ""},
        {"copy": "Alt+"},
        {"copy": "Alt+C and more"},
        {"copy": f"Alt+{PHONE}"},
        {"": "Alt+C"},
        {"x" * 21: "Alt+C"},
    ],
)
def test_what_is_no_key_is_refused(call_desk: Desk, may: TestClient, keys: dict[str, Any]) -> None:
    assert refused(may, "/api/preferences", {"keys": keys}) == (400, "request_wrong_type")
    assert nothing_written(call_desk)


# --- undo ----------------------------------------------------------------------------------------


def undo_all(may: TestClient, *ids: str) -> None:
    for id in ids:
        assert told(may, "/api/undo", id=id) == {"ok": True}


def test_an_article_that_did_not_solve_it_is_written_with_its_version(call_desk: Desk, may: TestClient) -> None:
    article = call_desk.read("late-en", MAY)
    assert article is not None
    event(may, "unsolved", article="late-en", q="where is it", rank=2)
    (one,) = trail(call_desk)
    assert (one.kind, one.article, one.version, one.query) == ("unsolved", "late-en", article.version, "where is it")
    assert one.detail == {"rank": 2}
    summary = told(may, "/api/calls/call-1/summary")["text"]
    assert "late-en" not in summary  # it is not what the caller was told


@pytest.mark.parametrize("kind", ["solved", "helped", "unsolved"])
def test_a_mark_is_undone(call_desk: Desk, may: TestClient, kind: str) -> None:
    event(may, kind, article="late-en")
    undo_all(may, f"e-{kind}")
    (one,) = trail(call_desk)
    assert one.undone_at is not None
    with call_desk.database.read() as connection:
        assert journal.solved_counts(connection) == {}


def test_a_gap_and_a_plus_one_are_undone(call_desk: Desk, may: TestClient, bo: TestClient) -> None:
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="x")
    told(bo, "/api/gaps/g-1/join", id="r-2", call="call-2", q="y")
    undo_all(bo, "r-2")
    assert (open_gaps(call_desk), lines(call_desk, "call-2")) == ([("g-1", "x", "", 1)], [])
    undo_all(may, "r-1")
    assert (open_gaps(call_desk), lines(call_desk)) == ([], [])


def test_a_promise_and_a_flag_are_undone(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/promises", id="p-1", call="call-1", what="x", due=(now() + MINUTE).isoformat())
    told(may, "/api/flags", id="f-1", call="call-1", article="late-en", reason="wrong")
    undo_all(may, "p-1", "f-1")
    assert (promised(call_desk), flagged(call_desk), lines(call_desk)) == ((), (), [])
    assert told(may, "/api/mine")["promises"] == []


def test_undoing_twice_is_once(call_desk: Desk, may: TestClient) -> None:
    event(may, "solved", article="late-en")
    undo_all(may, "e-solved")
    first = trail(call_desk)
    undo_all(may, "e-solved")
    assert trail(call_desk) == first


def test_nobody_undoes_anothers(call_desk: Desk, may: TestClient, bo: TestClient) -> None:
    everything(may)
    before = trail(call_desk), reports(call_desk), promised(call_desk)
    for id in ("e4", "r-1", "p-1", "no-such-event", ""):
        assert refused(bo, "/api/undo", {"id": id}) == (404, "event_not_found")
    for path in ("/api/promises/p-1/keep", "/api/promises/p-1/reopen", "/api/promises/p-9/keep"):
        assert refused(bo, path, {}) == (404, "promise_not_found")
    assert (trail(call_desk), reports(call_desk), promised(call_desk)) == before


# --- whose call it is ----------------------------------------------------------------------------


def test_a_call_is_handed_over_by_being_opened(call_desk: Desk, may: TestClient, bo: TestClient) -> None:
    everything(may)
    assert told(bo, "/api/calls", call="call-1")["call"]["agent"] == "bo"
    assert told(bo, "/api/calls/call-1/summary")["text"].count("\n") == 6
    assert lines(call_desk)[-1] == ("taken", "", "")
    assert refused(may, "/api/calls/call-1/end", {}) == (403, "call_is_anothers")
    assert refused(may, "/api/calls/call-1/about", {"lang": "en"}) == (403, "call_is_anothers")
    body = {"events": [{"id": "e9", "kind": "solved", "article": "late-en"}]}
    assert refused(may, "/api/calls/call-1/events", body) == (403, "call_is_anothers")
    assert the_call(call_desk).agent == "bo"
    late = {"id": "e8", "kind": "helped", "article": "late-en"}
    told(may, "/api/calls/call-1/events", ago=HOUR, events=[late])  # it happened before, and came late
    assert [(one.kind, one.agent) for one in trail(call_desk) if one.id == "e8"] == [("helped", "may")]


@pytest.mark.parametrize("by", [LI, ANN])
def test_a_call_of_another_team_is_refused(call_desk: Desk, may: TestClient, by: Any) -> None:
    everything(may)
    before = trail(call_desk), reports(call_desk)
    for language in ("en", "zh"):
        other = client(call_desk, by, language)
        for path, body in (
            ("/api/calls", {"call": "call-1"}),
            ("/api/calls/call-1/events", {"events": []}),
            ("/api/calls/call-1/about", {"lang": "en"}),
            ("/api/calls/call-1/end", {}),
            ("/api/calls/call-1/resume", {}),
            ("/api/calls/call-1/summary", {}),
            ("/api/gaps", {"id": "r-9", "gap": "g-9", "call": "call-1", "q": "x"}),
            ("/api/gaps/g-1/join", {"id": "r-9", "call": "call-1", "q": "x"}),
            ("/api/promises", {"id": "p-9", "call": "call-1", "what": "x", "due": "2099-01-01T00:00:00Z"}),
            ("/api/flags", {"id": "f-9", "call": "call-1", "article": "late-en", "reason": "wrong"}),
        ):
            assert refused(other, path, body) == (403, "not_allowed"), path
    assert (trail(call_desk), reports(call_desk)) == before


def test_a_supervisor_reads_any_call(call_desk: Desk, may: TestClient) -> None:
    everything(may)
    assert "refund-card-zh" in told(client(call_desk, SUE), "/api/calls/call-1/summary")["text"]
    assert the_call(call_desk).agent == "may"


@pytest.mark.parametrize("path", ["end", "resume", "summary"])
def test_a_call_that_is_not_there_is_not_found(call_desk: Desk, may: TestClient, path: str) -> None:
    assert refused(may, f"/api/calls/call-9/{path}", {}) == (404, "call_not_found")
    assert refused(client(call_desk, MAY, "zh"), f"/api/calls/call-9/{path}", {}) == (404, "call_not_found")


# --- what cannot be taken ------------------------------------------------------------------------


PATHS = [
    "/api/calls",
    "/api/calls/{id}/events",
    "/api/calls/{id}/about",
    "/api/calls/{id}/end",
    "/api/calls/{id}/resume",
    "/api/calls/{id}/summary",
    "/api/mine",
    "/api/undo",
    "/api/gaps",
    "/api/gaps/{id}/join",
    "/api/gaps/{id}/describe",
    "/api/gaps/{id}/told",
    "/api/gaps/{id}/untold",
    "/api/promises",
    "/api/promises/{id}/keep",
    "/api/promises/{id}/reopen",
    "/api/flags",
    "/api/bulletins/{id}/seen",
    "/api/bulletins/{id}/unseen",
    "/api/preferences",
]


def test_these_are_all_the_routes(call_desk: Desk) -> None:
    assert sorted(getattr(route, "path", "") for route in call_api.routes(call_desk)) == sorted(PATHS)


BAD = [
    ("", None),  # an empty body is an empty request: what it lacks is told by the room
    ("{", "request_not_json"),
    ("nonsense", "request_not_json"),
    ("\xff\xfe", "request_not_json"),
    ("[" * 30_000, "request_not_json"),
    ('{"ago": ' + "1" * 5_000 + "}", "request_not_json"),
    ("[]", "request_unknown_field"),
    ("null", "request_unknown_field"),
    ('"text"', "request_unknown_field"),
    ('{"nonsense": 1}', "request_unknown_field"),
    ('{"agent": "bo"}', "request_unknown_field"),
    ('{"ago": "1"}', "request_wrong_type"),
    ('{"ago": true}', "request_wrong_type"),
    ('{"ago": 1.5}', "request_wrong_type"),
    ('{"ago": null}', "request_wrong_type"),
    ('{"ago": -1}', "request_wrong_type"),
    ('{"ago": 86400001}', "request_wrong_type"),
    ('{"ago": 1' + "0" * 400 + "}", "request_wrong_type"),
    ('{"ui": 1}', "request_wrong_type"),
    ('{"ui": "' + "x" * MAX_BODY + '"}', "request_too_large"),
]


@pytest.mark.parametrize("path", PATHS)
def test_a_bad_request_gets_one_sentence_in_the_askers_language(call_desk: Desk, path: str) -> None:
    for language in ("en", "zh"):
        asker = client(call_desk, MAY, language)
        for body, code in BAD:
            if code:
                assert refused(asker, path.format(id="call-1"), body) == (400, code), body[:40]
    assert nothing_written(call_desk)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_asked_by_an_address(may: TestClient, path: str) -> None:
    assert may.get(path.format(id="call-1")).status_code == 405


@pytest.mark.parametrize("path", PATHS)
def test_answers_are_not_stored_on_the_way(may: TestClient, path: str) -> None:
    assert may.post(path.format(id="call-1"), content="{").headers["cache-control"] == "no-store"


WRONG_TYPES: Mapping[str, tuple[str, ...]] = {
    "/api/calls": ("call", "q", "product", "lang"),
    "/api/calls/{id}/events": ("events",),
    "/api/calls/{id}/about": ("product", "lang"),
    "/api/undo": ("id",),
    "/api/gaps": ("id", "gap", "call", "q", "product"),
    "/api/gaps/{id}/join": ("id", "call", "q"),
    "/api/gaps/{id}/describe": ("report", "kind", "words", "answered", "suggestion"),
    "/api/gaps/{id}/told": ("report",),
    "/api/promises": ("id", "call", "what", "due", "gap"),
    "/api/flags": ("id", "call", "article", "version", "sentence", "reason", "note"),
    "/api/preferences": ("keys",),
}


@pytest.mark.parametrize("path", WRONG_TYPES)
def test_a_field_of_another_type_is_refused_by_its_name(call_desk: Desk, may: TestClient, path: str) -> None:
    for field in WRONG_TYPES[path]:
        for value in (1, None, True, 1.5):
            answer = may.post(path.format(id="call-1"), json={field: value})
            assert (answer.status_code, answer.json()["error"]) == (400, "request_wrong_type")
            assert f'"{field}"' in answer.json()["message"]
    assert nothing_written(call_desk)


@pytest.mark.parametrize(
    ("one", "refusal"),
    [
        (1, (400, "request_unknown_field")),
        ([], (400, "request_unknown_field")),
        ({"id": "e", "kind": "search", "agent": "bo"}, (400, "request_unknown_field")),
        ({"id": "e", "kind": "search", "at": "2001-01-01"}, (400, "request_unknown_field")),
        ({"id": 1, "kind": "search"}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "q": None}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "hits": True}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "hits": int(PHONE)}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "open", "rank": -1}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "keys": -1}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "since": 10**7}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "complete": 1}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "ago": -1}, (400, "request_wrong_type")),
        ({"id": "e", "kind": "search", "ago": 10**300}, (400, "request_wrong_type")),
        ({"id": "e", "kind": ""}, (400, "event_unknown")),
        ({"id": "e"}, (400, "event_unknown")),
        *(({"id": "e", "kind": kind}, (400, "event_unknown")) for kind in ("gap", "join", "promise", "flag", "taken")),
        ({"kind": "search", "q": "x"}, (400, "id_malformed_here")),
        ({"id": "e e", "kind": "search", "q": "x"}, (400, "id_malformed_here")),
    ],
)
def test_what_is_no_event_is_refused_and_the_batch_with_it(
    call_desk: Desk, may: TestClient, one: object, refusal: tuple[int, str]
) -> None:
    body = {"events": [{"id": "good", "kind": "search", "q": "refund"}, one]}
    assert refused(may, "/api/calls/call-1/events", body) == refusal
    assert refused(client(call_desk, MAY, "zh"), "/api/calls/call-1/events", body) == refusal
    assert nothing_written(call_desk)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phone_number_is_no_call_and_no_address(call_desk: Desk, language: str) -> None:
    asker = client(call_desk, MAY, language)
    for path, body in (
        ("/api/calls", {"call": PHONE}),
        ("/api/calls", {"call": "crm-1", "q": f"refund {PHONE}"}),
        (f"/api/calls/{PHONE}/events", {"events": []}),
        (f"/api/calls/{PHONE}/about", {"lang": "zh"}),
        ("/api/gaps", {"id": "r", "gap": "g", "call": PHONE}),
        ("/api/flags", {"id": "f", "call": PHONE, "article": "late-en", "reason": "wrong"}),
    ):
        assert refused(asker, path, body) == (400, "phone_in_address"), path
    assert nothing_written(call_desk)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/api/calls", {}, "id_malformed_here"),
        ("/api/calls", {"call": "call 1"}, "id_malformed_here"),
        ("/api/calls", {"call": "call-1", "product": "no such thing"}, "product_unknown"),
        ("/api/calls", {"call": "call-1", "lang": "english"}, "lang_unknown"),
        ("/api/calls/call-1/about", {"product": "no such thing"}, "product_unknown"),
        ("/api/calls/call-1/about", {"lang": PHONE}, "lang_unknown"),
        ("/api/calls/%20/events", {"events": []}, "id_malformed_here"),
        ("/api/gaps", {"id": "r-1", "gap": "", "call": "call-1"}, "id_malformed_here"),
        ("/api/gaps", {"id": "r-1", "gap": "g-1"}, "id_malformed_here"),
    ],
)
def test_what_a_room_refuses_is_told_and_leaves_no_trace(
    call_desk: Desk, may: TestClient, path: str, body: dict[str, Any], code: str
) -> None:
    assert refused(may, path, body) == (400, code)
    assert refused(client(call_desk, MAY, "zh"), path, body) == (400, code)
    assert nothing_written(call_desk)


def test_a_kind_of_gap_that_is_none_is_refused(call_desk: Desk, may: TestClient) -> None:
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q="x")
    for asker in (may, client(call_desk, MAY, "zh")):
        assert refused(asker, "/api/gaps/g-1/describe", {"report": "r-1", "kind": "bad"}) == (400, "gap_kind_unknown")


def test_the_language_of_the_page_goes_before_the_browsers(may: TestClient) -> None:
    assert may.post("/api/undo", json={"id": "x", "ui": "zh"}).json()["message"] == "没有可由您撤销的操作。"
    for ui in ("en", "", "fr"):
        message = may.post("/api/undo", json={"id": "x", "ui": ui}).json()["message"]
        assert message == "There is nothing of yours to take back."


# --- masked, and any text taken ------------------------------------------------------------------


def plant(may: TestClient, text: str) -> None:
    """A text in every field that takes one."""
    search = {"id": "e1", "kind": "search", "q": text, "verdict": text, "version": text}
    copy = {"id": "e2", "kind": "copy", "article": "late-en", "said": text, "version": text, "q": text}
    told(may, "/api/calls/call-1/events", events=[search])
    told(may, "/api/calls/call-1/events", events=[copy])
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q=text, product=text)
    told(may, "/api/gaps/g-1/join", id="r-2", call="call-1", q=text)
    told(may, "/api/gaps/g-1/describe", report="r-1", words=text, answered=text, suggestion=text)
    told(may, "/api/promises", id="p-1", call="call-1", what=text, due="2099-01-01T00:00:00Z")
    flag = {"article": "late-en", "version": text, "sentence": text, "note": text}
    told(may, "/api/flags", id="f-1", call="call-1", reason="wrong", **flag)


def test_a_phone_number_is_nowhere_in_the_file(call_desk: Desk, may: TestClient, tmp_path: Path) -> None:
    plant(may, f"回电 {PHONE} please")
    call_desk.database.close()
    written = (tmp_path / "firstcall.sqlite").read_bytes()
    assert PHONE.encode() not in written
    assert written.count("回电 ‹phone› please".encode()) >= 10


@pytest.mark.parametrize(
    "text",
    [
        "退款\x00\x1b[31m 七天",
        "half \ud800 a character",
        "😀" * 500,
        "x" * 9_000,
        "'; DROP TABLE event; --",
        "{braces} %s </script>",
        "\u202eright to left\u200b",
    ],
)
def test_any_text_is_taken(call_desk: Desk, may: TestClient, text: str) -> None:
    plant(may, text)
    assert [one.id for one in trail(call_desk)] == ["e1", "e2", "r-1", "r-2", "p-1", "f-1"]
    assert told(may, "/api/calls/call-1/summary")["ok"] is True


# --- a database that fails -----------------------------------------------------------------------


def test_without_a_database_the_search_answers_and_the_rest_says_so(call_base: SmallBase, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    desk = desk_of(call_base, tmp_path / "folder")
    for language in ("en", "zh"):
        asker = client(desk, MAY, language)
        found = told(asker, "/api/search", q="refund to an expired card")
        assert found["hits"][0]["article"] == "refund-card-en"
        for path in ("/api/calls/call-1/summary", "/api/mine"):
            assert refused(asker, path, {}) == (503, "store_unusable")
    waiting = Path(desk.settings.spool)
    waiting.write_text("")  # nothing can be spooled either: the page keeps it
    for language in ("en", "zh"):
        for path in PATHS:
            assert refused(client(desk, MAY, language), path.format(id="call-1"), {}) == (503, "store_unusable")
    waiting.unlink()
    (tmp_path / "folder").rmdir()  # put right: the next request is taken, once it is tried again
    time.sleep(AGAIN)
    event(client(desk, MAY), "open", article="late-en")
    assert lines(desk) == [("open", "", "late-en")]
    desk.database.close()


def test_a_database_that_fails_in_the_middle_keeps_nothing_of_a_request(
    call_desk: Desk, may: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(may, "/api/calls", call="call-1")
    with call_desk.database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON gap_report BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    body = {"id": "r-1", "gap": "g-1", "call": "call-1", "q": "x"}
    assert refused(may, "/api/gaps", body) == (503, "store_unusable")
    assert (trail(call_desk), open_gaps(call_desk)) == ((), [])
    with call_desk.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    told(may, "/api/gaps", **body)
    assert open_gaps(call_desk) == [("g-1", "x", "", 1)]


def test_what_is_written_is_told_to_the_floor(call_desk: Desk, may: TestClient) -> None:
    floor, woken = call_desk.floor, []
    floor.touched = lambda: woken.append(True)  # type: ignore[method-assign]
    event(may, "solved", article="late-en")
    assert woken == [True]
    refused(may, "/api/undo", {"id": "no-such"})
    assert woken == [True]


def test_records_that_wait_keep_nobody_else_waiting_and_are_all_taken(
    call_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(Recorder, "record", lambda *_: {"written": go_on.wait(20)})
    many = 60  # more than anyio has threads
    with client(call_desk, MAY) as page, ThreadPoolExecutor(many) as senders:
        sent = [senders.submit(told, page, "/api/calls/call-1/end") for _ in range(many)]
        try:
            assert within(10, lambda: len(call_desk.records) == many - 2)
            assert told(page, "/api/search", q="refund")["hits"]
            assert told(page, "/api/mine")["ok"]
            assert not any(one.done() for one in sent)
        finally:
            go_on.set()
        assert [one.result()["written"] for one in sent] == [True] * many
