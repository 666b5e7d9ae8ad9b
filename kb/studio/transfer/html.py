"""HTML → Markdown: cleaned of all that runs or loads, then told in Markdown's words."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote

from bs4 import BeautifulSoup, Comment, Tag
from markdownify import MarkdownConverter

from kb.errors import RequestError

MOST_HTML = 2**20
MOST_DEEP = 100  # elements inside one another: more is no article, and a converter would run out of stack
REMOVED = (
    "script style noscript template object embed svg math canvas audio video form head meta link base input button "
    "select textarea frame frameset applet"
).split()
KEPT = {"a": ("href",), "img": ("src", "alt"), "td": ("colspan",), "th": ("colspan",), "ol": ("start",), "code": ()}
_OPEN, OPEN_MOST = re.compile(r"<(?=[^<>]*(?:<|\Z))"), 500
_SAFE = re.compile(r"(?:https?:|mailto:|tel:|#|/|[^:]*\Z)", re.IGNORECASE)
_DATA = re.compile(r"data:image/[a-z+.-]+;base64,(.*)\Z", re.DOTALL)


def markdown_of(html: str, name: str) -> tuple[str, dict[str, str | bytes]]:
    """Markdown, and what the pictures in it that stood in the page itself hold. Raises RequestError for a page that
    is too long or too deep."""
    if len(html) > MOST_HTML:
        raise RequestError("import_too_large", file=name, limit=1)
    try:
        soup = _soup(html)
        papers = _clean(soup, name)
        text = MarkdownConverter(heading_style="ATX", bullets="-", table_infer_header=True).convert_soup(soup)
    except RecursionError as error:
        raise RequestError("import_too_deep", file=name) from error
    return tidy(text), papers


def _soup(html: str) -> BeautifulSoup:
    """A page as a browser reads it: `<![` begins a comment that ends at the next `>`; Python's parser refuses some.

    What begins like a tag and never ends is text, where there is more of it than in any page: Python's parser looks
    for each one's end again and again.
    """
    if len(_OPEN.findall(html)) > OPEN_MOST:
        html = _OPEN.sub("&lt;", html)
    return BeautifulSoup(html.replace("<![", "<!-["), "html.parser")


def _clean(soup: BeautifulSoup, name: str) -> dict[str, str | bytes]:
    papers: dict[str, str | bytes] = {}
    for comment in soup.find_all(string=lambda one: isinstance(one, Comment)):
        comment.extract()
    for frame in soup.find_all("iframe"):  # a film becomes a link to it
        link = soup.new_tag("a", href=str(frame.get("src", "")))
        link.string = str(frame.get("title") or frame.get("src") or "")
        frame.replace_with(link)
    for tag in soup.find_all(REMOVED):
        tag.decompose()
    for cell in soup.find_all(["td", "th"]):
        for text in cell.find_all(string=re.compile(r"\|"), recursive=True):
            text.replace_with(str(text).replace("|", "\\|"))
    for tag in soup.find_all(True):
        if not isinstance(tag, Tag):
            continue
        if sum(1 for _ in tag.parents) > MOST_DEEP:
            raise RequestError("import_too_deep", file=name)
        tag.attrs = {key: tag.attrs[key] for key in KEPT.get(tag.name, ()) if key in tag.attrs}
        if tag.name == "a" and not _SAFE.match(str(tag.get("href", "")).strip()):
            tag.unwrap()
        elif tag.name == "a":
            tag["href"] = _target(str(tag.get("href", "")))
        elif tag.name == "img":
            tag["src"] = _picture(str(tag.get("src", "")), papers)
            tag["alt"] = re.sub(r"[\[\]\n]", " ", str(tag.get("alt", ""))).strip() or "image"
    return papers


def _picture(source: str, papers: dict[str, str | bytes]) -> str:
    found = _DATA.match(source.strip())
    if not found:
        return _target(source)
    target = f"inline-{len(papers)}"
    try:
        papers[target] = base64.b64decode(re.sub(r"\s", "", found[1]), validate=True)
    except (binascii.Error, ValueError):
        papers[target] = b""
    return target


def _target(link: str) -> str:
    return quote(link.strip(), safe="/:?#[]@!$&'*+,;=%~-._")


_CONTAINER = re.compile(r"^([ \t]*):::", re.MULTILINE)
_BLANKS = re.compile(r"\n{3,}")


def tidy(text: str) -> str:
    """Markdown of another tool without what our own blocks begin with, and with single blank lines."""
    text = text.replace("\xa0", " ")
    text = "\n".join(line.rstrip() if not line.endswith("  ") else line.rstrip() + "  " for line in text.splitlines())
    return _BLANKS.sub("\n\n", _CONTAINER.sub(r"\1\\:::", text)).strip()


def plain_of(html: str) -> str:
    """The text of a piece of HTML, on one line."""
    return " ".join(_soup(html[:MOST_HTML]).get_text(" ").split())
