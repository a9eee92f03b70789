"""Whether a heatmap names what the model uses: the probability as cells are hidden, the most relevant first or last.

Deletion and insertion curves (Petsiuk et al. 2018, doi:10.48550/arXiv.1806.07421) on cells of one lead and 100 ms,
hidden as by occlusion (`hide`): a straight line, and the lead's mean once nothing of it is left. Insertion of the most relevant
share leaves hidden what deletion in the inverted order has hidden at the rest, so its curve is that one read backwards,
and the area under either is the same: the inverted order needs no figure of its own.
"""

from __future__ import annotations

import numpy as np

from imle.explain.attribution import index_of
from imle.explain.cells import CELLS, cell_sums, over_samples
from imle.explain.occlusion import run_without
from imle.inference import Predictor

# Shares of the record's cells that are hidden: none, 5 % ... all.
SHARES = np.linspace(0, 1, 21)
RANDOM_ORDERS = 3
# Records whose hidden copies are made together.
AT_ONCE = 8


def deletion_auc(predictor: Predictor, signals_mv: np.ndarray, label: str, heatmaps: np.ndarray) -> np.ndarray:
    """(n,) area under the label's probability by the share hidden, the most relevant cells first: the lower the better.

    signals_mv, heatmaps: (n, 12, 1000); what a heatmap has most of is most relevant. BadChoice for an unknown label.
    """
    return area_under(hiding_curve(predictor, signals_mv, label, by_relevance(heatmaps)))


def insertion_auc(predictor: Predictor, signals_mv: np.ndarray, label: str, heatmaps: np.ndarray) -> np.ndarray:
    """(n,) area under the label's probability by the share shown, the most relevant cells first: the higher the better.

    Also the area under the deletion curve of the inverted order. Arguments as of `deletion_auc`.
    """
    return area_under(hiding_curve(predictor, signals_mv, label, by_relevance(heatmaps)[:, ::-1]))


def random_auc(predictor: Predictor, signals_mv: np.ndarray, label: str, seed: int = 0) -> np.ndarray:
    """(n,) the area by chance: mean over RANDOM_ORDERS random orders a record, for deletion as for insertion."""
    rng = np.random.default_rng(seed)
    orders = [np.stack([rng.permutation(CELLS) for _ in signals_mv]) for _ in range(RANDOM_ORDERS)]
    return np.mean([area_under(hiding_curve(predictor, signals_mv, label, order)) for order in orders], axis=0)


def by_relevance(heatmaps: np.ndarray) -> np.ndarray:
    """(n, 12, 1000) -> (n, 1200) the cells of each record, the largest sum first; equal ones in a random order."""
    rng = np.random.default_rng(0)
    return np.stack([np.lexsort((rng.random(CELLS), -sums)) for sums in cell_sums(heatmaps)])


def hiding_curve(predictor: Predictor, signals_mv: np.ndarray, label: str, order: np.ndarray) -> np.ndarray:
    """(n, 21) the label's probability when SHARES of the cells are hidden, by (n, 1200) in their order."""
    k = index_of(predictor, label)
    place = np.argsort(order, axis=1)
    hidden = over_samples(place[:, None] < (SHARES * CELLS).round()[:, None])
    parts = []
    for first in range(0, len(signals_mv), AT_ONCE):
        some = hidden[first : first + AT_ONCE]
        copies_mv = np.repeat(signals_mv[first : first + AT_ONCE], len(SHARES), axis=0)
        answers = run_without(predictor, copies_mv, some.reshape(copies_mv.shape)).probabilities
        parts.append(answers[:, k].reshape(-1, len(SHARES)))
    return np.concatenate(parts)


def area_under(curves: np.ndarray) -> np.ndarray:
    """(n, 21) at SHARES -> (n,), by the trapezoid rule; the mean probability."""
    return np.trapezoid(curves.astype(np.float64), SHARES, axis=1)
