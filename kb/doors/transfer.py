"""Import and export at the desk: what a pack would do to the base, doing it, and the base as a zip."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from kb.content import articles, products
from kb.content.articles import Article
from kb.doors import foresight, studio
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.failpoints import reached
from kb.people import audit
from kb.people.users import User
from kb.studio import media, transfer
from kb.studio.transfer import Base, Pack, Plan, Row

WRITTEN = ("new", "changed")
LIKE_FROM = 0.75  # probability that two articles ask the same, from which one need not come: surer than a warning


@dataclass(frozen=True)
class Imported:
    """What an import wrote, and what it could not, each with its reason."""

    written: tuple[Row, ...]
    failed: tuple[tuple[Row, KBError], ...]


def plan(desk: Desk, by: User, pack: Pack, at: datetime) -> Plan:
    """The dry run, beside the articles as they are on disk and what the index knows them to ask. Writes nothing."""
    folder = desk.settings.articles
    there, _ = articles.read_all(folder)

    def like(article: Article) -> str:
        """The article that most likely asks the same, of those that are still there."""
        found = foresight.already(desk, by, article, at)
        return next((one.article for one in found if one.likely >= LIKE_FROM and one.article in known), "")

    known = {one.id: one for one in there}
    return transfer.plan(pack, Base(folder, known, products.load(folder), like), by)


def carry_out(desk: Desk, by: User, plan: Plan, at: datetime, outcomes: Collection[str] = WRITTEN) -> Imported:
    """Write the rows of these outcomes: pictures first, so that no article shows what is not there.

    One that changed on disk since the dry run, or that this person may not write, stops none of the others.
    """
    written, failed = [], []
    for row in plan.rows:
        if row.outcome not in outcomes:
            continue
        try:
            for paper in row.papers:
                media.put(desk.settings.articles, paper.read(), by, paper.name)
                reached("import.picture")
            studio.save(desk, by, row.path, row.source, row.base, at, "import", mark=row.mark)
            reached("import.article")
            written.append(row)
        except KBError as error:
            failed.append((row, error))
    return Imported(tuple(written), tuple(failed))


def export(desk: Desk, by: User, at: datetime) -> bytes:
    """The base as a zip, and in the audit log that it was taken. Raises NotAllowedError, StoreError."""
    made = transfer.export(desk.settings.articles, by)
    with desk.database.write() as connection:
        audit.append(connection, by.id, "export", at, "articles")
    return made
