"""What a cohort's heatmaps agree with the guidelines: the rows of `score_cohort`, written to one Parquet file and read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from imle.errors import BadChoice, brief
from imle.explain.agreement import SCORES
from imle.leads import LEADS
from imle.measure.segments import SEGMENTS
from imle.model_folder import replacing

CELLS = [f"{lead} {segment}" for lead in LEADS for segment in SEGMENTS]
LEAD_MASS = "lead_mass"
SCORE_NAMES = (*SCORES, LEAD_MASS)


@dataclass(frozen=True, eq=False)
class CohortAgreement:
    """What `score_cohort` found.

    rows: ecg_id, fold, code, likelihood (% that the cardiologist states), label, probability; chance (of mass, rank,
    pointing) and lead_chance (of lead_mass); a column a score of SCORE_NAMES, and average_<score>, which the label's
    average heatmap gets on the same record; overlap, of the record's heatmap with the average; one column a lead and
    segment, named as in CELLS; sex, age_band and validated (see `attributes_of`), which files written before lack.
    averages, surest: by label, (12, 6) shares in the mean heatmap of the cohort, and of its SUREST_RECORDS.
    about: model, network, engine, method, data, fold, records, title and other words on the run.
    """

    rows: pd.DataFrame
    averages: dict[str, np.ndarray]
    surest: dict[str, np.ndarray]
    about: dict


def write_agreement(path: Path, found: CohortAgreement) -> None:
    """As one Parquet file; what is not a row stands in its attributes. BadChoice where it cannot be written."""
    table = found.rows.copy()
    table.attrs = {
        **found.about,
        "averages": {label: shares.round(5).tolist() for label, shares in found.averages.items()},
        "surest": {label: shares.round(5).tolist() for label, shares in found.surest.items()},
    }
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as fresh:
            table.to_parquet(fresh, compression="zstd")


def read_agreement(path: Path) -> CohortAgreement:
    """What `write_agreement` wrote. BadChoice where the file is another one."""
    try:
        table = pd.read_parquet(path)
        about = dict(table.attrs)
        averages, surest = (
            {label: np.array(shares) for label, shares in about.pop(name).items()} for name in ("averages", "surest")
        )
        about["method"], about["model"]
        table[["ecg_id", "code", "label", *SCORE_NAMES, *CELLS]]
    except (OSError, ValueError, KeyError) as error:
        raise BadChoice(f"{path} cannot be read ({brief(error)}); write it again with imle guidelines") from None
    table.attrs = {}
    return CohortAgreement(table, averages, surest, about)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """BadChoice where the file system refuses."""
    try:
        yield
    except OSError as error:
        raise BadChoice(f"{path} cannot be written ({error.strerror or error}); give another --out") from None
