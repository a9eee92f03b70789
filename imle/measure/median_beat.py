"""The median beat: beats of one shape brought over each other, and their median in every lead."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imle.ecg import FLAT_MV, MODEL_FS_HZ
from imle.leads import LEADS
from imle.measure.beats import FEWEST_BEATS, FS_HZ, INDEPENDENT, Beats
from imle.measure.delineation import mark_waves, qrs_bounds

# The window about R: in seconds, and at fast rates a share of the interval between beats.
BEFORE_S, BEFORE_RR = 0.50, 0.60
AFTER_S, AFTER_RR = 0.70, 0.85
LEVEL_S = 0.010  # half the stretch over which the level before the QRS complex is taken


@dataclass(frozen=True, eq=False)
class MedianBeat:
    """The median of the beats of the commonest shape, in every lead.

    signal_mv: (12, m) float32 at fs_hz, against the level before the QRS complex. before_s: from its start to the R
    peak. r_peaks_s: R peaks of the beats that were averaged. marks_s: onset, peak and end of the waves in seconds
    after the R peak, named as the columns of `waves_s`; what was not found is missing. flat: by lead, for those with
    too few beats in which they are no flat line, a clause that says so; the others' medians leave those beats out.
    """

    signal_mv: np.ndarray
    fs_hz: float
    before_s: float
    r_peaks_s: np.ndarray
    marks_s: dict[str, float] = field(default_factory=dict)
    flat: dict[str, str] = field(default_factory=dict)

    def sample(self, after_r_s: float) -> int:
        """The sample nearest to a time in seconds after the R peak."""
        return round((after_r_s + self.before_s) * self.fs_hz)


def make_median_beat(
    signal_mv: np.ndarray, beats: Beats, still: np.ndarray
) -> tuple[MedianBeat | None, dict[str, str]]:
    """The median beat of (12, n) at FS_HZ with its waves, and by wave (P, T) why it has none.

    still: (12, n) bool, see `still_samples`. None, and no reasons, where fewer than three beats of one shape lie wholly
    in the record.
    """
    onset, _ = qrs_bounds(beats.template, beats.template.shape[1] // 2)
    before_r = beats.template.shape[1] // 2 - onset + round(2 * LEVEL_S * FS_HZ)
    levelled_mv = level_before_qrs(signal_mv, beats.r_peaks[beats.alike] - before_r)
    rr = float(np.median(np.diff(beats.r_peaks)))
    for chosen in (beats.in_time, beats.alike):
        cuts, whole, before = cut_out(levelled_mv, beats.r_peaks[chosen], rr)
        if len(cuts) >= FEWEST_BEATS:
            break
    else:
        return None, {}
    marks = mark_waves(cuts[:, INDEPENDENT], before, rr, beats.regular)
    still_cuts, *_ = cut_out(still, beats.r_peaks[chosen], rr)
    recorded = ~still_cuts[:, :, marks.samples["QRS_on"] : marks.samples["QRS_off"] + 1].all(axis=2)
    return MedianBeat(
        signal_mv=median_of(cuts, recorded).astype(np.float32),
        fs_hz=float(FS_HZ),
        before_s=before / FS_HZ,
        r_peaks_s=beats.r_peaks[chosen][whole] / FS_HZ,
        marks_s={name: (at - before) / FS_HZ for name, at in marks.samples.items()},
        flat={
            lead: f"a flat line in {len(cuts) - beats_recorded} of {len(cuts)} beats"
            for lead, beats_recorded in zip(LEADS, recorded.sum(axis=0), strict=True)
            if beats_recorded < FEWEST_BEATS
        },
    ), marks.missing


def level_before_qrs(signal_mv: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(12, n) with the baseline through every lead's level at `places` (samples, one a beat) taken off.

    Straight between the places: unlike a high-pass filter it leaves the ST segment where it is.
    """
    half = round(LEVEL_S * FS_HZ)
    places = places[(places >= half) & (places < signal_mv.shape[1] - half)]
    if not len(places):
        return signal_mv - np.median(signal_mv, axis=1, keepdims=True)
    levels = np.stack([signal_mv[:, at - half : at + half + 1].mean(axis=1) for at in places], axis=1)
    time = np.arange(signal_mv.shape[1])
    return signal_mv - np.stack([np.interp(time, places, row) for row in levels])


def cut_out(signal_mv: np.ndarray, r_peaks: np.ndarray, rr: float) -> tuple[np.ndarray, np.ndarray, int]:
    """(beats, 12, m) of those that lie wholly in the record, (r_peaks,) bool which these are, samples before R.

    rr: the interval between beats in samples, which bounds the window at fast rates.
    """
    before = round(min(BEFORE_S * FS_HZ, BEFORE_RR * rr))
    after = round(min(AFTER_S * FS_HZ, AFTER_RR * rr))
    whole = (r_peaks >= before) & (r_peaks + after < signal_mv.shape[1])
    cuts = [signal_mv[:, r - before : r + after + 1] for r in r_peaks[whole]]
    return np.array(cuts).reshape(len(cuts), len(signal_mv), before + after + 1), whole, before


def still_samples(signal_mv: np.ndarray, fs_hz: float, samples: int) -> np.ndarray:
    """(12, samples) bool at FS_HZ: where a lead of (12, n) at `fs_hz` stays on one value, as without its electrode.

    Of the record as it was read: interpolated to another rate, a flat line at some millivolts has a ripple.
    """
    still = np.abs(np.diff(signal_mv, axis=1)) < FLAT_MV
    nearest = np.round(np.arange(samples) * fs_hz / FS_HZ).astype(int)
    return still[:, np.minimum(nearest, still.shape[1] - 1)]


def median_of(cuts_mv: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """(12, m) of (beats, 12, m): each lead's median over the beats in which it was recorded, (beats, 12) bool.

    Over all beats where these are too few.
    """
    counts = recorded | (recorded.sum(axis=0) < FEWEST_BEATS)
    return np.stack([np.median(cuts_mv[counts[:, i], i], axis=0) for i in range(cuts_mv.shape[1])])


def average_over_beats(heatmap: np.ndarray, median_beat: MedianBeat) -> np.ndarray:
    """(12, 1000) at 100 Hz -> (12, m) float32 at the median beat's rate: the mean over the windows of its beats.

    Linear between the heatmap's samples. A beat beyond the heatmap's ten seconds does not count; where none is left, 0.
    """
    offset_s = np.arange(median_beat.signal_mv.shape[1]) / median_beat.fs_hz - median_beat.before_s
    place = (median_beat.r_peaks_s[:, None] + offset_s) * MODEL_FS_HZ
    last = heatmap.shape[1] - 1
    inside = (place >= 0) & (place < last + 1)
    place = np.clip(place, 0, last)
    left = np.minimum(place.astype(int), last - 1)
    windows = heatmap[:, left] * (1 - place + left) + heatmap[:, left + 1] * (place - left)
    return ((windows * inside).sum(axis=1) / np.maximum(inside.sum(axis=0), 1)).astype(np.float32)
