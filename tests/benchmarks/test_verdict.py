"""The verdict's exams and figures: what is a gap, and what is counted of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.exam import FAR, NEAR, Exam, read_exam, removed
from benchmarks.fit_verdict import Part, balanced, fit, logistic, scores
from benchmarks.verdict import auroc, false_missing, fitted, versus
from kb.content.articles import parse
from kb.finding.verdict import SIGNALS, Prior


def write_lines(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def documents(folder: Path, queries: Sequence[Mapping[str, object]], gold: Sequence[tuple[str, str]]) -> Exam:
    """The exam of a set of ten documents, `d0` … `d9`."""
    write_lines(
        folder / "corpus.jsonl", [{"id": f"d{n}", "title": f"Title {n}", "text": f"Text {n}."} for n in range(10)]
    )
    write_lines(folder / "queries.jsonl", queries)
    (folder / "qrels.tsv").write_text("".join(f"{query}\t{document}\t1\n" for query, document in gold), "utf-8")
    return read_exam(folder)


GONE = [f"d{n}" for n in range(10) if int(hashlib.md5(f"d{n}".encode()).hexdigest(), 16) % 5 == 0]
KEPT = [f"d{n}" for n in range(10) if f"d{n}" not in GONE]


# --- exams ---------------------------------------------------------------------------------------


def test_one_document_in_five_is_removed_by_its_id_alone() -> None:
    assert 0 < len(GONE) < 5
    assert [id for id in GONE + KEPT if removed(id)] == GONE
    assert np.mean([removed(str(n)) for n in range(5_000)]) == pytest.approx(0.2, abs=0.02)


def test_a_question_that_lost_all_its_gold_is_a_gap_and_one_that_kept_some_is_not(tmp_path: Path) -> None:
    queries = [{"id": id, "text": id} for id in ("kept", "gone", "partly", "never")]
    gold = [("kept", KEPT[0]), ("gone", GONE[0]), ("partly", GONE[0]), ("partly", KEPT[1])]
    exam = documents(tmp_path, queries, gold)
    assert exam.protocol == "removal"
    assert {one.text: one.answerable for one in exam.asked} == {"kept": True, "gone": False, "partly": True}
    assert {one.text: one.cluster for one in exam.asked}["gone"] == GONE[0]
    assert exam.partly == 1
    titles = {parse(source, f"{id}.md").title for id, source in exam.files.items()}
    assert titles == {f"Title {id[1:]}" for id in KEPT}


def test_questions_that_say_they_have_no_answer_are_the_gaps_and_nothing_is_removed(tmp_path: Path) -> None:
    queries = [
        {"id": "a", "text": "asked", "answerable": True},
        {"id": "b", "text": "lost", "answerable": False},
        {"id": "c", "text": "of a document that removal would take", "answerable": True},
    ]
    exam = documents(tmp_path, queries, [("a", KEPT[0]), ("c", GONE[0])])
    assert exam.protocol == "labels"
    assert len(exam.files) == 10
    assert {one.text: one.answerable for one in exam.asked} == {
        "asked": True,
        "of a document that removal would take": True,
        "lost": False,
    }


def intents(folder: Path, rows: Sequence[tuple[str, str, str]], **more: Mapping[str, str]) -> Exam:
    """The exam of some (id, intent, split); `more` are further keys of a row by its id."""
    lines = [
        {"id": id, "text": f"text {id}", "intent": of, "split": split, **more.get(id, {})} for id, of, split in rows
    ]
    write_lines(folder / "intents.jsonl", lines)
    return read_exam(folder)


def test_an_intent_is_an_article_with_its_training_questions(tmp_path: Path) -> None:
    rows = [("a", "lost_card", "train"), ("b", "lost_card", "train"), ("c", "pin", "train"), ("d", "pin", "test")]
    exam = intents(tmp_path, [*rows, ("e", "OOS", "test"), ("f", "OOS", "train"), ("g", "lost_card", "valid")])
    articles = [parse(source, f"{id}.md") for id, source in exam.files.items()]
    assert {one.title: one.questions for one in articles} == {"lost card": ("text a", "text b"), "pin": ("text c",)}
    assert [(one.text, one.answerable, one.cluster) for one in exam.asked] == [
        ("text d", True, "pin"),
        ("text e", False, "e"),
    ]


def test_gaps_that_are_intents_of_the_same_field_are_the_near_ones(tmp_path: Path) -> None:
    rows = [("a", "pin", "train"), ("b", "pin", "test"), ("c", "OOS", "test"), ("d", "OOS", "test")]
    exam = intents(tmp_path, rows, c={"original_intent": "top_up"})
    assert [(one.sort, one.cluster) for one in exam.asked] == [(NEAR, "pin"), (NEAR, "top_up"), (FAR, "d")]


def test_intents_without_labelled_gaps_lose_one_in_five(tmp_path: Path) -> None:
    rows = [(f"{split}{n}", f"d{n}", split) for n in range(10) for split in ("train", "test")]
    exam = intents(tmp_path, rows)
    assert exam.protocol == "removal"
    assert len(exam.files) == len(KEPT)
    assert {one.cluster for one in exam.asked if not one.answerable} == set(GONE)


def test_what_calls_solved_is_learnt_and_not_asked_and_no_gap_is_ever_learnt(tmp_path: Path) -> None:
    queries = [{"id": f"{of}-{n}", "text": f"{of} {n}"} for of in (KEPT[0], KEPT[1], GONE[0]) for n in range(4)]
    documents(tmp_path, queries, [(str(one["id"]), str(one["id"])[:2]) for one in queries])
    exam = read_exam(tmp_path, learn=3)
    title = {id: parse(source, f"{id}.md").title for id, source in exam.files.items()}
    assert [title[one.article] for one in exam.lessons] == [
        f"Title {id[1:]}" for id in (KEPT[0], KEPT[1]) for _ in range(3)
    ]
    assert all(one.question[:2] == f"d{title[one.article][-1]}" for one in exam.lessons)
    asked = {one.text for one in exam.asked}
    assert asked.isdisjoint(one.question for one in exam.lessons)
    assert {one.text for one in exam.asked if not one.answerable} == {f"{GONE[0]} {n}" for n in range(4)}
    assert len(asked) == 2 * 1 + 4


def test_an_intent_whose_questions_are_learnt_says_no_more_than_its_name(tmp_path: Path) -> None:
    rows = [(f"{of}{n}", of, "train") for of in ("pin", "loan") for n in range(5)]
    intents(tmp_path, [*rows, ("x", "pin", "test"), ("y", "OOS", "test")])
    exam = read_exam(tmp_path, learn=2)
    articles = {id: parse(source, f"{id}.md") for id, source in exam.files.items()}
    assert {one.title: one.questions for one in articles.values()} == {"loan": (), "pin": ()}
    learnt = [(articles[one.article].title, one.question) for one in exam.lessons]
    assert [of for of, _ in learnt] == ["loan"] * 2 + ["pin"] * 2
    assert all(question.startswith(f"text {of}") for of, question in learnt)
    assert [(one.text, one.answerable) for one in exam.asked] == [("text x", True), ("text y", False)]


def test_a_sample_keeps_the_base_and_the_order(tmp_path: Path) -> None:
    queries = [{"id": str(n), "text": str(n)} for n in range(20)]
    whole = documents(tmp_path, queries, [(str(n), KEPT[0]) for n in range(20)])
    some = whole.sampled(5)
    assert (len(some.asked), some.files) == (5, whole.files)
    assert [one for one in whole.asked if one in some.asked] == list(some.asked)


# --- figures -------------------------------------------------------------------------------------


def test_auroc_is_the_share_of_pairs_in_the_right_order_ties_half() -> None:
    chance = np.random.default_rng(1)
    beliefs, labels = chance.integers(0, 8, 60) / 8, chance.random(60) < 0.6
    pairs = [(a > b) + (a == b) / 2 for a in beliefs[labels] for b in beliefs[~labels]]
    assert auroc(beliefs, labels) == pytest.approx(np.mean(pairs))


def test_auroc_by_weight_is_auroc_of_repeated_questions() -> None:
    chance = np.random.default_rng(2)
    beliefs, labels, times = chance.random(30), chance.random(30) < 0.5, chance.integers(0, 4, 30)
    repeated = auroc(np.repeat(beliefs, times), np.repeat(labels, times))
    assert auroc(beliefs, labels, times.astype(float)) == pytest.approx(repeated)


def test_false_missing_counts_the_answerable_below_nine_gaps_in_ten() -> None:
    gaps = np.arange(10) / 10  # nine of ten are caught at .8
    there = np.array([0.05, 0.5, 0.79, 0.85, 0.95])
    beliefs, labels = np.concatenate([gaps, there]), np.arange(15) >= 10
    assert false_missing(beliefs, labels) == pytest.approx(3 / 5)


def test_a_constant_calls_nine_answerable_in_ten_missing_to_catch_nine_gaps_in_ten() -> None:
    assert false_missing(np.full(50, 0.7), np.arange(50) < 30) == pytest.approx(0.9)
    assert auroc(np.full(50, 0.7), np.arange(50) < 30) == 0.5


def test_a_system_that_is_better_on_every_document_is_ahead_and_one_that_is_alike_is_tied() -> None:
    chance = np.random.default_rng(3)
    labels = np.arange(300) % 2 == 0
    clusters = [str(n % 50) for n in range(300)]
    noise = chance.normal(size=300)
    good, bad = labels * 2 + noise, labels * 0.5 + noise
    told = versus(good, bad, labels, clusters)
    assert told["verdict"] == "ahead"
    assert told["low"] <= told["auroc"] <= told["high"]
    assert told["auroc"] == pytest.approx(auroc(good, labels) - auroc(bad, labels), abs=1e-4)
    assert versus(good, good, labels, clusters)["verdict"] == "tied"


# --- the fit -------------------------------------------------------------------------------------


def drawn(name: str, seed: int, count: int = 400, sort: str = NEAR) -> Part:
    """A set in which `top` tells answered from not, `lift` the wrong way round, and the rest is noise."""
    chance = np.random.default_rng(seed)
    labels = chance.random(count) < 0.7
    rows = chance.normal(size=(count, len(SIGNALS)))
    rows[:, 0] += 2 * labels
    rows[:, 1] -= labels
    return Part(name, sort, rows, labels, rows[:, 0], ())


def test_no_signal_counts_against_an_answer() -> None:
    part = drawn("one", 1)
    beta = logistic(part.rows, part.labels, balanced([part]), ridge=1.0)
    assert beta[0] > 1
    assert (beta[:-1] >= 0).all()
    assert beta[1] == 0.0


def test_families_count_alike_however_many_sets_and_questions_they_have() -> None:
    parts = [drawn("xquad_en", 1, 100), drawn("xquad_zh", 2, 300), drawn("faq", 3, 50)]
    weights = balanced(parts)
    assert weights.sum() == pytest.approx(1_000)
    assert weights[:400].sum() == pytest.approx(500)
    assert weights[400:][parts[2].labels].sum() == pytest.approx(250)


def test_a_fit_finds_what_tells_answers_from_gaps() -> None:
    tree = fit([drawn("a", 1), drawn("b", 2)], "model")
    prior = Prior(**tree["prior"])
    assert max(prior.weights, key=lambda name: prior.weights[name]) == "top"
    assert prior.answerable == pytest.approx(0.7, abs=0.05)
    assert tree["fitted_on"] == ["a", "b"]
    fresh = drawn("c", 3)
    assert auroc(scores(prior, fresh.rows), fresh.labels) > 0.9
    slope, _ = tree["top_cosine"]
    assert slope > 1


def test_no_set_is_reported_with_a_prior_fitted_on_it_or_a_relative() -> None:
    for name in ("stackfaq", "xquad_zh", "xquad_en", "covid_faq_deepset", "banking77_oos", "clinc150"):
        one = fitted(name)
        assert one.fitted_on
        assert not [other for other in one.fitted_on if other.split("_")[0] == name.split("_")[0]]
    assert "stackfaq" in fitted("a set nobody has seen").fitted_on
