"""Tables of figures with their intervals, as HTML: quiet, aligned by their decimals, wide ones scroll in their own box."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import pandas as pd
import streamlit as st

from imle.figures.compare import Series
from imle.figures.theme import Theme, theme_of
from imle.measure import signed

NONE = "–"


def figure_table(name: str, head: Sequence[str], rows: Iterable[str], dark: bool) -> None:
    """A table from cells and rows made by the functions below; `name` is read to those who do not see it."""
    top = "".join(f"<th scope='col'>{title}</th>" for title in head)
    st.html(
        f'<div class="figures" style="{_colours(dark)}"><table aria-label="{escape(name)}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(title: str, *cells: str) -> str:
    return f"<tr><th scope='row'>{title}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def group_row(title: str, note: str, columns: int) -> str:
    """A line over the rows that follow: what they have in common."""
    shown = f"{escape(title)} <i>{escape(note)}</i>" if note else escape(title)
    return f"<tr class='group'><th colspan='{columns}' scope='rowgroup'>{shown}</th></tr>"


def figure(value: float | None, low: float = np.nan, high: float = np.nan, decimals: int = 4, scale: float = 1) -> str:
    """A number, and its interval in quieter letters where there is one."""
    if value is None or np.isnan(value):
        return NONE
    number = f"<b>{value * scale:.{decimals}f}</b>"
    if np.isnan(low) or np.isnan(high):
        return number
    return f"{number} <i>{low * scale:.{decimals}f}–{high * scale:.{decimals}f}</i>"


def gain(value: float, low: float, high: float) -> str:
    """A difference with its sign, and its interval in quieter letters."""
    return f"<b>{signed(value)}</b> <i>{signed(low)} to {signed(high)}</i>"


def gain_alone(value: float) -> str:
    """A difference with its sign."""
    return f"<b>{signed(value)}</b>"


def model_title(series: Series, dark: bool) -> str:
    """A sample of the model's line, its title, and how far an unfinished one came."""
    return f"{_sample(series, theme_of(dark))}{bare_title(series)}"


def bare_title(series: Series) -> str:
    """The same without the line."""
    mark = f" <i>{escape(series.unfinished)}</i>" if series.unfinished else ""
    return f"{escape(series.title)}{mark}"


def legend(models: Iterable[Series], dark: bool) -> None:
    """The models' lines and titles in one line, for all pictures below it."""
    shown = "".join(f"<span>{model_title(series, dark)}</span>" for series in models)
    st.html(f'<div class="legend" style="{_colours(dark)}" role="group" aria-label="Models">{shown}</div>')


def model_columns(name: str, frame: pd.DataFrame, models: Sequence[Series], dark: bool) -> None:
    """A table with a column a model, from rows of model, group, row, records, value, low, high."""
    columns = 2 + len(models)
    rows = []
    for group, own in frame.groupby("group", sort=False):
        rows.append(group_row(group, "", columns))
        for title, found in own.groupby("row", sort=False):
            by_model = found.set_index("model")
            cells = [
                figure(*by_model.loc[series.title, ["value", "low", "high"]].astype(float), decimals=3)
                if series.title in by_model.index else NONE
                for series in models
            ]  # fmt: skip
            rows.append(row(escape(title), f"{found['records'].iloc[0]:,}", *cells))
    figure_table(name, ["", "Records", *(model_title(series, dark) for series in models)], rows, dark)


def _colours(dark: bool) -> str:
    """The theme's quiet colours for style.css, which Streamlit gives to its components alone."""
    theme = theme_of(dark)
    return f"--muted: {theme.muted}; --rule: {theme.rule}"


def _sample(series: Series, theme: Theme) -> str:
    """A piece of the line as it is drawn: its colour, and its dashes as stripes."""
    colour, stripes, at = series.colour(theme), [], 0
    dashes = series.dashes or (26, 0)
    for place, length in enumerate(dashes):
        stripes.append(f"{colour if place % 2 == 0 else 'transparent'} {at}px {at + length}px")
        at += length
    return f"<span class='sample' style='background: repeating-linear-gradient(90deg, {', '.join(stripes)})'></span>"
