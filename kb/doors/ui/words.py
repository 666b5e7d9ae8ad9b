"""The words of the base in the studio: what means the same, what is said plainly, what is pinned to a question.

Nothing is saved before what it does was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import streamlit as st

from kb.content import glossary
from kb.doors import studio, tuning
from kb.doors.tuning import ASKED_MOST, Effect, Marked, Shift
from kb.doors.ui.frame import LINE_MOST, hl, literal, me, t, told
from kb.doors.wiring import Desk
from kb.gaps.analytics.rewording import Proposal
from kb.i18n import LANGUAGES
from kb.people.scope import ANSWERING_STATES
from kb.tuning import files, jargon, pins, synonyms
from kb.tuning.pins import Pin
from kb.tuning.synonyms import Synonyms

T = TypeVar("T")
PINNED_FOR = timedelta(days=14)  # where nothing else is chosen
SHOWN_MOST = 20
FILE_MOST = 2_000_000  # characters of all the words that are written at once: no file of them is longer


def search_words(here: Desk) -> None:
    """The whole view."""
    parts = {"synonyms": _synonyms, "pins": _pins, "glossary": _glossary}
    names = {one: t(f"words.part_{one}") for one in parts}
    chosen = st.query_params.get("part", "synonyms")
    part = st.segmented_control(
        t("words.part"),
        list(parts),
        default=chosen if chosen in parts else "synonyms",
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed",
        key=f"words-part-{hl()}",
    )
    st.query_params["part"] = str(part)
    with told():
        parts[str(part)](here)


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
            lines,
            wanted != known,
            lambda: tuning.effect_of_synonyms(here, me(), wanted, datetime.now(UTC)),
            _effect,
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


# --- pins ----------------------------------------------------------------------------------------


def _pins(here: Desk) -> None:
    st.caption(t("words.pins_about"))
    source, now = files.now(here.settings.articles, pins.FILE)
    known = pins.read(source)
    _over(here, known)
    lines, base = _lines("pins", t("words.pins"), pins.as_lines(known), now)
    _new_pin(here)
    wanted = pins.of_lines(lines, me().id, known)
    _look_and_save(
        "pins",
        lines,
        wanted != known,
        lambda: tuning.effect_of_pins(here, me(), wanted, datetime.now(UTC)),
        _effect,
        lambda: tuning.save_pins(here, me(), wanted, base, datetime.now(UTC)),
    )


def _over(here: Desk, known: Sequence[Pin]) -> None:
    """The pins that do nothing any more: their day is over, or their article is."""
    today, there = here.site.today(datetime.now(UTC)), {one.id for one in studio.shelf(here, me())}
    over = [one for one in known if one.until < today]
    gone = [one for one in known if one.article not in there and one not in over]
    for code, some in (("over", over), ("gone", gone)):
        if some:
            listed = ", ".join(f"{one.question} → {one.article}" for one in some)
            st.warning(t(f"words.pins_{code}", pins=literal(listed)), icon=":material/keep_off:")


def _new_pin(here: Desk) -> None:
    """A line made from choices, for those who know no ids."""
    titles = {one.id: one.title for one in studio.shelf(here, me()) if one.state in ANSWERING_STATES}
    with st.form("pin", border=True):
        with st.container(horizontal=True):
            st.text_input(t("words.pin_question"), help=t("words.pin_help"), max_chars=LINE_MOST, key="pin-question")
            st.selectbox(
                t("words.pin_article"),
                list(titles),
                None,
                format_func=titles.__getitem__,
                placeholder=t("words.pin_choose"),
                key="pin-article",
            )
            until = here.site.today(datetime.now(UTC)) + PINNED_FOR
            st.date_input(t("words.pin_until"), until, key="pin-until")
        st.form_submit_button(t("words.pin_add"), on_click=_take_pin)


def _take_pin() -> None:
    state = st.session_state
    if state["pin-question"].strip() and state["pin-article"]:
        line = f"{' '.join(state['pin-question'].split())} → {state['pin-article']} → {state['pin-until']}"
        state["pins-text"] = "\n".join(filter(None, [state["pins-text"].rstrip(), line]))


# --- the glossary --------------------------------------------------------------------------------


def _glossary(here: Desk) -> None:
    st.caption(t("words.glossary_about"))
    source, now = files.now(here.settings.articles, glossary.FILE)
    known = glossary.read(source)
    wanted, texts, base = dict(known), [], now
    for lang in LANGUAGES:
        label = t(f"words.glossary_{lang}")
        lines, base = _lines(f"glossary-{lang}", label, jargon.as_lines(known.get(lang, {})), now)
        wanted[lang] = jargon.of_lines(lines)
        texts.append(lines)
    _look_and_save(
        "glossary",
        "\n\n".join(texts),
        any(wanted[lang] != known.get(lang, {}) for lang in LANGUAGES),
        lambda: tuning.effect_of_glossary(here, me(), wanted),
        _marked,
        lambda: tuning.save_glossary(here, me(), wanted, base, datetime.now(UTC)),
    )


def _marked(found: Marked) -> None:
    """What a glossary would mark."""
    st.markdown(t("words.marked", before=found.before, after=found.after))
    for id, title, line, word, plain in found.new[:SHOWN_MOST]:
        st.markdown(t("words.marks", title=literal(title), id=id, line=line, word=literal(word), plain=literal(plain)))
    if len(found.new) > SHOWN_MOST:
        st.caption(t("words.marks_more", count=len(found.new) - SHOWN_MOST))


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
    state[f"{name}-kept"] = st.text_area(label, max_chars=FILE_MOST, key=f"{name}-text", height=280)
    return state[f"{name}-kept"], state[f"{name}-base"]


def _forget(name: str) -> None:
    for key in [key for key in st.session_state if str(key).startswith(f"{name}-")]:
        del st.session_state[key]


def _look_and_save(
    name: str, text: str, changed: bool, effect: Callable[[], T], draw: Callable[[T], None], save: Callable[[], None]
) -> None:
    """The buttons of a text that may have changed: only what was looked at, as it is now, can be saved."""
    if st.button(t("words.look"), key=f"{name}-look", disabled=not changed, icon=":material/conversion_path:"):
        with st.spinner(t("words.looking")):
            st.session_state[f"{name}-seen"] = text, effect()
    seen = st.session_state.get(f"{name}-seen")
    if not changed or not seen:
        return
    if seen[0] != text:
        st.caption(t("words.seen_before"))
        return
    draw(seen[1])
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
