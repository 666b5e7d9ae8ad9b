"""Content rules as a list of functions: each looks at one article and yields what to mend, with its line.

A new rule is one more function and one more row in `RULES`, with its sentence in `locales/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from kb.content.articles import LINK, SLOT, Article, linked
from kb.content.glossary import Glossary, jargon
from kb.content.products import Catalogue
from kb.content.site import Site
from kb.people.scope import is_valid_on

TITLE_MOST = {"zh": 30, "en": 60}  # characters
SAY_MOST = {"zh": 90, "en": 45}  # characters, words: about 25 seconds of reading aloud
QUESTIONS_LEAST = 3


@dataclass(frozen=True)
class Finding:
    """One thing to mend: the rule's name, file and line (from 1), and the facts its sentence is filled with."""

    rule: str
    file: str
    line: int
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Base:
    """Everything a rule may look at beside the article."""

    articles: Mapping[str, Article]
    paths: frozenset[str]
    catalogue: Catalogue
    site: Site
    glossary: Glossary
    today: date


Found = Iterator[tuple[str, int, Mapping[str, object]]]  # rule, place in source, facts
Rule = Callable[[Article, Base], Found]


def check(articles: Sequence[Article], base: Base) -> list[Finding]:
    """All findings of these articles, by file and line."""
    found = [
        Finding(rule_name, article.path, article.line_of(place), facts)
        for article in articles
        for rule in RULES
        for rule_name, place, facts in rule(article, base)
    ]
    return sorted(found, key=lambda f: (f.file, f.line, f.rule))


def _language(article: Article) -> str:
    return "zh" if article.lang.startswith("zh") else "en"


def say_present(article: Article, base: Base) -> Found:
    """An article an agent may open says what to say."""
    if not article.say and article.state != "archived":
        yield "say_missing", article.body_start, {}


def say_readable(article: Article, base: Base) -> Found:
    """Longer than one breath or two, and nobody reads it aloud."""
    language = _language(article)
    for block in article.blocks:
        if block.kind == "say":
            spoken = SLOT.sub("x", block.text)
            size = len("".join(spoken.split())) if language == "zh" else len(spoken.split())
            if size > SAY_MOST[language]:
                yield "say_long", block.span.start, {"size": size, "most": SAY_MOST[language]}


def slots_known(article: Article, base: Base) -> Found:
    """A slot nobody can fill would be read out as it stands."""
    known = base.site.slots or {}
    for block in article.blocks:
        if block.kind == "say":
            for slot in dict.fromkeys(SLOT.findall(block.text)):
                if slot not in known:
                    yield "slot_unknown", block.span.start, {"slot": slot, "known": ", ".join(known)}


def title_short(article: Article, base: Base) -> Found:
    """A title is read in a list, mid-call."""
    most = TITLE_MOST[_language(article)]
    if len(article.title) > most:
        yield "title_long", article.title_span.start, {"size": len(article.title), "most": most}


def links_lead_somewhere(article: Article, base: Base) -> Found:
    """Links between articles are relative paths; each must be a file."""
    for match in LINK.finditer(article.source, article.body_start):
        path = linked(article, match.group(1))
        if path and path not in base.paths and not path.startswith("_media/"):
            yield "link_broken", match.start(), {"target": match.group(1)}


def twin_alive(article: Article, base: Base) -> Found:
    """Twins name each other and speak different languages."""
    if not article.twin:
        return
    place = article.place_of("twin")
    twin = base.articles.get(article.twin)
    if twin is None:
        yield "twin_dead", place, {"twin": article.twin}
    elif twin.twin != article.id:
        yield "twin_not_back", place, {"twin": article.twin}
    elif twin.lang == article.lang:
        yield "twin_same_language", place, {"twin": article.twin}


def not_expired(article: Article, base: Base) -> Found:
    """An expired article is out of the results; somebody must renew or archive it."""
    if article.state != "archived" and article.valid_until and article.valid_until < base.today:
        yield "expired", article.place_of("valid_until"), {"day": article.valid_until}


def review_not_overdue(article: Article, base: Base) -> Found:
    """A fact nobody has looked at since its review day is not a fact."""
    due = article.review_by
    if article.state != "archived" and due and due < base.today and is_valid_on(article, base.today):
        yield "review_overdue", article.place_of("review_by"), {"day": due}


def plain_words(article: Article, base: Base) -> Found:
    """Jargon, in what is said or shown."""
    for place, word, plain in jargon(article.body, article.lang, base.glossary):
        yield "jargon", article.body_start + place, {"word": word, "plain": plain}


def products_known(article: Article, base: Base) -> Found:
    """A product that is not in the catalogue filters nothing."""
    if base.catalogue:
        for product in article.products:
            if product not in base.catalogue:
                yield "product_unknown", article.place_of("products"), {"product": product}


def departments_known(article: Article, base: Base) -> Found:
    """Nobody can be told whether an unknown department is open."""
    known = base.site.departments or {}
    for block in article.blocks:
        if block.kind == "escalate" and known and block.argument not in known:
            facts = {"department": block.argument, "known": ", ".join(known)}
            yield "department_unknown", block.span.start, facts


def enough_questions(article: Article, base: Base) -> Found:
    """Customers' own words are what finds an article."""
    if len(article.questions) < QUESTIONS_LEAST and article.state in ("validated", "not-validated"):
        facts = {"count": len(article.questions), "least": QUESTIONS_LEAST}
        yield "questions_few", article.title_span.start, facts


RULES: tuple[Rule, ...] = (
    say_present,
    say_readable,
    slots_known,
    title_short,
    links_lead_somewhere,
    twin_alive,
    not_expired,
    review_not_overdue,
    plain_words,
    products_known,
    departments_known,
    enough_questions,
)
