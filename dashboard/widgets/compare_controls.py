"""The choices of the compare page: which models, which fold, and what each part of it shows. They live in the URL."""

from __future__ import annotations

import streamlit as st

from dashboard.compared import MEASURES, titles
from dashboard.widgets.copy_link import copy_link
from dashboard.widgets.frame import LABELS_HELP
from imle.evaluation.results import FOLDS, Result
from imle.labels import LABELS

FIRST_LABEL = "MI"
KEYS = ("models", "on_fold", "measure", "finding", "judged", "cut", "first", "second")
FOLD_HELP = "10: used for no choice. 9: chose the models and their thresholds."


def top_line(results: tuple[Result, ...]) -> tuple[list[str], int]:
    """Draw the page's first line. Returns the titles chosen and the fold."""
    offered = list(titles(results).values())
    folds = sorted({fold for result in results for fold in result.reports}, reverse=True) or list(FOLDS)
    with st.container(horizontal=True, vertical_alignment="center", key="compare_title"):
        st.title("Compare", anchor=False, width="content")
        chosen = st.pills(
            "Models", offered, selection_mode="multi", default=offered, key="models", bind="query-params",
            label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        with st.container(
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="right",
            width="stretch",
            key="compare_fold",
        ):
            st.markdown(":gray[Fold]", width="content", help=FOLD_HELP)
            fold = st.segmented_control(
                "Fold", folds, default=folds[0], required=True, key="on_fold", bind="query-params",
                label_visibility="collapsed", width="content",
            )  # fmt: skip
            copy_link()
    return [title for title in offered if title in chosen], fold


def measure_choice() -> str:
    """What the bars show."""
    return st.selectbox(
        "Measure", list(MEASURES), key="measure", bind="query-params", label_visibility="collapsed", width=170,
        filter_mode=None,
    )  # fmt: skip


def finding_choice() -> str:
    """The label that curves, threshold and confusion are of."""
    return st.segmented_control(
        "Finding", LABELS, default=FIRST_LABEL, required=True, key="finding", bind="query-params", help=LABELS_HELP,
        label_visibility="collapsed", width="content",
    )  # fmt: skip


def title_choice(name: str, key: str, offered: list[str], place: int = 0) -> str:
    """One of the titles; the one at `place` until another is chosen."""
    if st.session_state.get(key) not in offered:
        st.session_state.pop(key, None)
    return st.selectbox(name, offered, index=place, key=key, bind="query-params", filter_mode=None)
