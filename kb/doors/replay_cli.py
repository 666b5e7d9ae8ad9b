"""`python -m kb replay`: whether what was answered is still answered, as a test of the base."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import click

from kb.config import settings
from kb.doors import wiring
from kb.doors.prover import prove
from kb.errors import GenerationError, KBError
from kb.gaps import replay as room
from kb.gaps.replay import Proof
from kb.i18n import explain, say, terminal_language
from kb.people.users import OPERATOR


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A line of JSON a gap: its questions, and where each finds it.")
def replay(as_json: bool) -> None:
    """Ask what gaps asked again, of the base as it is. Nothing is written. Exit code 1 where a verified gap fails."""
    language = terminal_language("auto")
    try:
        configured = settings()
        language = terminal_language(configured.language)
        desk = wiring.Desk(configured, encoder=wiring.load_encoder(configured), encoder_state="ready")
        broken = _replayed(desk, language, as_json)
    except KBError as error:
        click.echo(explain(language, error), err=True)
        sys.exit(2)
    sys.exit(1 if broken else 0)


def _replayed(desk: wiring.Desk, language: str, as_json: bool) -> int:
    """Print every replay; how many verified gaps are broken. Raises GenerationError where no index of this model
    serves, StoreError."""
    desk.open()
    at = datetime.now(UTC)
    asker = desk.asker(at)
    if asker is None:
        raise GenerationError("encoder_other")
    with desk.database.read() as connection:
        due = room.due(connection, OPERATOR)
    broken = green = 0
    for one in due:
        made = prove(desk.database, asker, OPERATOR, one, at)
        green += made.is_green
        broken += one.state == "verified" and not made.is_green
        told = json.dumps(_row(made, one.state), ensure_ascii=False) if as_json else _line(made, one.question, language)
        click.echo(told)
    if not as_json:
        click.echo(say(language, "replay.summary", gaps=len(due), green=green, broken=broken))
    return broken


def _line(made: Proof, question: str, language: str) -> str:
    if made.is_green:
        return say(language, "replay.green", question=question, article=made.article, count=len(made.lines))
    return say(language, "replay.red", question=question, why=room.why(made, language))


def _row(made: Proof, state: str) -> dict[str, Any]:
    lines = [{"question": one.question, "teams": one.teams, "rank": one.rank} for one in made.lines]
    facts = {"gap": made.gap, "state": state, "article": made.article, "generation": made.generation}
    return facts | {"green": made.is_green, "lacks": made.lacks, "questions": lines}
