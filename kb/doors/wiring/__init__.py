"""The only place where parts are chosen: settings, index, encoder, catalogue, site.

A `Desk` is one running program's knowledge. It answers by words at once, loads the encoder in a
thread (importing sentence-transformers alone takes seconds), follows `CURRENT` so that a new
generation serves without a restart, and rebuilds when an article changes on disk. A question is
answered from one generation from its first step to its last.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from indexer.build.places import Place, place_of
from indexer.engine import Engine
from kb import text
from kb.config import Settings, settings
from kb.content import glossary, products, site
from kb.content.articles import Article
from kb.content.site import Site
from kb.db import MOMENT, Database
from kb.doors.floor import FloorKeeper
from kb.doors.limits import Limits
from kb.doors.limits.turns import Turns
from kb.doors.presence import Presence
from kb.doors.prover import Asker, Prover
from kb.doors.teacher import Teacher
from kb.doors.wiring.failures import Failures
from kb.doors.wiring.parts import Served, build, learn, load_encoder, load_reranker, plain_encoder, scope_of
from kb.doors.wiring.upkeep import Upkeep, share_memory
from kb.errors import AwayError, BusyError, GenerationError, KBError, QuestionError, SettingError
from kb.finding.learning import Learnt
from kb.finding.search import Encoder, Hits, Reranker, Tokens, Vector, search
from kb.people import oidc, users
from kb.people.oidc import Issuer
from kb.people.scope import may_see
from kb.people.users import User
from kb.seen.log import log
from kb.tuning import pins, synonyms

__all__ = [
    "Desk",
    "EncoderState",
    "Served",
    "build",
    "desk",
    "learn",
    "load_encoder",
    "load_reranker",
    "plain_encoder",
    "scope_of",
]

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
SEARCH_PATIENCE = 1.0  # seconds that a search waits for its turn: the caller is on the line
SIGN_IN_PATIENCE = 10.0
PATIENCE = 2.0  # seconds that the first asker waits for a database to open …
AGAIN = 0.5  # … and in which nobody asks again for one that did not

T = TypeVar("T")
EncoderState = Literal["warming", "ready", "failed"]


def _search_busy(seconds: int) -> BusyError:
    return BusyError("search_busy", seconds=seconds)


def _never(_: int) -> BusyError:
    raise AssertionError("a record is never refused")


def _sign_in_busy(seconds: int) -> BusyError:
    return BusyError("sign_in_busy", seconds=seconds)


@dataclass
class Desk:
    """One program's knowledge, open for questions."""

    settings: Settings
    encoder: Encoder | None = None
    reranker: Reranker | None = None
    encoder_state: EncoderState = "warming"
    floor: FloorKeeper = field(default_factory=FloorKeeper)  # what stands beside an answer
    limits: Limits = field(default_factory=Limits)  # how often whom to let ask
    prover: Prover = field(default_factory=Prover)  # replays what gaps asked
    # One in the encoder and one beside it for each core: more would only stop each other (the interpreter's lock).
    searches: Turns = field(default_factory=lambda: Turns(CORES + 1, SEARCH_PATIENCE, _search_busy))
    # Records are written one after another: those that wait need no thread of those that others answer with.
    records: Turns = field(default_factory=lambda: Turns(2, math.inf, _never))
    # A password's hash fills a core for tens of milliseconds: one core is left to those who search.
    sign_ins: Turns = field(default_factory=lambda: Turns(max(1, CORES - 1), SIGN_IN_PATIENCE, _sign_in_busy))
    trouble: KBError | None = None  # what the last background step ran into
    repaired: tuple[KBError, datetime] | None = None  # what was damaged last and built anew, since when
    unverified: KBError | None = None  # why what serves is no longer, on disk, what was verified when it was opened
    failures: Failures = field(default_factory=Failures)  # of builds, since `began`
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _served: Served | None = None
    _pointer: tuple[str, str] | None = None  # what `CURRENT` said when it was last opened
    _upkeep: Upkeep | None = None
    _refused: tuple[AwayError, float] | None = None  # why the database did not open, when by the monotonic clock
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _learning: threading.Lock = field(default_factory=threading.Lock)

    @functools.cached_property
    def database(self) -> Database:
        """What happened. Raises StoreError where it cannot be opened; whoever asks later tries again, but nobody waits
        for what refused just now: two hundred agents would wait in turn."""
        refused, since = self._refused or (None, 0.0)
        if refused and time.monotonic() - since < AGAIN:
            raise AwayError("store_unusable", problem=refused.facts["problem"])
        try:
            return Database(self.settings.database_url, MOMENT if refused else PATIENCE)
        except AwayError as error:
            self._refused = error, time.monotonic()
            raise

    @property
    def place(self) -> Place:
        """Where generations are kept."""
        return place_of(self.settings)

    @functools.cached_property
    def teacher(self) -> Teacher:
        """What calls taught."""
        return Teacher(self.settings.home / "vectors.sqlite")

    @functools.cached_property
    def presence(self) -> Presence:
        """Who is signed in."""
        return Presence(lambda: self.database, local=self.settings.local)

    @functools.cached_property
    def oidc(self) -> Issuer | None:
        """The company's provider of identities, None where none is configured. Raises SettingError."""
        here = self.settings
        found = oidc.provider(here.oidc_issuer, here.oidc_client, here.oidc_secret, here.oidc_claim, here.oidc_roles)
        return Issuer(found) if found else None

    def check_access(self) -> None:
        """Refuse to be reached by others while nobody needs a password. Raises SettingError, StoreError.

        Where the database is away nobody can be signed in, so there is nothing to refuse: what can, starts.
        """
        here = self.settings
        _ = self.oidc  # named wrongly, it is told now
        try:
            with self.database.read(PATIENCE) as connection:
                if not here.local and not users.any_account(connection):
                    raise SettingError("accounts_missing", host=here.host)
        except AwayError as error:
            log.warning("started_without_database", error)
        if not here.addresses:
            raise SettingError("origins_missing", host=here.host)

    def open(self) -> Served:
        """Open the current generation, or keep what serves. Raises GenerationError where nothing can serve."""
        with self._opening:
            before = self._served
            pointer = self.place.current()
            if before and pointer == self._pointer:
                return before
            opened = self.place.open_current()
            self._pointer, self.unverified = pointer, None
            if opened.damaged:
                self.trouble = opened.damaged[0]
            engine = opened.engine
            engine.lexicon.warm_up()
            self._served = Served(
                opened,
                products.load(self.settings.articles),
                site.load(self.settings.articles),
                glossary.load(self.settings.articles),
                engine.langs,
                self._tuned("synonyms", synonyms.load, synonyms.NONE),
                self._tuned("pins", pins.load, ()),
            )
            self.floor.touched()
            self.prover.touched()
            return self._served

    def reread(self) -> None:
        """Read the words and pins again, when a file of them was written here."""
        with self._opening:
            if self._served:
                self._served = replace(
                    self._served,
                    glossary=self._tuned("glossary", glossary.load, {}),
                    synonyms=self._tuned("synonyms", synonyms.load, synonyms.NONE),
                    pins=self._tuned("pins", pins.load, ()),
                )
        self.prover.touched()

    def _tuned(self, name: str, load: Callable[[Path], T], nothing: T) -> T:
        """What a file of words or pins says; where it is broken, what it said: that is no reason not to answer."""
        try:
            return load(self.settings.articles)
        except KBError as error:
            self.trouble = error
            return getattr(self._served, name, nothing)

    @property
    def served(self) -> Served | None:
        """What answers now; None before the first generation."""
        return self._served

    @property
    def site(self) -> Site:
        """The site as it is served; before the first generation, one without hours."""
        return self._served.site if self._served else Site()

    def title(self, id: str, by: User) -> str:
        """An article's title, or its id where there is none any more that this person may see."""
        article = self.read(id, by)
        return article.title if article else id

    def read(self, id: str, by: User) -> Article | None:
        """An article as it is served now, or None where there is none that this person may see."""
        served = self._served or self.open()
        try:
            article = served.opened.engine.article(id)
        except KeyError:
            return None
        return article if may_see(scope_of(served, by, datetime.now(UTC)), article) else None

    def ask(
        self,
        question: str,
        by: User,
        *,
        lang: str = "",
        product: str = "",
        prefer_lang: str = "",
        limit: int = 10,
        at: datetime | None = None,
        vector: Vector | None = None,
        tokens: Tokens | None = None,
        settled: bool = False,
    ) -> Hits:
        """The answer to this person's question now. `lang` and `product` narrow; `product` may be any name of it.

        vector, tokens: the question's, where they are known already
        settled: the question stands; a reranker that is set up reads the first hits
        Raises QuestionError for an empty question or an unknown product, GenerationError where no
        index serves. An encoder that fails costs the vectors, never the answer.
        """
        served = self._served or self.open()
        code = self.product(product)
        scope = scope_of(served, by, at or datetime.now(UTC), lang, code)
        options = {"catalogue": served.catalogue, "synonyms": served.synonyms, "pins": served.pins}
        options |= {"prefer_lang": prefer_lang, "limit": limit, "vector": vector}
        options |= {"tokens": tokens, "reranker": self.reranker if settled else None}
        encoder = self.encoder if self._fits(served) else None
        try:
            return search(question, scope, index=served.opened.engine, encoder=encoder, **options)  # type: ignore[arg-type]
        except KBError:
            raise
        except Exception:
            if encoder is None:
                raise
            log.failed("encoder_failed")
            return search(question, scope, index=served.opened.engine, encoder=None, **options)  # type: ignore[arg-type]

    def product(self, name: str) -> str:
        """The code of a product by any name of it, '' for ''. Raises QuestionError for an unknown one."""
        named = text.clean(name)
        served = self._served or self.open()
        if not named:
            return ""
        code = products.resolve(served.catalogue, named)
        if code is None:
            raise QuestionError("product_unknown", product=named[:40])
        return code

    def _fits(self, served: Served) -> bool:
        """Whether the encoder made this generation's vectors: two models' vectors do not compare."""
        made = served.opened.manifest
        encoder = self.encoder
        return encoder is not None and encoder.name == made.model and made.tokens in ("", encoder.token_name)

    def fitting(self) -> Engine | None:
        """The index that serves, where this encoder made it."""
        return self._served.opened.engine if self._served and self._fits(self._served) else None

    def opened_anew(self) -> Served:
        """Open what is current although no generation may be new: catalogue and site change where no article does."""
        self._pointer = None
        return self.open()

    # in the background

    def start(self) -> None:
        """Serve at once what is there; load the encoder, follow `CURRENT` and the articles, keep house, in threads."""
        share_memory()
        try:
            self.open()
        except (GenerationError, AwayError) as error:
            self.trouble = error
        self._upkeep = Upkeep(self)
        self._upkeep.start()

    def stop(self) -> None:
        """End the background work."""
        if self._upkeep:
            self._upkeep.stop()

    def learn(self, at: datetime) -> None:
        """Publish what calls have taught by now.

        Nothing before there is an index and the encoder that made it. Raises StoreError, and PublishError while
        another publishes.
        """
        served, encoder = self._served, self.encoder
        if served is None or encoder is None or not self._fits(served):
            return
        with self._learning:
            engine = self.open().opened.engine
            self.teacher.look(self.database, engine, encoder, self.settings.learn_agents, at)
            if self.teacher.publish(self.settings, engine, encoder, at):
                self.open()

    def measure(self, at: datetime) -> bool:
        """Measure how much what was learnt counts, where it may be something else by now, and whether it is: seconds,
        for which neither a call that is solved nor a save waits. Raises PublishError while another publishes."""
        served = self.fitting()
        news = bool(served and self.encoder and self.teacher.measure(self.settings, served, self.encoder, at))
        if news:
            self.open()
        return news

    def effect(self, one: Learnt, by: User) -> tuple[int, int]:
        """The rank of an article for a question it learnt, as it is and as if it had not learnt it; 0 = not shown."""
        served = self._served or self.open()
        encoder = self.encoder if self._fits(served) else None
        scope = scope_of(served, by, datetime.now(UTC))
        engine, known = served.opened.engine, {"catalogue": served.catalogue, "synonyms": served.synonyms}

        def rank(index: Engine) -> int:
            hits = search(one.question, scope, index=index, encoder=encoder, **known).hits  # type: ignore[arg-type]
            return next((place for place, hit in enumerate(hits, 1) if one.article in (hit.article.id, hit.twin)), 0)

        return rank(engine), rank(engine.unlearnt(one.key))

    def prove(self, at: datetime) -> dict[str, str]:
        """Replay what gaps asked and articles answer now; gap → its new state, for those that have one. Raises
        StoreError."""
        asker, moved = self.asker(at), dict[str, str]()
        with self.database.alone("replay gaps") as mine:
            if asker and mine:
                moved = self.prover.run(self.database, asker, at)
        if moved:
            self.floor.touched()
        return moved

    def asker(self, at: datetime) -> Asker | None:
        """What asks the base for others than who sits there; None without an index or the encoder that made it."""
        served, encoder = self._served, self.encoder
        if served is None or encoder is None or not self._fits(served):
            return None
        today = served.site.today(at)
        return self.prover.asker(served.opened.engine, encoder, served.catalogue, today, served.synonyms)


@functools.cache
def desk() -> Desk:
    """The desk of this process, from its settings."""
    return Desk(settings())
