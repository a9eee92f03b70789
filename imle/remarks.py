"""What a reader must know of how an ECG was recorded or read, before anything is concluded from it: in sentences."""

from __future__ import annotations

import numpy as np

from imle.ecg import Ecg
from imle.leads import LEADS, listed

# No part of a beat is the same to the last bit for so long; a lead that fell off is.
FLAT_S = 2.0


def remarks(ecg: Ecg) -> tuple[str, ...]:
    """One sentence for each thing out of the ordinary: leads computed, their order assumed or told, one flat for a time."""
    return tuple(filter(None, (_derived(ecg), _assumed(ecg), _by_hand(ecg), _flat(ecg))))


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


def _by_hand(ecg: Ecg) -> str:
    return "The leads were named by hand, not by the file." if "leads_by_hand" in ecg.meta else ""


def _flat(ecg: Ecg) -> str:
    longest_s = [_longest_run(signal_mv) / ecg.fs_hz for signal_mv in ecg.signal_mv]
    flat = [f"{lead} for {seconds:.1f} s" for lead, seconds in zip(LEADS, longest_s, strict=True) if seconds >= FLAT_S]
    return f"No signal (a flat line) in {listed(flat)}." if flat else ""


def _longest_run(signal_mv: np.ndarray) -> int:
    """The most samples in a row that are the same."""
    changes = np.flatnonzero(np.diff(signal_mv)) + 1
    return int(np.diff(np.r_[0, changes, len(signal_mv)]).max())
