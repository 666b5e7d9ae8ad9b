"""A folder of Markdown as MkDocs, Docusaurus or Obsidian have it, or as it comes: with front matter or without."""

from __future__ import annotations

import posixpath
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

from kb.content import articles
from kb.errors import ArticleError, KBError, RequestError
from kb.studio.transfer.found import Found, Refused, decoded, tag_of
from kb.studio.transfer.html import tidy
from kb.studio.transfer.pack import Pack

ENDINGS = (".md", ".markdown", ".mdx")
MOST_FRONT = 64 * 1024
_FRONT = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_LANG_FOLDER = re.compile(r"(zh|en)(?:[-_][A-Za-z]{2,4})?\Z")
_DOCUSAURUS = re.compile(r"i18n/([A-Za-z-]+)/docusaurus-plugin-content-docs[^/]*/(?:current|version-[^/]*)/")
_NUMBER = re.compile(r"\d{1,4}[-_. ]+(?=\S)")
_HEADING = re.compile(r"\s*# +(.+?)(?:[ \t]+#*)?(?:\n+|\Z)")
_UNDERLINED = re.compile(r"\s*(\S[^\n]*)\n=+[ \t]*(?:\n+|\Z)")
_INDEX = ("index", "readme", "_index")


def read(pack: Pack, names: Sequence[str]) -> Iterator[Found | Refused]:
    """An article of each file. One that is ours already comes as it is."""
    for name in names:
        try:
            text = decoded(pack.read(name), name)
            yield _ours(pack, text, name) or _found(text, name)
        except KBError as error:
            yield Refused(name, error)


def _ours(pack: Pack, text: str, name: str) -> Found | None:
    """An article of our own making, to the byte: whatever its words, it says what it is."""
    try:
        article = articles.parse(text, name)
    except ArticleError:
        return None
    raw = pack.read(name)
    if raw.removeprefix(BOM_UTF8) != text.encode():
        return None
    return Found(name, article.title, article.body, path=name, source=text, mark=raw.startswith(BOM_UTF8))


def _found(text: str, name: str) -> Found:
    front, body = _front(text.replace("\r\n", "\n").replace("\r", "\n"), name)
    place, lang, twin = _place(name)
    stem = _NUMBER.sub("", posixpath.basename(place))
    folders = tuple(_NUMBER.sub("", one) for one in place.split("/")[:-1])
    if stem.lower() in _INDEX and folders:
        stem, folders = folders[-1], folders[:-1]
    body = _inside(body)
    title, body = _title(front, body, stem)
    if not body.strip():
        raise RequestError("import_no_text", file=name)
    listed = [*_texts(front, "tags"), *_texts(front, "keywords"), *_texts(front, "labels")]
    return Found(
        origin=name,
        title=title,
        body=tidy(body),
        folders=folders,
        lang=tag_of(_text(front, "lang") or _text(front, "language") or _text(front, "locale")) or lang,
        twin=twin,
        name=_text(front, "slug").strip("/").rpartition("/")[2] or _text(front, "id") or stem,
        known=(name, stem.lower(), title.lower(), *(one.lower() for one in _texts(front, "aliases"))),
        near=posixpath.dirname(name),
        questions=tuple(one for one in (*_texts(front, "questions"), *_texts(front, "aliases")) if one),
        tags=tuple(dict.fromkeys(one.lstrip("#") for one in listed)),
        draft=_text(front, "draft").lower() == "true" or _text(front, "published").lower() == "false",
    )


def _place(name: str) -> tuple[str, str, str]:
    """Where a file lies without its language and what its tool puts around; its language; what its twin has too."""
    place = name.rpartition(".")[0]
    lang = ""
    if found := _DOCUSAURUS.match(place):
        place, lang = place[found.end() :], found[1]
    place = place.removeprefix("docs/")
    parts = place.split("/")
    for at, part in enumerate(parts[:-1]):
        if not lang and _LANG_FOLDER.match(part):
            lang, parts = part, [*parts[:at], *parts[at + 1 :]]
            break
    stem, dot, ending = parts[-1].rpartition(".")
    if not lang and dot and _LANG_FOLDER.match(ending):
        lang, parts[-1] = ending, stem
    place = "/".join(parts)
    return place, tag_of(lang), place.lower()


# --- front matter --------------------------------------------------------------------------------


def _front(text: str, name: str) -> tuple[dict[str, Any], str]:
    """The keys of whatever front matter there is, values as text or lists of text; and what follows it."""
    found = _FRONT.match(text)
    if not found:
        return {}, text
    if len(found[1]) > MOST_FRONT:
        raise RequestError("import_front_broken", file=name)
    try:
        if any(isinstance(one, yaml.NodeEvent) and one.anchor for one in yaml.parse(found[1], Loader=yaml.CBaseLoader)):
            raise RequestError("import_front_broken", file=name)
        given = yaml.load(found[1], Loader=yaml.CBaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RequestError("import_front_broken", file=name) from error
    keys = {str(key).lower(): value for key, value in given.items()} if isinstance(given, dict) else {}
    return keys, text[found.end() :]


def _text(front: dict[str, Any], key: str) -> str:
    value = front.get(key, "")
    return " ".join(value.split()) if isinstance(value, str) else ""


def _texts(front: dict[str, Any], key: str) -> list[str]:
    value = front.get(key, [])
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [" ".join(one.split()) for one in given if isinstance(one, str) and one.strip()]


def _title(front: dict[str, Any], body: str, stem: str) -> tuple[str, str]:
    """The title, and the body without the heading that says it."""
    named = _text(front, "title")
    found = re.match(r"\s*# +(.+?)(?:[ \t]+#*)?(?:\n+|\Z)", body) or re.match(
        r"\s*(\S[^\n]*)\n=+[ \t]*(?:\n+|\Z)", body
    )
    heading = articles.plain(found[1]) if found else ""
    if found and (not named or heading == named):
        body = body[found.end() :]
    return named or heading or stem.replace("-", " ").replace("_", " ").strip(), body


# --- the body ------------------------------------------------------------------------------------

_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})")


def _inside(body: str) -> str:
    """The body in plain Markdown: what only its own tool understands told in words that all do. Code stays as it is."""
    out: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in body.split("\n"):
        found = _FENCE.match(line)
        if not fence and not found:
            prose.append(line)
            continue
        out += _plain_lines(prose)
        prose = []
        out.append(line)
        if fence:
            fence = "" if found and found[1].startswith(fence) and line.strip() == found[1] else fence
        elif found:
            fence = found[1]
    return _references("\n".join([*out, *_plain_lines(prose)]))


COMMENTS = (("<!--", "-->"), ("{/*", "*/}"), ("%%", "%%"))
NESTED_MOST = 8  # quotes inside one another

_SWAPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"^(?:import|export) [^\n]*(?:from [^\n]+|;)$\n?", re.MULTILINE), ""),
    (re.compile(r"[ \t]*\{[ \t]*(?::|#|\.[a-z]|[\w-]+=)[^{}\n]*\}[ \t]*$", re.MULTILINE), ""),
    (re.compile(r"[ \t]\^[a-zA-Z0-9-]+$", re.MULTILINE), ""),
    (re.compile(r"==([^=\n]+)=="), r"**\1**"),
    (re.compile(r"<br[ \t]*/?>", re.IGNORECASE), "  \n"),
    (
        re.compile(r"<img\b([^<>]*)>", re.IGNORECASE),
        lambda m: f"![{_attribute(m[1], 'alt') or 'image'}]({_attribute(m[1], 'src').replace(' ', '%20')})",
    ),
    (
        re.compile(
            r"</?(?:div|span|p|details|summary|center|sup|sub|u|font|kbd|small|b|i|em|strong|section|figure|figcaption|a"
            r"|Tabs|TabItem|iframe|video|audio|source|script|style|object|embed|form|input|button)\b[^<>]*>",
        ),
        "",
    ),
    (re.compile(r"!\[\[([^\[\]\n|]+)(?:\|[^\[\]\n]*)?\]\]"), lambda m: f"![{_stem(m[1])}](<wiki:{m[1].strip()}>)"),
    (
        re.compile(r"\[\[([^\[\]\n|]+)(?:\|([^\[\]\n]*))?\]\]"),
        lambda m: f"[{(m[2] or m[1].partition('#')[0] or m[1]).strip()}](<wiki:{m[1].strip()}>)",
    ),
)


def _stem(name: str) -> str:
    return posixpath.basename(name.strip()).rpartition(".")[0] or name.strip()


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf"\b{name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", tag)
    return (found[1] or found[2] or "").replace("[", "").replace("]", "") if found else ""


_ADMONITION = re.compile(r"^([ \t]*)(?:!!!|\?\?\?\+?)[ \t]+([\w-]+)[^\n\"]*(?:\"([^\"]*)\")?[ \t]*$")
_TAB = re.compile(r"^([ \t]*)===[!+]?[ \t]+\"([^\"]*)\"[ \t]*$")
_COLONS = re.compile(r"^[ \t]*(:{3,})[ \t]*([A-Za-z]+)(?:\[([^\]\n]*)\])?[ \t]*([^\n{]*?)(?:\{[^}]*\})?[ \t]*$")
_CLOSE = re.compile(r"^[ \t]*:{3,}[ \t]*$")
_CALLOUT = re.compile(r"^((?:>[ \t]*)+)\[!([\w-]+)\][+-]?[ \t]*(.*)$")
KINDS = frozenset(
    "note abstract summary info tip hint important success check question faq help warning caution attention failure "
    "danger error bug example quote todo secondary".split()
)


def _plain_lines(lines: list[str]) -> list[str]:
    text = "\n".join(_callouts(_indented(lines)))
    for start, end in COMMENTS:
        text = _without(text, start, end)
    for pattern, to in _SWAPS:
        text = pattern.sub(to, text)
    return text.split("\n") if lines else []


def _without(text: str, start: str, end: str) -> str:
    """A text without what stands between two marks; a mark that never ends is text."""
    kept, at = [], 0
    while (begin := text.find(start, at)) >= 0 and (close := text.find(end, begin + len(start))) >= 0:
        kept.append(text[at:begin])
        at = close + len(end)
    return "".join([*kept, text[at:]])


def _named(kind: str, title: str | None) -> str:
    return f"**{(title or '').strip() or kind.capitalize()}**"


def _indented(lines: list[str]) -> list[str]:
    """MkDocs: `!!! note "Title"` and `=== "Tab"`, whose text is what stands further in."""
    out: list[str] = []
    at = 0
    while at < len(lines):
        quoted, tab = _ADMONITION.match(lines[at]), _TAB.match(lines[at])
        found = quoted or tab
        if not found:
            out.append(lines[at])
            at += 1
            continue
        inner, at = _further_in(lines, at + 1, len(found[1].expandtabs(4)))
        mark = "> " if quoted else ""
        head = _named(found[2], quoted[3]) if quoted else f"**{found[2]}**"
        out += ["", mark + head, mark.rstrip(), *(f"{mark}{line}".rstrip() for line in _indented(inner)), ""]
    return out


def _further_in(lines: list[str], at: int, indent: int) -> tuple[list[str], int]:
    inner = []
    while at < len(lines):
        line = lines[at].expandtabs(4)
        if line.strip() and len(line) - len(line.lstrip()) < indent + 4:
            break
        inner.append(line[indent + 4 :])
        at += 1
    while inner and not inner[-1].strip():
        inner.pop()
    return inner, at


def _callouts(lines: list[str]) -> Iterator[str]:
    """Docusaurus `:::note Title … :::` and Obsidian `> [!note] Title`, as quotes."""
    depth = 0
    for line in lines:
        opened, callout = _COLONS.match(line), _CALLOUT.match(line)
        if opened and opened[2].lower() in KINDS and depth < NESTED_MOST:
            depth += 1
            yield from ("", f"{'> ' * depth}{_named(opened[2], opened[3] or opened[4])}", f"{'> ' * depth}".rstrip())
        elif depth and _CLOSE.match(line):
            depth -= 1
            yield ""
        elif callout:
            yield f"{callout[1]}{_named(callout[2], callout[3])}"
            yield callout[1].rstrip()
        else:
            yield f"{'> ' * depth}{line}".rstrip() if depth else line


_DEFINITION = re.compile(r"^[ ]{0,3}\[([^\[\]\n]+)\]:[ \t]*<?(\S+?)>?(?:[ \t]+[\"'(][^\n]*)?[ \t]*$\n?", re.MULTILINE)
_BY_NAME = re.compile(r"(!?\[([^\[\]\n]*)\])\[([^\[\]\n]*)\]")


def _references(body: str) -> str:
    """Links by reference as links, so that none is overlooked."""
    known = {m[1].lower(): m[2] for m in _DEFINITION.finditer(body) if not m[1].startswith("^")}
    if not known:
        return body
    body = _DEFINITION.sub(lambda m: m[0] if m[1].startswith("^") else "", body)

    def inline(m: re.Match[str]) -> str:
        target = known.get((m[3] or m[2]).lower())
        return f"{m[1]}(<{target}>)" if target else m[0]

    return _BY_NAME.sub(inline, body)
