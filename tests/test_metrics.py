"""The figures against hand-made cases and scikit-learn, drawn ones against figures of the drawn records themselves."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from imle.evaluation import metrics
from imle.evaluation.bootstrap import bootstrap, draws
from imle.evaluation.calibration import expected_calibration_error
from imle.evaluation.comparison import paired_difference

THRESHOLDS = [0.3, 0.4, 0.5, 0.6, 0.7]
SETTINGS = {metrics.macro_f1: (THRESHOLDS,)}
EVERY_METRIC = [
    metrics.class_auc,
    metrics.macro_auc,
    metrics.class_average_precision,
    metrics.mean_accuracy,
    metrics.published_max_f1,
    metrics.macro_f1,
    metrics.brier_score,
    expected_calibration_error,
]


def cohort(n: int = 400, seed: int = 0, noise: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Truths and probabilities, a tenth of which are equal to others, as a coarse engine's are."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, 5)) < 0.3).astype(np.float32)
    p = 1 / (1 + np.exp(-(2 * y - 1 + rng.normal(0, noise, y.shape))))
    p[: n // 10] = p[: n // 10].round(1)
    return y, p


@pytest.mark.parametrize("metric", EVERY_METRIC, ids=lambda metric: metric.__name__)
def test_a_draw_counts_its_records_as_often_as_it_drew_them(metric):
    """A thousand draws at once must give what each drawn cohort gives by itself; else every interval is wrong."""
    y, p = cohort(120)
    settings = SETTINGS.get(metric, ())
    (counts,) = draws(120, samples=3, seed=0)
    together = metric(y, p, *settings, counts=counts)
    for draw in range(3):
        rows = np.repeat(np.arange(120), counts[:, draw].astype(int))
        np.testing.assert_allclose(together[..., draw], metric(y[rows], p[rows], *settings), atol=1e-12)


def test_class_auc_counts_ordered_pairs():
    """AUC is the share of pairs in the right order; one wrong pair of four is 0.75."""
    y = np.array([[1], [1], [0], [0]], np.float32)
    p = np.array([[0.9], [0.3], [0.4], [0.1]])
    assert metrics.class_auc(y, p) == pytest.approx([0.75])


def test_ranking_figures_agree_with_scikit_learn():
    """Equal probabilities are where a ranking of one's own goes wrong, and a coarse engine gives many."""
    y, p = cohort()
    for k in range(5):
        assert metrics.class_auc(y, p)[k] == pytest.approx(roc_auc_score(y[:, k], p[:, k]), abs=1e-12)
        average = average_precision_score(y[:, k], p[:, k])
        assert metrics.class_average_precision(y, p)[k] == pytest.approx(average, abs=1e-12)


def test_figures_of_a_label_that_never_occurs_are_nan():
    """A made-up 0.5 or 1.0 would raise or lower the mean without anyone seeing it."""
    y, p = cohort()
    y[:, 2] = 0
    assert np.isnan(metrics.class_auc(y, p)[2])
    assert np.isnan(metrics.class_average_precision(y, p)[2])
    assert np.isnan(metrics.macro_auc(y, p))


def test_mean_accuracy_counts_every_label():
    """Five labels a record count as five answers, as the authors count them."""
    y = np.array([[1, 0, 0, 0, 0]], np.float32)
    assert metrics.mean_accuracy(y, np.array([[0.9, 0.1, 0.8, 0.2, 0.3]])) == pytest.approx(0.8)


def test_brier_score_agrees_with_scikit_learn():
    """The mean over labels of the mean over records; a sum over labels would be five times as large."""
    y, p = cohort()
    assert metrics.brier_score(y, p) == pytest.approx(np.mean([brier_score_loss(y[:, k], p[:, k]) for k in range(5)]))


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
    assert metrics.macro_f1(y, p, THRESHOLDS) == pytest.approx(f1_score(y, p >= THRESHOLDS, average="macro"))


def test_confusion_by_hand():
    """Swapped cells would show a cautious model as a reckless one."""
    y = np.array([[1], [1], [1], [0], [0], [0], [0]], np.float32)
    p = np.array([[0.9], [0.5], [0.1], [0.8], [0.7], [0.2], [0.1]])
    found = metrics.confusion(y, p, [0.5], np.ones((7, 1)))
    assert [found.tp, found.fp, found.fn, found.tn] == [2, 2, 1, 2]
    assert [found.sensitivity, found.specificity, found.precision, found.f1] == pytest.approx(
        [2 / 3, 1 / 2, 1 / 2, 4 / 7]
    )


def test_bootstrap_interval_of_a_mean():
    """The interval of a mean of n values of variance s2 is 1.96 sqrt(s2/n) either side; another width would mislead."""
    values = np.random.default_rng(0).normal(0, 1, 400)
    found = bootstrap(lambda counts: {"mean": values @ counts / 400}, 400)["mean"]
    assert found.low < found.value < found.high
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)


def test_a_figure_raised_by_noise_lies_inside_its_interval():
    """A sum of absolute gaps grows with every draw's noise; a figure below its own interval would look like an error."""
    values = np.random.default_rng(0).normal(0, 1, (400, 150))

    def gaps(counts):
        return {"gap": np.abs(values.T @ counts / 400).sum(axis=0)}

    plain = bootstrap(gaps, 400)["gap"]
    shifted = bootstrap(gaps, 400, raised_by_noise=["gap"])["gap"]
    assert plain.value < plain.low
    assert shifted.low < shifted.value < shifted.high
    assert shifted.high - shifted.low == pytest.approx(plain.high - plain.low)


def test_bootstrap_is_reproducible():
    """A figure that cannot be reproduced is none."""
    y, p = cohort()
    first, second = (
        bootstrap(lambda counts: {"auc": metrics.macro_auc(y, p, counts=counts)}, 400, samples=20) for _ in range(2)
    )
    assert first == second


def test_paired_difference_of_a_mean_has_its_known_interval():
    """The difference of two accuracies is a mean of per-record differences: 1.96 of its standard error either side."""
    y, first = cohort(1000)
    second = np.clip(first + np.random.default_rng(1).normal(0, 0.1, first.shape), 0, 1)
    own = ((first >= 0.5) == (y > 0.5)).mean(axis=1) - ((second >= 0.5) == (y > 0.5)).mean(axis=1)
    found = paired_difference(y, first, second, metrics.mean_accuracy)
    assert found.value == pytest.approx(own.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * own.std() / np.sqrt(1000), rel=0.1)


def test_paired_difference_of_a_model_and_itself_is_nothing():
    """Other draws for either model would give an interval around 0 where there is no doubt at all."""
    y, p = cohort()
    assert tuple(paired_difference(y, p, p.copy(), samples=50)) == (0, 0, 0)


def test_paired_difference_knows_the_better_model():
    """The sign says which model is better; a clear advantage must not touch 0, and the other way round it is mirrored."""
    y, good = cohort(noise=1.0)
    _, poor = cohort(noise=3.0)
    found = paired_difference(y, good, poor, samples=200)
    back = paired_difference(y, poor, good, samples=200)
    assert found.low > 0
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))
