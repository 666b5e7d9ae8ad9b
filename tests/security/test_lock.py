"""The lock: every library that is pinned, with its hashes, and no other; and that the table of security is whole."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from kb.config import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text("utf-8")
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in PIN.findall(text)}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_the_lock_is_what_is_pinned_but_torch(name: str) -> None:
    wanted = {package: version for package, version in pins(f"{name}.txt").items() if package != "torch"}
    assert pins(f"{name}.lock") == wanted, "run: make lock"
    assert len(wanted) > 15


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_line_of_the_lock_has_its_hashes_and_names_no_host(name: str) -> None:
    text = (ROOT / f"{name}.lock").read_text("utf-8")
    for one in re.split(r"\n(?=[A-Za-z0-9])", text.split("\n", 1)[1]):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", one), one[:80]
    assert "://" not in text
    assert "--index" not in text


def test_set_up_installs_nothing_without_a_hash_but_torch() -> None:
    made = (ROOT / "Makefile").read_text("utf-8")
    installs = re.findall(r"\$\(BIN\)/python -m pip install ([^\n]*)", made)
    assert len(installs) == 3
    bare = [line for line in installs if "--require-hashes" not in line]
    assert bare == ["--quiet \"$$(grep '^torch==' requirements.txt)\""]
    assert all("--no-deps" in line for line in installs if line not in bare)


# --- docs/security.md ----------------------------------------------------------------------------

# Requirements of levels 1 and 2 a section of ASVS 5.0.0, in each chapter; level 3 stands at a section's end.
SECTIONS = {
    1: (2, 9, 11, 3, 2),
    2: (3, 3, 4, 1),
    3: (0, 2, 4, 6, 5, 0, 2),
    4: (3, 1, 2, 4),
    5: (1, 3, 2, 3),
    6: (3, 12, 4, 4, 5, 3, 0, 4),
    7: (3, 4, 2, 5, 2, 2),
    8: (2, 3, 1, 1),
    9: (3, 4),
    10: (2, 2, 4, 11, 5, 2, 3),
    11: (2, 3, 3, 4, 1, 1),
    12: (3, 2, 4),
    13: (1, 5, 2, 5),
    14: (2, 4, 3),
    15: (3, 3, 7),
    16: (1, 5, 4, 3, 3),
    17: (1, 4, 2),
}
ROW = re.compile(r"^\| V(\d+\.\d+\.\d+) \| (met|site|open|n/a) \| (.+) \|$", re.MULTILINE)
PAGE = (ROOT / "docs/security.md").read_text("utf-8")


def test_every_requirement_of_level_2_has_its_row() -> None:
    wanted = [
        f"{chapter}.{section}.{number}"
        for chapter, counts in SECTIONS.items()
        for section, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    assert len(wanted) == 253
    assert [id for id, _, _ in ROW.findall(PAGE)] == wanted


def test_the_counts_are_those_of_the_rows() -> None:
    counts = Counter(state for _, state, _ in ROW.findall(PAGE))
    applies = counts.total() - counts["n/a"]
    said = f"{applies} apply: {counts['met']} met, {counts['site']} up to the site, {counts['open']} open; "
    assert f"{said}{counts['n/a']} do not apply." in PAGE


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))
    assert len(named) > 15
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []
