"""The parts a desk is made of, each chosen by the settings, and what it serves with them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.build import Report
from indexer.build.places import place_of
from indexer.generation import Opened
from indexer.vectors import Progress, VectorCache
from kb.config import Settings
from kb.content.glossary import Glossary
from kb.content.products import Catalogue
from kb.content.site import Site
from kb.db import Database
from kb.doors.teacher import Teacher
from kb.errors import PublishError
from kb.finding.search import Encoder, Reranker
from kb.people.scope import ANSWERING_STATES, EVERY_PRODUCT, EVERYONE, GOVERNANCE, Scope
from kb.people.users import User
from kb.seen import metrics
from kb.seen.log import log
from kb.tuning.pins import Pin
from kb.tuning.synonyms import Synonyms

WARM_UP = ("refund to an expired card", "退款多久到账")


@dataclass(frozen=True)
class Served:
    """What answers now, replaced as a whole when a new generation comes."""

    opened: Opened
    catalogue: Catalogue
    site: Site
    glossary: Glossary
    langs: frozenset[str]  # of all its articles
    synonyms: Synonyms
    pins: tuple[Pin, ...]


def load_encoder(settings: Settings) -> Encoder:
    """The encoder the settings name, as it was tuned, warmed up. Takes seconds. Raises SettingError for a model that
    does not load."""
    from indexer.learnt.tune import adapted

    encoder = adapted(plain_encoder(settings), settings.home / "model")
    encoder.queries(WARM_UP)
    return encoder


def plain_encoder(settings: Settings) -> Encoder:
    """The encoder the settings name, as it came. Raises SettingError for a model that does not load."""
    from indexer.encoder import SentenceEncoder

    return SentenceEncoder(settings)


def load_reranker(settings: Settings) -> Reranker | None:
    """The reranker the settings name, None where they name none. Raises SettingError for one that does not load."""
    if not settings.reranker:
        return None
    from indexer.encoder.reranker import CrossReranker

    return CrossReranker(settings)


def build(settings: Settings, encoder: Encoder, *, full: bool = False, progress: Progress | None = None) -> Report:
    """Publish a generation of the articles as they are now. Raises PublishError while another publishes."""
    began, outcome = time.perf_counter(), "failed"
    cache = VectorCache(settings.home / "vectors.sqlite")
    try:
        report = place_of(settings).build(
            settings.articles,
            encoder,
            cache,
            at=datetime.now(UTC),
            keep=settings.keep,
            full=full,
            progress=progress,
        )
        outcome = "published" if report.published else "unchanged"
        return report
    except PublishError as error:
        outcome = "busy" if error.code == "publisher_busy" else "failed"
        raise
    finally:
        cache.close()
        took = time.perf_counter() - began
        metrics.built(outcome, took)
        if outcome in ("published", "failed"):
            log.info("build", state=outcome, seconds=round(took, 2))


def learn(settings: Settings, encoder: Encoder, at: datetime) -> int:
    """Publish what calls have taught by now, and how much it counts, without a desk: how many questions hold.

    Raises StoreError, PublishError, GenerationError.
    """
    database = Database(settings.database_url)
    try:
        teacher = Teacher(settings.home / "vectors.sqlite")
        engine = place_of(settings).open_current().engine
        teacher.look(database, engine, encoder, settings.learn_agents, at)
        if teacher.publish(settings, engine, encoder, at):
            engine = place_of(settings).open_current().engine
        teacher.measure(settings, engine, encoder, at)
        return len(engine.lessons)
    finally:
        database.close()


def scope_of(
    served: Served, by: User, at: datetime, lang: str = "", product: str = "", states: frozenset[str] = ANSWERING_STATES
) -> Scope:
    """What a person on a call may see: what is everybody's or their teams', answering states, every language unless
    one is chosen, valid on the site's day. A program sees the languages of its key."""
    langs = frozenset(one for one in served.langs if not lang or one.split("-")[0] == lang.split("-")[0])
    if by.scopes is not None:
        langs = frozenset(one for one in langs if one.split("-")[0] in by.langs)
    return Scope(
        teams=by.teams | {EVERYONE},
        langs=langs,
        states=states,
        governance=frozenset(GOVERNANCE),
        products=frozenset({product or EVERY_PRODUCT}),
        on=served.site.today(at),
    )
