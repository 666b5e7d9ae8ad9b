"""One change over many articles is one act: stamped, found, and taken back where nobody changed a file since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kb.config import Settings
from kb.doors import bulk_edit, studio
from kb.doors.wiring import Desk
from kb.errors import NotAllowedError
from kb.people import audit
from kb.people.users import OPERATOR, Role, User
from kb.studio import bulk, revisions
from kb.studio.bulk import Change, Edit
from tests.fake_encoder import HashEncoder
from tests.new_database import NewUrl
from tests.small_base import SmallBase

EDITOR, AGENT = User("ed", "Ed", Role.EDITOR), User("ann", "Ann", Role.AGENT)
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
PRICE = Change("replace", "249", "199")
IDS = ("plan-en", "plan-zh", "other-en")

pytestmark = pytest.mark.both  # kb.studio.bulk has no tests of its own


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    one = SmallBase(tmp_path)
    one.write("plan-en", "The plan", say="It is 199 yuan.", body="199 a month, 1199 a year.")
    one.write("plan-zh", "套餐", say="每月199元。")
    one.write("other-en", "Other", say="Nothing to pay.")
    one.build()
    return one


@pytest.fixture
def desk(base: SmallBase, tmp_path: Path, new_url: NewUrl) -> Iterator[Desk]:
    one = Desk(
        Settings(articles=base.folder, home=tmp_path, database_url=new_url(), index_in="files"), encoder=HashEncoder()
    )
    one.open()
    yield one
    one.database.close()


def source(base: SmallBase, id: str) -> str:
    return (base.folder / f"troubleshooting/{id}.md").read_text("utf-8")


def changed(desk: Desk, at: datetime = NOW) -> bulk_edit.Changed:
    rows = bulk_edit.plan(desk, EDITOR, IDS, PRICE, at)
    return bulk_edit.carry_out(desk, EDITOR, [(row, row.source) for row in rows], PRICE, at)


def edits(desk: Desk) -> tuple[Edit, ...]:
    with desk.database.read() as connection:
        return bulk.edits(connection, EDITOR, LATER)


def told(desk: Desk) -> list[tuple[str, str, dict[str, object]]]:
    with desk.database.read() as connection:
        return [(one.act, one.about, json.loads(one.facts)) for one in audit.entries(connection, OPERATOR)]


def test_a_price_changes_in_every_article_as_one_act(desk: Desk, base: SmallBase) -> None:
    before = {id: source(base, id) for id in IDS}
    assert changed(desk).written == ("plan-en", "plan-zh")
    assert source(base, "plan-en") == before["plan-en"].replace("is 199", "is 249").replace(
        "199 a month", "249 a month"
    )
    assert source(base, "plan-zh") == before["plan-zh"].replace("199", "249")
    assert source(base, "other-en") == before["other-en"]
    facts = {"kind": "replace", "old": "199", "value": "249", "articles": ["plan-en", "plan-zh"]}
    assert told(desk) == [("bulk", "replace", facts)]
    (edit,) = edits(desk)
    assert (edit.by, edit.at, [one.article for one in edit.revisions]) == ("ed", NOW, ["plan-en", "plan-zh"])
    assert bulk_edit.standing(desk, edit) == 2


def test_it_is_taken_back_to_the_byte_and_that_is_one_act_too(desk: Desk, base: SmallBase) -> None:
    before = {id: source(base, id) for id in IDS}
    changed(desk)
    (edit,) = edits(desk)
    assert bulk_edit.undo(desk, EDITOR, edit, LATER) == bulk_edit.TakenBack(("plan-en", "plan-zh"), ())
    assert {id: source(base, id) for id in IDS} == before
    assert [one[:2] for one in told(desk)] == [("bulk", "undo"), ("bulk", "replace")]
    assert bulk_edit.standing(desk, edit) == 0
    assert bulk_edit.undo(desk, EDITOR, edit, LATER) == bulk_edit.TakenBack((), ("plan-en", "plan-zh"))
    with desk.database.read() as connection:
        causes = [one.cause for one in revisions.history(connection, EDITOR, "plan-en")]
    assert causes == ["restore", "bulk", "disk"]


def test_what_somebody_changed_since_stays_and_is_named(desk: Desk, base: SmallBase) -> None:
    changed(desk)
    article = studio.article_of(desk, EDITOR, "plan-zh")
    studio.save(desk, EDITOR, article.path, article.source.replace("249", "259"), article.version, NOW)
    (edit,) = edits(desk)
    assert bulk_edit.standing(desk, edit) == 1
    assert bulk_edit.undo(desk, EDITOR, edit, LATER) == bulk_edit.TakenBack(("plan-en",), ("plan-zh",))
    assert "259" in source(base, "plan-zh")


def test_what_was_changed_on_disk_before_is_what_comes_back(desk: Desk, base: SmallBase) -> None:
    saved = studio.article_of(desk, EDITOR, "plan-zh")
    studio.save(desk, EDITOR, saved.path, saved.source + "\n第二行\n", saved.version, NOW)
    path = base.folder / "troubleshooting/plan-zh.md"
    path.write_text(path.read_text("utf-8") + "\n磁盘上改的 199\n", "utf-8")  # nobody stamped this one
    before = path.read_bytes()
    changed(desk)
    bulk_edit.undo(desk, EDITOR, edits(desk)[0], LATER)
    assert path.read_bytes() == before


def test_one_that_changed_since_it_was_looked_at_stops_none_of_the_others(desk: Desk, base: SmallBase) -> None:
    rows = bulk_edit.plan(desk, EDITOR, IDS, PRICE, NOW)
    path = base.folder / "troubleshooting/plan-en.md"
    path.write_text(path.read_text("utf-8") + "\nMore.\n", "utf-8")
    done = bulk_edit.carry_out(desk, EDITOR, [(row, row.source) for row in rows], PRICE, NOW)
    assert (done.written, [(id, error.code) for id, error in done.failed]) == (
        ("plan-zh",),
        [("plan-en", "article_changed")],
    )
    assert "199" in path.read_text("utf-8")


def test_only_the_ticked_lines_are_written(desk: Desk, base: SmallBase) -> None:
    (row, _) = bulk_edit.plan(desk, EDITOR, IDS, PRICE, NOW)
    first = row.lines[0].number
    bulk_edit.carry_out(desk, EDITOR, [(row, bulk.only(row, {first}))], PRICE, NOW)
    assert "It is 249 yuan." in source(base, "plan-en")
    assert "199 a month" in source(base, "plan-en")


def test_who_may_not_edit_changes_nothing_and_takes_nothing_back(desk: Desk, base: SmallBase) -> None:
    rows = bulk_edit.plan(desk, EDITOR, IDS, PRICE, NOW)
    with pytest.raises(NotAllowedError):
        bulk_edit.carry_out(desk, AGENT, [(row, row.source) for row in rows], PRICE, NOW)
    changed(desk)
    (edit,) = edits(desk)
    with pytest.raises(NotAllowedError):
        bulk_edit.undo(desk, AGENT, edit, LATER)
    assert "249" in source(base, "plan-zh")
