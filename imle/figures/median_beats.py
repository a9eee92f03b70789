"""Twelve median beats in Plotly, in the places of the 3x4 sheet, with the attention of the beats they were made of.

The paper is the sheet's at twice its usual speed: 50 mm/s and 10 mm/mV, 1 mm across locked to 1 mm up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from imle.errors import BadChoice
from imle.figures.geometry import (
    LEFT_MM,
    REACH_MM,
    calibration_pulses,
    share_of_maximum,
    up_to_5_mm,
)
from imle.figures.geometry import THREE_ROWS as ROWS
from imle.figures.sheet import (
    BAND_COLOURS,
    BAND_GAP_PX,
    TRACE_WIDTH_PX,
    box_across,
    check_heatmap,
    foot_note,
    legend,
    paper_layout,
)
from imle.figures.theme import FONT_SIZE, HALO, Theme, band_colours, colorscale, theme_of
from imle.leads import LEADS
from imle.measure import Measurements, MedianBeat, average_over_beats, signed
from imle.measure.measurements import ST_AFTER_J_S
from imle.measure.median_beat import AFTER_S, BEFORE_S

COLUMNS = len(ROWS[0])

SPEED_MM_S = 50
GAIN_MM_MV = 10
ROW_MM = 30
BASELINE_MM = 15
GAP_MM = 5  # between panels
HEADROOM_MM = 5
MARKS_MM = 10  # at the paper's foot: the marks' names and times

# Which marks are drawn, what they are called, and on which of two lines, to which side of their stroke, their time is
# written: neighbours stand apart however close they are.
MARKS = (
    ("P_on", "P on", 0, "left"),
    ("QRS_on", "QRS on", 1, "left"),
    ("QRS_off", "QRS off", 0, "right"),
    ("T_off", "T off", 1, "left"),
)
MARK_LINE_MM = 4
TIME_MM = 12  # the width of a name with its time


@dataclass(frozen=True)
class BeatPaper:
    """Where a beat of `span_s`, beginning `before_s` before R, falls in each panel; mm from the lower left corner."""

    before_s: float
    span_s: float
    headroom_mm: float
    footroom_mm: float

    @classmethod
    def for_beat(cls, beat: MedianBeat) -> BeatPaper:
        by_lead = dict(zip(LEADS, beat.signal_mv * GAIN_MM_MV, strict=True))
        above_mm = max(by_lead[lead].max() for lead in ROWS[0]) - (ROW_MM - BASELINE_MM)
        below_mm = -min(by_lead[lead].min() for lead in ROWS[-1]) - BASELINE_MM
        room_mm = REACH_MM - BASELINE_MM
        return cls(
            beat.before_s,
            beat.signal_mv.shape[1] / beat.fs_hz,
            max(HEADROOM_MM, up_to_5_mm(min(above_mm, room_mm))),
            MARKS_MM + max(0, up_to_5_mm(min(below_mm, room_mm))),
        )

    @property
    def panel_mm(self) -> int:
        return up_to_5_mm(self.span_s * SPEED_MM_S)

    @property
    def width_mm(self) -> float:
        return LEFT_MM + COLUMNS * (self.panel_mm + GAP_MM)

    @property
    def height_mm(self) -> float:
        return self.footroom_mm + len(ROWS) * ROW_MM + self.headroom_mm

    def x_mm(self, column: int, from_r_s):
        return LEFT_MM + column * (self.panel_mm + GAP_MM) + (np.asarray(from_r_s) + self.before_s) * SPEED_MM_S

    def row_foot_mm(self, row: int) -> float:
        return self.footroom_mm + (len(ROWS) - 1 - row) * ROW_MM

    def y_mm(self, row: int, level_mv):
        """Of a level above the PQ level, which lies on a 5 mm line."""
        reach_mv = REACH_MM / GAIN_MM_MV
        return self.row_foot_mm(row) + BASELINE_MM + np.clip(level_mv, -reach_mv, reach_mv) * GAIN_MM_MV


def median_beats_figure(
    measurements: Measurements,
    heatmap: np.ndarray | None = None,
    level_title: str = "combined attention",
    dark: bool = False,
    opacity: float = 0.9,
) -> go.Figure:
    """The median beat of each lead, its waves' marks, its ST level 60 ms after J, and behind it the mean attention.

    The heatmap (12, 1000) at 100 Hz is averaged over the beats the median came from and shown as its share of the
    largest such mean of all leads. `layout.meta` tells a page where the panels stand, as that of `sheet_figure` does.
    BadChoice where the record has no median beat, or for a heatmap of another shape.
    """
    beat = measurements.median_beat
    if beat is None:
        raise BadChoice("this record has no median beat, too few of its beats are alike; choose a sheet")
    check_heatmap(heatmap)
    theme, paper = theme_of(dark), BeatPaper.for_beat(beat)
    share = None if heatmap is None else share_of_maximum(average_over_beats(heatmap, beat))
    layout = paper_layout(paper, theme)
    layout["annotations"] = [foot_note(scale_text(beat), theme)]
    layout["uirevision"] = f"median of {len(beat.r_peaks_s)} beats from {beat.r_peaks_s[0]:.3f} s"
    layout["meta"] = {"across": across(layout["margin"]), "row_mm": ROW_MM, "panels": panel_places(paper)}
    if share is not None:
        layout["coloraxis"] = legend(level_title, colorscale(band_colours(theme, BAND_COLOURS, opacity)), theme)
        layout["coloraxis"]["colorbar"]["title"]["text"] = f"mean {level_title}, share of its maximum"
    return go.Figure(
        [
            hover_layer(paper, beat, share, level_title),
            *names(paper, measurements, theme),  # their halo hides no wave
            marks(paper, beat, theme),
            *traces(paper, beat, theme),
            calibration(paper, theme),
            st_points(paper, measurements, theme),
            mark_times(paper, beat, theme),
        ],
        layout,
    )


def median_beats_text(
    measurements: Measurements, heatmap: np.ndarray | None = None, level_title: str = "combined attention"
) -> str:
    """The picture in one sentence: how many beats, where their waves begin and end, the extreme ST levels, the attention.

    `Median of 9 beats: P on 160 ms before R, QRS off 52 ms after R; ST at J + 60 ms from −0.10 mV in III to +0.15 mV in V2.`
    """
    beat = measurements.median_beat
    if beat is None:
        return "This record has no median beat."
    places = [f"{title} {place_text(beat.marks_s[key])}" for key, title, _, _ in MARKS if key in beat.marks_s]
    parts = [f"Median of {len(beat.r_peaks_s)} beats" + (f": {', '.join(places)}" if places else "")]
    levels = {lead: st.value for lead, st in measurements.st_mv.items() if st.value is not None}
    if levels:
        low, high = min(levels, key=levels.get), max(levels, key=levels.get)
        parts.append(f"ST at J + 60 ms from {signed(levels[low])} mV in {low} to {signed(levels[high])} mV in {high}")
    if heatmap is not None:
        mean = average_over_beats(heatmap, beat)
        row, sample = np.unravel_index(np.argmax(mean), mean.shape)
        place = place_text(sample / beat.fs_hz - beat.before_s)
        parts.append(f"mean {level_title} is highest in {LEADS[row]} {place}")
    return "; ".join(parts) + "."


def across(margin_px: dict) -> float:
    """The width over the height of a box that the usual median beats fill; the same for every record."""
    usual = BeatPaper(BEFORE_S, BEFORE_S + AFTER_S, HEADROOM_MM, MARKS_MM)
    return box_across(usual.height_mm / usual.width_mm, margin_px)


def hover_layer(paper: BeatPaper, beat: MedianBeat, share: np.ndarray | None, level_title: str) -> go.Heatmap:
    """A cell a sample of each panel: its colour is the band, its hover text the lead, ms from R, mV and value.

    An empty cell before and after each panel ends it there.
    """
    from_r_s = times_s(beat)
    edges_s = np.r_[from_r_s[0] - 1 / beat.fs_hz, from_r_s, from_r_s[-1] + 1 / beat.fs_hz]
    values = np.zeros_like(beat.signal_mv) if share is None else share
    padded = {
        lead: np.pad(np.stack([value, signal]), ((0, 0), (1, 1)), constant_values=np.nan)
        for lead, value, signal in zip(LEADS, values, beat.signal_mv, strict=True)
    }
    rows = [np.concatenate([padded[lead] for lead in row], axis=1) for row in reversed(ROWS)]
    times_ms = np.tile(edges_s * 1000, COLUMNS)
    value_hover = "" if share is None else f"<br>mean {level_title} %{{z:.2f}} of maximum"
    return go.Heatmap(
        z=np.array([row[0] for row in rows], np.float32),
        x=np.concatenate([paper.x_mm(column, edges_s) for column in range(COLUMNS)]),
        y0=paper.row_foot_mm(len(ROWS) - 1) + ROW_MM / 2,
        dy=ROW_MM,
        ygap=BAND_GAP_PX,
        customdata=np.array([np.column_stack([times_ms, row[1]]) for row in rows], np.float32),
        hovertext=[np.repeat(row, len(edges_s)).tolist() for row in reversed(ROWS)],
        hovertemplate=f"<b>%{{hovertext}}</b>  %{{customdata[0]:+.0f}} ms from R<br>%{{customdata[1]:.2f}} mV"
        f"{value_hover}<extra></extra>",
        hoverongaps=False,
        opacity=0 if share is None else 1,
        coloraxis="coloraxis" if share is not None else None,
        showscale=None if share is not None else False,
        name="attention",
    )


def traces(paper: BeatPaper, beat: MedianBeat, theme: Theme) -> list[go.Scatter]:
    """A line a panel, named by its lead."""
    style = {"color": theme.trace, "width": TRACE_WIDTH_PX}
    return [
        go.Scatter(
            x0=float(paper.x_mm(column, -beat.before_s)),
            dx=SPEED_MM_S / beat.fs_hz,
            y=paper.y_mm(row, beat.signal_mv[LEADS.index(lead)]).astype(np.float32),
            mode="lines",
            line=style,
            name=lead,
            hoverinfo="skip",
        )
        for row, column, lead in panels()
    ]


def marks(paper: BeatPaper, beat: MedianBeat, theme: Theme) -> go.Scatter:
    """A fine stroke through every panel at each mark, in the last row down to its time."""
    x_mm, y_mm = [], []
    for row, column, _ in panels():
        foot_mm = paper.row_foot_mm(row)
        for key, _, line, _ in MARKS:
            if key in beat.marks_s:
                low_mm = mark_foot_mm(line) if row == len(ROWS) - 1 else foot_mm + 1
                x_mm += [float(paper.x_mm(column, beat.marks_s[key]))] * 2 + [None]
                y_mm += [low_mm, foot_mm + ROW_MM - 5, None]
    style = {"color": theme.muted, "width": 1, "dash": "1px,3px"}
    return go.Scatter(x=x_mm, y=y_mm, mode="lines", line=style, name="marks", hoverinfo="skip")


def mark_times(paper: BeatPaper, beat: MedianBeat, theme: Theme) -> go.Scatter:
    """Under each column, beside the strokes: what each marks, and its time from R in ms."""
    known = [mark for mark in MARKS if mark[0] in beat.marks_s]
    placed = [(column, *mark) for column in range(COLUMNS) for mark in known]
    return go.Scatter(
        x=[float(paper.x_mm(column, beat.marks_s[key])) for column, key, *_ in placed],
        y=[mark_foot_mm(line) for _, _, _, line, _ in placed],
        text=[f"\u00a0{title} {signed_ms(beat.marks_s[key])}\u00a0" for _, key, title, _, _ in placed],
        textposition=[f"middle {_side(paper, beat.marks_s[key], side)}" for _, key, *_, side in placed],
        mode="text",
        textfont={"size": FONT_SIZE["number"], "color": theme.muted},
        name="mark times",
        hoverinfo="skip",
    )


def _side(paper: BeatPaper, from_r_s: float, usual: str) -> str:
    """To which side of its stroke a time is written: near the panel's left edge to the right, else under its neighbour."""
    return "right" if (from_r_s + paper.before_s) * SPEED_MM_S < TIME_MM else usual


def mark_foot_mm(line: int) -> float:
    """How far above the paper's foot a stroke ends and its time is written."""
    return MARKS_MM - 2 - MARK_LINE_MM * line


def names(paper: BeatPaper, measurements: Measurements, theme: Theme) -> list[go.Scatter]:
    """Each lead's name, and beside it its ST level."""
    at = {
        "x": [float(paper.x_mm(column, -paper.before_s)) for _, column, _ in panels()],
        "y": [paper.row_foot_mm(row) + ROW_MM - 0.5 for row, _, _ in panels()],
        "mode": "text",
        "hoverinfo": "skip",
    }
    halo = HALO.format(theme.paper)
    return [
        go.Scatter(
            text=[f"<b>{lead}</b>" for _, _, lead in panels()], textposition="bottom right", name="leads",
            textfont={"size": FONT_SIZE["lead"], "color": theme.ink, "shadow": halo}, **at,
        ),
        go.Scatter(
            text=[st_text(measurements, lead) for _, _, lead in panels()], textposition="bottom left", name="ST levels",
            textfont={"size": FONT_SIZE["small"], "color": theme.ink, "shadow": halo},
            **(at | {"x": [x + paper.panel_mm for x in at["x"]]}),
        ),
    ]  # fmt: skip


def st_points(paper: BeatPaper, measurements: Measurements, theme: Theme) -> go.Scatter:
    """A small ring on each trace where its ST level was measured."""
    beat = measurements.median_beat
    j_s = beat.marks_s.get("QRS_off")
    found = [] if j_s is None else [panel for panel in panels() if measurements.st_mv[panel[2]].value is not None]
    sample = 0 if j_s is None else beat.sample(j_s + ST_AFTER_J_S)
    return go.Scatter(
        x=[float(paper.x_mm(column, j_s + ST_AFTER_J_S)) for _, column, _ in found],
        y=[float(paper.y_mm(row, beat.signal_mv[LEADS.index(lead), sample])) for row, _, lead in found],
        mode="markers",
        marker={"symbol": "circle-open", "size": 7, "color": theme.accent, "line": {"width": 1.5}},
        name="J + 60 ms",
        hoverinfo="skip",
    )


def calibration(paper: BeatPaper, theme: Theme) -> go.Scatter:
    """The pulse of 1 mV and 0.2 s at the left of every row, NaN between rows."""
    x_mm, y_mm = calibration_pulses(
        SPEED_MM_S, [(float(paper.y_mm(row, 0)), (GAIN_MM_MV,)) for row in range(len(ROWS))]
    )
    style = {"color": theme.trace, "width": TRACE_WIDTH_PX}
    return go.Scatter(x=x_mm, y=y_mm, mode="lines", line=style, name="1 mV", hoverinfo="skip")


def panels() -> list[tuple[int, int, str]]:
    """Row, column and lead of every panel, row by row."""
    return [(row, column, lead) for row, leads in enumerate(ROWS) for column, lead in enumerate(leads)]


def panel_places(paper: BeatPaper) -> list[dict]:
    """Where each panel stands, what its gain is, and from where to where its own time runs."""
    places = []
    for row, column, _ in panels():
        left_mm = float(paper.x_mm(column, -paper.before_s))
        time_mm = [left_mm, left_mm + paper.span_s * SPEED_MM_S]
        places.append(
            {"foot_mm": paper.row_foot_mm(row), "left_mm": left_mm, "time_mm": time_mm, "gain_mm_mv": GAIN_MM_MV}
        )
    return places


def times_s(beat: MedianBeat) -> np.ndarray:
    """(m,) seconds from R of each sample."""
    return np.arange(beat.signal_mv.shape[1]) / beat.fs_hz - beat.before_s


def scale_text(beat: MedianBeat) -> str:
    beats = len(beat.r_peaks_s)
    return f"{SPEED_MM_S} mm/s · {GAIN_MM_MV} mm/mV · median of {beats} beats · marks in ms from R · ring: J + 60 ms"


def st_text(measurements: Measurements, lead: str) -> str:
    level = measurements.st_mv[lead].value
    return "ST n/a" if level is None else f"ST {signed(level)} mV"


def signed_ms(from_r_s: float) -> str:
    return f"{from_r_s * 1000:+.0f}".replace("-", "−")


def place_text(from_r_s: float) -> str:
    return f"{abs(from_r_s) * 1000:.0f} ms {'before' if from_r_s < 0 else 'after'} R"
