"""The symbol by which a model's dots are known in the figure beside the table, as HTML."""

from __future__ import annotations

from imle.figures.compare import Series
from imle.figures.theme import theme_of

# Plotly's symbols as CSS cuts them out of a square.
OUTLINES = {
    "circle": "circle(50%)",
    "triangle-up": "polygon(50% 4%, 100% 92%, 0 92%)",
    "square": "inset(8%)",
    "bowtie": "polygon(0 0, 100% 100%, 100% 0, 0 100%)",
    "diamond": "polygon(50% 0, 100% 50%, 50% 100%, 0 50%)",
    "triangle-down": "polygon(0 8%, 100% 8%, 50% 96%)",
    "x": "polygon(24% 0, 50% 26%, 76% 0, 100% 24%, 74% 50%, 100% 76%, 76% 100%, 50% 74%, 24% 100%, 0 76%, 26% 50%, 0 24%)",
    "hourglass": "polygon(0 0, 100% 0, 0 100%, 100% 100%)",
}
SHAPE = "display: inline-block; width: 0.6rem; height: 0.6rem; margin-right: 0.5rem"


def symbol(series: Series, dark: bool) -> str:
    """The model's symbol in its colour."""
    drawn = f"background: {series.colour(theme_of(dark))}; clip-path: {OUTLINES[series.symbol]}"
    return f"<span style='{SHAPE}; {drawn}'></span>"
