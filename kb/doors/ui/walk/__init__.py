"""The cases of an article as yes/no questions: Y and N answer, Backspace goes back, the end is what to say or do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
HTML = '<section class="walk" tabindex="-1"><div id="walk"></div></section>'


def case_walk(*, data: Mapping[str, Any]) -> Any:
    """Draw the walks of an article.

    data: labels, article, version, key (the key that begins), and walks: each a heading, its steps (question, notes,
          yes and no as ends, null = go on) and its last end; an end is text, say, fits, links (id, title), escalate
    """
    component = st.components.v2.component(
        "firstcall_walk",
        html=HTML,
        css=(HERE / "walk.css").read_text("utf-8"),
        js=(HERE / "walk.js").read_text("utf-8"),
    )
    return component(key="walk", data=dict(data))
