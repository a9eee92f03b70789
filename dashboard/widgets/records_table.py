"""The table of records: a row a record, the row that was clicked, and the order that a clicked header asks for."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from dashboard import state
from dashboard.listing import DISAGREEMENT, OPINIONS, ORDERS, PROBABILITIES, Order
from imle.labels import LABEL_TITLES, LABELS

FACTS_FIRST = ("Record", "Age", "Sex")
FACTS_BETWEEN = ("Year", "Fold", "500 Hz")
WORDS_LAST = ("Superclasses", "Statements", "Report")
APART_HELP = (
    "The label on which the model and the cardiologists are furthest apart, where that is by half or more: the model's "
    "probability, and whether the label is stated. Sorted by the largest |probability − stated|, stated being 1 or 0."
)
ORDER_HELP = (
    "A click on a column's header does the same. Probabilities, disagreement and 500 Hz have the largest first, all "
    "else the smallest. Previous and next on the explain page follow this order."
)


def order_controls() -> None:
    """Draw what the list is sorted by; `state.order()` then holds what it says."""
    state.restore(state.ORDER_KEYS)
    st.markdown(":gray[Sort by]", width="content", help=ORDER_HELP)
    st.selectbox("Sort by", ORDERS, key="sort", bind="query-params", label_visibility="collapsed", width=170)
    st.toggle("Reverse", key="reverse", bind="query-params")
    state.keep(state.ORDER_KEYS)


def records_table(rows: pa.Table, order: Order) -> int | None:
    """Draw the rows; the number of the record that was clicked, None before."""
    answered = DISAGREEMENT in rows.column_names
    grid = f"records_grid_{order.by}_{order.reverse}"  # another order starts at its top, with nothing selected
    with st.container(key="records_table"):
        event = st.dataframe(
            rows,
            height="stretch",
            hide_index=True,
            column_order=_columns(answered),
            column_config=_config(answered),
            on_select=lambda: _sort_by_header(grid),
            selection_mode=["single-cell", "single-column"],
            key=grid,
            placeholder="",
            alt="Records that pass the filters",
        )
    cells = event.selection.cells
    return rows["Record"][cells[0][0]].as_py() if cells else None


def _sort_by_header(grid: str) -> None:
    """Sort by the column whose header was clicked; a second click turns the order round."""
    columns = st.session_state[grid].selection.columns
    if columns:
        again = st.session_state["sort"] == columns[0]
        st.session_state.update({"sort": columns[0], "reverse": again and not st.session_state["reverse"]})


def _columns(answered: bool) -> tuple[str, ...]:
    """What fits beside each other at 1280 pixels; with the model's answers, what they leave room for."""
    return (*FACTS_FIRST, *(OPINIONS if answered else FACTS_BETWEEN), *WORDS_LAST)


def _config(answered: bool) -> dict:
    numbers, words = st.column_config.NumberColumn, st.column_config.TextColumn
    probabilities = {
        title: numbers(
            LABELS[k], format="%.2f", width=46, help=f"Model's probability of {LABEL_TITLES[LABELS[k]].lower()}"
        )
        for title, k in PROBABILITIES.items()
    }
    return {
        "Record": numbers(format="%d", width=58),
        "Age": words(width=42, alignment="right"),
        "Sex": words(width=38),
        "Year": numbers(format="%d", width=48),
        "Fold": numbers(format="%d", width=40),
        "500 Hz": words(width=54),
        **probabilities,
        DISAGREEMENT: words(width=150, help=APART_HELP),
        "Superclasses": words(width=94),
        "Statements": words("Statements, likelihood", width=215 if answered else 330),
        # The last column takes what room there is left.
        "Report": words(),
    }
