"""Which wave segment each sample of a record lies in, from the waves that were found in it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from imle.ecg import MODEL_FS_HZ, MODEL_SAMPLES, Ecg, InvalidEcg
from imle.measure.measurements import Measurements, measure

SEGMENTS = ("P", "PQ", "QRS", "ST", "T", "TP")
UNKNOWN = -1

# Each segment's bounds by the columns of `waves_s`; TP runs into the next beat.
BOUNDS = {"P": ("P_on", "P_off"), "PQ": ("P_off", "QRS_on"), "QRS": ("QRS_on", "QRS_off"), "ST": ("QRS_off", "T_on"),
          "T": ("T_on", "T_off")}  # fmt: skip


def segment_of_samples(measurements: Measurements) -> np.ndarray:
    """(1000,) int8 over the first ten seconds at 100 Hz: the index in SEGMENTS, UNKNOWN where no wave bounds it.

    TP runs from the end of T to the next P wave, or to the next QRS complex where that has none. Before the first wave
    and after the last a sample is UNKNOWN, as is what lies between two beats of which the first has no T wave.
    """
    found = np.full(MODEL_SAMPLES, UNKNOWN, np.int8)
    beats = measurements.waves_s.to_dict("records")
    for beat, following in pairwise(beats):
        until = following["QRS_on"] if np.isnan(following["P_on"]) else following["P_on"]
        _mark(found, "TP", beat["T_off"], until)
    for beat in beats:
        for name, (first, last) in BOUNDS.items():
            _mark(found, name, beat[first], beat[last])
    return found


def segments_of_signal(signal_mv: np.ndarray) -> np.ndarray:
    """The same of (12, 1000) mV at 100 Hz; UNKNOWN throughout where that is no ECG, such as one with a flat lead."""
    try:
        return segment_of_samples(measure(Ecg(signal_mv, MODEL_FS_HZ)))
    except InvalidEcg:
        return np.full(MODEL_SAMPLES, UNKNOWN, np.int8)


def _mark(found: np.ndarray, name: str, start_s: float, stop_s: float) -> None:
    """Samples from `start_s` on and before `stop_s`; none where either is NaN."""
    if np.isnan(start_s) or np.isnan(stop_s):
        return
    first, last = (max(0, int(np.ceil(at_s * MODEL_FS_HZ - 1e-6))) for at_s in (start_s, stop_s))
    found[first:last] = SEGMENTS.index(name)


def by_segment(values: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """(..., 1000) -> (..., 6): sums over the samples of each of SEGMENTS; samples UNKNOWN count in none."""
    return values @ (segments[:, None] == np.arange(len(SEGMENTS))).astype(values.dtype)
