"""One sheet of the demo cohort with its calipers, and nothing else: what tests/e2e/test_calipers.py opens."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from dashboard.widgets.calipers import calipers  # noqa: E402
from imle.assets import DEMO_COHORT  # noqa: E402
from imle.figures.geometry import sheet_text  # noqa: E402
from imle.figures.sheet import CONFIG, sheet_figure  # noqa: E402
from imle.filters import display_filter  # noqa: E402
from imle.ptbxl import PtbXl  # noqa: E402

asked = st.query_params
layout = asked.get("layout", "3x4+II")
speed, gain = float(asked.get("speed", 25)), float(asked.get("gain", 10))
filters = tuple(asked["filter"].split(",")) if "filter" in asked else ()
dark = st.context.theme.type == "dark"

st.set_page_config(layout="wide")
with st.container(horizontal=True):
    record = st.number_input("Record", 1, 60, int(asked.get("record", 2)))
    level = st.number_input("Level", 0, 5)
    below = st.empty()

ecg = display_filter(PtbXl(DEMO_COHORT).record(record, int(asked.get("rate", 500))), filters)
heatmap = ecg.for_model() ** 2 * (ecg.for_model() > 0.1 * level) if asked.get("overlay", "band") != "none" else None
figure = sheet_figure(
    ecg, heatmap, f"made-up attention {level}", layout, asked.get("overlay", "band").replace("none", "off"),
    float(asked.get("opacity", 0.9)), dark, speed, gain,
)  # fmt: skip
height = "calc(100vh - 11rem)"
st.html(
    f"<style>.st-key-sheet {{ aspect-ratio: {figure.layout.meta['across']}; "
    f"width: min(100%, {height} * {figure.layout.meta['across']}) }}</style>"
)
figure.layout.height = None
with st.container(key="sheet"):
    words = sheet_text(ecg, layout, speed, gain)
    st.plotly_chart(figure, height="stretch", theme=None, config=CONFIG, key="chart", alt=words)
with below:
    calipers("sheet", ecg.id, speed, gain, dark)
