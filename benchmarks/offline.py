"""What an offline copy finds of the sample base, beside the app itself and a plain search for words.

    python benchmarks/offline.py [--json OUT]

The golden questions that have an answer (tests/golden/questions.toml), asked of

    app        the app: meaning and words
    app-words  the app while its encoder is missing
    offline    the copy of the sample base in Debian's Chromium, the network cut
    substring  articles that have most of the question's words as they were typed, a Chinese run being one word: what
               a browser's own search, or grep, can do with a folder of articles

hit@1 and recall@3 count topics, as an article and its twin are one. `bytes` of the file, and of it once compressed.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import gzip
import re
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks import bench
from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from indexer.generation import open_current
from indexer.vectors import VectorCache
from kb import text
from kb.config import settings
from kb.content import products, site
from kb.content.articles import Article, read_all
from kb.finding.search import search
from kb.offline.copy import Held, copy
from kb.people.scope import ANSWERING_STATES, EVERY_PRODUCT, EVERYONE, GOVERNANCE, Scope
from kb.people.users import OPERATOR, Role, User
from kb.tuning import synonyms
from tests.browser.conftest import ARGUMENTS, CHROMIUM

FOLDER = bench.ROOT / "articles"
LANGUAGES = ("zh", "en")
DEPTH = 3
_WORD = re.compile(rf"[{text.HAN}]+|[^\W{text.HAN}]+")

Question = Mapping[str, str]
Answers = Sequence[Sequence[str]]  # per question topics, best first


def topic(id: str) -> str:
    """An article's id without its language."""
    return id.rsplit("-", 1)[0]


def topics(ids: Sequence[str]) -> list[str]:
    """The first topics of a list of articles."""
    return list(dict.fromkeys(map(topic, ids)))[:DEPTH]


def everything(at: datetime) -> Scope:
    """What an agent of no team sees."""
    langs = frozenset({"zh-CN", "en"})
    on = site.load(FOLDER).today(at)
    every = frozenset({EVERY_PRODUCT})
    return Scope(frozenset({EVERYONE}), langs, ANSWERING_STATES, frozenset(GOVERNANCE), every, on)


def by_the_app(questions: Sequence[Question], index: Engine, encoder: SentenceEncoder | None, scope: Scope) -> Answers:
    """What the app answers."""
    known = {"catalogue": products.load(FOLDER), "synonyms": synonyms.load(FOLDER)}
    found = (search(one["text"], scope, index=index, encoder=encoder, **known) for one in questions)  # type: ignore[arg-type]
    return [topics([hit.article.id for hit in hits.hits]) for hits in found]


def by_the_copy(questions: Sequence[Question], file: Path) -> Answers:
    """What the copy answers in a browser without a network."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        context = browser.new_context()
        context.set_offline(True)
        page = context.new_page()
        page.goto(file.as_uri())
        asked = [one["text"] for one in questions]
        ids = page.evaluate("asked => asked.map((q) => folded(found(q), q).map((at) => data.articles[at].id))", asked)
        browser.close()
    return [topics(one) for one in ids]


def by_substrings(questions: Sequence[Question], articles: Sequence[Article]) -> Answers:
    """The articles that have most of a question's words, those of equals first that are shorter."""
    texts = {one.id: one.source.lower() for one in articles}

    def answer(question: str) -> list[str]:
        words = set(_WORD.findall(question.lower()))
        having = {id: sum(word in whole for word in words) for id, whole in texts.items()}
        found = sorted((id for id, count in having.items() if count), key=lambda id: (-having[id], len(texts[id]), id))
        return topics(found)

    return [answer(one["text"]) for one in questions]


def figures(questions: Sequence[Question], answers: Answers) -> dict[str, float]:
    """hit@1 and recall@3 of each language."""
    told = {}
    for lang in LANGUAGES:
        own = [(one["topic"], found) for one, found in zip(questions, answers, strict=True) if one["lang"] == lang]
        for name, depth in (("hit@1", 1), ("recall@3", DEPTH)):
            told[f"{name} {lang}"] = round(sum(wanted in found[:depth] for wanted, found in own) / len(own), 4)
    return told


def measure() -> bench.Tree:
    """All systems on the sample base."""
    asked = tomllib.loads((bench.ROOT / "tests/golden/questions.toml").read_text("utf-8"))["question"]
    questions, articles = [one for one in asked if "topic" in one], read_all(FOLDER)[0]
    at = datetime.now(UTC)
    scope, encoder = everything(at), SentenceEncoder(settings())
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        with closing(VectorCache(settings().home / "vectors.sqlite")) as cache:
            build(FOLDER, Path(scratch, "index"), encoder, cache, at=at)
        index, file = open_current(Path(scratch, "index")).engine, Path(scratch, "copy.html")
        held = Held("bench", articles, (), products.load(FOLDER), site.load(FOLDER), synonyms.load(FOLDER), FOLDER)
        file.write_bytes(copy(OPERATOR, User("", "", Role.AGENT), scope, held, at))
        answers = {
            "app": by_the_app(questions, index, encoder, scope),
            "app-words": by_the_app(questions, index, None, scope),
            "offline": by_the_copy(questions, file),
            "substring": by_substrings(questions, articles),
        }
        raw = file.read_bytes()
    systems = {name: figures(questions, found) for name, found in answers.items()}
    sizes: dict[str, Any] = {
        "articles": len(articles),
        "bytes": len(raw),
        "bytes_gzip": len(gzip.compress(raw, mtime=0)),
    }
    return bench.result("offline", "golden", systems, [], questions=len(questions), **sizes)


def report(found: bench.Tree) -> str:
    """The figures as a person reads them."""
    names = list(next(iter(found["systems"].values())))
    rows = [(name, *(f"{values[one]:.3f}" for one in names)) for name, values in found["systems"].items()]
    told = (
        f"{found['articles']} articles in {found['bytes'] / 1e3:.0f} kB ({found['bytes_gzip'] / 1e3:.0f} kB compressed)"
    )
    return f"{bench.table(['system', *names], rows)}\n\n{told}"


def main() -> int:
    """0, 1 where it was interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the result here")
    return 0 if bench.published(measure, parser.parse_args().json, report) else 1


if __name__ == "__main__":
    sys.exit(main())
