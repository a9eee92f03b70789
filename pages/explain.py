"""Explain: one record's 12 leads, where the model looked in them, and what it and the cardiologists said."""

import streamlit as st

from dashboard import state
from dashboard.cohort import patient_text
from dashboard.widgets import opinions
from dashboard.widgets.frame import refuse
from dashboard.widgets.record_bar import asked_record, record_bar
from dashboard.widgets.sheet import sheet
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

ecg = explanation = None
about = patient_text(cohort.data.catalogue.loc[record])
try:
    ecg = state.ecg_for_the_eye(record)
    about += f" · {ecg.fs_hz:g} Hz"
    unreadable = None
except UnreadableEcg as error:
    unreadable = f"record {record} cannot be shown: {error.reason}"
record_bar(cohort, record, about)
view = view_controls()
if unreadable:
    refuse(unreadable)
    opinions.cardiologists(cohort, record)
    st.stop()

no_answer = None
try:
    explanation = state.explanation(record)
except UnreadableEcg as error:
    no_answer = f"the model cannot read record {record}: {error.reason}"
except Refusal as error:
    no_answer = error
sheet(ecg, explanation, view)
if no_answer:
    refuse(no_answer)
    opinions.cardiologists(cohort, record)
    st.stop()

with st.container(key="opinions"):
    said, answered, looked = st.columns(3, gap="large")
with said:
    opinions.cardiologists(cohort, record)
with answered:
    opinions.model_answer(explanation)
with looked:
    opinions.lead_importance(explanation)
opinions.downloads(explanation)
