"""What a desk does in the background: each kind of work in a thread of its own, so that none waits for another.

Work that fails is logged and tried again; it never ends what answers.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from kb.care import retention
from kb.care.chores import GapKeeper, deliver
from kb.doors.wiring.offline import Copies
from kb.doors.wiring.parts import build, load_encoder, load_reranker
from kb.errors import GenerationError, KBError, PublishError
from kb.people import audit, users
from kb.seen.log import log
from kb.studio import revisions
from kb.systems.post import over_http

if TYPE_CHECKING:
    from kb.doors.wiring import Desk

FOLLOW_SECONDS = 0.5
REDUCE_SECONDS, REDUCE_REST = 30.0, 3600.0  # between two steps of reducing old calls, and once nothing is left
GAPS_SECONDS = 60.0  # between two looks at what missed
SHARE_SECONDS = 1.0  # between two looks at how often other app servers let people ask
TELL_SECONDS = 10.0  # between two looks at what other systems are to be told
BUSY_SECONDS = 1.0  # between two tries, while another program publishes or after a failure
FULL_SECONDS = 5.0  # between two tries, while the disk takes nothing
CHECK_SECONDS = 600.0  # between two readings of every byte of the index
COPY_SECONDS = 5.0  # between two looks whether offline copies are due
LEARN_SECONDS = 15.0  # without a write of this process: another one may have written
STAMPS = 200  # articles in one transaction: whoever records something waits for no more than these

M_ARENA_MAX, ARENAS = -8, 2  # of glibc's malloc, <malloc.h>

Work = Callable[[datetime], object]


def share_memory() -> None:
    """Let all threads take memory from the same few heaps of glibc, where that is the C library.

    Else each publish's writers keep what they freed to themselves: 100 MB within an hour of publishes.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return to the system what a step of work in the background needed for a moment: glibc would keep most of it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Upkeep:
    """The threads of one desk, from `start` to `stop`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stop = threading.Event()
        self._changed = threading.Event()  # an article, on disk
        self._published = threading.Event()  # by this program, since changes were last stamped
        self._reduce_rest = REDUCE_SECONDS
        self._unopened: KBError | None = desk.trouble
        self._damaged = ""  # the generation that is being replaced, or was
        self._noted = ""  # the generation that the audit log knows as the one that serves
        self._copies = Copies()
        self._keeper = GapKeeper(desk.settings.home / "vectors.sqlite")
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin all of it."""
        desk, rest = self._desk, self._stop.wait
        self._again("follow the generation", self._await_publish, self._follow)
        self._again("check the index", lambda: rest(CHECK_SECONDS), self._check)
        self._again("read the floor", desk.floor.wait, self._keep_floor)
        self._again("learn from calls", self._await_written, self._learn)
        self._again("measure what was learnt", lambda: rest(LEARN_SECONDS), self._measure)
        self._again("keep the gaps", lambda: rest(GAPS_SECONDS), self._keep_gaps)
        self._again("replay gaps", desk.prover.wait, desk.prove)
        self._again("stamp changes", self._await_published, self._stamp_changes)
        if desk.settings.retention:
            self._again("reduce old calls", lambda: rest(self._reduce_rest), self._keep_short)
        if desk.settings.offline:
            self._again("write offline copies", lambda: rest(COPY_SECONDS), lambda at: self._copies.look(desk, at))
        self._again("tell other systems", lambda: rest(TELL_SECONDS), self._tell)
        if desk.settings.database_url.startswith("postgresql"):
            self._again("share limits", lambda: rest(SHARE_SECONDS), lambda at: desk.limits.share(desk.database, at))
        self._run("keep up with the articles", self._keep_up)

    def stop(self) -> None:
        """End all of it; what is in the middle of a step has five seconds."""
        self._stop.set()
        self._published.set()
        self._desk.floor.touched()
        self._desk.prover.touched()
        for thread in self._threads:
            thread.join(timeout=5)

    def _again(self, name: str, wait: Callable[[], object], work: Work) -> None:
        """Do `work` after each `wait`, until the end."""

        def loop() -> None:
            while not self._stop.is_set():
                wait()
                if not self._stop.is_set() and not self._done(name, work):
                    self._stop.wait(BUSY_SECONDS)

        self._run(name, loop)

    def _done(self, name: str, work: Work) -> bool:
        """Whether the work was done; what kept it from that is logged."""
        try:
            work(datetime.now(UTC))
        except KBError as error:
            log.warning("could_not", error, work=name)
            return False
        except Exception:
            log.failed("could_not", work=name)
            return False
        return True

    def _run(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    # what serves

    def _await_publish(self) -> None:
        """Until another generation may serve, `FOLLOW_SECONDS` at most."""
        self._desk.place.wait(FOLLOW_SECONDS)

    def _follow(self, at: datetime) -> None:
        desk = self._desk
        try:
            served = desk.open()
            if desk.trouble is self._unopened:
                desk.trouble = None  # what kept it from opening is over
        except KBError as error:
            desk.trouble = self._unopened = desk.unverified = error
            self._repair(error, at)
            return
        if served.opened.damaged:
            self._repair(served.opened.damaged[0], at)

    def _check(self, at: datetime) -> None:
        """Read every byte anew: what was sound when it was opened may have rotted since."""
        try:
            self._desk.place.reread()
        except GenerationError as error:
            self._desk.unverified = error
            self._repair(error, at)
            self._desk.opened_anew()  # the one before serves, or what is in memory goes on

    def _repair(self, damage: KBError, at: datetime) -> None:
        """Have an index built anew that is damaged, once, and write that down."""
        name = str(damage.facts.get("generation"))
        if damage.code != "generation_damaged" or name == self._damaged:
            return
        self._damaged = name
        self._desk.trouble = damage
        self._desk.repaired = damage, at
        self._changed.set()
        with self._desk.database.write() as connection:
            audit.append(connection, users.OPERATOR.id, "repair", at, name, file=str(damage.facts["file"]))

    def _keep_up(self) -> None:
        """Load the encoder, then publish the articles as often as they change."""
        from indexer.watch import changes

        if not self._loaded():
            return

        def watch() -> None:
            for _ in changes(self._desk.settings.articles, self._stop):
                self._changed.set()

        self._changed.set()
        self._run("watch the articles", watch)  # before the first look, so that no save falls between the two
        while not self._stop.is_set():
            if self._changed.wait(FOLLOW_SECONDS):
                self._changed.clear()
                self._done("rebuild", self._rebuild)

    def _loaded(self) -> bool:
        """Whether the encoder and the reranker could be loaded; without them words answer."""
        desk = self._desk
        try:
            desk.encoder = load_encoder(desk.settings)
            desk.reranker = load_reranker(desk.settings)
        except Exception as error:
            desk.encoder_state = "failed"
            if isinstance(error, KBError):
                desk.trouble = error
            else:
                log.failed("encoder_not_loaded")
            return False
        desk.encoder_state = "ready"
        desk.floor.touched()
        gc.collect()
        gc.freeze()  # torch, faiss and the index never become garbage: no collection walks them again
        gc.collect()  # and what is left is now the measure of how much garbage may gather before the next
        return True

    def _rebuild(self, at: datetime) -> None:
        """Publish the articles as they are now; wait for another publisher; whatever fails, go on serving."""
        desk = self._desk
        try:
            self._publish()
            desk.opened_anew()
            give_back()
            desk.trouble = None
            desk.failures.over()
            if desk.served and desk.served.opened.manifest.generation != self._damaged:
                self._damaged = ""  # else it was found while this was being made: it is yet to be replaced
        except KBError as error:
            desk.trouble = error
            desk.failures.note(error, at)
            raise
        except Exception as error:
            desk.trouble = KBError("build_failed", kind=type(error).__name__)
            desk.failures.note(desk.trouble, at)
            raise
        self._published.set()

    def _publish(self) -> None:
        while self._desk.encoder is not None and not self._stop.is_set():
            try:
                build(self._desk.settings, self._desk.encoder)
                return
            except PublishError as error:  # it may have looked at the articles before they changed
                self._desk.trouble = error
                if error.code != "publisher_busy":
                    self._desk.failures.note(error, datetime.now(UTC))
                self._stop.wait(BUSY_SECONDS if error.code == "publisher_busy" else FULL_SECONDS)

    # what is written down of it

    def _await_published(self) -> None:
        self._published.wait()
        self._published.clear()

    def _stamp_changes(self, at: datetime) -> None:
        """Tell of what was changed on disk, and by whom, where git knows: a save in the studio told of itself."""
        desk = self._desk
        if desk.served is None:
            return
        opened = desk.served.opened
        there = {id: (one.sha256, one.path) for id, one in opened.manifest.articles.items()}
        with desk.database.read() as connection:
            changed, gone = revisions.behind(connection, there)
            news = revisions.any_yet(connection)  # else the base is new to us, not its articles to anybody
        authors = revisions.git_authors(desk.settings.articles) if changed else {}
        for first in range(0, len(changed), STAMPS):
            with desk.database.write() as connection:
                for id in changed[first : first + STAMPS]:
                    author = authors.get(there[id][1], revisions.DISK)
                    revisions.record(connection, opened.engine.article(id), at, author, "disk", news=news)
        if gone:
            with desk.database.write() as connection:
                for id in gone:
                    revisions.record_removed(connection, id, at, revisions.DISK)

    def _note_published(self, generation: str, at: datetime) -> None:
        """Whoever published: a generation that begins to serve, forwards or back, is one entry of the audit log."""
        if generation in ("", self._noted):
            return
        with self._desk.database.write() as connection:
            if audit.last_about(connection, "publish") != generation:
                audit.append(connection, users.OPERATOR.id, "publish", at, generation)
        self._noted = generation

    # what calls leave behind

    def _keep_floor(self, at: datetime) -> None:
        desk = self._desk
        engine = desk.served.opened.engine if desk.served else None
        desk.floor.refresh(desk.database, engine, desk.encoder, desk.settings.articles, at)
        self._note_published(engine.generation if engine else "", at)

    def _await_written(self) -> None:
        self._desk.floor.written.wait(LEARN_SECONDS)
        self._desk.floor.written.clear()

    def _learn(self, at: datetime) -> None:
        try:
            self._desk.learn(at)
        except PublishError:  # another publishes: again as soon as it has
            self._stop.wait(FOLLOW_SECONDS)
            self._desk.floor.written.set()

    def _measure(self, at: datetime) -> None:
        if self._desk.measure(at):
            give_back()

    def _keep_gaps(self, at: datetime) -> None:
        desk = self._desk
        with desk.database.alone("keep the gaps") as mine:
            if mine and self._keeper.look(desk.database, desk.fitting(), desk.encoder, at):
                desk.floor.touched()

    def _tell(self, at: datetime) -> None:
        here, database = self._desk.settings, self._desk.database
        through = partial(over_http, allowed=frozenset(here.webhook_allow.split(",")))
        with database.alone("tell other systems") as mine:
            if mine:
                deliver(database, here.webhook_addresses, here.webhook_secrets, at, through)

    def _keep_short(self, at: datetime) -> None:
        """Old calls become counts, a few at a time, unless the clock is to be doubted."""
        self._reduce_rest, before = REDUCE_REST, at - timedelta(self._desk.settings.retention)
        with self._desk.database.read() as connection:
            if not retention.is_due(connection, before):
                return
            retention.check_clock(connection, before, at)
        with self._desk.database.write() as connection:
            done = retention.reduce(connection, users.OPERATOR, before, at)
        self._reduce_rest = REDUCE_SECONDS if done.calls else REDUCE_REST
