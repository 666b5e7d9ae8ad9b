"""An article's Markdown as HTML, for what is read where no server draws it: nothing in it runs, loads or leads away."""

from __future__ import annotations

import functools
from collections.abc import Callable, MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

MOST = 12_000  # characters: what is longer is shown as it is written, for hostile text takes quadratic time
DEEPEST = 6  # level of a heading

Find = Callable[[str], str]  # the address of a link or picture → what stands for it, '' for nothing
Env = MutableMapping[str, Any]


def html_of(markdown: str, opens: Find, shows: Find) -> str:
    """Markdown (CommonMark with tables, HTML off) as HTML without styles, scripts, or addresses of other places.

    opens: the id of the article that a link leads to; it becomes `<a href="#id">`, any other link its text and address
    shows: a picture as a `data:` address; one that is not shown becomes `<span class="left-out">` with what it says
    """
    if len(markdown) > MOST:
        return f"<pre>{escape(markdown)}</pre>\n"
    return str(_parser().render(markdown, {"opens": opens, "shows": shows, "links": []}))


@functools.cache
def _parser() -> MarkdownIt:
    return MarkdownIt("js-default", {"html": False, "linkify": False}, renderer_cls=_Renderer)


class _Renderer(RendererHTML):
    """markdown-it's own, but for what has an address, a style or a class that a text chose."""

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        address = str(tokens[at].attrs.get("href", ""))
        id = env["opens"](address)
        env["links"].append("" if id else address)
        return f'<a href="#{escape(id)}">' if id else "<span>"

    def link_close(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        address = env["links"].pop()
        if not address:
            return "</a>"
        said = tokens[at - 1].content if at else ""
        return "</span>" if address == said or ":" not in address else f" ({escape(address)})</span>"

    def image(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        said = escape(self.renderInlineAsText(tokens[at].children or [], options, env))
        data = env["shows"](str(tokens[at].attrs.get("src", "")))
        if not data.startswith("data:image/"):
            return f'<span class="left-out">{said}</span>'
        return f'<img src="{escape(data)}" alt="{said}">'

    def fence(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        return f"<pre>{escape(tokens[at].content)}</pre>\n"

    def code_block(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        return self.fence(tokens, at, options, env)

    def heading_open(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        return f"<h{_level(tokens[at])}>"

    def heading_close(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        return f"</h{_level(tokens[at])}>\n"

    def th_open(self, tokens: Sequence[Token], at: int, options: Any, env: Env) -> str:
        return f"<{tokens[at].tag}{_side(tokens[at])}>"

    td_open = th_open


def _level(heading: Token) -> int:
    """One deeper than it is written: the article's title stands above."""
    return min(int(heading.tag[1]) + 1, DEEPEST)


def _side(cell: Token) -> str:
    side = str(cell.attrs.get("style", "")).removeprefix("text-align:")
    return f' class="{side}"' if side in ("right", "center") else ""
