"""Whom a fold's records are of, and the groups by which a model's figures are told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from imle.ptbxl import PtbXl

UNKNOWN = "unknown"
# From this age on, in years.
AGE_BANDS = {"under 40": 0, "40-59": 40, "60-79": 60, "80 and over": 80}
# Fewer records of a device than this count among the others.
DEVICE_RECORDS = 100
OTHER_DEVICES = "other"


@dataclass(frozen=True)
class Subgroup:
    """The records (`rows`, (n,) bool) whose `group` (sex, age, device or validated) has this value."""

    group: str
    value: str
    rows: np.ndarray


def attributes_of(data: PtbXl, ids: np.ndarray) -> pd.DataFrame:
    """By ecg_id: sex (F, M), age_band (a key of AGE_BANDS), device, validated (bool: by a human). UNKNOWN where not said.

    Everyone over 89 has age 300 in PTB-XL, which is the oldest band. A device's name has single spaces.
    """
    rows = data.catalogue.reindex(columns=["sex", "age", "device", "validated_by_human"]).loc[ids]
    return pd.DataFrame(
        {
            "sex": rows["sex"].fillna(UNKNOWN),
            "age_band": [_age_band(age) for age in rows["age"]],
            "device": [" ".join(str(name).split()) for name in rows["device"].fillna(UNKNOWN)],
            "validated": rows["validated_by_human"].eq(True),
        },
        index=rows.index,
    )


def subgroups(attributes: pd.DataFrame) -> list[Subgroup]:
    """By sex, by age, by device (those with at least DEVICE_RECORDS records here, then the others), by validation."""
    records = attributes["device"].map(attributes["device"].value_counts())
    device = attributes["device"].where(records >= DEVICE_RECORDS, OTHER_DEVICES)
    frequent = [name for name in device.value_counts().index if name != OTHER_DEVICES]
    columns = {
        "sex": (attributes["sex"], ("F", "M", UNKNOWN)),
        "age": (attributes["age_band"], (*AGE_BANDS, UNKNOWN)),
        "device": (device, (*frequent, OTHER_DEVICES)),
        "validated": (attributes["validated"].map({True: "yes", False: "no"}), ("yes", "no")),
    }
    found = [
        Subgroup(group, value, (column == value).to_numpy())
        for group, (column, values) in columns.items()
        for value in values
    ]
    return [own for own in found if own.rows.any()]


def _age_band(age: float) -> str:
    if not age >= 0:  # NaN
        return UNKNOWN
    return [band for band, first in AGE_BANDS.items() if age >= first][-1]
