"""What editors tell the search, at the desk: what it would do, then written to its file, audited, and heard by the
next question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kb.content import glossary
from kb.content.articles import Article
from kb.content.glossary import Glossary
from kb.doors import studio
from kb.doors.prover import Asker
from kb.doors.wiring import Desk, Served
from kb.errors import RequestError
from kb.finding.spelling import heard
from kb.gaps import diagnosis, replay
from kb.gaps.analytics import asked, rewording
from kb.gaps.analytics.rewording import Proposal
from kb.gaps.analytics.view import View
from kb.gaps.diagnosis import Asking
from kb.people import audit
from kb.people.scope import ANSWERING_STATES
from kb.people.users import Action, User, require
from kb.studio.life import may_read
from kb.tuning import files, jargon, pins, synonyms
from kb.tuning.pins import Pin
from kb.tuning.synonyms import Synonyms

ASKED_MOST = 60  # questions asked before and after: some seconds
LATELY = timedelta(days=90)  # searches that synonyms are proposed from


# --- synonyms ------------------------------------------------------------------------------------


def add_synonyms(desk: Desk, by: User, words: Sequence[str], at: datetime) -> Synonyms:
    """Let these words mean the same from now on: added to the group that has some of them, else a group of their own.

    Nothing is written where they do already. Raises NotAllowedError, RequestError for words that can be no group,
    ArticleError where the file cannot be read, StaleError where somebody else writes it just now.
    """
    source, base = files.now(desk.settings.articles, synonyms.FILE)
    before = synonyms.read(source)
    after = before.with_words(words)
    if after != before:
        save_synonyms(desk, by, after, base, at)
    return after


def tell_apart(desk: Desk, by: User, words: Sequence[str], at: datetime) -> None:
    """Never propose these words as synonyms again. Raises as `add_synonyms` does."""
    source, base = files.now(desk.settings.articles, synonyms.FILE)
    save_synonyms(desk, by, synonyms.read(source).with_apart(words), base, at)


def save_synonyms(desk: Desk, by: User, wanted: Synonyms, base: str, at: datetime) -> None:
    """Make these the synonyms, over the version `base` of their file. Raises as `add_synonyms` does."""
    source, _ = files.now(desk.settings.articles, synonyms.FILE)
    before = synonyms.read(source).groups
    facts = {
        "added": ["、".join(one) for one in wanted.groups if one not in before],
        "taken_out": ["、".join(one) for one in before if one not in wanted.groups],
    }
    _save(desk, by, synonyms.FILE, synonyms.written(source, wanted), base, at, **facts)


def proposals(desk: Desk, by: User, at: datetime) -> tuple[Proposal, ...]:
    """What may mean the same, from searches that failed and then succeeded on the same real call."""
    require(by, Action.TUNE_SEARCH)
    served = desk.served or desk.open()
    lexicon = served.opened.engine.lexicon
    with desk.database.write() as connection:
        asked.catch_up(connection, by, at, served.site.zone)
        view = View(at - LATELY, at)
        return rewording.proposals(
            connection, by, view, served.synonyms, lexicon.evidence, lambda said: heard(said, lexicon)
        )


# --- pins and the glossary -----------------------------------------------------------------------


def save_pins(desk: Desk, by: User, wanted: Sequence[Pin], base: str, at: datetime) -> None:
    """Make these the pins, over the version `base` of their file.

    Raises as `add_synonyms` does, and RequestError where a new one pins an article that this person does not see.
    """
    source, _ = files.now(desk.settings.articles, pins.FILE)
    before = pins.read(source)
    new = [one for one in wanted if one not in before]
    check_pins(desk, by, new)
    told = {"added": pins.as_lines(new), "taken_out": pins.as_lines([one for one in before if one not in wanted])}
    _save(desk, by, pins.FILE, pins.written(source, wanted), base, at, **told)


def check_pins(desk: Desk, by: User, new: Sequence[Pin]) -> None:
    """Raises RequestError for a pin of an article that is not there for this person."""
    there = {one.id for one in studio.shelf(desk, by)}
    for one in new:
        if one.article not in there:
            raise RequestError("pin_article_unknown", article=one.article[:80])


def save_glossary(desk: Desk, by: User, wanted: Glossary, base: str, at: datetime) -> None:
    """Make these the jargon and its plain words, over the version `base` of their file. Raises as `add_synonyms`."""
    source, _ = files.now(desk.settings.articles, glossary.FILE)
    before, after = (
        {(word, plain) for words in one.values() for word, plain in words.items()}
        for one in (glossary.read(source), wanted)
    )
    told = {
        "added": [f"{word} = {plain}" for word, plain in sorted(after - before)],
        "taken_out": [f"{word} = {plain}" for word, plain in sorted(before - after)],
    }
    _save(desk, by, glossary.FILE, jargon.written(source, wanted), base, at, **told)


@dataclass(frozen=True)
class Marked:
    """What a glossary would mark in articles: how many places now and then; of the new ones article, title, line, word
    and plain word."""

    before: int
    after: int
    new: tuple[tuple[str, str, int, str, str], ...]


def effect_of_glossary(desk: Desk, by: User, wanted: Glossary) -> Marked:
    """What `lint` would mark with this glossary in the articles that this person may see."""
    require(by, Action.TUNE_SEARCH)
    served, shelf = desk.served or desk.open(), studio.shelf(desk, by)
    before, after = ({place for one in shelf for place in _marked(one, known)} for known in (served.glossary, wanted))
    return Marked(len(before), len(after), tuple(sorted(after - before)))


def _marked(article: Article, known: Glossary) -> Iterator[tuple[str, str, int, str, str]]:
    for place, word, plain in glossary.jargon(article.body, article.lang, known):
        yield article.id, article.title, article.line_of(article.body_start + place), word, plain


# --- what a change would do ----------------------------------------------------------------------


@dataclass(frozen=True)
class Shift:
    """Where the article of a question stands before and after, from 1, 0 = not among the first 20.

    gap: whose replay asks it, '' for a question of the article itself
    """

    question: str
    article: str
    title: str
    gap: str
    before: int
    after: int

    @property
    def is_better(self) -> bool:
        """Whether it stands further up."""
        return self.after != 0 and (self.before == 0 or self.after < self.before)


@dataclass(frozen=True)
class Effect:
    """What a change does: of `questions` of the base and of gaps' replays `touched` would be asked in another way, of
    which at most `ASKED_MOST` were asked; those whose place changes."""

    questions: int
    touched: int
    shifts: tuple[Shift, ...]


def effect_of_synonyms(desk: Desk, by: User, wanted: Synonyms, at: datetime) -> Effect | None:
    """What these synonyms would do to the questions of the base and the replays of gaps. None without an encoder."""
    require(by, Action.TUNE_SEARCH)
    asker, served = desk.asker(at), desk.served
    if asker is None or served is None:
        return None
    lexicon = served.opened.engine.lexicon

    def touched(question: str) -> bool:
        meant = heard(question, lexicon)
        return wanted.terms(meant, question) != served.synonyms.terms(meant, question)

    every = [*_replayed(desk, by, served), *_own(by, served)]
    return _effect(every, touched, asker, asker.tuned(wanted, ()))


def effect_of_pins(desk: Desk, by: User, wanted: tuple[Pin, ...], at: datetime) -> Effect | None:
    """What these pins would do to the same questions, and to what each new one is pinned to. None without an encoder.

    Raises RequestError as `save_pins` does.
    """
    require(by, Action.TUNE_SEARCH)
    asker, served = desk.asker(at), desk.served
    if asker is None or served is None:
        return None
    engine, new = served.opened.engine, [one for one in wanted if one not in served.pins]
    check_pins(desk, by, new)

    def touched(question: str) -> bool:
        said = question, heard(question, engine.lexicon)
        before, after = ([pins.pinned(some, one, asker.today) for one in said] for some in (served.pins, wanted))
        return before != after

    own = [(Asking(one.question, "", "", frozenset(engine.article(one.article).teams)), one.article, "") for one in new]
    every = [*own, *_replayed(desk, by, served), *_own(by, served)]
    return _effect(every, touched, *(asker.tuned(served.synonyms, one) for one in (served.pins, wanted)))


Asked = tuple[Asking, str, str]  # a question, the article that should answer, the gap that asks ('' = none)


def _effect(every: Sequence[Asked], touched: Callable[[str], bool], now: Asker, then: Asker) -> Effect:
    """Each question asked as it is and as it would be, without itself and its copies in the base."""
    concerned = [one for one in every if touched(one[0].question)]
    found = []
    for asking, article, gap in concerned[:ASKED_MOST]:
        before, after = now.rank(asking, article), then.rank(asking, article)
        if before != after:
            found.append(Shift(asking.question, article, now.engine.article(article).title, gap, before, after))
    return Effect(len(every), len(concerned), tuple(found))


def _own(by: User, served: Served) -> Iterator[Asked]:
    """The questions of every article that answers and that this person may read."""
    engine = served.opened.engine
    for one in map(engine.article, engine.ids):
        if one.state in ANSWERING_STATES and may_read(by, one):
            for question in one.questions:
                yield Asking(question, "", "", frozenset(one.teams)), one.id, ""


def _replayed(desk: Desk, by: User, served: Served) -> Iterator[Asked]:
    """The questions of gaps that have an answer, where this person may read it."""
    engine = served.opened.engine
    with desk.database.read() as connection:
        for gap in replay.due(connection, by):
            if gap.article in engine.ids and may_read(by, engine.article(gap.article)):
                for asking in diagnosis.askings(connection, by, gap.id, served.catalogue):
                    yield asking, gap.article, gap.id


def _save(desk: Desk, by: User, name: str, source: bytes, base: str, at: datetime, **facts: object) -> None:
    """One file written and audited: both, or neither."""
    with desk.database.write() as connection:
        audit.append(connection, by.id, "edit", at, name, **facts)
        files.save(desk.settings.articles, name, source, base, by)
    desk.reread()
