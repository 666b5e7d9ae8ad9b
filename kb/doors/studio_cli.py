"""`python -m kb new|import|export|import-offline|history|restore`: what the studio does, on the command line, as the
operator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from kb.config import settings
from kb.content import articles
from kb.content.articles import CATEGORIES
from kb.doors import studio, transfer
from kb.doors.wiring import Desk
from kb.doors.wiring.offline import NOBODY, copy_for, write_copy
from kb.errors import KBError, NotFoundError
from kb.i18n import LANGUAGES, explain, say, terminal_language
from kb.offline import notes
from kb.offline.copy import OLD_DAYS
from kb.people import audit, users
from kb.people.users import OPERATOR, User
from kb.studio import revisions
from kb.studio.transfer import OUTCOMES, Plan, of_path


@contextmanager
def _desk() -> Iterator[tuple[Desk, User, str]]:
    """The base, the operator as a member of every team in it, the language to speak; an error is one sentence."""
    language = terminal_language("auto")
    try:
        configured = settings()
        language = terminal_language(configured.language)
        desk = Desk(configured)
        there, _ = articles.read_all(configured.articles)
        by = replace(OPERATOR, teams=frozenset(team for one in there for team in one.teams))
        try:
            yield desk, by, language
        finally:
            desk.database.close()
    except KBError as error:
        click.echo(explain(language, error), err=True)
        sys.exit(2)


@click.command()
@click.argument("id")
@click.option("--title", required=True, help="What the article is called.")
@click.option("--lang", type=click.Choice(list(studio.LANGS)), default="en", show_default=True)
@click.option("--category", default=CATEGORIES[0], show_default=True, help="The folder it lies in.")
def new(id: str, title: str, lang: str, category: str) -> None:
    """Begin an article: a file with the template of its language, in work."""
    with _desk() as (desk, by, _):
        path, source = studio.begun(by, id, title, category, lang)
        studio.save(desk, by, path, source, "", datetime.now(UTC))
        click.echo(str(desk.settings.articles / path))


@click.command(name="import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option("--only-new", is_flag=True, help="Leave articles that are there as they are.")
def import_command(source: Path, dry_run: bool, only_new: bool) -> None:
    """Import articles: a folder, a zip, or a file (Markdown, Zendesk Guide JSON, Word, CSV, HTML). Exit code 1 where
    something was refused."""
    with _desk() as (desk, by, language):
        made = transfer.plan(desk, by, of_path(source), datetime.now(UTC))
        failed: tuple[object, ...] = ()
        _report(made, language)
        if not dry_run:
            outcomes = ("new",) if only_new else transfer.WRITTEN
            done = transfer.carry_out(desk, by, made, datetime.now(UTC), outcomes)
            failed = done.failed
            for row, error in done.failed:
                click.echo(f"{row.origin}: {explain(language, error)}", err=True)
            click.echo(say(language, "transfer.done", count=len(done.written)))
        sys.exit(1 if failed or made.count("refused") else 0)


def _report(made: Plan, language: str) -> None:
    for row in made.rows:
        reasons = [explain(language, one) for one in (row.error, *row.notes) if one]
        reasons += [say(language, "transfer.twice", id=row.twice)] if row.twice else []
        facts = " · ".join([row.path or row.origin, *reasons])
        click.echo(f"{say(language, f'transfer.{row.outcome}')}: {facts}")
    click.echo(", ".join(f"{say(language, f'transfer.{one}')} {made.count(one)}" for one in OUTCOMES))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--offline", is_flag=True, help="One HTML file to search in when the server is gone.")
@click.option("--for", "whose", default="", metavar="USER", help="With --offline: what this person may see.")
@click.option("--teams", default="", help="With --offline: what these teams may see (commas); none: what is nobody's.")
@click.option("--langs", default="", help="With --offline: only articles in these languages: zh,en.")
@click.option(
    "--old", default=OLD_DAYS, show_default=True, type=click.IntRange(1), help="Days until it says so in red."
)
def export(file: Path, offline: bool, whose: str, teams: str, langs: str, old: int) -> None:
    """Write the base as a zip (articles, their pictures, its own tables), or as one HTML file to search in offline."""
    if not offline and (whose or teams or langs):
        raise click.UsageError("--for, --teams, --langs: with --offline")
    if whose and teams:
        raise click.UsageError("--for, --teams")
    wanted = _list(langs)
    if not set(wanted) <= set(LANGUAGES):
        raise click.UsageError(f"--langs {langs}")
    with _desk() as (desk, by, language):
        at = datetime.now(UTC)
        if not offline:
            file.write_bytes(transfer.export(desk, by, at))
            click.echo(say(language, "transfer.exported", file=file))
            return
        whom = _person(desk, whose) if whose else replace(NOBODY, teams=frozenset(_list(teams)))
        raw = copy_for(desk, by, whom, at, wanted, old)
        with desk.database.write() as connection:
            audit.append(connection, by.id, "export", at, "offline copy", whom=whom.id, teams=sorted(whom.teams))
        write_copy(file, raw)
        click.echo(say(language, "offline.wrote", file=file, size=round(len(raw) / 1024)))


@click.command(name="import-offline")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--by", "whose", default="", metavar="USER", help="Who noted them; else whom the copy was made for.")
def import_offline(file: Path, whose: str) -> None:
    """Take in the gaps that somebody noted in an offline copy, masked. A file may be taken in twice."""
    with _desk() as (desk, by, language):
        if not file.is_file():
            raise NotFoundError("path_missing", path=file)
        held = notes.read(file.read_bytes())
        name = whose or held.by
        with desk.database.read() as connection:
            known = users.get(connection, name)
        if whose and known is None:
            raise NotFoundError("user_missing", id=whose)
        with desk.database.write() as connection:
            count = notes.take_in(connection, known or by, held.notes, datetime.now(UTC))
        click.echo(say(language, "offline.took_in", count=count))


def _person(desk: Desk, id: str) -> User:
    with desk.database.read() as connection:
        person = users.get(connection, id)
    if person is None:
        raise NotFoundError("user_missing", id=id)
    return person


def _list(names: str) -> list[str]:
    return [one.strip() for one in names.split(",") if one.strip()]


@click.command()
@click.argument("id")
def history(id: str) -> None:
    """Every change of an article, newest first: its number, when, who, how, which version."""
    with _desk() as (desk, by, language), desk.database.read() as connection:
        for one in revisions.history(connection, by, id):
            when = one.at.astimezone(desk.site.zone)
            cause = say(language, f"edit.cause_{one.cause}")
            click.echo(f"{one.id}  {when:%Y-%m-%d %H:%M}  {one.by}  {cause}  {one.sha256[:12]}")


@click.command()
@click.argument("id")
@click.argument("revision", type=int)
def restore(id: str, revision: int) -> None:
    """Save an earlier version of an article anew, by its number in the history."""
    with _desk() as (desk, by, language):
        saved = studio.restore(desk, by, id, revision, datetime.now(UTC))
        click.echo(say(language, "transfer.restored", file=saved.article.path))


COMMANDS = (new, import_command, export, import_offline, history, restore)
