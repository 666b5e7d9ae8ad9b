"""How often the right article comes first: our search beside its own parts and beside two peers.

    python benchmarks/retrieval.py DATA_DIR [--systems firstcall,bm25,dense,txtai,haystack] [--json OUT] [--limit N]

    firstcall       the product: `indexer.build.build`, then `kb.finding.search.search`, one question at a time
    bm25            its lexical list alone: what a good tokeniser does without vectors
    dense           the same model over title + text, one vector a document, exact: what vectors do alone
    txtai, haystack hybrid search of the peers (benchmarks/peers.py) in a virtual environment of their own

A set that benchmarks/fit.py fitted on is searched with the weights it fitted without that set.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import faiss
import numpy as np

from benchmarks import bench
from benchmarks.bench import Document, LabelledSet, Progress, Question, Run
from indexer import generation
from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from indexer.packaged import unpack
from indexer.vectors import VectorCache
from kb import text
from kb.config import PACKAGED_MODEL, Settings, settings
from kb.errors import QuestionError
from kb.finding.search import DEPTH, WEIGHTS, search
from kb.people.scope import EVERY_PRODUCT, EVERYONE, GOVERNANCE, STATES, Scope

SHOWN = 10  # hits of the product: as many as an agent is shown, each with its passage
OWN = ("firstcall", "bm25", "dense")
PEERS = ("txtai", "haystack")
DENSE_GAP = 0.01  # a peer whose vectors alone differ by more in nDCG@10 is set up wrongly, by them or by us
FIT = bench.RESULTS / "fit.json"
WORK = bench.ROOT / "var" / "bench"
PEERS_PYTHON = bench.ROOT / ".venv-peers" / "bin" / "python"
MAX_TITLE = 80
TIE = 6  # decimals from which on two cosines are the same
WARM_UP = ("Is anybody there?", "Good morning, I would like to begin with a question of my own.", "请问现在有人在吗")

Rank = Callable[[str], list[str]]


# --- a set as articles ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """A set in an index of its own. `document` gives the set's id of each article; `refused` says why not."""

    engine: Engine
    document: Mapping[str, str]
    refused: Mapping[str, str]


@contextlib.contextmanager
def published(data: LabelledSet, encoder: SentenceEncoder, cache: VectorCache) -> Iterator[Published]:
    """Every document as an article, built and opened by the product itself; gone again afterwards."""
    document = {f"d{number:06}": one for number, one in enumerate(data.documents, 1)}
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        folder, index = Path(scratch, "articles"), Path(scratch, "index")
        folder.mkdir()
        for id, one in document.items():
            (folder / f"{id}.md").write_bytes(article(one, id).encode("utf-8", "surrogatepass"))
        progress = Progress(f"{data.name}: texts embedded")
        report = build(folder, index, encoder, cache, at=datetime.now(UTC), progress=progress)
        refused = {document[Path(str(e.facts["file"])).stem].id: str(e) for e in report.refused}
        for id, why in refused.items():
            print(f"{data.name}: document {id} is not indexed, so it cannot be found: {why}", file=sys.stderr)
        ids = {id: one.id for id, one in document.items()}
        yield Published(generation.open_current(index).engine, ids, refused)


def article(document: Document, id: str) -> str:
    """A document as an article's file, its text untouched."""
    title = text.clean(document.title) or first_sentence(document.text)
    front = {
        "id": id,
        "title": json.dumps(title, ensure_ascii=False),
        "lang": "zh-CN" if _is_chinese(document) else "en",
        "state": "validated",
        "audience": "external",
        "governance": "experience",
    }
    lines = "".join(f"{key}: {value}\n" for key, value in front.items())
    return f"---\n{lines}---\n{document.text}\n"


def _is_chinese(document: Document) -> bool:
    return (document.lang or text.language(document.title + document.text)).startswith("zh")


def first_sentence(body: str) -> str:
    """What an untitled text is called: its first sentence, at most `MAX_TITLE` characters of it."""
    flat = text.clean(body)
    sentence = re.match(r".*?(?:[。！？]|[.!?](?=\s|$)|$)", flat)
    whole = sentence.group() if sentence else flat
    return whole if len(whole) <= MAX_TITLE else whole[:MAX_TITLE].rstrip()


def everything() -> Scope:
    """The scope of an asker who may see every article that `article` writes."""
    return Scope(
        teams=frozenset({EVERYONE}),
        langs=frozenset({"zh-CN", "en"}),
        states=frozenset(STATES),
        governance=frozenset(GOVERNANCE),
        products=frozenset({EVERY_PRODUCT}),
        on=datetime.now(UTC).date(),
    )


# --- the systems ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a system answered: the run, and the milliseconds of each question in order."""

    run: Run
    ms: Sequence[float]


@dataclass(frozen=True)
class Ours:
    """What our systems answered, and the documents that the product refused, with the reason."""

    answers: Mapping[str, Asked]
    refused: Mapping[str, str]


@dataclass(frozen=True)
class Peer:
    """What a peer answered, by its hybrid search and by its vectors alone, and how it was set up."""

    hybrid: Asked
    dense: Run
    settings: Mapping[str, str]


def firstcall(base: Published, encoder: SentenceEncoder, weights: Mapping[str, float]) -> Rank:
    """The product's whole search, passages and verdict included, in one call."""
    scope = everything()

    def rank(question: str) -> list[str]:
        try:
            found = search(
                question,
                scope,
                index=base.engine,
                encoder=encoder,
                catalogue={},
                limit=SHOWN,
                weights=weights,
                fold_twins=False,
            )
        except QuestionError:
            return []
        return [base.document[hit.article.id] for hit in found.hits]

    return rank


def bm25(base: Published) -> Rank:
    """The product's lexical list alone."""
    scope = everything()

    def rank(question: str) -> list[str]:
        ranked = base.engine.lexical(text.query_terms(text.clean(question)), scope, DEPTH)
        return [base.document[one.article] for one in ranked]

    return rank


def dense(data: LabelledSet, encoder: SentenceEncoder, cache: VectorCache) -> Rank:
    """One vector a document over title + text, exact inner product: the model, without anything of ours."""
    texts = [f"{one.title}\n{one.text}" if one.title else one.text for one in data.documents]
    rows = cache.passages(texts, encoder, Progress(f"{data.name}: documents embedded"))
    index = faiss.IndexFlatIP(encoder.dim)
    index.add(rows)

    def rank(question: str) -> list[str]:
        scores, found = index.search(encoder.queries([question]), min(DEPTH, len(rows)))
        # a text that is there twice: in the order of the corpus, as ours and the peers do; FAISS puts the later first
        order = np.lexsort((found[0], -scores[0].round(TIE)))
        return [data.documents[place].id for place in found[0][order].tolist()]

    return rank


def ask(rank: Rank, questions: Sequence[Question], what: str) -> Asked:
    """Each question once, one at a time, timed; what warms up is none of them."""
    for warm_up in WARM_UP:
        rank(warm_up)
    run: dict[str, list[str]] = {}
    ms: list[float] = []
    progress = Progress(f"{what}: questions")
    for question in questions:
        start = time.perf_counter()
        run[question.id] = rank(question.text)
        ms.append((time.perf_counter() - start) * 1000)
        progress(len(ms), len(questions))
    return Asked(run, ms)


def ask_ours(data: LabelledSet, wanted: Sequence[str], weights: Mapping[str, float], using: Settings) -> Ours:
    """Each of `OWN` that is wanted."""
    encoder = SentenceEncoder(using)
    with closing(VectorCache(WORK / "vectors.sqlite")) as cache, published(data, encoder, cache) as base:
        ranks: dict[str, Callable[[], Rank]] = {
            "firstcall": lambda: firstcall(base, encoder, weights),
            "bm25": lambda: bm25(base),
            "dense": lambda: dense(data, encoder, cache),
        }
        answers = {name: ask(ranks[name](), data.questions, f"{data.name} {name}") for name in OWN if name in wanted}
        return Ours(answers, base.refused)


# --- the peers -----------------------------------------------------------------------------------


def make_peers_environment() -> None:
    """The virtual environment that the peers run in, made where there is none."""
    if PEERS_PYTHON.exists():
        return
    print("making .venv-peers: some minutes and 2 GB", file=sys.stderr)
    venv.create(PEERS_PYTHON.parent.parent, with_pip=True)
    requirements = bench.ROOT / "benchmarks" / "requirements-peers.txt"
    install = [str(PEERS_PYTHON), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
    subprocess.run(install, check=True, stdout=sys.stderr)


def ask_peer(system: str, folder: Path, data: LabelledSet, using: Settings) -> Peer:
    """A peer over the documents in `folder` and the questions of `data`, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        (Path(scratch) / "corpus.jsonl").symlink_to((folder / "corpus.jsonl").resolve())
        lines = (json.dumps({"id": one.id, "text": one.text}) + "\n" for one in data.questions)
        Path(scratch, "queries.jsonl").write_text("".join(lines), "utf-8")
        out = Path(scratch, "run.json")
        # -P: its folder, which has a typing.py, stays off its path
        program = [str(PEERS_PYTHON), "-P", str(bench.ROOT / "benchmarks" / "peers.py"), system]
        options = ["--out", str(out), "--depth", str(DEPTH), "--vectors", str(WORK / "peers")]
        subprocess.run([*program, scratch, str(model_folder(using)), *options], check=True, stdout=sys.stderr)
        told = json.loads(out.read_text("utf-8"))
    return Peer(Asked(told["run"], told["ms"]), told["dense_run"], told["settings"])


def model_folder(using: Settings) -> Path:
    """The folder of the model that the product uses."""
    if using.model == PACKAGED_MODEL:
        return Path(unpack(using.home / "model" / PACKAGED_MODEL))
    return Path(using.model)


def dense_check(peer: Peer, data: LabelledSet, ours: Run) -> dict[str, float]:
    """What the peer's vectors reach alone, and how far that is from our `dense` (nDCG@10)."""
    theirs = bench.figures(peer.dense, data.gold)["ndcg@10"]
    return {"dense_ndcg@10": theirs, "dense_gap": round(theirs - bench.figures(ours, data.gold)["ndcg@10"], 4)}


# --- weights -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weighting:
    """Weights of the lists, and the sets they were fitted on."""

    weights: Mapping[str, float]
    fitted_on: tuple[str, ...]


def weighting(name: str, fit: Path = FIT) -> Weighting:
    """The weights to report a set with: those fitted without it where it was fitted on, else the product's."""
    fitted = json.loads(fit.read_text("utf-8")) if fit.exists() else {"sets": [], "without": {}}
    if name in fitted["without"]:
        one = fitted["without"][name]
        return Weighting(one["weights"], tuple(one["fitted_on"]))
    return Weighting(WEIGHTS, tuple(fitted["sets"]))


# --- the report ----------------------------------------------------------------------------------


def measure(folder: Path, wanted: Sequence[str], limit: int | None) -> dict[str, Any]:
    """The whole result of one set, as it is published."""
    using = settings()
    whole = bench.read_set(folder)
    data = whole.sampled(limit) if limit else whole
    chosen = weighting(data.name)
    ours = ask_ours(data, wanted, chosen.weights, using)
    peers = {name: ask_peer(name, folder, data, using) for name in PEERS if name in wanted}
    answers = {**ours.answers, **{name: peer.hybrid for name, peer in peers.items()}}
    systems = {name: bench.figures(answer.run, data.gold, answer.ms) for name, answer in answers.items()}
    for name, peer in peers.items():
        systems[name] |= dense_check(peer, data, ours.answers["dense"].run)
    runs = {name: answer.run for name, answer in answers.items()}
    return bench.result(
        "retrieval",
        data.name,
        systems,
        chosen.fitted_on,
        versus=bench.versus(runs, data.gold, "firstcall") if "firstcall" in runs else {},
        documents=len(data.documents),
        questions=len(data.questions),
        refused=dict(ours.refused),
        weights=dict(chosen.weights),
        threads=os.cpu_count(),
        settings={name: dict(peer.settings) for name, peer in peers.items()},
    )


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    header = ["system", *bench.QUALITIES, *bench.TIMES, "firstcall is", "nDCG@10 difference, 95 %"]
    rows = []
    for name, values in found["systems"].items():
        told = found["versus"].get(name)
        ahead = [told["verdict"], f"{told['ndcg@10']:+.4f} ({told['low']:+.4f} … {told['high']:+.4f})"] if told else []
        qualities = [f"{values[one]:.4f}" for one in bench.QUALITIES]
        rows.append([name, *qualities, *(f"{values[one]:.1f}" for one in bench.TIMES), *(ahead or ["", ""])])
    lines = [
        f"{found['data']}: {found['documents']} documents, {found['questions']} questions, "
        f"{len(found['refused'])} refused; weights {found['weights']} fitted on {', '.join(found['fitted_on']) or '-'}",
        bench.table(header, rows),
    ]
    for name in PEERS:
        values = found["systems"].get(name)
        if values:
            wrong = "" if abs(values["dense_gap"]) <= DENSE_GAP else f": more than {DENSE_GAP}, SET UP WRONGLY"
            lines.append(
                f"{name} by vectors alone: nDCG@10 {values['dense_ndcg@10']:.4f}, "
                f"{values['dense_gap']:+.4f} from our dense{wrong}"
            )
    return "\n".join(lines)


def main() -> int:
    """0, or 1 when a peer's vectors alone do not reach what the same vectors reach here, 130 on Ctrl-C."""
    given = bench.arguments("retrieval", __doc__, (*OWN, *PEERS))

    def run() -> bench.Tree:
        if not set(PEERS).isdisjoint(given.systems):
            make_peers_environment()
            given.systems.append("dense")  # what a peer's own vectors are held against
        return measure(given.folder, given.systems, given.limit)

    found = bench.published(run, given.json, report)
    if found is None:
        return 130
    return int(any(abs(one.get("dense_gap", 0.0)) > DENSE_GAP for one in found["systems"].values()))


if __name__ == "__main__":
    sys.exit(main())
