"""What models answered on the folds that judge them, kept in assets/results: answers as Parquet, reports as JSON.

NAME.parquet holds a model's probabilities, NAME-fold9.json and NAME-fold10.json what `imle evaluate` wrote of them, and
truth.parquet (truth-mi.parquet, truth-mi-authors.parquet for the models of those tasks) what is true of the records and
whose they are: every figure can be computed again without PTB-XL. A result's task is that of its reports.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from imle.assets import ASSETS
from imle.errors import BadChoice
from imle.evaluation.subgroups import attributes_of
from imle.model_folder import replacing
from imle.ptbxl import PtbXl
from imle.tasks import SUPERCLASS, TASKS, Task

RESULTS = ASSETS / "results"
FOLDS = (9, 10)
FOLD = "fold"
# What all answers in one Parquet file have in common, and what was so of those written before it was told.
COMMON = ("model", "data", "task", "shifts")
UNTOLD = {"task": SUPERCLASS.name, "shifts": 1}


@dataclass(frozen=True)
class Result:
    """One model's result. reports: by fold, as `imle evaluate` wrote them; title: the network's; task: the reports'.

    predictions: by ecg_id; `fold` (int8) and one float32 probability a label.
    """

    name: str
    title: str
    reports: dict[int, dict]
    predictions: pd.DataFrame
    task: Task = SUPERCLASS

    @property
    def labels(self) -> list[str]:
        return [column for column in self.predictions if column != FOLD]

    def of_fold(self, fold: int) -> pd.DataFrame:
        """The probabilities of one fold. BadChoice where the model did not answer it."""
        rows = self.predictions[self.predictions[FOLD] == fold]
        if rows.empty:
            raise BadChoice(f"{self.name} has no answers on fold {fold}; choose one of {_listed(self.reports)}")
        return rows[self.labels]


def shipped(task: Task = SUPERCLASS) -> tuple[str, ...]:
    """The names of the models of `task` whose results are shipped, sorted."""
    return tuple(name for name in _names() if _task_of(name) is task)


def read_result(name: str) -> Result:
    """The shipped result of that name, whatever its task. BadChoice where there is none."""
    if name not in _names():
        raise BadChoice(f"there is no result of {name!r}; choose one of {_listed(_names())}")
    reports = {fold: json.loads(path.read_text()) for fold, path in _reports(name).items()}
    title = next((report["title"] for report in reports.values()), name)
    return Result(name, title, reports, pd.read_parquet(RESULTS / f"{name}.parquet"), _task_of(name))


def read_truth(task: Task = SUPERCLASS) -> pd.DataFrame:
    """By ecg_id, the records of folds 9 and 10 that have labels in `task`.

    Columns: fold (the task's), one 0/1 int8 a label, then sex, age_band, device, validated as in `attributes_of`.
    """
    return pd.read_parquet(truth_path(task))


def truth_path(task: Task) -> Path:
    """Where the truth of `task` lies."""
    return RESULTS / ("truth.parquet" if task is SUPERCLASS else f"truth-{task.name}.parquet")


def truth_of(data: PtbXl) -> pd.DataFrame:
    """What `read_truth` gives for the task of `data`, taken from the data set itself."""
    ids = data.ids(FOLDS)
    index = pd.Index(ids, name="ecg_id")
    labels = pd.DataFrame(data.labels_of(ids).astype(np.int8), index, list(data.task.labels))
    labels.insert(0, FOLD, data.folds_of(ids).astype(np.int8))
    return labels.join(attributes_of(data, ids))


def write_truth(data: PtbXl) -> None:
    """Write the truth of the task of `data` anew; needed only where the task's labels or folds change."""
    _write(truth_path(data.task), truth_of(data))


def keep_predictions(path: Path, report: dict, answers: pd.DataFrame) -> None:
    """Write the probabilities by ecg_id that `report` is of into the Parquet file, in the place of those of that fold.

    BadChoice where the file holds something else (see `check_predictions`).
    """
    kept = check_predictions(path, report, list(answers))
    fresh = answers.astype(np.float32)
    fresh.insert(0, FOLD, np.int8(report["fold"]))
    parts = [fresh] if kept is None else [kept[kept[FOLD] != report["fold"]], fresh]
    table = pd.concat(parts).sort_index()
    table.attrs = _common(report)
    _write(path, table)


def check_predictions(path: Path, report: dict, labels: list[str]) -> pd.DataFrame | None:
    """The predictions in the file that have all of COMMON with `report`; None where there is no file.

    report: a report, or the COMMON part of one that is yet to be written. BadChoice where the file is another one, which
    would be lost.
    """
    if not path.exists():
        return None
    try:
        found = pd.read_parquet(path)
    except (OSError, ValueError):
        found = pd.DataFrame()
    if UNTOLD | found.attrs != _common(report) or list(found) != [FOLD, *labels]:
        raise BadChoice(f"{path} holds no predictions of {_described(report)}; give another file, or delete this one")
    return found


def _common(report: dict) -> dict:
    return {key: report.get(key, UNTOLD.get(key)) for key in COMMON}


def _described(report: dict) -> str:
    own = _common(report)
    return f"{own['model']} on {own['data']} (task {own['task']}, shifts {own['shifts']})"


def _names() -> tuple[str, ...]:
    truths = {truth_path(task) for task in TASKS.values()}
    return tuple(sorted(path.stem for path in RESULTS.glob("*.parquet") if path not in truths))


def _reports(name: str) -> dict[int, Path]:
    """The files of the model's reports by fold."""
    return {fold: path for fold in FOLDS if (path := RESULTS / f"{name}-fold{fold}.json").is_file()}


def _task_of(name: str) -> Task:
    """The task of the model's first report that tells one; the superclasses where none does."""
    for path in _reports(name).values():
        try:
            report = json.loads(path.read_text())
        except ValueError:  # told by whoever reads the result
            continue
        if isinstance(report, dict) and report.get("task") in TASKS:
            return TASKS[report["task"]]
    return SUPERCLASS


def _write(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as fresh:
        table.to_parquet(fresh)


def _listed(names) -> str:
    return ", ".join(map(str, names)) or "none"
