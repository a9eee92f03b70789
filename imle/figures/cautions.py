"""What a reader must know of the heatmaps that are shown: that they contradict each other, or failed their checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imle.explain.agreement import lead_segment_shares, overlap
from imle.explain.attribution import ATTENTION, METHODS
from imle.explain.explanation import Explanation
from imle.explain.trust_warnings import trust_warnings
from imle.figures.heat import USUAL_LEVEL, Heat, attention_heat
from imle.figures.words import percent
from imle.measure import Measurements
from imle.measure.segments import segment_of_samples

# Less of one lying where the other lies, they point at different places.
DISAGREE_BELOW = 0.5


def cautions(
    explanation: Explanation, measured: Measurements, shown: Sequence[Heat], is_of_model: Callable[[dict], bool]
) -> dict[str, tuple[str, ...]]:
    """By method of those `shown`, and of attention where there is any: sentences where its heatmap failed its checks, or is
    an attribution that points elsewhere than attention.

    is_of_model: as in `trust_warnings`.
    """
    attention = [attention_heat(explanation)] if explanation.levels else []
    return {
        heat.method: tuple(_of(explanation, measured, heat, is_of_model))
        for heat in {heat.method: heat for heat in [*attention, *shown]}.values()
    }


def _of(explanation: Explanation, measured: Measurements, heat: Heat, is_of_model: Callable[[dict], bool]) -> list[str]:
    # Attention that all labels share is the leading one's too.
    found = trust_warnings(explanation.model, heat.method, heat.label or explanation.leading, is_of_model)
    if heat.method != ATTENTION and explanation.levels:
        found += _disagreement(explanation, measured, heat)
    return found


def _disagreement(explanation: Explanation, measured: Measurements, heat: Heat) -> list[str]:
    segments = segment_of_samples(measured)
    attention = lead_segment_shares(explanation.heatmap(USUAL_LEVEL).astype(float), segments)
    alike = overlap(lead_segment_shares(heat.exact.astype(float), segments), attention)
    if alike >= DISAGREE_BELOW:
        return []
    return [
        f"Attention and {METHODS[heat.method].title.lower()} point at different places: {percent(alike)} of one lies where the "
        "other lies, by lead and wave. Do not take either for the reason of the answer."
    ]
