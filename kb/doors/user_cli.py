"""`python -m kb user …`: who may sign in. Whoever may run this may write to the database, and acts as the operator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import click

from kb.config import settings
from kb.db import Database
from kb.errors import KBError
from kb.i18n import LANGUAGES, explain, say, terminal_language
from kb.people import accounts
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

    def command(database: Database, language: str) -> None:
        with database.write() as connection:
            accounts.disable(connection, OPERATOR, accounts.id_of(id), datetime.now(UTC))
        click.echo(say(language, "people.disabled", id=accounts.id_of(id)))

    run(command)


@user.command()
@click.argument("id", metavar="NAME")
def enable(id: str) -> None:
    """Let a disabled person in again."""

    def command(database: Database, language: str) -> None:
        with database.write() as connection:
            accounts.enable(connection, OPERATOR, accounts.id_of(id), datetime.now(UTC))
        click.echo(say(language, "people.enabled", id=accounts.id_of(id)))

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
