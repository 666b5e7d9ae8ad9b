"""What a format finds: one article as its own tool has it, or why there is none; and text from bytes."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

import charset_normalizer

from kb.errors import KBError, RequestError
from kb.text import HAN, fold, sounds

MOST_TEXT = 2 * 2**20
ENCODINGS = ["gb18030", "big5", "cp1252", "shift_jis", "euc_kr", "cp1251"]
SLUG_MOST = 60
NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_HAN = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class Found:
    """One article of another tool.

    origin:  where it stands, for whoever reads the report
    body:    Markdown; its links and pictures lead where they led there
    folders: the sections it lies in, outermost first
    lang:    as a BCP 47 tag, '' = told from the text
    twin:    what the same article in another language has too, '' = it stands alone
    known:   by what others link to it
    near:    the folder in the pack that its relative links start from
    papers:  target in the body → name in the pack, or the bytes themselves
    source:  the whole file, of an article that is one of ours already; `mark` whether a byte order mark stood before it
    """

    origin: str
    title: str
    body: str
    folders: tuple[str, ...] = ()
    lang: str = ""
    twin: str = ""
    name: str = ""
    known: tuple[str, ...] = ()
    near: str = ""
    questions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    draft: bool = False
    papers: Mapping[str, str | bytes] = field(default_factory=dict)
    notes: tuple[KBError, ...] = ()
    path: str = ""
    source: str = ""
    mark: bool = False


@dataclass(frozen=True)
class Refused:
    """Something that does not become an article, and why."""

    origin: str
    error: KBError


def decoded(raw: bytes, name: str, most: int = MOST_TEXT) -> str:
    """The text of a file in whatever encoding it is. Raises RequestError for one that is no text, or too long."""
    if len(raw) > most:
        raise RequestError("import_too_large", file=name, limit=most // 2**20)
    text = _decoded(raw)
    if text is None or "\0" in text:
        raise RequestError("import_encoding", file=name)
    return NOT_IN_TEXT.sub("", text)


def _decoded(raw: bytes) -> str | None:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    best = charset_normalizer.from_bytes(raw[:65_536], cp_isolation=ENCODINGS, steps=3).best()
    try:
        return None if best is None else raw.decode(best.encoding)
    except UnicodeDecodeError:
        return None


def slug(text: str) -> str:
    """A text as a part of an id: small letters and digits with hyphens, Chinese as it is said. '' for none of them."""
    spelled = _HAN.sub(lambda m: f" {next(iter(sounds(m.group())), '')} ", fold(text))
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode().lower().replace("'", "")
    words = re.findall(r"[a-z0-9]+", plain)
    made = ""
    for word in words:
        if made and len(made) + len(word) >= SLUG_MOST:
            break
        made = f"{made}-{word[:SLUG_MOST]}" if made else word[:SLUG_MOST]
    return made


def language(text: str) -> str:
    """`zh-CN` where a text is more Chinese than not, else `en`: a Chinese character says as much as four letters."""
    han = len(_HAN.findall(text))
    letters = sum(char.isascii() and char.isalpha() for char in text)
    return "zh-CN" if 4 * han > letters else "en"


def tag_of(lang: str) -> str:
    """A language as our articles write it: `zh-CN`, `en`; '' for what is no language tag."""
    found = re.fullmatch(r"([a-z]{2,3})(?:[-_]([a-z]{2,4}))?", lang.strip().lower())
    if not found:
        return ""
    return {"zh": "zh-CN", "en": "en"}.get(found[1]) or found[1]
