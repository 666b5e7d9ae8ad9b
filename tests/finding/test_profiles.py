"""The index in PostgreSQL ranks as the one in files: golden questions, one in three (all: benchmarks/profiles.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from benchmarks.profiles import agree
from indexer.build import build as build_files
from indexer.build.rows import build
from indexer.encoder import SentenceEncoder
from indexer.engine import Engine
from indexer.engine.postgres import engine as postgres
from indexer.engine.postgres import nearest
from indexer.generation import open_current
from indexer.generation.rows.store import Rows
from indexer.vectors import VectorCache
from kb.config import ROOT, settings
from kb.finding.search import search
from tests.finding.test_golden import AGENT, QUESTIONS
from tests.postgres import Server
from tests.small_base import NOON

LEAST = {"resident": 0.99, "exact": 0.99, "approximate": 0.95}  # the last two are compared by the server
ASKED = QUESTIONS[::3]


@pytest.fixture(scope="module")
def files(sample_index: Engine, real_encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The sample articles in files, of the vectors that are kept: `sample_index` may have some of its own, where
    another process was embedding the same texts in other batches."""
    index = tmp_path_factory.mktemp("files") / "index"
    with closing(VectorCache(settings().home / "vectors.sqlite")) as cache:
        build_files(ROOT / "articles", index, real_encoder, cache, at=NOON)
    return open_current(index).engine


@pytest.fixture(scope="module", params=LEAST)
def rows(
    request: pytest.FixtureRequest, server: Server, files: Engine, real_encoder: SentenceEncoder
) -> Iterator[tuple[str, Engine]]:
    """The sample articles in PostgreSQL, of the same vectors."""
    place = Rows(server.url_of(server.empty()))
    with pytest.MonkeyPatch.context() as patch, closing(VectorCache(settings().home / "vectors.sqlite")) as cache:
        if request.param != "resident":
            patch.setattr(nearest, "MOST_BYTES", 0)
        if request.param == "approximate":
            patch.setattr(postgres, "EXACT_UP_TO", 0)
        build(ROOT / "articles", place, real_encoder, cache, at=NOON)
        opened = place.open_current()
        assert opened.manifest.files["near"][1] == (request.param != "resident")
        yield request.param, opened.engine
    place.close()


@pytest.mark.encoder
def test_both_profiles_give_the_same_first_three(
    rows: tuple[str, Engine], files: Engine, real_encoder: SentenceEncoder
) -> None:
    profile, engine = rows
    same = 0
    for one in ASKED:
        ours = search(one.text, AGENT, index=files, encoder=real_encoder, catalogue={})
        known = {"vector": ours.vector, "tokens": ours.tokens}
        theirs = search(one.text, AGENT, index=engine, encoder=real_encoder, catalogue={}, **known)  # type: ignore[arg-type]
        same += agree(ours, theirs)
        assert theirs.verdict.name == ours.verdict.name or not agree(ours, theirs)
    assert same >= LEAST[profile] * len(ASKED)


def test_what_agrees_is_more_than_the_length_of_a_list(sample_index: Engine, real_encoder: SentenceEncoder) -> None:
    one, other = (
        search(question, AGENT, index=sample_index, encoder=real_encoder, catalogue={})
        for question in ("refund to an expired card", "退款多久到账")
    )
    assert agree(one, one)
    assert not agree(one, other)
