"""`evaluate`: a model's figures on one fold, each with its definition and its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import imle
from imle.errors import BadChoice
from imle.evaluation import calibration, metrics
from imle.evaluation.bootstrap import COVERAGE, SAMPLES, bootstrap
from imle.evaluation.subgroups import attributes_of, subgroups
from imle.evaluation.views import check_shifts, mean_logits
from imle.inference import BATCH, Predictor
from imle.model_folder import METRICS_FILE, Card
from imle.ptbxl import MissingData, PtbXl
from imle.tasks import SUPERCLASS, Task

DEFINITIONS = {
    "macro_auc": "area under the ROC curve of each label against the rest, mean of the labels",
    "macro_ap": "average precision (precision weighted by the recall it adds), mean of the labels",
    "mean_accuracy": "share of right answers (the label or not) at threshold 0.5, mean of the labels",
    "published_max_f1": "the authors': precision and recall averaged over records at thresholds 0, 1/9 ... 1, best F1",
    "macro_f1": "F1 at the card's thresholds (chosen on fold 9), mean of the labels",
    "brier": "mean squared difference of probability and truth over records and labels",
    "ece": f"expected calibration error over {calibration.BINS} equal-width bins of probability, mean of the labels "
    "(interval: draws shifted to the figure, since drawing alone raises it)",
}
PERFECTLY_CALIBRATED = (
    "the same error of a perfectly calibrated model of these probabilities on as many records, whose labels are drawn to be true "
    f"as often as it says: mean of {calibration.PERFECT_DRAWS} draws (interval: 95 % of them)"
)
RATES = ("sensitivity", "specificity", "precision", "f1")


@dataclass(frozen=True)
class Answers:
    """What a model said of the n labelled records of one fold, and what is true of them.

    logits: (n, labels) float32, the mean over `shifts` views of each record. truth: (n, labels) of 0 and 1, as the data
    set's `task` has it. attributes: see `attributes_of`. All in the order of ids.
    """

    model: str
    engine: str
    data: str
    fold: int
    ids: np.ndarray
    logits: np.ndarray
    truth: np.ndarray
    attributes: pd.DataFrame
    task: Task = SUPERCLASS
    shifts: int = 1


def answer(
    predictor: Predictor,
    data: PtbXl,
    fold: int,
    shifts: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Answers:
    """Let the model answer every labelled record of `fold`, read from the store a few batches at a time.

    shifts: views of each record, over which its logits are averaged (see imle.evaluation.views).
    MissingData where the fold has none; BadChoice for a model of other labels than those of the data set's task.
    """
    check_shifts(shifts)
    if predictor.labels != data.task.labels:
        raise BadChoice(
            f"{predictor.name} answers {', '.join(predictor.labels)}; give a model of {', '.join(data.task.labels)}"
        )
    ids = data.ids(fold)
    if not len(ids):
        raise MissingData(f"{data.root} has no labelled records in fold {fold}; choose one of folds 1 to 10 that has")
    step, parts = 8 * BATCH, []
    for first in range(0, len(ids), step):
        parts.append(mean_logits(predictor, data.signals(ids[first : first + step]), shifts))
        if progress:
            progress(min(first + step, len(ids)), len(ids))
    return Answers(
        model=predictor.name,
        engine=predictor.engine,
        data=data.title,
        fold=fold,
        ids=ids,
        logits=np.concatenate(parts),
        truth=data.labels_of(ids),
        attributes=attributes_of(data, ids),
        task=data.task,
        shifts=shifts,
    )


def evaluate(answers: Answers, card: Card, training: dict, samples: int = SAMPLES) -> dict:
    """The report on these answers at the card's temperature and thresholds, as JSON types.

    training: see `training_of`.
    """
    from imle import models

    network = models.network(card.network)
    thresholds = card.threshold_of
    return {
        "model": answers.model,
        "title": network.title,
        "network": card.network,
        "source": network.source,
        "engine": answers.engine,
        "trained_by_commit": card.commit,
        "training": training,
        "imle_version": imle.__version__,
        "data": answers.data,
        "task": answers.task.name,
        "fold": answers.fold,
        "records": len(answers.ids),
        "shifts": answers.shifts,
        "temperature": card.temperature,
        "thresholds": thresholds,
        **figures(
            answers.truth,
            card.probabilities(answers.logits),
            thresholds,
            card.temperature,
            answers.attributes,
            samples,
            answers.task,
        ),
    }


def training_of(card: Card, folder: Path) -> dict:
    """How far the model's training came: epochs planned and done, the best of them, whether it was finished, its seed.

    The epochs done are those that the card tells, else those in the run's own file, else at least the best one; all is
    null for a model that was not trained here.
    """
    planned, best = card.recipe.get("epochs"), card.recipe.get("best_epoch")
    run = Path(folder) / METRICS_FILE
    logged = len(run.read_text().splitlines()) if run.is_file() else best
    done = card.recipe.get("epochs_done", logged)
    finished = None if planned is None or done is None else done >= planned
    return {
        "epochs": planned,
        "epochs_done": done,
        "best_epoch": best,
        "finished": finished,
        "seed": card.recipe.get("seed"),
    }


def figures(
    y: np.ndarray,
    p: np.ndarray,
    thresholds: dict[str, float],
    temperature: float,
    attributes: pd.DataFrame,
    samples: int = SAMPLES,
    task: Task = SUPERCLASS,
) -> dict:
    """The part of a report that follows from (n, k) answers `p` to (n, k) truths `y`, with definitions and intervals."""
    labels, cuts, groups = list(thresholds), list(thresholds.values()), subgroups(attributes)
    raw = calibration.uncalibrated(p, temperature, task.link)

    def together(counts: np.ndarray) -> dict[tuple, np.ndarray]:
        areas = metrics.class_auc(y, p, counts=counts)
        precisions = metrics.class_average_precision(y, p, counts=counts)
        confusion = metrics.confusion(y, p, cuts, counts)
        overall = {
            "macro_auc": areas.mean(axis=0),
            "macro_ap": precisions.mean(axis=0),
            "mean_accuracy": metrics.mean_accuracy(y, p, counts=counts),
            "published_max_f1": metrics.published_max_f1(y, p, counts=counts),
            "macro_f1": confusion.f1.mean(axis=0),
            "brier": metrics.brier_score(y, p, counts=counts),
            "ece": calibration.expected_calibration_error(y, p, counts=counts),
        }
        return {
            **{("metrics", name): values for name, values in overall.items()},
            ("uncalibrated", "brier"): metrics.brier_score(y, raw, counts=counts),
            ("uncalibrated", "ece"): calibration.expected_calibration_error(y, raw, counts=counts),
            **_by_label("auc_by_label", labels, areas),
            **_by_label("average_precision_by_label", labels, precisions),
            **_rates(labels, confusion),
            **{
                ("subgroups", index): metrics.macro_auc(y[own.rows], p[own.rows], counts=counts[own.rows])
                for index, own in enumerate(groups)
            },
        }

    found = bootstrap(together, len(y), samples, raised_by_noise=[("metrics", "ece"), ("uncalibrated", "ece")])

    def under(*start) -> dict:
        return {path[-1]: row.as_json() for path, row in found.items() if path[:-1] == start}

    cells = metrics.confusion(y, p, cuts, np.ones((len(y), 1)))
    return {
        "interval": f"{COVERAGE:.0%} percentile bootstrap, {samples} samples of the records",
        "metrics": {name: row | {"definition": DEFINITIONS[name]} for name, row in under("metrics").items()},
        "uncalibrated": under("uncalibrated"),
        "perfectly_calibrated": {
            "ece": calibration.error_if_calibrated(p, task.exclusive).as_json() | {"definition": PERFECTLY_CALIBRATED}
        },
        "auc_by_label": under("auc_by_label"),
        "average_precision_by_label": under("average_precision_by_label"),
        "records_by_label": dict(zip(labels, y.sum(axis=0).astype(int).tolist(), strict=True)),
        "confusion": {
            label: {cell: int(getattr(cells, cell)[k, 0]) for cell in ("tp", "fp", "fn", "tn")}
            | under("confusion", label)
            for k, label in enumerate(labels)
        },
        "subgroups": [
            {
                "group": own.group,
                "value": own.value,
                "records": int(own.rows.sum()),
                "macro_auc": under("subgroups")[index],
            }
            for index, own in enumerate(groups)
        ],
    }


def _by_label(name: str, labels: list[str], values: np.ndarray) -> dict[tuple, np.ndarray]:
    return {(name, label): value for label, value in zip(labels, values, strict=True)}


def _rates(labels: list[str], confusion: metrics.Confusion) -> dict[tuple, np.ndarray]:
    rates = {rate: getattr(confusion, rate) for rate in RATES}
    return {("confusion", label, rate): rates[rate][k] for k, label in enumerate(labels) for rate in RATES}
