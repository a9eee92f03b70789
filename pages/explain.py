"""Explain: one record's 12 leads and measurements, then what the model and the cardiologists made of it."""

import streamlit as st

from dashboard import state
from dashboard.cohort import patient_text, place_of
from dashboard.subject import subject_of
from dashboard.widgets import opinions
from dashboard.widgets.frame import refuse
from dashboard.widgets.reading import reading
from dashboard.widgets.record_bar import asked_record, record_bar
from dashboard.widgets.view_controls import view_controls
from imle.ecg import UnreadableEcg
from imle.errors import Refusal

try:
    cohort = state.cohort()
except Refusal as error:
    refuse(error)
    st.stop()

try:
    record = asked_record(cohort)
except Refusal as error:
    record_bar(cohort, None, "")
    refuse(error)
    st.stop()
if record is None:
    record_bar(cohort, None, "")
    refuse("no record passes the filters of the records page; reset them there")
    st.stop()

about = patient_text(cohort.data.catalogue.loc[record])
try:
    ecg = state.ecg_for_the_eye(record)
except UnreadableEcg as error:
    record_bar(cohort, record, about)
    view_controls()
    refuse(f"record {record} cannot be shown: {error.reason}")
    opinions.cardiologists(subject_of(cohort, record, None))
    st.stop()

report_place = record_bar(cohort, record, f"{about} · {ecg.fs_hz:g} Hz")
view = view_controls()
reading(subject_of(cohort, record, ecg), view, report_place)

# While this record is read: a list is mostly gone through forwards.
following = place_of(record, state.listed_records(cohort)).next
if following is not None:
    state.make_ready(following, view.revealed)
