"""Somebody leaves: nothing that waited for them is lost, and they are out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import call, promises
from kb.calls.promises import Promise
from kb.care import leaving
from kb.content import articles
from kb.db import Database
from kb.errors import KBError
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people import accounts, sessions
from kb.people.users import OPERATOR, Role, User
from tests.small_base import SmallBase

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WANG, LI = User("wang.min", "王敏", Role.EDITOR), User("li.na", "Li Na", Role.EDITOR)
GONE = User("gone", "Gone", Role.AGENT)


@pytest.fixture
def floor(database: Database, base: SmallBase) -> Database:
    base.write("late-en", "Late", owner="wang.min", body="owner: wang.min stays in the text.")
    base.write("other-en", "Other", owner="li.na")
    with database.write() as connection:
        for one in (WANG, LI, GONE):
            accounts.add(connection, OPERATOR, one, "quiet harbour 7", NOON)
        accounts.disable(connection, OPERATOR, "gone", NOON)
        call.begin(connection, WANG, "C-1", NOON)
        for number in range(3):
            due = NOON + timedelta(days=1)
            promises.make(connection, WANG, Promise(f"p{number}", "C-1", "wang.min", NOON, due, "call back"))
        promises.keep(connection, WANG, "p0", NOON)
        for number in range(2):
            gap.record(
                connection, WANG, Report(f"r{number}", f"G-{number}", "C-1", "wang.min", NOON, f"question {number}")
            )
        connection.execute(sa.update(tables.gap).values(owner="wang.min"))
        connection.execute(sa.update(tables.gap).where(tables.gap.c.id == "G-1").values(state="verified"))
    return database


def test_promises_gaps_and_articles_pass_to_somebody_else(floor: Database, base: SmallBase) -> None:
    with floor.write() as connection:
        token = sessions.sign_in(connection, "wang.min", NOON)
        done = leaving.leave(connection, OPERATOR, "wang.min", "li.na", base.folder, NOON)
        assert sessions.who(connection, token, NOON) is None
        assert [one.id for one in promises.due(connection, LI, NOON + timedelta(days=9))] == ["p1", "p2"]
        assert connection.scalar(sa.select(tables.promise.c.agent).where(tables.promise.c.id == "p0")) == "wang.min"
        owners = dict(connection.execute(sa.select(tables.gap.c.id, tables.gap.c.owner)).all())  # type: ignore[arg-type]
    assert done == leaving.HandedOn(2, 1, ("troubleshooting/late-en.md",))
    assert owners == {"G-0": "li.na", "G-1": "wang.min"}  # who closed one stays its own
    found, errors = articles.read_all(base.folder)
    assert ({one.id: one.owner for one in found}, errors) == ({"late-en": "li.na", "other-en": "li.na"}, [])
    assert "owner: wang.min stays in the text." in (base.folder / "troubleshooting/late-en.md").read_text("utf-8")
    with pytest.raises(KBError):
        accounts.check_password(floor, "wang.min", "quiet harbour 7", "here", NOON)


@pytest.mark.parametrize("to", ["wang.min", "nobody", "gone", "operator"])
def test_nobody_takes_over_who_cannot(floor: Database, base: SmallBase, to: str) -> None:
    with floor.write() as connection, pytest.raises(KBError) as caught:
        leaving.leave(connection, OPERATOR, "wang.min", to, base.folder, NOON)
    assert caught.value.code == "leaving_to_nobody"
    assert accounts.check_password(floor, "wang.min", "quiet harbour 7", "here", NOON).user == WANG


@pytest.mark.parametrize("by", [WANG, LI, User("sue", "Sue", Role.SUPERVISOR)])
def test_only_an_admin_lets_somebody_leave(floor: Database, base: SmallBase, by: User) -> None:
    with floor.write() as connection, pytest.raises(KBError) as caught:
        leaving.leave(connection, by, "wang.min", "li.na", base.folder, NOON)
    assert caught.value.code == "not_allowed"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("owner", ["wang.min", '"wang.min"', "wang.min  # asks first"])
def test_not_a_character_but_the_owner_changes(newline: str, owner: str) -> None:
    before = newline.join(["---", "id: a", f"owner: {owner}", "title: b", "---", "", "owner: wang.min", ""])
    after = newline.join(["---", "id: a", "owner: li.na", "title: b", "---", "", "owner: wang.min", ""])
    assert leaving.with_owner(before, "li.na") == after


def test_a_folder_without_articles_of_theirs_stays_as_it_is(tmp_path: Path) -> None:
    assert leaving.owned(tmp_path, "wang.min") == ()
