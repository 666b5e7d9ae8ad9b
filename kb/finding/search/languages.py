"""A base of two languages, asked in each of them apart, so that neither hides the other.

A multilingual encoder puts texts of one language nearer to each other, whatever they say: of articles that have
no twin those in the language of the question would always come first. So each language has lists of its own, and
the two results are merged, as federated search merges those of several engines (Callan, Distributed Information
Retrieval, 2000). How much the other language counts comes from late interaction, which knows languages least: from how
far its best chunk stands behind the best of the question's own, beside what is usual in this base.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kb import text
from kb.finding.passage import Near
from kb.finding.search.index import Index, Tokens, Vector
from kb.finding.search.lists import WEIGHTS, Scored, found_in
from kb.finding.verdict import ABROAD, USUAL
from kb.people.scope import Scope

LATE_ABROAD = 10  # of the first articles in another language, as many as late interaction is worked out for
SOFT = 0.12  # of late interaction, over which the other language's scores fall to 1/e
TITLES = 0.12  # how much further the other language stands behind where a title is asked, not a caller's question
TRUST = 50  # own questions that count as much as what is usual elsewhere


def scored(
    asked: str,
    vector: Vector | None,
    tokens: Tokens | None,
    scope: Scope,
    index: Index,
    weights: Mapping[str, float] = WEIGHTS,
    terms: text.QueryTerms | None = None,
) -> Scored:
    """What a question finds: in its own language, and in others where an article has no twin in its own.

    terms: the question's, with synonyms; None = its own alone
    """
    lang = text.language(asked)
    if vector is not None and tokens is not None and weights.get("late") and index.mixed(scope, lang):
        home, abroad = apart(asked, vector, tokens, scope, index, weights, terms)
        behind = gap(home, abroad)
        if behind is not None:
            curve = index.calibration.get(lang) if index.calibration else None
            return merged(home, abroad, math.exp((behind - (curve.abroad if curve else ABROAD)) / SOFT))
    return found_in(asked, vector, tokens, scope, index, weights, terms)


def apart(
    asked: str,
    vector: Vector,
    tokens: Tokens,
    scope: Scope,
    index: Index,
    weights: Mapping[str, float] = WEIGHTS,
    terms: text.QueryTerms | None = None,
) -> tuple[Scored, Scored]:
    """What a question finds in its own language, and in the others: there by meaning alone, but for synonyms."""
    home, abroad = scopes(scope, text.language(asked))
    wordless = {name: weight for name, weight in weights.items() if name != "lexical"}
    by = weights if terms and terms.alike else wordless
    return (
        found_in(asked, vector, tokens, home, index, weights, terms),
        found_in(asked, vector, tokens, abroad, index, by, terms, LATE_ABROAD),
    )


def scopes(scope: Scope, lang: str) -> tuple[Scope, Scope]:
    """The part of a scope in one language (`zh`, `en`), and the rest."""
    own = frozenset(one for one in scope.langs if one.partition("-")[0] == lang)
    return replace(scope, langs=own), replace(scope, langs=scope.langs - own)


def gap(home: Scored, abroad: Scored) -> float | None:
    """Late interaction with the best chunk abroad less that with the best at home, in [-2, 2]; None where no tokens
    were kept."""
    here, there = _best(home.near), _best(abroad.near)
    return there - here if here is not None and there is not None else None


def _best(near: Mapping[str, Sequence[Near]]) -> float | None:
    return max((one.score for chunks in near.values() for one in chunks), default=None)


def level(questions: Sequence[float], titles: Sequence[float], enough: int) -> float:
    """The gap from which the other language comes first in a base, by those of its own texts, each asked without
    itself: of its questions, or of its titles where these are fewer than `enough`."""
    usual = questions if len(questions) >= enough else [one + TITLES for one in titles]
    return ABROAD - USUAL + (USUAL * TRUST + math.fsum(usual)) / (TRUST + len(usual))


def merged(home: Scored, abroad: Scored, ratio: float) -> Scored:
    """Both results as one; scores in [0, 1], those abroad by `ratio` of those at home, which is > 0."""
    here = {id: score / max(1.0, ratio) for id, score in home.scores.items()}
    there = {id: score * ratio / max(1.0, ratio) for id, score in abroad.scores.items()}
    scores = dict(sorted((here | there).items(), key=lambda item: (-item[1], item[0])))
    return replace(home, scores=scores, near={**abroad.near, **home.near}, abroad=abroad.lists)
