"""One record's explanation: its probabilities, and the attention behind them at every level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import imle
from imle.attention import LEVELS, Attention
from imle.ecg import MODEL_FS_HZ, Ecg
from imle.errors import BadChoice
from imle.inference import Predictor
from imle.leads import LEADS


@dataclass(frozen=True)
class Explanation:
    """What `model` on `engine` answered for `ecg`, and where it looked.

    probabilities, thresholds: by label. attention: of this one record (n = 1).
    """

    ecg: Ecg
    model: str
    engine: str
    probabilities: dict[str, float]
    thresholds: dict[str, float]
    attention: Attention

    def heatmap(self, level: str) -> np.ndarray:
        """(12, 1000) float32 at 100 Hz in 0..1: the attention of `level` over the record's first ten seconds."""
        return self.attention.heatmap(level, 0)

    @property
    def lead_importance(self) -> dict[str, float]:
        """Channel attention by lead; sums to 1."""
        return dict(zip(LEADS, self.attention.channel[0].tolist(), strict=True))

    def to_json(self) -> dict:
        """Everything above as JSON types; heatmaps (12 x 1000, rounded to 6 significant digits) by level."""
        return {
            "imle_version": imle.__version__,
            "record": self.ecg.id,
            "model": self.model,
            "engine": self.engine,
            "probabilities": _rounded(self.probabilities),
            "thresholds": _rounded(self.thresholds),
            "leads": list(LEADS),
            "lead_importance": _rounded(self.lead_importance),
            "attention": {
                "beat": _digits(self.attention.beat[0]),
                "rhythm": _digits(self.attention.rhythm[0]),
                "channel": _digits(self.attention.channel[0]),
            },
            "heatmap_fs_hz": MODEL_FS_HZ,
            "heatmaps": {level: _digits(self.heatmap(level)) for level in LEVELS},
            "note": "Attention of this network is shared by all labels. Research use only; not a medical device.",
        }


def explain(predictor: Predictor, ecg: Ecg) -> Explanation:
    """The explanation of one record. BadChoice where the predictor's network has no attention."""
    answer = predictor.run(ecg.for_model()[None])
    if answer.attention is None:
        raise BadChoice(f"{predictor.card.network} has no attention to show; choose imle_net")
    probabilities = dict(zip(predictor.labels, answer.probabilities[0].tolist(), strict=True))
    return Explanation(ecg, predictor.name, predictor.engine, probabilities, predictor.thresholds, answer.attention)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 6) for key, value in values.items()}


def _digits(array: np.ndarray) -> list:
    """Nested lists rounded to 6 decimals of the array's largest value, so that small attention keeps its digits."""
    decimals = 6 - int(np.floor(np.log10(max(float(array.max()), 1e-30))))
    return array.astype(np.float64).round(decimals).tolist()
