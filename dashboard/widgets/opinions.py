"""Under the sheet: what the cardiologists wrote, what the model answered, which leads it looked at, and the downloads."""

from __future__ import annotations

import json

import streamlit as st

from dashboard import state
from dashboard.cohort import Cohort
from dashboard.widgets.frame import note, plain
from imle.explain import Explanation
from imle.explain.summary import known_by, known_labels


def cardiologists(cohort: Cohort, record: int) -> None:
    """The statements with description and likelihood, and the report's text."""
    row = cohort.data.catalogue.loc[record]
    st.subheader("Planted findings" if cohort.data.simulated else "Cardiologists", anchor=False)
    st.markdown(
        "  \n".join(_statement(cohort, code, row["scp_codes"][code]) for code in row["codes"]) or "No statement."
    )
    if isinstance(row["report"], str) and row["report"].strip():
        st.text(" ".join(row["report"].split()))
    if not cohort.data.simulated and not row["validated_by_human"]:
        note("This report was not validated by a cardiologist.")


def model_answer(explanation: Explanation) -> None:
    """Probabilities beside the labels known for the record, thresholds, and what answered."""
    from imle.figures.bars import CONFIG, probability_bars

    st.subheader("Model", anchor=False)
    figure = probability_bars(
        explanation.probabilities,
        explanation.thresholds,
        known_labels(explanation.ecg),
        dark=state.dark(),
        known_by=known_by(explanation.ecg),
    )
    st.plotly_chart(figure, theme=None, config=CONFIG, key="probabilities", alt="Probability of each label")
    note(f"{explanation.model} on {explanation.engine}")


def lead_importance(explanation: Explanation) -> None:
    """The channel attention, a bar a lead."""
    from imle.figures.bars import CONFIG, lead_bars

    st.subheader("Lead importance", anchor=False)
    figure = lead_bars(explanation.lead_importance, dark=state.dark())
    st.plotly_chart(figure, theme=None, config=CONFIG, key="leads", alt="Channel attention of each lead")


def downloads(explanation: Explanation) -> None:
    """The explanation as JSON and as a page of its own; each is made when it is asked for."""
    name = f"{explanation.model}-{explanation.ecg.id}"
    with st.container(horizontal=True):
        st.download_button(
            "Download JSON", lambda: _json(explanation), f"explanation-{name}.json", "application/json",
            on_click="ignore", key="download_json",
        )  # fmt: skip
        st.download_button(
            "Download page", lambda: _page(explanation), f"explanation-{name}.html", "text/html",
            on_click="ignore", key="download_page", help="One HTML file with every level; opens without a network",
        )  # fmt: skip


def _statement(cohort: Cohort, code: str, likelihood: float) -> str:
    described = cohort.data.statements["description"].get(code, "")
    certainty = f"{likelihood:.0f} %" if likelihood else "likelihood not given"
    return f"**{plain(code)}** {plain(described)} :gray[{certainty}]"


def _json(explanation: Explanation) -> str:
    return json.dumps(explanation.to_json()) + "\n"


def _page(explanation: Explanation) -> str:
    from imle.figures.page import explanation_page

    return explanation_page(explanation)
