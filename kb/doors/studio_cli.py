"""`python -m kb new|import|export|history|restore`: what the studio does, on the command line, as the operator."""

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
from kb.errors import KBError
from kb.i18n import explain, say, terminal_language
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
def export(file: Path) -> None:
    """Write the base as a zip: articles, their pictures, its own tables."""
    with _desk() as (desk, by, language):
        file.write_bytes(transfer.export(desk, by, datetime.now(UTC)))
        click.echo(say(language, "transfer.exported", file=file))


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


COMMANDS = (new, import_command, export, history, restore)
