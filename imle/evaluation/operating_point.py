"""What a model finds and misses of one label at one threshold, each rate with its bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imle.evaluation.bootstrap import SAMPLES, Interval, bootstrap
from imle.evaluation.metrics import confusion

CELLS = ("tp", "fn", "fp", "tn")


@dataclass(frozen=True)
class OperatingPoint:
    """counts: records by cell (tp, fn, fp, tn). rates: sensitivity, specificity, and the predictive values, NaN if undefined."""

    counts: dict[str, int]
    rates: dict[str, Interval]


def operating_point(y: np.ndarray, p: np.ndarray, threshold: float, samples: int = SAMPLES) -> OperatingPoint:
    """From (n,) truths and probabilities; a probability at the threshold counts as told.

    Over the same draws as a report of the same records: at a card's threshold the intervals are those of the report.
    """

    def rates(counts: np.ndarray) -> dict[str, np.ndarray]:
        own = confusion(y[:, None], p[:, None], [threshold], counts)
        named = {
            "sensitivity": own.sensitivity,
            "specificity": own.specificity,
            "positive predictive value": own.precision,
            "negative predictive value": own.negative_predictive_value,
        }
        return {name: values[0] for name, values in named.items()}

    whole = confusion(y[:, None], p[:, None], [threshold], np.ones((len(y), 1)))
    counts = {cell: int(getattr(whole, cell)[0, 0]) for cell in CELLS}
    return OperatingPoint(counts, bootstrap(rates, len(y), samples))


def in_cell(y: np.ndarray, p: np.ndarray, threshold: float, cell: str) -> np.ndarray:
    """(n,) bool: the records of one cell (tp, fn, fp or tn)."""
    told, true = p >= threshold, y > 0.5
    return {"tp": told & true, "fn": ~told & true, "fp": told & ~true, "tn": ~told & ~true}[cell]
