"""`python -m kb key …`, `webhook …`, `reduce`: keys for programs, what they were told, and old calls made counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from kb.care import retention
from kb.config import settings
from kb.db import Database
from kb.doors.user_cli import run
from kb.i18n import say
from kb.people import keys
from kb.people.users import OPERATOR
from kb.systems import webhooks


@click.command()
@click.option("--days", type=click.IntRange(0, 100_000), help="Older than this; KB_RETENTION where it is left out.")
@click.option("--dry-run", is_flag=True, help="Only say how many calls there are.")
def reduce(days: int | None, dry_run: bool) -> None:
    """Make counts of old calls, as the app does by itself: no words, no names are left of them."""

    def command(database: Database, language: str) -> None:
        now = datetime.now(UTC)
        age = settings().retention if days is None else days
        before, calls, events = now - timedelta(days=age), 0, 0
        if dry_run:
            with database.read() as connection:
                calls = len(retention.due(connection, before, most=10_000_000))
            click.echo(say(language, "key.reduce_dry", calls=calls, days=age))
            return
        while True:
            with database.write() as connection:
                done = retention.reduce(connection, OPERATOR, before, now)
            calls, events = calls + done.calls, events + done.events
            if not done.calls:
                break
        click.echo(say(language, "key.reduced", calls=calls, events=events))

    run(command)


@click.group()
def key() -> None:
    """Keys for programs that ask over /api: make one, list them, revoke one."""


@key.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(keys.SCOPES), help="May be given again."
)
@click.option("--team", "teams", multiple=True, help="Articles of this team too; may be given again.")
@click.option("--lang", "langs", multiple=True, type=click.Choice(keys.LANGS), help="Only articles of this language.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is good for; for ever if left out.")
def add(name: str, scopes: Sequence[str], teams: Sequence[str], langs: Sequence[str], days: int | None) -> None:
    """Make a key for the program NAME and show it, this once."""

    def command(database: Database, language: str) -> None:
        now = datetime.now(UTC)
        until = now + timedelta(days=days) if days else None
        with database.write() as connection:
            made = keys.add(connection, OPERATOR, name, scopes, now, teams=teams, langs=langs, expires_at=until)
        click.echo(say(language, "key.added", key=made))

    run(command)


@key.command()
@click.argument("id")
def revoke(id: str) -> None:
    """Take a key back; it opens nothing within two seconds."""

    def command(database: Database, language: str) -> None:
        with database.write() as connection:
            keys.revoke(connection, OPERATOR, id, datetime.now(UTC))
        click.echo(say(language, "key.revoked", id=id))

    run(command)


@key.command(name="list")
def list_command() -> None:
    """Every key: id, program, scopes, teams, languages, made, until."""

    def command(database: Database, language: str) -> None:
        with database.read() as connection:
            found = keys.everything(connection, OPERATOR)
        for one in found:
            until = one.expires_at.date().isoformat() if one.expires_at else "-"
            sets = [",".join(sorted(one.scopes)), ",".join(sorted(one.teams)) or "-", ",".join(sorted(one.langs))]
            facts = [one.id, one.name, *sets, one.created_at.date().isoformat(), until]
            click.echo("\t".join(facts + ([say(language, "key.is_revoked")] if one.revoked_at else [])))
        if not found:
            click.echo(say(language, "key.nothing"))

    run(command)


# --- what other systems were told ----------------------------------------------------------------


@click.group()
def webhook() -> None:
    """What other systems were told: list it, send again what was given up."""


@webhook.command(name="list")
@click.option("--state", type=click.Choice(["waiting", "sent", "dead"]), help="Only these.")
def list_hooks(state: webhooks.State | None) -> None:
    """Every message of the last 30 days: id, state, kind, subject, where to, tries, what went wrong."""

    def command(database: Database, language: str) -> None:
        with database.read() as connection:
            found = webhooks.deliveries(connection, OPERATOR, state)
        for one in found:
            facts = (one.id[:12], one.state, one.kind, one.subject, one.origin, str(one.tries), one.problem or "-")
            click.echo("\t".join(facts))
        if not found:
            click.echo(say(language, "webhook.nothing"))

    run(command)


@webhook.command()
@click.argument("id")
def retry(id: str) -> None:
    """Send a message that was given up anew. ID may be its beginning, as `list` shows it."""

    def command(database: Database, language: str) -> None:
        with database.write() as connection:
            dead = (one.id for one in webhooks.deliveries(connection, OPERATOR, "dead"))
            whole = next((one for one in dead if len(id) >= 8 and one.startswith(id)), id)
            webhooks.again(connection, OPERATOR, whole, datetime.now(UTC))
        click.echo(say(language, "webhook.again", id=id))

    run(command)
