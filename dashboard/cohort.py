"""A data set as the pages browse it: a table to read, filters over it, and the neighbours of a record in a list."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from imle.labels import LABELS
from imle.ptbxl import PtbXl
from imle.ptbxl.dataset import FILENAME_COLUMN

AGE_RANGE = (0, 90)  # the upper end stands for everyone over 89
SEXES = ("F", "M")


@dataclass(frozen=True)
class Filters:
    """What a record must be to be listed; an empty field asks nothing, several values in one field mean any of them.

    age: years, both ends included; 90 is everyone over 89. report: words that must all occur, in any case.
    """

    superclass: tuple[str, ...] = ()
    scp: tuple[str, ...] = ()
    age: tuple[int, int] = AGE_RANGE
    sex: str | None = None
    fold: tuple[int, ...] = ()
    report: str = ""

    def __str__(self) -> str:
        parts = [
            ", ".join(self.superclass),
            ", ".join(self.scp),
            "" if self.age == AGE_RANGE else f"age {age_text(self.age[0])} to {age_text(self.age[1])}",
            self.sex or "",
            f"fold {', '.join(map(str, self.fold))}" if self.fold else "",
            f"report has “{self.report.strip()}”" if self.report.strip() else "",
        ]
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True)
class Cohort:
    """A data set and its table: a row a record, sorted by number, as a clinician reads it (see `browsing_table`)."""

    data: PtbXl
    table: pd.DataFrame


def open_cohort(root) -> Cohort:
    """The data set in `root`. MissingData where there is none."""
    data = PtbXl(root)
    return Cohort(data, browsing_table(data))


def browsing_table(data: PtbXl) -> pd.DataFrame:
    """Record, Age, Sex, Year, Superclasses, Statements, Report, Fold and 500 Hz, by ecg_id, all as shown to a reader."""
    catalogue = data.catalogue
    table = pd.DataFrame(
        {
            "Record": catalogue.index.to_numpy(),
            # Padded, so that sorting the text sorts the years.
            "Age": [age_text(age).rjust(3) for age in catalogue["age"]],
            "Sex": catalogue["sex"].fillna(""),
            "Year": catalogue["recording_date"].dt.year.astype("Int64"),
            "Superclasses": [" ".join(labels) for labels in catalogue["superclasses"]],
            "Statements": [
                ", ".join(statement_text(code, likelihoods[code]) for code in codes)
                for codes, likelihoods in zip(catalogue["codes"], catalogue["scp_codes"], strict=True)
            ],
            "Report": catalogue["report"].fillna("").str.split().str.join(" "),
            "Fold": catalogue["strat_fold"],
            "500 Hz": np.where(on_disk(data.root, catalogue[FILENAME_COLUMN[500]]), "yes", "no"),
        },
        index=catalogue.index,
    )
    return table.sort_index()


def matching(cohort: Cohort, filters: Filters) -> np.ndarray:
    """The numbers of the records that pass every filter, ascending."""
    catalogue = cohort.data.catalogue
    keep = np.ones(len(catalogue), bool)
    if filters.superclass:
        keep &= cohort.data.labels[:, [LABELS.index(label) for label in filters.superclass]].any(axis=1)
    if filters.scp:
        wanted = set(filters.scp)
        keep &= np.array([not wanted.isdisjoint(codes) for codes in catalogue["codes"]], bool)
    if filters.age != AGE_RANGE:
        keep &= catalogue["age"].clip(upper=AGE_RANGE[1]).between(*filters.age).to_numpy()
    if filters.sex:
        keep &= (catalogue["sex"] == filters.sex).to_numpy()
    if filters.fold:
        keep &= np.isin(cohort.data.fold, filters.fold)
    for word in filters.report.split():
        keep &= catalogue["report"].str.contains(word, case=False, regex=False, na=False).to_numpy(bool)
    return np.sort(catalogue.index.to_numpy()[keep])


@dataclass(frozen=True)
class Place:
    """Where a record stands in a list: its neighbours (None at the ends), its position from 1 (None where absent)."""

    previous: int | None
    next: int | None
    position: int | None


def place_of(record: int, listed: np.ndarray) -> Place:
    """The place of `record` in an ascending list; one that is not in it has the neighbours it would have."""
    left, right = np.searchsorted(listed, record, "left"), np.searchsorted(listed, record, "right")
    return Place(
        previous=int(listed[left - 1]) if left else None,
        next=int(listed[right]) if right < len(listed) else None,
        position=int(left) + 1 if right > left else None,
    )


def age_text(age: float) -> str:
    """Years as text: 90+ for those PTB-XL does not tell, empty where unknown."""
    if np.isnan(age):
        return ""
    return "90+" if age >= AGE_RANGE[1] else f"{age:.0f}"


def statement_text(code: str, likelihood: float) -> str:
    """A statement with its likelihood; PTB-XL's 0 means that none was given."""
    return f"{code} {likelihood:.0f} %" if likelihood else code


def patient_text(row: pd.Series) -> str:
    """`F 69 · 1988 · fold 3` from a row of the catalogue, without what is unknown."""
    sex = row["sex"] if isinstance(row["sex"], str) else ""
    year = "" if pd.isna(row["recording_date"]) else f"{row['recording_date'].year}"
    parts = [f"{sex} {age_text(row['age'])}".strip(), year, f"fold {row['strat_fold']}"]
    return " · ".join(part for part in parts if part)


def on_disk(root: Path, names: pd.Series) -> np.ndarray:
    """(n,) bool: whether each record's header lies below `root`; one look at each folder, not at each file."""
    folders = {os.path.dirname(name) for name in names.dropna()}
    present = {
        f"{folder}/{file.removesuffix('.hea')}"
        for folder in folders
        if (Path(root) / folder).is_dir()
        for file in os.listdir(Path(root) / folder)
        if file.endswith(".hea")
    }
    return names.isin(present).to_numpy(bool)
