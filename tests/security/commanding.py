"""Every place of the command line that a text can be put in, found in its commands: arguments, options, files, standard
input.

An argument is what the system lets through: bytes without a null. It is given whole, and cut to what a name may have.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import click
from click.testing import CliRunner, Result

from kb.doors import wiring
from kb.doors.cli import main as kb
from kb.doors.index_cli import main as indexer
from tests.fake_encoder import HashEncoder
from tests.new_database import new_database
from tests.on_call import base_of
from tests.security.knocking import Field

PROGRAMS: Mapping[str, click.Group] = {"kb": kb, "indexer": indexer}
ENDLESS = ("kb serve", "indexer watch", "kb mcp")  # wait for others; what they are sent comes through their own doors
SHORT = 100  # characters of a name
VALUES: Mapping[str, str] = {  # of what a command needs besides, by the parameter's name
    "id": "kettle",
    "role": "agent",
    "to": "sue",
    "title": "Kettle",
    "scopes": "search",
    "question": "refund",
    "revision": "1",
    "name": "robot",
    "file": "there.csv",
    "source": "there.csv",
    "folder": "restored",
    "url": "sqlite:///moved.sqlite",
}
READ: Mapping[str, Sequence[str]] = {  # parameters that name a file which is read, with names that are tried
    "kb lint path": (
        "a.md",
        "_glossary.toml",
        "_products.toml",
        "_site.toml",
        "_experts.toml",
        "_pins.toml",
        "_synonyms.toml",
    ),
    "kb backup check file": ("a.backup",),
    "kb backup restore file": ("a.backup",),
    "kb backup drill file": ("a.backup",),
    "kb backup write words": ("words",),
    "kb user import file": ("people.csv",),
    "kb import source": ("a.md", "a.json", "a.csv", "a.html", "a.docx", "a.zip"),
    "kb import-offline file": ("notes.json",),
}
BESIDES: Mapping[str, str] = {  # without which a parameter does nothing, or each flood would stay in the base
    **{f"kb export {one}": "--offline" for one in ("whose", "teams", "langs", "old")},
    "kb import source": "--dry-run",
}
PIPED: Mapping[str, Sequence[str]] = {"kb mask": (), "kb mask --json": (), "kb user add robin --role agent": ()}


@dataclass(frozen=True)
class Command:
    """One command: its words, as `kb user add`, and what it takes."""

    words: tuple[str, ...]
    parameters: tuple[click.Parameter, ...]

    @property
    def name(self) -> str:
        return " ".join(self.words)

    def given(self, one: click.Parameter, value: str) -> list[str]:
        """All its words with this value for one parameter; what else it needs is there."""
        options, arguments = BESIDES.get(f"{self.name} {one.name}", "").split(), []
        for each in self.parameters:
            if each is one or each.required:
                text = value if each is one else VALUES[str(each.name)]
                if isinstance(each, click.Option):
                    options.append(f"{each.opts[0]}={text}")
                else:
                    arguments.append(text)
        return [*self.words[1:], *options, "--", *arguments]


def commands() -> list[Command]:
    """Every command that ends by itself."""
    found = [one for name, program in PROGRAMS.items() for one in _of((name,), program)]
    return [one for one in found if one.name not in ENDLESS]


def _of(words: tuple[str, ...], command: click.Command) -> Iterator[Command]:
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from _of((*words, name), one)
    else:
        yield Command(words, tuple(command.params))


def takes_text(one: click.Parameter) -> bool:
    """Whether somebody writes something there."""
    return not (isinstance(one, click.Option) and one.is_flag)


def fields() -> list[Field]:
    """Every place, as a field of a route is one."""
    found = []
    for name, program in PROGRAMS.items():
        for place, before in (("command", ""), ("option", "--")):
            found.append(Field(f"{name} {place}", lambda flood, p=program, b=before: _said(p, [b + argument(flood)])))  # type: ignore[misc]
    for one in commands():
        for two in one.parameters:
            where = f"{one.name} {two.name}"
            if takes_text(two):
                found.append(Field(where, _as_argument(one, two)))
            found += [Field(f"{where} < {file}", _as_file(one, two, file)) for file in READ.get(where, ())]
    return [*found, *(Field(f"{name} < stdin", _as_input(name)) for name in PIPED)]


def _as_argument(command: Command, one: click.Parameter) -> Callable[[str], Result]:
    def send(flood: str) -> Result:
        said = argument(flood)
        whole = _said(PROGRAMS[command.words[0]], command.given(one, said))
        if len(said) <= SHORT:
            return whole
        return worse(whole, _said(PROGRAMS[command.words[0]], command.given(one, said[:SHORT].replace("/", "_"))))

    return send


def _as_file(command: Command, one: click.Parameter, name: str) -> Callable[[str], Result]:
    def send(flood: str) -> Result:
        Path(name).write_bytes(flood.encode("utf-8", "surrogatepass"))
        try:
            return _said(PROGRAMS[command.words[0]], command.given(one, name))
        finally:
            Path(name).unlink()

    return send


def _as_input(name: str) -> Callable[[str], Result]:
    program, *words = name.split()

    def send(flood: str) -> Result:
        return _said(PROGRAMS[program], words, flood.encode("utf-8", "surrogatepass"))

    return send


def argument(flood: str) -> str:
    """What a program is told of an argument of these bytes."""
    return os.fsdecode(flood.encode("utf-8", "surrogatepass").replace(b"\0", b""))


def _said(program: click.Group, words: Sequence[str], piped: bytes | None = None) -> Result:
    return CliRunner().invoke(program, list(words), piped)


def worse(one: Result, other: Result) -> Result:
    """The one with which something is wrong."""
    return one if told(one) else other


def told(result: Result) -> str:
    """What is wrong with what a command said, '' for nothing: a result, or one sentence of bounded length."""
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        return f"{type(error).__name__}: {str(error)[:200]}"
    if result.exit_code not in (0, 1, 2):
        return f"exit code {result.exit_code}"
    if "Traceback" in result.output:
        return "a traceback"
    if result.exit_code == 2 and not result.stderr.strip():
        return "no sentence"
    return f"{len(result.stderr)} characters" if len(result.stderr) > 4_000 else ""


@contextlib.contextmanager
def at(place: Path) -> Iterator[None]:
    """Be in a folder with a small base, English, with an encoder that loads at once."""
    base = base_of(place)
    new_database(place / "firstcall.sqlite").close()
    (place / "here").mkdir()
    (place / "here" / "there.csv").write_text("id,role\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    env |= {"KB_HOME": str(place), "KB_ARTICLES": str(base.folder), "KB_LANGUAGE": "en"}
    env |= {"KB_DATABASE_URL": f"sqlite:///{place}/firstcall.sqlite"}
    with (
        contextlib.chdir(place / "here"),
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.object(wiring, "load_encoder", return_value=HashEncoder()),
    ):
        yield
