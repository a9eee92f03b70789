"""The heatmap that lies over a sheet: the model's attention, or what a method attributes a label's answer to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from scipy.ndimage import gaussian_filter1d

from dashboard import trust
from dashboard.subject import Subject
from dashboard.widgets.frame import plain
from imle.attention import LEVELS
from imle.explain import Explanation
from imle.explain.agreement import lead_segment_shares, overlap
from imle.explain.attribution import METHODS
from imle.figures.levels import level_title
from imle.measure import Measurements
from imle.measure.segments import segment_of_samples

# An attribution differs from sample to sample, and one of them can outshine all others; smoothed so far, standard
# deviation 20 ms, it shows which wave is meant. Figures are made of it as it is.
SMOOTH_SAMPLES = 2
# Less of one lying where the other lies, they point at different places.
DISAGREE_BELOW = 0.5


@dataclass(frozen=True, eq=False)
class Heat:
    """One heatmap: its name (a level of attention or a method), its title, and (12, 1000) at 100 Hz, 0 or more."""

    name: str
    title: str
    exact: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """As it is drawn."""
        return self.exact if self.name in LEVELS else gaussian_filter1d(self.exact, SMOOTH_SAMPLES, axis=1)


def heat_of(subject: Subject, explanation: Explanation, name: str, label: str | None) -> Heat:
    """The heatmap `name`, a level of attention or a method; of `label`, else of the leading one. Refusals as `explain`."""
    if name in LEVELS:
        return Heat(name, level_title(name, explanation.label), explanation.heatmap(name))
    whose = label or explanation.leading
    return Heat(name, f"{METHODS[name].title.lower()} for {whose}", subject.attribute(whose, name))


def disagreement(explanation: Explanation, measured: Measurements, shown: list[Heat]) -> None:
    """A warning where attention and an attribution that is shown point at different places, or a heatmap failed its checks."""
    segments = segment_of_samples(measured)
    attention = lead_segment_shares(explanation.heatmap("combined").astype(float), segments)
    for name, heat in {"attention" if heat.name in LEVELS else heat.name: heat for heat in shown}.items():
        if failed := trust.warning(explanation.model, name, METHODS[name].title):
            st.warning(plain(failed))
        if name == "attention":
            continue
        alike = overlap(lead_segment_shares(heat.exact.astype(float), segments), attention)
        if alike < DISAGREE_BELOW:
            st.warning(plain(
                f"Attention and {METHODS[name].title.lower()} point at different places: {alike:.0%} of one lies where the other lies, "
                "by lead and wave. Do not take either for the reason of the answer."
            ))  # fmt: skip
