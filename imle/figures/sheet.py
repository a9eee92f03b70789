"""The ECG sheet in Plotly: grid, calibration, twelve leads, and the heatmap laid over them, in millimetres."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from imle.ecg import MODEL_FS_HZ, MODEL_SAMPLES, Ecg
from imle.errors import BadChoice
from imle.figures.geometry import Sheet, centred_mv, share_of_maximum
from imle.figures.levels import legend_title
from imle.figures.theme import (
    FONT,
    FONT_SIZE,
    Theme,
    band_colours,
    colorscale,
    css,
    hover_label,
    theme_of,
    trace_colours,
)
from imle.leads import LEADS

OVERLAYS = ("band", "trace", "off")

WIDTH_PX = 960
TALLEST_PX = 580
MARGIN_PX = {"l": 4, "r": 4, "t": 4, "b": 4}
FOOT_PX = 24
FOOT_WITH_LEGEND_PX = 50

TRACE_WIDTH_PX = 1.35
TRACE_COLOURS = 14
WIDEST_COLOURED_PX = 2.6
BAND_COLOURS = 48
BAND_GAP_PX = 3

# Keeps a lead's name readable where a wave runs through it, without hiding the wave.
HALO = ", ".join(f"{x}px {y}px 1px {{0}}" for x in (-1, 1) for y in (-1, 1))

CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
}


def sheet_figure(
    ecg: Ecg,
    heatmap: np.ndarray | None = None,
    level_title: str = "combined attention",
    layout: str = "3x4+II",
    overlay: str = "band",
    opacity: float = 0.9,
    dark: bool = False,
    speed_mm_s: float = 25,
    gain_mm_mv: float = 10,
) -> go.Figure:
    """The first ten seconds of `ecg`, at its own sampling rate, with a heatmap (12, 1000) at 100 Hz over it.

    The heatmap is shown as its share of its maximum over all leads: `overlay` is `band` (colour behind the trace),
    `trace` (the trace itself coloured) or `off`. `level_title` names it in the legend. Figure coordinates are
    millimetres of paper, 1 mm across locked to 1 mm up. BadChoice for an unknown layout or overlay, a speed or
    gain that is not positive, or a heatmap of another shape.
    """
    if overlay not in OVERLAYS:
        raise BadChoice(f"there is no overlay {overlay!r}; choose one of {', '.join(OVERLAYS)}")
    if heatmap is not None and heatmap.shape != (len(LEADS), MODEL_SAMPLES):
        raise BadChoice(f"the heatmap has shape {heatmap.shape}; (12, {MODEL_SAMPLES}) at {MODEL_FS_HZ} Hz is needed")
    sheet = Sheet(layout, speed_mm_s, gain_mm_mv).with_room_for(ecg)
    theme = theme_of(dark)
    share = None if heatmap is None or overlay == "off" else share_of_maximum(heatmap)
    signal_mv = centred_mv(ecg)
    if share is not None and overlay == "trace":
        lines = coloured_lines(sheet, signal_mv, ecg.fs_hz, share, theme)
    else:
        lines = plain_lines(sheet, signal_mv, ecg.fs_hz, theme)
    layout_of_figure = paper_layout(sheet, theme, with_legend=share is not None)
    layout_of_figure["annotations"] = [foot_note(sheet.scale_text(ecg), theme)]
    layout_of_figure["uirevision"] = f"{ecg.id} {layout} {speed_mm_s} {gain_mm_mv}"
    if share is not None:
        colours = band_colours(theme, BAND_COLOURS) if overlay == "band" else trace_colours(theme, TRACE_COLOURS)
        layout_of_figure["coloraxis"] = legend(level_title, colorscale(colours, steps=overlay == "trace"), theme)
    attention = hover_layer(sheet, ecg, share, level_title, opacity if overlay == "band" else 0.0)
    # One call with everything: Plotly takes three times as long to update a figure as to make it.
    return go.Figure([attention, *lines, *furniture(sheet, theme)], layout_of_figure)


def hover_layer(sheet: Sheet, ecg: Ecg, share: np.ndarray | None, level_title: str, opacity: float) -> go.Heatmap:
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
        ygap=BAND_GAP_PX,
        customdata=np.stack([np.broadcast_to(time_s, rows_mv.shape), rows_mv], axis=-1).astype(np.float32),
        hovertext=names,
        hovertemplate=f"{hover}{value_hover}<extra></extra>",
        opacity=opacity if share is not None else 0.0,
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


def coloured_lines(
    sheet: Sheet, signal_mv: np.ndarray, fs_hz: float, share: np.ndarray, theme: Theme
) -> list[go.Scatter]:
    """A line a colour: all stretches of all leads whose value falls into that colour, broken by NaN between them.

    The line also widens with the value, so that it does not speak by colour alone.
    """
    x_mm, y_mm, colour = coloured_samples(sheet, signal_mv, fs_hz, share)
    lines = []
    for i, rgba in enumerate(trace_colours(theme, TRACE_COLOURS)):
        # A stretch ends on the first sample of the next, so that neighbouring colours meet.
        mine = colour == i
        kept = mine | np.r_[False, mine[:-1]]
        gap = np.r_[False, ~mine[:-1]] & mine & np.r_[False, kept[:-1]]
        kept_x, kept_y = x_mm[kept], y_mm[kept]
        breaks = np.flatnonzero((np.diff(np.flatnonzero(kept)) > 1) | gap[kept][1:]) + 1
        width_px = TRACE_WIDTH_PX + (WIDEST_COLOURED_PX - TRACE_WIDTH_PX) * i / (TRACE_COLOURS - 1)
        lines.append(
            go.Scatter(
                x=np.insert(kept_x, breaks, np.nan),
                y=np.insert(kept_y, breaks, np.nan),
                mode="lines",
                line={"color": css(rgba), "width": width_px},
                name=f"{i / TRACE_COLOURS:.2f} to {(i + 1) / TRACE_COLOURS:.2f}",
                hoverinfo="skip",
            )
        )
    return lines


def coloured_samples(
    sheet: Sheet, signal_mv: np.ndarray, fs_hz: float, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y in mm and colour number of every sample of every panel in turn; a NaN sample of no colour ends each."""
    n = signal_mv.shape[1]
    cell = np.minimum((np.arange(n) / fs_hz * MODEL_FS_HZ).astype(int), MODEL_SAMPLES - 1)
    colours = np.minimum((share * TRACE_COLOURS).astype(int), TRACE_COLOURS - 1)[:, cell]
    parts = []
    for panel in sheet.panels:
        x_mm, y_mm = sheet.line(signal_mv, fs_hz, panel)
        colour = colours[LEADS.index(panel.lead), sheet.samples(panel, n)]
        parts.append((np.r_[x_mm, np.float32(np.nan)], np.r_[y_mm, np.float32(np.nan)], np.r_[colour, -1]))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def furniture(sheet: Sheet, theme: Theme) -> list[go.Scatter]:
    """Calibration pulses, strokes between columns, and lead names."""
    pulse_x, pulse_y = sheet.calibration()
    stroke_x, stroke_y = sheet.separators()
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
            x=[float(sheet.x_mm(panel.start_s)) + 1 for panel in sheet.panels],
            y=[sheet.row_foot_mm(panel.row) + sheet.row_mm - 0.5 for panel in sheet.panels],
            text=[f"<b>{panel.lead}</b>" for panel in sheet.panels],
            mode="text",
            textposition="bottom right",
            textfont={"size": FONT_SIZE["lead"], "color": theme.ink, "shadow": HALO.format(theme.paper)},
            name="leads",
            hoverinfo="skip",
        ),
    ]  # fmt: skip


def paper_layout(sheet: Sheet, theme: Theme, with_legend: bool) -> dict:
    """Axes in millimetres, locked to each other, whose grid lines are the paper's 1 mm and 5 mm lines."""
    foot_px = FOOT_WITH_LEGEND_PX if with_legend else FOOT_PX
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
        "xaxis": {**axis, "range": [0, sheet.width_mm]},
        "yaxis": {
            **axis, "range": [0, sheet.height_mm], "scaleanchor": "x", "scaleratio": 1, "constraintoward": "top",
        },
        "height": height_px(sheet, foot_px),
        "margin": {**MARGIN_PX, "b": MARGIN_PX["b"] + foot_px, "pad": 0},
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "font": {"family": FONT, "size": FONT_SIZE["text"], "color": theme.ink},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": hover_label(theme),
        "dragmode": "pan",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": theme.muted, "activecolor": theme.accent},
    }  # fmt: skip


def height_px(sheet: Sheet, foot_px: int) -> int:
    """The height that shows the whole sheet in a column WIDTH_PX wide, or TALLEST_PX where that is less."""
    across_px = WIDTH_PX - MARGIN_PX["l"] - MARGIN_PX["r"]
    around_px = MARGIN_PX["t"] + MARGIN_PX["b"] + foot_px
    return round(min(across_px * sheet.height_mm / sheet.width_mm + around_px, TALLEST_PX))


def foot_note(text: str, theme: Theme) -> dict:
    """The line under the sheet's left end."""
    return {
        "text": text, "xref": "x domain", "yref": "y domain", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top",
        "yshift": -4, "showarrow": False, "font": {"size": FONT_SIZE["small"], "color": theme.muted},
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
