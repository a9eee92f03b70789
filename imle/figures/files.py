"""An explanation as files: JSON for programs, PNG for a paper or a slide, one HTML page for the browser."""

from __future__ import annotations

import json
from pathlib import Path

from imle.explain.explanation import Explanation
from imle.figures.geometry import Sheet
from imle.figures.page import explanation_page
from imle.figures.sheet_png import save_png


def write_explanation(explanation: Explanation, out, level: str = "combined", layout: str = "12x1") -> list[Path]:
    """Write explanation.json, heatmap.png (at `level`, in `layout`) and explanation.html (every level) into `out`.

    BadChoice, with nothing written, for an unknown level or layout.
    """
    explanation.heatmap(level), Sheet(layout)  # refused before anything is written
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data, picture, page = out / "explanation.json", out / "heatmap.png", out / "explanation.html"
    data.write_text(json.dumps(explanation.to_json()) + "\n")
    save_png(explanation, level, picture, layout=layout)
    page.write_text(explanation_page(explanation))
    return [data, picture, page]
