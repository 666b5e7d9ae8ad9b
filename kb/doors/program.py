"""What every command of a program shares: whatever it is given, it says one bounded sentence and never a traceback."""

from __future__ import annotations

import contextlib
import errno
import io
import sys
from collections.abc import Iterator
from typing import Any

import click

from kb.config import settings
from kb.errors import KBError
from kb.i18n import explain, terminal_language

MOST = 500  # characters of a sentence about what was given


class Program(click.Group):
    """The group of all commands of a program."""

    def make_context(self, *given: Any, **options: Any) -> click.Context:
        """As click's."""
        with _told():
            return super().make_context(*given, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's. What is not text is shown by its number, for no terminal takes half a character."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        with _told():
            return super().invoke(ctx)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What is wrong with what was given, in a sentence and with exit code 2."""
    try:
        yield
    except click.UsageError as error:
        raise click.UsageError(_cut(error.format_message()), error.ctx) from error
    except UnicodeError as error:  # of what was read, or of half characters that a terminal made of other bytes
        _refuse(KBError("not_utf8"), error)
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read has gone: click's own
            raise
        _refuse(KBError("file_refused", file=_cut(str(error.filename or "")), problem=error.strerror or error), error)


def _refuse(told: KBError, error: Exception) -> None:
    click.echo(explain(terminal_language(settings().language), told), err=True)
    raise click.exceptions.Exit(2) from error


def _cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]} …"
