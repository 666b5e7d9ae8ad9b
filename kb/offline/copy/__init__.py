"""The base as one HTML file that needs no server and no network: the articles somebody may see, and a search over them.

What is in the file is decided here, once; the file itself shows all it has. Its policy lets nothing load, and nothing
run but its own script: what articles say stands in it as HTML that `html_of` made, in templates that are only cloned.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from kb.calls.bulletins import Bulletin, concerns, state
from kb.content.articles import Article, Block, html_of, linked
from kb.content.body import parts
from kb.content.deadlines import countable
from kb.content.products import Catalogue
from kb.content.site import Site
from kb.errors import NotFoundError
from kb.i18n import LANGUAGES, say, sentences
from kb.offline.words import words
from kb.people.scope import EVERYONE, Scope, may_see
from kb.people.users import Action, User, require
from kb.studio import media
from kb.tuning.synonyms import Synonyms

HERE = Path(__file__).parent
OLD_DAYS = 3  # after which a copy says in red how old it is
PICTURE_MOST, PICTURES_MOST = (
    200_000,
    8_000_000,
)  # bytes of one picture, of all together: others are left out, and said so
TAGS = {"zh": "zh-CN", "en": "en"}


@dataclass(frozen=True)
class Held:
    """What a copy is made of: everything that serves now, whoever may see it.

    folder: of the articles, for their pictures
    """

    generation: str
    articles: Sequence[Article]
    bulletins: Sequence[Bulletin]
    catalogue: Catalogue
    site: Site
    synonyms: Synonyms
    folder: Path


def copy(by: User, whom: User, scope: Scope, held: Held, at: datetime, old: int = OLD_DAYS) -> bytes:
    """The copy of what `whom` sees in this scope, as an HTML file.

    whom: a person, or teams without one (id '')
    old:  days after which it says so in red
    Raises NotAllowedError for somebody else's copy, or a scope of teams that `whom` is not of.
    """
    require(by, Action.TAKE_COPY, owner=whom.id, teams=frozenset() if whom.id else whom.teams)
    teams = whom.teams | {EVERYONE}
    seen = [one for one in held.articles if may_see(scope, one) and not teams.isdisjoint(one.teams or (EVERYONE,))]
    seen.sort(key=lambda one: one.id)
    pictures = _Pictures(held.folder)
    ids = frozenset(one.id for one in seen)
    facts = {
        "user": whom.id,
        "whom": whom.name,
        "teams": sorted(whom.teams),
        "generation": held.generation,
        "at": at.isoformat(),
        "zone": held.site.zone.key,
        "old": old,
        "articles": [_facts(one, held) for one in seen],
        "notices": [_notice(one) for one in held.bulletins if concerns(one, whom) and state(one, at) == "live"],
        "slots": {name: dict(names) for name, names in (held.site.slots or {}).items()},
        "said": {language: _labels(language) for language in LANGUAGES},
        "words": asdict(words(seen, held.synonyms)),
    }
    facts["copy"] = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    texts = (f'<template id="a-{n}">{_text(one, ids, pictures, held.site)}</template>' for n, one in enumerate(seen))
    return _page(facts, texts)


def _page(facts: Mapping[str, Any], articles: Iterable[str]) -> bytes:
    style, script = _read("page.css"), _script()
    return (
        Template(_read("page.html"))
        .substitute(
            lang="zh-CN",
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
            without_script=" ".join(escape(say(one, "offline.without_script")) for one in LANGUAGES),
            articles="\n".join(articles),
            data=_json(facts),
        )
        .encode()
    )


def _json(facts: object) -> str:
    """JSON that ends no script element and begins none."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


@functools.cache
def _read(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def _script() -> str:
    return f"{_read('words.js')}\n{_read('page.js')}"


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# --- what the page is told -----------------------------------------------------------------------


def _labels(language: str) -> dict[str, Any]:
    """The page's sentences of one language."""
    said = sentences(language)

    def section(start: str) -> dict[str, str]:
        return {key.removeprefix(start): text for key, text in said.items() if key.startswith(start)}

    groups = {"states": "state.", "categories": "category.", "events": "dates.from_", "kinds": "notice.kind_"}
    return section("offline.") | {name: section(start) for name, start in groups.items()}


def _facts(one: Article, held: Held) -> dict[str, Any]:
    names = [_names(held.catalogue, code) for code in one.products]
    return {
        "id": one.id,
        "title": one.title,
        "lang": one.lang,
        "say": one.say,
        "state": one.state,
        "audience": one.audience,
        "category": one.category,
        "products": names,
        "until": one.valid_until.isoformat() if one.valid_until else "",
        "review": one.review_by.isoformat() if one.review_by else "",
        "owner": one.owner,
        "twin": one.twin,
        "dates": [[line.label, line.text, line.event or "day"] for line in countable(one)],
    }


def _names(catalogue: Catalogue, code: str) -> dict[str, str]:
    return {one: catalogue[code].name(one) if code in catalogue else code for one in LANGUAGES}


def _notice(one: Bulletin) -> dict[str, str]:
    told = {"kind": one.kind, "title": one.title, "body": one.body, "say": one.say}
    return told | {"until": one.expires_at.isoformat()}


# --- what articles say ---------------------------------------------------------------------------


class _Pictures:
    """The pictures of a copy as `data:` addresses, as long as there is room."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._room = PICTURES_MOST

    def of(self, article: Article, target: str) -> str:
        """'' for one that is too large, no picture of the base, or one too many."""
        try:
            raw, kind = media.read(self._folder, article, media.media_of(article, target))
        except (NotFoundError, OSError):
            return ""
        if not kind.startswith("image/") or len(raw) > min(PICTURE_MOST, self._room):
            return ""
        self._room -= len(raw)
        return f"data:{kind};base64,{base64.b64encode(raw).decode()}"


def _text(article: Article, ids: frozenset[str], pictures: _Pictures, site: Site) -> str:
    """What stands under the say-line: what may be decided and must never be said, whom to hand over to, the rest."""

    def opens(target: str) -> str:
        name = linked(article, target).rpartition("/")[2]
        id = name.removesuffix(".md")
        return id if name.endswith(".md") and id in ids else ""

    def html(markdown: str) -> str:
        return html_of(markdown, opens, lambda target: pictures.of(article, target))

    blocks = [block for block in article.blocks if block.kind != "say"]
    shown = "".join(_block(block, html(block.text), site) for block in blocks)
    told = "".join(
        f"<h2>{escape(heading)}</h2>\n{html(text)}" if heading else html(text) for heading, text in parts(article)
    )
    return f'<div class="blocks">{shown}</div>{told}' if shown else told


def _block(block: Block, html: str, site: Site) -> str:
    department = (site.departments or {}).get(block.argument)
    named = ""
    if block.kind == "escalate" and department:
        named = f': <span data-zh="{escape(department.name_zh)}" data-en="{escape(department.name_en)}"></span>'
    return f'<div class="block {block.kind}"><strong><span data-t="{block.kind}"></span>{named}</strong>{html}</div>'
