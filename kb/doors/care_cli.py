"""`python -m kb backup | move | doctor`: all there is into one file and back, into another database, and what is wrong
with it now."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from kb.care import backup as room
from kb.care.backup import Backup
from kb.care.doctor import Finding, examine, runs
from kb.care.move import move as moved
from kb.care.spool import Spool
from kb.config import Settings, settings
from kb.db import Database
from kb.errors import KBError, StoreError
from kb.i18n import explain, say, terminal_language
from kb.people.users import OPERATOR

SIGNS = {"ok": "✓", "warn": "!", "bad": "✗"}
_passphrase = click.option(
    "--passphrase-file", "words", type=click.Path(path_type=Path), help="A file whose first line encrypts or decrypts."
)


def _run(command: Callable[[Settings, str], int]) -> None:
    language = terminal_language("auto")
    try:
        configured = settings()
        language = terminal_language(configured.language)
        sys.exit(command(configured, language))
    except KBError as error:
        click.echo(explain(language, error), err=True)
        sys.exit(2)


@click.group(invoke_without_command=True)
@click.pass_context
def backup(context: click.Context) -> None:
    """Write a backup here, or: write, check, restore, drill."""
    if context.invoked_subcommand is None:
        context.invoke(write)


@backup.command()
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@_passphrase
def write(target: Path | None = None, words: Path | None = None) -> None:
    """Database, articles, settings without their secrets, in one file, while the app runs.

    FILE is firstcall-MOMENT.backup where it is left out.
    """

    def command(configured: Settings, language: str) -> int:
        at = _now()
        file = (target or Path(f"firstcall-{at:%Y%m%dT%H%M%SZ}.backup")).absolute()
        passphrase = _read(words) if words else ""
        with runs.noted(configured.runs, OPERATOR, "backup", file.name, _now):
            database = Database(configured.database_url)
            try:
                made = room.write(database, configured, file, OPERATOR, at, passphrase)
            finally:
                database.close()
        _tell(language, "written", file, made)
        return 0

    _run(command)


@backup.command()
@click.argument("file", type=click.Path(path_type=Path))
@_passphrase
def check(file: Path, words: Path | None) -> None:
    """Read every byte of a backup; exit code 2 where it is damaged. Writes down that it was done, and nothing else."""

    def command(configured: Settings, language: str) -> int:
        with runs.noted(configured.runs, OPERATOR, "check", file.name, _now):
            made = room.check(file, _asked(file, words, language))
        _tell(language, "sound", file, made)
        return 0

    _run(command)


@backup.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@_passphrase
def restore(file: Path, folder: Path, words: Path | None) -> None:
    """Put a backup to a new folder, and say how to start with it."""

    def command(_: Settings, language: str) -> int:
        place = folder.absolute()
        _tell(language, "restored", place, room.restore(file, place, OPERATOR, _asked(file, words, language)))
        url = f"sqlite:///{place / 'data' / room.STORE}"
        click.echo(say(language, "backup.start", articles=place / "articles", url=url))
        return 0

    _run(command)


@backup.command()
@click.argument("file", type=click.Path(path_type=Path))
@_passphrase
def drill(file: Path, words: Path | None) -> None:
    """Restore a backup to a place that is gone afterwards, compare all of it, and write down that it was done."""

    def command(configured: Settings, language: str) -> int:
        with runs.noted(configured.runs, OPERATOR, "drill", file.name, _now):
            database = Database(configured.database_url)
            try:
                made = room.drill(database, file.absolute(), OPERATOR, _now(), _asked(file, words, language))
            finally:
                database.close()
        _tell(language, "drilled", file, made)
        return 0

    _run(command)


def _now() -> datetime:
    return datetime.now(UTC)


def _tell(language: str, how: str, file: Path, made: Backup) -> None:
    facts = {"file": file, "articles": made.articles, "rows": made.rows, "created": made.created[:16]}
    click.echo(say(language, f"backup.{how}", **facts))


def _read(words: Path) -> str:
    """The first line of a file. Raises KBError where there is none."""
    try:
        line = words.read_text("utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KBError("path_missing", path=words) from error
    if not line:
        raise KBError("passphrase_empty", file=words)
    return line


def _asked(file: Path, words: Path | None, language: str) -> str:
    """The passphrase of a backup that needs one: from the file named, else asked for."""
    if not room.is_encrypted(file):
        return ""
    if words:
        return _read(words)
    return str(click.prompt(say(language, "backup.passphrase"), hide_input=True, err=True))


@click.command()
@click.argument("url")
def move(url: str) -> None:
    """Move the base to another database, SQLite or PostgreSQL, and compare both. Stop the app before.

    Nothing is taken away where it was. Stopped, it goes on when it is asked for again.
    """

    def command(configured: Settings, language: str) -> int:
        if Spool(configured.spool).waiting():
            raise StoreError("move_spool_waits")
        if _answers(configured.host, configured.port):
            raise StoreError("move_app_runs", host=configured.host, port=configured.port)
        source = Database(configured.database_url)
        try:
            target = Database(url, moving=True)
            try:
                if target.url == source.url:
                    raise StoreError("move_same")
                made = moved(source, target, OPERATOR, _now(), _step)
                named = target.url.render_as_string()
            finally:
                target.close()
        finally:
            source.close()
        click.echo(say(language, "move.done", rows=made.rows, copied=made.copied, tables=len(made.sha256), url=named))
        return 0

    _run(command)


def _step(table: str, done: int) -> None:
    click.echo(f"{table} {done}", err=True)


def _answers(host: str, port: int) -> bool:
    """Whether a program listens there: the app, or one in its place."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@click.command()
def doctor() -> None:
    """Look at everything and say what to do about what is wrong. Exit code 1 where something is; changes nothing."""

    def command(configured: Settings, language: str) -> int:
        found = examine(configured, _now())
        for one in found:
            click.echo("\n".join(told(one, language)))
        return 1 if any(one.state == "bad" for one in found) else 0

    _run(command)


def told(one: Finding, language: str) -> list[str]:
    """A finding in a language: what it is, why, and what to do."""
    lines = [f"{SIGNS[one.state]} {say(language, f'doctor.{one.code}', **one.facts)}"]
    if one.error is not None:
        lines.append(f"    {explain(language, one.error)}")
    if one.state != "ok":
        lines.append(f"    → {say(language, f'doctor.{one.code}_mend', **one.facts)}")
    return lines
