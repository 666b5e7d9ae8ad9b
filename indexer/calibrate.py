"""What a question's signals are on this base when its answer is there, and when it is not.

Run by a full build, and again in the background after much was learnt; never by the delta of a saved article.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import numpy as np

from indexer.engine import Engine, Lesson
from kb import text
from kb.content.articles import Article
from kb.finding import verdict
from kb.finding.chunks import ANSWERS, ASKS, Chunk, cut, shown
from kb.finding.held_out import HeldOut
from kb.finding.learning.evidence import Evidence
from kb.finding.search import (
    CHUNK_DEPTH,
    DEPTH,
    Encoder,
    Place,
    Ranked,
    Vector,
    by_article,
    languages,
    signals_of,
    stand_in,
)
from kb.finding.verdict import Prior, Signals, Trial
from kb.people.scope import EVERY_PRODUCT, EVERYONE, GOVERNANCE, STATES, Scope, may_see

OWN_TEXTS = 200  # questions, and as many titles, asked of the base in a language
OWN_GAPS = 100  # of them, asked in each language apart
OWN_LESSONS = 200  # learnt questions asked in a language
MOST_READ = 5_000  # articles that these are drawn from: of a large base a sample
SEED = 7
LANGUAGES = ("zh", "en")

_T = TypeVar("_T")
_Own = tuple[Article, Chunk, str]  # an article, a chunk of it, and that as a person reads it


def calibrate(engine: Engine, encoder: Encoder, at: datetime, prior: Prior = verdict.PRIOR) -> verdict.Calibration:
    """The verdict's curve for each language questions are asked in; none for a base too small to tell."""
    if len(engine) < verdict.MIN_ARTICLES:
        return {}
    everything = [engine.article(id) for id in _sample(engine.ids, MOST_READ)]
    scope = everybody(engine, at)
    own = trials(engine, encoder, everything, scope)
    curves = {language: verdict.fit(own[language], prior, encoder.name) for language in LANGUAGES}
    return {
        language: replace(curve, abroad=abroad(engine, encoder, everything, scope, language))
        if engine.mixed(scope, language)
        else curve
        for language, curve in curves.items()
        if curve
    }


def abroad(engine: Engine, encoder: Encoder, everything: Sequence[Article], scope: Scope, language: str) -> float:
    """The gap from which another language comes first (kb.finding.search.languages), by the base's own texts."""
    gaps: dict[str, list[float]] = {}
    texts = _own_texts(everything, language)
    for kind in ASKS:
        some = _sample([one for one in texts if one[1].kind == kind], OWN_GAPS)
        asked = [text.clean(own) for _, _, own in some]
        rows, tokens = encoder.with_tokens(asked, query=True)
        found = (
            languages.gap(*languages.apart(question, row, own, scope, HeldOut(engine, frozenset({chunk.id}))))
            for (_, chunk, _), question, row, own in zip(some, asked, rows, tokens, strict=True)
        )
        gaps[kind] = [one for one in found if one is not None]
    return languages.level(gaps["question"], gaps["title"], verdict.MIN_SAMPLES)


def trials(
    engine: Engine, encoder: Encoder, everything: Sequence[Article], scope: Scope
) -> Mapping[str, Sequence[Trial]]:
    """A sample of what the base has learnt, asked of it, by language; where that is little, of its own questions and
    titles too."""
    found: dict[str, list[Trial]] = {}
    for language in LANGUAGES:
        seen = languages.scopes(scope, language)[0] if engine.mixed(scope, language) else scope
        found[language] = _lessons(engine, encoder, seen, language)
        if len(found[language]) < verdict.MIN_SAMPLES:
            found[language] += _own(engine, encoder, everything, seen, language)
    return found


def _own(engine: Engine, encoder: Encoder, everything: Sequence[Article], scope: Scope, language: str) -> list[Trial]:
    texts = _own_texts(everything, language)
    chosen = [pair for kind in ASKS for pair in _sample([it for it in texts if it[1].kind == kind], OWN_TEXTS)]
    asked = [text.clean(own) for _, _, own in chosen]
    rows = encoder.queries(asked)
    return [
        _trial(engine, scope, one, chunk, question, vector)
        for (one, chunk, _), question, vector in zip(chosen, asked, rows, strict=True)
    ]


def _lessons(engine: Engine, encoder: Encoder, scope: Scope, language: str) -> list[Trial]:
    """Learnt questions, each asked as if it had not been learnt: these are callers' own words."""
    here = [
        one
        for one in engine.lessons
        if text.language(one.question) == language and may_see(scope, engine.article(one.article))
    ]
    some = _sample(here, OWN_LESSONS)
    asked = [text.clean(one.question) for one in some]
    rows = encoder.queries(asked)
    return [_lesson(engine, scope, *one) for one in zip(some, asked, rows, strict=True)]


def _lesson(engine: Engine, scope: Scope, lesson: Lesson, question: str, vector: Vector) -> Trial:
    hits, away = _hits(engine, scope, question, vector), (lesson.article, engine.article(lesson.article).twin)
    found = {id for some in hits.values() for id in by_article(some)}
    taught = engine.unlearnt(lesson.key).learnt(question, vector, scope, found)
    left = taught and taught.without(away)
    gone = {name: [hit for hit in some if hit.article not in away] for name, some in hits.items()}
    return Trial(lesson.article, verdict.LEARNT, _signals(hits, engine, taught), _signals(gone, engine, left))


def _own_texts(everything: Sequence[Article], language: str) -> list[_Own]:
    """What some articles ask in a language, titles and questions."""
    return [
        (one, chunk, shown(one, chunk))
        for one in everything
        for chunk in cut(one)
        if chunk.kind in ASKS and text.language(shown(one, chunk)) == language
    ]


def _sample(items: Sequence[_T], most: int) -> list[_T]:
    places = np.random.default_rng(SEED).permutation(len(items))[:most]
    return [items[i] for i in sorted(places.tolist())]


def _trial(engine: Engine, scope: Scope, one: Article, chunk: Chunk, question: str, vector: Vector) -> Trial:
    hits = _hits(engine, scope, question, vector)
    there = {name: [hit for hit in some if hit.chunk != chunk.id] for name, some in hits.items()}
    gone = {name: [hit for hit in some if hit.article not in (one.id, one.twin)] for name, some in hits.items()}
    alone = len(engine.chunks(one.id)) == 1
    return Trial(one.id, chunk.kind, None if alone else _signals(there, engine), _signals(gone, engine))


def _hits(engine: Engine, scope: Scope, question: str, vector: Vector) -> dict[str, Sequence[Ranked]]:
    """The lists of a question, by chunk."""
    dense = {"asks": ASKS, "answers": ANSWERS}
    hits = {name: engine.dense(vector, scope, CHUNK_DEPTH, kinds) for name, kinds in dense.items()}
    return {**hits, "lexical": engine.lexical(text.query_terms(question), scope, DEPTH)}


def _signals(hits: Mapping[str, Sequence[Ranked]], engine: Engine, taught: Evidence | None = None) -> Signals | None:
    lists: dict[str, Mapping[str, Place]] = {name: by_article(some) for name, some in hits.items()}
    lists["asks"] = stand_in(lists["asks"], lists["answers"], engine)
    return signals_of(lists, engine, taught)


def everybody(engine: Engine, at: datetime) -> Scope:
    """The scope of an asker who may see every article of an index."""
    return Scope(
        teams=engine.teams | {EVERYONE},
        langs=engine.langs,
        states=frozenset(STATES),
        governance=frozenset(GOVERNANCE),
        products=frozenset({EVERY_PRODUCT}),
        on=at.date(),
        expired=True,
    )
