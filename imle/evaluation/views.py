"""Test-time shifts: what a model answers on average to several views of a record, each moved a little in time."""

from __future__ import annotations

import numpy as np

from imle.errors import BadChoice
from imle.inference import Predictor

# Samples at 100 Hz by which each view is moved; the first is the record itself. A network that cuts a record into windows
# of 50 samples cuts each view elsewhere, the first S views about evenly.
OFFSETS = (0, 25, -12, 12, -19, 6, -6, 19, -22, 3, 16, -9, 9, -16, -3, 22)


def check_shifts(shifts: int, calibrate: bool = False) -> None:
    """BadChoice for a number of views that is not to be had, or for several where temperature and thresholds are fitted."""
    if not 1 <= shifts <= len(OFFSETS):
        raise BadChoice(f"{shifts} views a record cannot be had; choose 1 (no shift) to {len(OFFSETS)}")
    if calibrate and shifts > 1:
        raise BadChoice(
            "temperature and thresholds are fitted to one view a record, as the model is used; "
            "leave out --shifts with --calibrate"
        )


def views(signals_mv: np.ndarray, shifts: int) -> list[np.ndarray]:
    """`shifts` views of (n, 12, samples), each like it, moved by its offset from the record's end round to its start."""
    check_shifts(shifts)
    return [np.roll(signals_mv, offset, axis=-1) for offset in OFFSETS[:shifts]]


def mean_logits(predictor: Predictor, signals_mv: np.ndarray, shifts: int) -> np.ndarray:
    """(n, labels) float32: the mean of the logits that the model gives to each of the views of (n, 12, 1000) mV."""
    return np.mean([predictor.run(view).logits for view in views(signals_mv, shifts)], axis=0)
