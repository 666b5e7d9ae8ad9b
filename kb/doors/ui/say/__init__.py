"""The sentence to say: large, on top, copied by key, its open slots filled first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
HTML = """
<section class="say" id="line">
  <div class="top">
    <span id="label"></span>
    <button id="copy" type="button"><span id="action"></span><kbd></kbd></button>
  </div>
  <p id="text"></p>
  <div id="slots"></div>
  <div id="note" role="status" aria-live="polite"></div>
</section>
<p id="without"></p>
<div class="actions">
  <button id="solved" type="button" class="primary"><span></span><kbd></kbd></button>
  <button id="helped" type="button"><span></span><kbd></kbd></button>
  <button id="unsolved" type="button"><span></span><kbd></kbd></button>
  <button id="flag" type="button"><span></span><kbd></kbd></button>
</div>
"""


def say_line(*, data: Mapping[str, Any]) -> Any:
    """Draw the say-line and what is done with the article.

    data: text ('' for an article without one), article, version, lang, labels, keys (action → the key to show), and
          slots as name → label
    """
    component = st.components.v2.component(
        "firstcall_say",
        html=HTML,
        css=(HERE / "say.css").read_text("utf-8"),
        js=(HERE / "say.js").read_text("utf-8"),
    )
    return component(key="say", data=dict(data))
