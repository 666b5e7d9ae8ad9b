"""Practice for quiet hours: a real question, the box, the seconds, and what the right article was. Only mine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from kb.calls import practice
from kb.calls.practice import Attempt, Question, median_seconds, next_question
from kb.doors.ui.focus import focus
from kb.doors.ui.frame import LINE_MOST, me, open_article, safe_markdown, t, told
from kb.doors.wiring import Desk, Served, desk
from kb.finding.search import Hit
from kb.people.users import User

SHOWN = 6  # titles to choose from
WIDE = 820  # pixels
LAST = 10  # attempts to look back at
TITLES_LOOK = ".st-key-practice-titles button { justify-content: flex-start; text-align: left; }"
KEY = "Ctrl+Enter"  # the first title, and the next question: the hand stays where it types


def page() -> None:
    """The whole page."""
    st.header(t("practice.title"), anchor=False)
    with told():
        _practice(desk())


@st.fragment
def _practice(here: Desk) -> None:
    with told():
        served = here.served or here.open()
        asked: Question | None = st.session_state.get("practice-question")
        with st.container(width=WIDE):
            if asked is None:
                _begin(here, served)
            elif "practice-seconds" in st.session_state:
                _result(here, asked)
            else:
                _search(here, asked)
            _mine(here, me())


# --- one question --------------------------------------------------------------------------------


def _begin(here: Desk, served: Served) -> None:
    with st.container(border=True):
        st.markdown(t("practice.about"))
        st.caption(t("practice.private"))
        if _pool(here, served, me()):
            st.button(t("practice.start"), type="primary", icon=":material/play_arrow:", shortcut=KEY, on_click=_next)
        else:
            st.caption(t("practice.none"))


def _pool(here: Desk, served: Served, by: User) -> tuple[Question, ...]:
    """What there is to practise with, put together once a session and again when the base changes."""
    generation = served.opened.manifest.generation
    kept: tuple[str, tuple[Question, ...]] | None = st.session_state.get("practice-pool")
    if kept is None or kept[0] != generation:
        with here.database.read() as connection:
            solved = practice.solved_questions(connection, by)
        kept = generation, practice.questions(solved, served.opened.engine.ids, lambda id: here.read(id, by), by.langs)
        st.session_state["practice-pool"] = kept
    return kept[1]


def _next() -> None:
    """Ask the next question; its seconds run from here."""
    with told():
        here, by = desk(), me()
        pool = _pool(here, here.served or here.open(), by)
        with here.database.read() as connection:
            attempts = practice.mine(connection, by)
        st.session_state["practice-question"] = next_question(pool, attempts, by.id, datetime.now(UTC))
        st.session_state["practice-turn"] = st.session_state.get("practice-turn", 0) + 1
        st.session_state.pop("practice-seconds", None)
        st.session_state["practice-began"] = time.monotonic()


def _choose(opened: str) -> None:
    """Answer the question with this article, '' for "show me"."""
    with told():
        seconds = time.monotonic() - st.session_state["practice-began"]
        asked: Question = st.session_state["practice-question"]
        with desk().database.write() as connection:
            kept = practice.record(connection, me(), asked, opened, seconds, datetime.now(UTC))
        st.session_state["practice-seconds"] = seconds if kept else None
        st.session_state["practice-opened"] = opened


def _stop() -> None:
    st.session_state["practice-question"] = None


def _search(here: Desk, asked: Question) -> None:
    turn = int(st.session_state["practice-turn"])
    with st.container(border=True):
        st.badge(t("practice.real") if asked.real else t("practice.example"), color="blue" if asked.real else "gray")
        st.subheader(safe_markdown(asked.text), anchor=False)
        key = f"practice-box-{turn}"
        words = st.text_input(
            t("practice.box"),
            type="search",
            live="0ms",
            placeholder=t("practice.box"),
            max_chars=LINE_MOST,
            label_visibility="collapsed",
            key=key,
        )
        focus(key, turn=turn)
        hits = here.ask(words, me(), limit=SHOWN).hits if words.strip() else ()
        _titles(hits)
        with st.container(horizontal=True, gap="small"):
            st.button(t("practice.show"), type="tertiary", key="practice-show", on_click=_choose, args=("",))
            st.button(t("practice.stop"), type="tertiary", key="practice-stop", on_click=_stop)


def _titles(hits: Sequence[Hit]) -> None:
    st.html(f"<style>{TITLES_LOOK}</style>")
    with st.container(key="practice-titles", gap="xsmall"):
        for rank, hit in enumerate(hits, 1):
            st.button(
                safe_markdown(hit.article.title),
                key=f"practice-{rank}",
                width="stretch",
                type="primary" if rank == 1 else "secondary",
                shortcut=KEY if rank == 1 else None,
                on_click=_choose,
                args=(hit.article.id,),
            )


def _result(here: Desk, asked: Question) -> None:
    seconds: float | None = st.session_state["practice-seconds"]
    opened = str(st.session_state["practice-opened"])
    right, chosen = here.read(asked.article, me()), here.read(opened, me()) if opened else None
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if asked.is_answered_by(opened):
                st.badge(t("practice.right"), icon=":material/check:", color="green")
            else:
                st.badge(t("practice.wrong") if opened else t("practice.shown"), color="orange")
            st.caption(
                t("practice.seconds", seconds=f"{seconds:.1f}") if seconds is not None else t("practice.too_long")
            )
        st.subheader(safe_markdown(asked.text), anchor=False)
        if chosen and not asked.is_answered_by(opened):
            st.caption(t("practice.chosen", title=safe_markdown(chosen.title)))
        if right:
            st.markdown(f"**{t('practice.answer', title=safe_markdown(right.title))}**")
            if right.say:
                st.markdown(f"> {safe_markdown(right.say)}")
        with st.container(horizontal=True, gap="small"):
            st.button(t("practice.next"), type="primary", shortcut=KEY, key="practice-next", on_click=_next)
            if right and st.button(t("practice.read"), key="practice-read"):
                open_article(right.id)
            st.button(t("practice.stop"), type="tertiary", key="practice-stop", on_click=_stop)


# --- my result -----------------------------------------------------------------------------------


def _mine(here: Desk, by: User) -> None:
    """My last ten, seen by nobody else."""
    with here.database.read() as connection:
        last = practice.mine(connection, by)[:LAST]
    if not last:
        st.caption(t("practice.no_result"))
        return
    middle = median_seconds(last)
    rights = sum(attempt.right for attempt in last)
    st.subheader(t("practice.last"), anchor=False)
    with st.container(horizontal=True, gap="large"):
        st.metric(t("practice.rights"), f"{rights} / {len(last)}", width="content")
        value = t("practice.seconds", seconds=f"{middle:.1f}") if middle is not None else "–"
        st.metric(t("practice.median"), value, width="content")
    for attempt in last:
        _row(attempt)


def _row(attempt: Attempt) -> None:
    with st.container(horizontal=True, gap="small"):
        label = t("practice.right") if attempt.right else t("practice.missed")
        st.badge(label, color="green" if attempt.right else "orange")
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(safe_markdown(attempt.question))
            st.caption(t("practice.seconds", seconds=f"{attempt.seconds:.1f}"))


page()
