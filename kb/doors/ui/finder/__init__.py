"""The search box: a Components v2 element that asks `/api/search` itself, with no rerun a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
HTML = """
<div class="finder">
  <div class="box">
    <input id="q" type="text" role="combobox" aria-controls="list" aria-expanded="false" aria-autocomplete="list"
           autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="2000" autofocus>
    <kbd aria-hidden="true">/</kbd>
  </div>
  <div class="bar"><span id="status" role="status" aria-live="polite"></span><span id="keys"></span></div>
  <div id="notices"></div>
  <div id="verdict" hidden></div>
  <div id="list" role="listbox"></div>
  <div id="none" hidden></div>
  <div id="beside" hidden></div>
</div>
"""


def finder(*, data: Mapping[str, Any], on_open: Callable[[], None]) -> Any:
    """Draw the box.

    data: labels, ui (`zh` or `en`), open (article shown), keys (action → the key to show), token (new = ask again),
          q (text to start with), pop (of the screen-pop that brought `q`, which then goes before what this tab
          remembers: once; '' for none)
    When an article is opened, `result.open` is `{"article": id, "q": words, "section": heading}`.
    """
    component = st.components.v2.component(
        "firstcall_finder",
        html=HTML,
        css=(HERE / "finder.css").read_text("utf-8"),
        js=(HERE / "finder.js").read_text("utf-8"),
    )
    return component(key="finder", data=dict(data), on_open_change=on_open)
