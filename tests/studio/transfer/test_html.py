"""HTML as Markdown."""

from __future__ import annotations

import pytest

from kb.studio.transfer.html import markdown_of, plain_of


@pytest.mark.parametrize(
    ("html", "markdown", "plain"),
    [
        ("<p>Boil <b>twice</b>.</p>", "Boil **twice**.", "Boil twice ."),
        ("<![if !supportLists]><p>One.</p><![endif]>", "One.", "One."),
        ("<p>One.</p><![CTA[two]]><p>Three.</p>", "One.\n\nThree.", "One. Three."),
        ("<p>一。<![CDATA[二]]>三</p>", "一。三", "一。 三"),
    ],
)
def test_sections_that_are_no_html_are_left_out_as_a_browser_does(html: str, markdown: str, plain: str) -> None:
    assert markdown_of(html, "a.html") == (markdown, {})
    assert plain_of(html) == plain
