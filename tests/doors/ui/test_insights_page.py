"""Insights: numbers that open their lists, lists that leave as CSV, an empty base that is offered a sample."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from kb import tables
from kb.care import demo
from kb.doors.ui import figures
from kb.doors.wiring import Desk
from kb.people.users import Role, User
from kb.text import csv_of
from tests.doors.ui.conftest import MAY, PAGES, PAUL, SUE, Look, texts

NOW = datetime.now(UTC)
EVA = User("eva", "Eva", Role.EDITOR)
PARTS = ("searches", "speed", "articles", "feedback", "coaching")
EMPTY = {
    "zh": {
        "searches": "坐席在通话中一搜索",
        "speed": "从按下第一个键到找到答案",
        "articles": "哪些文章用得最多",
        "feedback": "坐席报告了什么",
        "coaching": "一个人的数据",
    },
    "en": {
        "searches": "As soon as agents search on calls",
        "speed": "how long an answer takes from the first key",
        "articles": "which ones are used most",
        "feedback": "what agents reported",
        "coaching": "one person's figures",
    },
}


def call(desk: Desk, id: str, by: User = MAY, **facts: Any) -> None:
    row = {"id": id, "agent": by.id, "teams": sorted(by.teams), "begun_at": NOW, "last_at": NOW} | facts
    with desk.database.write() as connection:
        connection.execute(sa.insert(tables.call).values(**row))


def event(
    desk: Desk, id: str, call: str, kind: str, after: float, query: str = "", article: str = "", **detail: Any
) -> None:
    at = NOW - timedelta(minutes=30) + timedelta(seconds=after)
    row = {"id": id, "call": call, "at": at, "agent": "may", "kind": kind, "query": query, "article": article}
    with desk.database.write() as connection:
        connection.execute(sa.insert(tables.event).values(**row | {"version": "", "detail": detail}))


@pytest.fixture
def worked(desk: Desk) -> Desk:
    """Two real calls: one solved after a first try, one that found nothing and looks like a formula."""
    call(desk, "call-1", product="LH-R3000")
    event(desk, "e1", "call-1", "search", 0, "red lamp", verdict="maybe", hits=2, complete=True, keys=8, since=1_000)
    event(
        desk,
        "e2",
        "call-1",
        "search",
        10,
        "router red light",
        verdict="found",
        hits=5,
        complete=True,
        keys=16,
        since=2_000,
    )
    event(desk, "e3", "call-1", "open", 12, "router red light", "router-red-light-en", rank=2)
    event(desk, "e4", "call-1", "solved", 39, "router red light", "router-red-light-en", rank=2)
    call(desk, "call-2")
    event(desk, "e5", "call-2", "search", 60, "=1+1", verdict="missing", hits=0, complete=True)
    return desk


def at_part(look: Look, by: User, part: str, hl: str = "en") -> AppTest:
    app = look("insights", by, hl)
    if part != "searches":
        app.segmented_control(key=f"part-{hl}").set_value(part).run()
    assert not app.exception
    return app


def number(app: AppTest, name: str) -> str:
    return str(app.button(key=f"number-{name}").label)


def cells(app: AppTest) -> list[list[str]]:
    """The rows of the table on the page."""
    [table] = app.table
    return [[str(cell) for cell in row] for row in table.value.values.tolist()]


# --- nothing yet ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hl", ["zh", "en"])
@pytest.mark.parametrize("part", PARTS)
def test_with_nothing_each_part_says_what_will_appear(look: Look, desk: Desk, part: str, hl: str) -> None:
    call(desk, "call-0", begun_at=NOW - timedelta(days=900))  # no longer an empty base
    if part == "coaching":
        by = User("sup", "Sup", Role.SUPERVISOR, frozenset({"nobody"}))
        assert any(EMPTY[hl][part] in one.value for one in at_part(look, by, part, hl).info)
    else:
        assert any(EMPTY[hl][part] in one.value for one in at_part(look, SUE, part, hl).info)


@pytest.mark.parametrize(
    ("hl", "offered", "shown"), [("zh", "示例通话", "示例数据"), ("en", "sample calls", "Sample data")]
)
def test_an_empty_base_offers_the_sample_and_takes_it_out_again(
    look: Look, desk: Desk, hl: str, offered: str, shown: str
) -> None:
    app = look("insights", SUE, hl)
    assert any(offered in text for text in texts(app))
    app.button(key="demo-fill").click().run(timeout=60)
    assert not app.exception
    assert any(shown in text for text in texts(app))
    assert int("".join(char for char in number(app, "searches").split("**")[1] if char.isdigit())) > 2_000
    app.segmented_control(key=f"calls-{hl}").set_value("real").run()
    assert any(EMPTY[hl]["searches"] in one.value for one in app.info)
    app.button(key="demo-clear").click().run()
    assert not any(shown in text for text in texts(app))
    with desk.database.read() as connection:
        assert demo.is_offered(connection)


def test_only_who_may_show_the_sample_is_offered_it(look: Look) -> None:
    for by in (EVA, MAY):
        assert "demo-fill" not in [one.key for one in look("insights", by).button]


# --- numbers and their lists ---------------------------------------------------------------------


def test_the_numbers_of_two_calls(look: Look, worked: Desk) -> None:
    app = look("insights", SUE)
    assert {name: number(app, name).split("**")[1] for name in ("searches", "found", "maybe", "missing")} == {
        "searches": "3",
        "found": "33%",
        "maybe": "33%",
        "missing": "33%",
    }
    assert {name: number(app, name).split("**")[1] for name in ("empty", "abandoned", "linked", "lost")} == {
        "empty": "1",
        "abandoned": "1",
        "linked": "50%",
        "lost": "50%",
    }
    app = at_part(look, SUE, "speed")
    # from one second before the first search to 39 s after it; 8 + 16 keys; the second place was opened
    assert {name: number(app, name).split("**")[1] for name in ("solved", "pressed", "first")} == {
        "solved": "40 s",
        "pressed": "24",
        "first": "0%",
    }


@pytest.mark.parametrize(("hl", "found", "solved"), [("en", "Found", "Solved"), ("zh", "找到了", "已解决")])
def test_a_number_opens_its_list_and_closes_it(look: Look, worked: Desk, hl: str, found: str, solved: str) -> None:
    app = look("insights", SUE, hl)
    app.button(key="number-found").click().run()
    [row] = cells(app)
    assert row[1:5] == ["router red light", found, "5", solved]
    assert row[5] == worked.title("router-red-light-en", SUE).replace("'", "'")
    assert "call\\-1" in row[7]
    assert app.query_params["list"] == "found"
    app.button(key="number-found").click().run()
    assert (len(app.table), "list" in app.query_params) == (0, False)


def test_what_a_caller_typed_is_shown_as_typed_and_no_formula_leaves_as_csv(look: Look, worked: Desk) -> None:
    app = look("insights", SUE)
    app.button(key="number-missing").click().run()
    [row] = cells(app)
    assert row[1].replace("\\", "") == "=1+1"
    assert app.get("download_button")[0].proto.label == "CSV"
    [_, sent] = list(csv.reader(io.StringIO(csv_of(["q"], [["=1+1"]]).decode("utf-8-sig"))))
    assert sent == ["'=1+1"]


def test_an_address_names_its_filters_and_its_list(look: Look, worked: Desk) -> None:
    look("insights", SUE)
    app = AppTest.from_file(str(PAGES / "insights.py"), default_timeout=30)
    app.session_state["hl"] = "en"
    for name, value in {"product": "LH-R3000", "days": "7", "part": "searches", "list": "found"}.items():
        app.query_params[name] = value
    app.run()
    assert (app.selectbox(key="product-en").value, number(app, "searches").split("**")[1]) == ("LH-R3000", "2")
    assert [row[1] for row in cells(app)] == ["router red light"]


@pytest.mark.parametrize(
    ("first", "last", "searches", "shown"),
    [
        (40, 0, "3", (40, 0)),
        (40, 3, "", (40, 3)),  # the calls came after it
        (0, 40, "3", (40, 0)),  # the other way round
    ],
)
def test_an_own_period_is_in_the_address(
    look: Look, worked: Desk, first: int, last: int, searches: str, shown: tuple[int, int]
) -> None:
    today = worked.site.today(NOW)
    ago = [(today - timedelta(days=n)).isoformat() for n in (first, last)]
    app = look("insights", SUE, **dict(zip(("days", "from", "to"), ("own", *ago), strict=True)))
    if searches:
        assert number(app, "searches").split("**")[1] == searches
    else:
        assert any(EMPTY["en"]["searches"] in one.value for one in app.info)
    days = tuple(today - timedelta(days=n) for n in shown)
    assert app.date_input(key="days-en-own").value == days
    assert [app.query_params[name] for name in ("from", "to")] == [day.isoformat() for day in days]


@pytest.mark.parametrize("asked", ["", "2026-13-01", "yesterday"])
def test_days_that_are_none_are_the_usual_period(look: Look, worked: Desk, asked: str) -> None:
    today = worked.site.today(NOW)
    app = look("insights", SUE, **{"days": "own", "from": asked, "to": asked})
    assert app.date_input(key="days-en-own").value == (today - timedelta(days=29), today)


def test_a_period_chosen_goes_into_the_address_and_out_of_it_with_another(look: Look, worked: Desk) -> None:
    today = worked.site.today(NOW)
    app = look("insights", SUE)
    app.selectbox(key="days-en").set_value("own").run()
    app.date_input(key="days-en-own").set_value((today - timedelta(days=9), today)).run()
    assert app.query_params["from"] == (today - timedelta(days=9)).isoformat()
    assert number(app, "searches").split("**")[1] == "3"
    app.selectbox(key="days-en").set_value("7").run()
    assert "from" not in app.query_params
    assert number(app, "searches").split("**")[1] == "3"


def test_filters_narrow_what_is_counted(look: Look, worked: Desk) -> None:
    app = look("insights", SUE)
    app.selectbox(key="product-en").set_value("LH-R3000").run()
    assert number(app, "searches").split("**")[1] == "2"
    assert app.query_params["product"] == "LH-R3000"
    app.selectbox(key="lang-en").set_value("zh").run()
    assert len(app.info) == 1
    app.selectbox(key="lang-en").set_value("en").run()
    app.selectbox(key="team-en").set_value("tech").run()
    assert number(app, "searches").split("**")[1] == "2"
    assert app.selectbox(key="team-en").options == ["All teams", "tech"]


@pytest.mark.parametrize("hl", ["zh", "en"])
@pytest.mark.parametrize("part", PARTS)
def test_every_number_of_the_sample_opens_a_list(look: Look, desk: Desk, part: str, hl: str) -> None:
    served = desk.open()
    versions = {id: listed.sha256 for id, listed in served.opened.manifest.articles.items()}
    with desk.database.write() as connection:
        demo.fill(connection, SUE, versions, NOW, served.site.zone)
    whole_floor = User("sup", "Sup", Role.SUPERVISOR)
    app = at_part(look, whole_floor, part, hl)
    names = [str(one.key).removeprefix("number-") for one in app.button if str(one.key).startswith("number-")]
    assert len(names) == {"searches": 8, "speed": 4, "articles": 8, "feedback": 7, "coaching": 0}[part]
    for name in names:
        app.button(key=f"number-{name}").click().run()
        assert not app.exception
        assert f"close-{name}" in [one.key for one in app.button]


def test_the_real_questions_that_reached_an_article(look: Look, worked: Desk) -> None:
    app = at_part(look, SUE, "articles")
    assert app.selectbox(key="article-en").value == "router-red-light-en"
    assert [[one.replace("\\", "") for one in row] for row in cells(app)] == [["router red light", "1", "1"]]


# --- coaching ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hl", "title", "own"), [("en", "My figures", "50%"), ("zh", "我的数据", "50%")])
def test_an_agent_sees_their_own_figures_and_nothing_else(
    look: Look, worked: Desk, hl: str, title: str, own: str
) -> None:
    look("insights", SUE)  # a supervisor's look reads the journal
    app = look("insights", MAY, hl)
    assert [one.value for one in app.header] == [title]
    assert [one.key for one in app.segmented_control] == []
    assert app.selectbox(key=f"person-{hl}").options == ["May"]
    assert cells(app)[1][1].replace("\\", "") == own
    assert len(look("insights", PAUL, hl).info) == 1


def test_a_supervisor_of_another_team_sees_nobody(look: Look, worked: Desk) -> None:
    assert len(at_part(look, SUE, "coaching").info) == 1
    tech = User("tess", "Tess", Role.SUPERVISOR, frozenset({"tech"}))
    assert at_part(look, tech, "coaching").selectbox(key="person-en").options == ["May"]


def test_long_lists_come_a_page_at_a_time(look: Look, desk: Desk) -> None:
    call(desk, "call-1")
    for n in range(figures.SHOWN + 3):
        event(desk, f"e{n:02}", "call-1", "search", n, f"question {n:02}", verdict="missing", hits=0, complete=True)
    app = look("insights", SUE)
    app.button(key="number-missing").click().run()
    assert [row[1] for row in cells(app)[:2]] == ["question 27", "question 26"]
    assert len(cells(app)) == figures.SHOWN
    app.number_input(key="missing-page").set_value(2).run()
    assert [row[1] for row in cells(app)] == ["question 02", "question 01", "question 00"]
    event(desk, "e99", "call-1", "search", 99, "问题", verdict="missing", hits=0, complete=True)
    with desk.database.write() as connection:
        connection.execute(sa.update(tables.call).values(read_at=None))
    app.selectbox(key="lang-en").set_value("zh").run()  # the list becomes shorter than the page that is open
    assert [row[1] for row in cells(app)] == ["问题"]


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (0.0, "0 s"), (89.4, "89 s"), (90.0, "1 min 30 s"), (5_399, "89 min 59 s"), (5_400, "1 h 30 min")],
)
def test_seconds_are_told_as_people_say_them(value: float | None, told: str) -> None:
    assert figures.seconds(value) == told


@pytest.mark.parametrize(("hours", "told"), [(None, "–"), (6, "6.0 h"), (47.5, "47.5 h"), (48, "2.0 days")])
def test_longer_times_are_told_in_hours_then_days(hours: float | None, told: str) -> None:
    assert figures.span(None if hours is None else timedelta(hours=hours)) == told


@pytest.mark.parametrize(("value", "told"), [(None, "–"), (1_234, "1,234"), (2.5, "2.5")])
def test_counts_have_their_thousands_apart(value: float | None, told: str) -> None:
    assert figures.count(value) == told
