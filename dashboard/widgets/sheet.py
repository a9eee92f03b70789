"""The picture of a reading: the ECG sheet or the median beats, the heatmap over it, and the same in words."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.widgets.frame import note, plain
from dashboard.widgets.view_controls import View
from imle.ecg import Ecg
from imle.explain import Explanation
from imle.figures.heat import Heat
from imle.measure import Measurements


def sheet(ecg: Ecg, heat: Heat | None, view: View, outline=None, key: str = "sheet") -> None:
    """Draw the sheet, with the places of `outline` (figures.sheet.Outline) framed; without a heatmap, the ECG alone."""
    from imle.figures.geometry import sheet_text
    from imle.figures.sheet import CONFIG, sheet_figure

    figure = sheet_figure(
        ecg,
        heat.values if heat else None,
        level_title=heat.title if heat else "",
        layout=view.layout,
        overlay=view.overlay if heat else "off",
        opacity=view.opacity,
        dark=state.dark(),
        speed_mm_s=view.speed_mm_s,
        gain_mm_mv=view.gain_mm_mv,
        outline=outline,
    )
    _chart(figure, f"{key}_{view.layout}", sheet_text(ecg, view.layout, view.speed_mm_s, view.gain_mm_mv), CONFIG)


def median_beats(measured: Measurements, heat: Heat | None, view: View, key: str = "sheet") -> None:
    """Draw the twelve median beats, with the heatmap averaged over the windows they came from."""
    from imle.figures.bars import CONFIG
    from imle.figures.median_beats import median_beats_figure, median_beats_text

    values = heat.values if heat else None
    title = heat.title if heat else ""
    figure = median_beats_figure(measured, values, title, dark=state.dark(), opacity=view.opacity)
    _chart(figure, f"{key}_median", median_beats_text(measured, values, title), CONFIG)


def in_words(explanation: Explanation, heat: Heat | None) -> None:
    """What the model answered and where the heatmap is highest, as a sentence, and what the heatmap is not."""
    from imle.figures.heat import heat_text, summary_with

    st.markdown(plain(summary_with(explanation, heat)))
    none = [explanation.whose_attention] if heat and not explanation.levels else []
    note(" ".join([*none, heat_text(explanation, heat)]))


def _chart(figure, key: str, words: str, config: dict) -> None:
    across = figure.layout.meta["across"]
    figure.layout.height = None  # the page's style sheet sizes it to the window
    st.html(f"<style>.stMain .st-key-{key.replace('+', '-')} {{ --across: {across:.3f}; }}</style>")
    st.plotly_chart(figure, height="stretch", theme=None, config=config, key=key, alt=words)
