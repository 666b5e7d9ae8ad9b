"""A copy holds what its reader may see and no word more, and nothing in it can run or load."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kb.calls.bulletins import Bulletin
from kb.content.articles import Article, parse
from kb.content.products import Product
from kb.content.site import Site
from kb.errors import NotAllowedError
from kb.offline.copy import Held, copy
from kb.people.scope import ANSWERING_STATES, EVERYONE, Scope
from kb.people.users import OPERATOR, Role, User
from kb.studio import media
from kb.tuning.synonyms import Synonyms
from tests.content.test_html import broken
from tests.security.payloads import hostile
from tests.small_base import NOON, TODAY, markdown, scope
from tests.studio.test_media import picture

MAY = User("may", "May <b>", Role.AGENT, frozenset({"tech"}))
SITE = Site()
DAY = timedelta(days=1)


def article(id: str, title: str, **keys: Any) -> Article:
    return parse(markdown(id, title, **keys), f"troubleshooting/{id}.md")


def of(whom: User, **changes: Any) -> Scope:
    return scope(states=ANSWERING_STATES, teams=whom.teams | {EVERYONE}, **changes)


def held(articles: Iterable[Article], bulletins: Iterable[Bulletin] = (), folder: Path = Path("/nowhere")) -> Held:
    catalogue = {"LH-V7": Product("LH-V7", "Robot Vacuum V7", "扫地机器人 V7", "vacuum", ("V7",))}
    return Held("g-1", list(articles), list(bulletins), catalogue, SITE, Synonyms(), folder)


def made(articles: Iterable[Article], whom: User = MAY, folder: Path = Path("/nowhere"), **changes: Any) -> str:
    return copy(OPERATOR, whom, of(whom, **changes), held(articles, folder=folder), NOON).decode()


def data_of(html: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(html.split('id="data">')[1].split("</script>")[0])
    return found


def bulletin(id: str, title: str, **changes: Any) -> Bulletin:
    one = Bulletin(id, "sue", NOON, "outage", title, "", "", (), (), (), NOON - DAY, NOON + DAY)
    return replace(one, **changes)


SEEN = article("seen-en", "Router light", say="Unplug it.", body="It is the cable.", products=["LH-V7"], twin="twin-zh")
HIDDEN = {
    "another team": {"teams": ["board"]},
    "in work": {"state": "wip"},
    "archived": {"state": "archived"},
    "over": {"valid_until": TODAY - DAY},
    "not yet": {"valid_from": TODAY + DAY},
    "another language": {"lang": "de"},
    "a governance that is left out": {"governance": "compliance"},
}


def planted(axis: str, *, hidden: bool) -> Article:
    """An article whose every word is its own, which its reader may not see for one reason, or may."""
    letter = chr(ord("a") + list(HIDDEN).index(axis))
    title, asked, said, told = (f"{word}{letter}" for word in WORDS)
    body = f"{told} clause, [seen](seen-en.md)."
    keys = HIDDEN[axis] if hidden else {}
    return article(f"hid{letter}-en", title, questions=[asked], say=said, body=body, owner=f"vole{letter}", **keys)


WORDS = ("Zanzibar", "Quagga", "Xylophone", "Yttrium")


@pytest.fixture(scope="module")
def files() -> tuple[str, str]:
    """The file with one article hidden for each reason, and that in which all of them may be seen."""
    made_of = ([SEEN, *(planted(axis, hidden=hidden) for axis in HIDDEN)] for hidden in (True, False))
    hiding, showing = (made(some, governance={"experience"}) for some in made_of)
    return hiding, showing


@pytest.mark.parametrize("axis", HIDDEN)
def test_no_word_of_an_article_that_its_reader_may_not_see_is_in_the_file(axis: str, files: tuple[str, str]) -> None:
    letter = chr(ord("a") + list(HIDDEN).index(axis))
    words = [f"{word.lower()}{letter}" for word in (*WORDS, "vole")] + [f"hid{letter}-en"]
    hiding, showing = (file.lower() for file in files)
    assert [word for word in words if word not in showing] == []
    assert [word for word in words if word in hiding] == []


def test_what_its_reader_may_see_is_in_the_file(files: tuple[str, str]) -> None:
    assert [[one["id"] for one in data_of(file)["articles"]] for file in files] == [
        ["seen-en"],
        [*(f"hid{letter}-en" for letter in "abcdefg"), "seen-en"],
    ]


def test_a_link_to_what_is_not_in_the_file_keeps_its_text_and_no_address() -> None:
    secret = article("secret-en", "The merger", teams=["board"])
    html = made([article("a-en", "A", body="See [this](secret-en.md) and [that](seen-en.md)."), SEEN, secret])
    assert "secret-en" not in html
    assert '<span>this</span> and <a href="#seen-en">that</a>' in html


def test_notices_in_force_for_the_reader_and_no_others_are_in_the_file() -> None:
    notices = [
        bulletin("1", "Cable cut"),
        bulletin("2", "Boardroom", teams=("board",)),
        bulletin("3", "Bygone", expires_at=NOON),
        bulletin("4", "Tomorrow", valid_from=NOON + DAY / 2),
        bulletin("5", "Recalled", withdrawn_at=NOON - DAY / 2),
        bulletin("6", "For tech", teams=("tech",)),
    ]
    html = copy(OPERATOR, MAY, of(MAY), held([SEEN], notices), NOON).decode()
    assert [one["title"] for one in data_of(html)["notices"]] == ["Cable cut", "For tech"]
    assert [word for word in ("Boardroom", "Bygone", "Tomorrow", "Recalled") if word in html] == []


def test_whose_of_what_and_when_stand_in_the_file() -> None:
    data = data_of(made([SEEN]))
    wanted = {"user": "may", "whom": "May <b>", "generation": "g-1", "at": NOON.isoformat(), "zone": "UTC", "old": 3}
    assert {name: data[name] for name in wanted} == wanted
    assert data["articles"][0]["products"] == [{"zh": "扫地机器人 V7", "en": "Robot Vacuum V7"}]
    assert data["articles"][0]["say"] == "Unplug it."
    assert data_of(made([SEEN]))["copy"] == data["copy"] != data_of(made([]))["copy"]


def test_deadlines_stand_as_text_with_what_they_are_counted_from() -> None:
    one = article("back-en", "Sending it back", body="Send it back within 7 days of delivery.")
    assert data_of(made([one]))["articles"][0]["dates"] == [["", "7 days", "delivery"]]


@pytest.mark.parametrize(
    ("by", "whom", "allowed"),
    [
        (MAY, MAY, True),
        (MAY, replace(MAY, id="li.na"), False),
        (OPERATOR, replace(MAY, id="li.na"), True),
        (MAY, User("", "", Role.AGENT, frozenset({"board"})), False),
        (OPERATOR, User("", "", Role.AGENT, frozenset({"board"})), True),
    ],
)
def test_a_person_takes_a_copy_for_themselves_and_an_admin_for_anybody(by: User, whom: User, allowed: bool) -> None:
    if allowed:
        assert copy(by, whom, of(whom), held([SEEN]), NOON).startswith(b"<!DOCTYPE html>")
    else:
        with pytest.raises(NotAllowedError):
            copy(by, whom, of(whom), held([SEEN]), NOON)


def test_a_scope_of_other_teams_opens_nothing_of_theirs() -> None:
    secret = article("secret-en", "The merger", teams=["board"])
    wide = scope(teams={"board", EVERYONE})
    assert data_of(copy(OPERATOR, MAY, wide, held([secret]), NOON).decode())["articles"] == []


def test_the_policy_names_the_hashes_of_its_own_script_and_style_and_nothing_else() -> None:
    html = made([SEEN])
    script, style = re.findall(r"<script>(.*?)</script>", html, re.S), re.findall(r"<style>(.*?)</style>", html, re.S)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (*script, *style)]
    assert re.findall(r"'sha256-([^']*)'", policy) == hashes
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*\"", html) == []
    assert "@import" not in html
    assert "url(" not in html


def test_hostile_articles_leave_the_skeleton_of_the_page_as_it_is() -> None:
    some = hostile()[::5]
    texts = []
    for n in range(0, len(some), 60):
        first, second = (some[(n + at) % len(some)].replace("\n", " ") for at in (0, 7))
        body = "\n\n".join(["# Hostile", *(one.replace(":::", "") for one in some[n : n + 60])])
        said = second.replace(":::", "")
        title = f"Hostile {n} {first}"
        texts.append(article(f"h-{n}-en", title, lang="en", questions=[second], say=said, body=body, owner=first[:60]))
    html = made(texts, replace(MAY, name=some[3]))
    templates = re.findall(r'<template id="a-\d+">(.*?)</template>', html, re.S)
    assert len(templates) == len(texts)
    own = re.compile(r' data-t="\w+"| class="block \w+"|<div class="blocks">|<div>|</div>')
    assert [found for text in templates for found in broken(own.sub("", text))] == []
    rest = re.sub(r"<template.*?</template>", "", html, flags=re.S)
    empty = re.sub(r"<template.*?</template>", "", made([]), flags=re.S)
    skeleton = re.compile(r'(id="data">).*?(</script>)', re.S)
    assert skeleton.sub(r"\1\2", rest).split() == skeleton.sub(r"\1\2", empty).split()
    assert len(data_of(html)["articles"]) == len(texts)


def test_a_small_picture_is_in_the_file_and_a_large_one_is_left_out(tmp_path: Path) -> None:
    name = media.put(tmp_path, picture(), User("ed", "Ed", Role.EDITOR))
    large = tmp_path / "_media" / "large.png"
    large.write_bytes(picture() + b"\0" * 200_001)
    one = article("a-en", "A", body=f"![shelf](../_media/{name}) ![door](../_media/large.png) ![no](../_media/x.png)")
    html = made([one], folder=tmp_path)
    assert f'<img src="data:image/png;base64,{base64.b64encode(picture()).decode()}" alt="shelf">' in html
    assert re.findall(r'<span class="left-out">(\w+)</span>', html) == ["door", "no"]
