"""Articles that somebody may not see, planted with a mark: the mark comes out of no door, whatever is asked.

The questions find them by meaning and by word; only what may be seen is told. Each way to see one is proved to work
for the person who may, so that a door that shows nothing at all does not pass.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kb.calls import bulletins, practice
from kb.calls.bulletins import Notice
from kb.content.articles import parse
from kb.doors import foresight, mending, studio, transfer
from kb.doors.wiring import Desk
from kb.errors import KBError
from kb.gaps import gap
from kb.gaps.gap import Report
from kb.people.users import Role, User
from kb.studio import revisions
from tests.on_call import client, desk_of, write_articles
from tests.small_base import SmallBase, markdown

MARK = "Qxmarked"  # in the title, say-line, body, owner and a question of each planted article
NOW = datetime.now(UTC)
YESTERDAY, TOMORROW = (str((NOW + timedelta(days=days)).date()) for days in (-2, 2))
PLANTED: Mapping[str, dict[str, Any]] = {
    "team-en": {"teams": ["board"]},
    "wip-team-en": {"teams": ["board"], "state": "wip"},
    "archived-en": {"state": "archived"},
    "expired-en": {"valid_until": YESTERDAY},
    "not-yet-en": {"valid_from": TOMORROW},
    "compliance-team-en": {"teams": ["board"], "governance": "compliance"},
    "internal-team-en": {"teams": ["board"], "audience": "internal"},
    "team-zh": {"teams": ["board"], "lang": "zh-CN"},
}
ASKED = (
    "is the company sold to a competitor",
    "company sold",
    "merger with the competitor",
    "the company",
    "公司 competitor",
    "router LH-R3000 sold",
    "refund to an expired card",
)
NARROWED: tuple[dict[str, Any], ...] = (
    {},
    {"why": True, "limit": 50},
    {"lang": "en"},
    {"prefer_lang": "zh"},
    {"product": "LH-R3000"},
)
AGENT = User("may", "May", Role.AGENT, frozenset({"payments"}))
BOARD = User("boss", "Boss", Role.ADMIN, frozenset({"board"}))
PEOPLE = [AGENT, *(User(f"one-{role}", role.value, role, frozenset({"payments"})) for role in Role)]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> SmallBase:
    base = SmallBase(tmp_path_factory.mktemp("planted"))
    write_articles(base)
    for id, front in PLANTED.items():
        base.write(
            id,
            f"{MARK} {id} company",
            questions=["is the company sold to a competitor", f"the merger {MARK}"],
            say=f"{MARK}: we are being sold.",
            body=f"{MARK} The company is sold to a competitor. See LH-R3000.",
            owner=MARK.lower(),
            twin="team-zh" if id == "team-en" else "team-en" if id == "team-zh" else "",
            **front,
        )
    base.build()
    return base


@pytest.fixture
def desk(planted: SmallBase, tmp_path: Path) -> Iterator[Desk]:
    one = desk_of(planted, tmp_path / "firstcall.sqlite")
    _what_others_did(one)
    one.floor.refresh(one.database, one.served.opened.engine, one.encoder, planted.folder, NOW)  # type: ignore[union-attr]
    yield one
    one.database.close()


def _what_others_did(desk: Desk) -> None:
    """The board's call on its article, its gap, its notice."""
    boss = client(desk, BOARD)
    told = {"id": "e2", "kind": "copy", "article": "team-en", "q": "company", "said": f"{MARK} said"}
    opened = {"id": "e1", "kind": "open", "article": "team-en", "q": "company", "rank": 1}
    solved = {"id": "e3", "kind": "solved", "article": "team-en", "q": f"{MARK} company sold", "rank": 1}
    for path, body in (
        ("/api/calls/B-1/events", {"events": [opened, told, solved]}),
        ("/api/promises", {"id": "p1", "call": "B-1", "what": f"{MARK} promise", "due": "2036-01-01T10:00:00"}),
        ("/api/flags", {"id": "f1", "call": "B-1", "article": "team-en", "reason": "wrong", "sentence": MARK}),
    ):
        answer = boss.post(path, content=json.dumps(body))
        assert answer.status_code == 200, answer.text
    notice = Notice("outage", f"{MARK} notice", NOW + timedelta(hours=1), teams=("board",), words=("company",))
    with desk.database.write() as connection:
        bulletins.post(connection, BOARD, notice, NOW, {})


def everything_told(desk: Desk, by: User) -> list[str]:
    """All that the doors tell this person, however they ask."""
    one = client(desk, by)

    def text(path: str, **body: Any) -> str:
        return one.post(path, content=json.dumps(body)).text

    told = [text("/api/search", q=q, **more) for q in ASKED for more in NARROWED]
    for id in PLANTED:
        opened = {"id": f"x-{id}", "kind": "open", "article": id, "q": "company"}
        told.append(text("/api/calls/M-1/events", events=[opened]))
        told.append(text("/api/flags", id=f"g-{id}", call="M-1", article=id, reason="wrong"))
    rest = ("/api/mine", "/api/calls/M-1/summary", "/api/calls/B-1/summary", "/api/gaps/none/join")
    return told + [text(path) for path in rest]


@pytest.mark.parametrize("by", PEOPLE, ids=lambda one: one.role.value)
def test_what_somebody_may_not_see_comes_out_of_no_route(desk: Desk, by: User) -> None:
    reads_every_call = by.role in (Role.SUPERVISOR, Role.ADMIN)
    for text in everything_told(desk, by):
        if reads_every_call and "B-1" in text:
            continue  # what a caller was told is theirs to look up; the title is not among it (below)
        assert MARK.lower() not in text.lower(), text[:2000]


@pytest.mark.parametrize("by", PEOPLE, ids=lambda one: one.role.value)
def test_a_trail_that_may_be_read_shows_no_title_that_may_not(desk: Desk, by: User) -> None:
    answer = client(desk, by).post("/api/calls/B-1/summary", content="{}")
    assert answer.status_code == (200 if by.role in (Role.SUPERVISOR, Role.ADMIN) else 403)
    assert f"{MARK} team-en" not in answer.text


def test_the_board_itself_sees_all_of_it_in_the_same_places(desk: Desk) -> None:
    one = client(desk, BOARD)
    found = one.post("/api/search", content=json.dumps({"q": ASKED[0], "limit": 50})).json()
    assert {hit["article"] for hit in found["hits"]} >= {"team-en", "internal-team-en", "compliance-team-en"}
    assert [draft["article"] for draft in found["beside"]["drafts"]] == ["wip-team-en"]
    assert [notice["title"] for notice in found["beside"]["bulletins"]] == [f"{MARK} notice"]
    assert f"{MARK} team-en" in one.post("/api/calls/B-1/summary", content="{}").text


@pytest.mark.parametrize("id", PLANTED)
def test_a_planted_article_is_not_there_by_its_id(desk: Desk, id: str) -> None:
    assert desk.read(id, AGENT) is None
    assert desk.title(id, AGENT) == id
    assert desk.read("refund-card-en", AGENT) is not None


@pytest.mark.parametrize("id", PLANTED)
def test_a_hit_takes_no_place_of_one_that_may_be_seen(desk: Desk, planted: SmallBase, id: str) -> None:
    hits = desk.ask(ASKED[0], AGENT, limit=50)
    assert id not in {hit.article.id for hit in hits.hits}
    assert all(hit.twin not in PLANTED for hit in hits.hits)
    assert MARK.lower() not in json.dumps([str(hit.why) for hit in hits.hits]).lower()


def test_practice_asks_for_nothing_that_may_not_be_seen(desk: Desk) -> None:
    def pool(by: User) -> tuple[practice.Question, ...]:
        with desk.database.read() as connection:
            solved = practice.solved_questions(connection, by)
        return practice.questions(solved, desk.served.opened.engine.ids, lambda id: desk.read(id, by), by.langs)  # type: ignore[union-attr]

    assert MARK.lower() not in str(pool(AGENT)).lower()
    assert MARK.lower() in str(pool(BOARD)).lower()


def test_a_gap_tells_nothing_of_who_met_it(desk: Desk) -> None:
    boss = client(desk, BOARD)
    facts = {"id": "r1", "gap": "G-1", "call": "B-1", "q": "unheard of"}
    assert boss.post("/api/gaps", content=json.dumps(facts)).status_code == 200
    report = {"report": "r1", "words": f"{MARK} words", "answered": f"{MARK} answered", "suggestion": f"{MARK} idea"}
    assert boss.post("/api/gaps/G-1/describe", content=json.dumps(report)).status_code == 200
    with desk.database.read() as connection:
        shown = [str(gap.answered(connection, AGENT)), str(gap.find(connection, "G-1"))]
    assert MARK.lower() not in " ".join(shown).lower()


def test_nothing_of_it_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        everything_told(desk, AGENT)
        everything_told(desk, BOARD)
    assert MARK.lower() not in caplog.text.lower()


# --- the studio's doors --------------------------------------------------------------------------

WALLED = sorted(id for id, front in PLANTED.items() if front.get("teams") == ["board"])


def studio_tells(desk: Desk, planted: SmallBase, by: User) -> dict[str, str]:
    """What each door of the studio tells this person, asked for everything that is planted."""
    engine = desk.served.opened.engine  # type: ignore[union-attr]
    text = markdown(
        "draft-en", "Company sold", questions=list(ASKED), lang="en", body="The company is sold.", state="wip"
    )
    draft = parse(text, "troubleshooting/draft-en.md")
    with desk.database.write() as connection:
        for id in WALLED:
            revisions.record(connection, engine.article(id), NOW, "boss", "studio")
        asked = Report("r-1", "g-1", "c-1", AGENT.id, NOW, ASKED[0])
        gap.record(connection, AGENT, asked)
    with zipfile.ZipFile(io.BytesIO(transfer.export(desk, by, NOW))) as pack:
        exported = "".join(pack.read(name).decode("utf-8", "replace") + name for name in pack.namelist())
    told = {
        "shelf": str(studio.shelf(desk, by)),
        "export": exported,
        "already covered": str(foresight.already(desk, by, draft, NOW)),
        "asked before and after": str(foresight.foresee(desk, by, draft, ASKED, NOW)),
        "contradicted": str(foresight.contradicted(desk, by, draft, NOW)),
        "titles": str(mending.titles(desk, by, WALLED)),
        "diagnosis": str(mending.diagnose(desk, by, "g-1", NOW)),
    }
    for id in WALLED:
        for name, door in (("article", studio.article_of), ("history", _history)):
            try:
                told[f"{name} {id}"] = str(door(desk, by, id))
            except KBError as error:
                told[f"{name} {id}"] = str(error)
    return told


def _history(desk: Desk, by: User, id: str) -> list[str]:
    with desk.database.read() as connection:
        found = revisions.history(connection, by, id)
        return [revisions.of(connection, one).title for one in found]


@pytest.mark.parametrize("role", [Role.EDITOR, Role.ADMIN])
def test_the_studio_tells_another_team_nothing_of_a_walled_article(desk: Desk, planted: SmallBase, role: Role) -> None:
    told = studio_tells(desk, planted, User("one", "One", role, frozenset({"payments"})))
    titles = [f"{MARK} {id}".lower() for id in WALLED]
    assert {door for door, text in told.items() if any(title in text.lower() for title in titles)} == set()


def test_the_studio_tells_the_board_all_of_it_through_the_same_doors(desk: Desk, planted: SmallBase) -> None:
    told = studio_tells(desk, planted, BOARD)
    assert {door for door, text in told.items() if f"{MARK} team-en".lower() in text.lower()} >= {
        *("shelf", "export", "titles", "article team-en", "history team-en"),
    }
    assert "team-en" in told["already covered"]
