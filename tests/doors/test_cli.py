"""`python -m kb` and `python -m indexer`, as typed."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexer.generation import open_current
from kb.calls import call
from kb.calls.journal import Event
from kb.config import ROOT
from kb.db import Database
from kb.doors import wiring
from kb.doors.cli import main as kb
from kb.doors.index_cli import main as indexer
from tests.doors.test_api import KEYS
from tests.fake_encoder import HashEncoder
from tests.people_on_the_floor import BO, MAY

GOOD = "---\nid: {id}\ntitle: {title}\nlang: {lang}\nstate: validated\n---\n\n::: say\n{say}\n:::\n"


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small base of its own, an encoder that loads at once, English sentences."""
    articles = tmp_path / "articles"
    (articles / "refund-policy").mkdir(parents=True)
    for file in ("_site.toml", "_products.toml", "_glossary.toml"):
        shutil.copy(ROOT / "articles" / file, articles / file)
    write(articles, "kettle-en", "Descaling the kettle", "en", "Boil it once with citric acid.")
    write(articles, "kettle-zh", "水壶除垢", "zh-CN", "放柠檬酸烧开一次就行。")
    monkeypatch.setenv("KB_ARTICLES", str(articles))
    monkeypatch.setenv("KB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KB_LANGUAGE", "en")
    monkeypatch.setattr(wiring, "load_encoder", lambda settings: HashEncoder())
    return articles


def write(articles: Path, id: str, title: str, lang: str, say: str) -> Path:
    path = articles / "refund-policy" / f"{id}.md"
    path.write_text(GOOD.format(id=id, title=title, lang=lang, say=say), "utf-8")
    return path


def run(command: object, *words: str, typed: str | bytes | None = None) -> Result:
    return CliRunner().invoke(command, list(words), typed, catch_exceptions=False)  # type: ignore[arg-type]


def test_ask_prints_the_verdict_and_the_sentence_to_say(base: Path) -> None:
    assert run(indexer, "build").exit_code == 0
    told = run(kb, "ask", "descaling kettle")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[2].startswith("1. Descaling the kettle  [kettle-en, ")
    assert lines[3] == "   Say: Boil it once with citric acid."


def test_ask_as_json_is_the_answer_of_the_api(base: Path) -> None:
    run(indexer, "build")
    told = json.loads(run(kb, "ask", "水壶除垢", "--json", "--why").stdout)
    assert set(told) == set(KEYS)
    assert told["query"] == "水壶除垢"
    assert told["hits"][0]["article"] == "kettle-zh"
    assert told["hits"][0]["say"] == "放柠檬酸烧开一次就行。"
    assert told["hits"][0]["why"]["lexical"]["rank"] == 1


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("_synonyms.toml", "the synonyms cannot be read"),
        ("_pins.toml", "the pins cannot be read"),
        ("_experts.toml", "each person in the list of whom to ask begins with a line [[expert]]."),
    ],
)
def test_lint_tells_of_broken_words_pins_and_experts(base: Path, file: str, said: str) -> None:
    (base / file).write_text("same = 3\npin = 3\n", "utf-8")
    told = run(kb, "lint")
    assert told.exit_code == 1
    assert f"{file}:1: {said}" in told.stdout


def test_what_cannot_be_asked_is_one_sentence_and_exit_code_2(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_index = run(kb, "ask", "refund")
    assert (no_index.exit_code, no_index.stderr.strip()) == (
        2,
        "There is no index yet. Run: python -m indexer build",
    )
    run(indexer, "build")
    assert run(kb, "ask", " ").stderr.strip() == "Type a few of the customer's words."
    assert run(kb, "ask", "x", "--product", "toaster").stderr.strip() == 'No product is called "toaster".'
    monkeypatch.setenv("KB_LANGUAGE", "zh")
    assert run(kb, "ask", " ").stderr.strip() == "请输入客户说的几个字。"
    monkeypatch.setenv("KB_PROT", "1")
    assert "KB_PROT" in run(kb, "ask", "x").stderr


def test_lint_names_file_line_and_mend_and_exits_with_1(base: Path) -> None:
    clean = run(kb, "lint", "--today", "2026-11-21")
    assert clean.exit_code == 1  # three questions are asked for, these have none
    assert clean.stdout.splitlines()[0] == (
        "refund-policy/kettle-en.md:3: The article has 0 of the customer's own questions; write at least 3."
    )
    broken = base / "refund-policy" / "broken-en.md"
    broken.write_text("---\nid: broken-en\ntitel: x\n---\n", "utf-8")
    told = json.loads(run(kb, "lint", "--json", "--today", "2026-11-21").stdout)
    assert told["findings"][0]["rule"] == "key_unknown"
    assert (told["findings"][0]["file"], told["findings"][0]["line"]) == ("refund-policy/broken-en.md", 3)
    one = json.loads(run(kb, "lint", str(broken), "--json").stdout)
    assert [finding["rule"] for finding in one["findings"]] == ["key_unknown"]
    assert run(kb, "lint", str(base / "nowhere.md")).exit_code == 2


def test_lint_of_a_clean_base_exits_with_0() -> None:
    told = run(kb, "lint", str(ROOT / "articles"), "--today", "2026-11-21")
    assert (told.exit_code, told.stdout.strip()) == (0, told.stdout.strip())
    assert "80" in told.stdout


def test_mask_prints_each_line_without_its_personal_data() -> None:
    told = run(kb, "mask", typed="我叫张伟，电话13800138000\r\n\nE-04 on LH-R3000\nmy cvv is 123")
    assert told.exit_code == 0
    assert told.stdout.splitlines() == ["我叫‹name›，电话‹phone›", "", "E-04 on LH-R3000", "my cvv is ‹cvv›"]


def test_mask_as_json_says_where_the_personal_data_is() -> None:
    told = run(kb, "mask", "--json", typed="我叫张伟，电话13800138000\nE-04\n")
    assert [json.loads(line) for line in told.stdout.splitlines()] == [
        {
            "text": "我叫张伟，电话13800138000",
            "spans": [{"start": 2, "end": 4, "kind": "name"}, {"start": 7, "end": 18, "kind": "phone"}],
        },
        {"text": "E-04", "spans": []},
    ]


def test_mask_reads_what_is_not_utf8_as_well_as_it_can() -> None:
    assert run(kb, "mask", typed=b"\xff13800138000\n").stdout == "\ufffd‹phone›\n"


def test_build_says_what_it_left_out_and_indexes_the_rest(base: Path) -> None:
    (base / "broken-en.md").write_text("no front matter", "utf-8")
    told = run(indexer, "build")
    assert told.exit_code == 1
    assert "2 articles (2 new or changed, 0 removed)" in told.stdout
    assert "broken-en.md:1: the file does not begin with front matter" in told.stderr
    again = run(indexer, "build")
    assert again.stdout.startswith("Nothing changed: generation ")


def test_verify_rollback_and_gc(base: Path) -> None:
    run(indexer, "build")
    write(base, "toaster-en", "Cleaning the toaster", "en", "Take the tray out.")
    run(indexer, "build")
    assert "is sound: 3 articles" in run(indexer, "verify").stdout
    assert run(kb, "ask", "toaster tray", "--json").stdout.count("toaster-en") > 0
    assert "is live again" in run(indexer, "rollback").stdout
    assert "is sound: 2 articles" in run(indexer, "verify").stdout
    assert "toaster-en" not in run(kb, "ask", "toaster tray", "--json").stdout
    assert run(indexer, "rollback").exit_code == 2
    assert run(indexer, "gc").stdout.strip() == "0 old generations deleted."


def test_a_damaged_generation_is_refused_the_one_before_serves_and_a_rebuild_is_offered(base: Path) -> None:
    run(indexer, "build")
    write(base, "toaster-en", "Cleaning the toaster", "en", "Take the tray out.")
    run(indexer, "build")
    home = base.parent / "home" / "index"
    name = (home / "CURRENT").read_text().split()[0]
    damaged = next((home / "generations" / name / "segments").glob("delta-*")) / "articles.jsonl"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    told = run(indexer, "verify")
    assert told.exit_code == 1
    assert "is damaged" in told.stderr
    assert "python -m indexer build --full" in told.stderr
    assert json.loads(run(kb, "ask", "descaling kettle", "--json").stdout)["hits"][0]["article"] == "kettle-en"
    assert run(indexer, "build", "--full").exit_code == 0
    assert "is sound: 3 articles" in run(indexer, "verify").stdout


def test_build_if_missing_does_nothing_where_there_is_an_index(base: Path) -> None:
    run(indexer, "build", "--if-missing")
    write(base, "toaster-en", "Cleaning the toaster", "en", "Take the tray out.")
    assert run(indexer, "build", "--if-missing").stdout == ""
    assert "is sound: 2 articles" in run(indexer, "verify").stdout


def test_an_index_made_anew_knows_what_the_database_says_was_learnt(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_DATABASE_URL", f"sqlite:///{tmp_path}/firstcall.sqlite")
    asked, index = "white crust inside", tmp_path / "home" / "index"
    assert "learnt" not in run(indexer, "build").stdout
    assert not (tmp_path / "firstcall.sqlite").exists()  # no database is made for the asking
    database = Database(f"sqlite:///{tmp_path}/firstcall.sqlite")
    now = datetime.now(UTC)
    for by in (MAY, BO):
        events = [Event(f"{by.id}-{kind}", by.id, now, by.id, kind, asked, "kettle-en") for kind in ("open", "solved")]
        with database.write() as connection:
            call.begin(connection, by, by.id, now)
            call.record(connection, by, by.id, events, now)
    database.close()
    shutil.rmtree(index)
    told = run(indexer, "build")
    assert (told.exit_code, "1 questions learnt from solved calls are searchable." in told.stdout) == (0, True)
    assert [one.question for one in open_current(index).engine.lessons] == [asked]
    found = json.loads(run(kb, "ask", asked, "--json").stdout)
    assert (found["verdict"], found["hits"][0]["article"]) == ("found", "kettle-en")


# --- demo ----------------------------------------------------------------------------------------


def test_demo_fills_an_empty_base_once_and_takes_it_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_DATABASE_URL", f"sqlite:///{tmp_path}/data/firstcall.sqlite")
    monkeypatch.setenv("KB_LANGUAGE", "en")
    filled = run(kb, "demo")
    assert filled.exit_code == 0
    calls = filled.stdout.split()[0]
    assert int(calls) > 1_000
    again = run(kb, "demo")
    assert (again.exit_code, "already" in again.stderr) == (2, True)
    cleared = run(kb, "demo", "--clear")
    assert (cleared.exit_code, cleared.stdout) == (0, f"{calls} sample calls were taken out again.\n")


def test_demo_over_other_articles_is_refused(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_DATABASE_URL", f"sqlite:///{tmp_path}/firstcall.sqlite")
    refused = run(kb, "demo")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "sample articles" in refused.stderr
