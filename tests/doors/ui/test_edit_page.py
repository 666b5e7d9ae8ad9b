"""The editor's page: what stands beside a text while it is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kb.doors.wiring import Desk
from kb.people.users import Role, User
from kb.studio import drafts
from kb.studio.drafts import Draft
from tests.doors.ui.conftest import Look, texts

ED = User("ed", "Ed", Role.EDITOR)


def drafted(desk: Desk, id: str, before: str, after: str) -> None:
    """Ed's draft of an article with one thing changed."""
    article = desk.read(id, ED)
    assert article is not None
    assert article.source.count(before) == 1
    source = article.source.replace(before, after)
    with desk.database.write() as connection:
        drafts.keep(
            connection,
            ED,
            Draft(id, "ed", article.path, article.version, source, "", datetime.now(UTC)),
            known=article.source,
        )


@pytest.mark.parametrize(
    ("hl", "tab", "sentence"),
    [
        ("en", "To mend (", "Line 51 says “3–9 working days”, but its twin [退款多久到账](/edit?id=refund-times-zh)"),
        ("zh", "要改的（", "第 51 行写的是“3–9 working days”，另一语言的[退款多久到账](/edit?id=refund-times-zh)第"),
    ],
)
def test_a_changed_time_is_told_beside_the_text_with_its_line_and_the_twin(
    look: Look, desk: Desk, hl: str, tab: str, sentence: str
) -> None:
    row = "| Credit card issued in mainland China | 3–{} working days |"
    drafted(desk, "refund-times-en", row.format(7), row.format(9))
    app = look("edit", ED, hl, id="refund-times-en")
    assert any(sentence in one for one in texts(app))
    (label,) = [one.label for one in app.tabs if one.label.startswith(tab)]
    assert "0" not in label
