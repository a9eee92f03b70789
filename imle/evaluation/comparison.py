"""Whether one model is better than another: their difference on the same records, with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imle.errors import BadChoice
from imle.evaluation.bootstrap import SAMPLES, Interval, bootstrap
from imle.evaluation.metrics import macro_auc
from imle.evaluation.results import Result, read_truth

MACRO = "macro"


def paired_difference(
    y: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    metric: Callable = macro_auc,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Interval:
    """`metric` of the first model's (n, k) probabilities less that of the second's, over the same draws of records.

    Records that are hard for both cancel, so that the interval is narrower than the two models' own ones let expect.
    """

    def difference(counts: np.ndarray) -> dict[str, np.ndarray]:
        return {"difference": metric(y, first, counts=counts) - metric(y, second, counts=counts)}

    return bootstrap(difference, len(y), samples, seed)["difference"]


def compare(first: Result, second: Result, fold: int, metric: Callable = macro_auc, samples: int = SAMPLES) -> Interval:
    """The paired difference of two shipped results on one fold; above 0 where the first is better by `metric`.

    BadChoice where one of them did not answer the fold, or where they answer different tasks, labels or records.
    """
    own, other = first.of_fold(fold), second.of_fold(fold)
    if first.task is not second.task or list(own) != list(other) or not own.index.equals(other.index):
        raise BadChoice(f"{first.name} and {second.name} answer different labels or records; choose two of the same")
    y = read_truth(first.task).loc[own.index, list(own)].to_numpy()
    return paired_difference(y, own.to_numpy(), other.to_numpy(), metric, samples)


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
