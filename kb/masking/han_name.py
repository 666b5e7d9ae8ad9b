"""How long a Chinese name is that begins at a given place: 张伟, 欧阳娜娜, 小王, 阿卜杜拉·买买提.

Chinese has no spaces and no capitals, so a name ends where a character comes that no given name has
(我, 想, 的, 电) or where a word begins that follows names (先生, 明天, 投诉). Each function gives the end
of the name, or the place itself where none begins.
"""

from __future__ import annotations

import re

from kb.masking.name_words import (
    COMPOUND_SURNAMES,
    FOLLOWS_A_NAME,
    HARDLY_SURNAMES,
    NOT_IN_A_NAME,
    NOT_NAMES,
    RISKY_SURNAMES,
    SURNAMES,
)
from kb.masking.reading import HAN

HAN_RUN = re.compile(rf"[{HAN}]{{1,8}}")  # as far as a name can matter

_SHORT = re.compile(rf"[小老阿][{HAN}](?=[^{HAN}]|[,的就说想要吧啊呀]|$)")
_GIVEN_AFTER_SURNAME = re.compile(rf"名[{HAN}]{{1,2}}(?![{HAN}])")
_LONE = re.compile(rf"\s[{HAN}](?![{HAN}])")
_FOREIGN = re.compile(rf"[{HAN}]{{1,8}}(?:[·•・][{HAN}]{{1,8}}){{1,3}}")


def full_name(text: str, start: int, *, strict: bool) -> int:
    """Surname and given name. `strict`: only where a pause follows, or a word that follows names."""
    given = start + (2 if text[start : start + 2] in COMPOUND_SURNAMES else 1)
    if given == start + 1 and text[start:given] not in SURNAMES:
        return start
    run = HAN_RUN.match(text, given)
    if not run:  # 张 伟
        lone = _LONE.match(text, given)
        return lone.end() if lone and not strict and lone.group()[-1] not in NOT_IN_A_NAME else start
    if text[start : start + 2] in NOT_NAMES or text[start : start + 3] in NOT_NAMES:
        return start
    if text[start] in HARDLY_SURNAMES and (strict or len(run.group()) > 2):
        return start
    length = _given_name(run.group())
    rest = run.group()[length:]
    goes_on = not rest or not strict or rest[0] in NOT_IN_A_NAME or rest[:2] in FOLLOWS_A_NAME
    return given + length if length and goes_on else start


def _given_name(run: str) -> int:
    """How many characters at the start of a run of Chinese are a given name: 0 to 2."""
    if run[0] in NOT_IN_A_NAME or run[:2] in FOLLOWS_A_NAME:
        return 0
    if len(run) == 1 or run[1] in NOT_IN_A_NAME or run[1:3] in FOLLOWS_A_NAME:
        return 1
    return 2


def short_name(text: str, start: int) -> int:
    """小王, 老李, 阿强"""
    named = _SHORT.match(text, start)
    if not named:
        return start
    second = named.group()[1]
    known = named.group()[0] == "阿" or second in SURNAMES - HARDLY_SURNAMES
    return named.end() if known and second not in NOT_IN_A_NAME else start


def foreign_name(text: str, start: int) -> int:
    """阿卜杜拉·买买提"""
    named = _FOREIGN.match(text, start)
    return named.end() if named else start


def whole_run(text: str, start: int) -> int:
    """Whatever two to four characters stand here by themselves, as after `姓名：`."""
    run = HAN_RUN.match(text, start)
    if not run or not 2 <= len(run.group()) <= 4 or run.group() in NOT_NAMES:
        return start
    return start if NOT_IN_A_NAME & set(run.group()) else run.end()


def surname(text: str, start: int) -> int:
    """The surname after 姓, and a given name after 名: 姓张名伟."""
    end = start
    if text[start : start + 2] in COMPOUND_SURNAMES:
        end = start + 2
    elif text[start : start + 1] in SURNAMES - {"和"}:
        ends = not HAN_RUN.match(text, start + 1) or text[start + 1] in NOT_IN_A_NAME
        end = start + 1 if ends or text[start] not in RISKY_SURNAMES else start
    named = _GIVEN_AFTER_SURNAME.match(text, end) if end > start else None
    return named.end() if named else end


def is_name(name: str) -> bool:
    """Whether these one to four characters can be a surname, or a surname and a given name."""
    compound = name[:2] in COMPOUND_SURNAMES
    if not HAN_RUN.fullmatch(name) or name in NOT_NAMES or len(name) > (4 if compound else 3):
        return False
    known = compound or (name[0] in SURNAMES and name[0] not in HARDLY_SURNAMES)
    return known and NOT_IN_A_NAME.isdisjoint(name[2 if compound else 1 :])
