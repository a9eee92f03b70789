"""An explanation as files: JSON for programs, PNG for a slide, PDF to print, one HTML page for the browser."""

from __future__ import annotations

import json
from pathlib import Path

from imle.explain.explanation import Explanation
from imle.figures.geometry import Sheet
from imle.figures.heat import Heat
from imle.figures.page import explanation_page
from imle.figures.report import Reading, heat_json, report_pdf
from imle.figures.sheet_png import save_png
from imle.measure import measure
from imle.model_folder import Card


def write_explanation(
    explanation: Explanation, heat: Heat, out, layout: str = "12x1", card: Card | None = None
) -> list[Path]:
    """Write explanation.json, heatmap.png (in `layout`), report.pdf and explanation.html (every heatmap) into `out`.

    The picture and the report show `heat`; the report stands in 3x4+II at true scale, with the measurements and, where
    its `card` is given, what is known of the model. BadChoice, with nothing written, for an unknown layout.
    """
    Sheet(layout)  # refused before anything is written
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data, picture, report, page = (
        out / name for name in ("explanation.json", "heatmap.png", "report.pdf", "explanation.html")
    )
    data.write_text(json.dumps(explanation.to_json() | {"shown": heat_json(heat)}) + "\n")
    save_png(explanation, heat, picture, layout=layout)
    reading = Reading(explanation.ecg, explanation, measure(explanation.ecg), (heat,), card=card)
    report.write_bytes(report_pdf(reading))
    page.write_text(explanation_page(explanation, [heat]))
    return [data, picture, report, page]
