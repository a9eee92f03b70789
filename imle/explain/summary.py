"""An explanation in one sentence: for a terminal, for a page's head, and for who cannot see the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imle.ecg import MODEL_FS_HZ, Ecg
from imle.explain.explanation import Explanation
from imle.leads import LEADS

LEADS_NAMED = 3
CAUTION = "Research use only; not a medical device."
NORMAL = "NORM"
SIMULATED = "Simulated ECG, not a patient."


def summary(explanation: Explanation, place: str | None = None) -> str:
    """The labels at or above their thresholds (else the likeliest one), and `place`; without it, attention's leads and time.

    `IMLE-Net: MI 0.91 (above its threshold 0.43); attention is highest on III, aVF, II and peaks in III at 3.2 s.` The
    leads are the three with the most channel attention; the peak is that of the combined attention. Of a network
    without attention there is neither.
    """
    if place is None and explanation.levels:
        place = _place(explanation)
    return f"{explanation.model}: {_labels(explanation)}{f'; {place}' if place else ''}."


def known_labels(ecg: Ecg) -> tuple[str, ...] | None:
    """The superclasses that the record's data set gives it; None where it came without any."""
    known = ecg.meta.get("superclasses")
    return None if known is None else tuple(known)


def known_by(ecg: Ecg) -> str:
    """Where the known labels come from: `planted` in a simulated record, else `cardiologists`."""
    return "planted" if is_simulated(ecg) else "cardiologists"


def is_simulated(ecg: Ecg) -> bool:
    """Whether the record says of itself, in its catalogue row or its header's comments, that it is simulated."""
    says = [ecg.meta.get("device"), *(ecg.meta.get("comments") or ())]
    return bool(ecg.meta.get("simulated")) or any(str(word).startswith("simulated") for word in says)


def caution(ecg: Ecg) -> str:
    """What stands once on every figure of this record."""
    return f"{SIMULATED} {CAUTION}" if is_simulated(ecg) else CAUTION


def _labels(explanation: Explanation) -> str:
    probabilities, thresholds = explanation.probabilities, explanation.thresholds
    ranked = sorted(probabilities, key=probabilities.get, reverse=True)
    above = [label for label in ranked if probabilities[label] >= thresholds[label]]
    if above:
        said = [f"{label} {probabilities[label]:.2f} (above its threshold {thresholds[label]:.2f})" for label in above]
        both = ", normal and abnormal at once" if NORMAL in above and len(above) > 1 else ""
        return ", ".join(said) + both
    first = ranked[0]
    return (
        "no label reaches its threshold, the likeliest is "
        f"{first} {probabilities[first]:.2f} (threshold {thresholds[first]:.2f})"
    )


def _place(explanation: Explanation) -> str:
    importance = explanation.lead_importance
    leads = sorted(LEADS, key=importance.get, reverse=True)[:LEADS_NAMED]
    whose = f"attention to {explanation.label}" if explanation.label else "attention"
    return where_highest(whose, leads, explanation.heatmap("combined"))


def where_highest(whose: str, leads: Sequence[str], heatmap: np.ndarray) -> str:
    """`attention is highest on III, aVF, II and peaks in III at 3.2 s`; heatmap: (12, 1000) at 100 Hz."""
    lead, sample = np.unravel_index(np.argmax(heatmap), heatmap.shape)
    return f"{whose} is highest on {', '.join(leads)} and peaks in {LEADS[lead]} at {sample / MODEL_FS_HZ:.1f} s"
