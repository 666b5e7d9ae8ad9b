"""Replay to green: what a proof asks for, what becomes of a gap by it, and that pasting questions proves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from kb import tables
from kb.content.articles import parse
from kb.db import Connection, Database
from kb.doors import replay_cli, wiring
from kb.doors.wiring import Desk
from kb.errors import NotAllowedError
from kb.gaps import gap, moves, replay
from kb.gaps.diagnosis import Asking
from kb.gaps.gap import Report
from kb.gaps.replay import GONE, NO_BODY, NO_SAY, NOT_VALIDATED, Line, Proof, lacking, proof
from kb.people.users import OPERATOR
from tests.fake_encoder import HashEncoder
from tests.new_database import NewUrl
from tests.on_call import desk_of
from tests.people_on_the_floor import BO, MAY, MINUTE, NOON, SUE
from tests.small_base import SmallBase, markdown

QUESTION, ENGLISH = "门锁掉进水里还保修吗", "is a lock that fell into water under warranty"
WHOLE = {"say": "泡水不在保修之内，可以付费检修。", "body": "先断电晾干，再约上门检测，费用看损坏的零件。"}


# --- what an article lacks -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "lacks"),
    [
        (WHOLE, ()),
        (WHOLE | {"state": "not-validated"}, (NOT_VALIDATED,)),
        (WHOLE | {"state": "wip", "say": ""}, (NOT_VALIDATED, NO_SAY)),
        (WHOLE | {"say": QUESTION}, (NO_SAY,)),
        (WHOLE | {"body": ""}, (NO_BODY,)),
        (WHOLE | {"body": f"{QUESTION}\n\n{QUESTION} {ENGLISH}？\n\n## 怎么办怎么办怎么办怎么办"}, (NO_BODY,)),
        (WHOLE | {"body": "请晾干。"}, (NO_BODY,)),
    ],
)
def test_an_article_answers_with_a_say_line_and_a_body_of_its_own(keys: dict[str, str], lacks: tuple[str, ...]) -> None:
    article = parse(markdown("lock-zh", "门锁泡水", questions=[QUESTION], **keys), "troubleshooting/lock-zh.md")
    assert lacking(article, [QUESTION, ENGLISH]) == lacks


def test_an_article_that_is_not_there_lacks_everything() -> None:
    assert lacking(None, [QUESTION]) == (GONE,)


# --- a proof -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranks", "green"), [((1, 3), True), ((1, 4), False), ((0, 1), False), ((2,), True), ((), False)]
)
def test_a_proof_is_green_when_every_question_finds_it_among_the_first_three(
    ranks: tuple[int, ...], green: bool
) -> None:
    asked = [Asking(f"q{n}", "", "", frozenset({"b", "a"})) for n in range(len(ranks))]
    places = dict(zip(asked, ranks, strict=True))
    article = parse(markdown("lock-zh", "门锁泡水", **WHOLE), "troubleshooting/lock-zh.md")
    made = proof("g", "lock-zh", article, asked, lambda one, _: places[one], "gen", NOON)
    assert made.is_green is green
    assert made.lines == tuple(Line(f"q{n}", ("a", "b"), rank) for n, rank in enumerate(ranks))


@pytest.mark.parametrize(
    ("lines", "lacks", "zh", "en"),
    [
        (
            (Line("问", (), 1), Line("怎么付", (), 7)),
            (),
            "“怎么付”只能在第 7 位找到 a。",
            "“怎么付” finds a in place 7 only.",
        ),
        ((Line("怎么付", (), 0),), (), "“怎么付”找不到 a。", "“怎么付” does not find a."),
        (
            (Line("问", (), 1),),
            (NO_SAY,),
            "文章 a 没有自己的话术。",
            "The article a has no sentence to say of its own.",
        ),
        ((), (), "这个缺口没有留下任何问法。", "Nobody's question is kept with this gap."),
    ],
)
def test_a_red_proof_says_what_fails(lines: tuple[Line, ...], lacks: tuple[str, ...], zh: str, en: str) -> None:
    made = Proof("g", "a", "gen", NOON, lines, lacks)
    assert (replay.why(made, "zh"), replay.why(made, "en")) == (zh, en)


# --- what becomes of a gap -----------------------------------------------------------------------


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as one:
        yield one


def answered(connection: Connection, article: str = "lock-zh") -> None:
    """Gap g-1, asked in Chinese by May and in English by Bo, and answered by an article."""
    gap.record(connection, MAY, Report("r-1", "g-1", "call-1", "may", NOON, QUESTION))
    gap.join(connection, BO, Report("r-2", "g-1", "call-2", "bo", NOON + MINUTE, ENGLISH))
    for after in ("triaged", "in_work", "published"):
        moves.move(connection, SUE, "g-1", after, NOON + 2 * MINUTE, article=article if after == "published" else "")


def state(connection: Connection) -> str:
    return str(connection.scalar(sa.select(tables.gap.c.state).where(tables.gap.c.id == "g-1")))


GREEN = Proof("g-1", "lock-zh", "gen-1", NOON, (Line(QUESTION, (), 1),))
RED = Proof("g-1", "lock-zh", "gen-2", NOON, (Line(QUESTION, (), 9),))


def test_green_verifies_and_red_leaves_what_was_never_verified(connection: Connection) -> None:
    answered(connection)
    assert replay.settle(connection, OPERATOR, RED, NOON) == ""
    assert state(connection) == "published"
    assert replay.last(connection, SUE, "g-1") == RED
    assert replay.settle(connection, OPERATOR, GREEN, NOON) == "verified"
    assert state(connection) == "verified"
    assert replay.last(connection, SUE, "g-1") == GREEN


def test_red_reopens_what_was_verified_and_says_why_in_both_languages(connection: Connection) -> None:
    answered(connection)
    replay.settle(connection, OPERATOR, GREEN, NOON)
    assert replay.settle(connection, OPERATOR, RED, NOON + MINUTE) == "reopened"
    last = moves.history(connection, SUE, "g-1")[-1]
    assert (last.before, last.after, last.by, last.article) == ("verified", "reopened", "operator", "lock-zh")
    assert last.why == f"“{QUESTION}”只能在第 9 位找到 lock-zh。 “{QUESTION}” finds lock-zh in place 9 only."


def test_a_proof_of_another_article_or_of_a_gap_moved_meanwhile_changes_nothing(connection: Connection) -> None:
    answered(connection, "other-zh")
    assert replay.settle(connection, OPERATOR, GREEN, NOON) == ""
    moves.move(connection, SUE, "g-1", "reopened", NOON, why="no")
    assert replay.settle(connection, OPERATOR, Proof("g-1", "other-zh", "g", NOON, GREEN.lines), NOON) == ""
    assert (state(connection), replay.last(connection, SUE, "g-1")) == ("reopened", None)


def test_only_the_machine_settles(connection: Connection) -> None:
    answered(connection)
    with pytest.raises(NotAllowedError):
        replay.settle(connection, SUE, GREEN, NOON)
    with pytest.raises(NotAllowedError):
        replay.due(connection, MAY)


# --- on a real index -----------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path, new_url: NewUrl) -> Iterator[Desk]:
    """A base that knows nothing of wet locks."""
    base = SmallBase(tmp_path, HashEncoder(dim=256))
    for n, (zh, en) in enumerate(OTHERS):
        base.write(f"other{n}-zh", zh, questions=[f"{zh}怎么办"], say=f"{zh}请稍等。", body=f"关于{zh}的说明。")
        base.write(f"other{n}-en", en, questions=[f"what about {en}"], say=f"{en}, one moment.", body=f"About {en}.")
    base.build()
    desk = desk_of(base, new_url())
    yield desk
    desk.database.close()


OTHERS = [
    ("发票抬头", "invoice title"),
    ("宽带测速", "broadband speed"),
    ("耳机配对", "pairing earbuds"),
    ("滤芯更换", "changing the filter"),
    ("快递签收", "signing for a parcel"),
]


def publish(desk: Desk, **keys: object) -> None:
    assert desk.encoder is not None
    base = SmallBase(desk.settings.home, desk.encoder)
    base.write("lock-zh", str(keys.pop("title", "掉进水里的门锁")), **keys)
    base.build()
    desk.open()


def test_questions_pasted_into_an_empty_article_prove_nothing(desk: Desk) -> None:
    publish(
        desk,
        title="新文章",
        questions=[QUESTION, ENGLISH],
        say="请稍等。",
        body="这里以后会写上完整的处理办法和费用说明。",
    )
    with desk.database.write() as connection:
        answered(connection)
    assert desk.ask(QUESTION, SUE).hits[0].article.id == "lock-zh"
    assert desk.ask(ENGLISH, SUE).hits[0].article.id == "lock-zh"
    assert desk.prove(NOON) == {}
    with desk.database.read() as connection:
        last = replay.last(connection, SUE, "g-1")
        assert last is not None
        assert not last.lacks
        assert any(not line.is_green for line in last.lines)
        assert state(connection) == "published"


def test_an_answer_in_words_of_its_own_turns_it_green_and_a_later_publish_red(desk: Desk) -> None:
    english = "If the lock fell into water the warranty does not cover it."
    own = {"say": "门锁掉进水里不保修，可以付费检修。", "body": f"门锁掉进水里先断电晾干，再约上门检测。\n\n{english}"}
    publish(desk, **own)
    with desk.database.write() as connection:
        answered(connection)
    assert desk.prove(NOON) == {"g-1": "verified"}
    assert desk.prove(NOON) == {}  # once a generation
    publish(desk, **own | {"state": "archived"})
    assert desk.prove(NOON + MINUTE) == {"g-1": "reopened"}
    with desk.database.read() as connection:
        assert "审核" in moves.history(connection, SUE, "g-1")[-1].why
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.event)) == 0  # nobody searched


def test_the_command_tells_what_is_broken_and_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "say": "门锁掉进水里不保修。",
        "body": "门锁掉进水里先断电晾干，再约上门检测。 a lock that fell into water: no warranty",
    }
    publish(desk, **own)
    with desk.database.write() as connection:
        answered(connection)
    monkeypatch.setattr(replay_cli, "settings", lambda: desk.settings)
    monkeypatch.setattr(wiring, "load_encoder", lambda _: desk.encoder)

    def run(*options: str) -> tuple[int, list[str]]:
        result = CliRunner().invoke(replay_cli.replay, list(options))
        return result.exit_code, result.output.splitlines()

    code, lines = run("--json")
    assert code == 0
    told = json.loads(lines[0])
    assert (told["gap"], told["state"], told["green"]) == ("g-1", "published", True)
    assert {one["question"] for one in told["questions"]} == {QUESTION, ENGLISH}
    with desk.database.read() as connection:
        assert (state(connection), replay.last(connection, SUE, "g-1")) == ("published", None)
    desk.prove(NOON)
    publish(desk, **own | {"say": ""})
    code, lines = run()
    assert code == 1
    assert len(lines) == 2
    assert "lock-zh" in lines[0]
    assert run("--json")[0] == 1
    with desk.database.read() as connection:
        assert state(connection) == "verified"
