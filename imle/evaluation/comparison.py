"""Whether one model is better than another: their difference on the same records, with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imle.errors import BadChoice
from imle.evaluation.bootstrap import SAMPLES, Interval, bootstrap
from imle.evaluation.metrics import macro_auc
from imle.evaluation.results import Result, read_truth


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
