"""The model's answers for every record: a button that has them computed, how far that is, and why it stopped."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import state
from imle.errors import Refusal
from imle.evaluation.predict_in_background import Standing, standing, start
from imle.inference import default_engine

FOLLOW_S = 1
DOING = {"reading": "Reading", "predicting": "Predicting"}
HELP = (
    "The model reads every record once, in a process of its own that goes on when this page is closed. Then its "
    "probabilities stand in the table, and can be sorted and filtered by."
)


def predict_all() -> str | None:
    """Draw the button, or how far the process is; the sentence to show where it ended without a result."""
    try:
        folder = state.predictions_folder()
    except Refusal as error:
        return str(error)
    now = standing(folder)
    if now.running:
        _follow(folder)
        return None
    st.button("Predict all records", on_click=_start, args=(folder,), key="predict_all", help=HELP)
    return st.session_state.pop("predict_refusal", None) or _why_it_ended(now)


@st.fragment(run_every=FOLLOW_S)
def _follow(folder: Path) -> None:
    now = standing(folder)
    if not now.running:
        st.rerun()
    text = f"{DOING[now.what]} {now.done:,} of {now.total:,} records" if now.total else "Starting"
    st.progress(now.done / now.total if now.total else 0.0, text, width=260)


def _start(folder: Path) -> None:
    try:
        start(folder, state.data_root(), state.chosen_model_folder(), default_engine())
    except Refusal as error:
        st.session_state["predict_refusal"] = str(error)


def _why_it_ended(now: Standing) -> str | None:
    if now.ended is None:
        return None
    where = f" at {now.done:,} of {now.total:,} records" if now.total else ""
    return (
        f"predicting all records stopped{where} ({now.ended or 'the process was ended from outside'}); "
        "press Predict all records, and it goes on from there"
    )
