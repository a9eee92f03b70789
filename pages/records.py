"""Records: the data set as a table; filters above it, one click on a row opens that record's explanation."""

import streamlit as st

from dashboard import state
from dashboard.widgets.cohort_box import cohort_box, linked_cohort
from dashboard.widgets.filters import complete_link, filter_bar, out_of_sight, reset_filters
from dashboard.widgets.frame import plain, refuse, simulated_mark
from dashboard.widgets.predict_all import predict_all
from dashboard.widgets.records_table import order_controls, records_table
from dashboard.widgets.view_controls import reveal_link
from imle.errors import Refusal

try:
    cohort = state.cohort()
except Refusal as error:
    refuse(error)
    st.stop()

title = st.container(horizontal=True, vertical_alignment="center", key="records_title")
with title:
    st.title("Records", anchor=False, width="content")
    simulated_mark(cohort.data.simulated)
if "report" not in st.session_state:
    complete_link(cohort, linked_cohort())
filter_bar(cohort)
filters = state.filters()
with title:
    cohort_box(filters)

answers, trouble = state.answers(cohort), None
with st.container(horizontal=True, vertical_alignment="center", key="records_count"):
    count = st.container(width="content")
    order_controls()
    if answers is None:
        trouble = predict_all()
    if str(filters):
        st.button("Reset filters", on_click=reset_filters, type="tertiary")
        st.markdown(f":gray[{plain(str(out_of_sight(filters)))}]", width="content")
order = state.order()
found = state.listed_records(cohort)
count.markdown(f"**{len(found):,}** of {len(cohort.data):,} records")

if trouble:
    refuse(trouble)
elif answers is None and (filters.asks_the_model or order.asks_the_model):
    refuse(
        "the model has not answered for every record yet, so it neither filters nor sorts them; press Predict all records"
    )
if len(found):
    chosen = records_table(cohort, found, answers, order)
    if chosen is not None:
        st.switch_page("../pages/explain.py", query_params={"record": str(chosen), **reveal_link()})
else:
    refuse("no record passes all of these filters; take one away, or reset them")
