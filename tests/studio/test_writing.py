"""Saving: over the version it was written from, whole or not at all, by whoever may."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from kb.content.articles import fingerprint
from kb.errors import ArticleError, NotAllowedError, RequestError
from kb.people.users import Role, User
from kb.studio.writing import StaleError, merge, on_disk, rename, save

EDITOR = User("ed", "Ed", Role.EDITOR)
AGENT = User("ann", "Ann", Role.AGENT)
PATH = "products/late-en.md"


def text(body: str = "Body.", **keys: str) -> str:
    head = {"id": "late-en", "title": "Late parcel", "lang": "en", "state": "wip"} | keys
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in head.items()) + f"---\n\n{body}\n"


def version(source: str) -> str:
    return fingerprint(source.encode())


def test_a_new_article_is_a_file(tmp_path: Path) -> None:
    saved = save(tmp_path, PATH, text(), "", AGENT)
    assert (tmp_path / PATH).read_bytes() == text().encode()
    assert saved.old is None
    assert saved.changed
    assert saved.article.version == version(text())
    assert [path.name for path in (tmp_path / "products").iterdir()] == ["late-en.md"]  # nothing is left beside it


def test_a_save_over_another_version_is_refused_and_shows_it(tmp_path: Path) -> None:
    save(tmp_path, PATH, text("One."), "", EDITOR)
    save(tmp_path, PATH, text("Two."), version(text("One.")), EDITOR)
    with pytest.raises(StaleError) as refused:
        save(tmp_path, PATH, text("Mine."), version(text("One.")), EDITOR)
    assert refused.value.facts["theirs"] == text("Two.")
    assert (tmp_path / PATH).read_text() == text("Two.")
    with pytest.raises(StaleError):
        save(tmp_path, PATH, text("Mine."), "", EDITOR)  # another wrote the new file first


def test_a_file_removed_meanwhile_is_not_made_again_unseen(tmp_path: Path) -> None:
    with pytest.raises(StaleError) as refused:
        save(tmp_path, PATH, text("Mine."), version(text("One.")), EDITOR)
    assert refused.value.facts["theirs"] == ""


def test_saving_what_is_there_already_writes_nothing(tmp_path: Path) -> None:
    save(tmp_path, PATH, text(), "", EDITOR)
    before = (tmp_path / PATH).stat().st_ino
    assert not save(tmp_path, PATH, text(), version(text("older")), EDITOR).changed
    assert (tmp_path / PATH).stat().st_ino == before


def test_a_byte_order_mark_and_the_rights_of_a_file_stay(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / PATH).write_bytes(b"\xef\xbb\xbf" + text("One.").encode())
    (tmp_path / PATH).chmod(0o640)
    save(tmp_path, PATH, text("Two."), version(text("One.")), EDITOR)
    assert (tmp_path / PATH).read_bytes() == b"\xef\xbb\xbf" + text("Two.").encode()
    assert (tmp_path / PATH).stat().st_mode & 0o777 == 0o640


def test_a_text_that_is_no_article_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    save(tmp_path, PATH, text(), "", EDITOR)
    for broken in ("no front matter", text(state="done"), text().replace("late-en", "other")):
        with pytest.raises(ArticleError):
            save(tmp_path, PATH, broken, version(text()), EDITOR)
    assert on_disk(tmp_path, PATH).source == text()  # type: ignore[union-attr]


def test_a_file_that_holds_no_article_can_be_mended(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / PATH).write_text("broken")
    assert save(tmp_path, PATH, text(), version("broken"), EDITOR).old is None
    assert on_disk(tmp_path, PATH).source == text()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "path",
    ["../late-en.md", "/etc/late-en.md", "products/../../late-en.md", ".git/late-en.md", "_x/late-en.md", "late-en.txt",
     "products//late-en.md", "products\\late-en.md"],
)  # fmt: skip
def test_no_path_leads_out_of_the_articles(tmp_path: Path, path: str) -> None:
    with pytest.raises((RequestError, ArticleError)):
        save(tmp_path / "articles", path, text(), "", EDITOR)
    assert list(tmp_path.rglob("*.md")) == []


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    base, outside = tmp_path / "articles", tmp_path / "outside"
    base.mkdir()
    outside.mkdir()
    (base / "products").symlink_to(outside)
    with pytest.raises(RequestError):
        save(base, PATH, text(), "", EDITOR)
    assert not list(outside.iterdir())


def test_an_id_that_another_file_has_is_refused(tmp_path: Path) -> None:
    save(tmp_path, PATH, text(), "", EDITOR)
    with pytest.raises(RequestError) as refused:
        save(tmp_path, "refund-policy/late-en.md", text(), "", EDITOR)
    assert refused.value.facts == {"id": "late-en", "file": PATH}


def test_an_agent_writes_in_work_and_no_more(tmp_path: Path) -> None:
    save(tmp_path, PATH, text(), "", AGENT)
    for state in ("not-validated", "validated"):
        with pytest.raises(NotAllowedError):
            save(tmp_path, PATH, text(state=state), version(text()), AGENT)
    save(tmp_path, PATH, text(state="validated"), version(text()), EDITOR)
    with pytest.raises(NotAllowedError):
        save(tmp_path, PATH, text("Changed.", state="validated"), version(text(state="validated")), AGENT)
    assert on_disk(tmp_path, PATH).source == text(state="validated")  # type: ignore[union-attr]


def test_an_article_moves_to_another_folder_and_never_over_one(tmp_path: Path) -> None:
    save(tmp_path, PATH, text(), "", EDITOR)
    moved = rename(tmp_path, PATH, "refund-policy/late-en.md", EDITOR)
    assert moved.category == "refund-policy"
    assert on_disk(tmp_path, PATH) is None
    (tmp_path / PATH).write_text("x")
    with pytest.raises(RequestError):
        rename(tmp_path, "refund-policy/late-en.md", PATH, EDITOR)


def _append(folder: Path, name: str, times: int) -> None:
    for number in range(times):
        while True:
            there = on_disk(folder, PATH)
            assert there is not None
            try:
                save(folder, PATH, f"{there.source}{name} {number}\n", there.version, EDITOR)
                break
            except StaleError:
                continue


def test_of_many_writers_none_loses_a_line(tmp_path: Path) -> None:
    save(tmp_path, PATH, text(), "", EDITOR)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append, args=(tmp_path, name, 15)) for name in "abcd"]
    for one in writers:
        one.start()
    for one in writers:
        one.join(60)
    lines = on_disk(tmp_path, PATH).source.splitlines()  # type: ignore[union-attr]
    assert sorted(line for line in lines if line[:2] in ("a ", "b ", "c ", "d ")) == sorted(
        f"{name} {number}" for name in "abcd" for number in range(15)
    )


def test_two_changes_at_different_places_become_one_text() -> None:
    base = "a\nb\nc\nd\ne\n"
    made = merge(base, "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n", ("mine", "theirs"))
    assert (made.source, made.clashes) == ("A\nb\nc\nd\nE\n", 0)


def test_two_changes_of_one_line_both_stand_there() -> None:
    made = merge("a\nb\nc\n", "a\nmine\nc\n", "a\ntheirs\nc\n", ("you", "Li Na"))
    assert made.clashes == 1
    assert made.source == "a\n<<<<<<< you\nmine\n=======\ntheirs\n>>>>>>> Li Na\nc\n"
