"""A cell of a model's confusion table as a filter over records: those found, missed, falsely called or ruled out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from imle.errors import Refusal
from imle.evaluation.operating_point import in_cell
from imle.evaluation.results import read_result, read_truth
from imle.labels import LABELS
from imle.tasks import SUPERCLASS

# What each cell is called, for a label X: the model says X, or not, of a record that has it, or has not.
CELL_WORDS = {"tp": "found", "fn": "missed", "fp": "false alarms", "tn": "ruled out"}
TEXT = re.compile(
    rf"(?P<model>\S+): (?P<label>{'|'.join(LABELS)}) (?P<words>{'|'.join(CELL_WORDS.values())})"
    r" at (?P<threshold>[01]\.?\d*), fold (?P<fold>\d+)"
)


@dataclass(frozen=True)
class ConfusionCell:
    """The records of `fold` in one cell (a key of CELL_WORDS) of the shipped result `model` for `label` at `threshold`."""

    model: str
    label: str
    cell: str
    threshold: float
    fold: int

    def __str__(self) -> str:
        return f"{self.model}: {self.label} {CELL_WORDS[self.cell]} at {self.threshold:g}, fold {self.fold}"


def read_cell(text: str | None) -> ConfusionCell | None:
    """The cell that `str` wrote, as `imle_net: MI missed at 0.34, fold 10`; None for any other text."""
    found = TEXT.fullmatch(text or "")
    if not found:
        return None
    cell = next(cell for cell, words in CELL_WORDS.items() if words == found["words"])
    return ConfusionCell(found["model"], found["label"], cell, float(found["threshold"]), int(found["fold"]))


def records_in(cell: ConfusionCell, data_title: str) -> np.ndarray:
    """The numbers of its records; none where there is no such result for the superclasses that can be read, or none on `data_title`."""
    try:
        result = read_result(cell.model)
        answers, data = result.of_fold(cell.fold), result.reports[cell.fold]["data"]
    except (Refusal, OSError, ValueError, KeyError):
        # None of that name, or a damaged one, which the compare page tells of.
        return np.array([], int)
    if data != data_title or result.task is not SUPERCLASS:
        return np.array([], int)
    y = read_truth().loc[answers.index, cell.label].to_numpy()
    return answers.index.to_numpy()[in_cell(y, answers[cell.label].to_numpy(), cell.threshold, cell.cell)]
