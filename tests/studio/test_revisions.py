"""Who changed what, when: each save once, with the version before it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kb.content.articles import Article, parse
from kb.db import Connection, Database
from kb.errors import NotAllowedError, NotFoundError
from kb.people.users import Role, User
from kb.studio import revisions
from kb.studio.revisions import (
    DISK,
    Standing,
    changed_lines,
    diff,
    git_authors,
    history,
    latest,
    of,
    record,
    record_removed,
    stamps,
    standings,
)
from tests.people_on_the_floor import MINUTE, NOON

EDITOR = User("ed", "Ed", Role.EDITOR)


def article(body: str, **keys: str) -> Article:
    head = {"id": "a", "title": "T", "lang": "en", "state": "wip"} | keys
    return parse(
        "---\n" + "".join(f"{key}: {value}\n" for key, value in head.items()) + f"---\n\n{body}\n", "products/a.md"
    )


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def test_each_save_follows_the_one_before_and_the_newest_comes_first(connection: Connection) -> None:
    one, two = article("One."), article("Two.", state="validated")
    record(connection, one, NOON, "ed", "studio")
    record(connection, two, NOON + MINUTE, "Li Na <li@lark>", "disk")
    told = [(r.sha256, r.parent, r.by, r.cause, r.state) for r in history(connection, EDITOR, "a")]
    assert told == [
        (two.version, one.version, "Li Na <li@lark>", "disk", "validated"),
        (one.version, "", "ed", "studio", "wip"),
    ]
    assert of(connection, history(connection, EDITOR, "a")[1]) == one
    assert stamps(connection) == {"a": (NOON + MINUTE, "Li Na <li@lark>")}


def test_what_the_last_revision_says_already_is_no_revision(connection: Connection) -> None:
    assert record(connection, article("One."), NOON, "ed", "studio") is not None
    assert record(connection, article("One."), NOON + MINUTE, DISK, "disk") is None
    assert len(history(connection, EDITOR, "a")) == 1


def test_a_text_that_comes_back_is_a_revision_again(connection: Connection) -> None:
    for at, body in enumerate(("One.", "Two.", "One.")):
        record(connection, article(body), NOON + at * MINUTE, "ed", "studio")
    assert [r.sha256 for r in history(connection, EDITOR, "a")] == [
        article(body).version for body in ("One.", "Two.", "One.")
    ]


def test_a_removed_file_is_told_once_and_its_text_stays(connection: Connection) -> None:
    record(connection, article("One."), NOON, "ed", "studio")
    record_removed(connection, "a", NOON + MINUTE, DISK)
    record_removed(connection, "a", NOON + 2 * MINUTE, DISK)
    gone, there = history(connection, EDITOR, "a")
    assert (gone.sha256, gone.parent, gone.by) == ("", article("One.").version, DISK)
    with pytest.raises(NotFoundError):
        of(connection, gone)
    assert of(connection, there).body.strip() == "One."
    assert latest(connection, "never") is None


def test_the_history_of_another_teams_article_is_none(connection: Connection) -> None:
    record(connection, article("One.", teams="[tier2]"), NOON, "ed", "studio")
    with pytest.raises(NotFoundError):
        history(connection, EDITOR, "a")
    assert len(history(connection, User("two", "Two", Role.AGENT, frozenset({"tier2"})), "a")) == 1


def test_a_diff_is_the_lines_that_differ_with_a_little_around_them() -> None:
    old = "a\nb\nc\nd\n3 days\nf\ng\nh\n"
    assert list(diff(old, old.replace("3 days", "5 days"))) == [
        "@@ -3,5 +3,5 @@", " c", " d", "-3 days", "+5 days", " f", " g",
    ]  # fmt: skip
    assert diff(old, old) == []


def test_a_long_name_of_an_author_is_cut(connection: Connection) -> None:
    made = revisions.record(connection, article("One."), NOON + timedelta(days=1), "x" * 900, "disk")
    assert made is not None
    assert len(made.by) == 200


def test_git_tells_who_committed_each_file_last_but_not_of_one_that_was_changed_since(tmp_path: Path) -> None:
    def commit(author: str, **files: str) -> None:
        for name, content in files.items():
            path = tmp_path / "articles" / f"{name}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        subprocess.run(["git", "-C", tmp_path, "add", "-A"], check=True)
        who = ["-c", f"user.name={author}", "-c", "user.email=one@lark"]
        subprocess.run(["git", "-C", tmp_path, *who, "commit", "-qm", "two\n\nlines"], check=True)

    assert git_authors(tmp_path) == {}
    subprocess.run(["git", "-C", tmp_path, "init", "-q"], check=True)
    commit("Li Na", one="1", 二="2", three="3")
    commit("王敏", one="1a", four="4")
    (tmp_path / "articles" / "three.md").write_text("changed")
    (tmp_path / "articles" / "new.md").write_text("nobody's yet")
    assert git_authors(tmp_path / "articles") == {"one.md": "王敏", "二.md": "Li Na", "four.md": "王敏"}


# --- twins ---------------------------------------------------------------------------------------


def one_of_two(id: str, body: str, **keys: str) -> Article:
    head = {"id": id, "title": "T", "lang": "en" if id.endswith("en") else "zh-CN", "state": "wip"} | keys
    return parse(
        "---\n" + "".join(f"{key}: {value}\n" for key, value in head.items()) + f"---\n\n{body}\n", f"p/{id}.md"
    )


PAIR = [("t-en", "t-zh")]


def test_a_twin_is_behind_from_the_first_change_until_it_is_changed_too(connection: Connection) -> None:
    first = {"t-en": one_of_two("t-en", "Seven days."), "t-zh": one_of_two("t-zh", "七天。")}
    for one in first.values():
        record(connection, one, NOON, DISK, "disk")
    step = {id: one.version for id, one in first.items()}
    in_step = Standing("", None, step)
    assert standings(connection, PAIR) == {"t-en": in_step, "t-zh": in_step}
    record(connection, one_of_two("t-en", "Seven days.", review_by="2026-12-01"), NOON + MINUTE, "ed", "studio")
    assert standings(connection, PAIR)["t-zh"].behind == ""  # what nobody reads out is no change
    kept = standings(connection, PAIR)["t-en"].step
    for at, body in ((2, "Ten days."), (3, "Fifteen days.")):
        record(connection, one_of_two("t-en", body), NOON + at * MINUTE, "ed", "studio")
    late = Standing("t-zh", NOON + 2 * MINUTE, kept)
    assert standings(connection, PAIR) == {"t-en": late, "t-zh": late}
    record(connection, one_of_two("t-zh", "十五天。"), NOON + 4 * MINUTE, "ed", "studio")
    now = standings(connection, PAIR)["t-en"]
    assert (now.behind, now.since) == ("", None)
    assert now.step == {
        "t-en": one_of_two("t-en", "Fifteen days.").version,
        "t-zh": one_of_two("t-zh", "十五天。").version,
    }


def test_somebody_who_may_change_it_says_that_a_twin_needs_no_change(connection: Connection) -> None:
    zh = one_of_two("t-zh", "七天。", state="validated")
    record(connection, one_of_two("t-en", "Seven dais."), NOON, DISK, "disk")
    record(connection, zh, NOON, DISK, "disk")
    record(connection, one_of_two("t-en", "Seven days."), NOON + MINUTE, "ed", "studio")
    assert standings(connection, PAIR)["t-en"].behind == "t-zh"
    with pytest.raises(NotAllowedError):
        revisions.in_step(connection, User("may", "May", Role.AGENT), zh, NOON + 2 * MINUTE)
    revisions.in_step(connection, EDITOR, zh, NOON + 2 * MINUTE)
    assert standings(connection, PAIR)["t-en"].behind == ""
    assert [(one.cause, one.by) for one in history(connection, EDITOR, "t-zh")] == [("twin", "ed"), ("disk", DISK)]
    assert record(connection, zh, NOON + 3 * MINUTE, DISK, "disk") is None


def test_a_translation_made_later_is_in_step_and_one_that_is_gone_is_not_behind(connection: Connection) -> None:
    for at, body in enumerate(("One.", "Two.")):
        record(connection, one_of_two("t-en", body), NOON + at * MINUTE, "ed", "studio")
    record(connection, one_of_two("t-zh", "二。"), NOON + 2 * MINUTE, "ed", "studio")
    assert standings(connection, PAIR)["t-zh"].behind == ""
    record_removed(connection, "t-zh", NOON + 3 * MINUTE, DISK)
    record(connection, one_of_two("t-en", "Three."), NOON + 4 * MINUTE, "ed", "studio")
    assert standings(connection, PAIR)["t-en"].behind == ""


def test_the_lines_that_changed_are_those_of_the_new_text() -> None:
    assert changed_lines("a\nb\nc\n", "a\nB\nc\nd\n") == {2, 4}
    assert changed_lines("a\nb\nc\n", "a\nc\n") == {2}  # b is gone before line 2
    assert changed_lines("a\n", "a\n") == frozenset()
