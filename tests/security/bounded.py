"""Every input there is, found in the code and filled with floods of 100 KB: what each costs.

    python -m tests.security.bounded [--json FILE] [NAME…]

The inputs are the fields of every route (`knocking`), every place of the command line (`commanding`), what the
components of a page tell over its websocket (`messaging`, on a server of its own), what an assistant says to
`python -m kb mcp` (`assisting`, a process of its own), and every public function of a room that takes a text. A
function is called with what the kinds of its parameters say: `str` is the flood, `Article` an article with it as its
body, and so on (`KINDS`). One that takes something else besides a text needs a row in `ELSEWHERE` that says why it is
not called here. Functions that take a connection are reached through the routes.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import gc
import importlib
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from benchmarks.bench import result, write_json
from indexer.engine import Engine
from kb import text
from kb.calls import experts
from kb.calls.bulletins import Bulletin
from kb.config import ROOT
from kb.content import glossary, products, site
from kb.content.articles import Article, parse, read_all
from kb.content.articles.markdown import Span
from kb.content.lint import Base
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.finding import chunks, spelling
from kb.masking.cues import Cues
from kb.masking.digits import chains
from kb.tuning import pins, synonyms
from tests.fake_encoder import HashEncoder
from tests.new_database import new_database
from tests.on_call import base_of, desk_of
from tests.people_on_the_floor import NOON, SUE
from tests.security import assisting, commanding, messaging
from tests.security.floods import FLOODS, HEADER, SIZE, Cost, Heart, beating, cost
from tests.security.knocking import Field, every, told
from tests.small_base import ALL

ARTICLES = ROOT / "articles"
TEXT = ("str", "bytes", "Article", "Sequence[str]", "Iterable[str]")  # kinds that carry what somebody wrote
OUT = ("connection", "database", "folder", "file", "target")  # parameters of what is reached through a door

OWN = "takes what the code made itself: its text was bounded where it came in"
WORD = "its callers give it words of at most 24 letters"
FILE = "its file was read first, which refuses what is broken"
# Not called here, and why.
ELSEWHERE: Mapping[str, str] = {
    "kb.calls.practice.next_question": OWN,
    "kb.systems.post.address": "its address is of the settings",
    "kb.systems.post.is_open": "its address is of the settings",
    "kb.systems.post.over_http": "asks the network",
    "kb.systems.webhooks.send": OWN,
    "kb.systems.webhooks.signature": OWN,
    "kb.systems.webhooks.wait": OWN,
    "kb.db.server.look": "its URL is of the settings",
    "kb.failpoints.arm": "its text is of the environment",
    "kb.failpoints.reached": "its text is of the code",
    "kb.finding.learning.logistic.logistic_of": OWN,
    "kb.finding.search.languages.apart": "a part of kb.finding.search.search",
    "kb.finding.search.languages.scored": "a part of kb.finding.search.search",
    "kb.finding.search.lists.found_in": "a part of kb.finding.search.search",
    "kb.finding.search.read_again": "asks a reranker, which cuts its text",
    "kb.finding.verdict.fit": OWN,
    "kb.finding.verdict.signals": OWN,
    "kb.gaps.analytics.coaching.authored": OWN,
    "kb.gaps.analytics.rewording.difference": OWN,
    "kb.gaps.analytics.view.of_team": "builds a condition of the database",
    "kb.gaps.cost.holding": OWN,
    "kb.gaps.diagnosis.asking.why_unseen": OWN,
    "kb.gaps.replay.proof": OWN,
    "kb.gaps.replay.why": OWN,
    "kb.gaps.roundtable.export.came_of": OWN,
    "kb.gaps.roundtable.export.cost_of": OWN,
    "kb.gaps.roundtable.export.markdown": OWN,
    "kb.gaps.roundtable.export.page": OWN,
    "kb.gaps.roundtable.export.why_of": OWN,
    "kb.i18n.explain": OWN,
    "kb.people.audit.seal": OWN,
    "kb.people.oidc.provider": "asks the network",
    "kb.studio.transfer.docx.read": "imports are called whole, below",
    "kb.studio.transfer.markdown.read": "imports are called whole, below",
    "kb.studio.transfer.questions.read": "imports are called whole, below",
    "kb.studio.transfer.zendesk.read": "imports are called whole, below",
    "kb.finding.search.passage_of": "its article is one of the index",
    "kb.finding.spelling.han.syllables": WORD,
    "kb.finding.spelling.han.is_initials": WORD,
    "kb.finding.spelling.han.written": WORD,
    "kb.finding.spelling.latin.mended": WORD,
    "kb.people.accounts.matches": "what it compares with is of the database",
    "kb.text.sounds": "takes one character",
    "kb.tuning.jargon.written": FILE,
    "kb.tuning.pins.written": FILE,
    "kb.tuning.synonyms.written": FILE,
    "kb.toml.tree": "its readers, which are called, make a sentence of what it raises",
    "kb.durable.write_file": "writes bytes as they are",
    "kb.durable.write_synced": "writes bytes as they are",
    "kb.seen.metrics.built": OWN,
    "kb.seen.metrics.searched": OWN,
}


# Called with what `text.clean` leaves, for so are they by everybody.
CLEANED = ("kb.calls.bulletins.matching", "kb.calls.experts.whom_to_ask", "kb.finding.spelling.heard")


class Nothing(Exception):  # noqa: N818
    """There is no such argument for this flood: an article that is refused, a text without a number."""


@functools.cache
def sample() -> Base:
    """The sample base, as its rules see it."""
    articles, _ = read_all(ARTICLES)
    return Base(
        {one.id: one for one in articles},
        frozenset(one.path for one in articles),
        products.load(ARTICLES),
        site.load(ARTICLES),
        glossary.load(ARTICLES),
        date(2026, 11, 21),
    )


@functools.cache
def lexicon() -> spelling.Lexicon:
    """What the sample base says."""
    return spelling.Lexicon([spelling.vocabulary(one.source for one in sample().articles.values())])


def article(flood: str) -> Article:
    """An article with the flood as its body, or the flood itself where it is one. Raises Nothing."""
    made = _article(flood)
    if made is None:
        raise Nothing
    return made


@functools.lru_cache(maxsize=4)
def _article(flood: str) -> Article | None:
    for source in (flood, HEADER + flood) if flood.startswith("---") else (HEADER + flood,):
        with contextlib.suppress(KBError):
            return parse(source, "a.md")
    return None


def _cut(flood: str) -> list[chunks.Chunk]:
    return list(chunks.cut(article(flood)))[:400]


@functools.cache
def engine() -> Engine:
    """The small base of the calls' tests, open."""
    return base_of(Path(tempfile.mkdtemp())).open().engine


BULLETIN = Bulletin("b1", "sue", NOON, "info", "T", "", "", (), (), ("refund", "E-04"), NOON, NOON)


def _chain(flood: str) -> Any:
    found = next(iter(chains(text.fold(flood))), None)
    if found is None:
        raise Nothing
    return found


KINDS: Mapping[str, Callable[[str], Any]] = {
    "str": lambda flood: flood,
    "bytes": lambda flood: flood.encode("utf-8", "surrogatepass"),
    "Sequence[str]": lambda flood: flood.split(" ")[:10_000],
    "Iterable[str]": lambda flood: flood.split(" ")[:10_000],
    "tuple[str, str]": lambda flood: (flood, flood),
    "Mapping[str, Value]": lambda flood: {"title": flood, "questions": [flood]},
    "Mapping[str, str]": lambda flood: {"a": flood},
    "Article": article,
    "Span": lambda flood: Span(0, len(flood)),
    "Chunk": lambda flood: chunks.cut(article(flood))[0],
    "Sequence[Block]": lambda flood: article(flood).blocks,
    "Cues": lambda flood: Cues(text.fold(flood)),
    "Chain": _chain,
    "Iterable[Chain]": lambda flood: list(chains(text.fold(flood))),
    "Catalogue": lambda _: sample().catalogue,
    "Glossary": lambda _: sample().glossary,
    "Base": lambda _: sample(),
    "Lexicon": lambda _: lexicon(),
    "Iterable[Pin]": lambda _: pins.load(ARTICLES),
    "Sequence[Pin]": lambda _: pins.load(ARTICLES),
    "Synonyms": lambda _: synonyms.load(ARTICLES),
    "Article | None": article,
    "Sequence[tuple[Chunk, str]]": lambda flood: [(one, chunks.shown(article(flood), one)) for one in _cut(flood)],
    "Mapping[str, float]": lambda _: {},
    "Iterable[tuple[str, str]]": lambda flood: [(flood, "a")],
    "Sequence[tuple[str, str]]": lambda flood: [("a", flood)],
    "Sequence[tuple[str, float]]": lambda flood: [(flood, 1.0)],
    "Callable[[str], Article | None]": lambda flood: lambda _: article(flood),
    "Iterable[Sequence[object]]": lambda flood: [[flood]],
    "Sequence[Bulletin]": lambda _: [BULLETIN],
    "Sequence[Expert]": lambda _: experts.load(ARTICLES),
    "Find": lambda flood: lambda *_: flood[:100],
    "Index": lambda _: engine(),
    "Scope": lambda _: ALL,
    "Encoder | None": lambda _: HashEncoder(),
    "Vector": lambda _: HashEncoder().queries(["refund"])[0],
    "Vector | None": lambda _: HashEncoder().queries(["refund"])[0],
    "Tokens | None": lambda _: None,
    "Rows": lambda _: HashEncoder().queries,
    "tuple[int, int]": lambda _: (0, 10),
    "bool": lambda _: True,
    "date": lambda _: date(2026, 11, 21),
    "datetime": lambda _: datetime(2026, 11, 21, tzinfo=UTC),
    "int": lambda _: 0,
    "User": lambda _: SUE,
    "frozenset[str]": lambda _: frozenset({"payments"}),
}
NAMED: Mapping[str, Any] = {"path": "a.md", "lang": "en", "language": "en", "name": "a.md"}  # no texts, by their names


@dataclass(frozen=True)
class Function:
    """One function of a room: its name, and its required parameters with their kinds as written."""

    name: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def unknown(self) -> list[str]:
        """Kinds that nothing here can make."""
        return [kind for name, kind in self.parameters if kind not in KINDS and name not in NAMED]

    def call(self, flood: str) -> Callable[[], object]:
        """Its call with this flood; an iterator is taken to its end. Raises Nothing."""
        module, _, name = self.name.rpartition(".")
        called = getattr(importlib.import_module(module), name)
        given = {name: NAMED[name] if name in NAMED else KINDS[kind](flood) for name, kind in self.parameters}

        def work() -> object:
            made = called(**given)
            return list(made) if isinstance(made, Iterator) else made

        return work


def functions() -> list[Function]:
    """Every public function of a room that takes a text and no connection, database or folder."""
    return [one for path in sorted((ROOT / "kb").rglob("*.py")) if "doors" not in path.parts for one in _of(path)]


def _of(path: Path) -> Iterator[Function]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        given, plain = node.args, len(node.args.args) - len(node.args.defaults)
        needed = [*given.args[:plain]]
        needed += [one for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
        needed += [one for one in given.args[plain:] if ast.unparse(one.annotation or ast.Constant("")) == "str"]
        kinds = tuple((one.arg, ast.unparse(one.annotation) if one.annotation else "") for one in needed)
        if any(kind in TEXT for _, kind in kinds) and not any(name in OUT for name, _ in kinds):
            yield Function(f"{module}.{node.name}", kinds)


def chosen(name: str, worst: Mapping[str, Mapping[str, Any]], many: int = 2) -> dict[str, str]:
    """The floods of a short trial: what cost most when all were tried, else some drawn by the input's name."""
    known = worst.get(name, {})
    picked = [known["by"]] if known.get("by") in FLOODS else []
    drawn = random.Random(name).sample(sorted(FLOODS), many)
    return {one: FLOODS[one] for one in (picked or drawn)}


def of_function(heart: Heart, one: Function, floods: Mapping[str, str]) -> dict[str, Cost]:
    """What each flood costs a function."""
    found = {}
    for name, flood in floods.items():
        with contextlib.suppress(Nothing):
            said = text.clean(flood) if one.name in CLEANED else flood
            found[name] = cost(heart, one.call(said), (KBError, Nothing))
    return found


def of_field(heart: Heart, one: Field, floods: Mapping[str, str], told: Callable[[Any], str] = told) -> dict[str, Cost]:
    """What each flood costs a field of a route or a command; an answer that is no sentence is an error, too."""

    def send(flood: str) -> None:
        wrong = told(one.send(flood))
        if wrong:
            raise AssertionError(wrong)

    return {name: cost(heart, lambda flood=flood: send(flood), ()) for name, flood in floods.items()}  # type: ignore[misc]


def _of_command(one: Field, heart: Heart, floods: Mapping[str, str]) -> dict[str, Cost]:
    return of_field(heart, one, floods, commanding.told)


def inputs(desk: Desk) -> Iterator[tuple[str, Callable[[Heart, Mapping[str, str]], dict[str, Cost]]]]:
    """Every input with how it is measured."""
    for one in functions():
        if one.name not in ELSEWHERE:
            yield one.name, functools.partial(lambda one, heart, floods: of_function(heart, one, floods), one)
    for two in every(desk):
        yield two.name, functools.partial(lambda two, heart, floods: of_field(heart, two, floods), two)
    for three in commanding.fields():
        yield three.name, functools.partial(_of_command, three)


def main() -> int:
    """Every input with every flood; 1 where one is not bounded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of names: only these inputs")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, dict[str, Cost]] = {}
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as typed, contextlib.ExitStack() as held:
        heart = held.enter_context(beating())
        desk = desk_at(Path(place))
        every_one = [pair for pair in inputs(desk) if _is_asked(pair[0], asked.names)]
        held.enter_context(commanding.at(Path(typed)))
        for flood, text in FLOODS.items():  # one after the other, for an article of it is made once
            print(flood, file=sys.stderr, flush=True)
            gc.collect()
            gc.freeze()  # as the program that is warm: else a full collection falls into whatever is measured then
            for name, measure in every_one:
                costs = measure(heart, {flood: text})
                found.setdefault(name, {}).update(costs)
                for it in costs.values():
                    if not it.bounded:
                        print(f"    {name}: {it}", file=sys.stderr, flush=True)
        if _is_asked("mcp", asked.names):
            found |= assisting.costs(desk, FLOODS)
    if _is_asked("message", asked.names):
        found |= messaging.on_a_server(FLOODS)
    worst = {name: summed(costs) for name, costs in found.items() if costs}
    wrong = [f"{name}, {flood}: {it}" for name, costs in found.items() for flood, it in costs.items() if not it.bounded]
    for name, most in sorted(worst.items(), key=lambda pair: str(pair[1]["time"])):
        print(name, most)
    print("\n".join(wrong))
    if asked.json:
        write_json(asked.json, result_of(worst, wrong))
    return int(bool(wrong))


def _is_asked(name: str, parts: list[str]) -> bool:
    return not parts or any(part in name for part in parts)


def desk_at(place: Path) -> Desk:
    """A desk of the small base that may be written to."""
    new_database(place / "firstcall.sqlite").close()
    return desk_of(base_of(place), place / "firstcall.sqlite")


def summed(found: Mapping[str, Cost]) -> dict[str, object]:
    """The worst time and the worst stall of an input, seconds, each with its flood."""
    slow, stalled = max(found, key=lambda one: found[one].time), max(found, key=lambda one: found[one].stall)
    return {"time": found[slow].time, "by": slow, "stall": found[stalled].stall, "at": stalled}


def result_of(worst: Mapping[str, Mapping[str, object]], wrong: list[str]) -> dict[str, Any]:
    """What is published: the worst of all, and of each input."""
    over = {"stall_s": "stall", "time_s": "time"}
    most = {name: max((float(str(one[key])) for one in worst.values()), default=0.0) for name, key in over.items()}
    counted = {"inputs": len(worst), "floods": len(FLOODS), "unbounded": len(wrong)}
    return result("bounds", f"{SIZE:,} bytes of each flood", {"firstcall": counted | most}, [], inputs=dict(worst))


if __name__ == "__main__":
    sys.exit(main())
