"""Noise as electrodes pick it up: baseline wander, muscle and mains, so that Einthoven's law holds in it too."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from imle.leads import LEADS
from imle.simulate.heart import with_limb_leads

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
MAINS_HZ = 50.0
MAINS_SHARE = 0.25
MUSCLE_BAND_HZ = (8.0, 120.0)
WANDER_BAND_HZ = (0.08, 0.45)
WANDER_WAVES = 6


def leads_from_electrodes() -> np.ndarray:
    """(12, 9): each lead as a sum of electrode potentials; chest leads against Wilson's central terminal."""
    at = dict(zip(ELECTRODES, np.eye(len(ELECTRODES)), strict=True))
    terminal = (at["RA"] + at["LA"] + at["LL"]) / 3
    seen = {lead: at[lead] - terminal for lead in LEADS if lead in at}
    return with_limb_leads({"I": at["LA"] - at["RA"], "II": at["LL"] - at["RA"], **seen})


def noise(rng: np.random.Generator, samples: int, fs_hz: float, noise_mv: float, wander_mv: float) -> np.ndarray:
    """(12, samples) mV: muscle and mains of `noise_mv` RMS over the leads, and wander of `wander_mv` RMS."""
    time_s = np.arange(samples) / fs_hz
    to_leads = leads_from_electrodes()
    fast = to_leads @ (_muscle(rng, time_s, fs_hz) + MAINS_SHARE * _mains(rng, time_s))
    slow = to_leads @ _wander(rng, time_s)
    return noise_mv * fast / _rms(fast) + wander_mv * slow / _rms(slow)


def _muscle(rng, time_s, fs_hz):
    sos = butter(1, MUSCLE_BAND_HZ, "bandpass", fs=fs_hz, output="sos")
    tremor = sosfiltfilt(sos, rng.standard_normal((len(ELECTRODES), len(time_s))), axis=1)
    swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.05, 0.2) * time_s + rng.uniform(0, 2 * np.pi))
    return swell * tremor / _rms(tremor)


def _mains(rng, time_s):
    pickup = rng.uniform(0.5, 1.5, (len(ELECTRODES), 1))
    return np.sqrt(2) * pickup * np.sin(2 * np.pi * MAINS_HZ * time_s + rng.uniform(0, 2 * np.pi))


def _wander(rng, time_s):
    shape = (len(ELECTRODES), WANDER_WAVES, 1)
    hz, phase = rng.uniform(*WANDER_BAND_HZ, shape), rng.uniform(0, 2 * np.pi, shape)
    return (rng.uniform(0, 1, shape) * np.sin(2 * np.pi * hz * time_s + phase)).sum(axis=1)


def _rms(signal):
    return np.sqrt(np.mean(signal**2))
