"""Fixtures that more than one test file needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kb.config import settings
from kb.db import Database
from tests.small_base import SmallBase

if TYPE_CHECKING:
    from indexer.encoder import SentenceEncoder


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    """An empty knowledge base with the hash encoder."""
    return SmallBase(tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database in a file of its own, `firstcall.sqlite` in `tmp_path`."""
    database = Database(f"sqlite:///{tmp_path}/firstcall.sqlite")
    yield database
    database.close()


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
