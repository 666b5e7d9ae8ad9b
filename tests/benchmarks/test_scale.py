"""What size costs is measured through the product's own doors, and its page says what follows from it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scale, size
from benchmarks.drawn import Drawn, Real, model, real, write_base
from indexer import calibrate
from indexer.vectors import VectorCache
from kb.config import ROOT
from kb.content.articles import names, read_all
from kb.finding.chunks import cut, embedded
from tests.fake_encoder import HashEncoder
from tests.postgres import Server

ARTICLES = 100
SAMPLE = read_all(ROOT / "articles")[0]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Real:
    cache = VectorCache(tmp_path_factory.mktemp("source") / "vectors.sqlite")
    made = real(SAMPLE[:30], HashEncoder(dim=64), cache)
    cache.close()
    return made


@pytest.fixture
def job(tmp_path: Path, source: Real) -> scale.Job:
    source.save(tmp_path / "real.npz")
    write_base(tmp_path / "articles", ARTICLES, SAMPLE)
    return scale.Job("files", ARTICLES, searches=5, saves=2, home=str(tmp_path))


def wrong(found: scale.Figures) -> list[str]:
    """What is not as it must be of a small base, whatever the machine does besides."""
    checks = {
        "it is small enough to be compared one by one": found["recall@10"] == 1.0,
        "serving takes what the program takes, and more": found["serving_mb"] >= found["program_mb"] > 50,
        "it is on the disk": found["disk_mb"] > 1,
        "building takes memory": found["build_peak_mb"] > 50,
        "searches take time": 0 < found["search_p50_ms"] <= found["search_p95_ms"],
        "saves take time": 0 < found["save_p50_s"] <= found["save_worst_s"],
    }
    return [f"{name}: {found}" for name, holds in checks.items() if not holds]


@pytest.fixture
def seldom_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hundreds of questions that each build asks of its own are no part of what is tested here."""
    monkeypatch.setattr(calibrate, "OWN_TEXTS", 5)
    monkeypatch.setattr(calibrate, "OWN_GAPS", 2)


def test_a_base_in_files_is_built_asked_and_saved(job: scale.Job, seldom_calibrated: None) -> None:
    assert wrong(scale.build(job) | scale.serve(job)) == []


def test_a_step_runs_in_a_process_of_its_own(tmp_path: Path, source: Real) -> None:
    source.save(tmp_path / "real.npz")
    write_base(tmp_path / "articles", 5, SAMPLE)
    found = scale.stepped("build", scale.Job("files", 5, searches=1, saves=1, home=str(tmp_path)))
    assert found["disk_mb"] == scale.used(tmp_path / "index") > 0
    assert found["build_peak_mb"] < 400  # its own, not its parent's


def test_a_base_in_postgresql_is_built_asked_and_saved(job: scale.Job, server: Server, seldom_calibrated: None) -> None:
    name = server.empty()
    rows = replace(job, profile="postgresql", url=server.url_of(name), server=server.pid)
    try:
        found = scale.build(rows) | scale.serve(rows)
    finally:
        server.drop(name)
    assert wrong(found) == []
    assert found["server_mb"] > 10


def test_articles_are_distinct_of_ten_chunks_and_half_of_them_chinese(job: scale.Job) -> None:
    articles, errors = read_all(job.folder)
    assert (len(articles), errors, names(job.folder)[0]) == (ARTICLES, [], "000/made-000000.md")
    assert {len(cut(one)) for one in articles} == {10}
    assert sum(one.lang == "en" for one in articles) == ARTICLES / 2
    texts = [embedded(one, chunk) for one in articles for chunk in cut(one)]
    assert len(set(texts)) == len(texts)


def test_the_same_text_is_drawn_the_same_row_and_texts_of_one_article_lie_together(
    source: Real, tmp_path: Path
) -> None:
    source.save(tmp_path / "real.npz")
    texts = [f"{model(number)} text {part}" for number in range(20) for part in range(10)]
    rows, tokens = Drawn(source).with_tokens(texts, query=False)
    again, same = Drawn(Real.load(tmp_path / "real.npz")).with_tokens(texts[::-1], query=False)
    assert np.array_equal(rows, again[::-1])
    assert all(np.array_equal(one, other) for one, other in zip(tokens, same[::-1], strict=True))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert len(np.unique(rows, axis=0)) == len(texts)
    cosines = rows @ rows.T
    mine = np.kron(np.eye(20), np.ones((10, 10))).astype(bool)
    assert cosines[mine].mean() > cosines[~mine].mean() + 0.1


FIGURES = {
    "articles": 1000.0,
    "articles_mb": 10.0,
    "build_s": 12.0,
    "build_peak_mb": 300.0,
    "disk_mb": 100.0,
    "cache_mb": 50.0,
    "open_s": 1.5,
    "program_mb": 100.0,
    "serving_mb": 612.0,
    "search_p50_ms": 8.0,
    "search_p95_ms": 9.0,
    "raw_p50_ms": 4.0,
    "ratio": 2.0,
    "recall@10": 0.99,
    "save_p50_s": 0.5,
    "save_worst_s": 0.75,
}
LATENCY = {"systems": {"encoder": {"p50_ms": 12.0}, "firstcall": {"build_per_s": 200.0}}}


def test_the_page_says_what_was_measured_and_what_follows() -> None:
    tree = json.loads(json.dumps(scale.tree({"1000": {"files": FIGURES}}, "other work ran beside it")))
    page = size.drawn(tree, LATENCY)
    line = "| 1,000 | 12 s | 300 MB | 100 MB | 1.5 s | 512 MB | – | 0.50 / 0.75 s | 8 / 9 ms | 2.0 | 0.990 |"
    assert line in page
    assert "other work ran beside it" in page
    # 20 agents ask 20 / 60 a second, 20 ms each, in half of a core's time
    assert "| 20 | 1,000 | 0.3 | 0.0 | SQLite and files | 612 MB | 160 MB | – |" in page
    # 100,000 chunks at 200 a second are 500 s; fifty times as fast ten
    assert "| 10,000 / 100,000 | 10 | 8 min | 10 s | 1000 MB | – | 5.0 GB | 12 s |" in page


def test_a_result_has_each_figure_by_size() -> None:
    tree = scale.tree({"1000": {"files": FIGURES}, "2000": {"files": FIGURES | {"build_s": 30.0}}}, "")
    assert (tree["systems"]["files"]["build_s_1000"], tree["systems"]["files"]["build_s_2000"]) == (12.0, 30.0)
    assert "note" not in tree


def test_a_run_goes_on_with_what_the_same_commit_has_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "scale.json"
    assert scale.begun(file) == {}
    tree = scale.tree({"1000": {"files": FIGURES}}, "")
    file.write_text(json.dumps(tree), "utf-8")
    assert scale.begun(file) == {"1000": {"files": FIGURES}}
    monkeypatch.setattr(scale, "commit", lambda: "another")
    assert scale.begun(file) == {}
