"""Guidelines: whether heatmaps lie where cardiologists look, by diagnosis, beside chance and the average heatmap."""

import streamlit as st

from dashboard import agreement_state, agreements, state
from dashboard.widgets import guideline_controls
from dashboard.widgets.frame import refuse
from dashboard.widgets.guideline_parts import Shown, all_diagnoses, definitions, headline, leads_and_records
from dashboard.widgets.opening import open_now
from imle.errors import Refusal
from imle.figures.compare import Series

open_now()
offered = agreements.offered()
if not offered:
    st.title("Guidelines", anchor=False)
    refuse(f"{agreements.FOLDER} has no agreement of a model; write one with imle guidelines --out")
    st.stop()

state.restore(guideline_controls.KEYS)
chosen = guideline_controls.top_line(list(offered))
names, place = [name for name in chosen[:2] if name], chosen[2]
try:
    table = agreement_state.table()
    cohorts = {name: agreement_state.agreement(offered[name]) for name in names}
except Refusal as error:
    refuse(error)
    st.stop()

code = guideline_controls.diagnosis_choice(place, agreements.codes_of(cohorts[names[0]]), table)
shown = [
    Shown(offered[name], Series(name, number), cohort, rows)
    for number, (name, cohort) in enumerate(cohorts.items())
    if len(rows := agreements.of_code(cohort, code))
]
headline(shown, table[code], code)
leads_and_records(shown, table[code], code)
all_diagnoses(shown[0], table)
definitions(shown[0])
state.keep(guideline_controls.KEYS)
