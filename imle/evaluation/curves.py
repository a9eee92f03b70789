"""One label's curves over all thresholds: ROC, and precision against recall."""

from __future__ import annotations

import numpy as np
import pandas as pd


def roc_curve(y: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """From (n,) truths and probabilities: false_positive_rate, sensitivity and the threshold at which they hold.

    A row a distinct probability, falling, after one at (0, 0) with an infinite threshold; rows on a straight line
    between their neighbours are left out. NaN where there is only one kind of record.
    """
    thresholds, hits, told = _told_by_threshold(y, p)
    misses = told - hits
    corner = np.ones(len(hits), bool)
    corner[1:-1] = (np.diff(hits, 2) != 0) | (np.diff(misses, 2) != 0)
    with np.errstate(invalid="ignore"):
        curve = {"false_positive_rate": misses / misses[-1], "sensitivity": hits / hits[-1], "threshold": thresholds}
    return pd.DataFrame(curve)[corner].reset_index(drop=True)


def precision_recall_curve(y: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """From (n,) truths and probabilities: sensitivity (recall), precision and the threshold at which they hold.

    A row a distinct probability, falling. NaN where the label does not occur.
    """
    thresholds, hits, told = (values[1:] for values in _told_by_threshold(y, p))
    with np.errstate(invalid="ignore"):
        return pd.DataFrame({"sensitivity": hits / hits[-1], "precision": hits / told, "threshold": thresholds})


def _told_by_threshold(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct probabilities falling, after infinity; how many records at or above each have the label, and how many there are."""
    order = np.argsort(-p, kind="stable")
    last = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    thresholds = np.concatenate([[np.inf], p[order][last]])
    return thresholds, np.append(0, np.cumsum(y[order] > 0.5)[last]), np.append(0, last + 1)
