"""What a chart or a table shows, offered as CSV."""

import pandas as pd
import streamlit as st


def headed(title: str, frame: pd.DataFrame, file: str) -> None:
    """A heading with a button at its right end that gives `frame` as FILE.csv; the text is made when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(title, anchor=False, width="content")
        csv_button(frame, file)


def csv_button(frame: pd.DataFrame, file: str) -> None:
    """The button alone."""
    st.download_button(
        "CSV", data=lambda: frame.to_csv(index=False), file_name=f"{file}.csv", mime="text/csv", on_click="ignore",
        type="tertiary", key=f"csv_{file}", help=f"Download the figures as {file}.csv",
    )  # fmt: skip
