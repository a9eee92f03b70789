"""What can be done with the ECG on the screen, at the right end of its page's first line."""

import streamlit as st

from dashboard.widgets.copy_link import copy_link
from dashboard.widgets.view_controls import reveal_button


def actions(link: bool = True):
    """Reveal, a place for the report menu, and (where an address restores the page) the link. Returns the place."""
    st.space("stretch")
    reveal_button()
    report_place = st.container(width="content")
    if link:
        copy_link()
    return report_place
