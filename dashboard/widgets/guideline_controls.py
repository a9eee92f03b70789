"""The choices of the guidelines page: which diagnosis, among whom, whose heatmaps, and whose beside them; all in the URL."""

from __future__ import annotations

import streamlit as st

from dashboard.widgets.copy_link import copy_link
from dashboard.widgets.frame import note
from imle.explain.agreement_summary import TITLES
from imle.explain.guidelines import Guideline

KEYS = ("diagnosis", "among", "heatmaps", "beside", "score")
FIRST = "IMI"
COHORT_HELP = "Whose records are scored. The average record and the surest ones stay those of all."


def top_line(names: list[str]) -> tuple[str, str | None, object, object]:
    """Draw the page's first line. Returns whose heatmaps, whose beside them, and the places for diagnosis and cohort."""
    with st.container(horizontal=True, vertical_alignment="center", key="guidelines_title"):
        st.title("Guidelines", anchor=False, width="content")
        diagnosis, cohort = st.container(width="content"), st.container(width="content")
        first = _choice("Heatmaps", "heatmaps", names)
        second = _choice("Beside them", "beside", [name for name in names if name != first], None)
        with st.container(horizontal=True, horizontal_alignment="right", width="stretch"):
            copy_link()
    return first, second, diagnosis, cohort


def cohort_choice(place, held: list[list[str]]) -> str:
    """Draw the choice of a cohort in `place`, of those that all files hold; returns its name. held: the names by file."""
    names = [name for name in held[0] if all(name in other for other in held[1:])]
    if st.session_state.get("among") not in names:
        st.session_state.pop("among", None)
    return place.selectbox(
        "Among", names, key="among", bind="query-params", label_visibility="collapsed", width=150, filter_mode=None,
        help=COHORT_HELP,
    )  # fmt: skip


def diagnosis_choice(place, counts: dict[str, int], table: dict[str, Guideline]) -> str:
    """Draw the choice of a diagnosis in `place`; returns its code."""
    codes = [code for code in table if code in counts]
    if st.session_state.get("diagnosis") not in codes:
        st.session_state.pop("diagnosis", None)
    return place.selectbox(
        "Diagnosis", codes, index=codes.index(FIRST) if FIRST in codes else 0, key="diagnosis", bind="query-params",
        label_visibility="collapsed", width=115,
    )  # fmt: skip


def score_choice() -> str:
    """The score that the distribution and the list are of."""
    return st.selectbox(
        "Score", list(TITLES), index=list(TITLES).index("lead_mass"), key="score", bind="query-params", width=180,
        format_func=TITLES.get, label_visibility="collapsed", filter_mode=None,
    )  # fmt: skip


def about_guideline(guideline: Guideline) -> None:
    """What the guideline says, and where it was read."""
    st.markdown(
        f"**{guideline.title}** {', '.join(guideline.leads)} · {', '.join(guideline.segments)}", width="content"
    )
    checked = "" if guideline.verified else " Not checked against the primary text."
    note(f"{guideline.criterion} {guideline.source or 'No source named'}.{checked}")


def _choice(name: str, key: str, offered: list[str], index: int | None = 0) -> str | None:
    if st.session_state.get(key) not in offered:
        st.session_state.pop(key, None)
    return st.selectbox(
        name, offered, index, key=key, bind="query-params", label_visibility="collapsed", width=220, filter_mode=None,
        placeholder="beside no others",
    )  # fmt: skip
