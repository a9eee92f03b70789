"""Heatmaps in cells of one lead and 100 ms, the places that the measures of trust rank and hide."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from imle.ecg import MODEL_SAMPLES
from imle.leads import LEADS

# A QRS complex fits into one. Of finer cells a straight line between what is left would give most of it back; coarser
# ones would join it with the ST segment.
CELL = 10
CELLS_A_LEAD = MODEL_SAMPLES // CELL
CELLS = len(LEADS) * CELLS_A_LEAD


def cell_sums(heatmaps: np.ndarray) -> np.ndarray:
    """(n, 12, samples) -> (n, 12 x cells): sums over the whole cells of each lead, lead after lead."""
    cells = heatmaps.shape[-1] // CELL
    parts = heatmaps[..., : cells * CELL].reshape(len(heatmaps), len(LEADS), cells, CELL)
    return parts.sum(axis=-1, dtype=np.float64).reshape(len(heatmaps), -1)


def over_samples(cells: np.ndarray) -> np.ndarray:
    """(..., 1200) a value a cell -> (..., 12, 1000), that value at each of its samples."""
    return np.repeat(cells.reshape(*cells.shape[:-1], len(LEADS), CELLS_A_LEAD), CELL, axis=-1)


def rank_correlation(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) Spearman's rank correlation of each row of one (n, m) with that of the other; NaN where a row is constant."""
    ranks = [rankdata(rows, axis=-1) for rows in (some, others)]
    one, other = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    scale = np.sqrt(np.square(one).sum(axis=-1) * np.square(other).sum(axis=-1))
    return np.divide((one * other).sum(axis=-1), scale, out=np.full(len(one), np.nan), where=scale > 0)
