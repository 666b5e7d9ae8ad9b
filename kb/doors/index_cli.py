"""`python -m indexer build | verify | rollback | gc | watch | tune`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from indexer import vectors as vector_cache
from indexer.build.places import place_of
from kb.config import Settings, settings
from kb.db import exists
from kb.doors import wiring
from kb.doors.program import Program
from kb.errors import GenerationError, KBError, SettingError
from kb.finding.search import Encoder
from kb.i18n import explain, say, terminal_language


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f}/s")


@contextmanager
def bar(title: str) -> Iterator[vector_cache.Progress]:
    """A progress bar with rate and time left, on standard error; it appears when there is work."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None, visible=False)

        def step(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=True)

        yield step


def _build(configured: Settings, language: str, full: bool) -> int:
    encoder = wiring.load_encoder(configured)
    first = place_of(configured).current() is None
    with bar(say(language, "cli.building")) as progress:
        report = wiring.build(configured, encoder, full=full, progress=progress)
    if report.anew:
        click.echo(say(language, "cli.model_changed"))
    key = "cli.published" if report.published else "cli.unchanged"
    facts = {"generation": report.generation, "total": report.total}
    click.echo(say(language, key, added=len(report.added), removed=len(report.removed), **facts))
    if report.refused:
        click.echo(say(language, "cli.left_out", count=len(report.refused)), err=True)
    for error in report.refused:
        click.echo(f"  {explain(language, error)}", err=True)
    if first:
        _learn(configured, language, encoder)
    return 1 if report.refused else 0


def _published(configured: Settings) -> bool:
    """Whether anything was ever published, be it sound or not."""
    try:
        return place_of(configured).current() is not None
    except GenerationError:
        return True


def _learn(configured: Settings, language: str, encoder: Encoder) -> None:
    """An index made anew learns what the database knows; one without a database says so and is as good as it was."""
    if not exists(configured.database_url):
        return
    try:
        count = wiring.learn(configured, encoder, datetime.now(UTC))
    except KBError as error:
        click.echo(explain(language, error), err=True)
        return
    if count:
        click.echo(say(language, "cli.learnt", count=count))


def _run(command: Callable[[Settings, str], int]) -> None:
    language = terminal_language("auto")
    try:
        configured = settings()
        language = terminal_language(configured.language)
        sys.exit(command(configured, language))
    except KBError as error:
        click.echo(explain(language, error), err=True)
        sys.exit(2)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build and look after the index."""


@main.command()
@click.option("--full", is_flag=True, help="Build everything anew, not only what changed.")
@click.option("--if-missing", is_flag=True, help="Only when nothing was ever published.")
def build(full: bool, if_missing: bool) -> None:
    """Publish a generation of the articles as they are now. Exit code 1 when a file was left out."""

    def command(configured: Settings, language: str) -> int:
        if if_missing and _published(configured):
            return 0
        return _build(configured, language, full)

    _run(command)


@main.command()
def verify() -> None:
    """Check every byte of the current generation; say what serves instead where it is damaged."""

    def command(configured: Settings, language: str) -> int:
        opened = place_of(configured).open_current()
        manifest = opened.manifest
        for damage in opened.damaged:
            problem = explain(language, damage)
            facts = {"problem": problem, "generation": manifest.generation}
            click.echo(say(language, "cli.rebuild_offered", **facts), err=True)
        counts = {"articles": len(manifest.articles), "files": len(manifest.files)}
        click.echo(say(language, "cli.verified", generation=manifest.generation, **counts))
        return 1 if opened.damaged else 0

    _run(command)


@main.command()
def rollback() -> None:
    """Make the newest sound generation before the current one live again."""

    def command(configured: Settings, language: str) -> int:
        name = place_of(configured).roll_back()
        click.echo(say(language, "cli.rolled_back", generation=name))
        return 0

    _run(command)


@main.command()
def gc() -> None:
    """Delete old generations, all but the newest KB_KEEP; never the live one or the one before."""

    def command(configured: Settings, language: str) -> int:
        gone = place_of(configured).collect(configured.keep)
        click.echo(say(language, "cli.collected", count=len(gone)))
        return 0

    _run(command)


@main.command()
@click.option("--rollback", "back", is_flag=True, help="Go back to the encoder of before.")
def tune(back: bool) -> None:
    """Turn the encoder towards what solved calls say; kept only where held-out questions improve."""

    def command(configured: Settings, language: str) -> int:
        from indexer.learnt import tune as tuning

        folder = configured.home / "model"
        if back:
            gone = tuning.roll_back(folder)
            click.echo(say(language, "cli.untuned" if gone else "cli.not_tuned"))
            return 0
        engine = place_of(configured).open_current().engine
        if len(engine.lessons) < tuning.LEAST:  # told before the model is loaded, which takes seconds
            raise SettingError("tune_too_few", count=len(engine.lessons), least=tuning.LEAST)
        report = tuning.tune(engine, wiring.plain_encoder(configured), folder, datetime.now(UTC))
        facts = {"lessons": report.lessons, "held": report.held}
        figures = {"before": f"{report.before:.3f}", "after": f"{report.after:.3f}"}
        click.echo(say(language, "cli.tuned" if report.name else "cli.tuned_no_better", **facts, **figures))
        return 0

    _run(command)


@main.command()
def watch() -> None:
    """Build, and build again each time an article changes."""

    def command(configured: Settings, language: str) -> int:
        from indexer.watch import changes

        _build(configured, language, full=False)
        click.echo(say(language, "cli.watching", folder=configured.articles))
        encoder = wiring.load_encoder(configured)
        for _ in changes(configured.articles):
            report = wiring.build(configured, encoder)
            if report.published:
                facts = {"generation": report.generation, "total": report.total}
                added, removed = len(report.added), len(report.removed)
                click.echo(say(language, "cli.published", added=added, removed=removed, **facts))
            for error in report.refused:
                click.echo(f"  {explain(language, error)}", err=True)
        return 0

    _run(command)
