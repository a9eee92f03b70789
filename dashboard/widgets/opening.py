"""Opening a record from a page of results, which are of one data set, on the pages that show the data set in use."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from imle.errors import Refusal

EXPLAIN = "../pages/explain.py"
TO_OPEN = "record_to_open"


def cannot_open(theirs: str) -> str | None:
    """Why records of the data set `theirs` cannot be opened here; None where they can."""
    try:
        ours = state.cohort().data.title
    except Refusal:
        return f"These are records of {theirs}; no data set is in use here, so they cannot be opened."
    if ours == theirs:
        return None
    return f"These are records of {theirs}; the data set in use is {ours}, so they cannot be opened here."


def serve(name: str) -> None:
    """Make this the model in use where it can be; a callback, since the sidebar's choice of it is drawn before the page."""
    if name in state.models():
        st.session_state["model"] = name


def open_later(record: int | None, model: str) -> None:
    """In a callback: open the record, with the model in use, as soon as the page runs `open_now`."""
    if record is not None:
        serve(model)
        st.session_state[TO_OPEN] = int(record)


def open_now() -> None:
    """Go to the record that a callback asked for."""
    record = st.session_state.pop(TO_OPEN, None)
    if record is not None:
        st.switch_page(EXPLAIN, query_params={"record": str(record), "reveal": "yes"})
