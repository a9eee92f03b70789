"""Compare: the shipped models side by side and beside the published table, then one finding, differences, subgroups."""

import streamlit as st

from dashboard import compare_state, state
from dashboard.compared import on_fold
from dashboard.widgets import compare_controls
from dashboard.widgets.compare_finding import one_finding
from dashboard.widgets.compare_headline import headline_table, label_figures
from dashboard.widgets.compare_rest import (
    definitions,
    further_figures,
    infarction_table,
    paired_difference,
    subgroup_table,
)
from dashboard.widgets.frame import refuse
from imle.errors import Refusal
from imle.evaluation.published_figures import read_published
from imle.tasks import INFARCTION

# So many models leave room for two tables beside each other.
FEW = 2

try:
    results, truth = compare_state.results()
    infarctions = compare_state.infarction_results()
except Refusal as error:
    st.title("Compare", anchor=False)
    refuse(error)
    st.stop()

state.restore(compare_controls.KEYS)
chosen, fold = compare_controls.top_line(results)
models = {title: own for title, own in on_fold(results, truth, fold).items() if title in chosen}
if not models:
    refuse(f"no model with answers on fold {fold} is chosen; choose one above")
    st.stop()

published = read_published()
with st.container(key="compare_head"):
    left, right = st.columns([7, 5], gap="large")
with left:
    headline_table(models, published, fold)
with right:
    label_figures(models, published, fold)
one_finding(models)
difference = st.container(key="compare_difference")
with st.container(key="compare_tables"):
    left, right = st.columns([5, 7], gap="large") if len(models) <= FEW else (st.container(), st.container())
with left:
    further_figures(models, fold)
with right:
    subgroup_table(models, fold)
infarction_table(infarctions, read_published(INFARCTION), fold)
definitions(models)
with difference:  # takes longest where it is new, so it is drawn last
    paired_difference(models, published, fold)
state.keep(compare_controls.KEYS)
