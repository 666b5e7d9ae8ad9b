"""The start of a shift: what is new for me, each part with its words for when there is nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
import streamlit as st
from streamlit.testing.v1 import AppTest

from kb import tables
from kb.calls import bulletins
from kb.calls.bulletins import Notice
from kb.doors.wiring import Desk
from kb.people.users import User
from tests.doors.ui.conftest import MAY, PAGES, SUE, Look, texts

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC)


def call(desk: Desk, by: User, id: str = "call-7") -> None:
    with desk.database.write() as connection:
        connection.execute(sa.insert(tables.call).values(id=id, agent=by.id, begun_at=NOW - DAY, last_at=NOW - DAY))


def write(desk: Desk, table: sa.Table, **values: object) -> None:
    with desk.database.write() as connection:
        connection.execute(sa.insert(table).values(**values))


def undo(app: AppTest, what: str) -> None:
    """Take back what was just taken off a list; the page names it, and then no more."""
    assert f"Off the list: {what}" in [one.value for one in app.caption]
    next(one for one in app.button if one.label == "Undo").click().run()
    assert not app.exception
    assert "Undo" not in [one.label for one in app.button]


@pytest.mark.parametrize("by", [MAY, SUE])
@pytest.mark.parametrize(
    ("hl", "nothing"),
    [
        (
            "zh",
            ["没有没看过的通知", "今天没有要兑现的承诺", "一有答案，就会出现在这里", "都没有改动"],
        ),
        (
            "en",
            ["You have seen every notice", "No promise is due today", "as soon as it is answered", "has changed"],
        ),
    ],
)
def test_with_nothing_new_each_part_says_what_will_appear(look: Look, by: User, hl: str, nothing: list[str]) -> None:
    shown = [one.value for one in look("today", by, hl).caption]
    assert [words for words in nothing if not any(words in one for one in shown)] == []


def test_a_new_notice_is_shown_until_it_is_seen(look: Look, desk: Desk) -> None:
    with desk.database.write() as connection:
        bulletins.post(connection, SUE, Notice("recall", "V9 recalled", NOW + DAY), NOW - HOUR, {})
    app = look("today", MAY)
    assert "V9 recalled" in [one.value for one in app.subheader]
    next(one for one in app.button if one.label == "Got it").click().run()
    assert "V9 recalled" not in [one.value for one in app.subheader]
    assert "V9 recalled" in [one.value for one in look("today", SUE).subheader]
    undo(app, "V9 recalled")
    assert "V9 recalled" in [one.value for one in app.subheader]


def test_promises_due_today_are_listed_and_ticked_off(look: Look, desk: Desk) -> None:
    call(desk, MAY)
    for id, due, agent in (("late", -HOUR, "may"), ("far", 3 * DAY, "may"), ("sues", -HOUR, "sue")):
        facts = {"call": "call-7", "agent": agent, "made_at": NOW - DAY, "due_at": NOW + due}
        write(desk, tables.promise, id=id, what=f"Call back about {id}", **facts)
    app = look("today", MAY)
    shown = "\n".join(texts(app))
    assert "Call back about late" in shown
    assert "overdue" in shown
    assert "call-7" in shown
    assert "about far" not in shown
    assert "about sues" not in shown
    next(one for one in app.button if one.label == "Called back").click().run()
    assert "kept-late" not in [one.key for one in app.button]
    undo(app, "Call back about late")
    assert "kept-late" in [one.key for one in app.button]
    next(one for one in app.button if one.label == "Called back").click().run()
    assert "Call back about late" not in "\n".join(texts(look("today", MAY)))


def test_a_gap_of_mine_that_is_answered_is_told_until_i_called_back(look: Look, desk: Desk) -> None:
    call(desk, MAY)
    facts = {"question": "Can the lock open by voice?", "lang": "en", "state": "published", "closed_at": NOW - HOUR}
    write(desk, tables.gap, id="gap-1", at=NOW - DAY, article="lock-unlock-ways-en", **facts)
    write(desk, tables.gap_report, id="r1", gap="gap-1", call="call-7", agent="may", at=NOW - DAY)
    app = look("today", MAY)
    article = desk.read("lock-unlock-ways-en", MAY)
    assert article
    assert "Can the lock open by voice?" in "\n".join(texts(app))
    assert article.title in [one.label for one in app.button]
    assert "Can the lock open by voice?" not in "\n".join(texts(look("today", SUE)))
    app = look("today", MAY)
    next(one for one in app.button if one.key == "told-r1").click().run()
    assert "told-r1" not in [one.key for one in app.button]
    undo(app, "Can the lock open by voice?")
    assert "told-r1" in [one.key for one in app.button]
    next(one for one in app.button if one.key == "told-r1").click().run()
    assert "Can the lock open by voice?" not in "\n".join(texts(look("today", MAY)))


@pytest.mark.parametrize(("hl", "said"), [("zh", "不再编写：已停产"), ("en", "Nothing will be written: 已停产")])
def test_a_gap_of_mine_that_nothing_will_answer_is_told_with_the_reason(
    look: Look, desk: Desk, hl: str, said: str
) -> None:
    facts = {"question": "门锁能声控吗", "lang": "zh", "state": "not_needed", "closed_at": NOW - HOUR}
    write(desk, tables.gap, id="gap-1", at=NOW - DAY, **facts)
    write(desk, tables.gap_report, id="r1", gap="gap-1", call="call-7", agent="may", at=NOW - DAY)
    step = {"before": "triaged", "after": "not_needed", "by": "sue", "at": NOW - HOUR, "why": "已停产"}
    write(desk, tables.gap_move, id=1, gap="gap-1", **step)
    app = look("today", MAY, hl)
    assert said in "\n".join(texts(app))
    next(one for one in app.button if one.key == "told-r1").click().run()
    assert said not in "\n".join(texts(look("today", MAY, hl)))


def shown_as(markdown: str) -> str:
    """What a reader sees of a text with marked words and escapes."""
    return re.sub(r"\\(.)", r"\1", re.sub(r":\w+-background\[((?:\\.|[^\]])*)\]", r"\1", markdown))


@pytest.mark.parametrize(("hl", "was", "now"), [("zh", "原来：", "现在："), ("en", "Before: ", "Now: ")])
def test_an_article_i_use_that_changed_shows_what_it_said_and_says(
    look: Look, desk: Desk, hl: str, was: str, now: str
) -> None:
    article, same = desk.read("refund-times-en", MAY), desk.read("return-7-day-en", MAY)
    assert article
    assert same
    call(desk, MAY)
    old = article.source.replace("24 hours", "48 hours")
    write(desk, tables.version, sha256="old", article=article.id, first_at=NOW - DAY, source=old)
    facts = {"call": "call-7", "agent": "may", "kind": "open", "at": NOW - DAY}
    write(desk, tables.event, id="e1", article=article.id, version="old", **facts)
    current = desk.open().opened.manifest.articles
    write(desk, tables.event, id="e2", article=same.id, version=current[same.id].sha256, **facts)
    write(desk, tables.event, id="e3", article="long-gone-en", version="x", **facts)
    app = look("today", MAY, hl)
    shown = [shown_as(one) for one in texts(app)]
    assert any(one.startswith(was) and "48 hours" in one for one in shown)
    assert any(one.startswith(now) and "24 hours" in one for one in shown)
    assert any("long-gone-en" in one for one in shown)
    titles = [one.label for one in app.button]
    assert article.title in titles
    assert same.title not in titles
    assert [one.label for one in look("today", SUE, hl).button] == []


def test_a_changed_article_opens_on_the_agents_page(look: Look, desk: Desk, tmp_path: Path) -> None:
    look("today", MAY)  # somebody is looking
    article = desk.read("refund-times-en", MAY)
    assert article
    call(desk, MAY)
    facts = {"call": "call-7", "agent": "may", "kind": "open", "at": NOW - DAY}
    write(desk, tables.event, id="e1", article=article.id, version="old", **facts)
    shell = tmp_path / "shell.py"
    pages = ", ".join(
        f"st.Page({str(PAGES / name)!r}, default={name == 'today.py'})" for name in ("today.py", "search.py")
    )
    shell.write_text(f"import streamlit as st\nst.navigation([{pages}]).run()\n", "utf-8")
    app = AppTest.from_file(str(shell), default_timeout=30)
    app.session_state["hl"] = "en"
    app.run()
    next(one for one in app.button if one.label == article.title).click().run()
    assert not app.exception
    assert article.title in [one.value for one in app.header]


def test_a_database_that_fails_is_told_in_one_sentence(look: Look, desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.execute(sa.text("DROP TABLE bulletin_seen"))
    app = look("today", MAY, "zh")
    assert [one.value.startswith("数据库无法使用") for one in app.error] == [True]


# --- how far the verdict can be believed ---------------------------------------------------------


@pytest.mark.parametrize(("hl", "title"), [("zh", "“找到了”有多可信"), ("en", 'How sure "found" is')])
def test_a_supervisor_sees_how_often_the_verdict_is_wrong_and_an_agent_does_not(
    look: Look, desk: Desk, hl: str, title: str
) -> None:
    assert desk.served
    curve = desk.served.opened.manifest.calibration["en"]
    assert curve.errors
    shown = "\n".join(texts(look("today", SUE, hl)))
    assert title in shown
    assert f"{curve.samples} " in shown
    assert f"{curve.errors.missing:.0%}" in shown
    assert f"{curve.errors.found:.0%}" in shown
    assert title not in "\n".join(texts(look("today", MAY, hl)))


def test_a_base_too_small_to_measure_says_so(look: Look, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.served
    small = replace(desk.served.opened.manifest, calibration={})
    served = replace(desk.served, opened=replace(desk.served.opened, manifest=small))
    monkeypatch.setattr(Desk, "served", served)
    shown = "\n".join(texts(look("today", SUE)))
    assert "Chinese: too few questions and titles to measure it." in shown
    assert "English: too few questions and titles to measure it." in shown


def test_an_empty_base_offers_its_supervisor_a_sample_and_nobody_else(look: Look, desk: Desk) -> None:
    for by, offered in ((SUE, True), (MAY, False)):
        assert ("demo-fill" in [one.key for one in look("today", by).button]) is offered
    call(desk, MAY)
    assert "demo-fill" not in [one.key for one in look("today", SUE).button]


def test_everybody_takes_a_copy_of_what_they_see_and_hands_in_what_they_noted(
    look: Look, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: dict[str, Any] = {}
    note = {"id": "00112233aabb", "q": "refund to 13812345678", "at": (NOW - DAY).isoformat()}
    held = {"firstcall": "notes", "version": 1, "by": "may", "copy": "c", "generation": "g", "notes": [note]}
    monkeypatch.setattr(
        st, "download_button", lambda label, made, name, *_, **__: offered.update({label: (made, name)})
    )
    monkeypatch.setattr(
        st, "file_uploader", lambda *_, **__: SimpleNamespace(getvalue=lambda: json.dumps(held).encode())
    )
    app = look("today", MAY)
    assert [one.value for one in app.success] == ["Gaps imported: 1."]
    with desk.database.read() as connection:
        rows = connection.execute(sa.select(tables.gap.c.question, tables.gap_report.c.agent)).all()
    assert [tuple(row) for row in rows] == [("refund to ‹phone›", "may")]
    made, name = offered["Download the offline copy"]
    assert name.startswith("firstcall-offline-20")
    assert '"whom":"May"' in made().decode()
    with desk.database.read() as connection:
        row = connection.execute(sa.select(tables.audit.c.by, tables.audit.c.act, tables.audit.c.about)).one()
    assert tuple(row) == ("may", "export", "offline copy")
