"""Where the waves begin and end: on the median beat over all leads at once, and by neurokit2 in single beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imle.measure.beats import FS_HZ, quietly

WAVE_COLUMNS = ("P_on", "P_peak", "P_off", "QRS_on", "R", "QRS_off", "T_on", "T_peak", "T_off")

NEUROKIT_NAMES = {
    "P_on": "ECG_P_Onsets",
    "P_peak": "ECG_P_Peaks",
    "P_off": "ECG_P_Offsets",
    "QRS_on": "ECG_R_Onsets",
    "QRS_off": "ECG_R_Offsets",
    "T_on": "ECG_T_Onsets",
    "T_peak": "ECG_T_Peaks",
    "T_off": "ECG_T_Offsets",
}

# Standard deviation of the Gaussian that smooths the median beat before a wave is looked for.
QRS_SMOOTH_S, P_SMOOTH_S, T_SMOOTH_S = 0.005, 0.008, 0.012

# The QRS complex lasts while the leads rise or fall faster than this, the root mean square over the leads.
QRS_ONSET_MV_S, QRS_END_MV_S = 3.5, 4.3
QRS_REACH_S = (0.15, 0.25)  # before and after R
QUIET_S = 0.030  # a notch is shorter
# Before the QRS complex a quick stretch that is far slower than it is the end of a P wave, or of a flutter wave. Of
# PTB-XL's records, P waves reach 12 % of the complex's own speed; first deflections of QRS complexes, often slow as well,
# leave no pause longer than this.
WEAK_SHARE, WEAK_PAUSE_S = 0.15, 0.010
NOISE_FACTOR = 2.0
STEEPEST_T_FROM_S = 0.20
LARGEST_SHARE = 0.25

FLAT_T = "T wave too flat"
T_FROM_S = 0.06
T_PEAK_UNTIL_S = 0.42  # after R, times the root of the interval between beats in seconds: later stands the next P wave
T_LOBE_SHARE, T_LOBES_S = 0.25, 0.14
# Where a later lobe falls so much more slowly than the main one, it is a second phase of the T wave as often as it is the
# level behind it, and the two ends lie 50 to 150 ms apart.
T_FALL_SHARE = 0.40
FALL_S = 0.15
LEVEL_AFTER_S = 0.12

# A correlation between each beat and the others. Of PTB-XL's records in sinus rhythm one in a hundred has less than
# 0.5 in its P waves, of those in atrial fibrillation one in twenty more than 0.75.
P_AGREEMENT = {True: 0.5, False: 0.65}
T_AGREEMENT = 0.5
SPREAD_FLOOR_MV = 0.01
MARGIN_S = 0.02

P_FROM_S, P_GAP_S = 0.40, 0.01
# In WPW, too, it takes longer from the P wave's onset to the QRS complex.
SHORTEST_PR_S = 0.070
# What lies before the QRS complex is a T or flutter wave then: of 64 faster records of PTB-XL with such a wave 38 are called
# flutter, fibrillation or supraventricular tachycardia, and 14 sinus tachycardia.
P_UNTIL_BPM = 130
# An onset so near to where the search begins is where the search begins: the end of a T wave, mostly.
P_EDGE_OF_SEARCH_S = 0.02
P_LOBES_S, P_LOBE_SHARE = 0.10, 0.35
P_EDGE_S, P_LEVEL_S = 0.06, 0.12


@dataclass(frozen=True)
class Marks:
    """Waves of a beat: `samples` by the names of WAVE_COLUMNS, and `missing`, by wave (P or T), why there is none."""

    samples: dict[str, float]
    missing: dict[str, str]


def mark_waves(beats_mv: np.ndarray, r: int, rr: float, regular: bool) -> Marks:
    """The waves of the median of `beats_mv` (beats, independent leads, m), R at sample r, `rr` samples between beats.

    A P or T wave counts only where the beats agree on it; P waves in an irregular rhythm must agree better, since
    fibrillation leaves a chance wave in the median of few beats.
    """
    median = np.median(beats_mv, axis=0)
    onset, end = qrs_bounds(median, r)
    samples, missing = {"QRS_on": onset, "R": r, "QRS_off": end}, {}
    # A lead in which the beats differ much, as where an electrode is loose, counts less for the small waves.
    spread = SPREAD_FLOOR_MV + np.abs(beats_mv - median).mean(axis=(0, 2))
    weight = (spread.min() / spread)[:, None]
    t = t_wave(median, r, end, rr)
    if not isinstance(t, str) and _agreement(beats_mv * weight, t[0], t[2], end, beats_mv.shape[2]) < T_AGREEMENT:
        t = FLAT_T
    if isinstance(t, str):
        missing["T"], t_end = t, end + T_FROM_S * FS_HZ
    else:
        samples |= dict(zip(("T_on", "T_peak", "T_off"), (max(t[0], end), *t[1:]), strict=True))
        t_end = t[2]
    p = p_wave(median * weight, onset, t_end - rr)
    agreed = p and _agreement(beats_mv * weight, p[0], p[2], 0, onset) >= P_AGREEMENT[regular]
    if reason := _why_no_p(onset - p[0] if agreed else None, rr):
        missing["P"] = reason
    else:
        samples |= dict(zip(("P_on", "P_peak", "P_off"), (*p[:2], min(p[2], onset)), strict=True))
    return Marks(samples, missing)


def _why_no_p(pr: float | None, rr: float) -> str:
    """Why a wave that begins `pr` samples before the QRS complex, None without one, is no P wave; "" where it is one."""
    if pr is None:
        return "no P waves found"
    if rr < 60 / P_UNTIL_BPM * FS_HZ:
        return f"P and T waves alike above {P_UNTIL_BPM} bpm"
    return f"P wave less than {1000 * SHORTEST_PR_S:.0f} ms before QRS" if pr < SHORTEST_PR_S * FS_HZ else ""


def _agreement(beats_mv: np.ndarray, first: float, last: float, least: int, most: int) -> float:
    """Mean likeness of the beats from `first` to `last` and a little beside, within `least` to `most` (samples)."""
    margin = MARGIN_S * FS_HZ
    first, last = max(least, int(first - margin)), min(most, int(last + margin))
    return float(wave_likeness(beats_mv[:, :, first:last]).mean()) if last - first > 2 * margin else 0.0


def smooth(signal_mv: np.ndarray, sd_s: float) -> np.ndarray:
    """The same shape, smoothed along the last axis by a Gaussian with this standard deviation."""
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(signal_mv, sd_s * FS_HZ, axis=-1)


def size_mv(leads_mv: np.ndarray) -> np.ndarray:
    """(leads, m) -> (m,): root mean square over the leads."""
    return np.sqrt((leads_mv**2).mean(axis=0))


def qrs_bounds(beat_mv: np.ndarray, r: int) -> tuple[int, int]:
    """First and last sample of the QRS complex of `beat_mv` (independent leads, m) with its R peak at sample r.

    The complex lasts as long as the leads change fast. Where the T wave or noise is fast, too, it takes more.
    """
    slope = np.gradient(smooth(beat_mv, QRS_SMOOTH_S), axis=1) * FS_HZ
    first, last = max(0, r - round(QRS_REACH_S[0] * FS_HZ)), min(len(slope[0]), r + round(QRS_REACH_S[1] * FS_HZ))
    own = np.abs(slope[:, first:last]).max(axis=1)
    speed = size_mv(slope * np.sqrt(own.mean() / np.maximum(own, 0.1 * own.max()))[:, None])
    most = LARGEST_SHARE * speed[first:last].max()
    noise = NOISE_FACTOR * np.percentile(speed, 20)
    t_from = r + round(STEEPEST_T_FROM_S * FS_HZ)
    steepest_t = speed[t_from : t_from + round(0.2 * FS_HZ)].max(initial=0)
    weak = WEAK_SHARE / LARGEST_SHARE * most
    onset = r - _runs_until_quiet(speed[first : r + 1][::-1], min(most, max(QRS_ONSET_MV_S, noise)), weak)
    end = r + _runs_until_quiet(speed[r:last], min(most, max(QRS_END_MV_S, noise, steepest_t)))
    return onset, end


def _runs_until_quiet(speed: np.ndarray, least: float, weak: float = 0) -> int:
    """The last sample at or above `least` before QUIET_S below it; a stretch below `weak` counts only without a pause."""
    fast = np.flatnonzero(speed >= least)
    if not len(fast):
        return 0
    stretches = np.split(fast, np.flatnonzero(np.diff(fast) > 1) + 1)
    last = stretches[0][-1]
    for stretch in stretches[1:]:
        pause_s = (stretch[0] - last) / FS_HZ
        if pause_s > QUIET_S:
            break
        if pause_s <= WEAK_PAUSE_S or speed[stretch].max() >= weak:
            last = stretch[-1]
    return int(last)


def t_wave(beat_mv: np.ndarray, r: int, qrs_end: int, rr: float) -> tuple[float, int, float] | str:
    """Onset, peak and end of the T wave in samples, along the direction in lead space in which it is largest.

    Onset and end lie where the steepest tangent meets the level beside the wave (Lepeschkin 1952,
    doi:10.1161/01.CIR.6.3.378). Where there is none, why.
    """
    from scipy.signal import find_peaks

    start = qrs_end + round(T_FROM_S * FS_HZ)
    latest = r + round(T_PEAK_UNTIL_S * np.sqrt(rr / FS_HZ) * FS_HZ) - start
    if latest < T_FROM_S * FS_HZ:
        return FLAT_T
    part = smooth(beat_mv, T_SMOOTH_S)[:, start:]
    wave = np.linalg.svd(part[:, :latest], full_matrices=False)[0][:, 0] @ part
    height = np.abs(wave)
    peaks, about = find_peaks(height, prominence=0)
    prominences, peaks = about["prominences"][peaks < latest], peaks[peaks < latest]
    if not len(peaks):
        return FLAT_T
    highest = peaks[np.argmax(height[peaks])]
    lobes = (prominences >= T_LOBE_SHARE * height[highest]) & (peaks - highest < T_LOBES_S * FS_HZ)
    peak = int(max([highest, *peaks[lobes]]))
    if _steepest_fall(wave, peak) < T_FALL_SHARE * _steepest_fall(wave, highest):
        return "end of the T wave unclear"
    wave *= np.sign(wave[peak])
    end = _foot(wave[peak:], FALL_S, LEVEL_AFTER_S)
    onset = _foot(wave[peak::-1], FALL_S, LEVEL_AFTER_S)
    if end is None or start + peak + end >= beat_mv.shape[1]:
        return FLAT_T
    return start + peak - (onset or 0), start + peak, start + peak + end


def _steepest_fall(wave: np.ndarray, peak: int) -> float:
    """How fast the wave goes back towards 0 after its peak, or rises where that is a trough, at its steepest."""
    falling = wave[peak : peak + round(FALL_S * FS_HZ)] * np.sign(wave[peak])
    return float(-np.gradient(falling).min()) if len(falling) > 2 else 0.0


def _foot(falling: np.ndarray, fall_s: float, level_s: float) -> float | None:
    """Samples after a peak at which the steepest tangent to its fall meets the lowest level behind; None without a fall."""
    slope = np.gradient(falling[: round(fall_s * FS_HZ)]) if len(falling) > 2 else np.zeros(1)
    steepest = int(np.argmin(slope))
    if slope[steepest] >= 0:
        return None
    level = falling[steepest : steepest + round(level_s * FS_HZ)].min()
    return steepest + (falling[steepest] - level) / -slope[steepest]


def p_wave(beat_mv: np.ndarray, qrs_onset: int, earliest: float) -> tuple[float, int, float] | None:
    """Onset, peak and end in samples of the most prominent wave between `earliest` and the QRS complex, None without one.

    beat_mv: (leads, m), each lead by its weight. Onset is that of its first lobe, as a notched P wave has two.
    """
    from scipy.signal import find_peaks

    longest = qrs_onset - round(P_FROM_S * FS_HZ)
    start = max(0, longest, int(earliest + P_GAP_S * FS_HZ))
    if qrs_onset - start < 0.06 * FS_HZ:
        return None
    # Cut before it is smoothed, lest the QRS complex leak in.
    part = smooth(beat_mv[:, start:qrs_onset], P_SMOOTH_S)
    wave = size_mv(part - np.median(part[:, -8:], axis=1, keepdims=True))
    peaks, about = find_peaks(wave, prominence=0)
    if not len(peaks):
        return None
    top = int(np.argmax(about["prominences"]))
    peak, least = peaks[top], P_LOBE_SHARE * about["prominences"][top]
    lobes = peaks[(peaks <= peak) & (peaks >= peak - P_LOBES_S * FS_HZ)]
    floor = wave[peak] - about["prominences"][top]
    first = min(lobe for lobe in lobes if wave[lobe] - floor >= least)
    onset, end = _foot(wave[first::-1], P_EDGE_S, P_LEVEL_S), _foot(wave[peak:], P_EDGE_S, P_EDGE_S)
    if onset is None or end is None or start + first - onset < 0:
        return None
    if start == longest and first - onset < P_EDGE_OF_SEARCH_S * FS_HZ:
        return None
    return start + first - onset, start + peak, start + peak + end


def wave_likeness(beats_mv: np.ndarray) -> np.ndarray:
    """(beats,): how like a wave in each beat is to the mean of the others' (correlation).

    beats_mv: (beats, leads, m), the stretch that holds the wave, each lead by its weight. A straight line is taken
    off every lead first, so that a slope on which the wave lies does not count. About 0 where nothing is bound to the QRS complex.
    """
    from scipy.signal import detrend

    part = detrend(smooth(beats_mv, P_SMOOTH_S), axis=2)
    rows = part.reshape(len(part), -1)
    others = rows.sum(axis=0) - rows
    sizes = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
    return (rows * others).sum(axis=1) / np.maximum(sizes, 1e-12)


def waves_beat_by_beat(leads_mv: np.ndarray, r_peaks: np.ndarray) -> np.ndarray:
    """(beats, 9) samples by WAVE_COLUMNS, NaN where not found: neurokit2's delineation by prominence of the leads' size.

    Emrich 2024 (EUSIPCO, pages 1402-1406), its limits wide enough for an extrasystole.
    """
    waves = np.full((len(r_peaks), len(WAVE_COLUMNS)), np.nan)
    waves[:, WAVE_COLUMNS.index("R")] = r_peaks
    size = size_mv(smooth(leads_mv, QRS_SMOOTH_S))
    found = quietly(lambda: _neurokit_waves(size, r_peaks), {})
    for column, name in enumerate(WAVE_COLUMNS):
        times = found.get(NEUROKIT_NAMES.get(name), ())
        if len(times) == len(r_peaks):
            waves[:, column] = times
    return waves


def _neurokit_waves(size: np.ndarray, r_peaks: np.ndarray) -> dict[str, list]:
    import neurokit2

    limits_ms = {"max_qrs_interval": 240, "max_r_rise_time": 160, "max_r_basepoint_interval": 160}
    return neurokit2.ecg_delineate(size, r_peaks, FS_HZ, method="prominence", **limits_ms)[1]
