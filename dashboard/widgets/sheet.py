"""The picture of a reading: the ECG sheet or the median beats, the heatmap over it, and the same in words."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.widgets.frame import note, plain
from dashboard.widgets.view_controls import View
from imle.ecg import Ecg
from imle.explain import Explanation
from imle.measure import Measurements


def sheet(ecg: Ecg, explanation: Explanation | None, view: View, outline=None) -> None:
    """Draw the sheet, with the places of `outline` (figures.sheet.Outline) framed; without an explanation, the ECG alone."""
    from imle.figures.geometry import sheet_text
    from imle.figures.sheet import CONFIG, sheet_figure

    figure = sheet_figure(
        ecg,
        explanation.heatmap(view.level) if explanation else None,
        level_title=_title(explanation, view),
        layout=view.layout,
        overlay=view.overlay if explanation else "off",
        opacity=view.opacity,
        dark=state.dark(),
        speed_mm_s=view.speed_mm_s,
        gain_mm_mv=view.gain_mm_mv,
        outline=outline,
    )
    _chart(figure, f"sheet_{view.layout}", sheet_text(ecg, view.layout, view.speed_mm_s, view.gain_mm_mv), CONFIG)


def median_beats(measured: Measurements, explanation: Explanation | None, view: View) -> None:
    """Draw the twelve median beats, with the attention averaged over the windows they came from."""
    from imle.figures.bars import CONFIG
    from imle.figures.median_beats import median_beats_figure, median_beats_text

    heatmap = explanation.heatmap(view.level) if explanation and view.overlay != "off" else None
    title = _title(explanation, view)
    figure = median_beats_figure(measured, heatmap, title, dark=state.dark(), opacity=view.opacity)
    _chart(figure, "sheet_median", median_beats_text(measured), CONFIG)


def in_words(explanation: Explanation) -> None:
    """What the model answered and where it looked, as a sentence, and what its attention is not."""
    from imle.explain.summary import summary

    st.markdown(plain(summary(explanation)))
    note(explanation.whose_attention)


def _title(explanation: Explanation | None, view: View) -> str:
    from imle.figures.levels import level_title

    return level_title(view.level, explanation.label if explanation else None)


def _chart(figure, key: str, words: str, config: dict) -> None:
    across = figure.layout.meta["across"]
    figure.layout.height = None  # the page's style sheet sizes it to the window
    st.html(f"<style>.stMain .st-key-{key.replace('+', '-')} {{ --across: {across:.3f}; }}</style>")
    st.plotly_chart(figure, height="stretch", theme=None, config=config, key=key, alt=words)
