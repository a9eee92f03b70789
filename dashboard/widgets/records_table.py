"""The table of records: a page of rows at a time, the row that was clicked, and the order that a header asks for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import streamlit as st

from dashboard import state
from dashboard.answers import Answers
from dashboard.cohort import Cohort
from dashboard.listing import DISAGREEMENT, OPINIONS, ORDERS, PROBABILITIES, Order, as_csv, rows_to_show
from imle.labels import LABEL_TITLES, LABELS

# Rows sent to the browser at once: as many as one scrolls through, in a tenth of a megabyte.
PAGE_ROWS = 500
PAGE_KEYS = ("page",)

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


def records_table(cohort: Cohort, found: np.ndarray, answers: Answers | None, order: Order) -> int | None:
    """Draw a page of the records `found`, and under it the choice of pages; the record that was clicked, None before."""
    pages = -(-len(found) // PAGE_ROWS)
    with st.container(key="records_paged" if pages > 1 else "records_whole", gap="small"):
        table = st.container(key="records_table")
        page = _page_controls(cohort, found, answers, pages) if pages > 1 else 1
    with table:
        shown = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        return _grid(rows_to_show(cohort, shown, answers), order, page)


def _page_controls(cohort: Cohort, found: np.ndarray, answers: Answers | None, pages: int) -> int:
    """Draw the choice of pages and return the page chosen; another list starts on its first."""
    asked = (state.filters(), state.order())
    state.restore(PAGE_KEYS)
    if st.session_state.setdefault("paged", asked) != asked:
        st.session_state.update({"page": 1, "paged": asked})
    with st.container(horizontal=True, vertical_alignment="center", key="records_pages"):
        page = st.pagination(pages, key="page", bind="query-params", max_visible_pages=9)
        first = (page - 1) * PAGE_ROWS
        st.markdown(
            f":gray[{first + 1:,} to {min(first + PAGE_ROWS, len(found)):,} of {len(found):,}]", width="content"
        )
        st.space("stretch")
        st.download_button(
            "Download list", lambda: as_csv(cohort, found, answers), "records.csv", "text/csv", on_click="ignore",
            type="tertiary", key="download_list", help="All pages of this list as a CSV file, in this order",
        )  # fmt: skip
    state.keep(PAGE_KEYS)
    return page


def _grid(rows: pa.Table, order: Order, page: int) -> int | None:
    answered = DISAGREEMENT in rows.column_names
    grid = (
        f"records_grid_{order.by}_{order.reverse}_{page}"  # another order or page starts at its top, nothing selected
    )
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
