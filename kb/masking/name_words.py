"""The words of `names.toml`: surnames, first names, and what looks like them."""

from __future__ import annotations

import tomllib
from pathlib import Path

_TABLES = tomllib.loads((Path(__file__).parent / "names.toml").read_text("utf-8"))


def _words(language: str, name: str) -> frozenset[str]:
    return frozenset(_TABLES[language][name].split())


def _characters(name: str) -> frozenset[str]:
    return frozenset("".join(_TABLES["chinese"][name].split()))


SURNAMES = _characters("surnames")
COMPOUND_SURNAMES = _words("chinese", "compound_surnames")
RISKY_SURNAMES = _characters("risky_surnames")
HARDLY_SURNAMES = _characters("hardly_surnames")
NOT_NAMES = _words("chinese", "not_names")
NOT_IN_A_NAME = _characters("not_in_a_name")
FOLLOWS_A_NAME = _words("chinese", "follows_a_name")

FIRST_NAMES = _words("english", "first_names")
ALSO_WORDS = _words("english", "also_words")
PINYIN_SURNAMES = _words("english", "pinyin_surnames")
NEVER_A_NAME = _words("english", "never_a_name")
