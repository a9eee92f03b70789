"""What is known of a simulated ECG because it was planted: the places changed, measured against its normal twin."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from imle.leads import LEADS
from imle.measure.segments import SEGMENTS
from imle.simulate.heart import Finding
from imle.simulate.patient import Patient

GRID_HZ = 1000

# A sample counts as changed from half a millimetre on paper, the smallest ST change that criteria count. A lead, where
# its largest change is also this share of the most changed lead's: with one heart vector a trace of every finding
# reaches every lead.
CHANGED_MV = 0.05
CHANGED_SHARE = 0.3

# Runs of changed samples closer than this are one; a wave segment that holds less of a run has not changed.
SHORTEST_S = 0.020

# A wave runs from where its largest deflection among the twelve leads first exceeds this share of its peak, to where
# it last does. The QRS complex takes less, as its small q and its end are measured, too. At 0.1 a Gaussian ends
# 2.1 standard deviations after its peak, close to where the tangent to its steepest fall meets the baseline (2.0).
EDGE = {"P": 0.10, "QRS": 0.03, "T": 0.10}


@dataclass(frozen=True)
class Truth:
    """The planted finding, the places it changed, and the intervals of the beats.

    finding, code, superclass, leads, segments: as in the table of findings: where a cardiologist looks.
    change_mv: by lead, the largest difference from the normal twin. leads_changed: those where it is CHANGED_MV or more
    and CHANGED_SHARE of the largest. lead_ranges_s: by changed lead, (start, stop) in seconds where the difference is
    CHANGED_MV or more; ranges_s: in any changed lead. segments_changed: wave segments, timed by this record's own
    waves, that hold SHORTEST_S or more of a range.
    waves_ms: onset and end of P, QRS and T after the onset of the QRS complex, by the rule at EDGE, each wave taken
    alone and noise-free in all twelve leads. p_ms, qrs_ms: duration of those. pr_ms: onset of P to onset of QRS.
    qt_ms: onset of QRS to end of T. heart_rate_bpm: from the mean of the intervals between the beats of the record.
    axis_deg: frontal axis of the net QRS area in I and aVF. qrs_onsets_s, r_peaks_s: the beats whose R peak, the
    largest heart vector of the QRS complex, lies in the record.
    """

    finding: str
    code: str
    superclass: str
    leads: tuple[str, ...]
    segments: tuple[str, ...]
    leads_changed: tuple[str, ...]
    segments_changed: tuple[str, ...]
    change_mv: dict[str, float]
    ranges_s: list[tuple[float, float]]
    lead_ranges_s: dict[str, list[tuple[float, float]]]
    waves_ms: dict[str, tuple[float, float]]
    heart_rate_bpm: float
    p_ms: float
    pr_ms: float
    qrs_ms: float
    qt_ms: float
    axis_deg: float
    qrs_onsets_s: list[float]
    r_peaks_s: list[float]

    def mask(self, fs_hz: float, samples: int) -> np.ndarray:
        """(12, samples) bool at `fs_hz`: True where the finding changed the lead."""
        return np.stack([self._inside(self.lead_ranges_s.get(lead, []), fs_hz, samples) for lead in LEADS])

    def as_dict(self) -> dict:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def _inside(ranges_s, fs_hz: float, samples: int) -> np.ndarray:
        time_s = np.arange(samples) / fs_hz
        return np.any([(a <= time_s) & (time_s < b) for a, b in ranges_s] or [np.zeros(samples, bool)], axis=0)


def measure_truth(name: str, finding: Finding, patient: Patient, change_mv: np.ndarray, seconds: float) -> Truth:
    """The truth of one record: `change_mv` is (12, n) at GRID_HZ, its noise-free signal minus its normal twin's."""
    waves_ms, r_ms, axis_deg = measure_beat(patient, finding)
    r_peaks_s = patient.onsets_s + r_ms / 1000
    inside = (r_peaks_s >= 0) & (r_peaks_s < seconds)
    largest_mv = np.abs(change_mv).max(axis=1)
    lead_changed = largest_mv >= max(CHANGED_MV, CHANGED_SHARE * largest_mv.max())
    changed = (np.abs(change_mv) >= CHANGED_MV) & lead_changed[:, None]
    ranges_s = true_ranges_s(changed.any(axis=0))
    return Truth(
        finding=name,
        code=finding.code,
        superclass=finding.superclass,
        leads=finding.leads,
        segments=finding.segments,
        leads_changed=tuple(lead for lead, there in zip(LEADS, lead_changed, strict=True) if there),
        segments_changed=_segments_changed(ranges_s, waves_ms, patient.onsets_s),
        change_mv={lead: round(float(peak), 3) for lead, peak in zip(LEADS, largest_mv, strict=True)},
        ranges_s=ranges_s,
        lead_ranges_s={lead: true_ranges_s(row) for lead, row in zip(LEADS, changed, strict=True) if row.any()},
        waves_ms=waves_ms,
        heart_rate_bpm=round(60 / float(np.diff(patient.onsets_s[inside]).mean()), 1),
        p_ms=waves_ms["P"][1] - waves_ms["P"][0],
        pr_ms=waves_ms["QRS"][0] - waves_ms["P"][0],
        qrs_ms=waves_ms["QRS"][1] - waves_ms["QRS"][0],
        qt_ms=waves_ms["T"][1] - waves_ms["QRS"][0],
        axis_deg=round(axis_deg, 1),
        qrs_onsets_s=_rounded(patient.onsets_s[inside] + waves_ms["QRS"][0] / 1000),
        r_peaks_s=_rounded(r_peaks_s[inside]),
    )


def measure_beat(patient: Patient, finding: Finding) -> tuple[dict[str, tuple[float, float]], float, float]:
    """One noise-free beat, measured as `Truth` defines: waves in ms, R peak in ms, frontal axis in degrees."""
    time_ms = np.arange(-400.0, 800.0)
    vectors = {wave: np.zeros((3, len(time_ms))) for wave in ("P", "QRS", "ST", "T")}
    for lobe in patient.lobes(finding.lobes):
        vectors[lobe.wave] += np.outer(lobe.vector_mv, np.exp(-0.5 * ((time_ms - lobe.at_ms) / lobe.width_ms) ** 2))
    waves_ms = {}
    for wave, edge in EDGE.items():
        deflection = np.abs(patient.lead_vectors @ vectors[wave]).max(axis=0)
        above = time_ms[deflection > edge * deflection.max()]
        waves_ms[wave] = (float(above[0]), float(above[-1]))
    r_ms = float(time_ms[np.argmax(np.linalg.norm(vectors["QRS"], axis=0))])
    area = (patient.lead_vectors @ vectors["QRS"]).sum(axis=1)
    # The augmented lead is smaller than a limb lead by cos 30 degrees.
    axis_deg = np.degrees(np.arctan2(area[LEADS.index("aVF")] * 2 / np.sqrt(3), area[LEADS.index("I")]))
    return waves_ms, r_ms, float(axis_deg)


def true_ranges_s(changed: np.ndarray) -> list[tuple[float, float]]:
    """(n,) bool at GRID_HZ -> (start, stop) in seconds of its runs; runs less than SHORTEST_S apart are one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], changed.astype(np.int8), [0]])))
    runs = []
    for start, stop in edges.reshape(-1, 2) / GRID_HZ:
        if runs and start - runs[-1][1] < SHORTEST_S:
            start = runs.pop()[0]
        runs.append((round(float(start), 3), round(float(stop), 3)))
    return runs


def _segments_changed(ranges_s, waves_ms, onsets_s) -> tuple[str, ...]:
    (p_on, p_off), (qrs_on, qrs_off), (t_on, t_off) = (waves_ms[wave] for wave in EDGE)
    starts_ms = dict(zip(SEGMENTS, (p_on, p_off, qrs_on, qrs_off, max(t_on, qrs_off), t_off), strict=True))
    found = set()
    for onset_s, next_s in pairwise(onsets_s):
        begins = {name: onset_s + ms / 1000 for name, ms in starts_ms.items()}
        ends = [*list(begins.values())[1:], next_s + p_on / 1000]
        for (name, begin), end in zip(begins.items(), ends, strict=True):
            if any(min(stop, end) - max(start, begin) >= SHORTEST_S for start, stop in ranges_s):
                found.add(name)
    return tuple(name for name in SEGMENTS if name in found)


def _rounded(times_s: np.ndarray) -> list[float]:
    return [round(float(time_s), 3) for time_s in times_s]
