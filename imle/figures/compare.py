"""Several models in one picture, in Plotly: figures by label with intervals, curves of one label, paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from imle.figures.bars import axis, axis_title, bar_layout
from imle.figures.theme import FONT_SIZE, Theme, theme_of

CONFIG = {"displayModeBar": False, "responsive": True}
DOTS_HEIGHT_PX = 360
CURVE_HEIGHT_PX = 300
DIFFERENCE_ROW_PX = 34
FOOT_PX = 44
# Of the room that a label has across: what its dots share, what one of them takes at most, what a line over them reaches.
DOTS_SHARE, LANE, LINE_SHARE = 0.84, 0.2, 0.92
DOT_PX = 8
# The grid is seen through it.
BAND_OPACITY = 0.7
# The axis begins no higher, so that equal figures do not look far apart.
LATEST_BEGIN = 0.9

# Lengths drawn and left out, in pixels, as SVG and Plotly take them; a line is told by colour and by dashes.
DASHES = ((), (8, 4), (2, 3), (8, 3, 2, 3), (14, 4), (4, 2))
# As Plotly calls them; a dot is told by colour, by symbol and by its place. Neighbours are unlike, and none is a part of
# the interval that runs through it, as a cross would be.
SYMBOLS = ("circle", "triangle-up", "square", "bowtie", "diamond", "triangle-down", "x", "hourglass")
# Up to so many dots beside each other have room for their numbers.
NUMBERED_DOTS = 1


@dataclass(frozen=True)
class Series:
    """A model in a picture. place: its number among all models, which decides colour, dashes and symbol. unfinished: why
    its figures are to be read with care, as `unfinished, 6 of 40 epochs`; empty for a finished one.
    """

    title: str
    place: int
    unfinished: str = ""

    @property
    def caption(self) -> str:
        return f"{self.title} ({self.unfinished})" if self.unfinished else self.title

    def colour(self, theme: Theme) -> str:
        return theme.series[self.place % len(theme.series)]

    @property
    def dashes(self) -> tuple[int, ...]:
        return DASHES[self.place % len(DASHES)]

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.place % len(SYMBOLS)]


@dataclass(frozen=True)
class Axes:
    """What two axes over 0..1 show, and how a point of a curve reads when it is pointed at."""

    x: str
    y: str
    hover: str


ROC_AXES = Axes(
    "1 − specificity", "Sensitivity", "1 − specificity %{x:.3f}<br>sensitivity %{y:.3f}<br>threshold %{customdata:.3f}"
)
PRECISION_RECALL_AXES = Axes(
    "Sensitivity (recall)", "Precision", "sensitivity %{x:.3f}<br>precision %{y:.3f}<br>threshold %{customdata:.3f}"
)
RELIABILITY_AXES = Axes(
    "Mean probability", "Share with the label", "mean probability %{x:.3f}<br>share %{y:.3f}<br>%{customdata} records"
)


def class_dots(
    figures: Mapping[Series, pd.DataFrame],
    title: str,
    chance: Mapping[str, float] | None = None,
    published: Mapping[str, float] | None = None,
    dark: bool = False,
) -> go.Figure:
    """A group a label, in it a dot a model with its interval: columns label, value, low and high, in 0..1.

    The models stand in the order of `figures`; dots of unfinished ones are hollow. chance, published: by label, a dotted
    and a whole line across its group. The axis begins at the tenth below all that is drawn.
    """
    theme = theme_of(dark)
    labels = next(iter(figures.values()))["label"].tolist()
    lane = min(LANE, DOTS_SHARE / len(figures))
    figure = go.Figure()
    for number, (series, frame) in enumerate(figures.items()):
        across = np.arange(len(labels)) + lane * (number - (len(figures) - 1) / 2)
        figure.add_trace(_dots(series, frame, across, theme, numbered=len(figures) <= NUMBERED_DOTS))
    lines = (
        (chance or {}, {"color": theme.muted, "width": 1, "dash": "dot"}),
        (published or {}, {"color": theme.ink, "width": 1.5}),
    )
    for known, line in lines:
        for place, label in enumerate(labels):
            if label in known:
                _level(figure, place, known[label], line)
    begin = _begin([*figures.values()], [value for known, _ in lines for value in known.values()])
    figure.update_layout(bar_layout(theme, DOTS_HEIGHT_PX))
    figure.update_layout(
        margin={"l": 44, "r": 4, "t": 12, "b": 28},
        xaxis=axis(theme, showgrid=False, range=[-0.5, len(labels) - 0.5], tickvals=[*range(len(labels))], ticktext=labels),
        yaxis=axis(theme, range=[begin, 1.0], title=axis_title(title, theme)),
    )  # fmt: skip
    return figure


def unit_curves(
    curves: Mapping[Series, pd.DataFrame],
    axes: Axes,
    reference: Sequence[tuple[float, float]],
    point: tuple[Series, float, float] | None = None,
    markers: bool = False,
    band: pd.DataFrame | None = None,
    dark: bool = False,
) -> go.Figure:
    """Curves of one label within 0..1: the first two columns of each frame are drawn, the third is told when pointed at.

    reference: two points of a dotted line (chance, or perfect agreement). point: whose curve, and where on it, a ring
    stands. markers: also draw each row as a point, for curves of few rows. band: its columns, x, low and high, enclose a grey
    area behind all.
    """
    theme = theme_of(dark)
    figure = go.Figure()
    if band is not None:
        x, low, high = (band[column] for column in band.columns)
        figure.add_scatter(
            x=[*x, *x[::-1]], y=[*low, *high[::-1]], mode="lines", fill="toself",
            fillcolor=theme.rule, opacity=BAND_OPACITY, line={"width": 0}, hoverinfo="skip", name="band",
        )  # fmt: skip
    figure.add_scatter(
        x=[x for x, _ in reference], y=[y for _, y in reference], mode="lines", hoverinfo="skip", name="reference",
        line={"color": theme.muted, "width": 1, "dash": "dot"},
    )  # fmt: skip
    for series, frame in curves.items():
        x, y, told = (frame[column].to_numpy() for column in frame.columns[:3])
        figure.add_scatter(
            x=x.astype("float32"), y=y.astype("float32"), customdata=told, name=series.caption,
            mode="lines+markers" if markers else "lines",
            line={"color": series.colour(theme), "width": 2, "dash": dash_text(series.dashes)},
            marker={"size": 6, "symbol": series.symbol},
            hovertemplate=f"<b>{series.caption}</b><br>{axes.hover}<extra></extra>",
        )  # fmt: skip
    if point:
        series, x, y = point
        figure.add_scatter(
            x=[x], y=[y], mode="markers", hoverinfo="skip", name="threshold",
            marker={"size": 11, "color": theme.paper, "line": {"width": 2.5, "color": series.colour(theme)}},
        )  # fmt: skip
    figure.update_layout(bar_layout(theme, CURVE_HEIGHT_PX))
    figure.update_layout(
        margin={"l": 48, "r": 8, "t": 6, "b": FOOT_PX},
        xaxis=axis(theme, range=[0, 1], title=axis_title(axes.x, theme)),
        yaxis=axis(theme, range=[0, 1.01], title=axis_title(axes.y, theme)),
    )
    return figure


def difference_rows(differences: pd.DataFrame, title: str, dark: bool = False) -> go.Figure:
    """A row a difference: columns name, value, low and high, as point and interval beside a line at 0."""
    theme = theme_of(dark)
    rows = differences[::-1]
    figure = go.Figure(
        go.Scatter(
            x=rows["value"], y=rows["name"], mode="markers", marker={"size": 9, "color": theme.ink},
            error_x={"type": "data", "symmetric": False, "array": rows["high"] - rows["value"],
                     "arrayminus": rows["value"] - rows["low"], "color": theme.ink, "thickness": 1.5, "width": 4},
            customdata=rows[["low", "high"]],
            hovertemplate="<b>%{y}</b>  %{x:+.4f} (%{customdata[0]:+.4f} to %{customdata[1]:+.4f})<extra></extra>",
        )
    )  # fmt: skip
    reach = max(rows["high"].abs().max(), rows["low"].abs().max(), 1e-4) * 1.1
    figure.update_layout(bar_layout(theme, DIFFERENCE_ROW_PX * len(rows) + FOOT_PX))
    figure.update_layout(
        margin={"l": 60, "r": 8, "t": 6, "b": FOOT_PX},
        xaxis=axis(theme, range=[-reach, reach], tickformat="+.3f", nticks=7, title=axis_title(title, theme)),
        yaxis=axis(theme, showgrid=False),
    )
    figure.add_vline(x=0, line={"color": theme.muted, "width": 1, "dash": "dot"}, layer="below")
    return figure


def dash_text(dashes: Sequence[int]) -> str:
    """The dashes as Plotly takes them."""
    return ",".join(f"{length}px" for length in dashes) or "solid"


def _begin(frames: Sequence[pd.DataFrame], marks: Sequence[float]) -> float:
    """The tenth below all values, ends of intervals and `marks`; LATEST_BEGIN where that is higher."""
    drawn = [*pd.concat(frames)[["value", "low"]].to_numpy(float).ravel(), *marks]
    lowest = min((value for value in drawn if not math.isnan(value)), default=0.0)
    return min(math.floor(10 * lowest) / 10, LATEST_BEGIN)


def _level(figure: go.Figure, place: int, value: float, line: dict) -> None:
    """A line behind the group of dots at `place`."""
    reach = LINE_SHARE / 2
    figure.add_shape(type="line", x0=place - reach, x1=place + reach, y0=value, y1=value, layer="below", line=line)


def _dots(series: Series, frame: pd.DataFrame, across: np.ndarray, theme: Theme, numbered: bool) -> go.Scatter:
    colour = series.colour(theme)
    return go.Scatter(
        x=across,
        y=frame["value"],
        name=series.caption,
        mode="markers+text" if numbered else "markers",
        marker={
            "symbol": series.symbol,
            "size": DOT_PX,
            "color": theme.paper if series.unfinished else colour,
            "line": {"width": 1.5 if series.unfinished else 0, "color": colour},
        },
        error_y={
            "type": "data", "symmetric": False, "array": frame["high"] - frame["value"],
            "arrayminus": frame["value"] - frame["low"], "color": colour, "thickness": 1.5, "width": 3,
        },
        cliponaxis=False,  # a dot at 1 is seen whole
        text=[f"{value:.3f}" for value in frame["value"]] if numbered else None,
        textposition="middle right",
        textfont={"size": FONT_SIZE["small"], "color": theme.ink},
        customdata=frame[["label", "low", "high"]],
        hovertemplate=f"<b>{series.caption}</b><br>%{{customdata[0]}} %{{y:.4f}} (%{{customdata[1]:.4f}} to %{{customdata[2]:.4f}})"
        "<extra></extra>",
    )  # fmt: skip
