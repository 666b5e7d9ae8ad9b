"""What the desk does about a gap: why it missed, mended in one press, and a new article begun from its questions.

A remedy is a save in the studio like any other; the gap goes along, and its replay proves it or does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from kb import text
from kb.content.articles import CATEGORIES, Article
from kb.doors import studio
from kb.doors.wiring import Desk
from kb.errors import KBError, NotFoundError, RequestError
from kb.finding.held_out import normal
from kb.gaps import diagnosis, gap, moves
from kb.gaps.analytics import rewording
from kb.gaps.diagnosis import Asking, Diagnosis
from kb.gaps.gap import Gap
from kb.i18n import sentences
from kb.people.scope import is_valid_on
from kb.people.users import Action, User, may, require
from kb.studio.header import Value, template, with_keys
from kb.studio.life import may_change, may_read, moves_of
from kb.studio.review import next_review
from kb.studio.writing import Saved

QUESTIONS_MOST = 12  # of customers, put into an article at once
REMEDIES = ("add_words", "add_product", "revive", "publish")  # those that are one save
PAIRS_MOST = 8  # words and other words for them, proposed as synonyms
NEAREST = 5  # hits that tell the category of a new article
LANGS = {"zh": "zh-CN", "en": "en"}
_SLUG = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Begun:
    """A text to go on with in the editor."""

    id: str
    category: str
    source: str
    gap: str


def asked(desk: Desk, by: User, id: str) -> tuple[Asking, ...]:
    """A gap's questions as they were asked."""
    served = desk.served or desk.open()
    with desk.database.read() as connection:
        return diagnosis.askings(connection, by, id, served.catalogue)


def diagnose(desk: Desk, by: User, id: str, at: datetime) -> Diagnosis | None:
    """Why a gap missed, as far as this person may know it; None while there is no encoder to ask with."""
    require(by, Action.READ_GAPS)
    asker, served = desk.asker(at), desk.served
    if asker is None or served is None:
        return None
    with desk.database.read() as connection:
        questions = diagnosis.askings(connection, by, id, served.catalogue)
        named = diagnosis.known(connection, by, id)
    known = {one: asker.engine.article(one) for one in sorted(named) if one in asker.engine.ids}
    whole = diagnosis.diagnose(questions, asker.find, asker.base, known, served.glossary)
    spoken = sum(bool(served.synonyms.terms(one.question).alike) for one in questions)
    return diagnosis.veiled(replace(whole, synonyms=max(whole.synonyms, spoken)), partial(may_read, by))


def reasons(desk: Desk, by: User, ids: Sequence[str], at: datetime) -> dict[str, Diagnosis]:
    """Why each of these gaps missed, as `diagnose` tells it; none of them while there is no encoder."""
    found = ((id, diagnose(desk, by, id, at)) for id in ids)
    return {id: why for id, why in found if why is not None}


def titles(desk: Desk, by: User, ids: Iterable[str]) -> dict[str, str]:
    """The titles of these articles, in whatever state, as far as the studio shows them to this person."""
    engine = (desk.served or desk.open()).opened.engine
    known = (engine.article(id) for id in sorted(set(ids)) if id in engine.ids)
    return {one.id: one.title for one in known if may_read(by, one)}


# --- remedies ------------------------------------------------------------------------------------


def mend(desk: Desk, by: User, id: str, found: Diagnosis, at: datetime) -> Saved | None:
    """Do what mends a gap, in one step, and let the gap go along; None where nothing had to be written.

    Raises RequestError for a remedy that is not one step, and whatever saving the article raises.
    """
    require(by, Action.READ_GAPS)
    if found.article and found.remedy == "already_there":
        with desk.database.write() as connection:
            moves.move(connection, by, id, "already_there", at, article=found.article.id)
        return None
    if found.article is None or found.remedy not in REMEDIES:
        raise RequestError("remedy_unknown", remedy=found.remedy)
    article = studio.article_of(desk, by, found.article.id)
    values = _values(by, article, found, desk.site.today(at))
    saved = studio.save(desk, by, article.path, with_keys(article, values), article.version, at, "studio", gap=id)
    desk.floor.touched()
    desk.prover.touched()
    return saved


def may_mend(by: User, one: Gap, found: Diagnosis) -> bool:
    """Whether this person may press the remedy: they may change the article so, or close the gap by naming it."""
    if found.article is None:
        return False
    if found.remedy == "already_there":
        return (one.state, "already_there") in moves.MOVES and may(by, Action.SORT_GAPS)
    states = moves_of(by, found.article)
    if found.remedy == "publish":
        return "validated" in states
    if found.remedy == "revive" and found.article.state == "archived":
        return bool({"validated", "not-validated"} & set(states))
    return found.remedy in REMEDIES and may_change(by, found.article)


def otherwise(desk: Desk, found: Diagnosis) -> tuple[tuple[str, str], ...]:
    """What callers said and what the article says for it, where the two may mean the same: at most `PAIRS_MOST`."""
    served, one = desk.served or desk.open(), found.article
    if one is None:
        return ()
    together = served.opened.engine.lexicon.evidence
    asked = [each.asking.question for each in found.findings if each.article and each.article.id == one.id]
    pairs = (rewording.difference(each, own, together) for each in asked for own in (*one.questions, one.title))
    new = (pair for pair in pairs if pair and not served.synonyms.settles(*pair))
    return tuple(dict.fromkeys(new))[:PAIRS_MOST]


def sharers(article: Article, people: Iterable[User]) -> tuple[User, ...]:
    """Who may open an article to other teams: those who read it and may change it as it stands."""
    return tuple(one for one in people if may_read(one, article) and may_change(one, article))


def _values(by: User, article: Article, found: Diagnosis, today: date) -> dict[str, Value]:
    """The keys that the remedy sets. What is revived is validated where this person may say so, and what had run out
    is valid until somebody says otherwise."""
    own = [one.asking for one in found.findings if one.article and one.article.id == article.id]
    if found.remedy == "add_words":
        return {"questions": (*article.questions, *new_words(article, [one.question for one in own]))}
    if found.remedy == "add_product":
        codes = [one.product for one in own if one.product]
        return {"products": tuple(dict.fromkeys([*article.products, *codes]))}
    values: dict[str, Value] = {"state": "validated", "review_by": next_review(article, today)}
    if found.remedy == "revive":
        states = [article.state, *moves_of(by, article)]
        values["state"] = next(one for one in ("validated", "not-validated", article.state) if one in states)
        if not is_valid_on(article, today):
            values |= {"valid_until": None, "valid_from": None}
    return values


def new_words(article: Article, said: Sequence[str]) -> tuple[str, ...]:
    """Customers' questions in the article's language that it does not have yet, each once, at most a dozen."""
    lang, known = article.lang.split("-")[0], {normal(one) for one in article.questions}
    found: dict[str, str] = {}
    for one in said:
        if text.language(one) == lang and normal(one) not in known:
            found.setdefault(normal(one), one)
    return tuple(found.values())[:QUESTIONS_MOST]


# --- a new article -------------------------------------------------------------------------------


def begin(desk: Desk, by: User, id: str, lang: str, twin: Article | None = None) -> Begun:
    """A new article from a gap: template of the language, title, the customers' questions, product and category.

    lang: `zh` or `en`;  twin: what it translates. Raises NotFoundError, NotAllowedError.
    """
    require(by, Action.WRITE_ARTICLE)
    with desk.database.read() as connection:
        one = gap.find(connection, id)
    if one is None:
        raise NotFoundError("gap_not_found")
    questions = list(dict.fromkeys(each.question for each in asked(desk, by, one.id)))
    spoken = [each for each in questions if text.language(each) == lang]
    name = _id(desk, one, lang, twin, spoken)
    products = twin.products if twin else tuple(filter(None, [one.product]))
    values: Mapping[str, Value] = {
        "id": name,
        "title": (spoken or questions or [one.question or name])[0],
        "lang": LANGS[lang],
        "products": products,
        "questions": tuple({normal(each): each for each in reversed(spoken)}.values())[::-1][:QUESTIONS_MOST],
        "state": "wip",
        "audience": "internal",
        "teams": twin.teams if twin else (),
        "owner": by.id,
        "twin": twin.id if twin else "",
    }
    category = twin.category if twin else _category(desk, by, questions)
    return Begun(name, category, template(values, sentences(lang)["studio.template"]), one.id)


def take_up(desk: Desk, by: User, id: str, at: datetime) -> None:
    """The gap is in work with this person, where its state and their role let it."""
    with desk.database.write() as connection:
        moves.take_up(connection, by, id, at)


def _id(desk: Desk, one: Gap, lang: str, twin: Article | None, spoken: Sequence[str]) -> str:
    """An id that no article has: the twin's in the other language, else the English words asked, else the gap's."""
    if twin:
        stem = re.sub(r"-(zh|en)$", "", twin.id)
    else:
        words = [word for said in spoken[:1] for word in _SLUG.findall(text.fold(said)) if lang == "en"]
        content = [word for word in words if word not in text.FUNCTION_WORDS]
        stem = "-".join(content[:5]) or f"gap-{''.join(_SLUG.findall(one.id.lower()))[:8]}"
    taken = set((desk.served or desk.open()).opened.engine.ids)
    names = (f"{stem}-{lang}" if not n else f"{stem}-{n}-{lang}" for n in range(len(taken) + 1))
    return next(name for name in names if name not in taken)


def _category(desk: Desk, by: User, questions: Sequence[str]) -> str:
    """Where the nearest articles lie."""
    near: Counter[str] = Counter()
    for question in questions[:NEAREST]:
        try:
            near.update(hit.article.category for hit in desk.ask(question, by, limit=NEAREST).hits)
        except KBError:
            continue
    return max(CATEGORIES, key=lambda one: (near[one], -CATEGORIES.index(one)))
