"""A bulletin as it is drawn on every page that shows one."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from kb.calls.bulletins import Bulletin, State
from kb.doors import payload
from kb.doors.ui.frame import moment, safe_markdown, t
from kb.doors.wiring import Served

LOOK = {
    "recall": ("red", ":material/warning:"),
    "outage": ("orange", ":material/cloud_off:"),
    "holding": ("blue", ":material/record_voice_over:"),
    "promotion": ("green", ":material/sell:"),
}
# What is said is read by people: in the page's font and over several lines, not as code.
SAY_LOOK = "[class*='st-key-notice-say-'] pre, [class*='st-key-notice-say-'] code { font-family: inherit; }"


def notice(one: Bulletin, served: Served, now: datetime, *, new: bool = False, state: State | None = None) -> None:
    """Draw one: its kind, what it is about, until when, its text and its sentence to say (with a copy button).

    new:   mark it as not yet seen by whoever is looking
    state: also say where it stands, for those who manage it
    """
    hl = str(st.session_state.get("hl", "en"))
    color, icon = LOOK[one.kind]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(t(f"notice.kind_{one.kind}"), icon=icon, color=color)  # type: ignore[arg-type]
        if new:
            st.badge(t("notice.new"), color="green")
        if state:
            st.badge(t(f"notice.state_{state}"), color="green" if state == "live" else "gray")
        for name in (*payload.product_names(served.catalogue, one.products, hl), *one.teams):
            st.badge(safe_markdown(name), color="gray")
        st.caption(_times(one, served, now))
    st.subheader(safe_markdown(one.title), anchor=False)
    if one.body:
        st.markdown(safe_markdown(one.body))
    if one.say:
        st.html(f"<style>{SAY_LOOK}</style>")
        with st.container(key=f"notice-say-{state or 'read'}-{one.id}", gap="xxsmall"):  # both may be on one page
            st.caption(t("notice.say"))
            st.code(one.say, language=None, wrap_lines=True)


def _times(one: Bulletin, served: Served, now: datetime) -> str:
    until = moment(one.expires_at, served.site.zone, now)
    if one.valid_from > now:
        return t("notice.from_until", begins=moment(one.valid_from, served.site.zone, now), until=until)
    return t("notice.until", until=until)
