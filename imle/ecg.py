"""`Ecg`, the one object that travels from a file to a figure, and what is checked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imle.errors import Refusal
from imle.leads import LEADS

MODEL_FS_HZ = 100
MODEL_SECONDS = 10
MODEL_SAMPLES = MODEL_FS_HZ * MODEL_SECONDS
FS_RANGE_HZ = (50, 2000)

# The records of PTB-XL reach 18 mV where an electrode comes loose, and each spans 0.7 mV in its largest lead.
# Microvolts read as millivolts reach hundreds, millivolts read as microvolts a thousandth.
LARGEST_MV = 50.0
SMALLEST_SPAN_MV = 0.05
FLAT_MV = 1e-6


class InvalidEcg(Refusal, ValueError):
    """A signal that cannot be an ECG as the models need it; the message says what is wrong and what would be right.

    doubtful: which fact about the source, one of those in `imle.formats.Hints`, is probably another; None where none is.
    """

    def __init__(self, sentence: str, doubtful: str | None = None):
        self.doubtful = doubtful
        super().__init__(sentence)


class UnreadableEcg(InvalidEcg):
    """A file that could not be read as a 12-lead ECG: `path` and a one-sentence `reason`."""

    def __init__(self, path, reason: str):
        self.path = Path(path)
        self.reason = reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, eq=False)
class Ecg:
    """Ten seconds or more of a 12-lead ECG.

    signal_mv: (12, n) float32 in millivolts, rows in the order of `imle.LEADS`.
    fs_hz: samples a second. id: what the record is called where it came from. meta: what else the source told, and
    under `source_s` its length in seconds, where that is longer than what was taken of it.
    Raises InvalidEcg where the signal is not 12 finite leads, a lead is flat, or an amplitude cannot be in millivolts.
    """

    signal_mv: np.ndarray
    fs_hz: float
    id: str = ""
    meta: dict = field(default_factory=dict)

    leads = LEADS

    def __post_init__(self):
        object.__setattr__(self, "signal_mv", np.ascontiguousarray(self.signal_mv, np.float32))
        check_signal(self.signal_mv, self.fs_hz)

    @property
    def seconds(self) -> float:
        return self.signal_mv.shape[1] / self.fs_hz

    @property
    def part_text(self) -> str:
        """`first 10 s of 24 h 3 min`, where the source is longer than what was taken of it; else empty."""
        source_s = self.meta.get("source_s")
        return f"first {duration_text(self.seconds)} of {duration_text(source_s)}" if source_s else ""

    def at(self, fs_hz: float) -> Ecg:
        """The same record at another sampling rate, through an anti-aliasing polyphase filter."""
        if fs_hz == self.fs_hz:
            return self
        return Ecg(resample(self.signal_mv, self.fs_hz, fs_hz), fs_hz, self.id, self.meta)

    def for_model(self) -> np.ndarray:
        """(12, 1000) float32 mV at 100 Hz: the first ten seconds, as the networks take them."""
        return np.ascontiguousarray(self.at(MODEL_FS_HZ).signal_mv[:, :MODEL_SAMPLES])


def duration_text(seconds: float) -> str:
    """`10.5 s`, `2 min 5 s`, `24 h 3 min`: the two largest units that it has."""
    if round(seconds, 1) < 60:
        return f"{round(seconds, 1):g} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def check_signal(signal_mv: np.ndarray, fs_hz: float) -> None:
    """Raise InvalidEcg, in one sentence, where `signal_mv` (12, n) at `fs_hz` cannot be a 12-lead ECG of ten seconds."""
    if signal_mv.ndim != 2 or signal_mv.shape[0] != len(LEADS):
        raise InvalidEcg(f"the signal has shape {signal_mv.shape}; 12 leads by time are needed")
    check_rate(fs_hz)
    check_length(signal_mv.shape[1], fs_hz)
    finite = np.isfinite(signal_mv).all(axis=1)
    if not finite.all():
        raise InvalidEcg(f"{_leads_have(~finite)} missing samples (NaN); every sample of the 12 leads is needed")
    span_mv = np.ptp(signal_mv, axis=1)
    if (span_mv < FLAT_MV).any():
        raise InvalidEcg(f"{_leads_have(span_mv < FLAT_MV)} no signal (a flat line); all 12 leads must be recorded")
    _check_unit(signal_mv, float(span_mv.max()))


def check_rate(fs_hz: float) -> None:
    """Raise InvalidEcg for a sampling rate that cannot be read."""
    low, high = FS_RANGE_HZ
    if not low <= fs_hz <= high:
        raise InvalidEcg(f"the sampling rate is {fs_hz:g} Hz; {low} Hz to {high} Hz can be read")


def check_length(samples: int, fs_hz: float) -> None:
    """Raise InvalidEcg for a record under ten seconds."""
    if samples < round(MODEL_SECONDS * fs_hz):
        raise InvalidEcg(f"the record is {samples / fs_hz:.6g} s long; at least {MODEL_SECONDS} s are needed")


def _check_unit(signal_mv: np.ndarray, span_mv: float) -> None:
    if span_mv < SMALLEST_SPAN_MV:
        raise InvalidEcg(
            f"the signal spans {span_mv:.2g} mV in its largest lead; an ECG spans more than {SMALLEST_SPAN_MV} mV, "
            "so the unit is probably another",
            doubtful="unit",
        )
    largest = float(np.abs(signal_mv - np.median(signal_mv, axis=1, keepdims=True)).max())
    if largest > LARGEST_MV:
        raise InvalidEcg(
            f"the signal reaches {largest:.0f} mV; an ECG stays under {LARGEST_MV:.0f} mV, "
            "so the unit is probably another",
            doubtful="unit",
        )


def _leads_have(mask: np.ndarray) -> str:
    names = [lead for lead, bad in zip(LEADS, mask, strict=True) if bad]
    return f"lead {names[0]} has" if len(names) == 1 else f"leads {', '.join(names)} have"


LARGEST_STEP = 10_000


def resample(signal_mv: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """(12, n) at `from_hz` -> (12, m) float32 at `to_hz`; scipy's polyphase filter removes what would alias.

    The line from the first to the last sample is taken off before and put back after, so that the filter's
    assumption of zeros beyond the record leaves no step at its ends.
    """
    from fractions import Fraction

    from scipy.signal import resample_poly

    # The filter has 20 taps for each step of the ratio, so an odd rate, 499.9987 Hz, is taken as the nearest one that a
    # short filter makes; it is less than 1 ms off at the end of 10 s.
    ratio = Fraction(to_hz / from_hz).limit_denominator(LARGEST_STEP)
    return resample_poly(signal_mv, ratio.numerator, ratio.denominator, axis=1, padtype="line").astype(np.float32)
