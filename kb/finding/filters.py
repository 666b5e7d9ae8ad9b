"""Filters typed in the box, `product:R3000 lang:en` or `产品:R3000 语言:英文`: what narrows, and the question left."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VALUE = r"([^\s\"“”]{0,64}|[\"“][^\"”]{0,64}[\"”]?)"
_TYPED = re.compile(rf"(?:^|(?<=\s))(product|lang|产品|语言)[:\uff1a]{_VALUE}(?=\s|\Z)", re.IGNORECASE)
_NAMES = {"product": "product", "产品": "product", "lang": "lang", "语言": "lang"}
_LANGS = {"中文": "zh", "汉语": "zh", "chinese": "zh", "英文": "en", "英语": "en", "english": "en"}
_CODE = re.compile(r"[a-z]{2}(-[a-z]{2,4})?\Z")


@dataclass(frozen=True)
class Filters:
    """A typed question taken apart: the words left, and what it is narrowed to ('' = not).

    growing: the text ends inside a filter, which may not be typed to its end yet
    """

    question: str
    product: str = ""
    lang: str = ""
    growing: bool = False


def typed(question: str) -> Filters:
    """The filters in a typed question. An empty one (`product:`) narrows nothing yet; the last counts."""
    places = list(_TYPED.finditer(question))
    found = {_NAMES[name.lower()]: value.strip('"“”') for name, value in (place.groups() for place in places)}
    lang = _lang(found.get("lang", "").lower())
    rest = " ".join(_TYPED.sub(" ", question).split()) if found else question
    growing = bool(places) and places[-1].end() == len(question)
    return Filters(rest, found.get("product", ""), lang, growing)


def _lang(named: str) -> str:
    """The code of a language by any name of it; '' for what is none, or none yet: `lang:e` on the way to `en`."""
    code = _LANGS.get(named, named)
    return code if _CODE.match(code) else ""
