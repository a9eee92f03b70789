"""Training: start a run on this machine or a cluster, watch it, stop and resume it, compare runs, put one to use."""

import streamlit as st

from dashboard import roles, state, training_actions, training_form
from dashboard.widgets.frame import note, refuse
from dashboard.widgets.training_history import history
from dashboard.widgets.training_new import new_run
from dashboard.widgets.training_queue import queue_controls
from dashboard.widgets.training_watch import watch, watched
from imle import jobs

state.restore(training_form.KEYS)
why_locked = roles.why_not_trainer()
locked = why_locked is not None
listed = jobs.jobs()
with st.container(horizontal=True, vertical_alignment="center", key="training_title"):
    st.title("Training", anchor=False, width="content")
    queue_controls(listed, locked)
if why_locked:
    refuse(why_locked)
if refused := training_actions.refusal():
    refuse(refused)
left, right = st.columns([4, 8], gap="large")
with left:
    new_run(locked)
with right:
    if listed:
        run, beside = watched(listed)
        watch(run, beside, locked)
    else:
        st.subheader("No run yet", anchor=False)
        note(
            "A run that is started here goes on when this page, or the whole dashboard, is closed. It keeps its best "
            "epoch, can be stopped and resumed, and when it is finished one click has it answer on every page."
        )
if listed:
    history()
state.keep(training_form.KEYS)
