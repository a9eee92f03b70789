"""The dashboard's entry point: `streamlit run dashboard/app.py`. Names the pages and draws what all of them share."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Streamlit puts this file's folder on the path, not the repository's
    sys.path.insert(0, str(ROOT))

from dashboard.widgets.frame import ABOUT, TITLE, sidebar, style  # noqa: E402

st.set_page_config(page_title=TITLE, layout="wide", initial_sidebar_state=232, menu_items={"About": ABOUT})
page = st.navigation(
    [
        st.Page(ROOT / "pages" / "records.py", title="Records", default=True),
        st.Page(ROOT / "pages" / "explain.py", title="Explain"),
        st.Page(ROOT / "pages" / "upload.py", title="Upload"),
        st.Page(ROOT / "pages" / "compare.py", title="Compare"),
        st.Page(ROOT / "pages" / "guidelines.py", title="Guidelines"),
        st.Page(ROOT / "pages" / "training.py", title="Training"),
    ]
)
style()
sidebar()
page.run()
