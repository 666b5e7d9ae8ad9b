"""Every sentence a person sees: there in both languages, filled with the same facts, and said somewhere.

Codes, rules and keys are read from the code itself, so a new one without its sentence is a red test.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from kb import errors
from kb.calls import bulletins, experts, flags, journal
from kb.care import doctor
from kb.care.doctor import runs
from kb.content.articles import AUDIENCES, BLOCKS, CATEGORIES
from kb.content.deadlines.anchors import EVENTS
from kb.doors import mending
from kb.doors.call_api import SAID_LATER
from kb.doors.ui.keys import KEYS
from kb.doors.wiring import EncoderState
from kb.errors import ArticleError, KBError, SettingError
from kb.finding import learning, verdict
from kb.gaps import diagnosis, gap, misses, replay
from kb.gaps.analytics import feedback, reuse, searches
from kb.gaps.analytics.asked import OUTCOMES
from kb.gaps.moves import MOVES, REASONS
from kb.i18n import LANGUAGES, explain, nearest_language, say, sentences, terminal_language
from kb.people import audit
from kb.people.keys import SCOPES
from kb.people.scope import GOVERNANCE, STATES
from kb.people.users import SAMPLES, Role
from kb.studio import bulk, review, revisions, transfer

ROOT = Path(__file__).resolve().parent.parent
UI = ROOT / "kb/doors/ui"

# Keys whose end the code fills in, and what it can be filled with; `error` and `lint` are read from the code below.
FILLED_IN: Mapping[str, Sequence[str]] = {
    "audit.*": [*get_args(audit.Trouble), "sound"],
    "assistant.*": [*AUDIENCES, "not_validated"],
    "article.*": [block for block in BLOCKS if block != "say"],
    "backup.*": ["written", "sound", "restored", "drilled"],
    "doctor.*": sorted({*doctor.SOUND, *doctor.SOUND_SERVER, *doctor.WRONG}),
    "doctor.*_mend": doctor.WRONG,
    "status.encoder_*": get_args(EncoderState),
    "status.run_*": runs.KINDS,
    "status.*_late": ["backup", "drill"],
    "status.*_never": ["backup", "drill"],
    "call.gap_*": ["words", "answered", "suggestion"],
    "call.kind_*": gap.KINDS,
    "call.reason_*": flags.REASONS,
    "calls.kind_*": journal.KINDS,
    "category.*": CATEGORIES,
    "sign_in.as_*": list(SAMPLES),
    "dates.from_*": [*EVENTS, "day"],
    "edit.audience_*": AUDIENCES,
    "edit.governance_*": GOVERNANCE,
    "edit.cause_*": revisions.CAUSES,
    "expert.*": get_args(experts.Ground),
    "figures.*": [*searches.VERDICTS, *(f"gaps_{kind}" for kind in feedback.KINDS)],
    "figures.gaps_*": feedback.KINDS,
    "gap_why.*": REASONS,
    "gaps.do_*": sorted({after for _, after in MOVES} - {"verified"}),
    "gaps.none_*": ["open", "mine", "overdue", "referred", "closed"],
    "gaps.part_*": ["open", "mine", "overdue", "referred", "closed"],
    "gaps.signal_*": misses.SIGNALS,
    "gaps.state_*": gap.STATES,
    "insights.*": [*reuse.ILLS, "used", "carriers", "flags", "waiting", "turnaround"],
    "insights.*_hint": reuse.ILLS,
    "insights.list_*": [*get_args(searches.Kind), "slowest", "pressed"],
    "insights.outcome_*": OUTCOMES,
    "learnt.state_*": learning.STATES,
    "insights.part_*": ["searches", "speed", "articles", "feedback", "coaching"],
    "manage.part_*": ["accounts", "import", "keys"],
    "manage.role_*": [role.value for role in Role],
    "manage.scope_*": SCOPES,
    "people.*": ["disabled", "enabled", "unlocked"],
    "notice.kind_*": bulletins.KINDS,
    "notice.state_*": get_args(bulletins.State),
    "diagnosis.*": diagnosis.REASONS,
    "diagnosis.*_short": diagnosis.REASONS,
    "diagnosis.do_*": ["already_there", *mending.REMEDIES],
    "diagnosis.write_*": ["zh", "en"],
    "replay.*": replay.LACKS,
    "diagnosis.*_word": ["their", "our"],
    "roundtable.as_*": ["md", "html", "csv"],
    "state.*": STATES,
    "bulk.kind_*": bulk.KINDS,
    "words.glossary_*": LANGUAGES,
    "words.part_*": ("synonyms", "pins", "glossary"),
    "words.pins_*": ("over", "gone"),
    "studio.by_*": ("view", "reason", "state", "category", "lang"),
    "studio.lang_*": LANGUAGES,
    "studio.reason_*": review.REASONS,
    "transfer.*": transfer.OUTCOMES,
    "verdict.*": get_args(verdict.Name),
}
NAMES_IN_THE_OTHER_LANGUAGE: set[str] = set()
THE_SAME_IN_BOTH: set[str] = set()

NOT_YET_SAID: set[str] = set()  # written, and asked for nowhere: say it or strike it out

HAN = re.compile(r"[\u3400-\u9fff]")
WIDE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff01-\uff60]")  # characters and punctuation only Chinese uses


def placeholders(sentence: str) -> set[str]:
    """The facts a sentence is filled with."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


# --- reading the code ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A code, rule or key in the code, where it stands, and the facts given with it (None = not to be known)."""

    key: str
    place: str
    facts: frozenset[str] = frozenset()
    kind: str = ""


def functions(tree: ast.AST) -> Iterator[tuple[ast.AST, list[ast.FunctionDef | ast.AsyncFunctionDef]]]:
    """Every node with the functions around it, innermost last."""
    waiting: list[tuple[ast.AST, list[ast.FunctionDef | ast.AsyncFunctionDef]]] = [(tree, [])]
    while waiting:
        node, around = waiting.pop()
        yield node, around
        inside = [*around, node] if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else around
        waiting.extend((child, inside) for child in ast.iter_child_nodes(node))


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Names of a function's parameters in order, without self."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] == ["self"] else names


def values(node: ast.expr, around: Sequence[ast.FunctionDef | ast.AsyncFunctionDef]) -> list[str]:
    """The texts an expression can be, `*` for what is filled in; [] for a parameter, `?` for what cannot be read."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)]
    if isinstance(node, ast.IfExp):
        return [*values(node.body, around), *values(node.orelse, around)]
    if isinstance(node, ast.Name):
        if any(node.id in parameters(function) for function in around):
            return []
        given = [
            one.value
            for function in around
            for one in ast.walk(function)
            if isinstance(one, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in one.targets)
        ]
        return [value for one in given for value in values(one, around)] or ["?"]
    return ["?"]


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def keywords(call: ast.Call) -> set[str]:
    """Names of a call's keyword arguments, without `**`."""
    return {keyword.arg for keyword in call.keywords if keyword.arg}


def trees(root: Path) -> list[tuple[str, ast.Module]]:
    """Every file of `kb/` and `indexer/`, and `app.py`, parsed."""
    paths = [*sorted((root / "kb").rglob("*.py")), *sorted((root / "indexer").rglob("*.py")), root / "app.py"]
    return [(path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"))) for path in paths if path.exists()]


def family(code: Sequence[tuple[str, ast.Module]]) -> set[str]:
    """Names of KBError and everything below it, in kb.errors or anywhere else."""
    names = {n for n, one in vars(errors).items() if isinstance(one, type) and issubclass(one, KBError)}
    classes = [node for _, tree in code for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for _ in classes:
        names |= {node.name for node in classes if {getattr(base, "id", "") for base in node.bases} & names}
    return names


def raised(root: Path) -> list[Said]:
    """Every error code that the code makes, directly or through a helper that forwards one."""
    code = trees(root)
    kinds = family(code)
    found: list[Said] = []
    helpers: dict[str, tuple[int, set[str], str]] = {}
    for path, tree in code:
        for node, around in functions(tree):
            if isinstance(node, ast.Call) and called(node) in kinds and node.args:
                kind, first = called(node), node.args[0]
                place, facts = f"{path}:{node.lineno}", frozenset(keywords(node))
                found += [Said(one, place, facts, kind) for one in values(first, around)]
                if isinstance(first, ast.Name) and around and first.id in parameters(around[-1]):
                    helpers[around[-1].name] = (parameters(around[-1]).index(first.id), keywords(node), kind)
    for path, tree in code:
        for node, around in functions(tree):
            if isinstance(node, ast.Call) and called(node) in helpers:
                at, known, kind = helpers[called(node)]
                facts = frozenset(known | keywords(node))
                found += [Said(one, f"{path}:{node.lineno}", facts, kind) for one in values(node.args[at], around)]
    return found


def asked_for(root: Path) -> list[Said]:
    """Every sentence key in `t(key)`, `say(language, key)` and `….say(key)`."""
    found: list[Said] = []
    for path, tree in trees(root):
        for node, around in functions(tree):
            if not isinstance(node, ast.Call):
                continue
            plain = isinstance(node.func, ast.Name)
            at = {"t": 0, "say": 1 if plain else 0}.get(called(node), -1)
            if 0 <= at < len(node.args):
                place, facts = f"{path}:{node.lineno}", frozenset(keywords(node))
                found += [Said(one, place, facts) for one in values(node.args[at], around)]
    return found


def rules(root: Path) -> list[Said]:
    """Every rule name that lint yields, with the facts beside it."""
    path = "kb/content/lint.py"
    found: list[Said] = []
    for node, around in functions(ast.parse((root / path).read_text("utf-8"))):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            name, _, facts = node.value.elts
            if isinstance(facts, ast.Name):
                given = [one.value for one in ast.walk(around[-1]) if isinstance(one, ast.Assign)]
                facts = next(one for one in given if isinstance(one, ast.Dict))
            assert isinstance(facts, ast.Dict), f"{path}:{node.lineno}: facts must be written out to be checked"
            names = frozenset(str(key.value) for key in facts.keys if isinstance(key, ast.Constant))
            found += [Said(one, f"{path}:{node.lineno}", names) for one in values(name, around)]
    return found


def section(name: str) -> set[str]:
    """The keys of one section, without its name."""
    return {key.removeprefix(f"{name}.") for key in sentences("en") if key.startswith(f"{name}.")}


SCRIPTS = {path.parent.name: path.parent for path in UI.glob("*/*.js")} | {"offline": ROOT / "kb/offline/copy"}
COMPONENTS = sorted(SCRIPTS)
FILLED_BY_THE_PAGE = {  # not sentences
    "finder": {"categories", "products", "slots"},
    "offline": {"categories", "states", "events", "kinds"},
}
LABEL = re.compile(r"\blabels\??\.(\w+)")
COMPUTED = re.compile(r"\blabels\[((?:[^\[\]]|\[[^\[\]]*\])*)\]")  # labels[`do_${action}`]
TEMPLATE = re.compile(r"`([^`$]*)\$\{[^{}`]*\}([^`$]*)`")
IN_QUOTES = re.compile(r'"([^"]*)"')


def script_of(component: str) -> str:
    """All the JavaScript of a component."""
    return "\n".join(path.read_text("utf-8") for path in sorted(SCRIPTS[component].glob("*.js")))


def in_script(component: str, pattern: str) -> list[str]:
    """What a pattern finds in a component's JavaScript: a list that only the script has."""
    return re.findall(pattern, script_of(component))


# Component → what stands in brackets after `labels`, and the labels that it can be: from the code's own lists.
COMPUTED_LABELS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "call": {
        "do_*": [f"do_{action}" for action in KEYS],
        "form_*": [f"form_{name}" for name in in_script("call", r"\b(\w+): \w+Form\b")],
        "gap_*": [f"gap_{name}" for name in SAID_LATER if name != "kind"],
        "kind_*": [f"kind_{kind}" for kind in gap.KINDS],
        "label": in_script("call", r'\["(key_\w+)"'),
        "name": in_script("call", r'"(due_\w+)"'),
        "notice_*": [f"notice_{kind}" for kind in bulletins.KINDS],
        "reason_*": [f"reason_{reason}" for reason in flags.REASONS],
        "said_*": [f"said_{kind}" for kind in in_script("call", r'\.used\("(\w+)"\)')],
    },
    "finder": {
        "answer.verdict": get_args(verdict.Name),
        "notice_*": [f"notice_{kind}" for kind in bulletins.KINDS],
    },
    "offline": {"node.dataset.t": [block for block in BLOCKS if block != "say"]},
    "say": {"action": IN_QUOTES.findall("".join(in_script("say", r"const ACTIONS = (\[.*?\]);")))},
}


def computed(component: str) -> list[str]:
    """What a component's JavaScript has in brackets after `labels`, `*` for what a template is filled in with."""
    return [TEMPLATE.sub(r"\1*\2", one) for one in COMPUTED.findall(script_of(component))]


def labels(component: str) -> set[str]:
    """The labels a component's JavaScript uses."""
    found = set(LABEL.findall(script_of(component))) - FILLED_BY_THE_PAGE.get(component, set())
    for one in computed(component):
        known = COMPUTED_LABELS.get(component, {})
        found |= set(known[one] if one in known else IN_QUOTES.findall(one))
    return found


ALL_RAISED = raised(ROOT)
ALL_ASKED_FOR = asked_for(ROOT)
ALL_RULES = rules(ROOT)


# --- both languages have it ----------------------------------------------------------------------


def test_both_languages_have_the_same_keys() -> None:
    assert sorted(sentences("zh")) == sorted(sentences("en"))


@pytest.mark.parametrize("key", sorted(set(sentences("zh")) & set(sentences("en"))))
def test_both_sentences_are_filled_with_the_same_facts(key: str) -> None:
    assert placeholders(sentences("zh")[key]) == placeholders(sentences("en")[key])


def test_every_placeholder_has_a_name() -> None:
    found = {k for lang in LANGUAGES for k, text in sentences(lang).items() for n in placeholders(text) if not n}
    assert found == set()


def test_no_sentence_is_empty() -> None:
    assert {key for lang in LANGUAGES for key, text in sentences(lang).items() if not text.strip()} == set()


def test_no_english_sentence_has_chinese_in_it() -> None:
    found = {key for key, text in sentences("en").items() if WIDE.search(text)}
    assert found == NAMES_IN_THE_OTHER_LANGUAGE


def test_every_chinese_sentence_is_chinese() -> None:
    found = {key for key, text in sentences("zh").items() if not HAN.search(text)}
    assert found == NAMES_IN_THE_OTHER_LANGUAGE | THE_SAME_IN_BOTH


def test_no_sentence_is_the_same_in_both_languages_by_oversight() -> None:
    assert {key for key, text in sentences("zh").items() if sentences("en").get(key) == text} == THE_SAME_IN_BOTH


def test_chinese_sentences_use_chinese_punctuation() -> None:
    found = {key: text for key, text in sentences("zh").items() if re.search(r"[\u3400-\u9fff][,;?!]", text)}
    assert found == {}


# --- errors --------------------------------------------------------------------------------------


def test_every_error_code_can_be_read_in_the_code() -> None:
    assert [one.place for one in ALL_RAISED if "?" in one.key or "*" in one.key] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_code_has_a_sentence(language: str) -> None:
    missing = {one.place: one.key for one in ALL_RAISED if f"error.{one.key}" not in sentences(language)}
    assert missing == {}


def test_no_error_sentence_is_never_raised() -> None:
    assert section("error") - {one.key for one in ALL_RAISED} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_raised_error_carries_the_facts_its_sentence_needs(language: str) -> None:
    missing = {
        f"{one.place} {one.key}": sorted(placeholders(sentences(language)[f"error.{one.key}"]) - one.facts)
        for one in ALL_RAISED
        if placeholders(sentences(language).get(f"error.{one.key}", "")) - one.facts
    }
    assert missing == {}


def test_every_article_error_says_file_and_line() -> None:
    assert [one.place for one in ALL_RAISED if one.kind == "ArticleError" and not {"file", "line"} <= one.facts] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_an_article_error_begins_with_file_and_line(language: str) -> None:
    codes = {one.key for one in ALL_RAISED if one.kind == "ArticleError"}
    assert {code for code in codes if not sentences(language)[f"error.{code}"].startswith("{file}:{line}")} == set()


def test_the_reader_of_codes_finds_them_through_helpers_branches_and_subclasses(tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    (tmp_path / "indexer").mkdir()
    (tmp_path / "kb/calls.py").write_text(
        "class CallError(KBError): ...\n"
        "class Reader:\n"
        "    def _wrong(self, line, code, **facts):\n"
        "        return CallError(code, line=line, **facts)\n"
        "    def read(self):\n"
        "        raise self._wrong(3, 'call_ended', call=1)\n"
        "def f(late):\n"
        "    raise CallError('call_late' if late else 'call_early', at=1)\n"
        "def g(name):\n"
        "    raise KBError('call_' + 'x')\n",
        "utf-8",
    )
    assert sorted(raised(tmp_path), key=lambda one: (one.place, one.key)) == [
        Said("?", "kb/calls.py:10", frozenset(), "KBError"),
        Said("call_ended", "kb/calls.py:6", frozenset({"line", "call"}), "CallError"),
        Said("call_early", "kb/calls.py:8", frozenset({"at"}), "CallError"),
        Said("call_late", "kb/calls.py:8", frozenset({"at"}), "CallError"),
    ]


# --- lint ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_lint_rule_has_a_sentence_with_facts_it_is_given(language: str) -> None:
    missing = {one.place: one.key for one in ALL_RULES if f"lint.{one.key}" not in sentences(language)}
    assert missing == {}
    unknown = {
        one.place: sorted(placeholders(sentences(language)[f"lint.{one.key}"]) - one.facts)
        for one in ALL_RULES
        if placeholders(sentences(language)[f"lint.{one.key}"]) - one.facts
    }
    assert unknown == {}


def test_every_lint_sentence_belongs_to_a_rule_or_is_said_at_the_end() -> None:
    asked = {one.key.removeprefix("lint.") for one in ALL_ASKED_FOR if one.key.startswith("lint.")}
    assert section("lint") == {one.key for one in ALL_RULES} | (asked - {"*"})


# --- keys the code asks for ----------------------------------------------------------------------


def keys_of(one: Said) -> set[str]:
    """The keys one use can mean."""
    if "*" not in one.key:
        return {one.key}
    return {one.key.replace("*", end) for end in FILLED_IN[one.key]}


def test_every_key_the_code_asks_for_can_be_read() -> None:
    known = {*FILLED_IN, "error.*", "lint.*"}
    assert {
        one.place: one.key for one in ALL_ASKED_FOR if "?" in one.key or ("*" in one.key and one.key not in known)
    } == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_the_code_asks_for_has_a_sentence(language: str) -> None:
    asked = [one for one in ALL_ASKED_FOR if one.key not in ("error.*", "lint.*")]
    missing = {f"{one.place} {key}" for one in asked for key in keys_of(one) if key not in sentences(language)}
    assert missing == set()


def test_the_reader_of_keys_finds_constants_variables_and_f_strings() -> None:
    keys = {one.key for one in ALL_ASKED_FOR}
    assert keys >= {"cli.serving", "cli.published", "cli.unchanged", "verdict.*", "category.*", "lint.*", "error.*"}


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_label_a_script_computes_can_be_read(component: str) -> None:
    known = COMPUTED_LABELS.get(component, {})
    assert [one for one in computed(component) if not known.get(one) and not IN_QUOTES.search(one)] == []


def test_the_reader_of_labels_finds_them_in_every_script_and_however_they_are_computed() -> None:
    assert "call" in COMPONENTS
    assert labels("call") >= {
        "said_copied",  # this.labels.said_copied in call.js
        "promise_what",  # labels.promise_what in forms.js
        "key_reserved",  # labels.key_reserved in keys.js
        "do_end",
        "form_mine",
        "gap_suggestion",
        "kind_fault",
        "due_three_days",
        "reason_jargon",
        "said_helped",
        "said_unsolved",
        "do_unsolved",
        "key_clear",  # of FIXED in sheet.js
    }
    assert labels("finder") >= {"missing", "notice_holding", "placeholder"}
    assert labels("say") >= {"solved", "helped", "unsolved", "flag", "none"}


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_label_a_component_uses_is_in_its_section(component: str) -> None:
    assert labels(component) - section(component) == set()


@pytest.mark.parametrize("name", sorted({*COMPONENTS, "category"} - {"offline"}))
def test_labels_are_drawn_as_they_stand_so_they_have_nothing_to_fill_in(name: str) -> None:
    assert {key: placeholders(sentences("en")[f"{name}.{key}"]) for key in section(name)} == {
        key: set() for key in section(name)
    }


def test_the_script_of_a_copy_fills_in_what_its_labels_leave_open() -> None:
    given: dict[str, set[str]] = {label: set() for label in labels("offline")}
    for call in in_script("offline", r"\bfilled\(.*?\}\)"):
        for label in set(LABEL.findall(call)) & set(given):
            given[label] |= set(re.findall(r"(\w+)\s*[:,}]", call[call.index("{") :]))
    missing = {label: placeholders(sentences("en")[f"offline.{label}"]) - names for label, names in given.items()}
    assert {label: names for label, names in missing.items() if names} == {}


def test_every_sentence_is_said_somewhere_but_for_those_that_wait_for_their_place() -> None:
    asked = {key for one in ALL_ASKED_FOR if one.key not in ("error.*", "lint.*") for key in keys_of(one)}
    drawn = {f"{component}.{label}" for component in COMPONENTS for label in labels(component)}
    elsewhere = {key for key in sentences("en") if key.startswith(("error.", "lint."))}  # checked above
    assert set(sentences("en")) - asked - drawn - elsewhere <= NOT_YET_SAID


# --- saying it -----------------------------------------------------------------------------------


def test_a_sentence_is_filled_with_its_facts() -> None:
    facts = {"articles": 80, "findings": 2}
    assert say("en", "lint.summary", **facts) == "80 articles, 2 findings."
    assert say("zh", "lint.summary", **facts) == "共 80 篇文章，2 处要改。"


def test_a_slot_is_shown_with_its_braces() -> None:
    facts = {"slot": "colour", "known": "amount, date"}
    assert say("en", "lint.slot_unknown", **facts) == "The slot {colour} is not known. Known slots: amount, date."
    assert say("zh", "lint.slot_unknown", **facts) == "不认识的空位 {colour}。可用的空位：amount, date。"


def test_a_fact_may_have_the_name_of_an_argument() -> None:
    error = ArticleError("key_repeated", file="products/router-r3000-zh.md", line=4, key="title")
    assert explain("zh", error) == "products/router-r3000-zh.md:4：键“title”写了两次，请只留一个。"
    assert explain("en", error) == 'products/router-r3000-zh.md:4: the key "title" stands twice; keep one.'


def test_a_fact_with_braces_is_not_filled_in_again() -> None:
    error = SettingError("setting_not_a_number", name="KB_PORT", value="{name}")
    assert explain("en", error) == 'KB_PORT must be a whole number, not "{name}".'


def test_an_unknown_key_is_an_error_of_the_program() -> None:
    with pytest.raises(KeyError):
        say("en", "cli.no_such_sentence")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_tells_no_half_characters_and_no_endless_fact(language: str) -> None:
    told = explain(language, KBError("file_refused", file="\udcff.md", problem="\ud800" * 100_000))
    assert told.encode("utf-8")
    assert "?.md" in told
    assert "?" * 1_000 + " …" in told
    assert "?" * 1_001 not in told


def test_an_error_reads_as_code_and_facts_in_a_log() -> None:
    assert str(KBError("path_missing", path="a/b")) == "path_missing(path='a/b')"


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh-CN", "zh"),
        ("zh_TW.UTF-8", "zh"),
        ("ZH", "zh"),
        ("en-GB", "en"),
        ("de_DE.UTF-8", "en"),
        ("C", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_nearest_language_of_a_locale(tag: str | None, language: str) -> None:
    assert nearest_language(tag) == language


@pytest.mark.parametrize(
    ("setting", "env", "language"),
    [
        ("zh", {"LANG": "en_US.UTF-8"}, "zh"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("auto", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("auto", {"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ("auto", {"LC_ALL": "", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ("auto", {}, "en"),
    ],
)
def test_the_language_of_the_command_line(setting: str, env: dict[str, str], language: str) -> None:
    assert terminal_language(setting, env) == language
