"""One simulated patient: how fast the heart beats, how it lies, how strong it is, how far a finding has gone."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from imle.leads import LEADS
from imle.simulate.heart import LEAD_VECTORS, NORMAL, Lobe

# Ranges of what differs from patient to patient; a normal law with this standard deviation, cut at twice of it.
RATE_RANGE_BPM = (58, 95)
FRONTAL_TURN_DEG = 8.0
HORIZONTAL_TURN_DEG = 5.0
GAIN = 0.09
WAVE_GAIN = {"P": 0.10, "QRS": 0.0, "ST": 0.10, "T": 0.12}
LOBE_GAIN = 0.06
CHEST_LEAD_GAIN = 0.04
QRS_STRETCH = 0.03
P_SHIFT_MS = 7.0
SEVERITY_RANGE = (0.95, 1.15)
RR_JITTER_S = 0.008
SINUS_ARRHYTHMIA_S = (0.005, 0.040)
BREATHS_HZ = (0.18, 0.32)

# The lobe table describes a heart at this interval; repolarisation shortens with the cube root (Fridericia 1920).
TABLE_RR_S = 0.86


@dataclass(frozen=True)
class Patient:
    """What a seed decides, before any finding: drawn once, so that a finding and its normal twin share it.

    onsets_s: onsets of the QRS complexes, from before the record to after its end. rr_s: mean interval.
    turn: (3, 3) rotation of the heart. lead_vectors: (12, 3) after the electrodes' places.
    wave_gain: a factor a wave. severity: 1 is a finding as tabulated, 0 would be normal.
    """

    seed: int
    onsets_s: np.ndarray
    rr_s: float
    turn: np.ndarray
    lead_vectors: np.ndarray
    wave_gain: Mapping[str, float]
    qrs_stretch: float
    p_shift_ms: float
    severity: float

    def lobes(self, changes: Mapping[str, Lobe]) -> list[Lobe]:
        """This patient's lobes with `changes` to the normal heart, scaled, and timed for the heart rate.

        The heart's turn moves the normal vector only: what a finding adds stays before the leads that define it.
        """
        return [self._own(name, NORMAL.get(name), changes.get(name)) for name in {**NORMAL, **changes}]

    def _own(self, name: str, normal: Lobe | None, found: Lobe | None) -> Lobe:
        found = found or normal
        normal = normal or replace(found, vector_mv=(0.0, 0.0, 0.0))
        at_ms = normal.at_ms + self.severity * (found.at_ms - normal.at_ms)
        width_ms = normal.width_ms + self.severity * (found.width_ms - normal.width_ms)
        vector_mv = self.turn @ normal.vector_mv + self.severity * np.subtract(found.vector_mv, normal.vector_mv)
        # A lobe's own gain comes from its name, so that a lobe added to the table leaves the others as they were.
        own = 1 + LOBE_GAIN * _cut_normal(np.random.default_rng([self.seed, zlib.crc32(name.encode())]))
        stretch = {"P": 1.0, "QRS": self.qrs_stretch}.get(found.wave, (self.rr_s / TABLE_RR_S) ** (1 / 3))
        shift_ms = self.p_shift_ms if found.wave == "P" else 0.0
        gain = self.wave_gain[found.wave] * own
        return Lobe(found.wave, at_ms * stretch + shift_ms, width_ms * stretch, tuple(vector_mv * gain))


def draw_patient(seed: int, seconds: float) -> Patient:
    """The patient of `seed`, with beats enough for a record of `seconds`."""
    rng = np.random.default_rng(seed)
    rr_s = 60 / rng.uniform(*RATE_RANGE_BPM)
    gain = 1 + GAIN * _cut_normal(rng)
    chest = np.array([1 + CHEST_LEAD_GAIN * _cut_normal(rng) if lead.startswith("V") else 1.0 for lead in LEADS])
    return Patient(
        seed=seed,
        onsets_s=_beat_onsets_s(rng, rr_s, seconds),
        rr_s=rr_s,
        turn=_turn(FRONTAL_TURN_DEG * _cut_normal(rng), HORIZONTAL_TURN_DEG * _cut_normal(rng)),
        lead_vectors=LEAD_VECTORS * chest[:, None],
        wave_gain={wave: gain * (1 + spread * _cut_normal(rng)) for wave, spread in WAVE_GAIN.items()},
        qrs_stretch=1 + QRS_STRETCH * _cut_normal(rng),
        p_shift_ms=P_SHIFT_MS * _cut_normal(rng),
        severity=rng.uniform(*SEVERITY_RANGE),
    )


def _beat_onsets_s(rng: np.random.Generator, rr_s: float, seconds: float) -> np.ndarray:
    """QRS onsets with sinus arrhythmia in step with the breath, from one beat before 0 to one after `seconds`."""
    count = int(seconds / rr_s * 1.3) + 4
    depth_s, breath_hz, phase = rng.uniform(*SINUS_ARRHYTHMIA_S), rng.uniform(*BREATHS_HZ), rng.uniform(0, 2 * np.pi)
    at_s = rr_s * np.arange(count)
    rr = rr_s + depth_s * np.sin(2 * np.pi * breath_hz * at_s + phase) + RR_JITTER_S * rng.standard_normal(count)
    onsets_s = rng.uniform(-1, 0) * rr_s + np.concatenate([[0.0], np.cumsum(rr)])
    return onsets_s[onsets_s < seconds + rr_s]


def _turn(frontal_deg: float, horizontal_deg: float) -> np.ndarray:
    """(3, 3): turns (left, down, front) as the frontal axis counts, then to the front in the horizontal plane."""
    a, b = np.radians([frontal_deg, horizontal_deg])
    frontal = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    horizontal = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    return horizontal @ frontal


def _cut_normal(rng: np.random.Generator) -> float:
    return float(np.clip(rng.standard_normal(), -2, 2))
