"""Speech as it is written down: what is said while one thinks, and words said twice, carry no question."""

from __future__ import annotations

import re

from kb import text

# Sounds of hesitation, and phrases that only hold the floor. The lists are closed; `那个` and `like` may
# also mean something, and go only beside a hesitation, a phrase or an end of what was said.
_SOUNDS = r"(?:[嗯呃]+|[啊哎唔诶欸噢喔](?=[\s,，。、…]|$))"
_HOLDS = r"(?:就是说|怎么说呢?|你知道吧?|我跟你说|那什么|那个|这个|然后(?:呢|的话)?|就是|的话|反正|对吧|是吧)"
_SPACE = r"[\s,，。、…]"
_SPOKEN_ZH = re.compile(
    rf"(?:^|(?<={_SPACE})|(?={_SOUNDS}))(?:{_SPACE}*(?:{_SOUNDS}|(?:{_HOLDS}(?={_SPACE}|{_SOUNDS}|{_HOLDS}))))+{_SPACE}*"
)
_EN_SOUND = r"(?:u+m+|u+h+m*|e+r+m*|h+m{2,}|m{2,}|a+h+|o+h+)"
_EN_HOLD = r"(?:you know|i mean|like|sort of|kind of|basically|actually|okay|ok|so|well|right|yeah|anyway)"
_SPOKEN_EN = re.compile(
    rf"(?<![\w'’-])(?:{_EN_HOLD}[\s,…]+)*{_EN_SOUND}(?:[\s,…]+(?:{_EN_SOUND}|{_EN_HOLD})(?![\w'’-]))*(?![\w'’-])[\s,…]*",
    re.IGNORECASE,
)
_EN_PHRASE = re.compile(
    r"(?<!do )(?<!did )(?<!if )(?<![\w'’-])(?:you know|i mean)"
    r"(?= (?:the|a|my|your|this|that|i|it|you|we|like|so|when)\b|[,\s]*$)[,\s]*",
    re.IGNORECASE,
)
_CHAIN_ZH = re.compile(rf"{_HOLDS}(?:{_SPACE}*{_HOLDS})+{_SPACE}*")
_OPENING = re.compile(
    r"^(?:(?:so|well|okay|ok|right|like|yeah|basically|actually|anyway|let me see)[\s,…]+)+(?=\S+ \S+ \S+)",
    re.IGNORECASE,
)
_TWICE = re.compile(r"(?<![\w'’-])([a-z]{1,12})(?: \1)+(?![\w'’-])", re.IGNORECASE)
_TWICE_ZH = re.compile(rf"([{text.HAN}]{{2,4}})\1+|([我你他她它这那])\2+")

_DIGITS = {
    "zero": 0,
    "oh": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}
_SAID_DIGITS = re.compile(
    rf"(?<![\w'’-])(?:{'|'.join(_DIGITS)})(?: (?:{'|'.join(_DIGITS)}))+(?![\w'’-])", re.IGNORECASE
)


def written(said: str) -> str:
    """What was said without hesitations and repetitions, digits said one by one as a number; as it was where
    nothing else is left."""
    kept = _SAID_DIGITS.sub(lambda m: "".join(str(_DIGITS[word]) for word in m.group().lower().split()), said)
    kept = _SPOKEN_ZH.sub(" ", _CHAIN_ZH.sub("", kept)) if text.language(kept) == "zh" else kept
    kept = _OPENING.sub("", _EN_PHRASE.sub("", _SPOKEN_EN.sub("", kept)))
    kept = _TWICE_ZH.sub(lambda m: m.group(1) or m.group(2), _TWICE.sub(r"\1", kept))
    kept = re.sub(r"\s+", " ", kept).strip() if kept != said else kept
    return kept or said
