"""Why a gap missed, on its page: the button of each reason does what it says, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import streamlit as st
from streamlit.testing.v1 import AppTest

from kb import tables
from kb.content.articles import Article
from kb.doors import studio
from kb.doors.wiring import Desk
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people import users
from kb.people.users import Role, User
from kb.tuning import synonyms
from tests.doors.ui.conftest import MAY, SUE, Look, texts
from tests.gaps.need import NEEDS, base_of_needs
from tests.on_call import desk_of

NOW = datetime.now(UTC)
EVA = User("eva", "Eva", Role.EDITOR, frozenset({"board"}))
THERE = {"zh": "路由器一直亮红灯", "en": "the router has a red light"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The base of needs, and a gap for each of them and for what is there; shared, as each is pressed once."""
    home = tmp_path_factory.mktemp("needs")
    one = desk_of(base_of_needs(home), Path(home / "firstcall.sqlite"))
    with one.database.write() as connection:
        for id, need in NEEDS.items():
            row = {"id": id, "call": id, "agent": "may", "teams": ["tech"], "at": NOW - timedelta(hours=1), "gap": id}
            row |= {"question": need.first, "lang": id[-2:], "product": need.product, "seconds": 9.0, "signals": []}
            gap.record(connection, MAY, Report(f"r-{id}", id, id, "may", NOW - timedelta(hours=1), need.first))
            connection.execute(sa.insert(tables.miss).values(**row))
            if need.used:  # somebody named it
                connection.execute(sa.update(tables.gap).where(tables.gap.c.id == id).values(article=need.article))
        for lang, question in THERE.items():
            gap.record(connection, MAY, Report(f"r-{lang}", f"there-{lang}", "c", "may", NOW, question))
            low = NEEDS[f"ranked-{lang}"]
            gap.record(connection, MAY, Report(f"l-{lang}", f"low-{lang}", "c", "may", NOW, low.first))
            connection.execute(
                sa.update(tables.gap).where(tables.gap.c.id == f"low-{lang}").values(article=low.article)
            )
            again = NEEDS[f"retired-{lang}"].second
            gap.record(connection, MAY, Report(f"a-{lang}", f"again-{lang}", "c", "may", NOW, again))
    yield one
    one.database.close()


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch, look: Look) -> Look:
    monkeypatch.setattr(users, "everyone", lambda connection: [MAY, SUE, EVA])
    return look


@pytest.fixture
def went(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """The pages that were gone to, instead of going there."""
    found: list[tuple[str, dict[str, str]]] = []

    def go(page: Any, query_params: dict[str, str] | None = None) -> None:
        found.append((Path(page).name, query_params or {}))

    monkeypatch.setattr(st, "switch_page", go)
    return found


def opened(look: Look, by: User, name: str, hl: str) -> AppTest:
    return look("gaps", by, hl, gap=f"{name}-{hl}")


def keys(app: AppTest) -> set[str]:
    return {str(one.key) for one in app.button}


def state(desk: Desk, id: str) -> tuple[str, str]:
    with desk.database.read() as connection:
        one = gap.find(connection, id)
    assert one
    return one.state, one.article


def file_of(desk: Desk, name: str, hl: str) -> Article:
    return studio.article_of(desk, EVA, NEEDS[f"{name}-{hl}"].article)


@pytest.mark.parametrize("hl", ["zh", "en"])
@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("filtered", {"zh": "给文章补上这个产品", "en": "Add the product"}, {"products": ("LH-V7", "LH-R3000")}),
        ("retired", {"zh": "恢复这篇文章", "en": "Revive"}, {"state": "validated", "valid_until": None}),
        ("draft", {"zh": "审核通过这份草稿", "en": "Validate the draft"}, {"state": "validated"}),
        ("ranked", {"zh": "把客户的说法加进去", "en": "Add the customers' words"}, {"questions": "first"}),
    ],
)
def test_a_press_mends_the_article_and_the_gap_goes_along(
    people: Look, desk: Desk, name: str, label: dict[str, str], expected: dict[str, Any], hl: str
) -> None:
    app = opened(people, EVA, name, hl)
    assert label[hl] in app.button(key="mend").label
    app.button(key="mend").click().run()
    assert not app.exception
    assert not app.error
    saved = file_of(desk, name, hl)
    for field, value in expected.items():
        if value == "first":
            assert NEEDS[f"{name}-{hl}"].first in saved.questions
        else:
            assert getattr(saved, field) == value
    assert state(desk, f"{name}-{hl}") == ("published", saved.id)


@pytest.mark.parametrize("hl", ["zh", "en"])
def test_what_is_there_already_closes_with_the_article_named(people: Look, desk: Desk, hl: str) -> None:
    app = opened(people, SUE, "there", hl)
    app.button(key="mend").click().run()
    assert not app.exception
    after, article = state(desk, f"there-{hl}")
    assert (after, article.startswith("router-red-light")) == ("already_there", True)


@pytest.mark.parametrize(
    ("hl", "said", "label"),
    [
        ("zh", "能开放给其他团队的人：Eva", "在编辑室改“团队”"),
        ("en", "Who can open it to others: Eva", "Change its teams in the studio"),
    ],
)
def test_of_what_was_not_visible_it_is_told_who_could_show_it_and_they_get_there(
    people: Look, went: list[tuple[str, dict[str, str]]], hl: str, said: str, label: str
) -> None:
    app = opened(people, EVA, "hidden", hl)
    assert any(said in text and "board" in text for text in texts(app))
    assert app.button(key="share").label == label
    app.button(key="share").click().run()
    assert went == [("edit.py", {"id": NEEDS[f"hidden-{hl}"].article, "hl": hl})]


@pytest.mark.parametrize(("hl", "veiled"), [("zh", "别的团队有一篇"), ("en", "Another team has an article")])
def test_who_may_not_read_it_learns_that_there_is_one_and_nothing_else(people: Look, hl: str, veiled: str) -> None:
    app = opened(people, SUE, "hidden", hl)
    said = "\n".join(texts(app))
    assert veiled in said
    assert "Eva" not in said
    assert not {"share", "mend", "translate"} & keys(app)


@pytest.mark.parametrize(("name", "key"), [("foreign", "translate"), ("missing", "write-{hl}")])
@pytest.mark.parametrize("hl", ["zh", "en"])
def test_what_has_to_be_written_is_begun_in_the_editor(
    people: Look, desk: Desk, went: list[tuple[str, dict[str, str]]], name: str, key: str, hl: str
) -> None:
    app = opened(people, EVA, name, hl)
    app.button(key=key.format(hl=hl)).click().run()
    assert not app.exception
    assert went == [("edit.py", {})]
    work, need = app.session_state["work"], NEEDS[f"{name}-{hl}"]
    assert work.gap == f"{name}-{hl}"
    assert need.first in work.source
    assert (f"twin: {need.article}" in work.source) == (name == "foreign")
    assert state(desk, f"{name}-{hl}")[0] == "in_work"


@pytest.mark.parametrize("hl", ["zh", "en"])
def test_who_may_not_change_the_article_is_offered_no_press(people: Look, hl: str) -> None:
    app = opened(people, SUE, "again", hl)  # a supervisor writes, and does not publish
    assert "mend" not in keys(app)
    assert {"write-zh", "write-en"} <= keys(app)


@pytest.mark.parametrize(
    ("hl", "words", "effect"),
    [("zh", ("不转", "故障"), "会换一种问法"), ("en", ("broke", "failed"), "would be asked otherwise")],
)
def test_another_word_for_a_word_of_the_article_is_looked_at_and_kept(
    people: Look, desk: Desk, hl: str, words: tuple[str, str], effect: str
) -> None:
    with desk.database.write() as connection:  # it names an article that another gap's press may have saved
        connection.execute(sa.update(tables.gap).where(tables.gap.c.id == f"low-{hl}").values(state="new"))
    app = opened(people, EVA, "low", hl)
    assert not any(one.key == "synonym-save" for one in app.button)
    for side, word in zip(("their", "our"), words, strict=True):
        app.text_input(key=f"synonym-{side}").set_value(word)
    app.run()
    app.button(key="synonym-look").click().run(timeout=60)
    assert any(effect in text for text in texts(app))
    app.button(key="synonym-save").click().run()
    assert not app.exception
    assert not app.error
    assert words in synonyms.load(desk.settings.articles).groups
    low = desk.open().synonyms.terms(NEEDS[f"ranked-{hl}"].first).alike
    assert low  # the next question is asked with it


@pytest.mark.parametrize("hl", ["zh", "en"])
def test_who_may_not_tune_the_search_adds_no_synonym(people: Look, hl: str) -> None:
    assert "synonym-look" not in keys(opened(people, SUE, "low", hl))
