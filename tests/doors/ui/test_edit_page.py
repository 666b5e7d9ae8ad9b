"""The editor's page: what stands beside a text while it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kb.content.articles import parse
from kb.doors.wiring import Desk
from kb.people.users import Role, User
from kb.studio import drafts, revisions
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
    ("hl", "badge", "sentence"),
    [
        ("en", "To mend: 2", 'Line 51 says "3–9 working days", but its twin [退款多久到账](/edit?id=refund-times-zh)'),
        ("zh", "要改的：2", "第 51 行写的是“3–9 working days”，另一语言的[退款多久到账](/edit?id=refund-times-zh)第"),
    ],
)
def test_a_changed_time_is_told_beside_the_text_with_its_line_and_the_twin(
    look: Look, desk: Desk, hl: str, badge: str, sentence: str
) -> None:
    row = "| Credit card issued in mainland China | 3–{} working days |"
    drafted(desk, "refund-times-en", row.format(7), row.format(9))
    app = look("edit", ED, hl, id="refund-times-en")
    assert any(sentence in one for one in texts(app))
    assert any(badge in one for one in texts(app))


@pytest.mark.parametrize(
    ("hl", "late", "changed", "button"),
    [
        ("en", "English changed, Chinese did not: 6 days", "English changed", "Both say the same"),
        ("zh", "英文改了，中文没改，已 6 天", "英文已改", "两边说的一样"),
    ],
)
def test_a_twin_that_is_behind_is_due_and_both_are_written_side_by_side(
    look: Look, desk: Desk, hl: str, late: str, changed: str, button: str
) -> None:
    then = datetime.now(UTC) - timedelta(days=6, hours=1)
    en, zh = (desk.read(id, ED) for id in ("buds-compare-en", "buds-compare-zh"))
    assert en is not None
    assert zh is not None
    before = parse(en.source.replace("¥249", "¥259"), en.path)
    with desk.database.write() as connection:
        for at, one in ((then, before), (then, zh), (then, en)):
            revisions.record(connection, one, at, "ed", "studio")
    app = look("studio", ED, hl)
    assert any(late in one for one in texts(app))
    app = look("edit", ED, hl, id="buds-compare-zh")
    assert late in [one.value for one in app.warning]
    app = look("edit", ED, hl, id="buds-compare-zh", beside="1")
    assert late in [one.value for one in app.warning]
    (chapters,) = app.button_group
    (marked,) = [at for at, one in enumerate(chapters.options) if changed in one]
    chapters.set_value(marked).run()
    assert any("-| Price | ¥259" in one.value and "+| Price | ¥249" in one.value for one in app.code), app.code
    app.button("in-step").click().run()
    assert late not in [one.value for one in app.warning]
    with desk.database.read() as connection:
        assert revisions.latest(connection, "buds-compare-zh").cause == "twin"  # type: ignore[union-attr]
