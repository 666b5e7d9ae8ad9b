"""The soak's judge is right about made curves and a leaking program; a floor's few seconds keep every promise, and so
do those of the load's agents, at the same real server."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks import agents, load
from benchmarks.floor import PEOPLE, Floor, Pace, Seen
from benchmarks.server import Server, serving
from benchmarks.soak import curve, promises
from benchmarks.steady import Sample, drift, flat, growth, rise, sample

NOISE = np.random.default_rng(3)
MINUTES = np.arange(0, 1_500, 10.0)  # 25 of them, every ten seconds


# --- the judge -----------------------------------------------------------------------------------


def test_a_straight_line_rises_by_its_slope() -> None:
    at = [0.0, 1.0, 2.0, 4.0]
    assert rise(at, [10.0, 12.0, 14.0, 18.0]) == pytest.approx((8.0, 8.0, 8.0, 10.0))


def test_noise_and_a_few_wild_samples_are_no_growth() -> None:
    memory = 900 + NOISE.normal(0, 6, len(MINUTES))
    memory[[5, 60, -1]] += 300  # a build that was on when they were taken
    found = growth("memory", MINUTES, memory, 0.05)
    assert found.kept
    assert abs(found.value) < 0.005
    assert found.low < found.value < found.high


def test_a_leak_is_seen_under_noise() -> None:
    leak = 900 + 0.06 * 900 * MINUTES / MINUTES[-1] + NOISE.normal(0, 6, len(MINUTES))
    found = growth("memory", MINUTES, leak, 0.05)
    assert not found.kept
    assert found.value == pytest.approx(0.06, abs=0.01)


def test_a_plateau_is_no_leak_and_steps_that_go_on_are() -> None:
    assert growth("memory", MINUTES, np.where(MINUTES < 300, 900, 940), 0.05).kept
    steps = 900 + 3 * (MINUTES // 60)
    assert growth("memory", MINUTES, steps, 0.05).value == pytest.approx(72 / 900, rel=0.1)


def test_a_thread_a_publish_is_not_flat_and_a_pool_that_breathes_is() -> None:
    assert not flat("threads", MINUTES, 40 + MINUTES // 60, 5).kept
    assert flat("threads", MINUTES, 40 + NOISE.integers(0, 12, len(MINUTES)), 5).kept


def test_a_drift_is_of_the_slow_ones_and_says_how_sure_it_is() -> None:
    at = np.arange(0, 1_500, 0.2)
    ms = NOISE.gamma(4, 8, len(at))
    still, slower = drift("p95", at, ms, 0.10), drift("p95", at, ms * (1 + 0.3 * at / at[-1]), 0.10)
    assert still.kept
    assert still.low < 0 < still.high
    assert not slower.kept
    assert slower.value == pytest.approx(1.25 / 1.05 - 1, abs=0.08)
    assert slower.low > 0


def test_what_was_not_measured_is_not_kept() -> None:
    assert not growth("memory", [0, 1], [5, 5], 0.05).kept
    assert not drift("p95", [0, 1], [5, 5], 0.10).kept


def test_an_error_and_a_loss_break_their_promise_and_are_named() -> None:
    seen = Seen(
        samples=[Sample(float(n), 9, 9, 5, 5, 0) for n in range(9)], errors=["page gaps: no"], lost=["event e1"]
    )
    told = {one.name: (one.kept, one.note) for one in promises(seen, 0)}
    assert told["errors"] == (False, "page gaps: no")
    assert told["lost"] == (False, "event e1")
    assert told["memory"][0]


def test_the_curve_is_thin_and_ends_where_the_soak_did() -> None:
    seen = Seen(samples=[Sample(10.0 * n, 9, 8, 5, 4, 0) for n in range(1, 181)], searched=[(1799.0, 30.0)])
    told = curve(seen)
    assert len(told["rows"]) == 60
    assert told["columns"] == "at rss_mb pss_mb fds threads children search_p95_ms"
    assert told["rows"][-1] == "1800.0 9 8 5 4 0 30.0"


# --- a program that leaks ------------------------------------------------------------------------


@contextmanager
def running(how: str) -> Iterator[int]:
    command = [sys.executable, str(Path(__file__).with_name("leaking.py")), how]
    with subprocess.Popen(command) as process:
        time.sleep(0.7)
        yield process.pid
        process.kill()


def watched(pid: int) -> Seen:
    begun, seen = time.monotonic(), Seen()
    for _ in range(30):
        seen.samples.append(sample(pid, time.monotonic() - begun))
        time.sleep(0.1)
    return seen


@pytest.mark.parametrize(("how", "kept"), [("leaks", False), ("still", True)])
def test_a_program_that_leaks_is_told_from_one_that_does_not(how: str, kept: bool) -> None:
    with running(how) as pid:
        found = {one.name: one.kept for one in promises(watched(pid), 0)}
    held = ("memory", "fds", "threads")
    assert {name: found[name] for name in held} == dict.fromkeys(held, kept)
    assert found["children"]


# --- the floor -----------------------------------------------------------------------------------

QUICK = Pace(sampled=0.5, published=3.0, came=1.5, looked=0.2)
GROWTH = 0.25  # in seconds, beginning with the first of everything


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served"), PEOPLE) as one:
        yield one


@pytest.mark.encoder
def test_a_floor_of_a_few_seconds_keeps_its_promises(server: Server) -> None:
    seen = asyncio.run(Floor(server, 8, QUICK).open())
    found = {one.name: one for one in promises(seen, 2, GROWTH)}
    assert seen.errors == []
    assert seen.lost == []
    assert found["memory"].kept, found["memory"]
    assert found["fds"].value < 4 * seen.done["signed in"]  # Streamlit keeps who left for two minutes: three each
    assert found["threads"].value < 60  # the pools of who answers grow while they are asked
    assert len(seen.searched) >= 30
    assert len(seen.published) >= 2
    assert seen.done["calls"] >= 3
    assert seen.done["pages"] >= 12
    assert {name: len(ids) > 0 for name, ids in seen.acknowledged.items()} == dict.fromkeys(seen.acknowledged, True)


# --- the load ------------------------------------------------------------------------------------


@pytest.mark.encoder
@pytest.mark.timeout(400)
def test_all_of_the_load_in_a_few_seconds_has_no_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "THINK", (0.1, 0.4))
    monkeypatch.setattr(agents, "KEY", 0.1)
    small = {"STORM": 3, "STORM_SECONDS": 1.0, "BESIDE": 2, "RECOVERY": 1.0, "WINDOW": 1.0, "ROUNDS": 1, "HASTE": 2.0}
    for name, value in small.items():
        monkeypatch.setattr(load, name, value)
    kinds = {f"{kind}_p95_ms" for kind in (*agents.STEPS, "keystroke", "record")}
    for seconds in (1.5, 6.0, 24.0):  # on a busy machine nobody comes to all of it within a moment
        asked = argparse.Namespace(sessions=[1, 4], seconds=seconds, storm=True, publishing=True, steady=0.01)
        found = asyncio.run(load.measured(server, asked))
        if kinds <= set(found["steps"][-1]):
            break
    assert [one["sessions"] for one in found["steps"]] == [1, 4]
    for one in (*found["steps"], found["past"]):
        assert (one["errors"], one["spooled"]) == (0, 0)
        assert 0 < one["p50_ms"] <= one["p95_ms"] <= one["p99_ms"]
    last = found["steps"][-1]
    assert kinds <= set(last)
    assert last["server_mb"] > 100
    assert last["server_cores"] > 0
    assert (found["storm"]["people"], found["storm"]["errors"]) == (3, 0)
    assert found["steady"]["searches"] == 3
    assert found["publishing"]["quiet_p95_ms"] > 0
    told = {one["name"]: one["value"] for one in found["goals"] if one["name"].startswith("errors")}
    assert told == dict.fromkeys(told, 0)
    assert len(told) == 4
    assert load.report(found).count("BROKEN") + load.report(found).count("kept") == len(found["goals"])
