"""A reading as files: JSON for programs, PNG for a slide, PDF to print, one HTML page for the browser."""

from __future__ import annotations

import json
from pathlib import Path

from imle.figures.geometry import Sheet
from imle.figures.page import explanation_page
from imle.figures.report import Reading, heat_json, report_pdf
from imle.figures.sheet_png import save_png
from imle.figures.words import record_facts


def write_explanation(reading: Reading, out, layout: str = "12x1") -> list[Path]:
    """Write explanation.json, heatmap.png (in `layout`), report.pdf and explanation.html (every heatmap) into `out`.

    reading: with an explanation and one heatmap, which all four show with its cautions and the remarks on the ECG. The
    JSON has age, sex and measurements too, None where they are not known. The report stands in the reading's own layout
    at true scale. BadChoice, with nothing written, for an unknown layout.
    """
    Sheet(layout)  # refused before anything is written
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data, picture, report, page = (
        out / name for name in ("explanation.json", "heatmap.png", "report.pdf", "explanation.html")
    )
    explanation, (heat,) = reading.explanation, reading.heats
    said = (*reading.remarks, *reading.cautions_on(heat))
    facts = record_facts(reading.ecg)
    beside = {
        "age": facts["age"],
        "sex": facts["sex"],
        "measurements": reading.measurements.to_json() if reading.measurements else None,
        "shown": heat_json(heat),
        "remarks": list(reading.remarks),
        "cautions": list(reading.cautions_on(heat)),
    }
    data.write_text(json.dumps(explanation.to_json() | beside) + "\n")
    save_png(explanation, heat, picture, layout=layout, cautions=said)
    report.write_bytes(report_pdf(reading))
    page.write_text(explanation_page(reading))
    return [data, picture, report, page]
