"""What the studio does with a desk: saving stamps, moving reviews, restoring comes back, the disk is told of."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kb.config import Settings
from kb.content.articles import parse
from kb.doors import studio
from kb.doors.wiring import Desk, upkeep
from kb.errors import NotAllowedError, NotFoundError, StoreError
from kb.people import audit
from kb.people.users import OPERATOR, Role, User
from kb.studio import drafts, revisions
from kb.studio.drafts import Draft
from kb.studio.revisions import Revision
from tests.fake_encoder import HashEncoder
from tests.small_base import SmallBase
from tests.waiting import within

EDITOR, AGENT = User("ed", "Ed", Role.EDITOR), User("ann", "Ann", Role.AGENT)
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    one = SmallBase(tmp_path)
    one.write("kettle-en", "Descaling the kettle", say="Boil it once.", questions=["White flakes in my tea"])
    one.write("kettle-zh", "水壶除垢", say="烧一次即可。", place="refund-policy", review_by="2026-11-01")
    one.write("secret-en", "Only for tier two", say="Shh.", teams=["tier2"])
    one.build()
    return one


@pytest.fixture
def desk(base: SmallBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(upkeep, "load_encoder", lambda settings: HashEncoder())
    monkeypatch.setattr(upkeep.gc, "freeze", lambda: None)  # the test process goes on
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    one = Desk(Settings(articles=base.folder, home=tmp_path, database_url=url), encoder=HashEncoder())
    one.open()
    yield one
    one.stop()
    one.database.close()


def past(desk: Desk, id: str) -> list[tuple[str, str]]:
    with desk.database.read() as connection:
        return [(one.by, one.cause) for one in revisions.history(connection, EDITOR, id)]


def saved(desk: Desk, body: str, by: User = EDITOR) -> str:
    article = studio.article_of(desk, by, "kettle-en")
    source = article.source.replace("Boil it once.", body)
    return studio.save(desk, by, article.path, source, article.version, NOW).article.version


def test_a_save_is_stamped_with_who_and_what_was_before_it_is_too(desk: Desk) -> None:
    before = studio.article_of(desk, EDITOR, "kettle-en").version
    after = saved(desk, "Boil it twice.")
    with desk.database.read() as connection:
        told: tuple[Revision, ...] = revisions.history(connection, EDITOR, "kettle-en")
    assert [(one.sha256, one.by, one.cause) for one in told] == [(after, "ed", "studio"), (before, "disk", "disk")]


def test_a_save_is_in_the_audit_log_and_one_that_changes_nothing_is_not(desk: Desk) -> None:
    saved(desk, "Boil it twice.")
    saved(desk, "Boil it twice.")
    studio.move(desk, EDITOR, "kettle-zh", "archived", NOW)
    with desk.database.read() as connection:
        told = [(one.act, one.by, one.about) for one in audit.entries(connection, OPERATOR)]
    assert sorted(told) == [("edit", "ed", "kettle-zh"), ("publish", "ed", "kettle-en")]


def test_a_save_forgets_the_draft(desk: Desk) -> None:
    with desk.database.write() as connection:
        drafts.keep(connection, EDITOR, Draft("kettle-en", "", "troubleshooting/kettle-en.md", "", "x", "", NOW))
    saved(desk, "Boil it twice.")
    with desk.database.read() as connection:
        assert drafts.mine(connection, EDITOR) == []


def test_nothing_is_written_where_it_cannot_be_stamped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = studio.article_of(desk, EDITOR, "kettle-en").source

    def full(*_: object) -> None:
        raise StoreError("store_failed")

    monkeypatch.setattr(desk.database, "write", full)
    with pytest.raises(StoreError):
        saved(desk, "Boil it twice.")
    assert studio.article_of(desk, EDITOR, "kettle-en").source == before


def test_who_may_not_change_it_changes_nothing(desk: Desk) -> None:
    with pytest.raises(NotAllowedError):
        saved(desk, "Boil it twice.", AGENT)
    assert past(desk, "kettle-en") == []


def test_validating_is_a_review_of_its_kind(desk: Desk) -> None:
    studio.move(desk, EDITOR, "kettle-zh", "not-validated", NOW)
    made = studio.move(desk, EDITOR, "kettle-zh", "validated", NOW).article
    assert (made.state, str(made.review_by)) == ("validated", "2026-12-22")  # refund policy: thirty days
    assert past(desk, "kettle-zh")[:2] == [("ed", "move"), ("ed", "move")]


def test_still_true_moves_the_review_and_nothing_else(desk: Desk) -> None:
    before = studio.article_of(desk, EDITOR, "kettle-zh")
    made = studio.still_true(desk, EDITOR, "kettle-zh", NOW).article
    assert made.source == before.source.replace('review_by: "2026-11-01"', "review_by: 2026-12-22")


def test_an_earlier_version_comes_back_as_a_new_one(desk: Desk) -> None:
    before = studio.article_of(desk, EDITOR, "kettle-en")
    saved(desk, "Boil it twice.")
    with desk.database.read() as connection:
        first = revisions.history(connection, EDITOR, "kettle-en")[-1]
    assert studio.restore(desk, EDITOR, "kettle-en", first.id, NOW).article.source == before.source
    assert past(desk, "kettle-en") == [("ed", "restore"), ("ed", "studio"), ("disk", "disk")]
    with pytest.raises(NotFoundError):
        studio.restore(desk, EDITOR, "kettle-en", 10_000, NOW)


def test_another_teams_article_is_nowhere_in_the_studio(desk: Desk) -> None:
    assert [one.id for one in studio.shelf(desk, EDITOR)] == ["kettle-en", "kettle-zh"]
    with pytest.raises(NotFoundError):
        studio.article_of(desk, EDITOR, "secret-en")
    tier2 = User("two", "Two", Role.EDITOR, frozenset({"tier2"}))
    assert studio.article_of(desk, tier2, "secret-en").title == "Only for tier two"


def test_a_text_is_checked_beside_the_base(desk: Desk) -> None:
    served = desk.open()
    article = studio.article_of(desk, EDITOR, "kettle-en")
    checked = studio.check(served, article.source + "\n[gone](gone-en.md)\n", article.path, NOW)
    assert [(one.rule, one.line) for one in checked.findings if one.rule == "link_broken"] == [
        ("link_broken", article.source.count("\n") + 2)
    ]
    broken = studio.check(served, "no front matter", article.path, NOW)
    assert broken.article is None
    assert broken.error is not None
    assert broken.error.code == "front_matter_missing"


def test_what_is_saved_is_found_and_what_is_changed_on_disk_is_told_of(desk: Desk, base: SmallBase) -> None:
    git = ["git", "-C", str(base.folder), "-c", "user.name=Li Na", "-c", "user.email=li@lark"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run([*git, *command], check=True)
    desk.start()
    assert within(30, lambda: past(desk, "kettle-zh") == [("Li Na", "disk")])
    article = studio.article_of(desk, EDITOR, "kettle-en")
    source = article.source.replace("Boil it once.", "Boil it twice.")
    made = studio.save(desk, EDITOR, article.path, source, article.version, NOW).article
    assert studio.until_found(desk, made, within=20) is not None
    assert desk.ask("descaling kettle", EDITOR).hits[0].article.say == "Boil it twice."
    path = base.folder / article.path
    path.write_text(source.replace("twice", "three times"))
    assert within(20, lambda: past(desk, "kettle-en")[0] == ("disk", "disk"))
    assert past(desk, "kettle-en")[1] == ("ed", "studio")
    path.unlink()
    assert within(20, lambda: len(past(desk, "kettle-en")) == 4)
    assert parse(source, article.path).version == made.version
