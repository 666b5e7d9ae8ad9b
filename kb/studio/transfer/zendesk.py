"""A Zendesk Guide export: the JSON of the Help Center API (articles, sections, categories, translations, attachments),
in one file or in several, with HTML bodies. Sections nest; a translation is a twin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from kb.errors import KBError, RequestError
from kb.studio.transfer.found import Found, Refused, decoded, tag_of
from kb.studio.transfer.html import markdown_of
from kb.studio.transfer.pack import MOST_FILE, Pack

LISTS = ("articles", "sections", "categories", "translations", "article_attachments")
ONE = {"article": "articles", "section": "sections", "category": "categories", "translation": "translations"}
NESTED_MOST = 8
_ATTACHMENT = re.compile(r"/article_attachments/(\d+)")


def read(pack: Pack, names: Sequence[str]) -> Iterator[Found | Refused]:
    """Every article of these JSON files, in each language it has."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
    first: dict[int, str] = {}
    for name in names:
        try:
            rows = _rows(decoded(pack.read(name), name, MOST_FILE), name)
        except KBError as error:
            yield Refused(name, error)
            continue
        for table, given in rows.items():
            tables[table] += given
            first |= {id(row): name for row in given}
    places = _Places(tables["sections"], tables["categories"])
    files = _Files(pack, tables["article_attachments"])
    for article in tables["articles"]:
        origin = f"{first[id(article)]}#{article.get('id', '?')}"
        translations = [one for one in tables["translations"] if one.get("source_id") == article.get("id")]
        for text in _languages(article, translations):
            try:
                yield _found(origin, article, text, places, files)
            except KBError as error:
                yield Refused(origin, error)


def _rows(text: str, name: str) -> dict[str, list[dict[str, Any]]]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError("import_json_broken", file=name) from error
    if isinstance(given, list):
        given = {"articles": given}
    if not isinstance(given, dict):
        raise RequestError("import_json_unknown", file=name)
    if {"title", "body"} <= set(given):
        given = {"article": given}
    given |= {many: [given[one]] for one, many in ONE.items() if one in given}
    found = {table: given[table] for table in LISTS if isinstance(given.get(table), list)}
    if not found:
        raise RequestError("import_json_unknown", file=name)
    return {table: [row for row in rows if isinstance(row, dict)] for table, rows in found.items()}


def _languages(article: dict[str, Any], translations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The article in each of its languages, its own first."""
    nested = article.get("translations")
    others = (
        [*translations, *(one for one in nested if isinstance(one, dict))] if isinstance(nested, list) else translations
    )
    texts = {str(one.get("locale", "")): one for one in (*others, article)}
    own = str(article.get("locale", ""))
    return [texts.pop(own), *texts.values()]


class _Places:
    """Where a section lies: its category, and the sections around it."""

    def __init__(self, sections: list[dict[str, Any]], categories: list[dict[str, Any]]) -> None:
        self.sections = {one.get("id"): one for one in sections if isinstance(one.get("id"), int)}
        self.categories = {one.get("id"): one for one in categories if isinstance(one.get("id"), int)}

    def of(self, section: object) -> tuple[str, ...]:
        names: list[str] = []
        for _ in range(NESTED_MOST):  # a section that lies in itself would have no end
            row = self.sections.get(section) if isinstance(section, int) else None
            if row is None:
                break
            names.insert(0, str(row.get("name", "")))
            if not row.get("parent_section_id"):
                category = (
                    self.categories.get(row.get("category_id")) if isinstance(row.get("category_id"), int) else None
                )
                return (str(category.get("name", "")), *names) if category else tuple(names)
            section = row["parent_section_id"]
        return tuple(names)


class _Files:
    """Which file of the pack an attachment's address means."""

    def __init__(self, pack: Pack, attachments: list[dict[str, Any]]) -> None:
        self.names = pack.names
        self.attachments = attachments

    def of(self, article: Mapping[str, Any]) -> tuple[dict[str, str | bytes], list[tuple[str, str]]]:
        """Address → name in the pack; and those that stand at the article's end, as (name, address)."""
        nested = article.get("attachments")
        own = [one for one in nested if isinstance(one, dict)] if isinstance(nested, list) else []
        own += [one for one in self.attachments if one.get("article_id") == article.get("id")]
        found: dict[str, str | bytes] = {}
        at_the_end = []
        for one in own:
            name, key = str(one.get("file_name", "")), str(one.get("id", ""))
            place = self._place(name, key)
            for address in (str(one.get("content_url", "")), f"/article_attachments/{key}"):
                if place and address:
                    found[address] = place
            if place and not one.get("inline"):
                at_the_end.append((name, f"/article_attachments/{key}"))
        return found, at_the_end

    def _place(self, name: str, key: str) -> str:
        ends = (f"{key}/{name}", f"{key}-{name}", f"{key}_{name}", name) if name else ()
        return next((one for end in ends for one in self.names if one == end or one.endswith(f"/{end}")), "")


def _found(origin: str, article: dict[str, Any], text: dict[str, Any], places: _Places, files: _Files) -> Found:
    title, body = text.get("title"), text.get("body")
    if not isinstance(title, str) or not title.strip():
        raise RequestError("import_no_title", file=origin)
    if not isinstance(body, str) or not body.strip():
        raise RequestError("import_no_text", file=origin)
    made, papers = markdown_of(body, origin)
    given, at_the_end = files.of(article)
    for target in re.findall(r"\]\(([^()\s]+)\)", made):
        key = _ATTACHMENT.search(target)
        name = given.get(target) or (given.get(key.group()) if key else None)
        if name:
            papers[target] = name
    for name, address in at_the_end:
        if address not in made:
            papers[address] = given[address]
            made += f"\n\n[{name.replace('[', '').replace(']', '')}]({quote(address)})"
    labels = article.get("label_names")
    number = str(article.get("id", ""))
    return Found(
        origin=origin,
        title=" ".join(title.split()),
        body=made,
        folders=places.of(article.get("section_id")),
        lang=tag_of(str(text.get("locale", ""))),
        twin=f"zendesk {number}" if number else "",
        known=(f"zendesk:{number}",),
        tags=tuple(str(one) for one in labels) if isinstance(labels, list) else (),
        draft=bool(text.get("draft", article.get("draft", False))),
        papers=papers,
    )
