"""What was learnt becomes searchable: a generation that shares everything with the one before but its lessons.

No article is read and nothing but a new question embedded, so that a call solved now is found from in a
moment. How much the lessons count is measured apart from that (`measured`), which takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from indexer import generation
from indexer.engine import Engine, Learnt, Lesson, Taught, read_learnt, write_learnt
from indexer.engine.learnt import FOLDER
from indexer.generation import Manifest
from kb import text
from kb.finding.learning.evidence import MOST_ASKED, Held, Weights, folds, scaled, weighed
from kb.finding.search import Encoder, Vector, scored
from kb.people.scope import EVERY_PRODUCT, EVERYONE, GOVERNANCE, STATES, Scope

SEED = 7
MEASURE_FROM = 20  # lessons; fewer say little
MEASURE_AFTER = 1.2  # times as many lessons as the weights were measured on


def taught(lessons: Sequence[Lesson], before: Taught, encoder: Encoder) -> Taught:
    """Lessons with their rows: those of before where they are known, the others embedded now."""
    known = before.by_key()
    kept = list({one.key: one for one in lessons}.values())
    new = [one for one in kept if one.key not in known]
    texts = [one.question for one in new]
    made = zip(new, encoder.queries(texts), encoder.passages(texts), strict=True)
    known |= {one.key: (row, passage) for one, row, passage in made}
    if not kept:
        return Taught((), None, before.weights)
    rows, passages = (np.stack([known[one.key][side] for one in kept]) for side in (0, 1))
    return Taught(tuple(kept), rows, before.weights, passages)


def of_generation(index: Path, manifest: Manifest | None) -> Taught:
    """The lessons of a generation, none of none."""
    return read_learnt(index / "generations" / manifest.generation / FOLDER) if manifest else Taught()


def carry(work: Path, index: Path, served: Manifest | None, made: Manifest, encoder: Encoder) -> None:
    """Into a generation being written: the lessons of the one before, of the articles it still has."""
    was = of_generation(index, served)
    if served and served.model != encoder.name:
        was = Taught(was.lessons)  # another model's rows and weights mean nothing here
    write_learnt(work / FOLDER, taught([one for one in was.lessons if one.article in made.articles], was, encoder))


def teach(
    index: Path, encoder: Encoder, lessons: Sequence[Lesson], at: datetime, *, measure: bool = False, keep: int = 3
) -> bool:
    """Publish the current generation with these lessons instead of its own; False where it has them already.

    measure: also work out anew how much they count
    Lessons of articles that are not in the base are left out. False, too, where nothing was published yet or by
    another model. Raises PublishError while another publishes, GenerationError when what was written does not verify.
    """
    with generation.publisher(index):
        pointer = generation.current(index)
        if pointer is None:
            return False
        before = generation.verified(index, *pointer)
        if before.model != encoder.name:
            return False
        was = of_generation(index, before)
        now = taught([one for one in lessons if one.article in before.articles], was, encoder)
        if measure:
            engine = generation.open_named(index, *pointer).engine
            now = replace(now, weights=measured(engine, encoder, now, at))
        if {one.key for one in now.lessons} == {one.key for one in was.lessons} and now.weights == was.weights:
            return False
        name = generation.new_name(index, at)
        old = index / "generations" / before.generation
        with generation.workspace(index, name) as work:
            for segment in before.segments:
                generation.share(old / "segments" / segment, work / "segments" / segment)
            generation.share(old / "lexical", work / "lexical", skip=("meta.json", ".managed.json"))
            write_learnt(work / FOLDER, now)
            made = replace(before, generation=name, parent=before.generation, created=at.isoformat())
            generation.publish(index, work, made)
        generation.collect(index, keep)
        return True


def stale(lessons: int, asked: int) -> bool:
    """Whether so much was learnt, or unlearnt, since the weights were measured that it should be done anew."""
    few, many = sorted((lessons, asked))
    return many >= MEASURE_FROM and many > MEASURE_AFTER * few


def measured(engine: Engine, encoder: Encoder, now: Taught, at: datetime) -> Weights:
    """How much these lessons count in this base: sampled ones are asked of it with their own fold left out."""
    if now.rows is None:
        return Weights()
    engine = engine.unlearnt()
    place = {id: number for number, id in enumerate(engine.ids)}
    of = np.array([place[one.article] for one in now.lessons], np.int64)
    titles, scope = engine.titles(), everything(engine, at)
    share = min(1.0, MOST_ASKED / len(of))
    drawn = np.random.default_rng(SEED).random(len(of)) < share
    asked = [one.question for one in now.lessons]
    _, some = encoder.with_tokens([asked[i] for i in np.flatnonzero(drawn)], query=True)
    tokens = dict(zip(np.flatnonzero(drawn).tolist(), some, strict=True))
    cases = []
    for out in folds(of):
        left = set(of[~out].tolist())
        rest = tuple(now.lessons[i] for i in np.flatnonzero(~out))
        learnt = Learnt(Taught(rest, now.rows[~out]), engine.ids, titles)
        for i in np.flatnonzero(out & drawn).tolist():
            search = scored(text.clean(asked[i]), now.rows[i], tokens[i], scope, engine).scores
            cases.append(_held(search, learnt, now.lessons[i], now.rows[i], alone=int(of[i]) not in left))
    have = sorted(set(of.tolist()))
    asking = float(np.mean([engine.asks(engine.ids[one]) for one in have]))
    found = weighed([case for case in cases if case], len(have) / len(engine), asking)
    return replace(found, asked=len(of))


def _held(search: Mapping[str, float], learnt: Learnt, lesson: Lesson, vector: Vector, *, alone: bool) -> Held | None:
    """A lesson asked of a base that has not learnt it; None where neither the search nor a lesson finds its article."""
    near = {id: score for id, (score, _) in learnt.near(vector, None).items()}
    ids = sorted({*search, *near})
    if lesson.article not in ids:
        return None
    classes = scaled(learnt.classes_at(vector, ids))
    return Held(_column(search, ids), _column(near, ids), classes, ids.index(lesson.article), alone)


def _column(scores: Mapping[str, float], ids: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([scores.get(id, 0.0) for id in ids])


def everything(engine: Engine, at: datetime) -> Scope:
    """The scope of an asker who may see every article of an index."""
    articles = [engine.article(id) for id in engine.ids]
    return Scope(
        teams=frozenset({EVERYONE, *(team for one in articles for team in one.teams)}),
        langs=frozenset(one.lang for one in articles),
        states=frozenset(STATES),
        governance=frozenset(GOVERNANCE),
        products=frozenset({EVERY_PRODUCT}),
        on=at.date(),
        expired=True,
    )
