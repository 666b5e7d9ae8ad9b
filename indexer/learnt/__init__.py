"""What was learnt becomes searchable: a generation that shares everything with the one before but its lessons.

No article is read and nothing but a new question embedded, so that a call solved now is found from in a
moment. How much the lessons count is measured apart from that (`measure`), which takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from indexer import generation
from indexer.calibrate import calibrate, everybody
from indexer.engine import Engine, Learnt, Lesson, Taught, read_learnt, write_learnt
from indexer.engine.learnt import FOLDER
from indexer.generation import Manifest
from kb import text
from kb.finding.learning.evidence import MOST_ASKED, Held, Weights, folds, weighed
from kb.finding.learning.logistic import Logistic, affordable, held_ranks, logistic_of, share_of
from kb.finding.search import Encoder, Vector, scored

SEED = 7
MEASURE_FROM = 20  # lessons; fewer say little
MEASURE_AFTER = 1.2  # times as many lessons as the weights were measured on


def taught(lessons: Sequence[Lesson], before: Taught, encoder: Encoder) -> Taught:
    """Lessons with their rows: those of before where they are known, the others embedded now."""
    known = before.by_key()
    kept = list({one.key: one for one in lessons}.values())
    new = [one for one in kept if one.key not in known]
    if new:
        texts = [one.question for one in new]
        made = zip(new, encoder.queries(texts), encoder.passages(texts), strict=True)
        known |= {one.key: (row, passage) for one, row, passage in made}
    if not kept:
        return Taught((), None, before.weights)
    rows, passages = (np.stack([known[one.key][side] for one in kept]) for side in (0, 1))
    revoked = {one.key for one in before.lessons} - {one.key for one in kept}
    logistic = None if revoked else before.logistic  # it would go on knowing what nobody teaches any more
    return Taught(tuple(kept), rows, before.weights, passages, logistic)


def of_generation(index: Path, manifest: Manifest | None) -> Taught:
    """The lessons of a generation, none of none."""
    return read_learnt(index / "generations" / manifest.generation / FOLDER) if manifest else Taught()


def carry(work: Path, index: Path, served: Manifest | None, made: Manifest, encoder: Encoder) -> None:
    """Into a generation being written: the lessons of the one before, of the articles it still has."""
    was = of_generation(index, served)
    if served and served.model != encoder.name:
        was = Taught(was.lessons)  # another model's rows and weights mean nothing here
    write_learnt(work / FOLDER, taught([one for one in was.lessons if one.article in made.articles], was, encoder))


def teach(index: Path, encoder: Encoder, lessons: Sequence[Lesson], at: datetime, *, keep: int = 3) -> bool:
    """Publish the current generation with these lessons instead of its own; False where it has them already.

    Lessons of articles that are not in the base are left out. False, too, where nothing was published yet or by
    another model. Raises PublishError while another publishes, GenerationError when what was written does not verify.
    """
    with generation.publisher(index):
        before = _served(index, encoder)
        if before is None:
            return False
        was = of_generation(index, before)
        now = taught([one for one in lessons if one.article in before.articles], was, encoder)
        same = {one.key for one in now.lessons} == {one.key for one in was.lessons}
        return not same and _published(index, before, now, at, keep)


def measure(index: Path, encoder: Encoder, at: datetime, *, keep: int = 3) -> bool:
    """Work out anew how much the lessons count, and where the verdict's "found" begins with them; publish what came of
    it. False where it is as before, or as for `teach`.

    Takes seconds, in which others publish: what it came to goes into whatever serves by then. Raises as `teach`.
    """
    served = _served(index, encoder)
    if served is None:
        return False
    engine = generation.open_current(index).engine
    found = weighed_anew(engine, encoder, of_generation(index, served), at)
    curves = calibrate(engine.having(found), encoder, at)
    with generation.publisher(index):
        before = _served(index, encoder)
        if before is None:
            return False
        was = of_generation(index, before)
        now = as_measured(was, found)
        if not is_news(was, now) and curves == before.calibration:
            return False
        return _published(index, replace(before, calibration=curves), now, at, keep)


def as_measured(now: Taught, found: Taught) -> Taught:
    """Lessons as they are by now, with what was found on those of a moment ago: without its regression where one of
    these was revoked since."""
    revoked = {one.key for one in found.lessons} - {one.key for one in now.lessons}
    return replace(now, weights=found.weights, logistic=None if revoked else found.logistic)


def is_news(was: Taught, now: Taught) -> bool:
    """Whether a measurement came to something else. The same weights of a regression fitted anew are none."""
    return now.weights != was.weights or (now.logistic is None) != (was.logistic is None)


def _served(index: Path, encoder: Encoder) -> Manifest | None:
    """What serves, verified; None where there is nothing, or another model's."""
    pointer = generation.current(index)
    found = generation.verified(index, *pointer) if pointer else None
    return found if found and found.model == encoder.name else None


def _published(index: Path, before: Manifest, now: Taught, at: datetime, keep: int) -> bool:
    """Publish a generation that shares all with the one before but what was learnt. Under the publisher's lock."""
    name = generation.new_name(index, at)
    old = index / "generations" / before.generation
    with generation.workspace(index, name) as work:
        for segment in before.segments:
            generation.share(old / "segments" / segment, work / "segments" / segment)
        generation.share(old / "lexical", work / "lexical", skip=("meta.json", ".managed.json"))
        write_learnt(work / FOLDER, now)
        made = replace(before, generation=name, parent=before.generation, created=at.isoformat())
        generation.publish(index, work, made, before)
    generation.collect(index, keep)
    return True


def stale(engine: Engine) -> bool:
    """Whether so much was learnt, or unlearnt, since the weights were measured that it should be done anew."""
    few, many = sorted((len(engine.lessons), engine.learnt_weights.asked))
    return engine.unfitted or (many >= MEASURE_FROM and many > MEASURE_AFTER * few)


def weighed_anew(engine: Engine, encoder: Encoder, now: Taught, at: datetime) -> Taught:
    """These lessons with how much they count in this base, and their regression where that counts."""
    if now.rows is None:
        return replace(now, weights=Weights(), logistic=None)
    of, titles = places(engine, now), engine.titles()
    fitted = []
    if affordable(len(engine), len(of)):
        fitted = [logistic_of(engine.ids, titles, now.rows[~out], of[~out]) for out in folds(of)]
    share = share_of(held_ranks(titles, now.rows, of, fitted)) if fitted else 0.0
    weights = measured(searched(engine, encoder, now, at), now, engine, fitted, share)
    return replace(now, weights=weights, logistic=logistic_of(engine.ids, titles, now.rows, of) if share else None)


def places(engine: Engine, now: Taught) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The place of each lesson's article among the index's ids, (m,)."""
    place = {id: number for number, id in enumerate(engine.ids)}
    return np.array([place[one.article] for one in now.lessons], np.int64)


def searched(engine: Engine, encoder: Encoder, now: Taught, at: datetime) -> dict[int, Mapping[str, float]]:
    """What the base itself makes of a sample of the lessons, as if nothing were learnt: number → article → score."""
    assert now.rows is not None
    engine, scope = engine.unlearnt(), everybody(engine, at)
    share = min(1.0, MOST_ASKED / len(now.lessons))
    drawn = np.flatnonzero(np.random.default_rng(SEED).random(len(now.lessons)) < share).tolist()
    asked = [now.lessons[i].question for i in drawn]
    _, tokens = encoder.with_tokens(asked, query=True)
    return {
        i: scored(text.clean(question), now.rows[i], some, scope, engine).scores
        for i, question, some in zip(drawn, asked, tokens, strict=True)
    }


def measured(
    search: Mapping[int, Mapping[str, float]], now: Taught, engine: Engine, fitted: Sequence[Logistic], share: float
) -> Weights:
    """How much these lessons count in this base: those `searched` for are asked with their own fold left out.

    fitted: the regression of each fold, empty for none;  share: how much it counts in the classes
    """
    assert now.rows is not None
    of, titles = places(engine, now), engine.titles()
    cases = []
    for fold, out in enumerate(folds(of)):
        left = set(of[~out].tolist())
        rest = tuple(now.lessons[i] for i in np.flatnonzero(~out))
        regression = fitted[fold] if share else None
        taught = Taught(rest, now.rows[~out], Weights(share=share), logistic=regression)
        learnt = Learnt(taught, engine.ids, titles)
        for i in np.flatnonzero(out).tolist():
            if i in search:
                alone = int(of[i]) not in left
                cases.append(_held(search[i], learnt, now.lessons[i], now.rows[i], alone=alone))
    have = sorted(set(of.tolist()))
    asking = float(np.mean([engine.asks(engine.ids[one]) for one in have]))
    found = weighed([case for case in cases if case], len(have) / len(engine), asking)
    return replace(found, asked=len(of), share=share)


def _held(search: Mapping[str, float], learnt: Learnt, lesson: Lesson, vector: Vector, *, alone: bool) -> Held | None:
    """A lesson asked of a base that has not learnt it; None where neither the search nor a lesson finds its article."""
    near = {id: score for id, (score, _) in learnt.near(vector, None).items()}
    ids = sorted({*search, *near})
    if lesson.article not in ids:
        return None
    classes = learnt.classes_at(vector, ids)
    return Held(_column(search, ids), _column(near, ids), classes, ids.index(lesson.article), alone)


def _column(scores: Mapping[str, float], ids: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([scores.get(id, 0.0) for id in ids])
