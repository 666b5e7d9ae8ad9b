"""Beside a gap: why it missed and what mends it in one press; a new article from it; whether its questions find it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from kb.content.articles import Article
from kb.doors import mending, tuning, wiring
from kb.doors.tuning import Effect
from kb.doors.ui import workbench
from kb.doors.ui.frame import hl, literal, me, moment, t, told
from kb.doors.wiring import Desk, Served
from kb.gaps import replay
from kb.gaps.diagnosis import Diagnosis, Finding
from kb.gaps.gap import Gap
from kb.gaps.replay import Proof
from kb.people import users
from kb.people.users import SAMPLES, Action, User, may
from kb.tuning.synonyms import LENGTH_MOST

EDIT_PAGE = Path(__file__).parent.parent / "edit.py"
LANGS = ("zh", "en")
LINES_SHOWN = 6  # questions, each with its reason


def why_and_remedy(here: Desk, by: User, one: Gap, now: datetime) -> None:
    """Why the gap missed, told on the base as it is now, with the remedy this person may press."""
    found = mending.diagnose(here, by, one.id, now)
    with st.container(border=True, key="why"):
        st.markdown(f"**{t('diagnosis.title')}**")
        if found is None:
            st.caption(t("diagnosis.not_yet"))
            return
        st.markdown(t("diagnosis.veiled") if found.veiled else t(f"diagnosis.{found.reason}"))
        if found.article:
            st.markdown(f"[{literal(found.article.title)}](/edit?id={found.article.id}&hl={hl()})")
        lines = list(dict.fromkeys(map(_line, found.findings)))  # one wording may have several sorts of askers
        for line in lines[:LINES_SHOWN]:
            st.caption(line)
        if len(lines) > LINES_SHOWN:
            with st.expander(t("diagnosis.more", count=len(lines) - LINES_SHOWN)):
                for line in lines[LINES_SHOWN:]:
                    st.caption(line)
        synonyms = t("diagnosis.synonyms", count=found.synonyms) if found.synonyms else t("diagnosis.no_synonyms")
        st.caption(synonyms)
        if found.remedy == "share" and found.article:
            _who_shares(here, found.article)
        if one.is_open or found.remedy == "already_there":
            _remedy(here, by, one, found)


def _line(one: Finding) -> str:
    """One question: its reason, and where what answers stands, for whoever asked and with the walls down."""
    short = t("diagnosis.veiled_short") if one.veiled else t(f"diagnosis.{one.reason}_short")
    parts = [f"“{literal(one.asking.question)}”", short]
    if one.own_rank:
        parts.append(t("diagnosis.own_rank", rank=one.own_rank))
    if one.certain:
        parts.append(t("diagnosis.certain"))
    elif one.probability is not None:
        parts.append(t("diagnosis.probability", share=f"{one.probability:.0%}"))
    return " · ".join(parts)


def _remedy(here: Desk, by: User, one: Gap, found: Diagnosis) -> None:
    with st.container(horizontal=True, gap="small"):
        if mending.may_mend(by, one, found):
            st.button(t(f"diagnosis.do_{found.remedy}"), type="primary", key="mend", on_click=_mend, args=(one.id,))
        shares = found.article if found.remedy == "share" else None
        if shares and mending.sharers(shares, [by]) and st.button(t("diagnosis.do_share"), type="primary", key="share"):
            st.switch_page(EDIT_PAGE, query_params={"id": shares.id, "hl": hl()})
        if found.remedy == "add_words" and may(by, Action.TUNE_SEARCH):
            _synonym(here, by, found)
        if found.remedy == "translate" and found.article and may(by, Action.WRITE_ARTICLE):
            lang = "en" if found.article.lang.startswith("zh") else "zh"
            if st.button(t("diagnosis.do_translate"), type="primary", key="translate"):
                _write(here, by, one, lang, found.article)
        if may(by, Action.WRITE_ARTICLE):
            for lang in LANGS:
                if st.button(t(f"diagnosis.write_{lang}"), key=f"write-{lang}", icon=":material/edit_note:"):
                    _write(here, by, one, lang, None)


def _synonym(here: Desk, by: User, found: Diagnosis) -> None:
    """Another word for a word of the article: what it would do is looked at before it is saved."""
    pairs = mending.otherwise(here, found)
    with st.popover(t("diagnosis.do_synonym"), icon=":material/join_inner:"):
        proposed = pairs[0] if pairs else ("", "")
        theirs, ours = (
            st.text_input(t(f"diagnosis.{side}_word"), word, max_chars=LENGTH_MOST, key=f"synonym-{side}").strip()
            for side, word in zip(("their", "our"), proposed, strict=True)
        )
        if len(pairs) > 1:
            others = literal("; ".join(" = ".join(pair) for pair in pairs[1:]))
            st.caption(t("diagnosis.other_pairs", pairs=others))
        if st.button(t("words.look"), disabled=not (theirs and ours), key="synonym-look"):
            with told(), st.spinner(t("words.looking")):
                st.session_state["synonym-seen"] = (theirs, ours), _would(here, by, (theirs, ours))
        seen, effect = st.session_state.get("synonym-seen", (None, None))
        if seen and seen == (theirs, ours):
            st.markdown(_effect(effect))
            st.button(t("words.save"), type="primary", key="synonym-save", on_click=_same, args=(theirs, ours))


def _would(here: Desk, by: User, words: tuple[str, str]) -> Effect | None:
    served = here.served or here.open()
    return tuning.effect_of_synonyms(here, by, served.synonyms.with_words(words), datetime.now(UTC))


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return t("words.warming")
    better = sum(one.is_better for one in effect.shifts)
    return t("diagnosis.effect", touched=effect.touched, better=better, worse=len(effect.shifts) - better)


def _same(theirs: str, ours: str) -> None:
    with told():
        tuning.add_synonyms(wiring.desk(), me(), (theirs, ours), datetime.now(UTC))
        st.session_state.pop("synonym-seen", None)
        st.toast(t("words.saved"), icon=":material/check:")


def _who_shares(here: Desk, article: Article) -> None:
    """Whose the article is, and who could let others see it."""
    with here.database.read() as connection:
        people = users.everyone(connection) or list(SAMPLES.values())
    names = ", ".join(literal(one.name) for one in mending.sharers(article, people))
    teams = ", ".join(literal(one) for one in article.teams)
    st.markdown(t("diagnosis.sharers", teams=teams, names=names) if names else t("diagnosis.no_sharers", teams=teams))


def _mend(id: str) -> None:
    here, by, now = wiring.desk(), me(), datetime.now(UTC)
    with told():
        found = mending.diagnose(here, by, id, now)
        if found:
            mending.mend(here, by, id, found, now)
            st.toast(t("diagnosis.mended"), icon=":material/check:")


def _write(here: Desk, by: User, one: Gap, lang: str, twin: Article | None) -> None:
    """Open the editor on a new article from this gap, which is in work from now on."""
    with told():
        begun = mending.begin(here, by, one.id, lang, twin)
        mending.take_up(here, by, one.id, datetime.now(UTC))
        here.floor.touched()
        work = workbench.new_work(begun.id, begun.category, begun.source, begun.gap)
        workbench.put(workbench.keep(here, work))
        st.switch_page(EDIT_PAGE)


def proof(here: Desk, served: Served, by: User, one: Gap, now: datetime) -> None:
    """The last replay: each question of the gap, and where it finds the article without itself."""
    with here.database.read() as connection:
        last = replay.last(connection, by, one.id)
    if last is None:
        return
    with st.container(border=True, key="proof"):
        st.markdown(f"**{t('replay.title')}** · {moment(last.at, served.site.zone, now)}")
        _verdict(last)
        for line in last.lines:
            look = ":green-badge" if line.is_green else ":orange-badge"
            place = t("replay.place", rank=line.rank) if line.rank else t("replay.no_place")
            st.markdown(f"{look}[{place}] {literal(line.question)}")
        st.caption(t("replay.about"))


def _verdict(last: Proof) -> None:
    if last.is_green:
        st.success(t("replay.is_green"), icon=":material/verified:")
    else:
        st.warning(replay.why(last, hl()), icon=":material/pending:")
