"""Under the sheet: what the cardiologists wrote, what the model answered, and which leads it looked at."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from dashboard import state
from dashboard.subject import Statement, Subject
from dashboard.widgets.frame import note, plain
from imle.explain import Explanation
from imle.explain.summary import known_by, known_labels
from imle.figures.heat import Heat, leads_of


def cardiologists(subject: Subject) -> None:
    """The statements with description and likelihood, and the report's text."""
    st.subheader("Planted findings" if subject.simulated else "Cardiologists", anchor=False)
    if subject.statements is None:
        st.markdown("This ECG came without a cardiologist's statements.")
        return
    st.markdown("  \n".join(_statement(statement) for statement in subject.statements) or "No statement.")
    if subject.report and subject.report.strip():
        st.text(" ".join(subject.report.split()))
    if not subject.simulated and not subject.validated:
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
    words = ", ".join(f"{label} {p:.2f}" for label, p in explanation.probabilities.items())
    st.plotly_chart(figure, theme=None, config=CONFIG, key="probabilities", alt=f"Probability of each label: {words}.")
    note(f"{explanation.model} on {explanation.engine}")


def lead_importance(explanation: Explanation, heat: Heat | None, expected: Collection[str]) -> None:
    """A bar a lead (see `leads_of`); `expected` are the leads that the guidelines name for its diagnoses."""
    from imle.figures.bars import CONFIG, lead_bars

    leads = leads_of(explanation, heat)
    if leads is None:
        return
    st.subheader(leads.title, anchor=False)
    figure = lead_bars(leads.shares, expected, state.dark(), leads.caption)
    words = ", ".join(f"{lead} {share:.2f}" for lead, share in leads.shares.items())
    st.plotly_chart(figure, theme=None, config=CONFIG, key="leads", alt=f"Leads, {leads.caption}: {words}.")
    note(f"{leads.caption[:1].upper()}{leads.caption[1:]}.")
    if expected:
        note("✓ a lead that the guidelines name for its diagnoses.")


def _statement(statement: Statement) -> str:
    certainty = f"{statement.likelihood:.0f} %" if statement.likelihood else "likelihood not given"
    return f"**{plain(statement.code)}** {plain(statement.description)} :gray[{certainty}]"
