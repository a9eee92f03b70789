"""`ptbxl_database.csv` and `scp_statements.csv` as one table: who, when, which statements, which superclasses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from imle.errors import Refusal, brief
from imle.labels import LABELS

DATABASE = "ptbxl_database.csv"
STATEMENTS = "scp_statements.csv"

# PTB-XL writes 300 for everyone over 89, so that nobody can be told by age.
AGE_OVER_89 = 300
SEXES = {0: "M", 1: "F"}
# What a data set in PTB-XL's layout may leave out, and what is then known of each record.
UNSTATED = {"age": np.nan, "report": None, "validated_by_human": False}


class MissingData(Refusal, FileNotFoundError):
    """A folder that is not a PTB-XL data set, or lacks a part of it; the message is one sentence."""


def read_statements(root: Path) -> pd.DataFrame:
    """The SCP statements by code: description, diagnostic (bool), diagnostic_class (a label or '')."""
    table = _read_table(root, STATEMENTS, ("description", "diagnostic", "diagnostic_class"), index_col=0)
    return pd.DataFrame(
        {
            "description": table["description"].fillna(""),
            "diagnostic": table["diagnostic"] == 1,
            "diagnostic_class": table["diagnostic_class"].fillna(""),
        }
    )


def read_catalogue(root: Path) -> pd.DataFrame:
    """The catalogue by `ecg_id`: PTB-XL's columns, sex as M or F, and three of our own.

    scp_codes: dict code -> likelihood in %. codes: its keys, most likely first.
    superclasses: tuple of labels of the codes whose `diagnostic` is 1, whatever their likelihood.
    Where there is no column of ages, reports or validations, nothing is known of them (see UNSTATED).
    Raises MissingData where a table is missing or cannot be understood, or names a record twice.
    """
    needed = ("recording_date", "sex", "scp_codes", "strat_fold", "filename_lr", "filename_hr")
    table = _read_table(root, DATABASE, needed, index_col="ecg_id", parse_dates=["recording_date"])
    unnamed = table.index[table["filename_lr"].isna()]
    if len(unnamed):
        raise MissingData(
            f"{Path(root) / DATABASE} names no file of record {unnamed[0]} under filename_lr; every record needs one at 100 Hz"
        )
    repeated = table.index[table.index.duplicated()]
    if len(repeated):
        raise MissingData(f"{Path(root) / DATABASE} has record {repeated[0]} twice; every ecg_id must be another")
    for column, unknown in UNSTATED.items():
        if column not in table:
            table[column] = unknown
    statements = read_statements(root)
    class_of = statements["diagnostic_class"].where(statements["diagnostic"], "").to_dict()
    table["sex"] = table["sex"].map(SEXES)
    table["scp_codes"] = [_parse_codes(root, ecg_id, text) for ecg_id, text in table["scp_codes"].items()]
    table["codes"] = [tuple(sorted(codes, key=lambda code: -codes[code])) for codes in table["scp_codes"]]
    table["superclasses"] = [
        tuple(sorted({class_of[code] for code in codes if class_of.get(code)})) for codes in table["scp_codes"]
    ]
    return table


def label_matrix(own_labels: Iterable[tuple[str, ...]], labels: tuple[str, ...] = LABELS) -> np.ndarray:
    """(n, len(labels)) float32, 1 where a record has a label, columns in the order of `labels`."""
    return np.array([[label in own for label in labels] for own in own_labels], np.float32).reshape(-1, len(labels))


def _read_table(root: Path, name: str, needed: tuple[str, ...], **how) -> pd.DataFrame:
    path = Path(root) / name
    if not path.is_file():
        raise MissingData(f"{root} has no {name}; give the folder that `imle download` filled")
    try:
        table = pd.read_csv(path, **how)
    except ValueError as error:  # pandas' own errors for a file that is no table, or lacks a column, are of this kind
        raise MissingData(f"{path} is not PTB-XL's table ({brief(error)}); download it again") from None
    lacking = [column for column in needed if column not in table]
    if lacking:
        raise MissingData(f"{path} has no column {lacking[0]}; it should have those of PTB-XL's {name}")
    return table


def _parse_codes(root: Path, ecg_id: int, text: str) -> dict[str, float]:
    # The column is Python's spelling of a dict of plain words and numbers; as JSON it parses ten times faster.
    try:
        return json.loads(text.replace("'", '"'))
    except (AttributeError, ValueError):
        raise MissingData(
            f"{Path(root) / DATABASE} has scp_codes {text!r} at record {ecg_id}; it should be like {{'NORM': 100.0}}"
        ) from None


def age_text(age) -> str:
    """Whole years; `90+` for those that PTB-XL does not tell, empty where unknown."""
    try:
        years = float(age)
    except (TypeError, ValueError):
        return ""
    if not years >= 0:  # NaN too
        return ""
    return "90+" if years >= AGE_OVER_89 else f"{years:.0f}"
