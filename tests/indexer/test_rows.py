"""Generations as rows of a server: shared, verified before they serve, one publisher, followed, gone back from."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from indexer import build as builds
from indexer import learnt
from indexer.build import Report, preview
from indexer.build import rows as building
from indexer.build.rows import preview as preview_rows
from indexer.engine import Engine, Lesson
from indexer.engine.postgres import nearest, parts, words
from indexer.engine.postgres.engine import PostgresEngine
from indexer.generation import Opened
from indexer.generation.rows import draft as drafts
from indexer.generation.rows import store
from indexer.generation.rows.store import Rows
from indexer.learnt.rows import measure as measure_rows
from indexer.learnt.rows import teach as teach_rows
from indexer.vectors import VectorCache
from kb.errors import AwayError, GenerationError, PublishError
from kb.finding.chunks import ANSWERS, ASKS
from kb.finding.search import search
from tests.fake_encoder import HashEncoder
from tests.postgres import Server
from tests.small_base import ALL, NOON, SmallBase
from tests.waiting import within

LATER = NOON + timedelta(hours=1)
RED = Lesson("router", "the box on the wall glows crimson")
PAN = Lesson("fryer", "smoke from the pan")
IDS = ("card", "fryer", "router")


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    name = server.empty()
    yield server.url_of(name)
    server.drop(name)


@pytest.fixture
def base(tmp_path: Path, url: str) -> Iterator[SmallBase]:
    made = SmallBase(tmp_path, HashEncoder(dim=64), Rows(url))
    yield made
    rows_of(made).close()


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no generation has is collected at once."""
    monkeypatch.setattr(store, "GRACE_SECONDS", 0)


def rows_of(base: SmallBase) -> Rows:
    assert base.rows is not None
    return base.rows


def write_round(base: SmallBase, number: int) -> None:
    """Three articles that all say their round."""
    for id in IDS:
        base.write(id, f"{id} round {number}", questions=[f"where is the {id}"], say="Turn it over.", body="Hold it.")


def publish_rounds(base: SmallBase, count: int, **options: Any) -> list[str]:
    """The names of so many generations."""
    names = []
    for number in range(1, count + 1):
        write_round(base, number)
        names.append(base.build(**options).generation)
    return names


def round_of(opened: Opened) -> set[str]:
    return {opened.engine.article(id).title.rpartition(" ")[2] for id in opened.engine.ids}


def test_a_reader_far_behind_opens_what_serves_although_what_came_and_went_since_is_swept(
    base: SmallBase, url: str, no_grace: None
) -> None:
    publish_rounds(base, 1)
    reader = Rows(url)
    try:
        assert round_of(reader.open_current()) == {"1"}
        publish_rounds(base, 5, keep=2)
        opened = reader.open_current()
        assert (opened.damaged, round_of(opened)) == ((), {"5"})
    finally:
        reader.close()


def roll_back(base: SmallBase) -> str:
    with rows_of(base).publisher() as connection:
        return rows_of(base).roll_back(connection)


def collect(base: SmallBase, keep: int) -> list[str]:
    with rows_of(base).publisher() as connection:
        return rows_of(base).collect(connection, keep)


def counts(base: SmallBase) -> dict[str, int]:
    """Rows of each table of the index, by its name without the base's number."""
    with sa.create_engine(rows_of(base)._url).connect() as connection:
        names = sa.inspect(connection).get_table_names(schema=store.SCHEMA)
        every = ((name, sa.table(name, schema=store.SCHEMA)) for name in names)
        return {name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for name, table in every}


def change(base: SmallBase, statement: str) -> None:
    """Run SQL in the index's schema; `%` stands for the number of its only base."""
    (number,) = {name.rpartition("_")[2] for name in counts(base) if name.startswith("article_")}
    with sa.create_engine(rows_of(base)._url).begin() as connection:
        connection.exec_driver_sql(f"SET search_path = {store.SCHEMA}, public")
        assert connection.exec_driver_sql(statement.replace("%", number)).rowcount >= 1


def answers(engine: Engine, base: SmallBase) -> list[object]:
    """What an index says, whatever its rows are called."""
    found: list[object] = []
    for question in ("where is the router", "turn it over", "hold the card", "router round 3"):
        hits = search(question, ALL, index=engine, encoder=base.encoder, catalogue={}).hits
        found.append([(hit.article.id, round(hit.score, 5), hit.passage.text) for hit in hits])
    return found


def same_in_files(base: SmallBase, home: Path) -> Engine:
    """The same articles in a generation of files."""
    files = SmallBase(home, base.encoder)
    for path in base.folder.rglob("*.md"):
        target = files.folder / path.relative_to(base.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    files.build()
    return files.open().engine


# --- what is shared ------------------------------------------------------------------------------


def test_saving_one_article_writes_its_own_rows_and_shares_all_others(base: SmallBase) -> None:
    publish_rounds(base, 1)
    before = counts(base)
    base.write("card", "card round 1", questions=["where is the card"], say="Turn it over.", body="Hold it twice.")
    report = base.build()
    after = counts(base)
    more = {name.rpartition("_")[0] or name: after[name] - before[name] for name in before}
    assert report.added == ("card",)
    assert more["article"] == 1
    assert (more["asks"], more["answers"], more["tokens"]) == (2, 2, 1)
    assert (more["segment"], more["generation"], more["pointer"], more["lesson"]) == (1, 1, 0, 0)
    assert base.open().engine.article("card").body.strip().endswith("Hold it twice.")


def test_nothing_changed_publishes_nothing(base: SmallBase) -> None:
    publish_rounds(base, 1)
    before = counts(base)
    report = base.build()
    assert (report.published, report.generation, report.total) == (False, base.current, 3)
    assert counts(base) == before


def test_many_saves_answer_as_one_build_of_the_same_articles_in_files(
    base: SmallBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "MOST_SEGMENTS", 3)
    publish_rounds(base, 1)
    for number in range(2, 9):
        base.write(
            "card", f"card round {number}", questions=["where is the card"], say="Turn it over.", body="Hold it."
        )
        base.write(f"new-{number}", f"a new one, {number}", body="hold the router")
        base.build()
    segments = rows_of(base).sound(int(rows_of(base).current()[1])).lines.segments  # type: ignore[index]
    assert len(segments) <= 4
    engine = base.open().engine
    assert answers(engine, base) == answers(same_in_files(base, tmp_path / "files"), base)


def test_words_of_a_base_written_anew_are_read_a_few_articles_at_a_time(
    base: SmallBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rounds(base, 1)
    base.write("late", "a late one", body="hold the router")
    monkeypatch.setattr(builds, "DELTA_LEAST", 0)
    monkeypatch.setattr(drafts, "AHEAD", 2)
    base.build()
    (segment,) = rows_of(base).sound(int(rows_of(base).current()[1])).lines.segments  # type: ignore[index]
    assert segment == int(rows_of(base).current()[1])  # type: ignore[index]
    assert answers(base.open().engine, base) == answers(same_in_files(base, tmp_path / "files"), base)


def test_what_the_base_says_is_read_once_whatever_is_saved(base: SmallBase) -> None:
    publish_rounds(base, 1)
    before = base.open().engine.lexicon._parts
    assert before[0].words["hold"] == 3
    base.write("late", "a late one", body="hold the router")
    base.build()
    after = base.open().engine.lexicon
    assert after._parts[0] is before[0]
    assert after.count("hold") == 4


def test_what_articles_ask_is_read_some_articles_at_a_time(
    base: SmallBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MEANS_AT_ONCE", 2)
    publish_rounds(base, 1)
    base.write("untitled", "Hold it.", body="Hold it. Turn it over.")  # asks nothing: what it answers stands for that
    base.build()
    titles = base.open().engine.titles()
    assert titles.shape == (4, 64)
    np.testing.assert_allclose(titles, same_in_files(base, tmp_path / "files").titles(), atol=1e-6)


def test_of_common_words_fewer_are_kept(base: SmallBase, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_rounds(base, 1)
    wanted = answers(base.open().engine, base)
    monkeypatch.setattr(words, "MAX_PLACES", 4)
    base.build(full=True)
    engine = base.open().engine
    assert answers(engine, base) == wanted
    assert isinstance(engine, PostgresEngine)
    kept = [len(one.places) for one in engine._words._known.values()]
    assert sum(kept) == engine._words._places
    assert 0 < sum(kept) <= 4


def test_words_that_two_ask_for_at_once_are_counted_once(base: SmallBase, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_rounds(base, 1)
    engine = base.open().engine
    assert isinstance(engine, PostgresEngine)
    own, asked = engine._words, []
    fetch = own._fetch

    def while_another_asks(terms: Any, start: str) -> Any:
        if not asked:
            asked.append(terms)
            own._of(terms)
        return fetch(terms, start)

    monkeypatch.setattr(own, "_fetch", while_another_asks)
    own._of(["vacuum"])
    assert asked == [["vacuum"]]
    assert own._places == sum(len(one.places) for one in own._known.values()) > 0


def test_a_base_of_many_chunks_is_calibrated_by_its_index(base: SmallBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of questions are asked then; compared with every chunk, a large base would take hours."""
    monkeypatch.setattr(nearest, "MOST_BYTES", 5 * 4 * 64)
    asked: list[tuple[int, bool]] = []

    def calibrate(engine: PostgresEngine, *_: object) -> dict[str, object]:
        asked.append((len(engine), engine._approximate))
        return {}

    monkeypatch.setattr(building, "calibrate", calibrate)
    base.write("one", "a single one")
    base.build()
    write_round(base, 1)
    base.build(full=True)
    assert asked == [(1, False), (4, True)]
    assert base.open().engine._approximate  # type: ignore[attr-defined]


def test_another_model_makes_another_base_and_the_old_one_serves_until_it_is_there(
    base: SmallBase, no_grace: None
) -> None:
    publish_rounds(base, 1)
    (first,) = (name for name in counts(base) if name.startswith("article_"))
    base.encoder = HashEncoder("other", dim=32)
    report = base.build()
    assert (report.anew, report.total) == (True, 3)
    vector = base.encoder.queries(["where is the card"])[0]
    assert base.open().engine.dense(vector, ALL, 1, ASKS)[0].article == "card"
    assert len([name for name in counts(base) if name.startswith("article_")]) == 2
    for number in (5, 6):
        write_round(base, number)
        base.build(keep=2)
    assert first not in counts(base)


def test_a_file_that_cannot_be_used_is_told_of_and_stops_no_other(base: SmallBase) -> None:
    write_round(base, 1)
    (base.folder / "broken.md").write_text("no front matter", "utf-8")
    report: Report = base.build()
    assert [error.code for error in report.refused] == ["front_matter_missing"]
    assert base.open().manifest.refused[0].facts == {"file": "broken.md", "line": "1"}
    assert not base.build().published


# --- verified before it serves -------------------------------------------------------------------

DAMAGE = {
    "a chunk is gone": "DELETE FROM asks_% WHERE article = (SELECT max(article) FROM asks_%)",
    "a vector is another": "UPDATE answers_% SET row = (SELECT row FROM asks_% LIMIT 1) WHERE number = 3",
    "a span is another": "UPDATE answers_% SET begins = begins + 1",
    "a text is another": "UPDATE article_% SET record = replace(record, 'Hold', 'Told')",
    "an article is gone": "DELETE FROM article_% WHERE id = 'router'",
    "an article's facts are others": "UPDATE article_% SET sha256 = repeat('0', 64) WHERE id = 'router'",
    "tokens are gone": "DELETE FROM tokens_%",
    "a word is gone": "DELETE FROM posting_% WHERE term = 'router'",
    "a word is elsewhere": "UPDATE posting_% SET texts = asks",
    "the vocabulary is another": "UPDATE segment_% SET vocabulary = replace(vocabulary, 'router', 'rooter')",
    "a lesson is gone": "DELETE FROM lesson_%",
    "the manifest is none": "UPDATE generation SET manifest = '{}' WHERE number = (SELECT max(number) FROM generation)",
}


@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_never_serves(base: SmallBase, statement: str) -> None:
    publish_rounds(base, 1)
    assert teach_rows(rows_of(base), base.encoder, [RED], LATER)
    assert not base.open().damaged
    change(base, statement)
    with pytest.raises(GenerationError) as told:
        rows_of(base).reread()
    assert told.value.code == "generation_damaged"


def test_where_the_current_one_is_damaged_the_one_before_serves_and_a_build_repairs(base: SmallBase) -> None:
    first, second = publish_rounds(base, 2)
    change(base, "UPDATE article_% SET record = replace(record, 'round 2', 'round 9') WHERE id = 'card'")
    fresh = Rows(rows_of(base)._url)
    opened = fresh.open_current()
    assert (opened.manifest.generation, round_of(opened)) == (first, {"1"})
    assert [error.facts["generation"] for error in opened.damaged] == [second]
    fresh.close()
    base.rows = Rows(rows_of(base)._url)
    report = base.build()
    assert (report.published, report.anew) == (True, False)
    assert (base.open().damaged, round_of(base.open())) == ((), {"2"})


def test_what_does_not_verify_is_not_published_and_leaves_no_row(
    base: SmallBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rounds(base, 1)
    before = counts(base)
    write_round(base, 2)
    monkeypatch.setattr(building, "write_articles", lambda *_: None)
    with pytest.raises(GenerationError):
        base.build()
    assert counts(base) == before
    assert round_of(base.open()) == {"1"}


def test_a_server_without_an_index_and_one_that_is_not_there_are_told_apart(base: SmallBase, server: Server) -> None:
    assert rows_of(base).current() is None
    with pytest.raises(GenerationError) as told:
        base.open()
    assert told.value.code == "index_missing"
    nowhere = Rows("postgresql+psycopg://postgres@127.0.0.1:1/none")
    with pytest.raises(AwayError):
        nowhere.open_current()
    with pytest.raises(PublishError) as refused, nowhere.publisher():
        pass
    assert refused.value.code == "publish_failed"


# --- one publisher, many that follow -------------------------------------------------------------


def test_a_second_publisher_is_refused_and_told_who_the_first_is(base: SmallBase) -> None:
    publish_rounds(base, 1)
    other = Rows(rows_of(base)._url)
    with rows_of(base).publisher():
        with pytest.raises(PublishError) as told, other.publisher():
            pass
        assert told.value.code == "publisher_busy"
        assert "process" in str(told.value.facts["holder"])
    with other.publisher():
        pass
    other.close()


def test_others_hear_of_a_publish_at_once_and_find_it_without_hearing(base: SmallBase) -> None:
    publish_rounds(base, 1)
    other = Rows(rows_of(base)._url)
    other.open_current()
    heard: list[float] = []
    listening = threading.Event()

    def listen() -> None:
        other.wait(0.05)  # connects
        listening.set()
        began = time.monotonic()
        other.wait(30)
        heard.append(time.monotonic() - began)

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(10)
    write_round(base, 2)
    base.build()
    thread.join(30)
    assert heard
    assert heard[0] < 25
    assert round_of(other.open_current()) == {"2"}
    third = Rows(rows_of(base)._url)
    assert round_of(third.open_current()) == {"2"}
    other.close()
    third.close()


def test_whoever_waits_for_a_server_that_is_away_waits_no_longer_than_told() -> None:
    nowhere = Rows("postgresql+psycopg://postgres@127.0.0.1:1/none")
    began = time.monotonic()
    for _ in range(3):
        nowhere.wait(0.1)
    assert 0.25 < time.monotonic() - began < 10


def test_a_reader_goes_on_with_its_generation_while_others_are_published(base: SmallBase) -> None:
    publish_rounds(base, 1)
    reader = Rows(rows_of(base)._url)
    engine = reader.open_current().engine
    vector = base.encoder.queries(["where is the card"])[0]
    before = [engine.dense(vector, ALL, 10, kinds) for kinds in (ASKS, ANSWERS)]
    for number in range(2, 6):
        write_round(base, number)
        base.build(keep=2)  # young ones are kept: they may serve somewhere
    assert [engine.dense(vector, ALL, 10, kinds) for kinds in (ASKS, ANSWERS)] == before
    assert {engine.article(id).title.rpartition(" ")[2] for id in engine.ids} == {"1"}
    reader.close()


# --- going back, cleaning up ---------------------------------------------------------------------


def test_rolling_back_goes_one_generation_at_a_time_to_the_first(base: SmallBase) -> None:
    first, second, _ = publish_rounds(base, 3, keep=5)
    assert roll_back(base) == second
    assert round_of(base.open()) == {"2"}
    assert roll_back(base) == first
    with pytest.raises(GenerationError) as told:
        roll_back(base)
    assert (told.value.code, told.value.facts) == ("nothing_before", {"generation": first})
    assert round_of(base.open()) == {"1"}


def test_a_build_after_rolling_back_goes_on_from_there(base: SmallBase, tmp_path: Path) -> None:
    _, second, third = publish_rounds(base, 3, keep=5)
    base.write("extra", "an extra one", body="Of the fourth alone.")
    fourth = base.build(keep=5).generation
    assert (roll_back(base), roll_back(base)) == (third, second)
    write_round(base, 2)
    (base.folder / "troubleshooting" / "extra.md").unlink()
    base.write("card", "card round 2", questions=["where is the card"], say="Turn it over.", body="Hold it now.")
    report = base.build(keep=5)
    assert report.generation > fourth
    opened = base.open()
    assert (opened.manifest.parent, opened.damaged, round_of(opened)) == (second, (), {"2"})
    assert answers(opened.engine, base) == answers(same_in_files(base, tmp_path / "files"), base)
    assert teach_rows(rows_of(base), base.encoder, [RED], LATER)


def test_what_is_learnt_after_rolling_back_joins_what_serves(base: SmallBase) -> None:
    publish_rounds(base, 2, keep=5)
    (base.folder / "troubleshooting" / "card.md").unlink()
    base.build(keep=5)
    roll_back(base)
    roll_back(base)
    assert teach_rows(rows_of(base), base.encoder, [RED], LATER)
    opened = base.open()
    assert (opened.damaged, opened.engine.ids, round_of(opened)) == ((), IDS, {"1"})
    assert opened.engine.lessons == (RED,)
    assert (
        search("card round 1", ALL, index=opened.engine, encoder=base.encoder, catalogue={}).hits[0].article.id
        == "card"
    )


def test_collecting_keeps_the_newest_the_current_one_and_the_one_before(base: SmallBase, no_grace: None) -> None:
    names = publish_rounds(base, 6, keep=10)
    with rows_of(base).publisher() as connection, connection.begin():
        g = rows_of(base).generations.c
        number = connection.scalar(sa.select(g.number).where(g.name == names[2]))
        rows_of(base).point_at(connection, int(number or 0))
    assert collect(base, 0) == [names[0], names[3]]
    assert rows_of(base).names() == [names[1], names[2], names[4], names[5]]
    assert round_of(base.open()) == {"3"}
    assert roll_back(base) == names[1]
    assert round_of(base.open()) == {"2"}


def test_what_no_kept_generation_has_is_gone_from_every_table(base: SmallBase, no_grace: None) -> None:
    publish_rounds(base, 2, keep=2)
    teach_rows(rows_of(base), base.encoder, [RED, PAN], LATER, keep=2)
    teach_rows(rows_of(base), base.encoder, [PAN], LATER, keep=2)
    two = counts(base)
    for number in range(3, 8):
        write_round(base, number)
        base.build(keep=2)
    seven = {name: count for name, count in counts(base).items() if not name.startswith(("posting", "segment"))}
    assert {name: count for name, count in seven.items() if not name.startswith("lesson")} == {
        name: two[name] + 3 * {"article": 1, "asks": 2, "answers": 2, "tokens": 1}.get(name.rpartition("_")[0], 0)
        for name in seven
        if not name.startswith("lesson")
    }
    assert base.open().engine.lessons == (PAN,)


def test_young_generations_are_kept_for_who_may_still_be_served_from_them(base: SmallBase) -> None:
    names = publish_rounds(base, 5, keep=2)
    assert rows_of(base).names() == names


# --- what is learnt, and what is only looked at --------------------------------------------------


def test_a_lesson_is_found_by_a_few_rows(base: SmallBase) -> None:
    publish_rounds(base, 1)
    before = counts(base)
    assert teach_rows(rows_of(base), base.encoder, [RED, PAN], LATER)
    after = counts(base)
    assert {name.rpartition("_")[0]: after[name] - before[name] for name in before if after[name] != before[name]} == {
        "lesson": 2,
        "": 1,  # of `generation`
    }
    engine = base.open().engine
    assert set(engine.lessons) == {RED, PAN}
    hit = search(RED.question, ALL, index=engine, encoder=base.encoder, catalogue={}).hits[0]
    assert (hit.article.id, hit.score, hit.why["learnt"].chunk) == ("router", 1.0, f"router#{RED.key}")
    assert not teach_rows(rows_of(base), base.encoder, [PAN, RED], LATER)
    assert teach_rows(rows_of(base), base.encoder, [PAN], LATER)
    assert base.open().engine.lessons == (PAN,)


def test_an_edit_keeps_and_a_removal_drops_what_an_article_learnt(base: SmallBase) -> None:
    publish_rounds(base, 1)
    teach_rows(rows_of(base), base.encoder, [RED, PAN], LATER)
    base.write("router", "router round 1", body="Hold it for ten seconds.")
    (base.folder / "troubleshooting" / "fryer.md").unlink()
    base.build()
    assert base.open().engine.lessons == (RED,)


def test_what_was_learnt_says_the_same_as_in_files(base: SmallBase, tmp_path: Path) -> None:
    publish_rounds(base, 1)
    same_in_files(base, tmp_path / "files")
    files = SmallBase(tmp_path / "files", base.encoder)
    assert learnt.teach(files.index, base.encoder, [RED, PAN], LATER)
    assert teach_rows(rows_of(base), base.encoder, [RED, PAN], LATER)
    one, other = base.open().engine, files.open().engine
    assert one.titles() == pytest.approx(other.titles(), abs=1e-6)
    for question in (RED.question, "a crimson box", "smoke", "where is the card"):
        vector = base.encoder.queries([question])[0]
        mine, theirs = (engine.learnt(question, vector, ALL, IDS) for engine in (one, other))
        assert mine is not None
        assert theirs is not None
        assert {id: near for id, (near, _) in mine.near.items()} == pytest.approx(
            {id: near for id, (near, _) in theirs.near.items()}, abs=1e-5
        )
        assert dict(mine.classes) == pytest.approx(dict(theirs.classes), abs=1e-4)
        assert (mine.spelled, mine.weights) == (theirs.spelled, theirs.weights)


def test_how_much_lessons_count_is_measured_as_in_files(base: SmallBase, tmp_path: Path) -> None:
    publish_rounds(base, 1)
    same_in_files(base, tmp_path / "files")
    files = SmallBase(tmp_path / "files", base.encoder)
    lessons = [Lesson(id, f"{word} {n}") for id, word in (("router", "xyz"), ("fryer", "uvw")) for n in range(12)]
    assert learnt.teach(files.index, base.encoder, lessons, LATER)
    assert teach_rows(rows_of(base), base.encoder, lessons, LATER)
    assert learnt.measure(files.index, base.encoder, LATER)
    assert measure_rows(rows_of(base), base.encoder, LATER)
    one, other = base.open(), files.open()
    assert one.engine.learnt_weights.asked == len(lessons)
    assert one.engine.learnt_weights == other.engine.learnt_weights
    assert one.manifest.calibration == other.manifest.calibration
    assert not measure_rows(rows_of(base), base.encoder, LATER)  # it comes to the same


def test_a_preview_shows_a_draft_and_leaves_nothing(base: SmallBase, tmp_path: Path) -> None:
    publish_rounds(base, 1)
    before = counts(base)
    draft = base.write("fryer", "a draft about the router", questions=["crimson router"], body="Look at it.")
    cache = VectorCache(tmp_path / "vectors.sqlite")
    opened = base.open()
    with preview_rows(rows_of(base), opened.manifest, draft, base.encoder, cache) as engine:
        hits = search("crimson router", ALL, index=engine, encoder=base.encoder, catalogue={}).hits
        assert (hits[0].article.id, hits[0].article.title) == ("fryer", "a draft about the router")
        assert (
            search("crimson router", ALL, index=opened.engine, encoder=base.encoder, catalogue={}).hits[0].score < 1.01
        )
        assert opened.engine.article("fryer").title == "fryer round 1"
    cache.close()
    assert counts(base) == before
    assert preview is not preview_rows


def test_a_lexicon_knows_the_words_of_what_came_later(base: SmallBase) -> None:
    publish_rounds(base, 1)
    assert not base.open().engine.lexicon.uses("zyzzyva")
    base.write("insect", "The zyzzyva", body="A weevil.")
    base.build()
    lexicon = base.open().engine.lexicon
    assert (lexicon.count("zyzzyva"), lexicon.count("router") > 0) == (1, True)


def test_a_search_while_generations_are_published_is_of_one_of_them(base: SmallBase) -> None:
    publish_rounds(base, 1)
    reader, stop, wrong = Rows(rows_of(base)._url), threading.Event(), []
    seen: set[str] = set()

    def read() -> None:
        while not stop.is_set():
            engine = reader.open_current().engine
            hits = search("where is the card", ALL, index=engine, encoder=base.encoder, catalogue={}).hits
            rounds = {hit.article.title.rpartition(" ")[2] for hit in hits}
            seen.update(rounds)
            if len(rounds) != 1:
                wrong.append(rounds)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(2, 8):
        write_round(base, number)
        base.build(keep=2)
    assert within(10, lambda: "7" in seen)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not wrong
    assert len(seen) > 1
    reader.close()


def test_vectors_come_back_as_they_were_given(base: SmallBase) -> None:
    publish_rounds(base, 1)
    engine = base.open().engine
    asked = base.encoder.queries(["anything at all"])[0]
    for id in engine.ids:
        texts = [shown for _, shown in engine.chunks(id)]
        assert len(texts) == len(engine.cosines(asked, id))
    chunk, shown = engine.chunks("card")[0]
    own = base.encoder.passages([shown])[0]
    assert np.float32(engine.cosines(own, "card")[chunk.id]) == pytest.approx(1.0, abs=1e-6)
