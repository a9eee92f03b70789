"""Batches of training records: shuffled each epoch, standardised, augmented; the same ones again for the same seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imle.ecg import MODEL_FS_HZ
from imle.training.recipe import Recipe


def epoch_batches(
    signals: np.ndarray, targets: np.ndarray, recipe: Recipe, epoch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The batches of one epoch: ((batch, 12, 1000) augmented, (batch, classes)) from standardised signals.

    All batches have the same size, so that no shape is compiled twice; the records left over by it come first
    in no epoch and differ from epoch to epoch.
    """
    rng = np.random.default_rng((recipe.seed, epoch))
    order = rng.permutation(len(signals))
    size = min(recipe.batch_size, len(signals))
    for first in range(0, len(order) - size + 1, size):
        rows = np.sort(order[first : first + size])
        yield augment(signals[rows], recipe, rng), targets[rows]


def augment(signals: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Shift (round the record's end to its start), scale and add noise, each record by its own draw, all leads alike."""
    most = round(recipe.max_shift_s * MODEL_FS_HZ)
    shifts = rng.integers(-most, most + 1, len(signals))
    columns = (np.arange(signals.shape[-1]) - shifts[:, None]) % signals.shape[-1]
    out = np.take_along_axis(signals, columns[:, None, :], axis=-1)
    out *= np.exp(rng.normal(0, recipe.gain_sd, (len(signals), 1, 1))).astype(np.float32)
    out += rng.standard_normal(out.shape, np.float32) * np.float32(recipe.noise_sd)
    return out
