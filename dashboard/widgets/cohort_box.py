"""Named cohorts on the records page: choose one to set its filters, keep the filters under a name, tidy up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import streamlit as st

from dashboard import state
from dashboard.cohort import Filters
from dashboard.named_cohorts import (
    LONGEST_NAME,
    delete_cohort,
    named_cohorts,
    rename_cohort,
    replace_cohort,
    save_cohort,
)
from dashboard.widgets.filters import set_filters
from dashboard.widgets.frame import plain, refuse
from imle.errors import Refusal


def linked_cohort() -> Filters | None:
    """The filters of the cohort that the URL names, when the page opens; None where the URL names filters as well."""
    asked = st.query_params.get("cohort")
    if asked is None or any(key in st.query_params for key in state.FILTER_KEYS):
        return None
    try:
        cohorts = named_cohorts()
    except Refusal:
        return None  # the box says so
    if asked not in cohorts:
        refuse(f"there is no cohort “{asked[:LONGEST_NAME]}” here; choose one of the list")
    return cohorts.get(asked)


def cohort_box(filters: Filters) -> None:
    """Draw the list of cohorts and the button for keeping them; `filters` are those that are set."""
    try:
        cohorts = named_cohorts()
    except Refusal as error:
        refuse(error)
        return
    state.restore(("cohort",))
    chosen = st.session_state.get("cohort", st.query_params.get("cohort"))
    if cohorts.get(chosen) != filters:
        st.session_state["cohort"] = chosen = None  # there is no such cohort, or its filters were changed since
    if cohorts:
        st.selectbox(
            "Cohort", list(cohorts), index=None, key="cohort", bind="query-params", on_change=_open_chosen,
            placeholder="Choose a cohort", label_visibility="collapsed", width=260,
        )  # fmt: skip
    state.keep(("cohort",))
    if chosen is not None:
        st.session_state["last_cohort"] = chosen
    with st.popover("Save cohort", key="save_cohort"):
        _saving(filters)
        last = st.session_state.get("last_cohort")
        if last in cohorts:
            _tidying(last, filters, changed=chosen != last)
        if refusal := st.session_state.pop("cohort_refusal", None):
            refuse(refusal)


def _saving(filters: Filters) -> None:
    """Keep the filters under a new name."""
    with st.form("new_cohort", border=False):
        st.text_input("Save the filters as", key="cohort_name", placeholder="a name", max_chars=LONGEST_NAME)
        st.form_submit_button("Save", on_click=_save, args=(filters,))


def _tidying(name: str, filters: Filters, changed: bool) -> None:
    """Change or forget the cohort that was opened last."""
    st.markdown(f"**{plain(name)}**")
    with st.form("other_name", border=False):
        st.text_input("Another name", key="other_cohort_name", placeholder=name, max_chars=LONGEST_NAME)
        st.form_submit_button("Rename", on_click=_rename, args=(name,))
    with st.container(horizontal=True):
        st.button("Replace by these filters", on_click=_replace, args=(name, filters), disabled=not changed)
        st.button("Delete", on_click=_delete, args=(name,), help="The filters stay set, and can be saved again.")


def _open_chosen() -> None:
    chosen = st.session_state["cohort"]
    with suppress(Refusal, KeyError):  # taken away in another session; the box is drawn anew and says what there is
        set_filters(named_cohorts()[chosen] if chosen else Filters())


def _save(filters: Filters) -> None:
    with _refusing():
        st.session_state["cohort"] = save_cohort(st.session_state["cohort_name"], filters)
        st.session_state["cohort_name"] = ""


def _rename(name: str) -> None:
    with _refusing():
        renamed = rename_cohort(name, st.session_state["other_cohort_name"])
        st.session_state.update({"last_cohort": renamed, "other_cohort_name": ""})
        if st.session_state["cohort"] == name:
            st.session_state["cohort"] = renamed


def _replace(name: str, filters: Filters) -> None:
    with _refusing():
        replace_cohort(name, filters)
        st.session_state["cohort"] = name


def _delete(name: str) -> None:
    with _refusing():
        delete_cohort(name)
        st.session_state.update({"cohort": None, "cohort_name": name})


@contextmanager
def _refusing() -> Iterator[None]:
    """Keep what a callback refuses until the popover is drawn."""
    try:
        yield
    except Refusal as error:
        st.session_state["cohort_refusal"] = str(error)
