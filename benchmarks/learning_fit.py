"""How learnt evidence joins the search: the forms tried, each with the weight that the other sets choose for it.

    python benchmarks/learning_fit.py DATA_ROOT [--json OUT]

On every set under a folder that has questions enough, n questions an article are learnt and the rest asked
(benchmarks/learning.py). A form is added to the search's own score with one weight, or two; which, is chosen
by the mean of hit@1 over the other sets, never by the set reported or a relative of it.

    search            nothing learnt
    nearest           the nearest learnt question of an article
    mean of 3         the mean of its three nearest
    classes           a linear discriminant, an article a class, its title among its questions
    nearest, classes  both
    regression        a multinomial logistic regression over the same vectors instead of the discriminant
    nearest, mixed    the nearest, and the mean of discriminant and regression
    discriminant      the nearest and the discriminant, weighted by `kb.finding.learning.evidence.weighed` on the
                      base's own lessons
    measured          the same, and the regression where the base's own lessons speak for it: the product

`rules` are the ways to decide that (which shares the regression may have, and by how many standard errors it must be
better on the base's own lessons): the best by mean hit@1 over all sets, and without each of them, with the gain there.
`one_each` are the weights for one lesson an article, where nothing can be measured: chosen by the mean gain in hit@1
over the sets whose articles ask something, and without each of them, with the gain there.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a file: import the project, not this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import bench, learning
from benchmarks.bench import Question
from benchmarks.fit import family
from benchmarks.retrieval import everything
from indexer import generation, learnt
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine, Learnt, Lesson, Taught
from kb import text
from kb.config import settings
from kb.finding.learning.evidence import STEPS, folds, nearness, scaled
from kb.finding.learning.logistic import ERRORS, SHARES, affordable, blended, held_ranks, logistic_of, share_of
from kb.finding.search import scored

LEARNT = (1, 5, 20)
MOST_ASKED = 500
FORMS: Mapping[str, tuple[str, ...]] = {
    "search": (),
    "nearest": ("nearest",),
    "mean of 3": ("mean of 3",),
    "classes": ("classes",),
    "nearest, classes": ("nearest", "classes"),
    "regression": ("regression",),
    "nearest, mixed": ("nearest", "mixed"),
}
DISCRIMINANT, MEASURED = "discriminant", "measured"
EVERY_SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)
RULES = tuple(
    (shares, errors) for shares in ((0.0, 0.5), SHARES, EVERY_SHARE, (0.0, 1.0)) for errors in (0.0, 1.0, 1.5, 2.0, 3.0)
)

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """A set that learnt n questions an article: the evidence for each of m questions and n articles, and the truth.

    parts: name → (m, n); gold: (m, n) of bool
    own:   by the regression's share, the weights the base measured, of `nearest` and `classes`
    ranks: what the base's own lessons say of each share, (k, len(EVERY_SHARE))
    asks:  whether most articles have a title or question
    """

    parts: Mapping[str, Matrix]
    gold: NDArray[np.bool_]
    own: Mapping[float, tuple[float, float]]
    ranks: Matrix
    asks: bool

    def share(self, shares: Sequence[float] = SHARES, errors: float = ERRORS) -> float:
        """The regression's share by a rule."""
        return share_of(self.ranks[:, [EVERY_SHARE.index(one) for one in shares]], shares, errors)

    def hit_by(self, share: float) -> float:
        """hit@1 with the weights the base measured, the regression having this share of the classes."""
        near, classes = self.own[share]
        both = blended(self.parts["classes"], self.parts["regression"], share)
        first = (self.parts["search"] + near * self.parts["nearest"] + classes * both).argmax(axis=1)
        return float(self.gold[np.arange(len(first)), first].mean())

    def hit(self, names: Sequence[str], weights: Sequence[float]) -> float:
        """hit@1 in [0, 1] of the search with these parts added by these weights."""
        total = self.parts["search"] + sum(w * self.parts[name] for name, w in zip(names, weights, strict=True))
        first = total.argmax(axis=1)
        return float(self.gold[np.arange(len(first)), first].mean())


def collect(folder: Path, encoder: SentenceEncoder) -> dict[int, Step]:
    """A step for each n of `LEARNT` for which the set has questions enough."""
    data = learning.read(folder)
    ids = {one.id: f"d{number:06}" for number, one in enumerate(data.documents, 1)}
    queue = {id: some for id, some in learning.ordered(data).items() if len(some) > 1}
    asked = {n: some for n, some in learning.questions_at(queue, MOST_ASKED).items() if n in LEARNT}
    used = {one.id: one for some in queue.values() for one in some[: max(LEARNT)]}
    used |= {one.id: one for some in asked.values() for _, one in some}
    vectors, tokens = encoder.with_tokens([text.clean(one.text) for one in used.values()], query=True)
    place = {id: row for row, id in enumerate(used)}
    with tempfile.TemporaryDirectory(prefix="firstcall-bench-") as scratch:
        index = learning.publish(data, ids, Path(scratch), encoder)
        engine = generation.open_current(index).engine
        column = {id: i for i, id in enumerate(engine.ids)}
        asks = 2 * sum(map(engine.asks, engine.ids)) >= len(engine)
        own: dict[str, Matrix] = {}
        steps = {}
        for n, some in asked.items():
            for _, one in some:
                if one.id not in own:
                    own[one.id] = _search(engine, one, vectors[place[one.id]], tokens[place[one.id]], column)
            lessons = [
                (Lesson(ids[id], text.clean(one.text)), place[one.id]) for id, q in queue.items() for one in q[:n]
            ]
            lessons = list({one.key: (one, row) for one, row in lessons}.values())
            taught = Taught(tuple(one for one, _ in lessons), vectors[[row for _, row in lessons]])
            weights, ranks = _measured(engine, encoder, taught)
            rows = vectors[[place[one.id] for _, one in some]]
            parts = _parts(engine, taught, rows) | {"search": np.stack([own[one.id] for _, one in some])}
            gold = np.zeros(parts["search"].shape, np.bool_)
            for i, (_, one) in enumerate(some):
                gold[i, [column[ids[id]] for id in data.gold[one.id] if ids.get(id) in column]] = True
            steps[n] = Step(parts, gold, weights, ranks, asks)
            print(f"{data.name} n = {n}: {len(some)} asked, share {steps[n].share():g}", file=sys.stderr)
        return steps


def _search(engine: Engine, question: Question, vector: Any, tokens: Any, column: Mapping[str, int]) -> Matrix:
    found = scored(text.clean(question.text), vector, tokens, everything(), engine).scores
    row = np.zeros(len(column))
    for id, score in found.items():
        row[column[id]] = score
    return row


def _measured(
    engine: Engine, encoder: SentenceEncoder, taught: Taught
) -> tuple[dict[float, tuple[float, float]], Matrix]:
    """What the base's own lessons say: by share the weights, and the ranks by each share."""
    assert taught.rows is not None
    of, titles = learnt.places(engine, taught), engine.titles()
    fitted = []
    if affordable(len(engine), len(of)):
        fitted = [logistic_of(engine.ids, titles, taught.rows[~out], of[~out]) for out in folds(of)]
    ranks = np.zeros((0, len(EVERY_SHARE)))
    if fitted:
        ranks = held_ranks(titles, taught.rows, of, fitted, EVERY_SHARE)
    search = learnt.searched(engine, encoder, taught, datetime.now(UTC))
    weights = {
        share: learnt.measured(search, taught, engine, fitted, share) for share in EVERY_SHARE[: None if fitted else 1]
    }
    return {share: (one.near, one.classes) for share, one in weights.items()}, ranks


def _parts(engine: Engine, taught: Taught, asked: Any) -> dict[str, Matrix]:
    """The evidence for each asked row and each article of the index."""
    assert taught.rows is not None
    lessons = Learnt(taught, engine.ids, engine.titles())
    about = lessons.classes.about(asked)
    cosines = about @ lessons.classes.about(taught.rows).T
    of = np.array([lessons.places[one.article] for one in taught.lessons])
    shape = len(asked), len(engine.ids)
    nearest, mean = np.full(shape, -1.0, np.float32), np.full(shape, -1.0, np.float32)
    for article in np.unique(of):
        best = -np.sort(-cosines[:, of == article], axis=1)[:, :3]
        nearest[:, article], mean[:, article] = best[:, 0], best.mean(axis=1)
    classes = _scaled(about @ lessons.classes.weights.T + lessons.classes.offsets)
    regression = classes
    if affordable(len(engine), len(of)):
        regression = _scaled(logistic_of(engine.ids, engine.titles(), taught.rows, of).scores(asked))
    return {
        "nearest": nearness(nearest).astype(np.float64),
        "mean of 3": nearness(mean).astype(np.float64),
        "classes": classes,
        "regression": regression,
        "mixed": (classes + regression) / 2,
    }


def _scaled(scores: Any) -> Matrix:
    return np.stack([scaled(row) for row in scores.astype(np.float64)])


def chosen(steps: Mapping[str, Mapping[int, Step]], names: Sequence[str], sets: Sequence[str]) -> tuple[float, ...]:
    """The weights of some parts with the best mean hit@1 over these sets, each set counting the same."""
    grid = list(product(STEPS, repeat=len(names)))
    values = [
        np.mean([np.mean([step.hit(names, weights) for step in steps[one].values()]) for one in sets])
        for weights in grid
    ]
    return grid[int(np.argmax(np.round(values, 6)))]


def fitted(steps: Mapping[str, Mapping[int, Step]]) -> dict[str, Any]:
    """hit@1 of each form on each set and n, with weights chosen without the set and its relatives."""
    systems: dict[str, dict[str, float]] = {form: {} for form in (*FORMS, DISCRIMINANT, MEASURED)}
    weights: dict[str, dict[str, Any]] = {form: {} for form in systems}
    for name, mine in steps.items():
        others = [other for other in steps if family(other) != family(name)]
        for form, names in FORMS.items():
            weights[form][name] = chosen(steps, names, others)
            for n, step in mine.items():
                systems[form][f"{name} n={n}"] = round(step.hit(names, weights[form][name]), 4)
        for n, step in mine.items():
            for form, share in ((DISCRIMINANT, 0.0), (MEASURED, step.share())):
                systems[form][f"{name} n={n}"] = round(step.hit_by(share), 4)
                weights[form][f"{name} n={n}"] = {"share": share, "near, classes": step.own[share]}
    asking = {name: {1: some[1]} for name, some in steps.items() if 1 in some and some[1].asks}
    both = ("nearest", "classes")
    one_each: dict[str, Any] = {"all": chosen(asking, both, list(asking))}
    for name in asking:
        weights_here = chosen(asking, both, [other for other in asking if family(other) != family(name)])
        gain = asking[name][1].hit(both, weights_here) - asking[name][1].hit((), ())
        one_each[f"without {name}"] = {"weights": weights_here, "gain": round(gain, 4)}
    for values in systems.values():
        values["mean"] = round(float(np.mean(list(values.values()))), 4)
    rules = {"all": _rule(steps, list(steps))}
    for name in steps:
        rule = _rule(steps, [other for other in steps if family(other) != family(name)])
        rules[f"without {name}"] = rule | {"gain": round(_by(steps[name], rule) - _by(steps[name], None), 4)}
    return {
        "systems": systems,
        "weights_without": weights,
        "one_each": one_each,
        "rules": rules,
        "sets": list(steps),
    }


def _rule(steps: Mapping[str, Mapping[int, Step]], sets: Sequence[str]) -> dict[str, Any]:
    """The rule of `RULES` with the best mean hit@1 over these sets."""
    rules = [{"shares": shares, "errors": errors} for shares, errors in RULES]
    return max(rules, key=lambda rule: round(float(np.mean([_by(steps[one], rule) for one in sets])), 6))


def _by(some: Mapping[int, Step], rule: Mapping[str, Any] | None) -> float:
    """Mean hit@1 over the steps of a set by a rule; None for the discriminant alone."""
    return float(np.mean([step.hit_by(step.share(**rule) if rule else 0.0) for step in some.values()]))


def report(found: Mapping[str, Any]) -> str:
    """A result as a person reads it."""
    forms = list(found["systems"])
    rows = [[key, *(f"{found['systems'][form][key]:.3f}" for form in forms)] for key in found["systems"]["search"]]
    return bench.table(["hit@1", *forms], rows)


def main() -> int:
    bench.commit()
    parser = argparse.ArgumentParser(prog="python benchmarks/learning_fit.py", description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, metavar="DATA_ROOT", help="folder of sets")
    parser.add_argument("--sets", help="only these, with commas between them")
    parser.add_argument("--json", type=Path, default=bench.RESULTS / "learning-fit.json", metavar="OUT")
    given = parser.parse_args()
    folders = [
        one for one in sorted(given.root.iterdir()) if bench.is_labelled_set(one) or (one / "intents.jsonl").exists()
    ]
    wanted = given.sets.split(",") if given.sets else [one.name for one in folders]
    encoder = SentenceEncoder(settings())
    steps = {one.name: collect(one, encoder) for one in folders if one.name in wanted}
    found = fitted({name: some for name, some in steps.items() if some})
    bench.write_json(
        given.json, bench.result("learning_fit", given.root.resolve().name, fitted_on=found["sets"], **found)
    )
    print(report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
