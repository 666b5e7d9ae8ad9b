"""The words of the base in the studio: what means the same. Nothing is saved before what it does was looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from kb.doors import tuning
from kb.doors.tuning import ASKED_MOST, Effect, Shift
from kb.doors.ui.frame import literal, me, t, told
from kb.doors.wiring import Desk
from kb.gaps.analytics.rewording import Proposal
from kb.tuning import files, synonyms
from kb.tuning.synonyms import Synonyms

SHOWN_MOST = 20


def search_words(here: Desk) -> None:
    """The whole view."""
    _synonyms(here)


# --- synonyms ------------------------------------------------------------------------------------


def _synonyms(here: Desk) -> None:
    st.caption(t("words.synonyms_about"))
    source, now = files.now(here.settings.articles, synonyms.FILE)
    known = synonyms.read(source)
    lines, base = _lines("synonyms", t("words.synonyms"), synonyms.as_lines(known.groups), now)
    with told():
        wanted = Synonyms(synonyms.of_lines(lines), known.apart)
        _look_and_save(
            "synonyms",
            lines if wanted != known else "",
            lambda: tuning.effect_of_synonyms(here, me(), wanted, datetime.now(UTC)),
            lambda: tuning.save_synonyms(here, me(), wanted, base, datetime.now(UTC)),
        )
    _proposals(here)


def _proposals(here: Desk) -> None:
    """What callers may mean by the same, each taken into the list or told apart."""
    st.subheader(t("words.proposals"), anchor=False)
    found = tuning.proposals(here, me(), datetime.now(UTC))
    if not found:
        st.caption(t("words.no_proposals"))
    for one in found[:SHOWN_MOST]:
        with st.container(border=True, horizontal=True, gap="small", vertical_alignment="center"):
            with st.container(gap="xxsmall"):
                st.markdown(f"**{literal(one.failed)}** → **{literal(one.succeeded)}**")
                titles = ", ".join(here.title(id, me()) for id in one.articles[:2])
                facts = {"calls": one.calls, "agents": one.agents, "articles": literal(titles)}
                st.caption(t("words.evidence", failed=literal(one.asked[0]), **facts))
            name = f"{one.failed}-{one.succeeded}"
            st.button(t("words.same"), key=f"same-{name}", on_click=_take, args=(one,))
            st.button(t("words.not_same"), key=f"apart-{name}", on_click=_tell_apart, args=(here, one))


def _take(one: Proposal) -> None:
    """The proposal into the text: what it does is looked at with the rest."""
    lines = st.session_state["synonyms-text"]
    with told():
        wanted = Synonyms(synonyms.of_lines(lines)).with_words((one.failed, one.succeeded))
        st.session_state["synonyms-text"] = synonyms.as_lines(wanted.groups)


def _tell_apart(here: Desk, one: Proposal) -> None:
    with told():
        tuning.tell_apart(here, me(), (one.failed, one.succeeded), datetime.now(UTC))
        _, st.session_state["synonyms-base"] = files.now(here.settings.articles, synonyms.FILE)


# --- a text, what it does, and saving it ---------------------------------------------------------


def _lines(name: str, label: str, fresh: str, now: str) -> tuple[str, str]:
    """What a person edits, and the version it was read from. It outlives a change on disk, which is told, and a look
    at another view."""
    state = st.session_state
    if f"{name}-base" not in state:
        state[f"{name}-base"], state[f"{name}-kept"] = now, fresh
    if f"{name}-text" not in state:
        state[f"{name}-text"] = state[f"{name}-kept"]
    if state[f"{name}-base"] != now:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(t("words.changed_on_disk"), icon=":material/sync_problem:")
            st.button(t("words.read_anew"), key=f"{name}-anew", on_click=_forget, args=(name,))
    state[f"{name}-kept"] = st.text_area(label, key=f"{name}-text", height=280)
    return state[f"{name}-kept"], state[f"{name}-base"]


def _forget(name: str) -> None:
    for part in ("base", "kept", "text", "seen"):
        st.session_state.pop(f"{name}-{part}", None)


def _look_and_save(name: str, text: str, effect: Callable[[], Effect | None], save: Callable[[], None]) -> None:
    """The buttons of a changed text ('' = it says what the file says): only what was looked at can be saved."""
    if st.button(t("words.look"), key=f"{name}-look", disabled=not text, icon=":material/conversion_path:"):
        with st.spinner(t("words.looking")):
            st.session_state[f"{name}-seen"] = text, effect()
    seen = st.session_state.get(f"{name}-seen")
    if not text or not seen:
        return
    if seen[0] != text:
        st.caption(t("words.seen_before"))
        return
    _effect(seen[1])
    st.button(t("words.save"), type="primary", key=f"{name}-save", on_click=_saved, args=(name, save))


def _saved(name: str, save: Callable[[], None]) -> None:
    with told():
        save()
        _forget(name)
        st.toast(t("words.saved"), icon=":material/check:")


def _effect(effect: Effect | None) -> None:
    """What a change would do."""
    if effect is None:
        st.info(t("words.warming"))
        return
    st.markdown(t("words.touched", touched=effect.touched, questions=effect.questions))
    if effect.touched > ASKED_MOST:
        st.caption(t("words.asked_most", most=ASKED_MOST))
    if not effect.shifts:
        st.success(t("words.no_shift"), icon=":material/check:")
    for one in effect.shifts:
        _shift(one)


def _shift(one: Shift) -> None:
    look = ":green-badge" if one.is_better else ":orange-badge"
    of_gap = f" :blue-badge[{t('words.replay')}]" if one.gap else ""
    st.markdown(
        f"{look}[{_place(one.before)} → {_place(one.after)}]{of_gap} {literal(one.question)} · {literal(one.title)}"
    )


def _place(rank: int) -> str:
    return t("edit.rank", rank=rank) if rank else "–"
