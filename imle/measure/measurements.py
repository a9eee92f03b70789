"""`Measurements`: what was found in one record, each value with its unit, or n/a with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imle.ecg import Ecg, resample
from imle.leads import LEADS
from imle.measure.beats import FEWEST_BEATS, FS_HZ, INDEPENDENT, Beats, align_beats, find_beats
from imle.measure.delineation import WAVE_COLUMNS, waves_beat_by_beat
from imle.measure.median_beat import MedianBeat, make_median_beat, still_samples

if TYPE_CHECKING:
    import pandas as pd

# The label of each measurement, in the order they are read.
TITLES = {
    "heart_rate": "HR",
    "heart_rate_min": "HR min",
    "heart_rate_max": "HR max",
    "pr": "PR",
    "qrs": "QRS",
    "qt": "QT",
    "qtc_bazett": "QTc B",
    "qtc_fridericia": "QTc F",
    "axis": "axis",
}
UNITS = {key: "bpm" if key.startswith("heart_rate") else "°" if key == "axis" else "ms" for key in TITLES}

ST_AFTER_J_S, ST_HALF_S = 0.060, 0.006
LEAST_NET_SHARE = 0.05
WIDE_QRS_MS = 120  # from here on


@dataclass(frozen=True)
class Measured:
    """A value with its unit; `value` None means n/a, and `reason` says why in a short clause."""

    value: float | None
    unit: str
    reason: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return "n/a"
        shown = (f"{self.value:.2f}" if self.unit == "mV" else f"{self.value:.0f}").replace("-", "−")
        return f"{shown}{self.unit}" if self.unit == "°" else f"{shown} {self.unit}"


@dataclass(frozen=True, eq=False)
class Measurements:
    """What `measure` found in one record.

    fs_hz: the record's own rate. r_peaks_s: (beats,) R peaks. waves_s: a row a beat, columns P_on P_peak P_off QRS_on
    R QRS_off T_on T_peak T_off in seconds, NaN where not found. values: by the keys of TITLES. st_mv: by lead, the ST
    level 60 ms after the J point against the level before the QRS complex. median_beat: None with fewer than 3 beats.
    """

    fs_hz: float
    r_peaks_s: np.ndarray
    waves_s: pd.DataFrame
    values: dict[str, Measured]
    st_mv: dict[str, Measured]
    median_beat: MedianBeat | None

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences that must be read with the values: QT and QTc where a wide QRS complex lengthens them.

        Repolarisation alone is then JT, QT less QRS (AHA/ACCF/HRS 2009, part IV, doi:10.1016/j.jacc.2008.12.014).
        """
        qrs_ms, qt_ms = (self.values[key].value for key in ("qrs", "qt"))
        if None in (qrs_ms, qt_ms) or round(qrs_ms) < WIDE_QRS_MS:
            return ()
        jt_ms = round(qt_ms) - round(qrs_ms)
        return (f"QRS of {qrs_ms:.0f} ms is wide: QT and QTc overestimate repolarisation; JT is {jt_ms} ms.",)

    def to_json(self) -> dict:
        """Everything as JSON types; NaN becomes None."""
        return {
            "fs_hz": float(self.fs_hz),
            "r_peaks_s": [round(float(r), 3) for r in self.r_peaks_s],
            "waves_s": {
                name: [None if np.isnan(t) else round(float(t), 3) for t in column]
                for name, column in self.waves_s.items()
            },
            "values": {key: _as_json(measured) for key, measured in self.values.items()},
            "st_mv": {lead: _as_json(measured) for lead, measured in self.st_mv.items()},
            "remarks": list(self.remarks),
            "median_beat": None if self.median_beat is None else _beat_as_json(self.median_beat),
        }


def _as_json(measured: Measured) -> dict:
    value = None if measured.value is None else round(float(measured.value), 3)
    return {"value": value, "unit": measured.unit, "reason": measured.reason}


def _beat_as_json(beat: MedianBeat) -> dict:
    return {
        "fs_hz": beat.fs_hz,
        "before_s": round(beat.before_s, 3),
        "r_peaks_s": [round(float(r), 3) for r in beat.r_peaks_s],
        "marks_s": {name: round(float(mark), 3) for name, mark in beat.marks_s.items()},
        "signal_mv": {
            lead: np.round(row.astype(float), 4).tolist() for lead, row in zip(LEADS, beat.signal_mv, strict=True)
        },
    }


def signed(value: float) -> str:
    """With its sign, a true minus; 0.00 has none."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text[1:] == "0.00" else text


def measure(ecg: Ecg) -> Measurements:
    """All measurements of one record. Below 500 Hz it is interpolated to that rate, so 500 Hz gives the finest.

    Raises nothing for any Ecg: what cannot be measured is n/a with its reason.
    """
    # Not ecg.at: what the anti-aliasing filter leaves of a record at 2000 Hz may be too flat for an Ecg.
    signal_mv = resample(ecg.signal_mv, ecg.fs_hz, FS_HZ).astype(float)
    places = find_beats(signal_mv)
    if len(places) < FEWEST_BEATS:
        return _unmeasured(ecg, places, f"fewer than {FEWEST_BEATS} beats")
    beats = align_beats(signal_mv, places)
    if beats.alike.sum() < FEWEST_BEATS:
        return _unmeasured(ecg, beats.r_peaks, "too noisy")
    rates = heart_rates(beats.r_peaks / FS_HZ)
    still = still_samples(ecg.signal_mv, ecg.fs_hz, signal_mv.shape[1])
    beat, missing = make_median_beat(signal_mv, beats, still)
    if beat is None:
        nothing = _unmeasured(ecg, beats.r_peaks, f"fewer than {FEWEST_BEATS} beats alike")
        return replace(nothing, values=nothing.values | rates)
    rr_s = 60 / rates["heart_rate"].value
    return Measurements(
        fs_hz=ecg.fs_hz,
        r_peaks_s=beats.r_peaks / FS_HZ,
        waves_s=_waves_s(signal_mv, beats, beat),
        values=rates | intervals(beat.marks_s, missing, rr_s) | {"axis": frontal_axis(beat)},
        st_mv=st_levels(beat),
        median_beat=beat,
    )


def heart_rates(r_peaks_s: np.ndarray) -> dict[str, Measured]:
    """The mean rate over the record, and the rates of its longest and its shortest interval between beats."""
    rr_s = np.diff(r_peaks_s)
    means = {"heart_rate": rr_s.mean(), "heart_rate_min": rr_s.max(), "heart_rate_max": rr_s.min()}
    return {key: Measured(60 / float(interval_s), UNITS[key]) for key, interval_s in means.items()}


def intervals(marks_s: dict[str, float], missing: dict[str, str], rr_s: float) -> dict[str, Measured]:
    """PR, QRS, QT and the corrected QT from the marks of the median beat and the mean interval between beats.

    missing: by wave, P or T, why it has no marks. Corrections: Bazett 1920 (Heart 7:353), QT over the square root of
    RR in seconds; Fridericia 1920 (Acta Med Scand 53:469), over the cube root.
    """

    def between(first: str, last: str) -> Measured:
        if first in marks_s and last in marks_s:
            return Measured(1000 * (marks_s[last] - marks_s[first]), "ms")
        return Measured(None, "ms", missing["P" if first == "P_on" else "T"])

    qt = between("QRS_on", "T_off")
    return {
        "pr": between("P_on", "QRS_on"),
        "qrs": between("QRS_on", "QRS_off"),
        "qt": qt,
        "qtc_bazett": qt if qt.value is None else Measured(qt.value / rr_s ** (1 / 2), "ms"),
        "qtc_fridericia": qt if qt.value is None else Measured(qt.value / rr_s ** (1 / 3), "ms"),
    }


def frontal_axis(beat: MedianBeat) -> Measured:
    """Direction of the net QRS area in the frontal plane, from I and aVF: 0° is left, 90° down, in -180..180.

    The augmented lead is smaller than a limb lead by cos 30°. n/a where the area is next to nothing, or where one of the
    two was a flat line in too many beats.
    """
    if unrecorded := [f"{lead} {beat.flat[lead]}" for lead in ("I", "aVF") if lead in beat.flat]:
        return Measured(None, "°", ", ".join(unrecorded))
    first, last = (beat.sample(beat.marks_s[name]) for name in ("QRS_on", "QRS_off"))
    one, foot = (beat.signal_mv[LEADS.index(lead), first : last + 1].astype(float) for lead in ("I", "aVF"))
    net = np.array([one.sum(), foot.sum() * 2 / np.sqrt(3)])
    if np.hypot(*net) <= LEAST_NET_SHARE * np.hypot(np.abs(one).sum(), np.abs(foot).sum()):
        return Measured(None, "°", "QRS up and down alike in the limb leads")
    return Measured(float(np.degrees(np.arctan2(net[1], net[0]))), "°")


def st_levels(beat: MedianBeat) -> dict[str, Measured]:
    """By lead, the median beat's level 60 ms after the J point, in mV against the level before the QRS complex.

    n/a where that lies beyond the beat, as at 250 bpm, and in leads that were a flat line in too many beats.
    """
    at = beat.sample(beat.marks_s["QRS_off"] + ST_AFTER_J_S)
    half = round(ST_HALF_S * beat.fs_hz)
    if at + half >= beat.signal_mv.shape[1]:
        return {lead: Measured(None, "mV", "the next beat begins within 60 ms of the J point") for lead in LEADS}
    levels_mv = beat.signal_mv[:, at - half : at + half + 1].mean(axis=1, dtype=float)
    levels = {lead: Measured(float(level_mv), "mV") for lead, level_mv in zip(LEADS, levels_mv, strict=True)}
    return levels | {lead: Measured(None, "mV", why) for lead, why in beat.flat.items()}


def _unmeasured(ecg: Ecg, r_peaks: np.ndarray, reason: str) -> Measurements:
    """Everything n/a for one reason; R peaks are kept, as far as there are any."""
    waves = np.full((len(r_peaks), len(WAVE_COLUMNS)), np.nan)
    waves[:, WAVE_COLUMNS.index("R")] = r_peaks / FS_HZ
    return Measurements(
        fs_hz=ecg.fs_hz,
        r_peaks_s=r_peaks / FS_HZ,
        waves_s=_table(waves),
        values={key: Measured(None, unit, reason) for key, unit in UNITS.items()},
        st_mv={lead: Measured(None, "mV", reason) for lead in LEADS},
        median_beat=None,
    )


def _waves_s(signal_mv: np.ndarray, beats: Beats, beat: MedianBeat) -> pd.DataFrame:
    """The waves beat by beat: those of the median beat where a beat is like it, else neurokit2's; none beyond the record.

    One of ten averaged beats is known better from the average than from itself. A beat that is alike but early keeps
    no P wave, since its own lies elsewhere.
    """
    marks_s = np.array([beat.marks_s.get(name, np.nan) for name in WAVE_COLUMNS])
    waves_s = beats.r_peaks[:, None] / FS_HZ + marks_s
    if not beats.alike.all():
        waves_s[~beats.alike] = waves_beat_by_beat(signal_mv[INDEPENDENT], beats.r_peaks)[~beats.alike] / FS_HZ
    waves_s[~beats.in_time, :3] = np.nan
    next_s = np.append(waves_s[1:, WAVE_COLUMNS.index("QRS_on")], np.inf)
    next_s = np.where(np.isnan(next_s), np.append(waves_s[1:, WAVE_COLUMNS.index("R")], np.inf), next_s)
    waves_s[(waves_s < 0) | (waves_s > signal_mv.shape[1] / FS_HZ) | (waves_s > next_s[:, None])] = np.nan
    return _table(waves_s)


def _table(waves_s: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(waves_s, columns=list(WAVE_COLUMNS))
