"""What every page shares: the language a person reads, and article text made safe to draw."""

from __future__ import annotations

import re

import streamlit as st

from kb.i18n import LANGUAGES, nearest_language, say
from kb.people.users import Role, User

SWITCH_PLACE = ".st-key-language { position: fixed; top: .6rem; right: 3.5rem; z-index: 999990; width: auto; }"
SAMPLE_AGENT = User("agent", "Sample agent", Role.AGENT)
NAMES = {"zh": "中文", "en": "English"}


def language() -> str:
    """The interface's language: chosen (`?hl=`), else the browser's."""
    chosen = st.query_params.get("hl", "")
    if chosen not in LANGUAGES:
        chosen = st.session_state.get("hl") or nearest_language(st.context.locale)
    st.session_state["hl"] = chosen
    return str(chosen)


def me() -> User:
    """Who is looking at this page."""
    return SAMPLE_AGENT


def t(key: str, **facts: object) -> str:
    """A sentence in the interface's language."""
    return say(str(st.session_state.get("hl", "en")), key, **facts)


def language_switch(current: str) -> None:
    """中文 | English in the header, kept in the address so that a refresh keeps it."""
    st.html(f"<style>{SWITCH_PLACE}</style>")
    with st.container(horizontal=True, horizontal_alignment="right", key="language"):
        chosen = st.segmented_control(
            t("shell.language"),
            options=list(LANGUAGES),
            format_func=NAMES.__getitem__,
            default=current,
            label_visibility="collapsed",
            key=f"language-{current}",
        )
    if chosen and chosen != current:
        st.query_params["hl"] = chosen
        st.session_state["hl"] = chosen
        st.rerun()


_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\([^()\n]*\)")
_LINK = re.compile(r"(?<!!)\[([^\[\]\n]*)\]\(([^()\s]+)\)")
_DIRECTIVE = re.compile(r":(?=[a-z-]+(?:\[|/))")


def article_links(markdown: str) -> list[tuple[str, str]]:
    """Links to other articles as (text, article id), in order, each once."""
    found: dict[str, str] = {}
    for text, target in _LINK.findall(markdown):
        name = target.split("#")[0].rsplit("/", 1)[-1]
        if name.endswith(".md") and ":" not in target:
            found.setdefault(name.removesuffix(".md"), text)
    return [(text, id) for id, text in found.items()]


def safe_markdown(markdown: str) -> str:
    """Article Markdown for `st.markdown`: no images from elsewhere, no Streamlit directives, no formulas.

    Links to articles become their text: the page offers them as buttons, so that nobody leaves a call.
    """
    text = _IMAGE.sub(r"\1", markdown)
    text = _LINK.sub(lambda m: m.group(1) if ".md" in m.group(2) else m.group(0), text)
    text = _DIRECTIVE.sub(r"\\:", text)
    return text.replace("$", "\\$")
