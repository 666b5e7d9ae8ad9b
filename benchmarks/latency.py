"""How long an agent waits: a search, a keystroke, a save, a build.

    python benchmarks/latency.py [--articles 10000] [--searches 300] [--json OUT]

Makes a base of that many distinct articles out of the sample base's own sentences, builds it through
the product's own build with an empty vector cache, then measures
    search_*      one search in process, and what it adds to encoding its question
    keystroke_*   a key pressed in Chromium → the row of that very question painted
    save_s        a file saved → found by the running app
    build_per_s   texts embedded a second by the build, beside the raw encoder's own rate (`encoder`)
Every timed question is new to the process that answers it.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.bench import ROOT, machine, result, table, write_json
from benchmarks.ports import free_port
from indexer import generation
from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb.config import settings
from kb.content import products
from kb.content.articles import Article, plain, read_all
from kb.finding.chunks import cut, embedded
from kb.finding.search import search
from kb.people.scope import ANSWERING_STATES, EVERY_PRODUCT, EVERYONE, GOVERNANCE, Scope

if TYPE_CHECKING:
    from playwright.sync_api import Page

SEED = 7
RAW_SAMPLE = 4_000  # texts the raw encoder's rate is taken on: a slice of the same ones
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


# --- a base of any size --------------------------------------------------------------------------


def sentences(articles: list[Article], lang: str) -> tuple[list[str], list[str]]:
    """Questions and body sentences of the sample base in one language."""
    own = [one for one in articles if one.lang == lang]
    questions = [q for one in own for q in one.questions]
    bodies = [re.split(r"(?<=[。！？；.!?;])\s*", plain(one.prose)) for one in own]
    return questions, [s for body in bodies for s in body if 15 <= len(s) <= 220]


def write_base(folder: Path, count: int, sample: list[Article]) -> None:
    """`count` distinct articles, half Chinese: real sentences in new company, each with a model number of its own."""
    draw = np.random.default_rng(SEED)
    pools = {lang: sentences(sample, lang) for lang in ("zh-CN", "en")}
    folder.mkdir(parents=True)
    for number in range(count):
        lang = ("zh-CN", "en")[number % 2]
        questions, bodies = pools[lang]
        model = f"LH-{'ABCDEFGHJK'[number % 10]}{1000 + number}"
        asked = [questions[i] for i in draw.integers(len(questions), size=3)]
        lines = [bodies[i] for i in draw.integers(len(bodies), size=8)]
        id = f"made-{number:06d}"
        front = {"id": id, "title": f"{model} {asked[0][:40]}", "lang": lang, "state": "validated"}
        head = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items())
        listed = "\n".join(f"  - {json.dumps(f'{q} {model}', ensure_ascii=False)}" for q in asked)
        say = f"::: say\n{model}: {lines[0]}\n:::"
        body = "\n\n".join((f"## {model}", " ".join(lines[1:5]), "## 2", " ".join(lines[5:])))
        (folder / f"{id}.md").write_text(f"---\n{head}\nquestions:\n{listed}\n---\n\n{say}\n\n{body}\n", "utf-8")


def new_questions(sample: list[Article], count: int, seed: int) -> Iterator[str]:
    """Questions no process has met: two real half-questions joined, with a number."""
    draw = np.random.default_rng(seed)
    pools = [sentences(sample, lang)[0] for lang in ("zh-CN", "en")]
    for number in range(count):
        pool = pools[number % 2]
        first, second = (pool[i] for i in draw.integers(len(pool), size=2))
        yield f"{first[: len(first) * 2 // 3]} {second[: len(second) // 3]} {seed % 97}{number}"


# --- in process ----------------------------------------------------------------------------------


def percentiles(name: str, ms: list[float]) -> dict[str, float]:
    """p50 and p95 of some milliseconds, under `name`."""
    p50, p95 = np.percentile(ms, [50, 95])
    return {f"{name}p50_ms": round(float(p50), 2), f"{name}p95_ms": round(float(p95), 2)}


def everything() -> Scope:
    """A scope as an agent's: every language of the base."""
    langs = frozenset({"zh-CN", "en"})
    anyone, any_product = frozenset({EVERYONE}), frozenset({EVERY_PRODUCT})
    return Scope(anyone, langs, ANSWERING_STATES, frozenset(GOVERNANCE), any_product, date(2026, 11, 21))


def in_process(index: Path, encoder: SentenceEncoder, sample: list[Article], count: int) -> dict[str, float]:
    """One search after another: whole, its encoding alone (another new question), and the difference."""
    engine = generation.open_current(index).engine
    scope = everything()
    catalogue = products.load(ROOT / "articles")
    for question in new_questions(sample, 20, 3):
        search(question, scope, index=engine, encoder=encoder, catalogue=catalogue)
    whole, encoding, beside = [], [], []

    class Timed:
        """The encoder with a stopwatch, so that both times are of one search."""

        name, dim, token_name = encoder.name, encoder.dim, encoder.token_name
        queries, passages = encoder.queries, encoder.passages

        def with_tokens(self, texts: list[str], *, query: bool) -> tuple[np.ndarray, list[np.ndarray]]:
            started = time.perf_counter()
            made = encoder.with_tokens(texts, query=query)
            encoding.append(1000 * (time.perf_counter() - started))
            return made

    for question in new_questions(sample, count, 5):
        started = time.perf_counter()
        search(question, scope, index=engine, encoder=Timed(), catalogue=catalogue)  # type: ignore[arg-type]
        whole.append(1000 * (time.perf_counter() - started))
        beside.append(whole[-1] - encoding[-1])
    return {
        **percentiles("search_", whole),
        **percentiles("encode_", encoding),
        **percentiles("search_less_encoder_", beside),
    }


def built(folder: Path, home: Path, encoder: SentenceEncoder) -> dict[str, float]:
    """Build everything with an empty vector cache; texts a second, beside the raw encoder's on the same texts."""
    articles, _ = read_all(folder)
    texts = list(dict.fromkeys(embedded(a, chunk) for a in articles for chunk in cut(a)))
    slice_ = [texts[i] for i in np.random.default_rng(SEED).permutation(len(texts))[:RAW_SAMPLE]]
    raw = [_rate(encoder, slice_[: len(slice_) // 2])]
    cache = VectorCache(home / "vectors.sqlite")
    spent = 0.0

    class Timed:
        name, dim, token_name = encoder.name, encoder.dim, encoder.token_name
        queries, passages = encoder.queries, encoder.passages

        def with_tokens(self, some: list[str], *, query: bool) -> tuple[np.ndarray, list[np.ndarray]]:
            nonlocal spent
            started = time.perf_counter()
            made = encoder.with_tokens(some, query=query)
            spent += time.perf_counter() - started
            return made

    def step(done: int, total: int) -> None:
        print(f"\rembedding {done}/{total}", end="", file=sys.stderr, flush=True)

    started = time.perf_counter()
    build(folder, home / "index", Timed(), cache, at=datetime.now(UTC), progress=step)  # type: ignore[arg-type]
    whole = time.perf_counter() - started
    cache.close()
    raw.append(_rate(encoder, slice_[len(slice_) // 2 :]))
    return {
        "texts": float(len(texts)),
        "build_s": round(whole, 1),
        "build_per_s": round(len(texts) / whole, 1),
        "embedding_share": round(spent / whole, 4),
        "raw_per_s": round(float(np.mean(raw)), 1),
        "build_to_raw": round(len(texts) / whole / float(np.mean(raw)), 4),
    }


def _rate(encoder: SentenceEncoder, texts: list[str]) -> float:
    """Texts a second of the raw sentence-transformers model on these texts, in one call as its documents show."""
    started = time.perf_counter()
    encoder.raw(texts)
    return len(texts) / (time.perf_counter() - started)


# --- the running app -----------------------------------------------------------------------------


def wait(condition: Callable[[], bool], seconds: float) -> float:
    """Seconds until a condition holds, looking every 10 ms."""
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > seconds:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.01)
    return time.perf_counter() - started


class _Stay(urllib.request.HTTPRedirectHandler):
    """The cookie is in the redirect itself."""

    def redirect_request(self, *_: object) -> None:
        return None


def signed_in(url: str) -> str:
    """The cookie of the demo's sample agent."""
    try:
        urllib.request.build_opener(_Stay).open(f"{url}/sign-in", b"sample=agent", timeout=10)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Set-Cookie"]).partition(";")[0]
    raise RuntimeError(f"{url} did not sign the sample agent in")


def asked(url: str, cookie: str, question: str) -> list[str]:
    """Ids that the running app finds."""
    body = json.dumps({"q": question}).encode()
    request = urllib.request.Request(f"{url}/api/search", body, {"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [hit["article"] for hit in json.load(answer)["hits"]]


def saved(url: str, cookie: str, folder: Path, count: int = 10) -> dict[str, float]:
    """A new article saved → found by the running app: seconds, the middle one and the worst."""
    seconds = []
    for number in range(count):
        word = f"zyxkettle{number}q"
        text = f"---\nid: {word}\ntitle: {word} descaling\nlang: en\nstate: validated\n---\n\nBoil it once.\n"
        path = folder / f"{word}.md"
        path.write_text(text, "utf-8")
        seconds.append(wait(lambda w=word: w in asked(url, cookie, w), 60))
    return {"save_p50_s": round(float(np.median(seconds)), 2), "save_max_s": round(max(seconds), 2)}


TYPE = """async (words) => {
  const shadows = [...document.querySelectorAll('*')].map((node) => node.shadowRoot);
  const root = shadows.find((shadow) => shadow?.querySelector('#q')) ?? document;
  const box = root.querySelector('#q'), list = root.querySelector('#list');
  const painted = (want) => new Promise((done) => {
    const check = () => {
      if (list.dataset.q !== want || !list.querySelector('.row')) return false;
      requestAnimationFrame(() => { // the message is handled after the frame is painted
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done(performance.now());
        channel.port2.postMessage(0);
      });
      return true;
    };
    if (check()) return;
    const seen = new MutationObserver(() => { if (check()) seen.disconnect(); });
    seen.observe(list, { attributes: true, childList: true });
  });
  const ms = [];
  for (const word of words) {
    const started = performance.now();
    box.value = word;
    box.dispatchEvent(new InputEvent('input', { bubbles: true }));
    ms.push(await painted(word) - started);
    await new Promise((rest) => setTimeout(rest, 60));
  }
  return ms;
}"""


def typed(url: str, sample: list[Article], count: int) -> dict[str, float]:
    """A key pressed → that question's rows painted, in Chromium: questions grow a few characters a time."""
    growing: list[str] = []
    for question in new_questions(sample, count, 11):
        growing += [question[:n] for n in range(6, len(question) + 1, 4)]
    growing = [w.rstrip() for w in growing]
    words = list(dict.fromkeys(itertools.islice(growing, count)))
    with signed_in_page(url) as page:
        page.evaluate(TYPE, [f"warm {n} router" for n in range(20)])
        ms = page.evaluate(TYPE, words)
    return percentiles("keystroke_", ms)


@contextmanager
def signed_in_page(url: str) -> Iterator[Page]:
    """The agent's page in Chromium, at rest."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        context = browser.new_context(locale="en-US", viewport={"width": 1366, "height": 900})
        context.request.post(f"{url}/sign-in", form={"sample": "agent"})
        page = context.new_page()
        page.goto(url)
        page.locator("#q").wait_for(timeout=60_000)
        page.wait_for_timeout(2_000)
        yield page
        browser.close()


def serve() -> list[str]:
    """The command of a server that ends with whoever started it, however that ends."""
    dies = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    return [*dies, sys.executable, "-m", "kb", "serve"]


@contextmanager
def running(folder: Path, home: Path) -> Iterator[tuple[str, str, dict[str, float]]]:
    """The app on a base: its address, the sample agent's cookie, and how long it took to answer and to be warm."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("KB_")}
    env |= {"KB_PORT": str(port), "KB_ARTICLES": str(folder), "KB_HOME": str(home)}
    env |= {"KB_DATABASE_URL": f"sqlite:///{home}/firstcall.sqlite"}
    started = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    app = subprocess.Popen(serve(), cwd=ROOT, env=env, **quiet)
    try:

        def health() -> dict[str, object]:
            try:
                with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
                    return dict(json.load(answer))
            except OSError:
                return {}

        wait(lambda: health().get("ok") is True, 120)
        cookie = signed_in(url)
        wait(lambda: bool(asked(url, cookie, "router")), 120)
        first = time.perf_counter() - started
        wait(lambda: health().get("encoder") == "ready", 120)
        warm = time.perf_counter() - started
        time.sleep(5)  # the first look at the articles
        yield url, cookie, {"first_answer_s": round(first, 2), "warm_s": round(warm, 2)}
    finally:
        app.terminate()
        app.wait(timeout=20)


def in_app(folder: Path, home: Path, sample: list[Article], count: int) -> dict[str, float]:
    """Start the app on the base and use it."""
    with running(folder, home) as (url, cookie, figures):
        return figures | typed(url, sample, count) | saved(url, cookie, folder)


def made(work: Path, count: int, sample: list[Article]) -> tuple[Path, Path]:
    """The folder of a made base with the sample's catalogue and site, and an empty home with the model."""
    configured = settings()
    folder, home = work / "articles", work / "home"
    write_base(folder, count, sample)
    for file in ("_products.toml", "_site.toml"):
        (folder / file).write_text((configured.articles / file).read_text("utf-8"), "utf-8")
    home.mkdir()
    (home / "model").symlink_to(configured.home / "model")
    return folder, home


def arguments(story: str) -> argparse.Namespace:
    """How many articles to make, how often to search, where to write. `story`: the benchmark's docstring."""
    parser = argparse.ArgumentParser(description=story, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    """Run it."""
    options = arguments(__doc__)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped run clears up as an interrupted one does
    configured = settings()
    sample, _ = read_all(configured.articles)
    encoder = SentenceEncoder(replace(configured))
    encoder.queries(["warm"])
    with tempfile.TemporaryDirectory(prefix="firstcall-") as work:
        folder, home = made(Path(work), options.articles, sample)
        figures = {"articles": float(options.articles)} | built(folder, home, encoder)
        figures |= in_process(home / "index", encoder, sample, options.searches)
        figures |= in_app(folder, home, sample, options.searches)
    raw = {"passages_per_s": figures.pop("raw_per_s")}
    raw |= {name.removeprefix("encode_"): figures.pop(name) for name in list(figures) if name.startswith("encode_")}
    systems = {"firstcall": figures, "encoder": raw}
    print(table(["figure", "firstcall"], [[name, value] for name, value in figures.items()]))
    print(table(["figure", "encoder alone"], [[name, value] for name, value in raw.items()]))
    print(machine())
    if options.json:
        write_json(options.json, result("latency", f"{options.articles} made articles", systems, []))


if __name__ == "__main__":
    main()
