"""A whole call in a real browser, by keys alone: find, say, solve or record; nothing is lost on the way."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg, ForwardMsgMetadata

from kb import tables
from kb.calls import bulletins, call
from kb.db import Database
from kb.db.server import TURN
from kb.people import keys
from kb.people.users import OPERATOR, Role, User
from tests.browser.conftest import (
    App,
    answered,
    articles_shown,
    beside,
    end_calls,
    focused,
    health,
    opened,
    settled,
    sign_in,
    start,
    wait_for,
)

pytestmark = pytest.mark.browser

ASKED = {"en": "refund to an expired card", "zh": "退款多久到账"}
ARTICLE = {"en": "refund-expired-card-en", "zh": "refund-times-zh"}
UNSOLVED = {"en": "Not solved by", "zh": "未解决："}
SOLVED = {"en": "Solved by", "zh": "已解决："}
UNDONE = {"en": "Undone:", "zh": "已撤销："}
STREAM = "**/_stcore/stream"  # Streamlit's websocket
UNANSWERED = {"en": "can I feed goldfish with the air fryer crumbs", "zh": "金鱼可以吃空气炸锅的碎屑吗"}


@pytest.fixture(params=["en", "zh"])
def lang(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(page: Page) -> Page:
    """The page with no call on it."""
    return page


def rows(app: App, table: sa.Table, **where: Any) -> list[Any]:
    """Rows of the app's database, in no order."""
    wanted = [table.c[name] == value for name, value in where.items()]
    with Database(app.database).read() as connection:
        return list(connection.execute(sa.select(table).where(*wanted)))


def sent(page: Page) -> None:
    """Wait until the server has everything."""
    page.locator('#bar[data-unsent="0"]').wait_for(state="attached", timeout=10_000)


def call_of(page: Page) -> str:
    return str(page.locator("#bar").get_attribute("data-call"))


def ask(page: Page, question: str) -> None:
    page.keyboard.press("Escape")
    page.keyboard.type(question, delay=5)
    answered(page, question)


def in_language(page: Page, lang: str, url: str) -> None:
    page.goto(f"{url}/?hl={lang}")
    page.locator("#q").wait_for()
    page.wait_for_function("lang => document.documentElement.dataset.firstcallUi === lang", arg=lang)


def copied(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_type_open_copy_solved_undo(fresh: Page, app: App, lang: str) -> None:
    page = fresh
    in_language(page, lang, app.url)
    ask(page, ASKED[lang])
    assert articles_shown(page)[0] == ARTICLE[lang]
    page.keyboard.press("Enter")
    text = page.locator("#text")
    expect(text).to_be_visible()
    if lang == "zh":  # this say-line leaves an amount open
        page.keyboard.press("Alt+c")
        assert focused(page) != "q"
        page.keyboard.type("199 元")
    page.keyboard.press("Alt+c")
    expect(page.locator("#toast")).to_be_visible()
    assert copied(page) == text.inner_text()
    page.keyboard.press("Alt+a")
    expect(page.locator("#toast")).to_contain_text(SOLVED[lang])
    sent(page)
    (event,) = rows(app, tables.event, call=call_of(page), kind="solved")
    assert (event.article, event.query, event.detail, event.undone_at) == (
        ARTICLE[lang],
        ASKED[lang],
        {"rank": 1},
        None,
    )
    (said,) = rows(app, tables.event, call=call_of(page), kind="copy")
    assert said.detail == {"said": text.inner_text()}
    page.keyboard.press("Alt+z")
    expect(page.locator("#toast")).to_contain_text(UNDONE[lang])
    sent(page)
    assert rows(app, tables.event, id=event.id)[0].undone_at is not None
    assert focused(page) == "q"


def test_an_article_that_did_not_solve_it_is_told_by_one_key_and_taken_back(fresh: Page, app: App, lang: str) -> None:
    in_language(fresh, lang, app.url)
    ask(fresh, ASKED[lang])
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#unsolved")).to_have_text({"en": "Not solvedAlt+0", "zh": "未解决Alt+0"}[lang])
    fresh.keyboard.press("Alt+0")
    expect(fresh.locator("#toast")).to_contain_text(UNSOLVED[lang])
    sent(fresh)
    (event,) = rows(app, tables.event, call=call_of(fresh), kind="unsolved")
    (opened,) = rows(app, tables.event, call=call_of(fresh), kind="open")
    assert (event.article, event.query, event.detail, event.undone_at) == (
        ARTICLE[lang],
        ASKED[lang],
        {"rank": 1},
        None,
    )
    assert (event.version, len(event.version)) == (opened.version, 64)
    fresh.keyboard.press("Alt+z")
    expect(fresh.locator("#toast")).to_contain_text(UNDONE[lang])
    sent(fresh)
    assert rows(app, tables.event, id=event.id)[0].undone_at is not None
    fresh.keyboard.press("Escape")
    fresh.keyboard.press("?")
    row = fresh.locator("#sheet tr", has_text={"en": "This did not solve it", "zh": "这篇没有解决问题"}[lang])
    expect(row.locator("kbd")).to_have_text("Alt+0")


def test_a_search_is_written_once_however_it_was_typed(fresh: Page, app: App) -> None:
    ask(fresh, "router red light")
    fresh.wait_for_timeout(1_700)  # a rest: it is a search now
    fresh.keyboard.type(" blinking", delay=5)
    answered(fresh, "router red light blinking")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_be_visible()
    sent(fresh)
    assert [one.query for one in rows(app, tables.event, call=call_of(fresh), kind="search")] == [
        "router red light blinking"
    ]


def test_what_nobody_can_answer_is_recorded_in_one_key_and_joined_by_the_next(
    fresh: Page, context: BrowserContext, app: App, lang: str
) -> None:
    in_language(fresh, lang, app.url)
    ask(fresh, UNANSWERED[lang])
    fresh.keyboard.press("Alt+n")
    expect(fresh.locator("#toast")).to_contain_text(UNANSWERED[lang])
    assert focused(fresh) == "q"
    sent(fresh)
    (gap,) = rows(app, tables.gap, question=UNANSWERED[lang])
    assert (gap.lang, gap.state) == (lang, "new")
    assert [one.query for one in rows(app, tables.event, call=call_of(fresh), kind="search")] == [UNANSWERED[lang]]
    fresh.keyboard.press("Alt+x")
    ask(fresh, {"en": "is it ok to feed my goldfish air fryer crumbs", "zh": "空气炸锅的碎屑能给金鱼吃吗"}[lang])
    wait_for(lambda: _asked_again(fresh, gap.id), 20, "the open gap is shown beside the search")
    fresh.keyboard.press("Alt+j")
    expect(fresh.locator("#toast")).to_contain_text("+1")
    sent(fresh)
    assert len(rows(app, tables.gap_report, gap=gap.id)) == 2
    assert len(rows(app, tables.gap, question=UNANSWERED[lang])) == 1


def test_what_the_database_does_not_take_yet_is_told_and_comes_in_by_itself(fresh: Page, app: App) -> None:
    ask(fresh, "is the moon lamp dimmable")
    with nobody_writes(app):
        fresh.keyboard.press("Alt+n")
        expect(fresh.locator("#spooled")).to_be_visible(timeout=20_000)
        ask(fresh, "refund to an expired card")
    expect(fresh.locator("#spooled")).to_have_count(0, timeout=30_000)
    sent(fresh)
    assert len(rows(app, tables.gap, question="is the moon lamp dimmable")) == 1


@contextmanager
def nobody_writes(app: App) -> Iterator[None]:
    """The database is locked, as a backup or a batch of somebody's would do it."""
    if app.on_server:
        with psycopg.connect(app.on_server.replace("+psycopg", "")) as one:
            one.execute(f"SELECT pg_advisory_lock({TURN})")
            yield
        return
    with closing(sqlite3.connect(app.home / "firstcall.sqlite", isolation_level=None)) as other:
        wait_for(lambda: _locks(other), 20, "nobody else writes")
        yield
        other.execute("ROLLBACK")


def _locks(other: sqlite3.Connection) -> bool:
    try:
        other.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return True


def _asked_again(page: Page, gap: str) -> bool:
    """One more letter and one less asks again: the gap is found once its vector is there."""
    page.keyboard.type("x")
    page.keyboard.press("Backspace")
    page.wait_for_timeout(400)
    return page.locator(f'.line[data-gap="{gap}"]').count() == 1


def test_a_screen_pop_brings_call_words_and_product_and_leaves_no_words_in_the_address(
    fresh: Page, context: BrowserContext, app: App
) -> None:
    page = context.new_page()
    page.goto(f"{app.url}/?call=CRM-20261121-7&q=wifi+keeps+dropping&product=R3000&lang=en")
    answered(page, "wifi keeps dropping")
    assert call_of(page) == "CRM-20261121-7"
    assert page.locator("#about-product").input_value() == "LH-R3000"
    wait_for(lambda: "wifi" not in page.url and "CRM" not in page.url, 5, "the words are out of the address")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_visible()
    title = page.locator("h2").first.inner_text()
    sent(page)
    (call,) = rows(app, tables.call, id="CRM-20261121-7")
    assert (call.product, call.lang, call.agent) == ("LH-R3000", "en", "agent")

    page.reload()  # a refresh in the middle of the call
    answered(page, "wifi keeps dropping")
    expect(page.locator("h2").first).to_have_text(title)
    assert call_of(page) == "CRM-20261121-7"

    other = context.new_page()  # a second tab is on the same call
    other.goto(app.url)
    answered(other, "wifi keeps dropping")
    assert call_of(other) == "CRM-20261121-7"
    expect(other.locator("h2").first).to_have_text(title)
    other.keyboard.press("Alt+a")
    sent(other)
    assert [one.kind for one in rows(app, tables.event, call="CRM-20261121-7", kind="solved")] == ["solved"]
    opens = rows(app, tables.event, call="CRM-20261121-7", kind="open")
    assert len(opens) == 1  # neither refresh nor tab opened it again


def test_the_next_screen_pop_ends_the_call_before(fresh: Page, context: BrowserContext, app: App) -> None:
    fresh.goto(f"{app.url}/?call=CRM-801&q=wifi+keeps+dropping")
    answered(fresh, "wifi keeps dropping")
    fresh.keyboard.press("Alt+o")  # a second customer meanwhile: two are held
    ask(fresh, "earbuds only one side has sound")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_be_visible()
    sent(fresh)
    second = call_of(fresh)
    fresh.goto(f"{app.url}/?call=CRM-802&q=refund+to+an+expired+card")
    answered(fresh, "refund to an expired card")
    assert call_of(fresh) == "CRM-802"
    expect(fresh.locator("#bar .call-chip")).to_have_count(2)
    ended = {one.id: one.ended_at is not None for one in rows(app, tables.call)}
    assert (ended["CRM-801"], ended[second], ended["CRM-802"]) == (False, True, False)


def test_a_call_begun_over_the_api_is_opened_by_its_id_alone(fresh: Page, app: App) -> None:
    with Database(app.database).write() as connection:
        key = keys.add(connection, OPERATOR, "telephony", ("calls", "real"), datetime.now(UTC))
    told = {"call": "crm-77", "q": "wifi keeps dropping", "product": "R3000", "lang": "en"}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{app.url}/api/v1/calls", json.dumps(told).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["call"]["agent"] == f"key:{key[3:15]}"
    fresh.goto(f"{app.url}/?call=crm-77")
    answered(fresh, "wifi keeps dropping")
    assert call_of(fresh) == "crm-77"
    expect(fresh.locator("#about-product")).to_have_value("LH-R3000")
    (taken,) = rows(app, tables.call, id="crm-77")
    assert (taken.agent, taken.tag, taken.lang) == ("agent", "", "en")


def test_a_screen_pop_is_applied_once_however_often_the_page_is_come_back_to(fresh: Page, app: App) -> None:
    at = datetime.now(UTC)
    with Database(app.database).write() as connection:
        call.begin(connection, User("editor", "Editor", Role.EDITOR), "CRM-901", at)
    fresh.goto(f"{app.url}/?call=CRM-901&q=wifi+keeps+dropping&product=R3000")
    answered(fresh, "wifi keeps dropping")
    expect(fresh.locator("#form .trail")).to_be_visible()  # somebody else's until now
    fresh.keyboard.press("Escape")
    fresh.keyboard.press("Alt+x")
    expect(fresh.locator("#bar")).to_have_attribute("data-call", "")
    sent(fresh)
    fresh.keyboard.type("earbuds", delay=5)
    answered(fresh, "earbuds")
    there_and_back(fresh)
    answered(fresh, "earbuds")  # what was typed since, not what the CRM brought
    fresh.wait_for_timeout(600)
    assert call_of(fresh) != "CRM-901"
    assert fresh.locator("#about-product").input_value() == ""
    expect(fresh.locator("#form")).to_be_hidden()


def there_and_back(page: Page) -> None:
    """To the start of the shift and back to the search, as a hand goes."""
    page.get_by_role("link", name="Today").click()
    page.get_by_role("heading", name="Today", exact=True).wait_for()
    page.get_by_role("link", name="Search").click()
    page.locator("#q").wait_for()


@pytest.mark.parametrize(
    ("lang", "sentence"), [("en", "This looks like a phone number."), ("zh", "这看起来是电话号码。")]
)
def test_a_phone_number_is_no_call(fresh: Page, app: App, lang: str, sentence: str) -> None:
    fresh.goto(f"{app.url}/?hl={lang}&call=13812345678")
    expect(fresh.get_by_text(sentence)).to_be_visible()
    assert rows(app, tables.call, id="13812345678") == []
    assert "13812345678" not in fresh.url


def test_two_calls_are_held_and_changed_by_a_key(fresh: Page, app: App) -> None:
    ask(fresh, "price protection after double 11")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_be_visible()
    title = fresh.locator("h2").first.inner_text()
    first = call_of(fresh)
    fresh.keyboard.press("Alt+o")
    expect(fresh.locator("#q")).to_have_value("")
    fresh.keyboard.press("Alt+w")  # nobody was there: back to the first
    expect(fresh.locator("#q")).to_have_value("price protection after double 11")
    assert call_of(fresh) == first
    fresh.keyboard.press("Alt+o")
    expect(fresh.locator("#q")).to_have_value("")
    ask(fresh, "earbuds only one side has sound")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("h2").first).not_to_have_text(title)
    second = call_of(fresh)
    assert first != second
    fresh.keyboard.press("Alt+w")
    expect(fresh.locator("#q")).to_have_value("price protection after double 11")
    expect(fresh.locator("h2").first).to_have_text(title)
    assert call_of(fresh) == first
    fresh.keyboard.press("Alt+x")
    expect(fresh.locator("#q")).to_have_value("earbuds only one side has sound")
    sent(fresh)
    assert rows(app, tables.call, id=first)[0].ended_at is not None
    assert rows(app, tables.call, id=second)[0].ended_at is None
    fresh.keyboard.press("Alt+z")  # it was not over after all
    sent(fresh)
    assert rows(app, tables.call, id=first)[0].ended_at is None


def test_keys_that_are_faster_than_the_page_put_nothing_on_a_call_it_is_not_of(fresh: Page, app: App) -> None:
    ask(fresh, "price protection after double 11")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_be_visible()
    first = call_of(fresh)
    sent(fresh)
    begun = len(rows(app, tables.event, call=first))
    for number in range(9):
        fresh.keyboard.press("Alt+w" if number % 2 else "Alt+o")
    settled(fresh)
    expect(fresh.locator("#text")).to_be_hidden()
    expect(fresh.locator("#bar")).to_have_attribute("data-call", "")
    fresh.reload()  # and nobody is put back on the call they left
    fresh.locator("#bar[data-call='']").wait_for(state="attached")
    expect(fresh.locator("#q")).to_have_value("")
    sent(fresh)
    assert len(rows(app, tables.event, call=first)) == begun
    with Database(app.database).read() as connection:
        assert list(connection.scalars(sa.select(tables.call.c.id).where(tables.call.c.ended_at.is_(None)))) == [first]


def test_what_is_opened_while_the_page_is_late_is_of_the_call_it_is_opened_on(
    context: BrowserContext, app: App
) -> None:
    end_calls(app)
    held: list[Callable[[], None]] = []
    late = False

    def through(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda said: held.append(lambda: server.send(said)) if late else server.send(said))

    context.route_web_socket(STREAM, through)
    page = opened(context, app.url)
    ask(page, "price protection after double 11")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_visible()
    first = call_of(page)
    late = True
    page.keyboard.press("Alt+o")
    expect(page.locator("#bar")).not_to_have_attribute("data-call", first)
    ask(page, ASKED["en"])
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    assert len(held) == 2  # no article, and this one
    late = False
    for send in held:
        send()
    expect(page.locator("#text")).to_have_text(re.compile("Your money is not lost"))
    second = call_of(page)
    assert second not in ("", first)
    page.keyboard.press("Alt+a")
    sent(page)
    opens = {one.call: one.article for one in rows(app, tables.event, kind="open") if one.call in (first, second)}
    assert opens == {first: "price-protection-en", second: ARTICLE["en"]}
    assert [one.article for one in rows(app, tables.event, kind="solved", call=second)] == [ARTICLE["en"]]


def test_a_page_that_streamlit_lets_go_blank_comes_back_by_itself_once_a_minute(
    context: BrowserContext, app: App
) -> None:
    end_calls(app)
    routes: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        routes.append(socket)

    nowhere = ForwardMsg(metadata=ForwardMsgMetadata(delta_path=[0, 99, 0]))
    nowhere.delta.new_element.text.body = "there is no place for this"
    context.route_web_socket(STREAM, through)
    page = opened(context, app.url)
    ask(page, ASKED["en"])
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_visible()
    here = call_of(page)
    sent(page)
    routes[-1].send(nowhere.SerializeToString())
    expect(page.locator("#bar")).to_have_count(0)
    expect(page.locator("#text")).to_have_text(re.compile("Your money is not lost"), timeout=30_000)
    assert call_of(page) == here
    sent(page)
    assert [one.article for one in rows(app, tables.event, kind="open", call=here)] == [ARTICLE["en"]]
    settled(page)
    routes[-1].send(nowhere.SerializeToString())
    expect(page.locator("#bar")).to_have_count(0)
    page.wait_for_timeout(2_000)
    expect(page.locator("#bar")).to_have_count(0)


@pytest.fixture
def timed(fresh: Page) -> Page:
    """The page with a clock that the test turns."""
    fresh.clock.install()
    fresh.reload()
    fresh.locator("#bar[data-call]").wait_for(state="attached")
    wait_for(lambda: focused(fresh) == "q", 10, "the box has the focus")
    return fresh


def test_news_are_asked_for_only_while_somebody_is_there(timed: Page) -> None:
    asked: list[str] = []
    timed.on("request", lambda request: asked.append(request.url) if request.url.endswith("/api/mine") else None)

    def many() -> int:
        timed.wait_for_timeout(20)  # Playwright tells of requests only while it is called
        return len(asked)

    timed.clock.fast_forward(31_000)
    wait_for(lambda: many() > 0, 10, "they are asked for")
    timed.clock.fast_forward(16 * 60_000)
    timed.wait_for_timeout(500)
    asked.clear()
    for _ in range(3):
        timed.clock.fast_forward(31_000)
    timed.wait_for_timeout(500)
    assert asked == []
    timed.keyboard.press("a")
    wait_for(lambda: many() == 1, 10, "they are asked for at the next key")
    timed.clock.fast_forward(31_000)
    wait_for(lambda: many() == 2, 10, "and from then on")


def test_a_call_that_was_ended_elsewhere_leaves_the_bar_once_everything_is_sent(timed: Page, app: App) -> None:
    ask(timed, "price protection after double 11")
    timed.keyboard.press("Enter")
    expect(timed.locator("#text")).to_be_visible()
    sent(timed)
    one = call_of(timed)
    with Database(app.database).write() as connection:
        connection.execute(sa.update(tables.call).values(ended_at=tables.call.c.last_at))
    timed.route("**/api/calls/**", lambda route: route.abort())
    timed.keyboard.press("Alt+a")
    with timed.expect_response("**/api/mine"):
        timed.clock.fast_forward(31_000)
    timed.wait_for_timeout(300)
    assert call_of(timed) == one
    timed.unroute("**/api/calls/**")
    timed.clock.fast_forward(11_000)  # it tries again
    sent(timed)
    assert [event.kind for event in rows(app, tables.event, call=one, kind="solved")] == ["solved"]
    timed.clock.fast_forward(31_000)
    expect(timed.locator("#bar")).to_have_attribute("data-call", "")
    expect(timed.locator("#bar .call-chip")).to_have_count(0)


def test_a_promise_is_made_listed_and_kept_by_keys(fresh: Page, app: App) -> None:
    ask(fresh, "smart lock battery")
    fresh.keyboard.press("Alt+p")
    fresh.keyboard.press("Control+a")
    fresh.keyboard.type("Call back about the lock")
    fresh.keyboard.press("Enter")
    fresh.keyboard.press("1")
    expect(fresh.locator("#toast")).to_contain_text("Promised: Call back about the lock")
    expect(fresh.locator("#do-mine")).to_be_visible()
    fresh.keyboard.press("Alt+k")
    expect(fresh.locator("#form")).to_contain_text("Call back about the lock")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#toast")).to_contain_text("Called back")
    sent(fresh)
    (promise,) = rows(app, tables.promise, what="Call back about the lock")
    assert promise.kept_at is not None
    expect(fresh.locator("#do-mine")).to_have_count(0)


def test_a_sentence_is_reported_in_two_actions(fresh: Page, app: App) -> None:
    ask(fresh, "refund to an expired card")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_be_visible()
    fresh.keyboard.press("Alt+g")
    expect(fresh.locator(".choices button").first).to_be_focused()
    fresh.keyboard.press("2")
    fresh.keyboard.press("3")
    expect(fresh.locator("#toast")).to_contain_text("Reported: It is unclear")
    sent(fresh)
    (flag,) = rows(app, tables.flag, call=call_of(fresh))
    assert (flag.article, flag.reason) == ("refund-expired-card-en", "unclear")
    assert flag.sentence == fresh.locator("#text").inner_text()
    assert focused(fresh) == "q"


def test_the_summary_for_the_crm_is_one_key(fresh: Page, app: App, lang: str) -> None:
    in_language(fresh, lang, app.url)
    ask(fresh, ASKED["en"])
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_be_visible()
    fresh.keyboard.press("Alt+a")
    fresh.keyboard.press("Alt+m")
    expect(fresh.locator("#toast")).to_contain_text({"en": "Summary copied", "zh": "小结已复制"}[lang])
    lines = copied(fresh).split("\n")
    assert lines[0].startswith({"en": f"Call {call_of(fresh)}", "zh": f"通话 {call_of(fresh)}"}[lang])
    assert lines[1] == {"en": "Asked: refund to an expired card", "zh": "客户问：refund to an expired card"}[lang]
    assert "refund-expired-card-en" in lines[2]


def test_a_product_narrows_and_is_taken_away_without_losing_the_words(fresh: Page) -> None:
    fresh.keyboard.type("how do I reset it product:R3000", delay=5)
    answered(fresh, "how do I reset it product:R3000")
    expect(fresh.locator("#verdict .chip")).to_have_text("Lark Router R3000 ✕")
    narrowed = articles_shown(fresh)
    fresh.locator("#verdict .chip").click()
    answered(fresh, "how do I reset it")
    assert fresh.locator("#q").input_value() == "how do I reset it"
    assert articles_shown(fresh) != narrowed
    fresh.locator("#about-product").select_option("LH-V7")
    expect(fresh.locator("#verdict .chip")).to_have_text("Robot Vacuum V7 ✕")
    assert fresh.locator("#q").input_value() == "how do I reset it"
    assert focused(fresh) == "q"


def test_every_key_can_be_changed_and_goes_with_the_person(fresh: Page, context: BrowserContext, app: App) -> None:
    fresh.keyboard.press("?")
    sheet = fresh.locator("#sheet")
    expect(sheet).to_contain_text("Copy the sentence to say")
    sheet.locator('button[data-action="solved"]').click()
    fresh.keyboard.press("Alt+n")  # taken
    expect(fresh.locator("#key-note")).to_contain_text("is the key of Record a gap already")
    fresh.keyboard.press("g")  # a letter alone is typing
    expect(fresh.locator("#key-note")).to_contain_text("hold Alt or Ctrl with it")
    fresh.keyboard.press("Alt+5")
    expect(sheet).to_contain_text("Alt+5")
    sent(fresh)
    fresh.keyboard.press("Escape")
    assert focused(fresh) == "q"
    other = opened(context, app.url)
    ask(other, "refund to an expired card")
    other.keyboard.press("Enter")
    expect(other.locator("#solved kbd")).to_have_text("Alt+5")
    other.keyboard.press("Alt+5")
    expect(other.locator("#toast")).to_contain_text("Solved by")
    other.keyboard.press("Control+k")
    other.keyboard.press("Escape")
    other.keyboard.press("?")
    other.get_by_text("Back to the usual keys").click()
    expect(other.locator("#sheet")).to_contain_text("Alt+A")
    sent(other)


def test_the_cases_of_an_article_are_walked_by_y_and_n(fresh: Page) -> None:
    ask(fresh, "how long until the refund is on my credit card")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("h2").first).to_have_text("How long a refund takes")
    fresh.keyboard.press("Alt+q")
    expect(fresh.locator(".question")).to_have_text("Is the parcel still on its way to us?")
    fresh.keyboard.press("n")
    fresh.keyboard.press("n")
    fresh.keyboard.press("y")
    expect(fresh.locator(".end")).to_have_text("Name the latest day and where to look.")
    fresh.keyboard.press("Backspace")
    expect(fresh.locator(".question")).to_have_text("Is it approved and still within the time?")
    fresh.keyboard.press("Escape")
    assert focused(fresh) == "q"


def test_the_other_language_is_one_key_away(fresh: Page) -> None:
    ask(fresh, "refund to an expired card")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("h2").first).to_have_text("Refund to an expired or closed card")
    fresh.keyboard.press("Alt+l")
    expect(fresh.locator("h2").first).to_have_text("退款退到已过期或已注销的银行卡")


GUIDE = """---
id: kettle-descale-en
title: Descaling the kettle
lang: en
questions: ["white stuff in my kettle zyx"]
state: validated
audience: external
valid_from: 2026-01-01
---

::: say
Boil it once with one sachet, it takes {minutes} minutes.
:::

## Steps

Ask for the SSID of the kettle first. The customer has 7 days after delivery.
"""


def written(app: App, page: Page, minutes: int, question: str) -> None:
    """The guide saved on disk and served by the running app."""
    (app.articles / "products" / "kettle-descale-en.md").write_text(GUIDE.replace("{minutes}", str(minutes)), "utf-8")

    def served() -> bool:
        page.keyboard.press("Escape")
        ask(page, question)
        return f"takes {minutes} minutes" in page.locator("#list").inner_text()

    wait_for(served, 20, "the article is found as it was saved")


def test_an_agent_is_told_what_changed_since_they_last_used_an_article(fresh: Page, app: App) -> None:
    question = "white stuff in my kettle zyx"
    written(app, fresh, 10, question)
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_have_text("Boil it once with one sachet, it takes 10 minutes.")
    expect(fresh.get_by_text("Changed since you last used it")).to_have_count(0)
    sent(fresh)
    written(app, fresh, 25, question)
    wait_for(lambda: _says(fresh, question, "changed today"), 20, "its card says when it changed")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_have_text("Boil it once with one sachet, it takes 25 minutes.")
    told = fresh.locator('[data-testid="stAlert"]', has_text="Changed since you last used it")
    expect(told).to_contain_text("it takes 10 minutes.")
    expect(told).to_contain_text("it takes 25 minutes.")
    expect(fresh.locator('a[title="Wi-Fi name"]')).to_have_text("SSID")
    (app.articles / "products" / "kettle-descale-en.md").unlink()


def _says(page: Page, question: str, words: str) -> bool:
    page.keyboard.press("Escape")
    ask(page, question)
    return words in page.locator(".row").first.inner_text()


def test_a_deadline_is_counted_on_the_sites_calendar(fresh: Page) -> None:
    ask(fresh, "7-day return no reason")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("h2").first).to_have_text("7-day return without giving a reason")
    fresh.keyboard.press("Alt+i")
    expect(fresh.locator('[role="spinbutton"]').first).to_be_focused()
    fresh.keyboard.type("20261120")
    fresh.keyboard.press("Tab")  # to the field's calendar
    fresh.keyboard.press("Tab")  # and out of it
    expect(fresh.get_by_text("until Fri 27 Nov 2026")).to_be_visible()


def test_a_notice_stands_on_top_until_seen_and_beside_the_searches_it_matches(fresh: Page, app: App) -> None:
    at = datetime.now(UTC)
    notice = bulletins.Notice(
        "outage", "Broadband down in Suzhou", at + timedelta(hours=4), say="We are working on it.", words=("suzhou",)
    )
    supervisor = User("boss", "Boss", Role.SUPERVISOR)
    with Database(app.database).write() as connection:
        posted = bulletins.post(connection, supervisor, notice, at, {})
    fresh.reload()
    expect(fresh.locator("#unseen")).to_contain_text("Outage: Broadband down in Suzhou")
    fresh.keyboard.press("Alt+u")
    expect(fresh.locator("#unseen")).to_be_empty()
    fresh.keyboard.press("Alt+z")  # not read after all
    expect(fresh.locator("#unseen")).to_contain_text("Broadband down in Suzhou")
    fresh.keyboard.press("Alt+u")
    sent(fresh)
    (seen,) = rows(app, tables.bulletin_seen, bulletin=posted.id)
    assert seen.user == "agent"
    wait_for(lambda: _noticed(fresh), 30, "the notice stands beside the search")
    expect(fresh.locator("#notices")).to_contain_text("We are working on it.")
    ask(fresh, "refund to an expired card")
    expect(fresh.locator("#notices")).to_be_empty()
    with Database(app.database).write() as connection:
        bulletins.withdraw(connection, supervisor, posted.id, datetime.now(UTC))


def _noticed(page: Page) -> bool:
    ask(page, "internet is down in suzhou")
    page.wait_for_timeout(500)
    return "Broadband down in Suzhou" in page.locator("#notices").inner_text()


@pytest.fixture
def own(app: App, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """An app that a test may kill: [App, process]."""
    home = tmp_path_factory.mktemp("own") / "home"
    home.mkdir()
    here = list(start(app.articles, home, **beside(app, home)))
    wait_for(lambda: health(here[0].url) == "ready", 120, "the encoder is warm")
    yield here
    here[1].terminate()
    here[1].wait(timeout=20)


def test_a_server_that_restarts_in_mid_call_loses_nothing(own: list[Any], context: BrowserContext) -> None:
    here, process = own
    page = opened(context, here.url)
    ask(page, "refund to an expired card")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_be_visible()
    title = page.locator("h2").first.inner_text()
    sent(page)
    call = call_of(page)
    process.send_signal(signal.SIGKILL)
    process.wait()
    page.keyboard.press("Alt+a")
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    page.keyboard.type("what about my gift card", delay=5)
    page.keyboard.press("Alt+n")
    expect(page.locator("#unsent")).to_be_visible(timeout=10_000)
    own[0], own[1] = start(here.articles, here.home, here.url, KB_DATABASE_URL=here.database)
    wait_for(lambda: health(here.url) == "ready", 120, "the encoder is warm")
    sent(page)
    assert page.locator("#q").input_value() == "what about my gift card"
    answered(page, "what about my gift card")
    expect(page.locator("h2").first).to_have_text(title)
    (solved,) = rows(here, tables.event, call=call, kind="solved")
    assert solved.article == "refund-expired-card-en"
    (gap,) = rows(here, tables.gap)
    assert gap.question == "what about my gift card"
    assert call_of(page) == call


def test_a_call_is_handed_over_with_its_trail_and_promises(fresh: Page, chromium: Browser, app: App) -> None:
    fresh.goto(f"{app.url}/?call=CRM-4711&q=refund+to+an+expired+card&lang=en")
    answered(fresh, "refund to an expired card")
    fresh.keyboard.press("Enter")
    expect(fresh.locator("#text")).to_be_visible()
    fresh.keyboard.press("Alt+c")
    fresh.keyboard.press("Alt+p")
    fresh.keyboard.press("Enter")
    fresh.keyboard.press("1")
    sent(fresh)
    second = chromium.new_context(locale="en-US", viewport={"width": 1366, "height": 900})
    page = second.new_page()
    sign_in(second, app.url, "editor")
    page.goto(f"{app.url}/?call=CRM-4711")
    trail = page.locator("#form .trail")
    expect(trail).to_contain_text("Asked: refund to an expired card")
    expect(trail).to_contain_text("Told from: Refund to an expired or closed card (refund-expired-card-en")
    expect(trail).to_contain_text("Promised: Call back with the answer")
    expect(page.locator("h2").first).to_have_text("Refund to an expired or closed card")
    assert rows(app, tables.call, id="CRM-4711")[0].agent == "editor"
    fresh.keyboard.press("Alt+a")  # it is no longer their call
    expect(fresh.locator("#toast")).to_contain_text("editor is on this call now.")
    page.goto(f"{app.url}/calls?look=CRM-4711")
    expect(page.get_by_text("What the caller was told")).to_be_visible()
    expect(page.get_by_text("Your money is not lost.").first).to_be_visible()
    second.close()
