"""One change over many articles at the desk: written and stamped as one act, and taken back as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kb.db import Connection
from kb.doors import studio
from kb.doors.wiring import Desk
from kb.errors import KBError, NotFoundError
from kb.gaps import moves
from kb.people import audit
from kb.people.scope import ANSWERING_STATES
from kb.people.users import Action, User, require
from kb.studio import bulk, revisions, writing
from kb.studio.bulk import Change, Edit, Row
from kb.studio.revisions import Revision

RESTORED = "restore"


@dataclass(frozen=True)
class Changed:
    """The articles that were written, and those that were not, each with its reason, by id."""

    written: tuple[str, ...]
    failed: tuple[tuple[str, KBError], ...]


@dataclass(frozen=True)
class TakenBack:
    """The articles that read as they did before, and those that somebody changed since: they stay, by id."""

    restored: tuple[str, ...]
    left: tuple[str, ...]


def plan(desk: Desk, by: User, ids: Sequence[str], change: Change, at: datetime) -> tuple[Row, ...]:
    """What a change would make of these articles as their files say them now. Raises as `bulk.plan` does."""
    articles = [studio.article_of(desk, by, id) for id in ids]
    return bulk.plan(by, articles, change, desk.site.today(at))


def carry_out(desk: Desk, by: User, chosen: Sequence[tuple[Row, str]], change: Change, at: datetime) -> Changed:
    """Write the chosen texts, each over the version that was looked at: one act of the audit log.

    One that changed on disk since, or that this person may not write, stops none of the others.
    """
    require(by, Action.EDIT_ARTICLE)
    written: list[str] = []
    failed: list[tuple[str, KBError]] = []
    with desk.database.write() as connection:
        for row, source in chosen:
            try:
                _write(connection, desk, by, row.article.path, source, row.article.version, at, bulk.CAUSE)
                written.append(row.article.id)
            except KBError as error:
                failed.append((row.article.id, error))
        if written:
            facts = {"kind": change.kind, "old": change.old, "value": change.value}
            audit.append(connection, by.id, "bulk", at, change.kind, articles=written, **facts)
    return Changed(tuple(written), tuple(failed))


def undo(desk: Desk, by: User, edit: Edit, at: datetime) -> TakenBack:
    """Write what each article said before a change, unless somebody changed it since: one act of the audit log."""
    require(by, Action.EDIT_ARTICLE)
    restored: list[str] = []
    left: list[str] = []
    with desk.database.write() as connection:
        for one in edit.revisions:
            before = revisions.source(connection, one.parent)
            try:
                if not before or not _reads(desk, one):
                    raise NotFoundError("version_not_found")
                _write(connection, desk, by, one.path, before, one.sha256, at, RESTORED)
                restored.append(one.article)
            except KBError:
                left.append(one.article)
        if restored:
            audit.append(connection, by.id, "bulk", at, "undo", articles=restored, of=edit.at.isoformat())
    return TakenBack(tuple(restored), tuple(left))


def standing(desk: Desk, edit: Edit) -> int:
    """How many articles still read as a change left them."""
    return sum(_reads(desk, one) for one in edit.revisions)


def _reads(desk: Desk, one: Revision) -> bool:
    """Whether an article reads as a revision left it."""
    try:
        now = writing.on_disk(desk.settings.articles, one.path)
    except KBError:
        return False
    return now is not None and now.version == one.sha256


def _write(
    connection: Connection, desk: Desk, by: User, path: str, source: str, base: str, at: datetime, cause: str
) -> None:
    """One text, with what stood there before and what stands there now. Drafts of it stay: their save will merge."""
    saved = writing.save(desk.settings.articles, path, source, base, by)
    if saved.old is not None:
        revisions.record(connection, saved.old, at, revisions.DISK, "disk", news=False)
    revisions.record(connection, saved.article, at, by.id, cause)
    moves.written(connection, by, saved.article.id, at, shown=saved.article.state in ANSWERING_STATES)
