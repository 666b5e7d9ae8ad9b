"""The words of the base in the studio: nothing is saved before what it does was looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from kb.config import ROOT, Settings
from kb.content import glossary
from kb.db import Connection
from kb.doors.wiring import Desk
from kb.i18n import say
from kb.people.users import Role, User
from kb.tuning import pins, synonyms
from kb.tuning.pins import Pin
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


@pytest.mark.parametrize(
    ("hl", "article", "pattern", "replaced"),
    [("zh", "refund-times-zh", "冰箱 不冷", "错一行"), ("en", "refund-times-en", "fridge warm", "no pin")],
)
def test_a_pin_is_chosen_looked_at_and_saved(
    look: Look, desk: Desk, hl: str, article: str, pattern: str, replaced: str
) -> None:
    app = look("studio", ED, hl, view="words", part="pins")
    app.text_input("pin-question").set_value(pattern)
    app.selectbox("pin-article").set_value(article)
    app.date_input("pin-until").set_value(date(2030, 12, 31))
    app.button("FormSubmitter:pin-" + say(hl, "words.pin_add")).click().run()
    assert not app.exception
    assert app.text_area("pins-text").value == f"{pattern} → {article} → 2030-12-31"
    app.button("pins-look").click().run()
    assert any("→" in one and say(hl, "edit.rank", rank=1) in one for one in texts(app))
    app.button("pins-save").click().run()
    assert pins.load(desk.settings.articles) == (Pin(pattern, article, date(2030, 12, 31), "ed"),)
    found = desk.ask(pattern, MAY).hits[0]
    assert (found.article.id, found.pinned) == (article, True)
    app.text_area("pins-text").set_value(replaced).run()
    assert [one.value for one in app.error] == [say(hl, "error.pin_line", line=replaced)]


def test_pins_that_do_nothing_any_more_are_told(look: Look, desk: Desk) -> None:
    over = Pin("fridge", "refund-times-en", date(2020, 1, 1))
    (desk.settings.articles / pins.FILE).write_bytes(
        pins.written(b"", [over, Pin("oven", "gone-en", date(2099, 1, 1))])
    )
    app = look("studio", ED, "en", view="words", part="pins")
    assert [one.value.split(": ")[1].replace("\\", "") for one in app.warning] == [
        "fridge → refund-times-en",
        "oven → gone-en",
    ]


@pytest.mark.parametrize(("hl", "lang", "line"), [("zh", "zh", "退回 = 寄回来"), ("en", "en", "refund = money back")])
def test_a_plain_word_is_saved_with_what_it_marks(look: Look, desk: Desk, hl: str, lang: str, line: str) -> None:
    before = glossary.load(desk.settings.articles)
    app = look("studio", ED, hl, view="words", part="glossary")
    area = app.text_area(f"glossary-{lang}-text")
    area.set_value(area.value + "\n" + line).run()
    app.button("glossary-look").click().run()
    word, plain = line.split(" = ")
    assert any(f"{word} → {plain}" in one for one in texts(app))
    app.button("glossary-save").click().run()
    assert not app.exception
    after = glossary.load(desk.settings.articles)
    assert after[lang] == {**before[lang], word: plain}
    other = "en" if lang == "zh" else "zh"
    assert after[other] == before[other]


def test_a_file_changed_meanwhile_is_told_and_not_overwritten(look: Look, desk: Desk) -> None:
    app = look("studio", ED, "en", view="words")
    text = app.text_area("synonyms-text").value
    app.text_area("synonyms-text").set_value(text + "\nfridge, icebox").run()
    app.button("synonyms-look").click().run()
    path = desk.settings.articles / synonyms.FILE
    path.write_bytes(path.read_bytes() + b"# somebody else\n")
    app.button("synonyms-save").click().run()
    assert any("was changed by somebody else" in one.value for one in app.error)
    assert path.read_bytes().endswith(b"# somebody else\n")
    assert app.text_area("synonyms-text").value.endswith("fridge, icebox")
    app.button("synonyms-anew").click().run()
    assert app.text_area("synonyms-text").value == text
    assert not app.warning
