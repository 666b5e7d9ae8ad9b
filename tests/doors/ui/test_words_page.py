"""The words of the base in the studio: nothing is saved before what it does was looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.config import ROOT, Settings
from kb.db import Connection
from kb.doors.wiring import Desk
from kb.people.users import Role, User
from kb.tuning import synonyms
from tests.doors.ui.conftest import MAY, Look, texts
from tests.fake_encoder import HashEncoder
from tests.gaps.analytics.test_rewording import call

ED = User("ed", "Ed", Role.EDITOR)


@pytest.fixture
def desk(indexed: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose files can be written: the sample's tables without its articles, which are in the index."""
    folder = tmp_path / "articles"
    folder.mkdir()
    for path in (ROOT / "articles").glob("_*.toml"):
        shutil.copy(path, folder)
    settings = Settings(articles=folder, home=indexed, database_url=f"sqlite:///{tmp_path}/firstcall.sqlite")
    one = Desk(settings, encoder=HashEncoder())
    one.open()
    yield one
    one.database.close()


@pytest.mark.parametrize(
    ("hl", "look_label", "save", "line", "group"),
    [
        ("zh", "看看会有什么影响", "保存", "押金、保证金，deposit", ("押金", "保证金", "deposit")),
        ("en", "What does it do?", "Save", "deposit, down payment", ("deposit", "down payment")),
    ],
)
def test_synonyms_are_saved_once_what_they_do_was_looked_at(
    look: Look, desk: Desk, hl: str, look_label: str, save: str, line: str, group: tuple[str, ...]
) -> None:
    before = synonyms.load(desk.settings.articles).groups
    app = look("studio", ED, hl, view="words")
    assert [one.label for one in app.button if one.label == save] == []
    app.text_area("synonyms-text").set_value(app.text_area("synonyms-text").value + "\n" + line).run()
    assert [one.label for one in app.button if one.label == save] == []
    app.button("synonyms-look").click().run()
    assert not app.exception
    assert any("**0**" in one for one in texts(app))
    app.button("synonyms-save").click().run()
    assert not app.exception
    assert synonyms.load(desk.settings.articles).groups == (*before, group)
    assert desk.served is not None
    assert desk.served.synonyms.groups[-1] == group
    assert app.button("synonyms-look").disabled


def test_a_line_that_can_be_no_group_is_told_and_not_saved(look: Look, desk: Desk) -> None:
    app = look("studio", ED, "en", view="words")
    app.text_area("synonyms-text").set_value("alone").run()
    assert [one.value for one in app.error] == ["Synonyms are 2 to 20 different words: alone"]
    assert [one.key for one in app.button if one.key == "synonyms-save"] == []


def write(connection: Connection) -> None:
    for agent in ("may", "bo"):
        call(connection, f"c-{agent}", agent, "down payment gone", "deposit gone")


def test_what_failed_and_then_succeeded_is_proposed_taken_or_told_apart(
    look: Look, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kb.doors import tuning
    from kb.gaps.analytics.view import View
    from tests.gaps.analytics.test_rewording import VIEW

    monkeypatch.setattr(tuning, "View", lambda since, until: View(VIEW.since, VIEW.until))
    with desk.database.write() as connection:
        write(connection)
    app = look("studio", ED, "en", view="words")
    assert any("**down payment** → **deposit**" in one for one in texts(app))
    app.button("same-down payment-deposit").click().run()
    assert app.text_area("synonyms-text").value.endswith("\ndown payment, deposit")
    app.button("apart-down payment-deposit").click().run()
    assert not app.exception
    assert synonyms.load(desk.settings.articles).apart == (("down payment", "deposit"),)
    assert not any("**down payment** → **deposit**" in one for one in texts(app))


def test_an_agent_has_no_words_to_change(look: Look, desk: Desk) -> None:
    app = look("studio", MAY, "en", view="words")
    assert [one.key for one in app.text_area] == []
