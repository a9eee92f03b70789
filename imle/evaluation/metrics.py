"""The figures a model is judged by, each with its definition; y is (n, k) of 0 and 1, p (n, k) probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

PUBLISHED_THRESHOLDS = np.linspace(0, 1, 10)


def class_auc(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(k,) area under the ROC curve a label; NaN where a label has only one kind of record."""
    varied = y.any(axis=0) & ~y.all(axis=0)
    return np.array([roc_auc_score(y[:, k], p[:, k]) if varied[k] else np.nan for k in range(y.shape[1])])


def macro_auc(y: np.ndarray, p: np.ndarray) -> float:
    """Mean of `class_auc` over the labels; NaN where a label has only one kind of record."""
    return float(np.mean(class_auc(y, p)))


def mean_accuracy(y: np.ndarray, p: np.ndarray) -> float:
    """Share of right answers at threshold 0.5, averaged over the labels."""
    return float(((p >= 0.5) == (y > 0.5)).mean())


def published_max_f1(y: np.ndarray, p: np.ndarray) -> float:
    """The authors' max F1: precision and recall averaged over the records at 10 thresholds, the best F1 of those.

    A record without a predicted label has no precision at that threshold and is left out of its average
    (Reddy et al. 2021, following Strodthoff et al. 2020, doi:10.1109/JBHI.2020.3022989).
    """
    best = 0.0
    true = y > 0.5
    for threshold in PUBLISHED_THRESHOLDS:
        told = p > threshold
        hits = (told & true).sum(axis=1)
        some = told.any(axis=1)
        if not some.any():
            continue
        precision = (hits[some] / told[some].sum(axis=1)).mean()
        recall = (hits / np.maximum(true.sum(axis=1), 1)).mean()
        if precision + recall:
            best = max(best, 2 * precision * recall / (precision + recall))
    return float(best)


def best_thresholds(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(k,) the probability at which each label's F1 is largest; 0.5 where a label does not occur."""
    thresholds = np.full(y.shape[1], 0.5)
    for k in range(y.shape[1]):
        if not y[:, k].any():
            continue
        order = np.argsort(-p[:, k], kind="stable")
        hits = np.cumsum(y[order, k])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + y[:, k].sum())
        best = int(np.argmax(f1))
        below = p[order[best + 1], k] if best + 1 < len(order) else 0.0
        thresholds[k] = (p[order[best], k] + below) / 2
    return thresholds


def macro_f1(y: np.ndarray, p: np.ndarray, thresholds: Sequence[float]) -> float:
    """F1 at one threshold a label, averaged over the labels."""
    told, true = p >= np.asarray(thresholds), y > 0.5
    hits = (told & true).sum(axis=0)
    return float((2 * hits / np.maximum(told.sum(axis=0) + true.sum(axis=0), 1)).mean())
