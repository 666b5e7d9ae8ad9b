"""Sentences of a call centre with personal data planted in them, drawn at a fixed seed from `golden/masking.toml`.

Nothing here is shared with `kb.masking`: the sentences, the ways of writing and the numbers were written
from what callers say and agents type.
"""

from __future__ import annotations

import json
import os
import random
import re
import string
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

SEED = 20261121
FILE = os.environ.pop("KB_MASKING_FILE", "")  # a labelled file, not a setting: kb.config refuses names it does not know
BANK: dict[str, Any] = tomllib.loads((Path(__file__).parent / "golden" / "masking.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Planted:
    """A value in a case's text: characters `[start, end)`. The kind of one that must survive is `keep`."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Case:
    """One text, what in it is personal, and where the planted values stand that must survive."""

    text: str
    personal: tuple[Planted, ...] = ()
    kept: tuple[Planted, ...] = ()


# --- numbers that exist ----------------------------------------------------------------------------

MOBILES = (
    "130 131 132 133 135 136 137 138 139 145 147 150 151 155 158 159 166 171 173 176 178 180 185 186 187 188 191 199"
)
ISSUERS = "4:16 4:16 51:16 55:16 2221:16 62:16 6222:16 622848:19 622202:19 621700:19 62:17 34:15 37:15 3528:16 6011:16"
REGIONS = (
    "110101 110105 120101 130102 210102 310104 310115 320106 330106 350203 370202 420106 430104 440305 500103 610103"
)


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(string.digits) for _ in range(count))


def mobile(rng: random.Random) -> str:
    return rng.choice(MOBILES.split()) + digits(rng, 8)


def closed_by_luhn(body: str) -> str:
    """The number with the check digit that ISO/IEC 7812 asks for."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def card(rng: random.Random) -> str:
    start, _, length = rng.choice(ISSUERS.split()).partition(":")
    return closed_by_luhn(start + digits(rng, int(length) - len(start) - 1))


def misread_card(rng: random.Random) -> str:
    number = card(rng)
    place = rng.randrange(6, len(number))
    return number[:place] + str((int(number[place]) + rng.randint(1, 8)) % 10) + number[place + 1 :]


def order_like_a_card(rng: random.Random) -> str:
    made = [closed_by_luhn(digits(rng, 15)), closed_by_luhn("62" + digits(rng, 13))]
    return rng.choice([digits(rng, 15), digits(rng, 16), digits(rng, 18), digits(rng, 19), *made])


def day(rng: random.Random, first: date, days: int) -> date:
    return first + timedelta(days=rng.randrange(days))


def id_card(rng: random.Random) -> str:
    """A number with the check sign of GB 11643."""
    body = rng.choice(REGIONS.split()) + day(rng, date(1940, 1, 1), 25_000).strftime("%Y%m%d") + digits(rng, 3)
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def old_id_card(rng: random.Random) -> str:
    return rng.choice(REGIONS.split()) + day(rng, date(1940, 1, 1), 20_000).strftime("%y%m%d") + digits(rng, 3)


NUMBERS: Mapping[str, Callable[[random.Random], str]] = {
    "mobile": mobile,
    "card": card,
    "misread_card": misread_card,
    "order_like_a_card": order_like_a_card,
    "id_card": id_card,
    "old_id_card": old_id_card,
}

# --- ways of writing them --------------------------------------------------------------------------

ENGLISH = "zero one two three four five six seven eight nine".split()
CHINESE = "零一二三四五六七八九"
PIECE = re.compile(r"#+|零+|~+|\?|\{[^}]+\}")


def said_in_chinese(rng: random.Random, number: str) -> str:
    names = [rng.choice("零〇"), rng.choice("一幺"), *CHINESE[2:]]
    return "".join(names[int(digit)] if digit.isdigit() else digit for digit in number)


def said_in_english(rng: random.Random, number: str) -> str:
    zero = rng.choice(["zero", "oh"])
    said: list[str] = []
    while number:
        word = zero if number[0] == "0" else ENGLISH[int(number[0])]
        twice = number[:2] == number[0] * 2 and rng.random() < 0.4
        said.append(f"double {word}" if twice else word)
        number = number[2 if twice else 1 :]
    return " ".join(said)


def drawn(rng: random.Random, slot: str) -> str:
    """A word of `[words]`, or a number of `{least-most}`."""
    if slot in BANK["words"]:
        return str(rng.choice(BANK["words"][slot]))
    least, most = slot.split("-")
    return str(rng.randint(int(least), int(most)))


def dressed(style: str, text: str) -> str:
    if style == "wide":
        return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char.replace(" ", "\u3000") for char in text)
    return text.lower() if style == "lower" else text.upper() if style == "upper" else text


def written(rng: random.Random, value: Mapping[str, Any]) -> str:
    """One value of `golden/masking.toml`, in one of its forms."""
    style, _, form = rng.choice(value["forms"]).rpartition("|")
    left = NUMBERS[value["number"]](rng) if "number" in value else None

    def piece(match: re.Match[str]) -> str:
        nonlocal left
        sign = match.group()
        if sign[0] == "{":
            return drawn(rng, sign[1:-1])
        if sign == "?":
            return rng.choice(string.ascii_uppercase)
        if left is None:
            here = digits(rng, len(sign))
        else:
            here, left = left[: len(sign)], left[len(sign) :]
        return said_in_chinese(rng, here) if sign[0] == "零" else said_in_english(rng, here) if sign[0] == "~" else here

    text = PIECE.sub(piece, day(rng, date(2024, 1, 1), 1_100).strftime(form) if "%" in form else form)
    if left is not None:
        text = (
            re.sub(r"(?:[\s,，.·–-]|then)+$", "", text) + left
        )  # a shorter or longer number than the form has room for
    return dressed(style, text)


# --- cases -----------------------------------------------------------------------------------------

SLOT = re.compile(r"\{(\w+)\}")


def filled(sentence: str, values: Mapping[str, tuple[str, str]]) -> Case:
    """The sentence with its slots filled. `values`: slot → (kind, '' for one that must survive; the value)."""
    text, at = "", 0
    personal: list[Planted] = []
    kept: list[Planted] = []
    for slot in SLOT.finditer(sentence):
        text += sentence[at : slot.start()]
        kind, value = values[slot.group(1)]
        (personal if kind else kept).append(Planted(kind or "keep", len(text), len(text) + len(value)))
        text, at = text + value, slot.end()
    return Case(text + sentence[at:], tuple(personal), tuple(kept))


MIXED = {
    "name_zh": "name",
    "name_en": "name",
    "phone": "phone",
    "address_zh": "address",
    "address_en": "address",
    "id_card": "id_card",
    "card": "bank_card",
    "cvv": "cvv",
    "email": "email",
    "order": "",
    "serial": "",
}


def generated(seed: int = SEED) -> list[Case]:
    """All cases of one seed, the same ones each time."""
    rng = random.Random(seed)
    cases: list[Case] = []
    for kind, sentences, value, count in BANK["cases"]["families"]:
        for place in range(count):
            sentence = BANK["sentences"][sentences][place % len(BANK["sentences"][sentences])]
            planted = (kind, written(rng, BANK["values"][value]))
            cases.append(filled(sentence, dict.fromkeys(SLOT.findall(sentence), planted)))
    mixed = BANK["sentences"]["mixed"]
    for place in range(BANK["cases"]["mixed"]):
        forms = {slot: BANK["values"]["mobile" if slot == "phone" else slot] for slot in MIXED}
        values = {slot: (kind, written(rng, forms[slot])) for slot, kind in MIXED.items()}
        cases.append(filled(mixed[place % len(mixed)], values))
    return [*cases, *(Case(text, kept=(Planted("keep", 0, len(text)),)) for text in BANK["sentences"]["nothing"])]


def labelled(path: Path) -> list[Case]:
    """Cases of a JSONL file: `{"text": …, "spans": [{"start": …, "end": …, "kind": …}]}` a line.

    A line without spans is a counter-example: all of it must survive.
    """
    cases = []
    for row in map(json.loads, filter(str.strip, path.read_text("utf-8").splitlines())):
        spans = tuple(Planted(one["kind"], one["start"], one["end"]) for one in row.get("spans", ()))
        cases.append(Case(row["text"], spans, () if spans else (Planted("keep", 0, len(row["text"])),)))
    return cases
