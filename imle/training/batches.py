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
        yield mix(augment(signals[rows], recipe, rng), targets[rows], recipe, rng)


def augment(signals: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """Shift (round the record's end to its start), scale and add noise, each record by its own draw, all leads alike.

    What a recipe turns off draws nothing, so that a recipe without it gives the same batches as before it existed.
    """
    if recipe.max_crop:
        signals = crop(signals, recipe.max_crop, rng)
    most = round(recipe.max_shift_s * MODEL_FS_HZ)
    shifts = rng.integers(-most, most + 1, len(signals))
    columns = (np.arange(signals.shape[-1]) - shifts[:, None]) % signals.shape[-1]
    out = np.take_along_axis(signals, columns[:, None, :], axis=-1)
    out *= np.exp(rng.normal(0, recipe.gain_sd, (len(signals), 1, 1))).astype(np.float32)
    out += rng.standard_normal(out.shape, np.float32) * np.float32(recipe.noise_sd)
    if recipe.lead_dropout:
        out *= rng.random((*out.shape[:2], 1)) >= recipe.lead_dropout
    return out


def crop(signals: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Cut up to the share `most` of each record away, and stretch the rest to its full length, linearly between samples."""
    samples = signals.shape[-1]
    kept = 1 - rng.uniform(0, most, len(signals))
    first = rng.uniform(0, 1 - kept) * (samples - 1)
    places = first[:, None] + kept[:, None] * np.arange(samples)
    left = np.minimum(places.astype(int), samples - 2)
    share = (places - left).astype(np.float32)[:, None, :]
    before = np.take_along_axis(signals, left[:, None, :], axis=-1)
    after = np.take_along_axis(signals, left[:, None, :] + 1, axis=-1)
    return before + share * (after - before)


def mix(
    signals: np.ndarray, targets: np.ndarray, recipe: Recipe, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Each record, and its labels alike, with a share of another of the batch."""
    if not recipe.mixup:
        return signals, targets
    share = rng.beta(recipe.mixup, recipe.mixup, len(signals))
    own = np.maximum(share, 1 - share).astype(np.float32)
    other = rng.permutation(len(signals))
    by_record = own[:, None, None]
    mixed = by_record * signals + (1 - by_record) * signals[other]
    return mixed, own[:, None] * targets + (1 - own[:, None]) * targets[other]
