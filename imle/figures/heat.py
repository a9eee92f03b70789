"""`Heat`: a heatmap as a picture shows it, with its name and whose it is: a level of attention, or an attribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from imle.attention import LEVELS
from imle.ecg import Ecg
from imle.errors import BadChoice
from imle.explain.agreement import relevance
from imle.explain.attribution import ATTENTION, METHODS, USUAL_METHOD, attribute_each, labels_with
from imle.explain.explanation import Explanation
from imle.explain.summary import LEADS_NAMED, summary, where_highest
from imle.figures.levels import LEVEL_MEANINGS, level_title
from imle.inference import Predictor
from imle.leads import LEADS

USUAL_LEVEL = "combined"
# An attribution differs from sample to sample, and one of them can outshine all others; smoothed so far, standard
# deviation 20 ms, it shows which wave is meant. Figures are made of it as it is.
SMOOTH_SAMPLES = 2


@dataclass(frozen=True, eq=False)
class Heat:
    """One heatmap: its name (a level of attention or a method of METHODS), whose it is, and (12, 1000) at 100 Hz.

    label: None for attention that all labels share. exact: 0 or more; of an attribution, what speaks for the label.
    """

    name: str
    label: str | None
    exact: np.ndarray

    @property
    def method(self) -> str:
        """A key of METHODS: every level is the model's attention."""
        return ATTENTION if self.name in LEVELS else self.name

    @property
    def title(self) -> str:
        """What a legend calls it: `combined attention to MI`, `occlusion for MI`."""
        return heat_title(self.name, self.label)

    @property
    def meaning(self) -> str:
        """What its values are, in one sentence."""
        if self.method == ATTENTION:
            return f"{self.title[:1].upper()}{self.title[1:]}: {LEVEL_MEANINGS[self.name]}."
        return METHODS[self.name].description

    @property
    def scale(self) -> str:
        """What `exact` is a number of."""
        return "weights of attention" if self.method == ATTENTION else "what speaks for the label, scaled to a sum of 1"

    @property
    def values(self) -> np.ndarray:
        """As it is drawn."""
        return self.exact if self.method == ATTENTION else gaussian_filter1d(self.exact, SMOOTH_SAMPLES, axis=1)

    @property
    def lead_shares(self) -> dict[str, float]:
        """How much of it lies in each lead; sums to 1."""
        by_lead = self.exact.sum(axis=1, dtype=np.float64)
        return dict(zip(LEADS, (by_lead / max(by_lead.sum(), np.finfo(float).tiny)).tolist(), strict=True))


def heat_title(name: str, label: str | None = None) -> str:
    """What a heatmap called `name`, a level of attention or a method, is called with whose it is, where that is to be said."""
    if name in LEVELS:
        return level_title(name, label)
    title = METHODS[name].title.lower()
    return f"{title} for {label}" if label else title


def heat_of(
    explanation: Explanation, name: str, label: str | None, attributed: Callable[[str, str], np.ndarray]
) -> Heat:
    """The heatmap called `name`, a level of attention or a method; an attribution is of `label`, else of the leading one.

    attributed: (label, method) -> (12, 1000), 0 or more (see `attributing`). BadChoice for a name that is neither, and
    for a level of a network without attention.
    """
    if name in LEVELS:
        return attention_heat(explanation, name)
    if name not in METHODS or name == ATTENTION:
        methods = ", ".join(method for method in METHODS if method != ATTENTION)
        raise BadChoice(
            f"there is no heatmap {name!r}; choose an attention level ({', '.join(LEVELS)}) or one of {methods}"
        )
    whose = label or explanation.leading
    return Heat(name, whose, attributed(whose, name))


def attributing(predictor: Predictor, ecg: Ecg) -> Callable[[str, str], np.ndarray]:
    """(label, method) -> (12, 1000): what speaks for the label in `ecg`; it keeps what it found."""
    kept: dict[tuple[str, str], np.ndarray] = {}

    def find(label: str, method: str) -> np.ndarray:
        if (label, method) not in kept:
            found = attributed_each(predictor, ecg, labels_with(predictor, label, method), method)
            kept.update({(one, method): heatmap for one, heatmap in found.items()})
        return kept[label, method]

    return find


def attributed_each(predictor: Predictor, ecg: Ecg, labels: Sequence[str], method: str) -> dict[str, np.ndarray]:
    """What speaks for each of `labels` in `ecg`: (12, 1000), 0 or more, scaled to a sum of 1."""
    found = attribute_each(predictor, ecg.for_model(), labels, method)
    return {label: relevance(values).astype(np.float32) for label, values in found.items()}


def usual_heatmap(explanation: Explanation) -> str:
    """The name of the heatmap to show where none is asked for."""
    return USUAL_LEVEL if explanation.levels else USUAL_METHOD


def attention_heat(explanation: Explanation, level: str = USUAL_LEVEL) -> Heat:
    """The attention at `level`. BadChoice for an unknown level, and for a network without attention."""
    return Heat(level, explanation.label, explanation.heatmap(level))


def summary_with(explanation: Explanation, heat: Heat | None) -> str:
    """The explanation in one sentence, whose leads and time are those of the heatmap that is shown.

    Every level of attention is summed up by the channel and the combined attention, as where none is shown.
    """
    if heat is None or heat.method == ATTENTION:
        return summary(explanation)
    leads = sorted(LEADS, key=heat.lead_shares.get, reverse=True)[:LEADS_NAMED]
    return summary(explanation, where_highest(heat.title, leads, heat.values))


def heat_text(explanation: Explanation, heat: Heat | None) -> str:
    """What the heatmap that is shown means: whose attention it is, or how an attribution is found."""
    if heat is None or heat.method == ATTENTION:
        return explanation.whose_attention
    return f"{heat.title[:1].upper()}{heat.title[1:]}: {heat.meaning[:1].lower()}{heat.meaning[1:]}"


@dataclass(frozen=True)
class LeadBars:
    """How much each lead counts: the heading of the bars, what they are in a few words, and each lead's share."""

    title: str
    caption: str
    shares: dict[str, float]


def leads_of(explanation: Explanation, heat: Heat | None) -> LeadBars | None:
    """The shares of the attribution that is shown; else the channel attention, None for a network without attention."""
    if heat is not None and heat.method != ATTENTION:
        return LeadBars("Leads", f"share of {heat.title}", heat.lead_shares)
    if explanation.lead_importance is None:
        return None
    whose = f" to {explanation.label}" if explanation.label else ""
    return LeadBars("Lead importance", f"channel attention{whose}", explanation.lead_importance)
