"""What a draft would do once it is saved: where agents would find it, what it would push down, what asks the same and
what says otherwise.

The article's own questions and its gap's are asked of the base as it is and of one with the draft in it; so are
the questions of the articles that stand near it, whose callers it may take.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from indexer.engine import Engine
from kb import text
from kb.comparing import facts
from kb.comparing.duplicates import Asked, Covered, covered, middles_of
from kb.comparing.facts import Contradiction, Reading
from kb.content.articles import Article
from kb.doors.wiring import Desk, Served, scope_of
from kb.finding.chunks import ASKS
from kb.finding.search import Encoder, Tokens, Vector, search
from kb.people.scope import ANSWERING_STATES, STATES, Scope, may_see
from kb.people.users import Action, User, require

ASKED_MOST = 20  # questions in all: what 1.5 s are enough for
OWN_MOST = 14  # of these the draft's own and its gap's
DEEP = 10  # places looked at
NEAREST = 20  # chunks of each language from which a question's possible duplicates are taken
MIDDLE_OF = 50  # questions of a language that its middle is taken over
KNOWN_MOST = 20_000  # questions whose rows are kept
SHOWN = 3  # places that an agent takes in at a glance


@dataclass(frozen=True)
class Foreseen:
    """One question, asked of the base as it is and with the draft in it.

    article:       whose question it is; `title` its title
    before, after: that article's (or its twin's) place from 1, None = not among the first `DEEP`
    first:         title of the article that comes first with the draft, '' = none
    """

    question: str
    article: str
    title: str
    before: int | None
    after: int | None
    first: str

    @property
    def falls(self) -> bool:
        """Whether it was seen at a glance and is so no longer, or no longer comes first."""
        before, after = self.before or DEEP + 1, self.after or DEEP + 1
        return before <= SHOWN and after > before and (after > SHOWN or before == 1)


def foresee(desk: Desk, by: User, article: Article, asked: Sequence[str], at: datetime) -> tuple[Foreseen, ...] | None:
    """What these questions and the article's own find, before and after; then what others would lose by it.

    The draft counts as if it were validated today. None while there is no encoder: words alone would say something
    else. Raises NotAllowedError, GenerationError where the base cannot be looked at just now.
    """
    require(by, Action.WRITE_ARTICLE)
    served, encoder = desk.served or desk.open(), desk.encoder
    if encoder is None or encoder.name != served.opened.manifest.model:
        return None
    base, scope = served.opened.engine, scope_of(served, by, at)
    own = [(one, article) for one in _cleaned([*article.questions, *asked])[:OWN_MOST]]
    vectors = _encoded([one for one, _ in own], encoder)
    now = functools.partial(_found, served=served, index=base, scope=scope)
    before = [now(question, *vectors[question]) for question, _ in own]
    theirs = _rivals(article, before)[: ASKED_MOST - len(own)]
    vectors |= _encoded([one for one, _ in theirs if one not in vectors], encoder)
    before += [now(question, *vectors[question]) for question, _ in theirs]
    with _with_draft(desk, served, encoder, article) as engine:
        then = functools.partial(_found, served=served, index=engine, scope=scope)
        told = [
            _foreseen(question, whose, found, then(question, *vectors[question]))
            for (question, whose), found in zip([*own, *theirs], before, strict=True)
        ]
    return (*told[: len(own)], *(one for one in told[len(own) :] if one.falls))


def _cleaned(questions: Sequence[str]) -> list[str]:
    return [one for one in dict.fromkeys(map(text.clean, questions)) if one]


def _encoded(questions: Sequence[str], encoder: Encoder) -> dict[str, tuple[Vector, Tokens]]:
    rows, tokens = encoder.with_tokens(questions, query=True)
    return dict(zip(questions, zip(rows, tokens, strict=True), strict=True))


@dataclass(frozen=True)
class _Place:
    """One article found, and its twin where that is folded into it."""

    article: Article
    twin: str


def _found(
    question: str, vector: Vector, tokens: Tokens, *, served: Served, index: Engine, scope: Scope
) -> list[_Place]:
    hits = search(
        question,
        scope,
        index=index,
        encoder=None,
        catalogue=served.catalogue,
        synonyms=served.synonyms,
        pins=served.pins,
        vector=vector,
        tokens=tokens,
        limit=DEEP,
    ).hits
    return [_Place(hit.article, hit.twin) for hit in hits]


def _rivals(article: Article, found: Sequence[Sequence[_Place]]) -> list[tuple[str, Article]]:
    """The questions of the articles that stand at a glance where the draft would stand, the nearest articles first,
    one question of each in turn."""
    glances = itertools.zip_longest(*(places[:SHOWN] for places in found))
    own = {article.id, article.twin} - {""}
    places = (place for glance in glances for place in glance if place is not None)
    near = {one.article.id: one.article for one in places if own.isdisjoint((one.article.id, one.twin))}
    most = max((len(one.questions) for one in near.values()), default=0)
    return [
        (text.clean(one.questions[turn]), one)
        for turn in range(most)
        for one in near.values()
        if turn < len(one.questions)
    ]


# --- what the base asks already ------------------------------------------------------------------

_known: dict[tuple[str, str], Vector] = {}  # rows of questions, by model and text: asked again with every pause


def already(desk: Desk, by: User, article: Article, at: datetime) -> tuple[Covered, ...]:
    """The articles that ask what this one asks, in either language, but its twin; none without an encoder."""
    encoder = desk.encoder
    if encoder is None:
        return ()
    served = desk.served or desk.open()
    if encoder.name != served.opened.manifest.model:
        return ()
    base, scope = served.opened.engine, scope_of(served, by, at, states=frozenset(STATES) - {"archived"})
    draft = _asked(asks(article), encoder)
    ids = dict.fromkeys(
        near.article
        for one in draft
        for lang in served.langs
        for near in base.dense(one.vector, replace(scope, langs=frozenset({lang})), NEAREST, ASKS)
    )
    theirs = {id: _asked(asks(base.article(id)), encoder) for id in ids}
    return covered(draft, theirs, _middles(served, encoder), but=(article.id, article.twin))


def asks(article: Article) -> tuple[str, ...]:
    """What an article asks: its title and its questions."""
    return tuple(_cleaned([article.title, *article.questions]))


def _asked(questions: Sequence[str], encoder: Encoder) -> list[Asked]:
    missing = [one for one in questions if (encoder.name, one) not in _known]
    if len(_known) + len(missing) > KNOWN_MOST:
        _known.clear()
        missing = list(questions)
    rows = encoder.queries(missing) if missing else ()
    _known.update(((encoder.name, one), row) for one, row in zip(missing, rows, strict=True))
    return [Asked(one, _known[encoder.name, one]) for one in questions]


_middle: dict[tuple[str, str], dict[str, Vector]] = {}  # of the generation that serves, by it and the model


def _middles(served: Served, encoder: Encoder) -> dict[str, Vector]:
    """The middle of each language's questions, over some of them that lie evenly over the base."""
    base = served.opened.engine
    key = (base.generation, encoder.name)
    if key not in _middle:
        languages: dict[str, list[str]] = {}
        for id in base.ids:
            for one in asks(base.article(id)):
                languages.setdefault(text.language(one), []).append(one)
        chosen = [one for some in languages.values() for one in some[:: max(1, len(some) // MIDDLE_OF)][:MIDDLE_OF]]
        _middle.clear()
        _middle[key] = middles_of([(one.text, one.vector) for one in _asked(chosen, encoder)])
    return _middle[key]


# --- what the base says otherwise ----------------------------------------------------------------

CLAUSES_ASKED = 40  # clauses with values that the index is asked about
OF_EACH = 8  # articles it is asked for by each
COMPARED_MOST = 20  # articles compared with

READINGS_MOST = 500  # articles whose clauses are kept

_readings: dict[tuple[str, int], Reading] = {}  # by version and the products' names: compared with every pause


@dataclass(frozen=True)
class Against:
    """One contradiction, and whether it is the twin that says otherwise."""

    told: Contradiction
    title: str
    twin: bool


def contradicted(desk: Desk, by: User, article: Article, at: datetime) -> tuple[Against, ...]:
    """Amounts, times, dates and models that an article's twin, or one near it in its language, has otherwise; only
    articles this person may see."""
    served = desk.served or desk.open()
    base, scope = served.opened.engine, scope_of(served, by, at, states=frozenset(STATES) - {"archived"})
    mine, names = facts.read(article, served.catalogue), hash(tuple(served.catalogue.values()))
    found: list[Contradiction] = []
    if article.twin in base.ids and may_see(scope, base.article(article.twin)):
        found += facts.apart(mine, _reading(served, article.twin, names))
    near = _near(base, mine, replace(scope, langs=frozenset({article.lang})))
    found += facts.beside(mine, [_reading(served, id, names) for id in near])
    return tuple(Against(one, base.article(one.article).title, one.article == article.twin) for one in found)


def _near(base: Engine, mine: Reading, scope: Scope) -> list[str]:
    """The articles that the index finds for the clauses with values, most often found first."""
    stated = [one for one in mine.clauses if one.values and one.words][:CLAUSES_ASKED]
    votes: Counter[str] = Counter()
    for one in stated:
        terms = text.query_terms(" ".join(sorted(one.words)))
        votes.update(found.article for found in base.lexical(terms, scope, OF_EACH))
    own = (mine.article.id, mine.article.twin)
    ranked = sorted((id for id in votes if id not in own), key=lambda id: (-votes[id], id))
    return ranked[:COMPARED_MOST]


def _reading(served: Served, id: str, names: int) -> Reading:
    article = served.opened.engine.article(id)
    key = (article.version, names)
    if key not in _readings:
        if len(_readings) >= READINGS_MOST:
            _readings.clear()
        _readings[key] = facts.read(article, served.catalogue)
    return _readings[key]


# --- the preview ---------------------------------------------------------------------------------


@contextmanager
def _with_draft(desk: Desk, served: Served, encoder: Encoder, article: Article) -> Iterator[Engine]:
    from indexer.vectors import VectorCache

    state = article.state if article.state in ANSWERING_STATES else "validated"
    draft = replace(article, state=state, valid_from=None, valid_until=None)
    with (
        closing(VectorCache(desk.settings.home / "vectors.sqlite")) as cache,
        desk.place.preview(served.opened.manifest, draft, encoder, cache) as engine,
    ):
        yield engine


def _foreseen(question: str, whose: Article, before: Sequence[_Place], after: Sequence[_Place]) -> Foreseen:
    first = after[0].article.title if after else ""
    return Foreseen(question, whose.id, whose.title, _rank(whose, before), _rank(whose, after), first)


def _rank(whose: Article, found: Sequence[_Place]) -> int | None:
    return next((at for at, one in enumerate(found, 1) if whose.id in (one.article.id, one.twin)), None)
