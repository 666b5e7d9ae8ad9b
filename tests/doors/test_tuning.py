"""What editors tell the search is in its file, in the audit log and in the next answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from kb.config import Settings
from kb.content import glossary
from kb.doors import foresight, tuning
from kb.doors.tuning import Effect, Shift
from kb.doors.wiring import Desk, upkeep
from kb.errors import ArticleError, NotAllowedError, RequestError
from kb.gaps import diagnosis
from kb.people import audit
from kb.people.users import OPERATOR, Role, User
from kb.studio.writing import StaleError
from kb.tuning import files, pins, synonyms
from kb.tuning.pins import Pin
from kb.tuning.synonyms import Synonyms
from tests.fake_encoder import HashEncoder
from tests.small_base import SmallBase
from tests.waiting import within

EDITOR, AGENT = User("ed", "Ed", Role.EDITOR), User("ann", "Ann", Role.AGENT)
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    one = SmallBase(tmp_path)
    one.write("kettle-en", "Descaling the kettle", say="Boil it once.", questions=["White flakes in my tea"])
    one.write("kettle-zh", "水壶除垢", say="烧一次即可。", questions=["壶底有白色的垢"])
    one.write("toaster-en", "Crumbs in the toaster", say="Empty the tray.", questions=["My toast smells burnt"])
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


def by_words(desk: Desk, question: str) -> list[str]:
    """Articles that the words of a question find, best first."""
    found = {hit.why["lexical"].rank: hit.article.id for hit in desk.ask(question, AGENT).hits if "lexical" in hit.why}
    return [found[rank] for rank in sorted(found)]


# --- synonyms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "question", "article"),
    [
        (["limescale", "flakes"], "there is limescale", "kettle-en"),
        (["碱块", "白色的垢"], "碱块", "kettle-zh"),
        (["碱块", "flakes"], "碱块", "kettle-en"),
    ],
)
def test_words_that_mean_the_same_are_heard_by_the_next_question(
    desk: Desk, base: SmallBase, words: list[str], question: str, article: str
) -> None:
    assert article not in by_words(desk, question)
    assert tuning.add_synonyms(desk, EDITOR, words, NOW).groups == (tuple(words),)
    assert by_words(desk, question)[0] == article
    assert synonyms.load(base.folder).groups == (tuple(words),)


def test_it_is_written_down_who_said_so_and_once(desk: Desk, base: SmallBase) -> None:
    tuning.add_synonyms(desk, EDITOR, ["limescale", "flakes"], NOW)
    written = (base.folder / synonyms.FILE).read_bytes()
    tuning.add_synonyms(desk, EDITOR, ["flakes", "limescale"], NOW)
    assert (base.folder / synonyms.FILE).read_bytes() == written
    with desk.database.read() as connection:
        told = [(one.by, one.act, one.about, json.loads(one.facts)) for one in audit.entries(connection, OPERATOR)]
    assert told == [("ed", "edit", "_synonyms.toml", {"added": ["limescale、flakes"], "taken_out": []})]


def test_who_may_not_tune_changes_nothing(desk: Desk, base: SmallBase) -> None:
    for by in (AGENT, User("sue", "Sue", Role.SUPERVISOR)):
        with pytest.raises(NotAllowedError):
            tuning.add_synonyms(desk, by, ["limescale", "flakes"], NOW)
    with pytest.raises(RequestError, match="synonyms_count"):
        tuning.add_synonyms(desk, EDITOR, ["limescale"], NOW)
    assert not (base.folder / synonyms.FILE).exists()
    with desk.database.read() as connection:
        assert audit.entries(connection, OPERATOR) == ()


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(desk: Desk, base: SmallBase) -> None:
    _, version = files.now(base.folder, synonyms.FILE)
    tuning.add_synonyms(desk, EDITOR, ["limescale", "flakes"], NOW)
    with pytest.raises(StaleError):
        tuning.save_synonyms(desk, EDITOR, Synonyms((("toast", "bread"),)), version, NOW)
    assert synonyms.load(base.folder).groups == (("limescale", "flakes"),)


def test_a_file_that_is_broken_costs_its_words_and_no_answer(desk: Desk, base: SmallBase) -> None:
    tuning.add_synonyms(desk, EDITOR, ["limescale", "flakes"], NOW)
    (base.folder / synonyms.FILE).write_text("same = 3", "utf-8")
    desk.reread()
    assert by_words(desk, "there is limescale")[0] == "kettle-en"  # as they were
    assert desk.trouble is not None
    assert desk.trouble.code == "synonyms_broken"
    with pytest.raises(ArticleError, match="synonyms_broken"):
        tuning.add_synonyms(desk, EDITOR, ["toast", "bread"], NOW)


def test_a_file_changed_on_disk_counts_without_a_restart(desk: Desk, base: SmallBase) -> None:
    desk.start()
    (base.folder / synonyms.FILE).write_text('same = [["limescale", "flakes"]]\n', "utf-8")
    assert within(30, lambda: by_words(desk, "there is limescale")[:1] == ["kettle-en"])


def test_gaps_are_asked_again_where_the_synonyms_changed(desk: Desk) -> None:
    before = desk.asker(NOW)
    assert before is not None
    assert before.generation == before.engine.generation
    assert desk.asker(NOW) is before
    tuning.add_synonyms(desk, EDITOR, ["limescale", "flakes"], NOW)
    after = desk.asker(NOW)
    assert after is not None
    assert after.generation not in (before.generation, "")
    assert after.engine is before.engine


def test_words_told_apart_are_not_proposed_and_mean_what_they_did(desk: Desk, base: SmallBase) -> None:
    tuning.tell_apart(desk, EDITOR, ["limescale", "flakes"], NOW)
    assert synonyms.load(base.folder) == Synonyms((), (("limescale", "flakes"),))
    assert by_words(desk, "there is limescale") == []


# --- what a change would do ----------------------------------------------------------------------


def test_a_change_says_what_it_does_to_the_questions_of_the_base(desk: Desk, base: SmallBase) -> None:
    base.write(
        "filter-en", "Chalk in the filter", say="Rinse it.", questions=["chalk in the filter again", "limescale"]
    )
    base.write("flake-en", "Flakes of chalk", say="Boil it.", body="Flakes are chalk from hard water.")
    base.build()
    desk.open()
    wanted = Synonyms((("limescale", "chalk"),))
    found = tuning.effect_of_synonyms(desk, EDITOR, wanted, NOW)
    assert found is not None
    assert (found.questions, found.touched) == (5, 2)  # only those that are asked in another way
    asker = desk.asker(NOW)
    assert asker is not None
    for one in found.shifts:
        asking = diagnosis.Asking(one.question, "", "", frozenset())
        assert (one.article, one.title, one.gap) == ("filter-en", "Chalk in the filter", "")
        assert (one.before, one.after) == (
            asker.rank(asking, one.article),
            asker.tuned(wanted, ()).rank(asking, one.article),
        )
        assert one.before != one.after
    assert tuning.effect_of_synonyms(desk, EDITOR, Synonyms(), NOW) == Effect(5, 0, ())
    with pytest.raises(NotAllowedError):
        tuning.effect_of_synonyms(desk, AGENT, wanted, NOW)
    desk.encoder = None
    assert tuning.effect_of_synonyms(desk, EDITOR, wanted, NOW) is None


def test_a_shift_is_better_where_the_article_stands_further_up() -> None:
    def shift(before: int, after: int) -> bool:
        return Shift("", "", "", "", before, after).is_better

    assert [shift(*one) for one in ((3, 1), (0, 5), (1, 3), (2, 0))] == [True, True, False, False]


# --- pins ----------------------------------------------------------------------------------------

TODAY = date(2026, 11, 22)
PIN = Pin("toast", "kettle-en", TODAY, "ed")


def first(desk: Desk, question: str, by: User = AGENT, at: datetime = NOW) -> tuple[str, bool, str]:
    """The first hit, whether it is pinned, and the verdict."""
    found = desk.ask(question, by, at=at)
    return found.hits[0].article.id, found.hits[0].pinned, found.verdict.name


def test_a_pinned_article_comes_first_until_its_day_is_over(desk: Desk, base: SmallBase) -> None:
    assert first(desk, "my toast smells burnt")[:2] == ("toaster-en", False)
    tuning.save_pins(desk, EDITOR, [PIN], "", NOW)
    assert first(desk, "my toast smells burnt") == ("kettle-en", True, "found")
    assert [hit.pinned for hit in desk.ask("my toast smells burnt", AGENT, at=NOW).hits].count(True) == 1
    assert first(desk, "White flakes in my tea")[:2] == ("kettle-en", False)
    assert first(desk, "my toast smells burnt", at=NOW + timedelta(days=2))[:2] == ("toaster-en", False)
    _, version = files.now(base.folder, pins.FILE)
    tuning.save_pins(desk, EDITOR, [], version, NOW)
    assert first(desk, "my toast smells burnt")[:2] == ("toaster-en", False)


@pytest.mark.parametrize("keys", [{"state": "wip"}, {"teams": ["tier2"]}, {"valid_until": "2026-11-20"}])
def test_who_may_not_see_the_article_is_not_shown_it_by_a_pin(
    desk: Desk, base: SmallBase, keys: dict[str, object]
) -> None:
    base.write("toast-secret-en", "How hot the toaster gets", say="Shh.", **keys)
    base.build()
    desk.open()
    tier2 = User("tom", "Tom", Role.EDITOR, frozenset({"tier2"}))
    tuning.save_pins(desk, tier2, [Pin("toast", "toast-secret-en", TODAY)], "", NOW)
    assert first(desk, "my toast smells burnt")[:2] == ("toaster-en", False)
    assert "toast-secret-en" not in [hit.article.id for hit in desk.ask("toast", AGENT, at=NOW).hits]


def test_a_pin_shows_the_twin_in_the_customers_language(desk: Desk, base: SmallBase) -> None:
    base.write("kettle-en", "Descaling the kettle", say="Boil it once.", questions=["White flakes"], twin="kettle-zh")
    base.write("kettle-zh", "水壶除垢", say="烧一次即可。", questions=["壶底有白色的垢"], twin="kettle-en")
    base.build()
    desk.open()
    tuning.save_pins(desk, EDITOR, [PIN, Pin("烤焦", "kettle-en", TODAY)], "", NOW)
    assert first(desk, "my toast smells burnt")[:2] == ("kettle-en", True)
    assert first(desk, "面包烤焦了")[:2] == ("kettle-zh", True)
    (hit,) = desk.ask("面包烤焦了", AGENT, lang="zh", at=NOW, limit=1).hits
    assert (hit.article.id, hit.pinned) == ("kettle-zh", True)


def test_what_is_not_there_is_not_pinned(desk: Desk, base: SmallBase) -> None:
    with pytest.raises(RequestError, match="pin_article_unknown"):
        tuning.save_pins(desk, EDITOR, [Pin("toast", "none-en", TODAY)], "", NOW)
    with pytest.raises(NotAllowedError):
        tuning.save_pins(desk, AGENT, [PIN], "", NOW)
    assert not (base.folder / pins.FILE).exists()
    (base.folder / pins.FILE).write_bytes(pins.written(b"", [Pin("toast", "none-en", TODAY)]))
    desk.reread()
    assert first(desk, "my toast smells burnt")[:2] == ("toaster-en", False)


def test_pins_say_what_they_do_and_prove_no_gap(desk: Desk) -> None:
    found = tuning.effect_of_pins(desk, EDITOR, (PIN,), NOW)
    assert found is not None
    assert (found.questions, found.touched) == (4, 2)
    shifts = {(one.question, one.article): (one.before, one.after) for one in found.shifts}
    assert shifts["toast", "kettle-en"][1] == 1
    assert shifts["My toast smells burnt", "toaster-en"][1] == shifts["My toast smells burnt", "toaster-en"][0] + 1
    tuning.save_pins(desk, EDITOR, [PIN], "", NOW)
    asker = desk.asker(NOW)
    assert asker is not None
    assert asker.rank(diagnosis.Asking("toast", "", "", frozenset()), "kettle-en") == shifts["toast", "kettle-en"][0]
    assert tuning.effect_of_pins(desk, EDITOR, (PIN,), NOW) == Effect(3, 0, ())


def test_a_question_misspelt_and_a_draft_are_pinned_as_they_would_be(desk: Desk) -> None:
    misspelt = diagnosis.Asking("my tosat smells", "", "", frozenset())
    asker = desk.asker(NOW)
    assert asker is not None
    assert asker.tuned(synonyms.NONE, (PIN,)).rank(misspelt, "kettle-en") == 1
    tuning.save_pins(desk, EDITOR, [PIN], "", NOW)
    kettle = desk.open().opened.engine.article("kettle-en")
    told = foresight.foresee(desk, EDITOR, kettle, ["is the toast hot"], NOW)
    assert told is not None
    assert [(one.before, one.after) for one in told if one.question == "is the toast hot"] == [(1, 1)]


# --- the glossary --------------------------------------------------------------------------------


def test_a_glossary_says_what_it_marks_and_is_heard_at_once(desk: Desk, base: SmallBase) -> None:
    wanted = {"en": {"boil": "heat"}, "zh": {"烧一次": "煮开一次"}}
    found = tuning.effect_of_glossary(desk, EDITOR, wanted)
    assert (found.before, found.after) == (0, 2)
    assert [(one[0], one[3], one[4]) for one in found.new] == [
        ("kettle-en", "boil", "heat"),
        ("kettle-zh", "烧一次", "煮开一次"),
    ]
    lines = (base.folder / "troubleshooting/kettle-en.md").read_text("utf-8").splitlines()
    assert "Boil it once." in lines[found.new[0][2] - 1]
    tuning.save_glossary(desk, EDITOR, wanted, "", NOW)
    assert desk.served is not None
    assert desk.served.glossary == wanted
    assert glossary.load(base.folder) == wanted
    with pytest.raises(NotAllowedError):
        tuning.save_glossary(desk, AGENT, {}, "", NOW)
