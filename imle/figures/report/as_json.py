"""A reading as JSON types: everything that stands on its report, for programs."""

from __future__ import annotations

from dataclasses import asdict

import imle
from imle.attention import LEVELS
from imle.ecg import MODEL_FS_HZ
from imle.explain.attribution import METHODS
from imle.explain.explanation import Explanation, digits
from imle.explain.summary import caution, known_labels
from imle.figures.geometry import Sheet
from imle.figures.heat import Heat, leads_of, summary_with
from imle.figures.report.assembly import paper_of
from imle.figures.report.reading import Reading
from imle.figures.words import record_facts, today


def reading_json(reading: Reading) -> dict:
    """Record, view, measurements, statements and the model's opinion; what is not on the report is None.

    Of the heatmaps, those that are shown are there (12 x 1000 at 100 Hz), each with the method that it is of.
    """
    sheet, difference = paper_of(reading)
    return {
        "imle_version": imle.__version__,
        "printed": today(),
        "caution": caution(reading.ecg),
        "record": record_facts(reading.ecg),
        "remarks": list(reading.remarks),
        "view": _sheet_json(reading.sheet) | {
            "overlay": reading.overlay,
            "opacity": reading.opacity,
        },
        "paper": _sheet_json(sheet) | {"note": difference},
        "measurements": reading.measurements.to_json() if reading.measurements else None,
        "statements": [
            {"code": code, "description": description, "likelihood": float(likelihood) or None}  # 0: not given
            for code, description, likelihood in reading.statements
        ],
        "opinion": _opinion(reading, reading.explanation) if reading.explanation else None,
    }  # fmt: skip


def _opinion(reading: Reading, explanation: Explanation) -> dict:
    said = explanation.to_json()
    kept = ("model", "engine", "probabilities", "thresholds", "lead_importance", "attention", "label")
    known = known_labels(reading.ecg)
    first = reading.drawn[0]
    leads = leads_of(explanation, first)
    return {key: said[key] for key in kept} | {
        "summary": summary_with(explanation, first),
        "cautions": [sentence for heat in reading.drawn for sentence in reading.cautions_on(heat)],
        "leads": {"of": leads.caption, "shares": leads.shares} if leads else None,
        "known_labels": None if known is None else list(known),
        "heatmaps": [heat_json(heat) for heat in reading.heats],
        "card": asdict(reading.card) if reading.card else None,
    }


def heat_json(heat: Heat) -> dict:
    """A heatmap as JSON types: its method, its level where that is attention, whose it is, and its values as computed."""
    return {
        "title": heat.title,
        "method": heat.method,
        "level": heat.name if heat.name in LEVELS else None,
        "label": heat.label,
        "meaning": heat.meaning,
        "values": heat.scale,
        "source": METHODS[heat.method].source,
        "fs_hz": MODEL_FS_HZ,
        "by_lead": digits(heat.exact),
    }


def _sheet_json(sheet: Sheet) -> dict:
    return {
        "layout": sheet.layout,
        "speed_mm_s": sheet.speed_mm_s,
        "gain_mm_mv": sheet.gain.limb_mm_mv,
        "chest_gain_mm_mv": sheet.gain.chest_mm_mv,
    }
