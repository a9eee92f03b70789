"""The ECG sheet on a page: grid, calibration, traces and heatmap, by Matplotlib, with the screen's geometry."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D, Transform

from imle.ecg import MODEL_FS_HZ, MODEL_SAMPLES, Ecg
from imle.figures.geometry import Panel, Sheet, centred_mv, share_of_maximum
from imle.figures.levels import legend_title
from imle.figures.report.page import SIZE_PT, Box, write, write_over
from imle.figures.theme import LIGHT, band_colours
from imle.leads import LEADS

TRACE_PT = 0.7
MARKER_PT = (2.5, 7)
COLOURS = 256
MARKER_COLOURS = 32
BAND_GAP_MM = 0.6
LEGEND_MM = (80, 1.8)
GRIDS = ((1, LIGHT.grid_minor, 0.35), (5, LIGHT.grid_major, 0.5))  # step in mm, colour, width in points


@dataclass(frozen=True)
class Overlay:
    """A heatmap as a sheet shows it: `share` of its maximum (12, 1000), as `band` or as `trace`, and how opaque."""

    share: np.ndarray
    kind: str
    opacity: float

    @classmethod
    def of(cls, heatmap: np.ndarray, kind: str = "band", opacity: float = 1.0) -> Overlay:
        return cls(share_of_maximum(heatmap), kind, opacity)

    @property
    def colours(self) -> ListedColormap:
        """From no attention to the maximum."""
        colours = band_colours(LIGHT, COLOURS if self.kind == "band" else MARKER_COLOURS, self.opacity)
        return ListedColormap([(r / 255, g / 255, b / 255, alpha) for r, g, b, alpha in colours])


def draw_sheet(
    page: Axes, sheet: Sheet, ecg: Ecg, overlay: Overlay | None, left_mm: float, foot_mm: float, size: float = 1
) -> None:
    """The sheet with its lower left corner at a place of the page, at `size` times its true size.

    A wave that leaves the sheet's paper is cut there; `beyond_paper` names its lead.
    """
    place = Affine2D().scale(size).translate(left_mm, foot_mm) + page.transData
    draw_grid(page, sheet, place)
    lines = panel_lines(sheet, ecg)
    if overlay and overlay.kind == "band":
        draw_bands(page, sheet, overlay, place)
    furniture = [np.column_stack(sheet.calibration()), np.column_stack(sheet.separators())]
    if overlay and overlay.kind == "trace":
        draw_markers(page, sheet, ecg, overlay, place)
    draw_plain(page, [line for _, line in lines] + furniture, place)
    draw_lead_names(page, sheet, place)


def panel_lines(sheet: Sheet, ecg: Ecg) -> list[tuple[Panel, np.ndarray]]:
    """Each panel with its line (n, 2) in mm of the sheet, kept on the sheet's paper."""
    signal_mv = centred_mv(ecg)
    lines = []
    for panel in sheet.panels:
        x_mm, y_mm = sheet.line(signal_mv, ecg.fs_hz, panel)
        lines.append((panel, np.column_stack([x_mm, np.clip(y_mm, 0, sheet.height_mm)])))
    return lines


def beyond_paper(sheet: Sheet, ecg: Ecg) -> list[str]:
    """The leads with a wave that leaves the sheet's paper, in the order of its panels."""
    signal_mv = centred_mv(ecg)
    leads = {}
    for panel in sheet.panels:
        _, y_mm = sheet.line(signal_mv, ecg.fs_hz, panel)
        if y_mm.min() < 0 or y_mm.max() > sheet.height_mm:
            leads[panel.lead] = True
    return list(leads)


def draw_grid(page: Axes, sheet: Sheet, place: Transform) -> None:
    paper = Rectangle((0, 0), sheet.width_mm, sheet.height_mm, transform=place, color=LIGHT.paper, zorder=0)
    page.add_patch(paper)
    for step_mm, colour, width_pt in GRIDS:
        across = [[(x, 0), (x, sheet.height_mm)] for x in np.arange(0, sheet.width_mm + 0.1, step_mm)]
        up = [[(0, y), (sheet.width_mm, y)] for y in np.arange(0, sheet.height_mm + 0.1, step_mm)]
        page.add_collection(LineCollection(across + up, colors=colour, linewidths=width_pt, transform=place, zorder=1))


def draw_bands(page: Axes, sheet: Sheet, overlay: Overlay, place: Transform) -> None:
    """Each row's heatmap behind its traces; a cell is centred on its sample."""
    cell_mm = sheet.speed_mm_s / MODEL_FS_HZ
    left_mm = float(sheet.x_mm(0)) - cell_mm / 2
    for row, values in enumerate(sheet.rows_of(overlay.share)):
        foot_mm = sheet.row_foot_mm(row) + BAND_GAP_MM / 2
        extent = (left_mm, left_mm + cell_mm * len(values), foot_mm, foot_mm + sheet.row_mm - BAND_GAP_MM)
        draw_strip(page, overlay.colours(values), extent, place)


def draw_strip(page: Axes, colours: np.ndarray, extent: tuple[float, float, float, float], place: Transform) -> None:
    """Colours (n, 4) from left to right over a rectangle, a picture of n cells that vector formats keep as it is."""
    page.imshow(
        colours[None], extent=extent, aspect="auto", interpolation="none", transform=place, zorder=2, clip_on=False
    )


def draw_plain(page: Axes, lines: list[np.ndarray], place: Transform) -> None:
    page.add_collection(
        LineCollection(lines, colors=LIGHT.trace, linewidths=TRACE_PT, transform=place, joinstyle="round", zorder=3)
    )


def draw_markers(page: Axes, sheet: Sheet, ecg: Ecg, overlay: Overlay, place: Transform) -> None:
    """The heatmap along the traces at 100 Hz, behind them, but its first colour, which cannot be seen.

    It widens with the value, so that it does not speak by colour alone.
    """
    pieces, levels = [], []
    for panel, line in panel_lines(sheet, ecg.at(MODEL_FS_HZ)):
        share = overlay.share[LEADS.index(panel.lead), sheet.samples(panel, MODEL_SAMPLES)]
        level = np.minimum((share * MARKER_COLOURS).astype(int), MARKER_COLOURS - 1)
        starts = np.r_[0, np.flatnonzero(np.diff(level)) + 1]
        # A piece ends on the first sample of the next, so that neighbouring colours meet.
        seen = [(first, after) for first, after in pairwise([*starts, len(line)]) if level[first]]
        pieces += [line[first : after + 1] for first, after in seen]
        levels += [level[first] for first, _ in seen]
    levels = np.array(levels, int)
    widths_pt, colours = np.linspace(*MARKER_PT, MARKER_COLOURS)[levels], overlay.colours(levels)
    page.add_collection(
        LineCollection(
            pieces, colors=colours, linewidths=widths_pt, transform=place, joinstyle="round", capstyle="round", zorder=2
        )
    )


def draw_lead_names(page: Axes, sheet: Sheet, place: Transform) -> None:
    """Over grid and bands and under the waves, so that the edge of a name hides none of them."""
    for panel in sheet.panels:
        x_mm, y_mm = sheet.x_mm(panel.start_s) + 1, sheet.row_foot_mm(panel.row) + sheet.row_mm - 1
        how = {"weight": "bold", "va": "top", "transform": place}
        write_over(page, x_mm, y_mm, panel.lead, SIZE_PT["lead"], LIGHT.paper, zorder=2.9, **how)


def draw_legend(page: Axes, box: Box, overlay: Overlay, level_title: str) -> None:
    """The colour bar with its numbers under it and what it shows above."""
    extent = (box.left, box.right, box.foot, box.top)
    draw_strip(page, overlay.colours(np.linspace(0, 1, COLOURS)), extent, page.transData)
    page.add_patch(
        Rectangle((box.left, box.foot), box.width, box.height, fill=False, edgecolor=LIGHT.rule, linewidth=0.5)
    )
    write(page, box.right, box.top + 0.8, legend_title(level_title), "small", LIGHT.muted, ha="right")
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x_mm = box.left + tick * box.width
        write(page, x_mm, box.foot - 0.8, f"{tick:g}", "small", LIGHT.muted, ha="center", va="top")
