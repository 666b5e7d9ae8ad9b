"""One change over many articles in the studio: looked at line by line, made, taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.config import ROOT, Settings
from kb.doors.wiring import Desk
from kb.people.users import Role, User
from tests.doors.ui.conftest import MAY, Look, texts
from tests.fake_encoder import HashEncoder

ED = User("ed", "Ed", Role.EDITOR)


@pytest.fixture
def desk(indexed: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose articles can be written."""
    shutil.copytree(ROOT / "articles", tmp_path / "articles")
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    one = Desk(Settings(articles=tmp_path / "articles", home=indexed, database_url=url), encoder=HashEncoder())
    one.open()
    yield one
    one.database.close()


def saying(desk: Desk, what: str) -> list[str]:
    """The files that say something."""
    return sorted(path.stem for path in desk.settings.articles.rglob("*.md") if what in path.read_text("utf-8"))


@pytest.mark.parametrize("hl", ["zh", "en"])
def test_a_price_is_changed_where_it_is_ticked_and_taken_back(look: Look, desk: Desk, hl: str) -> None:
    before = saying(desk, "¥199")
    assert len(before) >= 4
    app = look("studio", ED, hl, view="bulk")
    app.text_input("bulk-old").set_value("¥199")
    app.text_input("bulk-new").set_value("¥777").run()
    app.button("bulk-look").click().run()
    assert not app.exception
    lines = [one for one in texts(app) if "199" in one and "777" in one]
    boxes = [one for one in app.checkbox if one.key.startswith("bulk-")]
    assert len(lines) == len(boxes) >= len(before)
    untouched = next(one for one in boxes if one.key.startswith(f"bulk-{before[-1]}-"))
    app.checkbox(untouched.key).uncheck().run()
    app.button("bulk-go").click().run()
    assert not app.exception
    assert saying(desk, "¥777") == before[:-1]
    assert saying(desk, "¥199") == before[-1:]
    app.button("bulk-undo-0").click().run()
    assert not app.exception
    assert (saying(desk, "¥777"), saying(desk, "¥199")) == ([], before)
    assert app.button("bulk-undo-0").disabled


@pytest.mark.parametrize("kind", ["owner", "review", "state", "add_product", "take_product"])
def test_each_kind_of_change_has_its_field_and_its_preview(look: Look, desk: Desk, kind: str) -> None:
    app = look("studio", ED, "en", view="bulk")
    app.button_group("bulk-kind-en").set_value(kind).run()
    app.text_input("bulk-words").set_value("broadband-plans").run()
    if kind == "owner":
        app.text_input("bulk-owner").set_value("li.na")
    if kind == "state":
        app.selectbox("bulk-state").set_value("archived")
    if kind.endswith("product"):
        app.selectbox("bulk-product").set_value("LH-R3000")
    app.button("bulk-look").click().run()
    assert not app.exception
    shown = [one.key for one in app.checkbox if one.key.startswith("bulk-broadband-plans")]
    assert shown == ([] if kind == "add_product" else ["bulk-broadband-plans-en", "bulk-broadband-plans-zh"])


def test_a_change_that_says_nothing_is_told(look: Look, desk: Desk) -> None:
    app = look("studio", ED, "zh", view="bulk")
    app.button("bulk-look").click().run()
    assert [one.value for one in app.error] == ["这项修改没说清要改什么： →"]


def test_an_agent_changes_no_many_articles(look: Look, desk: Desk) -> None:
    assert not [one.key for one in look("studio", MAY, "en", view="bulk").button if one.key == "bulk-look"]
