"""Why it missed: each of the reasons on a real index, in both languages, and what a person may know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from kb.doors.prover import Asker
from kb.doors.wiring import Desk
from kb.gaps.diagnosis import (
    REASONS,
    REMEDIES,
    Asking,
    Diagnosis,
    Finding,
    Found,
    diagnose,
    finding,
    reworded,
    scope_of,
    veiled,
    why_unseen,
    widened,
)
from kb.people.scope import Scope
from kb.people.users import Role, User
from kb.studio.life import may_read
from tests.gaps.need import NEEDS, Need, base_of_needs
from tests.on_call import desk_of
from tests.people_on_the_floor import NOON, SUE

BOARD = User("bea", "Bea", Role.SUPERVISOR, frozenset({"board"}))
GLOSSARY = {"zh": {"固件": "自带的软件"}, "en": {"firmware": "own software"}}


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    home = tmp_path_factory.mktemp("needs")
    desk: Desk = desk_of(base_of_needs(home), home / "firstcall.sqlite")
    found = desk.asker(NOON)
    assert found is not None
    yield found
    desk.database.close()


def asking(question: str, product: str = "", lang: str = "", teams: tuple[str, ...] = ("tech",), n: int = 1) -> Asking:
    return Asking(question, lang, product, frozenset(teams), n)


def found_for(asker: Asker, need: Need) -> Diagnosis:
    known = {need.article: asker.engine.article(need.article)} if need.used else {}
    asked = [asking(need.first, need.product, n=2), asking(need.second, need.product)]
    return diagnose(asked, asker.find, asker.base, known, {})


@pytest.mark.parametrize("name", NEEDS)
def test_each_reason_is_told_with_what_would_answer_and_where_it_stood(asker: Asker, name: str) -> None:
    need = NEEDS[name]
    found = found_for(asker, need)
    assert (found.reason, found.article.id if found.article else "") == (need.reason, need.article)
    assert found.remedy == REMEDIES[need.reason]
    first = found.findings[0]
    assert first.reason == need.reason
    own = asker.find(need.first, scope_of(first.asking, asker.base))
    assert first.own_rank == own.rank(need.article)
    if need.reason == "ranked":
        assert 4 <= first.rank <= 20
        assert first.certain
    elif need.reason == "missing":
        assert (first.rank, first.probability) == (0, None)
    else:
        assert first.rank == 1
        assert first.probability is not None
        assert first.probability >= 0.5
        assert first.own_rank == (1 if need.reason == "other_language" else 0)


def test_the_seven_reasons_and_both_languages_are_asked_about() -> None:
    assert {need.reason for need in NEEDS.values()} == set(REASONS) - {"found"}
    assert len(NEEDS) == 14


def test_what_the_first_three_have_is_there_already(asker: Asker) -> None:
    found = finding(asking("路由器一直亮红灯"), asker.find, asker.base, {})
    assert found.article is not None
    assert (found.reason, found.article.id, found.own_rank) == ("found", "router-red-light-zh", 1)


@pytest.mark.parametrize(("probability", "reason"), [(0.89, "missing"), (0.95, "found")])
def test_what_they_saw_and_did_not_use_is_no_answer_unless_the_search_is_sure(
    asker: Asker, probability: float, reason: str
) -> None:
    seen = asker.engine.article("router-red-light-zh")

    def find(question: str, scope: Scope) -> Found:
        return Found((seen,), probability if "zh-CN" in scope.langs else 0.1)

    assert finding(asking("人脸锁怎么加到苹果家庭"), find, asker.base, {}).reason == reason


@pytest.mark.parametrize(("twin_seen", "reason"), [(True, "missing"), (False, "other_language")])
def test_it_is_only_in_the_other_language_where_its_twin_is_not_seen(
    asker: Asker, twin_seen: bool, reason: str
) -> None:
    zh, en = (asker.engine.article(f"router-red-light-{lang}") for lang in ("zh", "en"))

    def find(question: str, scope: Scope) -> Found:
        return Found((en,), 0.7) if scope.langs == {"en"} else Found((zh,) if twin_seen else (), 0.4)

    assert finding(asking("路由器亮红灯"), find, asker.base, {}).reason == reason


def test_a_language_filter_hides_the_other_language(asker: Asker) -> None:
    found = finding(asking("Iceland customs duty parcels", lang="zh"), asker.find, asker.base, {})
    assert found.article is not None
    assert (found.reason, found.article.id) == ("filtered", "iceland-en")  # asked in English, narrowed to Chinese


def test_one_answer_to_a_gap_stands_too_far_down_for_its_other_wordings(asker: Asker) -> None:
    need = NEEDS["ranked-zh"]
    asked = [asking("保修条款", n=1), asking(need.second, n=3)]
    found = diagnose(asked, asker.find, asker.base, {}, {})
    assert [one.reason for one in found.findings] == ["found", "ranked"]
    assert found.findings[0].article == found.findings[1].article


def test_each_widening_takes_one_wall_away_and_the_last_all(asker: Asker) -> None:
    one = asking("电子礼品卡转赠", product="LH-R3000")
    own, scopes = scope_of(one, asker.base), widened(one, asker.base)
    assert own.products == {"LH-R3000"}
    assert all(scope.products == {"*"} for scope in scopes)
    free, teams, other, retired, draft, everything = scopes
    assert teams == replace(free, teams=frozenset({"board", "*"}))
    assert other == replace(free, langs=frozenset({"en"}))
    assert retired == replace(free, states=free.states | {"archived"}, expired=True)
    assert draft == replace(free, states=free.states | {"wip"})
    assert everything.states == {"wip", "not-validated", "validated", "archived"}
    assert (everything.teams, everything.expired) == (teams.teams, True)


@pytest.mark.parametrize(
    ("article", "teams", "reason"),
    [
        ("seniority-zh", ("tech",), "hidden"),
        ("seniority-zh", ("board",), ""),
        ("remote-zh", (), "retired"),
        ("remote-en", (), "retired"),
        ("ecard-zh", (), "draft"),
        ("router-red-light-zh", (), ""),
    ],
)
def test_what_keeps_an_article_from_an_asker(asker: Asker, article: str, teams: tuple[str, ...], reason: str) -> None:
    assert why_unseen(asker.engine.article(article), asking("问", teams=teams), asker.base) == reason


@pytest.mark.parametrize(
    ("question", "others"),
    [
        ("怎么升级固件", ("怎么升级自带的软件",)),
        ("自带的软件怎么升级", ("固件怎么升级",)),
        ("how to update the firmware", ("how to update the own software",)),
        ("firmwares", ()),
        ("怎么退款", ()),
    ],
)
def test_known_synonyms_are_tried_both_ways(question: str, others: tuple[str, ...]) -> None:
    assert reworded(question, GLOSSARY) == others


def test_how_many_questions_have_a_synonym_is_told(asker: Asker) -> None:
    asked = [asking("怎么升级固件"), asking("怎么退款")]
    assert diagnose(asked, asker.find, asker.base, {}, GLOSSARY).synonyms == 1


@pytest.mark.parametrize("name", ["hidden-zh", "hidden-en"])
def test_what_another_team_has_is_told_without_its_title(asker: Asker, name: str) -> None:
    whole = found_for(asker, NEEDS[name])
    own = veiled(whole, partial(may_read, BOARD))
    assert own == whole
    for one in (veiled(whole, partial(may_read, SUE)),):
        assert (one.reason, one.article, one.veiled, one.remedy) == ("hidden", None, True, "")
        assert one.findings == tuple(Finding(each.asking, "hidden", veiled=True) for each in whole.findings)
        assert "eniority" not in repr(one).replace(NEEDS[name].first, "").replace(NEEDS[name].second, "")


def test_a_draft_of_another_team_is_told_like_anything_of_theirs(asker: Asker) -> None:
    whole = found_for(asker, NEEDS["draft-zh"])
    assert veiled(whole, lambda _: False).reason == "hidden"


def test_a_gap_nobody_asked_about_is_missing(asker: Asker) -> None:
    assert diagnose([], asker.find, asker.base, {}, {}) == Diagnosis("missing", None, (), 0)
