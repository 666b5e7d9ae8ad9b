"""A gap that grows faster than its own history, with a sentence to hold its callers with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import streamlit as st

from kb.calls import bulletins
from kb.doors import wiring
from kb.doors.ui.frame import hl, literal, me, t, told
from kb.doors.ui.one_gap.facts import show
from kb.doors.wiring import Served
from kb.gaps import cost
from kb.gaps.cost import Surge
from kb.people.users import Action, User, may


def alert(served: Served, by: User, surge: Surge, now: datetime) -> None:
    """A gap that grows faster than its own history, with a sentence to hold its callers with."""
    with st.container(border=True, key=f"surge-{surge.gap.id}"):
        st.error(
            t(
                "gaps.surge",
                question=literal(surge.gap.question),
                calls=surge.calls,
                minutes=int(cost.WINDOW / timedelta(minutes=1)),
                usual=f"{surge.usual:.1f}",
            ),
            icon=":material/trending_up:",
        )
        st.caption(" · ".join(literal(question) for question in surge.questions[:6]))
        with st.container(horizontal=True, gap="small"):
            st.button(t("gaps.look"), key=f"look-surge-{surge.gap.id}", on_click=show, args=(surge.gap.id,))
            if may(by, Action.POST_BULLETIN):
                with st.popover(t("gaps.hold"), icon=":material/record_voice_over:"):
                    _hold(served, surge, now)


def _hold(served: Served, surge: Surge, now: datetime) -> None:
    offered = cost.holding(surge, hl(), now)
    with st.form(f"hold-{surge.gap.id}", border=False):
        title = st.text_input(t("bulletins.headline"), offered.title, max_chars=bulletins.TITLE_MOST)
        say = st.text_area(t("bulletins.say"), offered.say, max_chars=bulletins.SAY_MOST, height=110)
        words = st.multiselect(t("bulletins.words"), list(offered.words), list(offered.words), accept_new_options=True)
        until = f"{offered.expires_at.astimezone(served.site.zone):%H:%M}"
        st.caption(t("gaps.hold_until", until=until))
        if st.form_submit_button(t("bulletins.post"), type="primary"):
            with told():
                given = replace(offered, title=title, say=say, words=tuple(words))
                with wiring.desk().database.write() as connection:
                    bulletins.post(connection, me(), given, now, served.catalogue)
                wiring.desk().floor.touched()
                st.toast(t("bulletins.posted"), icon=":material/campaign:")
