"""What size costs: build, memory, disk, a save, a search, for both places that generations may be kept in.

    python benchmarks/scale.py [--articles 1000,10000,100000] [--profile files|postgresql|both] [--json OUT]
                               [--searches 300] [--saves 10] [--work DIR] [--note TEXT]

Articles of ten chunks are written, built, opened and asked through the product's own doors; only the encoder is a
stand-in that draws its rows and tokens from real ones (benchmarks/drawn.py), and its time is taken off. Each build and
each serving is a process of its own, so that memory is its own. PostgreSQL is a server of this machine with its files
on disk, which writes as a real one does (fsync). The result is written after each size, and what OUT has of the same
commit is kept: sizes may be measured in several runs.

    build_s         articles' files → published, without the encoder      build_peak_mb  most resident meanwhile
    disk_mb         of the generation; articles_mb and cache_mb (vectors by text) lie beside it
    open_s          a program that was just started → ready to answer
    program_mb      resident before it opens, with what anybody knows of words; serving_mb after all searches;
                    server_mb what PostgreSQL and all its processes hold (PSS)
    search_*        one whole search, the question's vector given; raw_*: the ten nearest of both fields alone, by plain
                    FAISS (Flat) or by plain pgvector, in the same process; ratio: p50 by p50
    recall@10       of the nearest chunks that the product finds, against all compared one by one
    save_*          one article's file changed → found by its new word, built and opened in one process as the app does
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import gc
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import faiss
import numpy as np
import sqlalchemy as sa

from benchmarks.bench import ROOT, commit, machine, result, table, write_json
from benchmarks.drawn import Drawn, Real, questions, real, write_base
from benchmarks.latency import everything, percentiles
from benchmarks.steady import sample as held_by
from indexer.build.places import Files, Place, Server
from indexer.engine import Engine, FileEngine
from indexer.engine.postgres.engine import PostgresEngine
from indexer.engine.segments import FIELDS
from indexer.generation.rows.store import Rows
from indexer.vectors import VectorCache
from kb.config import settings
from kb.content.articles import Article, read_all
from kb.finding.search import CHUNK_DEPTH, Tokens, Vector, search
from kb.finding.spelling import Lexicon
from kb.text import query_terms
from tests import postgres

PROFILES = ("files", "postgresql")
TOP = 10
TRUTHS = 50  # questions whose nearest chunks are compared with all of them
MB = 2**20
# A real server's, of 24 GB beside an app: not the tests' settings, which forget what a power cut takes.
SERVER = {
    **dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "on"),
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "effective_cache_size": "8GB",
}

Asked = tuple[str, Vector, Tokens]
Figures = dict[str, float]


@dataclass(frozen=True)
class Job:
    """One size in one profile: where its files are, and the database where there is one."""

    profile: str
    articles: int
    searches: int
    saves: int
    home: str
    url: str = ""
    server: int = 0  # its process

    @property
    def folder(self) -> Path:
        return Path(self.home, "articles")

    def place(self) -> Place:
        return Server(Rows(self.url)) if self.url else Files(Path(self.home, "index"))

    def real(self) -> Real:
        return Real.load(Path(self.home, "real.npz"))


# --- in a process of its own ---------------------------------------------------------------------


class Timed(Drawn):
    """The stand-in with a stopwatch: its time is nobody's."""

    spent = 0.0

    def with_tokens(self, texts: Sequence[str], *, query: bool) -> tuple[Vector, list[Tokens]]:
        """As `Drawn` says."""
        started = time.perf_counter()
        made = super().with_tokens(texts, query=query)
        self.spent += time.perf_counter() - started
        return made


def build(job: Job) -> Figures:
    """Build all of it with an empty cache."""
    encoder, place = Timed(job.real()), job.place()
    started = time.perf_counter()
    with closing(VectorCache(Path(job.home, "vectors.sqlite"))) as cache:
        report = place.build(job.folder, encoder, cache, at=datetime.now(UTC))
    took = time.perf_counter() - started - encoder.spent
    assert report.total == job.articles, report.refused[:3]
    return {"build_s": round(took, 1), "build_peak_mb": _peak(), "disk_mb": _disk(job, place)}


def _peak() -> float:
    """MB that this process held at most; `getrusage` would begin with what its parent held."""
    found = re.search(r"^VmHWM:\s+([0-9]+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def _disk(job: Job, place: Place) -> float:
    """MB of the generation."""
    if isinstance(place, Server):
        size = sa.select(sa.func.pg_database_size(sa.func.current_database()).label("size"))
        return round(place.rows.pool.rows(size)[0].size / MB, 1)
    return used(Path(job.home, "index"))


def serve(job: Job) -> Figures:
    """Open what was built, ask it, compare what is near with all there is, then save."""
    sample, source = read_all(ROOT / "articles")[0], job.real()
    Lexicon(()).warm_up()  # what anybody knows is the program's, not the base's
    query_terms("预热 warm")
    held = _held()
    opening = time.perf_counter()
    place = job.place()
    engine = _opened(place)
    found = {"open_s": round(time.perf_counter() - opening, 2), "program_mb": held}
    gc.collect()
    gc.freeze()  # as the app does
    for one in questions(sample, source, 20, job.articles, 3):
        _search(engine, one)
    ms = [_ms(lambda one=one: _search(engine, one)) for one in questions(sample, source, job.searches, job.articles, 5)]
    found |= percentiles("search_", ms) | {"serving_mb": _held()} | _server(job)
    found |= _nearness(engine, job, list(questions(sample, source, TRUTHS, job.articles, 11)))
    found["ratio"] = round(found["search_p50_ms"] / found["raw_p50_ms"], 2)
    return found | _saves(job, place, Drawn(source))


def _held() -> float:
    return held_by(os.getpid(), 0.0).rss_mb


def _server(job: Job) -> Figures:
    """What the server and all its processes hold, each shared page once."""
    if not job.server:
        return {}
    children = Path(f"/proc/{job.server}/task/{job.server}/children").read_text().split()
    return {"server_mb": round(sum(held_by(int(pid), 0.0).pss_mb for pid in (job.server, *children)), 1)}


def _opened(place: Place) -> Engine:
    """What serves, ready for the first slip of the finger, as the app opens it."""
    engine = place.open_current().engine
    engine.lexicon.warm_up()
    return engine


def _search(engine: Engine, one: Asked) -> list[str]:
    text, vector, tokens = one
    found = search(text, everything(), index=engine, encoder=None, catalogue={}, vector=vector, tokens=tokens)
    return [hit.article.id for hit in found.hits]


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def _nearness(engine: Engine, job: Job, asked: Sequence[Asked]) -> Figures:
    """Recall of the ten nearest chunks of either field, and what a plain engine takes to find them."""
    plain = _pgvector if job.url else _faiss
    ms, same = np.zeros(len(asked)), 0
    for field, kinds in FIELDS.items():
        with plain(engine, field) as (all_of_them, raw):
            for at, (_, vector, _) in enumerate(asked):
                wanted = all_of_them(vector)
                ms[at] += _ms(lambda vector=vector: raw(vector))
                got = engine.dense(vector, everything(), CHUNK_DEPTH, kinds)[:TOP]
                same += len(wanted & {one.chunk for one in got})
    recall = same / (TOP * len(asked) * len(FIELDS))
    return {"recall@10": round(recall, 4), **percentiles("raw_", ms.tolist())}


Nearest = tuple[Callable[[Vector], set[str]], Callable[[Vector], object]]


@contextmanager
def _faiss(engine: Engine, field: str) -> Iterator[Nearest]:
    """Every row of a field in one flat index."""
    (segment,) = cast(FileEngine, engine).segments
    rows, index = segment.chunk_rows[field], faiss.IndexFlatIP(segment.fields[field].dim)
    for start in range(0, len(rows), 10_000):
        index.add(segment.fields[field].rows(np.arange(start, min(start + 10_000, len(rows)))))

    def nearest(vector: Vector) -> set[str]:
        return {segment.chunk(int(rows[row])).id for row in index.search(vector[None], TOP)[1][0]}

    yield nearest, lambda vector: index.search(vector[None], TOP)


@contextmanager
def _pgvector(engine: Engine, field: str) -> Iterator[Nearest]:
    """The ten nearest as pgvector's documents ask for them: of all rows one by one, and by the index where there is
    one."""
    import psycopg

    own = cast(PostgresEngine, engine)
    fields, articles = own.directory.shelf.fields[field].fullname, own.directory.shelf.article.fullname
    url = str(own._asker._exact.url.set(drivername="postgresql"))  # type: ignore[attr-defined]
    exact = f"SELECT article, number FROM {fields} ORDER BY row <#> %s::vector LIMIT {TOP}"
    half = f"halfvec({own.directory.shelf.dim})"
    near = f"SELECT article, number FROM {fields} ORDER BY row::{half} <#> %s::vector::{half} LIMIT {TOP}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET hnsw.ef_search = 200")
        named = dict(connection.execute(f"SELECT number, id FROM {articles}").fetchall())

        def ask(statement: str, vector: Vector) -> list[Any]:
            return connection.execute(statement, [str(vector.tolist())]).fetchall()  # type: ignore[arg-type]

        yield (
            lambda vector: {f"{named[article]}#{number}" for article, number in ask(exact, vector)},
            lambda vector: ask(near if own._approximate else exact, vector),
        )


def _saves(job: Job, place: Place, encoder: Drawn) -> Figures:
    """Articles changed one after another, each found by its new word before the next."""
    draw, seconds = np.random.default_rng(13), []
    with closing(VectorCache(Path(job.home, "vectors.sqlite"))) as cache:
        for number in draw.choice(job.articles, job.saves, replace=False).tolist():
            path = job.folder / f"{number // 1000:03d}" / f"made-{number:06d}.md"
            word = f"zyxkettle{number}q"
            started = time.perf_counter()
            path.write_text(f"{path.read_text('utf-8')}\n## 6\n\n{word} once.\n", "utf-8")
            place.build(job.folder, encoder, cache, at=datetime.now(UTC))
            engine = _opened(place)
            (row,), (tokens,) = encoder.with_tokens([word], query=True)
            _search(engine, (word, row, tokens))
            found = engine.lexical(query_terms(word), everything(), TOP)
            seconds.append(time.perf_counter() - started)
            assert found[0].article == path.stem, (path, found)
    return {"save_p50_s": round(float(np.median(seconds)), 2), "save_worst_s": round(max(seconds), 2)}


STEPS: Mapping[str, Callable[[Job], Figures]] = {"build": build, "serve": serve}


# --- the run -------------------------------------------------------------------------------------


def stepped(step: str, job: Job) -> Figures:
    """What a step in a process of its own found."""
    command = [sys.executable, __file__, "--step", step, "--job", json.dumps(job.__dict__)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    print(job.articles, job.profile, step, found, flush=True)
    return found


def used(folder: Path) -> float:
    """MB that the files under a folder take, one with several names once."""
    seen = {(s.st_dev, s.st_ino): s.st_blocks * 512 for p in folder.rglob("*") if p.is_file() for s in [p.stat()]}
    return round(sum(seen.values()) / MB, 1)


def measure(job: Job, source: Real, sample: Sequence[Article]) -> Figures:
    """One size in one profile."""
    home = Path(job.home)
    source.save(home / "real.npz")
    write_base(job.folder, job.articles, sample)
    found = {"articles": float(job.articles), "articles_mb": used(job.folder)}
    found |= stepped("build", job)
    found["cache_mb"] = round((home / "vectors.sqlite").stat().st_size / MB, 1)
    return found | stepped("serve", job)


@contextmanager
def jobs(profile: str, articles: int, given: argparse.Namespace) -> Iterator[Job]:
    """A home, and for PostgreSQL a server of its own, gone afterwards."""
    home = tempfile.mkdtemp(prefix="firstcall-scale-", dir=given.work)
    server = None
    try:
        if profile == "postgresql":
            server = postgres.Server(within=Path(given.work or tempfile.gettempdir()), **SERVER)
        url = server.url_of(server.empty()) if server else ""
        yield Job(profile, articles, given.searches, given.saves, home, url, server.pid if server else 0)
    finally:
        if server:
            server.remove()
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", default="1000,10000,100000")
    parser.add_argument("--profile", choices=(*PROFILES, "both"), default="both")
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--saves", type=int, default=10)
    parser.add_argument("--work", default=None)
    parser.add_argument("--note", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(STEPS[given.step](Job(**json.loads(given.job)))))
        return
    run(given)


def begun(to: Path | None) -> dict[str, dict[str, Figures]]:
    """What a run of this very commit has measured already: one that was cut short is gone on with."""
    if to is None or not to.exists():
        return {}
    found = json.loads(to.read_text("utf-8"))
    return dict(found["sizes"]) if found["commit"] == commit() else {}


def run(given: argparse.Namespace) -> None:
    """Measure every size and write what there is after each."""
    from indexer.encoder import SentenceEncoder

    commit()
    sample = read_all(ROOT / "articles")[0]
    with closing(VectorCache(settings().home / "vectors.sqlite")) as cache:
        source = real(sample, SentenceEncoder(settings()), cache)
    by_size = begun(given.json)
    for articles in map(int, given.articles.split(",")):
        for profile in PROFILES if given.profile == "both" else (given.profile,):
            with jobs(profile, articles, given) as job:
                by_size.setdefault(str(articles), {})[profile] = measure(job, source, sample)
            if given.json:
                write_json(given.json, tree(by_size, given.note))
    columns = ["build_s", "build_peak_mb", "disk_mb", "serving_mb", "open_s", "search_p50_ms", "search_p95_ms", "ratio"]
    columns += ["recall@10", "save_p50_s", "save_worst_s"]
    lines = [[size, name, *(one[c] for c in columns)] for size, each in by_size.items() for name, one in each.items()]
    print(table(["articles", "profile", *columns], lines))
    print(machine())


def tree(by_size: Mapping[str, Mapping[str, Figures]], note: str) -> dict[str, Any]:
    """The result as it is published."""
    systems: dict[str, Figures] = {}
    for size, each in by_size.items():
        for name, figures in each.items():
            systems.setdefault(name, {}).update({f"{figure}_{size}": value for figure, value in figures.items()})
    more = {"note": note} if note else {}
    return result("scale", "drawn from the sample base", systems, [], sizes=by_size, **more)


if __name__ == "__main__":
    main()
