"""The model's own attention, and how it becomes a heatmap over the samples of a record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from imle.ecg import MODEL_SAMPLES
from imle.errors import BadChoice

LEVELS = ("beat", "rhythm", "channel", "combined", "published")


@dataclass(frozen=True)
class Attention:
    """Attention of n records; each array is float32 and sums to 1 over its last axis.

    beat (n, 12, windows, positions): where in a window. rhythm (n, 12, windows): which window of a lead.
    channel (n, 12): which lead. Where each label has attention of its own, `labels` names them, and an axis for them
    comes after n in all three.
    """

    beat: np.ndarray
    rhythm: np.ndarray
    channel: np.ndarray
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.channel)

    def of(self, label: str | None) -> Attention:
        """The attention for one label, without the axis of labels; for None, that which all labels share.

        BadChoice for a label without attention of its own, and for None where every label has its own.
        """
        if label is None and not self.labels:
            return self
        if label is not None and not self.labels:
            raise BadChoice("this model's attention is the same for every label; leave `label` out")
        if label not in self.labels:
            asked = "no label is given" if label is None else f"there is no label {label!r}"
            raise BadChoice(
                f"{asked}, and this model's attention differs by label; name one of {', '.join(self.labels)}"
            )
        k = self.labels.index(label)
        return replace(self, beat=self.beat[:, k], rhythm=self.rhythm[:, k], channel=self.channel[:, k], labels=())

    def heatmap(self, level: str, i: int, label: str | None = None) -> np.ndarray:
        """(12, 1000) float32 in 0..1: record i's attention at `level`, spread over its samples (see `spread`).

        beat, rhythm, channel: the weights themselves. combined: the product of the three, scaled to sum to 1 over
        the record. published: beat times channel, as the authors draw it. `label` names whose attention it is where
        that differs by label. BadChoice for an unknown level, and as `of` for the label.
        """
        if level not in LEVELS:
            raise BadChoice(f"there is no attention level {level!r}; choose one of {', '.join(LEVELS)}")
        own = self.of(label)
        beat, rhythm = own.beat[i], own.rhythm[i]
        channel = np.repeat(own.channel[i][:, None], MODEL_SAMPLES, axis=-1)
        if level == "channel":
            return channel
        if level == "rhythm":
            return np.repeat(rhythm, MODEL_SAMPLES // rhythm.shape[-1], axis=-1)
        if level == "combined":
            product = spread(beat * rhythm[..., None]) * channel
            return product / product.sum(dtype=np.float64).astype(np.float32)
        return spread(beat) * channel if level == "published" else spread(beat)


def spread(weights: np.ndarray) -> np.ndarray:
    """(12, windows, positions) -> (12, 1000), linear between positions.

    Positions that divide their window evenly are cells of it, and each weight lies at its cell's middle. Others lie as
    the authors of IMLE-Net draw them, the first and last at the window's ends: sample s of 50 at 12 s / 49 of 13.
    """
    samples = MODEL_SAMPLES // weights.shape[-2]
    if samples % weights.shape[-1]:
        return spread_positions(weights, samples)
    cells = weights.reshape(len(weights), -1)
    place = (np.arange(MODEL_SAMPLES) + 0.5) * cells.shape[-1] / MODEL_SAMPLES - 0.5
    return _between(cells, np.clip(place, 0, cells.shape[-1] - 1))


def spread_positions(weights: np.ndarray, samples: int) -> np.ndarray:
    """(12, windows, positions) -> (12, windows * samples), the first and last position at the window's ends."""
    place = np.arange(samples) * (weights.shape[-1] - 1) / (samples - 1)
    return _between(weights, place).reshape(weights.shape[0], -1)


def _between(weights: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(..., positions) at fractional positions `place` (samples,), linearly interpolated: (..., samples)."""
    left = np.minimum(place.astype(int), weights.shape[-1] - 2)
    share = (place - left).astype(np.float32)
    return weights[..., left] * (1 - share) + weights[..., left + 1] * share
