"""The maps of the guidelines page as a picture, by Matplotlib: for a slide or a paper."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import numpy as np

from imle.figures.theme import band_colours, theme_of
from imle.leads import LEADS
from imle.measure.segments import SEGMENTS

INCHES_A_MAP, HEIGHT_IN, DPI = 3.0, 4.6, 200
COLOURS = 256


def agreement_png(panels: Mapping[str, np.ndarray], cells: np.ndarray, title: str, dark: bool = False) -> bytes:
    """PNG of (12, 6) shares by title beside each other on one scale, `cells` (12, 6) bool framed in each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    theme = theme_of(dark)
    colours = np.array([(*np.array(colour[:3]) / 255, colour[3]) for colour in band_colours(theme, COLOURS)])
    most = max(100 * shares.max() for shares in panels.values())
    figure = Figure(figsize=(INCHES_A_MAP * len(panels) + 0.8, HEIGHT_IN), facecolor=theme.paper, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (name, shares) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(100 * shares, cmap=ListedColormap(colours), vmin=0, vmax=most, aspect="auto")
        axis.set_title(name, fontsize=10, color=theme.ink)
        axis.set_xticks(range(len(SEGMENTS)), SEGMENTS)
        axis.set_yticks(range(len(LEADS)), LEADS)
        axis.tick_params(length=0, labelsize=9, colors=theme.ink)
        axis.set_facecolor(theme.paper)
        axis.contour(*_fine(cells), levels=[0.5], colors=[theme.caliper], linewidths=1.5)
        for spine in axis.spines.values():
            spine.set_color(theme.rule)
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01, format="%g %%")
    bar.ax.tick_params(length=0, labelsize=8, colors=theme.muted)
    bar.outline.set_visible(False)
    figure.suptitle(title, fontsize=11, color=theme.ink)
    figure.supxlabel(
        "Framed: the guideline's places. Research use only, not a medical device.", fontsize=7, color=theme.muted
    )
    out = BytesIO()
    figure.savefig(out, dpi=DPI, format="png")
    return out.getvalue()


def _fine(cells: np.ndarray, times: int = 40):
    """x, y and values of the cells on a grid so fine that a contour follows their edges."""
    fine = np.pad(np.kron(cells, np.ones((times, times))), 1)
    y, x = ((np.arange(size) - 1 + 0.5) / times - 0.5 for size in fine.shape)
    return x, y, fine
