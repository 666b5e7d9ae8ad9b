"""Every sentence a person sees, in Chinese and English, from `kb/locales/*.toml`."""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from kb.errors import KBError

LANGUAGES = ("zh", "en")
LONGEST_FACT = 1_000  # characters of what an error's sentence quotes
FOLDER = Path(__file__).parent / "locales"


@functools.cache
def sentences(language: str) -> Mapping[str, str]:
    """All sentences of one language as `section.key` → text. `language` is `zh` or `en`."""
    tree = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))
    return {f"{section}.{key}": text for section, keys in tree.items() for key, text in keys.items()}


def say(language: str, key: str, /, **facts: object) -> str:
    """The sentence `key` in `language`, with `{fact}` filled in. Raises KeyError for an unknown key."""
    return sentences(language)[key].format(**facts)


WEEKDAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_name(language: str, day: date) -> str:
    """A day as it is said on the phone: `Fri 27 Nov 2026`, `2026年11月27日（周五）`."""
    weekday = WEEKDAYS[language][day.weekday()]
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日（周{weekday}）"
    return f"{weekday} {day.day} {MONTHS[day.month - 1]} {day.year}"


def explain(language: str, error: KBError) -> str:
    """The one sentence that tells a person what went wrong."""
    return say(language, f"error.{error.code}", **{name: _short(fact) for name, fact in error.facts.items()})


def _short(fact: object) -> object:
    """A fact as a person can be told it: not too long, and without half characters, which no file or page takes."""
    told = str(fact).encode("utf-8", "replace").decode("utf-8")
    return (fact if told == str(fact) else told) if len(told) <= LONGEST_FACT else f"{told[:LONGEST_FACT]} …"


def nearest_language(tag: str | None) -> str:
    """`zh` for any Chinese locale tag (`zh-CN`, `zh_TW.UTF-8`), else `en`."""
    return "zh" if (tag or "").lower().startswith("zh") else "en"


def browser_language(header: str) -> str:
    """The language an `Accept-Language` header likes best of ours; `en` where it likes neither."""
    best, liked = "en", 0.0
    for wish in header[:200].split(","):
        tag, _, quality = wish.strip().lower().partition(";")
        weight = _weight(quality) if tag.partition("-")[0] in LANGUAGES else 0.0
        if weight > liked:
            best, liked = nearest_language(tag), weight
    return best


def _weight(quality: str) -> float:
    try:
        return float(quality.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


def terminal_language(setting: str, env: Mapping[str, str] = os.environ) -> str:
    """The language for the command line: the setting, or the environment's locale where it is `auto`."""
    if setting in LANGUAGES:
        return setting
    return nearest_language(env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG"))
