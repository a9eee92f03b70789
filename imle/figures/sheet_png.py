"""A heatmap as one picture: the sheet in any layout on an A4 page, with probabilities and leads, by Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.axes import Axes

from imle.explain.explanation import Explanation
from imle.explain.summary import caution, known_by, known_labels
from imle.figures.geometry import Sheet
from imle.figures.heat import Heat, heat_text, leads_of, summary_with
from imle.figures.report.bars import draw_bar, draw_leads
from imle.figures.report.page import A4_MM, Box, as_png, blank_page, plain, wrapped, write
from imle.figures.report.sheet import LEGEND_MM, Overlay, draw_legend, draw_sheet
from imle.figures.theme import LIGHT
from imle.figures.words import percent
from imle.labels import LABEL_TITLES

BAR_MM = 2.8
LABEL_ROW_MM = 6.6  # title, gap and bar of one label
HEAD_MM = 198.5  # where the sentences under the title begin
LINE_MM = 3.6
HEAD_GAP_MM = 2

# Where the sheet may stand, and the bars with it: under a wide sheet, or beside a tall one.
ARRANGEMENTS = (
    {"sheet": Box(13.5, 57, 270, 135), "probabilities": Box(13.5, 13, 122, 36), "leads": Box(155, 9, 128.5, 37)},
    {"sheet": Box(10, 25, 208, 166), "probabilities": Box(226, 128, 61, 62), "leads": Box(226, 44, 61, 62)},
)


def save_png(explanation: Explanation, heat: Heat, path, layout: str = "12x1", cautions: Sequence[str] = ()) -> Path:
    """Write the page with `heat` over its sheet, 2338 x 1653 pixels. BadChoice for an unknown layout.

    cautions: sentences on what the heatmap does not show (see `imle.figures.cautions`), under the summary.
    """
    sheet = Sheet(layout).with_room_for(explanation.ecg)
    arrangement = max(ARRANGEMENTS, key=lambda boxes: fitting(sheet, boxes["sheet"]))
    said = [summary_with(explanation, heat), *cautions]
    page = blank_page()
    foot = draw_head(page, explanation, heat, said, arrangement["sheet"])
    draw_fitted_sheet(page, below(arrangement["sheet"], foot), sheet, explanation, Overlay.of(heat.values), heat.title)
    draw_probabilities(page, below(arrangement["probabilities"], foot), explanation)
    draw_leads(page, below(arrangement["leads"], foot), leads_of(explanation, heat))
    about = {"Title": plain(f"ECG {explanation.ecg.id}"), "Description": plain(" ".join(said))}
    Path(path).write_bytes(as_png([page], about))
    return Path(path)


def below(box: Box, top: float) -> Box:
    """What of a box is under `top`."""
    return replace(box, height=min(box.height, top - box.foot))


def fitting(sheet: Sheet, box: Box) -> float:
    """The share of its true size at which a sheet fits a box, at most 1."""
    return min(1.0, box.width / sheet.width_mm, box.height / sheet.height_mm)


def draw_head(page: Axes, explanation: Explanation, heat: Heat, said: Sequence[str], box: Box) -> float:
    """The title, what is `said` and the footnote; returns how far down the head reaches, in mm."""
    right = A4_MM[0] - box.left
    write(page, box.left, 202, f"ECG {explanation.ecg.id}", "title", weight="bold")
    write(page, right, 202, f"{explanation.model} · {explanation.engine}", colour=LIGHT.muted, ha="right")
    lines = [line for sentence in said for line in wrapped(plain(sentence), right - box.left)]
    for i, line in enumerate(lines):
        write(page, box.left, HEAD_MM - LINE_MM * i, line, va="top")
    write(page, box.left, 5.5, f"{heat_text(explanation, heat)} {caution(explanation.ecg)}", "small", LIGHT.muted)
    return HEAD_MM - LINE_MM * len(lines) - HEAD_GAP_MM


def draw_fitted_sheet(
    page: Axes, box: Box, sheet: Sheet, explanation: Explanation, overlay: Overlay, level_title: str
) -> None:
    """The sheet at the top of its box, as near to true size as fits, with its scale and legend under it."""
    size = fitting(sheet, box)
    foot = box.top - sheet.height_mm * size
    draw_sheet(page, sheet, explanation.ecg, overlay, box.left, foot, size)
    true_size = "true to scale on A4" if size == 1 else f"{percent(size)} of true size on A4"
    scale = f"{sheet.scale_text(explanation.ecg)} · {true_size}"
    write(page, box.left, foot - 1.5, scale, "small", LIGHT.muted, va="top")
    legend_left = box.left + sheet.width_mm * size - LEGEND_MM[0]
    draw_legend(page, Box(legend_left, foot - 6.5, *LEGEND_MM), overlay, level_title)


def draw_probabilities(page: Axes, box: Box, explanation: Explanation) -> None:
    """A row a label: title, code and the known label's mark above; bar, threshold and number below."""
    known = known_labels(explanation.ecg) or ()
    pitch_mm = box.height / len(explanation.probabilities)
    foot = box.top
    for i, (label, probability) in enumerate(explanation.probabilities.items()):
        foot = box.top - i * pitch_mm - LABEL_ROW_MM
        threshold = explanation.thresholds[label]
        draw_bar(page, Box(box.left, foot, box.width - 10, BAR_MM), probability, threshold)
        write(page, box.left, foot + BAR_MM + 1.2, f"{LABEL_TITLES.get(label, label)} {label}")
        weight = "bold" if probability >= threshold else "normal"
        write(page, box.right, foot + BAR_MM / 2, f"{probability:.2f}", ha="right", va="center", weight=weight)
        if label in known:
            mark = f"✓ {known_by(explanation.ecg)}"
            write(page, box.right, foot + BAR_MM + 1.2, mark, "small", ha="right", weight="bold")
    write(page, box.left, foot - 2, "┃ threshold", "small", LIGHT.muted, va="top")
