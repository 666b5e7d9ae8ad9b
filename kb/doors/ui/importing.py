"""Import in the studio: a file, what would become of each article in it, and the button that does it."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from kb.doors import transfer
from kb.doors.ui.frame import hl, me, t, told
from kb.doors.wiring import Desk, desk
from kb.errors import KBError
from kb.i18n import explain
from kb.studio.transfer import OUTCOMES, Plan, Row, of_bytes

ENDINGS = ["zip", "md", "markdown", "mdx", "json", "csv", "docx", "html"]


def importing(here: Desk) -> None:
    """The whole view. A dry run is made once for each file; only the button writes."""
    st.caption(t("transfer.about"))
    given = st.file_uploader(t("transfer.file"), ENDINGS, key="import-file")
    done = st.session_state.pop("import-done", None)
    if done:
        st.success(done, icon=":material/check:")
    if given is None:
        st.session_state.pop("import-plan", None)
        return
    with told():
        known = st.session_state.get("import-plan")
        if known is None or known[0] != given.file_id:
            with st.spinner(t("transfer.reading")):
                pack = of_bytes(given.name, given.getvalue())
                known = (given.file_id, transfer.plan(here, me(), pack, datetime.now(UTC)))
            st.session_state["import-plan"] = known
        _report(known[1])


def _report(plan: Plan) -> None:
    st.markdown(" · ".join(f"{t(f'transfer.{one}')} **{plan.count(one)}**" for one in OUTCOMES))
    rows = [
        {
            t("transfer.outcome"): t(f"transfer.{row.outcome}"),
            t("edit.title_field"): row.title,
            t("transfer.place"): row.path,
            t("transfer.reason"): _reason(row),
            t("transfer.origin"): row.origin,
        }
        for row in plan.rows
    ]
    st.dataframe(rows, hide_index=True, key="import-rows")
    over = bool(plan.count("changed")) and st.checkbox(t("transfer.over", count=plan.count("changed")))
    twice = bool(plan.count("duplicate")) and st.checkbox(t("transfer.twice_too", count=plan.count("duplicate")))
    outcomes = ("new", *(["changed"] if over else []), *(["duplicate"] if twice else []))
    count = sum(plan.count(one) for one in outcomes)
    label = t("transfer.button", count=count)
    st.button(label, type="primary", disabled=not count, key="import-go", on_click=_carry_out, args=(plan, outcomes))


def _reason(row: Row) -> str:
    said = [explain(hl(), one) for one in (row.error, *row.notes) if one is not None]
    return " ".join([*said, t("transfer.twice", id=row.twice)] if row.twice else said)


def _carry_out(plan: Plan, outcomes: tuple[str, ...]) -> None:
    try:
        done = transfer.carry_out(desk(), me(), plan, datetime.now(UTC), outcomes)
    except KBError as error:
        st.session_state["import-done"] = explain(hl(), error)
        return
    said = [t("transfer.done", count=len(done.written))]
    said += [f"{row.origin}: {explain(hl(), error)}" for row, error in done.failed[:5]]
    st.session_state["import-done"] = " ".join(said)
    st.session_state.pop("import-plan", None)
