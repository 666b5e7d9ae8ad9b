"""Lessons in a generation: shared, carried, dropped, verified, rolled back, and never seen through a scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer import generation, learnt
from indexer.calibrate import trials
from indexer.engine import Engine, Lesson, Taught, read_learnt
from kb.errors import GenerationError
from kb.finding.learning.evidence import NEAR_FROM, UNMEASURED, Weights, classes_of, scaled
from kb.finding.learning.logistic import logistic_of
from kb.finding.search import search
from kb.finding.verdict import SIGNALS, Curve
from tests.fake_encoder import HashEncoder
from tests.small_base import ALL, NOON, SmallBase, scope

LATER = NOON + timedelta(minutes=1)
RED = Lesson("router-en", "blinking red light on my box")
PAN = Lesson("fryer-en", "my pan is burning")


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    made = SmallBase(tmp_path, HashEncoder(dim=64))
    made.write("card-en", "Refund to an expired card", body="The bank forwards it.", questions=["card expired"])
    made.write("router-en", "Reset the router", body="Hold the button.")
    made.write("fryer-en", "Air fryer smokes", body="Clean it first.")
    made.build()
    return made


def teach(base: SmallBase, *lessons: Lesson) -> bool:
    return learnt.teach(base.index, base.encoder, lessons, LATER)


def measure(base: SmallBase) -> bool:
    return learnt.measure(base.index, base.encoder, LATER)


def found(base: SmallBase, question: str, engine: Engine | None = None) -> list[str]:
    index = engine or base.open().engine
    return [h.article.id for h in search(question, ALL, index=index, encoder=base.encoder, catalogue={}).hits]


def inodes(base: SmallBase, part: str) -> set[int]:
    folder = base.index / "generations" / base.open().manifest.generation / part
    return {path.stat().st_ino for path in folder.rglob("*") if path.is_file() and path.suffix != ".json"}


def test_a_lesson_is_found_without_a_rebuild_and_shares_the_segments(base: SmallBase) -> None:
    before = inodes(base, "segments")
    first = base.open().manifest
    assert teach(base, RED)
    opened = base.open()
    assert found(base, RED.question)[0] == "router-en"
    assert inodes(base, "segments") == before
    assert (opened.manifest.parent, opened.manifest.segments) == (first.generation, first.segments)
    assert opened.engine.lessons == (RED,)
    hit = search(RED.question, ALL, index=opened.engine, encoder=base.encoder, catalogue={}).hits[0]
    assert (hit.score, hit.why["learnt"].chunk, hit.why["learnt"].rank) == (1.0, f"router-en#{RED.key}", 1)


def test_the_same_lessons_again_publish_nothing(base: SmallBase) -> None:
    assert teach(base, RED, PAN)
    assert not teach(base, PAN, RED)
    assert teach(base, PAN)
    assert base.open().engine.lessons == (PAN,)
    assert teach(base)
    assert base.open().engine.lessons == ()


def test_nearness_is_that_of_the_cosine_about_the_middle(base: SmallBase) -> None:
    teach(base, RED, PAN)
    engine = base.open().engine
    asked = base.encoder.queries(["a red light blinks"])[0]
    titles = np.stack(
        [
            base.encoder.passages(texts).mean(axis=0)
            for texts in (["Refund to an expired card", "card expired"], ["Air fryer smokes"], ["Reset the router"])
        ]
    )
    rows = base.encoder.queries([RED.question, PAN.question])
    middle = np.concatenate([titles, rows]).mean(axis=0)

    def about(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return (row - middle) / np.linalg.norm(row - middle)

    wanted = {
        one.article: (float(about(asked) @ about(row)) - NEAR_FROM) / (1 - NEAR_FROM)
        for one, row in zip((RED, PAN), rows, strict=True)
    }
    evidence = engine.learnt("a red light blinks", asked, ALL, ["card-en"])
    assert evidence is not None
    assert {id: near for id, (near, _) in evidence.near.items()} == pytest.approx(
        {id: near for id, near in wanted.items() if near > 0}, abs=1e-4
    )
    assert set(evidence.classes) == {"card-en", *evidence.near}
    assert evidence.weights == UNMEASURED


def test_a_scope_hides_what_its_articles_learnt(base: SmallBase) -> None:
    teach(base, RED, PAN)
    engine, asked = base.open().engine, base.encoder.queries([RED.question])[0]
    nothing = engine.learnt(RED.question, asked, scope(langs=()), ())
    assert nothing is not None
    assert (nothing.near, nothing.classes, nothing.spelled) == ({}, {}, frozenset())
    hits = search(RED.question, scope(langs=()), index=engine, encoder=base.encoder, catalogue={}).hits
    assert hits == ()


def test_without_the_encoder_the_very_question_is_found(base: SmallBase) -> None:
    teach(base, RED)
    hits = search(f" {RED.question.upper()} ", ALL, index=base.open().engine, encoder=None, catalogue={}).hits
    assert hits[0].article.id == "router-en"


def test_an_index_without_one_lesson_ranks_as_if_it_were_not_learnt(base: SmallBase) -> None:
    untaught = found(base, RED.question)
    teach(base, RED, PAN)
    engine = base.open().engine
    assert found(base, RED.question, engine.unlearnt()) == untaught
    assert found(base, RED.question, engine)[0] == "router-en"
    without = engine.unlearnt(RED.key).learnt(RED.question, base.encoder.queries([RED.question])[0], ALL, ["router-en"])
    assert without is not None
    assert "router-en" not in without.near
    assert not without.spelled


def test_an_edit_keeps_and_a_removal_drops_what_an_article_learnt(base: SmallBase) -> None:
    teach(base, RED, PAN)
    base.write("router-en", "Reset the router", body="Hold the button for ten seconds.")
    assert base.build(LATER).published
    assert set(base.open().engine.lessons) == {RED, PAN}
    (base.folder / "troubleshooting" / "router-en.md").unlink()
    base.build(LATER)
    assert base.open().engine.lessons == (PAN,)
    assert not teach(base, RED, PAN)  # of an article that is not there, nothing is learnt


def test_a_full_build_has_the_lessons_and_another_model_learns_them_anew(base: SmallBase) -> None:
    teach(base, RED)
    base.build(LATER, full=True)
    assert base.open().engine.lessons == (RED,)
    base.encoder = HashEncoder("other", dim=32)
    base.build(LATER)
    assert base.open().engine.lessons == (RED,)
    assert found(base, RED.question)[0] == "router-en"


def test_a_damaged_lesson_is_not_served_and_the_generation_before_it_is(base: SmallBase) -> None:
    before = base.open().manifest.generation
    teach(base, RED)
    rows = base.index / "generations" / base.open().manifest.generation / "learnt" / "rows.npy"
    raw = bytearray(rows.read_bytes())
    raw[-1] ^= 1
    rows.write_bytes(raw)
    opened = base.open()
    assert opened.manifest.generation == before
    assert [error.facts["file"] for error in opened.damaged] == ["learnt/rows.npy"]
    with pytest.raises(GenerationError):
        generation.verified(base.index, generation.generations(base.index)[-1])


def test_a_roll_back_unlearns(base: SmallBase) -> None:
    teach(base, RED)
    with generation.publisher(base.index):
        generation.roll_back(base.index)
    assert base.open().engine.lessons == ()


def test_the_index_of_another_model_is_not_taught(base: SmallBase) -> None:
    assert not learnt.teach(base.index, HashEncoder("other"), [RED], LATER)
    assert not learnt.teach(base.home / "nowhere", base.encoder, [RED], LATER)


def test_weights_are_measured_on_the_bases_own_lessons_and_kept(base: SmallBase) -> None:
    lessons = [
        Lesson(f"{name}-en", f"{word} {n}") for name, word in (("router", "xyz"), ("fryer", "uvw")) for n in range(12)
    ]
    assert teach(base, *lessons)
    assert base.open().engine.learnt_weights == UNMEASURED
    assert measure(base)
    weights = base.open().engine.learnt_weights
    assert weights.asked == len(lessons)
    assert weights.near + weights.classes > 0
    base.write("router-en", "Reset the router", body="Hold it.")
    base.build(LATER)
    assert base.open().engine.learnt_weights == weights


def test_what_is_learnt_and_revoked_during_a_measurement_is_not_lost(
    base: SmallBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A measurement takes seconds, and whoever solves a call or saves an article meanwhile waits for none of it."""
    lessons, late = clouds(12), Lesson("router-en", "blinks at night")
    monkeypatch.setattr("indexer.learnt.share_of", lambda ranks: 0.5)
    weighed = learnt.weighed_anew

    def meanwhile(held: Sequence[Lesson]) -> None:
        def slow(*given: Any) -> Taught:
            monkeypatch.setattr("indexer.learnt.weighed_anew", weighed)
            assert teach(base, *held)
            return weighed(*given)

        monkeypatch.setattr("indexer.learnt.weighed_anew", slow)
        assert measure(base)

    assert teach(base, *lessons)
    meanwhile([*lessons, late])
    engine = base.open().engine
    assert (late in engine.lessons, engine.learnt_weights.asked, engine.unfitted) == (True, len(lessons), False)
    assert found(base, "blinks at night")[0] == "router-en"
    meanwhile(lessons[1:])
    engine = base.open().engine
    assert (set(engine.lessons), engine.unfitted) == (set(lessons[1:]), True)  # to be fitted without what was revoked
    assert measure(base)
    assert not base.open().engine.unfitted


def test_where_found_begins_is_measured_anew_on_what_callers_asked(tmp_path: Path) -> None:
    """Each lesson is asked as if it were not learnt, and again as if its article were gone with all it learnt."""
    base = SmallBase(tmp_path, HashEncoder(dim=64))
    for n in range(12):
        base.write(f"part-{n}", f"Part {n}", body=f"Order number {n}.")
    base.build()
    before = base.open().manifest.calibration
    lessons = [Lesson(f"part-{n}", f"word{n} broke {place}") for n in range(12) for place in ("inside", "outside")]
    assert teach(base, *lessons)
    assert base.open().manifest.calibration == before
    assert measure(base)
    opened = base.open()
    curve = opened.manifest.calibration["en"]
    assert (curve.samples, opened.engine.calibration) == (24, opened.manifest.calibration)
    assert "en" not in before  # twelve titles say too little of an unknown model
    one = lessons[0]
    engine = opened.engine
    own = trials(engine, base.encoder, [engine.article(id) for id in engine.ids], ALL)["en"]
    trial = next(some for some in own if some.kind == "learnt")
    row = base.encoder.queries([one.question])[0]
    cosines = {
        id: max(float(row @ passage) for passage in base.encoder.passages(texts))
        for id in opened.engine.ids
        for texts in [
            [f"Part {id[5:]}", *(other.question for other in lessons if other.article == id and other.key != one.key)]
        ]
    }
    assert trial.article == one.article
    assert trial.there is not None
    assert trial.gone is not None
    assert trial.there.top == pytest.approx(max(cosines.values()), abs=1e-4)
    del cosines[one.article]
    assert trial.gone.top == pytest.approx(max(cosines.values()), abs=1e-4)
    base.build(LATER, full=True)
    assert base.open().manifest.calibration == opened.manifest.calibration  # a build has the lessons too


def clouds(count: int) -> list[Lesson]:
    return [
        Lesson(f"{name}-en", f"{word} {n}")
        for name, word in (("router", "a"), ("fryer", "b"), ("card", "c"))
        for n in range(count)
    ]


def with_share(base: SmallBase, monkeypatch: pytest.MonkeyPatch, lessons: Sequence[Lesson]) -> Engine:
    """The base after a measurement that gave the regression half a say."""
    monkeypatch.setattr("indexer.learnt.share_of", lambda ranks: 0.5)
    teach(base, *lessons)
    assert measure(base)
    return base.open().engine


def test_a_regression_that_counts_is_kept_with_the_generation_and_blended_in(
    base: SmallBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons = clouds(12)
    engine = with_share(base, monkeypatch, lessons)
    assert engine.learnt_weights.share == 0.5
    assert not engine.unfitted
    asked = base.encoder.queries(["r 99"])[0]
    ids = sorted(engine.ids)
    evidence = engine.learnt("r 99", asked, ALL, ids)
    assert evidence is not None
    rows = base.encoder.queries([one.question for one in lessons])
    of = np.array([engine.ids.index(one.article) for one in lessons])
    linear = classes_of(engine.titles(), rows, of)
    one = scaled((linear.weights @ linear.about(asked[None])[0] + linear.offsets).astype(np.float64))
    two = scaled(logistic_of(engine.ids, engine.titles(), rows, of).scores(asked[None])[0].astype(np.float64))
    assert [evidence.classes[id] for id in engine.ids] == pytest.approx(((one + two) / 2).tolist(), abs=1e-4)


def test_what_is_learnt_later_leaves_the_regression_and_a_revoked_lesson_takes_it_along_until_it_is_fitted_anew(
    base: SmallBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons = clouds(12)
    with_share(base, monkeypatch, lessons)
    assert teach(base, *lessons, RED)
    kept = base.open().engine
    assert not kept.unfitted
    assert not learnt.stale(kept)
    assert teach(base, *lessons[1:], RED)
    dropped = base.open().engine
    assert dropped.unfitted
    assert learnt.stale(dropped)
    asked = base.encoder.queries(["r 99"])[0]
    linear = dropped.learnt("r 99", asked, ALL, dropped.ids)
    again = with_share(base, monkeypatch, [*lessons[1:], RED])
    both = again.learnt("r 99", asked, ALL, again.ids)
    assert linear is not None
    assert both is not None
    assert linear.classes != pytest.approx(both.classes, abs=1e-3)
    assert not learnt.stale(again)
    assert {one.key for one in again.lessons} == {one.key for one in [*lessons[1:], RED]}


def test_an_article_that_came_after_the_regression_has_the_discriminants_score(
    base: SmallBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_share(base, monkeypatch, clouds(12))
    base.write("new-en", "Something new", body="New.")
    base.build(LATER)
    engine = base.open().engine
    assert not engine.unfitted
    evidence = engine.learnt("r 99", base.encoder.queries(["r 99"])[0], ALL, engine.ids)
    assert evidence is not None
    assert set(evidence.classes) == set(engine.ids)
    assert 0 <= evidence.classes["new-en"] <= 1


class Counted:
    """As much of an engine as `stale` asks."""

    def __init__(self, lessons: int, asked: int, *, unfitted: bool = False) -> None:
        self.lessons, self.learnt_weights, self.unfitted = range(lessons), Weights(asked=asked), unfitted


@pytest.mark.parametrize(
    ("lessons", "asked", "stale"), [(19, 0, False), (20, 0, True), (24, 20, False), (25, 20, True), (20, 25, True)]
)
def test_weights_are_measured_anew_when_much_was_learnt_or_unlearnt(lessons: int, asked: int, stale: bool) -> None:
    assert learnt.stale(Counted(lessons, asked)) is stale  # type: ignore[arg-type]
    assert learnt.stale(Counted(lessons, asked, unfitted=True))  # type: ignore[arg-type]


def test_the_verdict_hears_of_a_near_lesson_as_of_a_question_of_the_article(base: SmallBase) -> None:
    """A curve over the best cosine alone: with the lesson, the probability follows the cosine of that question."""
    asked = "a blinking red light on the box"
    curve = Curve({name: 20.0 if name == "top" else 0.0 for name in SIGNALS}, -14.0, 1)

    def probability() -> float | None:
        engine = base.open().engine
        engine.calibration = {"en": curve}
        return search(asked, ALL, index=engine, encoder=base.encoder, catalogue={}).verdict.probability

    before = probability()
    assert teach(base, RED)
    cosine = float(base.encoder.queries([asked])[0] @ base.encoder.passages([RED.question])[0])
    after = probability()
    assert before is not None
    assert after == pytest.approx(1 / (1 + np.exp(-(20 * cosine - 14))), abs=1e-4)
    assert after > before + 0.1


def test_a_generation_that_has_no_passages_of_its_lessons_serves_and_gets_them_at_the_next_build(
    base: SmallBase,
) -> None:
    teach(base, RED)
    opened = base.open()
    folder = base.index / "generations" / opened.manifest.generation / "learnt"
    taught = read_learnt(folder)
    assert taught.passages is not None
    (folder / "passages.npy").unlink()
    old = read_learnt(folder)
    assert (old.lessons, old.passages, old.by_key()) == ((RED,), None, {})
    again = learnt.taught(old.lessons, old, base.encoder)
    assert again.passages == pytest.approx(taught.passages, abs=1e-6)
