"""What an agent should know besides the hits: open gaps, articles in work, bulletins, whom to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kb.calls import bulletins, experts
from kb.calls.bulletins import Bulletin
from kb.calls.experts import Suggestion
from kb.content.articles import Article
from kb.doors.wiring import Desk, Served, scope_of
from kb.finding.search import Hits, in_work
from kb.gaps.gap import Gap
from kb.people.users import User

IN_WORK = frozenset({"wip"})


@dataclass(frozen=True)
class Beside:
    """What stands beside the hits of one question.

    unfiltered: what would stand first without product and language, where the filters left no good answer
    """

    gaps: Sequence[Gap]
    drafts: Sequence[Article]
    bulletins: Sequence[Bulletin]
    experts: Sequence[Suggestion]
    unfiltered: Article | None


def beside(desk: Desk, hits: Hits, *, product: str, lang: str, speaks: str, by: User, at: datetime) -> Beside:
    """What an agent should know besides the hits.

    product, lang: what the hits were narrowed to; speaks: the customer's language, '' = the question's
    """
    floor = desk.floor.now
    served = desk.served or desk.open()
    mine = [one for one in floor.bulletins if bulletins.concerns(one, by) and bulletins.state(one, at) == "live"]
    unsure = hits.verdict.name != "found"
    return Beside(
        gaps=floor.similar_gaps(hits.vector),
        drafts=in_work(hits, scope_of(served, by, at, lang, product, IN_WORK), served.opened.engine),
        bulletins=bulletins.matching(mine, hits.heard, served.catalogue, product),
        experts=_experts(desk, served, hits, product, speaks, at) if unsure else (),
        unfiltered=_unfiltered(desk, hits, speaks, by, at) if unsure and (product or lang) else None,
    )


def _experts(desk: Desk, served: Served, hits: Hits, product: str, speaks: str, at: datetime) -> tuple[Suggestion, ...]:
    return experts.whom_to_ask(
        desk.floor.now.experts,
        hits.query,
        owners=[(hit.article.id, hit.article.owner) for hit in hits.hits[: experts.NEAREST]],
        catalogue=served.catalogue,
        product=product,
        lang=speaks,
        local=at.astimezone(served.site.zone),
    )


def _unfiltered(desk: Desk, hits: Hits, speaks: str, by: User, at: datetime) -> Article | None:
    """The first article without the filters, if it is a better one than the filters let through."""
    wide = desk.ask(hits.query, by, prefer_lang=speaks, limit=1, at=at, vector=hits.vector, tokens=hits.tokens)
    first = wide.hits[0].article if wide.hits else None
    better = wide.verdict.name == "found" or not hits.hits
    return first if first and better and first.id not in {hit.article.id for hit in hits.hits[:1]} else None
