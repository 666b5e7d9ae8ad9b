"""`python -m kb …`: ask, lint, mask, serve."""

from __future__ import annotations

import json
import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from kb import __doc__ as about
from kb import masking
from kb.calls import experts
from kb.care import demo
from kb.config import Settings, settings
from kb.content import articles, glossary, lint, products, site
from kb.db import Database
from kb.doors import wiring
from kb.doors.answer import QUESTION, answer
from kb.doors.assistant.command import mcp
from kb.doors.audit_cli import audit
from kb.doors.care_cli import backup, doctor, move
from kb.doors.key_cli import key, reduce, webhook
from kb.doors.program import Program
from kb.doors.replay_cli import replay
from kb.doors.studio_cli import COMMANDS
from kb.doors.user_cli import user
from kb.errors import ArticleError, AwayError, KBError, SettingError
from kb.i18n import explain, say, terminal_language
from kb.people.users import OPERATOR
from kb.seen import log
from kb.tuning import pins, synonyms


class _Context:
    """Settings and language of one command."""

    def __init__(self) -> None:
        self.settings: Settings = settings()
        self.language = terminal_language(self.settings.language)

    def say(self, key: str, **facts: object) -> str:
        return say(self.language, key, **facts)


def run(command: Callable[[_Context], int]) -> int:
    """Run one command; an error a person can be told about is one sentence and exit code 2."""
    language = terminal_language("auto")
    try:
        context = _Context()
        language = context.language
        return command(context)
    except KBError as error:
        click.echo(explain(language, error), err=True)
        return 2


@click.group(cls=Program, help=about, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The group of all commands."""


main.add_command(user)
main.add_command(audit)
main.add_command(backup)
main.add_command(doctor)
main.add_command(move)
main.add_command(replay)
main.add_command(key)
main.add_command(webhook)
main.add_command(reduce)
main.add_command(mcp)
for _command in COMMANDS:
    main.add_command(_command)

# --- ask -----------------------------------------------------------------------------------------


@main.command()
@click.argument("question", nargs=-1, required=True)
@click.option("--lang", default="", help="Only articles of this language: zh or en.")
@click.option("--product", default="", help="Only articles about this product, by code, name or alias.")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 50), help="How many articles.")
@click.option("--json", "as_json", is_flag=True, help="The same JSON as /api/search.")
@click.option("--why", is_flag=True, help="Why each article ranked: list, rank, score, chunk.")
def ask(question: Sequence[str], lang: str, product: str, limit: int, as_json: bool, why: bool) -> None:
    """Ask the base a question, as an agent would."""

    def command(context: _Context) -> int:
        desk = wiring.Desk(context.settings)
        desk.open()
        desk.encoder = wiring.load_encoder(context.settings)
        desk.reranker = wiring.load_reranker(context.settings)
        desk.encoder_state = "ready"
        asked = {**QUESTION, "q": " ".join(question), "lang": lang, "product": product, "limit": limit, "why": why}
        asked["settled"] = True
        told = answer(desk, asked, OPERATOR, context.language)
        click.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else _readable(told, context))
        return 0

    sys.exit(run(command))


def _readable(answer: dict[str, Any], context: _Context) -> str:
    lines = [context.say(f"verdict.{answer['verdict']}")]
    for number, hit in enumerate(answer["hits"], 1):
        lines += ["", f"{number}. {hit['title']}  [{hit['article']}, {hit['score']:.2f}]"]
        lines += [f"   {context.say('cli.say_line')}: {hit['say']}", f"   {hit['passage']['text']}"]
        for name, place in hit.get("why", {}).items():
            where = f" {place['chunk']}" if place["chunk"] else ""
            lines.append(f"   {context.say('cli.why')}: {name} #{place['rank']} {place['score']:.3f}{where}")
    if not answer["hits"]:
        lines.append(context.say("cli.nothing_found"))
    return "\n".join(lines)


# --- lint ----------------------------------------------------------------------------------------


@main.command(name="lint")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="The day to judge dates by, YYYY-MM-DD.")
def lint_command(path: Path | None, as_json: bool, today: datetime | None) -> None:
    """Check articles: what cannot be read, and what to mend. PATH is a folder or a file; exit code 1 on findings."""

    def command(context: _Context) -> int:
        folder, only = _lint_target(path, context.settings.articles)
        day = today.date() if today else None
        found, count = lint_folder(folder, only, day)
        rows = [_finding_row(one, context.language) for one in found]
        if as_json:
            click.echo(json.dumps({"articles": count, "findings": rows}, ensure_ascii=False, indent=2))
        else:
            for row in rows:
                click.echo(row["message"])
            key = "lint.summary" if rows else "lint.clean"
            click.echo(context.say(key, articles=count, findings=len(rows)))
        return 1 if rows else 0

    sys.exit(run(command))


def _lint_target(path: Path | None, folder: Path) -> tuple[Path, Path | None]:
    """The folder to read and, where one file was named, that file. Raises KBError for a path that is not there."""
    if path is None:
        return folder, None
    if not path.exists():
        raise KBError("path_missing", path=path)
    if path.is_dir():
        return path.resolve(), None
    file = path.resolve()
    inside = file.is_relative_to(folder)
    return (folder if inside else file.parent), file


def lint_folder(
    folder: Path, only: Path | None = None, today: Any = None
) -> tuple[list[ArticleError | lint.Finding], int]:
    """Parse errors first, then findings, of a folder or of one file in it; and how many articles were read."""
    everything, errors = articles.read_all(folder)
    rules: list[ArticleError] = []
    parts: list[Any] = []
    for load, nothing in (
        (products.load, {}),
        (site.load, site.Site()),
        (glossary.load, {}),
        (synonyms.load, synonyms.NONE),
        (pins.load, ()),
        (experts.load, ()),
    ):
        try:
            parts.append(load(folder))
        except ArticleError as error:
            parts.append(nothing)
            rules.append(error)
    catalogue, place, words, *_ = parts
    base = lint.Base(
        articles={one.id: one for one in everything},
        paths=frozenset(path.relative_to(folder).as_posix() for path in articles.files(folder)),
        catalogue=catalogue,
        site=place,
        glossary=words,
        today=today or place.today(datetime.now(UTC)),
    )
    name = only.relative_to(folder).as_posix() if only else None
    chosen = [one for one in everything if name in (None, one.path)]
    broken = [error for error in rules + errors if name in (None, error.facts["file"])]
    return [*broken, *lint.check(chosen, base)], len(chosen)


def _finding_row(one: ArticleError | lint.Finding, language: str) -> dict[str, Any]:
    if isinstance(one, lint.Finding):
        sentence = say(language, f"lint.{one.rule}", **one.facts)
        row = {"rule": one.rule, "file": one.file, "line": one.line}
        return row | {"message": f"{one.file}:{one.line}: {sentence}"}
    row = {"rule": one.code, "file": str(one.facts["file"]), "line": int(str(one.facts["line"]))}
    return row | {"message": explain(language, one)}


# --- mask ----------------------------------------------------------------------------------------


@main.command()
@click.option("--json", "as_json", is_flag=True, help="A line of JSON each: the text, and where its personal data is.")
def mask(as_json: bool) -> None:
    """Read lines (UTF-8) and print each with its personal data masked, as everything is before it is stored."""

    def command(_: _Context) -> int:
        for line in sys.stdin.buffer:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            click.echo(json.dumps(_spans(text), ensure_ascii=False) if as_json else masking.mask(text))
        return 0

    sys.exit(run(command))


def _spans(text: str) -> dict[str, Any]:
    spans = [{"start": one.start, "end": one.end, "kind": one.kind} for one in masking.find(text)]
    return {"text": text, "spans": spans}


# --- demo ----------------------------------------------------------------------------------------


@main.command(name="demo")
@click.option("--clear", is_flag=True, help="Take the sample out again, and nothing else.")
def demo_command(clear: bool) -> None:
    """Fill the base with a month of sample calls, labelled as such, to see what the pages will show."""

    def command(context: _Context) -> int:
        database = Database(context.settings.database_url)
        try:
            with database.write() as connection:
                if clear:
                    click.echo(context.say("demo.cleared", calls=demo.clear(connection, OPERATOR)))
                    return 0
                served, _ = articles.read_all(context.settings.articles)
                versions = {one.id: one.version for one in served}
                zone = site.load(context.settings.articles).zone
                calls = demo.fill(connection, OPERATOR, versions, datetime.now(UTC), zone)
        finally:
            database.close()
        click.echo(context.say("demo.filled", calls=calls))
        return 0

    sys.exit(run(command))


# --- serve ---------------------------------------------------------------------------------------

MAX_MESSAGE = 4 * 2**20  # bytes of one message of a page: read no further (the gate looks again)
OPEN_AFTER = 2.0  # seconds the server is given before a browser looks for it


@main.command()
@click.option("--open", "open_browser", is_flag=True, help="Open the app in a browser.")
def serve(open_browser: bool) -> None:
    """Serve the app on KB_HOST and KB_PORT (127.0.0.1:8501). A browser opens only where there is a screen."""

    def command(context: _Context) -> int:
        import uvicorn

        try:
            log.set_up(context.settings.log_file)
        except OSError as error:
            raise SettingError("log_unwritable", name="KB_LOG", problem=error.strerror or str(error)) from error
        wiring.desk().check_access()
        host, port = context.settings.host, context.settings.port
        url = f"http://{host}:{port}"
        click.echo(context.say("cli.serving", url=url))
        with suppress(AwayError), wiring.desk().database.read() as connection:
            if demo.is_offered(connection):
                click.echo(context.say("demo.hint"))
        if open_browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            threading.Timer(OPEN_AFTER, webbrowser.open, [url]).start()
        uvicorn.run(
            "app:app",
            host=host,
            port=port,
            log_level="warning",
            log_config=None,  # its lines are ours, too
            access_log=False,
            server_header=False,
            forwarded_allow_ips=context.settings.proxies,
            ws_max_size=MAX_MESSAGE,
        )
        return 0

    sys.exit(run(command))
