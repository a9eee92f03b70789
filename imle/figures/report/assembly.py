"""The report of one record on an A4 page at true scale, and its sheet alone: what stands where, in millimetres.

Printed at 100 %, a second is 25 mm and a millivolt 10 mm long, or whatever speed and gain the page names. Where two
heatmaps are shown, each has a page, and a sheet, of its own.
"""

from __future__ import annotations

from matplotlib.axes import Axes

from imle.explain.summary import CAUTION, SIMULATED, caution, is_simulated
from imle.figures import words
from imle.figures.geometry import Sheet
from imle.figures.heat import Heat, heat_text, leads_of, summary_with
from imle.figures.report.bars import draw_leads, draw_probability_table
from imle.figures.report.fit import on_paper
from imle.figures.report.page import (
    A4_MM,
    Box,
    as_pdf,
    as_png,
    as_svg,
    blank_page,
    pitch_mm,
    plain,
    shortened,
    width_mm,
    wrapped,
    write,
)
from imle.figures.report.reading import Reading
from imle.figures.report.sheet import LEGEND_MM, Overlay, beyond_paper, draw_legend, draw_sheet
from imle.figures.theme import LIGHT
from imle.measure import Measurements

LEFT_MM = 13.5
RIGHT_MM = A4_MM[0] - LEFT_MM
WIDTH_MM = RIGHT_MM - LEFT_MM
TITLE_MM = 202.5
MEASUREMENTS_MM = 196
CAPTION_MM = 8  # under the sheet: its scale, and the legend
SVG_CAPTION_MM = 14  # the same, narrower, and what else must stand on a picture
BLOCKS_FOOT_MM = 12.5  # under the sheet and its caption: what the model, and what the cardiologists said
BLOCKS_GAP_MM = 3.5
SPARE_MM = pitch_mm("note")  # what the blocks can give of their height to cautions and still be read
FOOT_LINES_MM = (7.8, 5.1)
# Left edge and width of each block.
PROBABILITIES = (LEFT_MM, 112)
LEADS = (136, 66)
STATEMENTS = (212, RIGHT_MM - 212)
STATEMENTS_HEAD_MM = 6
PRINT_AT = "true to scale when printed at 100 %"


def report_pdf(reading: Reading) -> bytes:
    """A4 landscape, 297 x 210 mm, of vectors and text: a page a heatmap shown, one where there is none."""
    return as_pdf([report_page(reading, heat) for heat in reading.drawn], about(reading))


def report_png(reading: Reading) -> bytes:
    """The same pages under each other at 200 dots an inch: 2338 x 1653 pixels each."""
    return as_png([report_page(reading, heat) for heat in reading.drawn], about(reading))


def sheet_svg(reading: Reading) -> bytes:
    """The sheet alone with its overlay, scale and legend, in the layout asked for, its width and height in mm.

    Where two heatmaps are shown, the second's sheet stands under the first's.
    """
    sheet, ecg, heats = reading.sheet, reading.ecg, reading.drawn
    each_mm = sheet.height_mm + SVG_CAPTION_MM
    page = blank_page((sheet.width_mm, len(heats) * each_mm))
    for below, heat in enumerate(reversed(heats)):
        box = Box(0, below * each_mm + SVG_CAPTION_MM, sheet.width_mm, sheet.height_mm)
        draw_paper(page, reading, heat, sheet, box, f"ECG {ecg.id} · {caution(ecg)}")
    return as_svg(page, about(reading))


def about(reading: Reading) -> dict[str, str]:
    """Title and one-sentence description, for the file and for who cannot see the picture."""
    if reading.explanation is None:
        said = words.NOT_REVEALED
    else:
        first = reading.drawn[0]
        said = " ".join([summary_with(reading.explanation, first), *reading.cautions_on(first)])
    return {"Title": plain(f"ECG {reading.ecg.id}"), "Description": plain(said)}


def paper_of(reading: Reading) -> tuple[Sheet, str]:
    """The sheet that each page has room for, and how it differs from the one asked for (see `on_paper`)."""
    needed_mm = max(len(caution_lines(reading, heat)) for heat in reading.drawn) * pitch_mm("note")
    return on_paper(reading.sheet, reading.ecg, max(0, needed_mm - SPARE_MM))


def report_page(reading: Reading, heat: Heat | None) -> Axes:
    """The page with `heat` over its sheet, or the ECG alone."""
    sheet, difference = paper_of(reading)
    page = blank_page()
    draw_head(page, reading)
    top = draw_measurements(page, reading.measurements) if reading.measurements else MEASUREMENTS_MM + 2
    foot = top - sheet.height_mm
    draw_paper(page, reading, heat, sheet, Box(LEFT_MM, foot, WIDTH_MM, sheet.height_mm), difference)
    under = draw_cautions(page, reading, heat, foot - CAPTION_MM)
    blocks_mm = under - BLOCKS_GAP_MM - BLOCKS_FOOT_MM
    draw_opinion(page, reading, heat, blocks_mm)
    draw_statements(page, reading, blocks_mm)
    draw_foot(page, reading, heat)
    return page


def draw_head(page: Axes, reading: Reading) -> None:
    """The record's number, then what is known of it; at the right, whether it is no patient at all."""
    ecg = reading.ecg
    simulated = SIMULATED if is_simulated(ecg) else ""
    right = RIGHT_MM - width_mm(simulated, "text", "bold") - 5
    title = shortened(plain(f"ECG {ecg.id}"), WIDTH_MM / 2, "title", "bold")
    write(page, LEFT_MM, TITLE_MM, title, "title", weight="bold")
    after = LEFT_MM + width_mm(title, "title", "bold") + 5
    facts = shortened(plain(words.record_text(ecg)), right - after)
    write(page, after, TITLE_MM, facts, colour=LIGHT.muted)
    write(page, RIGHT_MM, TITLE_MM, simulated, colour=LIGHT.accent, ha="right", weight="bold")


def draw_measurements(page: Axes, measurements: Measurements) -> float:
    """One line of them, under it in small print what must be read with them and why some are n/a, and the ST levels.

    Returns how high the sheet may reach.
    """
    cells = words.measurement_cells(measurements)
    widths = [width_mm(title, "small") + 1.5 + width_mm(value, "value", "bold") for title, value, _ in cells]
    gap = (WIDTH_MM - sum(widths)) / (len(cells) - 1)
    x = LEFT_MM
    for (title, value, measured), width in zip(cells, widths, strict=True):
        write(page, x, MEASUREMENTS_MM, title, "small", LIGHT.muted)
        style = {"weight": "bold"} if measured else {"colour": LIGHT.muted}
        write(page, x + width, MEASUREMENTS_MM, value, "value", ha="right", **style)
        x += width + gap
    y = MEASUREMENTS_MM - 1.5
    beside = " ".join(filter(None, (*measurements.remarks, words.missing_text(measurements))))
    for text in filter(None, (beside, words.st_text(measurements))):
        for line in wrapped(text, WIDTH_MM, "note", most_lines=2):
            y -= pitch_mm("note")
            write(page, LEFT_MM, y + 0.5, line, "note", LIGHT.muted)
    return y - 0.5


def draw_paper(page: Axes, reading: Reading, heat: Heat | None, sheet: Sheet, box: Box, note: str) -> None:
    """The sheet at the left of its box; under the box its scale and a note at the left, the legend at the right."""
    overlay = None
    if heat is not None:
        overlay = Overlay.of(heat.values, reading.overlay, reading.opacity)
        place = Box(box.right - LEGEND_MM[0] - 1, box.foot - 5, *LEGEND_MM)
        draw_legend(page, place, overlay, heat.title)
    draw_sheet(page, sheet, reading.ecg, overlay, box.left, box.foot)
    scale = f"{sheet.scale_text(reading.ecg)} · {PRINT_AT}"
    cut = beyond_paper(sheet, reading.ecg)
    if cut:
        scale += f" · cut at the edge of the paper: {', '.join(cut)}"
    beside_legend_mm = box.width - LEGEND_MM[0] - 5
    lines = [line for text in (scale, note) for line in wrapped(plain(text), beside_legend_mm, "small")]
    for i, line in enumerate(lines):
        write(page, box.left, box.foot - 1.2 - i * pitch_mm("small"), line, "small", LIGHT.muted, va="top")


def draw_cautions(page: Axes, reading: Reading, heat: Heat | None, top: float) -> float:
    """What is unusual about the ECG, and what the heatmap does not show, under the sheet; returns how high what follows may reach."""
    for line in caution_lines(reading, heat):
        top -= pitch_mm("note")
        write(page, LEFT_MM, top, line, "note")
    return top


def caution_lines(reading: Reading, heat: Heat | None) -> list[str]:
    said = (*reading.remarks, *reading.cautions_on(heat))
    return [line for sentence in said for line in wrapped(plain(sentence), WIDTH_MM, "note")]


def draw_opinion(page: Axes, reading: Reading, heat: Heat | None, height_mm: float) -> None:
    """Probabilities and lead importance, or a word that they are withheld."""
    explanation = reading.explanation
    if explanation is None:
        top = BLOCKS_FOOT_MM + height_mm
        write(page, LEFT_MM, top, words.NOT_REVEALED, "small", LIGHT.muted, va="top")
        return
    left, width = PROBABILITIES
    draw_probability_table(page, Box(left, BLOCKS_FOOT_MM, width, height_mm), explanation, reading.ecg)
    if leads := leads_of(explanation, heat):
        left, width = LEADS
        draw_leads(page, Box(left, BLOCKS_FOOT_MM, width, height_mm), leads)


def draw_statements(page: Axes, reading: Reading, height_mm: float) -> None:
    """The known statements: code with likelihood, then what it means; how many more there are where room ends."""
    if not reading.statements:
        return
    left, width = STATEMENTS
    top = BLOCKS_FOOT_MM + height_mm
    heading = "planted findings" if is_simulated(reading.ecg) else "cardiologists' statements"
    write(page, left, top, heading, "small", LIGHT.muted, va="top")
    codes = [words.statement_text(code, likelihood) for code, _, likelihood in reading.statements]
    indent = max(width_mm(code, "small", "bold") for code in codes) + 2
    pitch, y = pitch_mm("small"), top - STATEMENTS_HEAD_MM
    for i, (code, (_, description, _)) in enumerate(zip(codes, reading.statements, strict=True)):
        lines = wrapped(plain(description), width - indent, "small", most_lines=2)
        last = i == len(codes) - 1
        if y - pitch * (len(lines) - 1 + (not last)) < BLOCKS_FOOT_MM:
            write(page, left, y, f"and {len(codes) - i} more", "small", LIGHT.muted)
            return
        write(page, left, y, code, "small", weight="bold")
        for line in lines:
            write(page, left + indent, y, line, "small")
            y -= pitch


def draw_foot(page: Axes, reading: Reading, heat: Heat | None) -> None:
    """The model, what its heatmap means, and what this page may be used for."""
    model, use = FOOT_LINES_MM
    if reading.explanation:
        meaning = heat_text(reading.explanation, heat)
        room_mm = WIDTH_MM - width_mm(meaning, "note") - 5
        line = shortened(plain(words.model_text(reading.explanation, reading.card)), room_mm, "note")
        write(page, LEFT_MM, model, line, "note", LIGHT.muted)
        write(page, RIGHT_MM, model, meaning, "note", LIGHT.muted, ha="right")
    write(page, LEFT_MM, use, CAUTION, "note")
    printed = f"{words.software_text()} · printed {words.today()}"
    write(page, RIGHT_MM, use, printed, "note", LIGHT.muted, ha="right")
