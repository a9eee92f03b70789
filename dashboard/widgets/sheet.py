"""The ECG sheet with the heatmap over it, and the sentence that says the same in words."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.widgets.frame import note, plain
from dashboard.widgets.view_controls import View
from imle.ecg import Ecg
from imle.explain import Explanation


def sheet(ecg: Ecg, explanation: Explanation | None, view: View) -> None:
    """Draw the sheet; without an explanation, the ECG alone."""
    from imle.figures.levels import LEVEL_TITLES
    from imle.figures.sheet import CONFIG, sheet_figure

    figure = sheet_figure(
        ecg,
        explanation.heatmap(view.level) if explanation else None,
        level_title=LEVEL_TITLES[view.level],
        layout=view.layout,
        overlay=view.overlay if explanation else "off",
        dark=state.dark(),
    )
    figure.layout.height = None  # the page's style sheet sizes it to the window
    st.plotly_chart(
        figure, height="stretch", theme=None, config=CONFIG, key=f"sheet_{view.layout}",
        alt=f"12-lead ECG of record {ecg.id}",
    )  # fmt: skip
    if explanation:
        from imle.explain.summary import SHARED_ATTENTION, summary

        st.markdown(plain(summary(explanation)))
        note(SHARED_ATTENTION)
