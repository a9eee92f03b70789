"""The figures a model is judged by, each with its definition.

y is (n, k) of 0 and 1, p (n, k) probabilities. Every figure takes each record once, or, with `counts` (n, s), as often as
each of s bootstrap draws does, and then has a last axis of s: a thousand draws cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import numpy as np

PUBLISHED_THRESHOLDS = np.linspace(0, 1, 10)


def over_draws(metric: Callable) -> Callable:
    """Let a metric of `counts` (n, s) that answers (..., s) be called without counts, for the (...) of all records."""

    @wraps(metric)
    def figure(y, p, *settings, counts=None):
        if counts is None:
            return np.take(metric(y, p, *settings, counts=np.ones((len(y), 1))), 0, axis=-1)
        return metric(y, p, *settings, counts=counts)

    return figure


@over_draws
def class_auc(y: np.ndarray, p: np.ndarray, *, counts: np.ndarray) -> np.ndarray:
    """(k,) area under the ROC curve a label: the share of pairs (with, without it) in the right order, ties half.

    NaN where a label has only one kind of record.
    """
    areas = []
    for own_y, own_p in zip(y.T, p.T, strict=True):
        hits, misses = _by_falling_probability(own_y, own_p, counts)
        above = np.cumsum(hits, axis=0) - hits / 2
        areas.append(_ratio((misses * above).sum(axis=0), hits.sum(axis=0) * misses.sum(axis=0)))
    return np.array(areas)


@over_draws
def macro_auc(y: np.ndarray, p: np.ndarray, *, counts: np.ndarray) -> np.ndarray:
    """Mean of `class_auc` over the labels; NaN where a label has only one kind of record."""
    return class_auc(y, p, counts=counts).mean(axis=0)


@over_draws
def class_average_precision(y: np.ndarray, p: np.ndarray, *, counts: np.ndarray) -> np.ndarray:
    """(k,) average precision a label: precision at each probability, weighted by the recall it adds (no interpolation).

    NaN where a label does not occur.
    """
    precisions = []
    for own_y, own_p in zip(y.T, p.T, strict=True):
        hits, misses = _by_falling_probability(own_y, own_p, counts)
        told = np.maximum(np.cumsum(hits + misses, axis=0), 1)
        weighted = (hits * np.cumsum(hits, axis=0) / told).sum(axis=0)
        precisions.append(_ratio(weighted, hits.sum(axis=0)))
    return np.array(precisions)


@over_draws
def mean_accuracy(y: np.ndarray, p: np.ndarray, *, counts: np.ndarray) -> np.ndarray:
    """Share of right answers at threshold 0.5, averaged over the labels."""
    return _mean(((p >= 0.5) == (y > 0.5)).mean(axis=1), counts)


@over_draws
def brier_score(y: np.ndarray, p: np.ndarray, *, counts: np.ndarray) -> np.ndarray:
    """Mean of (probability - truth) squared over records and labels (Brier 1950); 0 is best."""
    return _mean(((p.astype(np.float64) - y) ** 2).mean(axis=1), counts)


@over_draws
def published_max_f1(y: np.ndarray, p: np.ndarray, *, counts: np.ndarray) -> np.ndarray:
    """The authors' max F1: precision and recall averaged over the records at 10 thresholds, the best F1 of those.

    A record without a predicted label has no precision at that threshold and is left out of its average
    (Reddy et al. 2021, following Strodthoff et al. 2020, doi:10.1109/JBHI.2020.3022989).
    """
    true = (y > 0.5).astype(np.float64)
    told = (p[:, None, :] > PUBLISHED_THRESHOLDS[:, None]).astype(np.float64)
    hits, told = (told @ true[:, :, None])[..., 0], told @ np.ones(y.shape[1])
    precision = _ratio((hits / np.maximum(told, 1)).T @ counts, (told > 0).astype(np.float64).T @ counts)
    recall = _mean(hits / np.maximum(true.sum(axis=1), 1)[:, None], counts)
    f1 = _ratio(2 * precision * recall, precision + recall)
    return np.nan_to_num(f1).max(axis=0)


def best_thresholds(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(k,) the probability at which each label's F1 is largest; 0.5 where a label does not occur."""
    thresholds = np.full(y.shape[1], 0.5)
    for k in range(y.shape[1]):
        if not y[:, k].any():
            continue
        order = np.argsort(-p[:, k], kind="stable")
        hits = np.cumsum(y[order, k])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + y[:, k].sum())
        divides = np.diff(p[order, k], append=-1) < 0  # no threshold lies between equal probabilities
        best = int(np.argmax(np.where(divides, f1, -1)))
        below = p[order[best + 1], k] if best + 1 < len(order) else 0.0
        thresholds[k] = (p[order[best], k] + below) / 2
    return thresholds


@dataclass(frozen=True)
class Confusion:
    """Records a label, (k, s) each: told and true, told but not true, true but not told, neither."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray

    @property
    def sensitivity(self) -> np.ndarray:
        """Share told of those that are true; NaN where none is."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> np.ndarray:
        """Share not told of those that are not true; NaN where all are."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def precision(self) -> np.ndarray:
        """Share true of those told; NaN where none is told."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def negative_predictive_value(self) -> np.ndarray:
        """Share not true of those not told; NaN where all are told."""
        return _ratio(self.tn, self.tn + self.fn)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of sensitivity and precision; 0 where a label is neither told nor true."""
        return 2 * self.tp / np.maximum(2 * self.tp + self.fp + self.fn, 1)


def confusion(y: np.ndarray, p: np.ndarray, thresholds, counts: np.ndarray) -> Confusion:
    """The confusion a label at one threshold a label."""
    told, true = p >= np.asarray(thresholds), y > 0.5
    cells = (told & true, told & ~true, ~told & true, ~told & ~true)
    return Confusion(*(cell.T.astype(np.float64) @ counts for cell in cells))


@over_draws
def macro_f1(y: np.ndarray, p: np.ndarray, thresholds, *, counts: np.ndarray) -> np.ndarray:
    """F1 at one threshold a label, averaged over the labels."""
    return confusion(y, p, thresholds, counts).f1.mean(axis=0)


def _by_falling_probability(y: np.ndarray, p: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often records with and without the label were drawn at each distinct probability, (distinct, s) each."""
    order = np.argsort(-p, kind="stable")
    first = np.flatnonzero(np.diff(p[order], prepend=np.inf))
    drawn = counts[order]
    hits = drawn * (y[order, None] > 0.5)
    if len(first) < len(order):
        drawn, hits = np.add.reduceat(drawn, first), np.add.reduceat(hits, first)
    return hits, drawn - hits


def _mean(per_record: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(n, ...) a record -> (..., s), the mean of each draw."""
    return per_record.T @ counts / counts.sum(axis=0)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
