"""Words that failed and the words that then succeeded on the same call: what may mean the same to callers.

What two searches have in common is left away; what is left, said by several agents, is proposed as synonyms. An
editor decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

import sqlalchemy as sa

from kb import tables, text
from kb.gaps.analytics.asked import Asked
from kb.gaps.analytics.view import View
from kb.people.users import Action, User, require
from kb.tuning.phrases import phrase
from kb.tuning.synonyms import Synonyms

AGENTS_LEAST = 2  # different ones, so that one person's habit is no proposal
SOON = timedelta(minutes=3)  # from the words that failed to those that succeeded
WORDS_LONGEST, HAN_LONGEST = 3, 6  # longer is a question said anew, and no word for a word
SEARCHES_MOST = 20_000  # looked through, the latest

Together = Callable[[str], float]  # two Chinese characters → how well they go together, ≥ 0
Meant = Callable[[str], str]  # a phrase → as the spelling hears it

_UNIT = re.compile(rf"[{text.HAN}]|[a-z0-9]+(?:['’\-_][a-z0-9]+)*|[^\W_a-z0-9{text.HAN}]+")


@dataclass(frozen=True)
class Proposal:
    """Two ways to say one thing: what failed, and what succeeded after it.

    calls, agents: how many of them; articles: what solved, the most often first; asked: the last two searches
    """

    failed: str
    succeeded: str
    calls: int
    agents: int
    articles: tuple[str, ...]
    asked: tuple[str, str]
    last_at: datetime


@dataclass(frozen=True)
class _Pair:
    failed: str
    succeeded: str
    search: Asked
    by: Asked


def reworded(searches: Sequence[Asked], together: Together) -> Iterator[_Pair]:
    """The words that failed on one call with those that then succeeded; searches in order."""
    for place, one in enumerate(searches):
        if not _failed(one):
            continue
        for later in searches[place + 1 :]:
            if later.at - one.at > SOON or later.outcome == "gap":
                break
            if later.outcome in ("solved", "helped"):
                words = difference(one.question, later.question, together)
                if words:
                    yield _Pair(*words, one, later)
                break


def _failed(one: Asked) -> bool:
    return one.outcome in ("again", "unsolved") or (one.outcome == "opened" and one.verdict == "missing")


def difference(failed: str, succeeded: str, together: Together) -> tuple[str, str] | None:
    """What two questions do not share, as whole words; None where that is no word for a word."""
    one, other = (_UNIT.findall(text.fold(question)) for question in (failed, succeeded))
    start = _shared(one, other)
    end = _shared(one[start:][::-1], other[start:][::-1])
    while True:
        sides = [(side, start, len(side) - end) for side in (one, other)]
        if any(a == b for _, a, b in sides):
            return None
        left = max(_bond(side[a - 1], side[a], together) for side, a, _ in sides) if start else 0.0
        right = max(_bond(side[b - 1], side[b], together) for side, _, b in sides) if end else 0.0
        inside = max((_bond(*pair, together) for side, a, b in sides for pair in pairwise(side[a:b])), default=0.0)
        short = any(b - a == 1 and _is_han(side[a]) for side, a, b in sides)
        if max(left, right) <= 0 or not (short or max(left, right) >= inside > 0):
            break
        start, end = (start - 1, end) if left >= right else (start, end - 1)  # 退(钱|款): 退 is part of the word
    words = tuple(_joined(side[a:b]) for side, a, b in sides)
    return (words[0], words[1]) if all(map(_is_word, words)) and not _is_part(*words) else None


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many units both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if text.stem(a) != text.stem(b)), min(len(one), len(other)))


def _is_han(unit: str) -> bool:
    return text.language(unit) == "zh"


def _bond(a: str, b: str, together: Together) -> float:
    return together(a + b) if _is_han(a) and _is_han(b) else 0.0


def _joined(units: Sequence[str]) -> str:
    """Units as they are written, without little words at either end."""
    kept = list(units)
    while kept and kept[0] in text.FUNCTION_WORDS:
        kept.pop(0)
    while kept and kept[-1] in text.FUNCTION_WORDS:
        kept.pop()
    spaced = " ".join(kept)
    return re.sub(f"(?<=[{text.HAN}]) | (?=[{text.HAN}])", "", spaced)


def _is_word(said: str) -> bool:
    """Whether it is a word or two, and no number or code: those are never another way to say something."""
    units = _UNIT.findall(said)
    han = sum(map(_is_han, units))
    short = len(units) - han <= WORDS_LONGEST and han <= HAN_LONGEST and len(said) > 1
    return bool(units) and short and not any(char.isdigit() for char in said)


def _is_part(one: str, other: str) -> bool:
    """Whether one is the other, or only said more of it."""
    a, b = phrase(one).strip(), phrase(other).strip()
    return a in b or b in a


# --- reads ---------------------------------------------------------------------------------------


def proposals(
    connection: sa.Connection, by: User, view: View, known: Synonyms, together: Together, meant: Meant
) -> tuple[Proposal, ...]:
    """What may mean the same, by how many agents and calls say so; not what is known already, nor a slip of the pen.

    together: of the base's words (`Lexicon.evidence`)
    """
    require(by, Action.SEE_INSIGHTS)
    one = tables.asked
    latest = sa.select(one).where(view.where).order_by(one.c.at.desc(), one.c.id.desc()).limit(SEARCHES_MOST)
    rows = sorted((Asked(**row._mapping) for row in connection.execute(latest)), key=lambda row: (row.call, row.at))
    found: dict[frozenset[str], list[_Pair]] = {}
    for _, searches in groupby(rows, key=lambda row: row.call):
        for pair in reworded(tuple(searches), together):
            found.setdefault(frozenset(map(phrase, (pair.failed, pair.succeeded))), []).append(pair)
    proposed = [
        _proposal(pairs)
        for pairs in found.values()
        if len({pair.by.agent for pair in pairs}) >= AGENTS_LEAST
        and not known.settles(pairs[0].failed, pairs[0].succeeded)
        and phrase(meant(pairs[0].failed)) != phrase(pairs[0].succeeded)
    ]
    return tuple(sorted(proposed, key=lambda one: (-one.agents, -one.calls, one.failed)))


def _proposal(pairs: Sequence[_Pair]) -> Proposal:
    last = max(pairs, key=lambda pair: pair.by.at)
    solved = [pair.by.article for pair in pairs if pair.by.article]
    articles = sorted(set(solved), key=lambda id: (-solved.count(id), id))
    calls, agents = {pair.by.call for pair in pairs}, {pair.by.agent for pair in pairs}
    asked = last.search.question, last.by.question
    return Proposal(last.failed, last.succeeded, len(calls), len(agents), tuple(articles), asked, last.by.at)
