"""Records: the data set as a table; filters above it, one click on a row opens that record's explanation."""

import streamlit as st

from dashboard import state
from dashboard.cohort import matching
from dashboard.widgets.filters import filter_bar, reset_filters
from dashboard.widgets.frame import refuse, simulated_mark
from dashboard.widgets.records_table import records_table
from imle.errors import Refusal

try:
    cohort = state.cohort()
except Refusal as error:
    refuse(error)
    st.stop()

with st.container(horizontal=True, vertical_alignment="center", key="records_title"):
    st.title("Records", anchor=False, width="content")
    simulated_mark(cohort.data.simulated)
filter_bar(cohort.data)
filters = state.filters()
found = matching(cohort, filters)
with st.container(horizontal=True, vertical_alignment="center", key="records_count"):
    st.markdown(f"**{len(found):,}** of {len(cohort.data):,} records")
    if str(filters):
        st.button("Reset filters", on_click=reset_filters, type="tertiary")
if len(found):
    chosen = records_table(cohort.table.loc[found])
    if chosen is not None:
        st.switch_page("../pages/explain.py", query_params={"record": str(chosen)})
else:
    refuse("no record passes all of these filters; take one away, or reset them")
