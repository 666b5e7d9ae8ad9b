"""An adapter is learnt from lessons, kept only where held-out ones improve, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from indexer import learnt
from indexer.engine import Lesson
from indexer.learnt import tune
from kb.doors import index_cli
from kb.errors import SettingError
from kb.finding.search import Vector
from tests.fake_encoder import HashEncoder
from tests.indexer.test_encoder import load, make_model
from tests.small_base import NOON, SmallBase

LATER = NOON + timedelta(minutes=1)
NAMES = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "ivory", "jolly", "knoll", "lemon")


class Swapped(HashEncoder):
    """Questions lie in a base turned away from the articles': exactly what a matrix can put right."""

    def queries(self, texts: Sequence[str]) -> Vector:
        return np.roll(self.passages(texts), 7, axis=1)


def taught(base: SmallBase, each: int) -> None:
    for name in NAMES:
        base.write(f"{name}-en", f"About the {name} thing", body=f"The {name} is kept here.")
    base.build()
    lessons = [Lesson(f"{name}-en", f"zzq{number} {name[::-1]}{name}") for name in NAMES for number in range(each)]
    learnt.teach(base.index, base.encoder, lessons, LATER)


def test_what_is_held_out_improves_and_the_adapter_is_kept_and_taken_back(tmp_path: Path) -> None:
    plain = Swapped(dim=64)
    base = SmallBase(tmp_path, plain)
    taught(base, 8)
    folder = tmp_path / "model"
    report = tune.tune(base.open().engine, plain, folder, LATER)
    assert (report.lessons, report.held) == (96, 19)
    assert report.after > report.before + 0.05
    encoder = tune.adapted(plain, folder)
    assert encoder.name == report.name != plain.name
    assert encoder.passages(["a"]) == pytest.approx(plain.passages(["a"]))
    asked = encoder.queries(["zzq amber"])
    assert np.linalg.norm(asked) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(asked, plain.queries(["zzq amber"]), atol=1e-3)
    base.encoder = encoder
    assert base.build(LATER + timedelta(minutes=1)).anew
    assert base.open().manifest.model == report.name
    assert len(base.open().engine.lessons) == 96
    assert tune.adapted(HashEncoder("another"), folder).name == "another"
    assert tune.roll_back(folder)
    assert tune.adapted(plain, folder) is plain
    assert not tune.roll_back(folder)


def test_an_adapter_that_helps_nobody_is_not_kept(tmp_path: Path) -> None:
    """Lessons that say nothing about their article: each has the words of another one's."""
    base = SmallBase(tmp_path, HashEncoder(dim=64))
    taught(base, 0)
    drawn = np.random.default_rng(1).permutation(96)
    lessons = [Lesson(f"{NAMES[n % 12]}-en", f"q{at} {NAMES[at % 12]}") for n, at in enumerate(drawn.tolist())]
    learnt.teach(base.index, base.encoder, lessons, LATER)
    report = tune.tune(base.open().engine, base.encoder, tmp_path / "model", LATER)
    assert report.name == ""
    assert tune.adapted(base.encoder, tmp_path / "model") is base.encoder


def test_too_few_lessons_are_refused_in_both_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = SmallBase(tmp_path, HashEncoder())
    taught(base, 1)
    with pytest.raises(SettingError) as refused:
        tune.tune(base.open().engine, base.encoder, tmp_path / "model", LATER)
    assert (refused.value.code, refused.value.facts) == ("tune_too_few", {"count": 12, "least": tune.LEAST})
    monkeypatch.setenv("KB_HOME", str(base.home))
    monkeypatch.setenv("KB_ARTICLES", str(base.folder))
    told = {"en": "Only 12 questions have been learnt", "zh": "只学到 12 个问题"}
    for language, sentence in told.items():
        monkeypatch.setenv("KB_LANGUAGE", language)
        done = CliRunner().invoke(index_cli.main, ["tune"])
        assert (done.exit_code, sentence in done.output) == (2, True)
        back = CliRunner().invoke(index_cli.main, ["tune", "--rollback"])
        assert back.exit_code == 0


def test_a_pointer_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / tune.POINTER).write_text('[{"model": "hash", "file": "adapter-gone.npy"}]', "utf-8")
    with pytest.raises(SettingError) as told:
        tune.adapted(HashEncoder(), tmp_path)
    assert told.value.code == "adapter_unusable"


@pytest.mark.encoder
def test_it_works_over_any_model(tmp_path: Path) -> None:
    """A tiny one with random weights: whatever comes out, the figures are measured and the files agree with them."""
    plain = load(make_model(tmp_path / "tiny"))
    base = SmallBase(tmp_path / "base", plain)
    taught(base, 5)
    report = tune.tune(base.open().engine, plain, tmp_path / "model", LATER)
    assert (report.lessons, report.held) == (60, 12)
    assert 0 < report.before <= 1
    assert 0 < report.after <= 1
    assert bool(report.name) == (tmp_path / "model" / tune.POINTER).exists()
