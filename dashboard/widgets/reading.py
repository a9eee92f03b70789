"""One ECG as it is read: the sheet and what was measured first, then, once revealed, the model's opinion beside it."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.subject import Subject
from dashboard.widgets import opinions
from dashboard.widgets.calipers import calipers
from dashboard.widgets.frame import plain, refuse
from dashboard.widgets.guideline_panel import expected_leads, follow_link, guideline_panel, outlined_places
from dashboard.widgets.measurements import measurements_line
from dashboard.widgets.report import report_menu
from dashboard.widgets.sheet import in_words, median_beats, sheet
from dashboard.widgets.view_controls import MEDIAN, View, other_control
from dashboard.widgets.what_if import what_if
from imle.ecg import Ecg, UnreadableEcg
from imle.errors import Refusal
from imle.explain import Explanation
from imle.figures.cautions import cautions
from imle.figures.heat import Heat, heat_of
from imle.filters import display_filter
from imle.measure import Measurements

# What this session need not wait for any more; as numbers, since an upload's name may not outlive it.
DRAWN = "drawn"


def reading(subject: Subject, view: View, report_place) -> None:
    """Draw it all; `report_place` is the container on the page's first line that the report menu goes into."""
    follow_link()
    ecg = _filtered(subject.ecg, view)
    if subject.remarks:
        with st.container(key="remarks"):
            st.warning("  \n".join(map(plain, subject.remarks)))
    with st.container(key="picture"):
        picture = st.empty()
    line = st.container(horizontal=True, vertical_alignment="top", key="measured")
    drawn = st.session_state.setdefault(DRAWN, set())
    asked = hash((subject.ecg.id, state.model_name(), view.level, view.label))
    if view.revealed and asked not in drawn:
        # The model may take half a minute, during which the sheet of the record before would stand under this one's name.
        with picture.container():
            _picture(subject, ecg, None, view, "sheet_awaiting")
    with line:
        measured = subject.measure()
        measurements_line(measured)
        _calipers(ecg, measured, view)
    explanation = _explanation(subject, view.label) if view.revealed else None
    heat = _heat(subject, explanation, view.level, view.label) if explanation and view.shows_heat else None
    with picture.container():
        _picture(subject, ecg, heat, view)
    drawn.add(asked)
    shown, told = [], {}
    if explanation:
        in_words(explanation, heat)
    if explanation and view.shows_heat:
        other = _heat(subject, explanation, view.other, view.label) if view.other else None
        shown = [one for one in (heat, other) if one]
        told = cautions(explanation, measured, shown, state.is_of_model_in_use)
        for method in dict.fromkeys(one.method for one in shown):
            for sentence in told[method]:
                st.warning(plain(sentence))
        other_control(view)
        if other:
            _picture(subject, ecg, other, view, "sheet_other")
    with report_place:  # of what is on the screen, hence after all of it
        report_menu(subject, ecg, explanation, measured, view, shown, told)
    if view.revealed:
        _opinions(subject, explanation, measured, heat, shown)


def _opinions(
    subject: Subject, explanation: Explanation | None, measured: Measurements, heat: Heat | None, shown: list[Heat]
) -> None:
    """`heat` is the first sheet's, `shown` those of all sheets."""
    with st.container(key="opinions"):
        said, answered, looked = st.columns(3, gap="large")
    with said:
        opinions.cardiologists(subject)
    if explanation:
        with answered:
            opinions.model_answer(explanation)
        with looked:
            whose = heat.label if heat else explanation.label
            opinions.lead_importance(explanation, heat, expected_leads(subject, whose))
        guideline_panel(subject, explanation, measured, shown)
        what_if(explanation, measured)


def _picture(subject: Subject, ecg: Ecg, heat: Heat | None, view: View, key: str = "sheet") -> None:
    """The sheet of `ecg`, or its median beats where the view is of these, with the heatmap."""
    if view.layout != MEDIAN:
        sheet(ecg, heat, view, outlined_places(subject) if view.revealed else None, key)
        return
    measured = subject.measure()
    if measured.median_beat is None:
        refuse(f"there is no median beat of this record ({measured.values['heart_rate'].reason}); choose a sheet")
    else:
        median_beats(measured, heat, view, key)


def _calipers(ecg: Ecg, measured: Measurements, view: View) -> None:
    """The calipers of the picture, where there is one; the median beats have a paper of their own."""
    if view.layout != MEDIAN:
        calipers(f"sheet_{view.layout}", ecg.id, view.speed_mm_s, view.gain_mm_mv, state.dark())
    elif measured.median_beat is not None:
        from imle.figures.median_beats import GAIN_MM_MV, SPEED_MM_S

        calipers("sheet_median", ecg.id, SPEED_MM_S, GAIN_MM_MV, state.dark(), one_beat=True)


def _heat(subject: Subject, explanation: Explanation, name: str, label: str | None) -> Heat | None:
    """The heatmap asked for; where it cannot be made, a sentence and none."""
    try:
        return heat_of(explanation, name, label, subject.attribute)
    except Refusal as error:
        refuse(error)
        return None


def _filtered(ecg: Ecg, view: View) -> Ecg:
    try:
        return display_filter(ecg, view.filters)
    except Refusal as error:
        refuse(error)
        return ecg


def _explanation(subject: Subject, label: str | None) -> Explanation | None:
    try:
        explanation = subject.explain()
        return explanation.about(label) if label else explanation
    except UnreadableEcg as error:
        refuse(f"the model cannot read this record: {error.reason}")
    except Refusal as error:
        refuse(error)
    return None
