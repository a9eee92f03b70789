"""The explain page's first line: previous, record number, next, whose record it is, where it stands in the list, and what can be done."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.cohort import Cohort, Place, place_of
from dashboard.widgets.actions import actions
from dashboard.widgets.frame import plain, simulated_mark
from imle.errors import BadChoice

LONGEST_NUMBER = 12


def asked_record(cohort: Cohort) -> int | None:
    """The record in the URL; without one, the last that was open, or the first of the list. BadChoice for no number."""
    text = st.query_params.get("record")
    if text is None:
        record = st.session_state.get("last_record")
        if record not in cohort.table.index:
            record = next(iter(state.listed_records(cohort).tolist()), None)
        open_record(record)
        return record
    if not text.strip().isdecimal() or len(text) > LONGEST_NUMBER:
        raise BadChoice(
            f"the link asks for record “{text[:LONGEST_NUMBER]}”, which is not a record's number; type one above"
        )
    record = int(text)
    if record not in cohort.table.index:
        raise BadChoice(f"{cohort.data.title} has no record {record}; type another number above")
    st.session_state["last_record"] = record
    return record


def open_record(number: int | None) -> None:
    """Put another record into the URL, which is where the page finds it."""
    if number is not None:
        st.query_params["record"] = str(number)


def record_bar(cohort: Cohort, record: int | None, about: str):
    """Draw the line; `about` says whose record it is and how it was sampled. Returns the place for the report menu."""
    listed = state.listed_records(cohort)
    place = place_of(0 if record is None else record, listed)
    with st.container(horizontal=True, vertical_alignment="center", key="record_bar", gap="small"):
        _step("Previous", place.previous, "P")
        st.session_state["record_box"] = record
        st.number_input(
            "Record", min_value=1, step=1, format="%d", key="record_box", width=84, label_visibility="collapsed",
            placeholder="record", on_change=_open_typed,
        )  # fmt: skip
        _step("Next", place.next, "N")
        if about:
            st.markdown(f"**{about}**", width="content")
        simulated_mark(cohort.data.simulated)
        st.markdown(f":gray[{plain(_place_text(record, place, len(listed)))}]", width="content")
        return actions()


def _step(label: str, number: int | None, key: str) -> None:
    st.button(label, on_click=open_record, args=(number,), disabled=number is None, shortcut=key)


def _open_typed() -> None:
    open_record(st.session_state["record_box"])


def _place_text(record: int | None, place: Place, count: int) -> str:
    within = "".join(f" · {part}" for part in [str(state.filters())] if part)
    if record is None:
        return f"{count:,} listed{within}"
    return f"{place.position:,} of {count:,}{within}" if place.position else f"not among the {count:,} listed{within}"
