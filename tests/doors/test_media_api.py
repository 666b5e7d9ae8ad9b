"""Pictures over the wire: pasted into an article one may change, shown to whoever may see an article that names it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from kb.doors.wiring import Desk
from kb.people.users import Role, User
from kb.studio import drafts, media
from kb.studio.drafts import Draft
from tests.on_call import base_of, client, desk_of
from tests.studio.test_media import HOSTILE, picture

EDITOR, AGENT = User("ed", "Ed", Role.EDITOR), User("ann", "Ann", Role.AGENT)
BOARD = User("bo", "Bo", Role.AGENT, frozenset({"board"}))
NAME = "lamp.png"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A base where a public article, one in work and one of the board show the same lamp."""
    base = base_of(tmp_path)
    media.put(base.folder, picture(), EDITOR, NAME)
    base.write("late-en", "Late delivery", body=f"![lamp](../_media/{NAME})")
    base.write("secret-en", "The merger", teams=["board"], body=f"![lamp](../_media/{NAME})")
    base.write("draft-zh", "数字人民币退款", state="wip", body=f"![灯](../_media/{NAME})")
    base.build()
    one = desk_of(base, tmp_path / "firstcall.sqlite")
    yield one
    one.database.close()


def upload(to: TestClient, article: str, raw: bytes) -> tuple[int, dict[str, str]]:
    answer = to.post(f"/api/media?article={article}&name=x.png&ui=en", content=raw)
    return answer.status_code, answer.json()


def test_a_pasted_picture_is_a_file_of_the_base_with_a_link_from_the_article(desk: Desk) -> None:
    status, told = upload(client(desk, EDITOR), "late-en", picture(size=(5, 5)))
    assert status == 200
    name = told["link"].removeprefix("../_media/")
    assert (desk.settings.articles / "_media" / name).read_bytes() == picture(size=(5, 5))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(desk: Desk, name: str) -> None:
    status, told = upload(client(desk, EDITOR), "late-en", HOSTILE[name])
    assert (status, told["error"]) == (400, "media_kind")
    assert "PNG, JPEG, GIF or WebP" in told["message"]


def test_too_much_is_refused_before_all_of_it_is_read(desk: Desk) -> None:
    status, told = upload(client(desk, EDITOR), "late-en", b"0" * (media.MOST_BYTES + 1))
    assert (status, told["error"]) == (400, "request_too_large")


@pytest.mark.parametrize(
    ("by", "article", "status"),
    [(AGENT, "late-en", 403), (AGENT, "draft-zh", 200), (AGENT, "nowhere-en", 404), (EDITOR, "../x", 404)],
)
def test_a_picture_is_pasted_where_one_may_write(desk: Desk, by: User, article: str, status: int) -> None:
    assert upload(client(desk, by), article, picture())[0] == status


@pytest.mark.parametrize(
    ("by", "article", "status"),
    [
        (AGENT, "late-en", 200),
        (AGENT, "secret-en", 404),
        (BOARD, "secret-en", 200),
        (AGENT, "draft-zh", 200),  # in work: agents write too
        (AGENT, "vacuum-en", 404),  # does not name it
        (AGENT, "nowhere", 404),
    ],
)
def test_a_picture_is_shown_to_whoever_may_see_the_article(desk: Desk, by: User, article: str, status: int) -> None:
    answer = client(desk, by).get(f"/articles-media/{article}/{NAME}")
    assert answer.status_code == status
    assert (answer.content == picture()) == (status == 200)


def test_a_picture_comes_with_its_type_and_runs_nothing(desk: Desk) -> None:
    answer = client(desk, AGENT).get(f"/articles-media/late-en/{NAME}")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"] == f'inline; filename="{NAME}"'


@pytest.mark.parametrize(
    "name", ["..%2f_site.toml", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "_site.toml", "lamp.png%00", "LAMP.png"]
)
def test_no_name_leads_to_another_file(desk: Desk, name: str) -> None:
    answer = client(desk, EDITOR).get(f"/articles-media/late-en/{name}")
    assert answer.status_code == 404
    assert "Shanghai" not in answer.text


def test_whoever_writes_sees_what_they_just_pasted_and_nobody_else_does(desk: Desk) -> None:
    at = datetime.now(UTC)
    source = "---\nid: new-en\ntitle: New\nlang: en\n---\n\n![lamp](../_media/lamp.png)\n"
    with desk.database.write() as connection:
        drafts.keep(connection, AGENT, Draft("new-en", "", "products/new-en.md", "", source, "", at))
    assert client(desk, AGENT).get("/articles-media/new-en/lamp.png").status_code == 200
    assert client(desk, EDITOR).get("/articles-media/new-en/lamp.png").status_code == 404
    status, told = upload(client(desk, AGENT), "new-en", picture(size=(2, 2)))
    assert (status, told["link"].startswith("../_media/")) == (200, True)
