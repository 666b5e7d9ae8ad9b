"""Bulletins: before the people they are for, until seen, until they expire; and beside the searches they match."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kb.calls import bulletins
from kb.calls.bulletins import Bulletin, Notice, matching, state
from kb.content.products import Catalogue, Product
from kb.db import Database
from kb.errors import NotAllowedError, NotFoundError, RequestError
from kb.people.users import Role, User
from kb.tables import bulletin

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

MAY = User("may", "May", Role.AGENT, frozenset({"tech"}))
PAUL = User("paul", "Paul", Role.AGENT, frozenset({"payments"}))
EVE = User("eve", "Eve", Role.EDITOR)
SUE = User("sue", "Sue", Role.SUPERVISOR, frozenset({"floor"}))

CATALOGUE: Catalogue = {
    product.code: product
    for product in (
        Product("LH-R3000", "Lark Router R3000", "云雀路由器 R3000", "router", ("R3000",)),
        Product("LH-V9", "Robot Vacuum V9 Pro", "扫地机器人 V9 Pro", "vacuum", ("V9", "V9 Pro")),
    )
}
OUTAGE = Notice(
    "outage",
    "Broadband down in Pudong",
    NOON + 4 * HOUR,
    body="Engineers are on site.",
    say="We know of the fault and our engineers are there now.",
    words=("no internet", "断网", "F-691"),
)
RECALL = Notice("recall", "R3000 power supply recalled", NOON + 30 * DAY, products=("R3000",))
SALE = Notice("promotion", "¥50 off the V9", NOON + 2 * DAY, products=("LH-V9",), teams=("payments", "sales"))


@pytest.fixture
def connection(database: Database) -> Iterator[sa.Connection]:
    with database.write() as one:
        yield one


def post(connection: sa.Connection, notice: Notice, at: datetime = NOON) -> Bulletin:
    return bulletins.post(connection, SUE, notice, at, CATALOGUE)


def titles(found: tuple[Bulletin, ...]) -> list[str]:
    return [one.title for one in found]


# --- posting -------------------------------------------------------------------------------------


def test_what_is_posted_is_what_is_live(connection: sa.Connection) -> None:
    posted = post(connection, replace(OUTAGE, teams=(" tech ", "tech"), products=("r 3000", "LH-R3000")))
    assert posted == Bulletin(
        id=posted.id,
        by="sue",
        at=NOON,
        kind="outage",
        title="Broadband down in Pudong",
        body="Engineers are on site.",
        say="We know of the fault and our engineers are there now.",
        teams=("tech",),
        products=("LH-R3000",),
        words=("no internet", "断网", "F-691"),
        valid_from=NOON,
        expires_at=NOON + 4 * HOUR,
    )
    assert bulletins.live(connection, MAY, NOON) == (posted,)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "news"}, "bulletin_kind_unknown"),
        ({"title": " \u200b\n"}, "bulletin_title_missing"),
        ({"kind": "holding", "say": " "}, "bulletin_say_missing"),
        ({"title": "断" * 81}, "bulletin_too_long"),
        ({"body": "x" * 2001}, "bulletin_too_long"),
        ({"say": "x" * 301}, "bulletin_too_long"),
        ({"expires_at": NOON}, "bulletin_ends_too_early"),
        ({"expires_at": NOON - HOUR, "valid_from": NOON - DAY}, "bulletin_ends_too_early"),
        ({"expires_at": NOON + HOUR, "valid_from": NOON + HOUR}, "bulletin_ends_too_early"),
        ({"expires_at": NOON + 90 * DAY + timedelta(microseconds=1)}, "bulletin_ends_too_late"),
        ({"expires_at": NOON + 91 * DAY, "valid_from": NOON + 80 * DAY}, "bulletin_ends_too_late"),
        ({"products": ("R9999",)}, "product_unknown"),
        ({"words": tuple(f"word{i}" for i in range(51))}, "bulletin_too_many_words"),
        ({"words": ("the",)}, "bulletin_word_in_every_search"),
        ({"words": ("is it",)}, "bulletin_word_in_every_search"),
        ({"words": ("!?",)}, "bulletin_word_in_every_search"),
    ],
)
def test_a_notice_that_cannot_be_posted_says_why(
    connection: sa.Connection, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(RequestError) as refused:
        post(connection, replace(OUTAGE, **changes))  # type: ignore[arg-type]
    assert refused.value.code == code
    assert bulletins.posted(connection, SUE, NOON) == ()


def test_ninety_days_to_the_second_are_allowed(connection: sa.Connection) -> None:
    assert post(connection, replace(OUTAGE, expires_at=NOON + 90 * DAY)).expires_at == NOON + 90 * DAY


def test_everything_written_is_masked_before_it_is_kept(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulletins, "mask", lambda text: text.replace("13800138000", "[phone]"))
    call = "Call 13800138000"
    posted = post(connection, Notice("outage", call, NOON + HOUR, call, call, words=(call,)))
    assert (posted.title, posted.body, posted.say, posted.words) == (*["Call [phone]"] * 3, ("Call [phone]",))
    assert "13800138000" not in str(connection.execute(sa.select(bulletin)).one())


# --- who sees what, when -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "where"),
    [
        (NOON, "planned"),
        (NOON + HOUR, "live"),
        (NOON + 4 * HOUR - timedelta(microseconds=1), "live"),
        (NOON + 4 * HOUR, "expired"),
    ],
)
def test_a_bulletin_is_live_from_its_first_moment_to_before_its_last(
    connection: sa.Connection, at: datetime, where: str
) -> None:
    posted = post(connection, replace(OUTAGE, valid_from=NOON + HOUR))
    assert state(posted, at) == where
    assert bulletins.live(connection, MAY, at) == ((posted,) if where == "live" else ())
    assert bulletins.unseen(connection, MAY, at) == ((posted,) if where == "live" else ())


def test_what_is_in_force_is_told_whomever_it_is_for(connection: sa.Connection) -> None:
    outage, sale = post(connection, OUTAGE), post(connection, SALE)
    bulletins.withdraw(connection, SUE, post(connection, RECALL).id, NOON)
    assert bulletins.in_force(connection, NOON) == (outage, sale)
    assert bulletins.in_force(connection, NOON + 4 * HOUR) == (sale,)


def test_a_withdrawn_bulletin_is_gone_at_once_and_stays_withdrawn(connection: sa.Connection) -> None:
    posted = post(connection, OUTAGE)
    bulletins.withdraw(connection, SUE, posted.id, NOON + HOUR)
    bulletins.withdraw(connection, SUE, posted.id, NOON + 2 * HOUR)
    assert bulletins.live(connection, MAY, NOON + HOUR) == ()
    (kept,) = bulletins.posted(connection, SUE, NOON + HOUR)
    assert kept == replace(posted, withdrawn_at=NOON + HOUR)
    assert state(kept, NOON + 9 * DAY) == "withdrawn"


def test_a_bulletin_is_for_its_teams_and_one_of_no_team_is_for_everyone(connection: sa.Connection) -> None:
    post(connection, SALE)
    post(connection, RECALL)
    assert titles(bulletins.live(connection, MAY, NOON)) == ["R3000 power supply recalled"]
    assert titles(bulletins.live(connection, PAUL, NOON)) == ["R3000 power supply recalled", "¥50 off the V9"]
    assert titles(bulletins.live(connection, EVE, NOON)) == ["R3000 power supply recalled"]


def test_the_most_urgent_kind_stands_first_and_the_newest_first_of_each(connection: sa.Connection) -> None:
    for minute, (kind, title) in enumerate(
        [("promotion", "sale"), ("outage", "old"), ("recall", "recall"), ("outage", "new"), ("holding", "hold")]
    ):
        post(connection, Notice(kind, title, NOON + DAY, say="x"), NOON + timedelta(minutes=minute))
    assert titles(bulletins.live(connection, MAY, NOON + HOUR)) == ["recall", "new", "old", "hold", "sale"]


def test_what_i_have_seen_is_no_longer_new_to_me_and_still_is_to_others(connection: sa.Connection) -> None:
    seen, other = post(connection, OUTAGE), post(connection, RECALL)
    bulletins.mark_seen(connection, MAY, seen.id, NOON)
    assert bulletins.unseen(connection, MAY, NOON) == (other,)
    assert bulletins.live(connection, MAY, NOON) == (other, seen)
    assert bulletins.unseen(connection, PAUL, NOON) == (other, seen)


def test_the_first_time_it_was_seen_counts(connection: sa.Connection) -> None:
    posted = post(connection, OUTAGE)
    bulletins.mark_seen(connection, MAY, posted.id, NOON + HOUR)
    bulletins.mark_seen(connection, MAY, posted.id, NOON + 2 * HOUR)
    assert bulletins.who_saw(connection, SUE, posted.id).seen == (("may", NOON + HOUR),)


def test_who_has_seen_it_and_who_of_its_audience_has_not(connection: sa.Connection) -> None:
    posted = post(connection, replace(SALE, teams=("payments", "tech")))
    bulletins.mark_seen(connection, PAUL, posted.id, NOON + HOUR)
    audience = bulletins.who_saw(connection, SUE, posted.id, [EVE, MAY, PAUL, SUE])
    assert audience == bulletins.Audience(seen=(("paul", NOON + HOUR),), unseen=(MAY,))


def test_a_change_withdraws_the_old_words_and_everybody_sees_the_new_ones(connection: sa.Connection) -> None:
    old = post(connection, OUTAGE)
    bulletins.mark_seen(connection, MAY, old.id, NOON)
    new = bulletins.change(connection, SUE, old.id, replace(OUTAGE, title="It is mended"), NOON + HOUR, CATALOGUE)
    assert bulletins.unseen(connection, MAY, NOON + HOUR) == (new,)
    assert bulletins.posted(connection, SUE, NOON + HOUR) == (new, replace(old, withdrawn_at=NOON + HOUR))
    assert bulletins.who_saw(connection, SUE, old.id).seen == (("may", NOON),)


def test_what_ended_long_ago_is_no_longer_listed(connection: sa.Connection) -> None:
    posted = post(connection, OUTAGE)
    end = posted.expires_at
    assert bulletins.posted(connection, SUE, end + 90 * DAY - HOUR) == (posted,)
    assert bulletins.posted(connection, SUE, end + 90 * DAY) == ()


# --- permission ----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [MAY, EVE])
def test_only_who_may_post_posts_changes_withdraws_lists_and_sees_who_saw(connection: sa.Connection, by: User) -> None:
    posted = post(connection, OUTAGE)
    for forbidden in (
        lambda: bulletins.post(connection, by, OUTAGE, NOON, CATALOGUE),
        lambda: bulletins.change(connection, by, posted.id, OUTAGE, NOON, CATALOGUE),
        lambda: bulletins.withdraw(connection, by, posted.id, NOON),
        lambda: bulletins.withdraw(connection, by, "no-such", NOON),
        lambda: bulletins.posted(connection, by, NOON),
        lambda: bulletins.who_saw(connection, by, posted.id, [MAY]),
    ):
        with pytest.raises(NotAllowedError):
            forbidden()
    assert bulletins.posted(connection, SUE, NOON) == (posted,)


def test_a_bulletin_that_is_not_mine_sounds_like_one_that_is_not_there(connection: sa.Connection) -> None:
    posted = post(connection, SALE)
    for id in (posted.id, "no-such"):
        with pytest.raises(NotFoundError, match="bulletin_missing"):
            bulletins.mark_seen(connection, MAY, id, NOON)
    with pytest.raises(NotFoundError):
        bulletins.withdraw(connection, SUE, "no-such", NOON)
    with pytest.raises(NotFoundError):
        bulletins.who_saw(connection, SUE, "no-such")
    assert bulletins.who_saw(connection, SUE, posted.id).seen == ()


# --- beside a search -----------------------------------------------------------------------------


@pytest.fixture
def board(connection: sa.Connection) -> tuple[Bulletin, ...]:
    return tuple(post(connection, one) for one in (OUTAGE, RECALL, SALE))


@pytest.mark.parametrize(
    ("question", "product", "found"),
    [
        ("I have no internet since noon", "", ["Broadband down in Pudong"]),
        ("the internet? no, nothing", "", ["Broadband down in Pudong"]),
        ("我家断网了", "", ["Broadband down in Pudong"]),
        ("我家斷網了", "", ["Broadband down in Pudong"]),
        ("error f 691 on the screen", "", ["Broadband down in Pudong"]),
        ("F691", "", ["Broadband down in Pudong"]),
        ("my r-3000 gets hot", "", ["R3000 power supply recalled"]),
        ("路由器R3000发烫", "", ["R3000 power supply recalled"]),
        ("it gets hot", "R3000", ["R3000 power supply recalled"]),
        ("it gets hot", "LH-R3000", ["R3000 power supply recalled"]),
        ("V9 pro 断网", "LH-R3000", ["Broadband down in Pudong", "R3000 power supply recalled", "¥50 off the V9"]),
        ("internet", "", []),
        ("断开网线", "", []),
        ("R30000", "", []),
        ("it gets hot", "", []),
        ("it gets hot", "no such product", []),
        ("", "", []),
        ("", "LH-V9", ["¥50 off the V9"]),
    ],
)
def test_a_bulletin_stands_beside_the_searches_it_matches(
    board: tuple[Bulletin, ...], question: str, product: str, found: list[str]
) -> None:
    assert titles(matching(board, question, CATALOGUE, product)) == found


def test_a_bulletin_of_no_product_and_no_word_stands_beside_no_search(connection: sa.Connection) -> None:
    board = (post(connection, Notice("holding", "Long queues", NOON + DAY, say="Thank you for waiting.")),)
    assert matching(board, "long queues", CATALOGUE, "R3000") == ()


def test_matching_is_quick_enough_for_every_key(connection: sa.Connection) -> None:
    catalogue = dict(CATALOGUE) | {
        f"LH-X{i}": Product(f"LH-X{i}", f"Thing X{i}", f"东西 X{i}", "x", (f"X{i}",)) for i in range(500)
    }
    board = tuple(post(connection, replace(OUTAGE, words=tuple(f"word{i} {j}" for j in range(10)))) for i in range(30))
    matching(board, "warm up", catalogue)
    began = time.perf_counter()
    for i in range(20):
        assert matching(board, f"my router r3000 has shown a red light for {i + 40} days", catalogue) == ()
    assert (time.perf_counter() - began) / 20 < 0.02
