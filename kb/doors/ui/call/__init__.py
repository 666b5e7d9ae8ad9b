"""The call bar: what an agent does by one key on a call, kept until the server has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
SCRIPTS = ("outbox.js", "keys.js", "forms.js", "sheet.js", "drawing.js", "call.js")
HTML = """
<div class="call">
  <div id="unseen" role="region" aria-live="polite"></div>
  <div id="bar" role="toolbar"></div>
  <div id="form" hidden></div>
  <div id="toast" role="status" aria-live="polite" hidden></div>
  <dialog id="sheet"></dialog>
</div>
"""


def call_bar(*, data: Mapping[str, Any], on_show: Callable[[], None], on_ended: Callable[[], None]) -> Any:
    """Draw the call bar.

    data: labels, ui, user, keys (action → keys), calls (held, the current first), mine (promises, bulletins, answered
    gaps), pop (what a screen-pop asked for, its `token` new with each; {} for none), article (id, version, title,
    twin, sentences; None), products, reasons
    When an article is to be shown, `result.show` is its id; when a call has ended, `result.ended` is its id.
    """
    component = st.components.v2.component(
        "firstcall_call",
        html=HTML,
        css=(HERE / "call.css").read_text("utf-8"),
        js="\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS),
    )
    return component(key="call", data=dict(data), on_show_change=on_show, on_ended_change=on_ended)
