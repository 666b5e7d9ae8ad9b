"""The figures that are published, against values worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench, fit, retrieval
from benchmarks.bench import Document
from kb.content.articles import parse
from kb.finding.search import WEIGHTS, Place, fuse, reranked

TWO_BY_TWO = {"q1": {"a": 1.0}, "q2": {"a": 1.0}, "q3": {"b": 1.0}, "q4": {"b": 1.0}}


# --- figures -------------------------------------------------------------------------------------


def test_ndcg_of_one_gold_document_is_the_discount_of_its_rank() -> None:
    assert bench.ndcg(["x", "y", "gold"], {"gold": 1.0}) == pytest.approx(1 / math.log2(4))
    assert bench.ndcg(["gold"], {"gold": 1.0}) == 1.0


def test_ndcg_with_two_of_three_gold_documents_found() -> None:
    # found at ranks 1 and 4: 1 + 1/log2(5) = 1.43068; ideal 1 + 1/log2(3) + 1/log2(4) = 2.13093
    grades = {"a": 1.0, "b": 1.0, "c": 1.0}
    assert bench.ndcg(["a", "x", "y", "b"], grades) == pytest.approx(0.671387, abs=1e-6)


def test_ndcg_takes_grades_as_gains() -> None:
    # grade 1 first, grade 3 second: 1 + 3/log2(3) = 2.89279; ideal 3 + 1/log2(3) = 3.63093
    assert bench.ndcg(["one", "three"], {"one": 1.0, "three": 3.0}) == pytest.approx(0.796708, abs=1e-6)


def test_ndcg_looks_no_deeper_than_ten() -> None:
    ten = [str(i) for i in range(10)]
    assert bench.ndcg([*ten, "gold"], {"gold": 1.0}) == 0.0
    assert bench.ndcg([*ten[:9], "gold"], {"gold": 1.0}) == pytest.approx(1 / math.log2(11))


def test_a_document_ranked_twice_counts_once() -> None:
    assert bench.ndcg(["a", "a", "a"], {"a": 1.0}) == 1.0
    assert bench.quality(["x", "x", "a"], {"a": 1.0})["mrr"] == 0.5


def test_quality_of_the_first_gold_at_rank_three() -> None:
    found = bench.quality(["x", "y", "a", "b"], {"a": 1.0, "b": 1.0})
    # ndcg: (1/log2(4) + 1/log2(5)) / (1 + 1/log2(3)) = .930677 / 1.63093
    assert found == {
        "hit@1": 0.0,
        "hit@3": 1.0,
        "hit@5": 1.0,
        "mrr": pytest.approx(1 / 3),
        "ndcg@10": pytest.approx(0.570642, abs=1e-6),
    }


def test_quality_without_any_gold_is_zero_throughout() -> None:
    assert set(bench.quality(["x"], {"a": 1.0}).values()) == {0.0}


def test_figures_are_means_over_questions_with_gold() -> None:
    run = {"q1": ["a"], "q2": ["b", "a"], "not asked": ["a"]}
    gold = {"q1": {"a": 1.0}, "q2": {"a": 1.0}, "q3": {"a": 1.0}}  # q3 went unanswered
    assert bench.figures(run, gold, [10.0, 20.0, 30.0]) == {
        "hit@1": 0.3333,
        "hit@3": 0.6667,
        "hit@5": 0.6667,
        "mrr": 0.5,
        "ndcg@10": 0.5436,  # (1 + 1/log2(3) + 0) / 3
        "p50_ms": 20.0,
        "p95_ms": 29.0,
    }


# --- intervals -----------------------------------------------------------------------------------


def test_difference_that_is_the_same_everywhere_has_no_width() -> None:
    ours = dict.fromkeys(TWO_BY_TWO, 0.75)
    found = bench.difference(ours, dict.fromkeys(TWO_BY_TWO, 0.5), TWO_BY_TWO)
    assert (found.mean, found.low, found.high, found.verdict) == (0.25, 0.25, 0.25, "ahead")


def test_difference_resamples_documents_not_questions() -> None:
    # +1 on both questions of a, -1 on both of b. Of documents drawn twice, a quarter of draws are a, a:
    # the interval is all of [-1, 1]. Four questions drawn singly would seldom be all alike.
    ours = {"q1": 1.0, "q2": 1.0, "q3": 0.0, "q4": 0.0}
    theirs = {"q1": 0.0, "q2": 0.0, "q3": 1.0, "q4": 1.0}
    found = bench.difference(ours, theirs, TWO_BY_TWO)
    assert (found.mean, found.low, found.high, found.verdict) == (0.0, -1.0, 1.0, "tied")


def test_interval_of_many_documents_is_that_of_the_normal_distribution() -> None:
    # 400 documents, difference 1 on 300 of them: mean .75, standard error sqrt(.75 * .25 / 400) = .02165
    gold = {f"q{i}": {f"d{i}": 1.0} for i in range(400)}
    ours = {f"q{i}": float(i < 300) for i in range(400)}
    found = bench.difference(ours, dict.fromkeys(gold, 0.0), gold)
    assert found.mean == 0.75
    assert found.low == pytest.approx(0.7076, abs=0.004)
    assert found.high == pytest.approx(0.7924, abs=0.004)


def test_difference_is_the_same_each_time() -> None:
    ours = {"q1": 1.0, "q2": 0.2, "q3": 0.4, "q4": 0.0}
    theirs = dict.fromkeys(TWO_BY_TWO, 0.1)
    assert bench.difference(ours, theirs, TWO_BY_TWO) == bench.difference(ours, theirs, TWO_BY_TWO)


def test_versus_says_who_is_behind() -> None:
    gold = {"q1": {"a": 1.0}, "q2": {"b": 1.0}}
    runs = {"us": {"q1": ["x"], "q2": ["x"]}, "peer": {"q1": ["a"], "q2": ["b"]}}
    assert bench.versus(runs, gold, "us") == {"peer": {"ndcg@10": -1.0, "low": -1.0, "high": -1.0, "verdict": "behind"}}


# --- sets and results ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus = [{"id": f"d{i}", "title": "", "text": f"text\u2028{i}"} for i in range(5)]
    queries = [{"id": f"q{i}", "text": f"question {i}"} for i in range(4)]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text("".join(lines), "utf-8")
    (tmp_path / "qrels.tsv").write_text("q0\td4\t1\nq1\td0\t0\nq2\td1\t2\nq2\td2\t1\n", "utf-8")
    return tmp_path


def test_read_set_keeps_only_questions_with_gold(folder: Path) -> None:
    data = bench.read_set(folder)
    assert [one.id for one in data.questions] == ["q0", "q2"]
    assert data.gold == {"q0": {"d4": 1.0}, "q2": {"d1": 2.0, "d2": 1.0}}
    assert data.documents[1] == Document("d1", "", "text\u20281", "")


def test_shortened_set_keeps_every_gold_document(folder: Path) -> None:
    assert [one.id for one in bench.read_set(folder).shortened(1).documents] == ["d0", "d1", "d2", "d4"]


def test_sampled_set_keeps_gold_of_its_questions_alone(folder: Path) -> None:
    data = bench.read_set(folder).sampled(1)
    assert list(data.gold) == [one.id for one in data.questions]
    assert len(data.gold) == 1


def test_result_on_a_set_that_was_fitted_on_is_refused() -> None:
    with pytest.raises(ValueError, match="stackfaq"):
        bench.result("retrieval", "stackfaq", {}, ["stackfaq", "xquad_en"])


def test_weights_of_a_fitted_set_are_those_fitted_without_it(tmp_path: Path) -> None:
    weights = {"answers": 0.6, "asks": 0.2, "lexical": 0.2}
    tree = {"sets": ["a_en", "b"], "without": {"b": {"weights": weights, "fitted_on": ["a_en"]}}}
    file = tmp_path / "fit.json"
    file.write_text(json.dumps(tree), "utf-8")
    assert retrieval.weighting("b", file) == retrieval.Weighting(weights, ("a_en",))
    assert retrieval.weighting("new", file) == retrieval.Weighting(WEIGHTS, ("a_en", "b"))


# --- a set as articles ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("Coverage follows the car. Example 1: you lent it.", "Coverage follows the car."),
        ("请先断电。然后等待。", "请先断电。"),
        ("Version 2.5 is out! Really.", "Version 2.5 is out!"),
        ("no stop at all", "no stop at all"),
        ("x" * 100, "x" * 80),
        ("first line\nsecond line.", "first line second line."),
    ],
)
def test_an_untitled_text_is_called_by_its_first_sentence(body: str, title: str) -> None:
    assert retrieval.first_sentence(body) == title


@pytest.mark.parametrize("title", ['He said "no": yes', "---", "- list # not", "{a: b}", "路由器 \\ 复位 🛠"])
def test_a_document_becomes_an_article_with_its_title_and_text_untouched(title: str) -> None:
    body = "---\nquestions: [none]\n---\nUse ~~tildes~~."
    read = parse(retrieval.article(Document("any/id", title, body, "en"), "d000001"), "d000001.md")
    assert (read.title, read.body, read.questions) == (title, body + "\n", ())


# --- fit -----------------------------------------------------------------------------------------


def test_simplex_has_every_triple_that_sums_to_one_and_equal_weights() -> None:
    triples = [[0, 0, 1], [0, 0.5, 0.5], [0, 1, 0], [0.5, 0, 0.5], [0.5, 0.5, 0], [1, 0, 0]]
    assert fit.simplex(0.5).tolist() == [*triples, [1 / 3, 1 / 3, 1 / 3]]


def test_a_fit_stays_with_equal_weights_until_the_sets_agree_on_better_ones() -> None:
    grid = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]])
    distance = np.linalg.norm(grid - fit.EQUAL, axis=1)
    noisy = {"a": np.array([0.9, 0.8, 0.7]), "b": np.array([0.5, 0.7, 0.7]), "c": np.array([0.8, 0.6, 0.7])}
    assert fit.best(noisy, list(noisy), distance) == 2
    agreed = {name: np.array([0.9, 0.88, 0.7 + i / 100]) for i, name in enumerate("abc")}
    assert fit.best(agreed, list(agreed), distance) == 0
    close = {"a": np.array([0.9, 0.88, 0.7]), "b": np.array([0.9, 0.91, 0.7]), "c": np.array([0.9, 0.9, 0.7])}
    assert fit.best(close, list(close), distance) == 1
    assert fit.best({**close, fit.SAMPLE: np.array([0.0, 0.0, 1.0])}, [*close, fit.SAMPLE], distance) == 1


def test_the_finest_mix_is_the_best_mean_of_the_public_sets() -> None:
    values = {"a": np.array([0.9, 0.8]), "b": np.array([0.5, 0.7]), fit.SAMPLE: np.array([1.0, 0.0])}
    assert fit.finest(values, list(values)) == 1


def test_late_interaction_is_fitted_as_the_search_adds_it() -> None:
    lists = {
        "answers": {"a": Place(1, 0.9, ""), "b": Place(2, 0.8, ""), "c": Place(3, 0.1, "")},
        "asks": {},
        "lexical": {},
        "late": {"b": Place(1, 0.7, ""), "a": Place(2, 0.2, "")},
    }
    one = fit.case(lists, {"b": 1.0})
    fused = fuse({"answers": list(lists["answers"].items())}, {"answers": 1.0})
    for weight in (0.0, 0.1, 0.2, 1.0):
        ranking = list(reranked(fused, lists["late"], weight))
        measured = fit.with_late([one], np.array([1.0, 0.0, 0.0]), np.array([weight]))
        assert measured == pytest.approx([bench.ndcg(ranking, {"b": 1.0})])


def test_fit_ranks_as_the_search_does() -> None:
    rng = np.random.default_rng(1)
    lists = {}
    for name in fit.LISTS:
        scores = sorted(rng.random(9).tolist(), reverse=True)  # no two alike: ties by rounding are another matter
        ids = rng.permutation(15)[:9].tolist()
        lists[name] = {
            f"d{id}": Place(rank, score, "") for rank, (id, score) in enumerate(zip(ids, scores, strict=True), 1)
        }
    one = fit.case(lists, {"d3": 1.0, "d7": 1.0})
    for row in fit.simplex(0.25):
        weights = dict(zip(fit.LISTS, row.tolist(), strict=True))
        ranking = list(fuse({name: list(ranks.items()) for name, ranks in lists.items()}, weights))
        measured = fit.ndcg(one, one.scaled @ row[:, None])[0]
        assert measured == pytest.approx(bench.ndcg(ranking, {"d3": 1.0, "d7": 1.0}))


def test_fit_counts_gold_that_no_list_has() -> None:
    lists = {"answers": {"a": Place(1, 0.9, "")}, "asks": {}, "lexical": {}}
    one = fit.case(lists, {"a": 1.0, "nowhere": 1.0})
    assert fit.weighted([one], np.array([[1.0, 0.0, 0.0]]))[0] == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_rank_fusion_sums_reciprocal_ranks() -> None:
    # a: 1/61 + 1/62 from two lists; b: 1/61 from one: a is first, gold b second
    lists = {
        "answers": {"a": Place(1, 0.9, ""), "c": Place(2, 0.5, "")},
        "asks": {"b": Place(1, 0.9, ""), "a": Place(2, 0.5, "")},
        "lexical": {},
    }
    assert fit.rank_fusion([fit.case(lists, {"b": 1.0})]) == pytest.approx(1 / math.log2(3))


def test_no_set_is_reported_with_weights_of_its_relatives() -> None:
    lists = {"answers": {"a": Place(1, 0.9, "")}, "asks": {}, "lexical": {}}
    cases = {name: [fit.case(lists, {"a": 1.0})] for name in ("xquad_en", "xquad_zh", "stackfaq")}
    found = fit.fitted(cases)
    assert found["without"]["xquad_en"]["fitted_on"] == ["stackfaq"]
    assert found["without"]["stackfaq"]["fitted_on"] == ["xquad_en", "xquad_zh"]
    assert found["without"]["stackfaq"]["weights"] == {**dict.fromkeys(fit.LISTS, 0.3333), "late": 0.0}
    assert found["sets"] == ["xquad_en", "xquad_zh", "stackfaq"]
