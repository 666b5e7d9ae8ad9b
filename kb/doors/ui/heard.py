"""What a component told, as far as it is what it should be: a browser may tell anything."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def heard(key: str, event: str, *needed: str) -> Mapping[str, str] | None:
    """The texts that the component with this key told of an event, half characters replaced; None where it told nothing
    or lacks one that is needed."""
    told = st.session_state[key].get(event)
    if not isinstance(told, Mapping):
        return None
    texts = {str(name): _whole(one) for name, one in told.items() if isinstance(one, str)}
    return texts if all(name in texts for name in needed) else None


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
