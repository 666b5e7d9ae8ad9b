"""`python -m kb mcp`: speaks the protocol on standard input and output, and nothing else there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from kb.config import Settings, settings
from kb.db import Connection
from kb.doors import assistant, wiring
from kb.errors import KBError, NotAllowedError, SettingError
from kb.i18n import explain, terminal_language
from kb.people import users
from kb.people.users import SAMPLES, User
from kb.seen.log import set_up

TAG = "key"  # nothing it does counts anywhere


@click.command()
@click.option("--key-file", type=click.Path(path_type=Path), help="A file with the key it acts for; else KB_API_KEY.")
@click.option("--user", "name", default="", help="Act as this person of this base instead.")
@click.option("--words", is_flag=True, help="Load no encoder: answers by words, at once, in little memory.")
def mcp(key_file: Path | None, name: str, words: bool) -> None:
    """Serve search and articles to an AI assistant over the Model Context Protocol (stdio)."""
    language = terminal_language("auto")
    try:
        configured = settings()
        language = terminal_language(configured.language)
        desk = wiring.Desk(configured)
        who = _person(desk, name) if name else _program(desk, _key(configured, key_file))
        who()
        desk.open()
        set_up(configured.log_file)  # standard error or a file, never the protocol's way
        assistant.server(desk, who, language, words=words).run()
    except KBError as error:
        click.echo(explain(language, error), err=True)
        sys.exit(2)


def _key(configured: Settings, file: Path | None) -> str:
    """The key that is given. Raises SettingError where there is none."""
    try:
        shown = file.read_text("utf-8").strip() if file else configured.api_key
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("mcp_key_unreadable", file=file) from error
    if not shown:
        raise SettingError("mcp_nobody")
    return shown


def _program(desk: wiring.Desk, shown: str) -> Callable[[], User]:
    def who() -> User:
        found = desk.presence.key(shown)
        if found is None:
            raise NotAllowedError("key_wrong")
        return found.user

    return who


def _person(desk: wiring.Desk, name: str) -> Callable[[], User]:
    def who() -> User:
        with desk.database.read() as connection:
            found = _found(connection, name)
        if found is None:
            raise NotAllowedError("mcp_no_person", id=name[:40])
        return replace(found, tag=TAG)

    return who


def _found(connection: Connection, name: str) -> User | None:
    """Somebody who may sign in; in the demo, one of its sample people."""
    everyone = {one.id: one for one in users.everyone(connection)}
    return everyone.get(name) if users.any_account(connection) else SAMPLES.get(name)
