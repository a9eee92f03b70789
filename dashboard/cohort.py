"""A data set as the pages browse it: a table to read, filters over it, and the neighbours of a record in a list."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.answers import Answers
from dashboard.confusion_cell import read_cell, records_in
from imle.labels import LABELS
from imle.ptbxl import PtbXl
from imle.ptbxl.catalogue import age_text
from imle.ptbxl.dataset import FILENAME_COLUMN

AGE_RANGE = (0, 90)  # the upper end stands for everyone over 89
SEXES = ("F", "M")
YES_NO = ("yes", "no")
ANY_PROBABILITY = (0.0, 1.0)
# PTB-XL's reports spell an umlaut either way.
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@dataclass(frozen=True)
class Filters:
    """What a record must be to be listed; an empty field asks nothing, several values in one field mean any of them.

    report: words that must all occur, in any case, umlauts spelt either way. age: years, both ends included; 90 is
    everyone over 89. validated: by a human. hz500: whether the 500 Hz record is on disk. probability: both ends
    included, of the model's `model_label`, to two decimals as it is shown. cell: a cell of the compare page, as text.
    """

    report: str = ""
    superclass: tuple[str, ...] = ()
    scp: tuple[str, ...] = ()
    sex: str | None = None
    age: tuple[int, int] = AGE_RANGE
    fold: tuple[int, ...] = ()
    validated: str | None = None
    hz500: str | None = None
    model_label: str | None = None
    probability: tuple[float, float] = ANY_PROBABILITY
    cell: str | None = None

    def __post_init__(self):
        # The same question compares equal, in whichever order its values were chosen.
        for key in ("superclass", "scp", "fold"):
            object.__setattr__(self, key, tuple(sorted(getattr(self, key))))
        object.__setattr__(self, "report", self.report.strip())

    @property
    def asks_the_model(self) -> bool:
        """Whether it takes the model's answers to tell which records pass."""
        return self.model_label is not None and self.probability != ANY_PROBABILITY

    def __str__(self) -> str:
        return " · ".join(part for part in self._parts() if part)

    def _parts(self) -> list[str]:
        return [
            f"report has “{self.report}”" if self.report else "",
            ", ".join(self.superclass),
            ", ".join(self.scp),
            self.sex or "",
            "" if self.age == AGE_RANGE else _ages_text(*self.age),
            f"fold {', '.join(map(str, self.fold))}" if self.fold else "",
            {"yes": "validated by a human", "no": "not validated by a human"}.get(self.validated, ""),
            {"yes": "500 Hz", "no": "no 500 Hz"}.get(self.hz500, ""),
            probability_text(self.model_label, *self.probability) if self.asks_the_model else "",
            self.cell or "",
        ]


@dataclass(frozen=True, eq=False)
class Cohort:
    """A data set ready to be browsed. Everything beside `data` is by ascending record number.

    table: a row a record, as a clinician reads it (see `browsing_table`). rows: the same as it is sent to the browser.
    catalogue, labels: the data set's own. searched: the reports as they are searched. statements: `IMI inferior
    myocardial infarction` by code, for the codes that occur.
    """

    data: PtbXl
    table: pd.DataFrame
    catalogue: pd.DataFrame
    labels: np.ndarray
    rows: pa.Table
    searched: pd.Series
    statements: dict[str, str]


def open_cohort(root) -> Cohort:
    """The data set in `root`. MissingData where there is none."""
    data = PtbXl(root)
    catalogue, table = data.catalogue.sort_index(), browsing_table(data)
    return Cohort(
        data=data,
        table=table,
        catalogue=catalogue,
        labels=data.labels_of(catalogue.index),
        rows=pa.Table.from_pandas(table, preserve_index=False),
        searched=pd.Series([searchable(text) for text in catalogue["report"].fillna("")], dtype="string[pyarrow]"),
        statements=_statements_in_use(data),
    )


def browsing_table(data: PtbXl) -> pd.DataFrame:
    """What is shown of each record, ascending by number: text where a reader needs words, numbers where not."""
    catalogue = data.catalogue.sort_index()
    described = data.statements["description"].to_dict()
    return pd.DataFrame(
        {
            "Record": catalogue.index.to_numpy(),
            # Padded, so that sorting the text sorts the years.
            "Age": [age_text(age).rjust(3) for age in catalogue["age"]],
            "Sex": catalogue["sex"].fillna(""),
            "Year": catalogue["recording_date"].dt.year.astype("Int64"),
            "Fold": catalogue["strat_fold"],
            "500 Hz": np.where(on_disk(data.root, catalogue[FILENAME_COLUMN[500]]), "yes", "no"),
            "Superclasses": [" ".join(labels) for labels in catalogue["superclasses"]],
            "Statements": [
                "; ".join(statement_text(code, described.get(code, ""), likelihoods[code]) for code in codes)
                for codes, likelihoods in zip(catalogue["codes"], catalogue["scp_codes"], strict=True)
            ],
            "Report": catalogue["report"].fillna("").str.split().str.join(" "),
        },
        index=catalogue.index,
    )


def matching(cohort: Cohort, filters: Filters, answers: Answers | None = None) -> np.ndarray:
    """The numbers of the records that pass every filter, ascending; without answers the model is not asked."""
    catalogue = cohort.catalogue
    keep = np.ones(len(catalogue), bool)
    for word in searchable(filters.report).split():
        keep &= cohort.searched.str.contains(word, regex=False).to_numpy(bool)
    if filters.superclass:
        keep &= cohort.labels[:, [LABELS.index(label) for label in filters.superclass]].any(axis=1)
    if filters.scp:
        wanted = set(filters.scp)
        keep &= np.array([not wanted.isdisjoint(codes) for codes in catalogue["codes"]], bool)
    if filters.sex:
        keep &= (catalogue["sex"] == filters.sex).to_numpy()
    if filters.age != AGE_RANGE:
        keep &= catalogue["age"].clip(upper=AGE_RANGE[1]).between(*filters.age).to_numpy()
    if filters.fold:
        keep &= np.isin(catalogue["strat_fold"], filters.fold)
    if filters.validated:
        keep &= catalogue["validated_by_human"].to_numpy(bool) == (filters.validated == "yes")
    if filters.hz500:
        keep &= (cohort.table["500 Hz"] == filters.hz500).to_numpy()
    if filters.asks_the_model and answers:
        low, high = filters.probability
        shown = answers.probabilities[:, LABELS.index(filters.model_label)].astype(float).round(2)
        keep &= (shown >= low) & (shown <= high)
    if filters.cell:
        cell = read_cell(filters.cell)
        keep &= np.isin(cohort.table.index, records_in(cell, cohort.data.title)) if cell else False
    return cohort.table.index.to_numpy()[keep]


@dataclass(frozen=True)
class Place:
    """Where a record stands in a list: its neighbours (None at the ends), its position from 1 (None where absent)."""

    previous: int | None
    next: int | None
    position: int | None


def place_of(record: int, listed: np.ndarray) -> Place:
    """The place of `record` in a list of any order; one that is not in it has the nearest numbers for neighbours."""
    listed = np.asarray(listed)
    at = np.flatnonzero(listed == record)
    if len(at):
        before, after = listed[: at[0]][-1:], listed[at[0] + 1 :][:1]
    else:
        before, after = np.sort(listed[listed < record])[-1:], np.sort(listed[listed > record])[:1]
    return Place(
        previous=int(before[0]) if len(before) else None,
        next=int(after[0]) if len(after) else None,
        position=int(at[0]) + 1 if len(at) else None,
    )


def _ages_text(youngest: int, oldest: int) -> str:
    return f"age {youngest} to {oldest}{'+' if oldest == AGE_RANGE[1] else ''}"


def probability_text(label: str, low: float, high: float) -> str:
    """`MI at least 0.50`, `MI at most 0.20` or `MI 0.20 to 0.50`."""
    if high == ANY_PROBABILITY[1]:
        return f"{label} at least {low:.2f}"
    return f"{label} at most {high:.2f}" if low == ANY_PROBABILITY[0] else f"{label} {low:.2f} to {high:.2f}"


def statement_text(code: str, description: str, likelihood: float) -> str:
    """`IMI inferior myocardial infarction 80 %`; PTB-XL's likelihood 0 means that none was given."""
    return " ".join([code, description, f"{likelihood:.0f} %" if likelihood else ""]).replace("  ", " ").strip()


def searchable(text: str) -> str:
    """A report, or what is searched in one, in small letters and without umlauts."""
    return text.casefold().translate(UMLAUTS)


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


def _statements_in_use(data: PtbXl) -> dict[str, str]:
    described = data.statements["description"].to_dict()
    used = sorted({code for codes in data.catalogue["codes"] for code in codes})
    return {code: f"{code} {described.get(code, '')}".strip() for code in used}
