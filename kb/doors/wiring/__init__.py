"""The only place where parts are chosen: settings, index, encoder, catalogue, site.

A `Desk` is one running program's knowledge. It answers by words at once, loads the encoder in a
thread (importing sentence-transformers alone takes seconds), follows `CURRENT` so that a new
generation serves without a restart, and rebuilds when an article changes on disk. A question is
answered from one generation from its first step to its last.
"""

from __future__ import annotations

import functools
import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from indexer import generation
from indexer.engine import Engine
from indexer.generation import Opened
from kb import text
from kb.care import retention
from kb.care.chores import GapKeeper, deliver
from kb.config import Settings, settings
from kb.content import glossary, products, site
from kb.content.articles import Article
from kb.content.glossary import Glossary
from kb.content.products import Catalogue
from kb.content.site import Site
from kb.db import Database
from kb.doors.floor import FloorKeeper
from kb.doors.presence import Presence
from kb.doors.prover import Asker, Prover
from kb.doors.teacher import Teacher
from kb.errors import GenerationError, KBError, PublishError, QuestionError, SettingError
from kb.finding.learning import Learnt
from kb.finding.search import Encoder, Hits, Reranker, Tokens, Vector, search
from kb.people import audit, oidc, users
from kb.people.oidc import Issuer
from kb.people.scope import ANSWERING_STATES, EVERY_PRODUCT, EVERYONE, GOVERNANCE, Scope, may_see
from kb.people.users import User
from kb.studio import revisions

if TYPE_CHECKING:
    from indexer.build import Report
    from indexer.vectors import Progress

log = logging.getLogger("firstcall")

FOLLOW_SECONDS = 0.5
REDUCE_SECONDS, REDUCE_REST = 30.0, 3600.0  # between two steps of reducing old calls, and once nothing is left
GAPS_SECONDS = 60.0  # between two looks at what missed, and at who is to be told
BUSY_SECONDS = 1.0  # between two tries while another program publishes
LEARN_SECONDS = 15.0  # without a write of this process: another one may have written
WARM_UP = ("refund to an expired card", "退款多久到账")

EncoderState = Literal["warming", "ready", "failed"]


@dataclass(frozen=True)
class Served:
    """What answers now, replaced as a whole when a new generation comes."""

    opened: Opened
    catalogue: Catalogue
    site: Site
    glossary: Glossary
    langs: frozenset[str]  # of all its articles


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
    from indexer.build import build as build_generation
    from indexer.vectors import VectorCache

    cache = VectorCache(settings.home / "vectors.sqlite")
    try:
        return build_generation(
            settings.articles,
            settings.index,
            encoder,
            cache,
            at=datetime.now(UTC),
            keep=settings.keep,
            full=full,
            progress=progress,
        )
    finally:
        cache.close()


def learn(settings: Settings, encoder: Encoder, at: datetime) -> int:
    """Publish what calls have taught by now, and how much it counts, without a desk: how many questions hold.

    Raises StoreError, PublishError, GenerationError.
    """
    database = Database(settings.database_url)
    try:
        teacher = Teacher(settings.home / "vectors.sqlite")
        engine = generation.open_current(settings.index).engine
        teacher.look(database, engine, encoder, settings.learn_agents, at)
        if teacher.publish(settings, engine, encoder, at):
            engine = generation.open_current(settings.index).engine
        teacher.measure(settings, engine, encoder, at)
        return len(engine.lessons)
    finally:
        database.close()


def scope_of(
    served: Served, by: User, at: datetime, lang: str = "", product: str = "", states: frozenset[str] = ANSWERING_STATES
) -> Scope:
    """What a person on a call may see: what is everybody's or their teams', answering states, every language unless
    one is chosen, valid on the site's day."""
    langs = frozenset(one for one in served.langs if not lang or one.split("-")[0] == lang.split("-")[0])
    return Scope(
        teams=by.teams | {EVERYONE},
        langs=langs,
        states=states,
        governance=frozenset(GOVERNANCE),
        products=frozenset({product or EVERY_PRODUCT}),
        on=served.site.today(at),
    )


@dataclass
class Desk:
    """One program's knowledge, open for questions."""

    settings: Settings
    encoder: Encoder | None = None
    reranker: Reranker | None = None
    encoder_state: EncoderState = "warming"
    floor: FloorKeeper = field(default_factory=FloorKeeper)  # what stands beside an answer
    prover: Prover = field(default_factory=Prover)  # replays what gaps asked
    trouble: KBError | None = None  # what the last background step ran into
    _served: Served | None = None
    _pointer: tuple[str, str] | None = None  # what `CURRENT` said when it was last opened
    _noted: str = ""  # the generation that the audit log knows as the one that serves
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _learning: threading.Lock = field(default_factory=threading.Lock)

    @functools.cached_property
    def database(self) -> Database:
        """What happened. Raises StoreError where it cannot be opened; the next asking tries again."""
        return Database(self.settings.database_url)

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
        """Refuse to be reached by others while nobody needs a password. Raises SettingError, StoreError."""
        here = self.settings
        _ = self.oidc  # named wrongly, it is told now
        with self.database.read() as connection:
            if not here.local and not users.any_account(connection):
                raise SettingError("accounts_missing", host=here.host)
        if not here.addresses:
            raise SettingError("origins_missing", host=here.host)

    def open(self) -> Served:
        """Open the current generation, or keep what serves. Raises GenerationError where nothing can serve."""
        with self._opening:
            before = self._served
            pointer = generation.current(self.settings.index)
            if before and pointer == self._pointer:
                return before
            opened = generation.open_current(self.settings.index)
            self._pointer = pointer
            if opened.damaged:
                self.trouble = opened.damaged[0]
            engine = opened.engine
            engine.lexicon.warm_up()
            self._served = Served(
                opened,
                products.load(self.settings.articles),
                site.load(self.settings.articles),
                glossary.load(self.settings.articles),
                frozenset(engine.article(id).lang for id in engine.ids),
            )
            self.floor.touched()
            self.prover.touched()
            return self._served

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
        options = {"catalogue": served.catalogue, "prefer_lang": prefer_lang, "limit": limit, "vector": vector}
        options |= {"tokens": tokens, "reranker": self.reranker if settled else None}
        encoder = self.encoder if self._fits(served) else None
        try:
            return search(question, scope, index=served.opened.engine, encoder=encoder, **options)  # type: ignore[arg-type]
        except KBError:
            raise
        except Exception:
            if encoder is None:
                raise
            log.exception("the encoder failed; answering by words")
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

    # in the background

    def start(self) -> None:
        """Serve at once what is there; load the encoder, follow `CURRENT`, follow the articles, in threads."""
        try:
            self.open()
        except GenerationError as error:
            self.trouble = error
        for work in (self._follow, self._keep_up, self._keep_floor, self._keep_short, self._keep_gaps, self._tell):
            self._run(work)
        self._run(self._learn_on)
        self._run(self._keep_proving)

    def _learn_on(self) -> None:
        while not self._stop.is_set():
            self.floor.written.wait(LEARN_SECONDS)
            self.floor.written.clear()
            try:
                self.learn(datetime.now(UTC))
            except PublishError:
                self._stop.wait(FOLLOW_SECONDS)
                self.floor.written.set()
            except Exception:
                log.exception("nothing could be learnt")
                self._stop.wait(BUSY_SECONDS)

    def learn(self, at: datetime) -> None:
        """Publish what calls have taught by now, and then, apart from that, measure how much it counts.

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
                engine = self.open().opened.engine
            if self.teacher.measure(self.settings, engine, encoder, at):
                self.open()

    def effect(self, one: Learnt, by: User) -> tuple[int, int]:
        """The rank of an article for a question it learnt, as it is and as if it had not learnt it; 0 = not shown."""
        served = self._served or self.open()
        encoder = self.encoder if self._fits(served) else None
        scope = scope_of(served, by, datetime.now(UTC))
        engine = served.opened.engine

        def rank(index: Engine) -> int:
            hits = search(one.question, scope, index=index, encoder=encoder, catalogue=served.catalogue).hits
            return next((place for place, hit in enumerate(hits, 1) if one.article in (hit.article.id, hit.twin)), 0)

        return rank(engine), rank(engine.unlearnt(one.key))

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(work,), name=work.__name__, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """End the background work."""
        self._stop.set()
        self.floor.touched()
        self.prover.touched()
        for thread in self._threads:
            thread.join(timeout=5)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("background work ended")

    def _keep_floor(self) -> None:
        while not self._stop.is_set():
            self.floor.wait()
            engine = self._served.opened.engine if self._served else None
            try:
                self.floor.refresh(self.database, engine, self.encoder, self.settings.articles, datetime.now(UTC))
                self._note_published(engine.generation if engine else "")
            except Exception:
                log.exception("the floor could not be read")
                self._stop.wait(BUSY_SECONDS)

    def _keep_gaps(self) -> None:
        keeper = GapKeeper(self.settings.home / "vectors.sqlite")
        while not self._stop.wait(GAPS_SECONDS):
            served = self._served
            engine = served.opened.engine if served and self._fits(served) else None
            try:
                if keeper.look(self.database, engine, self.encoder, datetime.now(UTC)):
                    self.floor.touched()
            except Exception:
                log.exception("the gaps could not be kept")

    def _tell(self) -> None:
        urls = self.settings.webhooks.split(",") if self.settings.webhooks else []
        while urls and not self._stop.wait(GAPS_SECONDS):
            try:
                deliver(self.database, urls, self.settings.webhook_secret, datetime.now(UTC))
            except Exception:
                log.exception("what became of gaps could not be told")

    def _keep_proving(self) -> None:
        while not self._stop.is_set():
            self.prover.wait()
            try:
                self.prove(datetime.now(UTC))
            except Exception:
                log.exception("gaps could not be replayed")
                self._stop.wait(BUSY_SECONDS)

    def prove(self, at: datetime) -> dict[str, str]:
        """Replay what gaps asked and articles answer now; gap → its new state, for those that have one. Raises
        StoreError."""
        asker = self.asker(at)
        moved = self.prover.run(self.database, asker, at) if asker else {}
        if moved:
            self.floor.touched()
        return moved

    def asker(self, at: datetime) -> Asker | None:
        """What asks the base for others than who sits there; None without an index or the encoder that made it."""
        served, encoder = self._served, self.encoder
        if served is None or encoder is None or not self._fits(served):
            return None
        return self.prover.asker(served.opened.engine, encoder, served.catalogue, served.site.today(at))

    def _note_published(self, generation: str) -> None:
        """Whoever published: a generation that begins to serve, forwards or back, is one entry of the audit log."""
        if generation in ("", self._noted):
            return
        with self.database.write() as connection:
            if audit.last_about(connection, "publish") != generation:
                audit.append(connection, users.OPERATOR.id, "publish", datetime.now(UTC), generation)
        self._noted = generation

    def _keep_short(self) -> None:
        """Old calls become counts, a few at a time."""
        while self.settings.retention and not self._stop.wait(REDUCE_SECONDS):
            now = datetime.now(UTC)
            try:
                with self.database.write() as connection:
                    done = retention.reduce(connection, users.OPERATOR, now - timedelta(self.settings.retention), now)
                self._stop.wait(0 if done.calls else REDUCE_REST)
            except KBError as error:
                log.warning("old calls could not be reduced: %s", error)

    def _follow(self) -> None:
        while not self._stop.wait(FOLLOW_SECONDS):
            try:
                self.open()
            except KBError as error:
                self.trouble = error

    def _keep_up(self) -> None:
        from indexer.watch import changes

        try:
            self.encoder = load_encoder(self.settings)
            self.reranker = load_reranker(self.settings)
            self.encoder_state = "ready"
            self.floor.touched()
        except KBError as error:
            self.encoder_state, self.trouble = "failed", error
            return
        except Exception:
            self.encoder_state = "failed"
            raise
        gc.collect()
        gc.freeze()  # torch, faiss and the index never become garbage: no collection walks them again
        changed = threading.Event()
        changed.set()

        def watch() -> None:
            for _ in changes(self.settings.articles, self._stop):
                changed.set()

        self._run(watch)  # before the first look, so that no save falls between the two
        while not self._stop.is_set():
            if changed.wait(FOLLOW_SECONDS):
                changed.clear()
                self._rebuild()

    def _rebuild(self) -> None:
        """Publish the articles as they are now; wait for another publisher; whatever fails, go on serving."""
        if self.encoder is None:
            return
        try:
            while not self._stop.is_set():
                try:
                    build(self.settings, self.encoder)
                    break
                except PublishError as error:  # it may have looked at the articles before they changed
                    self.trouble = error
                    self._stop.wait(BUSY_SECONDS)
            self._pointer = None  # catalogue and site may have changed where no article did
            self.open()
            self.trouble = None
            self._stamp_changes(datetime.now(UTC))
        except KBError as error:
            log.warning("rebuild failed: %s", error)
            self.trouble = error
        except Exception:
            log.exception("rebuild failed")

    def _stamp_changes(self, at: datetime) -> None:
        """Tell of what was changed on disk, and by whom, where git knows: a save in the studio told of itself."""
        opened = self._served.opened if self._served else None
        if opened is None:
            return
        there = {id: (one.sha256, one.path) for id, one in opened.manifest.articles.items()}
        with self.database.read() as connection:
            changed, gone = revisions.behind(connection, there)
        authors = {id: revisions.git_author(self.settings.articles, there[id][1]) for id in changed}
        if changed or gone:
            with self.database.write() as connection:
                for id in changed:
                    revisions.record(connection, opened.engine.article(id), at, authors[id], "disk")
                for id in gone:
                    revisions.record_removed(connection, id, at, revisions.DISK)


@functools.cache
def desk() -> Desk:
    """The desk of this process, from its settings."""
    return Desk(settings())
