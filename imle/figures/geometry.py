"""The ECG sheet in millimetres: which lead stands where, and where a second and a millivolt fall on the paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from imle.ecg import MODEL_SECONDS, Ecg
from imle.errors import BadChoice
from imle.figures.gain import Gain
from imle.leads import LEADS


@dataclass(frozen=True)
class Panel:
    """One lead's strip: its row and column from the top left, and the seconds of the record it shows."""

    lead: str
    row: int
    column: int
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class Layout:
    """Rows of leads as they stand on paper. Each row spans ten seconds, shared evenly by its leads.

    A row is `row_mm` high; zero millivolts lies `baseline_mm` above its foot, on a 5 mm line. `words` describe the
    arrangement to who cannot see it.
    """

    words: str
    rows: tuple[tuple[str, ...], ...]
    row_mm: int
    baseline_mm: int

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(
            Panel(lead, row, column, column * MODEL_SECONDS / len(leads), (column + 1) * MODEL_SECONDS / len(leads))
            for row, leads in enumerate(self.rows)
            for column, lead in enumerate(leads)
        )


THREE_ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
SIX_ROWS = (("I", "V1"), ("II", "V2"), ("III", "V3"), ("aVR", "V4"), ("aVL", "V5"), ("aVF", "V6"))

LAYOUTS = {
    "3x4+II": Layout("three rows of four leads, 2.5 s each, and rhythm strip II", (*THREE_ROWS, ("II",)), 30, 15),
    "3x4": Layout("three rows of four leads, 2.5 s each", THREE_ROWS, 40, 20),
    "6x2": Layout("six rows of two leads, 5 s each", SIX_ROWS, 20, 10),
    "12x1": Layout("twelve rows of one lead, 10 s each", tuple((lead,) for lead in LEADS), 15, 5),
}

LEFT_MM = 15  # holds the calibration pulse
RIGHT_MM = 5
HEADROOM_MM = 10
FOOTROOM_MM = 5

CALIBRATION_START_MM = 2.5
CALIBRATION_S = 0.2
CALIBRATION_MV = 1.0

USUAL_SPEED_MM_S = 25
USUAL_GAIN_MM_MV = 10

# What a screen shows at first: ten seconds at the usual speed, or as much of a wider sheet.
VIEW_MM = LEFT_MM + MODEL_SECONDS * USUAL_SPEED_MM_S + RIGHT_MM

# A sheet that is wider still fills the place that a window of 1280 x 720 or 1920 x 1080 has for it, so wide for its height.
SCREEN_ACROSS = 1.9

# Neighbouring rows may overlap, as on paper; a trace is cut this far from its baseline, and the sheet says so.
REACH_MM = 50


@dataclass(frozen=True)
class Sheet:
    """A layout at a paper speed and gain. Coordinates are mm from the sheet's lower left corner.

    gain_mm_mv: of all leads, or a pair: of the limb leads, and of the chest leads.
    headroom_mm, footroom_mm: paper above the first row and under the last, for the waves that leave their row.
    spread_mm: what its rows stand further apart than on an electrocardiograph's paper, in steps of 5 mm.
    Raises BadChoice for an unknown layout, or a speed or gain that is not positive.
    """

    layout: str = "3x4+II"
    speed_mm_s: float = 25
    gain_mm_mv: float | tuple[float, float] = 10
    headroom_mm: int = HEADROOM_MM
    footroom_mm: int = FOOTROOM_MM
    spread_mm: int = 0

    def __post_init__(self):
        if self.layout not in LAYOUTS:
            raise BadChoice(f"there is no sheet layout {self.layout!r}; choose one of {', '.join(LAYOUTS)}")
        if not self.speed_mm_s > 0:
            raise BadChoice(f"a speed of {self.speed_mm_s:g} mm/s cannot be drawn; it must be above 0")
        Gain.of(self.gain_mm_mv)

    @property
    def gain(self) -> Gain:
        return Gain.of(self.gain_mm_mv)

    def for_screen(self) -> Sheet:
        """The same sheet with rows further apart at a high gain, by its square root: waves grow, and stay apart.

        Paper has no room for that: an electrocardiograph lets its rows overlap.
        """
        wider = max(1.0, sqrt(self.gain.highest_mm_mv / USUAL_GAIN_MM_MV))
        return replace(self, spread_mm=5 * int(LAYOUTS[self.layout].row_mm * (wider - 1) / 5))

    def with_room_for(self, ecg: Ecg) -> Sheet:
        """The same sheet with as much paper above and under its rows as the waves of `ecg` need."""
        rows_mm = self.rows_of(centred_mv(ecg) * self.gain.by_lead())
        above_mm = min(float(rows_mm[0].max()), REACH_MM) - (self.row_mm - self.baseline_mm)
        below_mm = min(float(-rows_mm[-1].min()), REACH_MM) - self.baseline_mm
        return replace(
            self,
            headroom_mm=max(HEADROOM_MM, up_to_5_mm(above_mm)),
            footroom_mm=max(FOOTROOM_MM, up_to_5_mm(below_mm)),
        )

    @property
    def panels(self) -> tuple[Panel, ...]:
        return LAYOUTS[self.layout].panels

    @property
    def row_mm(self) -> int:
        return LAYOUTS[self.layout].row_mm + self.spread_mm

    @property
    def baseline_mm(self) -> int:
        """Where zero millivolts lies above a row's foot, on a 5 mm line."""
        return LAYOUTS[self.layout].baseline_mm + self.spread_mm // 10 * 5

    @property
    def row_count(self) -> int:
        return len(LAYOUTS[self.layout].rows)

    @property
    def width_mm(self) -> float:
        return LEFT_MM + MODEL_SECONDS * self.speed_mm_s + RIGHT_MM

    @property
    def view_mm(self) -> float:
        """How much of the width a screen shows at first; the same for every record."""
        return min(self.width_mm, max(VIEW_MM, SCREEN_ACROSS * self.usual_height_mm))

    @property
    def usual_height_mm(self) -> float:
        """The height with the room that most records' waves need."""
        return replace(self, headroom_mm=HEADROOM_MM, footroom_mm=FOOTROOM_MM).height_mm

    @property
    def height_mm(self) -> float:
        return self.footroom_mm + self.row_count * self.row_mm + self.headroom_mm

    def x_mm(self, time_s):
        return LEFT_MM + np.asarray(time_s) * self.speed_mm_s

    def row_foot_mm(self, row: int) -> float:
        return self.footroom_mm + (self.row_count - 1 - row) * self.row_mm

    def zero_mm(self, row: int) -> float:
        """Where 0 mV lies in a row."""
        return self.row_foot_mm(row) + self.baseline_mm

    def y_mm(self, panel: Panel, level_mv):
        return self.zero_mm(panel.row) + np.asarray(level_mv) * self.gain.in_lead(panel.lead)

    def line(self, signal_mv: np.ndarray, fs_hz: float, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
        """x and y in mm of every sample of a panel, cut at the trace's reach; `signal_mv` as `centred_mv` gives it."""
        samples = self.samples(panel, signal_mv.shape[1])
        y_mm = self.y_mm(panel, signal_mv[LEADS.index(panel.lead), samples])
        x_mm = self.x_mm(np.arange(samples.start, samples.stop) / fs_hz)
        return x_mm.astype(np.float32), np.clip(y_mm, *self.reach_mm(panel.row)).astype(np.float32)

    def reach_mm(self, row: int) -> tuple[float, float]:
        """The lowest and highest place a trace of this row may take."""
        return self.zero_mm(row) - REACH_MM, self.zero_mm(row) + REACH_MM

    def cut_leads(self, signal_mv: np.ndarray) -> list[str]:
        """The leads, in lead order, that somewhere go beyond their reach."""
        cut = set()
        for panel in self.panels:
            lowest_mm, highest_mm = self.reach_mm(panel.row)
            samples = self.samples(panel, signal_mv.shape[1])
            y_mm = self.y_mm(panel, signal_mv[LEADS.index(panel.lead), samples])
            if y_mm.min() < lowest_mm or y_mm.max() > highest_mm:
                cut.add(panel.lead)
        return [lead for lead in LEADS if lead in cut]

    def calibration(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y in mm of the pulse at the left of every row, NaN between rows; a step for each gain of its leads."""
        rows = LAYOUTS[self.layout].rows
        gains_mm_mv = [dict.fromkeys(map(self.gain.in_lead, leads)) for leads in rows]
        return calibration_pulses(self.speed_mm_s, zip(map(self.zero_mm, range(len(rows))), gains_mm_mv, strict=True))

    def separators(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y in mm of the short strokes between the columns of a row, NaN between strokes."""
        x_mm, y_mm = [], []
        for panel in self.panels:
            if panel.column:
                edge_mm = float(self.x_mm(panel.start_s))
                foot_mm = self.row_foot_mm(panel.row)
                for low_mm, high_mm in ((2, 5), (self.row_mm - 5, self.row_mm - 2)):
                    x_mm += [edge_mm, edge_mm, np.nan]
                    y_mm += [foot_mm + low_mm, foot_mm + high_mm, np.nan]
        return np.array(x_mm), np.array(y_mm)

    def scale_parts(self, ecg: Ecg) -> list[str]:
        """What stands under the sheet: speed, gain, filter band, sampling rate, and the leads that were cut."""
        parts = [f"{self.speed_mm_s:g} mm/s", str(self.gain), *filter_parts(ecg), f"{ecg.fs_hz:g} Hz"]
        cut = {}
        for lead in self.cut_leads(centred_mv(ecg)):
            cut.setdefault(REACH_MM / self.gain.in_lead(lead), []).append(lead)
        return parts + [f"cut at {at_mv:g} mV: {', '.join(leads)}" for at_mv, leads in cut.items()]

    def scale_text(self, ecg: Ecg) -> str:
        """The scale in one line."""
        return " · ".join(self.scale_parts(ecg))

    def rows_of(self, by_lead: np.ndarray) -> np.ndarray:
        """(12, n) over ten seconds, by lead -> (rows, n): what each row of the sheet shows, from the top."""
        n = by_lead.shape[1]
        rows = np.empty((self.row_count, n), by_lead.dtype)
        for panel in self.panels:
            samples = self.samples(panel, n)
            rows[panel.row, samples] = by_lead[LEADS.index(panel.lead), samples]
        return rows

    @staticmethod
    def samples(panel: Panel, n: int) -> slice:
        return slice(round(panel.start_s / MODEL_SECONDS * n), round(panel.stop_s / MODEL_SECONDS * n))


def filter_parts(ecg: Ecg) -> list[str]:
    """The band that the display filters left, and which could do nothing, as `imle.filters.display_filter` noted it."""
    return f"filter {ecg.meta.get('band') or 'off'}".split("; ")


def sheet_text(
    ecg: Ecg, layout: str = "3x4+II", speed_mm_s: float = 25, gain_mm_mv: float | tuple[float, float] = 10
) -> str:
    """The sheet in one sentence, for who cannot see it: record, arrangement, scale, filter and sampling rate."""
    sheet = Sheet(layout, speed_mm_s, gain_mm_mv)
    record = f" of record {ecg.id}" if ecg.id else ""
    return (
        f"12-lead ECG{record}, {MODEL_SECONDS} s in {LAYOUTS[sheet.layout].words}; {sheet.speed_mm_s:g} mm/s and "
        f"{sheet.gain}, {', '.join(filter_parts(ecg))}, sampled at {ecg.fs_hz:g} Hz."
    )


def calibration_pulses(
    speed_mm_s: float, rows: Iterable[tuple[float, Iterable[float]]]
) -> tuple[np.ndarray, np.ndarray]:
    """x and y in mm of a 1 mV, 0.2 s pulse at the left of every row, NaN between rows.

    rows: for each where 0 mV lies, and its gains in mm/mV. Two gains make a stair, that of the limb leads first, as an
    electrocardiograph prints it.
    """
    x_mm, y_mm = [], []
    for zero_mm, gains_mm_mv in rows:
        heights_mm = [CALIBRATION_MV * gain_mm_mv for gain_mm_mv in gains_mm_mv]
        edges_mm = CALIBRATION_START_MM + np.linspace(0, CALIBRATION_S * speed_mm_s, len(heights_mm) + 1)
        x_mm += [edges_mm[0] - 1.5, *np.repeat(edges_mm, 2), edges_mm[-1] + 1.5, np.nan]
        y_mm += [zero_mm + height_mm for height_mm in (0, 0, *np.repeat(heights_mm, 2), 0, 0, np.nan)]
    return np.array(x_mm), np.array(y_mm)


def up_to_5_mm(length_mm: float) -> int:
    return 5 * ceil(length_mm / 5)


def centred_mv(ecg: Ecg) -> np.ndarray:
    """(12, n): the first ten seconds, each lead about its median, as an electrocardiograph's AC coupling centres it."""
    signal_mv = ecg.signal_mv[:, : round(MODEL_SECONDS * ecg.fs_hz)]
    return signal_mv - np.median(signal_mv, axis=1, keepdims=True)


def share_of_maximum(heatmap: np.ndarray) -> np.ndarray:
    """A (12, 1000) heatmap divided by its largest value over all leads, so that one scale holds for all of them."""
    largest = heatmap.max()
    return heatmap / largest if largest > 0 else np.zeros_like(heatmap)
