"""`simulate`: a 12-lead ECG with a finding planted, and the truth about it, from a finding's name and a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imle.ecg import MODEL_SECONDS, Ecg, InvalidEcg, resample
from imle.errors import BadChoice
from imle.simulate.heart import FINDINGS, Finding
from imle.simulate.noise import noise
from imle.simulate.patient import Patient, draw_patient
from imle.simulate.truth import GRID_HZ, Truth, measure_truth

# Quiet stretches of PTB-XL hold 0.002 to 0.01 mV above 20 Hz, and wander of 0.01 to 0.1 mV.
NOISE_RANGE_MV = (0.004, 0.020)
WANDER_RANGE_MV = (0.010, 0.070)
REACH_WIDTHS = 6


@dataclass(frozen=True)
class SimulatedEcg:
    """A simulated record: what a device would have written, what is true of it, and what no device can show.

    ecg: with noise. truth: see `Truth`. clean_mv, normal_mv: (12, n) at `ecg.fs_hz`, both noise-free: this heart, and
    the same patient's without the finding; their difference is what the finding changed.
    """

    ecg: Ecg
    truth: Truth
    clean_mv: np.ndarray
    normal_mv: np.ndarray


def simulate(
    finding: str,
    seed: int,
    fs_hz: float = 500,
    seconds: float = MODEL_SECONDS,
    noise_mv: float | None = None,
    wander_mv: float | None = None,
) -> SimulatedEcg:
    """A 12-lead ECG of `seconds` at `fs_hz` with `finding`, a name in `FINDINGS`.

    Everything else, the rate, axis, voltage and noise, follows from `seed`: the same seed with another finding is the
    same patient and the same noise. noise_mv: RMS of muscle and mains noise over the leads; wander_mv: RMS of the
    baseline's wander; both drawn when not given. The signal is made at GRID_HZ and resampled, so that it is the same
    ECG at every rate. Raises BadChoice for an unknown finding, InvalidEcg for a rate or a length no record can have.
    """
    if finding not in FINDINGS:
        raise BadChoice(f"there is no finding named {finding!r}; the findings are {', '.join(FINDINGS)}")
    if not seconds >= MODEL_SECONDS:
        raise InvalidEcg(f"a record of {seconds:g} s was asked for; at least {MODEL_SECONDS} s are needed")
    samples = round(seconds * GRID_HZ)
    patient = draw_patient(seed, seconds)
    clean = beats(patient, FINDINGS[finding], samples)
    normal = beats(patient, FINDINGS["normal"], samples)
    rng = np.random.default_rng([seed, 1])
    drawn_mv = np.exp(rng.uniform(*np.log(NOISE_RANGE_MV))), np.exp(rng.uniform(*np.log(WANDER_RANGE_MV)))
    noise_mv = drawn_mv[0] if noise_mv is None else noise_mv
    wander_mv = drawn_mv[1] if wander_mv is None else wander_mv
    noisy = clean + noise(rng, samples, GRID_HZ, noise_mv, wander_mv)
    truth = measure_truth(finding, FINDINGS[finding], patient, clean - normal, seconds)
    ecg = Ecg(resample(noisy, GRID_HZ, fs_hz), fs_hz, id=f"simulated {finding} {seed}", meta={"simulated": True})
    return SimulatedEcg(ecg, truth, resample(clean, GRID_HZ, fs_hz), resample(normal, GRID_HZ, fs_hz))


def beats(patient: Patient, finding: Finding, samples: int) -> np.ndarray:
    """(12, samples) mV at GRID_HZ: the patient's beats with the finding, without noise."""
    vector = np.zeros((3, samples))
    for lobe in patient.lobes(finding.lobes):
        reach = int(REACH_WIDTHS * lobe.width_ms * GRID_HZ / 1000)
        for centre in (patient.onsets_s + lobe.at_ms / 1000) * GRID_HZ:
            first, last = max(0, int(centre) - reach), min(samples, int(centre) + reach)
            if first < last:
                offset_ms = (np.arange(first, last) - centre) * 1000 / GRID_HZ
                vector[:, first:last] += np.outer(lobe.vector_mv, np.exp(-0.5 * (offset_ms / lobe.width_ms) ** 2))
    return patient.lead_vectors @ vector
