"""What if: leads or waves silenced, and what the model answers then."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.widgets.figure_table import figure_table, gain_alone, row
from dashboard.widgets.frame import note
from imle.explain import Explanation
from imle.explain.occlusion import run_without
from imle.labels import LABEL_TITLES
from imle.leads import LEADS
from imle.measure import Measurements
from imle.measure.segments import SEGMENTS, segment_of_samples

SILENT_LEADS, SILENT_WAVES = "silent_leads", "silent_waves"
HOW = (
    "What is silenced becomes a straight line between the samples beside it, a whole lead a flat line. With leads and waves "
    "chosen, those waves in those leads."
)


def what_if(explanation: Explanation, measured: Measurements) -> None:
    """The choice of leads and waves, which the link keeps, and the probabilities before and after."""
    asked = any(st.session_state.get(key) or key in st.query_params for key in (SILENT_LEADS, SILENT_WAVES))
    with st.expander("What if", expanded=asked):
        leads = st.pills("Silence leads", LEADS, selection_mode="multi", key=SILENT_LEADS, bind="query-params")
        waves = st.pills("Silence waves", SEGMENTS, selection_mode="multi", key=SILENT_WAVES, bind="query-params")
        if not leads and not waves:
            note(HOW)
            return
        hidden = silenced(leads, waves, segment_of_samples(measured))
        signal_mv = explanation.ecg.for_model()
        after = run_without(state.predictor(), signal_mv[None], hidden[None]).probabilities[0]
        rows = [
            row(
                f"{LABEL_TITLES[label]} <i>{label}</i>",
                f"{before:.2f}",
                f"<b>{now:.2f}</b>",
                gain_alone(round(now, 2) - round(before, 2)),
            )
            for (label, before), now in zip(explanation.probabilities.items(), after.tolist(), strict=True)
        ]
        figure_table("Probabilities with parts silenced", ["", "As recorded", "Silenced", "Change"], rows, state.dark())
        note(HOW)


def silenced(leads: list[str], waves: list[str], segments: np.ndarray) -> np.ndarray:
    """(12, 1000) bool: the samples of these leads (all where none is named) and of these wave segments (likewise)."""
    of_leads = np.isin(LEADS, leads) if leads else np.ones(len(LEADS), bool)
    chosen = [SEGMENTS.index(name) for name in waves]
    of_waves = np.isin(segments, chosen) if waves else np.ones(len(segments), bool)
    return of_leads[:, None] & of_waves
