"""Replay to green: a gap is verified when its own questions find its answer, and stays so only while they do.

Each is asked as it was asked, by somebody who may see the same, of an index without that question and its
near-copies (`kb.finding.held_out`): whoever pastes the questions into an empty article proves nothing. Nothing of
a replay is journalled: it is no search of anybody's (settled.md, 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kb import tables, text
from kb.content.articles import Article, plain
from kb.gaps import gap, moves
from kb.gaps.diagnosis import TOP, Asking
from kb.i18n import say
from kb.people.users import Action, User, require
from kb.systems import outbox

PROVEN = ("published", "verified")  # states of a gap that are replayed
BODY_LEAST = 24  # letters of its own that a body has; a Chinese one counts as two

# What an article lacks, beside what its questions show.
GONE, NOT_VALIDATED, NO_SAY, NO_BODY = "gone", "not_validated", "no_say", "no_body"
LACKS = (GONE, NOT_VALIDATED, NO_SAY, NO_BODY)


@dataclass(frozen=True)
class Line:
    """One question replayed: where the article or its twin came, from 1, 0 = not among the first 20."""

    question: str
    teams: tuple[str, ...]
    rank: int

    @property
    def is_green(self) -> bool:
        """Whether an agent on a call would have seen it."""
        return 1 <= self.rank <= TOP


@dataclass(frozen=True)
class Proof:
    """One gap replayed on one generation. `lacks` are some of `LACKS`."""

    gap: str
    article: str
    generation: str
    at: datetime
    lines: tuple[Line, ...]
    lacks: tuple[str, ...] = ()

    @property
    def is_green(self) -> bool:
        """Whether every question finds the article, and the article is one to be found."""
        return bool(self.lines) and not self.lacks and all(line.is_green for line in self.lines)


Rank = Callable[[Asking, str], int]  # a question, an article → its place, with the question's copies left out


def proof(
    gap: str, article: str, found: Article | None, askings: Sequence[Asking], rank: Rank, generation: str, at: datetime
) -> Proof:
    """Replay a gap. found: its article as this generation has it, None where it has none; each question counts once
    for each sort of asker."""
    questions = [one.question for one in askings]
    lines = tuple(
        Line(one.question, tuple(sorted(one.teams)), rank(one, article) if found is not None else 0) for one in askings
    )
    return Proof(gap, article, generation, at, lines, lacking(found, questions))


def lacking(article: Article | None, questions: Sequence[str]) -> tuple[str, ...]:
    """What keeps an article from being an answer, whatever finds it. Its title and these questions, said again, are
    no answer of its own."""
    if article is None:
        return (GONE,)
    said = (*questions, *article.questions, article.title)
    asked = {_bare(one) for one in said}
    holds = {
        NOT_VALIDATED: article.state != "validated",
        NO_SAY: not article.say or _bare(article.say) in asked,
        NO_BODY: _letters(article.prose, said) < BODY_LEAST,
    }
    return tuple(lack for lack, is_so in holds.items() if is_so)


def _letters(prose: str, said: Sequence[str]) -> int:
    """The letters of a body beside its headings and what was `said` already."""
    lines = (plain(line) for line in prose.splitlines() if not line.lstrip().startswith("#"))
    told = {_bare(one) for one in said}
    body = "\n".join(line for line in lines if _bare(line) not in told)
    for one in sorted(said, key=len, reverse=True):
        body = body.replace(one, " ")
    return sum(0 if not char.isalnum() else 2 if char >= "\u2e80" else 1 for char in body)


def _bare(said: str) -> str:
    """The letters and digits of a text: a say-line that only adds "not" to the question is an answer."""
    return "".join(char for char in text.fold(said) if char.isalnum())


def why(proof: Proof, language: str) -> str:
    """A red proof in one sentence; of its questions, the first that fails."""
    if proof.lacks:
        return say(language, f"replay.{proof.lacks[0]}", article=proof.article)
    failed = next((line for line in proof.lines if not line.is_green), None)
    if failed is None:
        return say(language, "replay.no_questions")
    if not failed.rank:
        return say(language, "replay.unfound", question=failed.question, article=proof.article)
    return say(language, "replay.too_low", question=failed.question, article=proof.article, rank=failed.rank)


# --- reads and writes ----------------------------------------------------------------------------


def due(connection: sa.Connection, by: User) -> tuple[gap.Gap, ...]:
    """The gaps to replay: those that somebody answered and those proven before, of real calls and of the sample."""
    require(by, Action.READ_GAPS)
    return tuple(one for tag in ("", "demo") for one in gap.every(connection, by, PROVEN, tag) if one.article)


def settle(connection: sa.Connection, by: User, made: Proof, at: datetime) -> str:
    """Keep a proof, and let the gap follow it: green verifies it, red reopens one that was verified.

    Returns the gap's new state, '' where it stays. A gap that was moved, or given another article, meanwhile is left.
    """
    require(by, Action.VERIFY_GAP)
    now = gap.find(connection, made.gap)
    if now is None or now.state not in PROVEN or now.article != made.article:
        return ""
    _keep(connection, made)
    after = {("published", True): "verified", ("verified", False): "reopened"}.get((now.state, made.is_green), "")
    if after:
        reason = "" if made.is_green else f"{why(made, 'zh')} {why(made, 'en')}"
        moves.move(connection, by, made.gap, after, at, why=reason, article=made.article)
    if after == "reopened" and not now.tag:
        failed = sum(1 for line in made.lines if not line.is_green)
        told = {"gap": made.gap, "article": made.article, "generation": made.generation}
        asked = len(made.lines)
        outbox.put(connection, "replay.failed", f"gap:{made.gap}", at, **told, failed=failed, asked=asked)
    return after


def last(connection: sa.Connection, by: User, gap: str) -> Proof | None:
    """The last proof of a gap, None where it was never replayed."""
    return lasts(connection, by, [gap]).get(gap)


def lasts(connection: sa.Connection, by: User, gaps: Iterable[str]) -> dict[str, Proof]:
    """Gap → its last proof, without those that were never replayed."""
    require(by, Action.READ_GAPS)
    rows = connection.execute(sa.select(tables.replay).where(tables.replay.c.gap.in_(set(gaps))))
    return {row.gap: _proof(row) for row in rows}


def _keep(connection: sa.Connection, made: Proof) -> None:
    table = tables.replay
    lines = [{"question": line.question, "teams": list(line.teams), "rank": line.rank} for line in made.lines]
    facts: Mapping[str, Any] = {
        "gap": made.gap,
        "article": made.article,
        "generation": made.generation,
        "at": made.at,
        "lines": lines,
        "lacks": list(made.lacks),
    }
    connection.execute(sa.delete(table).where(table.c.gap == made.gap))
    connection.execute(sa.insert(table).values(**facts))


def _proof(row: sa.Row[Any]) -> Proof:
    lines = tuple(Line(one["question"], tuple(one["teams"]), one["rank"]) for one in row.lines)
    return Proof(row.gap, row.article, row.generation, row.at, lines, tuple(row.lacks))
