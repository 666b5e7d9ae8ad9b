"""The gaps page: what each gap cost, what may be done with one, the surge and its holding sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from kb import tables
from kb.calls import bulletins
from kb.care import demo
from kb.doors.wiring import Desk
from kb.gaps import gap, moves
from kb.gaps.gap import Report
from kb.people.users import Role, User
from tests.doors.ui.conftest import MAY, PAGES, PAUL, SUE, Look, texts

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
EVA = User("eva", "Eva", Role.EDITOR)


def call(desk: Desk, id: str) -> None:
    row = {"id": id, "agent": "may", "teams": ["tech"], "begun_at": NOW, "last_at": NOW}
    with desk.database.write() as connection:
        connection.execute(sa.insert(tables.call).values(**row))


def miss(
    desk: Desk, gap: str, call: str, question: str, seconds: float, ago: timedelta = HOUR, agent: str = "may"
) -> None:
    row: dict[str, Any] = {"id": f"{gap}-{call}", "call": call, "agent": agent, "teams": ["tech"]}
    row["at"] = datetime.now(UTC) - ago  # a surge is of the last minutes, however long this run takes
    row |= {"question": question, "lang": "en", "product": "", "seconds": seconds, "signals": ["missing"], "gap": gap}
    with desk.database.write() as connection:
        connection.execute(sa.insert(tables.miss).values(**row))


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """Three gaps: 300, 60 and 40 seconds lost; the first recorded by May on a call of hers."""
    call(desk, "c1")
    with desk.database.write() as connection:
        for id, question in (("g1", "trade in my old robot"), ("g2", "gift card for a friend"), ("g3", "公网 IP")):
            gap.record(connection, MAY, Report(f"r-{id}", id, "c1", "may", NOW - HOUR, question))
    miss(desk, "g1", "c1", "trade in my old robot", 180)
    miss(desk, "g1", "c2", "以旧换新怎么弄", 120, agent="paul")
    miss(desk, "g2", "c3", "gift card for a friend", 60)
    miss(desk, "g3", "c4", "公网 IP", 40)
    return desk


def opened(look: Look, by: User, id: str, hl: str = "en") -> AppTest:
    look("gaps", by, hl)
    app = AppTest.from_file(str(PAGES / "gaps.py"), default_timeout=30)
    app.session_state["hl"] = hl
    app.query_params["gap"] = id
    app.run()
    assert not app.exception
    return app


def buttons(app: AppTest, start: str) -> list[str]:
    return [str(one.key).removeprefix(start) for one in app.button if str(one.key).startswith(start)]


def state(desk: Desk, id: str) -> tuple[str, str]:
    with desk.database.read() as connection:
        one = gap.find(connection, id)
    assert one
    return one.state, one.owner


# --- the board -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hl", "nothing"),
    [
        (
            "zh",
            {
                "open": "自动出现在这里",
                "mine": "您名下没有",
                "overdue": "没有逾期",
                "referred": "转给部门",
                "closed": "还没有关闭",
            },
        ),
        (
            "en",
            {
                "open": "appears here by itself",
                "mine": "You own no",
                "overdue": "past its date",
                "referred": "lies with a",
                "closed": "closed yet",
            },
        ),
    ],
)
def test_with_no_gap_each_part_says_what_will_appear(look: Look, desk: Desk, hl: str, nothing: dict[str, str]) -> None:
    call(desk, "c0")
    app = look("gaps", SUE, hl)
    for part, words in nothing.items():
        app.segmented_control(key=f"show-{hl}").set_value(part).run()
        assert any(words in one.value for one in app.info), part


@pytest.mark.parametrize(
    ("hl", "vital", "line"),
    [
        ("en", "**1 of 3 gaps return 80", "80 % line: the 1 above"),
        ("zh", "**3 个缺口里，解决 1 个", "80% 线：以上 1 个"),
    ],
)
def test_gaps_stand_by_what_they_cost_with_the_80_percent_line(
    look: Look, asked: Desk, hl: str, vital: str, line: str
) -> None:
    app = look("gaps", SUE, hl)
    # 300 of 400 seconds are 75 %, 360 are 90 %
    assert buttons(app, "open-") == ["g1", "g2", "g3"]
    shown = "\n".join(texts(app))
    assert vital.replace("1", "2", 1) in shown
    assert line.replace(" 1 ", " 2 ") in shown
    assert [text for text in texts(app) if text in ("**5 min 0 s**", "**5 分 0 秒**")]
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 1


def test_a_gap_of_the_board_opens_and_leads_back(look: Look, asked: Desk) -> None:
    app = look("gaps", SUE)
    app.button(key="open-g1").click().run()
    assert app.subheader[0].value == "trade in my old robot"
    app.button(key="gap-back").click().run()
    assert buttons(app, "open-") == ["g1", "g2", "g3"]


def test_a_gap_that_nobody_met_in_the_period_still_stands_below(look: Look, asked: Desk) -> None:
    with asked.database.write() as connection:
        gap.record(connection, MAY, Report("r-g4", "g4", "c9", "may", NOW - 60 * 24 * HOUR, "long ago"))
    assert buttons(look("gaps", SUE), "open-") == ["g1", "g2", "g3", "g4"]


def test_overdue_and_mine_and_referred_are_counted_and_listed(look: Look, asked: Desk) -> None:
    with asked.database.write() as connection:
        moves.move(connection, SUE, "g1", "triaged", NOW)
        moves.move(connection, SUE, "g1", "assigned", NOW, owner="sue", due_at=NOW - HOUR)
        moves.move(connection, SUE, "g2", "referred", NOW, department="payments", why="checkout")
        moves.move(connection, SUE, "g3", "not_needed", NOW, why="asked once")
    app = look("gaps", SUE)
    options = app.segmented_control(key="show-en").options
    assert [one.content if hasattr(one, "content") else one for one in options] == [
        "Open (2)",
        "Mine (1)",
        "Overdue (1)",
        "With a department (1)",
        "Closed",
    ]
    for part, ids in (("mine", ["g1"]), ("overdue", ["g1"]), ("referred", ["g2"]), ("closed", ["g3"])):
        app.segmented_control(key="show-en").set_value(part).run()
        assert buttons(app, "open-") == ids, part


def test_an_agent_is_told_that_the_page_is_not_theirs(look: Look, asked: Desk) -> None:
    app = look("gaps", MAY)
    assert len(app.error) == 1
    assert buttons(app, "open-") == []


# --- one gap -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hl", "missing", "lost"), [("en", "not in the base", "5 min 0 s"), ("zh", "库里没有", "5 分 0 秒")]
)
def test_one_gap_shows_its_questions_its_calls_and_its_price(
    look: Look, asked: Desk, hl: str, missing: str, lost: str
) -> None:
    app = opened(look, SUE, "g1", hl)
    assert [one.value for one in app.metric][:3] == [lost, "2", "2"]
    [table] = app.table
    rows = [[str(cell).replace("\\", "") for cell in row] for row in table.value.values.tolist()]
    assert sorted(row[1:4] for row in rows) == sorted(
        [["trade in my old robot", missing, "180"], ["以旧换新怎么弄", missing, "120"]]
    )
    assert any("/calls?look=c1" in row[4] for row in rows)


def test_the_moves_offered_are_those_the_table_and_the_role_allow(look: Look, asked: Desk) -> None:
    def offered(by: User) -> list[str]:
        app = opened(look, by, "g1")
        return sorted({*buttons(app, "do-"), *(key.split("-")[1] for key in forms(app))})

    def forms(app: AppTest) -> list[str]:
        return [one.proto.form_id for one in app.button if one.proto.is_form_submitter]

    assert offered(SUE) == ["already_there", "duplicate", "not_needed", "referred", "triaged"]
    with asked.database.write() as connection:
        moves.move(connection, SUE, "g1", "triaged", NOW)
        moves.move(connection, SUE, "g1", "assigned", NOW, owner="sue")
        moves.move(connection, SUE, "g1", "in_work", NOW)
    assert "published" in offered(SUE)
    assert "published" not in offered(EVA)  # sue's work
    assert "verified" not in offered(SUE)


def test_a_gap_is_triaged_by_a_button_and_assigned_by_a_form(look: Look, asked: Desk) -> None:
    app = opened(look, SUE, "g1")
    app.button(key="do-triaged").click().run()
    assert state(asked, "g1") == ("triaged", "")
    app.selectbox(key="assigned-owner").set_value("sue")
    next(one for one in app.button if one.proto.form_id == "form-assigned").click().run()
    assert not app.exception
    assert state(asked, "g1") == ("assigned", "sue")
    assert any("Sue" in text for text in texts(app))


def test_a_close_without_its_reason_is_refused_in_a_sentence(look: Look, asked: Desk) -> None:
    app = opened(look, SUE, "g1")
    next(one for one in app.button if one.proto.form_id == "form-not_needed").click().run()
    assert len(app.error) == 1
    assert state(asked, "g1")[0] == "new"
    app.text_area(key="not_needed-why").set_value("Asked twice a year.")
    next(one for one in app.button if one.proto.form_id == "form-not_needed").click().run()
    assert state(asked, "g1")[0] == "not_needed"
    assert any("Asked twice a year" in one.value.replace("\\", "") for one in app.caption)


def test_two_gaps_are_merged_and_a_wording_is_split_off(look: Look, asked: Desk) -> None:
    app = opened(look, SUE, "g2")
    app.selectbox(key="duplicate-into").set_value("g1")
    next(one for one in app.button if one.proto.form_id == "form-duplicate").click().run()
    assert not app.exception
    app = opened(look, SUE, "g1")
    app.multiselect(key="split-wordings").set_value(["gift card for a friend"]).run()
    app.button(key="split-do").click().run()
    assert not app.exception
    assert app.subheader[0].value == "gift card for a friend"
    with asked.database.read() as connection:
        assert len(moves.apart(connection)) == 2  # one pair, each way round


def test_what_agents_added_is_read_with_their_name(look: Look, asked: Desk) -> None:
    with asked.database.write() as connection:
        report = Report(
            "r-g1", "g1", "c1", "may", NOW, kind="missing", words="What do I get for it?", suggestion="Ask [sales]"
        )
        gap.describe(connection, MAY, report)
    shown = [text.replace("\\", "") for text in texts(opened(look, SUE, "g1"))]
    assert "May · Missing" in shown
    assert "The customer's own words: What do I get for it?" in shown
    assert "Your suggestion: Ask [sales]" in shown


# --- surges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hl", "calls"), [("en", "5 calls in 15 minutes"), ("zh", "15 分钟内 5 通通话")])
def test_a_surge_is_on_top_and_its_holding_sentence_is_posted(look: Look, asked: Desk, hl: str, calls: str) -> None:
    for n in range(5):
        miss(asked, "g3", f"s{n}", "公网 IP 怎么开", 20, timedelta(minutes=n + 1), agent="paul")
    app = look("gaps", SUE, hl)
    assert any(calls in one.value for one in app.error)
    next(one for one in app.button if one.proto.form_id == "hold-g3").click().run()
    assert not app.exception
    with asked.database.read() as connection:
        [posted] = bulletins.live(connection, PAUL, datetime.now(UTC))
    assert (posted.kind, posted.by, bool(posted.say)) == ("holding", "sue", True)


def test_the_sample_has_its_own_gaps_and_the_real_ones_stand_apart(look: Look, asked: Desk) -> None:
    served = asked.open()
    versions = {id: listed.sha256 for id, listed in served.opened.manifest.articles.items()}
    with asked.database.write() as connection:
        demo.fill(connection, SUE, versions, NOW, served.site.zone)
    app = look("gaps", SUE)
    assert all(id.startswith("demo-g-") for id in buttons(app, "open-"))
    app.segmented_control(key="calls-en").set_value("real").run()
    assert buttons(app, "open-") == ["g1", "g2", "g3"]
