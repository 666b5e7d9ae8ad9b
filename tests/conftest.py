"""Fixtures that more than one test file needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from kb.config import ROOT, settings
from kb.db import Database
from kb.doors.wiring import Desk
from tests.new_database import new_database
from tests.on_call import base_of, desk_of
from tests.small_base import NOON, SmallBase

if TYPE_CHECKING:
    from indexer.encoder import SentenceEncoder
    from indexer.engine import Engine


class ByFile(LoadScopeScheduling):
    """A file's tests go to one worker, and all that drive Chromium to the same one, for they share an app."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "tests/browser" if file.startswith("tests/browser/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByFile(config, log)


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    """An empty knowledge base with the hash encoder."""
    return SmallBase(tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database in a file of its own, `firstcall.sqlite` in `tmp_path`."""
    database = new_database(tmp_path / "firstcall.sqlite")
    yield database
    database.close()


@pytest.fixture(scope="session")
def call_base(tmp_path_factory: pytest.TempPathFactory) -> SmallBase:
    """The small bilingual base of `tests.on_call`, built once; nobody writes to it."""
    return base_of(tmp_path_factory.mktemp("on-call"))


@pytest.fixture
def call_desk(call_base: SmallBase, tmp_path: Path) -> Iterator[Desk]:
    """A desk of that base with an empty database, `firstcall.sqlite` in `tmp_path`."""
    path = tmp_path / "firstcall.sqlite"
    new_database(path).close()
    desk = desk_of(call_base, path)
    yield desk
    desk.database.close()


@pytest.fixture(scope="session")
def real_encoder() -> SentenceEncoder:
    """The encoder of the settings, unpacked into their home once. Loading it takes seconds: mark with `encoder`."""
    from indexer.encoder import SentenceEncoder

    return SentenceEncoder(settings())


@pytest.fixture(scope="session")
def exact_encoder(real_encoder: SentenceEncoder) -> SentenceEncoder:
    """The same in fp32, whatever the processor has."""
    from indexer.encoder import SentenceEncoder

    fp32 = replace(settings(), precision="fp32")
    return real_encoder if real_encoder.precision == "fp32" else SentenceEncoder(fp32)


@pytest.fixture(scope="session")
def sample_index(real_encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The sample articles as the product indexes them, in a home of its own with the kept vectors."""
    from indexer.build import build
    from indexer.generation import open_current
    from indexer.vectors import VectorCache

    index = tmp_path_factory.mktemp("sample") / "index"
    with closing(VectorCache(settings().home / "vectors.sqlite")) as cache:
        report = build(ROOT / "articles", index, real_encoder, cache, at=NOON)
    assert report.refused == ()
    return open_current(index).engine
