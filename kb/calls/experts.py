"""Whom to ask when no article answers, `articles/_experts.toml`: people by topic, product and language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kb import text, toml
from kb.content import products
from kb.content.products import Catalogue
from kb.content.site import Hours, hours_of
from kb.errors import ArticleError
from kb.i18n import LANGUAGES

FILE = "_experts.toml"
TEXTS, LISTS, TABLES = ("id", "extension", "chat"), ("lines", "products", "langs"), ("name", "topics", "hours")
KEYS = (*TEXTS, *LISTS, *TABLES)
REQUIRED = ("id", "name", "langs", "hours")
DIGITS_MOST = 6  # of an extension; more is a phone number, and this file is no place for one

Ground = Literal["owner", "product", "line", "topic", "anything", "lang"]
# How much a reason counts: who wrote on it, then who knows the very product, then its kind. By this order alone,
# nothing is fitted: who speaks the customer's language goes before who knows only a little more.
POINTS: Mapping[Ground, float] = {"owner": 4, "product": 3, "topic": 2, "lang": 1.5, "line": 1, "anything": 0}
NEAREST = 5  # articles whose owners may know: the n-th counts 1/n


@dataclass(frozen=True)
class Expert:
    """One person. `lines` and `products` are the catalogue's, `langs` are `zh` and `en`, `hours` in site time."""

    id: str
    names: Mapping[str, str]
    langs: tuple[str, ...]
    hours: Hours
    topics: Mapping[str, tuple[str, ...]]
    lines: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    extension: str = ""
    chat: str = ""

    def name(self, language: str) -> str:
        """The name to show: `language` is `zh` or `en`."""
        return self.names[language]

    @property
    def for_anything(self) -> bool:
        """Whether this is whom to ask about whatever nobody else knows."""
        return not (self.lines or self.products or any(self.topics.values()))


@dataclass(frozen=True)
class Why:
    """One reason to ask somebody, and what it is about: an article's id, a product's code, a line, a topic or
    a language as the file has it; '' for `anything`."""

    ground: Ground
    about: str


@dataclass(frozen=True)
class Suggestion:
    """Somebody to ask, why (the strongest reason first), and whether they are there now."""

    expert: Expert
    why: tuple[Why, ...]
    on_duty: bool


def whom_to_ask(
    experts: Sequence[Expert],
    question: str,
    *,
    owners: Sequence[tuple[str, str]],
    catalogue: Catalogue,
    product: str,
    lang: str,
    local: datetime,
    most: int = 3,
) -> tuple[Suggestion, ...]:
    """Who may know, at most `most`: those on duty first, then by how much speaks for them.

    owners:  (article id, owner's id) of the nearest articles, the nearest first
    product: any name of the call's product, '' = none
    lang:    the customer's language (`zh`, `en`, `zh-CN`), '' = the question's
    local:   now, in site time
    Nobody is suggested for the language alone.
    """
    said = products.named_in(catalogue, question)
    called = products.resolve(catalogue, product) if product else None
    codes = tuple(dict.fromkeys([*([called] if called else []), *said]))
    terms = frozenset(text.query_terms(question).words)
    spoken = (lang or text.language(question)).split("-")[0]
    found: list[tuple[float, Suggestion]] = []
    for expert in experts:
        why = [*_owned(expert, owners), *_known(expert, codes, catalogue), *_talked_of(expert, terms)]
        if expert.for_anything:
            why.append((POINTS["anything"], Why("anything", "")))
        if why:
            if spoken in expert.langs:
                why.append((POINTS["lang"], Why("lang", spoken)))
            reasons = tuple(reason for _, reason in sorted(why, key=lambda pair: -pair[0]))
            points = sum(points for points, _ in why)
            found.append((points, Suggestion(expert, reasons, expert.hours.open_at(local))))
    found.sort(key=lambda one: (not one[1].on_duty, -one[0], one[1].expert.id))
    return tuple(suggestion for _, suggestion in found[:most])


Weighed = tuple[float, Why]


def _owned(expert: Expert, owners: Sequence[tuple[str, str]]) -> list[Weighed]:
    """The nearest article that they answer for; the others say the same again."""
    near = enumerate(owners[:NEAREST], 1)
    mine = [(POINTS["owner"] / rank, Why("owner", article)) for rank, (article, owner) in near if owner == expert.id]
    return mine[:1]


def _known(expert: Expert, codes: Sequence[str], catalogue: Catalogue) -> list[Weighed]:
    known: list[Weighed] = [(POINTS["product"], Why("product", code)) for code in codes if code in expert.products]
    lines = dict.fromkeys(catalogue[code].line for code in codes if code in catalogue and code not in expert.products)
    return [*known, *((POINTS["line"], Why("line", line)) for line in lines if line in expert.lines)]


def _talked_of(expert: Expert, terms: frozenset[str]) -> list[Weighed]:
    """The topics whose every word the question has; each counts, the same one in two languages once."""
    topics = dict.fromkeys(topic for one in expert.topics.values() for topic in one)
    return [
        (POINTS["topic"], Why("topic", topic)) for topic in topics if terms.issuperset(text.query_terms(topic).words)
    ]


# --- the file ------------------------------------------------------------------------------------


def load(folder: Path) -> tuple[Expert, ...]:
    """The people of an articles folder in the file's order; none where there is no file.

    Raises ArticleError (file, line) when the file is not what it should be, and nothing else.
    """
    path = folder / FILE
    if not path.exists():
        return ()
    try:
        raw = path.read_bytes()
        source = raw.decode("utf-8-sig")
        tree = toml.tree(raw)
    except OSError as error:
        raise ArticleError("article_unreadable", file=FILE, line=1, reason=error.strerror or "") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ArticleError("article_not_utf8", file=FILE, line=line) from error
    except ValueError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place.group(1)) if place else source.count("\n") + 1  # else it says "at end of document"
        raise ArticleError("experts_broken", file=FILE, line=line, problem=str(error)) from error
    return _people(tree, source)


def _people(tree: Mapping[str, Any], source: str) -> tuple[Expert, ...]:
    rows = tree.get("expert", [])
    if set(tree) - {"expert"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ArticleError("experts_not_a_list", file=FILE, line=1)
    found: dict[str, Expert] = {}
    for number, row in enumerate(rows):
        expert = _Row(row, source, number).expert()
        if expert.id in found:
            raise ArticleError("expert_twice", file=FILE, line=_line(source, number, "id"), id=expert.id)
        found[expert.id] = expert
    return tuple(found.values())


def _line(source: str, number: int, key: str) -> int:
    """The line (from 1) of a key of the `number`-th person (from 0), of its `[[expert]]` where the key is not found."""
    lines = source.splitlines()
    heads = [at for at, line in enumerate(lines, 1) if re.match(r"\s*\[\[\s*[\"']?expert[\"']?\s*\]\]", line)]
    if number >= len(heads):
        return 1  # written as one inline list
    end = heads[number + 1] if number + 1 < len(heads) else len(lines) + 1
    keyed = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]")
    return next((at for at in range(heads[number], end) if keyed.match(lines[at - 1])), heads[number])


class _Row:
    """One `[[expert]]` of the file while it is read."""

    def __init__(self, row: Mapping[str, Any], source: str, number: int) -> None:
        self.row, self.source, self.number = row, source, number

    def _line(self, key: str) -> int:
        return _line(self.source, self.number, key)

    def _wrong(self, key: str) -> ArticleError:
        return ArticleError("expert_value_wrong", file=FILE, line=self._line(key), key=key)

    def expert(self) -> Expert:
        """The person it describes. Raises ArticleError with the line of what is wrong."""
        for key in self.row:
            if key not in KEYS:
                raise ArticleError("key_unknown", file=FILE, line=self._line(key), key=key, known=", ".join(KEYS))
        for key in REQUIRED:
            if not self.row.get(key):
                raise ArticleError("key_missing", file=FILE, line=self._line(key), key=key)
        id, extension, chat = (self._text(key) for key in TEXTS)
        lines, codes, langs = (self._texts(key, self.row.get(key, [])) for key in LISTS)
        if not set(langs) <= set(LANGUAGES):
            raise self._wrong("langs")
        return Expert(id, self._names(), langs, self._hours(), self._topics(), lines, codes, extension, chat)

    def _text(self, key: str) -> str:
        value = self.row.get(key, "")
        if not isinstance(value, str):
            raise self._wrong(key)
        if key != "id" and sum(char.isdigit() for char in value) > DIGITS_MOST:
            raise ArticleError("expert_phone_number", file=FILE, line=self._line(key), key=key)
        return value.strip()

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) and text.query_terms(one) for one in value):
            raise self._wrong(key)
        return tuple(dict.fromkeys(one.strip() for one in value))

    def _names(self) -> dict[str, str]:
        names = self.row["name"]
        if not isinstance(names, dict) or set(names) != set(LANGUAGES):
            raise self._wrong("name")
        if not all(isinstance(name, str) and name.strip() for name in names.values()):
            raise self._wrong("name")
        return {language: names[language].strip() for language in LANGUAGES}

    def _topics(self) -> dict[str, tuple[str, ...]]:
        topics = self.row.get("topics", {})
        if not isinstance(topics, dict) or not set(topics) <= set(LANGUAGES):
            raise self._wrong("topics")
        return {language: self._texts("topics", topics.get(language, [])) for language in LANGUAGES}

    def _hours(self) -> Hours:
        try:
            return hours_of(self.row["hours"])
        except (TypeError, ValueError) as error:
            raise self._wrong("hours") from error
