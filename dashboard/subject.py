"""What a page gives to be read: a record of the data set or an uploaded ECG, in one shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import isnan

import numpy as np

from dashboard import state
from dashboard.cohort import Cohort
from imle.ecg import Ecg
from imle.explain import Explanation
from imle.explain.criteria import Patient
from imle.explain.summary import is_simulated
from imle.measure import Measurements
from imle.remarks import remarks


@dataclass(frozen=True)
class Statement:
    """An SCP statement of a record: its code, what it means in English, and its likelihood in percent (0: not given)."""

    code: str
    description: str
    likelihood: float


@dataclass(frozen=True)
class Subject:
    """What a page gives to be read.

    ecg: for the eye; None where it could not be read. measure, explain, attribute: what to call for its
    measurements, for the model's opinion, and for the heatmap (12, 1000) of a label by a method, when they are
    wanted. statements, report: what cardiologists wrote; None where it came without. validated: whether one
    confirmed it. patient: what is known of sex and age.
    """

    ecg: Ecg | None
    measure: Callable[[], Measurements]
    explain: Callable[[], Explanation]
    attribute: Callable[[str, str], np.ndarray]
    simulated: bool = False
    statements: tuple[Statement, ...] | None = None
    report: str | None = None
    validated: bool = True
    patient: Patient = field(default_factory=Patient)

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What is unusual about the ECG as it was read, whatever display filter it is shown through."""
        return remarks(self.ecg)


def subject_of(cohort: Cohort, record: int, ecg: Ecg | None) -> Subject:
    """A record of the data set; `ecg` is None where it could not be read."""
    row = cohort.data.catalogue.loc[record]
    described = cohort.data.statements["description"]
    return Subject(
        ecg=ecg,
        measure=partial(state.measurements, record),
        explain=partial(state.explanation, record),
        attribute=partial(state.attribution, record),
        simulated=cohort.data.simulated,
        statements=tuple(Statement(code, described.get(code, ""), row["scp_codes"][code]) for code in row["codes"]),
        report=row["report"] if isinstance(row["report"], str) else None,
        validated=bool(row["validated_by_human"]),
        patient=Patient(
            row["sex"] if isinstance(row["sex"], str) else None, None if isnan(row["age"]) else float(row["age"])
        ),
    )


def subject_of_upload(ecg: Ecg) -> Subject:
    """An uploaded ECG; what is computed of it stays in this session."""
    return Subject(
        ecg,
        partial(state.upload_measurements, ecg),
        partial(state.upload_explanation, ecg),
        partial(state.upload_attribution, ecg),
        is_simulated(ecg),
        patient=Patient(ecg.meta.get("sex"), ecg.meta.get("age")),
    )
