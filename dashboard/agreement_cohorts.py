"""The cohorts that the guidelines page can be narrowed to: the parts of an agreement's rows that its columns tell of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from dashboard.agreements import codes_of
from imle.evaluation.subgroups import AGE_BANDS
from imle.explain.cohort_agreement import CohortAgreement

EVERYBODY = "All records"
# The likelihood in % from which a cardiologist's statement is a firm one.
STATED = 80
# By column, the cohort's name of each of its values; a fold is named as it comes.
VALUES = {
    "sex": {"F": "Women", "M": "Men"},
    "age_band": {band: f"Age {band}" for band in AGE_BANDS},
    "validated": {True: "Validated", False: "Not validated"},
}


def cohorts_of(found: CohortAgreement) -> list[str]:
    """The names of the cohorts that the file holds, all records first.

    Those without a diagnosis of records enough are left out, and those that leave no record out.
    """
    rows = found.rows
    return [
        name
        for name, within in _masks(rows).items()
        if name == EVERYBODY or (not within.all() and codes_of(replace(found, rows=rows[within])))
    ]


def narrowed(found: CohortAgreement, name: str) -> CohortAgreement:
    """The rows of the cohort of that name; the average heatmap and that of the surest records stay those of all."""
    if name == EVERYBODY:
        return found
    return replace(found, rows=found.rows[_masks(found.rows)[name]].reset_index(drop=True))


def _masks(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """By name, which rows are of the cohort."""
    names = {"fold": {fold: f"Fold {fold}" for fold in sorted(rows["fold"].unique().tolist())}, **VALUES}
    masks = {EVERYBODY: np.ones(len(rows), bool)}
    for column, values in names.items():
        for value, name in values.items() if column in rows else ():
            masks[name] = (rows[column] == value).to_numpy()
    masks[f"Stated {STATED} % or more"] = (rows["likelihood"] >= STATED).to_numpy()
    return masks
