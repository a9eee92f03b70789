"""The filters of the records page. Their values live in the URL, so that a link restores them."""

from __future__ import annotations

from dataclasses import asdict, replace

import streamlit as st

from dashboard import state
from dashboard.cohort import AGE_RANGE, ANY_PROBABILITY, SEXES, YES_NO, Cohort, Filters
from dashboard.confusion_cell import read_cell
from dashboard.widgets.frame import LABELS_HELP
from imle.labels import LABELS

NO_FILTERS = Filters()
SEVERAL = ("superclass", "scp", "fold")


def filter_bar(cohort: Cohort) -> None:
    """Draw the filters in one row, the rarer ones behind a button; `state.filters()` then holds what they say."""
    state.restore(state.FILTER_KEYS)
    columns = st.columns([6, 7, 7, 3], gap="medium")
    columns[0].text_input(
        "Text of the report",
        key="report",
        bind="query-params",
        live=True,
        placeholder="as “infarkt”, “infarct”",
        help="The reports are as they were written, most in German, many in English, some in Swedish. "
        "SCP statements are the same in any language.",
    )
    columns[1].pills(
        "Superclass", LABELS, selection_mode="multi", key="superclass", bind="query-params", help=LABELS_HELP
    )
    columns[2].multiselect(
        "SCP statement", _asked_too("scp", cohort.statements), key="scp", bind="query-params", placeholder="any",
        format_func=lambda code: cohort.statements.get(code, code), filter_mode="contains", select_all=False,
    )  # fmt: skip
    with columns[3].popover("More filters", key="more", width="stretch"):
        _rarer_filters(cohort)
    state.keep(state.FILTER_KEYS)
    if "cell" not in st.session_state:
        state.forget("cell")


def complete_link(cohort: Cohort, filters: Filters | None) -> None:
    """Spell out a link that names filters in short, as the widgets would have written it, and start again with that.

    `?scp=IMI` becomes the full text of the statement; `filters` are those of a cohort that the link names. What is in
    the URL before a widget is drawn counts as its own choice, and stays there.
    """
    asked = st.query_params.get_all("scp")
    spelt = {"scp": [cohort.statements.get(code, code) for code in asked]} if asked else {}
    if filters is not None:
        spelt |= _as_link(cohort, filters)
    if any(st.query_params.get_all(key) != texts for key, texts in spelt.items()):
        st.query_params.update(spelt)
        st.rerun()


def set_filters(filters: Filters) -> None:
    """Put other values into the filters; for a callback."""
    st.session_state.update({key: list(value) if key in SEVERAL else value for key, value in asdict(filters).items()})


def out_of_sight(filters: Filters) -> Filters:
    """Those of the filters that stand behind the button."""
    return replace(filters, report="", superclass=(), scp=())


def reset_filters() -> None:
    """Back to all records; for a button's `on_click`."""
    set_filters(NO_FILTERS)


def _rarer_filters(cohort: Cohort) -> None:
    folds = _asked_too("fold", cohort.catalogue["strat_fold"].unique().tolist())
    with st.container(horizontal=True, gap="large"):
        st.pills("Sex", SEXES, key="sex", bind="query-params")
        st.pills("Validated by a human", YES_NO, key="validated", bind="query-params")
        st.pills("500 Hz available", YES_NO, key="hz500", bind="query-params")
    st.slider("Age", *AGE_RANGE, AGE_RANGE, key="age", bind="query-params", help="90 stands for everyone over 89")
    st.pills("Fold", folds, selection_mode="multi", key="fold", bind="query-params")
    st.pills("Model's probability of", LABELS, key="model_label", bind="query-params", help=LABELS_HELP)
    st.slider(
        "lies between", *ANY_PROBABILITY, ANY_PROBABILITY, 0.01, key="probability", bind="query-params",
        disabled=st.session_state["model_label"] is None,
    )  # fmt: skip
    cells = {text for text in (st.session_state.get("cell"), st.query_params.get("cell")) if read_cell(text)}
    if cells:
        st.pills("Of the compare page", sorted(cells), key="cell", bind="query-params")


def _asked_too(key: str, options) -> list:
    """The options that this data set has, and those that a cohort asks for though no record here has them."""
    return sorted({*options, *(st.session_state.get(key) or ())})


def _as_link(cohort: Cohort, filters: Filters) -> dict[str, list[str]]:
    """What stands in the URL for these filters: nothing for one that asks nothing."""
    asking = {key: value for key, value in asdict(filters).items() if value != getattr(NO_FILTERS, key)}
    listed = {key: value if isinstance(value, tuple) else (value,) for key, value in asking.items()}
    return {key: [cohort.statements.get(value, str(value)) for value in values] for key, values in listed.items()}
