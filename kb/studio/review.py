"""When an article is looked at again, and which one first: the one that does most harm while nobody looks.

harm = views × staleness × open flags × gaps waiting, each counted from one, so that an article that is only much
used, or only flagged, is in the queue too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kb.content.articles import Article

# Days after which an article of a kind is looked at again: what money hangs on, every month.
INTERVALS: Mapping[str, int] = {"refund-policy": 30, "products": 90, "troubleshooting": 180}
OTHERWISE = 180
WARN_DAYS = 14  # before the end of its validity
DISUSED_DAYS = 365
REUSE = 3  # calls solved by an article that is not validated, from which it is worth a reviewer's time

# Why an article stands in the queue, most pressing first.
REASONS = ("expired", "expiring", "overdue", "flagged", "behind", "reused", "no_owner", "disused", "unreviewed")


@dataclass(frozen=True)
class Use:
    """What the floor did with an article lately.

    views, solved: calls of the last 90 days on which it was opened, on which it solved
    flags:         sentences flagged and not yet answered
    gaps:          open gaps that wait for this article
    last:          the day it was last opened, None = never
    behind:        the day its twin was changed and it was not, None = they are in step
    """

    views: int = 0
    solved: int = 0
    flags: int = 0
    gaps: int = 0
    last: date | None = None
    behind: date | None = None


@dataclass(frozen=True)
class Due:
    """One article of the queue. `staleness` is in intervals since its review was due, ≥ 0."""

    article: Article
    reasons: tuple[str, ...]
    staleness: float
    harm: float
    use: Use


def interval(article: Article) -> timedelta:
    """How long an article is believed before somebody looks at it again."""
    return timedelta(days=INTERVALS.get(article.category, OTHERWISE))


def next_review(article: Article, today: date) -> date:
    """The day to look at it again, when it is found true today."""
    return today + interval(article)


def staleness(article: Article, today: date) -> float:
    """Intervals since the review was due; an article with no day for it counts as one late."""
    if article.review_by is None:
        return 1.0
    return max(0.0, (today - article.review_by) / interval(article))


def queue(articles: Sequence[Article], uses: Mapping[str, Use], today: date, watched: date) -> list[Due]:
    """Every article that somebody should look at, the most harmful first.

    watched: the first day of the journal; before it nobody knows what was used
    """
    found = []
    for one in articles:
        use = uses.get(one.id, Use())
        reasons = tuple(reason for reason, holds in _reasons(one, use, today, watched).items() if holds)
        if reasons and one.state != "archived":
            late = staleness(one, today)
            harm = (1 + use.views) * (1 + late) * (1 + use.flags) * (1 + use.gaps)
            found.append(Due(one, reasons, late, harm, use))
    return sorted(found, key=lambda due: (-due.harm, due.article.id))


def _reasons(article: Article, use: Use, today: date, watched: date) -> dict[str, bool]:
    """Each of `REASONS`, and whether it holds."""
    until, due = article.valid_until, article.review_by
    since = max(day for day in (use.last, article.valid_from, watched) if day)
    return {
        "expired": until is not None and until < today,
        "expiring": until is not None and 0 <= (until - today).days <= WARN_DAYS,
        "overdue": due is not None and due < today,
        "flagged": use.flags > 0,
        "behind": use.behind is not None,
        "reused": article.state == "not-validated" and use.solved >= REUSE,
        "no_owner": not article.owner,
        "disused": (today - since).days > DISUSED_DAYS,
        "unreviewed": due is None,
    }
