"""Desks that more than one test of the doors needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.doors.wiring import Desk
from tests.on_call import base_of, desk_of
from tests.small_base import SmallBase


@pytest.fixture(scope="session")
def call_base(tmp_path_factory: pytest.TempPathFactory) -> SmallBase:
    """The small bilingual base of `tests.on_call`, built once; nobody writes to it."""
    return base_of(tmp_path_factory.mktemp("on-call"))


@pytest.fixture
def call_desk(call_base: SmallBase, tmp_path: Path) -> Iterator[Desk]:
    """A desk of that base with an empty database, `firstcall.sqlite` in `tmp_path`."""
    desk = desk_of(call_base, tmp_path / "firstcall.sqlite")
    yield desk
    desk.database.close()
