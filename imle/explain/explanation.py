"""One record's explanation: its probabilities, and the attention behind them where the network has any."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import imle
from imle.attention import LEVELS, Attention
from imle.ecg import MODEL_FS_HZ, Ecg
from imle.errors import BadChoice
from imle.inference import Predictor
from imle.leads import LEADS

SHARED_ATTENTION = (
    "The attention of this network is shared by all labels: it shows where the model looked, not for which label."
)
NO_ATTENTION = "This network has no attention; what speaks for a label is computed from its answers."


@dataclass(frozen=True)
class Explanation:
    """What `model` on `engine` answered for `ecg`, and where it looked.

    probabilities, thresholds: by label. attention: of this one record (n = 1); None for a network without any. label:
    whose attention is shown; None where all labels share it, or there is none. BadChoice for another label than the
    attention has.
    """

    ecg: Ecg
    model: str
    engine: str
    probabilities: dict[str, float]
    thresholds: dict[str, float]
    attention: Attention | None
    label: str | None = None

    def __post_init__(self):
        if self.attention is not None:
            self.attention.of(self.label)

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels of attention that there are to show; none for a network without attention."""
        return () if self.attention is None else LEVELS

    def about(self, label: str) -> Explanation:
        """The same with the attention for `label`; unchanged where all labels share one or there is none.

        BadChoice for no such label.
        """
        return replace(self, label=label) if self.attention is not None and self.attention.labels else self

    def heatmap(self, level: str) -> np.ndarray:
        """(12, 1000) float32 at 100 Hz in 0..1: the attention of `level` over the record's first ten seconds.

        BadChoice for an unknown level, and for a network without attention.
        """
        if self.attention is None:
            raise BadChoice(f"{self.model} has no attention to show; choose a method of attribution")
        return self.attention.heatmap(level, 0, self.label)

    @property
    def leading(self) -> str:
        """The label that is furthest above its threshold."""
        return _foremost(self.probabilities, self.thresholds)

    @property
    def lead_importance(self) -> dict[str, float] | None:
        """Channel attention by lead; sums to 1. None for a network without attention."""
        if self.attention is None:
            return None
        return dict(zip(LEADS, self.attention.of(self.label).channel[0].tolist(), strict=True))

    @property
    def whose_attention(self) -> str:
        """A sentence on what the attention belongs to, which stands beside every picture of it, or that there is none."""
        if self.attention is None:
            return NO_ATTENTION
        if self.label is None:
            return SHARED_ATTENTION
        return f"The attention shown is that for {self.label}: where the model looked for it. Each label has its own."

    def to_json(self) -> dict:
        """Everything above as JSON types; heatmaps (12 x 1000, rounded to 6 significant digits) by level.

        Of a network without attention, lead_importance and attention are None and there are no heatmaps.
        """
        return {
            "imle_version": imle.__version__,
            "record": self.ecg.id,
            "model": self.model,
            "engine": self.engine,
            "probabilities": _rounded(self.probabilities),
            "thresholds": _rounded(self.thresholds),
            "leads": list(LEADS),
            "lead_importance": None if self.attention is None else _rounded(self.lead_importance),
            "attention": self._attention_json(),
            "heatmap_fs_hz": MODEL_FS_HZ,
            "heatmaps": {level: digits(self.heatmap(level)) for level in self.levels},
            "label": self.label,
            "note": f"{self.whose_attention} Research use only; not a medical device.",
        }

    def _attention_json(self) -> dict | None:
        """The three levels, and under each label's name where each has its own."""
        if self.attention is None:
            return None
        if self.attention.labels:
            return {label: self.about(label)._levels_json() for label in self.attention.labels}
        return self._levels_json()

    def _levels_json(self) -> dict:
        own = self.attention.of(self.label)
        return {"beat": digits(own.beat[0]), "rhythm": digits(own.rhythm[0]), "channel": digits(own.channel[0])}


def explain(predictor: Predictor, ecg: Ecg) -> Explanation:
    """The explanation of one record, without attention where the network has none.

    Where each label has attention of its own, it is about the label that is furthest above its threshold.
    """
    answer = predictor.run(ecg.for_model()[None])
    probabilities = dict(zip(predictor.labels, answer.probabilities[0].tolist(), strict=True))
    label = _foremost(probabilities, predictor.thresholds) if predictor.attended_labels else None
    answered = probabilities, predictor.thresholds, answer.attention
    return Explanation(ecg, predictor.name, predictor.engine, *answered, label)


def _foremost(probabilities: dict[str, float], thresholds: dict[str, float]) -> str:
    """The label whose odds are largest beside the odds of its threshold."""
    odds = {label: p / (1 - p + 1e-9) for label, p in probabilities.items()}
    at_threshold = {label: t / (1 - t + 1e-9) for label, t in thresholds.items()}
    return max(odds, key=lambda label: odds[label] / max(at_threshold[label], 1e-9))


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 6) for key, value in values.items()}


def digits(array: np.ndarray) -> list:
    """Nested lists rounded to 6 decimals of the array's largest value, so that small attention keeps its digits."""
    decimals = 6 - int(np.floor(np.log10(max(float(array.max()), 1e-30))))
    return array.astype(np.float64).round(decimals).tolist()
