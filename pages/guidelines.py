"""Guidelines: whether heatmaps lie where cardiologists look, by diagnosis, beside chance and the average heatmap."""

import streamlit as st

from dashboard import agreement_state, agreements, state
from dashboard.agreement_cohorts import narrowed
from dashboard.widgets import guideline_controls
from dashboard.widgets.frame import refuse
from dashboard.widgets.guideline_parts import Shown, all_diagnoses, definitions, headline, leads_and_records
from dashboard.widgets.opening import open_now
from imle.errors import Refusal
from imle.explain.agreement_summary import FEWEST_RECORDS
from imle.figures.compare import Series

open_now()
offered = agreements.offered()
if not offered:
    st.title("Guidelines", anchor=False)
    refuse(f"{agreements.FOLDER} has no agreement of a model; write one with imle guidelines --out")
    st.stop()

state.restore(guideline_controls.KEYS)
chosen = guideline_controls.top_line(list(offered))
names, places = [name for name in chosen[:2] if name], chosen[2:]
try:
    table = agreement_state.table()
    held = [agreement_state.cohorts(offered[name]) for name in names]
    among = guideline_controls.cohort_choice(places[1], held)
    cohorts = {name: narrowed(agreement_state.agreement(offered[name]), among) for name in names}
except Refusal as error:
    refuse(error)
    st.stop()

counts = agreements.codes_of(cohorts[names[0]])
if not any(code in table for code in counts):
    refuse(
        f"{offered[names[0]].path} has no diagnosis of {FEWEST_RECORDS} records or more; write it again of more records"
    )
    st.stop()

code = guideline_controls.diagnosis_choice(places[0], counts, table)
shown = [
    Shown(offered[name], Series(name, number), cohort, among, agreements.of_code(cohort, code))
    for number, (name, cohort) in enumerate(cohorts.items())
    if code in agreements.codes_of(cohort)
]
headline(shown, table[code], code)
leads_and_records(shown, table[code], code)
all_diagnoses(shown)
definitions(shown)
state.keep(guideline_controls.KEYS)
