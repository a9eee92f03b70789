"""Bars beside the sheet, in Plotly: each lead's importance, and each label's probability with its threshold."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import plotly.graph_objects as go

from imle.figures.theme import FONT, FONT_SIZE, HALO, Theme, hover_label, theme_of
from imle.labels import LABEL_TITLES
from imle.leads import LEADS

LEAD_HEIGHT_PX = 220
LABEL_ROW_PX = 40
LABEL_FOOT_PX = 30

CONFIG = {"displayModeBar": False, "responsive": True}

BAR_THICKNESS = 0.26
THRESHOLD_REACH = 0.22
TITLE_RISE = 0.44
NUMBER_END = 1.15  # of the probability axis; the room right of 1 holds the number


def lead_bars(
    importance: Mapping[str, float],
    expected: Collection[str] = (),
    dark: bool = False,
    caption: str = "channel attention",
) -> go.Figure:
    """What each lead has of `caption` (sums to 1): a bar a lead in lead order, its number, and the equal share of 1/12.

    expected: leads to mark, those where a guideline says to look.
    """
    theme = theme_of(dark)
    shares = [importance[lead] for lead in LEADS]
    equal = 1 / len(LEADS)
    figure = go.Figure(
        go.Bar(
            x=list(LEADS),
            y=shares,
            text=[f"{share:.2f}" for share in shares],
            textposition="outside",
            textangle=0,
            # Stays readable where the line of the equal share runs through it.
            textfont={"size": FONT_SIZE["number"], "color": theme.ink, "shadow": HALO.format(theme.paper)},
            constraintext="none",
            cliponaxis=False,
            marker={"color": theme.accent, "line": {"width": 0}},
            hovertemplate=f"<b>%{{x}}</b>  %{{y:.3f}}: {caption}<extra></extra>",
        )
    )
    figure.update_layout(bar_layout(theme, LEAD_HEIGHT_PX))
    figure.update_layout(
        bargap=0.35,
        margin={"l": 4, "r": 4, "t": 22, "b": 36 if expected else 24},
        yaxis={"visible": False, "range": [0, max(*shares, equal * 1.5) * 1.12]},
        xaxis={"showgrid": False, "showline": True, "linecolor": theme.rule, "ticks": "", "tickangle": 0,
               "tickfont": {"size": FONT_SIZE["small"], "color": theme.ink}, **lead_ticks(expected)},
    )  # fmt: skip
    figure.add_hline(y=equal, line={"color": theme.muted, "width": 1, "dash": "dot"}, layer="below")
    figure.add_annotation(
        text=f"equal share 1/12 = {equal:.2f} (dotted)", xref="paper", yref="paper", x=1, y=1, xanchor="right",
        yanchor="bottom", yshift=4, showarrow=False, font={"size": FONT_SIZE["small"], "color": theme.muted},
    )  # fmt: skip
    return figure


def probability_bars(
    probabilities: Mapping[str, float],
    thresholds: Mapping[str, float],
    known: Collection[str] | None = None,
    dark: bool = False,
    known_by: str = "cardiologists",
) -> go.Figure:
    """A row a label: its title and code, its probability as bar and number, its threshold as a tick.

    `known` are the labels the record came with, marked by a tick and who gave them (`known_by`); None where there
    are none to compare with.
    """
    theme = theme_of(dark)
    labels = list(probabilities)
    rows = list(range(len(labels)))[::-1]
    above = [probabilities[label] >= thresholds[label] for label in labels]
    figure = go.Figure()
    figure.add_bar(
        x=[1.0] * len(rows), y=rows, orientation="h", width=BAR_THICKNESS, hoverinfo="skip", name="scale",
        marker={"color": theme.track, "line": {"width": 0}},
    )  # fmt: skip
    figure.add_bar(
        x=[probabilities[label] for label in labels],
        y=rows,
        orientation="h",
        width=BAR_THICKNESS,
        marker={"color": [theme.accent if over else theme.quiet for over in above], "line": {"width": 0}},
        customdata=[[LABEL_TITLES.get(label, label), thresholds[label]] for label in labels],
        hovertemplate="<b>%{customdata[0]}</b>  %{x:.3f}<br>threshold %{customdata[1]:.3f}<extra></extra>",
        name="probability",
    )
    figure.add_scatter(
        x=[edge for label in labels for edge in (thresholds[label], thresholds[label], None)],
        y=[edge for row in rows for edge in (row - THRESHOLD_REACH, row + THRESHOLD_REACH, None)],
        mode="lines", line={"color": theme.ink, "width": 2}, hoverinfo="skip", name="threshold",
    )  # fmt: skip
    figure.update_layout(bar_layout(theme, LABEL_ROW_PX * len(rows) + LABEL_FOOT_PX))
    figure.update_layout(
        barmode="overlay",
        margin={"l": 4, "r": 8, "t": 4, "b": LABEL_FOOT_PX - 4},
        xaxis={"visible": False, "range": [0, NUMBER_END]},
        yaxis={"visible": False, "range": [-0.35, len(rows) - 0.25]},
    )
    for label, row, over in zip(labels, rows, above, strict=True):
        number = f"{probabilities[label]:.2f}"
        figure.add_annotation(row_text(0, row + TITLE_RISE, title_text(label, theme), "left"))
        figure.add_annotation(row_text(NUMBER_END, row, f"<b>{number}</b>" if over else number, "right"))
        if label in (known or ()):
            figure.add_annotation(row_text(NUMBER_END, row + TITLE_RISE, f"<b>✓ {known_by}</b>", "right"))
    figure.add_annotation(
        text="┃ threshold", xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="top", yshift=-2,
        showarrow=False, font={"size": FONT_SIZE["small"], "color": theme.muted},
    )  # fmt: skip
    return figure


def lead_ticks(expected: Collection[str]) -> dict:
    """An axis of the twelve leads, those of `expected` in bold over a tick."""
    texts = [f"<b>{lead}</b><br>✓" if lead in expected else lead for lead in LEADS]
    return {"tickmode": "array", "tickvals": list(LEADS), "ticktext": texts}


def title_text(label: str, theme: Theme) -> str:
    return f"{LABEL_TITLES.get(label, label)} <span style='color:{theme.muted}'>{label}</span>"


def row_text(x: float, y: float, text: str, anchor: str) -> dict:
    return {"text": text, "x": x, "y": y, "xanchor": anchor, "yanchor": "middle", "showarrow": False}


def bar_layout(theme: Theme, height_px: int) -> dict:
    return {
        "height": height_px,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": FONT_SIZE["text"], "color": theme.ink},
        "showlegend": False,
        "hoverlabel": hover_label(theme),
        "dragmode": False,
    }


def axis(theme: Theme, **more) -> dict:
    """A quiet axis with grid lines that cannot be dragged."""
    return {
        "gridcolor": theme.rule, "gridwidth": 0.5, "zeroline": False, "ticks": "", "linecolor": theme.rule,
        "tickfont": {"size": FONT_SIZE["small"], "color": theme.muted}, "fixedrange": True, **more,
    }  # fmt: skip


def axis_title(text: str, theme: Theme) -> dict:
    return {"text": text, "font": {"size": FONT_SIZE["small"], "color": theme.muted}, "standoff": 6}
