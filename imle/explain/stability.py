"""Whether a heatmap stays when the record changes by what means nothing: a little noise, a small shift in time."""

from __future__ import annotations

import numpy as np

from imle.explain.attribution import attribute, index_of
from imle.explain.cells import cell_sums, rank_correlation
from imle.inference import Predictor

# RMS of the muscle and mains noise of a good recording.
NOISE_MV = 0.02
SHIFT = 5


def under_noise(
    predictor: Predictor, signals_mv: np.ndarray, label: str, method: str, heatmaps: np.ndarray, seed: int = 0
) -> np.ndarray:
    """(n,) Spearman's correlation of the cells of `heatmaps` with those of the same records under noise of NOISE_MV.

    NaN where the noise takes the label's probability over its threshold, or a heatmap is constant.
    """
    noisy_mv = signals_mv + NOISE_MV * np.random.default_rng(seed).standard_normal(signals_mv.shape, np.float32)
    again = attribute(predictor, noisy_mv, label, method)
    found = rank_correlation(cell_sums(heatmaps), cell_sums(again))
    return np.where(same_answer(predictor, signals_mv, noisy_mv, label), found, np.nan)


def under_shift(
    predictor: Predictor, signals_mv: np.ndarray, label: str, method: str, heatmaps: np.ndarray
) -> np.ndarray:
    """(n,) the same for records that begin SHIFT samples, 50 ms, later; their heatmaps are shifted back.

    What would come before the first sample is held at its level; the samples that the shift pushes out are not compared.
    """
    shifted_mv = np.concatenate([np.repeat(signals_mv[..., :1], SHIFT, axis=-1), signals_mv[..., :-SHIFT]], axis=-1)
    again = attribute(predictor, shifted_mv, label, method)[..., SHIFT:]
    found = rank_correlation(cell_sums(heatmaps[..., :-SHIFT]), cell_sums(again))
    return np.where(same_answer(predictor, signals_mv, shifted_mv, label), found, np.nan)


def same_answer(predictor: Predictor, signals_mv: np.ndarray, changed_mv: np.ndarray, label: str) -> np.ndarray:
    """(n,) whether the label's probability is on the same side of its threshold for both."""
    k, threshold = index_of(predictor, label), predictor.thresholds[label]
    one, other = (predictor.predict(some_mv)[:, k] >= threshold for some_mv in (signals_mv, changed_mv))
    return one == other
