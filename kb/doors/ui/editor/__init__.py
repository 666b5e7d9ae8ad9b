"""The text being written: a field that tells the page at each rest of the keys, and keeps a copy in the browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
HTML = """
<div class="editor">
  <div class="top"><span id="place"></span><span id="status" role="status" aria-live="polite"></span></div>
  <textarea id="source" spellcheck="true" autocomplete="off" autocapitalize="off"></textarea>
  <div class="bottom">
    <button id="save" type="button" class="primary"><span></span><kbd>Ctrl S</kbd></button>
    <span id="hint"></span>
  </div>
</div>
"""


def text_editor(key: str, *, data: Mapping[str, Any], on_text: Callable[[], None], on_save: Callable[[], None]) -> Any:
    """Draw the field; what it says is `st.session_state[key]`.

    data: labels, id (of the article), base (version written from), source, token (a new one puts `source` into the
          field), keep (False: what the browser kept of this article is forgotten), go (line, turn), read_only
    `result.text` and `result.save` are `{"id", "base", "source"}`; `result.save` comes once for each wish to save.
    """
    component = st.components.v2.component(
        "firstcall_editor",
        html=HTML,
        css=(HERE / "editor.css").read_text("utf-8"),
        js=(HERE / "editor.js").read_text("utf-8"),
    )
    return component(key=key, data=dict(data), on_text_change=on_text, on_save_change=on_save)
