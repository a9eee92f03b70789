"""The list of records as it is shown and walked through: its order, and its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from dashboard.answers import Answers
from dashboard.cohort import Cohort
from imle.labels import LABELS

DISAGREEMENT = "Disagreement"
PROBABILITIES = {f"{label} probability": k for k, label in enumerate(LABELS)}
FACTS = ("Record", "Age", "Sex", "Year", "Fold", "500 Hz", "Superclasses", "Statements", "Report")
OPINIONS = (*PROBABILITIES, DISAGREEMENT)
ORDERS = (*FACTS, *OPINIONS)
# What one looks for first: the surest answers, the largest disagreement, the records with the finer signal.
LARGEST_FIRST = (*OPINIONS, "500 Hz")


@dataclass(frozen=True)
class Order:
    """What the list is sorted by, one of ORDERS: rising, but LARGEST_FIRST falling; `reverse` turns that round."""

    by: str = "Record"
    reverse: bool = False

    @property
    def asks_the_model(self) -> bool:
        return self.by in OPINIONS

    @property
    def falling(self) -> bool:
        return self.reverse != (self.by in LARGEST_FIRST)


def ordered(cohort: Cohort, records: np.ndarray, order: Order, answers: Answers | None = None) -> np.ndarray:
    """`records`, ascending, in this order: equal ones by number, those without a value last. By number without answers."""
    if order.asks_the_model and answers is None:
        return records
    values = _values(cohort, order.by, answers)[cohort.table.index.get_indexer(records)]
    rank = np.unique(values, return_inverse=True)[1] if values.dtype == object else values
    missing = values == "" if values.dtype == object else np.isnan(values)
    keys = np.where(missing, np.inf, -rank if order.falling else rank)
    return records[np.argsort(keys, kind="stable")]


def rows_to_show(cohort: Cohort, records: np.ndarray, answers: Answers | None = None) -> pa.Table:
    """The cohort's columns, and those of OPINIONS where there are answers, for the records in their order."""
    rows = cohort.table.index.get_indexer(records)
    shown = cohort.rows.take(rows)
    if answers is None:
        return shown
    for title, k in PROBABILITIES.items():
        shown = shown.append_column(title, pa.array(answers.probabilities[rows, k], from_pandas=True))
    return shown.append_column(DISAGREEMENT, pa.array(answers.apart_text[rows]))


def as_csv(cohort: Cohort, records: np.ndarray, answers: Answers | None = None) -> bytes:
    """The rows that are shown for these records as a CSV file with a header, in UTF-8."""
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(rows_to_show(cohort, records, answers), sink)
    return sink.getvalue().to_pybytes()


def _values(cohort: Cohort, by: str, answers: Answers | None) -> np.ndarray:
    """(n,) what the records are compared by: numbers, NaN where unknown, or words, empty where there are none."""
    if by == DISAGREEMENT:
        return answers.apart
    if by in PROBABILITIES:
        return answers.probabilities[:, PROBABILITIES[by]]
    column = cohort.catalogue["age"] if by == "Age" else cohort.table[by]
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float).to_numpy()
    return column.to_numpy(object)
