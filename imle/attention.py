"""The model's own attention, and how it becomes a heatmap over the samples of a record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imle.ecg import MODEL_SAMPLES
from imle.errors import BadChoice

LEVELS = ("beat", "rhythm", "channel", "combined", "published")


@dataclass(frozen=True)
class Attention:
    """Attention of n records; each array is float32 and sums to 1 over its last axis.

    beat (n, 12, windows, positions): where in a window. rhythm (n, 12, windows): which window of a lead.
    channel (n, 12): which lead.
    """

    beat: np.ndarray
    rhythm: np.ndarray
    channel: np.ndarray

    def __len__(self) -> int:
        return len(self.channel)

    def heatmap(self, level: str, i: int, label: str | None = None) -> np.ndarray:
        """(12, 1000) float32 in 0..1: record i's attention at `level`, spread over its samples.

        beat, rhythm, channel: the weights themselves. combined: the product of the three, scaled to sum to 1 over
        the record. published: beat times channel, as the authors draw it. Sample s of a window's 50 lies at
        position 12 s / 49 of its 13, linearly interpolated (as published). `label` is for networks whose attention
        differs by class; this one's does not, so it must be None. BadChoice for an unknown level or a label.
        """
        if level not in LEVELS:
            raise BadChoice(f"there is no attention level {level!r}; choose one of {', '.join(LEVELS)}")
        if label is not None:
            raise BadChoice("this model's attention is the same for every label; leave `label` out")
        windows = self.rhythm.shape[-1]
        beat = spread_positions(self.beat[i], MODEL_SAMPLES // windows)
        rhythm = np.repeat(self.rhythm[i], MODEL_SAMPLES // windows, axis=-1)
        channel = np.repeat(self.channel[i][:, None], MODEL_SAMPLES, axis=-1)
        if level == "combined":
            product = beat * rhythm * channel
            return product / product.sum(dtype=np.float64).astype(np.float32)
        return {"beat": beat, "rhythm": rhythm, "channel": channel, "published": beat * channel}[level]


def spread_positions(weights: np.ndarray, samples: int) -> np.ndarray:
    """(12, windows, positions) -> (12, windows * samples), linear between positions, first and last at the window's ends."""
    positions = weights.shape[-1]
    place = np.arange(samples) * (positions - 1) / (samples - 1)
    left = np.minimum(place.astype(int), positions - 2)
    share = (place - left).astype(np.float32)
    spread = weights[..., left] * (1 - share) + weights[..., left + 1] * share
    return spread.reshape(weights.shape[0], -1)
