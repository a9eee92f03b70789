"""How training runs went, in Plotly: one measure over the epochs, a line a run."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from imle.figures.bars import axis, axis_title, bar_layout
from imle.figures.compare import Series, dash_text
from imle.figures.theme import theme_of

CONFIG = {"displayModeBar": False, "responsive": True}
HEIGHT_PX = 220
# Up to so many points are drawn as points: a line of one would not be seen.
POINTS = 40


def run_curves(runs: Mapping[Series, pd.DataFrame], title: str, decimals: int, dark: bool = False) -> go.Figure:
    """A line a run from frames whose columns are epoch (fractions within one) and the measure; `title` names that."""
    theme = theme_of(dark)
    figure = go.Figure()
    for series, frame in runs.items():
        figure.add_scatter(
            x=frame["epoch"], y=frame.iloc[:, 1], name=series.caption,
            mode="lines+markers" if len(frame) <= POINTS else "lines", marker={"size": 6},
            line={"color": series.colour(theme), "width": 2, "dash": dash_text(series.dashes)},
            hovertemplate=f"<b>{series.caption}</b><br>epoch %{{x:.2f}}<br>%{{y:.{decimals}f}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(bar_layout(theme, HEIGHT_PX))
    figure.update_layout(
        margin={"l": 56, "r": 8, "t": 8, "b": 40},
        xaxis=axis(theme, title=axis_title("Epoch", theme), rangemode="tozero"),
        yaxis=axis(theme, title=axis_title(title, theme)),
    )
    return figure
