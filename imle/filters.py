"""Display filters: what an electrocardiograph takes off for the eye. The models always read the record as it is.

All run forwards and backwards, so that no wave is shifted (AHA/ACC/HRS 2007, doi:10.1016/j.jacc.2007.01.024, asks it
of a 0.5 Hz high-pass, which would otherwise bend the ST segment).
"""

from __future__ import annotations

from dataclasses import replace
from math import atan, pi, sqrt, tan

import numpy as np

from imle.ecg import Ecg
from imle.errors import BadChoice

DISPLAY_FILTERS = {"baseline": "Baseline", "mains": "Mains 50", "mains60": "Mains 60", "40hz": "40 Hz"}

# Where each cuts, in the order in which they run.
FREQUENCIES_HZ = {"baseline": 0.5, "mains": 50, "mains60": 60, "40hz": 40}
MAINS = ("mains", "mains60")
MAINS_QUALITY = 30  # 1.7 Hz wide at 50 Hz, which holds what the mains' frequency wanders
ORDER = 2  # gentle: a steeper edge rings beside a QRS complex and looks like a Q or an S wave

# What a filter assumes beyond the record's ends; shorter, and a wandering baseline bends there.
MIRRORED_S = 3


def display_filter(ecg: Ecg, names: tuple[str, ...]) -> Ecg:
    """The record as it is shown through the filters `names`; meta["band"] says which part of it is left.

    baseline: high-pass 0.5 Hz. mains, mains60: notch at 50 Hz, at 60 Hz as in America. 40hz: low-pass 40 Hz. They run in
    this order, whatever the order of `names`; the amplitude is down by 3 dB at the frequency of a pass. A filter at or
    above half the sampling rate has nothing to take off: it leaves the signal alone, and the band says so after a
    semicolon. BadChoice for an unknown name.
    """
    for name in names:
        if name not in DISPLAY_FILTERS:
            raise BadChoice(f"there is no display filter {name!r}; choose among {', '.join(DISPLAY_FILTERS)}")
    if not names:
        return ecg
    asked_hz = {name: hz for name, hz in FREQUENCIES_HZ.items() if name in names}
    possible_hz = {name: hz for name, hz in asked_hz.items() if hz < ecg.fs_hz / 2}
    signal_mv = ecg.signal_mv.astype(np.float64)
    for name, frequency_hz in possible_hz.items():
        signal_mv = both_ways(section(name, frequency_hz, ecg.fs_hz), signal_mv, ecg.fs_hz)
    band = ", ".join(filter(None, [ecg.meta.get("band"), band_text(possible_hz)])) or "off"
    if idle_hz := {name: hz for name, hz in asked_hz.items() if name not in possible_hz}:
        band += f"; {band_text(idle_hz)} not applied: {ecg.fs_hz:g} Hz sampling ends at {ecg.fs_hz / 2:g} Hz"
    return replace(ecg, signal_mv=signal_mv, meta=ecg.meta | {"band": band})


def band_text(frequencies_hz: dict[str, float]) -> str:
    """`0.5–40 Hz, mains 50 Hz`, or as much of it as these filters do."""
    low, high = (frequencies_hz.get(name) for name in ("baseline", "40hz"))
    parts = []
    if low and high:
        parts.append(f"{low:g}–{high:g} Hz")
    elif low:
        parts.append(f"from {low:g} Hz")
    elif high:
        parts.append(f"up to {high:g} Hz")
    mains = [f"{frequencies_hz[name]:g}" for name in MAINS if name in frequencies_hz]
    if mains:
        parts.append(f"mains {' and '.join(mains)} Hz")
    return ", ".join(parts)


def section(name: str, frequency_hz: float, fs_hz: float) -> np.ndarray:
    """(1, 6) second-order section of the filter `name`."""
    from scipy.signal import butter, iirnotch, tf2sos

    if name in MAINS:
        return tf2sos(*iirnotch(frequency_hz, MAINS_QUALITY, fs=fs_hz))
    kind = "highpass" if name == "baseline" else "lowpass"
    return butter(ORDER, passed_twice_hz(frequency_hz, fs_hz, kind), kind, fs=fs_hz, output="sos")


def passed_twice_hz(frequency_hz: float, fs_hz: float, kind: str) -> float:
    """The cutoff of one Butterworth pass whose two passes together are down by 3 dB at `frequency_hz`.

    The amplitude of two passes is 1 / (1 + w^(2 ORDER)), w in cutoffs on the bilinear transform's frequency axis,
    which is √½ at w = (√2 - 1)^(1 / (2 ORDER)).
    """
    apart = (sqrt(2) - 1) ** (1 / (2 * ORDER))
    axis = tan(pi * frequency_hz / fs_hz)
    return atan(axis * apart if kind == "highpass" else axis / apart) * fs_hz / pi


def both_ways(sections: np.ndarray, signal_mv: np.ndarray, fs_hz: float) -> np.ndarray:
    """The signal through the sections forwards and backwards, its ends continued by turning it about them."""
    from scipy.signal import sosfiltfilt

    mirrored = min(round(MIRRORED_S * fs_hz), signal_mv.shape[1] - 1)
    return sosfiltfilt(sections, signal_mv, axis=1, padlen=mirrored)
