"""Fixtures that more than one test file needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kb.config import ROOT, settings
from kb.db import Database
from kb.doors.wiring import Desk
from tests.by_file import ByFile
from tests.new_database import NewUrl, new_file
from tests.on_call import base_of, desk_of
from tests.postgres import Server, started
from tests.small_base import NOON, SmallBase

if TYPE_CHECKING:
    from indexer.encoder import SentenceEncoder
    from indexer.engine import Engine


PROFILES = "sqlite", "postgresql"
PAIRS_LEAST = 700  # tests that ran on both, of the whole suite

_ran: dict[str, set[str]] = {profile: set() for profile in PROFILES}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which profiles a test runs on. Doors have no SQL of their own: they run on SQLite, unless marked `both`."""
    if "new_url" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker
        door = "doors" in metafunc.definition.path.relative_to(ROOT / "tests").parts
        embedded = marked("embedded") or (door and not marked("both"))
        metafunc.parametrize("new_url", PROFILES[: 1 if embedded else 2], indirect=True)


class Told:
    """Prints each failure when it happens: of a run that is cut off there is no summary."""

    def __init__(self, config: pytest.Config) -> None:
        self.terminal: Any = config.pluginmanager.get_plugin("terminalreporter")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.terminal.write_line(f"\n{report.when} of {report.nodeid} failed")
            self.terminal.write_line(report.longreprtext[-6000:])


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Told(config))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    profile = dict(report.user_properties).get("profile")
    if report.when == "call" and report.passed and isinstance(profile, str):
        _ran[profile].add(report.nodeid.replace(profile, "", 1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    pairs = len(_ran["sqlite"] & _ran["postgresql"])
    if pairs:
        terminalreporter.write_line(f"{pairs} tests ran on SQLite and on PostgreSQL")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of the whole suite no green without both profiles, but for a person whose machine has no server."""
    config, pairs = session.config, len(_ran["sqlite"] & _ran["postgresql"])
    whole = not config.getoption("keyword") and not config.getoption("markexpr") and config.args == ["tests"]
    asked = bool(_ran["postgresql"]) or os.environ.get("CI") == "true"
    if whole and asked and not hasattr(config, "workerinput") and pairs < PAIRS_LEAST:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"fewer than {PAIRS_LEAST} tests ran on SQLite and on PostgreSQL")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


@pytest.fixture
def base(tmp_path: Path) -> SmallBase:
    """An empty knowledge base with the hash encoder."""
    return SmallBase(tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """This worker's PostgreSQL server."""
    yield from started()


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewUrl]:
    """Makes one more empty database and tells its address, on SQLite and once more on PostgreSQL: every test that
    asks for this, itself or through `database`, runs on both, but those of doors and those marked `embedded`."""
    request.node.user_properties.append(("profile", request.param))
    if request.param == "sqlite":
        yield lambda name="firstcall": new_file(tmp_path / f"{name}.sqlite")
        return
    server: Server = request.getfixturevalue("server")
    made: list[str] = []

    def new(_: str = "") -> str:
        made.append(server.new())
        return server.url_of(made[-1])

    yield new
    for name in made:
        server.drop(name)


@pytest.fixture
def database(new_url: NewUrl) -> Iterator[Database]:
    """An empty database of its own: for SQLite `firstcall.sqlite` in `tmp_path`."""
    database = Database(new_url())
    yield database
    database.close()


@pytest.fixture(scope="session")
def call_base(tmp_path_factory: pytest.TempPathFactory) -> SmallBase:
    """The small bilingual base of `tests.on_call`, built once; nobody writes to it."""
    return base_of(tmp_path_factory.mktemp("on-call"))


@pytest.fixture
def call_desk(call_base: SmallBase, new_url: NewUrl) -> Iterator[Desk]:
    """A desk of that base with an empty database."""
    desk = desk_of(call_base, new_url())
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
