"""One record's reading on paper: the A4 report as PDF and PNG, the sheet as SVG, and the same as JSON."""

from imle.figures.report.as_json import heat_json, reading_json
from imle.figures.report.assembly import report_pdf, report_png, sheet_svg
from imle.figures.report.reading import Reading

__all__ = ["Reading", "heat_json", "reading_json", "report_pdf", "report_png", "sheet_svg"]
