"""The report menu: what is on the page as a PDF at true scale, a picture, the sheet alone, or data. Each is made when asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import state
from dashboard.subject import Subject
from dashboard.widgets.frame import note
from dashboard.widgets.view_controls import LAYOUTS, MEDIAN, View
from imle.ecg import Ecg
from imle.explain import Explanation
from imle.figures.heat import Heat
from imle.measure import Measurements
from imle.model_folder import Card

USUAL_LAYOUT = next(iter(LAYOUTS))


def report_menu(
    subject: Subject,
    ecg: Ecg,
    explanation: Explanation | None,
    measured: Measurements,
    view: View,
    heats: Sequence[Heat],
    cautions: Mapping[str, Sequence[str]],
) -> None:
    """A button that opens the choice of files; they hold the model's opinion only where it is revealed.

    heats: those on the screen. cautions: by method.
    """
    name = f"ecg-{ecg.id or 'uploaded'}"
    # A file is made outside the session, which then cannot be asked for the model in use.
    card = state.model_card()[1] if explanation else None
    asked = subject, ecg, explanation, measured, view, tuple(heats), cautions, card
    with st.popover("Report", key="report", width="content"):
        note("With the model's opinion." if explanation else "Without the model's opinion, which is not revealed.")
        if view.layout == MEDIAN:
            note(f"With the whole ECG in {LAYOUTS[USUAL_LAYOUT]}, not the median beats.")
        for title, suffix, mime, make in FILES:
            st.download_button(
                title, lambda make=make: make(_reading(*asked)), f"{name}.{suffix}", mime, on_click="ignore",
                key=f"download_{suffix}", width="stretch",
            )  # fmt: skip
        if explanation:
            st.download_button(
                "HTML page, every heatmap" if explanation.levels else "HTML page", lambda: _page(_reading(*asked)),
                f"{name}.html", "text/html", on_click="ignore", key="download_html", width="stretch",
            )  # fmt: skip


def _reading(
    subject: Subject,
    ecg: Ecg,
    explanation: Explanation | None,
    measured: Measurements,
    view: View,
    heats: tuple[Heat, ...],
    cautions: Mapping[str, Sequence[str]],
    card: Card | None,
):
    from imle.figures.report import Reading

    statements = tuple((s.code, s.description, s.likelihood) for s in subject.statements or ())
    return Reading(
        ecg=ecg,
        explanation=explanation,
        measurements=measured,
        heats=heats,
        layout=USUAL_LAYOUT if view.layout == MEDIAN else view.layout,
        speed_mm_s=view.speed_mm_s,
        gain_mm_mv=view.gain_mm_mv,
        overlay=view.overlay,
        opacity=view.opacity,
        cautions=cautions,
        remarks=subject.remarks,
        card=card,
        statements=statements if view.revealed else (),
    )


def _pdf(reading) -> bytes:
    from imle.figures.report import report_pdf

    return report_pdf(reading)


def _png(reading) -> bytes:
    from imle.figures.report import report_png

    return report_png(reading)


def _svg(reading) -> bytes:
    from imle.figures.report import sheet_svg

    return sheet_svg(reading)


def _json(reading) -> str:
    from imle.figures.report import reading_json

    return json.dumps(reading_json(reading)) + "\n"


def _page(reading) -> str:
    from imle.figures.page import explanation_page

    return explanation_page(reading)


FILES = (
    ("PDF, A4 at true scale", "pdf", "application/pdf", _pdf),
    ("PNG of the report", "png", "image/png", _png),
    ("SVG of the sheet", "svg", "image/svg+xml", _svg),
    ("JSON: measurements, answer, heatmaps", "json", "application/json", _json),
)
