"""The dry run: what would become of each article of a pack, and why. Nothing is written; the same pack beside the same
base gives the same plan."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from kb.content import products
from kb.content.articles import CATEGORIES, Article, parse, plain
from kb.content.products import Catalogue
from kb.errors import KBError, RequestError
from kb.people.users import Action, User, require
from kb.studio import media
from kb.studio.header import Value, template, with_keys
from kb.studio.life import check_change
from kb.studio.transfer import docx, html, markdown, questions, zendesk
from kb.studio.transfer.found import Found, Refused, decoded, language, slug
from kb.studio.transfer.pack import Pack
from kb.text import fold

OUTCOMES = ("new", "changed", "same", "duplicate", "refused")
SAME_LEAST = 40  # characters of text from which the same text is no accident
FOLDERS_MOST = 4
PAPERS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".svg", ".bmp", ".mp4", ".ico", ".avif", ".heic")


@dataclass(frozen=True)
class Base:
    """What is imported into. `like` tells the id of an article that says the same already, '' for none."""

    folder: Path
    articles: Mapping[str, Article]
    catalogue: Catalogue
    like: Callable[[Article], str] = lambda _: ""
    category: str = CATEGORIES[0]  # of an article that lies in no section


@dataclass(frozen=True)
class Paper:
    """A picture or PDF that comes with an article: its name under `_media`, and how its bytes are had."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Row:
    """What would become of one article.

    outcome: one of `OUTCOMES`
    base:    sha256 of the text it would be written over, '' for a new file
    twice:   id of the article that says the same
    notes:   what was left out of it
    mark:    whether its file begins with a byte order mark
    """

    origin: str
    outcome: str
    title: str = ""
    id: str = ""
    path: str = ""
    source: str = ""
    base: str = ""
    twice: str = ""
    error: KBError | None = None
    notes: tuple[KBError, ...] = ()
    papers: tuple[Paper, ...] = ()
    mark: bool = False


@dataclass(frozen=True)
class Plan:
    """Every row, in the order of the pack."""

    rows: tuple[Row, ...]

    def count(self, outcome: str) -> int:
        """How many rows have this outcome."""
        return sum(row.outcome == outcome for row in self.rows)


def plan(pack: Pack, base: Base, by: User) -> Plan:
    """What an import of this pack would do. Raises NotAllowedError for somebody who writes no articles."""
    require(by, Action.WRITE_ARTICLE)
    rows = [_refused(one) for one in pack.refused]
    found: list[Found] = []
    for one in _read(pack):
        if isinstance(one, Refused):
            rows.append(_refused(one))
        else:
            found.append(one)
    return Plan((*_Import(pack, base, by, found).rows(), *rows))


def _refused(one: Refused) -> Row:
    return Row(one.origin, "refused", error=one.error)


def _read(pack: Pack) -> Iterator[Found | Refused]:
    """Each file by what its name ends in; pictures and papers wait for an article that shows them."""
    kinds: dict[str, list[str]] = {}
    for name in pack.names:
        if not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
            kinds.setdefault(f".{name.rpartition('.')[2].lower()}", []).append(name)
    pages = [name for ending in markdown.ENDINGS for name in kinds.pop(ending, [])]
    yield from markdown.read(pack, sorted(pages))
    yield from zendesk.read(pack, kinds.pop(".json", []))
    for name in kinds.pop(".csv", []):
        yield from _guarded(name, lambda name=name: list(questions.read(pack, name)))  # type: ignore[misc]
    for name in kinds.pop(".docx", []):
        yield from _guarded(name, lambda name=name: [docx.read(pack, name)])  # type: ignore[misc]
    for name in (*kinds.pop(".html", []), *kinds.pop(".htm", [])):
        yield from _guarded(name, lambda name=name: [_page(pack, name)])  # type: ignore[misc]
    for ending in PAPERS:
        kinds.pop(ending, None)
    for name in sorted(name for names in kinds.values() for name in names):
        code = "import_settings" if name.startswith("_") and name.endswith(".toml") else "import_kind"
        yield Refused(name, RequestError(code, file=name))


def _guarded(name: str, read: Callable[[], Sequence[Found | Refused]]) -> Iterator[Found | Refused]:
    try:
        yield from read()
    except KBError as error:
        yield Refused(name, error)


def _page(pack: Pack, name: str) -> Found:
    """One page of HTML, its first heading the title."""
    text = decoded(pack.read(name), name)
    body, papers = html.markdown_of(text, name)
    heading = re.match(r"#{1,6} (.+)\n*", body)
    named = re.search(r"<title[^>]*>([^<]{1,300})</title>", text, re.IGNORECASE)
    stem = posixpath.basename(name).rpartition(".")[0]
    title = plain(heading[1]) if heading else html.plain_of(named[1]) if named else stem
    body = body[heading.end() :] if heading else body
    if not body.strip():
        raise RequestError("import_no_text", file=name)
    near = posixpath.dirname(name)
    return Found(
        name, title or stem, body, tuple(filter(None, near.split("/"))), known=(name,), near=near, papers=papers
    )


_TARGET = re.compile(
    r"(!?)\[([^\[\]\n]*)\]\((?:<([^<>\n]*)>|([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*))(?:[ \t]+\"[^\"\n]*\")?\)"
)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_ZENDESK = re.compile(r"/hc/[a-z-]+/articles/(\d+)|/articles/(\d+)(?:-|\Z)")


class _Import:
    """One pack beside one base: ids first, so that links between the articles can be told."""

    def __init__(self, pack: Pack, base: Base, by: User, found: list[Found]) -> None:
        self.pack, self.base, self.by, self.found = pack, base, by, found
        self.langs = [one.lang or language(f"{one.title}\n{one.body}") for one in found]
        self.ids: list[str] = []
        self.paths: list[str] = []
        self._name_all()
        self.places = {known: path for one, path in zip(found, self.paths, strict=True) for known in one.known}
        self.there = frozenset(pack.names)
        self.files = {posixpath.basename(name).lower(): name for name in reversed(pack.names)}
        self.twins = self._twins()
        self.said = {_said(article.body): id for id, article in base.articles.items()}

    def _name_all(self) -> None:
        taken: set[str] = {posixpath.basename(one.path)[:-3] for one in self.found if one.source}
        groups: dict[str, str] = {}
        for one, lang in zip(self.found, self.langs, strict=True):
            if one.twin and (one.twin not in groups or lang == "en"):
                groups[one.twin] = slug(one.name) or slug(one.title)  # twins are called alike, by their English name
        for at, (one, lang) in enumerate(zip(self.found, self.langs, strict=True), 1):
            if one.source:
                self.ids.append(posixpath.basename(one.path)[:-3])
                self.paths.append(one.path)
                continue
            folders = [slug(name) for name in one.folders]
            category = next(filter(None, folders), self.base.category)
            stem = groups.get(one.twin) or slug(one.name) or slug(one.title) or f"{category}-{at}"
            short = lang.partition("-")[0]
            stem = stem.removesuffix(f"-{short}")
            id = f"{stem}-{short}"
            for number in range(2, len(self.found) + 2):
                if id not in taken:
                    break
                id = f"{stem}-{number}-{short}"
            taken.add(id)
            self.ids.append(id)
            there = self.base.articles.get(id)
            place = "/".join([*filter(None, folders)][:FOLDERS_MOST] or [self.base.category])
            self.paths.append(there.path if there else f"{place}/{id}.md")

    def _twins(self) -> dict[int, str]:
        """Place in `found` → id of the same article in the other language."""
        groups: dict[str, list[int]] = {}
        for at, one in enumerate(self.found):
            if one.twin:
                groups.setdefault(one.twin, []).append(at)
        pairs = [group for group in groups.values() if len(group) == 2 and self.langs[group[0]] != self.langs[group[1]]]
        return {a: self.ids[b] for pair in pairs for a, b in (pair, reversed(pair))}

    def rows(self) -> Iterator[Row]:
        for at, one in enumerate(self.found):
            try:
                yield self._row(at, one)
            except KBError as error:
                yield Row(one.origin, "refused", one.title, error=error)

    def _row(self, at: int, one: Found) -> Row:
        id, path = self.ids[at], self.paths[at]
        old = self.base.articles.get(id)
        notes, papers = list(one.notes), dict[str, Paper]()
        if one.source:
            source = one.source
            self._own_papers(one, notes, papers)
        else:
            body = self._body(one, path, notes, papers)
            source = self._over(old, one, body) if old else self._new(at, one, body, notes)
        made = parse(source, old.path if old else path)
        more = {"notes": tuple(notes), "papers": tuple(papers.values()), "mark": one.mark}
        row = Row(one.origin, "new", made.title, id, made.path, source, **more)  # type: ignore[arg-type]
        if old is not None and old.source == source:
            return replace(row, outcome="same")
        check_change(self.by, old, made)
        if old is not None:
            return replace(row, outcome="changed", base=old.version)
        said = _said(made.body)
        twice = self.said.get(said, "") if len(said) >= SAME_LEAST else ""
        twice = twice or self.base.like(made)
        if twice and twice != made.twin:
            return replace(row, outcome="duplicate", twice=twice)
        self.said.setdefault(said, id)
        return row

    def _new(self, at: int, one: Found, body: str, notes: list[KBError]) -> str:
        named = [(tag, products.resolve(self.base.catalogue, tag)) for tag in one.tags]
        lost = [tag for tag, code in named if code is None]
        if lost:
            notes.append(RequestError("import_tags", tags=", ".join(lost)[:200]))
        state = "wip" if one.draft or not _may(self.by, self.paths[at], self.ids[at]) else "not-validated"
        values: dict[str, Value] = {
            "id": self.ids[at],
            "title": one.title,
            "lang": self.langs[at],
            "products": tuple(dict.fromkeys(code for _, code in named if code)),
            "questions": one.questions,
            "state": state,
            "audience": "internal",
            "owner": self.by.id,
            "twin": self.twins.get(at, ""),
        }
        return template(values, body)

    def _over(self, old: Article, one: Found, body: str) -> str:
        """An article that is there, with another text: what it is filed under stays, and nobody has validated it."""
        if old.body.strip() == body.strip() and old.title == " ".join(one.title.split()):
            return old.source
        source = f"{old.source[: old.body_start]}\n{body.strip()}\n"
        state = "not-validated" if old.state == "validated" else old.state
        return with_keys(parse(source, old.path), {"title": one.title, "state": state})

    # --- links and pictures

    def _body(self, one: Found, path: str, notes: list[KBError], papers: dict[str, Paper]) -> str:
        def target(m: re.Match[str]) -> str:
            to = m[3] if m[3] is not None else m[4]
            if m[1]:
                return self._picture(one, path, m[2], to, notes, papers)
            return self._link(one, path, m, to, notes, papers)

        return _TARGET.sub(target, one.body)

    def _picture(self, one: Found, path: str, alt: str, to: str, notes: list[KBError], papers: dict[str, Paper]) -> str:
        found = self._paper(one, to, notes, papers)
        return f"![{alt}]({media.link(path, found)})" if found else alt

    def _link(
        self, one: Found, path: str, m: re.Match[str], to: str, notes: list[KBError], papers: dict[str, Paper]
    ) -> str:
        place = self._place(one, to)
        if place:
            return f"[{m[2]}]({posixpath.relpath(place, posixpath.dirname(path) or '.')})"
        if to in one.papers or (unquote(to).lower().endswith(PAPERS) and not _REMOTE.match(to)):
            found = self._paper(one, to, notes, papers)
            return f"[{m[2]}]({media.link(path, found)})" if found else m[2]
        if _REMOTE.match(to) and not to.lower().startswith("wiki:"):
            return m[0] if re.match(r"(?:https?:|mailto:|tel:)", to, re.IGNORECASE) else m[2]
        if not to.startswith("#"):
            notes.append(RequestError("import_link_lost", target=to.removeprefix("wiki:")[:80]))
        return m[2]

    def _place(self, one: Found, to: str) -> str:
        """The path here of the article that a link there leads to, '' for none."""
        key = _ZENDESK.search(to)
        if key:
            return self.places.get(f"zendesk:{key[1] or key[2]}", "")
        if to.lower().startswith("wiki:"):
            page = to[5:].partition("#")[0].strip().removesuffix(".md")
            return self.places.get(f"{page}.md") or self.places.get(posixpath.basename(page).lower(), "")
        if _REMOTE.match(to):
            return ""
        file = posixpath.normpath(posixpath.join(one.near, unquote(to.partition("#")[0])))
        names = (file, *(f"{file}{ending}" for ending in markdown.ENDINGS), f"{file}/index.md")
        return next((self.places[name] for name in names if name in self.places), "")

    def _paper(self, one: Found, to: str, notes: list[KBError], papers: dict[str, Paper]) -> str:
        """The name under `_media` of what a target means, '' where it cannot be had: then a note says why."""
        if to in papers:
            return papers[to].name
        given = one.papers.get(to)
        name = given if isinstance(given, str) else "" if given is not None else self._file(one, to)
        if given is None and not name:
            code = (
                "import_picture_remote" if _REMOTE.match(to) and not to.startswith("wiki:") else "import_picture_lost"
            )
            notes.append(RequestError(code, target=to.removeprefix("wiki:")[:80]))
            return ""
        try:
            raw = given if isinstance(given, bytes) else self.pack.read(name)
            kept = media.name_of(self.base.folder, raw, "")
        except KBError as error:
            notes.append(RequestError("import_picture_refused", target=to[:80], why=error.code))
            return ""
        papers[to] = Paper(kept, (lambda: given) if isinstance(given, bytes) else (lambda: self.pack.read(name)))
        return kept

    def _file(self, one: Found, to: str) -> str:
        """The file in the pack: from where the article lies, from the root, or anywhere by its name (Obsidian)."""
        if _REMOTE.match(to) and not to.startswith("wiki:"):
            return ""
        asked = unquote(to.removeprefix("wiki:").partition("#")[0].partition("?")[0])
        near = posixpath.normpath(posixpath.join(one.near, asked))
        names = (near, asked.lstrip("/"), f"static{asked}" if asked.startswith("/") else "", f"docs{asked}")
        loose = self.files.get(posixpath.basename(asked).lower(), "") if asked else ""
        return next((name for name in names if name in self.there), loose)

    def _own_papers(self, one: Found, notes: list[KBError], papers: dict[str, Paper]) -> None:
        """The pictures an article of ours names: they keep their names, or its text would change."""
        for name in sorted(media.names(parse(one.source, one.path))):
            place = f"{media.FOLDER}/{name}"
            if place not in self.there:
                continue
            try:
                raw = self.pack.read(place)
                if media.name_of(self.base.folder, raw, name) != name:
                    raise RequestError("import_picture_taken", target=name)
            except KBError as error:
                notes.append(RequestError("import_picture_refused", target=name, why=error.code))
                continue
            papers[name] = Paper(name, lambda place=place: self.pack.read(place))  # type: ignore[misc]


def _may(by: User, path: str, id: str) -> bool:
    """Whether this person may write an article that agents see at once."""
    try:
        check_change(by, None, Article(id, id, "en", path, "", state="not-validated"))
    except KBError:
        return False
    return True


def _said(body: str) -> str:
    """What a body says, whatever its marks, spaces and letters."""
    return re.sub(r"[\W_]+", "", fold(plain(body)))
