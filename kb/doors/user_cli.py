"""`python -m kb user …`: who may sign in. Whoever may run this may write to the database, and acts as the operator."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from kb.care import leaving, personal
from kb.config import settings
from kb.db import Connection, Database
from kb.errors import KBError, NotFoundError
from kb.i18n import LANGUAGES, explain, say, terminal_language
from kb.people import accounts, roster, users
from kb.people.accounts import Account
from kb.people.users import OPERATOR, Role, User


def run(command: Callable[[Database, str], None]) -> None:
    """Run a command on the database of the settings; what goes wrong is one sentence and exit code 2."""
    language = terminal_language("auto")
    try:
        configured = settings()
        language = terminal_language(configured.language)
        database = Database(configured.database_url)
        try:
            command(database, language)
        finally:
            database.close()
    except KBError as error:
        click.echo(explain(language, error), err=True)
        sys.exit(2)


@click.group()
def user() -> None:
    """Add people, list them, give passwords, disable and enable."""


@user.command()
@click.argument("id", metavar="NAME")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--name", "shown", default="", help="What the others see; the sign-in name where it is left out.")
@click.option("--team", "teams", multiple=True, help="A team of theirs; may be given again.")
@click.option("--lang", "langs", multiple=True, type=click.Choice(LANGUAGES), help="What they speak; both if left out.")
def add(id: str, role: str, shown: str, teams: Sequence[str], langs: Sequence[str]) -> None:
    """Add a person. The password is asked for, or read from standard input."""

    def command(database: Database, language: str) -> None:
        person = User(
            accounts.id_of(id), shown.strip() or id.strip(), Role(role), frozenset(teams), frozenset(langs or LANGUAGES)
        )
        password, made = _password(language)
        with database.write() as connection:
            accounts.add(connection, OPERATOR, person, password, datetime.now(UTC), must_change=made)
        click.echo(say(language, "people.added", id=person.id))
        _hand_over(language, password if made else "")

    run(command)


@user.command()
@click.argument("id", metavar="NAME")
def password(id: str) -> None:
    """Give a person a new password and end their sessions. It is asked for, or read from standard input."""

    def command(database: Database, language: str) -> None:
        new, made = _password(language)
        with database.write() as connection:
            accounts.set_password(connection, OPERATOR, accounts.id_of(id), new, datetime.now(UTC), must_change=made)
        click.echo(say(language, "people.changed", id=accounts.id_of(id)))
        _hand_over(language, new if made else "")

    run(command)


@user.command()
@click.argument("id", metavar="NAME")
def disable(id: str) -> None:
    """Let a person in no more, and end their sessions."""
    _do(accounts.disable, id, "disabled")


@user.command()
@click.argument("id", metavar="NAME")
def enable(id: str) -> None:
    """Let a disabled person in again."""
    _do(accounts.enable, id, "enabled")


@user.command()
@click.argument("id", metavar="NAME")
def unlock(id: str) -> None:
    """Let a person try again who has tried too often."""
    _do(accounts.unlock, id, "unlocked")


def _do(act: Callable[[Connection, User, str, datetime], None], id: str, done: str) -> None:
    """Do one thing to an account, and say that it is done."""

    def command(database: Database, language: str) -> None:
        with database.write() as connection:
            act(connection, OPERATOR, accounts.id_of(id), datetime.now(UTC))
        click.echo(say(language, f"people.{done}", id=accounts.id_of(id)))

    run(command)


@user.command()
@click.argument("id", metavar="NAME")
@click.option("--role", type=click.Choice([role.value for role in Role]))
@click.option("--name", "shown", help="What the others see.")
@click.option("--team", "teams", multiple=True, help="All teams of theirs from now on; may be given again.")
def change(id: str, role: str | None, shown: str | None, teams: Sequence[str]) -> None:
    """Give a person another role, name or other teams; what is left out stays."""

    def command(database: Database, language: str) -> None:
        with database.write() as connection:
            before = users.get(connection, accounts.id_of(id))
            if before is None:
                raise NotFoundError("user_missing", id=id[:64])
            after = replace(
                before,
                role=Role(role) if role else before.role,
                name=shown or before.name,
                teams=frozenset(teams) or before.teams,
            )
            accounts.change(connection, OPERATOR, after, datetime.now(UTC))
        facts = {"id": after.id, "role": after.role.value, "teams": ", ".join(sorted(after.teams)) or "–"}
        click.echo(say(language, "people.role_changed", **facts))

    run(command)


@user.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would be done, and what is wrong.")
def import_command(file: Path, dry_run: bool) -> None:
    """Add and change people from a CSV FILE: id, role, and name, teams, langs. New passwords are printed, once."""

    def command(database: Database, language: str) -> None:
        if not file.is_file():
            raise KBError("path_missing", path=file)
        rows, wrong = roster.read(roster.decoded(file.read_bytes()))
        for one in wrong:
            problem = explain(language, one.error)
            click.echo(say(language, "people.import_line", line=one.line, problem=problem), err=True)
        if wrong:
            click.echo(say(language, "people.import_refused", count=len(wrong)), err=True)
            sys.exit(2)
        with database.read() as connection:
            done = roster.plan(connection, OPERATOR, rows)
        for made in () if dry_run else roster.enrol_all(database, OPERATOR, rows, datetime.now(UTC)):
            for id, password in made.added.items():
                click.echo(f"{id}\t{password}")
        counts = {"added": len(done.added), "changed": len(done.changed), "same": len(done.same)}
        click.echo(say(language, "people.import_dry" if dry_run else "people.imported", **counts))

    run(command)


@user.command()
@click.argument("id", metavar="NAME")
@click.option("--to", required=True, metavar="NAME", help="Who takes over promises, gaps and articles.")
def leave(id: str, to: str) -> None:
    """Close an account and hand on what waits for its person."""

    def command(database: Database, language: str) -> None:
        gone, heir = accounts.id_of(id), accounts.id_of(to)
        with database.write() as connection:
            done = leaving.leave(connection, OPERATOR, gone, heir, settings().articles, datetime.now(UTC))
        counts = {"promises": done.promises, "gaps": done.gaps, "articles": len(done.articles)}
        click.echo(say(language, "people.left", id=gone, to=heir, **counts))
        for path in done.articles:
            click.echo(f"  {path}")

    run(command)


@user.command()
@click.argument("id", metavar="NAME")
def export(id: str) -> None:
    """Everything that is kept about a person, as JSON."""

    def command(database: Database, _: str) -> None:
        with database.write() as connection:  # the export itself is written down
            found = personal.export(connection, OPERATOR, accounts.id_of(id), datetime.now(UTC))
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))

    run(command)


@user.command()
@click.argument("id", metavar="NAME")
def erase(id: str) -> None:
    """Take a person out of everything but the audit log. First hand on what waits for them: user leave."""

    def command(database: Database, language: str) -> None:
        with database.write() as connection:
            rows = personal.erase(connection, OPERATOR, accounts.id_of(id), datetime.now(UTC))
        click.echo(say(language, "people.erased", id=accounts.id_of(id), rows=rows))

    run(command)


@user.command(name="list")
def list_command() -> None:
    """Everyone with an account: sign-in name, role, display name, teams, languages."""

    def command(database: Database, language: str) -> None:
        with database.read() as connection:
            everyone = accounts.all_accounts(connection, OPERATOR)
        for account in everyone:
            click.echo(_line(account, language))
        if not everyone:
            click.echo(say(language, "people.nobody"))

    run(command)


def _line(account: Account, language: str) -> str:
    person = account.user
    facts = [person.id, person.role.value, person.name, ",".join(sorted(person.teams)), ",".join(sorted(person.langs))]
    if account.disabled_at is not None:
        facts.append(say(language, "people.is_disabled"))
    if account.must_change:
        facts.append(say(language, "people.must_change"))
    return "\t".join(facts)


def _password(language: str) -> tuple[str, bool]:
    """A password, and whether it was made here: asked for twice at a terminal, else the first line that is piped in."""
    if sys.stdin.isatty():
        typed = str(click.prompt(say(language, "people.ask_password"), default="", hide_input=True, show_default=False))
        if typed and typed != click.prompt(say(language, "people.again"), hide_input=True):
            raise click.ClickException(say(language, "people.not_the_same"))
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    return (typed, False) if typed else (accounts.new_password(), True)


def _hand_over(language: str, made: str) -> None:
    if made:
        click.echo(say(language, "people.given", password=made))
