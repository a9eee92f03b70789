"""Units of voltage as files spell them, and their factor to millivolts; raw counts are told by how many make 1 mV."""

from __future__ import annotations

import re

from imle.ecg import InvalidEcg

UNITS = ("mV", "uV", "nV", "V")
# How raw counts are written, with 200 of them to a millivolt.
AS_COUNTS = "200/mV"

# Folded names. Both the micro sign and the Greek mu become the same letter when folded.
_MV_PER_UNIT = {
    "mv": 1.0, "millivolt": 1.0, "millivolts": 1.0,
    "uv": 1e-3, "μv": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3,
    "nv": 1e-6, "nanovolt": 1e-6, "nanovolts": 1e-6,
    "v": 1e3, "volt": 1e3, "volts": 1e3,
}  # fmt: skip
# As WFDB writes a gain.
_COUNTS_PER_MV = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*/\s*mv")


def is_unit(name: str) -> bool:
    """Whether `name` is a unit of voltage: `mV`, `µV`, `MICROVOLTS`, or `200/mV` for raw counts of which 200 make 1 mV."""
    return _factor(name) is not None


def mv_per_unit(unit: str) -> float:
    """The factor to millivolts. InvalidEcg for a unit that is not a voltage."""
    factor = _factor(unit)
    if factor is None:
        raise InvalidEcg(f"the unit is {unit[:40]!r}; an ECG needs mV, uV, nV or V")
    return factor


def _factor(unit: str) -> float | None:
    folded = unit.strip().casefold()
    counts = _COUNTS_PER_MV.fullmatch(folded)
    if counts is None:
        return _MV_PER_UNIT.get(folded)
    per_mv = float(counts[1].replace(",", "."))
    return 1 / per_mv if 0 < per_mv < float("inf") else None
