"""What a reader must know of how an ECG was recorded or read, before anything is concluded from it: in sentences."""

from __future__ import annotations

import numpy as np

from imle.ecg import Ecg
from imle.leads import LEADS, listed

# Of PTB-XL's leads 99.9 % have their median within 0.3 mV of zero. By 1 mV on all leads the shipped models were seen to
# call normal ECGs abnormal; the sheet, which centres each lead, does not show it.
FAR_FROM_ZERO_MV = 0.3
# No part of a beat is the same to the last bit for so long; a lead that fell off is.
FLAT_S = 2.0


def remarks(ecg: Ecg) -> tuple[str, ...]:
    """One sentence for each thing out of the ordinary: leads computed, leads' order assumed, a lead flat for a time, an offset."""
    return tuple(filter(None, (_derived(ecg), _assumed(ecg), _flat(ecg), _offset(ecg))))


def _derived(ecg: Ecg) -> str:
    leads = ecg.meta.get("derived_leads")
    if not leads:
        return ""
    verb = "was not recorded but computed" if len(leads) == 1 else "were not recorded but computed"
    return f"{listed(leads)} {verb} from I and II."


def _assumed(ecg: Ecg) -> str:
    return (
        "The file does not name its leads; their usual order, I to V6, is assumed."
        if "assumed_order" in ecg.meta
        else ""
    )


def _flat(ecg: Ecg) -> str:
    longest_s = [_longest_run(signal_mv) / ecg.fs_hz for signal_mv in ecg.signal_mv]
    flat = [f"{lead} for {seconds:.1f} s" for lead, seconds in zip(LEADS, longest_s, strict=True) if seconds >= FLAT_S]
    return f"No signal (a flat line) in {listed(flat)}." if flat else ""


def _offset(ecg: Ecg) -> str:
    offset_mv = np.abs(np.median(ecg.signal_mv, axis=1))
    far = [lead for lead, mv in zip(LEADS, offset_mv, strict=True) if mv > FAR_FROM_ZERO_MV]
    if not far:
        return ""
    whose = "All leads" if len(far) == len(LEADS) else listed(far)
    verb = "lies" if len(far) == 1 else "lie up to"
    return (
        f"{whose} {verb} {offset_mv.max():.1f} mV off zero, which the sheet does not show; the models learnt from leads "
        f"within {FAR_FROM_ZERO_MV:g} mV of it and may misread this ECG."
    )


def _longest_run(signal_mv: np.ndarray) -> int:
    """The most samples in a row that are the same."""
    changes = np.flatnonzero(np.diff(signal_mv)) + 1
    return int(np.diff(np.r_[0, changes, len(signal_mv)]).max())
