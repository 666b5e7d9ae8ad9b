"""The round table's page: an agenda made, a decision kept, in both languages, and who may do neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kb.doors.wiring import Desk
from kb.gaps import gap, roundtable
from kb.gaps.diagnosis import Diagnosis
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
    next(one for one in app.button if one.proto.form_id == "new-table").click().run()
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


@pytest.mark.parametrize(
    ("hl", "came", "decision"),
    [("zh", "的决定，后来怎样", "决定：Eva writes"), ("en", "What came of the decisions", "Decision: Eva writes")],
)
def test_the_next_agenda_shows_what_came_of_the_last_decisions(
    recorded: Desk, look: Look, hl: str, came: str, decision: str
) -> None:
    with recorded.database.write() as connection:
        first = roundtable.call_together(connection, SUE, "Monday", ["g1"], {}, NOW - timedelta(days=7))
        assert roundtable.agenda(connection, SUE, first.id).came == ()
        roundtable.decide(connection, SUE, first.id, "g1", "Eva writes", NOW - timedelta(days=7))
        why = {"g1": Diagnosis("missing", None, (), 0)}
        roundtable.call_together(connection, SUE, "Tuesday", ["g1"], why, NOW)
    said = "\n".join(texts(look("roundtable", SUE, hl)))
    assert came in said
    assert decision in said
    assert ("Nothing in the base answers it" if hl == "en" else "知识库里确实没有答案") in said.replace("\\", "")
