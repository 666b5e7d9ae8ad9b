"""The benchmark of learning asks what was not learnt, counts what it asked, and reads intents as documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import learning
from benchmarks.bench import Document, LabelledSet, Question


def made(counts: dict[str, int]) -> LabelledSet:
    """A set with so many questions a document."""
    documents = tuple(Document(id, id, "", "en") for id in counts)
    questions = tuple(Question(f"{id}-{n}", f"{id} {n}") for id, count in counts.items() for n in range(count))
    return LabelledSet("made", documents, questions, {one.id: {one.id.split("-")[0]: 1.0} for one in questions})


def test_an_intent_is_a_document_that_says_its_name_and_what_is_out_of_scope_is_none(tmp_path: Path) -> None:
    rows = [
        {"text": "where is it", "intent": "card_arrival", "lang": "en"},
        {"text": "who am I", "intent": "OOS"},
        {"text": "my loan", "intent": "x", "kind": "id-oos"},
        {"text": "too close", "intent": "close_account", "kind": "in-scope"},
    ]
    (tmp_path / "intents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    data = learning.read(tmp_path)
    assert [(one.id, one.title) for one in data.documents] == [
        ("card_arrival", "card arrival"),
        ("close_account", "close account"),
    ]
    assert [(one.text, data.gold[one.id]) for one in data.questions] == [
        ("where is it", {"card_arrival": 1.0}),
        ("too close", {"close_account": 1.0}),
    ]


def test_what_is_asked_was_never_learnt_and_few_questions_are_left_out() -> None:
    queue = learning.ordered(made({"a": 90, "b": 60, "c": 1}))
    asked = learning.questions_at(queue, 1_000)
    assert list(asked) == [1, 2, 3, 5, 10, 20]  # at 50 only 50 are left
    for n, some in asked.items():
        learnt = {one.id for questions in queue.values() for one in questions[:n]}
        assert learnt.isdisjoint(one.id for _, one in some)
        assert len(some) == 150 - 2 * n
        assert {id for id, _ in some} == {"a", "b"}
    assert len(learning.questions_at(queue, 120)[5]) == 120


def test_the_order_of_the_questions_is_the_same_each_time() -> None:
    data = made({"a": 30, "b": 20})
    assert learning.ordered(data) == learning.ordered(data)
    assert [one.id for one in learning.ordered(data)["a"]] != [f"a-{n}" for n in range(30)]


def test_the_figures_are_means_with_intervals_over_documents() -> None:
    gold = {"q1": {"a"}, "q2": {"a"}, "q3": {"b"}, "q4": {"b"}}
    run = {"q1": ["a"], "q2": ["x", "y", "a"], "q3": ["x"], "q4": ["b"]}
    document = {id: next(iter(wanted)) for id, wanted in gold.items()}
    found = learning.figures({"firstcall": run}, gold, document, 5)["firstcall"]
    assert (found["hit@1"], found["hit@3"]) == (0.5, 0.75)
    assert (found["hit@1_low"], found["hit@1_high"]) == (0.5, 0.5)  # half of each document, whichever are drawn
    assert (found["hit@3_low"], found["hit@3_high"]) == (0.5, 1.0)
    assert set(learning.figures({"firstcall": run}, gold, document, 10)["firstcall"]) == {
        f"hit@{k}_n10{end}" for k in (1, 3) for end in ("", "_low", "_high")
    }
    assert learning.interval({"q1": 1.0}, document) == pytest.approx((1.0, 1.0))
