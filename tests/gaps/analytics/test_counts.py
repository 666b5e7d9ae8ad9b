"""The numbers of the insights, each worked out by hand from a few rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from kb import tables
from kb.db import Connection, Database
from kb.errors import NotAllowedError
from kb.gaps.analytics import coaching, feedback, reuse, searches
from kb.gaps.analytics.coaching import Authored, Figures, may_coach
from kb.gaps.analytics.reuse import Reached, Use
from kb.gaps.analytics.searches import Links, Shares, Speed
from kb.gaps.analytics.view import View
from kb.people.users import OPERATOR, Role, User
from tests.people_on_the_floor import ANN, BO, LI, MAY, NOON, SUE

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
VIEW = View(NOON - 10 * DAY, NOON + DAY)
EVA = User("eva", "Eva", Role.EDITOR)
WHOLE_FLOOR = User("sup", "Sup", Role.SUPERVISOR)
PAYMENTS = User("pat", "Pat", Role.SUPERVISOR, frozenset({"payments"}))
NUMBERS = count()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def put(connection: Connection, call: str, outcome: str = "opened", **facts: object) -> None:
    """One search of a call that has been read."""
    row = {"id": f"a{next(NUMBERS):04}", "call": call, "agent": "may", "teams": ["payments"], "at": NOON}
    row |= {"day": "2026-11-21", "question": "q", "lang": "en", "product": "", "tag": "", "verdict": "found"}
    row |= {"hits": 3, "opened": "", "rank": None, "outcome": outcome, "article": "", "seconds": None, "pressed": None}
    connection.execute(sa.insert(tables.asked).values(**row | facts))


def hold(connection: Connection, call: str, agent: str = "may", teams: tuple[str, ...] = (), tag: str = "") -> None:
    facts = {"agent": agent, "teams": list(teams), "begun_at": NOON, "last_at": NOON, "tag": tag}
    connection.execute(sa.insert(tables.call).values(id=call, **facts))


# --- searches ------------------------------------------------------------------------------------


@pytest.fixture
def week(connection: Connection) -> Connection:
    put(connection, "c1", "solved", lang="zh", product="LH-V7", article="a-zh", opened="a-zh", rank=1, seconds=30.0)
    put(connection, "c1", "again", lang="zh", product="LH-V7", verdict="maybe")
    put(connection, "c2", "left", lang="zh", verdict="missing", hits=0)
    put(connection, "c3", "left", verdict="missing", hits=5, agent="bo", teams=["payments", "second-tier"])
    put(connection, "c4", "gap", verdict="missing", hits=0, agent="li", teams=["broadband"])
    put(connection, "c5", "helped", article="b-en", opened="b-en", rank=12, agent="li", teams=["broadband"])
    put(connection, "c5", "opened", verdict="", hits=None, opened="c-en", rank=10, day="2026-11-20", at=NOON - DAY)
    put(connection, "c6", "solved", tag="demo", article="a-zh")
    put(connection, "c7", "solved", at=NOON - 11 * DAY)
    put(connection, "c8", "solved", at=NOON + DAY)  # the first moment that is no longer in the view
    return connection


def test_what_came_of_searches_by_product_language_and_day(week: Connection) -> None:
    assert searches.shares(week, SUE, VIEW, "product") == {
        "": Shares(searches=5, found=1, maybe=0, missing=3, empty=2, abandoned=1),
        "LH-V7": Shares(searches=2, found=1, maybe=1, missing=0, empty=0, abandoned=1),
    }
    by_lang = searches.shares(week, SUE, VIEW, "lang")
    assert {lang: one.searches for lang, one in by_lang.items()} == {"en": 4, "zh": 3}
    assert {day: one.searches for day, one in searches.shares(week, SUE, VIEW, "day").items()} == {
        "2026-11-20": 1,
        "2026-11-21": 6,
    }
    total = searches.add(by_lang.values())
    assert total == Shares(searches=7, found=2, maybe=1, missing=3, empty=2, abandoned=2)
    assert (total.judged, total.share(total.missing)) == (6, 0.5)
    assert Shares().share(0) is None


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 7),
        ({"team": "second-tier"}, 1),
        ({"team": "second"}, 0),
        ({"team": "broadband"}, 2),
        ({"product": "LH-V7"}, 2),
        ({"lang": "zh"}, 3),
        ({"lang": "zh", "product": "LH-V7", "team": "payments"}, 2),
        ({"tag": "demo"}, 1),
        ({"since": NOON}, 6),
        ({"until": NOON}, 1),
        ({"since": NOON - 12 * DAY}, 8),
    ],
)
def test_a_view_shows_its_own_part_only(week: Connection, changes: dict[str, object], count: int) -> None:
    view = replace(VIEW, **changes)  # type: ignore[arg-type]
    assert searches.add(searches.shares(week, SUE, view, "lang").values()).searches == count
    assert len(searches.rows(week, SUE, view, "searches", 100)) == count


def test_a_team_with_a_chinese_name_or_a_quote_is_found_and_no_other(connection: Connection) -> None:
    for n, team in enumerate(("支付组", '"night"', "100%", "a_b", "axb")):
        put(connection, f"c{n}", teams=[team])
    counts = {
        t: len(searches.rows(connection, SUE, replace(VIEW, team=t), "searches", 9)) for t in ("支付组", '"night"')
    }
    assert counts == {"支付组": 1, '"night"': 1}
    assert [
        len(searches.rows(connection, SUE, replace(VIEW, team=t), "searches", 9)) for t in ("a_b", "%", "支付")
    ] == [
        1,
        0,
        0,
    ]


def test_links_and_what_was_lost_count_calls(week: Connection) -> None:
    # c1 solved, c5 helped; c4 left a gap; c2 and c3 left nothing
    assert searches.links(week, SUE, VIEW) == Links(calls=5, linked=2, lost=2)
    assert searches.links(week, SUE, VIEW).rate == 0.4
    assert searches.links(week, SUE, VIEW).loss == 0.4
    assert searches.links(week, SUE, replace(VIEW, lang="fr")).rate is None


def test_every_number_has_its_list(week: Connection) -> None:
    listed = {
        kind: sorted(one.call for one in searches.rows(week, SUE, VIEW, kind, 100))  # type: ignore[arg-type]
        for kind in ("found", "maybe", "missing", "empty", "abandoned", "solved", "linked", "lost")
    }
    assert listed == {
        "found": ["c1", "c5"],
        "maybe": ["c1"],
        "missing": ["c2", "c3", "c4"],
        "empty": ["c2", "c4"],
        "abandoned": ["c1", "c3"],
        "solved": ["c1"],
        "linked": ["c1", "c5"],
        "lost": ["c2", "c3"],
    }
    assert len(searches.rows(week, SUE, VIEW, "searches", 3)) == 3


def test_places_in_the_list_are_counted_to_the_tenth(week: Connection) -> None:
    assert searches.places(week, SUE, VIEW) == {1: 1, 10: 2}


def test_how_long_answers_took_is_a_median_and_a_90th_percentile() -> None:
    answers = [(10.0, 5), (20.0, 7), (30.0, 9), (40.0, None), (None, 11)]
    # of 10 20 30 40: the middle is 25; nine tenths of the way from the first to the last, 0.9 · 3 = 2.7 steps, is 37
    # of 5 7 9 11: 8, and 5 + 2 · 2.7 = 10.4
    assert searches.speed(answers) == Speed(5, 25.0, pytest.approx(37.0), 8.0, pytest.approx(10.4))
    assert searches.speed([(12.0, 4)]) == Speed(1, 12.0, 12.0, 4.0, 4.0)
    assert searches.speed([]) == Speed(0, None, None, None, None)


def test_the_speed_of_each_day(connection: Connection) -> None:
    put(connection, "c1", "solved", seconds=10.0, pressed=4)
    put(connection, "c2", "solved", seconds=30.0, pressed=8)
    put(connection, "c3", "solved", seconds=50.0, day="2026-11-20")
    put(connection, "c4", "helped", seconds=None)
    whole, days = searches.speeds(connection, SUE, VIEW)
    assert (whole.solved, whole.seconds, whole.keys) == (3, 30.0, 6.0)
    assert {day: (one.solved, one.seconds) for day, one in days.items()} == {
        "2026-11-20": (1, 50.0),
        "2026-11-21": (2, 20.0),
    }


# --- articles ------------------------------------------------------------------------------------


def test_use_counts_openings_and_calls(connection: Connection) -> None:
    put(connection, "c1", "solved", opened="a", article="a")
    put(connection, "c1", "helped", opened="a", article="a")  # the same call once more
    put(connection, "c2", "opened", opened="a")
    put(connection, "c3", "solved", article="b")
    put(connection, "c4", "opened", opened="c")
    assert reuse.uses(connection, SUE, VIEW) == (Use("a", 3, 1), Use("b", 0, 1), Use("c", 1, 0))


def test_how_few_articles_carry_the_reuse() -> None:
    uses = [Use("a", 0, 50), Use("b", 0, 30), Use("c", 0, 10), Use("d", 0, 10), Use("e", 7, 0)]
    assert reuse.carriers(uses) == (2, 4)  # 50 + 30 of 100
    points = [(0.0, 0.0), (0.25, 0.5), (0.5, 0.8), (0.75, 0.9), (1.0, 1.0)]
    assert reuse.cumulative(uses) == [pytest.approx(point) for point in points]
    assert (reuse.carriers([Use("a", 3, 0)]), reuse.cumulative([])) == ((0, 0), [])


def test_the_real_questions_that_reached_an_article(connection: Connection) -> None:
    put(connection, "c1", "solved", question="old card", opened="a", article="a")
    put(connection, "c2", "opened", question="old card", opened="a")
    put(connection, "c3", "solved", question="卡过期", article="a")
    put(connection, "c4", "solved", question="wifi", opened="b", article="b")
    put(connection, "c5", "solved", question="old card", opened="a", article="a", tag="demo")
    assert reuse.questions(connection, SUE, VIEW, "a", 10) == (Reached("old card", 2, 1), Reached("卡过期", 1, 1))
    assert reuse.questions(connection, SUE, VIEW, "a", 1) == (Reached("old card", 2, 1),)


@dataclass(frozen=True)
class Sheet:
    id: str
    state: str = "validated"
    owner: str = "eva"
    review_by: date | None = None
    valid_until: date | None = None
    version: str = "v1"


def test_what_is_the_matter_with_articles() -> None:
    today = date(2026, 11, 21)
    articles = [
        Sheet("well", review_by=today, valid_until=date(2026, 12, 22)),
        Sheet("stale", review_by=date(2026, 11, 20)),
        Sheet("nobodys", owner=""),
        Sheet("last-day", valid_until=today),
        Sheet("soon", valid_until=date(2026, 12, 21)),
        Sheet("over", valid_until=date(2026, 11, 20)),
        Sheet("unused"),
        Sheet("old", state="archived", owner=""),
    ]
    used = frozenset({"well", "stale", "nobodys", "last-day", "soon", "over", "old"})
    assert reuse.health(articles, used, {"well": 2, "old": 1}, today) == {
        "flagged": ["well"],
        "expired": ["over"],
        "expiring": ["last-day", "soon"],
        "stale": ["stale"],
        "no_owner": ["nobodys"],
        "never_used": ["unused"],
    }


def flag(connection: Connection, id: str, article: str, version: str = "v1", **facts: object) -> None:
    row = {"id": id, "call": "c1", "agent": "may", "at": NOON, "article": article, "version": version}
    connection.execute(sa.insert(tables.flag).values(**row | {"reason": "wrong", "note": ""} | facts))


def test_a_flag_stands_while_the_text_is_as_it_was(connection: Connection) -> None:
    hold(connection, "c1")
    hold(connection, "c2", tag="demo")
    hold(connection, "c3", tag="practice")
    flag(connection, "f1", "a")
    flag(connection, "f2", "a", call="")
    flag(connection, "f3", "b", "older")
    flag(connection, "f4", "a", undone_at=NOON)
    flag(connection, "f5", "a", call="c2")
    flag(connection, "f6", "a", call="c3")
    now = {"a": "v1", "b": "v2"}
    assert reuse.standing_flags(connection, SUE, "", now) == {"a": 2}
    assert reuse.standing_flags(connection, SUE, "demo", now) == {"a": 1}


# --- feedback ------------------------------------------------------------------------------------


def test_a_flag_is_answered_when_the_article_is_shown_otherwise(connection: Connection) -> None:
    hold(connection, "c1", teams=("payments",))
    for sha, article, hours in (("v0", "a", -5), ("v1", "a", -1), ("v2", "a", 6), ("v3", "a", 9), ("w1", "b", 3)):
        facts = {"article": article, "first_at": NOON + hours * HOUR, "source": ""}
        connection.execute(sa.insert(tables.version).values(sha256=sha, **facts))
    flag(connection, "f1", "a")
    flag(connection, "f2", "b", "w1", at=NOON + HOUR)  # first shown after it, but the very text it is about
    flag(connection, "f3", "a", at=NOON + 4 * HOUR)
    found = {one.id: one.turnaround for one in feedback.flags(connection, SUE, VIEW)}
    assert found == {"f1": 6 * HOUR, "f2": None, "f3": 2 * HOUR}
    assert feedback.median_turnaround(feedback.flags(connection, SUE, VIEW)) == 4 * HOUR
    assert feedback.flags(connection, SUE, replace(VIEW, team="broadband")) == ()
    assert len(feedback.flags(connection, SUE, replace(VIEW, team="payments"))) == 3
    assert feedback.median_turnaround([]) is None
    answer = {"flag": "f2", "by": "eva", "at": NOON + 5 * HOUR, "done": False, "text": "It is right."}
    connection.execute(sa.insert(tables.flag_answer).values(**answer))
    found = {one.id: one.turnaround for one in feedback.flags(connection, SUE, VIEW)}
    assert found == {"f1": 6 * HOUR, "f2": 4 * HOUR, "f3": 2 * HOUR}
    assert reuse.standing_flags(connection, SUE, "", {"a": "v1", "b": "w1"}) == {"a": 2}


def test_gaps_opened_closed_verified_and_reopened(connection: Connection) -> None:
    def gap(id: str, days: int, **facts: object) -> None:
        row = {"id": id, "at": NOON - days * DAY, "question": id, "lang": "en", "state": "new"}
        connection.execute(sa.insert(tables.gap).values(**row | facts))

    def moved(id: str, before: str, after: str, days: int) -> None:
        facts = {"at": NOON - days * DAY, "by": "eva", "before": before, "after": after}
        connection.execute(sa.insert(tables.gap_move).values(gap=id, **facts))

    gap("g1", 3)
    gap("g2", 20)
    gap("g3", 2, tag="demo")
    gap("g4", 2, product="LH-V7", lang="zh")
    gap("g5", 2, into="g1")
    moved("g1", "in_work", "published", 2)
    moved("g1", "published", "verified", 1)
    moved("g1", "verified", "reopened", 0)
    moved("g2", "triaged", "not_needed", 4)
    moved("g2", "new", "triaged", 5)
    moved("g4", "new", "referred", 1)  # waits for a department: open
    moved("g2", "not_needed", "reopened", 12)
    found = feedback.gaps(connection, SUE, VIEW)
    assert feedback.counts(found) == {"opened": 2, "closed": 2, "verified": 1, "reopened": 1}
    assert [(one.gap, one.kind) for one in found[:2]] == [("g1", "reopened"), ("g1", "verified")]
    assert feedback.counts(feedback.gaps(connection, SUE, replace(VIEW, tag="demo"))) == {"opened": 1}
    assert feedback.counts(feedback.gaps(connection, SUE, replace(VIEW, product="LH-V7"))) == {"opened": 1}
    assert feedback.counts(feedback.gaps(connection, SUE, replace(VIEW, lang="zh"))) == {"opened": 1}


# --- coaching ------------------------------------------------------------------------------------


def test_one_persons_figures_beside_the_middle_of_the_floor(connection: Connection) -> None:
    put(connection, "c1", "solved", seconds=20.0, pressed=10)
    put(connection, "c2", "solved", seconds=40.0, pressed=20)
    put(connection, "c3", "left")
    put(connection, "c4", "solved", agent="bo", seconds=10.0, pressed=6)
    put(connection, "c5", "gap", agent="li", teams=["broadband"])
    hold(connection, "c1", teams=("payments",))
    flag(connection, "f1", "a")
    report = {"id": "r1", "gap": "g1", "call": "c1", "agent": "may", "at": NOON}
    connection.execute(sa.insert(tables.gap).values(id="g1", at=NOON, question="q", lang="en", state="new"))
    connection.execute(sa.insert(tables.gap_report).values(**report))
    mine, middle = coaching.of_person(connection, MAY, VIEW, "may")
    assert mine == Figures(calls=3, link_rate=2 / 3, capture_loss=1 / 3, seconds=30.0, keys=15.0, flags=1, gaps=1)
    assert middle == Figures(calls=1, link_rate=2 / 3, capture_loss=0.0, seconds=20.0, keys=10.5, flags=0, gaps=0)
    assert coaching.of_everybody(connection, SUE, VIEW) == middle
    assert coaching.of_everybody(connection, SUE, replace(VIEW, team="payments")) is None  # two people: no middle


@pytest.mark.parametrize(
    ("by", "seen"),
    [
        (MAY, ["may"]),
        (LI, ["li"]),
        (ANN, []),
        (EVA, []),
        (PAYMENTS, ["bo", "may"]),
        (SUE, []),  # supervises the night shift
        (WHOLE_FLOOR, ["bo", "li", "may"]),
    ],
)
def test_a_persons_figures_are_for_them_and_their_supervisor(connection: Connection, by: User, seen: list[str]) -> None:
    put(connection, "c1")
    put(connection, "c2", agent="bo", teams=["payments", "second-tier"])
    put(connection, "c3", agent="li", teams=["broadband"])
    assert list(coaching.people(connection, by, VIEW)) == seen
    for person in ("may", "bo", "li"):
        if person not in seen:
            with pytest.raises(NotAllowedError):
                coaching.of_person(connection, by, VIEW, person)


def test_an_admin_is_no_coach_of_other_teams() -> None:
    assert not may_coach(replace(OPERATOR, teams=frozenset({"it"})), "may", frozenset({"payments"}))
    assert may_coach(OPERATOR, "may", frozenset({"payments"}))


def test_what_an_editors_articles_gave() -> None:
    articles = [Sheet("a"), Sheet("b"), Sheet("c", owner="bo"), Sheet("d", state="archived")]
    uses = [Use("a", 9, 5), Use("c", 9, 7), Use("d", 9, 9)]
    flags = [
        feedback.Answered("f1", NOON, "a", "wrong", "", "c1", NOON + 6 * HOUR),
        feedback.Answered("f2", NOON, "b", "wrong", "", "c1", None),
        feedback.Answered("f3", NOON, "c", "wrong", "", "c1", None),
    ]
    assert coaching.authored("eva", articles, uses, flags) == Authored(2, 5, 2, 1, 6 * HOUR)


@pytest.mark.parametrize("by", [MAY, BO, ANN])
def test_agents_may_not_see_the_floors_insights(connection: Connection, by: User) -> None:
    for ask in (
        lambda: searches.shares(connection, by, VIEW, "lang"),
        lambda: searches.links(connection, by, VIEW),
        lambda: searches.speeds(connection, by, VIEW),
        lambda: searches.places(connection, by, VIEW),
        lambda: searches.rows(connection, by, VIEW, "found", 9),
        lambda: reuse.uses(connection, by, VIEW),
        lambda: reuse.questions(connection, by, VIEW, "a", 9),
        lambda: reuse.standing_flags(connection, by, "", {}),
        lambda: feedback.flags(connection, by, VIEW),
        lambda: feedback.gaps(connection, by, VIEW),
        lambda: coaching.of_everybody(connection, by, VIEW),
    ):
        with pytest.raises(NotAllowedError):
            ask()
