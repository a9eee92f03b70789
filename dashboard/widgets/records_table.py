"""The table of records: a row a record, and the row that was clicked."""

from __future__ import annotations

import pandas as pd
import streamlit as st

COLUMNS = {
    "Record": st.column_config.NumberColumn(format="%d", width=60),
    "Age": st.column_config.TextColumn(width=45, alignment="right"),
    "Sex": st.column_config.TextColumn(width=40),
    "Year": st.column_config.NumberColumn(format="%d", width=50),
    "Superclasses": st.column_config.TextColumn(width=110),
    "Statements": st.column_config.TextColumn("Statements, likelihood", width=220),
    "Report": st.column_config.TextColumn(width=330),
    "Fold": st.column_config.NumberColumn(format="%d", width=40),
    "500 Hz": st.column_config.TextColumn(width=55),
}


def records_table(rows: pd.DataFrame) -> int | None:
    """Draw the rows; the number of the record that was clicked, None before."""
    event = st.dataframe(
        rows,
        height="stretch",
        hide_index=True,
        column_config=COLUMNS,
        on_select="rerun",
        selection_mode="single-cell",
        key="records_table",
        placeholder="",
        alt="Records that pass the filters",
    )
    cells = event.selection.cells
    return int(rows["Record"].iloc[cells[0][0]]) if cells else None
