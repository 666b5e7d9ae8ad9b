"""Whether both profiles rank alike: the index in files and the same articles in PostgreSQL, question by question.

    python benchmarks/profiles.py DATA_DIR [--sets stackfaq,covid_infobot_faq,xquad_zh] [--limit 300] [--json OUT]

    exact        vectors compared one by one: a base of up to some tens of thousands of chunks
    approximate  through the HNSW index, whatever the size

A question agrees where its first three articles are the same; two that one profile scores within 1e-3 of each other may
change places. `golden` is tests/golden/questions.toml on the sample base. A server is started for it and taken away.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks import bench, retrieval
from indexer import generation
from indexer.build import build
from indexer.build.rows import build as build_rows
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from indexer.engine.postgres import engine as postgres
from indexer.engine.postgres import nearest
from indexer.generation.rows.store import Rows
from indexer.vectors import VectorCache
from kb.config import ROOT, settings
from kb.errors import QuestionError
from kb.finding.search import Hits, search
from tests.postgres import Server

SETS = "stackfaq,covid_infobot_faq,xquad_zh"
FIRST = 3
TIE = 1e-3
PROFILES = {"resident": (10**9, 10**9), "exact": (10**9, 0), "approximate": (0, 0)}  # EXACT_UP_TO, MOST_BYTES


@dataclass(frozen=True)
class Base:
    """Articles in a folder, and what is asked of them."""

    name: str
    folder: Path
    questions: Sequence[str]


@contextmanager
def bases(data: Path, names: Sequence[str], limit: int) -> Iterator[list[Base]]:
    """The sample base with its golden questions, and each set as articles."""
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        with (ROOT / "tests" / "golden" / "questions.toml").open("rb") as file:
            golden = [one["text"] for one in tomllib.load(file)["question"]]
        found = [Base("golden", ROOT / "articles", golden)]
        for name in names:
            some = bench.read_set(data / name).sampled(limit)
            folder = Path(scratch, name)
            folder.mkdir()
            for number, one in enumerate(some.documents, 1):
                id = f"d{number:06}"
                (folder / f"{id}.md").write_bytes(retrieval.article(one, id).encode("utf-8", "surrogatepass"))
            found.append(Base(name, folder, [question.text for question in some.questions]))
        yield found


def agree(ours: Hits, theirs: Hits) -> bool:
    """Whether the first articles of two answers are the same, but for ties."""
    scores = {hit.article.id: hit.score for hit in ours.hits}
    pairs = list(zip(ours.hits[:FIRST], theirs.hits[:FIRST], strict=False))
    if len(ours.hits[:FIRST]) != len(theirs.hits[:FIRST]):
        return False
    return all(
        one.article.id == other.article.id or abs(one.score - scores.get(other.article.id, -1.0)) <= TIE
        for one, other in pairs
    )


def measure(base: Base, encoder: SentenceEncoder, cache: VectorCache, server: Server) -> dict[str, dict[str, float]]:
    """The share of questions that agree, for each way to search in PostgreSQL."""
    at, scope = datetime.now(UTC), retrieval.everything()
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as home:
        build(base.folder, Path(home, "index"), encoder, cache, at=at)
        files = generation.open_current(Path(home, "index")).engine
        found: dict[str, dict[str, float]] = {}
        for name, (postgres.EXACT_UP_TO, nearest.MOST_BYTES) in PROFILES.items():
            database = server.empty()
            rows = Rows(server.url_of(database))
            build_rows(base.folder, rows, encoder, cache, at=at)
            found[name] = _asked(base.questions, files, rows.open_current().engine, encoder, scope)
            rows.close()
            server.drop(database)
            print(base.name, name, found[name], flush=True)
    return found


def _asked(
    questions: Sequence[str], files: Engine, rows: Engine, encoder: SentenceEncoder, scope: retrieval.Scope
) -> dict[str, float]:
    same = first = asked = 0
    for question in questions:
        try:
            one = search(question, scope, index=files, encoder=encoder, catalogue={})
        except QuestionError:
            continue
        other = search(question, scope, index=rows, encoder=encoder, catalogue={}, vector=one.vector, tokens=one.tokens)
        asked += 1
        same += agree(one, other)
        first += [hit.article.id for hit in one.hits[:1]] == [hit.article.id for hit in other.hits[:1]]
    return {"questions": asked, "top3": round(same / asked, 4), "top1": round(first / asked, 4)}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=SETS)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    bench.commit()
    encoder, server = SentenceEncoder(settings()), Server()
    try:
        with (
            closing(VectorCache(retrieval.WORK / "vectors.sqlite")) as cache,
            bases(given.data, [one for one in given.sets.split(",") if one], given.limit) as every,
        ):
            by_set = {base.name: measure(base, encoder, cache, server) for base in every}
    finally:
        server.remove()
    asked = sum(one["exact"]["questions"] for one in by_set.values())
    systems = {
        name: {"top3": round(sum(one[name]["top3"] * one[name]["questions"] for one in by_set.values()) / asked, 4)}
        for name in PROFILES
    }
    print(bench.table(["profile", "top3"], [[name, one["top3"]] for name, one in systems.items()]))
    if given.json:
        bench.write_json(given.json, bench.result("profiles", "golden and sets", systems, [], sets=by_set))


if __name__ == "__main__":
    main()
