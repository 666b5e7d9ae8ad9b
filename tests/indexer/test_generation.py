"""A generation is served whole or not at all, whatever happens to its files or to the program that writes it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from indexer import generation
from indexer.engine import fields as engines
from indexer.engine import write_lexical
from indexer.generation import opening
from kb.config import ROOT
from kb.errors import GenerationError, PublishError
from kb.finding.chunks import ASKS
from kb.i18n import explain
from tests.small_base import ALL, NOON, SmallBase


def write_round(base: SmallBase, number: int) -> None:
    """Three articles that all say the number of the round they were written in."""
    base.write("router-red-light-zh", f"路由器红灯，第 {number} 版", questions=["红灯一直亮"], body="拔掉电源等十秒。")
    base.write("refund-times-en", f"When a refund arrives, edition {number}", questions=["Where is my money"])
    base.write("vacuum-e04-en", f"Vacuum shows E-04, edition {number}", say="A wheel is stuck.", body="Turn it over.")


def round_of(opened: generation.Opened) -> set[str]:
    """The rounds that the articles of an opened generation come from: one, unless it is a mixture."""
    titles = [opened.engine.article(id).title for id in opened.engine.ids]
    return {"".join(char for char in title.split("E-04")[-1] if char.isdigit()) for title in titles}


def publish_rounds(base: SmallBase, count: int, **options: object) -> list[str]:
    """Publish that many full generations; their names."""
    names = []
    for number in range(1, count + 1):
        write_round(base, number)
        names.append(base.build(full=True, **options).generation)
    return names


def point_at(index: Path, name: str) -> None:
    raw = (index / "generations" / name / "manifest.json").read_bytes()
    generation.point_at(index, name, hashlib.sha256(raw).hexdigest())


# --- publish and open ----------------------------------------------------------------------------


def test_what_was_published_is_what_opens(base: SmallBase) -> None:
    write_round(base, 1)
    report = base.build()
    opened = base.open()
    assert opened.damaged == ()
    assert opened.engine.generation == opened.manifest.generation == report.generation
    assert {id: one.path for id, one in opened.manifest.articles.items()} == {
        "refund-times-en": "troubleshooting/refund-times-en.md",
        "router-red-light-zh": "troubleshooting/router-red-light-zh.md",
        "vacuum-e04-en": "troubleshooting/vacuum-e04-en.md",
    }
    assert opened.manifest.articles["vacuum-e04-en"].sha256 == (
        hashlib.sha256((base.folder / "troubleshooting" / "vacuum-e04-en.md").read_bytes()).hexdigest()
    )
    assert (opened.manifest.model, opened.manifest.dim, opened.manifest.parent) == ("hash", 32, "")


def test_the_manifest_lists_every_file_with_its_hash_and_size(base: SmallBase) -> None:
    write_round(base, 1)
    folder = base.index / "generations" / base.build().generation
    found = {
        path.relative_to(folder).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json" and not path.name.endswith(".lock")
    }
    assert generation.read_manifest(base.index, folder.name).files == found
    assert {Path(name).suffix for name in found} > {".faiss", ".npy", ".jsonl", ".json", ".term", ".idx", ".fast"}


def test_a_manifest_survives_being_written_and_read(base: SmallBase) -> None:
    write_round(base, 1)
    (base.folder / "broken.md").write_text("no front matter", "utf-8")
    name = base.build().generation
    read = generation.read_manifest(base.index, name)
    assert read.refused == (generation.Refused("front_matter_missing", {"file": "broken.md", "line": "1"}),)
    raw = json.loads((base.index / "generations" / name / "manifest.json").read_text("utf-8"))
    assert json.loads(json.dumps(asdict(read), ensure_ascii=False)) == raw


def test_nothing_published_is_told_as_such(base: SmallBase) -> None:
    with pytest.raises(GenerationError) as told:
        base.open()
    assert told.value.code == "index_missing"
    assert explain("zh", told.value) == "还没有索引。请运行：python -m indexer build"


def test_generations_that_are_open_share_what_they_have_in_common(base: SmallBase) -> None:
    write_round(base, 1)
    base.build()
    before = base.open().engine
    base.write("vacuum-e04-en", "Vacuum shows E-04 again")
    base.build()
    after = base.open().engine
    assert after.segments[0] is before.segments[0]
    assert after.article("vacuum-e04-en").title == "Vacuum shows E-04 again"
    assert before.article("vacuum-e04-en").title == "Vacuum shows E-04, edition 1"


@pytest.mark.parametrize("change", ["model", "text_version", "chunk_version", "format"])
def test_a_generation_of_another_model_or_other_rules_does_not_fit(base: SmallBase, change: str) -> None:
    write_round(base, 1)
    base.build()
    manifest = base.open().manifest
    assert manifest.fits("hash", "hash:letters")
    assert not manifest.fits("another model", "hash:letters")
    assert not manifest.fits("hash", "other tokens")
    assert not replace(manifest, **{change: "another" if change == "model" else 99}).fits("hash", "hash:letters")


def test_a_generation_in_another_format_is_told_as_such(base: SmallBase) -> None:
    name = publish_rounds(base, 1)[0]
    path = base.index / "generations" / name / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    point_at(base.index, name)
    with pytest.raises(GenerationError) as told:
        base.open()
    assert told.value.code == "generation_of_another_version"
    assert name in explain("en", told.value)


# --- damage --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["exact", "approximate"])
def two_rounds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SmallBase:
    """A base with two generations that share no file."""
    base = SmallBase(tmp_path_factory.mktemp("damage"))
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "approximate":
            patch.setattr(engines, "EXACT_UP_TO", 0)
        publish_rounds(base, 2)
    return base


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path, share: float) -> None:
    """Flip one bit, `share` of the way into the file."""
    raw = bytearray(path.read_bytes())
    raw[int((len(raw) - 1) * share)] ^= 4
    path.write_bytes(raw)


def garbage_tail(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0garbage")


def zero_page(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(bytes(min(512, len(raw))) + raw[512:])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated": truncate,
    "emptied": empty,
    "first bit flipped": lambda path: flip(path, 0),
    "middle bit flipped": lambda path: flip(path, 0.5),
    "last bit flipped": lambda path: flip(path, 1),
    "first page zeroed": zero_page,
    "with a garbage tail": garbage_tail,
    "deleted": Path.unlink,
}


@contextmanager
def copied(base: SmallBase, home: Path) -> Iterator[tuple[Path, Path, Path]]:
    """A copy of the index with the folders of its two generations, older first; no inode is shared with it."""
    shutil.copytree(base.index, home)
    try:
        older, newer = (home / "generations" / name for name in generation.generations(home))
        yield home, older, newer
    finally:
        shutil.rmtree(home)


def files_of(base: SmallBase) -> list[str]:
    newest = base.index / "generations" / generation.generations(base.index)[-1]
    return ["manifest.json", *base.open().manifest.files] if newest.exists() else []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_and_the_generation_before_serves(
    two_rounds: SmallBase, tmp_path: Path, damage: str
) -> None:
    names = files_of(two_rounds)
    assert len(names) >= 12
    for name in names:
        with copied(two_rounds, tmp_path / "copy") as (index, older, newer):
            DAMAGES[damage](newer / name)
            opened = generation.open_current(index)
            assert opened.manifest.generation == older.name, name
            assert round_of(opened) == {"1"}, name
            (told,) = opened.damaged
            assert (told.code, told.facts) == ("generation_damaged", {"generation": newer.name, "file": name})
            pointer = generation.current(index)
            assert pointer is not None
            with pytest.raises(GenerationError) as refused:
                generation.open_named(index, *pointer)
            assert refused.value.facts["file"] == name


def test_a_file_of_another_generation_in_its_place_is_refused(two_rounds: SmallBase, tmp_path: Path) -> None:
    swapped = []
    for name in files_of(two_rounds):
        with copied(two_rounds, tmp_path / "copy") as (index, older, newer):
            other = older / name.replace(newer.name, older.name)
            if not other.exists():  # tantivy gives its files new names each time
                (other,) = older.glob(f"lexical/*{Path(name).suffix}")
            if other.read_bytes() == (newer / name).read_bytes():
                continue
            shutil.copyfile(other, newer / name)
            opened = generation.open_current(index)
            assert opened.manifest.generation == older.name
            assert [one.facts["file"] for one in opened.damaged] == [name]
            swapped.append(name)
    assert {"manifest.json", "meta.json", "answers.faiss", "articles.jsonl"} <= {Path(name).name for name in swapped}


@pytest.mark.parametrize("file", ["asks.faiss", "articles.jsonl"])
def test_when_files_of_two_generations_are_swapped_neither_serves(
    two_rounds: SmallBase, tmp_path: Path, file: str
) -> None:
    with copied(two_rounds, tmp_path / "copy") as (index, older, newer):
        (one,), (other,) = older.rglob(file), newer.rglob(file)
        one.rename(tmp_path / "aside")
        other.rename(one)
        (tmp_path / "aside").rename(other)
        with pytest.raises(GenerationError) as told:
            generation.open_current(index)
        assert told.value.facts == {"generation": newer.name, "file": other.relative_to(newer).as_posix()}


def test_an_edited_manifest_is_refused_even_where_it_still_reads_well(two_rounds: SmallBase, tmp_path: Path) -> None:
    with copied(two_rounds, tmp_path / "copy") as (index, older, newer):
        path = newer / "manifest.json"
        tree = json.loads(path.read_text("utf-8"))
        tree["articles"]["vacuum-e04-en"]["path"] = "troubleshooting/another.md"
        path.write_text(json.dumps(tree))
        opened = generation.open_current(index)
        assert opened.manifest.generation == older.name
        assert opened.damaged[0].facts == {"generation": newer.name, "file": "manifest.json"}


@pytest.mark.parametrize(
    "pointer",
    [b"", b"\n", b"\0\0\0", b"\xff\xfe\xfd", b"0000 abc", b"garbage", b"zzz " + b"0" * 64 + b" more", b"../.. " * 40],
)
def test_a_garbled_pointer_is_named_and_the_newest_generation_serves(
    two_rounds: SmallBase, tmp_path: Path, pointer: bytes
) -> None:
    with copied(two_rounds, tmp_path / "copy") as (index, _, newer):
        (index / "CURRENT").write_bytes(pointer)
        opened = generation.open_current(index)
        assert opened.manifest.generation == newer.name
        assert [one.facts for one in opened.damaged] == [{"generation": "CURRENT", "file": "CURRENT"}]


def test_a_pointer_to_a_generation_that_is_gone_makes_the_one_before_serve(
    two_rounds: SmallBase, tmp_path: Path
) -> None:
    with copied(two_rounds, tmp_path / "copy") as (index, older, newer):
        shutil.rmtree(newer)
        opened = generation.open_current(index)
        assert opened.manifest.generation == older.name
        assert opened.damaged[0].facts == {"generation": newer.name, "file": "manifest.json"}


def test_where_everything_is_damaged_the_first_damage_is_told(two_rounds: SmallBase, tmp_path: Path) -> None:
    with copied(two_rounds, tmp_path / "copy") as (index, older, newer):
        for folder in (older, newer):
            truncate(next(folder.rglob("chunks.npy")))
        with pytest.raises(GenerationError) as told:
            generation.open_current(index)
        assert told.value.facts["generation"] == newer.name
        assert "chunks.npy" in explain("en", told.value)
        assert "chunks.npy" in explain("zh", told.value)


class PanicError(BaseException):
    """As tantivy ends in, which is no `Exception`."""


@pytest.mark.parametrize("error", [PanicError, ValueError])
@pytest.mark.parametrize("step", ["engine_of", "check"])
def test_whatever_opening_ends_in_the_generation_before_serves(
    two_rounds: SmallBase, monkeypatch: pytest.MonkeyPatch, step: str, error: type[BaseException]
) -> None:
    older, newer = generation.generations(two_rounds.index)
    own = getattr(opening, step)

    def ends(what: Any, manifest: generation.Manifest) -> Any:
        if manifest.generation == newer:
            raise error
        return own(what, manifest)

    monkeypatch.setattr(opening, step, ends)
    opened = generation.open_current(two_rounds.index)
    assert opened.manifest.generation == older
    assert [one.facts for one in opened.damaged] == [{"generation": newer, "file": "segments"}]


def test_a_build_after_damage_makes_everything_anew(two_rounds: SmallBase, tmp_path: Path) -> None:
    shutil.copytree(two_rounds.home, tmp_path / "home")
    base = SmallBase(tmp_path / "home")
    flip(next((base.index / "generations" / base.open().manifest.generation).rglob("asks.faiss")), 0.5)
    report = base.build()
    opened = base.open()
    assert (report.published, opened.manifest.generation, opened.damaged) == (True, report.generation, ())
    assert opened.manifest.parent == ""
    assert round_of(opened) == {"2"}


def test_damage_to_a_shared_base_is_damage_to_every_generation_that_shares_it(base: SmallBase) -> None:
    write_round(base, 1)
    base.build()
    base.write("vacuum-e04-en", "Vacuum shows E-04 again")
    base.build()
    flip(next((base.index / "generations").rglob("base-*/answers.faiss")), 0.5)
    with pytest.raises(GenerationError):
        base.open()
    assert base.build().published
    assert base.open().engine.article("vacuum-e04-en").title == "Vacuum shows E-04 again"


# --- publishing verifies -------------------------------------------------------------------------


def republish(base: SmallBase, spoil: Callable[[Path, generation.Manifest], generation.Manifest]) -> None:
    """Publish a copy of the current generation, spoilt before it is hashed: only counts and canary can tell."""
    opened = base.open()
    name = generation.new_name(base.index, NOON)
    with generation.workspace(base.index, name) as work:
        shutil.rmtree(work)
        shutil.copytree(base.index / "generations" / opened.manifest.generation, work)
        (work / "manifest.json").unlink()
        made = spoil(work, replace(opened.manifest, generation=name))
        generation.publish(base.index, work, made)


def test_a_sound_copy_can_be_published(base: SmallBase) -> None:
    publish_rounds(base, 1)
    republish(base, lambda _, manifest: manifest)
    assert round_of(base.open()) == {"1"}


def without_words(work: Path, manifest: generation.Manifest) -> generation.Manifest:
    shutil.rmtree(work / "lexical")
    write_lexical(work / "lexical", [], ())
    return manifest


def with_a_ghost(_: Path, manifest: generation.Manifest) -> generation.Manifest:
    return replace(manifest, articles=manifest.articles | {"ghost": generation.Listed(99, "0" * 64, "ghost.md")})


def with_answers_for_asks(work: Path, manifest: generation.Manifest) -> generation.Manifest:
    name = f"base-{manifest.generation}"  # a segment that changes has another name
    segment = (work / "segments" / manifest.segments[0]).rename(work / "segments" / name)
    shutil.copyfile(segment / "answers.faiss", segment / "asks.faiss")
    return replace(manifest, segments=(name,))


@pytest.mark.parametrize(
    ("spoil", "file"),
    [(without_words, "canary"), (with_a_ghost, "articles"), (with_answers_for_asks, "asks.faiss")],
)
def test_what_does_not_verify_is_never_pointed_at(
    base: SmallBase, spoil: Callable[[Path, generation.Manifest], generation.Manifest], file: str
) -> None:
    names = publish_rounds(base, 1)
    with pytest.raises(GenerationError) as told:
        republish(base, spoil)
    assert told.value.facts["file"] == file
    assert generation.generations(base.index) == names
    assert os.listdir(base.index / "generations") == names
    assert base.open().manifest.generation == names[0]


# --- going back ----------------------------------------------------------------------------------


def test_rolling_back_goes_one_generation_at_a_time_to_the_first(base: SmallBase) -> None:
    first, second, third = publish_rounds(base, 3, keep=5)
    assert base.open().manifest.generation == third
    assert generation.roll_back(base.index) == second
    assert round_of(base.open()) == {"2"}
    assert generation.roll_back(base.index) == first
    assert round_of(base.open()) == {"1"}
    with pytest.raises(GenerationError) as told:
        generation.roll_back(base.index)
    assert (told.value.code, told.value.facts) == ("nothing_before", {"generation": first})
    assert round_of(base.open()) == {"1"}


def test_rolling_back_passes_over_a_damaged_generation(base: SmallBase) -> None:
    first, second, _ = publish_rounds(base, 3, keep=5)
    truncate(next((base.index / "generations" / second).rglob("asks.faiss")))
    assert generation.roll_back(base.index) == first
    assert round_of(base.open()) == {"1"}


def test_after_rolling_back_the_newer_generation_never_serves_by_itself(base: SmallBase) -> None:
    first, second, _ = publish_rounds(base, 3, keep=5)
    generation.roll_back(base.index)
    truncate(next((base.index / "generations" / second).rglob("asks.faiss")))
    assert base.open().manifest.generation == first


def test_a_build_after_rolling_back_goes_on_from_there(base: SmallBase) -> None:
    _, second, third = publish_rounds(base, 3, keep=5)
    generation.roll_back(base.index)
    write_round(base, 4)
    report = base.build(keep=5)
    assert report.generation > third
    assert base.open().manifest.parent == second
    assert round_of(base.open()) == {"4"}


# --- names and clean-up --------------------------------------------------------------------------


def test_names_are_never_used_again_and_stand_in_the_order_of_publishing(base: SmallBase) -> None:
    made = []
    for number, clock in enumerate((NOON, NOON, NOON - timedelta(hours=3), NOON, NOON + timedelta(days=1), NOON), 1):
        write_round(base, number)
        made.append(base.build(at=clock, full=True, keep=2).generation)
        assert round_of(base.open()) == {str(number)}
    assert made == sorted(set(made))
    assert generation.generations(base.index) == made[-2:]
    assert made[0].startswith("20261121T120000-")
    assert len({generation.new_name(base.index, NOON) for _ in range(100)}) == 100


def test_names_stay_in_order_for_ever_after_a_clock_was_ten_years_ahead(base: SmallBase) -> None:
    ahead = "20361121T120000"
    for last, wanted in ((0x0F, f"{ahead}-0010-"), (0xFFFF, "20361121T120001-0000-")):
        newest = base.index / "generations" / f"{ahead}-{last:04x}-00000000"
        newest.mkdir(parents=True)
        (newest / "manifest.json").write_text("{}")
        name = generation.new_name(base.index, NOON)
        assert name.startswith(wanted)
        assert name > newest.name


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_collecting_keeps_the_newest(base: SmallBase, keep: int) -> None:
    names = publish_rounds(base, 6, keep=10)
    assert generation.collect(base.index, keep) == names[:-keep]
    assert generation.generations(base.index) == names[-keep:]
    assert round_of(base.open()) == {"6"}


def test_collecting_keeps_the_current_one_and_the_one_before_it(base: SmallBase) -> None:
    names = publish_rounds(base, 6, keep=10)
    point_at(base.index, names[2])
    assert generation.collect(base.index, 0) == [names[0], names[3]]
    assert generation.generations(base.index) == [names[1], names[2], names[4], names[5]]
    assert generation.roll_back(base.index) == names[1]


def test_a_build_collects_what_it_supersedes(base: SmallBase) -> None:
    names = publish_rounds(base, 5, keep=3)
    assert generation.generations(base.index) == names[-3:]


def test_collecting_where_nothing_is_published_does_nothing(base: SmallBase) -> None:
    assert generation.collect(base.index, 3) == []


def test_what_a_killed_build_left_is_cleaned_by_the_next(base: SmallBase) -> None:
    publish_rounds(base, 1)
    left = base.index / "generations" / ".20261121T115959-0000-deadbeef" / "segments" / "base"
    left.mkdir(parents=True)
    (left / "asks.faiss").write_bytes(b"half of it")
    assert base.open().damaged == ()
    write_round(base, 2)
    name = base.build().generation
    assert sorted(os.listdir(base.index / "generations")) == generation.generations(base.index)
    assert generation.generations(base.index)[-1] == name


# --- one publisher -------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from indexer.generation import publisher
with publisher(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_publisher_is_refused_with_the_name_of_the_first(base: SmallBase) -> None:
    write_round(base, 1)
    command = [sys.executable, "-c", HOLD, str(base.index)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(PublishError) as told:
            base.build()
        holder.communicate("done\n")
    assert told.value.code == "publisher_busy"
    assert str(told.value.facts["holder"]).endswith(f", process {holder.pid}")
    assert f"process {holder.pid}" in explain("zh", told.value)
    with pytest.raises(GenerationError):
        base.open()
    assert base.build().published


def test_a_publisher_that_was_killed_holds_nothing(base: SmallBase) -> None:
    write_round(base, 1)
    command = [sys.executable, "-c", HOLD, str(base.index)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    assert base.build().published


# --- reading while others write ------------------------------------------------------------------


def test_a_reader_never_meets_an_error_or_a_mixture_while_ten_generations_are_published(base: SmallBase) -> None:
    write_round(base, 0)
    base.build()
    over = threading.Event()
    seen: list[str] = []
    troubles: list[object] = []

    def read() -> None:
        while not over.is_set():
            try:
                opened = base.open()
                (number,) = round_of(opened)
                titles = opened.engine.dense(base.encoder.queries(["red light"])[0], ALL, 3, ASKS)
                assert {item.article for item in titles} <= set(opened.engine.ids)
                assert not opened.damaged
                if seen[-1:] != [number]:
                    seen.append(number)
            except Exception as error:
                troubles.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 11):
        write_round(base, number)
        base.build(full=number % 3 == 0)
    over.set()
    reader.join()
    assert troubles == []
    assert seen == sorted(seen, key=int)
    assert len(seen) >= 4
    assert round_of(base.open()) == {"10"}


# A parent that has imported everything forks a child that publishes without end, and kills it at a random moment.
PUBLISH_UNTIL_KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from tests.indexer.test_generation import write_round
from tests.small_base import SmallBase

base, chance = SmallBase(Path(sys.argv[1])), random.Random(int(sys.argv[2]))
number = 0
for start in sys.stdin:
    number += 1000
    heed, say = os.pipe()
    child = os.fork()
    if child == 0:
        while True:
            number += 1
            write_round(base, number)
            base.build(full=number % 4 == 0)
            os.write(say, b".")
    os.close(say)
    for _ in range(chance.randrange(3) if number > 2000 else 1):  # counted: time tells nothing on a busy machine
        os.read(heed, 1)
    time.sleep(chance.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(heed)
    print(number, flush=True)
"""


def test_a_publisher_killed_at_any_moment_leaves_a_generation_that_opens(base: SmallBase) -> None:
    write_round(base, 0)
    base.build()
    seed = random.randrange(1_000_000)
    command = [sys.executable, "-c", PUBLISH_UNTIL_KILLED, str(base.home), str(seed)]
    published = set()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        for kill in range(1, 11):
            killer.stdin.write("go\n")
            killer.stdin.flush()
            assert killer.stdout.readline() == f"{kill * 1000}\n"
            opened = base.open()
            assert opened.damaged == (), f"seed {seed}"
            (number,) = round_of(opened)
            assert int(number) <= kill * 1000 + 999
            published.add(number)
        killer.stdin.close()
    assert len(published) >= 2, "it was killed before it could publish anything"
    write_round(base, 99_999)
    base.build()
    assert round_of(base.open()) == {"99999"}
    assert [name for name in os.listdir(base.index / "generations") if name.startswith(".")] == []


def test_a_reader_that_is_overtaken_by_two_publishers_looks_again(
    base: SmallBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_rounds(base, 2, keep=2)
    opened_named, overtaken = generation.open_named, []

    def slow(index: Path, name: str, sha256: str = "") -> generation.Opened:
        if not overtaken:
            overtaken.append(name)
            publish_rounds(base, 2, keep=2)  # what this reader is about to open is collected
        return opened_named(index, name, sha256)

    monkeypatch.setattr(opening, "open_named", slow)
    opened = base.open()
    assert overtaken[0] not in generation.generations(base.index)
    assert (opened.damaged, round_of(opened)) == ((), {"2"})
