"""A page as Streamlit draws it: the sample base, a database of its own, somebody looking at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from kb.config import ROOT, Settings
from kb.doors import wiring
from kb.doors.ui import article, bulk, field, figures, frame, live, margin, twins, words, workbench
from kb.doors.ui.one_gap import mending, moving, surging
from kb.people import users
from kb.people.users import Role, User
from tests.fake_encoder import HashEncoder
from tests.new_database import new_database

PAGES = ROOT / "kb/doors/ui"

MAY = User("may", "May", Role.AGENT, frozenset({"tech"}))
PAUL = User("paul", "Paul", Role.AGENT, frozenset({"payments"}))
SUE = User("sue", "Sue", Role.SUPERVISOR, frozenset({"floor"}))

Look = Callable[..., AppTest]


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an index of the sample base, its vectors without meaning."""
    home = tmp_path_factory.mktemp("home")
    wiring.build(Settings(articles=ROOT / "articles", home=home), HashEncoder())
    return home


@pytest.fixture
def desk(indexed: Path, tmp_path: Path) -> Iterator[wiring.Desk]:
    """A desk that answers by words, with an empty database."""
    url = f"sqlite:///{tmp_path}/firstcall.sqlite"
    new_database(tmp_path / "firstcall.sqlite").close()
    one = wiring.Desk(Settings(articles=ROOT / "articles", home=indexed, database_url=url))
    one.open()
    yield one
    one.database.close()


@pytest.fixture
def look(desk: wiring.Desk, monkeypatch: pytest.MonkeyPatch) -> Look:
    """`look(page, by, hl, **query)`: the page of this name as this person sees it in this language, by this address."""
    monkeypatch.setattr(wiring, "desk", lambda: desk)
    monkeypatch.setattr(users, "everyone", lambda connection: [MAY, PAUL, SUE])

    def opened(page: str, by: User, hl: str = "en", **query: str) -> AppTest:
        having = (frame, article, live, field, figures, margin, twins, workbench, bulk, words, mending, moving, surging)
        for module in having:  # each has the name for itself
            monkeypatch.setattr(module, "me", lambda: by)
        app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=30)
        app.session_state["hl"] = hl
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    return opened


def texts(app: AppTest) -> list[str]:
    """Everything a page says in text, in order."""
    kinds = ("header", "subheader", "markdown", "caption", "text", "error", "badge", "code")
    return [str(one.value) for kind in kinds for one in app.get(kind) if hasattr(one, "value")]
