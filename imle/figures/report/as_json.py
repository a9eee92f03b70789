"""A reading as JSON types: everything that stands on its report, for programs."""

from __future__ import annotations

from dataclasses import asdict

import imle
from imle.ecg import MODEL_FS_HZ
from imle.explain.explanation import Explanation
from imle.explain.summary import caution, known_labels, summary
from imle.figures.geometry import Sheet
from imle.figures.report.fit import on_paper
from imle.figures.report.reading import Reading
from imle.figures.report.words import record_facts, today


def reading_json(reading: Reading) -> dict:
    """Record, view, measurements, statements and the model's opinion; what is not on the report is None.

    Of the heatmaps, only the one of the level shown (12 x 1000 at 100 Hz) is there; `explanation.json` has all.
    """
    sheet, difference = on_paper(reading.sheet, reading.ecg)
    return {
        "imle_version": imle.__version__,
        "printed": today(),
        "caution": caution(reading.ecg),
        "record": record_facts(reading.ecg),
        "view": _sheet_json(reading.sheet) | {
            "level": reading.level,
            "overlay": reading.overlay,
            "opacity": reading.opacity,
        },
        "paper": _sheet_json(sheet) | {"note": difference},
        "measurements": reading.measurements.to_json() if reading.measurements else None,
        "statements": [
            {"code": code, "description": description, "likelihood": float(likelihood)}
            for code, description, likelihood in reading.statements
        ],
        "opinion": _opinion(reading, reading.explanation) if reading.explanation else None,
    }  # fmt: skip


def _opinion(reading: Reading, explanation: Explanation) -> dict:
    said = explanation.to_json()
    kept = ("model", "engine", "probabilities", "thresholds", "lead_importance", "attention", "label")
    known = known_labels(reading.ecg)
    return {key: said[key] for key in kept} | {
        "summary": summary(explanation),
        "known_labels": None if known is None else list(known),
        "heatmap": {"level": reading.level, "fs_hz": MODEL_FS_HZ, "by_lead": said["heatmaps"][reading.level]},
        "card": asdict(reading.card) if reading.card else None,
    }


def _sheet_json(sheet: Sheet) -> dict:
    return {"layout": sheet.layout, "speed_mm_s": sheet.speed_mm_s, "gain_mm_mv": sheet.gain_mm_mv}
