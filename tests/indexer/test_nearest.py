"""A small base on a PostgreSQL server is searched in memory, and a large one with few questions to the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from indexer.engine.postgres import engine as postgres
from indexer.engine.postgres import nearest
from indexer.engine.postgres.asking import Pool
from indexer.engine.postgres.engine import PostgresEngine
from indexer.generation.rows.store import Rows
from kb import text
from kb.config import ROOT
from kb.content.articles import read_all
from kb.errors import AwayError, GenerationError
from kb.finding.chunks import ANSWERS, ASKS, cut, embedded
from kb.finding.search import search
from kb.finding.search.languages import scopes
from tests.fake_encoder import HashEncoder
from tests.indexer.test_rows import answers, publish_rounds, rows_of, same_in_files
from tests.postgres import Server
from tests.small_base import ALL, SmallBase

HELD = 2**30  # bytes; 0 = the server compares


@pytest.fixture
def base(tmp_path: Path, server: Server) -> Iterator[SmallBase]:
    name = server.empty()
    made = SmallBase(tmp_path, HashEncoder(dim=64), Rows(server.url_of(name)))
    yield made
    rows_of(made).close()
    server.drop(name)


@contextmanager
def statements(engine: PostgresEngine) -> Iterator[list[str]]:
    """What the server is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    assert isinstance(engine._asker, Pool)
    pools = engine._asker._exact, engine._asker._near
    for one in pools:
        sa.event.listen(one, "before_cursor_execute", note)
    yield asked
    for one in pools:
        sa.event.remove(one, "before_cursor_execute", note)


def opened(base: SmallBase) -> PostgresEngine:
    """As a program has it that was just started."""
    rows_of(base).close()
    base.rows = Rows(rows_of(base)._url)
    engine = base.open().engine
    assert isinstance(engine, PostgresEngine)
    engine.lexicon.warm_up()
    return engine


def found(engine: PostgresEngine, base: SmallBase, question: str) -> list[str]:
    hits = search(question, ALL, index=engine, encoder=base.encoder, catalogue={}).hits
    return [hit.article.id for hit in hits]


def near(engine: PostgresEngine, base: SmallBase, question: str) -> list[tuple[str, float]]:
    """Every chunk of both fields with its cosine."""
    vector = base.encoder.queries([question])[0]
    every = [one for kinds in (ASKS, ANSWERS) for one in engine.dense(vector, ALL, 100, kinds)]
    return [(one.chunk, round(one.score, 6)) for one in every]


def first(engine: PostgresEngine, base: SmallBase, question: str, articles: int) -> list[tuple[str, float]]:
    """So many articles, each by its nearest chunk of what it answers."""
    vector = base.encoder.queries([question])[0]
    return [(one.chunk, round(one.score, 6)) for one in engine.dense(vector, ALL, 100, ANSWERS, articles)]


@pytest.mark.parametrize("kept", [HELD, 0], ids=["in memory", "by its index"])
def test_a_search_asks_the_server_a_few_times_at_most_and_nothing_twice(
    base: SmallBase, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most: its words, and in each of two languages the articles of a list, their chunks and tokens."""
    monkeypatch.setattr(nearest, "MOST_BYTES", kept)
    monkeypatch.setattr(postgres, "EXACT_UP_TO", 0)
    publish_rounds(base, 1)
    for id in ("warm", "cold"):  # in another language alone: both are asked apart
        base.write(f"{id}-zh", "扫地机不动", questions=["轮子卡住了"], say="请清理轮子。", lang="zh-CN")
    base.build()
    engine = opened(base)
    assert [engine.mixed(one, "en") for one in (ALL, *scopes(ALL, "en"))] == [True, False, False]
    engine._library.articles._values.clear()
    with statements(engine) as asked:
        before = found(engine, base, "where is the rout")
    assert before[0] == "router"
    compared = [one for one in asked if "<#>" in one]
    assert len(compared) == (0 if kept else 4)  # two fields, in two languages
    assert len(asked) - len(compared) <= (5 if kept else 7), asked
    with statements(engine) as again:
        assert found(engine, base, "where is the rout") == before
    assert again == compared
    with statements(engine) as words:
        found(engine, base, "hol")
    assert len(words) - len(compared) == 1, words  # what the word that is typed may become


def test_the_articles_of_several_lists_are_fetched_in_one_statement(base: SmallBase) -> None:
    publish_rounds(base, 1)
    engine = opened(base)
    engine._library.articles._values.clear()
    with statements(engine) as asked:
        listed = [one.article for one in engine.lexical(text.query_terms("router"), ALL, 10)]
        near(engine, base, "the card")
        assert [one for one in asked if "record" in one] == []
        titles = [engine.article(id).title for id in ("router", "card", "fryer")]
    assert listed == ["router"]
    assert titles == ["router round 1", "card round 1", "fryer round 1"]
    assert len([one for one in asked if "record" in one]) == 1


def test_what_is_in_memory_is_what_the_server_has(base: SmallBase, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_rounds(base, 1)
    engine = opened(base)
    assert set(engine._resident()) == {"asks", "answers"}
    ours = near(engine, base, "turn the router over")
    two = first(engine, base, "turn the router over", 2)
    engine._fields, engine._approximate = {}, True
    engine._views.clear()
    monkeypatch.setattr(postgres, "EXACT_UP_TO", 100)
    assert near(engine, base, "turn the router over") == ours
    assert first(engine, base, "turn the router over", 2) == two
    assert (len(ours), len(two)) == (12, 2)


def test_the_next_generation_reads_only_what_came_since(
    base: SmallBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rounds(base, 2)
    before = opened(base)
    was = near(before, base, "the card")
    read: list[tuple[str, list[int]]] = []
    reading = nearest._read

    def note(shelf: object, name: str, articles: Sequence[int], asker: object) -> object:
        read.append((name, list(articles)))
        return reading(shelf, name, articles, asker)  # type: ignore[arg-type]

    monkeypatch.setattr(nearest, "_read", note)
    base.write("card", "Where a lost card is", say="In the drawer.", body="Look there. Then ask.")
    (base.folder / "troubleshooting" / "fryer.md").unlink()
    base.build()
    after = base.open().engine
    assert isinstance(after, PostgresEngine)
    number = after.directory.lines["card"].number
    assert [one for one in read if one[1]] == [("asks", [number]), ("answers", [number])]
    assert answers(after, base) == answers(same_in_files(base, tmp_path / "files"), base)
    assert near(before, base, "the card") == was  # whoever still asks the one before


def test_rows_that_are_missing_are_not_taken_for_all(base: SmallBase) -> None:
    publish_rounds(base, 1)
    engine = opened(base)
    with sa.create_engine(rows_of(base)._url).begin() as connection:
        assert connection.execute(sa.delete(engine.directory.shelf.fields["asks"])).rowcount == 6
    with pytest.raises(GenerationError) as error:
        nearest.resident(engine.directory, "asks", engine._asker)
    assert error.value.facts["file"] == engine.directory.shelf.fields["asks"].name


def test_ten_thousand_articles_stay_in_memory_and_a_hundred_thousand_do_not() -> None:
    assert [nearest.may_stay(chunks, 384) for chunks in (0, 60_000, 600_000)] == [True, True, False]
    assert (nearest.may_stay(60_000, 768), nearest.may_stay(30_000, 768)) == (False, True)


def test_a_connection_that_broke_unseen_is_replaced_within_a_search(base: SmallBase, server: Server) -> None:
    publish_rounds(base, 1)
    engine = opened(base)
    assert found(engine, base, "where is the router")[0] == "router"
    with engine._asker._exact.connect(), engine._asker._exact.connect():  # type: ignore[attr-defined]
        pass  # two are kept
    name = sa.make_url(rows_of(base)._url).database or ""
    mine = "datname = current_database() AND application_name = 'firstcall index'"
    ended = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {mine}"
    assert server.execute(ended, name) == [(True,), (True,)]
    engine._words._known.clear()
    engine._library.parts._values.clear()
    with statements(engine) as asked:
        assert found(engine, base, "where is the router")[0] == "router"
    assert asked[0] == asked[1]  # once more, of a new connection


def test_a_statement_that_the_server_refuses_is_asked_once(base: SmallBase) -> None:
    publish_rounds(base, 1)
    engine = opened(base)
    with statements(engine) as asked, pytest.raises(AwayError):
        engine._asker.rows(sa.text("SELECT no_such_column"))
    assert len(asked) == 1


def test_vectors_in_memory_are_those_that_were_written_to_the_bit(base: SmallBase) -> None:
    article = base.write("router", "Where is the router", say="In the hall.", body="Look up. Then look down.")
    base.build()
    engine = opened(base)
    wanted = base.encoder.passages([embedded(article, chunk) for chunk in cut(article)])
    here = {}
    for field in engine._resident().values():
        table, rows = field.of(engine.directory.lines["router"].number)
        here |= {place["number"].item(): (row, place["begins"].item()) for place, row in zip(table, rows, strict=True)}
    assert sorted(here) == list(range(len(wanted)))
    for number, (chunk, row) in enumerate(zip(cut(article), wanted, strict=True)):
        np.testing.assert_array_equal(here[number][0], row)
        assert here[number][1] == chunk.span.start


def test_a_whole_question_is_no_term_and_every_term_is_one() -> None:
    """What `Words.having` goes by, of the terms of the sample base."""
    said = {term for one in read_all(ROOT / "articles")[0] for term in text.terms("\n".join((one.title, one.body)))}
    assert len(said) > 2_000
    assert [term for term in said if len(text.terms(term)) > 1 and term not in text.terms(term)] == []
