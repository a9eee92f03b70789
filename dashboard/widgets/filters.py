"""The filters of the records page. Their values live in the URL, so that a link restores them."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from dashboard import state
from dashboard.cohort import AGE_RANGE, SEXES, Filters
from imle.labels import LABEL_TITLES, LABELS
from imle.ptbxl import PtbXl

NO_FILTER = {
    key: list(value) if key in ("superclass", "scp", "fold") else value for key, value in asdict(Filters()).items()
}
SUPERCLASS_HELP = "  \n".join(f"{label}: {title}" for label, title in LABEL_TITLES.items())


def filter_bar(data: PtbXl) -> None:
    """Draw the filters in two rows; `state.filters()` then holds what they say."""
    state.restore(state.FILTER_KEYS)
    _read_plain_codes(data)
    first = st.columns([5, 2, 4, 7], gap="medium")
    first[0].pills(
        "Superclass", LABELS, selection_mode="multi", key="superclass", bind="query-params", help=SUPERCLASS_HELP
    )
    first[1].pills("Sex", SEXES, key="sex", bind="query-params")
    first[2].slider("Age", *AGE_RANGE, AGE_RANGE, key="age", bind="query-params", help="90 stands for everyone over 89")
    folds = sorted({int(fold) for fold in data.fold})
    first[3].pills("Fold", folds, selection_mode="multi", key="fold", bind="query-params")
    second = st.columns([11, 7], gap="medium")
    second[0].multiselect(
        "SCP statement", list(_descriptions(data)), format_func=_descriptions(data).get, key="scp", bind="query-params",
        placeholder="any", filter_mode="contains", select_all=False,
    )  # fmt: skip
    second[1].text_input("Text of the report", key="report", bind="query-params", live=True, placeholder="any words")
    state.keep(state.FILTER_KEYS)


def reset_filters() -> None:
    """Back to all records; for a button's `on_click`."""
    st.session_state.update(NO_FILTER)


def _descriptions(data: PtbXl) -> dict[str, str]:
    """`IMI inferior myocardial infarction` by code, for the codes in use."""
    used = sorted({code for codes in data.catalogue["codes"] for code in codes})
    known = data.statements["description"].to_dict()
    return {code: f"{code} {known.get(code, '')}".strip() for code in used}


def _read_plain_codes(data: PtbXl) -> None:
    """Accept `?scp=IMI` beside the full text that the widget itself writes into the URL."""
    asked = st.query_params.get_all("scp")
    if "scp" not in st.session_state and any(code in data.statements.index for code in asked):
        texts = {text: code for code, text in _descriptions(data).items()}
        codes = [texts.get(code, code) for code in asked]
        st.session_state["scp"] = [code for code in codes if code in texts.values()]
