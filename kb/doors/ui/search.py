"""The agent's page: the box and its results on the left, the article with its sentence to say on the right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from kb.doors import payload
from kb.doors.ui.article import draw, show
from kb.doors.ui.call import call_bar
from kb.doors.ui.finder import finder
from kb.doors.ui.frame import hl, me, moment, t, told
from kb.doors.ui.heard import heard
from kb.doors.ui.keys import bindings
from kb.doors.ui.live import bar_data, begin
from kb.doors.wiring import Desk, Served, desk
from kb.errors import StoreError
from kb.i18n import explain, sentences
from kb.people import preferences
from kb.people.users import Action, may

LONGEST_ID = 200  # characters of an id that a component tells: no article has so long a one


def page() -> None:
    """The whole page."""
    here = desk()
    with told():
        _ = here.served or here.open()
        if "article" not in st.session_state:
            begin(here)
        _desk(here)


@st.fragment
def _desk(here: Desk) -> None:
    served = here.served or here.open()  # now: what a fragment is given it keeps, with all of an old generation
    article = here.read(str(st.session_state["article"]), me()) if st.session_state["article"] else None
    keys = _keys(here)
    for sentence in st.session_state["refused"]:
        st.error(sentence, icon=":material/error:")
    call_bar(data=bar_data(here, served, article, keys), on_show=_shown, on_ended=_ended)
    left, right = st.columns([5, 7], gap="medium")
    with left:
        finder(data=_finder_data(here, served, keys), on_open=_open)
        if here.trouble is not None:
            st.warning(t("shell.trouble", problem=explain(hl(), here.trouble)), icon=":material/warning:")
        if here.repaired is not None and may(me(), Action.SEE_INSIGHTS):
            damage, at = here.repaired
            since = moment(at, served.site.zone, datetime.now(UTC))
            st.info(t("shell.repaired", since=since, problem=explain(hl(), damage)), icon=":material/build:")
    with right, st.container(border=True, key="article-pane"):
        draw(here, served, article, keys)


def _keys(here: Desk) -> dict[str, list[str]]:
    """Every action's keys for this person, read once a session: the bar keeps its own changes."""
    if "keys" not in st.session_state:
        try:
            with here.database.read() as connection:
                st.session_state["keys"] = preferences.get(connection, me(), "keys") or {}
        except StoreError:
            return bindings({})
    return bindings(st.session_state["keys"])


def _open() -> None:
    """An article was opened in the box."""
    result = heard("finder", "open", "article", "q")
    if result:
        st.session_state["article"] = result["article"][:LONGEST_ID]
        st.session_state["question"] = result["q"][:2000]
        st.session_state["section"] = result.get("section", "")[:2000]
        st.session_state["sentence"] = result.get("sentence", "")[:2000]
        st.session_state["restored"] = False


def _shown() -> None:
    """The bar asks for an article: the twin, the one of the other call, the answer to a gap; '' closes."""
    result = heard("call", "show", "article")
    if result:
        _come_to(result, "article")


def _ended() -> None:
    """A call is over: the page is empty for the next customer, or shows the other call's article."""
    result = heard("call", "ended", "show")
    if result:
        _come_to(result, "show")


def _come_to(result: Mapping[str, str], article: str) -> None:
    """Show what the bar wishes, and say so: what is drawn until then is of an earlier wish."""
    show(result[article][:LONGEST_ID])
    st.session_state["asked"] = result.get("asked", "")[:LONGEST_ID]


def _finder_data(here: Desk, served: Served, keys: dict[str, list[str]]) -> dict[str, object]:
    ui = hl()
    labels: dict[str, object] = dict(payload.labels(sentences(ui), "finder"))
    labels["categories"] = payload.labels(sentences(ui), "category")
    labels["products"] = {code: product.name(ui) for code, product in served.catalogue.items()}
    labels["slots"] = {slot: names.get(ui, slot) for slot, names in (served.site.slots or {}).items()}
    return {
        "labels": labels,
        "ui": ui,
        "open": st.session_state["article"],
        "q": st.session_state["question"],
        "pop": st.session_state["pop"].get("token", ""),
        "settles": bool(here.settings.reranker),  # a question that stands is read again
        "keys": {action: first for action, (first, *_) in keys.items()},
        "token": f"{ui}|{served.opened.manifest.generation}",
    }


page()
