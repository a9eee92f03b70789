"""What models answered on the folds that judge them, kept in assets/results: answers as Parquet, reports as JSON.

NAME.parquet holds a model's probabilities, NAME-fold9.json and NAME-fold10.json what `imle evaluate` wrote of them, and
truth.parquet what is true of the records and whose they are: every figure can be computed again without PTB-XL.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from imle.assets import ASSETS
from imle.errors import BadChoice
from imle.evaluation.subgroups import attributes_of
from imle.labels import LABELS
from imle.ptbxl import PtbXl

RESULTS = ASSETS / "results"
FOLDS = (9, 10)
TRUTH = "truth"
FOLD = "fold"


@dataclass(frozen=True)
class Result:
    """One model's result. reports: by fold, as `imle evaluate` wrote them; title: the network's.

    predictions: by ecg_id; `fold` (int8) and one float32 probability a label.
    """

    name: str
    title: str
    reports: dict[int, dict]
    predictions: pd.DataFrame

    @property
    def labels(self) -> list[str]:
        return [column for column in self.predictions if column != FOLD]

    def of_fold(self, fold: int) -> pd.DataFrame:
        """The probabilities of one fold. BadChoice where the model did not answer it."""
        rows = self.predictions[self.predictions[FOLD] == fold]
        if rows.empty:
            raise BadChoice(f"{self.name} has no answers on fold {fold}; choose one of {_listed(self.reports)}")
        return rows[self.labels]


def shipped() -> tuple[str, ...]:
    """The names of the models whose results are shipped, sorted."""
    return tuple(sorted(path.stem for path in RESULTS.glob("*.parquet") if path.stem != TRUTH))


def read_result(name: str) -> Result:
    """The shipped result of that name. BadChoice where there is none."""
    if name not in shipped():
        raise BadChoice(f"there is no result of {name!r}; choose one of {_listed(shipped())}")
    reports = {
        fold: json.loads(path.read_text()) for fold in FOLDS if (path := RESULTS / f"{name}-fold{fold}.json").is_file()
    }
    title = next((report["title"] for report in reports.values()), name)
    return Result(name, title, reports, pd.read_parquet(RESULTS / f"{name}.parquet"))


def read_truth() -> pd.DataFrame:
    """By ecg_id, the labelled records of folds 9 and 10: fold, one 0/1 int8 a label, then sex, age_band, device, validated.

    The last four as in `attributes_of`.
    """
    return pd.read_parquet(RESULTS / f"{TRUTH}.parquet")


def truth_of(data: PtbXl) -> pd.DataFrame:
    """What `read_truth` gives, taken from the data set itself."""
    ids = data.ids(FOLDS)
    labels = pd.DataFrame(data.labels_of(ids).astype(np.int8), pd.Index(ids, name="ecg_id"), list(LABELS))
    labels.insert(0, FOLD, data.catalogue.loc[ids, "strat_fold"].astype(np.int8))
    return labels.join(attributes_of(data, ids))


def write_truth(data: PtbXl) -> None:
    """Write truth.parquet anew from the data set; needed only where the data set's labels change."""
    _write(RESULTS / f"{TRUTH}.parquet", truth_of(data))


def keep_predictions(path: Path, report: dict, answers: pd.DataFrame) -> None:
    """Write the probabilities by ecg_id that `report` is of into the Parquet file, in the place of those of that fold.

    BadChoice where the file holds something else (see `check_predictions`).
    """
    kept = check_predictions(path, report["model"], report["data"], list(answers))
    fresh = answers.astype(np.float32)
    fresh.insert(0, FOLD, np.int8(report["fold"]))
    parts = [fresh] if kept is None else [kept[kept[FOLD] != report["fold"]], fresh]
    table = pd.concat(parts).sort_index()
    table.attrs = {"model": report["model"], "data": report["data"]}
    _write(path, table)


def check_predictions(path: Path, model: str, data: str, labels: list[str]) -> pd.DataFrame | None:
    """The predictions of this model on this data set in the file; None where there is no file.

    BadChoice where the file is another one, which would be lost.
    """
    if not path.exists():
        return None
    try:
        found = pd.read_parquet(path)
    except (OSError, ValueError):
        found = pd.DataFrame()
    if found.attrs != {"model": model, "data": data} or list(found) != [FOLD, *labels]:
        raise BadChoice(f"{path} holds no predictions of {model} on {data}; give another file, or delete this one")
    return found


def _write(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    table.to_parquet(fresh)
    os.replace(fresh, path)


def _listed(names) -> str:
    return ", ".join(map(str, names)) or "none"
