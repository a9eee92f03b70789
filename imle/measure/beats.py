"""Where the beats are, and which of them look alike: found by neurokit2 and wfdb on a signal of all leads, then aligned."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imle.leads import LEADS

FS_HZ = 500  # every record is measured at this rate

# The limb leads beyond I and II are sums of these two.
INDEPENDENT = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
FEWEST_BEATS = 3

QRS_BAND_HZ = (8.0, 25.0)
# Of PTB-XL's records each reaches 0.2 mV in this band in its largest lead; wander and a flat line stay far below.
SMALLEST_QRS_MV = 0.05
BLOCK_S = 2.0  # holds a QRS complex at 30 bpm
LARGEST_RATIO = 3.0
SHORTEST_RR_S = 0.2
PAD_S = 1.0
EDGE_S = 0.02
# A QRS complex has at least this share of a typical one's activity; the T waves of slow rhythms reach a third.
LEAST_ACTIVITY = 0.42

BEAT_BAND_HZ = (0.5, 40.0)
REACH_S = 0.10
SLACK_S = 0.03
ALIKE = 0.90
PREMATURE = 0.85
IRREGULAR = 0.06

# No heart beats again so soon: the shorter of a time and, at fast rates, a share of the interval between beats.
REFRACTORY_S, REFRACTORY_RR = 0.30, 0.60
LEAST_SIZE = 0.5  # of the template's; a beat of its shape that is smaller may be noise
# Leads that differ from the template by more than this share of its energy are those of a loose electrode, if they are few.
LOOSE_SHARE, LOOSE_LEADS = 0.5, 2


def find_beats(signal_mv: np.ndarray) -> np.ndarray:
    """(12, n) at FS_HZ -> (beats,) samples near the R peaks: neurokit2's detector, wfdb's XQRS where that finds too few."""
    activity = qrs_activity(signal_mv)
    if not activity.any():
        return np.empty(0, int)
    pad = round(PAD_S * FS_HZ)
    beats = _active(_neurokit_beats(np.pad(activity, pad)) - pad, activity)
    return beats if len(beats) >= FEWEST_BEATS else _active(_xqrs_beats(signal_mv), activity)


def qrs_activity(signal_mv: np.ndarray) -> np.ndarray:
    """(12, n) at FS_HZ -> (n,): how much of a QRS complex there is, about 1 at a typical one.

    The independent leads between 8 and 25 Hz, each against its own typical QRS complex and cut at three times of it,
    so that a loose electrode in one lead cannot outweigh the others; then their root mean square. Zeros where no lead
    reaches SMALLEST_QRS_MV.
    """
    from scipy.signal import butter, sosfiltfilt

    sos = butter(2, QRS_BAND_HZ, "bandpass", fs=FS_HZ, output="sos")
    band = np.abs(sosfiltfilt(sos, signal_mv[INDEPENDENT], axis=1))
    block = round(BLOCK_S * FS_HZ)
    blocks = band[:, : band.shape[1] // block * block].reshape(len(band), -1, block)
    typical = np.median(blocks.max(axis=2), axis=1)[:, None]
    if typical.max() < SMALLEST_QRS_MV:
        return np.zeros(band.shape[1])
    band = np.minimum(band / np.maximum(typical, 1e-6), LARGEST_RATIO)
    return np.sqrt((band**2).mean(axis=0))


def _active(beats: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """Those within the record and active as a QRS complex is; neurokit2's threshold sinks in a long pause."""
    edge = round(EDGE_S * FS_HZ)
    beats = beats[(beats >= edge) & (beats < len(activity) - edge)]
    if not len(beats):
        return beats
    return beats[activity[beats] >= LEAST_ACTIVITY * min(1.0, np.percentile(activity[beats], 80))]


def _neurokit_beats(activity: np.ndarray) -> np.ndarray:
    import neurokit2

    found = quietly(lambda: neurokit2.ecg_findpeaks(activity, FS_HZ, mindelay=SHORTEST_RR_S)["ECG_R_Peaks"], [])
    return np.asarray(found, int)


def _xqrs_beats(signal_mv: np.ndarray) -> np.ndarray:
    from wfdb.processing import xqrs_detect

    leads = signal_mv[INDEPENDENT]
    lead = leads[np.argmax(np.ptp(leads, axis=1))].astype(float)
    return np.asarray(quietly(lambda: xqrs_detect(lead, FS_HZ, verbose=False), []), int)


def quietly(ask: Callable, otherwise):
    """What a library answers, without its warnings; `otherwise` where it fails, in whatever way.

    On signals that are no ECG these libraries raise nearly every kind of exception, and all mean: not found.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ask()
        except Exception:
            return otherwise


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of a record. r_peaks: (beats,) samples at FS_HZ. alike: (beats,) bool, those of the commonest shape.

    template: (independent leads, w) that shape's QRS complex, R in its middle.
    """

    r_peaks: np.ndarray
    alike: np.ndarray
    template: np.ndarray

    @property
    def in_time(self) -> np.ndarray:
        """(beats,) bool: those of the commonest shape that did not come early."""
        intervals = np.diff(self.r_peaks, prepend=self.r_peaks[0])
        early = (intervals < PREMATURE * np.median(np.diff(self.r_peaks))) & (np.arange(len(self.r_peaks)) > 0)
        return self.alike & ~early

    @property
    def regular(self) -> bool:
        """Whether the intervals between neighbours of the commonest shape vary little: not so in atrial fibrillation."""
        intervals = np.diff(self.r_peaks)[self.alike[1:] & self.alike[:-1]]
        return len(intervals) < 2 or float(intervals.std()) < IRREGULAR * float(intervals.mean())


def align_beats(signal_mv: np.ndarray, beats: np.ndarray) -> Beats:
    """The beats near these samples of (12, n) at FS_HZ, R peaks brought over each other.

    R is where the template's heart vector is largest, carried to every alike beat by correlation; another beat keeps
    its own. Beats of the template's shape that were missed come in, what no heart can do goes out.
    """
    from scipy.signal import butter, sosfiltfilt

    leads = sosfiltfilt(butter(2, BEAT_BAND_HZ, "bandpass", fs=FS_HZ, output="sos"), signal_mv[INDEPENDENT], axis=1)
    found = _aligned(leads, beats)
    if not found.alike.any():
        return found
    missed = _missed(leads, found)
    r_peaks = np.r_[found.r_peaks, missed]
    alike = np.r_[found.alike, np.ones(len(missed), bool)]
    order = np.argsort(r_peaks)
    return _without_artefacts(Beats(r_peaks[order], alike[order], found.template), leads.shape[1])


def _aligned(leads: np.ndarray, beats: np.ndarray) -> Beats:
    """These beats in (independent leads, n), each at its R peak, with the commonest shape among them as the template."""
    reach, slack = round(REACH_S * FS_HZ), round(SLACK_S * FS_HZ)
    size = (leads**2).mean(axis=0)
    beats = np.unique([_peak_near(size, beat, 2 * slack) for beat in beats])
    shifted = _shifted_windows(leads, beats, reach, slack)
    units = _unit(shifted)
    each_other = (units @ units[slack].T).max(axis=0)
    template = units[slack, np.argmax((each_other >= ALIKE).sum(axis=1) + each_other.mean(axis=1) / len(beats))]
    for _ in range(2):
        likeness = units @ _unit(template)
        best, each = likeness.argmax(axis=0), np.arange(len(beats))
        alike = likeness[best, each] >= ALIKE
        template = np.median(shifted[best, each][alike], axis=0) if alike.any() else template
    template = template.reshape(len(INDEPENDENT), -1)
    to_r = int(np.argmax((template**2).sum(axis=0))) - reach
    r_peaks = np.clip(np.where(alike, beats + best - slack + to_r, beats), 0, leads.shape[1] - 1)
    r_peaks, kept = np.unique(r_peaks, return_index=True)
    return Beats(r_peaks, alike[kept], np.roll(template, -to_r, axis=1))


def _missed(leads: np.ndarray, found: Beats) -> np.ndarray:
    """R peaks of beats of the template's shape and at least LEAST_SIZE of it where none such was found.

    The leads of a loose electrode do not count there: it hides a beat from the detector and from its likes.
    """
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import fftconvolve, find_peaks

    window = found.template.shape[1]
    own = np.maximum((found.template**2).sum(axis=1), 1e-12)[:, None]
    along = fftconvolve(leads, found.template[:, ::-1], mode="same", axes=1)
    energy = np.maximum(uniform_filter1d(leads**2, window, axis=1, mode="constant") * window, 1e-12)
    apart = energy / own - 2 * along / own + 1
    loose = (apart > LOOSE_SHARE) & (apart >= np.partition(apart, -LOOSE_LEADS, axis=0)[-LOOSE_LEADS])
    along, energy, own = ((~loose * part).sum(axis=0) for part in (along, energy, own))
    refractory = _refractory(found.r_peaks)
    places, _ = find_peaks(along / np.sqrt(own * energy), height=ALIKE, distance=refractory)
    places = places[along[places] >= LEAST_SIZE * own[places]]
    known = found.r_peaks[found.alike]
    return places[np.abs(places[:, None] - known).min(axis=1) >= refractory]


def _without_artefacts(beats: Beats, samples: int) -> Beats:
    """Without beats of another shape that follow or precede one of the commonest too soon, or are cut off by the record's edge."""
    known, edge = beats.r_peaks[beats.alike], round(REACH_S * FS_HZ)
    soon = np.abs(beats.r_peaks[:, None] - known).min(axis=1) < _refractory(beats.r_peaks)
    cut_off = (beats.r_peaks < edge) | (beats.r_peaks >= samples - edge)
    kept = beats.alike | ~(soon | cut_off)
    return Beats(beats.r_peaks[kept], beats.alike[kept], beats.template)


def _refractory(r_peaks: np.ndarray) -> float:
    """The samples after a beat in which there is no other; at least 1."""
    between = np.median(np.diff(r_peaks)) if len(r_peaks) > 1 else np.inf
    return max(1.0, min(REFRACTORY_S * FS_HZ, REFRACTORY_RR * between))


def _peak_near(size: np.ndarray, beat: int, reach: int) -> int:
    start = max(0, beat - reach)
    return start + int(np.argmax(size[start : beat + reach + 1]))


def _shifted_windows(leads: np.ndarray, beats: np.ndarray, reach: int, slack: int) -> np.ndarray:
    """(shifts, beats, leads * window): each beat's window about R at every shift; zero beyond the record."""
    padded = np.pad(leads, ((0, 0), (reach + slack, reach + slack)))
    starts = np.arange(2 * slack + 1)[:, None] + beats
    at = starts[..., None] + np.arange(2 * reach + 1)
    return np.moveaxis(padded[:, at], 0, 2).reshape(*starts.shape, -1)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
