"""How heatmaps agree with a guideline, in Plotly: shares by lead and wave segment, scores beside chance, leads, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from imle.figures.bars import axis, axis_title, bar_layout, lead_ticks
from imle.figures.compare import Series
from imle.figures.theme import FONT_SIZE, Theme, band_colours, colorscale, rgb, theme_of
from imle.leads import LEADS
from imle.measure.segments import SEGMENTS

CONFIG = {"displayModeBar": False, "responsive": True}
MAP_HEIGHT_PX = 360
SCORE_ROW_PX = 46
LEADS_HEIGHT_PX = 230
RECORDS_HEIGHT_PX = 300
COLOURS = 64
GUIDELINE_ALPHA = 0.2
PANEL_GAP = 0.03
# Characters over a map, where five maps stand beside each other in the smallest window.
LONGEST_IN_A_LINE = 14
TITLE_LINE_PX = 18
FOOT_PX = 40
# Shares below this, in %, are left without a number.
LEAST_NUMBER = 1.0
NAMES = [[f"{lead}, {segment}" for segment in SEGMENTS] for lead in LEADS]


def place_maps(panels: Mapping[str, np.ndarray], cells: np.ndarray, dark: bool = False) -> go.Figure:
    """A map a title, beside each other: (12, 6) shares by lead and wave segment in %, on one scale.

    cells: (12, 6) bool, the guideline's places, framed in every map and filled in a last one.
    """
    theme = theme_of(dark)
    scale = colorscale(band_colours(theme, COLOURS))
    tint = colorscale([(*rgb(theme.caliper), GUIDELINE_ALPHA)] * 2)
    most = max(100 * shares.max() for shares in panels.values())
    titles = [*panels, "Guideline"]
    figure = go.Figure()
    for number, shares in enumerate([*panels.values(), None], 1):
        guideline = shares is None
        # No share, so of no colour of the scale.
        values = np.where(cells, most, np.nan) if guideline else 100 * shares
        figure.add_heatmap(
            z=values, text=NAMES, zmin=0, zmax=most, colorscale=tint if guideline else scale, showscale=number == 1,
            xaxis=f"x{number}", yaxis=f"y{number}", xgap=1, ygap=1, hoverinfo="skip" if guideline else "all",
            hovertemplate=None if guideline else "<b>%{text}</b>  %{z:.1f} %<extra></extra>",
            colorbar={"thickness": 8, "len": 0.9, "x": 1.0, "outlinewidth": 0, "ticksuffix": " %",
                      "tickfont": {"size": FONT_SIZE["small"], "color": theme.muted}},
        )  # fmt: skip
        figure.update_layout(_map_axes(number, len(titles), theme))
        if not guideline:
            _numbers(figure, number, values, most, theme)
        _frame(figure, number, cells, theme)
        start, stop = _across(number, len(titles))
        figure.add_annotation(
            text=_in_lines(titles[number - 1]), x=(start + stop) / 2, y=1, xref="paper", yref="paper", xanchor="center",
            yanchor="bottom", yshift=6, showarrow=False, font={"size": FONT_SIZE["text"], "color": theme.ink},
        )  # fmt: skip
    figure.update_layout(bar_layout(theme, MAP_HEIGHT_PX))
    top_px = TITLE_LINE_PX * max(_in_lines(title).count("<br>") + 1 for title in titles)
    figure.update_layout(margin={"l": 34, "r": 4, "t": 12 + top_px, "b": 34})
    return figure


def score_rows(scores: Mapping[Series, pd.DataFrame], titles: Mapping[str, str], dark: bool = False) -> go.Figure:
    """A row a score: its mean with interval, a diamond for the average heatmap, a tick for chance.

    scores: whose heatmaps -> columns score, value, low, high, average, chance.
    """
    theme = theme_of(dark)
    figure = go.Figure()
    names = list(titles)
    apart = 0.3 / max(1, len(scores) - 1) if len(scores) > 1 else 0
    for place, (series, frame) in enumerate(scores.items()):
        rows = frame.set_index("score").loc[names]
        y = np.arange(len(names))[::-1] + (0.15 - place * apart if apart else 0)
        colour = series.colour(theme)
        figure.add_scatter(
            x=[edge for at in rows["chance"] for edge in (at, at, None)],
            y=[edge for at in y for edge in (at - 0.13, at + 0.13, None)],
            mode="lines", line={"color": theme.muted, "width": 2}, hoverinfo="skip",
        )  # fmt: skip
        figure.add_scatter(
            x=rows["average"], y=y, mode="markers", hovertemplate="average heatmap %{x:.3f}<extra></extra>",
            marker={"symbol": "diamond-open", "size": 9, "color": theme.ink, "line": {"width": 1.5}},
        )  # fmt: skip
        figure.add_scatter(
            x=rows["value"], y=y, mode="markers", marker={"size": 10, "color": colour},
            error_x={"type": "data", "symmetric": False, "array": rows["high"] - rows["value"],
                     "arrayminus": rows["value"] - rows["low"], "color": colour, "thickness": 2, "width": 5},
            customdata=rows[["low", "high", "chance", "average"]],
            hovertemplate=f"<b>{series.title}</b><br>%{{x:.3f}} (%{{customdata[0]:.3f}} to %{{customdata[1]:.3f}})<br>"
            "by chance %{customdata[2]:.3f}, average heatmap %{customdata[3]:.3f}<extra></extra>",
        )  # fmt: skip
    for place, name in enumerate(names[::-1]):
        figure.add_annotation(
            text=titles[name], x=0, y=place + 0.36, xref="x", yref="y", xanchor="left", showarrow=False,
            font={"size": FONT_SIZE["small"], "color": theme.ink},
        )  # fmt: skip
    figure.update_layout(bar_layout(theme, SCORE_ROW_PX * len(names) + FOOT_PX))
    figure.update_layout(
        margin={"l": 4, "r": 12, "t": 4, "b": 22},
        xaxis=axis(theme, range=[-0.01, 1.01]),
        yaxis={"visible": False, "range": [-0.5, len(names) - 0.35]},
    )
    return figure


def lead_ranking(
    shares: Mapping[Series, np.ndarray], average: np.ndarray, expected: Sequence[str], dark: bool = False
) -> go.Figure:
    """The share of each lead (12,), in %: a bar a lead and heatmap, a diamond for the average; expected leads in bold."""
    theme = theme_of(dark)
    figure = go.Figure()
    for series, own in shares.items():
        figure.add_bar(
            x=list(LEADS), y=100 * own, marker={"color": series.colour(theme), "line": {"width": 0}}, name=series.title,
            hovertemplate=f"<b>{series.title}</b><br>%{{x}} %{{y:.1f}} %<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=list(LEADS), y=100 * average, mode="markers", hovertemplate="average heatmap, %{x} %{y:.1f} %<extra></extra>",
        marker={"symbol": "diamond-open", "size": 9, "color": theme.ink, "line": {"width": 1.5}},
    )  # fmt: skip
    most = 100 * max(average.max(), *(own.max() for own in shares.values()))
    figure.update_layout(bar_layout(theme, LEADS_HEIGHT_PX))
    figure.update_layout(
        barmode="group", bargap=0.35, bargroupgap=0.05, margin={"l": 36, "r": 4, "t": 8, "b": 38},
        xaxis=axis(theme, showgrid=False, tickangle=0, tickfont={"size": FONT_SIZE["small"], "color": theme.ink})
        | lead_ticks(expected),
        yaxis=axis(theme, range=[0, 1.1 * most], ticksuffix=" %", nticks=5),
    )  # fmt: skip
    return figure


def record_cloud(
    records: Mapping[Series, pd.DataFrame], score: str, title: str, label: str, chance: float, dark: bool = False
) -> go.Figure:
    """A point a record: its score across, the model's probability of `label` up; columns ecg_id, probability, `score`."""
    theme = theme_of(dark)
    figure = go.Figure()
    for series, frame in records.items():
        figure.add_scatter(
            x=frame[score], y=frame["probability"], mode="markers", customdata=frame["ecg_id"], name=series.title,
            marker={"size": 7, "color": series.colour(theme), "opacity": 0.6,
                    "symbol": "circle" if series.place == 0 else "square-open"},
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 0.6}},
            hovertemplate=f"<b>record %{{customdata}}</b><br>{title.lower()} %{{x:.2f}}<br>probability of {label} "
            "%{y:.2f}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(bar_layout(theme, RECORDS_HEIGHT_PX))
    figure.update_layout(
        margin={"l": 44, "r": 8, "t": 6, "b": FOOT_PX},
        xaxis=axis(theme, range=[-0.01, 1.01], title=axis_title(title, theme)),
        yaxis=axis(theme, range=[-0.02, 1.03], title=axis_title(f"Probability of {label}", theme)),
    )
    figure.add_vline(x=chance, line={"color": theme.muted, "width": 1, "dash": "dot"}, layer="below")
    return figure


def _map_axes(number: int, count: int, theme: Theme) -> dict:
    small = {"size": FONT_SIZE["small"], "color": theme.ink}
    common = {"showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True, "tickfont": small}
    return {
        f"xaxis{number}": {**common, **_ticks(SEGMENTS), "domain": _across(number, count), "anchor": f"y{number}",
                           "autotickangles": [0, 90], "range": [-0.55, len(SEGMENTS) - 0.45]},
        f"yaxis{number}": {**common, **_ticks(LEADS), "anchor": f"x{number}", "range": [len(LEADS) - 0.45, -0.55],
                           "showticklabels": number == 1},
    }  # fmt: skip


def _in_lines(title: str) -> str:
    """A model and its method under each other, and a long name in two, since such titles do not fit beside each other."""
    model, *method = title.split(" · ")
    if "_" in model and len(model) > LONGEST_IN_A_LINE:
        model = "_<br>".join(model.rsplit("_", 1))
    return "<br>".join([model, *method])


def _ticks(names: Sequence[str]) -> dict:
    return {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": list(names)}


def _across(number: int, count: int) -> list[float]:
    """The part of the width that the map has."""
    width = (0.97 - PANEL_GAP * (count - 1)) / count
    start = (number - 1) * (width + PANEL_GAP)
    return [start, start + width]


def _numbers(figure: go.Figure, number: int, values: np.ndarray, most: float, theme: Theme) -> None:
    """The shares as whole numbers, in the ink that the cell's colour leaves legible."""
    shown = [(row, column) for row, column in np.ndindex(values.shape) if values[row, column] >= LEAST_NUMBER]
    colours = band_colours(theme, COLOURS)
    inks = []
    for row, column in shown:
        red, green, blue, alpha = colours[round(values[row, column] / most * (COLOURS - 1))]
        light = alpha * (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255 + (1 - alpha) * (theme.name == "light")
        inks.append("#0b0c0e" if light > 0.45 else "#f4f6f8")
    figure.add_scatter(
        x=[column for _, column in shown], y=[row for row, _ in shown], mode="text", hoverinfo="skip",
        text=[f"{values[place]:.0f}" for place in shown], xaxis=f"x{number}", yaxis=f"y{number}",
        textfont={"size": FONT_SIZE["number"], "color": inks},
    )  # fmt: skip


def _frame(figure: go.Figure, number: int, cells: np.ndarray, theme: Theme) -> None:
    """A line round the guideline's places: along every edge between one and a cell that is none."""
    padded = np.pad(cells, 1)
    x, y = [], []
    for row, column in np.argwhere(cells):
        for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            if not padded[row + 1 + down, column + 1 + across]:
                ends = ((column + across / 2 - abs(down) / 2, row + down / 2 - abs(across) / 2),
                        (column + across / 2 + abs(down) / 2, row + down / 2 + abs(across) / 2))  # fmt: skip
                x += [ends[0][0], ends[1][0], None]
                y += [ends[0][1], ends[1][1], None]
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"color": theme.caliper, "width": 2}, hoverinfo="skip",
        xaxis=f"x{number}", yaxis=f"y{number}", cliponaxis=False,
    )  # fmt: skip
