"""One explanation as a printed page: A4 landscape, the sheet with its heatmap, probabilities and leads, by Matplotlib.

Everything is placed in millimetres of paper, with the same geometry as the sheet on the screen.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Affine2D

from imle.explain.explanation import Explanation
from imle.explain.summary import SHARED_ATTENTION, caution, known_by, known_labels, summary
from imle.figures.geometry import Sheet, centred_mv, share_of_maximum
from imle.figures.levels import LEVEL_TITLES, legend_title
from imle.figures.theme import LIGHT, band_colours
from imle.labels import LABEL_TITLES
from imle.leads import LEADS

A4_MM = (297, 210)
DPI = 200
MM_PER_INCH = 25.4
BAND_GAP_MM = 0.6
BAR_MM = 2.8
LABEL_ROW_MM = 6.6  # title, gap and bar of one label
SENTENCE_CHARACTERS = 165
SIZE_PT = {"title": 13, "lead": 8.5, "text": 7.5, "small": 6.5}


@dataclass(frozen=True)
class Box:
    """A rectangle on the page in mm, from its lower left corner."""

    left: float
    foot: float
    width: float
    height: float


# Where the sheet may stand, and the bars with it: under a wide sheet, or beside a tall one.
ARRANGEMENTS = (
    {"sheet": Box(13.5, 57, 270, 135), "probabilities": Box(13.5, 13, 122, 36), "leads": Box(155, 13, 128.5, 27)},
    {"sheet": Box(10, 25, 208, 166), "probabilities": Box(226, 128, 61, 62), "leads": Box(226, 48, 61, 52)},
)


def save_png(explanation: Explanation, level: str, path, layout: str = "12x1") -> Path:
    """Write the page at `level` of attention, 2338 x 1653 pixels. BadChoice for an unknown level or layout."""
    sheet = Sheet(layout).with_room_for(explanation.ecg)
    heatmap = explanation.heatmap(level)
    arrangement = max(ARRANGEMENTS, key=lambda boxes: fitting(sheet, boxes["sheet"]))
    figure = Figure(figsize=[side / MM_PER_INCH for side in A4_MM], dpi=DPI, facecolor="white")
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, A4_MM[0]), ylim=(0, A4_MM[1]))
    page.axis("off")
    draw_head(page, explanation, arrangement["sheet"])
    draw_sheet(page, arrangement["sheet"], sheet, explanation, heatmap, LEVEL_TITLES[level])
    draw_probabilities(page, arrangement["probabilities"], explanation)
    draw_leads(page, arrangement["leads"], explanation.lead_importance)
    FigureCanvasAgg(figure).print_png(path)
    return Path(path)


def fitting(sheet: Sheet, box: Box) -> float:
    """The share of its true size at which a sheet fits a box, at most 1."""
    return min(1.0, box.width / sheet.width_mm, box.height / sheet.height_mm)


def draw_head(page: Axes, explanation: Explanation, box: Box) -> None:
    right = A4_MM[0] - box.left
    page.text(box.left, 202, f"ECG {explanation.ecg.id}", size=SIZE_PT["title"], weight="bold", color=LIGHT.ink)
    page.text(
        right, 202, f"{explanation.model} · {explanation.engine}", size=SIZE_PT["text"], color=LIGHT.muted, ha="right"
    )
    sentence = textwrap.fill(summary(explanation), SENTENCE_CHARACTERS)
    page.text(box.left, 198.5, sentence, size=SIZE_PT["text"], color=LIGHT.ink, va="top")
    note = f"{SHARED_ATTENTION} {caution(explanation.ecg)}"
    page.text(box.left, 5.5, note, size=SIZE_PT["small"], color=LIGHT.muted)


def draw_sheet(
    page: Axes, box: Box, sheet: Sheet, explanation: Explanation, heatmap: np.ndarray, level_title: str
) -> None:
    """The sheet at the top of its box, as near to true size as fits, with its scale and legend under it."""
    share_of_size = fitting(sheet, box)
    foot = box.foot + box.height - sheet.height_mm * share_of_size
    width = sheet.width_mm * share_of_size
    place = Affine2D().scale(share_of_size).translate(box.left, foot) + page.transData
    draw_grid(page, sheet, place)
    draw_bands(page, sheet, share_of_maximum(heatmap), place)
    signal_mv, fs_hz = centred_mv(explanation.ecg), explanation.ecg.fs_hz
    lines = [np.column_stack(sheet.line(signal_mv, fs_hz, panel)) for panel in sheet.panels]
    lines += [np.column_stack(sheet.calibration()), np.column_stack(sheet.separators())]
    page.add_collection(
        LineCollection(lines, colors=LIGHT.trace, linewidths=0.7, transform=place, joinstyle="round", zorder=3)
    )
    for panel in sheet.panels:
        x_mm, y_mm = sheet.x_mm(panel.start_s) + 1, sheet.row_foot_mm(panel.row) + sheet.row_mm - 1
        page.text(
            x_mm, y_mm, panel.lead, size=SIZE_PT["lead"], weight="bold", color=LIGHT.ink, va="top", transform=place,
            zorder=4, path_effects=[withStroke(linewidth=1.6, foreground=LIGHT.paper)],
        )  # fmt: skip
    true_size = "true to scale on A4" if share_of_size == 1 else f"{share_of_size:.0%} of true size on A4"
    scale = f"{sheet.scale_text(explanation.ecg)} · {true_size}"
    page.text(box.left, foot - 1.5, scale, size=SIZE_PT["small"], color=LIGHT.muted, va="top")
    draw_legend(page, Box(box.left + width - 80, foot - 6.5, 80, 1.8), level_title)


def draw_grid(page: Axes, sheet: Sheet, place) -> None:
    paper = Rectangle((0, 0), sheet.width_mm, sheet.height_mm, transform=place, color=LIGHT.paper, zorder=0)
    page.add_patch(paper)
    for step_mm, colour, width_pt in ((1, LIGHT.grid_minor, 0.35), (5, LIGHT.grid_major, 0.5)):
        across = [[(x, 0), (x, sheet.height_mm)] for x in np.arange(0, sheet.width_mm + 0.1, step_mm)]
        up = [[(0, y), (sheet.width_mm, y)] for y in np.arange(0, sheet.height_mm + 0.1, step_mm)]
        page.add_collection(LineCollection(across + up, colors=colour, linewidths=width_pt, transform=place, zorder=1))


def draw_bands(page: Axes, sheet: Sheet, share: np.ndarray, place) -> None:
    """Each row's heatmap behind its traces; a cell is centred on its sample."""
    cell_mm = sheet.speed_mm_s * 10 / share.shape[1]
    for row, values in enumerate(sheet.rows_of(share)):
        foot_mm = sheet.row_foot_mm(row) + BAND_GAP_MM / 2
        left_mm = float(sheet.x_mm(0)) - cell_mm / 2
        page.imshow(
            values[None],
            extent=(left_mm, left_mm + cell_mm * len(values), foot_mm, foot_mm + sheet.row_mm - BAND_GAP_MM),
            cmap=heat_map(), vmin=0, vmax=1, aspect="auto", interpolation="nearest", transform=place, zorder=2,
            clip_on=False,
        )  # fmt: skip
    page.set(xlim=(0, A4_MM[0]), ylim=(0, A4_MM[1]))


def heat_map() -> ListedColormap:
    return ListedColormap([(r / 255, g / 255, b / 255, alpha) for r, g, b, alpha in band_colours(LIGHT, 256)])


def draw_legend(page: Axes, box: Box, level_title: str) -> None:
    """The colour bar with its numbers and what it shows."""
    extent = (box.left, box.left + box.width, box.foot, box.foot + box.height)
    page.imshow(np.linspace(0, 1, 256)[None], extent=extent, cmap=heat_map(), aspect="auto", zorder=2)
    page.set(xlim=(0, A4_MM[0]), ylim=(0, A4_MM[1]))
    page.add_patch(
        Rectangle((box.left, box.foot), box.width, box.height, fill=False, edgecolor=LIGHT.rule, linewidth=0.5)
    )
    style = {"size": SIZE_PT["small"], "color": LIGHT.muted}
    page.text(box.left + box.width, box.foot + box.height + 0.8, legend_title(level_title), ha="right", **style)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        page.text(box.left + tick * box.width, box.foot - 0.8, f"{tick:g}", ha="center", va="top", **style)


def draw_probabilities(page: Axes, box: Box, explanation: Explanation) -> None:
    """A row a label: title, code and the known label's mark above; bar, threshold and number below."""
    known = known_labels(explanation.ecg) or ()
    pitch_mm = box.height / len(explanation.probabilities)
    scale_mm = box.width - 10
    for i, (label, probability) in enumerate(explanation.probabilities.items()):
        foot = box.foot + box.height - i * pitch_mm - LABEL_ROW_MM
        threshold = explanation.thresholds[label]
        over = probability >= threshold
        for width, colour in ((1, LIGHT.track), (probability, LIGHT.accent if over else LIGHT.quiet)):
            page.add_patch(Rectangle((box.left, foot), scale_mm * width, BAR_MM, color=colour, linewidth=0))
        tick = box.left + threshold * scale_mm
        page.plot([tick, tick], [foot - 0.5, foot + BAR_MM + 0.5], color=LIGHT.ink, linewidth=1.2)
        title = f"{LABEL_TITLES.get(label, label)}  {label}"
        page.text(box.left, foot + BAR_MM + 1.2, title, size=SIZE_PT["text"], color=LIGHT.ink)
        page.text(
            box.left + box.width, foot + BAR_MM / 2, f"{probability:.2f}", size=SIZE_PT["text"], color=LIGHT.ink,
            ha="right", va="center", weight="bold" if over else "normal",
        )  # fmt: skip
        if label in known:
            page.text(
                box.left + box.width, foot + BAR_MM + 1.2, f"✓ {known_by(explanation.ecg)}", size=SIZE_PT["small"],
                color=LIGHT.ink, ha="right", weight="bold",
            )  # fmt: skip
    page.text(box.left, foot - 2, "┃ threshold", size=SIZE_PT["small"], color=LIGHT.muted, va="top")


def draw_leads(page: Axes, box: Box, importance: dict[str, float]) -> None:
    """A bar a lead in lead order, its number above it, and the equal share of 1/12 as a dotted line."""
    equal = 1 / len(LEADS)
    per_mm = (box.height - 4) / max(*importance.values(), 1.5 * equal)
    pitch = box.width / len(LEADS)
    size_pt = min(SIZE_PT["small"], pitch * 1.12)  # neighbouring numbers stay apart
    for i, lead in enumerate(LEADS):
        left, height = box.left + pitch * (i + 0.18), importance[lead] * per_mm
        page.add_patch(Rectangle((left, box.foot), pitch * 0.64, height, color=LIGHT.accent, linewidth=0, zorder=2))
        middle = left + pitch * 0.32
        style = {"size": size_pt, "color": LIGHT.ink, "ha": "center"}
        page.text(middle, box.foot + height + 0.6, f"{importance[lead]:.2f}", zorder=3, **style)
        page.text(middle, box.foot - 1, lead, va="top", **style)
    right = box.left + box.width
    page.plot([box.left, right], [box.foot + equal * per_mm] * 2, color=LIGHT.muted, linewidth=0.7, linestyle=":")
    page.plot([box.left, right], [box.foot] * 2, color=LIGHT.rule, linewidth=0.7)
    caption = f"lead importance (channel attention)\ndotted: an equal share, 1/12 = {equal:.2f}"
    page.text(right, box.foot + box.height + 1, caption, size=SIZE_PT["small"], color=LIGHT.muted, ha="right")
