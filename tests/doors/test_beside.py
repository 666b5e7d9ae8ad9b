"""What stands beside an answer: notices, the same need met before, articles in work, whom to ask, what filters hide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kb.calls import bulletins, call
from kb.calls.bulletins import Notice
from kb.calls.journal import Event
from kb.doors.answer import QUESTION, answer
from kb.doors.beside import Beside, beside
from kb.doors.wiring import Desk
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people.users import Role, User
from tests.fake_encoder import HashEncoder
from tests.on_call import base_of, client, desk_of, refused, told
from tests.people_on_the_floor import ANN, BO, LI, MAY, MINUTE, SUE
from tests.small_base import SmallBase

BOARD = User("eve", "Eve", Role.AGENT, frozenset({"board"}))
MERGER = "The merger"
WALLET = "退款退到数字人民币钱包"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> SmallBase:
    return base_of(tmp_path_factory.mktemp("beside"), HashEncoder(dim=256))


@pytest.fixture
def desk(base: SmallBase, tmp_path: Path) -> Iterator[Desk]:
    desk = desk_of(base, tmp_path / "firstcall.sqlite")
    yield desk
    desk.database.close()


def look(desk: Desk, at: datetime | None = None) -> None:
    """The floor made anew, as the background does."""
    served = desk.open()
    desk.floor.refresh(
        desk.database, served.opened.engine, desk.encoder, desk.settings.articles, at or datetime.now(UTC)
    )


def ask(desk: Desk, question: str, *, by: User = MAY, at: datetime | None = None, **facts: str) -> Beside:
    given = {"product": "", "lang": "", "speaks": ""} | facts
    when = at or datetime.now(UTC)
    narrow = {"product": given["product"], "lang": given["lang"], "prefer_lang": given["speaks"]}
    return beside(desk, desk.ask(question, by, at=when, **narrow), by=by, at=when, **given)  # type: ignore[arg-type]


def post(desk: Desk, **facts: Any) -> bulletins.Bulletin:
    notice = {"kind": "outage", "title": "退款系统故障", "expires_at": datetime.now(UTC) + HOUR, "words": ("退款",)}
    with desk.database.write() as connection:
        catalogue = desk.open().catalogue
        return bulletins.post(connection, SUE, Notice(**notice | facts), datetime.now(UTC) - MINUTE, catalogue)


# --- a need met before, an article in work -------------------------------------------------------


def test_an_open_gap_of_the_same_need_is_told(desk: Desk) -> None:
    now = datetime.now(UTC)
    with desk.database.write() as connection:
        gap.record(connection, MAY, Report("r-1", "g-1", "call-1", "may", now, WALLET))
        gap.record(connection, MAY, Report("r-2", "g-2", "call-1", "may", now, "水壶漏水"))
        gap.join(connection, BO, Report("r-3", "g-1", "call-2", "bo", now + MINUTE))
    look(desk)
    assert [(one.id, one.calls, one.last_at) for one in ask(desk, WALLET).gaps] == [("g-1", 2, now + MINUTE)]
    assert ask(desk, "Compensation for late delivery").gaps == []


def test_an_article_in_work_is_told_and_is_no_hit(desk: Desk) -> None:
    assert [one.id for one in ask(desk, WALLET).drafts] == ["draft-zh"]
    assert "draft-zh" not in {hit.article.id for hit in desk.ask(WALLET, MAY, limit=50).hits}
    assert ask(desk, WALLET, lang="en").drafts == ()


def test_what_another_team_writes_is_not_told(desk: Desk) -> None:
    found = ask(desk, "is the company sold")
    assert "secret-en" not in {one.id for one in found.drafts}
    assert found.unfiltered is None


def found_by(desk: Desk, by: User) -> list[str]:
    return [hit.article.id for hit in desk.ask(MERGER, by, limit=50).hits]


def test_an_article_of_one_team_is_found_and_read_by_its_members_alone(desk: Desk) -> None:
    assert found_by(desk, BOARD)[0] == "secret-en"
    assert desk.title("secret-en", BOARD) == "The merger"
    assert desk.read("secret-en", BOARD) is not None
    for other in (MAY, ANN, SUE):
        assert "secret-en" not in found_by(desk, other)
        assert desk.read("secret-en", other) is None
        assert desk.title("secret-en", other) == "secret-en"
    assert "refund-card-zh" in [hit.article.id for hit in desk.ask("退到过期的卡", BOARD).hits]  # everybody's as well


def test_an_article_of_one_team_stands_beside_its_members_searches_alone(desk: Desk) -> None:
    unfiltered = ask(desk, MERGER, by=BOARD, lang="zh").unfiltered
    assert unfiltered is not None
    assert unfiltered.id == "secret-en"
    assert ask(desk, MERGER, lang="zh").unfiltered is None
    assert [one.id for one in ask(desk, "the board votes", by=BOARD).drafts] == ["vote-en"]
    assert ask(desk, "the board votes").drafts == ()


def test_an_article_of_one_team_is_told_by_the_api_to_its_members_alone(desk: Desk) -> None:
    opened = {"events": [{"id": "e1", "kind": "open", "article": "secret-en"}]}
    board, other = client(desk, BOARD), client(desk, MAY)
    assert told(board, "/api/search", q=MERGER)["hits"][0]["article"] == "secret-en"
    assert told(board, "/api/calls/c-1/events", **opened)["ok"] is True
    assert "secret-en" not in {one["article"] for one in told(other, "/api/search", q=MERGER)["hits"]}
    assert refused(other, "/api/calls/c-2/events", opened) == (404, "article_not_found")


# --- bulletins -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("question", "matches"), [("退款多久", True), ("红灯", False)])
def test_a_bulletin_stands_beside_a_search_with_its_words(desk: Desk, question: str, matches: bool) -> None:
    posted = post(desk)
    look(desk)
    assert ask(desk, question).bulletins == ((posted,) if matches else ())


def test_a_bulletin_on_a_product_stands_beside_every_search_about_it(desk: Desk) -> None:
    posted = post(desk, products=("R3000",), words=())
    look(desk)
    assert ask(desk, "r3000 红灯").bulletins == (posted,)
    assert ask(desk, "红灯", product="LH-R3000").bulletins == (posted,)
    assert ask(desk, "红灯").bulletins == ask(desk, "红灯", product="LH-V7").bulletins == ()


@pytest.mark.parametrize(("by", "sees"), [(MAY, True), (BO, True), (LI, False), (ANN, False), (SUE, False)])
def test_a_bulletin_for_a_team_is_that_teams(desk: Desk, by: User, sees: bool) -> None:
    posted = post(desk, teams=("payments",))
    look(desk)
    assert ask(desk, "退款", by=by).bulletins == ((posted,) if sees else ())


def test_a_bulletin_is_over_when_it_is_over_whatever_the_snapshot_has(desk: Desk) -> None:
    posted = post(desk)
    look(desk)
    assert ask(desk, "退款", at=posted.expires_at - timedelta(seconds=1)).bulletins == (posted,)
    assert ask(desk, "退款", at=posted.expires_at).bulletins == ()


# --- whom to ask ---------------------------------------------------------------------------------


def test_somebody_to_ask_is_told_where_nothing_answers_for_sure(desk: Desk) -> None:
    look(desk)
    found = ask(desk, "退款退到旧卡上了 refund")
    assert found.experts[0].expert.id == "li.na"  # whose article is the nearest, and whose topic it is
    assert {one.ground for one in found.experts[0].why} == {"owner", "topic", "lang"}
    assert ask(desk, "refund-card-en").experts == ()  # asked for by its id: found


def test_who_is_asked_is_on_duty_in_the_sites_time(desk: Desk) -> None:
    look(desk)
    noon = datetime(2026, 11, 20, 4, tzinfo=UTC)  # a Friday, 12:00 in Shanghai
    night = noon + 11 * HOUR
    duty = [{one.expert.id: one.on_duty for one in ask(desk, "refund", at=at).experts} for at in (noon, night)]
    assert duty == [{"li.na": True, "day": True}, {"li.na": True, "day": False}]


# --- what the filters hide -----------------------------------------------------------------------


def test_what_answers_without_the_filters_is_told_where_they_left_no_answer(desk: Desk) -> None:
    found = ask(desk, "路由器亮红灯", product="LH-V7")
    assert found.unfiltered is not None
    assert found.unfiltered.id == "red-light-zh"
    assert ask(desk, "路由器亮红灯", lang="en").unfiltered == found.unfiltered


def test_nothing_is_told_of_filters_where_they_left_the_answer(desk: Desk) -> None:
    assert ask(desk, "路由器亮红灯", product="LH-R3000").unfiltered is None
    assert ask(desk, "路由器亮红灯").unfiltered is None
    assert ask(desk, "zyzzyva zyzzyva", lang="en").unfiltered is None  # no better without


def test_the_other_language_is_told_where_it_answers_better(desk: Desk) -> None:
    found = ask(desk, "卡过期了退款去哪", lang="en")
    assert found.unfiltered is not None
    assert found.unfiltered.id == "refund-card-zh"


def test_a_customer_of_one_language_is_not_sent_to_the_same_article_in_the_other(tmp_path: Path) -> None:
    twins = SmallBase(tmp_path)
    twins.write("card-en", "Refund to an expired card", twin="card-zh")
    twins.write("card-zh", "卡过期了退款去哪", twin="card-en")
    twins.build()
    desk = desk_of(twins, tmp_path / "firstcall.sqlite")
    spoken = {speaks: ask(desk, "卡过期了退款去哪", lang="en", speaks=speaks).unfiltered for speaks in ("", "zh", "en")}
    assert {speaks: one and one.id for speaks, one in spoken.items()} == {"": "card-zh", "zh": "card-zh", "en": None}


# --- as the page gets it -------------------------------------------------------------------------


def fill(desk: Desk) -> tuple[bulletins.Bulletin, datetime]:
    now = datetime.now(UTC)
    posted = post(desk, body="今晚恢复。", say="正在抢修。")
    with desk.database.write() as connection:
        gap.record(connection, MAY, Report("r-1", "g-1", "call-1", "may", now, WALLET))
        for id in ("call-1", "call-2"):
            solved = Event(f"s-{id}", id, now, "may", "solved", article="refund-card-zh")
            call.record(connection, MAY, id, [solved], now)
    look(desk)
    return posted, now


def test_a_search_has_beside_it_what_the_page_draws(desk: Desk) -> None:
    posted, now = fill(desk)
    found = told(client(desk, MAY), "/api/search", q=WALLET)["beside"]
    assert set(found) == {"gaps", "drafts", "bulletins", "experts", "unfiltered"}
    assert found["gaps"] == [{"id": "g-1", "question": WALLET, "calls": 1, "last_at": now.isoformat()}]
    assert found["drafts"] == [{"article": "draft-zh", "title": "数字人民币退款", "owner": "li.na"}]
    assert found["bulletins"] == [
        {
            "id": posted.id,
            "kind": "outage",
            "title": "退款系统故障",
            "body": "今晚恢复。",
            "say": "正在抢修。",
        }
    ]
    assert found["unfiltered"] is None


@pytest.mark.parametrize(
    ("language", "name", "why"), [("en", "Li Na", "wrote 卡过期了退款去哪"), ("zh", "李娜", "写过 卡过期了退款去哪")]
)
def test_whom_to_ask_is_told_in_the_language_of_the_page(desk: Desk, language: str, name: str, why: str) -> None:
    look(desk)
    for asker, body in ((client(desk, MAY, language), {}), (client(desk, MAY, "fr"), {"ui": language})):
        first = told(asker, "/api/search", q="退款退到旧卡上了", **body)["beside"]["experts"][0]
        assert first == {"name": name, "reach": "8201", "on_duty": True, "why": why}


def test_a_hit_tells_how_often_it_solved_and_its_version(desk: Desk) -> None:
    fill(desk)
    hits = {one["article"]: one for one in told(client(desk, MAY), "/api/search", q="退到过期的卡")["hits"]}
    article = desk.read("refund-card-zh", MAY)
    assert article is not None
    facts = hits["refund-card-zh"]
    assert (facts["solved"], facts["version"], facts["changed_at"]) == (2, article.version, None)
    assert {one["solved"] for id, one in hits.items() if id != "refund-card-zh"} == {0}


def test_an_article_that_changed_tells_when(base: SmallBase, tmp_path: Path) -> None:
    own = SmallBase(tmp_path, HashEncoder(dim=256))
    own.write("late-en", "Compensation for late delivery", say="Five yuan.")
    own.build()
    desk = desk_of(own, tmp_path / "firstcall.sqlite")
    look(desk)
    own.write("late-en", "Compensation for late delivery", say="Six yuan.")
    own.build()
    changed = datetime.now(UTC)
    look(desk, changed)
    (hit,) = told(client(desk, MAY), "/api/search", q="late delivery")["hits"]
    assert (hit["say"], hit["changed_at"]) == ("Six yuan.", changed.isoformat())
    desk.database.close()


@pytest.mark.parametrize(
    ("body", "filters"),
    [
        ({"q": "红灯"}, {"product": "", "lang": ""}),
        ({"q": "红灯 产品:R3000 语言:中文"}, {"product": "LH-R3000", "lang": "zh"}),
        ({"q": "red light product:R3000 lang:en"}, {"product": "LH-R3000", "lang": "en"}),
        ({"q": "红灯", "product": "扫地机器人 V7", "lang": "zh"}, {"product": "LH-V7", "lang": "zh"}),
        ({"q": "红灯 product:R3000", "product": "V7", "lang": "zh"}, {"product": "LH-R3000", "lang": "zh"}),
        ({"q": "红灯 lang:e", "lang": "zh"}, {"product": "", "lang": "zh"}),
    ],
)
def test_filters_typed_in_the_box_go_before_the_calls(
    desk: Desk, body: dict[str, str], filters: dict[str, str]
) -> None:
    found = told(client(desk, MAY), "/api/search", **body, limit=50)
    assert found["filters"] == filters
    assert found["query"] == body["q"].split()[0] if "红灯" in body["q"] else "red light"
    for hit in found["hits"]:
        assert not filters["lang"] or hit["lang"].startswith(filters["lang"])
        assert not filters["product"] or not hit["products"] or filters["product"] in hit["products"]


def test_an_unknown_product_in_the_box_is_told_in_both_languages(desk: Desk) -> None:
    for language, message in (("en", 'No product is called "X99".'), ("zh", "没有叫“X99”的产品。")):
        answered = client(desk, MAY, language).post("/api/search", json={"q": "product:X99 red light"})
        assert (answered.status_code, answered.json()["message"]) == (400, message)


def test_filters_alone_are_no_question(desk: Desk) -> None:
    answered = client(desk, MAY).post("/api/search", json={"q": "product:R3000 lang:zh"})
    assert (answered.status_code, answered.json()["error"]) == (400, "question_empty")


def test_a_search_writes_nothing(desk: Desk, tmp_path: Path) -> None:
    fill(desk)
    desk.database.close()
    before = (tmp_path / "firstcall.sqlite").read_bytes()
    told(client(desk, MAY), "/api/search", q="退到过期的卡 product:R3000")
    assert (tmp_path / "firstcall.sqlite").read_bytes() == before


def test_everyone_may_search(desk: Desk) -> None:
    for role in Role:
        asked: dict[str, Any] = {**QUESTION, "q": "late-en", "limit": 1}
        found = answer(desk, asked, User("x", "X", role), "en")
        assert found["hits"][0]["article"] == "late-en"
        assert client(desk, User("x", "X", role)).post("/api/search", json={"q": "late-en"}).status_code == 200
