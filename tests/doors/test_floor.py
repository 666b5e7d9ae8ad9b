"""The snapshot beside every answer: made anew when something was written, and kept where it cannot be read."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from kb import tables
from kb.calls import bulletins, call, experts
from kb.calls.journal import Event
from kb.config import Settings
from kb.db import Connection, Database
from kb.doors import floor
from kb.doors.floor import MIDDLE_QUESTIONS, Floor, FloorKeeper, middle_of
from kb.doors.wiring import Desk, upkeep
from kb.errors import StoreError
from kb.gaps import gap
from kb.gaps.gap import Report
from tests.fake_encoder import HashEncoder
from tests.on_call import base_of, client, told
from tests.people_on_the_floor import MAY, MINUTE, NOON, SUE
from tests.small_base import SmallBase
from tests.waiting import within

WALLET = "退款退到数字人民币钱包"


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    return base_of(tmp_path, HashEncoder(dim=256))


@pytest.fixture
def keeper() -> FloorKeeper:
    return FloorKeeper()


def refresh(
    keeper: FloorKeeper, base: SmallBase, database: Database, *, at: timedelta = MINUTE, encoder: bool = True
) -> Floor:
    """The snapshot, `at` after noon."""
    keeper.refresh(database, base.open().engine, base.encoder if encoder else None, base.folder, NOON + at)
    return keeper.now


def record(database: Database, *questions: str) -> None:
    with database.write() as connection:
        for n, question in enumerate(questions):
            gap.record(connection, MAY, Report(f"r-{n}", f"g-{n}", f"call-{n}", "may", NOON + n * MINUTE, question))


def solve(database: Database, article: str, call_id: str) -> None:
    with database.write() as connection:
        solved = Event(f"s-{call_id}", call_id, NOON, "may", "solved", article=article)
        call.record(connection, MAY, call_id, [solved], NOON)


# --- what it has ---------------------------------------------------------------------------------


def test_before_the_first_look_there_is_nothing(keeper: FloorKeeper) -> None:
    assert keeper.now == Floor()
    assert keeper.now.similar_gaps(np.ones(256, np.float32)) == []


def test_it_has_what_was_solved_what_is_missing_what_is_in_force_and_whom_to_ask(
    keeper: FloorKeeper, base: SmallBase, database: Database
) -> None:
    record(database, WALLET)
    solve(database, "late-en", "call-1")
    solve(database, "late-en", "call-2")
    notice = bulletins.Notice("outage", "断网", NOON + timedelta(hours=1))
    with database.write() as connection:
        posted = bulletins.post(connection, SUE, notice, NOON, {})
    seen = refresh(keeper, base, database)
    assert seen.solved == {"late-en": 2}
    assert [(one.id, one.question) for one in seen.gaps] == [("g-0", WALLET)]
    assert seen.bulletins == (posted,)
    assert seen.experts == experts.load(base.folder)
    assert seen.experts
    assert seen.changed == {}


def test_a_bulletin_that_is_over_is_gone_at_the_next_look(
    keeper: FloorKeeper, base: SmallBase, database: Database
) -> None:
    with database.write() as connection:
        bulletins.post(connection, SUE, bulletins.Notice("outage", "断网", NOON + 2 * MINUTE), NOON, {})
    assert len(refresh(keeper, base, database).bulletins) == 1
    assert refresh(keeper, base, database, at=2 * MINUTE).bulletins == ()


# --- gaps that mean the same ---------------------------------------------------------------------


def test_gaps_are_compared_with_a_question_by_their_own_vectors(
    keeper: FloorKeeper, base: SmallBase, database: Database
) -> None:
    record(database, "水壶漏水怎么办", WALLET)
    seen = refresh(keeper, base, database)
    assert seen.vectors is not None
    assert np.array_equal(seen.vectors, base.encoder.queries(["水壶漏水怎么办", WALLET]))
    asked = base.encoder.queries([WALLET])[0]
    assert [one.id for one in seen.similar_gaps(asked)] == ["g-1"]
    assert seen.similar_gaps(None) == []


def test_a_gap_recorded_without_a_word_is_like_nothing(
    keeper: FloorKeeper, base: SmallBase, database: Database
) -> None:
    record(database, "", WALLET)
    seen = refresh(keeper, base, database)
    assert [one.id for one in seen.gaps] == ["g-1"]
    assert seen.similar_gaps(base.encoder.queries([""])[0]) == []
    assert [one.id for one in seen.similar_gaps(base.encoder.queries([WALLET])[0])] == ["g-1"]


def test_without_gaps_or_without_an_encoder_nothing_is_similar(
    keeper: FloorKeeper, base: SmallBase, database: Database
) -> None:
    asked = base.encoder.queries([WALLET])[0]
    assert refresh(keeper, base, database).similar_gaps(asked) == []
    record(database, WALLET)
    unready = refresh(keeper, base, database, encoder=False)
    assert (unready.vectors, len(unready.gaps), unready.similar_gaps(asked)) == (None, 1, [])
    assert [one.id for one in refresh(keeper, base, database).similar_gaps(asked)] == ["g-0"]


def test_a_question_is_never_embedded_twice(keeper: FloorKeeper, base: SmallBase, database: Database) -> None:
    asked: list[str] = []

    class Counting(HashEncoder):
        def queries(self, texts: object) -> gap.Vector:  # type: ignore[override]
            asked.extend(texts)  # type: ignore[arg-type]
            return super().queries(texts)  # type: ignore[arg-type]

    base.encoder = Counting(dim=256)
    record(database, "水壶漏水", "kettle", "水壶漏水")
    refresh(keeper, base, database)
    first = sorted(asked)
    assert {one: first.count(one) for one in ("水壶漏水", "kettle")} == {"水壶漏水": 1, "kettle": 1}
    refresh(keeper, base, database)
    assert sorted(asked) == first


def test_the_middle_is_the_mean_of_the_bases_own_questions(base: SmallBase) -> None:
    engine = base.open().engine
    articles = [engine.article(id) for id in sorted(engine.ids)]
    questions = [question for article in articles for question in article.questions]
    middle = middle_of(engine, base.encoder)
    assert middle == pytest.approx(base.encoder.queries(questions).mean(axis=0), abs=1e-6)
    assert (middle.dtype, middle.shape) == (np.dtype(np.float32), (256,))


def test_the_middle_of_a_base_without_questions_is_that_of_its_titles(base: SmallBase) -> None:
    shutil.rmtree(base.folder)
    base.write("a", "路由器亮红灯")
    base.write("b", "Kettle leaks")
    base.build()
    titles = base.encoder.queries(["路由器亮红灯", "Kettle leaks"]).mean(axis=0)
    assert middle_of(base.open().engine, base.encoder) == pytest.approx(titles, abs=1e-6)


def test_the_middle_of_an_empty_base_is_nowhere(base: SmallBase) -> None:
    shutil.rmtree(base.folder)
    base.build()
    assert not middle_of(base.open().engine, base.encoder).any()


def test_the_middle_of_a_large_base_is_that_of_a_sample_always_the_same(base: SmallBase) -> None:
    asked: list[int] = []

    class Counting(HashEncoder):
        def queries(self, texts: object) -> gap.Vector:  # type: ignore[override]
            asked.append(len(texts))  # type: ignore[arg-type]
            return super().queries(texts)  # type: ignore[arg-type]

    for n in range(2):
        base.write(f"long-{n}", f"Long {n}", questions=[f"question {n} {i}" for i in range(MIDDLE_QUESTIONS)])
    base.build()
    engine, encoder = base.open().engine, Counting(dim=256)
    assert np.array_equal(middle_of(engine, encoder), middle_of(engine, encoder))
    assert asked == [MIDDLE_QUESTIONS] * 2


# --- versions ------------------------------------------------------------------------------------


def kept(database: Database) -> dict[str, list[str]]:
    """Article → its kept versions, the first first."""
    with database.read() as connection:
        rows = connection.execute(sa.select(tables.version).order_by(tables.version.c.first_at))
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row.article, []).append(row.sha256)
        return found


def test_every_version_that_is_served_is_kept(keeper: FloorKeeper, base: SmallBase, database: Database) -> None:
    engine = base.open().engine
    refresh(keeper, base, database)
    first = {id: [engine.article(id).version] for id in engine.ids}
    assert kept(database) == first
    base.write("late-en", "Compensation for late delivery", say="Six yuan.")
    base.build()
    changed = refresh(keeper, base, database, at=5 * MINUTE)
    now = base.open().engine.article("late-en").version
    assert kept(database) == first | {"late-en": [*first["late-en"], now]}
    assert changed.changed == {"late-en": NOON + 5 * MINUTE}


def test_another_program_goes_on_from_the_versions_that_are_kept(base: SmallBase, database: Database) -> None:
    refresh(FloorKeeper(), base, database)
    before = kept(database)
    refresh(FloorKeeper(), base, database, at=9 * MINUTE)
    assert kept(database) == before


def test_more_versions_than_fit_one_transaction_are_kept(
    keeper: FloorKeeper, base: SmallBase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "KEPT_AT_ONCE", 3)
    refresh(keeper, base, database)
    assert set(kept(database)) == set(base.open().engine.ids)


# --- what cannot be read -------------------------------------------------------------------------


def test_a_database_that_fails_leaves_the_snapshot_before(base: SmallBase, keeper: FloorKeeper, tmp_path: Path) -> None:
    path = tmp_path / "fails.sqlite"
    database = Database(f"sqlite:///{path}")
    record(database, WALLET)
    before = refresh(keeper, base, database)
    database.close()
    away = path.rename(tmp_path / "away.sqlite")
    path.mkdir()
    with pytest.raises(StoreError):
        refresh(keeper, base, database)
    assert keeper.now is before
    path.rmdir()
    away.rename(path)
    solve(database, "late-en", "call-1")
    assert refresh(keeper, base, database).solved == {"late-en": 1}
    database.close()


def test_a_list_of_experts_that_cannot_be_read_leaves_those_before(
    keeper: FloorKeeper, base: SmallBase, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = refresh(keeper, base, database).experts
    (base.folder / "_experts.toml").write_text("[[expert]\n", "utf-8")
    solve(database, "late-en", "call-1")
    after = refresh(keeper, base, database)
    assert (after.experts, after.solved) == (before, {"late-en": 1})
    (line,) = [record for record in caplog.records if record.name == "firstcall"]
    assert line.getMessage() == "experts_unread"
    assert "_experts.toml" in str(line.exc_info)


def test_before_there_is_an_index_the_rest_is_read_all_the_same(
    keeper: FloorKeeper, base: SmallBase, database: Database
) -> None:
    record(database, WALLET)
    keeper.refresh(database, None, base.encoder, base.folder, NOON)
    assert [one.question for one in keeper.now.gaps] == [WALLET]
    assert kept(database) == {}


# --- when it is made anew ------------------------------------------------------------------------


def waits(keeper: FloorKeeper) -> tuple[threading.Thread, threading.Event]:
    woken = threading.Event()

    def wait() -> None:
        keeper.wait()
        woken.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread, woken


def test_a_write_wakes_it_and_nothing_is_missed(keeper: FloorKeeper) -> None:
    keeper.wait()  # the first look is at once
    thread, woken = waits(keeper)
    assert not woken.wait(0.1)
    keeper.touched()
    assert woken.wait(5)
    thread.join(5)
    keeper.touched()  # while nobody waits
    keeper.wait()
    _, again = waits(keeper)
    assert not again.wait(0.1)
    keeper.touched()


def test_it_looks_now_and_then_for_what_another_program_wrote(
    keeper: FloorKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "REFRESH_SECONDS", 0.05)
    keeper.wait()
    started = time.monotonic()
    keeper.wait()
    assert 0.04 <= time.monotonic() - started < 5


def test_a_long_look_is_followed_by_a_rest_however_much_is_written(
    keeper: FloorKeeper, base: SmallBase, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = floor.journal.solved_counts

    def slow(connection: Connection) -> dict[str, int]:
        time.sleep(0.05)
        return look(connection)

    monkeypatch.setattr(floor.journal, "solved_counts", slow)
    refresh(keeper, base, database)
    keeper.touched()
    started = time.monotonic()
    keeper.wait()
    assert floor.REST * 0.05 <= time.monotonic() - started < floor.LONGEST_REST + 5


@pytest.fixture
def running(base: SmallBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with its background work going on."""
    monkeypatch.setattr(upkeep, "load_encoder", lambda settings: base.encoder)
    monkeypatch.setattr(upkeep.gc, "freeze", lambda: None)  # the test process goes on
    settings = Settings(articles=base.folder, home=base.home, database_url=f"sqlite:///{tmp_path}/live.sqlite")
    one = Desk(settings)
    one.start()
    yield one
    one.stop()
    one.database.close()


def test_what_is_done_on_a_call_stands_beside_the_next_search(running: Desk) -> None:
    may = client(running, MAY)
    assert within(20, lambda: running.encoder_state == "ready" and bool(running.floor.now.experts))
    told(may, "/api/calls/call-1/events", events=[{"id": "e1", "kind": "solved", "article": "late-en"}])
    told(may, "/api/gaps", id="r-1", gap="g-1", call="call-1", q=WALLET)

    def beside() -> tuple[int, list[str]]:
        late = told(may, "/api/search", q="late-en")["hits"][0]
        gaps = told(may, "/api/search", q=WALLET)["beside"]["gaps"]
        return late["solved"], [one["id"] for one in gaps]

    assert within(10, lambda: beside() == (1, ["g-1"]))
    told(may, "/api/undo", id="e1")
    told(may, "/api/undo", id="r-1")
    assert within(10, lambda: beside() == (0, []))
