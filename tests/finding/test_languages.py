"""A base of two languages: neither hides the other, and nothing changes where every article has its twin."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from indexer.generation import open_current
from indexer.vectors import VectorCache
from kb.config import ROOT, settings
from kb.content.articles import Span
from kb.finding.chunks import Chunk
from kb.finding.passage import Near
from kb.finding.search import Hits, Place, Scored, search
from kb.finding.search.languages import TITLES, TRUST, gap, level, merged, scopes
from kb.finding.verdict import ABROAD, USUAL, Verdict
from kb.people.scope import Scope
from tests.small_base import ALL, NOON, SmallBase, scope

ALONE = "airfryer-care"  # of its kind: three more articles are about the fryer


def near(score: float) -> Near:
    return Near(Chunk("a#0", "a", "body", Span(0, 1)), score, np.zeros(1, np.uint16), np.zeros((1, 1), np.float32))


def found(near_by: dict[str, list[Near]], **scores: float) -> Scored:
    return Scored(scores, {"answers": {id: Place(1, 0.9, "") for id in scores}}, near_by)


# --- merging by hand -----------------------------------------------------------------------------


def test_the_other_language_counts_by_its_ratio_and_what_is_best_stays_one() -> None:
    home, abroad = found({}, a=1.0, b=0.5), found({}, x=1.0, y=0.4)
    assert merged(home, abroad, 0.6).scores == {"a": 1.0, "x": 0.6, "b": 0.5, "y": pytest.approx(0.24)}
    assert merged(home, abroad, 4.0).scores == {"x": 1.0, "y": 0.4, "a": 0.25, "b": 0.125}
    both = merged(home, abroad, 1.0)
    assert (both.lists, both.abroad) == (home.lists, abroad.lists)


def test_the_gap_is_that_of_the_best_chunks() -> None:
    home, abroad = found({"a": [near(0.3), near(0.6)], "b": []}, a=1.0), found({"x": [near(0.4)]}, x=1.0)
    assert gap(home, abroad) == pytest.approx(-0.2)
    assert gap(home, found({"x": []}, x=1.0)) is None


def test_the_level_of_a_base_is_its_own_questions_held_to_what_is_usual() -> None:
    assert level([], [], 20) == ABROAD
    asked = [-0.1] * 50
    assert level(asked, [], 20) == pytest.approx(ABROAD - USUAL + (USUAL * TRUST - 0.1 * 50) / (TRUST + 50))
    assert level([-0.1] * 19, [USUAL - TITLES] * 9, 20) == pytest.approx(ABROAD)  # too few: its titles


def test_the_scope_is_parted_by_language() -> None:
    home, abroad = scopes(ALL, "zh")
    assert (home.langs, abroad.langs) == ({"zh-CN"}, {"en"})
    assert replace(home, langs=ALL.langs) == ALL == replace(abroad, langs=ALL.langs)


# --- which bases are mixed -----------------------------------------------------------------------


def test_a_base_is_mixed_where_an_article_has_no_twin_that_the_asker_may_see(base: SmallBase) -> None:
    base.write("one-zh", "退款多久到账", body="三天。", twin="one-en")
    base.write("one-en", "When a refund arrives", body="Three days.", twin="one-zh", state="wip")
    base.write("two-en", "Red light", body="Unplug it.")
    base.build()
    index = base.open().engine
    every, agent = ALL, scope(states={"validated"})
    assert (index.mixed(every, "zh"), index.mixed(every, "en")) == (True, False)  # in English there is all
    assert (index.mixed(agent, "zh"), index.mixed(agent, "en")) == (True, True)  # the refund is not, for an agent
    assert not index.mixed(scope(langs={"en"}), "zh")  # nothing to be hidden by
    assert not index.mixed(scope(langs={"en"}), "en")


# --- the sample base, a topic of it in the other language alone ----------------------------------


@pytest.fixture(scope="module")
def halves(real_encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    """By language, the sample base in it but for one topic, which stands in the other."""
    built = {}
    for lang, other in (("zh", "en"), ("en", "zh")):
        home = tmp_path_factory.mktemp(lang)
        shutil.copytree(ROOT / "articles", home / "articles")
        for file in (home / "articles").glob(f"*/*-{other}.md"):
            if file.stem != f"{ALONE}-{other}":
                file.unlink()
        next((home / "articles").glob(f"*/{ALONE}-{lang}.md")).unlink()
        with closing(VectorCache(settings().home / "vectors.sqlite")) as cache:
            build(home / "articles", home / "index", real_encoder, cache, at=NOON)
        built[lang] = open_current(home / "index").engine
    return built


def ask(index: Engine, question: str, encoder: SentenceEncoder, seen: Scope = ALL) -> Hits:
    return search(question, seen, index=index, encoder=encoder, catalogue={})


@pytest.mark.encoder
@pytest.mark.parametrize(
    ("lang", "question", "id"),
    [
        ("zh", "空气炸锅怎么清洗", "airfryer-care-en"),
        ("en", "How do I clean the air fryer basket?", "airfryer-care-zh"),
    ],
)
def test_the_only_article_on_a_matter_is_found_in_the_other_language(
    halves: dict[str, Engine], real_encoder: SentenceEncoder, lang: str, question: str, id: str
) -> None:
    hits = ask(halves[lang], question, real_encoder)
    assert id in [hit.article.id for hit in hits.hits[:4]]
    (hit,) = [hit for hit in hits.hits if hit.article.id == id]
    (vector,) = real_encoder.queries([hits.heard])
    for name in ("asks", "answers"):  # raw cosines, of the chunk that earned the place
        assert hit.why[name].score == pytest.approx(halves[lang].cosines(vector, id)[hit.why[name].chunk], abs=1e-6)
    if hits.hits[0].article.id == id:
        assert hits.verdict == Verdict("maybe", None)  # no curve was measured across languages


@pytest.mark.encoder
@pytest.mark.parametrize(
    ("lang", "question", "id"),
    [("zh", "退款多久到账", "airfryer-care-en"), ("en", "When will my refund arrive?", "airfryer-care-zh")],
)
def test_it_stands_behind_what_answers_another_question(
    halves: dict[str, Engine], real_encoder: SentenceEncoder, lang: str, question: str, id: str
) -> None:
    hits = [hit.article.id for hit in ask(halves[lang], question, real_encoder).hits]
    assert hits[0] == f"refund-times-{lang}"
    assert id not in hits[:5]


@pytest.mark.encoder
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_build_measures_from_where_the_other_language_comes_first(halves: dict[str, Engine], lang: str) -> None:
    calibration = halves[lang].calibration
    assert calibration
    assert calibration[lang].abroad != ABROAD
    assert -0.3 < calibration[lang].abroad < 0.1
