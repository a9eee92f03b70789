"""What a reader must know of the heatmaps on the screen: that they contradict each other, or failed their checks."""

from __future__ import annotations

import streamlit as st

from dashboard import state, trust
from dashboard.widgets.frame import plain
from imle.explain import Explanation
from imle.explain.agreement import lead_segment_shares, overlap
from imle.explain.attribution import METHODS
from imle.figures.heat import ATTENTION, USUAL_LEVEL, Heat
from imle.measure import Measurements
from imle.measure.segments import segment_of_samples

# Less of one lying where the other lies, they point at different places.
DISAGREE_BELOW = 0.5


def disagreement(explanation: Explanation, measured: Measurements, shown: list[Heat]) -> None:
    """A warning where attention and an attribution that is shown point at different places, or a heatmap failed its checks."""
    segments = segment_of_samples(measured)
    for name, heat in {heat.method: heat for heat in shown}.items():
        label = heat.label or explanation.leading  # attention that all labels share is the leading one's too
        for failed in trust.warnings(explanation.model, name, METHODS[name].title, label, state.is_of_model_in_use):
            st.warning(plain(failed))
        if name == ATTENTION or not explanation.levels:
            continue
        attention = lead_segment_shares(explanation.heatmap(USUAL_LEVEL).astype(float), segments)
        alike = overlap(lead_segment_shares(heat.exact.astype(float), segments), attention)
        if alike < DISAGREE_BELOW:
            st.warning(plain(
                f"Attention and {METHODS[name].title.lower()} point at different places: {alike:.0%} of one lies where the other lies, "
                "by lead and wave. Do not take either for the reason of the answer."
            ))  # fmt: skip
