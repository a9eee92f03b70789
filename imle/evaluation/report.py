"""`evaluate`: a model's figures on one fold, each with its definition and its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import imle
from imle.evaluation import metrics
from imle.evaluation.bootstrap import COVERAGE, SAMPLES, bootstrap
from imle.inference import BATCH, Predictor
from imle.ptbxl import MissingData, PtbXl

DEFINITIONS = {
    "macro_auc": "area under the ROC curve, mean of the labels",
    "mean_accuracy": "share of right answers at threshold 0.5, mean of the labels",
    "published_max_f1": "the authors': precision and recall averaged over records at thresholds 0, 1/9 ... 1, best F1",
    "macro_f1": "F1 at the card's thresholds (chosen on fold 9), mean of the labels",
}


def evaluate(
    predictor: Predictor,
    data: PtbXl,
    fold: int,
    samples: int = SAMPLES,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """The report of `predictor` on the labelled records of `fold` as JSON types. MissingData where the fold has none."""
    ids = data.ids(fold)
    if not len(ids):
        raise MissingData(f"{data.root} has no labelled records in fold {fold}; choose one of folds 1 to 10 that has")
    probabilities = predict_all(predictor, data, ids, progress)
    return {
        "model": predictor.name,
        "network": predictor.card.network,
        "engine": predictor.engine,
        "trained_by_commit": predictor.card.commit,
        "imle_version": imle.__version__,
        "data": data.title,
        "fold": fold,
        "records": len(ids),
        **figures(data.labels_of(ids), probabilities, predictor.labels, list(predictor.thresholds.values()), samples),
    }


def figures(y: np.ndarray, p: np.ndarray, labels, thresholds, samples: int = SAMPLES) -> dict:
    """The figures of (n, k) answers `p` to (n, k) truths `y`, with their definitions and intervals."""

    def together(y, p):
        per_label = metrics.class_auc(y, p)
        rest = [metrics.mean_accuracy(y, p), metrics.published_max_f1(y, p), metrics.macro_f1(y, p, thresholds)]
        return np.array([per_label.mean(), *rest, *per_label])

    rows = [_figure(*row) for row in zip(*bootstrap(together, y, p, samples), strict=True)]
    return {
        "interval": f"{COVERAGE:.0%} percentile bootstrap, {samples} samples of the records",
        "metrics": {
            name: {**row, "definition": definition}
            for (name, definition), row in zip(DEFINITIONS.items(), rows, strict=False)
        },
        "auc_by_label": dict(zip(labels, rows[len(DEFINITIONS) :], strict=True)),
        "records_by_label": dict(zip(labels, y.sum(axis=0).astype(int).tolist(), strict=True)),
    }


def predict_all(predictor: Predictor, data: PtbXl, ids: np.ndarray, progress=None) -> np.ndarray:
    """(len(ids), labels) probabilities, read from the store and answered a few batches at a time."""
    step = 8 * BATCH
    parts = []
    for first in range(0, len(ids), step):
        parts.append(predictor.predict(data.signals(ids[first : first + step])))
        if progress:
            progress(min(first + step, len(ids)), len(ids))
    return np.concatenate(parts)


def _figure(value: float, low: float, high: float) -> dict:
    """One figure with its interval; null where a label without both kinds of record leaves it undefined."""
    return {
        key: None if np.isnan(number) else round(float(number), 5)
        for key, number in (("value", value), ("low", low), ("high", high))
    }
