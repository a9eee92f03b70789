"""Bars on a page, by Matplotlib: each label's probability with its threshold, and each lead's importance."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from imle.ecg import Ecg
from imle.explain.explanation import Explanation
from imle.explain.summary import known_by, known_labels
from imle.figures.heat import LeadBars
from imle.figures.report.page import SIZE_PT, Box, pitch_mm, write, write_over
from imle.figures.theme import LIGHT
from imle.labels import LABEL_TITLES
from imle.leads import LEADS

BAR_SHARE = 0.5  # of a table's row
HEADING_MM = 4
TALLEST_ROW_MM = 5
CAPTION_MM = 6  # above the leads' bars: two lines,
NUMBER_MM = 3  # and each bar's number;
NAMES_MM = 3.5  # below them the leads' names
# Where the columns of the probability table stand, in mm from its left edge; numbers about their middle.
COLUMNS_MM = {"code": 42, "bar": (44, 66), "probability": 74, "threshold": 88, "known": 103}


def draw_probability_table(page: Axes, box: Box, explanation: Explanation, ecg: Ecg) -> None:
    """A row a label: title, probability as bar and number, threshold as tick and number, and the known label's mark.

    The known labels are those of `ecg`; where it has none, their column is left out.
    """
    known = known_labels(ecg)
    x_mm = {name: box.left + COLUMNS_MM[name] for name in ("code", "probability", "threshold", "known")}
    heads = {"probability": "probability", "threshold": "threshold"}
    heads |= {} if known is None else {"known": known_by(ecg)}
    write(page, box.left, box.top, "model's answer", "small", LIGHT.muted, va="top")
    for name, head in heads.items():
        write(page, x_mm[name], box.top, head, "small", LIGHT.muted, ha="center", va="top")
    row_mm = min((box.height - HEADING_MM) / len(explanation.probabilities), TALLEST_ROW_MM)
    bar_left, bar_right = (box.left + edge for edge in COLUMNS_MM["bar"])
    for i, (label, probability) in enumerate(explanation.probabilities.items()):
        middle = box.top - HEADING_MM - (i + 0.5) * row_mm
        bar = Box(bar_left, middle - row_mm * BAR_SHARE / 2, bar_right - bar_left, row_mm * BAR_SHARE)
        threshold = explanation.thresholds[label]
        weight = "bold" if probability >= threshold else "normal"
        write(page, box.left, middle, LABEL_TITLES.get(label, label), va="center_baseline", weight=weight)
        write(page, x_mm["code"], middle, label, colour=LIGHT.muted, va="center_baseline", ha="right")
        draw_bar(page, bar, probability, threshold)
        write_number(page, x_mm["probability"], middle, probability, weight=weight)
        write_number(page, x_mm["threshold"], middle, threshold, colour=LIGHT.muted)
        if label in (known or ()):
            write(page, x_mm["known"], middle, "✓", va="center_baseline", ha="center", weight="bold")


def write_number(page: Axes, x_mm: float, y_mm: float, number: float, **how) -> None:
    write(page, x_mm, y_mm, f"{number:.2f}", va="center_baseline", ha="center", **how)


def draw_bar(page: Axes, box: Box, probability: float, threshold: float) -> None:
    """A probability along its scale from 0 to 1, in the accent where it reaches the threshold's tick."""
    for share, colour in ((1, LIGHT.track), (probability, LIGHT.accent if probability >= threshold else LIGHT.quiet)):
        page.add_patch(Rectangle((box.left, box.foot), box.width * share, box.height, color=colour, linewidth=0))
    tick = box.left + threshold * box.width
    page.plot([tick, tick], [box.foot - 0.5, box.top + 0.5], color=LIGHT.ink, linewidth=1.2)


def draw_leads(page: Axes, box: Box, leads: LeadBars) -> None:
    """A bar a lead in lead order, its number above it, and the equal share of 1/12 as a dotted line."""
    importance = leads.shares
    equal = 1 / len(LEADS)
    foot = box.foot + NAMES_MM
    per_mm = (box.top - CAPTION_MM - NUMBER_MM - foot) / max(*importance.values(), 1.5 * equal)
    pitch = box.width / len(LEADS)
    size_pt = min(SIZE_PT["small"], pitch * 1.12)  # neighbouring numbers stay apart
    for i, lead in enumerate(LEADS):
        left, height = box.left + pitch * (i + 0.18), importance[lead] * per_mm
        page.add_patch(Rectangle((left, foot), pitch * 0.64, height, color=LIGHT.accent, linewidth=0, zorder=2))
        middle, number = left + pitch * 0.32, f"{importance[lead]:.2f}"
        write_over(page, middle, foot + height + 0.6, number, size_pt, "white", ha="center")
        page.text(middle, foot - 1, lead, va="top", size=size_pt, color=LIGHT.ink, ha="center")
    page.plot([box.left, box.right], [foot + equal * per_mm] * 2, color=LIGHT.muted, linewidth=0.7, linestyle=":")
    page.plot([box.left, box.right], [foot] * 2, color=LIGHT.rule, linewidth=0.7)
    said = f"{leads.title.lower()} ({leads.caption})", f"dotted: an equal share, 1/12 = {equal:.2f}"
    for i, caption in enumerate(said):
        write(page, box.left, box.top - i * pitch_mm("small"), caption, "small", LIGHT.muted, va="top")
