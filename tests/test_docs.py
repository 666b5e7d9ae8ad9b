"""What the documentation shows exists: commands and their options, settings and their defaults, files, the example."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields

import click
import pytest

from kb.config import ROOT, Settings
from kb.content import site
from kb.content.articles import KEYS, parse
from kb.content.lint import Base, check
from kb.doors import cli, index_cli

PAGES = [
    path.relative_to(ROOT).as_posix() for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
]
PROGRAMS = {"kb": cli.main, "indexer": index_cli.main}

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^()\s]+)\)")
SETTING = re.compile(r"^\|\s*`(KB_\w+)`\s*\|([^|]*)\|([^|]*)\|\s*$", re.MULTILINE)


def blocks(markdown: str, *languages: str) -> list[str]:
    """The text of code blocks in these languages."""
    return [text for language, text in FENCE.findall(markdown) if language in languages]


COMMAND = re.compile(r"\s*(?:\$ )?(?:KB_\w+=|\S*python3? -m (?:kb|indexer)\b|make\b)")


def shown(markdown: str) -> list[str]:
    """Every command that a page's shell blocks show, whole."""
    texts = [text.replace("\\\n", " ") for text in blocks(markdown, "sh", "bash", "console")]
    return [line.strip().removeprefix("$ ") for text in texts for line in text.split("\n") if COMMAND.match(line)]


def named(markdown: str) -> list[str]:
    """Every command that a page's sentences name, perhaps without its arguments; `…` is none."""
    return [one for one in INLINE.findall(FENCE.sub("", markdown)) if COMMAND.match(one) and "…" not in one]


def wrong(command: str, *, whole: bool = True) -> str:
    """What is wrong with a command, '' for nothing. One that is only named may lack its arguments."""
    words = shlex.split(command, comments=True)
    settings = [f"KB_{field.name.upper()}" for field in fields(Settings)]
    while words and re.match(r"[A-Z_]+=", words[0]):
        name = words.pop(0).partition("=")[0]
        if name.startswith("KB_") and name not in settings:
            return f"there is no setting {name}"
    if words and words[0] == "make":
        asked = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        return next((f"the Makefile has no {word}" for word in asked if word not in targets()), "")
    if len(words) > 2 and words[1] == "-m" and words[2] in PROGRAMS:
        return _wrong_use(PROGRAMS[words[2]], words[2], words[3:], whole)
    return ""


def _wrong_use(program: click.Group, name: str, words: list[str], whole: bool) -> str:
    if not words or words[0] in ("-h", "--help"):
        return ""
    if words[0] not in program.commands:
        return f"{name} has no command {words[0]}"
    inner = program.commands[words[0]]
    if isinstance(inner, click.Group):
        return _wrong_use(inner, f"{name} {words[0]}", words[1:], whole)
    try:
        with program.commands[words[0]].make_context(words[0], words[1:]):
            return ""
    except click.exceptions.Exit:  # --help
        return ""
    except click.UsageError as error:
        lacks = isinstance(error, click.MissingParameter)
        return "" if lacks and not whole else f"{name} {words[0]}: {error.format_message()}"


def targets() -> set[str]:
    """What `make` can be asked for."""
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def page(name: str) -> str:
    """One page of the documentation."""
    return (ROOT / name).read_text("utf-8")


# --- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_every_command_shown_can_be_run_as_it_is_shown(name: str) -> None:
    assert {command: problem for command in shown(page(name)) if (problem := wrong(command))} == {}


@pytest.mark.parametrize("name", PAGES)
def test_every_command_named_in_a_sentence_exists(name: str) -> None:
    assert {command: problem for command in named(page(name)) if (problem := wrong(command, whole=False))} == {}


def test_the_readme_shows_the_two_commands_to_begin_with() -> None:
    assert {"make run", "make test"} <= {command.split("#")[0].strip() for command in shown(page("README.md"))}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_there_is_stands_in_the_readme_or_the_makefile(program: str) -> None:
    text = page("README.md") + page("Makefile")
    assert [name for name in PROGRAMS[program].commands if f"python -m {program} {name}" not in text] == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("make rum", "the Makefile has no rum"),
        ("make PYTHON=python3.12 test", ""),
        ("$ python -m kb asks question", "kb has no command asks"),
        ("python -m kb ask 'my money' --top 3", "kb ask: No such option '--top'."),
        ("python -m kb ask 'my money' --limit 3 --why", ""),
        ("python -m kb ask", "kb ask: Missing argument 'QUESTION...'."),
        ("python -m kb user delete wang.min", "kb user has no command delete"),
        ("python -m kb user add wang.min --boss", "kb user add: No such option '--boss'."),
        ("python -m kb user list", ""),
        ("python -m kb lint a b", "kb lint: Got unexpected extra argument (b)"),
        ("KB_LANGUAGE=zh .venv/bin/python -m kb lint articles --today 2026-11-21 # why", ""),
        ("KB_LANG=zh python -m kb lint", "there is no setting KB_LANG"),
        ("python -m indexer build --fast", "indexer build: No such option '--fast'."),
        ("python -m indexer --help", ""),
        ("python -m indexer", ""),
    ],
)
def test_the_guard_of_commands_goes_red_on_what_does_not_exist(command: str, problem: str) -> None:
    (read,) = shown(f"Text\n\n```sh\n# a comment\n{command}\n```\n")
    assert wrong(read).split(" (Possible")[0].split(" Did you mean")[0] == problem


def test_commands_in_a_sentence_are_read_too() -> None:
    text = "Run `python -m indexer gc` or `make lint`, not `make`-believe, `python -m kb …` or `makefile`."
    assert named(text) == ["python -m indexer gc", "make lint", "make"]
    assert wrong("python -m kb ask", whole=False) == ""
    assert wrong("python -m kb ask --tip", whole=False) != ""


def test_a_command_over_two_lines_is_one_command() -> None:
    assert shown("```sh\npython -m kb ask \\\n  'my money' --why\n```\n") == ["python -m kb ask    'my money' --why"]


# --- settings ------------------------------------------------------------------------------------


def default(value: object) -> str:
    """A default as the table has it: folders relative to the root."""
    return str(value).replace(f"{ROOT}/", "")


def table(markdown: str) -> dict[str, str]:
    """The settings of a table `| KB_NAME | default | meaning |`, with their defaults."""
    return {name: shown.strip().strip("`").removesuffix("/") for name, shown, _ in SETTING.findall(markdown)}


def test_the_readme_lists_every_setting_with_its_default() -> None:
    assert table(page("README.md")) == {
        f"KB_{field.name.upper()}": default(field.default) for field in fields(Settings)
    }


def test_every_setting_has_a_meaning_and_stands_once() -> None:
    rows = SETTING.findall(page("README.md"))
    assert [name for name, _, meaning in rows if not meaning.strip()] == []
    assert sorted(name for name, _, _ in rows) == sorted({name for name, _, _ in rows})


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {f"KB_{field.name.upper()}" for field in fields(Settings)}
    assert {
        f"{name}: {one}" for name in PAGES for one in re.findall(r"\bKB_[A-Z_]+\b", page(name)) if one not in known
    } == set()


# --- links and the example -----------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    here = (ROOT / name).parent
    local = [link.split("#")[0] for link in LINK.findall(FENCE.sub("", page(name))) if ":" not in link]
    assert [link for link in local if link and not (here / link).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_file_of_ours_that_is_named_exists(name: str) -> None:
    named = re.findall(
        r"\b((?:benchmarks|tests|articles|docs|kb|indexer)/[\w/.-]+\.(?:py|toml|json|md|txt))\b", page(name)
    )
    assert sorted({one for one in named if not (ROOT / one).exists()}) == []


def test_the_article_in_the_readme_is_one_with_nothing_to_mend() -> None:
    (example,) = [text for text in blocks(page("README.md"), "markdown") if text.startswith("---")]
    found = re.search(r"^id: (\S+)", example, re.MULTILINE)
    assert found
    one = parse(example, f"troubleshooting/{found.group(1)}.md")
    assert one.valid_from
    base = Base({}, frozenset(), {}, site.load(ROOT / "articles"), {}, today=one.valid_from)
    assert [finding.rule for finding in check([one], base)] == ["twin_dead"]  # its twin is not in the example
    assert {key for key in KEYS if f"\n{key}:" in example} == set(KEYS)


def test_every_program_the_makefile_runs_exists() -> None:
    run = re.findall(r"\S*python (\S+\.py)", page("Makefile"))
    assert run
    assert [path for path in run if not (ROOT / path).exists()] == []
