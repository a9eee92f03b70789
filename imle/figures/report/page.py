"""A page in millimetres, by Matplotlib: its text, its boxes, and the PDF, PNG or SVG it becomes.

Matplotlib's settings belong to the whole process, so one page at a time is written to a file.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import escape
from threading import Lock

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import imsave
from matplotlib.patheffects import Stroke
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from imle.figures.theme import LIGHT

A4_MM = (297, 210)
DPI = 200
MM_PER_INCH = 25.4
POINTS_PER_INCH = 72
SIZE_PT = {"title": 13, "value": 9, "lead": 8.5, "text": 7.5, "small": 6.5, "note": 6}
LINE_PITCH = 1.3  # of a line's size, from one baseline to the next

EDGE_PT = 1.6

# Text stays text: it can be searched, copied and read aloud.
AS_TEXT = {"pdf.fonttype": 42, "svg.fonttype": "none"}
_WRITING = Lock()


@dataclass(frozen=True)
class Box:
    """A rectangle on the page in mm, from its lower left corner."""

    left: float
    foot: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def top(self) -> float:
        return self.foot + self.height


def blank_page(size_mm: tuple[float, float] = A4_MM) -> Axes:
    """White paper whose coordinates are millimetres from its lower left corner."""
    figure = Figure(figsize=[side / MM_PER_INCH for side in size_mm], dpi=DPI, facecolor="white")
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, size_mm[0]), ylim=(0, size_mm[1]), autoscale_on=False)
    page.axis("off")
    return page


def write(page: Axes, x_mm: float, y_mm: float, words: str, size: str = "text", colour: str = LIGHT.ink, **how) -> Text:
    """Words on one line as they are: a $ in a record's name opens no formula."""
    return page.text(x_mm, y_mm, plain(words), size=SIZE_PT[size], color=colour, parse_math=False, **how)


def write_over(
    page: Axes, x_mm: float, y_mm: float, words: str, size_pt: float, paper: str, zorder: float = 4, **how
) -> None:
    """Short words over lines or waves, with an edge in the colour of the paper that keeps them readable.

    The edge is drawn apart, since Matplotlib would turn words that have one into outlines.
    """
    edge = [Stroke(linewidth=EDGE_PT, foreground=paper)]
    page.text(x_mm, y_mm, words, size=size_pt, path_effects=edge, zorder=zorder - 0.1, **how)
    page.text(x_mm, y_mm, words, size=size_pt, color=LIGHT.ink, zorder=zorder, **how)


def plain(words: str) -> str:
    """Words with one blank between them, without line breaks and characters that cannot be printed."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())


def width_mm(words: str, size: str = "text", weight: str = "normal") -> float:
    """How wide `words` are when written."""
    font = FontProperties(size=SIZE_PT[size], weight=weight)
    points, _, _ = text_to_path.get_text_width_height_descent(words, font, ismath=False)
    return points / POINTS_PER_INCH * MM_PER_INCH


def pitch_mm(size: str) -> float:
    """From one line's baseline to the next."""
    return SIZE_PT[size] * LINE_PITCH / POINTS_PER_INCH * MM_PER_INCH


def wrapped(words: str, within_mm: float, size: str = "text", most_lines: int = 99) -> list[str]:
    """`words` as lines no wider than `within_mm`; what goes beyond `most_lines` is left out behind an ellipsis."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and width_mm(longer, size) > within_mm:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], f"{lines[most_lines - 1]} …"]
    return [shortened(line, within_mm, size) for line in lines]


def shortened(words: str, within_mm: float, size: str = "text", weight: str = "normal") -> str:
    """`words`, or as many of their first letters as fit, with an ellipsis."""
    if width_mm(words, size, weight) <= within_mm:
        return words
    kept = words
    while kept and width_mm(f"{kept}…", size, weight) > within_mm:
        kept = kept[:-1]
    return f"{kept.rstrip(' …')}…"


def as_png(pages: list[Axes], about: dict[str, str]) -> bytes:
    """The pages under each other at 200 dots an inch, with Title and Description from `about`."""
    buffer = io.BytesIO()
    with _WRITING, mpl.rc_context(AS_TEXT):
        drawn = [FigureCanvasAgg(page.figure) for page in pages]
        for canvas in drawn:
            canvas.draw()
        dots = np.concatenate([canvas.buffer_rgba() for canvas in drawn])
        imsave(buffer, dots, format="png", dpi=DPI, metadata=about)
    return buffer.getvalue()


def as_pdf(pages: list[Axes], about: dict[str, str]) -> bytes:
    """The pages as vectors with their fonts inside, asking the printer for their true size."""
    buffer = io.BytesIO()
    named = {"Title": about["Title"], "Subject": about["Description"]}
    with _WRITING, mpl.rc_context(AS_TEXT), PdfPages(buffer, metadata=named) as book:
        for page in pages:
            FigureCanvasPdf(page.figure).print_pdf(book)
    return printed_at_true_size(buffer.getvalue())


def as_svg(page: Axes, about: dict[str, str]) -> bytes:
    """The page as SVG whose width and height are in mm; `about` becomes its title and description."""
    buffer = io.BytesIO()
    with _WRITING, mpl.rc_context(AS_TEXT):
        FigureCanvasSVG(page.figure).print_svg(buffer, metadata=about | {"Date": None})
    width, height = (side * MM_PER_INCH for side in page.figure.get_size_inches())
    svg = buffer.getvalue().decode().replace("</title>", f"</title>\n <desc>{escape(about['Description'])}</desc>", 1)
    return re.sub(r'width="\S+pt" height="\S+pt"', f'width="{width:g}mm" height="{height:g}mm"', svg, count=1).encode()


def printed_at_true_size(pdf: bytes) -> bytes:
    """The same PDF whose print dialogue opens at 100 %, not at fit to page (ISO 32000-1, 12.2, PrintScaling).

    Its catalogue is written once more after its end, as the format provides for changes (7.5.6).
    """
    number = int(re.search(rb"/Root (\d+) 0 R", pdf)[1])
    catalogue = re.search(rb"\n%d 0 obj\n<<(.*?)>>\nendobj" % number, pdf, re.DOTALL)[1]
    trailer = re.search(rb"trailer\n<<(.*?)>>\nstartxref\n(\d+)\n%%EOF", pdf, re.DOTALL)
    place = len(pdf)
    changed = b"%d 0 obj\n<<%s /ViewerPreferences << /PrintScaling /None >> >>\nendobj\n" % (number, catalogue)
    table = b"xref\n%d 1\n%010d 00000 n \n" % (number, place)
    end = b"trailer\n<<%s /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        trailer[1], int(trailer[2]), place + len(changed)
    )  # fmt: skip
    return pdf + changed + table + end
