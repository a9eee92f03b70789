"""`score_model`: one model on one fold of a data set, its answers, report and card written where they are asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from imle.errors import BadChoice
from imle.evaluation.calibration import check_fold, recalibrate
from imle.evaluation.model_card import kept, write_model_card
from imle.evaluation.report import answer, evaluate, training_of
from imle.evaluation.results import check_predictions, keep_predictions
from imle.evaluation.views import check_shifts
from imle.inference import load_model, model_folder
from imle.model_folder import write_atomically
from imle.ptbxl import PtbXl
from imle.tasks import task


def score_model(
    model,
    data_dir: Path,
    fold: int,
    out: Path,
    *,
    engine: str | None = None,
    calibrate: bool = False,
    shifts: int = 1,
    predictions: Path | None = None,
    card: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> dict:
    """The report on `model` (a shipped one's name, or a folder) over `fold`, written to `out` as JSON.

    Labels and folds are those of the model's task. calibrate: first fit temperature and thresholds on fold 9 into the
    model's folder. shifts: views of each record, over which its logits are averaged. predictions: a Parquet file for the
    probabilities, which keeps those of other folds. card: write the model's README.md from the reports in the folder of
    `out`. Raises a Refusal.
    """
    check_shifts(shifts, calibrate)
    if calibrate:
        check_fold(fold)
    predictor, folder = load_model(model, engine), model_folder(model)
    weights = kept(folder).weights
    data = PtbXl(data_dir, task(predictor.card.task))
    if predictions:
        common = {"model": predictor.name, "data": data.title, "task": data.task.name, "shifts": shifts}
        check_predictions(predictions, common, list(predictor.labels))
    for path in filter(None, (out, predictions)):
        check_writable(path)
    data.build_store()
    answers = answer(predictor, data, fold, shifts, tell)
    own = recalibrate(folder, answers.truth, answers.logits) if calibrate else predictor.card
    report = evaluate(answers, own, training_of(own, folder)) | {"weights_type": weights}
    if predictions:
        probabilities = pd.DataFrame(
            own.probabilities(answers.logits), pd.Index(answers.ids, name="ecg_id"), own.labels
        )
        keep_predictions(predictions, report, probabilities)
    # After the predictions: a fold whose report is there counts as answered, and is not asked again.
    write_atomically(out, json.dumps(report, indent=2) + "\n")
    if card:
        write_model_card(folder, out.parent, like=report)
    return report


def check_writable(path: Path) -> None:
    """Make the folder of the file `path`; BadChoice, or an OSError with its name, where the file could not be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise BadChoice(f"{path} cannot be written; give a file in a folder where you may write")
