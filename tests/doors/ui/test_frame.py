"""What every page shares."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kb.config import ROOT, Settings
from kb.content.articles import parse
from kb.doors import wiring
from kb.doors.ui import frame
from kb.doors.ui.frame import moment, safe_markdown
from kb.people import audit
from kb.people.users import OPERATOR
from tests.doors.ui.conftest import SUE, Look
from tests.small_base import markdown

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)  # noon there


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 11, 21, 10, 5, tzinfo=UTC), "18:05"),
        (datetime(2026, 11, 20, 16, 0, tzinfo=UTC), "00:00"),
        (datetime(2026, 11, 21, 16, 0, tzinfo=UTC), "2026-11-22 00:00"),
        (datetime(2026, 11, 20, 15, 59, tzinfo=UTC), "2026-11-20 23:59"),
    ],
)
def test_a_moment_is_told_in_site_time_and_with_its_day_only_where_it_is_another(at: datetime, told: str) -> None:
    assert moment(at, SHANGHAI, NOW) == told


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("![a lamp](../_media/lamp.png)", "![a lamp](/articles-media/kettle-en/lamp.png)"),
        ('![a lamp](../_media/lamp.png "on")', "![a lamp](/articles-media/kettle-en/lamp.png)"),
        ("[the manual](../_media/manual.pdf)", "[the manual](/articles-media/kettle-en/manual.pdf)"),
        ("![a lamp](https://elsewhere.example/lamp.png)", "a lamp"),
        ("![a lamp](//elsewhere.example/_media/lamp.png)", "a lamp"),
        ("![a lamp](../_media/lamp.svg)", "a lamp"),
        ("![a lamp](../../_media/lamp.png)", "a lamp"),
        ("![a lamp](../_media/%2e%2e/lamp.png)", "a lamp"),
        ("![a lamp](data:image/png;base64,AAAA)", "a lamp"),
        ("![a lamp][1]", "!\\[a lamp][1]"),
        ("![a [b] c](https://elsewhere.example/lamp.png)", "!\\[a [b] c](https://elsewhere.example/lamp.png)"),
        ("[see](late-en.md)", "see"),
    ],
)
def test_only_pictures_of_the_base_are_drawn(written: str, drawn: str) -> None:
    article = parse(markdown("kettle-en", "Kettle"), "troubleshooting/kettle-en.md")
    assert safe_markdown(written, article) == drawn.replace("\\\\", "\\")


def test_without_an_article_no_picture_is_drawn() -> None:
    assert safe_markdown("![a lamp](../_media/lamp.png)") == "a lamp"


@pytest.mark.parametrize(
    ("hl", "sentence"),
    [
        ("en", "The index is being built for the first time. This page refreshes by itself."),
        ("zh", "正在第一次建立索引，页面会自动刷新。"),
    ],
)
@pytest.mark.parametrize("page", ["search", "today", "practice", "gaps", "insights", "studio"])
def test_a_page_that_comes_before_the_first_index_waits_for_it(
    look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str, hl: str, sentence: str
) -> None:
    new = wiring.Desk(Settings(articles=tmp_path, home=tmp_path, database_url=f"sqlite:///{tmp_path}/new.sqlite"))
    for module in (wiring, frame):
        monkeypatch.setattr(module, "desk", lambda: new)
    app = look(page, SUE, hl)
    assert [one.value for one in app.info] == [sentence]
    assert not app.error


# --- files that leave ----------------------------------------------------------------------------


def test_who_takes_a_file_stands_in_the_audit_log_each_time_it_is_made(
    desk: wiring.Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "desk", lambda: desk)
    monkeypatch.setattr(frame, "me", lambda: SUE)

    def written() -> list[tuple[str, str]]:
        with desk.database.read() as connection:
            return [(one.by, one.about) for one in audit.entries(connection, OPERATOR) if one.act == "export"]

    make = frame.taken("gaps", lambda: b"a,b")
    assert written() == []  # offered, and not yet taken
    assert make() == b"a,b"
    assert written() == [("sue", "gaps")]


def test_no_button_lets_a_file_leave_unwritten() -> None:
    made = {}
    for path in (ROOT / "kb/doors/ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.download_button":
                made[f"{path.stem}:{node.lineno}"] = ast.unparse(node.args[1])
    assert len(made) >= 4
    assert {place for place, one in made.items() if not (one == "made" or one.startswith("taken("))} == set()
    table = (ROOT / "kb/doors/ui/roundtable.py").read_text("utf-8")
    assert "made, icon = taken(" in table


def test_a_fragment_is_given_nothing_of_a_generation() -> None:
    """Streamlit keeps a fragment with its arguments as long as its session: each would keep a whole index."""
    found = {}
    for file in sorted((ROOT / "kb/doors/ui").rglob("*.py")):
        for one in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(one, ast.FunctionDef) and any("fragment" in ast.unparse(by) for by in one.decorator_list):
                found[file.stem, one.name] = {ast.unparse(arg.annotation) for arg in one.args.args if arg.annotation}
    assert len(found) >= 4
    assert {name: kinds for name, kinds in found.items() if kinds - {"Desk"}} == {}
