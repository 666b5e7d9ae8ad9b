"""What the studio does with the desk: a text checked beside the base, saved, moved on, restored.

Pages, the command line and the API call these; none of them writes a file of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kb.content import articles, lint
from kb.content.articles import Article
from kb.content.lint import Finding
from kb.db import Connection
from kb.doors.wiring import Desk, Served
from kb.errors import ArticleError, NotFoundError, RequestError
from kb.gaps import moves
from kb.i18n import say
from kb.people import audit
from kb.people.scope import ANSWERING_STATES
from kb.people.users import Action, User, may, require
from kb.studio import drafts, media, revisions, writing
from kb.studio.drafts import Draft
from kb.studio.header import Value, template, with_keys
from kb.studio.life import check_change, may_read
from kb.studio.review import next_review
from kb.studio.revisions import Standing
from kb.studio.writing import Saved

LANGS = {"zh": "zh-CN", "en": "en"}  # of the interface → of an article
FOUND_WITHIN = 5.0  # seconds a page waits for what was saved to be found


@dataclass(frozen=True)
class Checked:
    """A text as it stands: the article it makes, or why it makes none; and what to mend in it."""

    article: Article | None
    error: ArticleError | None
    findings: tuple[Finding, ...]


def shelf(desk: Desk, by: User) -> list[Article]:
    """Every article this person may see in the studio, in whatever state, by id."""
    engine = (desk.served or desk.open()).opened.engine
    return [one for one in map(engine.article, engine.ids) if may_read(by, one)]


def article_of(desk: Desk, by: User, id: str) -> Article:
    """The article as its file says it now; as it was last indexed where the file is broken or gone.

    Raises NotFoundError where there is none that this person may see.
    """
    found = _on_disk(desk, _path_of(desk, id)) or _indexed(desk, id)
    if found is None or not may_read(by, found):
        raise NotFoundError("article_not_found")
    return found


def broken(desk: Desk, by: User, id: str) -> tuple[str, str]:
    """Path and text of a file that is no article, so that it can be mended: whose it is cannot be told either.

    Raises NotAllowedError, and NotFoundError where there is no such file or it is no text.
    """
    require(by, Action.SEE_STATUS)
    path, folder = _path_of(desk, id), desk.settings.articles
    try:
        articles.read(folder / path, folder)
    except ArticleError:
        try:
            return path, (folder / path).read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            pass
    raise NotFoundError("article_not_found")


def _path_of(desk: Desk, id: str) -> str:
    folder = desk.settings.articles
    known = _indexed(desk, id)
    if known is not None and (folder / known.path).exists():
        return known.path
    return next((one.relative_to(folder).as_posix() for one in articles.files(folder) if one.stem == id), "")


def _indexed(desk: Desk, id: str) -> Article | None:
    try:
        return (desk.served or desk.open()).opened.engine.article(id)
    except KeyError:
        return None


def _on_disk(desk: Desk, path: str) -> Article | None:
    try:
        return writing.on_disk(desk.settings.articles, path) if path else None
    except ArticleError:
        return None


def check(served: Served, source: str, path: str, at: datetime) -> Checked:
    """What this text is, and the content rules' findings on it, beside the base as it is served."""
    try:
        article = articles.parse(source, path)
    except ArticleError as error:
        return Checked(None, error, ())
    engine = served.opened.engine
    known = {id: engine.article(id) for id in engine.ids} | {article.id: article}
    base = lint.Base(
        articles=known,
        paths=frozenset(one.path for one in known.values()),
        catalogue=served.catalogue,
        site=served.site,
        glossary=served.glossary,
        today=served.site.today(at),
    )
    return Checked(article, None, tuple(lint.check([article], base)))


def begun(by: User, id: str, title: str, category: str, lang: str, questions: Sequence[str] = ()) -> tuple[str, str]:
    """The path and text of a new article, from the template of its language (one of `LANGS`).

    Raises RequestError where it has no title or id, ArticleError for one that cannot be.
    """
    if not title.strip() or not id:
        raise RequestError("title_and_id_missing")
    values: dict[str, Value] = {
        "id": id,
        "title": title,
        "lang": LANGS[lang],
        "state": "wip",
        "audience": "internal",
        "owner": by.id,
        "questions": questions,
    }
    path, source = f"{category}/{id}.md", template(values, say(lang, "studio.template"))
    articles.parse(source, path)
    return path, source


# --- saving --------------------------------------------------------------------------------------


def save(
    desk: Desk,
    by: User,
    path: str,
    source: str,
    base: str,
    at: datetime,
    cause: str = "studio",
    gap: str = "",
    mark: bool = False,
) -> Saved:
    """Save a text over the version `base` it was written from, stamp it, and forget the draft of it.

    The gap that it, or its draft, is written for goes along. `mark`: as `writing.save` has it.
    Raises as `writing.save` does, and StoreError where nothing could be stamped: then nothing was written.
    """
    with desk.database.write() as connection:
        return save_with(connection, desk, by, path, source, base, at, cause, gap, mark)


def save_with(
    connection: Connection,
    desk: Desk,
    by: User,
    path: str,
    source: str,
    base: str,
    at: datetime,
    cause: str = "studio",
    gap: str = "",
    mark: bool = False,
) -> Saved:
    """The same inside a transaction of the caller's, in whose commit it is stamped."""
    saved = writing.save(desk.settings.articles, path, source, base, by, mark)
    if saved.old is not None and revisions.latest(connection, saved.old.id) is None:
        revisions.record(connection, saved.old, at, revisions.DISK, "disk", news=False)
    if saved.changed:
        revisions.record(connection, saved.article, at, by.id, cause)
        act = "publish" if saved.article.state == "validated" else "edit"
        audit.append(connection, by.id, act, at, saved.article.id, cause=cause, version=saved.article.version[:8])
    draft = drafts.of(connection, by, saved.article.id)
    drafts.drop(connection, by, saved.article.id)
    shown = saved.article.state in ANSWERING_STATES
    moves.written(connection, by, saved.article.id, at, shown=shown, of=gap or (draft.gap if draft else ""))
    return saved


def move(desk: Desk, by: User, id: str, state: str, at: datetime) -> Saved:
    """Take an article to another state. Validating it is also a review. Raises as `save` does."""
    article = article_of(desk, by, id)
    today = desk.site.today(at)
    values: dict[str, object] = {"state": state}
    if state == "validated":
        values["review_by"] = next_review(article, today)
    return save(desk, by, article.path, with_keys(article, values), article.version, at, "move")  # type: ignore[arg-type]


def still_true(desk: Desk, by: User, id: str, at: datetime) -> Saved:
    """Somebody looked at it, and it is true: its next review is an interval from today."""
    article = article_of(desk, by, id)
    source = with_keys(article, {"review_by": next_review(article, desk.site.today(at))})
    return save(desk, by, article.path, source, article.version, at)


def restore(desk: Desk, by: User, id: str, revision: int, at: datetime) -> Saved:
    """Save an earlier version anew, over the one that is there. Raises NotFoundError for one that was never kept."""
    with desk.database.read() as connection:
        wanted = next((one for one in revisions.history(connection, by, id) if one.id == revision), None)
        if wanted is None:
            raise NotFoundError("version_not_found")
        old = revisions.of(connection, wanted)
    now = _on_disk(desk, old.path)
    return save(desk, by, old.path, old.source, now.version if now else "", at, "restore")


def until_found(desk: Desk, article: Article, within: float = FOUND_WITHIN) -> float | None:
    """Seconds until agents find an article as it was just saved, None where that takes too long."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        found = _indexed(desk, article.id)
        if found is not None and found.version == article.version:
            return time.monotonic() - began
        time.sleep(0.02)
    return None


# --- twins ---------------------------------------------------------------------------------------


def standings(desk: Desk, shelf: Sequence[Article]) -> dict[str, Standing]:
    """Article id → how it and its twin stand, for each that has one."""
    with desk.database.read() as connection:
        return revisions.standings(connection, [(one.id, one.twin) for one in shelf if one.twin])


def say_the_same(desk: Desk, by: User, id: str, at: datetime) -> None:
    """Somebody looked at both: an article says what its twin says. Raises NotFoundError where there is none that this
    person may see, NotAllowedError where they may not change it."""
    article = article_of(desk, by, id)
    with desk.database.write() as connection:
        revisions.record(connection, article, at, revisions.DISK, "disk", news=False)  # what was not stamped yet
        revisions.in_step(connection, by, article, at)
        audit.append(connection, by.id, "edit", at, id, cause=revisions.TWIN, version=article.version[:8])


# --- pictures ------------------------------------------------------------------------------------


def picture_path(desk: Desk, by: User, id: str) -> str:
    """The file of the article that a picture is pasted into: the draft's, else the one on disk.

    Raises NotFoundError where there is neither, NotAllowedError where this person may not change the article.
    """
    draft = _draft(desk, by, id)
    there = _on_disk(desk, draft.path if draft else _path_of(desk, id))
    if there is not None:
        check_change(by, there, there)
    if draft is None and there is None:
        raise NotFoundError("article_not_found")
    return draft.path if draft else there.path if there else ""


def picture(desk: Desk, by: User, id: str, name: str) -> tuple[bytes, str]:
    """A picture that an article names which this person may see: as it is served, or as they are writing it.

    Raises NotFoundError, whatever the reason: no such article, none they may see, or one that does not name it.
    """
    texts = [desk.read(id, by)]
    if may(by, Action.WRITE_ARTICLE):
        indexed, draft = _indexed(desk, id), _draft(desk, by, id)
        disk = _on_disk(desk, _path_of(desk, id))
        texts += [one for one in (indexed, disk) if one is not None and may_read(by, one)]
        if draft is not None and (disk is None or may_read(by, disk)):
            texts.append(_parsed(draft))
    for one in texts:
        if one is not None and name in media.names(one):
            return media.read(desk.settings.articles, one, name)
    raise NotFoundError("media_not_found")


def _draft(desk: Desk, by: User, id: str) -> Draft | None:
    with desk.database.read() as connection:
        return drafts.of(connection, by, id)


def _parsed(draft: Draft) -> Article | None:
    try:
        return articles.parse(draft.source, draft.path)
    except ArticleError:
        return None
