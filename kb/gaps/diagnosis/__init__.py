"""Why it missed: each question of a gap asked again with more and more let through, until something answers.

Each reason has its evidence, an article and its place, and its remedy. Of an article that a person may not
read they learn that there is one, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kb import text
from kb.content.articles import Article
from kb.content.glossary import Glossary
from kb.finding.verdict import FOUND_FROM
from kb.gaps.diagnosis.asking import Asking, Base, askings, known, scope_of, why_unseen, widened
from kb.people.scope import Scope

__all__ = ["Asking", "Base", "askings", "known", "scope_of", "why_unseen", "widened"]

TOP = 3  # an answer further down is not seen while a caller waits
DEEP = 20
LIKELY = 0.5  # probability from which an article is believed to answer

# Reason → what mends it.
REMEDIES: Mapping[str, str] = {
    "found": "already_there",  # among the first three now
    "filtered": "add_product",
    "hidden": "share",  # whoever may change the article opens it to other teams
    "other_language": "translate",
    "retired": "revive",
    "draft": "publish",
    "ranked": "add_words",
    "missing": "write",
}
REASONS = tuple(REMEDIES)


@dataclass(frozen=True)
class Found:
    """What a search found: articles best first, at most `DEEP`; the probability that it answers, None = not known."""

    articles: tuple[Article, ...]
    probability: float | None

    @property
    def is_likely(self) -> bool:
        """Whether the first article is believed to answer."""
        return bool(self.articles) and self.probability is not None and self.probability >= LIKELY

    def rank(self, id: str) -> int:
        """The place of an article or its twin from 1, 0 where it is not among them."""
        return next((n for n, one in enumerate(self.articles, 1) if id and id in (one.id, one.twin)), 0)


Find = Callable[[str, Scope], Found]


@dataclass(frozen=True)
class Finding:
    """Why one question missed.

    article: what would answer; None = nothing, or nothing this person may read (`veiled`)
    rank:    its place in the search that found it;  own_rank: for whoever asked, 0 = not among the first `DEEP`
    probability: that it answers, as the search believes
    certain: a person solved a call with it, or named it
    """

    asking: Asking
    reason: str
    article: Article | None = None
    rank: int = 0
    own_rank: int = 0
    probability: float | None = None
    certain: bool = False
    veiled: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """Why a gap missed: the reason most of its meetings have, and what would answer them.

    synonyms: how many of its questions have a word with a known synonym
    """

    reason: str
    article: Article | None
    findings: tuple[Finding, ...]
    synonyms: int
    veiled: bool = False

    @property
    def remedy(self) -> str:
        """What mends it, one of the values of `REMEDIES`; '' where it is not this person's to mend."""
        return "" if self.veiled else REMEDIES[self.reason]


# --- one question --------------------------------------------------------------------------------


def finding(
    asking: Asking, find: Find, base: Base, known: Mapping[str, Article], synonyms: Sequence[str] = ()
) -> Finding:
    """Why this question missed.

    known:    articles that people used or named as its answer
    synonyms: the question with other words for its words
    """
    own = find(asking.question, scope_of(asking, base))
    found = [*_certain(asking, own, find, base, known), *_likely(asking, own, find, base)]
    found = found or list(_by_synonym(asking, own, find, base, synonyms))
    best = max(found, key=lambda one: (one.certain, one.probability or 0.0), default=Finding(asking, "missing"))
    foreign = best.reason == "found" and best.article and _only_foreign(best.article, asking, own)
    return replace(best, reason="other_language") if foreign else best


def _certain(asking: Asking, own: Found, find: Find, base: Base, known: Mapping[str, Article]) -> Iterator[Finding]:
    """Where an article stands that people know to answer."""
    for id, article in known.items():
        reason, rank = why_unseen(article, asking, base), own.rank(id)
        if reason:
            whole = find(asking.question, widened(asking, base)[-1])
            yield _made(asking, reason, article, whole.rank(id), own, whole.probability, certain=True)
        elif rank:
            yield _made(asking, "found" if rank <= TOP else "ranked", article, rank, own, certain=True)


def _likely(asking: Asking, own: Found, find: Find, base: Base) -> Iterator[Finding]:
    """What the search is sure to have there already, else the first that a wider one lets in and believes to answer.

    Less than sure is not enough for what those who asked saw and did not use.
    """
    if own.articles and (own.probability or 0.0) >= FOUND_FROM:
        yield _made(asking, "found", own.articles[0], 1, own, own.probability)
        return
    for wider in widened(asking, base):
        wide = find(asking.question, wider)
        if not wide.is_likely:
            continue
        first = wide.articles[0]
        reason = why_unseen(first, asking, base) or ("other_language" if _only_foreign(first, asking, own) else "")
        if reason:
            yield _made(asking, reason, first, 1, own, wide.probability)


def _by_synonym(asking: Asking, own: Found, find: Find, base: Base, synonyms: Sequence[str]) -> Iterator[Finding]:
    """What the same question finds in other words, where it stands too far down for the words that were used."""
    for other in synonyms:
        found = find(other, scope_of(asking, base))
        if found.is_likely and own.rank(found.articles[0].id) > TOP:
            first = found.articles[0]
            yield _made(asking, "ranked", first, own.rank(first.id), own, found.probability)


def _made(
    asking: Asking,
    reason: str,
    article: Article,
    rank: int,
    own: Found,
    probability: float | None = None,
    *,
    certain: bool = False,
) -> Finding:
    return Finding(asking, reason, article, rank, own.rank(article.id), probability, certain)


def _only_foreign(one: Article, asking: Asking, own: Found) -> bool:
    """Whether what answers is in the other language, and its twin not among what they may see."""
    return not _speaks(one, asking) and not any(one.twin == other.id for other in own.articles)


def _speaks(article: Article, asking: Asking) -> bool:
    return article.lang.split("-")[0] == text.language(asking.question)


def reworded(question: str, glossary: Glossary) -> tuple[str, ...]:
    """The question with each known word in place of its synonym, both ways; () where none of its words has one."""
    found = []
    for jargon, plain in glossary.get(text.language(question), {}).items():
        for word, other in ((jargon, plain), (plain, jargon)):
            edge = r"(?<![A-Za-z0-9-]){}(?![A-Za-z0-9-])" if word.isascii() else "{}"
            pattern = re.compile(edge.format(re.escape(word)), re.IGNORECASE)
            if pattern.search(question):
                found.append(pattern.sub(other.replace("\\", r"\\"), question))
    return tuple(dict.fromkeys(found))


# --- a gap ---------------------------------------------------------------------------------------


def diagnose(
    askings: Sequence[Asking], find: Find, base: Base, known: Mapping[str, Article], glossary: Glossary
) -> Diagnosis:
    """Why a gap missed. What answers one of its questions may answer all, only further down."""
    words = [reworded(one.question, glossary) for one in askings]
    first = [finding(one, find, base, known, other) for one, other in zip(askings, words, strict=True)]
    answers = {one.article.id: one.article for one in first if one.article and _is_sure(one)}
    unsure = [one.reason in ("missing", "found") and not _is_sure(one) for one in first]
    findings = tuple(
        _further_down(one, find, base, answers) if doubt else one for one, doubt in zip(first, unsure, strict=True)
    )
    votes: dict[tuple[str, str], int] = {}
    for one in findings:
        vote = one.reason, one.article.id if one.article else ""
        votes[vote] = votes.get(vote, 0) + one.asking.meetings
    reason, id = max(votes, key=lambda one: (votes[one], -REASONS.index(one[0]), one[1]), default=("missing", ""))
    article = next((one.article for one in findings if one.article and one.article.id == id), None)
    return Diagnosis(reason, article, findings, sum(1 for some in words if some))


def _is_sure(one: Finding) -> bool:
    return one.reason == "found" and (one.certain or (one.probability or 0.0) >= FOUND_FROM)


def _further_down(one: Finding, find: Find, base: Base, answers: Mapping[str, Article]) -> Finding:
    own = find(one.asking.question, scope_of(one.asking, base))
    ranks = {id: own.rank(id) for id in answers}
    nearest = min((id for id in ranks if ranks[id] > TOP), key=ranks.__getitem__, default="")
    return _made(one.asking, "ranked", answers[nearest], ranks[nearest], own) if nearest else one


def veiled(whole: Diagnosis, may_read: Callable[[Article], bool]) -> Diagnosis:
    """What a person learns of it who may not read every article: of the others, that another team has one."""

    def veil(one: Finding) -> Finding:
        hide = one.article is not None and not may_read(one.article)
        return Finding(one.asking, "hidden", veiled=True) if hide else one

    findings = tuple(veil(one) for one in whole.findings)
    if whole.article is None or may_read(whole.article):
        return replace(whole, findings=findings)
    return replace(whole, reason="hidden", article=None, findings=findings, veiled=True)
