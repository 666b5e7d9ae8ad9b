"""The keyboard's place: puts the focus into one of Streamlit's own fields, which Python cannot."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


def focus(key: str, *, turn: int) -> None:
    """Put the focus into the input with this key, once for each `turn`: what is typed later is not disturbed."""
    component = st.components.v2.component("firstcall_focus", js=(HERE / "focus.js").read_text("utf-8"))
    component(key=f"focus-{key}", data={"key": key, "turn": turn}, height=0)
