"""`python -m kb audit …`: what was done, and that nobody has changed what is written about it."""

from __future__ import annotations

import sys

import click

from kb.db import Database
from kb.doors.user_cli import run
from kb.i18n import say
from kb.people import audit as room
from kb.people.users import OPERATOR


@click.group()
def audit() -> None:
    """Who did what: read it, and check that nothing of it was changed."""


@audit.command()
@click.option("--seal", "noted", default=room.ANYWHERE, help="A seal noted earlier, which must still be in the log.")
def verify(noted: str) -> None:
    """Check every entry. Exit code 1 where one was changed, taken out, moved or cut off."""

    def command(database: Database, language: str) -> None:
        with database.read() as connection:
            found = room.verify(connection, OPERATOR, noted)
        facts = {"count": found.count, "seal": found.seal, "number": found.number}
        click.echo(say(language, f"audit.{found.trouble or 'sound'}", **facts), err=found.trouble is not None)
        if found.trouble:
            sys.exit(1)

    run(command)


@audit.command(name="list")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
def list_command(most: int) -> None:
    """The latest entries, the newest last: number, moment (UTC), who, act, about what, facts."""

    def command(database: Database, _: str) -> None:
        with database.read() as connection:
            found = room.entries(connection, OPERATOR, most=most)
        for one in reversed(found):
            moment = one.at.strftime("%Y-%m-%d %H:%M:%S")
            click.echo("\t".join([str(one.number), moment, one.by or "-", one.act, one.about or "-", one.facts]))

    run(command)
