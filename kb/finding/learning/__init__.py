"""What solved calls teach: which questions an article has learnt, who decided otherwise, and why one holds or not.

A vote says that an article solved a question on a real call, or that it was opened and did not. Nothing
is kept of what follows from the votes: what has been learnt is computed anew from the journal and from
what editors decided, so that taking a "solved" back takes back what it taught. Near-identical questions
support each other. `kb.calls.lessons` reads the votes; `indexer.learnt` makes what holds searchable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from kb import tables, text
from kb.errors import RequestError
from kb.masking import mask
from kb.people.users import Action, User, require

STATES = ("holds", "waits", "fades", "disputed", "full", "revoked")
SAME = 0.6  # cosine about the base's middle from which two questions are one need (docs/decisions.md)
REWORDED = 0.3  # below it the words tried first were about something else
HALF_LIFE = timedelta(days=180)  # after which a vote counts half
MOST_OF_ARTICLE = 64
DISPUTED = 2  # more than so many times as many agents solved the same with another article
MAX_QUESTION = 500
NOD, REVOKE, NEITHER = "nod", "revoke", ""

Vector = NDArray[np.float32]
Votes = Sequence["Vote"]


@dataclass(frozen=True, slots=True)
class Vote:
    """An article solved a masked question, or (`solved` False) was opened for it and did not.

    worth:    how much it says, in (0, 1]
    reworded: for words tried before, the question they became; '' for the one the article was opened from
    """

    article: str
    question: str
    agent: str
    at: datetime
    solved: bool
    worth: float = 1.0
    reworded: str = ""


@dataclass(frozen=True)
class Decision:
    """What an editor said of one question of one article: `NOD`, `REVOKE`, or `NEITHER` = taken back."""

    article: str
    question: str
    kind: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Learnt:
    """A question that solved calls, or an editor, say an article answers.

    agents: how many different agents solved it, or a near-identical one, with this article
    gain, loss: agents for and against it, each counted once and by how long ago, ≥ 0
    state:  `holds`; `waits` for another agent or a nod; `fades`: it stopped solving; `disputed`: many more agents
            solved it with another article; `full`: the article has better ones enough; `revoked`
    """

    article: str
    question: str
    agents: int
    gain: float
    loss: float
    last_at: datetime
    state: str
    decision: Decision | None = None

    @property
    def key(self) -> str:
        return key_of(self.article, self.question)


def key_of(article: str, question: str) -> str:
    """The id of a learnt question: the same however it is spelled."""
    said = f"{article}\0{text.fold(question)}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(said).hexdigest()[:24]


class Neighbours:
    """Questions with their vectors, and which of them are near-identical; each is compared with all others once."""

    def __init__(self, queries: Callable[[Sequence[str]], Vector], middle: Vector) -> None:
        """`queries` gives (n, dim) unit rows; `middle`, (dim,), is the mean of the base's own questions."""
        self._queries, self._middle = queries, middle
        self._places: dict[str, int] = {}
        self._rows = np.zeros((0, len(middle)), np.float32)
        self._near: list[list[int]] = []

    def add(self, questions: Iterable[str]) -> None:
        """Know these questions too."""
        new = [one for one in dict.fromkeys(questions) if one not in self._places]
        if not new:
            return
        rows = self._queries(new) - self._middle
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        first = len(self._rows)
        self._rows = np.concatenate([self._rows, rows])
        for place, question in enumerate(new, first):
            self._places[question] = place
            near = np.flatnonzero(self._rows[:place] @ self._rows[place] >= SAME).tolist()
            self._near.append([place, *near])
            for other in near:
                self._near[other].append(place)

    def near(self, question: str) -> list[int]:
        """Numbers of the known questions that are near-identical to a known one, itself among them."""
        return self._near[self._places[question]]

    def number(self, question: str) -> int:
        """The number of a known question."""
        return self._places[question]

    def cosine(self, one: str, other: str) -> float:
        """Cosine of two known questions about the middle."""
        return float(self._rows[self._places[one]] @ self._rows[self._places[other]])


def standing(
    votes: Votes, decisions: Iterable[Decision], known: Neighbours, at: datetime, agents: int
) -> tuple[Learnt, ...]:
    """Every question that was ever solved or nodded to, as it stands now: by article, the strongest first.

    agents: how many different ones must have solved it before it holds without a nod, ≥ 1
    """
    decided = {key_of(one.article, one.question): one for one in sorted(decisions, key=lambda one: one.at)}
    known.add([one.question for one in votes] + [one.reworded for one in votes if one.reworded])
    counted = [one for one in votes if not one.reworded or known.cosine(one.question, one.reworded) >= REWORDED]
    said = _said(counted, known, at)
    found: dict[str, Learnt] = {}
    for one in counted:
        key = key_of(one.article, one.question)
        if one.solved and key not in found:
            found[key] = _judged(one, said, known, agents, decided.get(key))
    for key, decision in decided.items():
        if key not in found and decision.kind != NEITHER:
            found[key] = Learnt(decision.article, decision.question, 0, 0, 0, decision.at, _BY[decision.kind], decision)
    return _capped(found.values())


_BY = {NOD: "holds", REVOKE: "revoked"}
_Said = Mapping[int, Mapping[str, Mapping[tuple[str, bool], tuple[float, datetime]]]]


def _said(votes: Votes, known: Neighbours, at: datetime) -> _Said:
    """Question's number → article → (agent, solved) → the most that one of their votes counts, and the latest."""
    found: dict[int, dict[str, dict[tuple[str, bool], tuple[float, datetime]]]] = {}
    for one in votes:
        counts = one.worth * 0.5 ** (max((at - one.at).total_seconds(), 0) / HALF_LIFE.total_seconds())
        theirs = found.setdefault(known.number(one.question), {}).setdefault(one.article, {})
        before = theirs.get((one.agent, one.solved), (0.0, one.at))
        theirs[one.agent, one.solved] = max(counts, before[0]), max(one.at, before[1])
    return found


def _judged(vote: Vote, said: _Said, known: Neighbours, agents: int, decision: Decision | None) -> Learnt:
    """A question that was solved, as it stands before the cap."""
    best: dict[tuple[str, bool], float] = {}
    solvers: dict[str, set[str]] = {vote.article: set()}
    last = vote.at
    for number in known.near(vote.question):
        for article, theirs in said.get(number, {}).items():
            solvers.setdefault(article, set()).update(agent for agent, solved in theirs if solved)
            if article == vote.article:
                for who, (counts, when) in theirs.items():
                    best[who] = max(counts, best.get(who, 0.0))
                    last = max(last, when)
    gain = sum(counts for (_, solved), counts in best.items() if solved)
    loss = sum(counts for (_, solved), counts in best.items() if not solved)
    ours = len(solvers.pop(vote.article))
    rival = max((len(others) for others in solvers.values()), default=0)
    if decision and decision.kind in _BY:
        state = _BY[decision.kind]
    elif ours < agents:
        state = "waits"
    elif gain < loss:
        state = "fades"
    else:
        state = "disputed" if rival > DISPUTED * ours else "holds"
    return Learnt(vote.article, vote.question, ours, gain, loss, last, state, decision)


def _capped(found: Iterable[Learnt]) -> tuple[Learnt, ...]:
    """By article, the strongest first; what holds beyond `MOST_OF_ARTICLE` is `full`."""
    held: dict[str, int] = {}
    kept = []
    for one in sorted(found, key=_order):
        if one.state == "holds":
            held[one.article] = held.get(one.article, 0) + 1
            if held[one.article] > MOST_OF_ARTICLE:
                one = replace(one, state="full")
        kept.append(one)
    return tuple(kept)


def _order(one: Learnt) -> tuple[object, ...]:
    nodded = one.decision is not None and one.decision.kind == NOD
    return one.article, not nodded, one.loss - one.gain, -one.last_at.timestamp(), one.question


# --- reads and writes ----------------------------------------------------------------------------


def decide(connection: sa.Connection, by: User, article: str, question: str, kind: str, at: datetime) -> None:
    """Nod to a question of an article, revoke it, or take either back. Every decision is kept with who and when.

    Raises NotAllowedError, or RequestError for an empty question or another kind.
    """
    require(by, Action.TEACH)
    kept = mask(text.clean(question))[:MAX_QUESTION]
    if kind not in (NOD, REVOKE, NEITHER) or not kept or not article:
        raise RequestError("learnt_not_decided")
    row = {"article": article, "question": kept, "kind": kind, "by": by.id, "at": at}
    connection.execute(sa.insert(tables.learnt).values(id=uuid4().hex, **row))


def decisions(connection: sa.Connection) -> tuple[Decision, ...]:
    """Everything editors ever decided, in order."""
    one = tables.learnt.c
    columns = one.article, one.question, one.kind, one.by, one.at
    rows = connection.execute(sa.select(*columns).order_by(one.at, one.id))
    return tuple(Decision(**row._mapping) for row in rows)
