"""What a draft would do is what it does once it is saved, and nothing is published meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kb.config import Settings
from kb.content.articles import parse
from kb.doors import foresight
from kb.doors.foresight import Foreseen
from kb.doors.wiring import Desk
from kb.people.users import Role, User
from tests.fake_encoder import HashEncoder
from tests.small_base import SmallBase, markdown

EDITOR = User("ed", "Ed", Role.EDITOR)
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    one = SmallBase(tmp_path)
    one.write("kettle-en", "Descaling the kettle", say="Boil it once.", questions=["White flakes in my tea"])
    one.write("toaster-en", "Crumbs in the toaster", say="Empty the tray.", questions=["My toast smells burnt"])
    one.build()
    return one


@pytest.fixture
def desk(base: SmallBase, tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    one = Desk(Settings(articles=base.folder, home=tmp_path, database_url=url), encoder=HashEncoder())
    one.open()
    yield one
    one.database.close()


def draft(**keys: object) -> str:
    facts = {
        "say": "Turn the dial down.",
        "questions": ["My toast smells burnt", "Toast black as coal"],
        "state": "wip",
    }
    return markdown("burnt-en", "My toast smells burnt", **{**facts, **keys})  # type: ignore[arg-type]


def test_a_draft_finds_its_own_questions_and_pushes_another_down(desk: Desk) -> None:
    pointer = (desk.settings.index / "CURRENT").read_bytes()
    article = parse(draft(), "troubleshooting/burnt-en.md")
    told = foresight.foresee(desk, EDITOR, article, ["is the toast too black"], NOW)
    assert told is not None
    own = [(one.question, one.before, one.after) for one in told if one.article == "burnt-en"]
    assert own == [
        ("My toast smells burnt", None, 1),
        ("Toast black as coal", None, 1),
        ("is the toast too black", None, 1),
    ]
    lost = [one for one in told if one.article != "burnt-en"]
    title = "My toast smells burnt"
    assert lost == [Foreseen(title, "toaster-en", "Crumbs in the toaster", 1, 2, title)]
    assert (desk.settings.index / "CURRENT").read_bytes() == pointer
    assert "burnt-en" not in desk.open().opened.engine.ids


def test_what_is_foreseen_is_what_is_so_once_it_is_saved(desk: Desk, base: SmallBase) -> None:
    article = parse(draft(state="validated"), "troubleshooting/burnt-en.md")
    told = foresight.foresee(desk, EDITOR, article, [], NOW)
    (base.folder / "troubleshooting" / "burnt-en.md").write_text(article.source)
    base.build()
    desk.open()
    for one in told or ():
        hits = desk.ask(one.question, EDITOR, at=NOW).hits
        assert [at for at, hit in enumerate(hits, 1) if hit.article.id == one.article] == [one.after]
    again = foresight.foresee(desk, EDITOR, article, [], NOW)
    assert {(one.before, one.after) for one in again or ()} == {(1, 1)}


def test_without_an_encoder_nothing_is_foreseen(desk: Desk) -> None:
    desk.encoder = None
    article = parse(draft(), "troubleshooting/burnt-en.md")
    assert foresight.foresee(desk, EDITOR, article, [], NOW) is None


def test_a_draft_that_asks_what_the_base_asks_is_told_so_and_its_twin_is_none(desk: Desk, base: SmallBase) -> None:
    told = foresight.already(desk, EDITOR, parse(draft(), "troubleshooting/burnt-en.md"), NOW)
    assert [(one.article, one.asked, one.known, one.likely) for one in told] == [
        ("toaster-en", "My toast smells burnt", "My toast smells burnt", 1.0)
    ]
    twin = parse(draft(twin="toaster-en"), "troubleshooting/burnt-en.md")
    assert foresight.already(desk, EDITOR, twin, NOW) == ()
    toaster = desk.open().opened.engine.article("toaster-en")
    assert foresight.already(desk, EDITOR, toaster, NOW) == ()


# --- what the base says otherwise ----------------------------------------------------------------

FEE = "The courier pick-up costs ¥{} for the first kilo."


def fee(id: str, amount: int, **keys: object) -> str:
    return markdown(id, "Return shipping", body=FEE.format(amount), **keys)  # type: ignore[arg-type]


def test_a_draft_that_says_another_amount_is_told_of_the_article_that_the_index_finds(
    desk: Desk, base: SmallBase
) -> None:
    base.write("shipping-en", "Return shipping", body=FEE.format(12))
    base.write("secret-en", "Return shipping for the board", body=FEE.format(15), teams=["board"])
    base.build()
    desk.open()
    (one,) = foresight.contradicted(desk, EDITOR, parse(fee("fees-en", 18), "refund-policy/fees-en.md"), NOW)
    assert (one.told.mine, one.told.article, one.told.theirs, one.title, one.twin) == (
        "¥18",
        "shipping-en",
        "¥12",
        "Return shipping",
        False,
    )
    assert foresight.contradicted(desk, EDITOR, parse(fee("fees-en", 12), "refund-policy/fees-en.md"), NOW) == ()
    of_the_board = User("bo", "Bo", Role.EDITOR, frozenset({"board"}))
    told = foresight.contradicted(desk, of_the_board, parse(fee("fees-en", 12), "refund-policy/fees-en.md"), NOW)
    assert [(one.told.article, one.told.theirs) for one in told] == [("secret-en", "¥15")]


def test_a_draft_that_says_another_time_than_its_twin_is_told_so_where_the_twin_may_be_seen(
    desk: Desk, base: SmallBase
) -> None:
    base.write("late-zh", "迟到补偿", body="签收后七天内申请。", twin="late-en")
    base.build()
    desk.open()
    draft = markdown("late-en", "Late parcels", body="Apply within 15 days of delivery.", twin="late-zh")
    (one,) = foresight.contradicted(desk, EDITOR, parse(draft, "troubleshooting/late-en.md"), NOW)
    assert (one.told.kind, one.told.mine, one.told.theirs, one.twin) == ("time", "15 days", "七天", True)
    base.write("late-zh", "迟到补偿", body="签收后七天内申请。", twin="late-en", teams=["board"])
    base.build()
    desk.open()
    assert foresight.contradicted(desk, EDITOR, parse(draft, "troubleshooting/late-en.md"), NOW) == ()
