"""The ECG sheet in Plotly: grid, calibration, twelve leads, and the heatmap laid over them, in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from imle.ecg import MODEL_FS_HZ, MODEL_SAMPLES, MODEL_SECONDS, Ecg
from imle.errors import BadChoice
from imle.figures.geometry import (
    LAYOUTS,
    LEFT_MM,
    RIGHT_MM,
    Panel,
    Sheet,
    centred_mv,
    share_of_maximum,
)
from imle.figures.levels import legend_title
from imle.figures.theme import (
    FONT,
    FONT_SIZE,
    HALO,
    Theme,
    band_colours,
    colorscale,
    css,
    hover_label,
    theme_of,
)
from imle.leads import LEADS

OVERLAYS = ("band", "trace", "off")

WIDTH_PX = 960
TALLEST_PX = 580
MARGIN_PX = {"l": 4, "r": 4, "t": 4, "b": 4}
FOOT_PX = 50  # with a legend or without, so that the sheet keeps its size where a heatmap is shown or hidden
FOOT_CHARACTERS = 110
FOOT_CHARACTERS_WITH_LEGEND = 56  # the scale's text ends before the legend begins, however narrow the sheet

TRACE_WIDTH_PX = 1.35
MARKER_COLOURS = 10
MARKER_PX = (5, 13)
BAND_COLOURS = 48
BAND_GAP_PX = 3

OUTLINE_INSET_MM = 1.5
SECOND_MM = 1.5
# In rows no higher, a name at the top would stand nearer the lead above.
LOW_ROW_MM = 15
# Of a panel that shows no more than this, its lead is not seen.
LEAST_SEEN_S = 0.5

CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
}


@dataclass(frozen=True, eq=False)
class Outline:
    """Places to frame: what they are called under the sheet, and (12, 1000) bool at 100 Hz where they are."""

    title: str
    mask: np.ndarray


def sheet_figure(
    ecg: Ecg,
    heatmap: np.ndarray | None = None,
    level_title: str = "combined attention",
    layout: str = "3x4+II",
    overlay: str = "band",
    opacity: float = 0.9,
    dark: bool = False,
    speed_mm_s: float = 25,
    gain_mm_mv: float | tuple[float, float] = 10,
    outline: Outline | None = None,
) -> go.Figure:
    """The first ten seconds of `ecg`, at its own sampling rate, with a heatmap (12, 1000) at 100 Hz over it.

    The heatmap is shown as its share of its maximum over all leads: `overlay` is `band` (colour over the row's height),
    `trace` (a marker along the trace, behind it) or `off`; `opacity` in 0..1 says how strongly. `level_title` names it in the
    legend. Attention is one such heatmap, the attribution of a label another; a signed one comes as its positive part,
    since the scale begins at 0. `outline` is framed and named under the sheet. Figure coordinates are millimetres
    of paper, 1 mm across locked to 1 mm up; a sheet wider than ten seconds at 25 mm/s begins at its left end and is
    dragged. gain_mm_mv: of all leads, or a pair: of the limb leads, and of the chest leads. `layout.meta` tells a page
    of each panel where it stands and what its gain is (`panels`, `row_mm`), and the width over the height at which
    the view fills its box (`across`). BadChoice for an unknown layout or overlay, a speed or gain that is not positive,
    an opacity outside 0..1, or a heatmap of another shape.
    """
    if overlay not in OVERLAYS:
        raise BadChoice(f"there is no overlay {overlay!r}; choose one of {', '.join(OVERLAYS)}")
    if not 0 <= opacity <= 1:
        raise BadChoice(f"the overlay's opacity is {opacity:g}; it lies between 0 and 1")
    check_heatmap(heatmap)
    sheet = Sheet(layout, speed_mm_s, gain_mm_mv).for_screen().with_room_for(ecg)
    theme = theme_of(dark)
    share = None if heatmap is None or overlay == "off" else share_of_maximum(heatmap)
    signal_mv = centred_mv(ecg)
    lines = plain_lines(sheet, signal_mv, ecg.fs_hz, theme)
    colours = band_colours(theme, MARKER_COLOURS if overlay == "trace" else BAND_COLOURS, opacity)
    if share is not None and overlay == "trace":
        lines = marker_lines(sheet, ecg, share, colours) + lines
    layout_of_figure = sheet_layout(
        sheet, ecg, theme, share is not None, [f"framed: {outline.title}"] if outline else []
    )
    if share is not None:
        layout_of_figure["coloraxis"] = legend(level_title, colorscale(colours, steps=overlay == "trace"), theme)
    attention = hover_layer(sheet, ecg, share, level_title, seen=share is not None and overlay == "band")
    # One call with everything: Plotly takes three times as long to update a figure as to make it.
    frames = [outline_frames(sheet, outline.mask, theme)] if outline else []
    # The names before the lines: their halo hides the grid and never a wave.
    return go.Figure(
        [attention, *lead_names(sheet, theme), *lines, *frames, *furniture(sheet, theme)], layout_of_figure
    )


def check_heatmap(heatmap: np.ndarray | None) -> None:
    """BadChoice for a heatmap of another shape than (12, 1000)."""
    if heatmap is not None and heatmap.shape != (len(LEADS), MODEL_SAMPLES):
        raise BadChoice(f"the heatmap has shape {heatmap.shape}; (12, {MODEL_SAMPLES}) at {MODEL_FS_HZ} Hz is needed")


def hover_layer(sheet: Sheet, ecg: Ecg, share: np.ndarray | None, level_title: str, seen: bool) -> go.Heatmap:
    """One cell for each 10 ms of each row: its colour is the band, its hover text the lead, time, mV and value."""
    time_s = np.arange(MODEL_SAMPLES) / MODEL_FS_HZ
    at_cells = np.minimum(np.round(time_s * ecg.fs_hz).astype(int), ecg.signal_mv.shape[1] - 1)
    rows_mv = sheet.rows_of(ecg.signal_mv[:, at_cells])[::-1]
    value = np.zeros((len(LEADS), MODEL_SAMPLES), np.float32) if share is None else share.astype(np.float32)
    names = sheet.rows_of(np.repeat(np.array(LEADS)[:, None], MODEL_SAMPLES, axis=1))[::-1]
    hover = "<b>%{hovertext}</b>  %{customdata[0]:.2f} s<br>%{customdata[1]:.2f} mV"
    value_hover = "" if share is None else f"<br>{level_title} %{{z:.2f}} of maximum"
    return go.Heatmap(
        z=sheet.rows_of(value)[::-1],
        x0=float(sheet.x_mm(0)),
        dx=sheet.speed_mm_s / MODEL_FS_HZ,
        y0=sheet.row_foot_mm(sheet.row_count - 1) + sheet.row_mm / 2,
        dy=sheet.row_mm,
        ygap=BAND_GAP_PX if seen else 0,  # without gaps the browser draws it in one go
        customdata=np.stack([np.broadcast_to(time_s, rows_mv.shape), rows_mv], axis=-1).astype(np.float32),
        hovertext=names,
        hovertemplate=f"{hover}{value_hover}<extra></extra>",
        opacity=1 if seen else 0,
        coloraxis="coloraxis" if share is not None else None,
        showscale=None if share is not None else False,
        name="attention",
    )


def plain_lines(sheet: Sheet, signal_mv: np.ndarray, fs_hz: float, theme: Theme) -> list[go.Scatter]:
    """A line a panel, named by its lead."""
    style = {"color": theme.trace, "width": TRACE_WIDTH_PX}
    lines = []
    for panel in sheet.panels:
        x_mm, y_mm = sheet.line(signal_mv, fs_hz, panel)
        lines.append(
            go.Scatter(
                x0=float(x_mm[0]),
                dx=sheet.speed_mm_s / fs_hz,
                y=y_mm,
                mode="lines",
                line=style,
                name=panel.lead,
                hoverinfo="skip",
            )
        )
    return lines


def marker_lines(sheet: Sheet, ecg: Ecg, share: np.ndarray, colours: list[tuple]) -> list[go.Scatter]:
    """A line a colour but the first, which cannot be seen: all stretches of all leads of that colour, NaN between them.

    The line also widens with the value, so that it does not speak by colour alone. It follows the ECG at 100 Hz, the
    heatmap's rate: along finer noise a wide line would be a blot.
    """
    x_mm, y_mm, colour = coloured_samples(sheet, centred_mv(ecg.at(MODEL_FS_HZ)), share)
    widths_px = np.linspace(*MARKER_PX, len(colours))
    lines = []
    for i, (rgba, width_px) in enumerate(zip(colours, widths_px, strict=True)):
        if i == 0:
            continue
        # A stretch ends on the first sample of the next, so that neighbouring colours meet.
        mine = colour == i
        kept = mine | np.r_[False, mine[:-1]]
        gap = np.r_[False, ~mine[:-1]] & mine & np.r_[False, kept[:-1]]
        kept_x, kept_y = x_mm[kept], y_mm[kept]
        breaks = np.flatnonzero((np.diff(np.flatnonzero(kept)) > 1) | gap[kept][1:]) + 1
        lines.append(
            go.Scatter(
                x=np.insert(kept_x, breaks, np.nan),
                y=np.insert(kept_y, breaks, np.nan),
                mode="lines",
                line={"color": css(rgba), "width": width_px},
                name=f"{i / len(colours):.2f} to {(i + 1) / len(colours):.2f}",
                hoverinfo="skip",
            )
        )
    return lines


def coloured_samples(
    sheet: Sheet, signal_mv: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y in mm and colour number of every 10 ms of every panel in turn; a NaN sample of no colour ends each."""
    colours = np.minimum((share * MARKER_COLOURS).astype(int), MARKER_COLOURS - 1)
    parts = []
    for panel in sheet.panels:
        x_mm, y_mm = sheet.line(signal_mv, MODEL_FS_HZ, panel)
        colour = colours[LEADS.index(panel.lead), sheet.samples(panel, MODEL_SAMPLES)]
        parts.append((np.r_[x_mm, np.float32(np.nan)], np.r_[y_mm, np.float32(np.nan)], np.r_[colour, -1]))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def outline_frames(sheet: Sheet, mask: np.ndarray, theme: Theme) -> go.Scatter:
    """A frame in each panel round every run of samples that the (12, 1000) bool mask names."""
    x_mm, y_mm = [], []
    for panel in sheet.panels:
        samples = sheet.samples(panel, MODEL_SAMPLES)
        edges = np.flatnonzero(np.diff(mask[LEADS.index(panel.lead), samples].astype(np.int8), prepend=0, append=0))
        low_mm = sheet.row_foot_mm(panel.row) + OUTLINE_INSET_MM
        high_mm = low_mm + sheet.row_mm - 2 * OUTLINE_INSET_MM
        for start, stop in (edges + samples.start).reshape(-1, 2) / MODEL_FS_HZ:
            left_mm, right_mm = float(sheet.x_mm(start)), float(sheet.x_mm(stop))
            x_mm += [left_mm, right_mm, right_mm, left_mm, left_mm, np.nan]
            y_mm += [low_mm, low_mm, high_mm, high_mm, low_mm, np.nan]
    return go.Scatter(
        x=np.array(x_mm, np.float32), y=np.array(y_mm, np.float32), mode="lines", name="outline", hoverinfo="skip",
        line={"color": theme.caliper, "width": 1},
    )  # fmt: skip


def furniture(sheet: Sheet, theme: Theme) -> list[go.Scatter]:
    """Calibration pulses, strokes between columns, and marks of the seconds along the foot."""
    pulse_x, pulse_y = sheet.calibration()
    stroke_x, stroke_y = sheet.separators()
    seconds = [float(sheet.x_mm(second)) for second in range(MODEL_SECONDS + 1)]
    style = {"color": theme.muted, "width": 1}
    return [
        go.Scatter(
            x=pulse_x, y=pulse_y, mode="lines", line={"color": theme.trace, "width": TRACE_WIDTH_PX}, name="1 mV",
            hoverinfo="skip",
        ),
        go.Scatter(
            x=stroke_x, y=stroke_y, mode="lines", line={"color": theme.trace, "width": 1}, name="columns",
            hoverinfo="skip",
        ),
        go.Scatter(
            x=np.repeat(seconds, 3), y=[0, SECOND_MM, None] * len(seconds), mode="lines", line=style, name="seconds",
            hoverinfo="skip",
        ),
        go.Scatter(
            x=seconds[::5], y=[SECOND_MM] * 3, text=["0", "5", "10 s"], mode="text", textposition="top center",
            textfont={"size": FONT_SIZE["number"], "color": theme.muted}, name="second numbers", hoverinfo="skip",
        ),
    ]  # fmt: skip


def lead_names(sheet: Sheet, theme: Theme) -> list[go.Scatter]:
    """The name of each panel's lead; a strip longer than the view is named again."""
    view_s = view_seconds(sheet)
    again = [(panel, view_s) for panel in sheet.panels if panel.start_s < view_s < panel.stop_s]
    return [
        names("leads", [(panel, panel.start_s) for panel in sheet.panels], sheet, theme),
        names("leads again", again, sheet, theme),
    ]


def view_seconds(sheet: Sheet) -> float:
    """How much of ten seconds the view shows before it is dragged."""
    return (sheet.view_mm - LEFT_MM - RIGHT_MM) / sheet.speed_mm_s


def beyond_view(sheet: Sheet) -> str:
    """What is to be dragged into view, in bold: the leads that begin beyond it, else the rest of the ten seconds."""
    view_s = view_seconds(sheet)
    leads = {panel.lead for panel in sheet.panels if panel.start_s > view_s - LEAST_SEEN_S}
    rest = ", ".join(lead for lead in LEADS if lead in leads) if leads else f"{view_s:.0f} to {MODEL_SECONDS} s"
    return f"<b>drag sideways for {rest}</b>"


def names(name: str, places: list[tuple[Panel, float]], sheet: Sheet, theme: Theme) -> go.Scatter:
    """The names of leads, each at a time in seconds: at the top of its row, in low rows right over its own trace."""
    low = LAYOUTS[sheet.layout].row_mm <= LOW_ROW_MM
    return go.Scatter(
        x=[float(sheet.x_mm(time_s)) + 1 for _, time_s in places],
        y=[sheet.zero_mm(panel.row) + 2 if low else sheet.row_foot_mm(panel.row) + sheet.row_mm - 0.5 for panel, _ in places],
        text=[f"<b>{panel.lead}</b>" for panel, _ in places],
        mode="text",
        textposition="top right" if low else "bottom right",
        textfont={"size": FONT_SIZE["lead"], "color": theme.ink, "shadow": HALO.format(theme.paper)},
        name=name,
        hoverinfo="skip",
    )  # fmt: skip


def sheet_layout(sheet: Sheet, ecg: Ecg, theme: Theme, with_legend: bool, more: Sequence[str]) -> dict:
    """The paper, what stands under it (the scale and `more`), and what a page must know of it."""
    layout = paper_layout(sheet, theme)
    layout["xaxis"] |= {
        "range": [0, sheet.view_mm],
        "minallowed": 0,
        "maxallowed": sheet.width_mm,
    }
    layout["yaxis"] |= {"minallowed": 0, "maxallowed": sheet.height_mm}
    parts = [*sheet.scale_parts(ecg), *more, *([beyond_view(sheet)] if sheet.view_mm < sheet.width_mm else [])]
    text = in_lines(parts, FOOT_CHARACTERS_WITH_LEGEND if with_legend else FOOT_CHARACTERS)
    layout["annotations"] = [foot_note(text, theme)]
    layout["uirevision"] = f"{ecg.id} {sheet.layout} {sheet.speed_mm_s:g} {sheet.gain}"
    layout["meta"] = {
        "across": across(sheet, layout["margin"]),
        "row_mm": sheet.row_mm,
        "panels": [panel_place(sheet, panel) for panel in sheet.panels],
    }
    return layout


def panel_place(sheet: Sheet, panel: Panel) -> dict:
    """Where a panel stands, what its gain is, and from where to where the time of its row runs."""
    return {
        "foot_mm": sheet.row_foot_mm(panel.row),
        "left_mm": float(sheet.x_mm(panel.start_s)),
        "time_mm": [float(sheet.x_mm(0)), float(sheet.x_mm(MODEL_SECONDS))],
        "gain_mm_mv": sheet.gain.in_lead(panel.lead),
    }


def paper_layout(sheet: Sheet, theme: Theme) -> dict:
    """Axes in millimetres, locked to each other, whose grid lines are the paper's 1 mm and 5 mm lines."""
    axis = {
        "showticklabels": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tick0": 0,
        "dtick": 5,
        "showgrid": True,
        "gridcolor": theme.grid_major,
        "gridwidth": 1,
        "minor": {"tick0": 0, "dtick": 1, "showgrid": True, "gridcolor": theme.grid_minor, "gridwidth": 0.6},
        "constrain": "domain",
    }
    return {
        "xaxis": {**axis, "range": [0, sheet.width_mm], "constraintoward": "left"},
        "yaxis": {
            **axis, "range": [0, sheet.height_mm], "scaleanchor": "x", "scaleratio": 1, "constraintoward": "top",
        },
        "height": height_px(sheet),
        "margin": {**MARGIN_PX, "b": MARGIN_PX["b"] + FOOT_PX, "pad": 0},
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "font": {"family": FONT, "size": FONT_SIZE["text"], "color": theme.ink},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": hover_label(theme),
        "dragmode": "pan",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": theme.muted, "activecolor": theme.accent},
    }  # fmt: skip


def height_px(sheet: Sheet) -> int:
    """The height that shows the whole sheet in a column WIDTH_PX wide, or TALLEST_PX where that is less."""
    across_px = WIDTH_PX - MARGIN_PX["l"] - MARGIN_PX["r"]
    around_px = MARGIN_PX["t"] + MARGIN_PX["b"] + FOOT_PX
    return round(min(across_px * sheet.height_mm / sheet.width_mm + around_px, TALLEST_PX))


def across(sheet: Sheet, margin_px: dict) -> float:
    """The width over the height of a box that the view fills; the same for every record."""
    return box_across(sheet.usual_height_mm / sheet.view_mm, margin_px)


def box_across(up: float, margin_px: dict) -> float:
    """The width over the height of a box, WIDTH_PX wide, that a paper of height `up` times its width fills."""
    paper_px = WIDTH_PX - margin_px["l"] - margin_px["r"]
    return WIDTH_PX / (paper_px * up + margin_px["t"] + margin_px["b"])


def in_lines(parts: list[str], characters: int) -> str:
    """The parts in as few lines of so many characters as hold them."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = f"{lines[-1]} · {part}"
        lines = [*lines[:-1], joined] if len(joined) <= characters else [*lines, part]
    return "<br>".join(lines)


def foot_note(text: str, theme: Theme) -> dict:
    """The line under the sheet's left end."""
    return {
        "text": text, "xref": "x domain", "yref": "y domain", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top",
        "yshift": -4, "align": "left", "showarrow": False, "font": {"size": FONT_SIZE["small"], "color": theme.muted},
    }  # fmt: skip


def legend(level_title: str, scale: list[list], theme: Theme) -> dict:
    """The colour axis, 0 to 1, with its bar and numbers under the sheet's right end."""
    text = {"size": FONT_SIZE["small"], "color": theme.muted}
    return {
        "colorscale": scale,
        "cmin": 0,
        "cmax": 1,
        "colorbar": {
            "title": {"text": legend_title(level_title), "side": "top", "font": text},
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 0,
            "yanchor": "top",
            "ypad": 2,
            "xpad": 8,
            "len": 300,
            "lenmode": "pixels",
            "thickness": 8,
            "outlinewidth": 0.5,
            "outlinecolor": theme.rule,
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "ticktext": ["0", "0.25", "0.5", "0.75", "1"],
            "tickfont": text,
            "ticks": "outside",
            "ticklen": 2,
            "tickcolor": theme.muted,
        },
    }
