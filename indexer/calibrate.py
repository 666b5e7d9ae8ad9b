"""What a question's signals are on this base when its answer is there, and when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from indexer.engine import Engine
from kb import text
from kb.content import articles
from kb.finding import verdict
from kb.finding.chunks import ANSWERS, ASKS
from kb.finding.search import CHUNK_DEPTH, Encoder, best_cosines, by_article
from kb.people.scope import EVERY_PRODUCT, EVERYONE, GOVERNANCE, STATES, Scope

CALIBRATION_QUESTIONS = 200
SEED = 7


def calibrate(engine: Engine, encoder: Encoder, at: datetime) -> verdict.Calibration:
    """Measure on this base what a question's signals are when its answer is there and when it is not.

    A sampled question of an article is asked with its own chunk taken out (there), and with its
    article and twin taken out (not there). A language with too few questions gets no curve.
    """
    everything = [engine.article(id) for id in engine.ids]
    scope = _all(everything, at)
    curves = {}
    for language in ("zh", "en"):
        asked = [(one, i) for one in everything for i, q in enumerate(one.questions) if text.language(q) == language]
        chosen = np.random.default_rng(SEED).permutation(len(asked))[:CALIBRATION_QUESTIONS]
        curve = _curve(engine, encoder, scope, [asked[i] for i in sorted(chosen.tolist())])
        if curve:
            curves[language] = curve
    return curves


def _curve(
    engine: Engine, encoder: Encoder, scope: Scope, asked: list[tuple[articles.Article, int]]
) -> verdict.Curve | None:
    present: list[verdict.Signals] = []
    absent: list[verdict.Signals] = []
    vectors = encoder.queries([one.questions[i] for one, i in asked])
    for (one, i), vector in zip(asked, vectors, strict=True):
        own = next(chunk.id for chunk, _ in engine.chunks(one.id) if chunk.span == one.question_spans[i])
        lists = [engine.dense(vector, scope, CHUNK_DEPTH, kinds) for kinds in (ASKS, ANSWERS)]
        there = [by_article(hit for hit in hits if hit.chunk != own) for hits in lists]
        gone = [{id: p for id, p in ranks.items() if id not in (one.id, one.twin)} for ranks in there]
        for ranks, found in ((there, present), (gone, absent)):
            measured = verdict.signals(list(best_cosines(*ranks).values()))
            if measured:
                found.append(measured)
    return verdict.fit(present, absent)


def _all(everything: Sequence[articles.Article], at: datetime) -> Scope:
    return Scope(
        teams=frozenset({EVERYONE, *(team for one in everything for team in one.teams)}),
        langs=frozenset(one.lang for one in everything),
        states=frozenset(STATES),
        governance=frozenset(GOVERNANCE),
        products=frozenset({EVERY_PRODUCT}),
        on=at.date(),
        expired=True,
    )
