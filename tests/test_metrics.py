"""The figures against hand-made cases and scikit-learn, and the bootstrap against a known distribution."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from imle.evaluation import metrics
from imle.evaluation.bootstrap import bootstrap
from imle.evaluation.report import figures
from imle.labels import LABELS


def cohort(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random((n, 5)) < 0.3).astype(np.float32)
    return y, 1 / (1 + np.exp(-(2 * y - 1 + rng.normal(0, 1.5, y.shape))))


def test_class_auc_counts_ordered_pairs():
    """AUC is the share of pairs in the right order; one wrong pair of four is 0.75."""
    y = np.array([[1], [1], [0], [0]], np.float32)
    p = np.array([[0.9], [0.3], [0.4], [0.1]])
    assert metrics.class_auc(y, p) == pytest.approx([0.75])


def test_auc_of_a_label_that_never_occurs_is_nan():
    """A made-up 0.5 or 1.0 would raise or lower the mean without anyone seeing it."""
    y, p = cohort()
    y[:, 2] = 0
    assert np.isnan(metrics.class_auc(y, p)[2])
    assert np.isnan(metrics.macro_auc(y, p))


def test_mean_accuracy_counts_every_label():
    """Five labels a record count as five answers, as the authors count them."""
    y = np.array([[1, 0, 0, 0, 0]], np.float32)
    assert metrics.mean_accuracy(y, np.array([[0.9, 0.1, 0.8, 0.2, 0.3]])) == pytest.approx(0.8)


def test_published_max_f1_by_hand():
    """Sample-averaged precision and recall at ten thresholds; macro F1 over labels would be another figure."""
    y = np.array([[1, 1, 0], [0, 1, 0]], np.float32)
    p = np.array([[0.95, 0.05, 0.5], [0.2, 0.95, 0.5]])
    # above 0.5: both records tell one right label: precision 1, recall (1/2 + 1)/2
    assert metrics.published_max_f1(y, p) == pytest.approx(2 * 1 * 0.75 / 1.75)


def test_best_thresholds_maximise_f1():
    """A threshold that is not the best would understate the model at its own threshold."""
    y, p = cohort()
    best = metrics.best_thresholds(y, p)
    for k in range(5):
        reached = f1_score(y[:, k], p[:, k] >= best[k])
        assert reached >= max(f1_score(y[:, k], p[:, k] >= t) for t in np.linspace(0.05, 0.95, 91)) - 1e-12


def test_macro_f1_agrees_with_scikit_learn():
    """The definition is F1 a label, then the mean."""
    y, p = cohort()
    thresholds = [0.3, 0.4, 0.5, 0.6, 0.7]
    assert metrics.macro_f1(y, p, thresholds) == pytest.approx(f1_score(y, p >= thresholds, average="macro"))


def test_bootstrap_interval_of_a_mean():
    """The interval of a mean of n values of variance s2 is 1.96 sqrt(s2/n) either side; another width would mislead."""
    y = np.random.default_rng(0).normal(0, 1, (400, 1))
    value, low, high = bootstrap(lambda y, p: y.mean(), y, y)
    assert low < value < high
    assert (high - low) / 2 == pytest.approx(1.96 * y.std() / 20, rel=0.1)


def test_bootstrap_is_reproducible():
    """A figure that cannot be reproduced is none."""
    y, p = cohort()
    assert bootstrap(metrics.macro_auc, y, p, samples=20) == bootstrap(metrics.macro_auc, y, p, samples=20)


def test_figures_hold_every_metric_with_interval_and_definition():
    """A figure without its interval or definition must never leave the house."""
    y, p = cohort()
    report = figures(y, p, LABELS, [0.5] * 5, samples=50)
    assert report["metrics"]["macro_auc"]["value"] == pytest.approx(metrics.macro_auc(y, p), abs=1e-5)
    for row in [*report["metrics"].values(), *report["auc_by_label"].values()]:
        assert row["low"] <= row["value"] <= row["high"]
    assert all(row["definition"] for row in report["metrics"].values())
    assert report["records_by_label"] == dict(zip(LABELS, y.sum(0).astype(int).tolist(), strict=True))
