"""What is learnt: from whom, how long, against whom; and that few who vote amiss bend nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pytest

from kb.db import Database
from kb.errors import NotAllowedError, RequestError
from kb.finding import learning
from kb.finding.learning import (
    HALF_LIFE,
    MOST_OF_ARTICLE,
    NEITHER,
    NOD,
    REVOKE,
    Learnt,
    Neighbours,
    Vote,
    logistic,
    standing,
)
from kb.finding.learning.evidence import (
    ALONE,
    FOLDS,
    NOTHING,
    Evidence,
    Held,
    Weights,
    classes_of,
    folds,
    mixed,
    nearness,
    scaled,
    weigh,
    weighed,
)
from kb.finding.learning.logistic import SHARES, affordable, blended, held_ranks, logistic_of, share_of
from kb.finding.search import Vector
from kb.people.users import SAMPLES
from tests.people_on_the_floor import MAY, NOON, PHONE

EDITOR = SAMPLES["editor"]
DIM = 16


def vectors_of(places: Mapping[str, Vector]) -> Neighbours:
    """Neighbours of questions whose rows are given."""
    return Neighbours(lambda texts: np.stack([places[one] for one in texts]), np.zeros(DIM, np.float32))


def axis(number: int, lean: float = 0.0, to: int = DIM - 1) -> Vector:
    """A unit row along an axis, leaning to another."""
    row = np.zeros(DIM, np.float32)
    row[number], row[to] = (1 - lean**2) ** 0.5, lean
    return row


KNOWN = {"card expired": axis(0), "my card ran out": axis(0, 0.5), "late parcel": axis(1), "old plastic": axis(2)}


def vote(
    question: str, agent: str, article: str = "a", *, solved: bool = True, days: float = 0, **more: object
) -> Vote:
    return Vote(article, question, agent, NOON - timedelta(days=days), solved, **more)  # type: ignore[arg-type]


def states(votes: Sequence[Vote], decided: Sequence[learning.Decision] = (), agents: int = 2) -> dict[str, str]:
    return {one.question: one.state for one in standing(votes, decided, vectors_of(KNOWN), NOON, agents)}


def test_one_agent_alone_teaches_nothing_however_often() -> None:
    assert states([vote("card expired", "may")] * 9) == {"card expired": "waits"}


def test_a_second_agent_makes_it_hold() -> None:
    votes = [vote("card expired", "may"), vote("card expired", "bo")]
    assert states(votes) == {"card expired": "holds"}
    assert states(votes, agents=3) == {"card expired": "waits"}
    assert states(votes[:1], agents=1) == {"card expired": "holds"}


def test_near_identical_questions_support_each_other_and_others_do_not() -> None:
    votes = [vote("card expired", "may"), vote("my card ran out", "bo"), vote("late parcel", "li")]
    assert states(votes) == {"card expired": "holds", "my card ran out": "holds", "late parcel": "waits"}


def test_it_counts_for_its_own_article_only() -> None:
    assert states([vote("card expired", "may"), vote("card expired", "bo", "b")]) == {"card expired": "waits"}


def test_words_tried_before_count_only_where_they_mean_the_same() -> None:
    pairs = [("my card ran out", "holds"), ("late parcel", None)]
    for tried, state in pairs:
        votes = [vote("card expired", who) for who in ("may", "bo")]
        votes += [vote(tried, who, reworded="card expired") for who in ("may", "bo")]
        assert states(votes).get(tried) == state


def test_a_question_that_stopped_solving_fades_and_comes_back() -> None:
    before = [vote("card expired", "may", days=400), vote("card expired", "bo", days=400)]
    after = [vote("card expired", "li", solved=False), vote("my card ran out", "ann", solved=False)]
    assert states(before) == {"card expired": "holds"}  # nobody asked again: no reason to forget
    assert states([*before, *after]) == {"card expired": "fades"}
    assert states([*before, *after, vote("card expired", "may"), vote("card expired", "bo")]) == {
        "card expired": "holds"
    }


def test_votes_count_by_agent_and_by_age() -> None:
    votes = [vote("card expired", "may", days=HALF_LIFE.days), vote("card expired", "bo")]
    votes += [vote("card expired", "li", solved=False, worth=0.25)] * 8
    (one,) = standing(votes, (), vectors_of(KNOWN), NOON, 2)
    assert (one.agents, one.gain, one.loss) == (2, pytest.approx(1.5), pytest.approx(0.25))


def test_a_need_that_many_more_solve_with_another_article_is_disputed() -> None:
    few = [vote("card expired", who) for who in ("x", "y")]
    many = [vote("my card ran out", f"agent-{n}", "b") for n in range(5)]
    found = {(one.article, one.question): one.state for one in standing([*few, *many], (), vectors_of(KNOWN), NOON, 2)}
    assert found == {("a", "card expired"): "disputed", ("b", "my card ran out"): "holds"}
    assert states([*few, *many[:4]])["card expired"] == "holds"  # an article may have company


def test_an_article_learns_no_more_than_its_share_and_the_strongest() -> None:
    rows = {f"question {n}": axis(n % DIM, 0.0) for n in range(MOST_OF_ARTICLE + 3)}
    votes = [vote(one, f"{who}-{n}") for n, one in enumerate(rows) for who in ("p", "q")]
    known = Neighbours(lambda texts: np.eye(128, dtype=np.float32)[[int(t.split()[1]) for t in texts]], np.zeros(128))
    strong = [vote("question 66", f"more-{n}") for n in range(3)]
    found = standing([*votes, *strong], (), known, NOON, 2)
    held = [one.question for one in found if one.state == "holds"]
    assert len(held) == MOST_OF_ARTICLE
    assert held[0] == "question 66"
    assert sum(one.state == "full" for one in found) == 3


# --- editors -------------------------------------------------------------------------------------


def decide(
    database: Database, kind: str, question: str = "card expired", minutes: int = 0
) -> tuple[learning.Decision, ...]:
    with database.write() as connection:
        learning.decide(connection, EDITOR, "a", question, kind, NOON + timedelta(minutes=minutes))
        return learning.decisions(connection)


def test_an_editors_nod_is_enough_and_a_revocation_is_final_until_taken_back(database: Database) -> None:
    one, both = [vote("card expired", "may")], [vote("card expired", "may"), vote("card expired", "bo")]
    assert states(one, decide(database, NOD)) == {"card expired": "holds"}
    assert states(both, decide(database, REVOKE, minutes=1)) == {"card expired": "revoked"}
    assert states(both, decide(database, NEITHER, minutes=2)) == {"card expired": "holds"}
    assert states(one, decide(database, NEITHER, minutes=3)) == {"card expired": "waits"}


def test_a_decision_is_kept_masked_with_who_and_when(database: Database) -> None:
    (kept,) = decide(database, NOD, f"call me at {PHONE}")
    assert (kept.question, kept.by, kept.at) == ("call me at ‹phone›", EDITOR.id, NOON)
    (one,) = standing((), [kept], vectors_of({}), NOON, 2)  # a question that nobody solved may be taught by hand
    assert (one.question, one.state, one.agents, one.decision) == ("call me at ‹phone›", "holds", 0, kept)


def test_a_question_revoked_however_it_is_spelled_is_revoked(database: Database) -> None:
    votes = [vote("card expired", "may"), vote("card expired", "bo")]
    assert states(votes, decide(database, REVOKE, "Ｃard  EXPIRED")) == {"card expired": "revoked"}


def test_an_agent_decides_nothing(database: Database) -> None:
    with database.write() as connection, pytest.raises(NotAllowedError):
        learning.decide(connection, MAY, "a", "card expired", NOD, NOON)


@pytest.mark.parametrize(("article", "question", "kind"), [("", "q", NOD), ("a", " ", NOD), ("a", "q", "maybe")])
def test_a_decision_about_nothing_is_refused(database: Database, article: str, question: str, kind: str) -> None:
    with database.write() as connection, pytest.raises(RequestError):
        learning.decide(connection, EDITOR, article, question, kind, NOON)


# --- evidence ------------------------------------------------------------------------------------


def unit(rows: Vector) -> Vector:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def made(
    seed: int = 0, articles: int = 6, each: int = 4
) -> tuple[Vector, Vector, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Titles and learnt questions around random centres: (n, DIM), (m, DIM), (m,)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(articles, DIM))
    of = np.repeat(np.arange(articles), each)
    titles = unit(centres + 0.5 * rng.normal(size=centres.shape))
    return titles, unit(centres[of] + 0.7 * rng.normal(size=(len(of), DIM))), of


def test_the_classes_are_those_of_the_textbook() -> None:
    titles, rows, of = made()
    found = classes_of(titles, rows, of)
    both = np.concatenate([titles, rows])
    middle = both.mean(axis=0)
    about, labels = unit(both - middle), np.concatenate([np.arange(len(titles)), of])
    means = np.stack([about[labels == a].mean(axis=0) for a in range(len(titles))])
    within = np.cov((about - means[labels]).T, bias=True)
    precision = np.linalg.inv(0.6 * within + 0.4 / DIM * np.eye(DIM))
    asked = unit(rows[0] - middle)
    wanted = [asked @ precision @ mean - mean @ precision @ mean / 2 for mean in means]
    scores = found.weights @ found.about(rows[:1])[0] + found.offsets
    assert scores == pytest.approx(np.array(wanted), rel=1e-3, abs=1e-3)


def test_a_lesson_left_out_of_a_class_leaves_the_class_without_it() -> None:
    titles, rows, of = made()
    found = classes_of(titles, rows, of)
    mean = (found.means[of[0]] * 5 - found.about(rows)[0]) / 4
    weights, offset = found.without(int(of[0]), found.about(rows)[0])
    assert weights == pytest.approx(found.precision @ mean, abs=1e-4)
    assert offset == pytest.approx(float(-mean @ found.precision @ mean / 2), abs=1e-3)


def test_nearness_begins_at_its_cosine_and_ends_at_one() -> None:
    assert nearness(np.array([-1, 0.3, 0.65, 1], np.float32)).tolist() == pytest.approx([0, 0, 0.5, 1])


def test_class_scores_are_scaled_over_the_best_hundred() -> None:
    assert scaled(np.array([3.0, 1.0, 2.0])).tolist() == [1, 0, 0.5]
    assert scaled(np.array([2.0, 2.0])).tolist() == [0, 0]
    many = scaled(np.arange(201.0))
    assert (many[101], many[200], many[100]) == (0, 1, 0)
    assert scaled(np.zeros(0)).tolist() == []


def test_evidence_joins_the_search_by_its_weights() -> None:
    evidence = Evidence({"b": (0.5, "b#1")}, {"a": 1.0, "b": 0.0}, frozenset(), Weights(2.0, 1.0))
    assert evidence.join({"a": 0.4, "c": 0.2}) == {"a": pytest.approx(0.35), "b": pytest.approx(0.25), "c": 0.05}


def test_an_article_that_learnt_this_very_question_is_first() -> None:
    evidence = Evidence({}, {}, frozenset({"c"}), NOTHING)
    assert list(evidence.join({"a": 0.9, "b": 0.8, "c": 0.1})) == ["c", "a", "b"]


def test_evidence_without_an_article_knows_nothing_of_it() -> None:
    evidence = Evidence(
        {"a": (0.5, "a#1"), "b": (0.25, "b#1")}, {"a": 1.0, "c": 0.5}, frozenset("ab"), NOTHING, {"a": 0.9, "b": 0.8}
    )
    left = Evidence({"b": (0.25, "b#1")}, {"c": 0.5}, frozenset("b"), NOTHING, {"b": 0.8})
    assert evidence.without({"a", "z"}) == left


def test_the_folds_leave_each_question_out_once_and_spread_an_article() -> None:
    of = np.array([0] * 7 + [1] * 2)
    outs = list(folds(of))
    assert np.sum(outs, axis=0).tolist() == [1] * 9
    assert max(int(out[:7].sum()) for out in outs) <= -(-7 // FOLDS)
    assert list(folds(np.array([3]))) == []  # nothing would be left


def held(search: Sequence[float], near: Sequence[float], classes: Sequence[float], gold: int) -> Held:
    return Held(np.array(search), np.array(near), np.array(classes), gold)


def test_evidence_that_helps_counts_and_evidence_that_misleads_does_not() -> None:
    helps = [held([1.0, 0.6], [0.0, 1.0], [0.0, 0.0], 1)] * 30
    misleads = [held([1.0, 0.6], [0.0, 1.0], [0.0, 1.0], 0)] * 30
    good = weigh(helps)
    assert mixed(np.array([1.0, 0.6]), np.array([0.0, 1.0]), np.zeros(2), good)[1] > 0.5
    assert good.near >= 0.5
    assert (weigh(misleads).near, weigh(misleads).classes) == (0, 0)
    assert weigh([]).asked == 0


def test_an_only_lesson_says_nothing_of_articles_that_have_one() -> None:
    harm = [replace_alone(held([1.0, 0.6], [0.0, 1.0], [0.0, 1.0], 0))] * 30  # what an unsolved article meets
    helps = [held([1.0, 0.6], [0.0, 1.0], [0.0, 0.0], 1)] * 30
    none, best = (0.0, 0.0), (weigh(helps).near, weigh(helps).classes)
    for cases, covered, asking, wanted in (
        (harm, 0.4, 1.0, none),  # most articles have no lesson: that is what most questions meet
        (harm, 0.6, 1.0, (ALONE.near, ALONE.classes)),
        (harm, 0.6, 0.4, none),  # texts that ask nothing
        (harm + helps, 0.6, 1.0, best),  # measured on what can be
        (harm * 2 + helps, 0.6, 1.0, (ALONE.near, ALONE.classes)),
    ):
        found = weighed(cases, covered, asking)
        assert (found.near, found.classes) == wanted
        assert found.asked == (30 if wanted == best else len(cases))


def replace_alone(case: Held) -> Held:
    return dataclasses.replace(case, alone=True)


# --- few who vote amiss --------------------------------------------------------------------------

AGENTS, CALLS, NEEDS = 200, 40, 40


def floor(seed: int) -> tuple[dict[str, Vector], list[tuple[str, str, str]]]:
    """Questions with rows, and who asked which about which need: every agent takes `CALLS` calls."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(NEEDS, 64))
    rows: dict[str, Vector] = {}
    calls = []
    for agent in range(AGENTS):
        for n, need in enumerate(rng.integers(NEEDS, size=CALLS).tolist()):
            question = f"{agent}-{n}"
            rows[question] = unit(centres[need] + 0.6 * rng.normal(size=64))
            calls.append((f"agent-{agent}", question, f"need-{need}"))
    return rows, calls


def first_by_learnt(
    found: Sequence[Learnt], rows: Mapping[str, Vector], asked: Sequence[tuple[str, str, str]], share: float
) -> float:
    """hit@1 of the nearest lesson and the classes together, as `Evidence` mixes them, the regression having a share."""
    names = sorted({article for _, _, article in asked} | {one.article for one in found})
    place = {name: i for i, name in enumerate(names)}
    lessons = [one for one in found if one.state == "holds"]
    of = np.array([place[one.article] for one in lessons])
    learnt = np.stack([rows[one.question] for one in lessons])
    titles = np.stack(
        [learnt[of == i].mean(axis=0) if (of == i).any() else learnt.mean(axis=0) for i in range(len(names))]
    )
    classes = classes_of(unit(titles), learnt, of)
    about = classes.about(learnt)
    regression = logistic_of(names, unit(titles), learnt, of)
    hits = 0
    for _, question, article in asked:
        vector = classes.about(rows[question][None])[0]
        near = np.zeros(len(names))
        np.maximum.at(near, of, nearness(about @ vector))
        linear, other = scaled(classes.weights @ vector + classes.offsets), regression.scores(rows[question][None])[0]
        both = blended(linear, scaled(other.astype(np.float64)), share)
        score = mixed(np.zeros(len(names)), near, both, Weights(1, 2))
        hits += names[int(score.argmax())] == article
    return hits / len(asked)


@pytest.mark.parametrize("share", [0.0, max(SHARES)])
@pytest.mark.parametrize("kind", ["at random", "for one article"])
def test_one_agent_in_a_hundred_who_votes_amiss_costs_the_others_less_than_a_point(kind: str, share: float) -> None:
    rows, calls = floor(1)
    rng = np.random.default_rng(2)
    asked = [one for one in calls if one[0].endswith("7")][:400]
    taught = [one for one in calls if not one[0].endswith("7")]
    amiss = {f"agent-{n}" for n in (3, 4)}  # 1 % of them, and they know each other
    wrong = [
        (who, question, f"need-{rng.integers(NEEDS)}" if kind == "at random" else "need-0") if who in amiss else one
        for one in taught
        for who, question, _ in [one]
    ]

    def stand(votes: Sequence[tuple[str, str, str]]) -> tuple[Learnt, ...]:
        known = Neighbours(lambda texts: np.stack([rows[one] for one in texts]), np.zeros(64, np.float32))
        return standing([Vote(article, q, who, NOON, True) for who, q, article in votes], (), known, NOON, 2)

    honest, bent = stand(taught), stand(wrong)
    good = first_by_learnt(honest, rows, asked, share)
    assert good > 0.8
    assert good - first_by_learnt(bent, rows, asked, share) < 0.01
    assert sum(one.state == "holds" for one in honest) > NEEDS


# --- the regression ------------------------------------------------------------------------------


def clouds(count: int, seed: int) -> tuple[Vector, Vector, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Titles and rows of four articles; two of them scatter ten times as widely as the others."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(4, 24))
    of = np.repeat(np.arange(4), count)
    wide = np.where(of < 2, 0.3, 1.6)[:, None]
    return unit(centres), unit(centres[of] + wide * chance.normal(size=(len(of), 24))), of


def test_the_regression_is_the_minimum_of_its_penalised_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many steps it comes to where the gradient of the multinomial loss, each article counted alike, is nought."""
    monkeypatch.setattr(logistic, "STEPS", 3_000)
    titles, rows, of = clouds(6, 1)
    of[-4:] = 0  # articles with unlike numbers
    found = logistic_of(["a", "b", "c", "d"], titles, rows, of)
    every = np.concatenate([titles, rows])
    about = unit(every - every.mean(axis=0))
    gold = np.concatenate([np.arange(4), of])
    worth = 1 / np.bincount(gold)[gold]
    worth /= worth.mean()
    scores = about @ found.weights.T
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    gradient = ((shares - np.eye(4)[gold]) * worth[:, None]).T @ about + logistic.RIDGE * found.weights
    assert np.abs(gradient).max() < 1e-3
    assert np.abs(found.weights).max() > 0.5
    assert found.scores(rows, np.array([2])) == pytest.approx(found.scores(rows)[:, [2]], abs=1e-5)


def test_the_regression_is_heard_where_the_bases_own_lessons_speak_for_it_alone() -> None:
    worse, better = np.array([[1.0, 0.5, 0.5]] * 30), np.array([[0.5, 0.75, 1.0]] * 30)
    assert share_of(worse) == 0.0
    assert share_of(better) == SHARES[2]
    assert share_of(np.zeros((0, 3))) == 0.0
    even = np.tile([[0.5, 1.0, 0.5], [0.5, 0.0, 0.5]], (15, 1))
    assert share_of(even) == 0.0
    hardly = np.vstack([even, [[0.5, 1.0, 0.5]]])  # better by less than a standard error
    assert share_of(hardly) == 0.0
    assert share_of(hardly, errors=0.0) == SHARES[1]


def test_each_lesson_is_ranked_by_a_fold_that_has_not_learnt_it() -> None:
    titles, rows, of = clouds(10, 2)
    fitted = [logistic_of("abcd", titles, rows[~out], of[~out]) for out in folds(of)]
    ranks = held_ranks(titles, rows, of, fitted, (0.0, 1.0))
    wanted = []
    for out, one in zip(folds(of), fitted, strict=True):
        own = classes_of(titles, rows[~out], of[~out])
        for linear, other, gold in zip(
            own.about(rows[out]) @ own.weights.T + own.offsets, one.scores(rows[out]), of[out], strict=True
        ):
            wanted.append([1 / (1 + int((scores > scores[gold]).sum())) for scores in (linear, other)])
    assert ranks == pytest.approx(np.array(wanted))
    assert 0.5 < ranks.mean() < 1


def test_an_articles_only_lesson_says_nothing_of_the_regression() -> None:
    titles, rows, of = clouds(1, 3)
    fitted = [logistic_of("abcd", titles, rows[~out], of[~out]) for out in folds(of)]
    assert held_ranks(titles, rows, of, fitted).shape == (0, len(SHARES))


def test_a_base_too_large_for_the_regression_is_told_by_its_numbers() -> None:
    assert affordable(77, 77 * 50)
    assert affordable(150, 150 * 64)
    assert not affordable(10_000, 1)


def test_everything_learnt_is_a_frozen_fact() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        vote("card expired", "may").agent = "bo"  # type: ignore[misc]
