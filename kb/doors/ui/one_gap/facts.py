"""How a gap is told on every page that shows one: its state, its department, who met it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from kb.doors.ui.frame import hl, t
from kb.doors.wiring import Served
from kb.gaps.gap import Report
from kb.gaps.misses import Miss

COLORS = {
    "new": "red",
    "reopened": "red",
    "triaged": "orange",
    "assigned": "orange",
    "in_work": "blue",
    "referred": "violet",
    "published": "green",
    "verified": "green",
}


@dataclass(frozen=True)
class Met:
    """Who met a gap: misses and reports this person may see."""

    missed: tuple[Miss, ...]
    reported: tuple[Report, ...]

    def rows(self) -> list[tuple[object, ...]]:
        """When, the words, what came of them, the seconds lost, the call; the latest first."""
        signals = [(one.at, one.question, _signals(one), round(one.seconds), one.call) for one in self.missed]
        calls = {(one.call, one.question) for one in self.missed}
        more = [
            (one.at, one.question, t("gaps.signal_recorded"), None, one.call)
            for one in self.reported
            if (one.call, one.question) not in calls
        ]
        return sorted([*signals, *more], key=lambda row: row[0], reverse=True)  # type: ignore[arg-type,return-value]

    def wordings(self) -> dict[str, list[str]]:
        """Each wording with the ids of the misses and reports that have it."""
        found: dict[str, list[str]] = {}
        for question, id in [(one.question, one.id) for one in self.missed] + [
            (r.question, r.id) for r in self.reported
        ]:
            found.setdefault(question, []).append(id)
        return found


def state_badge(state: str) -> None:
    """A gap's state as a badge."""
    st.badge(t(f"gaps.state_{state}"), color=COLORS.get(state, "gray"))  # type: ignore[arg-type]


def show(id: str) -> None:
    """Open a gap, '' for the board."""
    if id:
        st.query_params["gap"] = id
    else:
        st.query_params.pop("gap", None)


def department_name(served: Served, key: str) -> str:
    """A department's name in the page's language, its key where the site has none of it."""
    found = (served.site.departments or {}).get(key)
    return (found.name_zh if hl() == "zh" else found.name_en) if found else key


def _signals(one: Miss) -> str:
    return ("、" if hl() == "zh" else ", ").join(t(f"gaps.signal_{signal}") for signal in one.signals)
