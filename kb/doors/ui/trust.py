"""How far the verdict can be believed on this base: what every build measures of it, for those who supervise."""

from __future__ import annotations

import streamlit as st

from kb.doors.ui.frame import t
from kb.finding.verdict import Calibration


def trust(calibration: Calibration) -> None:
    """A line a language: how often it was wrong on the base's own questions, or why that is not known."""
    with st.container(border=True):
        st.subheader(t("trust.title"), anchor=False)
        st.caption(t("trust.how"))
        for language, name in (("zh", t("trust.chinese")), ("en", t("trust.english"))):
            curve = calibration.get(language)
            if curve is None or curve.errors is None:
                st.markdown(t("trust.unknown", language=name))
                continue
            missing, found = (f"{share:.0%}" for share in (curve.errors.missing, curve.errors.found))
            off = round(100 * curve.errors.ece)
            said = t("trust.line", language=name, samples=curve.samples, missing=missing, found=found, off=off)
            st.markdown(said)
