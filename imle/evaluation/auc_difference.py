"""The difference of two models' ROC-AUC on the same records, of every label at once, fast enough for a page."""

from __future__ import annotations

import numpy as np

from imle.evaluation.bootstrap import SAMPLES, Interval, bootstrap

MACRO = "macro"


def auc_differences(
    y: np.ndarray, first: np.ndarray, second: np.ndarray, labels, samples: int = SAMPLES
) -> dict[str, Interval]:
    """ROC-AUC of the first model's (n, k) probabilities less that of the second's: their mean (MACRO), then each label.

    The same draws and figures as `paired_difference`, whose mean over the labels this is. A label's AUC is the share of
    pairs (with, without it) in the right order (Hanley & McNeil 1982), so the difference over a draw is a product of
    matrices: counts of those with it, the pairs' differences, counts of those without it. NaN where a label has only
    one kind of record.
    """
    pairs = [_pairs(own_y > 0.5, a, b) for own_y, a, b in zip(y.T, first.T, second.T, strict=True)]

    def figures(counts: np.ndarray) -> dict[str, np.ndarray]:
        drawn = counts.astype(np.float32)
        by_label = [_mean_over_pairs(own, drawn[true], drawn[~true]) for true, own in pairs]
        return {MACRO: np.mean(by_label, axis=0), **dict(zip(labels, by_label, strict=True))}

    return bootstrap(figures, len(y), samples)


def _pairs(true: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Who has the label, and (with, without) by how much more the first model orders each pair rightly: -1 to 1."""
    apart = [np.sign(p[true][:, None] - p[~true]) for p in (first, second)]
    return true, ((apart[0] - apart[1]) / 2).astype(np.float32)


def _mean_over_pairs(pairs: np.ndarray, with_it: np.ndarray, without_it: np.ndarray) -> np.ndarray:
    """(s,) the mean over the pairs of each draw; (with, s) and (without, s) say how often each record was drawn."""
    total = (with_it * (pairs @ without_it)).sum(axis=0, dtype=np.float64)
    number = with_it.sum(axis=0, dtype=np.float64) * without_it.sum(axis=0, dtype=np.float64)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
