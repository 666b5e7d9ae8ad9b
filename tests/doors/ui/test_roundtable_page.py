"""The round table's page: an agenda made, a decision kept, in both languages, and who may do neither."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kb.doors.wiring import Desk
from kb.gaps import gap, roundtable
from kb.gaps.gap import Report
from tests.doors.ui.conftest import MAY, SUE, Look, texts

NOW = datetime.now(UTC)


@pytest.fixture
def recorded(desk: Desk) -> Desk:
    with desk.database.write() as connection:
        gap.record(connection, MAY, Report("r-1", "g1", "c1", "may", NOW, "trade in my old robot"))
    return desk


@pytest.mark.parametrize(("hl", "nothing"), [("zh", "还没有开过圆桌会"), ("en", "No round table yet")])
def test_a_supervisor_makes_an_agenda_and_keeps_a_decision(recorded: Desk, look: Look, hl: str, nothing: str) -> None:
    app = look("roundtable", SUE, hl)
    assert nothing in app.info[0].value
    app.text_input[0].set_value("Monday")
    app.button[0].click().run()
    assert not app.exception
    with recorded.database.read() as connection:
        (made,) = roundtable.every(connection, SUE)
        assert [one.gap for one in roundtable.of(connection, SUE, made.id).items] == ["g1"]
    assert any("trade in my old robot" in one for one in texts(app))
    app.text_area[0].set_value("Eva writes it")
    app.button[-1].click().run()
    assert not app.exception
    with recorded.database.read() as connection:
        assert roundtable.of(connection, SUE, made.id).items[0].decision == "Eva writes it"


@pytest.mark.parametrize("hl", ["zh", "en"])
def test_an_agent_is_refused(recorded: Desk, look: Look, hl: str) -> None:
    app = look("roundtable", MAY, hl)
    assert len(app.error) == 1
    assert not app.button
