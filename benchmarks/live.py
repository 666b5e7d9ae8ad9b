"""How long an agent's eyes wait: a key pressed → results painted, Enter → article and its sentence painted.

    python benchmarks/live.py [--articles 10000] [--searches 300] [--json OUT]

Over a made base (benchmarks/latency.py), in Chromium, every question new to the process. Beside them, in the same
run, `api`: the same kind of question asked of /api/search from outside the browser, so that what the browser and the
page add can be read off.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime

from benchmarks.bench import machine, result, table, write_json
from benchmarks.latency import arguments, asked, made, new_questions, percentiles, running, signed_in_page, typed
from benchmarks.retrieval import WORK
from indexer.build import build
from indexer.encoder import SentenceEncoder
from indexer.vectors import VectorCache
from kb.config import settings
from kb.content.articles import Article, read_all

OPENED = 100  # articles opened
OPEN = """async (words) => {
  const within = (root, selector) => {
    for (const node of root.querySelectorAll('*')) {
      const found = node.shadowRoot && (node.shadowRoot.querySelector(selector) ?? within(node.shadowRoot, selector));
      if (found) return found;
    }
    return root.querySelector(selector);
  };
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const until = async (holds) => {
    const end = performance.now() + 20000;
    while (!holds()) {
      if (performance.now() > end) throw new Error('not painted');
      await frame();
    }
    await frame(); // painted
    return performance.now();
  };
  const box = within(document, '#q'), list = within(document, '#list');
  const ms = [];
  for (const word of words) {
    box.value = word;
    box.dispatchEvent(new InputEvent('input', { bubbles: true }));
    await until(() => list.dataset.q === word && list.querySelector('.row'));
    const closed = [...list.querySelectorAll('.row')].findIndex((row) => !row.classList.contains('open'));
    for (let at = 0; at < closed; at++) box.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown' }));
    const row = list.querySelectorAll('.row')[closed];
    const title = row.querySelector('.title').textContent, say = row.querySelector('.say')?.textContent ?? '';
    const started = performance.now();
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    const painted = await until(() => [...document.querySelectorAll('h2')].some((head) => head.textContent === title)
      && (!say || say.includes('‹') || within(document, '#text')?.textContent === say));
    ms.push(painted - started);
    await new Promise((rest) => setTimeout(rest, 150));
  }
  return ms;
}"""


def opened(url: str, sample: list[Article], count: int) -> dict[str, float]:
    """Enter → the article's title and its sentence to say painted, in Chromium."""
    with signed_in_page(url) as page:
        questions = list(new_questions(sample, count + 10, 23))
        page.evaluate(OPEN, questions[:10])
        ms = page.evaluate(OPEN, questions[10:])
    return percentiles("open_", ms)


def outside(url: str, cookie: str, sample: list[Article], count: int) -> dict[str, float]:
    """/api/search asked from outside the browser."""
    ms = []
    for question in new_questions(sample, count, 31):
        started = time.perf_counter()
        asked(url, cookie, question)
        ms.append(1000 * (time.perf_counter() - started))
    return percentiles("", ms)


def main() -> None:
    """Run it."""
    options = arguments(__doc__)
    sample, _ = read_all(settings().articles)
    with tempfile.TemporaryDirectory(prefix="firstcall-") as work:
        folder, home = made(Path(work), options.articles, sample)
        encoder = SentenceEncoder(settings())
        with closing(VectorCache(WORK / "vectors.sqlite")) as cache:
            build(folder, home / "index", encoder, cache, at=datetime.now(UTC))
        with running(folder, home) as (url, cookie, _):
            figures = typed(url, sample, options.searches) | opened(url, sample, min(OPENED, options.searches))
            systems = {"firstcall": figures, "api": outside(url, cookie, sample, options.searches)}
    print(table(["figure", "firstcall"], [[name, value] for name, value in figures.items()]))
    print(table(["figure", "api"], [[name, value] for name, value in systems["api"].items()]))
    print(machine())
    if options.json:
        write_json(options.json, result("live", f"{options.articles} made articles", systems, []))


if __name__ == "__main__":
    main()
