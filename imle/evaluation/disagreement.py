"""How far a model and the cardiologists are apart on a record, and on which label."""

from __future__ import annotations

import numpy as np

NOWHERE = -1


def disagreement(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest |probability - label| of each record over its labels, and the column it is in.

    probabilities: (n, k), NaN for a record without an answer. labels: (n, k), 1 where the label is stated, else 0.
    Returns (n,) float64 in 0..1 and (n,) int. NaN and NOWHERE for a record without an answer, and for one without
    any label: a report of rhythm and form alone says nothing on the labels that a model could contradict.
    """
    apart = np.abs(np.asarray(probabilities, np.float64) - labels)
    comparable = np.isfinite(apart).all(axis=1) & (labels > 0).any(axis=1)
    where = np.where(comparable, np.nan_to_num(apart).argmax(axis=1), NOWHERE)
    return np.where(comparable, apart.max(axis=1), np.nan), where
