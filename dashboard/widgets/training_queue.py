"""The right end of the training page's first line: which model serves, how the queue is, how many runs may go at once."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard import training_actions as actions
from dashboard.widgets.frame import plain
from imle.jobs import Job, State
from imle.jobs.local import slots

MOST_SLOTS = 16


def queue_controls(listed: list[Job], locked: bool) -> None:
    """Draw them."""
    running = sum(job.state in (State.RUNNING, State.STOPPING) for job in listed)
    waiting = sum(job.state is State.QUEUED for job in listed)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", width="stretch"):
        st.markdown(
            f":gray[{running} running, {waiting} waiting · in use: {plain(Path(state.usual_model()).name)}]",
            width="content",
        )
        st.markdown(":gray[Runs at once]", width="content", help="How many runs go at once on this machine; others wait.")
        st.number_input(
            "Runs at once", 1, MOST_SLOTS, value=slots(), step=1, key="train_slots", disabled=locked,
            label_visibility="collapsed", width=110, on_change=_let_run,
        )  # fmt: skip


def _let_run() -> None:
    actions.act(actions.let_run, st.session_state["train_slots"])
