"""A page for test_sign_in.py: the dashboard's sidebar, and an action whose button is drawn for everybody."""

import streamlit as st

from dashboard.roles import require_trainer, who, why_not_trainer
from dashboard.widgets.frame import plain, refuse, sidebar
from imle.errors import Refusal


def train() -> None:
    try:
        require_trainer()
        st.session_state["came_of_it"] = f"Trained for {who() or 'nobody in particular'}"
    except Refusal as error:
        st.session_state["came_of_it"] = f"Refused: {error}"


sidebar()
st.button("Train", on_click=train)
if why := why_not_trainer():
    refuse(why)
if "came_of_it" in st.session_state:
    st.markdown(plain(st.session_state["came_of_it"]))
