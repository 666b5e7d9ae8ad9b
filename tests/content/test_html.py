"""Article Markdown as HTML: what it says is there, and nothing in it runs, loads or leads away."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest

from kb.content.articles import html_of
from kb.content.articles.html import MOST
from tests.security.payloads import hostile

TAGS = frozenset("p h2 h3 h4 h5 h6 ul ol li a span em strong s code pre br hr blockquote img".split()) | frozenset(
    "table thead tbody tr th td".split()
)
ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt"},
    "span": {"class"},
    "th": {"class"},
    "td": {"class"},
    "ol": {"start"},
}


class Reader(HTMLParser):
    """Every element with what it may not have."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.found.append(tag)
        for name, value in attrs:
            leads = name == "href" and not (value or "").startswith("#")
            loads = name == "src" and not (value or "").startswith("data:image/")
            if name not in ATTRIBUTES.get(tag, set()) or leads or loads:
                self.found.append(f"{tag}[{name}={value}]")


def broken(html: str) -> list[str]:
    """What a browser would find in HTML that must not be there."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.found


def html(markdown: str) -> str:
    ids = {"late-en.md": "late-en"}
    return html_of(markdown, lambda link: ids.get(link, ""), lambda picture: PICTURE if picture == "shelf.png" else "")


PICTURE = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("markdown", "wanted"),
    [
        ("# Cause\n\n**Hair** & dust", "<h2>Cause</h2>\n<p><strong>Hair</strong> &amp; dust</p>\n"),
        ("[late](late-en.md)", '<p><a href="#late-en">late</a></p>\n'),
        ("[secret](secret-en.md)", "<p><span>secret</span></p>\n"),
        ("[us](https://example.com/a)", "<p><span>us (https://example.com/a)</span></p>\n"),
        ("<https://example.com/a>", "<p><span>https://example.com/a</span></p>\n"),
        ("![a shelf](shelf.png)", f'<p><img src="{PICTURE}" alt="a shelf"></p>\n'),
        ("![a door](http://evil.example/p.png)", '<p><span class="left-out">a door</span></p>\n'),
        ("<b onclick=x>hi</b>", "<p>&lt;b onclick=x&gt;hi&lt;/b&gt;</p>\n"),
        ("```js\nx<y\n```", "<pre>x&lt;y\n</pre>\n"),
    ],
)
def test_markdown_becomes_html(markdown: str, wanted: str) -> None:
    assert html(markdown) == wanted


def test_the_cells_of_a_table_keep_their_side_without_a_style() -> None:
    found = html("| day | price |\n|---|--:|\n| Mon | 5 |")
    assert '<th class="right">price</th>' in found
    assert '<td class="right">5</td>' in found
    assert "style" not in found


def test_nothing_hostile_becomes_an_element_an_address_or_a_handler() -> None:
    assert broken("<p onclick=x><script>1</script><a href='//x'>y</a></p>") == ["p[onclick=x]", "script", "a[href=//x]"]
    assert {text: broken(html(text)) for text in hostile() if broken(html(text))} == {}


@pytest.mark.parametrize("piece", ["[", "![", "](", "*a ", "`", "<a ", "|a", "> ", "\\", "- ", "[a](b"])
def test_hostile_length_costs_little_and_what_is_too_long_is_shown_as_written(piece: str) -> None:
    began = time.process_time()
    assert broken(html(piece * (MOST // len(piece)))) == []
    assert time.process_time() - began < 3
    assert html("<" * (MOST + 1)) == f"<pre>{'&lt;' * (MOST + 1)}</pre>\n"
