"""What a press has done, told once on the page it leads to; a password or a key that was made, never again."""

from __future__ import annotations

import streamlit as st

from kb.doors.ui.frame import literal, t

LINES_MOST = 8  # of a secret before it scrolls
HEIGHT = 240  # pixels


def done(sentence: str, secret: str = "") -> None:
    """To be told by `tell`. secret: what is shown this once, '' for nothing."""
    st.session_state["manage-done"] = (sentence, secret)


def tell() -> None:
    """Tell what was done last."""
    sentence, secret = st.session_state.pop("manage-done", ("", ""))
    if secret:
        st.dialog(t("manage.once"), dismissible=False)(_once)(sentence, secret)
    elif sentence:
        st.success(literal(sentence), icon=":material/check:")


def _once(sentence: str, secret: str) -> None:
    st.markdown(literal(sentence))
    long = secret.count("\n") >= LINES_MOST
    st.code(secret, language=None, wrap_lines=True, height=HEIGHT if long else "content")
    st.caption(t("manage.once_about"))
    if st.button(t("manage.kept"), type="primary", key="manage-kept"):
        st.rerun()
