"""Units of voltage as files spell them, and their factor to millivolts."""

from __future__ import annotations

from imle.ecg import InvalidEcg

UNITS = ("mV", "uV", "nV", "V")

# Folded names. Both the micro sign and the Greek mu become the same letter when folded.
_MV_PER_UNIT = {
    "mv": 1.0, "millivolt": 1.0, "millivolts": 1.0,
    "uv": 1e-3, "μv": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3,
    "nv": 1e-6, "nanovolt": 1e-6, "nanovolts": 1e-6,
    "v": 1e3, "volt": 1e3, "volts": 1e3,
}  # fmt: skip


def is_unit(name: str) -> bool:
    """Whether `name` is a unit of voltage: `mV`, `µV`, `MICROVOLTS`."""
    return name.strip().casefold() in _MV_PER_UNIT


def mv_per_unit(unit: str) -> float:
    """The factor to millivolts. InvalidEcg for a unit that is not a voltage."""
    factor = _MV_PER_UNIT.get(unit.strip().casefold())
    if factor is None:
        raise InvalidEcg(f"the unit is {unit[:40]!r}; an ECG needs mV, uV, nV or V")
    return factor
