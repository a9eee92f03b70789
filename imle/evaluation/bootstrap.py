"""Percentile bootstrap intervals (Efron & Tibshirani 1993, chapter 13) over records."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

SAMPLES = 1000
COVERAGE = 0.95


def bootstrap(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray | float],
    y: np.ndarray,
    p: np.ndarray,
    samples: int = SAMPLES,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`metric(y, p)` of all n records, and the low and high end of its 95 % interval over `samples` draws of n records.

    y, p: (n, k). The metric may give one figure or an array of them; draws in which a figure is NaN are left out of
    its interval. The same seed draws the same records, so that two models can be compared draw by draw.
    """
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(samples):
        rows = rng.integers(0, len(y), len(y))
        draws.append(metric(y[rows], p[rows]))
    tail = (1 - COVERAGE) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")  # a figure undefined in every draw has no interval: NaN
        low, high = np.nanquantile(np.array(draws, np.float64), [tail, 1 - tail], axis=0)
    return np.asarray(metric(y, p), np.float64), low, high
